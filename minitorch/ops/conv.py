"""Convolution: the same small weights at every place of an image, as one matrix product.

For every window of x the output is the sum of window times weight. With the windows as columns
(`window.py`) that is W @ cols, a single product for the whole image; `conv_columns.py` has it, and
the two products of the gradients, in the layouts that are fast. `winograd.py` has a way to the same
numbers that multiplies less, and `conv_products.py` chooses. What makes the gradients short is that
with an incoming g everything hangs on one number,

    T(x, w, g) = Σ g · conv(x, w),

which is linear in each of its three arguments. Its slope along one of them is an op of the other
two: conv(x, w) along g, `conv_input_grad(g, w)` along x, `conv_weight_grad(x, g)` along w. The
three are each other's gradients, so every order of derivative is here.

`N` batch, `C` input channels, `O` output channels, `*S` sizes of the image, `*K` of the kernel,
`*L` of the output. The code is the same for one, two and three spatial axes.
"""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.op import op
from minitorch.ops.broadcast import expand
from minitorch.ops.conv_products import are_kept, forward, input_grad, weight_grad
from minitorch.ops.shape import reshape
from minitorch.ops.sums import total
from minitorch.ops.window import check_image, grid_of, padded, per_axis
from minitorch.tensor import ShapeError
from minitorch.words import np

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
    keep = [] if are_kept(x, grid) else None
    y = forward(x, weight, bias, grid, groups, keep)
    return y, keep[0] if keep else None


@op(autocast="low", keeps="columns")
def conv1d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` over one axis: x (N, C, L), weight (O, C / groups, K), y (N, O, L').

    dL/dx = g spread out by w (`conv_input_grad`),   dL/dw = g times the windows of x
    (`conv_weight_grad`),   dL/db = Σ g.
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


@op(autocast="low", keeps="columns")
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


@op(autocast="low", keeps="columns")
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
def conv_weight_grad(
    x, dy, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, columns=None
):
    """The slope of Σ dy · conv(x, w) along w, of spatial sizes `kernel_size`.

    Linear in both: dL/dx = conv_input_grad(dy, g) and dL/d(dy) = conv(x, g). `columns` are those of
    x, where the convolution has kept them.
    """
    kernel = tuple(kernel_size)
    grid = grid_of("conv_weight_grad", x.shape[2:], kernel, stride, padding, dilation)
    if dy.shape[2:] != grid.counts:
        raise ShapeError(
            f"conv_weight_grad: dy has shape {dy.shape}, expected (N, O, *{grid.counts})"
        )
    return weight_grad(x, dy, grid, groups, columns)


@op
def conv_bias_grad(dy):
    """Σ dy over everything but the channels: (N, O, *L) to (O,).   dL/d(dy) = g, repeated

    The channels may lie last in memory, where `sum` is slow (see `sums.py`).
    """
    return total((0, *range(2, dy.ndim)), dy).reshape(-1)


for _conv in (conv1d, conv2d, conv3d):
    _conv.grad(
        x=lambda g, x_shape, weight, stride, padding, dilation, groups: conv_input_grad(
            g, weight, x_shape[2:], stride, padding, dilation, groups
        ),
        weight=lambda g, x, weight_shape, stride, padding, dilation, groups, columns: (
            conv_weight_grad(x, g, weight_shape[2:], stride, padding, dilation, groups, columns)
        ),
        bias=lambda g: conv_bias_grad(g),
    )

conv_bias_grad.grad(
    dy=lambda g, dy_shape: expand(reshape(g, (-1, *(1,) * (len(dy_shape) - 2))), dy_shape)
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
