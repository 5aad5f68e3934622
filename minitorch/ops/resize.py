"""Resizing: every output is a weighted sum of a few inputs along one axis, one axis at a time.

Which inputs, and with what weights, is a small table made from the two sizes alone. Looking inputs
up in a table is linear, and its adjoint is looking up in the transposed table, so one op serves
nearest and bilinear resizing and adaptive pooling, forward, backward and to any order.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import device_of, move
from minitorch.op import composite, op
from minitorch.ops.window import check_image, per_axis


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
    """Output i takes input ⌊(i + shift) · scale⌋; a shift of ½ is to the middle of the output."""
    index = np.minimum(((np.arange(count) + shift) * scale).astype(np.int64), size - 1)
    return Table(size, index[None], np.ones((1, count)))


def linear(size: int, count: int, scale: float, align_corners: bool) -> Table:
    """Output i lies at (i + ½) · scale - ½ between two inputs, the nearer one weighing more.

    With the corners aligned it lies at i · (size - 1) / (count - 1): first on first, last on last.
    """
    if align_corners:
        place = np.arange(count) * ((size - 1) / max(count - 1, 1))
    else:
        place = np.maximum((np.arange(count) + 0.5) * scale - 0.5, 0)
    low = np.minimum(place.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = np.clip(place - low, 0, 1)
    return Table(size, np.stack([low, high]), np.stack([1 - share, share]))


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
) -> Any:
    """Images of another size: (N, C, *S) to (N, C, *size), or to S times `scale_factor`.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the output, an int or one per axis.
        scale_factor: in place of `size`, a number or one per axis.
        mode: "nearest", or "linear" (one axis), "bilinear" (two), "trilinear" (three);
            "nearest-exact" takes the input under the middle of each output, and not under its
            edge; "area" the mean of all that an output covers, as `adaptive_avg_pool2d`.
        align_corners: put the first and last inputs on the first and last outputs, and not the
            edges of their pixels; for the linear modes.
        recompute_scale_factor: take the scale from the rounded sizes, and not as given.

    Raises:
        ValueError: neither or both of size and scale_factor, a mode for another number of axes, or
            an option that means nothing beside the others.
    """
    n = len(np.shape(getattr(input, "array", input))) - 2
    check_image("interpolate", input, min(max(n, 1), 3), "input")
    if mode not in _MODES or n not in _MODES[mode]:
        fits = [m for m, axes in _MODES.items() if n in axes]
        raise ValueError(f"interpolate: mode {mode!r} for {n} spatial axes; expected one of {fits}")
    if "linear" not in mode and align_corners is not None:
        raise ValueError("interpolate: align_corners is for linear modes; leave it out")
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"interpolate: give size or scale_factor, one of the two, "
            f"got size={size}, scale_factor={scale_factor}"
        )
    if size is not None and recompute_scale_factor:
        raise ValueError("interpolate: recompute_scale_factor is for a scale_factor; leave it out")
    sizes = input.shape[2:]
    if size is not None:
        counts = per_axis("interpolate", "size", size, n)
    else:
        factors = (
            tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        )
        if len(factors) != n:
            raise ValueError(
                f"interpolate: scale_factor must be a number or {n} numbers, got {scale_factor!r}"
            )
        counts = tuple(math.floor(s * f) for s, f in zip(sizes, factors))
        if min(counts) < 1:
            raise ValueError(
                f"interpolate: scale_factor {scale_factor} of {sizes} leaves {counts}, expected "
                "at least 1 along every axis"
            )
    for axis, (s, count) in enumerate(zip(sizes, counts)):
        given = scale_factor is not None and not recompute_scale_factor
        scale = 1 / factors[axis] if given else s / count
        if mode == "area":
            table = bins(s, count)
        elif mode in ("nearest", "nearest-exact"):
            table = nearest(s, count, scale, 0 if mode == "nearest" else 0.5)
        else:
            table = linear(s, count, scale, bool(align_corners))
        input = resample(input, table, axis + 2)
    return input
