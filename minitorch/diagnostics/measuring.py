"""What is measured of an array, and with how little work.

Mean, standard deviation and the units that are dead come from all of its numbers, in two or three
passes over memory. The rest (the histogram, and shares of values near something) comes from an
evenly spread sample that is sorted once: how many lie below any border can then be looked up.
Nothing here waits for a GPU: what is measured stays on the device of the array until somebody reads
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import CPU, Array, device, device_of, move
from minitorch.ops.sums import wide
from minitorch.tensor import raw

NEAR_ZERO = 1e-6  # what is no larger than this counts as 0
EDGE = 0.015  # of its range at either end: there an s-shaped function is saturated, |tanh| > 0.97
ROW = 1024  # so many numbers are added up at a time; as many ones stay in the processor's cache
CANCELS = 1e-3  # a variance that is so small beside mean² has lost its digits in E[x²] - mean²
FIRST = 8  # examples; in most layers no unit is silent in all of them

# What stands in front of the counts of the histogram, in this order.
FIELDS = ("mean", "std", "second_moment", "dead", "zero", "saturated", "low", "high")


class Stats(NamedTuple):
    """The mean and the standard deviation of some numbers."""

    mean: float
    std: float


def stats(x: Any) -> Stats:
    """The mean and the standard deviation (dividing by n) of a Tensor, an array or a list.

    >>> stats([1.0, 2.0, 3.0, 6.0])
    Stats(mean=3.0, std=1.8708286933869707)
    """
    array = raw(x)
    if not hasattr(array, "mean"):
        array = np.asarray(array, np.float64)
    numbers = np.stack([array.mean(), array.std()])  # on the device: one wait for both
    return Stats(*map(float, move(numbers, CPU)))


def sampled(x: Array, most: int) -> Array:
    """At most `most` of its numbers, evenly spread; all of them if there are no more.

    The step between them has no divisor in common with the number of numbers, hence with no axis,
    so that no channel and no column is left out.
    """
    flat = x.ravel(order="K")
    step = -(-flat.size // most)
    while math.gcd(step, flat.size) > 1 and step > 1:
        step += 1
    return flat[::step]


class Meter:
    """Measures arrays, each into one row of numbers on the array's device.

    Args:
        bins: of the histogram, which reaches from the least to the largest number of the sample.
        sample: how many numbers the histogram and the shares are taken from.
    """

    def __init__(self, bins: int, sample: int):
        for name, value in (("bins", bins), ("sample", sample)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 2:
                raise ValueError(f"{name} must be an int of 2 or more, got {value!r}")
        self.bins, self.sample = bins, sample
        self.width = len(FIELDS) + bins

    def measure(
        self, x: Array, axis: int | None, limits: tuple[float, float] | None, into: Array
    ) -> None:
        """Writes a row of `width` numbers, float64, into `into`, on the device of x.

        To be called by `quiet.run`: numbers that are not finite are something to report, and no
        reason for NumPy's warnings.

        Args:
            x: of a floating dtype, with at least one number.
            axis: along which units (channels, neurons) stand; None to leave dead ones out.
            limits: between which an s-shaped function moves; None if there are none.
            into: takes the row.
        """
        x = wide(x)
        sample = np.sort(sampled(x, self.sample))
        mean, variance = moments(x, sample)
        into[0], into[1], into[2] = mean, np.sqrt(variance), variance + mean * mean
        into[3] = math.nan if axis is None else dead_share(x, axis)
        into[4:6] = shares(sample, limits)
        into[6], into[7] = sample[0], sample[-1]
        self._count(sample, into[8:])

    def _count(self, sample: Array, into: Array) -> None:
        """Writes how many numbers of a sorted sample lie in each of `bins` equal parts of it."""
        parts = _upto(self.bins, sample.dtype, device_of(sample))
        edges = sample[0] + (sample[-1] - sample[0]) / self.bins * parts
        below = np.searchsorted(sample, edges)
        np.subtract(below[1:], below[:-1], out=into[:-1])
        into[-1] = sample.size - below[-1]


def moments(x: Array, sample: Array | None = None) -> tuple[Array, Array]:
    """The mean and the variance of all numbers, as 0-d arrays, in two passes that write nothing.

        mean = E[x]        variance = E[x²] - mean²

    The second loses its digits where the mean is large against the deviation; there the variance
    is E[(x - mean)²], of the sample if there is one, else of all numbers. Both sums are products,
    since BLAS adds up several times as fast: with ones, row by row, and of x with itself.
    """
    flat = x.ravel(order="K")
    rows = flat[: flat.size // ROW * ROW].reshape(-1, ROW)
    total = (rows @ _ones(flat.dtype, device_of(flat))).sum() + flat[rows.size :].sum()
    mean = total / flat.size
    square = mean * mean
    variance = np.dot(flat, flat) / flat.size - square
    if can_look(x) and variance > CANCELS * square:
        return mean, variance
    left = (flat if sample is None else sample) - mean
    spread = np.dot(left, left) / left.size
    return mean, np.where(variance > CANCELS * square, variance, spread)


def can_look(x: Array) -> bool:
    """Does it cost nothing to look at a number of x, and to choose what to do by it?"""
    return isinstance(x, np.ndarray)


def dead_share(x: Array, axis: int) -> Array:
    """The share of units that are 0 everywhere: in all examples, and at all places."""
    units = x.shape[axis] if x.ndim else 1
    if can_look(x) and x.ndim > 1 and axis % x.ndim:
        silent = np.flatnonzero(_ends(x[:FIRST], axis, np.max) < NEAR_ZERO)  # so far: few units
        if silent.size == 0:
            return np.zeros((), x.dtype)
        x = x.take(silent, axis)
    return (_sizes(x, axis) < NEAR_ZERO).sum() / units


def _sizes(x: Array, axis: int) -> Array:
    """The largest size of each unit's values."""
    return np.maximum(_ends(x, axis, np.max), -_ends(x, axis, np.min))


def _ends(x: Array, axis: int, end: Callable[..., Array]) -> Array:
    """The largest, or the smallest, of each unit's values."""
    if x.ndim > 2 and axis % x.ndim:  # over the examples first, which lie far apart: it is faster
        return _ends(end(x, axis=0), axis % x.ndim - 1, end)
    return end(x, axis=tuple(i for i in range(x.ndim) if i != axis % x.ndim) if x.ndim else ())


def shares(sample: Array, limits: tuple[float, float] | None) -> Array:
    """Of a sorted sample, the share near 0 and the share near the limits; nan without any."""
    low, high = limits or (0.0, 0.0)
    margin = EDGE * (high - low)
    borders = (-NEAR_ZERO, NEAR_ZERO, low + margin, high - margin)
    below = np.searchsorted(sample, _constants(borders, sample.dtype, device_of(sample)))
    below = below / sample.size
    result = below[1::2] - below[::2]
    result[1] = 1 - result[1] if limits else math.nan
    return result


@lru_cache
def _upto(count: int, dtype: np.dtype, where: device) -> Array:
    """0, 1, 2, ..., count - 1."""
    return _constants(tuple(range(count)), dtype, where)


@lru_cache
def _ones(dtype: np.dtype, where: device) -> Array:
    """As many as a row of numbers has."""
    return _constants((1.0,) * ROW, dtype, where)


@lru_cache
def _constants(numbers: tuple[float, ...], dtype: np.dtype, where: device) -> Array:
    """An array of these, brought to a device once."""
    return move(np.array(numbers, dtype), where)
