"""What is inside a network while it trains: its layers over depth and time, and its updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minitorch.diagnostics.gradients import RULE
from minitorch.plot.checks import Check
from minitorch.plot.figure import Drawing, Sketch, picture
from minitorch.plot.style import BLACK, BLUE, DASHES, FAINT, RED, colour, escaped


@picture
def over_depth(
    means: Sequence[float],
    stds: Sequence[float],
    names: Sequence[str],
    title: str = "Mean and deviation, layer by layer",
    *,
    ax: Any = None,
) -> Drawing:
    """Mean and standard deviation of each layer, from the first to the last.

    Args:
        means, stds: one for each layer.
        names: of the layers.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: they are of different lengths.
    """
    check = Check("over_depth")
    mean, std = check.pairs("means", means, "stds", stds)
    texts = check.names("names", names, len(mean), "means")
    ax = yield Sketch({"layer": texts, "mean": mean.tolist(), "std": std.tolist()})
    at = np.arange(len(texts))
    ax.axhline(0, color=FAINT, linewidth=1)
    ax.axhline(1, color=FAINT, linewidth=1, linestyle="--")
    ax.plot(at, std, "o-", color=BLUE, label="standard deviation")
    ax.plot(at, mean, "s--", color=RED, label="mean")
    ax.set_xticks(at, [escaped(name) for name in texts])
    if sum(map(len, texts)) > 60:
        ax.tick_params(axis="x", rotation=45)
    ax.set_xlabel("layer, from input to output")
    ax.set_ylabel("value (units of the activations)")
    ax.set_title(title)
    ax.legend()


@picture
def over_time(
    values: Any,
    names: Sequence[str],
    steps: Sequence[int],
    what: str = "standard deviation",
    title: str = "Each layer over time",
    log: bool = False,
    *,
    ax: Any = None,
) -> Drawing:
    """One line for each layer: `over_time(stats.matrix("std"), stats.names, stats.steps)`.

    Args:
        values: (layers, steps); nan where a layer was not called.
        names, steps: of the rows and the columns.
        what: the values are, for the axis.
        title: what the reader should see.
        log: a logarithmic axis, for values that differ by factors.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: the lengths do not match, or steps do not grow.
    """
    matrix, texts, at = Check("over_time").rows(values, names, steps)
    ax = yield Sketch(_columns(matrix, texts, at))
    _lines(ax, matrix, texts, at)
    if log:
        ax.set_yscale("log")
    ax.set_ylabel(escaped(what))
    ax.set_title(title)


@picture
def histogram_over_time(
    counts: Any,
    edges: Any,
    steps: Sequence[int],
    name: str = "activation",
    title: str = "Where the values lie, step by step",
    *,
    ax: Any = None,
) -> Drawing:
    """A column for each step, coloured by how many values lie where, on a logarithmic scale.

    Args:
        counts: (bins, steps), as `Series.histogram` gives them.
        edges: (bins + 1,), of the bins.
        steps: of the columns.
        name: what the values are, for the axis.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: the lengths do not match, or counts are negative or not finite.
    """
    check = Check("histogram_over_time")
    matrix = check.finite("counts", check.array("counts", counts, "(bins, steps)", [2]))
    borders = check.finite("edges", check.array("edges", edges, "(bins + 1,)", [1]))
    if matrix.min() < 0:
        raise check.wrong("counts", f"go down to {matrix.min():g}, and are no counts")
    if len(borders) != len(matrix) + 1:
        raise check.wrong("edges", f"has {len(borders)} numbers for {len(matrix)} bins of counts")
    at = check.steps(steps, matrix.shape[1], "columns of counts")
    bins = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(borders)]
    ax = yield Sketch(_columns(matrix, bins, at))
    shares = matrix / np.maximum(matrix.sum(0), 1)
    # log(1 + x) shows single values beside thousands; a share of 1/1000 is just visible.
    image = np.log1p(1000 * shares) / math.log(1001)
    style = {"cmap": "magma_r", "vmin": 0, "vmax": 1, "rasterized": True}
    mesh = ax.pcolormesh(_ends(at), borders, image, **style)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.01)
    marks = (0, 0.001, 0.01, 0.1, 1)
    bar.set_ticks([math.log1p(1000 * mark) / math.log(1001) for mark in marks])
    bar.set_ticklabels([f"{100 * mark:g} %" for mark in marks])
    bar.set_label("share of the values")
    ax.grid(visible=False)
    ax.set_xlabel("step")
    ax.set_ylabel(escaped(name))
    ax.set_title(title)


@picture
def dead_units(
    shares: Any,
    names: Sequence[str],
    steps: Sequence[int],
    title: str = "Units that are 0 for the whole batch",
    *,
    ax: Any = None,
) -> Drawing:
    """A row for each layer, coloured by its share of dead units; the last one as a number.

    Args:
        shares: (layers, steps), from 0 to 1; a layer of nan alone is left out.
        names, steps: of the rows and the columns.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: the lengths do not match, or there is nothing but nan.
    """
    check = Check("dead_units")
    matrix, texts, at = check.rows(shares, names, steps, "shares")
    measured = np.isfinite(matrix).any(axis=1)
    if not measured.any():
        raise check.wrong(
            "shares", "are all nan: only what comes out of an activation has dead units"
        )
    texts = [name for name, is_in in zip(texts, measured) if is_in]
    percent = 100 * matrix[measured]
    ax = yield Sketch(_columns(percent / 100, texts, at), height=1.6 + 0.4 * len(texts))
    rows = np.arange(len(texts) + 1) - 0.5
    style = {"cmap": "Oranges", "vmin": 0, "vmax": 100, "rasterized": True}
    mesh = ax.pcolormesh(_ends(at), rows, percent, **style)
    ax.figure.colorbar(mesh, ax=ax, pad=0.1).set_label("dead units (%)")
    for i, row in enumerate(percent):
        if math.isfinite(row[-1]):
            ax.text(_ends(at)[-1], i, f" {row[-1]:.0f} %", va="center", fontsize="small")
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.set_yticks(range(len(texts)), [escaped(name) for name in texts])
    ax.set_xlabel("step")
    ax.set_ylabel("layer")
    ax.set_title(title)


@picture
def ratios(
    values: Any,
    names: Sequence[str],
    steps: Sequence[int],
    what: str = "update : data",
    title: str = "How far a step moves each parameter",
    *,
    ax: Any = None,
) -> Drawing:
    """Sizes of updates, or of gradients, relative to the parameters', with the line at 1/1000.

    Args:
        values: (parameters, steps), as `GradientStats.matrix("update_to_data")` gives them.
        names, steps: of the rows and the columns.
        what: the ratio is.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: the lengths do not match, or steps do not grow.
    """
    matrix, texts, at = Check("ratios").rows(values, names, steps)
    ax = yield Sketch(_columns(matrix, texts, at))
    _lines(ax, matrix, texts, at)
    ax.set_yscale("log")
    ax.axhline(RULE, color=BLACK, linewidth=1)
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
    beside = {"transform": ax.get_yaxis_transform(), "va": "bottom", "clip_on": True}
    ax.text(0.02, 1.1 * RULE, "1/1000", fontsize="small", bbox=paper, **beside)
    ax.set_ylabel(escaped(f"{what} (ratio of sizes)"))
    ax.set_title(title)


@picture
def expected_and_measured(
    names: Sequence[str],
    expected: Sequence[float | None],
    measured: Sequence[float],
    what: str = "E[x²]",
    title: str = "First weights: what was expected, what came out",
    *,
    ax: Any = None,
) -> Drawing:
    """A row for each layer: what a formula says, and what was measured, on a logarithmic axis.

        report = init_report(model, batch)
        plot.expected_and_measured(*report.second_moments())

    Args:
        names: of the layers, from the first to the last.
        expected: None where there is no formula.
        measured: for each layer.
        what: the numbers are.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: they are of different lengths.
    """
    check = Check("expected_and_measured")
    found = check.array("measured", measured, "(layers,)", [1])
    texts = check.names("names", names, len(found), "measured values")
    known = [math.nan if x is None else x for x in expected]
    formula, _ = check.pairs("expected", known, "measured", measured)
    said = ["" if math.isnan(x) else x for x in formula.tolist()]
    columns = {"layer": texts, f"{what} expected": said, f"{what} measured": found.tolist()}
    ax = yield Sketch(columns, height=2 + 0.32 * len(texts))
    rows = np.arange(len(texts))
    if np.isfinite(formula).any():
        style = {"markersize": 10, "markerfacecolor": "none", "color": RED}
        ax.plot(formula, rows, "o", label="expected", **style)
    ax.plot(found, rows, "o", color=BLUE, label="measured")
    ax.axvline(1, color=FAINT, linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.invert_yaxis()
    ax.set_yticks(rows, [escaped(name) for name in texts])
    ax.set_xlabel(escaped(what))
    ax.set_ylabel("layer")
    ax.set_title(title)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


# helpers -----------------------------------------------------------------------------------------


def _columns(matrix: np.ndarray, names: Sequence[str], steps: np.ndarray) -> dict[str, list[Any]]:
    """A row of the table for each step, a column for each name."""
    return {"step": steps.tolist(), **dict(zip(names, matrix.tolist()))}


def _lines(ax: Any, matrix: np.ndarray, names: Sequence[str], steps: np.ndarray) -> None:
    """A line for each row, and their names right of them, where they hide nothing."""
    for i, (name, row) in enumerate(zip(names, matrix)):
        style = {"color": colour(i, len(names)), "linestyle": DASHES[i % 4]}
        ax.plot(steps, row, label=escaped(name), **style)
    ax.set_xlabel("step")
    small = "small" if len(names) <= 12 else "x-small"
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=small)


def _ends(steps: np.ndarray) -> np.ndarray:
    """Where the columns of the steps begin and end; the last one is as wide as the one before."""
    return np.append(steps, steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1))
