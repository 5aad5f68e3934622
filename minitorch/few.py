"""Few numbers: how to add them up, where setting out for a sum takes longer than the adding.

NumPy takes 0.7 µs to set out for a sum along an axis, and half a microsecond more wherever its
result, a column, then meets a matrix. BLAS takes 0.25 µs for a whole small product. So the sums of
few floats are products with ones: with a vector of them, or with a matrix where each sum is wanted
beside everything that it was made from. Everything else (much, on a GPU, without values, recorded)
is added up by its own `sum`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from numpy import ndarray

from minitorch.array import expanded
from minitorch.constants import in_each_dtype, number
from minitorch.traced import NUMPY, TracedNumpy
from minitorch.words import np

FEW = 2**8  # numbers: beyond, working on them takes longer than setting out
ADDED_BY_BLAS = 2**14  # so many at most; more of them NumPy adds up in pairs, to lose less
STEPS = 2**13  # multiplications by a matrix of ones: more of them take longer than they save


def is_few(x: Any) -> bool:
    """True for few numbers of NumPy's: for them an op may keep its slope rather than its input.

    The rule asks the same of g, and so is told to work the slope out where it is recorded.
    """
    return type(x) in NUMPY and x.size <= FEW


def few_constants(*numbers: float) -> Callable[[Any], tuple[ndarray, ...] | None]:
    """Gives the numbers of a formula, as `constants` does, for few float32 or float64 alone.

    None for everything else; also for a number without axes, of which NumPy makes scalars, that
    cannot be written over.
    """
    made = {t: found for t, found in in_each_dtype(numbers).items() if t.char in "fd"}
    return lambda x: made.get(x.dtype) if type(x) in NUMPY and x.ndim and x.size <= FEW else None


def add_up(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Σ x along `dim`, an int or several; over all for None."""
    if type(x) in NUMPY:
        side, ones, shape = _ones(x.shape, x.dtype, dim, keepdim)
        if side is None:
            return wide_sum(x, dim, keepdim)
        if shape is not None:  # of all; as a matrix, or NumPy would make a scalar of it
            return x.reshape(1, -1).dot(ones).reshape(shape)
        return np.dot(ones, x) if side else x.dot(ones)
    return x.sum(dim, keepdims=keepdim)


def add_up_beside(x: Any, dim: Any) -> Any:
    """Σ x along `dim`, which stays: with size 1, or with every sum repeated all along it."""
    add = adder(x, dim)
    if add is not None:
        return add(x)
    return wide_sum(x, dim, True) if type(x) in NUMPY else x.sum(dim, keepdims=True)


def adder(x: Any, dim: Any) -> Callable[[Any], Any] | None:
    """What `add_up_beside` does, as a function, for x of this shape, dtype and `dim`.

    To ask once and add up twice, in a forward and its backward, spares the second asking. None for
    all but few float32 and float64 of NumPy's, with axes, and for a `dim` of None.
    """
    return _adder(x.shape, x.dtype, dim) if type(x) in NUMPY else None


@lru_cache(typed=True)  # or True would be found as 1
def _adder(shape: tuple[int, ...], dtype: np.dtype, dim: Any) -> Callable[[Any], Any] | None:
    few = 0 < math.prod(shape) <= ADDED_BY_BLAS and dtype.char in "fd"
    if dim is None or not shape or not few:
        return None
    dim = tuple(map(operator.index, dim)) if type(dim) is tuple else operator.index(dim)
    side, ones, all_of_them = _ones(shape, dtype, dim, None)
    if side is None or all_of_them is not None:
        return lambda x: wide_sum(x, dim, True)
    return (lambda x: np.dot(ones, x)) if side else (lambda x: x.dot(ones))


