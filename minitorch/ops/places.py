"""Places: few indices as the numbers of elements, counted as if an array were one row.

To NumPy an index of several arrays is a small program: it sets out for 0.7 µs before it reads the
first of 16 numbers. One array of places into one row takes a tenth of that. So where indices are
few they are turned into places once, when they are also checked; reading, writing and adding then
are the same for all that indexes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from minitorch.array import largest


class Places(NamedTuple):
    """An index: the numbers of elements, which has the shape of what is read."""

    at: ndarray

    def read(self, x: ndarray) -> ndarray:
        """x at these places."""
        return x.take(self.at)

    def write(self, y: ndarray, x: Any) -> None:
        """Puts x (of their shape, or one number) to these places of y."""
        y.put(self.at, x)

    def add(self, y: ndarray, x: ndarray) -> None:
        """Adds x to y, which lies in one piece, as often as a place is named."""
        np.add.at(y.reshape(-1), self.at.reshape(-1), x.reshape(-1))


def read(x: Any, index: Any) -> Any:
    """x[index], for places too."""
    return index.read(x) if type(index) is Places else x[index]


def write(y: Any, index: Any, x: Any) -> None:
    """y[index] = x, for places too."""
    if type(index) is Places:
        index.write(y, x)
    else:
        y[index] = x


def places(index: ndarray, dim: int, shape: tuple[int, ...]) -> Places:
    """Those of [i, index[i, j]], for a `dim` of 1: everywhere but there each place is itself.

    `dim` is counted from the front, and the index points to 0 .. n-1.
    """
    if index.dtype.kind == "u":
        index = index.astype(np.int64)  # uint64 and int64 would make floats
    others, step = _others(shape, dim, index.shape)
    return Places(index + others if step == 1 else index * step + others)


@lru_cache
def _others(shape: tuple[int, ...], dim: int, sizes: tuple[int, ...]) -> tuple[ndarray, int]:
    """How far on the axes but `dim` put each place of the index; and a step along `dim`."""
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    others = np.zeros(sizes, np.int64)
    for i, here in enumerate(np.indices(sizes, sparse=True)):
        if i != dim:
            others += here * steps[i]
    return others, steps[dim]


def all_below(index: ndarray, n: int) -> bool:
    """True when an index is not empty and lies in 0 .. n-1."""
    if index.dtype.char not in _UNSIGNED or not index.size:
        return False
    unsigned = index.view(_UNSIGNED[index.dtype.char])  # where a negative number is a huge one
    return largest(unsigned) < n


_UNSIGNED = {c: np.dtype(f"u{np.dtype(c).itemsize}") for c in "bhilqBHILQ"}
