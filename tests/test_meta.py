"""Meta equals real: a call on a meta array and on a NumPy array gives the same shape and dtype."""

import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.meta import Meta

pytestmark = pytest.mark.filterwarnings("error")
window = np.lib.stride_tricks.sliding_window_view


def like(x: Any) -> Any:
    """The meta arrays that stand for these real arrays."""
    return Meta(x.shape, x.dtype) if isinstance(x, np.ndarray) else x


def facts(y: Any) -> Any:
    """Shape and dtype of an array (a NumPy scalar counts as 0-d); anything else as it is."""
    if isinstance(y, (list, tuple)):
        return [facts(part) for part in y]
    if isinstance(y, (np.ndarray, np.generic, Meta)):
        return tuple(y.shape), y.dtype
    return y


def outcome(call: Callable, arrays: Any) -> Any:
    try:
        return facts(call(*arrays))
    except Exception as error:
        return error


def agree(call: Callable, *arrays: Any, same_words: bool = True) -> Any:
    """The facts on which real and meta agree, or the error that both raise in the same words."""
    with np.errstate(all="ignore"):
        real = outcome(call, arrays)
    metas = [like(x) for x in arrays]
    before = [facts(x) for x in metas]
    meta = outcome(call, metas)
    if isinstance(real, Exception):
        assert isinstance(meta, Exception), (meta, real)
        if same_words:
            assert isinstance(real, type(meta)) or isinstance(meta, type(real)), (meta, real)
        if same_words and isinstance(real, (ValueError, IndexError)):
            assert str(meta) == str(real)
    else:
        assert meta == real
    assert [facts(x) for x in metas] == before
    return meta


# Calls that work, on x of shape (3, 4, 5), v (4,), m (4, 6) and integers i (2, 3).

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


# Calls that fail: in the same words.

BAD = [
    lambda x: x + x[:, :2],
    lambda x: x + np.ones((3, 2)),
    lambda x: np.add(x, x, out=x[0]),
    lambda x: np.where(x > 0, x, x[..., :3]),
    lambda x: np.clip(x, np.ones(3), 1),
    lambda x: x.reshape(7, -1),
    lambda x: x.reshape(3, 4),
    lambda x: x.reshape(-1, -1),
    lambda x: x.transpose(0, 1),
    lambda x: x.transpose(0, 0, 1),
    lambda x: x.swapaxes(0, 3),
    lambda x: x.squeeze(0),
    lambda x: np.moveaxis(x, 0, 3),
    lambda x: np.expand_dims(x, 5),
    lambda x: np.flip(x, 3),
    lambda x: np.broadcast_to(x, (4, 5)),
    lambda x: np.broadcast_to(x, (2, 4, 5)),
    lambda x: np.split(x, 2),
    lambda x: window(x, 6, axis=2),
    lambda x: x[3],
    lambda x: x[0, 0, 0, 0],
    lambda x: x[..., ...],
    lambda x: x[1.5],
    lambda x: x["a"],
    lambda x: x[[0, 3]],
    lambda x: x[:, np.array([0, -5])],
    lambda x: x[[0, 1], [0, 1, 2]],
    lambda x: x[x[0, :2]],
    lambda x: x[np.array([True, False])],
    lambda x: x.__setitem__(0, np.ones((3, 5))),
    lambda x: x.__setitem__(4, 0.0),
    lambda x: np.copyto(x, x[:, :2]),
    lambda x: np.copyto(x[0].astype(np.int32), x[0]),
    lambda x: np.add.at(x, [0, 5], 1.0),
    lambda x: x.sum(3),
    lambda x: x.sum((0, 0)),
    lambda x: x.sum(axis="a"),
    lambda x: x[:0].max(axis=0),
    lambda x: x[:0].max(),
    lambda x: x[:0].argmax(),
    lambda x: x.argmax(axis=5),
    lambda x: np.sort(x, 3),
    lambda x: x.sort(-4),
    lambda x: np.cumsum(x, 3),
    lambda x: np.repeat(x, [1, 2], axis=0),
    lambda x: np.repeat(x, -1),
    lambda x: np.roll(x, 1, 3),
    lambda x: np.diff(x, -1),
    lambda x: np.median(x, 3),
    lambda x: np.sum(x, axis=0, out=np.empty_like(x)),
    lambda x: x @ x,
    lambda x: x @ x[0, 0, :2],
    lambda x: x[0, 0] @ x[0],
    lambda x: x @ 2.0,
    lambda x: x @ np.ones((2, 5, 3)),
    lambda x: np.matmul(x[0], x[0].T, out=np.empty_like(x)),
    lambda x: np.dot(x, x),
    lambda x: np.inner(x, x[..., :2]),
    lambda x: np.vdot(x, x[0]),
    lambda x: np.tensordot(x, x, 1),
    lambda x: np.tensordot(x, x, ([0, 1], [0])),
    lambda x: np.tensordot(x, x, ([4], [0])),
    lambda x: np.einsum("ijk,jl->il", x, x[0, :2]),
    lambda x: np.einsum("ij->i", x),
    lambda x: np.einsum("ijk,k->i", x),
    lambda x: np.einsum("ijk->z", x),
    lambda x: np.concatenate([x, x[:, :2]]),
    lambda x: np.concatenate([x, x[0]]),
    lambda x: np.concatenate([x, x], axis=3),
    lambda x: np.stack([x, x[0]]),
    lambda x: np.stack([x, x], axis=4),
    lambda x: np.pad(x, ((1, 1), (2, 2))),
    lambda x: np.pad(x, -1),
    lambda x: np.pad(x, 1, "nothing"),
    lambda x: np.pad(x, 1.5),
    lambda x: np.pad(x[:0], 1, "edge"),
    lambda x: np.diag(x),
    lambda x: np.trace(x[0, 0]),
    lambda x: np.take(x, 0, axis=3),
    lambda x: np.take_along_axis(x, np.zeros((3, 2), int), axis=1),
    lambda x: np.take_along_axis(x, np.zeros((2, 4, 5), int), axis=1),
    lambda x: np.searchsorted(x, 1.0),
    lambda x: len(x[0, 0, 0]),
    lambda x: iter(x[0, 0, 0]),
    lambda x: x.astype(np.int32, casting="safe"),
    lambda x: x[0, 0].view(np.float64),
    lambda x: np.zeros_like(x, shape=-1),
    lambda x: x.__iadd__(np.ones((2, 3, 4, 5))),
    lambda x: np.add(x, x, out=x.astype(np.int32)),
]