def wide_sum(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum by NumPy; of float16 in float32, as a GPU does, or 1 added to 2,048 would be lost."""
    if type(x) is TracedNumpy:
        return x.recorder.call(wide_sum, (x, dim, keepdim))
    if x.dtype.char == "e":
        return np.asarray(x.sum(dim, np.float32, keepdims=keepdim)).astype(x.dtype)
    return x.sum(dim, keepdims=keepdim)


def average_beside(x: Any, dim: Any, n: int) -> Any:
    """Σ x / n along `dim`, as `add_up_beside`: few are multiplied by 1 / n where others have 1."""
    if type(x) is ndarray:
        side, parts = _parts_of_one(x.shape, x.dtype, dim, n)
        if side is not None:
            return parts.dot(x) if side else x.dot(parts)
    elif type(x) is TracedNumpy:
        return x.recorder.call(average_beside, (x, dim, n))
    return x.sum(dim, keepdims=True) / number(n, x)


def fold(x: Any, shape: tuple[int, ...]) -> Any:
    """Few x summed down to a shape that was broadcast to theirs; None where BLAS has no word."""
    if type(x) is ndarray:
        side, ones = _ones_to_fold(x.shape, shape, x.dtype)
        if ones is not None:
            if side is None:
                y = np.empty((), x.dtype)
                x.ravel().dot(ones, y)
                return y.reshape(shape) if shape else y
            return ones.dot(x) if side else x.dot(ones)
    elif type(x) is TracedNumpy:
        return x.recorder.call(fold, (x, shape))
    return None


@lru_cache
def _ones_to_fold(
    old: tuple[int, ...], new: tuple[int, ...], dtype: np.dtype
) -> tuple[bool | None, ndarray | None]:
    """The ones whose product with an array of the old shape has the new one, and their side.

    The side is None where the new shape has one number, the sum of all.
    """
    if dtype.char not in "fd" or not 0 < math.prod(old) <= ADDED_BY_BLAS:
        return None, None
    if math.prod(new) == 1 and len(new) <= len(old):
        return None, np.ones(math.prod(old), dtype)
    if len(old) != 2 or old == new:
        return None, None
    N, n = old
    if new in ((1, n), (n,)):
        return True, np.ones((N,) if len(new) == 1 else (1, N), dtype)
    return (False, np.ones((n, 1), dtype)) if new == (N, 1) else (None, None)


def within(x: Any, bound: float) -> bool:
    """True for few floats of NumPy's, none of which is beyond ±bound."""
    few = type(x) in NUMPY and x.size <= ADDED_BY_BLAS and x.dtype.char in "fd"
    return few and all_within(x, bound)


def all_within(x: Any, bound: float) -> bool:
    """True when the squares of x add up to less than bound²: then no x is beyond ±bound.

    It is quicker to say than which of them is the largest.
    """
    row = x.ravel()
    return float(row.dot(row)) < bound * bound


def repeated(x: Any, shape: tuple[int, ...]) -> Any:
    """x, repeated along its axes of size 1 until it has `shape`: a copy of few numbers, or a view.

    A copy in one piece: whatever meets it next then takes a third of the time.
    """
    if type(x) is ndarray and x.shape != shape:
        turn, ones = _ones_beside(x.shape, shape, x.dtype)
        if ones is not None:
            return x * ones if x.size == 1 else ones.dot(x) if turn else x.dot(ones)
    elif type(x) is TracedNumpy:
        return x.recorder.call(repeated, (x, shape))
    return expanded(x, shape)


@lru_cache
def _ones_beside(
    old: tuple[int, ...], new: tuple[int, ...], dtype: np.dtype
) -> tuple[bool, ndarray | None]:
    """The ones whose product with an array of the old shape has the new one, as for a sum."""
    if dtype.char not in "fd" or math.prod(new) > FEW or len(old) > len(new):
        return False, None
    if math.prod(old) == 1:
        return False, np.ones(new, dtype)
    if len(old) == len(new) == 2 and old[0] == new[0] and old[1] == 1:
        return False, np.ones((1, new[1]), dtype)
    if len(old) == len(new) == 2 and old[1] == new[1] and old[0] == 1:
        return True, np.ones((new[0], 1), dtype)
    return False, None


@lru_cache
def _parts_of_one(
    shape: tuple[int, ...], dtype: np.dtype, dim: Any, n: int
) -> tuple[bool | None, Any]:
    """The matrix of `_ones`, divided by n."""
    side, ones, all_of_them = _ones(shape, dtype, dim, None)
    fits = side is not None and all_of_them is None
    return (side, ones / dtype.type(n)) if fits else (None, None)


@lru_cache
def _ones(
    shape: tuple[int, ...], dtype: np.dtype, dim: Any, keepdim: bool | None
) -> tuple[bool | None, Any, Any]:
    """The ones whose product with x is the sum, and if they stand on its left; or None.

    For a sum of all x their product has to be brought to the shape that comes third.
    """
    ndim, size = len(shape), math.prod(shape)
    if type(dim) is tuple and len(dim) == 1:
        dim = dim[0]
    elif type(dim) is tuple and len(dim) == ndim:
        every = sorted(d % ndim for d in dim if -ndim <= d < ndim) == [*range(ndim)]
        dim = None if every else dim
    if dtype.char not in "fd" or not 0 < size <= ADDED_BY_BLAS:
        return None, None, None
    if dim is None or (ndim == 1 and dim in (0, -1)):
        return False, np.ones((size, 1), dtype), (1,) * ndim if keepdim is not False else ()
    if type(dim) is not int or ndim != 2 or not -2 <= dim < 2:
        return None, None, None
    n, left = shape[dim], dim % 2 == 0
    if keepdim is None:
        many = size * n > STEPS
        return (None, None, None) if many else (left, np.ones((n, n), dtype), None)
    ones = (1, n) if left else (n, 1)
    return left, np.ones(ones if keepdim else n, dtype), None
