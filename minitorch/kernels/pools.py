"""Pooling on a GPU: a launch for all windows of all images, forward and back (`windows.cu`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.kernels.source import each, is_wide, lying_like, steps, takes
from minitorch.kernels.windows import windows_of

_PLACES = 256  # of a window, as many as a byte can tell apart


def _windows(x: Array, grid: Any) -> np.ndarray:
    """The struct of the kernels for one number a window, laid out as x is."""
    last = "last" if x.strides[1] == x.dtype.itemsize and x.shape[1] > 1 else "first"
    return windows_of(x.shape, steps(x), grid, last, 1)


def _of_windows(x: Array, grid: Any, dtype: Any = None) -> Array:
    """A new array with a number for each window, its channels last where those of x are."""
    N, C = x.shape[:2]
    if _windows(x, grid)["last"]:
        y = np.empty_like(x, shape=(N, *grid.counts, C), dtype=dtype, order="C")
        return y.transpose(0, y.ndim - 1, *range(1, y.ndim - 1))
    return np.empty_like(x, shape=(N, C, *grid.counts), dtype=dtype, order="C")


def _launch(name: str, x: Array, grid: Any, *args: Any) -> None:
    """A thread for every window and channel of x."""
    count = x.shape[0] * x.shape[1] * math.prod(grid.counts)
    each("windows", name, count, x, *args, _windows(x, grid), wide=is_wide(x.size))


def _takes(x: Array, grid: Any) -> bool:
    return takes(x) and len(grid.kernel) <= 3 and math.prod(grid.kernel) <= _PLACES


def largest(x: Array, grid: Any) -> Any:
    """The largest number of each window."""
    if not _takes(x, grid):
        return NotImplemented
    y = _of_windows(x, grid)
    _launch("max_pool", x, grid, x, y)
    return y


def winner(x: Array, y: Array, grid: Any) -> Any:
    """Which place of each window holds its maximum y, as a byte."""
    if not _takes(x, grid) or not takes(x, y):
        return NotImplemented
    found = _of_windows(x, grid, np.uint8)
    _launch("max_pool_winner", x, grid, x, lying_like(y, found), found)
    return found


def pick(x: Array, winner: Array, grid: Any) -> Any:
    """What the winner of each window of x holds."""
    if not _takes(x, grid):
        return NotImplemented
    y = _of_windows(x, grid)
    _launch("max_pool_pick", x, grid, x, lying_like(winner, y), y)
    return y


def put(g: Array, winner: Array, grid: Any) -> Any:
    """Each g added to the place that won its window."""
    return _spread(g, winner, grid)


def spread(g: Array, grid: Any) -> Any:
    """Each g added to all places of its window."""
    return _spread(g, None, grid)


def total(x: Array, grid: Any) -> Any:
    """The sum of each window."""
    if not _takes(x, grid):
        return NotImplemented
    y = _of_windows(x, grid)
    _launch("sum_pool", x, grid, x, y)
    return y


def _spread(g: Array, winner: Any, grid: Any) -> Any:
    if not _takes(g, grid):
        return NotImplemented
    N, C = g.shape[:2]
    if g.strides[1] == g.dtype.itemsize and C > 1:
        x = np.empty_like(g, shape=(N, *grid.sizes, C), order="C")
        x = x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
    else:
        x = np.empty_like(g, shape=(N, C, *grid.sizes), order="C")
    like = _of_windows(x, grid, np.uint8)
    g, winner = lying_like(g, like), None if winner is None else lying_like(winner, like)
    wide = is_wide(g.size)
    each("windows", "spread", x.size, x, g, winner, x, _windows(x, grid), wide=wide)
    return x
