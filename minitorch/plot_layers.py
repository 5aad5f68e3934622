"""Pictures of what is inside a network: its layers, its weights, its mistakes, its tape.

Every function takes plain numbers, draws on the Axes it is given or on those of a new figure, and
returns them:

    axes = plot_layers.over_time(stats.matrix("std"), stats.names, stats.steps)
    axes.figure.savefig("std.png")

No window is opened and no display is needed. Colours can be told apart by those who see red and
green alike; lines differ in their dashes, too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from minitorch.plot import COLOURS, FAINT, escaped, on_axes, save_figure

RULE = 1e-3  # the customary size of an update, relative to what it updates
DASHES = ("-", "--", "-.", ":")
# From the first layer to the last, where there are more than COLOURS: dark blue to light green.
_DEPTHS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98))
_P = ParamSpec("_P")


def panel(width: float, height: float) -> Callable[[Callable[_P, None]], Callable[_P, Any]]:
    """A function that draws on `axes` makes a figure of that size, in inches, if it gets none."""

    def wrap(draw: Callable[_P, None]) -> Callable[_P, Any]:
        @wraps(draw)
        def drawn(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            axes = kwargs.pop("axes", None)
            run = lambda axes: draw(*args, **{**kwargs, "axes": axes})
            return on_axes(axes, run, (width, height))

        return drawn

    return wrap


# layers ------------------------------------------------------------------------------------------


@panel(7, 4)
def over_depth(
    means: Sequence[float],
    stds: Sequence[float],
    names: Sequence[str],
    title: str = "Mean and deviation, layer by layer",
    *,
    axes: Any = None,
) -> None:
    """Mean and standard deviation of each layer, from the first to the last.

    Args:
        means, stds: one for each layer.
        names: of the layers.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    at = np.arange(len(names))
    axes.axhline(0, color=FAINT, linewidth=1)
    axes.axhline(1, color=FAINT, linewidth=1, linestyle="--")
    axes.plot(at, stds, "o-", color=COLOURS[0], label="standard deviation")
    axes.plot(at, means, "s--", color=COLOURS[1], label="mean")
    axes.set_xticks(at, [escaped(name) for name in names])
    if sum(map(len, names)) > 60:
        axes.tick_params(axis="x", rotation=45)
    axes.set_xlabel("layer, from input to output")
    axes.set_ylabel("value (units of the activations)")
    axes.set_title(title)
    axes.legend()


@panel(7, 4)
def over_time(
    values: Any,
    names: Sequence[str],
    steps: Sequence[int],
    what: str = "standard deviation",
    title: str = "Each layer over time",
    log: bool = False,
    *,
    axes: Any = None,
) -> None:
    """One line for each layer: `over_time(stats.matrix("std"), stats.names, stats.steps)`.

    Args:
        values: (layers, steps).
        names, steps: of the rows and the columns.
        what: the values are, for the axis.
        title: what the reader should see.
        log: a logarithmic axis, for values that differ by factors.
        axes: to draw on; a new figure's unless given.
    """
    for i, (name, row) in enumerate(zip(names, np.asarray(values, float), strict=True)):
        style = {"color": _colour(i, len(names)), "linestyle": DASHES[i % 4]}
        axes.plot(steps, row, label=escaped(name), **style)
    if log:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(escaped(what))
    axes.set_title(title)
    _legend_beside(axes, len(names))


