"""Pictures of what was measured: a run, the inside of a network, its mistakes, its tape.

    ax = plot.over_time(stats.matrix("std"), stats.names, stats.steps)
    plot.save("std.png", ax)

Every plot takes plain numbers, draws on the Axes it is given as `ax`, or else on those of a new
figure, and returns them; its title says what to see. No window is opened and no display is needed.
`save` writes a file: .png, .svg or .pdf. Without Matplotlib, which is the one thing here that is
not needed, a plot returns its numbers as a Table, and `save` writes them as a .csv file.
"""

from minitorch.plot.curves import histogram, history, lr_curve, metric, run, schedule
from minitorch.plot.figure import checked_ending, save, side_by_side
from minitorch.plot.images import confusion_matrix, filters, image_grid, weights
from minitorch.plot.layers import (
    dead_units,
    expected_and_measured,
    histogram_over_time,
    over_depth,
    over_time,
    ratios,
)
from minitorch.plot.paths import paths_on_contours
from minitorch.plot.style import COLOURS, STYLE
from minitorch.plot.table import Table
from minitorch.plot.tape import graph

__all__ = [
    "COLOURS",
    "STYLE",
    "Table",
    "checked_ending",
    "confusion_matrix",
    "dead_units",
    "expected_and_measured",
    "filters",
    "graph",
    "histogram",
    "histogram_over_time",
    "history",
    "image_grid",
    "lr_curve",
    "metric",
    "over_depth",
    "over_time",
    "paths_on_contours",
    "ratios",
    "run",
    "save",
    "schedule",
    "side_by_side",
    "weights",
]
