"""Order: the largest, the smallest, the middle one, and sorting.

Each finds *indices* first, which have no gradient, and then picks the elements there; the gradient
goes back to the places they were picked from.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from numpy import ndarray

from minitorch.array import zeros_beside
from minitorch.constants import number
from minitorch.few import FEW, is_few
from minitorch.op import composite, direct, op
from minitorch.ops.arguments import dim_of
from minitorch.ops.compare import maximum, minimum
from minitorch.ops.keys import along
from minitorch.ops.places import places_found
from minitorch.ops.reduce import amax, amin, nonempty, to_ties
from minitorch.tensor import Tensor, make, raw
from minitorch.words import np


class ValuesIndices(NamedTuple):
    """What was found, and where along the dim."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The smallest and the largest."""

    min: Tensor
    max: Tensor


# picking --------------------------------------------------------------------------------------


@op(calm=True)
def pick_along(x, *, index, dim, keepdim=True):
    """y = x at these indices along `dim`, all different          dL/dx = g put there, 0 elsewhere

    `index` has the axes of x; with `keepdim=False` it has size 1 in `dim`, and y has no such axis.
    """
    if not x.shape:
        return x.copy()
    y = x[along(index, dim_of(dim, x.ndim))]
    return y if keepdim else y.squeeze(axis=dim)


@op
def put_along(x, *, index, dim, shape):
    """y = zeros of `shape`, but x at these indices along `dim`          dL/dx = g, picked there"""
    if not x.shape:
        return x.copy()
    y = zeros_beside(x, shape)
    y[along(index, dim_of(dim, x.ndim))] = x
    return y


pick_along.grad(
    x=lambda g, x_shape, index, dim: put_along(g.reshape(index.shape), index, dim, x_shape)
)
put_along.grad(x=lambda g, index, dim: pick_along(g, index, dim))


@op(calm=True)
def pick_once(x, *, at):
    """y = the elements of x at these numbers, all different          dL/dx = 0, but g there

    The elements of x are counted as if they were one row.
    """
    return x.ravel()[at]


@op(calm=True)
def put_once(x, *, at, shape):
    """y = 0 everywhere in `shape`, but x at these numbers          dL/dx = g, picked there"""
    y = zeros_beside(x, shape)
    y.put(at, x)
    return y


pick_once.grad(x=lambda g, x_shape, at: direct(put_once, g)(g, at=at, shape=x_shape))
put_once.grad(x=lambda g, at: g.ravel()[at])


def _picked(x, index, dim, keepdim):
    """Values and indices, from an array of indices found with `keepdim`."""
    array = raw(x)
    shape = array.shape
    if shape and is_few(array):
        at = places_found(index, dim, shape)
        if not keepdim:
            index, at = index.squeeze(axis=dim), at.squeeze(axis=dim)
        values = pick_once(x, at)
    else:
        values = pick_along(x, index, dim, keepdim or not shape)
        if not shape:
            index = np.zeros_like(array, dtype=np.int64)
        elif not keepdim:
            index = index.reshape(values.shape)
    pair = values, make(index, None, "indices have no gradient")
    return tuple.__new__(ValuesIndices, pair)  # in half the time of ValuesIndices(*pair)


# the largest and the smallest -----------------------------------------------------------------


@composite(methods="max")
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest of all, (values, indices) along `dim`, or the larger of two tensors.

    Of several that are equally large, `x.max()` shares the gradient evenly between them, as `amax`
    does, and `x.max(dim)` gives it to the first.

    >>> import minitorch
    >>> x = minitorch.tensor([[1.0, 5.0], [7.0, 3.0]])
    >>> x.max()
    tensor(7.)
    >>> values, indices = x.max(dim=1)
    >>> indices
    tensor([1, 0])
    """
    if other is not None or isinstance(dim, (Tensor, np.ndarray)):
        return maximum(input, dim if other is None else other)
    if dim is None:
        return amax(input, keepdim=keepdim)
    dim_of(dim, len(input.shape), "max")
    nonempty("max", input, dim)
    return _picked(input, raw(input).argmax(axis=dim, keepdims=True), dim, keepdim)


@composite(methods="min")
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest of all, (values, indices) along `dim`, or the smaller of two tensors.

    Equals share the gradient as in `max`.
    """
    if other is not None or isinstance(dim, (Tensor, np.ndarray)):
        return minimum(input, dim if other is None else other)
    if dim is None:
        return amin(input, keepdim=keepdim)
    dim_of(dim, len(input.shape), "min")
    nonempty("min", input, dim)
    return _picked(input, raw(input).argmin(axis=dim, keepdims=True), dim, keepdim)


