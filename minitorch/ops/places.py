"""Places: few indices as the numbers of elements, counted as if an array were one row.

To NumPy an index of several arrays is a small program: it sets out for 0.7 µs before it reads the
first of 16 numbers. One array of places into one row takes a tenth of that. So where indices are
few they are turned into places once, when they are also checked; reading, writing and adding then
are the same for all that indexes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from numpy import ndarray

from minitorch.ops.arguments import dim_of
from minitorch.traced import TracedNumpy, one_call
from minitorch.words import np

_TRUE, _INT64 = np.array(True), np.dtype(np.int64)
_SHORT = 32  # numbers: up to here Python's set is made sooner than an array is marked


@dataclass(eq=False, slots=True)
class Places:
    """An index: the numbers of elements, which has the shape of what is read."""

    at: ndarray

    def read(self, x: ndarray) -> ndarray:
        """x at these places."""
        return x.ravel()[self.at]  # in two thirds of the time of x.take

    def write(self, y: ndarray, x: Any) -> None:
        """Puts x (of their shape, or one number) to these places of y."""
        y.put(self.at, x)

    def add(self, y: ndarray, x: ndarray) -> None:
        """Adds x to y, which lies in one piece, as often as a place is named."""
        np.add.at(y.reshape(-1), self.at.ravel(), x.ravel())


def read(x: Any, index: Any) -> Any:
    """x[index], for places too."""
    return index.read(x) if type(index) is Places else x[index]


def write(y: Any, index: Any, x: Any) -> None:
    """y[index] = x, for places too."""
    if type(index) is Places:
        index.write(y, x)
    else:
        y[index] = x


def all_differ(at: ndarray, size: int) -> bool:
    """True when none of these places, in a row of that size, is named twice."""
    if at.size <= _SHORT:
        return len(set(at.ravel().tolist())) == at.size
    seen = np.zeros(size, bool)
    seen.put(at, _TRUE)
    return np.count_nonzero(seen) == at.size


def each_once(index: Any) -> bool:
    """True for few numbers, of NumPy's, that count from the front, and name no place twice."""
    if type(index) is not ndarray or index.dtype is not _INT64 or not 0 < index.size <= _SHORT:
        return False
    numbers = set(index.ravel().tolist())
    return len(numbers) == index.size and min(numbers) >= 0


@one_call
def places(index: ndarray, dim: int, shape: tuple[int, ...]) -> ndarray:
    """Those of [i, index[i, j]] (int64), for a `dim` of 1: everywhere but there each is itself.

    Raises:
        IndexError: the index points outside -n .. n-1, or there is no such `dim`.
    """
    others, along, _ = _others(shape, dim, index.shape)
    at = along[index]  # which looks at the range, and counts from the end
    at += others
    return at


def places_found(index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """The same of an index (int64) that is known to lie in 0 .. n-1."""
    others, _, step = _others(shape, dim, index.shape)
    return (index if step == 1 else index * step) + others


def places_of_labels(labels: ndarray, dim: int, shape: tuple[int, ...]) -> Places:
    """The same for an index without the axis `dim`, one label for all that lies along it.

    They are 0 .. n-1.
    """
    if labels.dtype.kind == "u":
        labels = labels.astype(np.int64)  # uint64 and int64 would make floats
    others, step = _others_of_labels(shape, dim)
    return Places(labels + others if step == 1 else labels * step + others)


@lru_cache
def _others_of_labels(shape: tuple[int, ...], dim: int) -> tuple[ndarray, int]:
    others, _, step = _others(shape, dim, (*shape[:dim], 1, *shape[dim + 1 :]))
    return others.squeeze(dim), step


@lru_cache
def _others(
    shape: tuple[int, ...], dim: int, sizes: tuple[int, ...]
) -> tuple[ndarray, ndarray, int]:
    """How far on the axes but `dim` put each place of the index; each place along it; its step."""
    dim = dim_of(dim, len(shape))
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    others = np.zeros(sizes, np.int64)
    for i, here in enumerate(np.indices(sizes, sparse=True)):
        if i != dim:
            others += here * steps[i]
    return others, np.arange(shape[dim]) * steps[dim], steps[dim]


def all_below(index: ndarray, n: int) -> bool:
    """True when an index, of NumPy's, is not empty and lies in 0 .. n-1.

    A program is made of the True; where it is False at a later run, the program does not hold.
    """
    if type(index) is TracedNumpy:
        return index.recorder.holds(all_below, index, n)
    unsigned = _UNSIGNED.get(index.dtype)
    if unsigned is None or not index.size:
        return False
    index = index.view(unsigned)  # where a negative number is a huge one
    return index.item(index.argmax()) < n  # the largest, by its place, which is found sooner


_UNSIGNED = {np.dtype(c): np.dtype(f"u{np.dtype(c).itemsize}") for c in "bhilqBHILQ"}
