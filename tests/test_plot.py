"""Plots as a whole: files of plain numbers, with or without Matplotlib, never with a display."""

from __future__ import annotations

import gc
import inspect
import math
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import plot, train
from tests.pictures import CURVE, HISTORY, every_plot, run_history

PLOTS = sorted(every_plot())


@pytest.fixture
def matplotlib() -> Any:
    return pytest.importorskip("matplotlib")


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.style"):
        monkeypatch.setitem(sys.modules, name, None)


def title(ax: Any) -> str:
    return ax.get_title(loc="left") or ax.get_title()


# every plot --------------------------------------------------------------------------------------


def test_every_plot_is_tried():
    others = {"COLOURS", "STYLE", "Table", "checked_ending", "run", "save", "side_by_side"}
    assert set(PLOTS) == set(plot.__all__) - others


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_has_a_title_labelled_axes_and_no_window(name: str, matplotlib: Any):
    ax = every_plot()[name]()
    assert title(ax)
    if ax.axison:
        assert ax.get_xlabel()
        assert ax.get_ylabel()
    windows = sys.modules.get("matplotlib.pyplot")
    assert windows is None or not windows.get_fignums()


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_goes_into_the_axes_it_is_given(name: str, matplotlib: Any):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert every_plot()[name](ax=right) is right
    assert title(right)
    assert not left.has_data()
    with pytest.raises(TypeError, match=rf"plot\.{name}: ax must be Matplotlib Axes, got a str"):
        every_plot()[name](ax="left")


MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("name", PLOTS)
def test_the_same_numbers_are_the_same_file(name: str, tmp_path: Path, matplotlib: Any):
    """H206: bytes are equal, whenever it is drawn; I10: and no display is needed."""
    for ending in MAGIC if name == "history" else (".png",):
        paths = [plot.save(tmp_path / f"{i}{ending}", every_plot()[name]()) for i in (1, 2)]
        one, other = (Path(path).read_bytes() for path in paths)
        assert one == other
        assert one.startswith(MAGIC[ending])


@pytest.mark.parametrize("name", PLOTS)
def test_text_is_inside_of_the_figure_and_large_enough(name: str, matplotlib: Any):
    """On a page 800 pixels wide letters are at least 10 pixels high, and none is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = every_plot()[name]().figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox(canvas.get_renderer())
    assert -0.01 <= drawn.x0 < drawn.x1 <= width + 0.01
    assert -0.01 <= drawn.y0 < drawn.y1 <= height + 0.01
    for text in figure.findobj(Text):
        if text.get_text().strip():
            assert text.get_fontsize() / 72 * 800 / max(8, width) >= 10, text


@pytest.mark.parametrize("name", PLOTS)
def test_without_matplotlib_a_plot_is_a_table(name: str, no_matplotlib: None, tmp_path: Path):
    """I10."""
    table = every_plot()[name]()
    assert isinstance(table, plot.Table)
    assert len(table) > 0
    assert len(str(table).splitlines()) > 1
    with pytest.raises(
        AttributeError, match=r"set_title: this is a table.* pip install matplotlib"
    ):
        table.set_title("a title")
    path = plot.save(tmp_path / "a.png", table)
    lines = Path(path).read_text().splitlines()
    assert len(lines) == 1 + len(table)
    assert lines[0].split(",")[0] == next(iter(table.columns))


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_says_what_it_takes(name: str):
    function = getattr(plot, name)
    assert list(inspect.signature(function).parameters)[-1] == "ax"
    for parameter in inspect.signature(function).parameters:
        assert f"{parameter}" in function.__doc__
    assert "Raises:" in function.__doc__


def test_the_lessons_look_as_the_library_does(matplotlib: Any):
    """One style sheet, whose colours are Okabe and Ito's."""
    here = Path(__file__).parent.parent
    for path in [*(here / "lessons").glob("*.py"), *(here / "minitorch" / "plot").glob("*.py")]:
        own = re.search(
            r"rcParams|rc_context|style\.use|tab:|[\"']C\d[\"']", path.read_text("utf-8")
        )
        assert own is None, f"{path.name}: {own}"
    common = (here / "lessons" / "common.py").read_text("utf-8")
    assert "#" not in "".join(re.findall(r'"[^"]*"', common))  # no colour of its own
    from matplotlib import rcParams, style

    with style.context(["default", plot.STYLE]):
        cycle = rcParams["axes.prop_cycle"].by_key()["color"]
    assert tuple(cycle) == plot.COLOURS


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent.parent / "figures").glob("*.png")), ids=lambda p: p.stem
)
def test_a_lessons_figure_is_readable_on_a_page(path: Path):
    """At 150 pixels to the inch, and 800 across the page: 12 points are 12.5 pixels high there."""
    header = path.read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:24])
    assert width <= 1600
    assert height <= 1200


