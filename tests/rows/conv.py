"""Rows for convolutions."""

from itertools import product

import numpy as np

from tests.rows.window import each, pairs
from tests.table import Row, rand


def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Loops over everything, and one sum over the window."""
    n = x.ndim - 2
    stride, dilation = each(stride, n), each(dilation, n)
    spans = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation)]
    if padding == "same":
        padding = [(span // 2, span - span // 2) for span in spans]
    x = np.pad(x, [(0, 0), (0, 0), *pairs(0 if padding == "valid" else padding, n)])
    counts = [(s - span - 1) // t + 1 for s, span, t in zip(x.shape[2:], spans, stride)]
    O, C = weight.shape[:2]  # noqa: E741
    y = np.zeros((len(x), O, *counts))
    for i, o, *at in product(range(len(x)), range(O), *map(range, counts)):
        where = [
            slice(a * s, a * s + span + 1, d) for a, s, span, d in zip(at, stride, spans, dilation)
        ]
        first = o // (O // groups) * C
        y[(i, o, *at)] = (x[(i, slice(first, first + C), *where)] * weight[o]).sum()
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def conv_transpose(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Every input adds its multiple of the kernel to the output."""
    n = x.ndim - 2
    stride, dilation, padding, more = (
        each(v, n) for v in (stride, dilation, padding, output_padding)
    )
    N, C = x.shape[:2]
    out = weight.shape[1]
    full = [
        (s - 1) * t + d * (k - 1) + 1 + m
        for s, t, d, k, m in zip(x.shape[2:], stride, dilation, weight.shape[2:], more)
    ]
    y = np.zeros((N, out * groups, *full))
    for i, c, *at in product(range(N), range(C), *map(range, x.shape[2:])):
        where = [
            slice(a * t, a * t + d * (k - 1) + 1, d)
            for a, t, d, k in zip(at, stride, dilation, weight.shape[2:])
        ]
        first = c // (C // groups) * out
        y[(i, slice(first, first + out), *where)] += x[(i, c, *at)] * weight[c]
    y = y[(..., *(slice(p, s - p) for p, s in zip(padding, full)))]
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def input_grad(dy, weight, size, **options):
    """The slope of Σ dy · conv(x, w) along x, by a basis of images: it is linear in x."""
    C = weight.shape[1] * options.get("groups", 1)
    basis = np.eye(C * int(np.prod(size))).reshape(-1, C, *size)
    ys = conv(basis, weight, **options)
    return (ys.reshape(len(basis), -1) @ dy.reshape(len(dy), -1).T).T.reshape(-1, C, *size)


