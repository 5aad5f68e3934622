"""What is measured of an array, and with how little work.

Mean, standard deviation and the units that are dead come from all of its numbers, in few passes
over memory. The rest (the histogram, and shares of values near something) comes from an evenly
spread sample that is sorted once: how many lie below any border can then be looked up. Nothing here
waits for a GPU: what is measured stays on the device of the array until somebody reads it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import CPU, Array, device, device_of, empty, move
from minitorch.tensor import quiet, raw

NEAR_ZERO = 1e-6  # what is no larger than this counts as 0
EDGE = 0.015  # of its range at either end: there an s-shaped function is saturated, |tanh| > 0.97
BLOCK = 1 << 18  # so many numbers at a time stay in the processor's cache

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

        Args:
            x: of a floating dtype, with at least one number.
            axis: along which units (channels, neurons) stand; None to leave dead ones out.
            limits: between which an s-shaped function moves; None if there are none.
            into: takes the row.
        """
        quiet.run(self._measure, x, axis, limits, into)

    def _measure(self, x: Array, axis: int | None, limits: Any, into: Array) -> None:
        if x.dtype == np.float16:  # whose squares overflow
            x = x.astype(np.float32)
        mean, variance = moments(x)
        into[0], into[1], into[2] = mean, np.sqrt(variance), variance + mean * mean
        into[3] = math.nan if axis is None else dead_share(x, axis)
        sample = np.sort(sampled(x, self.sample))
        into[4:6] = shares(sample, limits)
        into[6], into[7] = sample[0], sample[-1]
        into[8:] = self._counts(sample)

    def _counts(self, sample: Array) -> Array:
        """How many numbers of a sorted sample lie in each of `bins` equal parts of its range."""
        parts = _constants(tuple(range(self.bins)), sample.dtype, device_of(sample))
        edges = sample[0] + (sample[-1] - sample[0]) / self.bins * parts
        below = np.searchsorted(sample, edges)
        into = empty((self.bins,), np.dtype(np.float64), device_of(sample))
        into[:-1] = below[1:] - below[:-1]
        into[-1] = sample.size - below[-1]
        return into


def moments(x: Array) -> tuple[Array, Array]:
    """The mean and the variance, as 0-d arrays: two passes, with a small memory for what is left.

    The mean is subtracted before squaring. E[x²] - mean² would be one pass less, but it loses all
    digits where the mean is large against the deviation. Sums are products with ones, since BLAS
    adds up several times as fast.
    """
    flat = x.ravel(order="K")
    size = min(BLOCK, flat.size)
    ones, room = (empty((size,), flat.dtype, device_of(flat)) for _ in range(2))
    ones.fill(1)
    parts = [flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK)]
    total: Any = 0.0
    for part in parts:
        total = total + np.dot(part, ones[: part.size])
    mean, squares = total / flat.size, 0.0
    for part in parts:
        left = np.subtract(part, mean, out=room[: part.size])
        squares = squares + np.dot(left, left)
    return mean, squares / flat.size


def dead_share(x: Array, axis: int) -> Array:
    """The share of units that are 0 everywhere: in all examples, and at all places."""
    if x.ndim > 2 and axis % x.ndim:  # over the examples first, which lie far apart: it is faster
        return dead_share(np.maximum(x.max(axis=0), -x.min(axis=0)), axis % x.ndim - 1)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim) if x.ndim else ()
    size = np.maximum(x.max(axis=others), -x.min(axis=others))
    return (size < NEAR_ZERO).mean()


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
def _constants(numbers: tuple[float, ...], dtype: np.dtype, where: device) -> Array:
    """An array of these, brought to a device once."""
    return move(np.array(numbers, dtype), where)