# files -------------------------------------------------------------------------------------------


def test_a_run_is_drawn_with_its_metrics_and_its_rates(tmp_path: Path, matplotlib: Any):
    figure = plot.run(run_history())
    assert [(a.get_xlabel(), a.get_ylabel()) for a in figure.axes] == [
        ("epoch", "loss"),
        ("epoch", "accuracy"),
        ("step", "learning rate"),
    ]
    assert [title(a) for a in figure.axes] == [
        "Loss: training 2 → 0.5, validation 2.1 → 0.9",
        "Accuracy 0.3 → 0.8",
        "Learning rate 0.1 → 0.00833",
    ]
    assert plot.save(tmp_path / "run.png", figure) == str(tmp_path / "run.png")
    assert len(plot.run(HISTORY).axes) == 2  # no learning rates
    assert len(plot.run({"accuracy": [0.5]}).axes) == 1


def test_no_figure_stays_open(tmp_path: Path, matplotlib: Any):
    """H205: they are not pyplot's, which would keep them."""
    from matplotlib.figure import Figure

    for _ in range(3):
        plot.save(tmp_path / "a.png", plot.schedule([0.1, 0.2]))
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Figure]
    code = "import sys; from minitorch import plot; plot.save(sys.argv[1], plot.schedule([0.1])); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    given = [sys.executable, "-c", code, str(tmp_path / "b.png")]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    said = subprocess.run(given, capture_output=True, text=True, env=environment, check=True)
    assert said.stdout == "False\n"


def test_a_figure_does_not_depend_on_the_readers_settings(tmp_path: Path, matplotlib: Any):
    plain = Path(plot.save(tmp_path / "a.png", plot.schedule([0.1, 0.2]))).read_bytes()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "savefig.dpi": 30}):
        other = Path(plot.save(tmp_path / "b.png", plot.schedule([0.1, 0.2]))).read_bytes()
    assert other == plain


@pytest.mark.parametrize("name", ["a$b", "$x^2$", "_hidden", "$", "a_b{c}\\d", "ä→ö"])
def test_names_are_no_formulas(name: str, tmp_path: Path, matplotlib: Any):
    """H203."""
    plot.save(tmp_path / "a.png", plot.run({"train_loss": [1.0], name: [1.0, 2.0]}))
    plot.save(tmp_path / "b.png", plot.histogram([1.0], name))
    ax = plot.schedule({name: [1.0, 2.0]})
    assert len(ax.get_legend().get_texts()) == 1
    rows = ([[1.0, 2.0]], [name], [0, 1])
    for ax in (plot.over_time(*rows), plot.dead_units(*rows), plot.ratios(*rows)):
        plot.save(tmp_path / "c.png", ax)
    plot.save(tmp_path / "d.png", plot.confusion_matrix([[1]], [name]))
    plot.save(tmp_path / "e.png", plot.image_grid(np.ones((1, 2, 2)), [name]))


