"""Figures: files of plain numbers, with or without Matplotlib, never with a display."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minitorch import plot, train

HISTORY = {
    "train_loss": [2.0, 1.0, 0.5],
    "valid_loss": [2.1, 1.2, 0.9],
    "accuracy": [0.3, 0.6, 0.8],
}
CURVE = train.LRCurve([10.0**i for i in range(-6, 1)], [2.3, 2.2, 2.0, 1.5, 1.2, 3.0, 9.0], True)


def run_history() -> train.History:
    history = train.History()
    for i in range(3):
        history.add({name: column[i] for name, column in HISTORY.items()})
    for step in range(12):
        history.steps["loss"].append(2.0 / (step + 1))
        history.note_lr(0.1 / (step + 1))
    return history


def draw_all(folder: Path) -> list[str]:
    return [
        plot.history(HISTORY, folder / "dict.png"),
        plot.history(run_history(), folder / "history.png"),
        plot.lr_curve(CURVE, folder / "lr.png"),
        plot.schedule([0.1, 0.1, 0.01], folder / "one.png"),
        plot.schedule({"a": [0.1, 0.2], "b": [0.3] * 9}, folder / "two.png", per="epoch"),
        plot.histogram([0.0, 1.0, 1.0], folder / "histogram.png"),
    ]


@pytest.fixture
def matplotlib() -> Any:
    return pytest.importorskip("matplotlib")


def test_the_same_figure_is_the_same_file(tmp_path: Path, matplotlib: Any):
    """H206: bytes are equal, whenever it is drawn; I10: and no display is needed."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    written = [[*draw_all(tmp_path / folder), *others(tmp_path / folder)] for folder in ("a", "b")]
    for one, other in zip(*written):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    for name, magic in (("one.png", b"\x89PNG"), ("one.svg", b"<?xml"), ("one.pdf", b"%PDF")):
        assert (tmp_path / "a" / name).read_bytes().startswith(magic)


def others(folder: Path) -> list[str]:
    return [plot.schedule([0.1, 0.1, 0.01], folder / f"one{ending}") for ending in (".svg", ".pdf")]


def test_no_figure_stays_open(tmp_path: Path, matplotlib: Any):
    """H205: they are not pyplot's, which would keep them."""
    from matplotlib.figure import Figure

    for _ in range(3):
        plot.schedule([0.1, 0.2], tmp_path / "a.png")
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Figure]
    code = "import sys; from minitorch import plot; plot.schedule([0.1], sys.argv[1]); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    given = [sys.executable, "-c", code, str(tmp_path / "b.png")]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    said = subprocess.run(given, capture_output=True, text=True, env=environment, check=True)
    assert said.stdout == "False\n"


def drawn(monkeypatch: pytest.MonkeyPatch, make: Any, *args: Any) -> Any:
    """The figure that a function draws."""
    from matplotlib.figure import Figure

    seen = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (seen.append(self), save(self, *a, **k))
    )
    make(*args)
    return seen[0]


def test_axes_are_labelled(tmp_path: Path, matplotlib: Any, monkeypatch: pytest.MonkeyPatch):
    figure = drawn(monkeypatch, plot.history, run_history(), tmp_path / "a.png")
    assert [(a.get_xlabel(), a.get_ylabel()) for a in figure.axes] == [
        ("epoch", "loss"),
        ("epoch", "accuracy"),
        ("step", "learning rate"),
    ]
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["each batch", "training, last 0.5", "validation, last 0.9"]


def test_the_search_shows_what_it_suggests(tmp_path: Path, matplotlib: Any, monkeypatch: Any):
    figure = drawn(monkeypatch, plot.lr_curve, CURVE, tmp_path / "a.png")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_legend().get_texts()[2].get_text() == f"suggested: {CURVE.suggestion:.1e}"
    assert axes.get_ylim()[1] < 3  # the explosion does not hide the rest


@pytest.mark.parametrize("name", ["a$b", "$x^2$", "_hidden", "$", "a_b{c}\\d", "ä→ö"])
def test_names_are_no_formulas(name: str, tmp_path: Path, matplotlib: Any, monkeypatch: Any):
    """H203."""
    plot.history({"train_loss": [1.0], name: [1.0, 2.0]}, tmp_path / "a.png")
    plot.histogram([1.0], tmp_path / "b.png", name)
    figure = drawn(monkeypatch, plot.schedule, {name: [1.0, 2.0]}, tmp_path / "c.png")
    assert len(figure.axes[0].get_legend().get_texts()) == 1


def test_values_that_are_not_finite(tmp_path: Path, matplotlib: Any, monkeypatch: Any):
    """H204: what is finite is drawn, and the title counts the rest."""
    figure = drawn(monkeypatch, plot.histogram, [1.0, 2.0, math.nan, math.inf], tmp_path / "a.png")
    assert figure.axes[0].get_title(loc="left") == "4 values; 2 of them not finite"
    for values in ([], [0.0] * 5, [math.nan], [[1e300, -1e300]], [1]):
        plot.histogram(values, tmp_path / "b.png", log=True)
    plot.history({"train_loss": [math.nan], "accuracy": [math.nan, 0.5]}, tmp_path / "c.png")
    plot.history({"train_loss": [0.0, 0.0]}, tmp_path / "d.png")
    plot.history({"train_loss": [1e-8, 1e8]}, tmp_path / "e.png")


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_written(folder: str, tmp_path: Path, matplotlib: Any):
    """H202: an OSError that names the path, and no half of a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"a\.png"):
        plot.history(HISTORY, tmp_path / folder / "a.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_without_matplotlib_the_numbers_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    """H201, I10: a table, and one line that says how to get figures."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot.history(HISTORY, tmp_path / "a.png") == str(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "epoch,train_loss,valid_loss,accuracy",
        "1,2.0,2.1,0.3",
        "2,1.0,1.2,0.6",
        "3,0.5,0.9,0.8",
    ]
    said = capsys.readouterr().out.splitlines()
    assert "-m pip install matplotlib" in said[0]
    assert "  accuracy: 0.3 ... 0.8 (3)" in said
    written = draw_all(tmp_path)
    assert all(path.endswith(".csv") for path in written)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda folder: plot.history(HISTORY, folder / "a.jpeg"),
            "does not end in .png, .svg, .pdf",
        ),
        (lambda folder: plot.history(train.History(), folder / "a.png"), "the history is empty"),
        (lambda folder: plot.schedule([], folder / "a.png"), "no learning rates"),
    ],
)
def test_nothing_to_draw(make: Any, match: str, tmp_path: Path):
    with pytest.raises(ValueError, match=match):
        make(tmp_path)
