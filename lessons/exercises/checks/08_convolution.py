"""Checks of the exercises of lesson 8, and wrong answers that they must notice."""

from itertools import product

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import by_hand, same, sample
from lessons.exercises.checks.gradients import compare_with_slopes

READY = {"conv2d", "im2col", "col2im", "unfold", "fold", "conv_transpose2d", "backward", "grad"}


def check_out_size(function):
    for size, kernel, stride, padding, dilation in product(
        (28, 6, 5, 1), (5, 3, 2, 1), (1, 2, 3), (0, 1, 2), (1, 2, 3)
    ):
        last = size + 2 * padding - dilation * (kernel - 1)  # the first start that is too far
        counted = len(range(0, max(last, 0), stride))
        said = function(size, kernel, stride, padding, dilation)
        assert said == counted, (
            f"size {size}, kernel {kernel}, stride {stride}, padding {padding}, dilation "
            f"{dilation}: windows can be counted, there are {counted}, not {said}"
        )
    assert isinstance(function(7, 3, 2), int), "a number of windows is an int: use // and not /"
    assert function(28, 5) == 24, "the defaults should be stride 1, padding 0, dilation 1"


SHAPES = [((1, 1, 4, 4), 2, 2), ((2, 3, 6, 5), 3, 1), ((2, 2, 7, 6), 3, 2), ((1, 2, 5, 8), 2, 3)]


def check_window_columns(function):
    by_hand(function, READY)
    minitorch.manual_seed(8)
    for shape, kernel, stride in SHAPES:
        x = minitorch.arange(float(np.prod(shape))).double().reshape(shape)
        expected = F.im2col(x, kernel_size=kernel, stride=stride)
        same(function(x, kernel, stride), expected, f"x {shape}, kernel {kernel}, stride {stride}")


def check_window_columns_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(8)
    for shape, kernel, stride in SHAPES:
        compare_with_slopes(
            "window_columns_grad",
            lambda x, k=kernel, s=stride: F.im2col(x, kernel_size=k, stride=s),
            lambda g, x, k=kernel, s=stride: function(g, x, k, s),
            sample(*shape),
        )


def check_conv_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(8)
    for x, w in [
        ((2, 3, 6, 5), (4, 3, 3, 3)),
        ((3, 2, 4, 4), (2, 2, 2, 2)),
        ((1, 1, 5, 5), (1, 1, 1, 1)),
    ]:
        compare_with_slopes("conv_grad", F.conv2d, function, sample(*x), sample(*w), sample(w[0]))


def check_as_matrix(function):
    by_hand(function, READY)
    minitorch.manual_seed(8)
    for kernel, height, width in [(2, 2, 3), (3, 5, 4), (1, 2, 2), (2, 4, 4)]:
        w, x = minitorch.randn(kernel, kernel), minitorch.randn(height, width)
        places = (height - kernel + 1) * (width - kernel + 1)
        T = function(w, height, width)
        where = f"kernel {kernel}, image {height} by {width}"
        assert tuple(T.shape) == (places, height * width), (
            f"{where}: T has shape {tuple(T.shape)}, expected {places} windows by "
            f"{height * width} pixels"
        )
        expected = F.conv2d(x[None, None], w[None, None]).reshape(-1)
        same(T.float() @ x.reshape(-1), expected, f"{where}, T times an image", tolerance=1e-4)
        zeros = int((np.asarray(T.detach()) == 0).sum())
        assert zeros == places * (height * width - kernel**2), (
            f"{where}: {zeros} numbers of T are 0; each row should hold {kernel**2} weights"
        )


# wrong answers ----------------------------------------------------------------------------------


def room(size, kernel, stride=1, padding=0, dilation=1):
    return size + 2 * padding - dilation * (kernel - 1) - 1


def columns(x, kernel, stride):
    return F.im2col(x, kernel_size=kernel, stride=stride)


