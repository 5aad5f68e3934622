"""Pictures of what is inside a network: the axes hold the numbers, and no window is needed."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import minitorch
from minitorch import nn, plot_layers
from minitorch.diagnostics import ActivationStats, init_report


@pytest.fixture(autouse=True)
def _has_matplotlib():
    pytest.importorskip("matplotlib")


def lines(axes):
    """label -> (x, y) for the lines with a label."""
    found = {line.get_label().strip(): line.get_xydata() for line in axes.get_lines()}
    return {label: xy for label, xy in found.items() if not label.startswith("_child")}


def everything():
    """A picture from each function, by its name."""
    rng = np.random.default_rng(0)
    names, steps = ["conv", "relu", "out"], [0, 2, 4, 6]
    with minitorch.tape() as tape:
        x = minitorch.randn(3, 4, requires_grad=True)
        (x.relu() + x).sum()
    return {
        "over_depth": lambda **o: plot_layers.over_depth([0, 0.5, 0.1], [1, 0.8, 0.3], names, **o),
        "over_time": lambda **o: plot_layers.over_time(rng.random((3, 4)), names, steps, **o),
        "histogram_over_time": lambda **o: plot_layers.histogram_over_time(
            rng.integers(0, 99, (40, 4)), np.linspace(-2, 2, 41), steps, **o
        ),
        "dead_units": lambda **o: plot_layers.dead_units(rng.random((3, 4)), names, steps, **o),
        "ratios": lambda **o: plot_layers.ratios(1e-3 * rng.random((3, 4)), names, steps, **o),
        "expected_and_measured": lambda **o: plot_layers.expected_and_measured(
            names, [1, None, 1], [0.9, 0.5, 2], **o
        ),
        "weights": lambda **o: plot_layers.weights(rng.normal(size=(5, 7)), **o),
        "filters": lambda **o: plot_layers.filters(rng.normal(size=(6, 1, 3, 3)), **o),
        "image_grid": lambda **o: plot_layers.image_grid(
            rng.random((5, 1, 8, 8)), "01234", title="digits", **o
        ),
        "confusion_matrix": lambda **o: plot_layers.confusion_matrix([[5, 1], [2, 4]], **o),
        "paths_on_contours": lambda **o: plot_layers.paths_on_contours(
            lambda x, y: x * x + 4 * y * y, {"SGD": rng.random((9, 2))}, (-1, 1), (-1, 1), **o
        ),
        "graph": lambda **o: plot_layers.graph(tape.graph(), **o),
    }


@pytest.mark.parametrize("name", everything())
def test_a_picture_has_a_title_needs_no_display_and_is_the_same_twice(name, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    minitorch.manual_seed(0)
    axes = everything()[name]()
    assert axes.get_title(loc="left")
    if axes.axison:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    path = tmp_path / "picture.png"
    axes.figure.savefig(path)
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert len(path.read_bytes()) > 5000
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


@pytest.mark.parametrize("name", everything())
def test_a_picture_goes_into_the_axes_it_is_given(name):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert everything()[name](axes=right) is right
    assert right.get_title(loc="left") or right.get_title()
    assert not left.has_data()


@pytest.mark.parametrize("name", everything())
def test_without_the_drawing_program_a_picture_says_what_to_install(name, monkeypatch):
    draw = everything()[name]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        draw()


def test_means_and_deviations_over_depth_are_lines_over_the_layers():
    axes = everything()["over_depth"]()
    found = lines(axes)
    assert found["mean"][:, 1].tolist() == [0, 0.5, 0.1]
    assert found["standard deviation"][:, 1].tolist() == [1, 0.8, 0.3]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["conv", "relu", "out"]


def test_one_line_for_each_layer_over_time():
    """G36."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with ActivationStats(model, every=1) as s:
        for _ in range(5):
            model(minitorch.randn(8, 3))
    found = lines(plot_layers.over_time(s.matrix("std"), s.names, s.steps))
    assert list(found) == s.names
    for name, xy in found.items():
        np.testing.assert_array_equal(xy.T, [s.steps, s[name].std])
    many = [str(i) for i in range(12)]
    axes = plot_layers.over_time(np.ones((12, 2)), many, [0, 1], log=True)
    assert len({line.get_color() for line in axes.get_lines()}) == 12
    assert axes.get_yscale() == "log"