@panel(7, 3.5)
def histogram_over_time(
    counts: Any,
    edges: Any,
    steps: Sequence[int],
    name: str = "activation",
    title: str = "Where the values lie, step by step",
    *,
    axes: Any = None,
) -> None:
    """A column for each step, coloured by how many values lie where, on a logarithmic scale.

    Args:
        counts: (bins, steps), as `Series.histogram` gives them.
        edges: (bins + 1,), of the bins.
        steps: of the columns.
        name: what the values are, for the axis.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    counts = np.asarray(counts, float)
    shares = counts / np.maximum(counts.sum(0), 1)
    # log(1 + x) shows single values beside thousands; a share of 1/1000 is just visible.
    image = np.log1p(1000 * shares) / math.log(1001)
    ends = [*steps, steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1)]
    mesh = axes.pcolormesh(ends, edges, image, cmap="magma_r", vmin=0, vmax=1, rasterized=True)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.01)
    marks = (0, 0.001, 0.01, 0.1, 1)
    bar.set_ticks([math.log1p(1000 * mark) / math.log(1001) for mark in marks])
    bar.set_ticklabels([f"{100 * mark:g} %" for mark in marks])
    bar.set_label("share of the values")
    axes.grid(visible=False)
    axes.set_xlabel("step")
    axes.set_ylabel(escaped(name))
    axes.set_title(title)


@panel(7, 3.5)
def dead_units(
    shares: Any,
    names: Sequence[str],
    steps: Sequence[int],
    title: str = "Units that are 0 for the whole batch",
    *,
    axes: Any = None,
) -> None:
    """A row for each layer, coloured by its share of dead units; the last one as a number.

    Args:
        shares: (layers, steps), from 0 to 1; a layer of nan alone is left out.
        names, steps: of the rows and the columns.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    shares = 100 * np.asarray(shares, float)
    measured = np.isfinite(shares).any(axis=1)
    shares, names = shares[measured], [name for name, is_in in zip(names, measured) if is_in]
    ends = [*steps, steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1)]
    rows = np.arange(len(names) + 1) - 0.5
    mesh = axes.pcolormesh(ends, rows, shares, cmap="Oranges", vmin=0, vmax=100, rasterized=True)
    axes.figure.colorbar(mesh, ax=axes, pad=0.1).set_label("dead units (%)")
    for i, row in enumerate(shares):
        if math.isfinite(row[-1]):
            axes.text(ends[-1], i, f" {row[-1]:.0f} %", va="center", fontsize="small")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_yticks(range(len(names)), [escaped(name) for name in names])
    axes.set_xlabel("step")
    axes.set_ylabel("layer")
    axes.set_title(title)


