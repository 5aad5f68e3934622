"""What can be seen as an image: weights, filters, examples with their labels, mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.plot.checks import Check
from minitorch.plot.figure import WIDTH, Drawing, Sketch, picture
from minitorch.plot.style import GREY, RED, escaped

LABEL = 0.35  # the room of a label, in inches


@picture
def weights(
    matrix: Any,
    name: str = "W",
    title: str = "Weights: purple raises the output, orange lowers it",
    *,
    ax: Any = None,
) -> Drawing:
    """A matrix as an image; 0 is white, and both signs reach equally far.

    Args:
        matrix: (out, in); more axes are laid out side by side.
        name: of the weights.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: there are none, or they are a single number.
    """
    values = Check("weights").array("matrix", matrix, "(out, in)", range(1, 65))
    values = values.reshape(len(values), -1)
    ax = yield Sketch(_columns("input", values))
    limit = float(np.abs(values[np.isfinite(values)]).max(initial=0)) or 1.0
    style = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    image = ax.imshow(values, aspect="auto", **style)
    ax.figure.colorbar(image, ax=ax, pad=0.01).set_label(escaped(f"value of a weight of {name}"))
    ax.grid(visible=False)
    _whole(ax)
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    ax.set_title(title)


@picture
def filters(
    kernels: Any,
    columns: int | None = None,
    title: str = "Filters: purple raises the answer, orange lowers it",
    *,
    ax: Any = None,
) -> Drawing:
    """The filters of a convolution side by side, each scaled by its own largest weight.

    Args:
        kernels: (out, in, K, K) or (out, K, K); of several input channels the mean is shown.
        columns: how many in a row.
        title: what the reader should see.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: another number of axes.
    """
    values = Check("filters").array("kernels", kernels, "(out, in, K, K)", [3, 4])
    if values.ndim == 4:
        values = values.mean(1)
    size = np.abs(values).max(axis=(1, 2), keepdims=True)
    mosaic, _ = _mosaic("filters", values / np.maximum(size, 1e-30), columns)
    table = _columns("weight", values.reshape(len(values), -1))
    ax = yield Sketch(table, height=_height(mosaic))
    ax.imshow(mosaic, cmap="PuOr", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title)


@picture
def image_grid(
    images: Any,
    labels: Sequence[Any] = (),
    columns: int | None = None,
    wrong: Sequence[bool] = (),
    title: str = "",
    *,
    ax: Any = None,
) -> Drawing:
    """Images side by side, each with its label above it.

    Args:
        images: (N, H, W), (N, 1, H, W), or (N, 3, H, W) for colours from 0 to 1.
        labels: one for each image.
        columns: how many in a row.
        wrong: which labels are written in another colour, and with a cross.
        title: what the reader should see; how many there are, unless given.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: another number of axes or channels, or the lengths do not match.
    """
    check = Check("image_grid")
    values = check.array("images", images, "(N, H, W), (N, 1, H, W) or (N, 3, H, W)", [3, 4])
    if values.ndim == 4:
        if values.shape[1] not in (1, 3):
            raise check.wrong(
                "images", f"have {values.shape[1]} channels, shape {values.shape}", "give 1 or 3"
            )
        values = values[:, 0] if values.shape[1] == 1 else np.moveaxis(values, 1, -1)
    n = len(values)
    texts = check.names("labels", labels, n, "images") if len(labels) else [""] * n
    crossed = [bool(x) for x in wrong] or [False] * n
    if len(crossed) != n:
        raise check.wrong("wrong", f"has {len(crossed)} answers for {n} images", "give one each")
    mosaic, places = _mosaic("image_grid", values, columns, LABEL if len(labels) else 0)
    means = values.reshape(n, -1).mean(1).tolist()
    table = {"image": range(n), "label": texts, "wrong": crossed, "mean value": means}
    ax = yield Sketch(table, height=_height(mosaic))
    ax.imshow(mosaic, cmap="gray_r", interpolation="nearest")
    for text, is_wrong, (top, left) in zip(texts, crossed, places):
        style = {"color": RED, "weight": "bold"} if is_wrong else {}
        middle = left + values.shape[2] / 2 - 0.5
        shown = escaped(text) + " ×" * is_wrong
        ax.text(middle, top - 0.6, shown, ha="center", va="bottom", fontsize="small", **style)
    ax.set_axis_off()
    count = f"{n} images" + f", {sum(crossed)} of them read wrong" * any(crossed)
    ax.set_title(title or count)


@picture
def confusion_matrix(
    matrix: Any, names: Sequence[Any] = (), title: str = "", *, ax: Any = None
) -> Drawing:
    """What was taken for what: a row for each truth, a column for each guess.

    Args:
        matrix: (classes, classes) counts; its diagonal was right, and is left uncoloured.
        names: of the classes; their numbers unless given.
        title: the share that was right, unless given.
        ax: to draw on; a new figure's unless given.

    Raises:
        TypeError: these are no numbers.
        ValueError: it is no square, or its numbers are no counts.
    """
    check = Check("confusion_matrix")
    counts = check.finite("matrix", check.array("matrix", matrix, "(classes, classes)", [2]))
    n = len(counts)
    if counts.shape != (n, n):
        raise check.wrong(
            "matrix",
            f"has shape {counts.shape}, expected a square: a row and a column for each class",
        )
    if counts.min() < 0:
        raise check.wrong("matrix", f"goes down to {counts.min():g}, and holds no counts")
    texts = check.names("names", names, n, "classes") if len(names) else [*map(str, range(n))]
    columns = {"is": texts, **{f"taken for {t}": c.tolist() for t, c in zip(texts, counts.T)}}
    side = min(8.0, max(4.0, 1.6 + 0.5 * n))
    ax = yield Sketch(columns, width=side + 0.4, height=side)
    mistakes = np.where(np.eye(n, dtype=bool), 0, counts)
    ax.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1, 1.6 * mistakes.max()))
    if n <= 30:
        small = "small" if n <= 15 else "xx-small"
        for (i, j), count in np.ndenumerate(counts):
            style = {"color": GREY} if i == j else {"weight": "bold"}
            if count:
                ax.text(j, i, f"{count:g}", ha="center", va="center", fontsize=small, **style)
    ax.set_xticks(range(n), [escaped(text) for text in texts])
    ax.set_yticks(range(n), [escaped(text) for text in texts])
    if max(map(len, texts)) > 3:
        ax.tick_params(axis="x", rotation=45)
    ax.grid(visible=False)
    ax.set_xlabel("taken for")
    ax.set_ylabel("is")
    right, total = counts.trace(), counts.sum()
    said = f"{right / max(total, 1):.1%} right; mistakes off the diagonal: {total - right:g}"
    ax.set_title(title or said)


# helpers -----------------------------------------------------------------------------------------


def _columns(name: str, values: np.ndarray) -> dict[str, list[Any]]:
    """A row of the table for each row of the matrix."""
    columns = {f"{name} {i}": column.tolist() for i, column in enumerate(values.T)}
    return {"output": list(range(len(values))), **columns}


def _mosaic(
    function: str, images: np.ndarray, columns: int | None, above: float = 0
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """One large image of many, with gaps that show nothing, and where each one begins in it.

    `above` is the room over each of them, in inches of a figure of its own.
    """
    count, height, width, *colours = images.shape
    columns = math.ceil(math.sqrt(1.6 * count)) if columns is None else columns
    if columns < 1:
        raise Check(function).wrong("columns", f"is {columns}", "at least 1 image fits in a row")
    rows = math.ceil(count / columns)
    room = max(1, round(above * columns * (width + 1) / WIDTH))
    high, wide = height + room, width + 1
    mosaic = np.full((rows * high, columns * wide - 1, *colours), 1.0 if colours else np.nan)
    places = [(i // columns * high + room, i % columns * wide) for i in range(count)]
    for image, (top, left) in zip(images, places):
        mosaic[top : top + height, left : left + width] = image
    return mosaic, places


def _height(mosaic: np.ndarray) -> float:
    """Of a figure as wide as others, in inches, so that little stays empty beside the images."""
    high, wide = mosaic.shape[:2]
    return min(8.0, 0.6 + WIDTH * high / wide)


def _whole(ax: Any) -> None:
    """Ticks at whole numbers only."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
