"""Meta equals real: a call on a meta array and on a NumPy array gives the same shape and dtype."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch.meta import Meta
from tests.metas import agree

window = np.lib.stride_tricks.sliding_window_view

# calls that work, on x of shape (3, 4, 5), v (4,), m (4, 6) and integers i (2, 3) ---------------

VIEWS = [
    lambda x: x.T,
    lambda x: x.mT,
    lambda x: x.reshape(5, -1),
    lambda x: x.reshape((2, 6, 5)),
    lambda x: x.reshape(-1, order="F"),
    lambda x: np.reshape(x, (4, 15)),
    lambda x: x.T.reshape(12, 5),
    lambda x: x.transpose(1, 0, 2),
    lambda x: x.transpose((2, 0, 1)),
    lambda x: x.transpose(None),
    lambda x: np.transpose(x, (-1, 0, 1)),
    lambda x: np.matrix_transpose(x),
    lambda x: x.swapaxes(0, -1),
    lambda x: np.swapaxes(x, 0, 1),
    lambda x: np.moveaxis(x, 0, -1),
    lambda x: np.moveaxis(x, (0, 1), (1, 2)),
    lambda x: np.rollaxis(x, 2),
    lambda x: x[:, None].squeeze(),
    lambda x: x[:, None].squeeze(axis=1),
    lambda x: np.squeeze(x[None], 0),
    lambda x: np.expand_dims(x, (0, -1)),
    lambda x: np.flip(x),
    lambda x: np.flip(x, (0, 2)),
    lambda x: np.fliplr(np.flipud(x)),
    lambda x: np.rot90(x, 1, (1, 2)),
    lambda x: np.broadcast_to(x, (2, 3, 4, 5)),
    lambda x: np.broadcast_arrays(x, x[0], 1.0),
    lambda x: np.atleast_3d(x[0]),
    lambda x: np.atleast_2d(x[0, 0], x),
    lambda x: x.diagonal(),
    lambda x: np.diagonal(x, 1, 0, 2),
    lambda x: np.split(x, 2, axis=1),
    lambda x: np.split(x, [1, 3], axis=2),
    lambda x: np.array_split(x, 3, axis=2),
    lambda x: [*np.hsplit(x, 2), *np.vsplit(x, 3), *np.dsplit(x, 5)],
    lambda x: window(x, (2, 3), axis=(1, 2))[:, ::2],
    lambda x: window(x, 2, axis=0),
    lambda x: (x.ravel(), x.flatten(), np.ravel(x), x.copy(), np.copy(x), x.view()),
    lambda x: x.view(np.int32),
    lambda x: list(x),
    lambda x: (len(x), x.shape, x.ndim, x.size, x.dtype, x.nbytes, x.itemsize, x.strides, x.base),
    lambda x: (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)),
    lambda x: (x.flags.c_contiguous, x.flags.f_contiguous, x.flags.writeable),
]

INDEXING = [
    lambda x, i: x[0],
    lambda x, i: x[-1, 2, 3],
    lambda x, i: x[np.int64(1)],
    lambda x, i: x[1:, ::-2, None, ..., 2:4],
    lambda x, i: x[..., 0],
    lambda x, i: x[5:],
    lambda x, i: x[()],
    lambda x, i: x[None, None],
    lambda x, i: x[i],
    lambda x, i: x[:, i],
    lambda x, i: x[..., i],
    lambda x, i: x[i, :, i],
    lambda x, i: x[i, i[0]],
    lambda x, i: x[:, i, 0],
    lambda x, i: x[0, :, i],
    lambda x, i: x[:, 0, None, i],
    lambda x, i: x[[0, 2]],
    lambda x, i: x[[0, 2], :, [1, 1]],
    lambda x, i: x[np.array([True, False, True])],
    lambda x, i: x[np.arange(3), i[:1]],
    lambda x, i: x[i.astype(np.uint8)],
    lambda x, i: x[i[0, 0]],
    lambda x, i: np.take(x, i, axis=1),
    lambda x, i: np.take(x, i),
    lambda x, i: x.take(i, -1),
    lambda x, i: x.take(0, 1),
    lambda x, i: np.take_along_axis(x[:2, :3, 0], i, axis=1),
    lambda x, i: np.take_along_axis(x[:2, :1, 0], i[:, :2], axis=-1),
    lambda x, i: np.take_along_axis(x, i.reshape(-1), axis=None),
    lambda x, i: np.put_along_axis(x[:2, :3, 0], i, 0.0, axis=1),
    lambda x, i: np.searchsorted(x[0, 0], i),
    lambda x, i: x[0, 0].searchsorted(2.0),
]

UNARY = [
    np.negative, np.exp, np.log, np.log1p, np.expm1, np.sqrt, np.square, np.tanh, np.sin, np.abs,
    np.sign, np.floor, np.ceil, np.reciprocal, np.isnan, np.isfinite, np.logical_not, np.conj,
    np.modf, np.frexp, np.cbrt, np.signbit, np.rint, np.arctan,
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.power, np.remainder, np.divmod,
    np.maximum, np.minimum, np.fmax, np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
    np.not_equal, np.logical_and, np.logical_or, np.logical_xor, np.hypot, np.arctan2, np.copysign,
    np.logaddexp, np.bitwise_and, np.left_shift,
]  # fmt: skip

ELEMENTWISE = [
    lambda x: x * 2.0 + 1 - True,
    lambda x: 2 / x // 3 % 2 ** abs(-x),
    lambda x: (x > 0) & (x <= 1.0) | ~(x == x),
    lambda x: x + np.float64(2.0),
    lambda x: x + np.ones((2, 1, 4, 1), np.float16),
    lambda x: np.ones((2, 1, 4, 1), np.float64) * x,
    lambda x: [1, 2, 3, 4, 5] * x - [[1], [2], [3], [4]],
    lambda x: x[0, 0] * [[1], [2]],
    lambda x: np.add(x, 1, dtype=np.float64),
    lambda x: np.add(x, x, where=x > 0, out=x),
    lambda x: np.exp(x, out=np.empty_like(x)),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.where(x[0] > 0, x, np.float64(1)),
    lambda x: np.where(np.ones((2, 1, 1, 1), bool), 0, x),
    lambda x: np.clip(x, 0.0, None),
    lambda x: np.clip(x, x[0], 2),
    lambda x: x.clip(-1, 1),
    lambda x: x.clip(min=0),
    lambda x: x.round(2),
    lambda x: np.around(x),
    lambda x: np.nan_to_num(x, nan=0.0),
    lambda x: np.isclose(x, x[0]),
    lambda x: np.isclose(x, 1.0),
    lambda x: (np.real(x), np.imag(x), np.angle(x), np.sinc(x)),
    lambda x: x.astype(np.float16, copy=False),
    lambda x: x.astype("int64"),
    lambda x: (np.zeros_like(x), np.ones_like(x, np.int8), np.empty_like(x, shape=(2, 7))),
    lambda x: (np.full_like(x, 3), np.full_like(x, 3, dtype=bool, shape=4)),
    lambda x: (np.zeros((2, 3), like=x), np.ones(4, np.int8, like=x), np.full((1, 2), 7, like=x)),
    lambda x: np.result_type(x, 2.0, np.float16(1), np.float16),
    lambda x: np.tril(x),
    lambda x: np.triu(x, 1),
    lambda x: np.tril(x[0, 0]),
    lambda x: np.diag(x[0], 1),
    lambda x: np.diag(x[0, 0], -2),
]

ALONG = [
    lambda x: np.count_nonzero(x, axis=(0, 1), keepdims=True),
    lambda x: x.argmax(),
    lambda x: x.argmax(1),
    lambda x: np.argmin(x, axis=-1, keepdims=True),
    lambda x: np.argmax(x, keepdims=True),
    lambda x: np.argsort(x),
    lambda x: x.argsort(0, kind="stable"),
    lambda x: np.sort(x, axis=1),
    lambda x: np.sort(x, None),
    lambda x: x.sort(),
    lambda x: x.partition(2, axis=1),
    lambda x: np.partition(x, 2, axis=1),
    lambda x: np.argpartition(x, (1, 2)),
    lambda x: x.argpartition(1, 0),
    lambda x: x.cumsum(),
    lambda x: np.cumsum(x, 0, np.float64),
    lambda x: np.cumprod(x, axis=-1),
    lambda x: np.diff(x),
    lambda x: np.diff(x, 2, 1),
    lambda x: np.repeat(x, 3),
    lambda x: x.repeat(2, axis=1),
    lambda x: np.repeat(x, repeats=[1, 2, 0], axis=0),
    lambda x: np.roll(x, 2),
    lambda x: np.roll(x, (1, 2), axis=(0, -1)),
    lambda x: np.median(x),
    lambda x: np.median(x, axis=(0, 2), keepdims=True),
    lambda x: np.linalg.norm(x),
    lambda x: np.linalg.norm(x, axis=-1, keepdims=True),
    lambda x: np.linalg.norm(x, 1, axis=(0, 1)),
    lambda x: x.trace(),
    lambda x: np.trace(x, 1, 2, 0, np.float64),
    lambda x: np.add.reduce(x),
    lambda x: np.maximum.reduce(x, axis=(0, 2), keepdims=True),
    lambda x: np.add.reduce(x, None, np.float64),
    lambda x: np.add.accumulate(x, axis=1),
    lambda x: np.add.reduceat(x, [0, 2, 1], axis=1),
    lambda x: np.multiply.outer(x, x[0]),
    lambda x: np.subtract.outer(2.0, x),
    lambda x: np.subtract.outer(x, 2.0),
    lambda x: x.var(axis=0, ddof=1),
    lambda x: np.std(x, axis=(0, 1), ddof=1, keepdims=True),
    lambda x: np.sum(x, where=x[0] > 0),
    lambda x: np.max(x, axis=0, initial=0, where=x > 0),
    lambda x: np.sum(x, axis=0, dtype=x.dtype, out=x[0]),
]

REDUCTIONS = [
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.any, np.all, np.var, np.std,
    np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanstd, np.nanvar, np.ptp,
]  # fmt: skip

PRODUCTS = [
    lambda x, v, m: x[:, :, 0] @ m,
    lambda x, v, m: v @ m,
    lambda x, v, m: x.transpose(0, 2, 1) @ v,
    lambda x, v, m: v @ x,
    lambda x, v, m: v @ v,
    lambda x, v, m: x.transpose(0, 2, 1)[:, None] @ m,
    lambda x, v, m: v @ np.ones((2, 4, 3)),
    lambda x, v, m: np.ones((2, 3, 4), np.int8) @ m,
    lambda x, v, m: np.matmul(v, m, out=m[0]),
    lambda x, v, m: np.vecdot(m.T, v),
    lambda x, v, m: np.dot(m.T, x),
    lambda x, v, m: np.dot(v, v),
    lambda x, v, m: x.dot(2.0),
    lambda x, v, m: m.T.dot(v),
    lambda x, v, m: np.inner(x.T.swapaxes(1, 2), m.T[:, :3]),
    lambda x, v, m: np.vdot(m, m),
    lambda x, v, m: np.outer(x, m),
    lambda x, v, m: np.tensordot(x, m, axes=([1], [0])),
    lambda x, v, m: np.tensordot(x, x, axes=3),
    lambda x, v, m: np.tensordot(x, m, axes=(-2, 0)),
    lambda x, v, m: np.tensordot(x, v, axes=0),
    lambda x, v, m: np.tensordot(x, x, axes=((0, 2), (0, -1))),
    lambda x, v, m: np.einsum("nij,ik->njk", x, m),
    lambda x, v, m: np.einsum("nij, ik", x, m),
    lambda x, v, m: np.einsum("...ij,i->...j", x, v),
    lambda x, v, m: np.einsum("...i,...i", m.T, v),
    lambda x, v, m: np.einsum("ii", m[:, :4]),
    lambda x, v, m: np.einsum("ii->i", m[:, :4]),
    lambda x, v, m: np.einsum("ba,bc,b->ca", m, m, v, optimize=True),
    lambda x, v, m: np.einsum("ij->", m),
    lambda x, v, m: np.einsum("ij", m.astype(np.int8)),
]

JOINING = [
    lambda x: np.concatenate([x, x, np.ones((1, 4, 5))]),
    lambda x: np.concatenate((x, x), axis=-1),
    lambda x: np.concatenate([x, x[0]], axis=None),
    lambda x: np.concatenate(x),
    lambda x: np.concatenate([x, x], dtype=np.float64),
    lambda x: np.stack([x, x]),
    lambda x: np.stack([x, x], axis=-1),
    lambda x: np.stack([x[0, 0, 0], x[0, 0, 0]]),
    lambda x: [np.hstack([x, x]), np.vstack([x, x]), np.dstack([x, x])],
    lambda x: [f([x[0, 0], x[0, 0]]) for f in (np.hstack, np.vstack, np.dstack)],
    lambda x: np.pad(x, 2),
    lambda x: np.pad(x, (1, 2)),
    lambda x: np.pad(x, ((0, 0), (1, 1), (2, 3)), constant_values=((0, 0), (1, 1), (2, 2))),
    lambda x: np.pad(x, ((1,), (1,), (2,)), mode="reflect"),
    lambda x: [np.pad(x, 1, mode) for mode in ("edge", "wrap", "symmetric", "empty", "maximum")],
    lambda x: np.tile(x, 2),
    lambda x: np.tile(x, (2, 1, 1, 3)),
    lambda x: np.tile(x, np.array([2, 3])),
]


def conv2d(x: Any, w: Any) -> Any:
    """A convolution by windows: the sort of code Meta is for."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = window(x, w.shape[2:], axis=(2, 3))[:, :, ::2, ::2]
    y = np.einsum("nchwij,ocij->nohw", windows, w)
    deviation = np.sqrt(y.var(axis=(0, 2, 3)) + 1e-5)
    y = (y - y.mean(axis=(0, 2, 3), keepdims=True)) / deviation[:, None, None]
    return np.maximum(y, 0)