@panel(7, 4)
def ratios(
    values: Any,
    names: Sequence[str],
    steps: Sequence[int],
    what: str = "update : data",
    title: str = "How far a step moves each parameter",
    *,
    axes: Any = None,
) -> None:
    """Sizes of updates, or of gradients, relative to the parameters', with the line at 1/1000.

    Args:
        values: (parameters, steps), as `GradientStats.matrix("update_to_data")` gives them.
        names, steps: of the rows and the columns.
        what: the ratio is.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    what = f"{what}, ratio of root mean squares"
    over_time(values, names, steps, what, title, log=True, axes=axes)
    axes.axhline(RULE, color="black", linewidth=1)
    axes.annotate(" 1/1000", (steps[0], RULE), va="bottom", fontsize="small")


@panel(7, 4)
def expected_and_measured(
    names: Sequence[str],
    expected: Sequence[float | None],
    measured: Sequence[float],
    what: str = "E[x²]",
    title: str = "First weights: what was expected, what came out",
    *,
    axes: Any = None,
) -> None:
    """A row for each layer: what a formula says, and what was measured, on a logarithmic axis.

    Args:
        names: of the layers, from the first to the last.
        expected: None where there is no formula.
        measured: for each layer.
        what: the numbers are.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    rows = range(len(names))
    known = [(x, i) for i, x in enumerate(expected) if x is not None]
    if known:
        style = {"markersize": 10, "markerfacecolor": "none", "color": COLOURS[1]}
        axes.plot(*zip(*known), "o", label="expected", **style)
    axes.plot(measured, rows, "o", color=COLOURS[0], label="measured")
    axes.axvline(1, color=FAINT, linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_yticks(rows, [escaped(name) for name in names])
    axes.set_xlabel(escaped(what))
    axes.set_ylabel("layer, from input to output")
    axes.set_title(title)
    axes.legend()


def init_figure(report: Any, path: str | os.PathLike[str]) -> str:
    """Writes a figure of what `diagnostics.init_report` found, with a row for each layer.

    Args:
        report: what `init_report` returned; its numbers are a table as a string, `str(report)`.
        path: ends in .png, .svg or .pdf.

    Returns:
        The path of what was written; without the drawing program it is a table, as in `plot`.
    """
    rows = report.rows
    names = [row.name for row in rows]
    columns: dict[str, list[Any]] = {"layer": names}
    for i, field in enumerate(("mean", "std", "second_moment")):
        columns[field] = [row.measured[i] for row in rows]
        columns[f"expected {field}"] = ["" if r.expected is None else r.expected[i] for r in rows]

    def draw(figure: Any) -> None:
        expected = [None if row.expected is None else row.expected[2] for row in rows]
        axes = figure.subplots()
        expected_and_measured(names, expected, columns["second_moment"], axes=axes)

    return save_figure(path, draw, columns, (7, 1.2 + 0.3 * len(rows)))


# weights and images ------------------------------------------------------------------------------


@panel(6, 4)
def weights(
    matrix: Any,
    name: str = "W",
    title: str = "Weights: which go up, which down",
    *,
    axes: Any = None,
) -> None:
    """A matrix as an image; 0 is white, and both signs reach equally far.

    Args:
        matrix: (out, in); more axes are laid out side by side.
        name: of the weights.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    matrix = np.asarray(matrix, float)
    matrix = matrix.reshape(len(matrix), -1)
    limit = float(np.nanmax(np.abs(matrix), initial=0)) or 1.0
    style = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    image = axes.imshow(matrix, aspect="auto", **style)
    axes.figure.colorbar(image, ax=axes, pad=0.01).set_label(f"value of a weight of {name}")
    axes.grid(visible=False)
    axes.set_xlabel("input")
    axes.set_ylabel("output")
    axes.set_title(title)


@panel(6, 4)
def filters(
    kernels: Any,
    columns: int | None = None,
    title: str = "Filters: purple raises the answer, orange lowers it",
    *,
    axes: Any = None,
) -> None:
    """The filters of a convolution side by side, each scaled by its own largest weight.

    Args:
        kernels: (out, in, K, K) or (out, K, K); of several input channels the mean is shown.
        columns: how many in a row.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    kernels = np.asarray(kernels, float)
    if kernels.ndim == 4:
        kernels = kernels.mean(1)
    if kernels.ndim != 3:
        raise ValueError(f"filters: kernels of shape {kernels.shape}, expected (out, in, K, K)")
    size = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    style = {"cmap": "PuOr", "vmin": -1, "vmax": 1, "interpolation": "nearest"}
    axes.imshow(_mosaic(kernels / np.maximum(size, 1e-30), columns)[0], **style)
    axes.set_axis_off()
    axes.set_title(title)


@panel(7, 4)
def image_grid(
    images: Any,
    labels: Sequence[Any] = (),
    columns: int | None = None,
    wrong: Sequence[bool] = (),
    title: str = "",
    *,
    axes: Any = None,
) -> None:
    """Images side by side, each with its label above it.

    Args:
        images: (N, H, W), (N, 1, H, W), or (N, 3, H, W) for colours from 0 to 1.
        labels: one for each image.
        columns: how many in a row.
        wrong: which labels are written in another colour, and with a cross.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    images = np.asarray(images, float)
    if images.ndim == 4:
        images = images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)
    if images.ndim not in (3, 4) or not len(images):
        raise ValueError(f"image_grid: images of shape {images.shape}, expected (N, H, W)")
    room = max(1, round(images.shape[1] * 0.45)) if len(labels) else 1
    picture, places = _mosaic(images, columns, room)
    axes.imshow(picture, cmap="gray_r", interpolation="nearest")
    for i, (label, (top, left)) in enumerate(zip(labels, places)):
        is_wrong = i < len(wrong) and bool(wrong[i])
        style = {"color": COLOURS[1], "weight": "bold"} if is_wrong else {}
        text = escaped(str(label)) + " ×" * is_wrong
        middle = left + images.shape[2] / 2 - 0.5
        axes.text(middle, top - 1, text, ha="center", va="bottom", fontsize="small", **style)
    axes.set_axis_off()
    axes.set_title(title)


def _mosaic(
    images: np.ndarray, columns: int | None, above: int = 1
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """One large image of many, with gaps that show nothing, and where each one begins in it."""
    count, height, width, *colours = images.shape
    columns = columns or math.ceil(math.sqrt(1.6 * count))
    rows = math.ceil(count / columns)
    high, wide = height + above, width + 1
    picture = np.full((rows * high, columns * wide - 1, *colours), 1.0 if colours else np.nan)
    places = [(i // columns * high + above, i % columns * wide) for i in range(count)]
    for image, (top, left) in zip(images, places):
        picture[top : top + height, left : left + width] = image
    return picture, places


@panel(5, 4.5)
def confusion_matrix(
    matrix: Any, names: Sequence[Any] = (), title: str = "", *, axes: Any = None
) -> None:
    """What was taken for what: a row for each truth, a column for each guess.

    Args:
        matrix: (classes, classes) counts; its diagonal was right, and is left uncoloured.
        names: of the classes; their numbers unless given.
        title: the share that was right, unless given.
        axes: to draw on; a new figure's unless given.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"confusion_matrix: shape {matrix.shape}, expected a square")
    names = [escaped(str(name)) for name in names] or [str(i) for i in range(len(matrix))]
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1, 1.6 * mistakes.max()))
    if len(matrix) <= 30:
        for (i, j), count in np.ndenumerate(matrix):
            style = {"color": "#767676"} if i == j else {"weight": "bold"}
            if count:
                axes.text(j, i, f"{count:g}", ha="center", va="center", fontsize="small", **style)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    right, total = matrix.trace(), matrix.sum()
    said = f"{right / max(total, 1):.1%} right; {total - right:g} mistakes off the diagonal"
    axes.set_title(title or said)


