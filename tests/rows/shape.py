"""Rows for shape: reshape, permute, broadcasting, copies."""

import numpy as np

from tests.table import Row, rand


def _into_232(x, *_):
    return x.reshape(2, 3, 2)


def _expanded(x, *sizes):
    new = len(sizes) - x.ndim
    shape = [x.shape[i - new] if n == -1 else n for i, n in enumerate(sizes)]
    return np.broadcast_to(x, shape)


SUM_TO = "Tensor.sum_to_size"
VIEW = "Tensor.view"

ROWS = [
    Row("reshape", (rand(2, 3), (3, 2)), ref=np.reshape, torch="reshape"),
    Row("reshape", (rand(2, 3, 2), (-1, 4)), ref=np.reshape, torch="reshape"),
    Row("reshape", (rand(1, 1), ()), ref=np.reshape, torch="reshape"),
    Row("reshape", (rand(), (1, 1)), ref=np.reshape, torch="reshape"),
    Row("reshape", (rand(0, 3), (2, 0)), order=0, ref=np.reshape, torch="reshape"),
    Row(
        "view",
        (rand(2, 6), 3, -1),
        ref=lambda x, *s: x.reshape(s),
        torch="Tensor.view",
        layouts=False,
    ),
    Row(
        "view",
        (rand(2, 6), (12,)),
        ref=lambda x, s: x.reshape(s),
        torch="Tensor.view",
        layouts=False,
    ),
    Row(
        "view_as",
        (rand(2, 3), rand(6, seed=1)),
        grad=(0,),
        ref=lambda x, other: x.reshape(other.shape),
        torch="Tensor.view_as",
        layouts=False,
    ),
    Row(
        "reshape_as",
        (rand(2, 3), rand(3, 2, seed=1)),
        grad=(0,),
        ref=lambda x, other: x.reshape(other.shape),
        torch="Tensor.reshape_as",
    ),
    Row("ravel", (rand(2, 3),), ref=np.ravel, torch="ravel"),
    Row("ravel", (rand(),), ref=np.ravel, torch="ravel"),
    Row("ravel", (rand(2, 0),), order=0, ref=np.ravel, torch="ravel"),
    Row("flatten", (rand(2, 3),), ref=np.ravel, torch="flatten"),
    Row("flatten", (rand(),), ref=np.ravel, torch="flatten"),
    Row("flatten", (rand(2, 3, 2), 1), ref=lambda x, s: x.reshape(2, 6), torch="flatten"),
    Row(
        "flatten", (rand(2, 3, 2, 1), 1, -2), ref=lambda x, *_: x.reshape(2, 6, 1), torch="flatten"
    ),
    Row(
        "unflatten",
        (rand(2, 6), 1, (3, -1)),
        ref=_into_232,
        torch="unflatten",
    ),
    Row(
        "unflatten",
        (rand(6, 2), -2, (2, 3)),
        ref=_into_232,
        torch="unflatten",
    ),
    Row("squeeze", (rand(1, 3, 1),), ref=np.squeeze, torch="squeeze"),
    Row("squeeze", (rand(2, 1, 3), 1), ref=np.squeeze, torch="squeeze"),
    Row("squeeze", (rand(2, 1, 3), -1), ref=lambda x, d: x, torch="squeeze"),
    Row("squeeze", (rand(1, 2, 1), (0, -2)), ref=lambda x, d: x[0], torch="squeeze"),
    Row("squeeze", (rand(), 0), ref=lambda x, d: x, torch="squeeze"),
    Row("unsqueeze", (rand(2, 3), 0), ref=np.expand_dims, torch="unsqueeze"),
    Row("unsqueeze", (rand(2, 3), 1), ref=np.expand_dims, torch="unsqueeze"),
    Row("unsqueeze", (rand(2, 3), -1), ref=np.expand_dims, torch="unsqueeze"),
    Row("unsqueeze", (rand(), 0), ref=np.expand_dims, torch="unsqueeze"),
    Row("permute", (rand(2, 3), (1, 0)), ref=np.transpose, torch="permute"),
    Row("permute", (rand(2, 3, 4), (2, 0, 1)), ref=np.transpose, torch="permute"),
    Row("permute", (rand(2, 3, 4), (-1, 1, -3)), ref=np.transpose, torch="permute"),
    Row("permute", (rand(2, 3, 2, 2), (1, 3, 0, 2)), ref=np.transpose, torch="permute"),
    Row("transpose", (rand(2, 3), 0, 1), ref=np.swapaxes, torch="transpose"),
    Row("transpose", (rand(2, 3, 4), 0, -1), ref=np.swapaxes, torch="transpose"),
    Row("transpose", (rand(2, 3, 4), 1, 1), ref=np.swapaxes, torch="transpose"),
    Row("t", (rand(2, 3),), ref=np.transpose, torch="t"),
    Row("t", (rand(3),), ref=np.transpose, torch="t"),
    Row("movedim", (rand(2, 3, 4), 0, -1), ref=np.moveaxis, torch="movedim"),
    Row("movedim", (rand(2, 3, 4), -1, 1), ref=np.moveaxis, torch="movedim"),
    Row("movedim", (rand(2, 3, 4, 1), (0, 1), (3, 0)), ref=np.moveaxis, torch="movedim"),
    Row("broadcast_to", (rand(3), (2, 3)), ref=np.broadcast_to, torch="broadcast_to"),
    Row("broadcast_to", (rand(2, 1), (2, 3)), ref=np.broadcast_to, torch="broadcast_to"),
    Row("broadcast_to", (rand(1, 3, 1), (2, 2, 3, 2)), ref=np.broadcast_to, torch="broadcast_to"),
    Row("broadcast_to", (rand(), (2, 3)), ref=np.broadcast_to, torch="broadcast_to"),
    Row("broadcast_to", (rand(1, 3), (0, 3)), order=0, ref=np.broadcast_to, torch="broadcast_to"),
    Row("expand", (rand(2, 1), -1, 3), ref=_expanded, torch="Tensor.expand"),
    Row("expand", (rand(3), 2, 3), ref=_expanded, torch="Tensor.expand"),
    Row("expand", (rand(2, 1), 4, -1, 2), ref=_expanded, torch="Tensor.expand"),
    Row("expand", (rand(1, 3), (2, -1)), ref=lambda x, s: _expanded(x, *s), torch="Tensor.expand"),
    Row(
        "expand_as",
        (rand(3), rand(2, 3)),
        grad=(0,),
        ref=lambda x, other: np.broadcast_to(x, other.shape),
        torch="Tensor.expand_as",
    ),
    Row(
        "broadcast_tensors",
        (rand(2, 1), rand(3, seed=1)),
        ref=np.broadcast_arrays,
        torch="broadcast_tensors",
    ),
    Row("sum_to", (rand(2, 3), (3,)), ref=lambda x, s: x.sum(0), torch=SUM_TO),
    Row(
        "sum_to",
        (rand(2, 3), (2, 1)),
        ref=lambda x, s: x.sum(1, keepdims=True),
        torch=SUM_TO,
    ),
    Row("sum_to", (rand(2, 3), ()), ref=lambda x, s: x.sum(), torch=SUM_TO),
    Row("sum_to", (rand(2, 3), (2, 3)), ref=lambda x, s: x, torch=SUM_TO),
    Row(
        "sum_to",
        (rand(4, 2, 3), (1, 3)),
        ref=lambda x, s: x.sum((0, 1))[None],
        torch=SUM_TO,
    ),
    Row("atleast_1d", (rand(),), ref=np.atleast_1d, torch="atleast_1d"),
    Row("atleast_1d", (rand(2, 3),), ref=np.atleast_1d, torch="atleast_1d"),
    Row("atleast_2d", (rand(),), ref=np.atleast_2d, torch="atleast_2d"),
    Row("atleast_2d", (rand(3),), ref=np.atleast_2d, torch="atleast_2d"),
    Row("atleast_3d", (rand(),), ref=np.atleast_3d, torch="atleast_3d"),
    Row("atleast_3d", (rand(3),), ref=np.atleast_3d, torch="atleast_3d"),
    Row("atleast_3d", (rand(2, 3),), ref=np.atleast_3d, torch="atleast_3d"),
    Row("clone", (rand(2, 3),), ref=np.copy, torch="clone"),
    Row("contiguous", (rand(2, 3),), ref=np.ascontiguousarray, torch="Tensor.contiguous"),
]
