"""Pooling: one number for every window of an image, its largest or its mean.

A window is a box, so the work is done along one axis at a time, and for every place in the kernel
at once for the whole image: the maximum over 3 by 3 windows is four calls of `np.maximum`, however
many windows there are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, has_values, move
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.sums import wide
from minitorch.ops.window import (
    Grid,
    check_image,
    grid_of,
    padded,
    per_side,
    unpadded,
)

# the arguments, and the walk over windows ------------------------------------------------------


def _grid(who, sizes, kernel_size, stride, padding, dilation, ceil_mode):
    stride = kernel_size if stride in (None, [], ()) else stride
    return grid_of(who, sizes, kernel_size, stride, padding, dilation, ceil_mode, pool=True)


def _along(grid: Grid, axis: int) -> list[tuple]:
    """For each place of the kernel along one axis, the index of the inputs that it meets."""
    k, d, s, n = (each[axis] for each in (grid.kernel, grid.dilation, grid.stride, grid.counts))
    before = (slice(None),) * (axis + 2)
    return [(*before, slice(i * d, i * d + s * (n - 1) + 1, s)) for i in range(k)]


def _fold(ufunc: np.ufunc, x: Array, grid: Grid) -> Array:
    """Combines the inputs of every window of the padded x by `ufunc`, along one axis at a time."""
    for axis in range(len(grid.kernel)):
        first, *rest = [x[at] for at in _along(grid, axis)]
        if not rest:
            x = first
            continue
        x = ufunc(first, rest[0])
        for tap in rest[1:]:
            ufunc(x, tap, out=x)
    return x if max(grid.kernel) > 1 else x.copy()


@on_gpu("pools.total")
def _sums(x, grid):
    return _fold(np.add, padded(x, grid.pads), grid)


@on_gpu("pools.spread")
def _spread(g: Array, grid: Grid) -> Array:
    """Gives every input of a window the window's g: the adjoint of folding by addition."""
    for axis in reversed(range(len(grid.kernel))):
        a, b = grid.pads[axis]
        shape = list(g.shape)
        shape[axis + 2] = a + grid.sizes[axis] + b
        x = np.zeros_like(g, shape=shape)
        for at in _along(grid, axis):
            x[at] += g
        g = x
    return unpadded(g, grid.pads)


# the largest ----------------------------------------------------------------------------------


