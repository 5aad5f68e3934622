"""Pooling: one number for every window of an image, its largest or its mean.

A window is a box, so the work is done along one axis at a time, and for every place in the kernel
at once for the whole image: the maximum over 3 by 3 windows is four calls of `np.maximum`, however
many windows there are. This walk is here; `max_pool.py` and `avg_pool.py` are what is done on it.
"""

from __future__ import annotations

from minitorch.array import Array
from minitorch.ops.window import Grid, grid_of
from minitorch.words import np


def pool_grid(who, sizes, kernel_size, stride, padding, dilation, ceil_mode):
    """The windows of a pool: side by side, where no stride is given."""
    stride = kernel_size if stride in (None, [], ()) else stride
    return grid_of(who, sizes, kernel_size, stride, padding, dilation, ceil_mode, pool=True)


def taps_along(grid: Grid, axis: int) -> list[tuple]:
    """For each place of the kernel along one axis, the index of the inputs that it meets."""
    k, d, s, n = (each[axis] for each in (grid.kernel, grid.dilation, grid.stride, grid.counts))
    before = (slice(None),) * (axis + 2)
    return [(*before, slice(i * d, i * d + s * (n - 1) + 1, s)) for i in range(k)]


def folded(ufunc: np.ufunc, x: Array, grid: Grid) -> Array:
    """Combines the inputs of every window of the padded x by `ufunc`, along one axis at a time."""
    for axis in range(len(grid.kernel)):
        first, *rest = [x[at] for at in taps_along(grid, axis)]
        if not rest:
            x = first
            continue
        x = ufunc(first, rest[0])
        for tap in rest[1:]:
            ufunc(x, tap, out=x)
    return x if max(grid.kernel) > 1 else x.copy()
