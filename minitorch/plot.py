"""Figures of numbers that were measured: a run's losses, a learning-rate search, a schedule.

Every function takes plain numbers and a path, writes the file, and returns its path. The ending of
the path says what it will be: .png, .svg or .pdf. There is no window and no display; without
Matplotlib, which is the one thing here that is not needed, the numbers are written as a table, a
.csv file beside where the figure would be.
"""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minitorch.io.file import replacing

# Okabe and Ito's colours, which those who see red and green alike can tell apart as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
FAINT = "#B8B8B8"
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "lines.linewidth": 2,
    "lines.markersize": 4,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "svg.hashsalt": "minitorch",  # the same figure is the same file
}
# What would make two files of one figure differ: dates, and the drawing program's version.
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}

Columns = Mapping[str, Sequence[float]]


def save_figure(
    path: str | os.PathLike[str],
    draw: Callable[[Any], None],
    columns: Columns,
    size: tuple[float, float] = (6, 4),
) -> str:
    """Writes what `draw` draws on a Matplotlib figure, whole or not at all.

    Args:
        path: ends in .png, .svg or .pdf.
        draw: takes the figure.
        columns: the numbers in it by name, for the table that stands in for it.
        size: in inches.

    Returns:
        The path of what was written: the figure, or without Matplotlib the table.

    Raises:
        ValueError: another ending.
        OSError: nothing can be written there; the message names the path.
    """
    path = os.fspath(path)
    base, ending = os.path.splitext(path)
    if ending.lower() not in FORMATS:
        raise ValueError(f"plot: {path} does not end in {', '.join(FORMATS)}")
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        return _save_table(base + ".csv", columns)
    picture = io.BytesIO()
    with style.context(["default", STYLE]):  # whatever the reader's own settings are
        figure = Figure(figsize=size)  # no pyplot, which would keep it open until it is closed
        draw(figure)
        metadata = FORMATS[ending.lower()]
        figure.savefig(picture, format=ending[1:].lower(), metadata=metadata)
    with replacing(path) as draft:
        draft.write(picture.getvalue())
    return path


