"""The ways of optimizers over a landscape, seen from above."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minitorch.plot.checks import Check
from minitorch.plot.figure import Drawing, Sketch, picture
from minitorch.plot.style import COLOURS, DASHES, FAINT, MARKS, escaped


@picture
def paths_on_contours(
    f: Callable[[np.ndarray, np.ndarray], Any],
    paths: Mapping[str, Any],
    x: tuple[float, float],
    y: tuple[float, float],
    title: str = "The way down",
    log: bool = True,
    *,
    ax: Any = None,
) -> Drawing:
    """The ways of optimizers over a landscape of two parameters; a mark shows where each ends.

    Args:
        f: the height at (x, y), for arrays of both.
        paths: name -> (steps, 2), where each was.
        x, y: from where to where.
        title: what the reader should see.
        log: contours at equal factors, where f is positive; at equal distances else.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: f is no function, paths are no dict.
        ValueError: a path is no list of points, or f has no finite height, or with log a negative.
    """
    check = Check("paths_on_contours")
    if not callable(f):
        raise TypeError(f"plot.paths_on_contours: f must be a function of (x, y), got {f!r}")
    if not isinstance(paths, Mapping):
        raise TypeError(
            f"plot.paths_on_contours: paths must be a dict such as "
            f'{{"SGD": [(x0, y0), (x1, y1)]}}, got {type(paths).__name__}'
        )
    ways = {}
    for name, path in paths.items():
        way = check.array(f"paths[{name!r}]", path, "(steps, 2)", [2])
        if way.shape[1] != 2:
            raise check.wrong(f"paths[{name!r}]", f"has shape {way.shape}", "give (steps, 2)")
        ways[name] = way
    ends = [_ends(check, name, limits) for name, limits in (("x", x), ("y", y))]
    across, up = np.meshgrid(*(np.linspace(low, high, 200) for low, high in ends))
    height = check.array("f(x, y)", f(across, up), "(200, 200)", [2])
    finite = height[np.isfinite(height)]
    if not finite.size:
        raise check.wrong("f", "is not finite anywhere between these ends of x and y")
    least, most = finite.min(), finite.max()
    if log and least < 0:
        raise check.wrong("f", f"is negative somewhere, down to {least:g}", "give log=False")
    columns: dict[str, list[float]] = {}
    for name, way in ways.items():
        columns |= {f"{name}: first": way[:, 0].tolist(), f"{name}: second": way[:, 1].tolist()}
    ax = yield Sketch(columns, height=5)
    levels = (
        np.geomspace(max(least, most * 1e-5, 1e-30), max(most, 1e-29), 16)
        if log
        else np.linspace(least, most, 16)
    )
    ax.contour(across, up, height, levels=np.unique(levels), colors=FAINT, linewidths=0.8)
    for i, (name, way) in enumerate(ways.items()):
        style = {"color": COLOURS[i % 7], "linestyle": DASHES[i % 4], "linewidth": 1.6}
        ax.plot(*way.T, label=f"{escaped(name)}, {len(way) - 1} steps", **style)
        ax.plot(*way[-1:].T, MARKS[i % 5], color=COLOURS[i % 7], markersize=7)
    ax.set_xlim(*x)
    ax.set_ylim(*y)
    ax.grid(visible=False)
    ax.set_xlabel("first parameter")
    ax.set_ylabel("second parameter")
    ax.set_title(title)
    if ways:
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _ends(check: Check, argument: str, limits: Any) -> tuple[float, float]:
    """From where to where: two numbers, the second larger."""
    found = check.finite(argument, check.array(argument, limits, "(from, to)", [1])).tolist()
    if len(found) != 2 or found[0] >= found[1]:
        raise check.wrong(argument, f"is {limits!r}", "give two numbers, the smaller first")
    return found[0], found[1]