def weight_grad(x, dy, kernel_size, groups=1, **options):
    """The slope of Σ dy · conv(x, w) along w, by a basis of weights: it is linear in w."""
    shape = (dy.shape[1], x.shape[1] // groups, *kernel_size)
    basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([(conv(x, w, groups=groups, **options) * dy).sum() for w in basis]).reshape(
        shape
    )


def row(op, x, weight, bias, *, torch=True, **kwargs):
    args = (rand(*x), rand(*weight, seed=1)) + ((rand(weight[0], seed=2),) if bias else ())
    return Row(op, args, kwargs, ref=conv, torch=f"nn.functional.{op}" if torch else None)


def transposed(op, x, weight, bias, **kwargs):
    out = weight[1] * kwargs.get("groups", 1)
    args = (rand(*x), rand(*weight, seed=1)) + ((rand(out, seed=2),) if bias else ())
    return Row(op, args, kwargs, ref=conv_transpose, torch=f"nn.functional.{op}")


ROWS = [
    row("conv1d", (2, 2, 5), (3, 2, 3), True),
    row("conv1d", (2, 2, 5), (2, 1, 2), False, stride=2, padding=1, dilation=2, groups=2),
    row("conv1d", (1, 9, 3), (2, 9, 2), True, padding="same", torch=False),
    row("conv1d", (1, 1, 4), (1, 1, 2), False, padding=((2, 0),), torch=False),
    # few channels: columns with the channels outermost
    row("conv2d", (2, 2, 4, 3), (3, 2, 2, 3), True),
    row("conv2d", (2, 2, 4, 3), (3, 2, 2, 3), False, padding=(1, 2), stride=(2, 1)),
    row("conv2d", (1, 1, 5, 4), (2, 1, 2, 2), True, dilation=(1, 3), stride=2),
    row("conv2d", (1, 2, 3, 4), (1, 2, 3, 2), True, padding="same", torch=False),
    row("conv2d", (1, 2, 3, 4), (1, 2, 2, 3), True, padding="same", dilation=2),
    row("conv2d", (1, 2, 3, 3), (2, 2, 1, 1), True, padding="valid"),
    row("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), True, stride=3),
    row("conv2d", (1, 1, 3, 3), (2, 1, 3, 2), True, padding=((1, 0), (0, 2)), torch=False),
    # groups, up to one for each channel
    row("conv2d", (2, 4, 3, 2), (4, 2, 2, 2), True, groups=2, padding=1),
    row("conv2d", (1, 3, 3, 3), (6, 1, 2, 2), True, groups=3),
    # eight channels and more: columns with the channels innermost
    row("conv2d", (2, 8, 2, 3), (2, 8, 2, 2), True),
    row("conv2d", (1, 8, 3, 3), (8, 8, 1, 2), True, padding=(0, 1)),
    row("conv2d", (1, 9, 2, 2), (8, 9, 3, 3), False, padding=1),
    row("conv2d", (1, 8, 3, 4), (2, 8, 2, 2), True, stride=2, padding=1, dilation=(1, 2)),
    row("conv2d", (2, 8, 2, 2), (9, 8, 1, 1), True),
    row("conv2d", (1, 8, 1, 2), (1, 8, 2, 2), True, padding=((2, 1), (0, 1)), torch=False),
    # few channels in and eight out: columns across the images
    row("conv2d", (2, 1, 3, 3), (8, 1, 2, 2), True, padding=1, stride=2),
    row("conv2d", (1, 2, 2, 3), (8, 2, 1, 2), False),
    row("conv3d", (1, 2, 3, 2, 3), (2, 2, 2, 1, 2), True),
    row("conv3d", (1, 2, 3, 2, 2), (2, 1, 2, 2, 1), False, stride=2, padding=(1, 1, 0), groups=2),
    *[
        Row("conv_input_grad", (rand(*dy), rand(*weight, seed=1)), kwargs, ref=input_grad)
        for dy, weight, kwargs in (
            ((2, 3, 2), (3, 2, 2), {"size": (4,), "stride": 2}),
            ((1, 2, 2, 3), (2, 2, 2, 1), {"size": (3, 3)}),
            ((1, 2, 2, 2), (2, 1, 2, 3), {"size": (3, 3), "stride": 2, "padding": 1, "groups": 2}),
            ((1, 8, 2, 2), (8, 8, 1, 1), {"size": (2, 2)}),
            ((1, 2, 2, 2), (2, 8, 2, 1), {"size": (2, 3), "stride": 2, "padding": (1, 0)}),
        )
    ],
    Row("conv_bias_grad", (rand(2, 3, 2),), {}, ref=lambda dy: dy.sum((0, 2))),
    Row("conv_bias_grad", (rand(2, 3, 1, 4),), {}, ref=lambda dy: dy.sum((0, 2, 3))),
    *[
        Row("conv_weight_grad", (rand(*x), rand(*dy, seed=1)), kwargs, ref=weight_grad)
        for x, dy, kwargs in (
            ((2, 2, 4), (2, 3, 2), {"kernel_size": (2,), "stride": 2}),
            ((1, 2, 3, 3), (1, 2, 2, 3), {"kernel_size": (2, 1)}),
            ((1, 2, 3, 4), (1, 2, 2, 4), {"kernel_size": (2, 3), "groups": 2, "padding": (0, 1)}),
            ((2, 8, 2, 2), (2, 2, 1, 2), {"kernel_size": (2, 1)}),
        )
    ],
    transposed("conv_transpose1d", (2, 2, 3), (2, 3, 2), True, stride=2, output_padding=1),
    transposed("conv_transpose1d", (1, 2, 4), (2, 2, 3), False, padding=2, dilation=2),
    transposed("conv_transpose2d", (2, 2, 2, 3), (2, 3, 2, 2), True),
    transposed("conv_transpose2d", (1, 2, 3, 2), (2, 1, 3, 2), True, stride=(2, 3), padding=(1, 0)),
    transposed(
        "conv_transpose2d",
        (1, 4, 2, 2),
        (4, 1, 3, 2),
        True,
        stride=2,
        padding=1,
        output_padding=(0, 1),
        groups=2,
    ),
    transposed("conv_transpose2d", (1, 1, 2, 2), (1, 2, 2, 2), True, dilation=2, output_padding=1),
    transposed("conv_transpose2d", (1, 8, 2, 2), (8, 8, 2, 1), True, stride=1),
    transposed("conv_transpose2d", (1, 8, 2, 2), (8, 9, 3, 3), True, padding=1),
    transposed("conv_transpose2d", (1, 2, 1, 2), (2, 8, 2, 2), True, stride=2),
    transposed("conv_transpose3d", (1, 2, 2, 1, 2), (2, 2, 1, 2, 2), True, stride=(1, 2, 1)),
]
