"""Reductions: many elements become one, over all dims, over one or over several.

In the formulas Σ runs over the n elements x that become one y. `dim=None` reduces all dims; with
`keepdim=True` a reduced axis stays, with size 1. More reductions are in `statistics.py`
(variance, norm, logsumexp), `scan.py` (products) and `order.py` (max, sort, median).
"""

from __future__ import annotations

import math
from functools import lru_cache

from minitorch.constants import number
from minitorch.dtypes import as_dtype
from minitorch.few import add_up, repeated
from minitorch.op import op
from minitorch.ops.arguments import check_floats, dims_of, whole_dim
from minitorch.words import np

# dims ------------------------------------------------------------------------------------------


def axes(dim):
    """`dim` as NumPy takes it: None, an int or a tuple. For torch `dim=()` means all as well."""
    if dim is None or type(dim) is int:
        return dim
    return (tuple(dim) or None) if isinstance(dim, (tuple, list)) else whole_dim(dim)


def kept(shape, dim):
    """`shape` with size 1 where `dim` (an int, several, or None for all) was reduced."""
    return _kept(shape, axes(dim))


@lru_cache
def _kept(shape, dim):
    if dim is None or not shape:
        return (1,) * len(shape)
    if type(dim) is int:
        dim %= len(shape)
        return (*shape[:dim], 1, *shape[dim + 1 :])
    dims = {d % len(shape) for d in dim}
    return tuple([1 if i in dims else n for i, n in enumerate(shape)])


def count(shape, dim):
    """n, the number of elements of an array of this shape that become one."""
    dim = axes(dim)
    if dim is None:
        return math.prod(shape)
    if type(dim) is int and -len(shape) <= dim < len(shape):
        return shape[dim]
    return math.prod([shape[d] for d in dims_of(dim, len(shape))]) if shape else 1


def beside(y, shape, dim):
    """The result of reducing `shape` over `dim`, so shaped that it meets what it was made from."""
    small = kept(shape, dim)
    return y if y.shape == small else y.reshape(small)


def nonempty(name, x, dim):
    """Raises a ValueError, for the op of that name, where `dim` of x has no elements."""
    if 0 in x.shape and count(x.shape, dim) == 0:
        where = "" if dim is None else f" along dim {dim}"
        raise ValueError(
            f"{name}: shape {x.shape} has no elements{where}, and there is no {name} of nothing"
        )


# sums -----------------------------------------------------------------------------------------


@op(methods="sum", exact_dtype=True, autocast="high")
def sum(x, *, dim=None, keepdim=False, dtype=None):
    """y = Σ x          dL/dx = g

    A sum of integers or bools is int64. The sum of nothing is 0.

    >>> import minitorch
    >>> minitorch.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
    tensor([4., 6.])
    """
    if dtype is None and x.dtype.kind == "f":
        return add_up(x, axes(dim), keepdim)
    return x.sum(axes(dim), total_dtype(x, dtype), keepdims=keepdim)


@op
def spread(x, *, shape, dim=None, over=1):
    """y = x / n, which is as small as a sum of `shape` over `dim`, repeated along `dim`

    dL/dx = Σ g / n: `sum` and `spread` are each other's adjoint, and so are `mean` and this, for
    n (`over`) elements in each.
    """
    if over != 1:
        x = np.divide(x, number(over, x), out=np.empty_like(x))
    return repeated(beside(x, shape, dim), shape)


sum.grad(x=lambda g, x_shape, dim: spread(g, x_shape, dim))
spread.grad(
    x=lambda g, x_shape, dim, over: add_up(g if over == 1 else g / over, axes(dim)).reshape(x_shape)
)


def total_dtype(x, dtype):
    """The dtype that a sum or a product is kept in; whole numbers need room to grow."""
    if dtype is not None:
        return as_dtype(dtype)
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.int64)


