"""What stands between the brackets of x[...], in the form in which NumPy, CuPy and Meta take it.

A `key` is such an index: lists and Tensors in it have become arrays, which are on x's device, and
were looked at where nothing else would notice a number that is out of range.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from numpy import ndarray

from minitorch.array import CPU, Array, apart, device_of, first_true, has_values, is_cupy, move
from minitorch.tensor import Tensor
from minitorch.traced import NUMPY, one_call
from minitorch.words import np

_FEW = 2**10  # numbers: rows up to here are made once, and kept


def resolved(x: Array, index: Any) -> tuple[Any, bool]:
    """The index with arrays where Tensors and lists stood, and whether it copies what it reads.

    An index that only looks ends in `...`: NumPy then gives views, never scalars.
    """
    parts = index if isinstance(index, tuple) else (index,)
    key = tuple([_part(part) for part in parts])
    arrays = arrays_in(key)
    if not arrays:
        return (key if Ellipsis in key else (*key, ...)), False
    if type(x) not in NUMPY:
        key = _beside(x, key)
    elif any(type(part) not in NUMPY for part in arrays):
        raise TypeError("getitem: the tensor is on cpu, the index is not; use index.cpu()")
    if len(key) > 2 and sum(map(_width, key)) == x.ndim:
        # Dots that stand for no axis would part the arrays in NumPy's eyes, and move their axis.
        key = tuple([part for part in key if part is not Ellipsis])
    return (key[0] if len(key) == 1 else key), True


def _part(part: Any) -> Any:
    """One part of an index, as NumPy, CuPy and Meta take it."""
    if part is None or part is Ellipsis or type(part) is int or type(part) is slice:
        return part
    if isinstance(part, Tensor):
        part = part.array
    elif not hasattr(part, "dtype") or isinstance(part, np.generic):
        try:
            part = np.asarray(part)
        except ValueError:
            raise IndexError(f"index: the rows of {part!r:.60} differ in length") from None
        if not part.size:
            part = part.astype(np.int64)  # NumPy makes floats of []
    if part.dtype.kind not in "iub":
        raise IndexError(
            f"index: expected ints, slices, None, ... or arrays of ints or bools, got {part.dtype}"
            + ("; use .long(), or a mask such as x > 0" if part.dtype.kind == "f" else "")
        )
    if type(part) is np.ndarray and not part.ndim and part.dtype.kind != "b":
        return int(part)
    return part


def _beside(x: Array, key: tuple) -> tuple:
    """The arrays of an index brought to where x is, checked on the way: a GPU wraps them round."""
    for axis, part in _by_axis(key, x.ndim):
        if hasattr(part, "dtype") and part.dtype.kind != "b" and axis < x.ndim:
            _check_range(part, x.shape[axis], f"axis {axis}")
    if not is_cupy(x):
        return key
    return tuple([move(p, device_of(x)) if hasattr(p, "dtype") else p for p in key])


def ints_first(key: Any) -> tuple[Any, Any]:
    """The index in two: its ints, to be taken first, and the rest; or None, and all of it.

    Beside arrays NumPy takes an int for an array too, and where they do not stand side by side it
    moves their axis to the front: of x[0, :, [1, 2]] it gives the transpose.
    """
    if type(key) is not tuple or not arrays_in(key) or int not in map(type, key):
        return None, key
    places = [i for i, part in enumerate(key) if type(part) is int or hasattr(part, "dtype")]
    if places[-1] - places[0] < len(places):
        return None, key
    ints: list[Any] = []
    for part in key:
        looks = type(part) is int or part is Ellipsis
        ints += [part] if looks else [slice(None)] * _width(part)
    return (*ints, *([] if Ellipsis in ints else [...])), tuple(
        [p for p in key if type(p) is not int]
    )


# the parts of a key ----------------------------------------------------------------------------


def arrays_in(key: Any) -> list[Array]:
    """The arrays that a key holds, or is."""
    parts = key if isinstance(key, tuple) else (key,)
    return [part for part in parts if hasattr(part, "dtype")]


def _by_axis(key: Any, ndim: int) -> Iterator[tuple[int, Any]]:
    """Each part of an index with the (first) axis that it speaks of."""
    parts = key if isinstance(key, tuple) else (key,)
    axis = 0
    for part in parts:
        if part is Ellipsis:
            axis += ndim - sum(map(_width, parts))
        elif part is not None:
            yield axis, part
            axis += _width(part)


def _width(part: Any) -> int:
    """How many axes a part of an index speaks of."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if hasattr(part, "dtype") and part.dtype.kind == "b" else 1