@pytest.mark.parametrize("call", BAD)
def test_bad_call_fails_as_numpy_does(call: Callable) -> None:
    assert isinstance(agree(call, np.ones((3, 4, 5), np.float32)), Exception)


# Random shapes.

lengths = st.integers(0, 4)
dtypes = st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.bool_])


def shapes(min_dims: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(lengths, min_size=min_dims, max_size=4).map(tuple)


@st.composite
def arrays(draw: Callable, min_dims: int = 0) -> np.ndarray:
    return np.ones(draw(shapes(min_dims)), draw(dtypes))


@given(arrays(), arrays(), st.sampled_from([np.add, np.true_divide, np.maximum, np.less]))
def test_broadcasting(a: np.ndarray, b: np.ndarray, ufunc: np.ufunc) -> None:
    agree(ufunc, a, b)
    agree(lambda a: ufunc(a, b), a)
    agree(lambda b: ufunc(a, b), b)
    agree(lambda a, b: ufunc(a, b, out=a), a, b)


@given(arrays(), st.data())
def test_reductions(x: np.ndarray, data: st.DataObject) -> None:
    axis = st.integers(-5, 4)
    axis = data.draw(st.none() | axis | st.lists(axis, max_size=3).map(tuple))
    keepdims = data.draw(st.booleans())
    for name in ("sum", "max", "any", "prod", "argmax", "argmin"):
        agree(lambda x, name=name: getattr(x, name)(axis=axis, keepdims=keepdims), x)
    for name in ("sort", "argsort", "cumsum", "repeat"):
        args = (2,) if name == "repeat" else ()
        agree(lambda x, name=name, args=args: getattr(np, name)(x, *args, axis=axis), x)


@given(arrays(), st.data())
def test_random_indexing(x: np.ndarray, data: st.DataObject) -> None:
    bound = st.none() | st.integers(-5, 5)
    step = st.sampled_from([None, 1, 2, -1, -3])
    integers = st.lists(st.integers(-2, 1), max_size=3)
    part = st.one_of(
        st.integers(-3, 3),
        st.builds(slice, bound, bound, step),
        st.sampled_from([None, Ellipsis]),
        integers.map(lambda i: np.array(i, np.intp)),
        integers.map(lambda i: np.array(i, np.intp)[:, None]),
    )
    key = tuple(data.draw(st.lists(part, max_size=4)))
    agree(lambda x: x[key], x)
    write = np.ones((2, 1), np.float32)
    agree(lambda x: x.__setitem__(key, write), x, same_words=False)
    agree(lambda x: np.add.at(x, key, write > 0), x, same_words=False)


@given(arrays(), shapes(1))
def test_reshape(x: np.ndarray, shape: tuple[int, ...]) -> None:
    agree(lambda x: x.reshape(shape), x)
    agree(lambda x: x.reshape(*shape[1:], -1), x)
    agree(lambda x: np.broadcast_to(x, shape), x)
    agree(lambda x: x.T.squeeze(), x)


@settings(max_examples=30)
@given(st.data())
@pytest.mark.parametrize("a_dims", [1, 2, 3, 4])
@pytest.mark.parametrize("b_dims", [1, 2, 3, 4])
def test_matmul(a_dims: int, b_dims: int, data: st.DataObject) -> None:
    size = st.sampled_from([1, 2, 2, 2, 0])
    a, b = (
        np.ones(data.draw(st.tuples(*[size] * dims)), data.draw(dtypes))
        for dims in (a_dims, b_dims)
    )
    agree(lambda a, b: a @ b, a, b)
    agree(lambda a: a @ b, a)
    agree(lambda b: a @ b, b)
    for function in (np.dot, np.inner, np.vdot, np.outer, np.vecdot):
        agree(function, a, b)
    for axes in (0, 1, 2, (0, -1), ([-1, 0], [0, -1])):
        agree(lambda a, b, axes=axes: np.tensordot(a, b, axes), a, b)


@given(st.data())
def test_einsum(data: st.DataObject) -> None:
    letter_size = dict(zip("ijkL", data.draw(st.tuples(*[lengths] * 4)), strict=True))
    terms = data.draw(st.lists(st.text("ijkL", max_size=3), min_size=1, max_size=3))
    ellipsis = data.draw(st.booleans())
    operands = []
    for term in terms:
        front = data.draw(st.sampled_from([(), (2,), (1,), (3, 2)])) if ellipsis else ()
        operands.append(np.ones(front + tuple(letter_size[c] for c in term), data.draw(dtypes)))
    dots = "..." if ellipsis else ""
    subscripts = ",".join(dots + term for term in terms)
    output = "".join(data.draw(st.permutations(sorted(set("".join(terms))))))
    agree(lambda *x: np.einsum(subscripts, *x), *operands)
    agree(lambda *x: np.einsum(f"{subscripts}->{dots}{output}", *x), *operands)


@given(arrays(), arrays(), st.integers(-5, 5))
def test_joining(a: np.ndarray, b: np.ndarray, axis: int) -> None:
    agree(lambda a, b: np.concatenate([a, b], axis), a, b)
    agree(lambda a, b: np.stack([a, b], axis), a, b)
    agree(lambda a: np.tile(a, (2, 3)), a)


# Nothing is computed, nothing is kept.


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


@pytest.mark.parametrize(
    "ask",
    [
        bool,
        int,
        float,
        complex,
        range,
        np.asarray,
        np.array,
        lambda x: np.array([x, x]),
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.tobytes(),
        lambda x: 1.0 in x[None],
        lambda x: [1, 2][x],
        lambda x: x.nonzero(),
        lambda x: np.nonzero(x),
        lambda x: np.where(x),
        lambda x: x[None][x[None] > 0],
        lambda x: x[None].__setitem__(x[None] > 0, 0.0),
        lambda x: np.allclose(x, 1.0),
        lambda x: np.array_equal(x, x),
        lambda x: np.unique(x),
        lambda x: np.argwhere(x),
        lambda x: np.bincount(x),
        lambda x: np.copyto(np.ones(()), x),
        lambda x: np.ones(3)[x.astype(int)],
        lambda x: "yes" if x > 0 else "no",
    ],
)
def test_what_needs_values_says_so(ask: Callable) -> None:
    with pytest.raises(TypeError, match=r"needs values.*no values.*run this on real data.*cpu"):
        ask(Meta((), np.float32))


def test_values_are_not_written_into_a_real_array() -> None:
    real = np.zeros(3)
    for write in (lambda x: np.exp(x, out=real), lambda x: real.__iadd__(x)):
        with pytest.raises(TypeError, match=r"cannot write Meta.* into a real array"):
            write(Meta(3))
    assert not real.any()


@pytest.mark.parametrize("function", [np.linalg.inv, np.fft.fft, np.kron, np.unwrap])
def test_a_function_without_a_rule_is_named(function: Callable) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__} has no rule for meta arrays"):
        function(*[Meta((3, 3))] * (2 if function is np.kron else 1))


