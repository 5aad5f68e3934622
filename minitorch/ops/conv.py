"""Convolution: the same small weights at every place of an image, as one matrix product.

For every window of x the output is the sum of window times weight. With the windows as columns
(`window.py`) that is W @ cols, a single product for the whole image. What makes the gradients short
is that with an incoming g everything hangs on one number,

    T(x, w, g) = Σ g · conv(x, w),

which is linear in each of its three arguments. Its slope along one of them is an op of the other
two: conv(x, w) along g, `conv_input_grad(g, w)` along x, `conv_weight_grad(x, g)` along w. The
three are each other's gradients, so every order of derivative is here.

`N` batch, `C` input channels, `O` output channels, `*S` sizes of the image, `*K` of the kernel,
`*L` of the output. The code is the same for one, two and three spatial axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minitorch.array import Array, device_of
from minitorch.op import op
from minitorch.ops.reduce import sum
from minitorch.ops.window import (
    Grid,
    add_windows,
    check_image,
    grid_of,
    padded,
    per_axis,
    unpadded,
    windows,
)
from minitorch.tensor import ShapeError

# the arguments ---------------------------------------------------------------------------------


def check_weight(who: str, x: Array, weight: Any, bias: Any, groups: Any, axis: int = 0) -> None:
    """Raises unless weight and bias have x's dtype, x's number of axes, and divide into groups.

    `axis` is that of weight which the groups divide; the bias belongs to the output channels.
    """
    (count,) = per_axis(who, "groups", groups, 1)
    for name, a in (("weight", weight), ("bias", bias)):
        if not hasattr(a, "dtype") and (a is not None or name == "weight"):
            raise TypeError(f"{who}: {name} must be a Tensor or an array, got {type(a).__name__}")
    if weight.ndim != x.ndim or 0 in weight.shape:
        raise ShapeError(
            f"{who}: weight has shape {tuple(weight.shape)}, expected {x.ndim} axes, two of "
            f"channels and {x.ndim - 2} of the kernel, none of size 0"
        )
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.dtype != x.dtype:
            method = {"float64": "double", "float16": "half"}.get(a.dtype.name, "float")
            raise TypeError(
                f"{who}: x is {x.dtype} and {name} is {a.dtype}; convert one, such as x.{method}()"
            )
    out = weight.shape[axis] * (count if axis else 1)
    if bias is not None and bias.shape != (out,):
        raise ShapeError(f"{who}: bias has shape {tuple(bias.shape)}, expected ({out},)")
    for what, channels in (("input", x.shape[1]), ("output", out)):
        if channels % count:
            raise ShapeError(f"{who}: {channels} {what} channels do not divide into {count} groups")


# the three products, on arrays ----------------------------------------------------------------


def _channels_last(channels: int, groups: int) -> bool:
    """Which way the columns are laid out: with channels innermost, or outermost.

    With channels innermost every copied run is K times C numbers long, and the products of many
    images are one tall product; it pays to turn the image for that once there are 8 channels or
    more. With fewer the runs are too short, and the rows of the image as they lie are longer.
    Groups need their channels apart, outermost.
    """
    return groups == 1 and channels >= 8


def _blocks(x: Array, count: int, each: int) -> Iterator[slice]:
    """The batch in slices whose columns, `each` numbers an image, stay in the cache.

    A GPU has no such cache to aim at and wants few large steps.
    """
    room = 2**22 if device_of(x).type == "cpu" else 2**31
    step = max(1, room // max(1, each * x.dtype.itemsize))
    return (slice(i, min(i + step, count)) for i in range(0, count, step))


def _columns(x: Array, grid: Grid, last: bool) -> Iterator[tuple[slice, Array]]:
    """The columns of a few images at a time, all in the same memory: read them before the next.

    Yields which images, and (n, C, K·L) numbers: (n, C, *K, *L), or channels last (n, *L, *K, C).
    """
    view = windows(x, grid, last)
    each = math.prod(view.shape[1:])
    buffer = None
    for part in _blocks(x, view.shape[0], each):
        some = view[part]
        if buffer is None:
            buffer = np.empty_like(x, shape=some.shape, order="C")
        cols = buffer[: some.shape[0]]
        cols[...] = some
        yield part, cols


def _turned_axes(n):
    """The axes that put channels last: (0, 2, 3, 1) for images."""
    return (0, *range(2, n + 2), 1)


def _to_last(x):
    """(N, C, *S) as (N, *S, C), lying so in memory."""
    x = x.transpose(_turned_axes(x.ndim - 2))
    return x if x.flags.c_contiguous else x.copy()


def _to_first(x):
    """(N, *S, C) as (N, C, *S), a view: what follows keeps the order in memory."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _forward(x, weight, grid, groups):
    """conv(x, w): the columns of x times the weights."""
    N, out = x.shape[0], weight.shape[0]
    if _channels_last(x.shape[1], groups):
        x = padded(_to_last(x), grid.pads, at=1)
        w = weight.transpose(*range(2, weight.ndim), 1, 0).reshape(-1, out)
        y = np.empty_like(x, shape=(N, *grid.counts, out), order="C")
        for part, cols in _columns(x, grid, last=True):
            np.matmul(cols.reshape(-1, w.shape[0]), w, out=y[part].reshape(-1, out))
        return _to_first(y)
    x = padded(x, grid.pads)
    w = weight.reshape(groups, out // groups, -1)
    y = np.empty_like(x, shape=(N, groups, out // groups, math.prod(grid.counts)), order="C")
    for part, cols in _columns(x, grid, last=False):
        np.matmul(w, cols.reshape(len(cols), groups, w.shape[2], -1), out=y[part])
    return y.reshape(N, out, *grid.counts)


def weight_grad(x: Array, dy: Array, grid: Grid, groups: int) -> Array:
    """dw: dy times the columns of x, summed over the images. (O, C / groups, *K)."""
    N, C, out = x.shape[0], x.shape[1], dy.shape[1]
    if _channels_last(C, groups):
        dy = _to_last(dy)
        x = padded(_to_last(x), grid.pads, at=1)
        dw = np.zeros_like(x, shape=(out, math.prod(grid.kernel) * C), order="C")
        for part, cols in _columns(x, grid, last=True):
            dw += dy[part].reshape(-1, out).T @ cols.reshape(-1, dw.shape[1])
        return _to_first(dw.reshape(out, *grid.kernel, C))
    dy = dy.reshape(N, groups, out // groups, math.prod(grid.counts))
    x = padded(x, grid.pads)
    dw = np.zeros_like(x, shape=(groups, out // groups, C // groups * math.prod(grid.kernel)))
    for part, cols in _columns(x, grid, last=False):
        cols = cols.reshape(len(cols), groups, dw.shape[2], -1)
        dw += (dy[part] @ cols.swapaxes(-1, -2)).sum(axis=0)
    return dw.reshape(out, C // groups, *grid.kernel)


def input_grad(dy: Array, weight: Array, grid: Grid, groups: int) -> Array:
    """dx: the kernel spread out by dy, every window added where it was taken. (N, C, *S)."""
    N, out, C = dy.shape[0], dy.shape[1], weight.shape[1] * groups
    if _channels_last(min(C, out), groups) and _as_convolution(grid):
        turned = weight.swapaxes(0, 1)[(..., *(slice(None, None, -1),) * len(grid.kernel))]
        return _forward(dy, turned, _reflected(grid), groups)
    if _channels_last(C, groups):
        dy = _to_last(dy).reshape(-1, out)
        sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
        dx = np.zeros_like(dy, shape=(N, *sizes, C), order="C")
        for tap, at in grid.taps():
            dx[(slice(None), *at)] += (dy @ weight[(..., *tap)]).reshape(N, *grid.counts, C)
        return _to_first(unpadded(dx, grid.pads, at=1))
    w = weight.reshape(groups, out // groups, -1).swapaxes(-1, -2)
    cols = w @ dy.reshape(N, groups, out // groups, math.prod(grid.counts))
    return add_windows(cols.reshape(N, C, *grid.kernel, *grid.counts), grid)


def _as_convolution(grid: Grid) -> bool:
    """Is dx best computed as a convolution of dy, by the kernel turned around?

    With stride 1 it is one, and then nothing has to be added back. It asks for a window at every
    input rather than at every output, so it pays where there are no more inputs than outputs.
    """
    return set(grid.stride) == {1} and all(s <= n for s, n in zip(grid.sizes, grid.counts))


def _reflected(grid: Grid) -> Grid:
    """The grid of the convolution that takes dy to dx, with stride 1."""
    before = [d * (k - 1) - a for k, d, (a, _) in zip(grid.kernel, grid.dilation, grid.pads)]
    after = [
        s - n - m + d * (k - 1)
        for s, n, m, d, k in zip(grid.sizes, grid.counts, before, grid.dilation, grid.kernel)
    ]
    return grid._replace(sizes=grid.counts, counts=grid.sizes, pads=tuple(zip(before, after)))


# the ops --------------------------------------------------------------------------------------


def _convolution(who, n, x, weight, bias, stride, padding, dilation, groups):
    check_image(who, x, n)
    check_weight(who, x, weight, bias, groups)
    have, want = x.shape[1], weight.shape[1] * groups
    if have != want:
        fix = ""
        if x.shape[-1] == want:
            order = ", ".join(map(str, (0, n + 1, *range(1, n + 1))))
            fix = f"; the last axis has {want}: if those are the channels, x.permute({order})"
        times = f" * groups {groups}" if groups != 1 else ""
        raise ShapeError(
            f"{who}: x of shape {tuple(x.shape)} has {have} channels on axis 1, and weight of "
            f"shape {tuple(weight.shape)} expects {weight.shape[1]}{times}{fix}"
        )
    grid = grid_of(who, x.shape[2:], weight.shape[2:], stride, padding, dilation)
    y = _forward(x, weight, grid, groups)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * n)
    return y


@op
def conv1d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` over one axis: x (N, C, L), weight (O, C / groups, K), y (N, O, L').

    dL/dx = g spread out by w (`conv_input_grad`),   dL/dw = g times the windows of x
    (`conv_weight_grad`),   dL/db = Σ g.
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


@op
def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """y[n,o,i,j] = b[o] + Σ_cuv x[n,c,i+u,j+v] w[o,c,u,v]: what each window holds of the kernel.

    dL/dx = g spread out by w (`conv_input_grad`),   dL/dw = g times the windows of x
    (`conv_weight_grad`),   dL/db = Σ g.

    Args:
        x: images (N, C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O,), or None.
        stride: steps from window to window; here and below an int or one per axis.
        padding: zeros around the image: an int, one per axis, a (before, after) pair per axis,
            "same" (stride 1 only) or "valid" (none).
        dilation: steps from place to place inside a window.
        groups: input and output channels in as many separate groups; C is a depthwise convolution.

    Returns:
        (N, O, H', W') with H' = (H + padding - dilation (KH - 1) - 1) // stride + 1.

    Raises:
        ShapeError: channels that do not match, no batch axis, a kernel larger than the image.
        TypeError: integer images, or dtypes that differ.

    >>> import minitorch
    >>> x = minitorch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    >>> edge = minitorch.tensor([[[[-1.0, 1.0]]]])
    >>> minitorch.conv2d(x, edge)
    tensor([[[[1., 1.],
              [1., 1.],
              [1., 1.]]]])
    """
    return _convolution("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


@op
def conv3d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` over three axes: x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW).

    dL/dx = g spread out by w (`conv_input_grad`),   dL/dw = g times the windows of x
    (`conv_weight_grad`),   dL/db = Σ g.
    """
    return _convolution("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv(x: Any, weight: Any, *options: Any) -> Any:
    """The convolution for x's number of axes."""
    return (conv1d, conv2d, conv3d)[len(x.shape) - 3](x, weight, None, *options)


@op
def conv_input_grad(dy, weight, *, size, stride=1, padding=0, dilation=1, groups=1):
    """The slope of Σ dy · conv(x, w) along x, of spatial sizes `size`; x itself is not needed.

    It is the convolution's adjoint, so: linear in both, dL/d(dy) = conv(g, w) and
    dL/dw = conv_weight_grad(g, dy).
    """
    grid = grid_of("conv_input_grad", tuple(size), weight.shape[2:], stride, padding, dilation)
    want = (weight.shape[0], *grid.counts)
    if dy.shape[1:] != want:
        raise ShapeError(f"conv_input_grad: dy has shape {dy.shape}, expected (N, *{want})")
    return input_grad(dy, weight, grid, groups)


@op
def conv_weight_grad(x, dy, *, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """The slope of Σ dy · conv(x, w) along w, of spatial sizes `kernel_size`.

    Linear in both: dL/dx = conv_input_grad(dy, g) and dL/d(dy) = conv(x, g).
    """
    kernel = tuple(kernel_size)
    grid = grid_of("conv_weight_grad", x.shape[2:], kernel, stride, padding, dilation)
    if dy.shape[2:] != grid.counts:
        raise ShapeError(
            f"conv_weight_grad: dy has shape {dy.shape}, expected (N, O, *{grid.counts})"
        )
    return weight_grad(x, dy, grid, groups)


def bias_grad(g):
    """Σ g over everything but the channels."""
    return sum(g, (0, *range(2, len(g.shape))))


for _conv in (conv1d, conv2d, conv3d):
    _conv.grad(
        x=lambda g, x_shape, weight, stride, padding, dilation, groups: conv_input_grad(
            g, weight, x_shape[2:], stride, padding, dilation, groups
        ),
        weight=lambda g, x, weight_shape, stride, padding, dilation, groups: conv_weight_grad(
            x, g, weight_shape[2:], stride, padding, dilation, groups
        ),
        bias=bias_grad,
    )

conv_input_grad.grad(
    dy=lambda g, weight, stride, padding, dilation, groups: conv(
        g, weight, stride, padding, dilation, groups
    ),
    weight=lambda g, dy, weight_shape, stride, padding, dilation, groups: conv_weight_grad(
        g, dy, weight_shape[2:], stride, padding, dilation, groups
    ),
)
conv_weight_grad.grad(
    x=lambda g, x_shape, dy, stride, padding, dilation, groups: conv_input_grad(
        dy, g, x_shape[2:], stride, padding, dilation, groups
    ),
    dy=lambda g, x, stride, padding, dilation, groups: conv(
        x, g, stride, padding, dilation, groups
    ),
)


# the same by loops ----------------------------------------------------------------------------


def conv2d_loops(x: Array, weight: Array, stride: int = 1, padding: int = 0) -> Array:
    """`conv2d` as its formula says it: for each image, output channel and window, one sum.

    Slow by a factor of hundreds, and nothing in it needs explaining.

    >>> x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
    >>> conv2d_loops(x, w)[0, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    x = padded(x, [(padding, padding)] * 2)
    N, _, H, W = x.shape
    out, _, KH, KW = weight.shape
    y = np.zeros_like(x, shape=(N, out, (H - KH) // stride + 1, (W - KW) // stride + 1))
    for n, o, i, j in np.ndindex(y.shape):
        window = x[n, :, i * stride : i * stride + KH, j * stride : j * stride + KW]
        y[n, o, i, j] = (window * weight[o]).sum()
    return y