def channels_last(x, kernel, stride):
    n, c = x.shape[:2]
    cols = columns(x, kernel, stride).reshape(n, c, kernel * kernel, -1)
    return cols.transpose(1, 2).reshape(n, c * kernel * kernel, -1)


def added_back(g, x, kernel, stride):
    return F.col2im(g, size=x.shape[2:], kernel_size=kernel, stride=stride)


def overwritten(g, x, kernel, stride):
    counts = added_back(columns(minitorch.ones_like(x), kernel, stride), x, kernel, stride)
    return added_back(g, x, kernel, stride) / counts.clamp_min(1.0)


def without_stride(g, x, kernel, stride):
    n, c, height, width = x.shape
    rows, across = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    dx = minitorch.zeros_like(x)
    parts = g.reshape(n, c, kernel, kernel, rows, across)
    for u in range(kernel):
        for v in range(kernel):
            dx[:, :, u : u + rows, v : v + across] += parts[:, :, u, v]
    return dx


def image_grad(g, w):
    return F.conv_transpose2d(g, w)


def conv(turn=True, mean_w=False, bias=None):
    def gradients(g, x, w, b):
        dx = image_grad(g, w if turn else w.flip(2, 3))
        flat = g.reshape(g.shape[0], len(b), -1)
        dw = (flat @ columns(x, w.shape[2], 1).transpose(1, 2)).sum(0).reshape(w.shape)
        db = g.sum((0, 2, 3)) if bias is None else bias(g)
        return dx, dw / len(x) if mean_w else dw, db

    return gradients


def diagonal(w, height, width, last_first=False, per_row=0):
    k = w.shape[0]
    rows = []
    for i in range(height - k + 1):
        for j in range(width - k + 1):
            image = minitorch.zeros(height, width, dtype=w.dtype)
            at = (j, i) if last_first else (i, j)
            if per_row:
                at = (0, i * (width - k + 1) + j)
            if at[0] + k <= height and at[1] + k <= width:
                image[at[0] : at[0] + k, at[1] : at[1] + k] = w
            rows.append(image.reshape(-1))
    return minitorch.stack(rows)


WRONG = {
    "out_size": [
        lambda *a: room(*a) + 1,
        lambda *a: max(0, room(*a) // (a[2] if len(a) > 2 else 1)),
        lambda *a: max(0, room(*a) / (a[2] if len(a) > 2 else 1) + 1),
        lambda size, kernel, stride=1, padding=0, dilation=1: max(
            0, (size + padding - dilation * (kernel - 1) - 1) // stride + 1
        ),
        lambda size, kernel, stride=1, padding=0, dilation=1: max(
            0, (size + 2 * padding - dilation * kernel) // stride + 1
        ),
        lambda size, kernel, stride=1, padding=0, dilation=1: max(
            0, -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1
        ),
    ],
    "window_columns": [
        lambda x, kernel, stride: columns(x, kernel, 1),
        lambda x, kernel, stride: columns(x, kernel, stride).transpose(1, 2),
        channels_last,
        lambda x, kernel, stride: columns(x.transpose(2, 3), kernel, stride),
    ],
    "window_columns_grad": [
        overwritten,
        without_stride,
        lambda g, x, kernel, stride: added_back(g.flip(1), x, kernel, stride),
        lambda g, x, kernel, stride: added_back(g, x, kernel, stride) / kernel**2,
    ],
    "conv_grad": [
        conv(turn=False),
        conv(mean_w=True),
        conv(bias=lambda g: g.mean((0, 2, 3))),
        conv(bias=lambda g: g[0].sum((1, 2))),
    ],
    "as_matrix": [
        lambda w, height, width: diagonal(w.flip(0, 1), height, width),
        lambda w, height, width: diagonal(w.T, height, width),
        lambda w, height, width: diagonal(w, height, width).T,
        lambda w, height, width: diagonal(w, height, width, last_first=True),
        lambda w, height, width: diagonal(w, height, width, per_row=1),
    ],
}