DTYPES = [np.float32, np.float16, np.float64, np.complex64, np.int64, np.uint8, bool]


@pytest.mark.parametrize("call", [*VIEWS, *ELEMENTWISE, *ALONG, *JOINING])
def test_call_on_one_array(call: Callable) -> None:
    for dtype in DTYPES:
        agree(call, np.ones((3, 4, 5), dtype))


@pytest.mark.parametrize("call", PRODUCTS)
def test_product(call: Callable) -> None:
    for dtype in DTYPES:
        agree(call, *(np.ones(shape, dtype) for shape in ((3, 4, 5), (4,), (4, 6))))


@pytest.mark.parametrize("call", INDEXING)
def test_indexing(call: Callable) -> None:
    agree(call, np.ones((3, 4, 5), np.float32), np.zeros((2, 3), np.int64))


@pytest.mark.parametrize("call", INDEXING)
def test_indexing_by_real_arrays(call: Callable) -> None:
    i = np.zeros((2, 3), np.int64)
    agree(lambda x: call(x, i), np.ones((3, 4, 5), np.float32))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reduction(reduction: Callable, dtype: Any) -> None:
    for shape, *axes in [
        ((), None, 0, -1, (), 1),
        ((5,), None, 0, -1, (), (0,), 1),
        ((3, 4, 5), None, 1, -3, (), (0, 2), (-1, 1), (2, 0, 1), (1, 1), 7, (0, -9), 1.5),
        ((2, 0, 3), None, 0, 1, (1, 2)),
    ]:
        if 0 in shape and reduction.__name__.startswith("nan"):
            continue  # NumPy warns of the values; the shapes are those of the plain reductions.
        for axis in axes:
            for keepdims in (False, True):
                agree(
                    lambda x, axis=axis, keepdims=keepdims: reduction(x, axis, keepdims=keepdims),
                    np.ones(shape, dtype),
                )