def _save_table(path: str, columns: Columns) -> str:
    """The numbers as text, for when there is no figure."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = max(map(len, columns.values()), default=0)
    for i in range(rows):
        writer.writerow([column[i] if i < len(column) else "" for column in columns.values()])
    with replacing(path) as draft:
        draft.write(text.getvalue().encode())
    print(
        f"no figure: it needs Matplotlib, {sys.executable} -m pip install matplotlib; the numbers "
        f"are in {path}"
    )
    for name, column in columns.items():
        if len(column) and not any(isinstance(x, str) for x in column):
            print(f"  {name}: {column[0]:.4g} ... {column[-1]:.4g} ({len(column)})")
    return path


def on_axes(axes: Any, draw: Callable[[Any], None], size: tuple[float, float] = (6, 4)) -> Any:
    """Draws on the Axes given, or on those of a new figure in this style; returns them.

    A new figure has no window; `axes.figure.savefig("name.png")` writes it.

    Args:
        axes: a Matplotlib Axes, or None.
        draw: takes the Axes.
        size: of a new figure, in inches.

    Raises:
        ImportError: there are no Axes, and no Matplotlib to make some.
    """
    if axes is not None:
        draw(axes)
        return axes
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"a figure needs Matplotlib, {sys.executable} -m pip install matplotlib; the numbers "
            "are there without it, as tables"
        ) from error
    with style.context(["default", STYLE]):
        axes = Figure(figsize=size, dpi=150).subplots()
        draw(axes)
    return axes


# the figures -------------------------------------------------------------------------------------


def history(history: Any, path: str | os.PathLike[str]) -> str:
    """Draws losses and metrics against epochs, and the learning rate if it changed.

    Args:
        history: what `fit` returns, or a dict of lists with one number for each epoch.
        path: of the figure.

    Raises:
        ValueError: there is nothing to draw, or the path has another ending than .png, .svg, .pdf.
    """
    epochs: Columns = getattr(history, "epochs", history)
    steps: Columns = getattr(history, "steps", {})
    losses = {name: column for name, column in epochs.items() if name.endswith("loss")}
    metrics = [name for name in epochs if name not in losses and name != "ignored"]
    count = max(map(len, epochs.values()), default=0)
    if not losses and not metrics:
        raise ValueError("plot.history: the history is empty; train for an epoch first")
    lrs = steps.get("lr", ())
    panels: list[Callable[[Any], None]] = []
    if losses:
        panels.append(lambda axes: _draw_losses(axes, losses, steps.get("loss", ()), count))
    panels += [partial(_draw_metric, name=name, column=epochs[name]) for name in metrics]
    if len(set(lrs)) > 1:
        panels.append(lambda axes: _draw_rates(axes, {"": lrs}, "learning rate", "step"))

    def draw(figure: Any) -> None:
        rows = math.ceil(len(panels) / 3)
        across = math.ceil(len(panels) / rows)
        cells = figure.subplots(rows, across, squeeze=False).flat
        for panel, axes in zip(panels, cells):
            panel(axes)
        for axes in list(cells)[len(panels) :]:
            axes.set_axis_off()

    rows = math.ceil(len(panels) / 3)
    size = (4.2 * math.ceil(len(panels) / rows), 3.4 * rows)
    numbers = {"epoch": range(1, count + 1), **epochs}
    return save_figure(path, draw, numbers, size)


def lr_curve(curve: Any, path: str | os.PathLike[str]) -> str:
    """Draws the loss against the learning rate, and the rate that the search suggests.

    Args:
        curve: what `train.lr_find` returns.
        path: of the figure.
    """
    smooth = curve.smoothed()

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot(curve.lrs, curve.losses, color=FAINT, linewidth=1, label="one batch")
        axes.plot(curve.lrs, smooth, color=COLOURS[0], label="running mean")
        rate = curve.suggestion
        label = f"suggested: {rate:.1e}"
        axes.axvline(rate, color=COLOURS[1], linewidth=1.5, linestyle="--", label=label)
        axes.set_xscale("log")
        # The last losses explode; what matters lies between the smallest and the first ones.
        top = max(smooth[: max(1, len(smooth) // 2)])
        low = min(curve.losses)
        axes.set_ylim(low - 0.05 * (top - low or 1), top + 0.35 * (top - low or 1))
        axes.set_xlabel("learning rate")
        axes.set_ylabel("training loss")
        axes.set_title("Loss while the learning rate grows")
        axes.legend()

    return save_figure(path, draw, {"lr": curve.lrs, "loss": curve.losses, "running mean": smooth})


def schedule(
    lrs: Sequence[float] | Mapping[str, Sequence[float]],
    path: str | os.PathLike[str],
    per: str = "step",
) -> str:
    """Draws learning rates as a scheduler's `curve(steps)` gives them.

    Args:
        lrs: one for each step; or several such lists by name, to compare them.
        path: of the figure.
        per: what a step stands for: "step", "batch" or "epoch".

    Raises:
        ValueError: there is nothing to draw.
    """
    curves = dict(lrs) if isinstance(lrs, Mapping) else {"": lrs}
    if not any(map(len, curves.values())):
        raise ValueError("plot.schedule: no learning rates")
    draw = lambda figure: _draw_rates(figure.subplots(), curves, "Learning rate", per)
    return save_figure(path, draw, {name or "lr": curve for name, curve in curves.items()})


def histogram(
    values: Any, path: str | os.PathLike[str], name: str = "values", log: bool = False
) -> str:
    """Draws how often values occur; the title says how many are not finite, and are left out.

    Args:
        values: numbers, as a list or an array.
        path: of the figure.
        name: of the values.
        log: count on a log axis, where rare values are seen too.
    """
    flat = np.asarray(values, np.float64).reshape(-1)
    finite = flat[np.isfinite(flat)]
    left = flat.size - finite.size
    title = f"{flat.size:,} {name}" + (f"; {left:,} of them not finite" if left else "")
    counts, edges = np.histogram(finite, bins=min(60, max(5, math.isqrt(finite.size))))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.stairs(counts, edges, fill=True, color=COLOURS[0])
        if log and counts.any():
            axes.set_yscale("log")
        axes.set_xlabel(escaped(name))
        axes.set_ylabel("how many")
        axes.set_title(escaped(title))

    table = {"from": edges[:-1].tolist(), "to": edges[1:].tolist(), "count": counts.tolist()}
    return save_figure(path, draw, table)


# panels ------------------------------------------------------------------------------------------


def _draw_losses(axes: Any, losses: Columns, batches: Sequence[float], epochs: int) -> None:
    """The losses of epochs, with those of single batches behind them."""
    if len(batches) > 1:
        places = np.arange(1, len(batches) + 1) * (epochs / len(batches))
        axes.plot(places, batches, color=FAINT, linewidth=0.7, label="each batch")
    for i, (name, column) in enumerate(losses.items()):
        label = f"{_spoken(name)}, last {column[-1]:.3g}"
        _line(axes, range(1, len(column) + 1), column, i, label)
    seen = [x for column in losses.values() for x in column if math.isfinite(x)]
    if seen:  # single batches do not decide what is seen of the epochs
        shown = [*seen, *(x for x in batches if math.isfinite(x) and x < 3 * max(seen))]
        if min(shown) > 0 and max(shown) > 30 * min(shown):
            axes.set_yscale("log")
            axes.set_ylim(0.8 * min(shown), 1.25 * max(shown))
        elif min(shown) >= 0:
            axes.set_ylim(0, 1.1 * max(shown) or 1)
    _by_epoch(axes, epochs, 0 if len(batches) > 1 else 1)
    axes.set_ylabel("loss")
    axes.set_title("Loss")
    axes.legend()


def _draw_metric(axes: Any, name: str, column: Sequence[float]) -> None:
    _line(axes, range(1, len(column) + 1), column, 2, name)
    _by_epoch(axes, len(column), 1)
    axes.set_ylabel(escaped(_spoken(name)))
    axes.set_title(escaped(f"{_spoken(name).capitalize()}, last {column[-1]:.4g}"))


def _draw_rates(axes: Any, curves: Columns, title: str, per: str) -> None:
    for i, (name, curve) in enumerate(curves.items()):
        dashes = ("-", "--", "-.", ":")[i % 4]
        label = escaped(name) or None
        jumps = 4 * len(set(curve)) < len(curve)  # between stretches where it holds
        axes.plot(
            range(len(curve)),
            curve,
            dashes,
            drawstyle="steps-post" if jumps else "default",
            color=COLOURS[i % 7],
            label=label,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel(per)
    axes.set_ylabel("learning rate")
    axes.set_title(title.capitalize())
    if any(curves):
        axes.legend()


def _line(axes: Any, x: Any, y: Sequence[float], i: int, label: str) -> None:
    """The i-th line: told apart by its colour, and by its marker without colours."""
    axes.plot(x, y, marker="osD^v"[i % 5], color=COLOURS[i % 7], label=escaped(label))


def _by_epoch(axes: Any, epochs: int, first: int) -> None:
    """The x-axis of epochs, with whole numbers."""
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    margin = 0.04 * (epochs - first) or 0.5
    axes.set_xlim(first - margin, epochs + margin)


def _spoken(name: str) -> str:
    return {"train_loss": "training", "valid_loss": "validation"}.get(name, name.replace("_", " "))


def escaped(name: str) -> str:
    r"""A name as Matplotlib shows it: "$" begins no formula, and "_" does not hide it in a legend.

    >>> print(escaped("a$b"), escaped("_hidden"))
    a\$b  _hidden
    """
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
