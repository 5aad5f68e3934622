"""Max pooling: the largest number of every window of an image, and the way back to where it was.

Backward, g goes to one place of each window, its winner. It is found there, by comparing y with x;
the forward pass looks for the largest number alone.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import device_of, has_values, move
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.pool import folded, pool_grid
from minitorch.ops.window import check_image, padded, unpadded
from minitorch.words import np


@op(calm=True)
def max_pool(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """y[window] = max x          dL/dx = g, to the first of the window that is the largest.

    Margins hold -inf and never win; a nan wins over everything. `max_pool2d` says more.
    """
    who = f"max_pool{x.ndim - 2}d"
    grid = pool_grid(who, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return _largest(x, grid)


@on_gpu("pools.largest")
def _largest(x, grid):
    return folded(np.maximum, padded(x, grid.pads, -math.inf), grid)


@op(calm=True)
def max_pool_winner(x, best, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Which place of each window holds its maximum, `best`: its number, along the last axis.

    That is the number of places before it that do not hold it, which needs no search. No gradient.
    (A nan is the maximum; an infinity that stands before it in the window is taken for it.)
    """
    grid = pool_grid("max_pool", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return _winner(x, best, grid)


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
    grid = pool_grid("max_pool", tuple(size), kernel_size, stride, padding, dilation, ceil_mode)
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
    grid = pool_grid("max_pool", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
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


@op(calm=True)
def max_pool_indices(
    x,
    best,
    *,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    places=None,
):
    """Where each maximum, `best`, lies in its image: its index in the flattened one. No gradient.

    `places` maps positions to those of another image, one table per axis (adaptive pooling).
    """
    window = kernel_size, stride, padding, dilation, ceil_mode
    grid = pool_grid("max_pool", x.shape[2:], *window)
    rest = max_pool_winner(x, best, *window).astype(np.int64)
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
