"""Indexing by CuPy's rules, worked out on the NumPy array that an array of the stand-in holds.

Integer arrays wrap round instead of raising, and where an index array names one place twice the
first value stays. On a GPU any of them may stay; NumPy keeps the last, so code that leans on that
shows here.
"""

import operator
from typing import Any

import numpy as np

from tests.fakecupy.state import counters

_NOT_AN_INDEX = "only integers, slices, ellipsis, None and integer or boolean arrays are indices"


def on_device(item: Any) -> np.ndarray | None:
    """The NumPy array inside an array of the stand-in, or None for anything else."""
    return getattr(item, "_host", None)


def _one(item: Any) -> Any:
    """One part of an index as CuPy sees it: lists and NumPy arrays have been uploaded."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    array = on_device(item)
    if array is None:
        if isinstance(item, (list, tuple)):
            array = np.asarray(item)
            if array.size == 0:
                array = array.astype(np.int32)
        elif np.isscalar(item) and not isinstance(item, (bool, np.bool_)):
            return operator.index(item) if not isinstance(item, str) else item
        else:
            array = np.asarray(item)
        if array.dtype == object:
            raise IndexError(_NOT_AN_INDEX)
        counters.h2d += array.ndim > 0
    if array.dtype.kind not in "biu":
        raise IndexError(
            "arrays used as indices must be of integer or boolean type. "
            f"(actual: {array.dtype.type})"
        )
    return array


def wrapped(index: np.ndarray, size: int) -> np.ndarray:
    """Integer indices brought into 0..size-1, as CuPy's kernels do instead of checking."""
    return np.mod(index, size).astype(np.intp) if size else index


class Index:
    """A whole index: `key` for NumPy, and which kinds of arrays stand in it."""

    def __init__(self, parts: Any, shape: tuple[int, ...]):
        key = [_one(item) for item in (parts if isinstance(parts, tuple) else (parts,))]
        if not any(item is Ellipsis for item in key):
            key.append(Ellipsis)  # a[0] of a 1-D array is then a 0-d view, as in CuPy
        arrays = [item for item in key if isinstance(item, np.ndarray)]
        self.masks = sum(item.dtype.kind == "b" for item in arrays)
        self.integers = len(arrays) > self.masks
        self.basic = not arrays
        self.key = tuple(self._wrap(key, shape))

    @staticmethod
    def _wrap(key: list[Any], shape: tuple[int, ...]) -> list[Any]:
        def width(item: Any) -> int:
            if isinstance(item, np.ndarray) and item.dtype.kind == "b":
                return item.ndim
            return 0 if item is None or item is Ellipsis else 1

        used = sum(width(item) for item in key)
        axis = 0
        for i, item in enumerate(key):
            if isinstance(item, np.ndarray) and item.dtype.kind != "b" and axis < len(shape):
                key[i] = wrapped(item, shape[axis])
            axis += len(shape) - used if item is Ellipsis else width(item)
        return key


def read(array: np.ndarray, parts: Any) -> np.ndarray:
    """`array[parts]`: a view for slices and numbers, a copy for arrays of indices."""
    index = Index(parts, array.shape)
    counters.sync += index.masks
    found = array[index.key]
    return found if index.basic else np.array(found)


def _squeezed(value: np.ndarray) -> np.ndarray:
    """The value without its leading axes of length 1, which no assignment minds."""
    while value.ndim and value.shape[0] == 1:
        value = value[0, ...]
    return value


def fill(array: np.ndarray, value: Any) -> None:
    """Writes one number everywhere; refuses a host array, which would be a silent upload."""
    device = on_device(value)
    number = np.asarray(value, dtype=array.dtype) if device is None else device
    if number.shape != ():
        owner = "numpy" if device is None else "cupy"
        raise ValueError(f"non-scalar {owner}.ndarray cannot be used for fill")
    array[...] = number


def uploaded(value: Any, dtype: np.dtype) -> np.ndarray:
    """A value as an array on the GPU: its own data, or host data sent there."""
    array = on_device(value)
    if array is None:
        array = np.asarray(value, dtype=dtype)
        counters.h2d += array.ndim > 0
    return array.astype(dtype, copy=False)


def write(array: np.ndarray, parts: Any, value: Any) -> None:
    """`array[parts] = value`."""
    index = Index(parts, array.shape)
    counters.sync += index.masks
    if index.basic:
        device = on_device(value)
        if device is None:
            fill(array[index.key], value)
        else:
            array[index.key] = _squeezed(device)
        return
    value = _squeezed(uploaded(value, array.dtype))
    if not index.integers:
        array[index.key] = value
        return
    places = np.arange(array.size).reshape(array.shape)[index.key]
    value = np.broadcast_to(value, places.shape)
    if places.size:  # written last to first, so that the first of several stays
        where = np.unravel_index(places.ravel()[::-1], array.shape)
        array[where] = value.ravel()[::-1]


_WORD = "int32 int64 uint32 uint64"
SCATTERED = {  # the ufuncs that have `.at`, and the dtypes their atomic operation exists for
    "add": f"{_WORD} float16 float32 float64",
    "subtract": "int32 uint32",
    "maximum": f"{_WORD} float32 float64",
    "minimum": f"{_WORD} float32 float64",
    "bitwise_and": _WORD,
    "bitwise_or": _WORD,
    "bitwise_xor": _WORD,
}


def scatter(name: str, array: np.ndarray, parts: Any, value: Any) -> None:
    """`np.<name>.at(array, parts, value)`, where every one of several values counts."""
    index = Index(parts, array.shape)
    counters.sync += index.masks
    if index.integers and array.dtype.name not in SCATTERED[name].split():
        kinds = SCATTERED[name].replace(" ", ", ")
        raise TypeError(f"cupy.{name}.at only supports {kinds} as data type")
    getattr(np, name).at(array, index.key, uploaded(value, array.dtype))
