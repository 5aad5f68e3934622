"""Scans and products: each result goes on from the one before it.

A product of many numbers has the derivative "the product of all the others". Dividing the product
by x would give it, but not where x is 0; so what comes before x and what comes after it are
multiplied up from both ends instead.
"""

from __future__ import annotations

import math
from functools import lru_cache

from minitorch.few import is_few, within
from minitorch.op import composite, op
from minitorch.ops.arguments import dim_of
from minitorch.ops.arrange import margins
from minitorch.ops.join import cat
from minitorch.ops.reduce import beside, total_dtype
from minitorch.ops.shape import ravel, reshape
from minitorch.tensor import Tensor
from minitorch.words import np


@op(methods="cumsum", inplace="cumsum_", exact_dtype=True, autocast="high")
def cumsum(x, *, dim, dtype=None):
    """y_k = x_0 + ... + x_k along `dim`          dL/dx_k = g_k + g_(k+1) + ...

    float32 is added up in float64: running sums in float32 would stop growing at 2^24.

    >>> import minitorch
    >>> minitorch.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    dtype = total_dtype(x, dtype)
    if not x.shape:
        return x.astype(dtype)
    wide = np.float64 if dtype.kind == "f" else dtype
    return x.cumsum(axis=dim, dtype=wide).astype(dtype, copy=False)


cumsum.grad(x=lambda g, dim: _turned(cumsum(_turned(g, dim), dim), dim))


def _turned(x, dim):
    """`flip`, as a slice: that needs no op where x is an array."""
    return x[_backwards(len(x.shape), dim)]


@lru_cache
def _backwards(ndim, dim):
    before = (slice(None),) * dim_of(dim, ndim)
    return (*before, slice(None, None, -1), ...) if ndim else (...,)


@op(methods="prod", exact_dtype=True, autocast="high")
def prod(x, *, dim=None, keepdim=False, dtype=None):
    """y = Π x          dL/dx = g times the product of the others, also where some are 0

    >>> import minitorch
    >>> x = minitorch.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([0., 6., 0.])
    """
    return x.prod(axis=dim, dtype=total_dtype(x, dtype), keepdims=keepdim)


def _times_others(g, x, y, dim):
    if is_few(g) and _divides(y):
        return beside(g * y, x.shape, dim) / x
    return _times_all_others(g, x, dim)


def _divides(y):
    """True for a few products that are neither 0 nor inf, nor close to it, and so no factor is."""
    return within(y, math.inf) and within(np.reciprocal(y), math.inf)


def _times_all_others(g, x, dim):
    if dim is None or not x.shape:  # a number is a row of one, also where it is asked for its dim 0
        return reshape(_times_all_others(g, ravel(x), 0), x.shape)
    before = shift(cumprod(x, dim), dim)
    after = _turned(shift(cumprod(_turned(x, dim), dim), dim), dim)
    return beside(g, x.shape, dim) * (before * after)


def shift(x, dim, value=1):
    """x moved on by one along `dim`: the last element leaves, `value` comes in at the front."""
    return margins(x, _one_on(len(x.shape), dim), value)


@lru_cache
def _one_on(ndim, dim):
    dim = dim_of(dim, ndim)
    return tuple([(1, -1) if i == dim else (0, 0) for i in range(ndim)])


prod.grad(x=_times_others)


@op(methods="cumprod", inplace="cumprod_", exact_dtype=True, autocast="high")
def cumprod(x, *, dim, dtype=None):
    """y_k = x_0 x_1 ... x_k along `dim`          dL/dx_k = u_k y_(k-1)

    u_k = g_k + x_(k+1) u_(k+1) gathers what comes back from the right, without a division. Where
    few products are neither 0 nor inf, one is quicker: u_k y_(k-1) = Σ_(j >= k) g_j y_j / x_k.

    >>> import minitorch
    >>> minitorch.tensor([1, 2, 3]).cumprod(0)
    tensor([1, 2, 6])
    """
    dtype = total_dtype(x, dtype)
    return x.cumprod(axis=dim, dtype=dtype) if x.shape else x.astype(dtype)


@op
def recurrence(a, b, *, dim=-1):
    """y_k = a_k y_(k-1) + b_k along `dim`, from y_(-1) = 0

    dL/db_k = u_k = g_k + a_(k+1) u_(k+1), which is the same recurrence run backwards,
    dL/da_k = u_k y_(k-1).

    >>> import minitorch
    >>> half, one = minitorch.full((4,), 0.5), minitorch.ones(4)
    >>> minitorch.ops.scan.recurrence(half, one)
    tensor([1.0000, 1.5000, 1.7500, 1.8750])
    """
    before = (slice(None),) * dim_of(dim, len(a.shape))
    y = b.copy()
    for k in range(1, y.shape[len(before)]):
        y[(*before, k)] += a[(*before, k)] * y[(*before, k - 1)]
    return y


def from_right(g, a, dim):
    """u_k = g_k + a_(k+1) u_(k+1)"""
    return _turned(recurrence(shift(_turned(a, dim), dim), _turned(g, dim), dim), dim)


def _from_recurrence(g, a, y, dim):
    u = from_right(g, a, dim)
    return u * shift(y, dim, 0), u


recurrence.grad(_from_recurrence)


def _from_products(g, x, y, dim):
    if not x.shape:
        return g
    if is_few(g) and _divides(y):
        return _turned(cumsum(_turned(g * y, dim), dim), dim) / x
    return from_right(g, x, dim) * shift(y, dim)


cumprod.grad(x=_from_products)


# the way back ---------------------------------------------------------------------------------


@composite(methods="diff")
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """y_k = x_(k+1) - x_k along `dim`, n times over: what `cumsum` adds up.

    `prepend` and `append` are joined to x first; of bools it is where they change.

    >>> import minitorch
    >>> minitorch.tensor([1, 4, 9, 16]).diff()
    tensor([3, 5, 7])
    """
    if n < 0:
        raise ValueError(f"diff: n must be at least 0, got {n}")
    joined = [x for x in (prepend, input, append) if x is not None]
    y = cat(joined, dim) if len(joined) > 1 else input
    for _ in range(n):
        before_dim = (slice(None),) * dim_of(dim, len(y.shape), "diff")
        after, before = y[(*before_dim, slice(1, None))], y[(*before_dim, slice(0, -1))]
        y = after ^ before if y.dtype == np.bool_ else after - before
    return y
