"""Average pooling: the mean of every window of an image, and the same shared out backward."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.pool import folded, pool_grid, taps_along
from minitorch.ops.sums import wide
from minitorch.ops.window import Grid, check_image, padded, per_side, unpadded
from minitorch.words import np


@on_gpu("pools.total")
def _sums(x, grid):
    return folded(np.add, padded(x, grid.pads), grid)


@on_gpu("pools.spread")
def _spread(g: Array, grid: Grid) -> Array:
    """Gives every input of a window the window's g: the adjoint of folding by addition."""
    for axis in reversed(range(len(grid.kernel))):
        a, b = grid.pads[axis]
        shape = list(g.shape)
        shape[axis + 2] = a + grid.sizes[axis] + b
        x = np.zeros_like(g, shape=shape)
        for at in taps_along(grid, axis):
            x[at] += g
        g = x
    return unpadded(g, grid.pads)


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
    return folded(np.add, padded(ones, beyond), grid)


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
    grid = pool_grid(who, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
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
    grid = pool_grid("avg_pool", tuple(size), kernel_size, stride, padding, 1, ceil_mode)
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