@op(methods="mean", exact_dtype=True)
def mean(x, *, dim=None, keepdim=False, dtype=None):
    """y = Σ x / n          dL/dx = g / n

    Raises:
        TypeError: x holds integers, and no `dtype` of floats to average them in is given.
        ValueError: there is nothing to take the mean of.

    >>> import minitorch
    >>> minitorch.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    if dtype is not None and as_dtype(dtype) != x.dtype:
        x = x.astype(as_dtype(dtype))
    if x.dtype.kind != "f":
        check_floats("mean", "x", x)
    n = count(x.shape, dim)
    if not n:
        nonempty("mean", x, dim)
    if x.dtype.itemsize == 2:  # float16 ends at 65,504, so it is added up in float32
        return (x.sum(axes(dim), np.float32, keepdims=keepdim) / n).astype(x.dtype)
    y = add_up(x, axes(dim), keepdim)
    y /= number(n, x)
    return y


mean.grad(x=lambda g, x_shape, dim: spread(g, x_shape, dim, count(x_shape, dim)))


# the largest and the smallest -----------------------------------------------------------------


@op(methods="amax", exact_dtype=True, calm=True)
def amax(x, *, dim=None, keepdim=False):
    """y = the largest x          dL/dx = g, shared evenly among the x that equal y; else 0

    >>> import minitorch
    >>> minitorch.tensor([[1.0, 5.0], [7.0, 3.0]]).amax(1)
    tensor([5., 7.])
    """
    nonempty("amax", x, dim)
    return x.max(axis=axes(dim), keepdims=keepdim)


@op(methods="amin", exact_dtype=True, calm=True)
def amin(x, *, dim=None, keepdim=False):
    """y = the smallest x          dL/dx = g, shared evenly among the x that equal y; else 0"""
    nonempty("amin", x, dim)
    return x.min(axis=axes(dim), keepdims=keepdim)


@op
def ties(x, top, *, dim=None):
    """Where x equals `top` (broadcast), and k, how many do along `dim`.

    The derivative of `amax` and its kind. It is constant in pieces and has no gradient of its own.
    A nan is the `top` wherever there is one, so here a nan equals it.
    """
    equal = (x == top) | (x != x)
    return equal, equal.sum(axes(dim), x.dtype, keepdims=True)


def to_ties(g, x, y, dim):
    """The gradient of a reduction that gives one of its x: g / k where x equals y, else 0."""
    equal, k = ties(x, beside(y, x.shape, dim), dim)
    return beside(g, x.shape, dim) / k * equal


amax.grad(x=lambda g, x, y, dim: to_ties(g, x, y, dim))
amin.grad(x=lambda g, x, y, dim: to_ties(g, x, y, dim))


@op(methods="argmax")
def argmax(x, *, dim=None, keepdim=False):
    """The index of the largest x along `dim`, the first of equals; in the flattened x for None."""
    nonempty("argmax", x, dim)
    return x.argmax(axis=dim, keepdims=keepdim)


@op(methods="argmin")
def argmin(x, *, dim=None, keepdim=False):
    """The index of the smallest x along `dim`, the first of equals; in the flattened x for None."""
    nonempty("argmin", x, dim)
    return x.argmin(axis=dim, keepdims=keepdim)


# yes and no -----------------------------------------------------------------------------------


@op(methods="any")
def any(x, *, dim=None, keepdim=False):
    """True where some x is not 0; of nothing, False."""
    return x.any(axis=axes(dim), keepdims=keepdim)


@op(methods="all")
def all(x, *, dim=None, keepdim=False):
    """True where every x is not 0; of nothing, True."""
    return x.all(axis=axes(dim), keepdims=keepdim)


@op(methods="count_nonzero")
def count_nonzero(x, *, dim=None):
    """How many x are not 0.

    >>> import minitorch
    >>> minitorch.tensor([3, 0, 5]).count_nonzero()
    tensor(2)
    """
    return (x != 0).sum(axis=axes(dim))
