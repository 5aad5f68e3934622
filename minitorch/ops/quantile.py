"""Quantiles and histograms: where the numbers lie.

The quantile q of n numbers stands at the place r = q (n - 1) of their order, counted from 0, and
between two of them if r is no whole number. As with the median, the gradient goes to the numbers
that stand there. `q` itself has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

from minitorch.array import zeros_beside
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats, dim_of
from minitorch.ops.compare import where
from minitorch.ops.join import stack
from minitorch.ops.order import pick_along, sort
from minitorch.ops.reduce import kept
from minitorch.ops.shape import reshape
from minitorch.tensor import Tensor, raw
from minitorch.words import np

BETWEEN = ("linear", "lower", "higher", "midpoint", "nearest")


@composite(methods="quantile")
def quantile(
    x: Tensor,
    q: float | Sequence[float] | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """y = (1 - w) a + w b, where a and b are the numbers before and after r, and w = r - ⌊r⌋

    A nan among the numbers is the result.

    Args:
        x: floats.
        q: from 0 (the smallest) to 1 (the largest). Of several the results are stacked, in front.
        dim: along which; None for all of x.
        keepdim: keeps that axis, with size 1.
        interpolation: "linear"; or a ("lower"), b ("higher"), their mean ("midpoint"), or whichever
            is "nearest".

    Raises:
        ValueError: q is out of range, there are no numbers, or no such interpolation.

    >>> import minitorch
    >>> x = minitorch.tensor([5.0, 1.0, 2.0, 4.0])
    >>> x.quantile(0.5), x.quantile([0.0, 0.75])
    (tensor(3.), tensor([1.0000, 4.2500]))
    """
    return _quantile("quantile", x, q, dim, keepdim, interpolation)


@composite(methods="nanquantile")
def nanquantile(
    x: Tensor,
    q: float | Sequence[float] | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The quantile of those numbers that are not nan; nan where all are.

    >>> import minitorch
    >>> minitorch.tensor([1.0, float("nan"), 3.0]).nanquantile(0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", x, q, dim, keepdim, interpolation)


def _quantile(name, x, q, dim, keepdim, interpolation):
    check_floats(name, "x", x)
    if interpolation not in BETWEEN:
        raise ValueError(
            f"{name}: expected interpolation to be one of {BETWEEN}, got {interpolation!r}"
        )
    qs = raw(q).tolist() if hasattr(raw(q), "tolist") else q
    several = isinstance(qs, (list, tuple))
    if several and not qs:
        raise ValueError(f"{name}: expected q, or several, got none")
    for one in qs if several else (qs,):
        if not (isinstance(one, Real) and 0 <= one <= 1):
            raise ValueError(f"{name}: expected q from 0 to 1, got {one!r}")
    place = 0 if dim is None else dim_of(dim, x.ndim, name)
    flat = reshape(x, (-1,)) if dim is None or not x.shape else x
    if not flat.shape[place]:
        where_not = "" if dim is None else f" along dim {dim}"
        raise ValueError(f"{name}: shape {tuple(x.shape)} has no numbers{where_not}")
    nan = raw(flat) != raw(flat)
    count = (~nan).sum(axis=place, keepdims=True)
    ordered = sort(where(nan, math.inf, flat), place).values
    no_answer = count < flat.shape[place] if name == "quantile" else count == 0
    found = []
    for one in qs if several else (qs,):
        y = where(no_answer, math.nan, _at(ordered, one * (count - 1), place, interpolation))
        found.append(y.squeeze(place) if not keepdim else reshape(y, kept(x.shape, dim)))
    return stack(found, 0) if several else found[0]


def _at(ordered, r, dim, interpolation):
    """What stands at the places r along `dim`, or between two places."""
    before = np.floor(r)
    w = {
        "linear": r - before,
        "lower": r * 0,
        "higher": np.ceil(r) - before,
        "midpoint": (np.ceil(r) - before) / 2,
        "nearest": np.round(r) - before,
    }[interpolation].astype(ordered.dtype)
    before = np.maximum(before, 0).astype(np.int64)  # -1 where nothing is counted
    a = pick_along(ordered, before, dim)
    b = pick_along(ordered, np.minimum(before + 1, ordered.shape[dim] - 1), dim)
    return where(w == 0, a, where(w == 1, b, a + (b - a) * w))


@op(methods="histc", exact_dtype=True)
def histc(x, *, bins=100, min=0, max=0):
    """How many x fall into each of so many bins of equal width from `min` to `max`.

    A number on an edge belongs to the bin above it, but `max` to the last; those outside, and nan,
    are not counted. Without a range (min = max) it is that of the numbers; where that is not finite
    the counts are nan. There is no gradient.

    Raises:
        ValueError: min is above max, or one of them is inf or nan; no bins.

    >>> import minitorch
    >>> minitorch.tensor([0.0, 1.0, 1.5, 4.0]).histc(4)
    tensor([1., 2., 0., 1.])
    """
    check_floats("histc", "x", x)
    if bins < 1:
        raise ValueError(f"histc: expected bins to be 1 or more, got {bins}")
    if not -math.inf < min <= max < math.inf:
        raise ValueError(f"histc: expected min <= max, both finite, got {min} and {max}")
    low, high = (min, max) if min < max or not x.size else (x.min(), x.max())
    if min == max:
        alone = low == high
        low, high = low - alone, high + alone  # a range without width gets one on both sides
    inside = (x >= low) & (x <= high)
    bin_of = np.floor((x - low) * (bins / (high - low)))
    bin_of = np.clip(np.where(inside, bin_of, 0), 0, bins - 1).astype(np.int64)
    y = zeros_beside(x, bins)
    np.add.at(y, bin_of.ravel(), inside.ravel().astype(x.dtype))
    return y + 0 * (high - low) if min == max else y