@pytest.mark.parametrize("ufunc", UNARY)
def test_unary(ufunc: np.ufunc) -> None:
    for dtype in [*DTYPES, np.int16, np.longdouble]:
        agree(ufunc, np.ones((2, 3), dtype))


@pytest.mark.parametrize("ufunc", BINARY)
def test_binary(ufunc: np.ufunc) -> None:
    for a in DTYPES:
        x = np.ones((2, 1, 3), a)
        for b in DTYPES:
            agree(ufunc, x, np.ones((4, 1), b))
        for scalar in (True, 2, 2.0, 2j, 300, np.float64(2), np.int8(2)):
            agree(lambda x, scalar=scalar: ufunc(x, scalar), x)
            agree(lambda x, scalar=scalar: ufunc(scalar, x), x)


def test_convolution() -> None:
    assert agree(conv2d, np.ones((2, 3, 8, 9), np.float32), np.ones((7, 3, 3, 2), np.float32)) == (
        (2, 7, 4, 5),
        np.float32,
    )


# nothing is computed, nothing is kept -----------------------------------------------------------


def test_a_billion_elements_cost_nothing() -> None:
    n = 10**9
    tracemalloc.start()
    try:
        x, flat = Meta((n // 10, 10), np.float32), Meta(n, np.float32)
        w = Meta((10, n), np.float32)
        assert (x @ w).shape == (n // 10, n)
        assert x.nbytes == 4 * n
        for call in (*ELEMENTWISE[:30], *REDUCTIONS):
            call(x.reshape(n // 50, 5, 10)[:, :4, :5])
        for y in (x, flat):
            y += 1
            y[1:] = 0.0
            y.sort(axis=0)
            for result in (
                y.T.reshape(2, -1), y.cumsum(0), y.argsort(0), np.repeat(y, 3, 0), y.argmax(),
                np.concatenate([y, y]), np.pad(y, 1, "reflect"), np.roll(y, 1, 0), y.take([0], 0),
                np.median(y, 0), np.tile(y, 2), y.ravel(), y.copy(), y.astype(np.float64),
                np.linalg.norm(y), np.partition(y, 2, 0), np.stack([y, y], -1), np.vdot(y, y),
                np.diff(y, axis=0), np.multiply.outer(y[:10], y), np.zeros_like(y),
                np.sort(y, None),
            ):  # fmt: skip
                assert isinstance(result, Meta)
        assert np.tensordot(x, w, 1).shape == (n // 10, n)
        assert np.einsum("ij,jk->k", x, w).shape == (n,)
        assert np.tril(w[:, :10].T @ w).shape == (10, n)
        assert x[Meta((64, 128), np.int64)].shape == (64, 128, 10)
        for bad in (
            lambda: x @ x,
            lambda: np.concatenate([x, flat]),
            lambda: np.sort(x, 2),
            lambda: x[n],
            lambda: x[[0, n]],
            lambda: x + x[:7],
        ):
            with pytest.raises((ValueError, IndexError)):
                bad()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000
