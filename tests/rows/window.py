"""Rows for windows."""

from itertools import product

import numpy as np

from tests.table import Row, rand


def pairs(padding, n):
    if isinstance(padding, int):
        return [(padding, padding)] * n
    return [(p, p) if isinstance(p, int) else tuple(p) for p in padding]


def each(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def im2col(x, kernel_size, stride=1, padding=0, dilation=1):
    """Window after window, cut out and written down as a column."""
    n = x.ndim - 2
    kernel, stride, dilation = (each(v, n) for v in (kernel_size, stride, dilation))
    x = np.pad(x, [(0, 0), (0, 0), *pairs(padding, n)])
    counts = [
        (size - d * (k - 1) - 1) // s + 1
        for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation)
    ]
    columns = []
    for at in product(*map(range, counts)):
        where = [
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, k, s, d in zip(at, kernel, stride, dilation)
        ]
        columns.append(x[(slice(None), slice(None), *where)].reshape(len(x), -1))
    return np.stack(columns, axis=-1)


def col2im(cols, size, kernel_size, stride=1, padding=0, dilation=1):
    """The matrix of im2col, found by sending basis images through it, transposed."""
    n = len(size)
    C = cols.shape[1] // int(np.prod(each(kernel_size, n)))
    basis = np.eye(C * int(np.prod(size))).reshape(-1, C, *size)
    matrix = im2col(basis, kernel_size, stride, padding, dilation)
    return np.einsum("bkl,nkl->nb", matrix, cols).reshape(-1, C, *size)


def unfold_along(x, dimension, size, step=1):
    count = (x.shape[dimension] - size) // step + 1
    parts = [np.take(x, range(i * step, i * step + size), dimension) for i in range(count)]
    return np.moveaxis(np.stack(parts, dimension % x.ndim), dimension % x.ndim + 1, -1)


def fold_along(x, dimension, size, step=1):
    y = np.zeros((*x.shape[:dimension], size, *x.shape[dimension + 1 : -1]))
    for i, j in product(range(x.shape[dimension]), range(x.shape[-1])):
        at = (slice(None),) * dimension
        y[(*at, i * step + j)] += np.moveaxis(x, -1, 0)[j][(*at, i)]
    return y


def torch_unfold(x, kernel_size, stride=1, padding=0, dilation=1):
    import torch

    return torch.nn.functional.unfold(x, kernel_size, dilation, padding, stride)


def torch_fold(x, size, kernel_size, stride=1, padding=0, dilation=1):
    import torch

    return torch.nn.functional.fold(x, size, kernel_size, dilation, padding, stride)


ROWS = [
    Row("im2col", (rand(2, 2, 5),), {"kernel_size": 3, "stride": 2, "padding": 1}, ref=im2col),
    *[
        Row("im2col", (rand(2, 2, 4, 3),), kwargs, ref=im2col, torch=torch_unfold)
        for kwargs in (
            {"kernel_size": 2},
            {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)},
            {"kernel_size": 2, "dilation": (2, 1), "padding": 1, "stride": 2},
        )
    ],
    Row(
        "im2col",
        (rand(1, 2, 3, 4),),
        {"kernel_size": (2, 3), "padding": ((0, 1), (2, -1))},
        ref=lambda x, kernel_size, padding: im2col(
            np.pad(x, [(0, 0), (0, 0), (0, 1), (2, 0)])[..., :-1], kernel_size
        ),
    ),
    Row("im2col", (rand(1, 1, 3, 3, 2),), {"kernel_size": (2, 3, 2), "padding": 1}, ref=im2col),
    Row("col2im", (rand(2, 6, 3),), {"size": (5,), "kernel_size": 3, "stride": 2, "padding": 1}),
    *[
        Row("col2im", (rand(1, *shape),), kwargs, ref=col2im, torch=torch_fold)
        for shape, kwargs in (
            ((8, 6), {"size": (4, 3), "kernel_size": 2}),
            (
                (6, 12),
                {"size": (4, 3), "kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)},
            ),
            (
                (4, 2),
                {"size": (4, 3), "kernel_size": 2, "dilation": 2, "padding": 1, "stride": (2, 3)},
            ),
        )
    ],
    Row(
        "unfold",
        (rand(2, 2, 4, 3),),
        {"kernel_size": (3, 2), "dilation": 1, "padding": (1, 2), "stride": (2, 1)},
        ref=im2col,
        torch="nn.functional.unfold",
    ),
    Row("unfold", (rand(1, 2, 3, 3), 2), torch="nn.functional.unfold"),
    Row(
        "fold",
        (rand(1, 6, 12),),
        {"output_size": (4, 3), "kernel_size": (3, 2), "padding": (1, 2), "stride": (2, 1)},
        ref=lambda x, output_size, **kwargs: col2im(x, output_size, **kwargs),
        torch="nn.functional.fold",
    ),
    Row("fold", (rand(1, 4, 4), 3, 2), torch="nn.functional.fold"),
    *[
        Row(
            "unfold_along",
            (rand(3, 5, 2),),
            kwargs,
            ref=unfold_along,
            torch=lambda x, dimension, size, step=1: x.unfold(dimension, size, step),
        )
        for kwargs in (
            {"dimension": 1, "size": 3},
            {"dimension": -2, "size": 2, "step": 2},
            {"dimension": 0, "size": 3, "step": 4},
        )
    ],
    Row("fold_along", (rand(2, 3, 2, 3),), {"dimension": 1, "size": 5}, ref=fold_along),
    Row("fold_along", (rand(2, 2, 3),), {"dimension": 1, "size": 8, "step": 4}, ref=fold_along),
]
