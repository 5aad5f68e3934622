"""Transposed convolution: a convolution run backwards, to make an image larger.

A convolution with stride 2 takes an image of 8 to one of 4; its gradient takes 4 to 8. That
gradient as a layer of its own, with weights that are learned, is the transposed convolution. It
inverts the shape and not the values.
"""

from __future__ import annotations

from minitorch.op import op
from minitorch.ops.conv import check_weight, conv, conv_bias_grad, conv_weight_grad
from minitorch.ops.conv_products import input_grad
from minitorch.ops.window import check_image, grid_of, per_axis
from minitorch.tensor import ShapeError


def _pairs(padding, output_padding, n, who="conv_transpose"):
    """The margins of the convolution this one runs backwards.

    Output padding makes the output larger on its far side only: a margin that is smaller there.
    """
    pads = per_axis(who, "padding", padding, n, least=0)
    more = per_axis(who, "output_padding", output_padding, n, least=0)
    return tuple((p, p - m) for p, m in zip(pads, more))


def _transposed(who, n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    check_image(who, x, n)
    check_weight(who, x, weight, bias, groups, axis=1)
    if x.shape[1] != weight.shape[0]:
        raise ShapeError(
            f"{who}: x of shape {tuple(x.shape)} has {x.shape[1]} channels on axis 1, and weight "
            f"of shape {tuple(weight.shape)} expects {weight.shape[0]}: a transposed weight is "
            "(in, out / groups, *kernel)"
        )
    stride = per_axis(who, "stride", stride, n)
    dilation = per_axis(who, "dilation", dilation, n)
    pads = _pairs(padding, output_padding, n, who)
    for (a, b), s, d in zip(pads, stride, dilation):
        if a - b >= max(s, d):
            raise ValueError(
                f"{who}: output_padding {output_padding} must be smaller than stride {stride} or "
                f"dilation {dilation}"
            )
    sizes = [
        (m - 1) * s - a - b + d * (k - 1) + 1
        for m, s, (a, b), d, k in zip(x.shape[2:], stride, pads, dilation, weight.shape[2:])
    ]
    if min(sizes) < 1:
        raise ShapeError(
            f"{who}: (input {tuple(x.shape[2:])} - 1) * stride {stride} - padding {pads} + "
            f"dilation {dilation} * (kernel {tuple(weight.shape[2:])} - 1) + 1 = {tuple(sizes)}, "
            "which leaves no output"
        )
    grid = grid_of(who, sizes, weight.shape[2:], stride, pads, dilation)
    y = input_grad(x, weight, grid, groups)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * n)
    return y


@op(autocast="low")
def conv_transpose1d(
    x, weight, bias=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose2d` over one axis: x (N, C, L), weight (C, O / groups, K).

    dL/dx = conv1d(g, w),   dL/dw = x times the windows of g (`conv_weight_grad`),   dL/db = Σ g.
    """
    return _transposed(
        "conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


@op(autocast="low")
def conv_transpose2d(
    x, weight, bias=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Every input number adds its multiple of the kernel to the output, `stride` apart.

    dL/dx = conv2d(g, w),   dL/dw = x times the windows of g (`conv_weight_grad`),   dL/db = Σ g.

    Args:
        x: (N, C, H, W).
        weight: (C, O / groups, KH, KW).
        bias: (O,), or None.
        stride: how far apart neighbouring inputs land.
        padding: how much is cut off on every side.
        output_padding: how much less is cut off on the far side; several output sizes lead to the
            same input size of a strided convolution, and this picks one.
        groups: as in `conv2d`.
        dilation: as in `conv2d`.

    Returns:
        (N, O, H', W') with
        H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.

    >>> import minitorch
    >>> x = minitorch.tensor([[[[1.0, 2.0]]]])
    >>> w = minitorch.tensor([[[[1.0, 10.0]]]])
    >>> minitorch.conv_transpose2d(x, w, stride=2)
    tensor([[[[ 1., 10.,  2., 20.]]]])
    """
    return _transposed(
        "conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


@op(autocast="low")
def conv_transpose3d(
    x, weight, bias=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose2d` over three axes: x (N, C, D, H, W), weight (C, O / groups, KD, KH, KW).

    dL/dx = conv3d(g, w),   dL/dw = x times the windows of g (`conv_weight_grad`),   dL/db = Σ g.
    """
    return _transposed(
        "conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _dx(g, x_shape, weight, stride, padding, output_padding, groups, dilation):
    pads = _pairs(padding, output_padding, len(x_shape) - 2)
    return conv(g, weight, stride, pads, dilation, groups)


def _dw(g, x, weight_shape, stride, padding, output_padding, groups, dilation):
    pads = _pairs(padding, output_padding, len(weight_shape) - 2)
    return conv_weight_grad(g, x, weight_shape[2:], stride, pads, dilation, groups)


for _conv in (conv_transpose1d, conv_transpose2d, conv_transpose3d):
    _conv.grad(x=_dx, weight=_dw, bias=lambda g: conv_bias_grad(g))