def test_a_histogram_over_time_is_a_column_of_shares_for_each_step():
    counts = np.array([[10.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    mesh = plot_layers.histogram_over_time(counts, [0, 1, 2], [0, 10, 20]).collections[0]
    np.testing.assert_allclose(mesh.get_array(), [[1, 0, 0], [0, 1, 0]])
    assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 10, 20, 30]


def test_dead_units_are_percent_and_layers_without_any_are_left_out():
    shares = [[0.0, 0.25], [math.nan, math.nan], [1.0, 1.0]]
    axes = plot_layers.dead_units(shares, ["a", "b", "c"], [0, 1])
    assert axes.collections[0].get_array().tolist() == [[0, 25], [100, 100]]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "c"]
    assert [t.get_text().strip() for t in axes.texts] == ["25 %", "100 %"]


def test_ratios_are_logarithmic_with_a_line_at_one_thousandth():
    """G41."""
    axes = plot_layers.ratios([[1e-4, 1e-2]], ["w"], [0, 1])
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(lines(axes)["w"][:, 1], [1e-4, 1e-2])
    assert [1e-3, 1e-3] in [list(line.get_ydata()) for line in axes.get_lines()]


def test_one_call_writes_the_first_weights_with_a_row_for_each_layer(tmp_path, monkeypatch):
    """F06."""
    model = nn.Sequential(nn.Linear(20, activation="relu"), nn.Linear(5))
    report = init_report(model, minitorch.randn(64, 10))
    path = plot_layers.init_figure(report, tmp_path / "init.png")
    assert (tmp_path / "init.png").read_bytes()[:4] == b"\x89PNG"
    assert path == str(tmp_path / "init.png")
    names = [row.name for row in report.rows]
    axes = plot_layers.expected_and_measured(names, [None] * 4, [1, 2, 3, 4])
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    assert all(name in str(report) for name in names)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    table = plot_layers.init_figure(report, tmp_path / "init.png")
    assert len((tmp_path / "init.csv").read_text().splitlines()) == 1 + len(names)
    assert table.endswith("init.csv")


def test_weights_are_white_at_zero_whatever_their_range():
    image = plot_layers.weights([[1.0, -3.0]]).images[0]
    assert image.get_clim() == (-3, 3)
    assert plot_layers.weights(np.zeros((2, 3, 2, 2))).images[0].get_array().shape == (2, 12)


def test_filters_are_laid_out_and_each_is_scaled_by_its_own_largest_weight():
    kernels = np.stack([np.eye(3), -10 * np.eye(3)])[:, None]
    picture = np.ma.filled(plot_layers.filters(kernels, columns=2).images[0].get_array(), np.nan)
    np.testing.assert_array_equal(picture[1:, :3], np.eye(3))
    np.testing.assert_array_equal(picture[1:, 4:], -np.eye(3))
    with pytest.raises(ValueError, match=r"\(out, in, K, K\)"):
        plot_layers.filters(np.ones((3, 3)))


def test_images_stand_under_their_labels_and_wrong_ones_are_marked():
    images = np.arange(3)[:, None, None] * np.ones((3, 4, 4))
    axes = plot_layers.image_grid(images, ["a", "b$", "c"], columns=2, wrong=[False, True, False])
    picture = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert sorted(np.unique(picture[np.isfinite(picture)])) == [0, 1, 2]
    assert picture[np.isfinite(picture)].size == 48
    assert [text.get_text() for text in axes.texts] == ["a", r"b\$ ×", "c"]
    colour = plot_layers.image_grid(np.ones((2, 3, 4, 4))).images[0].get_array()
    assert colour.shape[-1] == 3
    with pytest.raises(ValueError, match=r"\(N, H, W\)"):
        plot_layers.image_grid(np.ones((4, 4)))


def test_a_confusion_matrix_shows_counts_and_says_what_is_right():
    axes = plot_layers.confusion_matrix([[5, 1], [0, 4]], ["cat", "dog"])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "4", "5"]
    assert axes.get_title(loc="left") == "90.0% right; 1 mistakes off the diagonal"
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0, 1], [0, 0]])
    with pytest.raises(ValueError, match="a square"):
        plot_layers.confusion_matrix([[1, 2]])


def test_paths_lie_on_the_contours_and_end_in_a_mark():
    path = [(1.0, 1.0), (0.5, 0.2), (0.0, 0.0)]
    f = lambda x, y: x * x + y * y
    axes = plot_layers.paths_on_contours(f, {"Adam": path}, (-1, 1), (-2, 2))
    np.testing.assert_array_equal(lines(axes)["Adam, 2 steps"], path)
    assert axes.get_lines()[-1].get_xydata().tolist() == [[0, 0]]
    assert axes.get_xlim() == (-1, 1)
    with pytest.raises(ValueError, match="negative"):
        plot_layers.paths_on_contours(lambda x, y: x, {}, (-1, 1), (-1, 1))
    assert plot_layers.paths_on_contours(lambda x, y: x, {}, (-1, 1), (-1, 1), log=False)


def test_the_graph_has_a_box_for_each_op_and_value():
    with minitorch.tape() as tape:
        x = minitorch.randn(3, 4, requires_grad=True)
        (x.relu() + x).sum()
    picture = tape.graph()
    axes = plot_layers.graph(picture)
    shown = [text.get_text() for text in axes.texts if text.get_text()]
    assert shown == list(picture.labels.values())
    assert axes.yaxis_inverted()
