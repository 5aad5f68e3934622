"""The tape as a graph in layers: what is computed from what."""

from __future__ import annotations

from typing import Any

from minitorch.drawing import Graph
from minitorch.plot.checks import Check
from minitorch.plot.figure import Drawing, Sketch, picture
from minitorch.plot.style import BLUE, GREY, ORANGE, escaped

# Boxes of ops and of values: their fill, their edge, their shape.
BOXES = {
    "op": ("#E8EEF7", BLUE, "round,pad=0.35,rounding_size=0.1"),
    "value": ("#FDF3E1", ORANGE, "round4,pad=0.4"),
}
INCH, POINTS = 92, 9.5  # so many of the layout's units are an inch, where text is of this size
LETTER, AIR, TALL = 3.7, 6, 11  # half a letter's width, air beside a label, half a box's height
WIDEST = 10.6  # inches; a wider graph is drawn smaller


@picture
def graph(
    drawing: Graph, title: str = "The tape: what is computed from what", *, ax: Any = None
) -> Drawing:
    """A tape as boxes in layers: values above, results below.

    Args:
        drawing: boxes and arrows, as `tape.graph()` gives them.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: this is no graph.
        ValueError: there is nothing in it.
    """
    if not isinstance(drawing, Graph):
        raise TypeError(
            f"plot.graph: expected what tape.graph() returns, got a {type(drawing).__name__}"
        )
    if not drawing.labels:
        raise Check("graph").wrong("drawing", "is empty", "call an op inside `with tape()`")
    at, chains = drawing.positions()
    half = {name: LETTER * len(label) + AIR for name, label in drawing.labels.items()}
    left = min(at[name][0] - half[name] for name in half) - AIR
    right = max(at[name][0] + half[name] for name in half) + AIR
    low = max(y for _, y in at.values())
    inch = max(INCH, (right - left) / WIDEST)
    size = max(4.0, (right - left) / inch), max(2.0, 0.4 + (low + 30) / inch)
    ax = yield Sketch({"computed from": drawing.text().splitlines()}, *size)
    for chain in chains:
        points = [at[name] for name in chain]
        points[-1] = _edge(points[-2], points[-1], half[chain[-1]])
        xs, ys = zip(*points)
        ax.plot(xs[:-1], ys[:-1], color=GREY, linewidth=1, zorder=1)
        arrow = {"arrowstyle": "->", "color": GREY, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=1)
    style = {"ha": "center", "va": "center", "fontsize": POINTS * INCH / inch}
    for name, label in drawing.labels.items():
        fill, edge, shape = BOXES[drawing.kinds[name]]
        box = {"boxstyle": shape, "facecolor": fill, "edgecolor": edge}
        ax.text(*at[name], escaped(label), bbox=box, **style)
    ax.set_xlim(left, right)
    ax.set_ylim(low + 20, min(y for _, y in at.values()) - 20)  # down is on, as in the text
    ax.set_axis_off()
    ax.set_title(title)


def _edge(start: tuple[float, float], end: tuple[float, float], half: float) -> tuple[float, float]:
    """Where an arrow from `start` to the middle of a box, `end`, meets the edge of the box."""
    across, down = end[0] - start[0], end[1] - start[1]
    part = min(half / (abs(across) or 1e-9), TALL / (abs(down) or 1e-9))
    return end[0] - part * across, end[1] - part * down
