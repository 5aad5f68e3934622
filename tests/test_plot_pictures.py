"""What is drawn: the axes hold the numbers that were given, as lines, images, boxes."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch import nn, plot
from minitorch.diagnostics import ActivationStats, init_report


@pytest.fixture(autouse=True)
def _has_matplotlib():
    pytest.importorskip("matplotlib")


def lines(ax):
    """label -> (x, y) for the lines with a label."""
    found = {line.get_label().strip(): line.get_xydata() for line in ax.get_lines()}
    return {label: xy for label, xy in found.items() if not label.startswith("_child")}


def test_means_and_deviations_over_depth_are_lines_over_the_layers():
    ax = plot.over_depth([0, 0.5, 0.1], [1, 0.8, 0.3], ["conv", "relu", "out"])
    found = lines(ax)
    assert found["mean"][:, 1].tolist() == [0, 0.5, 0.1]
    assert found["standard deviation"][:, 1].tolist() == [1, 0.8, 0.3]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["conv", "relu", "out"]


def test_one_line_for_each_layer_over_time():
    """G36."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with ActivationStats(model, every=1) as s:
        for _ in range(5):
            model(minitorch.randn(8, 3))
    found = lines(plot.over_time(s.matrix("std"), s.names, s.steps))
    assert list(found) == s.names
    for name, xy in found.items():
        np.testing.assert_array_equal(xy.T, [s.steps, s[name].std])
    many = [str(i) for i in range(12)]
    ax = plot.over_time(np.ones((12, 2)), many, [0, 1], log=True)
    assert len({line.get_color() for line in ax.get_lines()}) == 12
    assert ax.get_yscale() == "log"


def test_a_histogram_over_time_is_a_column_of_shares_for_each_step():
    counts = np.array([[10.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    mesh = plot.histogram_over_time(counts, [0, 1, 2], [0, 10, 20]).collections[0]
    np.testing.assert_allclose(mesh.get_array(), [[1, 0, 0], [0, 1, 0]])
    assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 10, 20, 30]


def test_dead_units_are_percent_and_layers_without_any_are_left_out():
    shares = [[0.0, 0.25], [math.nan, math.nan], [1.0, 1.0]]
    ax = plot.dead_units(shares, ["a", "b", "c"], [0, 1])
    assert ax.collections[0].get_array().tolist() == [[0, 25], [100, 100]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "c"]
    assert [t.get_text().strip() for t in ax.texts] == ["25 %", "100 %"]


def test_ratios_are_logarithmic_with_a_line_at_one_thousandth():
    """G41."""
    ax = plot.ratios([[1e-4, 1e-2]], ["w"], [0, 1])
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(lines(ax)["w"][:, 1], [1e-4, 1e-2])
    assert [1e-3, 1e-3] in [list(line.get_ydata()) for line in ax.get_lines()]


def test_one_call_writes_the_first_weights_with_a_row_for_each_layer(tmp_path, monkeypatch):
    """F06."""
    model = nn.Sequential(nn.Linear(20, activation="relu"), nn.Linear(5))
    report = init_report(model, minitorch.randn(64, 10))
    names = [row.name for row in report.rows]
    path = plot.save(tmp_path / "init.png", plot.expected_and_measured(*report.second_moments()))
    assert Path(path).read_bytes()[:4] == b"\x89PNG"
    ax = plot.expected_and_measured(*report.second_moments())
    assert [t.get_text() for t in ax.get_yticklabels()] == names
    measured = lines(ax)["measured"]
    assert measured[:, 0].tolist() == [row.measured.second_moment for row in report.rows]
    expected = lines(ax)["expected"][:, 0]
    wanted = [math.nan if r.expected is None else r.expected.second_moment for r in report.rows]
    np.testing.assert_array_equal(expected, wanted)
    assert len(plot.expected_and_measured(names, [None] * 4, [1, 2, 3, 4]).get_lines()) == 2
    assert all(name in str(report) for name in names)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    table = plot.expected_and_measured(*report.second_moments())
    assert table.columns["layer"] == names


def test_weights_are_white_at_zero_whatever_their_range():
    image = plot.weights([[1.0, -3.0]]).images[0]
    assert image.get_clim() == (-3, 3)
    assert plot.weights(np.zeros((2, 3, 2, 2))).images[0].get_array().shape == (2, 12)


def test_filters_are_laid_out_and_each_is_scaled_by_its_own_largest_weight():
    kernels = np.stack([np.eye(3), -10 * np.eye(3)])[:, None]
    picture = np.ma.filled(plot.filters(kernels, columns=2).images[0].get_array(), np.nan)
    np.testing.assert_array_equal(picture[1:, :3], np.eye(3))
    np.testing.assert_array_equal(picture[1:, 4:], -np.eye(3))


def test_images_stand_under_their_labels_and_wrong_ones_are_marked():
    images = np.arange(3)[:, None, None] * np.ones((3, 4, 4))
    ax = plot.image_grid(images, ["a", "b$", "c"], columns=2, wrong=[False, True, False])
    picture = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert sorted(np.unique(picture[np.isfinite(picture)])) == [0, 1, 2]
    assert picture[np.isfinite(picture)].size == 48
    assert [text.get_text() for text in ax.texts] == ["a", r"b\$ ×", "c"]
    colour = plot.image_grid(np.ones((2, 3, 4, 4))).images[0].get_array()
    assert colour.shape[-1] == 3


def test_a_confusion_matrix_shows_counts_and_says_what_is_right():
    ax = plot.confusion_matrix([[5, 1], [0, 4]], ["cat", "dog"])
    assert sorted(text.get_text() for text in ax.texts) == ["1", "4", "5"]
    assert ax.get_title(loc="left") == "90.0% right; mistakes off the diagonal: 1"
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 1], [0, 0]])


def test_paths_lie_on_the_contours_and_end_in_a_mark():
    path = [(1.0, 1.0), (0.5, 0.2), (0.0, 0.0)]
    f = lambda x, y: x * x + y * y
    ax = plot.paths_on_contours(f, {"Adam": path}, (-1, 1), (-2, 2))
    np.testing.assert_array_equal(lines(ax)["Adam, 2 steps"], path)
    assert ax.get_lines()[-1].get_xydata().tolist() == [[0, 0]]
    assert ax.get_xlim() == (-1, 1)
    assert plot.paths_on_contours(lambda x, y: x, {}, (-1, 1), (-1, 1), log=False)


def test_the_graph_has_a_box_for_each_op_and_value():
    with minitorch.tape() as tape:
        x = minitorch.randn(3, 4, requires_grad=True)
        (x.relu() + x).sum()
    picture = tape.graph()
    ax = plot.graph(picture)
    shown = [text.get_text() for text in ax.texts if text.get_text()]
    assert shown == list(picture.labels.values())
    assert ax.yaxis_inverted()
    arrows = [text for text in ax.texts if not text.get_text()]
    assert len(arrows) == len(picture.arrows)
    at, _ = picture.positions()
    for arrow, (_, target) in zip(arrows, picture.arrows, strict=True):
        x, y = at[target]  # ends at the box and not under it
        assert abs(arrow.xy[1] - y) >= 5 or abs(arrow.xy[0] - x) >= 10
