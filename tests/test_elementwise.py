"""Elementwise ops: in-place forms, what the tape keeps, methods, the words of the errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch as mt
from minitorch.few import FEW
from minitorch.op import COMPOSITES
from minitorch.ops import activation, arithmetic, compare, elementwise, erf, smooth
from minitorch.tensor import ShapeError, Tensor
from tests.helpers import function, leaf, same, words

# in place ---------------------------------------------------------------------------------------

UNARY = words(
    """abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp exp2 expm1 floor frac log
    log10 log1p log2 logit neg reciprocal relu round rsqrt sigmoid sign sin sinh sqrt square tan
    tanh trunc"""
)
BINARY = words("add sub mul div floor_divide remainder fmod pow atan2 hypot clamp_min clamp_max")
ANSWERS = words("eq ne lt le gt ge logical_and logical_or logical_xor")


@pytest.mark.parametrize("name", UNARY)
def test_unary_in_place(name):
    values = [0.25, 0.75] if name != "acosh" else [1.25, 1.75]
    x = mt.tensor(values)
    want = getattr(mt, name)(x)
    alias, array = x.detach(), x.array
    assert getattr(x, name + "_")() is x
    assert x.array is array
    same(alias.tolist(), want.tolist())
    recorded = leaf(values, "float32") * 1
    getattr(recorded, name + "_")()
    assert recorded.grad_fn.name == name
    same(recorded.tolist(), want.tolist())


@pytest.mark.parametrize("name", BINARY + ANSWERS)
def test_binary_in_place(name):
    x, b = mt.tensor([0.25, 3.5]), mt.tensor([2.0, 3.0])
    want = getattr(mt, name)(x, b)
    array = x.array
    assert getattr(x, name + "_")(b) is x
    assert x.array is array
    same(x.tolist(), want.tolist())
    recorded = leaf([0.25, 3.5], "float32") * 1
    getattr(recorded, name + "_")(b)
    same(recorded.tolist(), want.tolist())
    assert recorded.dtype == np.float32
    assert recorded.requires_grad is (name not in ANSWERS)


def test_in_place_operators_have_gradients():
    a = leaf([2.0, 3.0])
    x = a * 1
    x += 1
    x *= a
    x -= 0.5
    x /= 2
    x **= 2
    x //= 0.25
    x %= 7
    assert not x.array.base
    y = a * (a + 1)
    z = leaf([2.0, 3.0])
    w = z * 1
    w += 1
    w *= z
    (w + y).sum().backward()
    same(z.grad.tolist(), [5, 7])
    same(a.grad.tolist(), [5, 7])


def test_in_place_operators_write_the_array():
    x = mt.tensor([7.0, -7.0])
    array = x.array
    x += 1
    x -= 2
    x *= 3
    x /= 2
    x **= 2
    x //= 2
    x %= 30
    want = np.float32([7, -7])
    want = (((want + 1 - 2) * 3 / 2) ** 2 // 2) % 30
    assert x.array is array
    same(x.tolist(), want.tolist())


def test_more_in_place_forms():
    x = mt.tensor([-2.0, 0.5, 3.0])
    same(x.clamp_(-1, 1).tolist(), [-1, 0.5, 1])
    same(x.lerp_(mt.tensor([1.0, 1.0, 1.0]), 0.5).tolist(), [0, 0.75, 1])
    same(x.addcmul_(x, x, value=2).tolist(), [0, 0.75 + 2 * 0.75**2, 3])
    same(x.addcdiv_(x * 0 + 1, x + 1, value=2)[:1].tolist(), [2])
    same(x.logical_not_().tolist(), [0, 0, 0])
    b = mt.tensor([True, False])
    same(b.bitwise_not_().tolist(), [False, True])
    same(b.bitwise_or_(True).tolist(), [True, True])
    same(b.bitwise_xor_(mt.tensor([True, False])).tolist(), [False, True])


def test_a_leaf_is_not_changed_in_place():
    with pytest.raises(RuntimeError, match="exp_: this leaf requires grad"):
        leaf([1.0]).exp_()


# what the tape keeps ----------------------------------------------------------------------------


def names(y):
    return set(y.node.plan.names)


def test_the_tape_keeps_no_more_than_the_rules_read():
    x, w, c = leaf([0.5, 0.25]), leaf([0.5, 0.75]), mt.tensor([1.0, 2.0])
    assert names(-x) == names(x + c) == names(x - c) == names(mt.floor(x)) == set()
    assert names(c + x) == names(x + w) == {"alpha"}
    assert names(x * c) == {"b"}
    assert names(c * x) == {"a"}
    assert names(x * w) == {"a", "b"}
    assert names(x / c) == {"b", "rounding_mode"}
    assert names(c / x) == {"y", "b", "rounding_mode"}
    assert names(x**2) == {"a", "exponent"}
    assert names(2**x) == {"y", "a", "exponent"}
    for f in words("exp exp2 expm1 sqrt rsqrt tan tanh sigmoid logsigmoid relu softshrink"):
        assert names(function(f)(x)) == {"y"}, f
    for f in words("square log log1p sin asin atan abs softsign"):
        assert names(function(f)(x)) == {"x"}, f
    for f in words("elu selu celu gelu erf silu mish softplus hardswish"):
        many = function(f)(leaf([0.5] * (FEW + 1)))
        kept = dict(zip(many.node.plan.names, many.node.saved))
        assert [name for name, value in kept.items() if isinstance(value, np.ndarray)] == ["x"], f
    assert names(mt.where(c > 1, x, w)) == {"condition"}
    assert names(mt.remainder(x, c)) == set()
    assert names(mt.nn.functional.leaky_relu(x)) == {"factor"}


# methods, names and errors ----------------------------------------------------------------------

ONLY_FUNCTIONS = words(
    """elu selu celu gelu silu mish softplus softsign leaky_relu hardtanh hardsigmoid hardswish
    relu6 threshold tanhshrink softshrink logsigmoid rsub"""
)


def test_methods_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is the list of methods")
    for module in (arithmetic, compare, elementwise, erf, activation, smooth):
        for name, call in vars(module).items():
            if hasattr(call, "op") or name in COMPOSITES:
                assert hasattr(Tensor, name) == hasattr(torch.Tensor, name), name
                assert hasattr(Tensor, name + "_") == hasattr(torch.Tensor, name + "_"), name
    for name in dir(torch.Tensor):
        special = name.startswith("__") and name[2:-2].lstrip("ir") in (
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"),
            *("neg", "pos", "abs", "nvert"),
        )
        if special:
            assert hasattr(Tensor, name), name


@pytest.mark.parametrize("name", ONLY_FUNCTIONS)
def test_what_torch_has_as_a_function_only(name):
    assert callable(getattr(mt.nn.functional, name, None) or getattr(mt, name))
    assert not hasattr(Tensor, name)


def test_plus_is_the_tensor_itself():
    x = leaf([1.0])
    assert +x is x


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: mt.maximum(x, mt.tensor([1.0, 2.0])), ShapeError, r"maximum: .*\(3,\) \(2,\)"),
        (lambda x: x + mt.tensor([1.0, 2.0]), ShapeError, r"add: .*a: float32 \(3,\)"),
        (lambda x: mt.where(x, x, x), TypeError, "where: 'condition' must be boolean, got float32"),
        (lambda x: mt.clamp(x), ValueError, "clamp: both min and max are None"),
        (lambda x: mt.div(x, 2, rounding_mode="up"), ValueError, "div: rounding_mode must .* 'up'"),
        (
            lambda x: mt.nn.functional.gelu(x, approximate="fast"),
            ValueError,
            "gelu: approximate must .* 'fast'",
        ),
        (
            lambda x: mt.nn.functional.hardtanh(x, 2, 1),
            ValueError,
            "hardtanh: min_val 2 is above max_val 1",
        ),
        (
            lambda x: mt.nn.functional.softshrink(x, -1),
            ValueError,
            "softshrink: lambd must not be negative",
        ),
        (lambda x: mt.hardshrink(x, -1), ValueError, "hardshrink: lambd must not be negative"),
        (
            lambda x: mt.prelu(x.reshape(1, 3), mt.tensor([1.0, 2.0])),
            ShapeError,
            r"prelu: weight of shape \(2,\) .*expected \(1,\) or \(3,\)",
        ),
        (lambda x: mt.prelu(x, mt.tensor([1.0, 2.0])), ShapeError, r"prelu: .* \(1,\) or \(1,\)"),
        (lambda x: mt.prelu(x, mt.tensor([[1.0]])), ShapeError, r"prelu: weight of shape \(1, 1\)"),
        (lambda x: mt.add(x, [1.0]), TypeError, r"add: .*list; write minitorch.tensor\(b\)"),
        (lambda x: mt.relu(x, 2), TypeError, "relu"),
        (lambda x: mt.nn.functional.gelu(x, slope=1), TypeError, "gelu: unknown argument 'slope'"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call(mt.tensor([1.0, 2.0, 3.0]))


# properties -------------------------------------------------------------------------------------


@given(st.data())
def test_broadcasting_is_numpys_and_its_gradient_counts_repeats(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    a, b = (np.full(s, v) for s, v in zip(shapes.input_shapes, (2.0, 3.0)))
    for f, want in ((lambda x, y: x + y, (1, 1)), (lambda x, y: x * y, (3, 2))):
        x, y = leaf(a), leaf(b)
        z = f(x, y)
        assert z.shape == shapes.result_shape
        z.sum().backward()
        for t, slope in zip((x, y), want):
            repeats = math.prod(z.shape) / max(math.prod(t.shape), 1)
            assert t.grad.shape == t.shape
            same(t.grad.numpy(), np.full(t.shape, slope * repeats))


@given(
    hnp.arrays(np.int64, 5, elements=st.integers(-50, 50)),
    hnp.arrays(np.int64, 5, elements=st.integers(-9, 9).filter(bool)),
)
def test_quotient_and_remainder_give_back_the_number(a, b):
    x, y = mt.tensor(a), mt.tensor(b)
    same((x // y * y + x % y).numpy(), a)
    same((mt.div(x, y, rounding_mode="trunc") * y + mt.fmod(x, y)).numpy(), a)
    same((x // y).numpy(), (x.double() // y.double()).numpy())


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_nothing_in_nothing_out(shape):
    for f in (
        *(
            mt.exp,
            mt.erf,
            mt.erfc,
            mt.nn.functional.gelu,
            mt.nn.functional.softplus,
            mt.relu,
            mt.nn.functional.elu,
            mt.sigmoid,
            mt.logit,
        ),
        *(lambda x: x**3, lambda x: x * x, lambda x: x / 2, lambda x: x % 2),
        *(lambda x: mt.maximum(x, 0), lambda x: x.clamp(0, 1), lambda x: mt.where(x > 0, x, 0)),
        lambda x: mt.lerp(x, x, x),
    ):
        x = leaf(np.zeros(shape))
        y = f(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape
    assert mt.allclose(leaf(np.zeros(shape)), leaf(np.ones(shape)))
