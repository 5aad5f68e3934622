"""Curves of a run: its losses and metrics over epochs, its learning rates, the search for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minitorch.plot.checks import Check
from minitorch.plot.figure import Drawing, Sketch, picture, side_by_side
from minitorch.plot.style import BLUE, COLOURS, DASHES, FAINT, MARKS, RED, escaped

Numbers = Sequence[float]


def run(record: Any) -> Any:
    """All of a run side by side: losses, each metric, and the learning rate if it changed.

    Args:
        record: what `fit` returns, or a dict of lists with one number for each epoch.

    Returns:
        The Matplotlib Figure, or without Matplotlib a Table: `plot.save` writes either.

    Raises:
        TypeError: this is no history.
        ValueError: there is nothing in it.
    """
    epochs, steps = _recorded("run", record)
    panels: list[Callable[..., Any]] = []
    if any(name.endswith("loss") for name in epochs):
        panels.append(partial(history, record))
    others = [name for name in epochs if not name.endswith("loss") and name != "ignored"]
    panels += [partial(metric, record, name) for name in others]
    rates = steps.get("lr", ())
    if len(set(rates)) > 1:
        panels.append(partial(schedule, rates))
    return side_by_side(*panels)


@picture
def history(history: Any, *, ax: Any = None) -> Drawing:
    """The losses of each epoch, with those of single batches behind them.

    Args:
        history: what `fit` returns, or a dict of lists with one number for each epoch.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: this is no history.
        ValueError: there is no loss in it.
    """
    epochs, steps = _recorded("history", history)
    losses = {name: column for name, column in epochs.items() if name.endswith("loss")}
    if not losses:
        known = ", ".join(epochs)
        raise Check("history").wrong(
            "history", f"has no loss, only {known}", f"draw one by plot.metric(history, {known!r})"
        )
    batches, count = steps.get("loss", ()), max(map(len, losses.values()))
    ax = yield Sketch({"epoch": range(1, count + 1), **losses})
    if len(batches) > 1:
        places = np.arange(1, len(batches) + 1) * (count / len(batches))
        ax.plot(places, batches, color=FAINT, linewidth=0.7, label="each batch")
    for i, (name, column) in enumerate(losses.items()):
        _line(ax, range(1, len(column) + 1), column, i, _spoken(name))
    seen = [x for column in losses.values() for x in column if math.isfinite(x)]
    if seen:  # single batches do not decide what is seen of the epochs
        shown = [*seen, *(x for x in batches if math.isfinite(x) and x < 3 * max(seen))]
        if min(shown) > 0 and max(shown) > 30 * min(shown):
            ax.set_yscale("log")
            ax.set_ylim(0.8 * min(shown), 1.25 * max(shown))
        elif min(shown) >= 0:
            ax.set_ylim(0, 1.1 * max(shown) or 1)
    _by_epoch(ax, count, 0 if len(batches) > 1 else 1)
    ax.set_ylabel("loss")
    ax.set_title("Loss: " + ", ".join(f"{_spoken(n)} {_ends(c)}" for n, c in losses.items()))
    ax.legend()


@picture
def metric(history: Any, name: str = "accuracy", *, ax: Any = None) -> Drawing:
    """One of the metrics of each epoch.

    Args:
        history: what `fit` returns, or a dict of lists with one number for each epoch.
        name: of the metric.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: this is no history.
        ValueError: it has no metric of that name.
    """
    epochs, _ = _recorded("metric", history)
    if name not in epochs:
        known = ", ".join(map(repr, epochs))
        raise Check("metric").wrong("name", f"is {name!r}, which is not in the history", known)
    column = epochs[name]
    ax = yield Sketch({"epoch": range(1, len(column) + 1), name: column})
    _line(ax, range(1, len(column) + 1), column, 2, name)
    _by_epoch(ax, len(column), 1)
    ax.set_ylabel(escaped(_spoken(name)))
    ax.set_title(escaped(f"{_spoken(name).capitalize()} {_ends(column)}"))


@picture
def schedule(lrs: Numbers | Mapping[str, Numbers], per: str = "step", *, ax: Any = None) -> Drawing:
    """Learning rates over a run, as a scheduler's `curve(steps)` gives them.

    Args:
        lrs: one for each step; or several such lists by name, to compare them.
        per: what a step stands for: "step", "batch" or "epoch".
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: there is nothing to draw.
    """
    check = Check("schedule")
    given = dict(lrs) if isinstance(lrs, Mapping) else {"": lrs}
    if not given:
        raise check.wrong("lrs", "is empty: there are no learning rates")
    curves = {
        name: check.array("lrs" + f"[{name!r}]" * bool(name), curve, "(steps,)", [1])
        for name, curve in given.items()
    }
    ax = yield Sketch({name or "lr": curve.tolist() for name, curve in curves.items()})
    for i, (name, curve) in enumerate(curves.items()):
        jumps = 4 * len(set(curve.tolist())) < len(curve)  # between stretches where it holds
        ax.plot(
            range(len(curve)),
            curve,
            DASHES[i % 4],
            drawstyle="steps-post" if jumps else "default",
            color=COLOURS[i % 7],
            label=escaped(name) or None,
        )
    ax.set_ylim(bottom=0)
    ax.set_xlabel(per)
    ax.set_ylabel("learning rate")
    first = next(iter(curves.values()))
    ax.set_title(f"Learning rate {_ends(first)}" if len(curves) == 1 else "Learning rates")
    if any(curves):
        ax.legend()


@picture
def lr_curve(
    lrs: Numbers,
    losses: Numbers,
    smooth: Numbers = (),
    suggestion: float | None = None,
    *,
    ax: Any = None,
) -> Drawing:
    """The loss against the learning rate, as `train.lr_find` measured it.

        curve = lr_find(learner, train)
        plot.lr_curve(curve.lrs, curve.losses, curve.smoothed(), curve.suggestion)

    Args:
        lrs, losses: one for each batch.
        smooth: the losses without their noise.
        suggestion: a rate that is marked.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: they are of different lengths, or a learning rate is not positive.
    """
    check = Check("lr_curve")
    rates, batches = check.pairs("lrs", lrs, "losses", losses)
    if not (rates > 0).all():
        raise check.wrong("lrs", f"go down to {rates.min():g}", "a log axis needs positive ones")
    _, mean = check.pairs("lrs", lrs, "smooth", smooth if len(smooth) else losses)
    columns = {"lr": rates.tolist(), "loss": batches.tolist()}
    ax = yield Sketch({**columns, "running mean": mean.tolist()} if len(smooth) else columns)
    ax.plot(rates, batches, color=FAINT, linewidth=1, label="one batch")
    if len(smooth):
        ax.plot(rates, mean, color=BLUE, label="running mean")
    if suggestion is not None:
        label = f"suggested: {suggestion:.1e}"
        ax.axvline(suggestion, color=RED, linewidth=1.5, linestyle="--", label=label)
    ax.set_xscale("log")
    # The last losses explode; what matters lies between the smallest and the first ones.
    seen = batches[np.isfinite(batches)]
    if seen.size:
        top = max(np.nanmax(mean[: max(1, len(mean) // 2)], initial=seen.min()), seen.min())
        room = top - seen.min() or 1
        ax.set_ylim(seen.min() - 0.05 * room, top + 0.35 * room)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("training loss")
    ax.set_title("Loss while the learning rate grows: it falls, and then explodes")
    ax.legend()


@picture
def histogram(values: Any, name: str = "values", log: bool = False, *, ax: Any = None) -> Drawing:
    """How often values occur; the title says how many are not finite, and are left out.

    Args:
        values: numbers, as a list, an array or a Tensor.
        name: of the values.
        log: count on a log axis, where rare values are seen too.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: there are none.
    """
    flat = Check("histogram").array("values", values, "of any shape", range(65)).reshape(-1)
    finite = flat[np.isfinite(flat)]
    left = flat.size - finite.size
    counts, edges = np.histogram(finite, bins=min(60, max(5, math.isqrt(finite.size))))
    ax = yield Sketch(
        {"from": edges[:-1].tolist(), "to": edges[1:].tolist(), "count": counts.tolist()}
    )
    ax.stairs(counts, edges, fill=True, color=BLUE)
    if log and counts.any():
        ax.set_yscale("log")
    ax.set_xlabel(escaped(name))
    ax.set_ylabel("how many")
    ax.set_title(escaped(f"{flat.size:,} {name}" + f"; {left:,} of them not finite" * bool(left)))


# helpers -----------------------------------------------------------------------------------------


def _recorded(function: str, history: Any) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """What was measured for each epoch and for each step, as lists of floats."""
    epochs = getattr(history, "epochs", history)
    if not isinstance(epochs, Mapping):
        raise TypeError(
            f"plot.{function}: history must be what fit returns, or a dict of lists such as "
            f'{{"train_loss": [2.0, 1.5]}}, got {type(history).__name__} {history!r}'
        )
    check = Check(function)
    if not any(map(np.size, epochs.values())):
        raise check.wrong("history", "is empty", "train for an epoch first")
    columns = {
        name: check.array(f"history[{name!r}]", column, "(epochs,)", [1]).tolist()
        for name, column in epochs.items()
        if np.size(column)
    }
    return columns, getattr(history, "steps", {})


def _line(ax: Any, x: Any, y: Numbers, i: int, label: str) -> None:
    """The i-th line: told apart by its colour, and by its mark without colours."""
    style = {"color": COLOURS[i % 7], "marker": MARKS[i % 5], "markersize": 4}
    ax.plot(x, y, label=escaped(label), **style)


def _by_epoch(ax: Any, epochs: int, first: int) -> None:
    """The x-axis of epochs, with whole numbers."""
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    margin = 0.04 * (epochs - first) or 0.5
    ax.set_xlim(first - margin, epochs + margin)


def _ends(column: Any) -> str:
    """From the first to the last of some numbers."""
    return f"{column[0]:.3g} → {column[-1]:.3g}" if len(column) > 1 else f"{column[0]:.3g}"


def _spoken(name: str) -> str:
    return {"train_loss": "training", "valid_loss": "validation"}.get(name, name.replace("_", " "))
