"""Running values: the largest, the smallest, or the log of a sum, of all that came so far."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats, dim_of
from minitorch.ops.compare import isneginf, where
from minitorch.ops.elementwise import exp
from minitorch.ops.index import pick_at
from minitorch.ops.keys import along
from minitorch.ops.order import ValuesIndices
from minitorch.ops.scan import from_right, shift
from minitorch.ops.shape import clone
from minitorch.tensor import Tensor, make, raw
from minitorch.words import np


@composite(methods="cummax")
def cummax(x: Tensor, dim: int) -> ValuesIndices:
    """y_k = max(x_0, ..., x_k) along `dim`, and its place, the last of several that are equal.

    dL/dx_j = Σ g_k over the k whose largest is x_j. A nan counts as larger than anything.

    >>> import minitorch
    >>> values, indices = minitorch.cummax(minitorch.tensor([1.0, 3.0, 2.0, 3.0]), 0)
    >>> values, indices
    (tensor([1., 3., 3., 3.]), tensor([0, 1, 1, 3]))
    """
    return _running(x, dim_of(dim, len(x.shape), "cummax"), np.maximum)


@composite(methods="cummin")
def cummin(x: Tensor, dim: int) -> ValuesIndices:
    """y_k = min(x_0, ..., x_k) along `dim`, and its place; all else as in `cummax`."""
    return _running(x, dim_of(dim, len(x.shape), "cummin"), np.minimum)


def _running(x: Tensor, dim: int, best: Any) -> ValuesIndices:
    index = _places(best, raw(x), dim)
    values = pick_at(x, along(index, dim)) if x.shape else clone(x)
    return ValuesIndices(values, make(index, None, "indices have no gradient"))


def _places(best: Any, x: Array, dim: int) -> Array:
    """Where the best so far stands: the last place at which x was the best itself."""
    if not x.shape:
        return np.zeros_like(x, dtype=np.int64)
    n, after = x.shape[dim], x.ndim - dim - 1
    places = np.arange(n, like=x).reshape(n, *(1,) * after)
    is_best = (x == _so_far(best, x, dim)) | (x != x)
    return _so_far(np.maximum, np.where(is_best, places, 0), dim)


def _so_far(combine: Any, x: Array, dim: int) -> Array:
    """combine(x_0, ..., x_k) for each k along `dim`, in log2 n passes.

    A pass combines what covers s numbers with what covers the s before them. Hillis and Steele
    1986, "Data parallel algorithms".
    """
    before, s = (slice(None),) * dim, 1
    while s < x.shape[dim]:
        y = x.copy()
        y[(*before, slice(s, None))] = combine(
            x[(*before, slice(s, None))], x[(*before, slice(None, -s))]
        )
        x, s = y, 2 * s
    return x


@op(methods="logcumsumexp", exact_dtype=True, autocast="high")
def logcumsumexp(x, *, dim):
    """y_k = log(e^x_0 + ... + e^x_k) along `dim`          dL/dx_j = Σ_(k >= j) g_k e^(x_j - y_k)

    No exponent is above 0, in the sum or in its gradient, so nothing overflows.

    Raises:
        TypeError: x holds integers.

    >>> import minitorch
    >>> minitorch.logcumsumexp(minitorch.tensor([1000.0, 1000.0]), 0)
    tensor([1000.0000, 1000.6932])
    """
    check_floats("logcumsumexp", "x", x)
    y = _so_far(np.logaddexp, x, dim_of(dim, len(x.shape), "logcumsumexp")) if x.shape else x
    return y.copy() if y is x else y


def _logcumsumexp_x(g, x, y, dim):
    if not x.shape:
        return g
    # Where y is still -inf, nothing was added, and e^(x - y) is 0 / 0: no share.
    nothing = isneginf(y)
    share = exp(where(nothing, y, x - y))
    kept = exp(where(nothing, y, shift(y, dim, -math.inf) - y))
    return from_right(g, kept, dim) * share


logcumsumexp.grad(x=_logcumsumexp_x)