# one array of whole numbers --------------------------------------------------------------------


def whole_numbers(name: str, index: Any, x: Array, n: int | None) -> Array:
    """`index` as an array of ints beside x.

    Raises:
        TypeError: it holds no ints, or is a Tensor on another device than x.
        IndexError: it points outside -n .. n-1, and x is where nothing else would notice; with
            None for n it is not looked at yet.
    """
    index = index_array(name, index, x)
    if not hasattr(index, "dtype"):
        index = np.asarray(index)
        index = index if index.size else index.astype(np.int64)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: the index must hold ints, got {index.dtype}; use .long()")
    if type(x) not in NUMPY:
        if n is not None:
            _check_range(index, n, "an axis")
        index = move(index, device_of(x)) if is_cupy(x) else index
    return index


def index_array(name: str, index: Any, x: Array) -> Any:
    """The array of an index; what is no Tensor, as it is.

    Raises:
        TypeError: a Tensor on the host, for an array on a GPU, or the other way round. CuPy would
            upload the one at every call, in silence, and not know what to do with the other.
    """
    if not isinstance(index, Tensor):
        return index
    index = index.array
    if type(index) is type(x) is ndarray:
        return index
    if apart(index, x):
        raise TypeError(
            f"{name}: 'index' is on {device_of(index)} and 'x' is on {device_of(x)}; move one "
            f"with .to('{device_of(x)}')"
        )
    return index


def along(index: Array, dim: int) -> tuple[Array, ...]:
    """The index that means [i, index[i, j]]: everywhere but at `dim` each place stays itself."""
    last = index.ndim - 1
    numbers: Any = _few_numbers
    if type(index) is not np.ndarray or max(index.shape, default=0) > _FEW:
        numbers = partial(_numbers, like=index)
    return tuple([index if i == dim else numbers(n, last - i) for i, n in enumerate(index.shape)])


def _numbers(n, behind, like=None):
    """0 to n - 1 along an axis with so many behind it."""
    return np.arange(n, like=like).reshape((n,) + (1,) * behind)


_few_numbers = lru_cache(_numbers)  # for indices, which are only read


# is it a place, and only once? ------------------------------------------------------------------


@one_call
def _check_range(index: Array, n: int, what: str) -> None:
    """Raises an IndexError unless -n <= index < n; a GPU is waited for, once."""
    if not has_values(index):
        return
    wrong = (index < -n) | (index >= n)
    if wrong.any():
        place = first_true(wrong)
        raise IndexError(
            f"index {index[place].item()} is out of bounds for {what} with size {n}"
            + (f" (at position {', '.join(map(str, place))})" if place else "")
        )


@one_call
def check_once(name: str, key: Any, shape: tuple[int, ...]) -> None:
    """Raises a ValueError where the index names a place twice."""
    arrays = arrays_in(key)
    if not arrays or any(part.dtype.kind == "b" or not has_values(part) for part in arrays):
        return
    if all(type(part) is np.ndarray for part in arrays):
        seen = np.zeros(shape, bool)
        seen[key] = True
        named = np.broadcast(*arrays).size if len(arrays) == len(shape) else seen[key].size
        if np.count_nonzero(seen) == named:
            return
    parts = [(axis, part) for axis, part in _by_axis(key, len(shape)) if hasattr(part, "dtype")]
    at = np.broadcast_arrays(*(move(part, CPU) % shape[axis] for axis, part in parts))
    places = np.stack([a.reshape(-1) for a in at], 1)
    found, times = np.unique(places, axis=0, return_counts=True)
    if times.size and times.max() > 1:
        place = found[times.argmax()].tolist()
        shown = place[0] if len(place) == 1 else tuple(place)
        raise ValueError(
            f"{name}: index {shown} appears {times.max()} times, and which value stays there is "
            "not defined, nor is its gradient; name each place once, or add with index_add"
        )
