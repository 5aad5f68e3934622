"""The lessons run: alone, offline, from anywhere; and the runner tells how it went."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lessons import __main__ as runner
from lessons import common

ROOT = Path(__file__).parent.parent
COURSE = runner.lessons(ROOT / "lessons")
OFFLINE = """
import socket
def refuse(*args, **kwargs):
    raise OSError("the lessons must work offline")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


def prints(folder: Path) -> dict[str, str]:
    """What is in a folder: each file's name, and a hash of its bytes."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def start(
    command: list[str], folder: Path, modules: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Runs Python in `folder`, without a network or a display, with some modules replaced."""
    extra = folder / "modules"
    extra.mkdir(exist_ok=True)
    for name, text in {"sitecustomize": OFFLINE, **(modules or {})}.items():
        (extra / f"{name}.py").write_text(text)
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(extra), str(ROOT)]),
        "OPENBLAS_NUM_THREADS": "1",  # small products; threads would wait for busy cores
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


# the lessons ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice(lesson, tmp_path: Path):
    before = prints(ROOT / "figures")
    figures = tmp_path / "figures"
    shutil.copytree(ROOT / "figures", figures)
    command = [str(lesson.path), "--figures", str(figures)]

    first = start(command, tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    wrote = [Path(p).name for p in re.findall(rf"^{runner.WROTE}(.+)$", first.stdout, re.M)]
    assert wrote
    assert all(name.startswith(f"{lesson.number:02}_") for name in wrote)
    # what it draws is what the repository holds, and no more
    assert set(prints(figures)) == set(before)

    times = {p.name: p.stat().st_mtime_ns for p in figures.iterdir()}
    drawn = prints(figures)
    assert start(command, tmp_path).returncode == 0
    assert prints(figures) == drawn
    assert {p.name: p.stat().st_mtime_ns for p in figures.iterdir()} == times
    assert prints(ROOT / "figures") == before


def test_every_figure_comes_from_a_lesson():
    known = "".join(lesson.path.read_text("utf-8") for lesson in COURSE)
    for name in prints(ROOT / "figures"):
        assert f'"{Path(name).stem}"' in known


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_opens_with_its_title_has_cells_and_ends_with_exercises(lesson):
    title, summary = lesson.heading
    assert title
    assert summary.endswith(".")
    cells = re.split(r"^# %%", lesson.path.read_text("utf-8"), flags=re.M)
    assert cells[0] == ""
    assert cells[1].startswith(" [markdown]\n# # ")
    assert cells[-1].startswith(" [markdown]\n# ## Exercises\n")
    for cell in cells[1:]:
        if cell.startswith(" [markdown]"):
            assert all(line.startswith("#") for line in cell.strip().splitlines()[1:])


def test_without_matplotlib_a_lesson_says_so_and_goes_on(tmp_path: Path):
    missing = {"matplotlib": "raise ImportError('not here')"}
    done = start(["-m", "lessons", "11", "--figures", str(tmp_path / "f")], tmp_path, missing)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pip install matplotlib" in done.stdout
    assert "accuracy on held-back images" in done.stdout
    assert not (tmp_path / "f").exists()


def test_without_mnist_a_lesson_says_where_it_looked(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    lesson = str(ROOT / "lessons" / "11_training_loop.py")
    done = start([lesson, "--data", "mnist"], tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "nothing") in done.stderr
    assert "Traceback" not in done.stderr


# what they share --------------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path: Path, monkeypatch):
    """Options as if given on the command line; figures go to a temporary folder."""
    parsed = common.options.__wrapped__

    def ask(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["lesson", "--figures", str(tmp_path), *arguments])
        found = parsed()
        monkeypatch.setattr(common, "options", lambda: found)
        return found

    ask()
    return ask


def test_a_measurement_is_kept_until_it_is_redrawn(asked, tmp_path: Path):
    assert common.kept("01_x", {"t": 1.5}) == {"t": 1.5}
    assert common.kept("01_x", {"t": 2.5}) == {"t": 1.5}
    asked("--redraw")
    assert common.kept("01_x", {"t": 3.5}) == {"t": 3.5}
    assert [p.name for p in tmp_path.iterdir()] == ["01_x.json"]


def test_figures_made_from_mnist_have_their_own_names(asked, tmp_path: Path, capsys):
    pytest.importorskip("matplotlib")
    asked("--data", "mnist")
    common.save_figure("01_x", lambda figure: figure.subplots().plot([1, 2]), figsize=(2, 1))
    assert capsys.readouterr().out == f"figure: {tmp_path / '01_x_mnist.png'}\n"
    assert (tmp_path / "01_x_mnist.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_does_not_depend_on_the_readers_settings(asked, tmp_path: Path):
    matplotlib = pytest.importorskip("matplotlib")

    def picture():
        common.save_figure("01_x", lambda figure: figure.subplots().plot([1, 2]), figsize=(2, 1))
        return (tmp_path / "01_x.png").read_bytes()

    plain = picture()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert picture() == plain


def test_a_figure_is_rewritten_when_it_looks_different(asked, tmp_path: Path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "01_x.png"

    def picture(colour: str) -> bytes:
        common.save_figure("01_x", lambda figure: figure.set_facecolor(colour), figsize=(2, 1))
        return path.read_bytes()

    first = picture("#808080")
    assert picture("#818080") == first  # one step of 255 that no eye can see
    assert picture("#998080") != first
    small = path.read_bytes()
    common.save_figure("01_x", lambda figure: figure.set_facecolor("#998080"), figsize=(3, 1))
    assert path.read_bytes() != small


def test_a_misspelt_option_is_an_error(asked, capsys):
    with pytest.raises(SystemExit):
        asked("--redrw")
    assert "--redrw" in capsys.readouterr().err


def test_in_a_notebook_the_options_are_the_defaults(asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", common)
    found = asked("--data", "mnist")
    assert (found.data, found.redraw, found.figures) == ("digits", False, ROOT / "figures")


def test_seconds_is_the_time_of_one_call():
    calls = []
    t = common.seconds(calls.append, 0, at_least=0.001)
    assert len(calls) >= 4
    assert 0 < t < 0.1


# the runner -------------------------------------------------------------------------------------

GOOD = """# %% [markdown]
# # A good lesson
#
# It goes well.

# %%
import sys
print("found: all is well")
print("figure: figures/01_good.png")
print("asked for", *sys.argv[1:])
"""
BAD = """# %% [markdown]
# # A bad lesson
#
# It does not.

# %%
for i in range(100):
    print("line", i)
assert 1 + 1 == 3, "sums are hard"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "01_good.py").write_text(GOOD)
    (tmp_path / "02_bad.py").write_text(BAD)
    (tmp_path / "03_good_too.py").write_text(GOOD.replace("01_good", "03_good"))
    (tmp_path / "common.py").write_text("")
    return tmp_path


def test_without_a_name_the_lessons_are_listed(folder: Path, capsys):
    assert runner.main([], folder) == 0
    listed = capsys.readouterr().out
    assert "01  A good lesson\n    It goes well.\n02  A bad lesson\n    It does not.\n" in listed
    assert "common" not in listed


@pytest.mark.parametrize("name", ["1", "01", "01_good", "01_good.py", "somewhere/01_good.py"])
def test_one_lesson_is_found_by_number_name_or_path(folder: Path, capsys, name: str):
    assert runner.main([name, "--data", "mnist", "--redraw", "--figures", "there"], folder) == 0
    said = capsys.readouterr().out
    assert "asked for --data=mnist --figures=there --redraw\n" in said
    assert "seconds" not in said


def test_an_unknown_lesson_names_the_known(folder: Path, capsys):
    with pytest.raises(SystemExit) as stopped:
        runner.main(["7"], folder)
    assert stopped.value.code == 2
    assert "no lesson '7'; there are 01, 02, 03, and all" in capsys.readouterr().err


def test_one_that_fails_has_exit_status_1(folder: Path, capsys):
    assert runner.main(["2"], folder) == 1
    said = capsys.readouterr().out
    assert "line 0\n" in said
    assert said.endswith("AssertionError: sums are hard\n02_bad: FAILED (exit status 1)\n")


def test_all_go_on_after_one_fails(folder: Path, capsys):
    assert runner.main(["all"], folder) == 1
    said = capsys.readouterr().out
    assert re.search(r"^01_good: ok, \d+\.\d s; all is well$", said, re.M)
    assert "02_bad: FAILED (exit status 1); its last words:\n" in said
    assert "    AssertionError: sums are hard\n" in said
    assert "line 99\n" in said
    assert "line 50\n" not in said
    table = said.split("\n\n")[-1].splitlines()
    assert table[0].split() == ["lesson", "seconds", "result", "figures"]
    assert [row.split()[0] for row in table[1:]] == ["01_good", "02_bad", "03_good_too", "all"]
    assert table[1].split()[2:] == ["ok", "01_good.png"]
    assert table[2].split()[2:] == ["failed", "-"]
    assert table[4].endswith("1 failed")


def test_several_can_be_asked_for(folder: Path, capsys):
    assert runner.main(["3", "1"], folder) == 0
    said = capsys.readouterr().out
    assert said.index("03_good_too: ok") < said.index("01_good: ok")
    assert "02_bad" not in said


def test_on_a_terminal_there_is_a_bar(folder: Path, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert runner.main(["1", "3"], folder) == 0
    said = capsys.readouterr()
    assert "01_good: ok" in said.out
    assert "0/2" in said.err
    assert "lesson/s" in said.err


def test_open_shows_what_was_drawn(folder: Path, monkeypatch):
    opened = []
    monkeypatch.setattr(runner, "open_figures", lambda paths: opened.extend(paths))
    assert runner.main(["1", "3"], folder) == 0
    assert opened == []
    assert runner.main(["1", "3", "--open"], folder) == 0
    assert [p.name for p in opened] == ["01_good.png", "03_good.png"]


def test_without_a_viewer_open_says_so(monkeypatch, capsys):
    def missing(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(runner.subprocess, "Popen", missing)
    runner.open_figures([Path("a.png")])
    assert capsys.readouterr().out == "there is no xdg-open here to show a.png\n"


def test_the_command_lists_the_course_in_order(tmp_path: Path):
    done = start(["-m", "lessons"], tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = [int(n) for n in re.findall(r"^(\d\d)  ", done.stdout, re.M)]
    assert numbers == [lesson.number for lesson in COURSE] == sorted(set(numbers))
