"""Meta where it ends: calls that fail, shapes drawn at random, and what needs values."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.meta import Meta
from tests.metas import agree

window = np.lib.stride_tricks.sliding_window_view

# calls that fail: in the same words -------------------------------------------------------------

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


# random shapes ----------------------------------------------------------------------------------

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


# what needs values ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("function", [np.linalg.eig, np.fft.fft, np.kron, np.unwrap])
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