def test_values_that_are_not_finite(tmp_path: Path, matplotlib: Any):
    """H204: what is finite is drawn, and the title counts the rest."""
    ax = plot.histogram([1.0, 2.0, math.nan, math.inf])
    assert title(ax) == "4 values; 2 of them not finite"
    for values in ([0.0] * 5, [math.nan], [[1e300, -1e300]], [1]):
        plot.save(tmp_path / "b.png", plot.histogram(values, log=True))
    plot.save(tmp_path / "c.png", plot.run({"train_loss": [math.nan], "accuracy": [math.nan, 0.5]}))
    plot.save(tmp_path / "d.png", plot.history({"train_loss": [0.0, 0.0]}))
    plot.save(tmp_path / "e.png", plot.history({"train_loss": [1e-8, 1e8]}))
    gaps = [[math.nan, 1.0], [math.inf, math.nan]]
    for function in (plot.over_time, plot.ratios, plot.dead_units):
        plot.save(tmp_path / "f.png", function(gaps, ["a", "b"], [0, 1]))
    plot.save(tmp_path / "g.png", plot.lr_curve([0.1, 1.0, 10.0], [math.nan, 2.0, math.inf]))
    plot.save(tmp_path / "h.png", plot.weights([[math.nan, 1.0], [math.inf, -1.0]]))


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_written(folder: str, tmp_path: Path, matplotlib: Any):
    """H202: an OSError that names the path, and no half of a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"a\.png"):
        plot.save(tmp_path / folder / "a.png", plot.history(HISTORY))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_without_matplotlib_the_numbers_are_written(
    tmp_path: Path, no_matplotlib: None, capsys: pytest.CaptureFixture
):
    """H201, I10: a table, and one line that says how to get figures."""
    assert plot.save(tmp_path / "a.png", plot.run(HISTORY)) == str(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "epoch,train_loss,valid_loss,accuracy",
        "1,2.0,2.1,0.3",
        "2,1.0,1.2,0.6",
        "3,0.5,0.9,0.8",
    ]
    said = capsys.readouterr().out.splitlines()
    assert "-m pip install matplotlib" in said[0]
    assert said[1].split() == ["epoch", "train_loss", "valid_loss", "accuracy"]
    assert said[4].split() == ["3", "0.5", "0.9", "0.8"]
    rates = plot.run(run_history()).columns
    assert len(rates["lr"]) == 12
    assert len(rates["epoch"]) == 3
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot.figure.painted(lambda figure: None)


def test_a_long_table_is_shown_by_its_ends_and_written_whole(no_matplotlib: None, tmp_path: Path):
    table = plot.weights(np.arange(30.0 * 40).reshape(30, 40))
    lines = str(table).splitlines()
    assert len(lines) == 22
    assert lines[0].split()[:2] == ["output", "input"]
    assert set(lines[11].split()) == {"..."}
    assert lines[-1].split()[-1] == "1.2e+03"
    written = Path(plot.save(tmp_path / "a.svg", table)).read_text().splitlines()
    assert len(written) == 31
    assert written[-1].endswith("1199.0")


def test_columns_of_several_pictures_stand_side_by_side(no_matplotlib: None):
    one, other = plot.schedule([0.1, 0.2]), plot.schedule([0.3])
    assert one.beside(other).columns == {"lr": [0.1, 0.2], "lr'": [0.3]}
    assert one.beside(one).columns == one.columns


def test_tensors_and_arrays_of_a_gpu_are_numbers_too(matplotlib: Any, cuda: Any):
    x = minitorch.tensor([[1.0, -2.0], [0.5, 0.0]], requires_grad=True)
    for given in (x, x.detach().cuda(), x.detach().cuda().array):
        image = plot.weights(given).images[0]
        np.testing.assert_array_equal(image.get_array(), [[1, -2], [0.5, 0]])


# errors ------------------------------------------------------------------------------------------

ONE = ([[1.0, 2.0]], ["a"], [0, 1])
BOWL = lambda x, y: x * x + y * y
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: plot.history(3), TypeError, r"plot\.history: history must be what fit.* got int 3"),
    (lambda: plot.history([1.0, 2.0]), TypeError, "a dict of lists such as"),
    (lambda: plot.history({}), ValueError, "history is empty; train for an epoch first"),
    (lambda: plot.history(train.History()), ValueError, "train for an epoch first"),
    (lambda: plot.history({"train_loss": []}), ValueError, "train for an epoch first"),
    (lambda: plot.history({"accuracy": [1]}), ValueError, "no loss, only accuracy.*plot.metric"),
    (lambda: plot.history({"loss": "abc"}), TypeError, r"history\['loss'\] must hold numbers"),
    (lambda: plot.history({"loss": 2.0}), ValueError, "single number 2.0"),
    (lambda: plot.run(3), TypeError, r"plot\.run: history must be"),
    (lambda: plot.run(train.History()), ValueError, "history is empty"),
    (lambda: plot.metric(HISTORY, "f1"), ValueError, "is 'f1'.*; 'train_loss', 'valid_loss'"),
    (lambda: plot.schedule([]), ValueError, r"plot\.schedule: lrs is empty"),
    (lambda: plot.schedule({}), ValueError, r"plot\.schedule: lrs is empty"),
    (lambda: plot.schedule(0.1), ValueError, r"must have the form \(steps,\).*number 0\.1"),
    (lambda: plot.schedule({"a": [[0.1]]}), ValueError, r"lrs\['a'\].*shape \(1, 1\)"),
    (lambda: plot.schedule(["x"]), TypeError, r"lrs must hold numbers, .*list \['x'\]"),
    (lambda: plot.schedule(None), ValueError, "single number None"),
    (lambda: plot.lr_curve([1, 2], [1]), ValueError, "losses has 1 numbers and lrs has 2"),
    (lambda: plot.lr_curve([0, 1], [1, 2]), ValueError, "lrs go down to 0; a log axis"),
    (lambda: plot.lr_curve([1, 2], [1, 2], [1]), ValueError, "smooth has 1 numbers"),
    (lambda: plot.histogram([]), ValueError, r"plot\.histogram: values is empty"),
    (lambda: plot.histogram("abc"), TypeError, "values must hold numbers"),
    (lambda: plot.over_depth([1], [1, 2], "a"), ValueError, "stds has 2 numbers and means has 1"),
    (lambda: plot.over_depth([1], [1], []), ValueError, "names has 0 names for 1 means"),
    (lambda: plot.over_depth([1], [1], 3), TypeError, "names must be a list of names, got int 3"),
    (
        lambda: plot.over_time([[1, 2], [3]], ["a", "b"], [0, 1]),
        ValueError,
        r"plot\.over_time: values has rows of 2, 1 numbers; fill up the short ones with nan",
    ),
    (lambda: plot.over_time([1, 2], ["a"], [0]), ValueError, r"form \(names, steps\), got shape"),
    (lambda: plot.over_time([], [], []), ValueError, r"form \(names, steps\), got shape \(0,\)"),
    (lambda: plot.over_time([[]], ["a"], []), ValueError, "values is empty"),
    (lambda: plot.over_time(ONE[0], ["a"], [0]), ValueError, "1 numbers for 2 columns of values"),
    (lambda: plot.over_time(ONE[0], ["a"], [1, 0]), ValueError, "steps must grow"),
    (lambda: plot.over_time(ONE[0], ["a"], [0, math.nan]), ValueError, "1 of 2 .* not finite"),
    (lambda: plot.ratios(ONE[0], ["a", "b"], [0, 1]), ValueError, "2 names for 1 rows"),
    (lambda: plot.dead_units([[math.nan]], ["a"], [0]), ValueError, "shares are all nan"),
    (
        lambda: plot.histogram_over_time([[1], [2]], [0, 1], [0]),
        ValueError,
        "edges has 2 numbers for 2 bins",
    ),
    (lambda: plot.histogram_over_time([[-1]], [0, 1], [0]), ValueError, "counts go down to -1"),
    (lambda: plot.histogram_over_time([[math.nan]], [0, 1], [0]), ValueError, "not finite"),
    (
        lambda: plot.expected_and_measured(["a"], [1, 2], [1]),
        ValueError,
        "measured has 1 numbers and expected has 2",
    ),
    (lambda: plot.weights(3.0), ValueError, r"form \(out, in\), got the single number"),
    (lambda: plot.weights([]), ValueError, "matrix is empty"),
    (lambda: plot.filters(np.ones((3, 3))), ValueError, r"\(out, in, K, K\), got shape \(3, 3\)"),
    (lambda: plot.filters(np.ones((2, 3, 3)), 0), ValueError, "columns is 0; at least 1"),
    (lambda: plot.image_grid(np.ones((4, 4))), ValueError, r"\(N, H, W\).*got shape \(4, 4\)"),
    (lambda: plot.image_grid(np.ones((2, 5, 4, 4))), ValueError, "have 5 channels.*give 1 or 3"),
    (lambda: plot.image_grid(np.ones((2, 4, 4)), "a"), ValueError, "labels has 1 names for 2"),
    (
        lambda: plot.image_grid(np.ones((2, 4, 4)), wrong=[True]),
        ValueError,
        "wrong has 1 answers for 2 images",
    ),
    (lambda: plot.confusion_matrix([[1, 2]]), ValueError, r"shape \(1, 2\), expected a square"),
    (lambda: plot.confusion_matrix([[-1]]), ValueError, "goes down to -1"),
    (lambda: plot.confusion_matrix([[math.nan]]), ValueError, "1 of 1 values that are not finite"),
    (lambda: plot.confusion_matrix([[1]], ["a", "b"]), ValueError, "2 names for 1 classes"),
    (lambda: plot.paths_on_contours(3, {}, (0, 1), (0, 1)), TypeError, "f must be a function"),
    (lambda: plot.paths_on_contours(BOWL, [], (0, 1), (0, 1)), TypeError, "paths must be a dict"),
    (
        lambda: plot.paths_on_contours(BOWL, {"a": [1, 2]}, (0, 1), (0, 1)),
        ValueError,
        r"paths\['a'\] must have the form \(steps, 2\)",
    ),
    (
        lambda: plot.paths_on_contours(BOWL, {"a": [[1, 2, 3]]}, (0, 1), (0, 1)),
        ValueError,
        r"paths\['a'\] has shape \(1, 3\)",
    ),
    (lambda: plot.paths_on_contours(BOWL, {}, (1, 0), (0, 1)), ValueError, r"x is \(1, 0\)"),
    (lambda: plot.paths_on_contours(BOWL, {}, (0, 1), (0, 1, 2)), ValueError, "y is"),
    (
        lambda: plot.paths_on_contours(lambda x, y: x, {}, (-1, 1), (-1, 1)),
        ValueError,
        "negative somewhere, down to -1; give log=False",
    ),
    (
        lambda: plot.paths_on_contours(lambda x, y: x * math.nan, {}, (-1, 1), (-1, 1)),
        ValueError,
        "not finite anywhere",
    ),
    (lambda: plot.graph(3), TypeError, r"expected what tape\.graph\(\) returns, got a int"),
    (lambda: plot.graph(minitorch.tape().graph()), ValueError, "empty; call an op inside"),
    (lambda: plot.save("a.jpeg", None), ValueError, r"a\.jpeg does not end in \.png, \.svg, \.pdf"),
    (lambda: plot.save("a.png", [1.0]), TypeError, r"got a list; write plot\.save\(path, plot\."),
    (lambda: plot.side_by_side(), ValueError, "no pictures"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_cannot_be_drawn_says_why_and_what_to_do(number: int, matplotlib: Any):
    make, kind, match = WRONG[number]
    with pytest.raises(kind, match=match):
        make()


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_the_same_is_said_without_matplotlib(number: int, no_matplotlib: None):
    make, kind, match = WRONG[number]
    with pytest.raises(kind, match=match):
        make()


def test_the_curve_of_a_search_is_drawn_from_what_the_search_returns(matplotlib: Any):
    ax = plot.lr_curve(CURVE.lrs, CURVE.losses, CURVE.smoothed(), CURVE.suggestion)
    assert ax.get_xscale() == "log"
    assert ax.get_legend().get_texts()[2].get_text() == f"suggested: {CURVE.suggestion:.1e}"
    assert ax.get_ylim()[1] < 3  # the explosion does not hide the rest
    assert len(plot.lr_curve(CURVE.lrs, CURVE.losses).get_lines()) == 1
