"""The exercises check themselves: right answers pass, empty and wrong ones do not, and say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lessons import __main__ as runner
from lessons import grading
from minitorch.op import REGISTRY

CHECKED = sorted(
    path.name
    for path in (grading.EXERCISES / "checks").glob("*.py")
    if path.name != "gradients.py"  # what several of them share
)
NAMES = [file.removesuffix(".py").partition("_")[0] for file in CHECKED]


@pytest.fixture(autouse=True)
def _ops_of_the_reader_go() -> Iterator[None]:
    """Exercises may define ops; the tests that look at all ops are not meant to see them."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def hidden(name: str) -> Any:
    """The module with the checks of a lesson, "05", or of the "puzzles"."""
    return grading.loaded(grading.file_of(name, grading.EXERCISES / "checks"))


def answers_to(name: str) -> Path:
    return grading.file_of(name, grading.EXERCISES / "answers")


def planted() -> list[tuple[str, str, int]]:
    """(lesson, exercise, which) for every wrong answer that a check must see through."""
    found, before = [], dict(REGISTRY)
    for name in NAMES:
        wrong = hidden(name).WRONG
        found += [(name, key, i) for key, answers in wrong.items() for i in range(len(answers))]
    for op in REGISTRY.keys() - before.keys():
        del REGISTRY[op]
    return found


def test_each_lesson_with_checks_has_exercises_and_answers():
    assert CHECKED
    for folder in (grading.EXERCISES, grading.EXERCISES / "answers"):
        assert sorted(path.name for path in folder.glob("*.py")) == CHECKED


@pytest.mark.parametrize("name", NAMES)
def test_model_answers_pass(name: str):
    verdicts = grading.grade(name, answers_to(name))
    assert len(verdicts) >= 3
    assert [(v.name, v.result, v.reason) for v in verdicts] == [
        (v.name, "ok", "") for v in verdicts
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_still_empty_is_not_done(name: str, tmp_path: Path, capsys: Any):
    path = grading.file_of(name)
    assert {v.result for v in grading.grade(name, path)} == {"not done yet"}
    assert grading.report(name, path) == 1
    assert "0 of " in capsys.readouterr().out
    nothing = tmp_path / "mine.py"
    nothing.write_text("")
    assert {v.result for v in grading.grade(name, nothing)} == {"not done yet"}


@pytest.mark.parametrize(("name", "exercise", "which"), planted())
def test_wrong_answers_are_seen_through(name: str, exercise: str, which: int):
    module = hidden(name)
    wrong = module.WRONG[exercise][which]
    verdict = grading.verdict(exercise, wrong, grading.checks_in(module)[exercise], {})
    assert verdict.result == "wrong"
    assert "it raised" not in verdict.reason  # a reason in words, not a crash of the check
    assert len(verdict.reason) > 10


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_has_planted_mistakes(name: str):
    module = hidden(name)
    assert module.WRONG.keys() == grading.checks_in(module).keys()
    assert all(len(answers) >= 2 for answers in module.WRONG.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name.isdecimal()])
def test_model_answers_use_only_what_has_been_taught(name: str):
    assert grading.too_early(int(name), answers_to(name)) == {}


def test_what_a_later_lesson_teaches_is_not_taken(tmp_path: Path):
    exercise = next(iter(grading.checks_in(hidden("01"))))
    path = tmp_path / "mine.py"
    path.write_text(f"def {exercise}(*x):\n    return F.cross_entropy(*x)\n")
    verdict = next(v for v in grading.grade("01", path) if v.name == exercise)
    assert verdict.result == "wrong"
    assert "not taught yet: cross_entropy comes in lesson 10" in verdict.reason


def test_a_crash_is_told_with_its_line_and_a_missing_return_with_a_hint(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text("def largest_rate(c, mu):\n    x = 1\n    return x.missing\n")
    reasons = {v.name: v.reason for v in grading.grade("15", path)}
    assert "no attribute 'missing'" in reasons["largest_rate"]
    assert "in line 3 of mine.py" in reasons["largest_rate"]
    path.write_text("def largest_rate(c, mu):\n    2 * (1 + mu) / c.max()\n")
    reasons = {v.name: v.reason for v in grading.grade("15", path)}
    assert reasons["largest_rate"].endswith("is a return missing?")


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        ("minitorch.outer(a, b)", "outer"),
        ("a.unsqueeze(1) * b", "unsqueeze"),
        ("numpy(a)", "numpy"),
        ("[x * b for x in a]", "loops"),
    ],
)
def test_a_puzzle_keeps_to_the_rules_of_the_game(line: str, foreign: str, tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text(f"def outer(a, b):\n    return {line}\n")
    verdict = next(v for v in grading.grade("puzzles", path) if v.name == "outer")
    assert verdict.result == "wrong"
    assert verdict.reason == f"the rules of the game do not have {foreign}"


# the command ------------------------------------------------------------------------------------


def test_the_command_checks_the_readers_file(capfd: Any):
    answers = answers_to("05")
    assert runner.main(["check", "05", "--file", str(answers)]) == 0
    assert "exercises of lesson 05 are done" in capfd.readouterr().out
    assert runner.main(["check", "5"]) == 1
    assert "not done yet" in capfd.readouterr().out
    puzzles = answers_to("puzzles")
    assert runner.main(["check", "puzzles", "--file", str(puzzles)]) == 0
    assert "10 of 10 puzzles are done" in capfd.readouterr().out


def test_a_crash_and_a_loop_that_never_ends_are_survived(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit(3)")
    assert runner.main(["check", "05", "--file", str(path)]) == 3
    path.write_text("while True: pass")
    monkeypatch.setattr(grading, "PATIENCE", 1.5)
    assert runner.main(["check", "05", "--file", str(path)]) == 1
    assert "does a loop never end?" in capfd.readouterr().out


def test_a_file_that_is_not_python_is_told_with_its_line(tmp_path: Path, capsys: Any):
    path = tmp_path / "mine.py"
    path.write_text("def kl(mu, logvar):\n    return (mu\n")
    assert grading.report("25", path) == 1
    said = capsys.readouterr().out
    assert "mine.py is not Python yet" in said
    assert "in line 2\n    return (mu" in said


def test_what_there_is_not_is_said(tmp_path: Path, capsys: Any):
    assert runner.main(["check", "99"]) == 2
    assert "lesson 99 has no exercises to check; there are 01, 02, " in capsys.readouterr().out
    assert runner.main(["check", "riddles"]) == 2
    assert "riddles has no exercises to check; there are 01, " in capsys.readouterr().out
    assert runner.main(["check", "05", "--file", str(tmp_path / "none.py")]) == 2
    assert "there is no file" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        runner.main(["check"])