def test_what_is_not_an_array_is_left_to_answer_itself() -> None:
    class Other:
        __array_ufunc__ = None

        def __radd__(self, x: Any) -> str:
            return "other"

    assert Meta(3) + Other() == "other"
    with pytest.raises(TypeError, match=r"not supported|NotImplemented"):
        np.add(Meta(3), "three")


def test_the_object_itself() -> None:
    x = Meta((2, np.int64(3)), "float32")
    assert repr(x) == "Meta((2, 3), float32)"
    assert (Meta(4).shape, Meta(4).dtype) == ((4,), np.float64)
    assert all(type(length) is int for length in x.shape)
    assert not hasattr(x, "__dict__")
    assert weakref.ref(x)() is x
    assert type(x.sum()) is Meta
    with pytest.raises(ValueError, match="negative dimensions"):
        Meta((-1, 2))
    with pytest.raises(TypeError, match="float"):
        Meta((2.5,))
    with pytest.raises(TypeError):
        hash(x)


def test_writing_in_place_checks_and_does_nothing() -> None:
    x = Meta((3, 4), np.float32)
    same = x
    x += np.ones(4)
    x /= 2
    x @= Meta((4, 4), np.float32)
    x[0] = 1.0
    x[:, Meta(2, np.int64)] = np.ones((3, 2))
    x.fill(0.0)
    np.add.at(x, ([0, 0], [1, 1]), 2.0)
    np.copyto(x, 0.0, where=x > 0)
    assert x is same
    assert np.exp(x, out=x) is x
    assert np.sum(x, axis=0, out=x[0]).shape == (4,)
    with pytest.raises(TypeError, match=r"[Cc]annot cast"):
        x += 1j
