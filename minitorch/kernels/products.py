"""The matrix product where CuPy does not call cuBLAS: while a graph is captured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.dtypes import float32, is_bfloat16
from minitorch.kernels import cublas, cublas_on
from minitorch.kernels.source import kernel, steps, takes

_TILE, _SIDE = 64, 16  # as in matmul.cu
_NAMES = ("M", "N", "K", "a_batch", "a_row", "a_column", "b_batch", "b_row", "b_column")
_PRODUCT = np.dtype([(name, np.int64) for name in _NAMES])
_BATCHES = 65535  # blocks that a grid may have along its second axis


def matmul(a: Array, b: Array, out: Array | None = None) -> Any:
    """y = a b, as `np.matmul` of CuPy's floats, in a way that can be captured.

    That is cuBLAS, called past CuPy (`cublas.py`). Where it cannot be had it is a kernel of ours,
    with a tenth of its speed for large products, and a launch for every 65,535 of them. Each of a
    and b may lie in memory in any order; only a batch of several axes is copied where its axes do
    not make one.

    Args:
        a: (..., M, K), or (K,).
        b: (..., K, N), or (K,); the axes in front broadcast.
        out: where y goes, in one piece; new if None.

    Raises:
        ValueError: the shapes do not fit, or `out` does not.
    """
    if not takes(a, b) or not (a.ndim and b.ndim):
        return NotImplemented
    left, right = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    (M, K), (L, N) = left.shape[-2:], right.shape[-2:]
    if K != L:
        raise ValueError(f"matmul: a of shape {a.shape} has {K} columns, b of {b.shape} {L} rows")
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*batch, *((M,) if a.ndim > 1 else ()), *((N,) if b.ndim > 1 else ()))
    y = np.empty_like(a, shape=shape, order="C") if out is None else out
    if y.shape != shape or y.dtype != a.dtype or not y.flags.c_contiguous:
        raise ValueError(
            f"matmul: out is {y.dtype}{list(y.shape)}, expected {a.dtype}{list(shape)} in one piece"
        )
    count = math.prod(batch)
    left, right = _as_batch(left, batch), _as_batch(right, batch)
    rows = y.reshape(count, M, N)
    if cublas.multiply(left, right, rows):
        return y
    tiles = -(-M // _TILE) * -(-N // _TILE)
    run = kernel("matmul", "matmul", a.dtype.name)
    for i in range(0, count if tiles else 0, _BATCHES):
        part = slice(i, i + _BATCHES)
        w = np.array((M, N, K, *steps(left[part]), *steps(right[part])), _PRODUCT)
        grid = (tiles, min(_BATCHES, count - i))
        run(grid, (_SIDE, _SIDE), (left[part], right[part], rows[part], w))
    return y


def product(a: Array, b: Array) -> Any:
    """a b by `matmul`, inside `without_cublas`; in NumPy's words where CuPy has them."""
    if not cublas_on():
        return matmul(a, b)
    return times(a, b) if is_bfloat16(a.dtype) else NotImplemented


def times(a: Array, b: Array, out: Array | None = None) -> Array:
    """a b, by CuPy or inside `without_cublas` by `matmul`.

    CuPy 14 hands cuBLAS no stacks of matrices of bfloat16: these are multiplied in float32.
    """
    if not cublas_on():
        return matmul(a, b, out)
    if max(a.ndim, b.ndim) < 3 or not is_bfloat16(a.dtype):
        return np.matmul(a, b, out=out)
    y = np.matmul(a.astype(float32), b.astype(float32))
    if out is None:
        return y.astype(a.dtype)
    out[...] = y
    return out


def _as_batch(x: Array, batch: tuple[int, ...]) -> Array:
    """x as (B, rows, columns), one for each product; repeated ones are not copied."""
    if not batch:
        return x[None]
    if math.prod(x.shape[:-2]) == 1:
        return np.broadcast_to(x.reshape(1, *x.shape[-2:]), (math.prod(batch), *x.shape[-2:]))
    if x.shape[:-2] != batch:
        x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    return x.reshape(-1, *x.shape[-2:])
