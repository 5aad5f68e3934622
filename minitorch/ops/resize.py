"""Resizing: every output is a weighted sum of a few inputs along one axis, one axis at a time.

Which inputs, and with what weights, is a small table made from the two sizes alone. Looking inputs
up in a table is linear, and its adjoint is looking up in the transposed table, so one op serves
nearest and bilinear resizing and adaptive pooling, forward, backward and to any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from minitorch.array import device_of, move
from minitorch.op import composite, op
from minitorch.ops.window import check_image, per_axis
from minitorch.words import np


class Table(NamedTuple):
    """Output i is Σ_t weight[t, i] · input[inputs[t, i]]; there are `size` inputs."""

    size: int
    inputs: np.ndarray
    weight: np.ndarray


def transposed(table: Table) -> Table:
    """The table of the adjoint: for every input, the outputs it goes to."""
    terms, count = table.inputs.shape
    inputs, outputs = table.inputs.ravel(), np.tile(np.arange(count), terms)
    order = np.argsort(inputs, kind="stable")
    uses = np.bincount(inputs, minlength=table.size)
    place = np.arange(len(order)) - np.repeat(np.cumsum(uses) - uses, uses)
    index = np.zeros((int(uses.max()), table.size), np.int64)
    weight = np.zeros(index.shape)
    index[place, inputs[order]] = outputs[order]
    weight[place, inputs[order]] = table.weight.ravel()[order]
    return Table(count, index, weight)


@op
def resample(x, *, table, dim):
    """y[.., i, ..] = Σ_t w[t, i] x[.., inputs[t, i], ..]          dL/dx = g, the table transposed

    >>> import minitorch
    >>> halves = Table(3, np.array([[0, 1], [1, 2]]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    >>> minitorch.ops.resize.resample(minitorch.tensor([0.0, 2.0, 4.0]), halves, 0)
    tensor([1., 3.])
    """
    dim %= x.ndim
    along = (-1, *(1,) * (x.ndim - 1 - dim))
    y = None
    for index, weight in zip(table.inputs, table.weight):
        term = x.take(move(index, device_of(x)), axis=dim)
        if not (weight == 1).all():
            term *= move(weight.astype(x.dtype), device_of(x)).reshape(along)
        y = term if y is None else np.add(y, term, out=y)
    return y


resample.grad(x=lambda g, table, dim: resample(g, transposed(table), dim))


# the tables -----------------------------------------------------------------------------------


def nearest(size: int, count: int, scale: float, shift: float = 0) -> Table:
    """Output i takes input ⌊(i + shift) · scale⌋; a shift of ½ is to the middle of the output.

    The product is brought to float32, as in torch: 11 · (30 / 22) is 14.999... in float64.
    """
    place = ((np.arange(count) + shift) * scale).astype(np.float32)
    index = np.minimum(place.astype(np.int64), size - 1)
    return Table(size, index[None], np.ones((1, count)))


def linear(size: int, count: int, scale: float, align_corners: bool) -> Table:
    """Output i lies at (i + ½) · scale - ½ between two inputs, the nearer one weighing more.

    With the corners aligned it lies at i · (size - 1) / (count - 1): first on first, last on last.
    """
    if align_corners:
        place = np.arange(count) * _corner_step(size, count)
    else:
        place = np.maximum((np.arange(count) + 0.5) * scale - 0.5, 0)
    low = np.minimum(place.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = np.clip(place - low, 0, 1)
    return Table(size, np.stack([low, high]), np.stack([1 - share, share]))


def cubic(size: int, count: int, scale: float, align_corners: bool) -> Table:
    """Output i lies as in `linear`, and the curve runs through four inputs: smooth, and sharper.

    Beyond the ends the border goes on.
    """
    if align_corners:
        place = np.arange(count) * _corner_step(size, count)
    else:
        place = (np.arange(count) + 0.5) * scale - 0.5
    low = np.floor(place)
    index = (low + np.arange(-1, 3)[:, None]).astype(np.int64)
    return Table(size, np.clip(index, 0, size - 1), np.stack(cubic_weights(place - low)))


def _corner_step(size: int, count: int) -> float:
    """From output to output, where the first lies on the first input and the last on the last."""
    return (size - 1) / (count - 1) if count > 1 else 0.0


def cubic_weights(d: Any) -> list[Any]:
    """Those of the four pixels around a place that is d, 0 to 1, behind the second of them."""
    near, far = cubics(-0.75)
    return [far(1 + d), near(d), near(1 - d), far(2 - d)]


def cubics(a: float) -> tuple[Callable, Callable]:
    """The weight of a pixel at distance d: one cubic from 1 at 0 to 0 at 1, one to 0 again at 2.

    Both have the slope a at 1, and are level at 0 and 2. Keys 1981.
    """

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((d - 5) * d + 8) * d * a - 4 * a

    return near, far


def smooth(size: int, count: int, scale: float | None = None, mode: str = "bilinear") -> Table:
    """Output i is the mean of the inputs around (i + ½) · scale, the farther the less they weigh.

    The weight falls in a straight line to 0 over max(scale, 1), so a smaller image loses what is
    too fine for it, and a larger one is that of `linear`. For "bicubic" it falls along two cubics,
    of slope -½ where they meet, over twice that.
    """
    scale = size / count if scale is None else scale
    unit, units = max(scale, 1.0), 2 if mode == "bicubic" else 1
    middle = (np.arange(count) + 0.5) * scale
    start = np.maximum((middle - unit * units + 0.5).astype(np.int64), 0)
    stop = np.minimum((middle + unit * units + 0.5).astype(np.int64), size)
    step = np.arange(int((stop - start).max()))[:, None]
    d = np.abs(start + step - middle + 0.5) / unit
    if mode == "bicubic":
        near, far = cubics(-0.5)
        weight = np.where(d < 1, near(d), np.where(d < 2, far(d), 0))
    else:
        weight = np.maximum(1 - d, 0)
    weight *= start + step < stop
    return Table(size, np.minimum(start + step, size - 1), weight / weight.sum(axis=0))


def bins(size: int, count: int) -> Table:
    """`count` bins of nearly equal length that cover the axis, averaged: [⌊iS/n⌋, ⌈(i+1)S/n⌉).

    Shorter bins repeat their last input, which shares its weight with itself.
    """
    start = np.arange(count) * size // count
    stop = -(-(np.arange(1, count + 1) * size) // count)
    step = np.arange(int((stop - start).max()))[:, None]
    index = np.minimum(start + step, stop - 1)
    copies = (index == stop - 1).sum(axis=0)
    return Table(size, index, np.where(index == stop - 1, 1 / copies, 1) / (stop - start))


# interpolate ----------------------------------------------------------------------------------

_MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}


@composite()
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Images of another size: (N, C, *S) to (N, C, *size), or to S times `scale_factor`.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the output, an int or one per axis.
        scale_factor: in place of `size`, a number or one per axis.
        mode: "nearest", or "linear" (one axis), "bilinear" (two), "trilinear" (three); "bicubic"
            (two) draws a smooth curve, which may go beyond the values that it runs through;
            "nearest-exact" takes the input under the middle of each output, and not under its
            edge; "area" the mean of all that an output covers, as `adaptive_avg_pool2d`.
        align_corners: put the first and last inputs on the first and last outputs, and not the
            edges of their pixels; for the linear modes and "bicubic".
        recompute_scale_factor: take the scale from the rounded sizes, and not as given.
        antialias: for "bilinear" and "bicubic": average over all that an output covers, and not
            over the nearest alone, so that fine stripes become grey and not coarse ones.

    Raises:
        ValueError: neither or both of size and scale_factor, a mode for another number of axes, or
            an option that means nothing beside the others.
    """
    n = len(np.shape(getattr(input, "array", input))) - 2
    check_image("interpolate", input, min(max(n, 1), 3), "input")
    _check_mode(mode, n, align_corners is not None, antialias)
    sizes = input.shape[2:]
    counts = _counts(sizes, size, scale_factor, bool(recompute_scale_factor))
    if scale_factor is None or recompute_scale_factor:
        steps = [s / count for s, count in zip(sizes, counts)]
    else:
        steps = [1 / factor for factor in _factors(scale_factor, n)]
    for axis, (s, count, step) in enumerate(zip(sizes, counts, steps)):
        table = _table(mode, s, count, step, bool(align_corners), antialias)
        input = resample(input, table, axis + 2)
    return input


def _check_mode(mode: str, n: int, has_corners: bool, antialias: bool) -> None:
    """Raises for a mode of another number of axes, or one that an option means nothing to."""
    if mode not in _MODES or n not in _MODES[mode]:
        fits = [m for m, axes in _MODES.items() if n in axes]
        raise ValueError(f"interpolate: mode {mode!r} for {n} spatial axes; expected one of {fits}")
    if "linear" not in mode and mode != "bicubic" and has_corners:
        raise ValueError("interpolate: align_corners is for linear modes; leave it out")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: antialias is for 'bilinear' and 'bicubic', got {mode!r}")


def _counts(sizes: Any, size: Any, scale_factor: Any, recomputed: bool) -> tuple[int, ...]:
    """How many outputs there are along each axis."""
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"interpolate: give size or scale_factor, one of the two, "
            f"got size={size}, scale_factor={scale_factor}"
        )
    if size is not None:
        if recomputed:
            raise ValueError(
                "interpolate: recompute_scale_factor is for a scale_factor; leave it out"
            )
        return per_axis("interpolate", "size", size, len(sizes))
    counts = tuple(math.floor(s * f) for s, f in zip(sizes, _factors(scale_factor, len(sizes))))
    if min(counts) < 1:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor} of {sizes} leaves {counts}, expected "
            "at least 1 along every axis"
        )
    return counts


def _factors(scale_factor: Any, n: int) -> tuple[float, ...]:
    """One for each axis."""
    many = isinstance(scale_factor, (tuple, list))
    factors = tuple(scale_factor) if many else (scale_factor,) * n
    if len(factors) != n:
        raise ValueError(
            f"interpolate: scale_factor must be a number or {n} numbers, got {scale_factor!r}"
        )
    return factors


def _table(
    mode: str, size: int, count: int, step: float, align_corners: bool, antialias: bool
) -> Table:
    """That of one axis."""
    if mode == "area":
        return bins(size, count)
    if mode in ("nearest", "nearest-exact"):
        return nearest(size, count, step, 0 if mode == "nearest" else 0.5)
    if antialias:
        return smooth(size, count, _corner_step(size, count) if align_corners else step, mode)
    curve = cubic if mode == "bicubic" else linear
    return curve(size, count, step, align_corners)