# paths and graphs --------------------------------------------------------------------------------


@panel(6, 5)
def paths_on_contours(
    f: Callable[[np.ndarray, np.ndarray], Any],
    paths: Mapping[str, Any],
    x: tuple[float, float],
    y: tuple[float, float],
    title: str = "The way down",
    log: bool = True,
    *,
    axes: Any = None,
) -> None:
    """The ways of optimizers over a landscape of two parameters, seen from above.

    Args:
        f: the height at (x, y), for arrays of both.
        paths: name -> (steps, 2), where each was.
        x, y: from where to where.
        title: what the reader should see.
        log: contours at equal factors, where f is positive; at equal distances else.
        axes: to draw on; a new figure's unless given.
    """
    across, up = np.meshgrid(np.linspace(*x, 200), np.linspace(*y, 200))
    height = np.asarray(f(across, up), float)
    if log and height.min() < 0:
        raise ValueError("paths_on_contours: log=True, but f is negative somewhere")
    least = height.min()
    levels = (
        np.geomspace(max(least, height.max() * 1e-5, 1e-30), max(height.max(), 1e-29), 16)
        if log
        else np.linspace(least, height.max(), 16)
    )
    axes.contour(across, up, height, levels=np.unique(levels), colors=FAINT, linewidths=0.8)
    for i, (name, path) in enumerate(paths.items()):
        px, py = np.asarray(path, float).T
        style = {"color": COLOURS[i % 7], "linestyle": DASHES[i % 4], "linewidth": 1.6}
        axes.plot(px, py, label=f"{escaped(name)}, {len(px) - 1} steps", **style)
        axes.plot(px[-1:], py[-1:], "osD^v"[i % 5], color=COLOURS[i % 7], markersize=7)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.grid(visible=False)
    axes.set_xlabel("first parameter")
    axes.set_ylabel("second parameter")
    axes.set_title(title)
    if paths:
        axes.legend()


@panel(6, 6)
def graph(
    picture: Any, title: str = "The tape: what is computed from what", *, axes: Any = None
) -> None:
    """A tape as boxes in layers: values above, results below.

    Args:
        picture: a `drawing.Graph`, as `tape.graph()` gives it.
        title: what the reader should see.
        axes: to draw on; a new figure's unless given.
    """
    at, chains = picture.positions()
    for chain in chains:
        points = [at[name] for name in chain]
        xs, ys = zip(*points)
        axes.plot(xs[:-1], ys[:-1], color="#767676", linewidth=1, zorder=1)
        arrow = {"arrowstyle": "->", "color": "#767676", "shrinkB": 9}
        axes.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=1)
    fills = {"op": "#E8EEF7", "value": "#FDF3E1"}
    shapes = {"op": "round,pad=0.35,rounding_size=0.1", "value": "round4,pad=0.4"}
    edges = {"op": COLOURS[0], "value": COLOURS[4]}
    for name, label in picture.labels.items():
        kind = picture.kinds[name]
        box = {"boxstyle": shapes[kind], "facecolor": fills[kind], "edgecolor": edges[kind]}
        x, y = at[name]
        axes.text(x, y, escaped(label), ha="center", va="center", fontsize="small", bbox=box)
    xs, ys = zip(*at.values()) if at else ((0.0,), (0.0,))
    axes.set_xlim(min(xs) - 60, max(xs) + 60)
    axes.set_ylim(max(ys) + 30, min(ys) - 30)  # down is on, as in the text
    axes.set_axis_off()
    axes.set_title(title)


# helpers -----------------------------------------------------------------------------------------


def _colour(i: int, count: int) -> Any:
    """The i-th of so many lines: a colour of its own, or from dark to light if there are many."""
    if count <= len(COLOURS):
        return COLOURS[i]
    place = i / (count - 1) * (len(_DEPTHS) - 1)
    low = min(int(place), len(_DEPTHS) - 2)
    a, b = np.array(_DEPTHS[low]), np.array(_DEPTHS[low + 1])
    return tuple((a + (b - a) * (place - low)) / 255)


def _legend_beside(axes: Any, lines: int) -> None:
    """The legend right of the lines, where it hides none of them."""
    small = "small" if lines <= 12 else "x-small"
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=small)
