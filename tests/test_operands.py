"""What stands beside an elementwise op: integers, bools, numbers and arrays on either side."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import Tensor
from tests.helpers import leaf, same

INF, NAN = math.inf, math.nan

# integers and bools -----------------------------------------------------------------------------


def is_(y, values, dtype):
    assert y.dtype == np.dtype(dtype)
    same(y.tolist(), values)


def test_integers_divide_into_floats_and_stay_integers_elsewhere():
    i, j = mt.tensor([7, -7, 0]), mt.tensor([2, 2, 3])
    is_(i / j, [3.5, -3.5, 0], "float32")
    is_(i / 2, [3.5, -3.5, 0], "float32")
    is_(i // j, [3, -4, 0], "int64")
    is_(i % j, [1, 1, 0], "int64")
    is_(i.fmod(j), [1, -1, 0], "int64")
    is_(mt.div(i, j, rounding_mode="trunc"), [3, -3, 0], "int64")
    is_(mt.div(i, j, rounding_mode="floor"), [3, -4, 0], "int64")
    is_(i**j, [49, 49, 0], "int64")
    is_(i**3, [343, -343, 0], "int64")
    is_(i**2.0, [49, 49, 0], "float32")
    is_(i + 0.5, [7.5, -6.5, 0.5], "float32")
    is_(i + 1, [8, -6, 1], "int64")
    is_(-i, [-7, 7, 0], "int64")
    is_(abs(i), [7, 7, 0], "int64")
    is_(mt.sign(i), [1, -1, 0], "int64")
    is_(mt.relu(i), [7, 0, 0], "int64")
    is_(mt.maximum(i, j), [7, 2, 3], "int64")
    is_(i.clamp(-1, 3), [3, -1, 0], "int64")
    is_(i.clamp(min=0.5), [7, 0.5, 0.5], "float32")
    is_(mt.where(i > 0, i, 1), [7, 1, 1], "int64")
    for f in (mt.floor, mt.ceil, mt.trunc, mt.round):
        y = f(i)
        is_(y, [7, -7, 0], "int64")
        assert y.array is not i.array


def test_functions_of_integers_are_floats():
    i = mt.tensor([1, 0])
    is_(mt.exp(i), [np.float32(math.e), 1], "float32")
    is_(mt.sigmoid(i), [np.float32(1 / (1 + 1 / math.e)), 0.5], "float32")
    is_(mt.reciprocal(i), [1, INF], "float32")
    mt.set_default_dtype("float64")
    is_(mt.exp(i), [math.e, 1], "float64")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "bool"])
def test_functions_of_small_integers_are_computed_in_the_default_dtype(dtype):
    """NumPy would take them in float16, where log 3 has three digits and e^12 is infinite."""
    x = np.array([12, 3, 1]).astype(dtype)
    i = mt.tensor(x)
    for f, twin in [(mt.exp, np.exp), (mt.log, np.log), (mt.sqrt, np.sqrt), (mt.tanh, np.tanh)]:
        same(f(i).numpy(), twin(x.astype("f4")))
        same(f(i[0]).numpy(), twin(x[0].astype("f4")))
    is_(
        mt.atan2(i, mt.tensor(x[::-1].copy())),
        np.arctan2(x.astype("f4"), x[::-1].astype("f4")).tolist(),
        "float32",
    )
    assert mt.exp(mt.tensor(x, device="meta")).dtype == np.float32
    mt.set_default_dtype("float64")
    is_(mt.exp(i), np.exp(x.astype("f8")).tolist(), "float64")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("floor_divide", {}),
        ("remainder", {}),
        ("fmod", {}),
        ("div", {"rounding_mode": "trunc"}),
        ("div", {"rounding_mode": "floor"}),
    ],
)
@pytest.mark.parametrize("zero", [0, mt.tensor([1, 0])])
def test_integers_are_not_divided_by_zero(name, options, zero):
    with pytest.raises(ZeroDivisionError, match=r"integer division by zero; .*x\.float\(\)"):
        getattr(mt, name)(mt.tensor([3, 4]), zero, **options)


def test_floats_divided_by_zero_follow_ieee():
    x = mt.tensor([1.0, -1.0, 0.0])
    same((x / 0).tolist(), [INF, -INF, NAN])
    same((x // 0).tolist(), [INF, -INF, NAN])
    same((x % 0).tolist(), [NAN] * 3)
    same((mt.tensor([1, -1, 0]) / 0).tolist(), [INF, -INF, NAN])


def test_negative_powers_of_integers_raise():
    with pytest.raises(ValueError, match="pow: Integers to negative integer powers"):
        mt.tensor([2, 3]) ** -1


def test_uint8_arithmetic_is_refused():
    x = mt.tensor([200], dtype="uint8")
    for f in (
        lambda: x + x,
        lambda: x - 1,
        lambda: x * 2,
        lambda: -x,
        lambda: x**2,
        lambda: mt.square(x),
    ):
        with pytest.raises(TypeError, match="uint8 arithmetic wraps around"):
            f()
    assert (x / 2).item() == 100


def test_small_powers_are_products():
    x = np.float32([-1.7, 0.3, 2.9])
    same((mt.tensor(x) ** 3).tolist(), (x * x * x).tolist())
    same((mt.tensor(x) ** 4.0).tolist(), ((x * x) * (x * x)).tolist())


# who stands left and right ----------------------------------------------------------------------


@pytest.mark.parametrize("left", [2, 2.0, True, np.float64(2), np.int64(2), np.float32(2)])
def test_numbers_on_the_left_leave_float32_alone(left):
    values = [0.5, 4.0]
    n = float(left)
    for f, want in (
        (lambda x: left + x, [n + v for v in values]),
        (lambda x: left - x, [n - v for v in values]),
        (lambda x: left * x, [n * v for v in values]),
        (lambda x: left / x, [n / v for v in values]),
        (lambda x: left**x, [n**v for v in values]),
        (lambda x: left % x, [n % v for v in values]),
        (lambda x: left // x, [n // v for v in values]),
        (lambda x: mt.maximum(left, x), [max(n, v) for v in values]),
        (lambda x: x + left, [n + v for v in values]),
        (lambda x: x**left, [v**n for v in values]),
    ):
        x = leaf(values, "float32")
        y = f(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32
        np.testing.assert_allclose(y.tolist(), want, rtol=1e-6)


def test_numpy_arrays_on_either_side():
    a, x = np.array([1.0, 2.0]), leaf([3.0, 5.0])
    for y, want in (
        (a + x, [4, 7]),
        (a - x, [-2, -3]),
        (a * x, [3, 10]),
        (a / x, [1 / 3, 0.4]),
        (a**x, [1, 32]),
        (x % a, [0, 1]),
        (a // x, [0, 0]),
        (x - a, [2, 3]),
    ):
        assert isinstance(y, Tensor)
        assert y.requires_grad
        same(y.tolist(), want)
    same((a < x).tolist(), [True, True])
    same((a == x).tolist(), [False, False])


def test_gradients_keep_their_dtype_beside_integers():
    for f in (
        lambda x: x * mt.tensor([2, 3]),
        lambda x: x * np.array([2, 3]),
        lambda x: x / mt.tensor([2, 3]),
        lambda x: x ** mt.tensor([2, 3]),
        lambda x: mt.tensor([2, 3]) ** x,
        lambda x: mt.where(x > 0, x, mt.tensor([2, 3])),
        lambda x: mt.maximum(x, mt.tensor([2, 3])),
        lambda x: x.clamp(min=mt.tensor([2, 3])),
    ):
        x = leaf([1.0, 4.0], "float32")
        y = f(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32
        x.grad = None
        f(x).sum().backward(create_graph=True)
        assert x.grad.dtype == np.float32


def test_alpha_scales_the_second_operand():
    a, b = leaf([1.0, 2.0]), leaf([10.0, 20.0])
    y = mt.add(a, b, alpha=3) - a.sub(b, alpha=0.5) + mt.rsub(a, b, alpha=2)
    y.sum().backward()
    same(y.tolist(), [43.0, 86.0])
    same(a.grad.tolist(), [1 - 1 - 2] * 2)
    same(b.grad.tolist(), [3 + 0.5 + 1] * 2)
    x = mt.tensor([1.0, 2.0])
    same(x.add_(mt.tensor([1.0, 1.0]), alpha=10).tolist(), [11, 12])


def test_torchs_argument_names_and_positions():
    x = mt.tensor([-2.0, 0.5, 3.0])
    same(mt.clamp(x, max=1).tolist(), [-2, 0.5, 1])
    same(mt.clamp(input=x, min=0, max=1).tolist(), [0, 0.5, 1])
    same(mt.pow(input=x, exponent=2).tolist(), [4, 0.25, 9])
    same(mt.add(input=x, other=1).tolist(), [-1, 1.5, 4])
    same(mt.where(x > 0, input=x, other=0).tolist(), [0, 0.5, 3])
    same(x.where(x > 0, 0).tolist(), [0, 0.5, 3])
    same(mt.nn.functional.leaky_relu(x, 0.5).tolist(), [-1, 0.5, 3])
    same(mt.nn.functional.hardtanh(x, min_val=-1, max_val=0).tolist(), [-1, 0, 0])
    same(mt.threshold(x, 1, 7).tolist(), [7, 7, 3])
    same(mt.lerp(input=x, end=x, weight=0.5).tolist(), x.tolist())
    same(mt.isclose(x, x + 0.1, 0, 0.2).tolist(), [True] * 3)


# comparisons and logic --------------------------------------------------------------------------


def test_comparing_with_what_is_no_number():
    x = mt.tensor([1.0, 2.0])
    for other in (None, "a", [1.0, 2.0], object()):
        assert (x == other) is False
        assert (x != other) is True
    with pytest.raises(TypeError, match="'<' not supported"):
        _ = x < None


def test_comparisons_are_bools_outside_the_graph():
    x, number = leaf([1.0, NAN, 3.0]), 2
    for y, want in (
        (x == 1, [True, False, False]),
        (x != 1, [False, True, True]),
        (x < 3, [True, False, False]),
        (x <= 3, [True, False, True]),
        (x > 1, [False, False, True]),
        (x >= 1, [True, False, True]),
        (number > x, [True, False, False]),
    ):
        is_(y, want, "bool")
        assert not y.requires_grad
    with pytest.raises(RuntimeError, match="gt has no gradient"):
        (x > 1).backward(mt.tensor([True] * 3))


def test_logic_of_bools_and_bits():
    a, b = mt.tensor([True, True, False]), mt.tensor([True, False, False])
    is_(a & b, [True, False, False], "bool")
    is_(a | b, [True, True, False], "bool")
    is_(a ^ b, [False, True, False], "bool")
    is_(~a, [False, False, True], "bool")
    is_(True & a, [True, True, False], "bool")
    is_(True ^ a, [False, False, True], "bool")
    i = mt.tensor([6, 5])
    is_(i & 3, [2, 1], "int64")
    is_(1 | i, [7, 5], "int64")
    is_(i ^ i, [0, 0], "int64")
    is_(~i, [-7, -6], "int64")
    x = mt.tensor([0.0, 2.0, NAN])
    is_(x.logical_not(), [True, False, False], "bool")
    is_(x.logical_and(1), [False, True, True], "bool")
    is_(x.logical_or(0), [False, True, True], "bool")
    is_(x.logical_xor(1), [True, False, False], "bool")
    a &= b
    is_(a, [True, False, False], "bool")


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits_of_floats_are_refused(name):
    x = mt.tensor([1.0])
    for other in (x, mt.tensor([1]), 1.0):
        with pytest.raises(TypeError, match=rf"{name}: expected bools or integers.*compare first"):
            getattr(mt, name)(x, other)
    with pytest.raises(TypeError, match=rf"{name}: .* got a float"):
        getattr(mt, name)(mt.tensor([1]), 1.0)
    with pytest.raises(TypeError, match="bitwise_not: expected bools or integers, got float32"):
        _ = ~x


def test_questions_about_integers():
    i = mt.tensor([0, 3])
    for f, want in (
        (mt.isnan, False),
        (mt.isinf, False),
        (mt.isposinf, False),
        (mt.isneginf, False),
        (mt.isfinite, True),
    ):
        is_(f(i), [want, want], "bool")


def test_closeness():
    x = mt.tensor([1.0, INF, -INF, NAN])
    same(x.isclose(x).tolist(), [True, True, True, False])
    same(x.isclose(x, equal_nan=True).tolist(), [True] * 4)
    same(mt.isclose(mt.tensor([1.0, INF]), mt.tensor([INF, 1.0])).tolist(), [False, False])
    same(mt.isclose(mt.tensor([INF]), mt.tensor([-INF])).tolist(), [False])
    same(mt.isclose(mt.tensor([True]), mt.tensor([False])).tolist(), [False])
    same(mt.isclose(mt.tensor([0, 9], dtype="uint8"), 9).tolist(), [False, True])
    one = mt.tensor([1.0], dtype="float64")
    assert mt.isclose(one + 1e-3, one, rtol=1e-2).item()
    assert not mt.isclose(one + 1e-3, one, rtol=1e-4).item()
    assert mt.isclose(one + 1e-3, one, rtol=0, atol=1e-2).item()
    assert not mt.isclose(one + 1e-3, one, rtol=0, atol=1e-4).item()


def test_allclose_and_equal_are_python_bools():
    x = mt.tensor([1.0, 2.0])
    assert mt.allclose(x, x + 1e-7) is True
    assert x.allclose(x + 0.1) is False
    assert x.allclose(np.array([1.0, 2.0])) is True
    assert mt.allclose(mt.tensor([NAN]), mt.tensor([NAN])) is False
    assert mt.allclose(mt.tensor([NAN]), mt.tensor([NAN]), equal_nan=True) is True
    assert x.equal(mt.tensor([1.0, 2.0])) is True
    assert x.equal(mt.tensor([1.0, 2.5])) is False
    assert mt.equal(x, mt.tensor([1.0])) is False  # broadcasting is not equality
    assert mt.equal(mt.tensor([1.0]), mt.tensor([1])) is True