@composite(methods="aminmax")
def aminmax(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """(min, max), as `amin` and `amax` find them."""
    return MinMax(amin(x, dim, keepdim), amax(x, dim, keepdim))


def _length(x, dim, name):
    """The size of `dim`; one number has a dim of size 1."""
    shape = x.shape
    if type(dim) is int and -len(shape) <= dim < len(shape):
        return shape[dim]
    return shape[dim_of(dim, len(shape), name)] if shape else 1


# sorting --------------------------------------------------------------------------------------


@op(methods="argsort", calm=True)
def argsort(x, *, dim=-1, descending=False, stable=False):
    """The indices that would sort x along `dim`; equals stay in order, nan counts as the largest.

    >>> import minitorch
    >>> minitorch.tensor([3, 1, 2]).argsort()
    tensor([1, 2, 0])
    """
    return _order(x, dim, descending)


def _order(x, dim, descending, k=None):
    """The first k (None: all) of the indices that would sort x along `dim`."""
    if not x.shape:
        return x.argmax(keepdims=True)
    if not descending:
        order = x.argsort(axis=dim, kind="stable")
        return order if k is None else order[_places_on(dim, x.ndim, None, k)]
    if type(x) is ndarray and x.dtype.char in "fd" and is_few(x) and _without_nan(x):
        order = (-x).argsort(axis=dim, kind="stable")  # a nan would come last, not first
        every = k is None or k == x.shape[dim]
        return order if every else order[_places_on(dim, x.ndim, None, k)].copy()
    # Sorted backwards and turned round: what is equal keeps its order.
    last = x.shape[dim] - 1
    turned, taken = _turned(dim, x.ndim, None if k is None or k > last else last - k)
    order = x[turned].argsort(axis=dim, kind="stable")
    return number(last, order) - _in_one_piece(order[taken])


def _without_nan(x):
    """True when x, an array of NumPy's, holds numbers, and none is nan: the largest would be."""
    if not x.size:
        return False
    top = x.item(x.argmax())
    return top == top


def _in_one_piece(index):
    """The same; few numbers as a copy, which whatever meets them next takes a third of the time."""
    return index.copy() if index.size <= FEW else index


@lru_cache
def _places_on(dim, ndim, *ends):
    """The index that takes a slice of one axis."""
    return (slice(None),) * dim_of(dim, ndim) + (slice(*ends),)


@lru_cache
def _turned(dim, ndim, end):
    """The index that turns an axis round, and the one that stops before `end`."""
    return _places_on(dim, ndim, None, None, -1), _places_on(dim, ndim, None, end, -1)


@composite(methods="sort")
def sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
    """x sorted along `dim`, and the indices it was sorted by.

    >>> import minitorch
    >>> minitorch.tensor([3.0, 1.0, 2.0]).sort().values
    tensor([1., 2., 3.])
    """
    dim_of(dim, len(x.shape), "sort")
    return _picked(x, argsort(raw(x), dim, descending), dim, True)


@op(calm=True)
def top_indices(x, *, k, dim=-1, largest=True):
    """The indices of the k largest (or smallest) along `dim`, the largest (smallest) first."""
    n = _length(x, dim, "topk")
    if not 0 <= k <= n:
        raise ValueError(f"topk: k={k}, and dim {dim} of shape {x.shape} has size {n}")
    return _order(x, dim, largest, k)


@composite(methods="topk")
def topk(
    x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest (or smallest) along `dim`, in order, and their indices.

    >>> import minitorch
    >>> minitorch.tensor([3.0, 1.0, 2.0]).topk(2).values
    tensor([3., 2.])
    """
    array = raw(x)
    index = direct(top_indices, array)(array, k=k, dim=dim, largest=largest)
    return _picked(x, index, dim, True)


# the middle -----------------------------------------------------------------------------------


_SHORT = 32  # numbers are sorted sooner than parted


@op(calm=True)
def kth_index(x, *, k, dim=-1):
    """The index of the k-th smallest along `dim`, counted from 1; that axis stays, with size 1."""
    n = _length(x, dim, "kthvalue")
    if not 1 <= k <= n:
        raise ValueError(f"kthvalue: k={k}, and dim {dim} of shape {x.shape} has size {n}")
    return _kth(x, k, n, dim)


def _kth(x, k, n, dim):
    """The same; n is the size of `dim`."""
    if not x.shape:
        return x.argmax(keepdims=True)
    order = x.argsort(dim, "stable") if n <= _SHORT else x.argpartition(k - 1, dim)
    return _in_one_piece(order[_places_on(dim, x.ndim, k - 1, k)])


@op(calm=True)
def median_index(x, *, dim=-1):
    """The index of the median along `dim`, or of the first nan; that axis stays, with size 1."""
    n = _length(x, dim, "median")
    if n == 0:
        raise ValueError(f"median: dim {dim} of shape {x.shape} has size 0; nothing has no median")
    middle = _kth(x, (n + 1) // 2, n, dim)
    if type(x) is ndarray and _without_nan(x):
        return middle
    nan = x != x
    return np.where(nan.any(axis=dim, keepdims=True), nan.argmax(axis=dim, keepdims=True), middle)


@composite(methods="kthvalue")
def kthvalue(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The k-th smallest along `dim`, counted from 1, and its index."""
    return _picked(x, kth_index(raw(x), k, dim), dim, keepdim)


@op
def median_of_all(x):
    """y = the median of all x          dL/dx = g, shared evenly among the x that equal y; else 0"""
    flat = x.reshape(-1)
    return flat[median_index(flat)].reshape(())


median_of_all.grad(x=lambda g, x, y: to_ties(g, x, y, None))


@composite(methods="median")
def median(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle one of all, or (values, indices) along `dim`; of two in the middle, the smaller.

    Of several that are equal, `x.median()` shares the gradient evenly between them, and
    `x.median(dim)` gives it to the one whose index it returns. A nan among the x is the result.

    >>> import minitorch
    >>> minitorch.tensor([5.0, 1.0, 3.0, 2.0]).median()
    tensor(2.)
    """
    if dim is None:
        return median_of_all(x)
    array = raw(x)
    return _picked(x, direct(median_index, array)(array, dim=dim), dim, keepdim)
