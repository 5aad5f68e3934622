"""How a picture comes about, and how it becomes a file: this alone imports Matplotlib.

There is no window and no display: figures are made without pyplot, so none stays open. A file is
written whole or not at all, and the same picture is the same file, byte for byte.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Generator
from functools import reduce, wraps
from typing import Any, NamedTuple, ParamSpec

from minitorch.io.file import replacing
from minitorch.plot.style import STYLE
from minitorch.plot.table import Columns, Table, missing

# What would make two files of one figure differ: dates, and the drawing program's version.
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
WIDTH, HEIGHT = 8.0, 4.0  # of a figure, in inches

_P = ParamSpec("_P")


class Sketch(NamedTuple):
    """What is known of a picture before there is anything to draw on.

    Attributes:
        columns: the numbers in it, by name.
        width, height: of a figure of its own, in inches.
    """

    columns: Columns
    width: float = WIDTH
    height: float = HEIGHT


Drawing = Generator[Sketch, Any, None]  # yields its Sketch, gets the Axes, and draws


def picture(drawing: Callable[_P, Drawing]) -> Callable[_P, Any]:
    """Makes a plot of a generator that checks its numbers, yields a Sketch, and draws on `ax`.

        @picture
        def line(y, ax=None):
            ax = yield Sketch({"y": y})
            ax.plot(y)

    The plot draws on the Axes that it is given as `ax`, or else on those of a new figure, and
    returns them. Without Matplotlib it returns a Table of the Sketch's numbers.
    """

    @wraps(drawing)
    def plot(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        ax: Any = kwargs.get("ax")
        steps = drawing(*args, **kwargs)
        sketch = next(steps)
        if ax is not None:
            if not hasattr(ax, "plot"):
                raise TypeError(
                    f"plot.{drawing.__name__}: ax must be Matplotlib Axes, got a "
                    f"{type(ax).__name__}; `figure.subplots()` makes some"
                )
            _finish(steps, ax)
            return ax
        try:
            from matplotlib import style
            from matplotlib.figure import Figure
        except ImportError:
            return Table(sketch.columns)
        with style.context(["default", STYLE]):  # whatever the reader's own settings are
            ax = Figure(figsize=(sketch.width, sketch.height)).subplots()
            _finish(steps, ax)
        return ax

    return plot


def _finish(steps: Drawing, ax: Any) -> None:
    """Draws what comes after the Sketch."""
    try:
        steps.send(ax)
    except StopIteration:
        return
    raise RuntimeError("plot: a picture yields once, its Sketch")


def side_by_side(*pictures: Callable[..., Any], columns: int = 2) -> Any:
    """Several pictures in one figure: `side_by_side(partial(plot.history, run), ...)`.

    Args:
        pictures: functions that take `ax`.
        columns: at most so many in a row.

    Returns:
        The Matplotlib Figure, or without Matplotlib one Table of all numbers.

    Raises:
        ValueError: there are no pictures.
    """
    if not pictures:
        raise ValueError("plot.side_by_side: no pictures; give functions that take `ax`")
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        return reduce(Table.beside, [draw(ax=None) for draw in pictures])
    rows = math.ceil(len(pictures) / columns)
    across = math.ceil(len(pictures) / rows)
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(5 * across, 3.8 * rows))
        places = list(figure.subplots(rows, across, squeeze=False).flat)
        for draw, ax in zip(pictures, places):
            draw(ax=ax)
        for ax in places[len(pictures) :]:
            ax.remove()
    return figure


def save(path: str | os.PathLike[str], picture: Any) -> str:
    """Writes a picture to a file, whole or not at all: `plot.save("run.png", plot.run(history))`.

    Args:
        path: ends in .png, .svg or .pdf.
        picture: what a plot returned: Axes, whose whole figure is written, a Figure, or a Table.

    Returns:
        The path of what was written. A Table becomes a .csv file beside where the figure would be;
        it is printed, too, under a line that says how to get figures.

    Raises:
        TypeError: this is no picture.
        ValueError: another ending.
        OSError: nothing can be written there; the message names the path.
    """
    path = os.fspath(path)
    ending = checked_ending(path)
    if isinstance(picture, Table):
        path = os.path.splitext(path)[0] + ".csv"
        _write(path, picture.csv().encode())
        print(f"no figure, since {missing()}; its numbers are in {path}\n{picture}")
        return path
    figure = getattr(picture, "figure", None)
    if not hasattr(figure, "savefig"):
        raise TypeError(
            f"plot.save: expected the path, then what a plot returned, got a "
            f"{type(picture).__name__}; write plot.save(path, plot.history(...))"
        )
    _write(path, rendered(figure, ending))
    return path


def checked_ending(path: str | os.PathLike[str]) -> str:
    """The ending of the path: ".png", ".svg" or ".pdf".

    Raises:
        ValueError: another ending.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in FORMATS:
        raise ValueError(f"plot.save: {os.fspath(path)} does not end in {', '.join(FORMATS)}")
    return ending


def painted(draw: Callable[[Any], None], **figure_options: Any) -> bytes:
    """A new figure in this style, drawn by `draw(figure)`, as the bytes of a PNG file.

    Args:
        draw: takes a Matplotlib Figure and draws on it.
        figure_options: of the Figure, such as figsize=(8, 4), in inches.

    Raises:
        ImportError: there is no Matplotlib; the message says how to get it.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(missing()) from error
    with style.context(["default", STYLE]):
        figure = Figure(**figure_options)
        draw(figure)
    return rendered(figure, ".png")


def rendered(figure: Any, ending: str) -> bytes:
    """A figure as the bytes of a file of that kind, the same for the same figure."""
    from matplotlib import style

    content = io.BytesIO()
    with style.context(["default", STYLE]):
        figure.savefig(content, format=ending[1:], metadata=FORMATS[ending])
    return content.getvalue()


def look_alike(one: bytes, other: bytes) -> bool:
    """Are these two PNG files one picture to the eye: no colour differs by more than 8 of 255?"""
    from matplotlib.image import imread

    a, b = (imread(io.BytesIO(content), format="png") for content in (one, other))
    return a.shape == b.shape and float(abs(a - b).max()) <= 8 / 255


def _write(path: str, content: bytes) -> None:
    with replacing(path) as draft:
        draft.write(content)