@op
def max_pool(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """y[window] = max x          dL/dx = g, to the first of the window that is the largest.

    Margins hold -inf and never win; a nan wins over everything. `max_pool2d` says more.
    """
    who = f"max_pool{x.ndim - 2}d"
    grid = _grid(who, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return _largest(x, grid)


@on_gpu("pools.largest")
def _largest(x, grid):
    return _fold(np.maximum, padded(x, grid.pads, -math.inf), grid)


@op
def max_pool_winner(x, y, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Which place of each window holds its maximum y: its number, counting along the last axis.

    That is the number of places before it that do not hold y, which needs no search. No gradient.
    (A nan is the maximum; an infinity that stands before it in the window is taken for it.)
    """
    return _winner(
        x, y, _grid("max_pool", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    )


@on_gpu("pools.winner")
def _winner(x, y, grid):
    real = None
    if any(map(any, grid.pads)):
        ones = np.ones_like(x, shape=(1, 1, *grid.sizes), dtype=np.bool_)
        real = padded(ones, grid.pads, False)
    x, y = padded(x, grid.pads), np.fmin(y, math.inf)  # nan becomes inf, and no number reaches it
    places = math.prod(grid.kernel)
    winner = np.zeros_like(x, shape=y.shape, dtype=np.uint8 if places <= 256 else np.int64)
    before = None
    for _, at in grid.taps()[:-1]:  # the last one wins where no other did
        other = x[(..., *at)] < y  # False for the maximum, and for a nan
        if real is not None:
            other |= ~real[(..., *at)]
        before = other if before is None else np.logical_and(before, other, out=before)
        winner += before
    return winner


@op
def max_pool_put(
    x, *, winner, size, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """Puts x at the winner of each window, in images of spatial sizes `size`, zero elsewhere.

    dL/dx = max_pool_pick(g): the two are adjoint.
    """
    grid = _grid("max_pool", tuple(size), kernel_size, stride, padding, dilation, ceil_mode)
    return _put(x, winner, grid)


@on_gpu("pools.put")
def _put(x, winner, grid):
    sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
    x = _laid_as(winner, x)
    apart = set(grid.dilation) == {1} and all(s >= k for s, k in zip(grid.stride, grid.kernel))
    covered = apart and sizes == [n * k for n, k in zip(grid.counts, grid.kernel)]
    y = (np.empty_like if covered else np.zeros_like)(x, shape=(*x.shape[:2], *sizes))
    for number, (_, at) in enumerate(grid.taps()):
        if apart:  # no input lies in two windows, so there is nothing to add to
            np.multiply(x, winner == number, out=y[(..., *at)])
        else:
            y[(..., *at)] += x * (winner == number)
    return unpadded(y, grid.pads)


def _laid_as(like, x):
    """x as `like` lies in memory (channels last, say): two arrays that lie alike meet in one run.

    Where they do not, a multiplication takes eight times as long, and here there are many of them.
    """
    if (x.flags.c_contiguous and like.flags.c_contiguous) or not has_values(x):
        return x
    y = np.empty_like(like, dtype=x.dtype)
    y[...] = x
    return y


@op
def max_pool_pick(x, *, winner, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The number at the winner of each window of x.          dL/dx = max_pool_put(g)"""
    grid = _grid("max_pool", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return _pick(x, winner, grid)


@on_gpu("pools.pick")
def _pick(x, winner, grid):
    x = padded(x, grid.pads)
    y = np.zeros_like(x, shape=winner.shape)
    for number, (_, at) in enumerate(grid.taps()):
        y += x[(..., *at)] * (winner == number)
    return y


def _max_pool_dx(g, x, y, kernel_size, stride, padding, dilation, ceil_mode):
    window = kernel_size, stride, padding, dilation, ceil_mode
    return max_pool_put(g, max_pool_winner(x, y, *window), x.shape[2:], *window)


max_pool.grad(x=_max_pool_dx)
max_pool_put.grad(
    x=lambda g, winner, kernel_size, stride, padding, dilation, ceil_mode: max_pool_pick(
        g, winner, kernel_size, stride, padding, dilation, ceil_mode
    )
)
max_pool_pick.grad(
    x=lambda g, winner, x_shape, kernel_size, stride, padding, dilation, ceil_mode: max_pool_put(
        g, winner, x_shape[2:], kernel_size, stride, padding, dilation, ceil_mode
    )
)


@op
def max_pool_indices(
    x,
    y,
    *,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    places=None,
):
    """Where each maximum y lies in its image, as an index into the flattened image. No gradient.

    `places` maps positions to those of another image, one table per axis (adaptive pooling).
    """
    window = kernel_size, stride, padding, dilation, ceil_mode
    grid = _grid("max_pool", x.shape[2:], *window)
    rest = max_pool_winner(x, y, *window).astype(np.int64)
    flat, size = 0, 1
    for axis in reversed(range(len(grid.kernel))):
        rest, tap = rest // grid.kernel[axis], rest % grid.kernel[axis]
        shape = (grid.counts[axis], *(1,) * (len(grid.kernel) - 1 - axis))
        number = np.ones_like(x, shape=shape, dtype=np.int64).cumsum(axis=0) - 1
        place = number * grid.stride[axis] - grid.pads[axis][0] + tap * grid.dilation[axis]
        if places is not None:
            place = move(places[axis].inputs.T.ravel(), device_of(x)).take(place)
        flat = place * size + flat
        size *= grid.sizes[axis] if places is None else places[axis].size
    return flat


def _max_pool(n, x, return_indices, *window):
    check_image(f"max_pool{n}d", x, n, "input")
    y = max_pool(x, *window)
    return (y, max_pool_indices(x, y, *window)) if return_indices else y


@composite()
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` over one axis: (N, C, L)."""
    return _max_pool(1, input, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


@composite()
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window: (N, C, H, W) to (N, C, H', W').

    The gradient goes to the largest, to the first of several equal ones, as in torch.

    Args:
        input: images (N, C, H, W).
        kernel_size: of the windows; here and below an int or one per axis.
        stride: from window to window; by default the kernel's size, windows side by side.
        padding: of -inf around the image, at most half the kernel.
        dilation: steps inside a window.
        ceil_mode: also windows that stick out at the end, if they start inside.
        return_indices: also where each maximum lies, as indices into the flattened H·W.

    >>> import minitorch
    >>> x = minitorch.tensor([[[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 0.0]]]])
    >>> minitorch.max_pool2d(x, 2, return_indices=True)
    (tensor([[[[4., 5.]]]]), tensor([[[[5, 2]]]]))
    """
    return _max_pool(2, input, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


@composite()
def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` over three axes: (N, C, D, H, W)."""
    return _max_pool(3, input, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


# the mean -------------------------------------------------------------------------------------


def _counts(x, grid, padding, count_include_pad, divisor_override):
    """How many inputs the mean of each window divides by: an int, or an array of them.

    Margins count when `count_include_pad` says so; what `ceil_mode` adds beyond them never does.
    """
    if divisor_override is not None:
        return divisor_override
    asked = per_side("avg_pool", padding, grid.kernel, grid.stride, grid.dilation)
    within = asked if count_include_pad else ((0, 0),) * len(asked)
    if grid.pads == within:
        return math.prod(grid.kernel)
    ones = padded(np.ones_like(x, shape=(1, 1, *grid.sizes)), within, 1.0)
    beyond = [(a - c, b - d) for (a, b), (c, d) in zip(grid.pads, within)]
    return _fold(np.add, padded(ones, beyond), grid)


@op
def avg_pool(
    x,
    *,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """y[window] = Σ x / n          dL/dx = g / n, to all of the window (`avg_pool_back`)."""
    who = f"avg_pool{x.ndim - 2}d"
    grid = _grid(who, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ValueError(f"{who}: divisor_override must not be 0")
    y = _sums(wide(x), grid)
    y /= _counts(y, grid, padding, count_include_pad, divisor_override)
    return y.astype(x.dtype, copy=False)


@op
def avg_pool_back(
    dy,
    *,
    size,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Every dy shared among its window, in images of spatial sizes `size`: avg_pool's adjoint.

    dL/d(dy) = avg_pool(g).
    """
    grid = _grid("avg_pool", tuple(size), kernel_size, stride, padding, 1, ceil_mode)
    return _spread(dy / _counts(dy, grid, padding, count_include_pad, divisor_override), grid)


def _avg_pool_dx(
    g, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
):
    size, of = x_shape[2:], (count_include_pad, divisor_override)
    return avg_pool_back(g, size, kernel_size, stride, padding, ceil_mode, *of)


avg_pool.grad(x=_avg_pool_dx)
avg_pool_back.grad(
    dy=lambda g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
        avg_pool(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    )
)


@composite()
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """`avg_pool2d` over one axis: (N, C, L)."""
    check_image("avg_pool1d", input, 1, "input")
    return avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composite()
def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window: (N, C, H, W) to (N, C, H', W').

    Args:
        input: images (N, C, H, W).
        kernel_size: as in `max_pool2d`.
        stride: as in `max_pool2d`.
        padding: zeros around the image, at most half the kernel.
        ceil_mode: as in `max_pool2d`.
        count_include_pad: the zeros of the padding count as numbers of the window.
        divisor_override: divide by this, and not by how many numbers a window holds.

    >>> import minitorch
    >>> x = minitorch.tensor([[[[1.0, 3.0, 5.0], [1.0, 3.0, 5.0]]]])
    >>> minitorch.nn.functional.avg_pool2d(x, 2, stride=1)
    tensor([[[[2., 4.]]]])
    """
    check_image("avg_pool2d", input, 2, "input")
    return avg_pool(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@composite()
def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """`avg_pool2d` over three axes: (N, C, D, H, W)."""
    check_image("avg_pool3d", input, 3, "input")
    return avg_pool(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
