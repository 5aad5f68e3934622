"""The exercises check themselves: right answers pass, empty and wrong ones do not, and say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lessons import __main__ as runner
from lessons import grading
from minitorch.op import REGISTRY

CHECKED = sorted(path.name for path in (grading.EXERCISES / "checks").glob("[0-9][0-9]_*.py"))
NUMBERS = [int(name[:2]) for name in CHECKED]


@pytest.fixture(autouse=True)
def _ops_of_the_reader_go() -> Iterator[None]:
    """Exercises may define ops; the tests that look at all ops are not meant to see them."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def planted() -> list[tuple[int, str, int]]:
    """(lesson, exercise, which) for every wrong answer that a check must see through."""
    found, before = [], dict(REGISTRY)
    for number, name in zip(NUMBERS, CHECKED):
        wrong = grading.loaded(grading.EXERCISES / "checks" / name).WRONG
        found += [(number, key, i) for key, answers in wrong.items() for i in range(len(answers))]
    for name in REGISTRY.keys() - before.keys():
        del REGISTRY[name]
    return found


def test_each_lesson_with_checks_has_exercises_and_answers():
    assert CHECKED
    for folder in (grading.EXERCISES, grading.EXERCISES / "answers"):
        assert sorted(path.name for path in folder.glob("[0-9][0-9]_*.py")) == CHECKED


@pytest.mark.parametrize("number", NUMBERS)
def test_model_answers_pass(number: int):
    verdicts = grading.grade(number, grading.file_of(number, grading.EXERCISES / "answers"))
    assert len(verdicts) >= 3
    assert [(v.name, v.result, v.reason) for v in verdicts] == [
        (v.name, "ok", "") for v in verdicts
    ]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_still_empty_is_not_done(number: int, tmp_path: Path, capsys: Any):
    path = grading.file_of(number)
    assert {v.result for v in grading.grade(number, path)} == {"not done yet"}
    assert grading.report(number, path) == 1
    assert "0 of " in capsys.readouterr().out
    nothing = tmp_path / "mine.py"
    nothing.write_text("")
    assert {v.result for v in grading.grade(number, nothing)} == {"not done yet"}


@pytest.mark.parametrize(("number", "name", "which"), planted())
def test_wrong_answers_are_seen_through(number: int, name: str, which: int):
    module = grading.loaded(grading.file_of(number, grading.EXERCISES / "checks"))
    wrong = module.WRONG[name][which]
    verdict = grading.verdict(name, wrong, grading.checks_of(number)[name], {})
    assert verdict.result == "wrong"
    assert "it raised" not in verdict.reason  # a reason in words, not a crash of the check
    assert len(verdict.reason) > 10


@pytest.mark.parametrize("number", NUMBERS)
def test_every_exercise_has_planted_mistakes(number: int):
    module = grading.loaded(grading.file_of(number, grading.EXERCISES / "checks"))
    assert module.WRONG.keys() == grading.checks_of(number).keys()
    assert all(len(answers) >= 2 for answers in module.WRONG.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_model_answers_use_only_what_has_been_taught(number: int):
    assert grading.too_early(number, grading.file_of(number, grading.EXERCISES / "answers")) == {}


def test_what_a_later_lesson_teaches_is_not_taken(tmp_path: Path):
    number = NUMBERS[0]
    name = next(iter(grading.checks_of(number)))
    path = tmp_path / "mine.py"
    path.write_text(f"def {name}(*x):\n    return F.cross_entropy(*x)\n")
    verdict = next(v for v in grading.grade(number, path) if v.name == name)
    assert verdict.result == "wrong"
    assert "not taught yet: cross_entropy comes in lesson 10" in verdict.reason


def test_a_crash_is_told_with_its_line_and_a_missing_return_with_a_hint(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text("def largest_rate(c, mu):\n    x = 1\n    return x.missing\n")
    reasons = {v.name: v.reason for v in grading.grade(15, path)}
    assert "no attribute 'missing'" in reasons["largest_rate"]
    assert "in line 3 of mine.py" in reasons["largest_rate"]
    path.write_text("def largest_rate(c, mu):\n    2 * (1 + mu) / c.max()\n")
    reasons = {v.name: v.reason for v in grading.grade(15, path)}
    assert reasons["largest_rate"].endswith("is a return missing?")


# the command ------------------------------------------------------------------------------------


def test_the_command_checks_the_readers_file(capfd: Any):
    answers = grading.file_of(5, grading.EXERCISES / "answers")
    assert runner.main(["check", "05", "--file", str(answers)]) == 0
    assert "exercises of lesson 05 are done" in capfd.readouterr().out
    assert runner.main(["check", "5"]) == 1
    assert "not done yet" in capfd.readouterr().out


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


def test_what_there_is_not_is_said(tmp_path: Path, capsys: Any):
    assert runner.main(["check", "99"]) == 2
    assert "lesson 99 has no exercises to check; there are" in capsys.readouterr().out
    assert runner.main(["check", "05", "--file", str(tmp_path / "none.py")]) == 2
    assert "there is no file" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        runner.main(["check"])
