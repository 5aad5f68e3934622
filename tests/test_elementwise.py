"""Elementwise ops: what a row of the table cannot say.

Exact values at undefined points and at the extremes, integers, who stands left and right of an
operator, in-place forms, what the tape keeps, and the words of the errors.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch as mt
from minitorch.op import COMPOSITES
from minitorch.ops import activation, arithmetic, compare, elementwise, erf
from minitorch.tensor import ShapeError, Tensor

INF, NAN = math.inf, math.nan


def words(text):
    return text.split()


def function(name):
    """The function of that name; some are in torch.nn.functional only."""
    return getattr(mt, name, None) or getattr(activation, name)


def leaf(values, dtype="float64"):
    return mt.tensor(values, dtype=dtype, requires_grad=True)


def slopes(f, values, dtype="float64"):
    """f at the values and its slope there, as two lists."""
    x = leaf(values, dtype)
    y = f(x)
    y.backward(mt.tensor(np.ones(y.shape), dtype=dtype))
    return y.tolist(), x.grad.tolist()


def same(got, want):
    np.testing.assert_array_equal(got, want)  # nan equals nan, and 0 equals -0


# the extremes ------------------------------------------------------------------------------------

POINTS = [-INF, -1000.0, 0.0, 1000.0, INF, NAN]
LOG2 = math.log(2)

AT_THE_EXTREMES = {
    "sigmoid": ([0, 0, 0.5, 1, 1, NAN], [0, 0, 0.25, 0, 0, NAN]),
    "tanh": ([-1, -1, 0, 1, 1, NAN], [0, 0, 1, 0, 0, NAN]),
    "softplus": ([0, 0, LOG2, 1000, INF, NAN], [0, 0, 0.5, 1, 1, NAN]),
    "logsigmoid": ([-INF, -1000, -LOG2, 0, 0, NAN], [1, 1, 0.5, 0, 0, NAN]),
    "silu": ([NAN, 0, 0, 1000, INF, NAN], [NAN, 0, 0.5, 1, NAN, NAN]),
    "gelu": ([NAN, 0, 0, 1000, INF, NAN], [NAN, 0, 0.5, 1, NAN, NAN]),
    "mish": ([NAN, 0, 0, 1000, INF, NAN], [NAN, 0, 0.6, 1, NAN, NAN]),
    "erf": ([-1, -1, 0, 1, 1, NAN], [0, 0, 2 / math.sqrt(math.pi), 0, 0, NAN]),
    "erfc": ([2, 2, 1, 0, 0, NAN], [0, 0, -2 / math.sqrt(math.pi), 0, 0, NAN]),
    "relu": ([0, 0, 0, 1000, INF, NAN], [0, 0, 0, 1, 1, 1]),
    "relu6": ([0, 0, 0, 6, 6, NAN], [0, 0, 0, 0, 0, 1]),
    "leaky_relu": ([-INF, -10, 0, 1000, INF, NAN], [0.01, 0.01, 0.01, 1, 1, 0.01]),
    "elu": ([-1, -1, 0, 1000, INF, NAN], [0, 0, 1, 1, 1, NAN]),
    "hardtanh": ([-1, -1, 0, 1, 1, NAN], [0, 0, 1, 0, 0, 1]),
    "hardsigmoid": ([0, 0, 0.5, 1, 1, NAN], [0, 0, 1 / 6, 0, 0, 0]),
    "hardswish": ([NAN, 0, 0, 1000, INF, NAN], [0, 0, 0.5, 1, 1, NAN]),
    "softshrink": ([-INF, -999.5, 0, 999.5, INF, NAN], [1, 1, 0, 1, 1, 1]),
    "hardshrink": ([-INF, -1000, 0, 1000, INF, NAN], [1, 1, 0, 1, 1, 1]),
    "tanhshrink": ([-INF, -999, 0, 999, INF, NAN], [1, 1, 0, 1, 1, NAN]),
    "softsign": ([NAN, -1000 / 1001, 0, 1000 / 1001, NAN, NAN], [0, 1001**-2, 1, 1001**-2, 0, NAN]),
    "exp": ([0, 0, 1, INF, INF, NAN], [0, 0, 1, INF, INF, NAN]),
    "log": ([NAN, NAN, -INF, math.log(1000), INF, NAN], [0, -0.001, INF, 0.001, 0, NAN]),
    "sqrt": ([NAN, NAN, 0, 1000**0.5, INF, NAN], [NAN, NAN, INF, 0.5 * 1000**-0.5, 0, NAN]),
    "rsqrt": ([NAN, NAN, INF, 1000**-0.5, 0, NAN], [NAN, NAN, -INF, -0.5 * 1000**-1.5, 0, NAN]),
    "reciprocal": ([0, -0.001, INF, 0.001, 0, NAN], [0, -1e-6, -INF, -1e-6, 0, NAN]),
    "abs": ([INF, 1000, 0, 1000, INF, NAN], [-1, -1, 0, 1, 1, NAN]),
    "sign": ([-1, -1, 0, 1, 1, NAN], [0, 0, 0, 0, 0, 0]),
    "logit": ([NAN, NAN, -INF, NAN, NAN, NAN], [NAN, NAN, INF, NAN, NAN, NAN]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", AT_THE_EXTREMES)
def test_extremes_are_exact_and_quiet(name, dtype):
    y, g = slopes(function(name), POINTS, dtype)
    tight = {"rtol": 1e-6 if dtype == "float32" else 1e-14, "atol": 0}
    np.testing.assert_allclose(y, AT_THE_EXTREMES[name][0], **tight)
    np.testing.assert_allclose(g, AT_THE_EXTREMES[name][1], **tight)


def test_tanh_gelu_at_the_extremes():
    y, g = slopes(lambda x: mt.nn.functional.gelu(x, approximate="tanh"), POINTS)
    same(y, [NAN, 0, 0, 1000, INF, NAN])
    same(g, [NAN, 0, 0.5, 1, NAN, NAN])


def test_what_saturates_only_in_float32_does_so_exactly():
    same(slopes(mt.sigmoid, [-100.0, 100.0], "float32"), ([0, 1], [0, 0]))
    same(slopes(mt.nn.functional.softplus, [-200.0, 100.0], "float32"), ([0, 100], [0, 1]))
    same(slopes(mt.nn.functional.silu, [-200.0, 100.0], "float32"), ([0, 100], [0, 1]))
    same(slopes(mt.nn.functional.mish, [-200.0, 100.0], "float32"), ([0, 100], [0, 1]))


def test_nothing_is_lost_where_a_naive_formula_cancels():
    tiny = 1e-12
    assert mt.log1p(leaf(tiny)).item() == pytest.approx(tiny, rel=1e-11)
    assert mt.expm1(leaf(tiny)).item() == pytest.approx(tiny, rel=1e-11)
    assert mt.nn.functional.softplus(leaf(-40.0)).item() == pytest.approx(math.exp(-40), rel=1e-14)
    assert mt.nn.functional.logsigmoid(leaf(40.0)).item() == pytest.approx(
        -math.exp(-40), rel=1e-14
    )
    assert mt.nn.functional.mish(leaf(-40.0)).item() == pytest.approx(
        -40 * math.exp(-40), rel=1e-14
    )
    assert slopes(mt.nn.functional.logsigmoid, [40.0])[1][0] == pytest.approx(
        math.exp(-40), rel=1e-14
    )
    assert mt.hypot(leaf(3e200), 4e200).item() == pytest.approx(5e200)


# undefined points --------------------------------------------------------------------------------

AT_KINKS = [
    (mt.relu, [0.0, -0.0], [0, 0]),
    (abs, [0.0, -0.0], [0, 0]),
    (mt.nn.functional.relu6, [0.0, 6.0], [0, 0]),
    (mt.nn.functional.hardtanh, [-1.0, 1.0], [0, 0]),
    (mt.nn.functional.hardsigmoid, [-3.0, 3.0], [0, 0]),
    (mt.nn.functional.hardswish, [-3.0, 3.0], [0, 1]),
    (mt.nn.functional.softshrink, [-0.5, 0.5], [0, 0]),
    (mt.hardshrink, [-0.5, 0.5], [0, 0]),
    (lambda x: mt.threshold(x, 1.0, 5.0), [1.0, NAN], [0, 1]),
    (lambda x: mt.nn.functional.leaky_relu(x, 0.25), [0.0, -0.0], [0.25, 0.25]),
    (lambda x: mt.prelu(x, mt.tensor([0.25])), [0.0, -0.0], [0.25, 0.25]),
    (lambda x: mt.nn.functional.softplus(x, 1, 3), [3.0, 3.1], [1 / (1 + math.exp(-3)), 1]),
    (mt.nn.functional.elu, [0.0], [1]),
    (lambda x: mt.nn.functional.elu(x, 2.0), [0.0], [2]),
    (mt.selu, [0.0], [1.0507009873554805 * 1.6732632423543772]),
    (mt.celu, [0.0], [1]),
    (lambda x: mt.clamp(x, 0.0, 1.0), [0.0, 1.0, -0.1, 1.1, NAN], [1, 1, 0, 0, 0]),
    (lambda x: mt.clamp(x, 1.0, 0.0), [-1.0, 0.5, 2.0], [0, 0, 0]),
    (lambda x: mt.logit(x, 0.25), [0.25, 0.75, 0.2, 0.8, NAN], [16 / 3, 16 / 3, 0, 0, NAN]),
    (mt.logit, [0.0, 1.0, -0.5, 1.5], [INF, INF, NAN, NAN]),
    (lambda x: x**0, [0.0, -1.0, 2.0], [0, 0, 0]),
    (lambda x: x**1, [0.0, -1.0], [1, 1]),
    (lambda x: x**2, [0.0, -1.0], [0, -2]),
    (lambda x: x**0.5, [0.0, 4.0], [INF, 0.25]),
    (lambda x: x**-1, [0.0, 2.0], [-INF, -0.25]),
    (lambda x: 0**x, [0.0, 1.0, -1.0], [0, 0, -INF]),
    (lambda x: (-2.0) ** x, [2.0, 3.0], [NAN, NAN]),
    (lambda x: 1**x, [2.0, -3.0], [0, 0]),
    (lambda x: mt.where(x > 0, x.sqrt(), 0.0), [0.0, 4.0], [NAN, 0.25]),
    (lambda x: mt.where(x > 0, mt.where(x > 0, x, 1.0).sqrt(), 0.0), [0.0, 4.0], [0, 0.25]),
    (lambda x: x.clamp(min=0).sqrt(), [-1.0, 4.0], [0, 0.25]),
    (lambda x: mt.maximum(x, mt.tensor(0.0)).sqrt(), [-1.0, 4.0], [0, 0.25]),
]


@pytest.mark.parametrize("case", range(len(AT_KINKS)))
def test_slope_at_a_kink(case):
    f, points, want = AT_KINKS[case]
    np.testing.assert_allclose(slopes(f, points)[1], want, rtol=1e-15)


def two(f, a, b):
    """The values of f and both gradients."""
    a, b = leaf(a), leaf(b)
    y = f(a, b)
    y.sum().backward()
    return y.tolist(), a.grad.tolist(), b.grad.tolist()


def test_powers_at_their_undefined_points():
    y, da, db = two(mt.pow, [0.0, 0, 0, -2, -2, 2, NAN, 1, INF], [0.0, 1, -1, 3, 2.5, 0, 0, NAN, 0])
    same(y, [1, 0, INF, -8, NAN, 1, 1, 1, 1])
    same(da, [0, 1, -INF, 12, NAN, 0, 0, NAN, 0])
    same(db, [0, 0, -INF, NAN, NAN, LOG2, NAN, 0, INF])


def test_ties_are_shared_and_nan_is_kept():
    a, b = [1.0, 3, 2, NAN, 1], [1.0, 2, 3, 1, NAN]
    same(two(mt.maximum, a, b), ([1, 3, 3, NAN, NAN], [0.5, 1, 0, 1, 1], [0.5, 0, 1, 1, 1]))
    same(two(mt.minimum, a, b), ([1, 2, 2, NAN, NAN], [0.5, 0, 1, 1, 1], [0.5, 1, 0, 1, 1]))


def test_fmax_and_fmin_leave_nan_out():
    a, b = [1.0, 3, 2, NAN, 1], [1.0, 2, 3, 1, NAN]
    same(two(mt.fmax, a, b), ([1, 3, 3, 1, 1], [1, 1, 0, 0, 1], [0, 0, 1, 1, 0]))
    same(two(mt.fmin, a, b), ([1, 2, 2, 1, 1], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]))


def test_tensor_bounds_receive_what_they_hold_back():
    x, low, high = leaf([0.0, 1, 2, 3, 5]), leaf([0.0, 2, 2, 4, 2]), leaf([1.0, 3, 2, 2, 4])
    y = mt.clamp(x, low, high)
    y.sum().backward()
    same(y.tolist(), [0, 2, 2, 2, 4])
    same(x.grad.tolist(), [1, 0, 1, 0, 0])
    same(low.grad.tolist(), [0, 1, 0, 0, 0])
    same(high.grad.tolist(), [0, 0, 0, 1, 1])


def test_at_a_bound_the_gradient_is_the_tensors():
    same(two(lambda x, low: x.clamp(min=low), [1.0], [1.0]), ([1], [1], [0]))
    same(two(lambda x, high: x.clamp(max=high), [1.0], [1.0]), ([1], [1], [0]))
    x, low, high = leaf([0.0, 2.0, 1.0]), leaf([1.0] * 3), leaf([1.0] * 3)
    mt.clamp(x, low, high).sum().backward()
    same([t.grad.tolist() for t in (x, low, high)], [[0, 0, 1], [0, 0, 0], [0, 1, 0]])


def test_the_angle_of_the_origin():
    same(two(mt.atan2, [0.0, 0.0], [0.0, -1.0]), ([0, math.pi], [0, -1], [0, 0]))
    same(two(mt.hypot, [0.0], [0.0]), ([0], [NAN], [NAN]))


def test_remainders_take_their_sign_from_one_side():
    a, b = [-7.0, 7, -7, 7], [3.0, -3, -3, 3]
    same(two(mt.remainder, a, b), ([2, -2, -1, 1], [1] * 4, [3, 3, -2, -2]))
    same(two(mt.fmod, a, b), ([-1, 1, -1, 1], [1] * 4, [2, 2, -2, -2]))


def test_rounding_halves_to_even_and_by_decimals():
    same(mt.round(leaf([0.5, 1.5, 2.5, -0.5])).tolist(), [0, 2, 2, 0])
    same(mt.round(leaf([1.234, 5.678]), decimals=1).tolist(), [1.2, 5.7])
    same(mt.round(leaf([1234.0]), decimals=-2).tolist(), [1200])


def test_lerp_meets_both_ends_exactly():
    a, b = leaf([0.1, 1e8]), leaf([0.7, -0.3])
    same(mt.lerp(a, b, 0.0).tolist(), a.tolist())
    same(mt.lerp(a, b, 1.0).tolist(), b.tolist())
    same(mt.lerp(a, b, mt.tensor([1.0, 0.0], dtype="float64")).tolist(), [0.7, 1e8])


# the error function ------------------------------------------------------------------------------


def test_erf_is_right_to_the_last_places():
    x = np.concatenate([np.linspace(-7, 7, 2001), np.geomspace(1e-300, 1, 200), [0.46875, 4.0]])
    want = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(mt.erf(mt.tensor(x)).numpy(), want, rtol=1e-15)
    x = x.astype(np.float32)
    want = np.array([math.erf(v) for v in x])
    got = mt.erf(mt.tensor(x))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6, atol=1.5e-45)
    assert abs(got.numpy()).max() == 1


def test_erfc_is_right_where_it_is_tiny():
    x = np.linspace(-6, 26, 2001)
    want = np.array([math.erfc(v) for v in x])
    np.testing.assert_allclose(mt.erfc(mt.tensor(x)).numpy(), want, rtol=1e-14)
    x = np.float32([-2, 0, 0.3, 1, 5, 9])
    want = np.array([math.erfc(v) for v in x], np.float32)
    same(mt.erfc(mt.tensor(x)).numpy(), want)


def test_erf_of_other_dtypes():
    assert mt.erf(mt.tensor([0.5], dtype="float16")).dtype == np.float16
    for f, want in ((mt.erf, math.erf(1)), (mt.erfc, math.erfc(1))):
        y = f(mt.tensor([1]))
        assert y.dtype == np.float32
        assert y.item() == pytest.approx(want, rel=1e-6)


# integers and bools ------------------------------------------------------------------------------


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


# who stands left and right -----------------------------------------------------------------------


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


# comparisons and logic ---------------------------------------------------------------------------


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


# in place ----------------------------------------------------------------------------------------

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


# what the tape keeps -----------------------------------------------------------------------------


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
    for f in words("square log log1p sin asin atan abs erf silu mish softsign hardswish"):
        assert names(function(f)(x)) == {"x"}, f
    assert names(mt.where(c > 1, x, w)) == {"condition"}
    assert names(mt.remainder(x, c)) == set()


# methods, names and errors -----------------------------------------------------------------------

ONLY_FUNCTIONS = words(
    """elu selu celu gelu silu mish softplus softsign leaky_relu hardtanh hardsigmoid hardswish
    relu6 threshold tanhshrink softshrink logsigmoid rsub"""
)


def test_methods_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is the list of methods")
    for module in (arithmetic, compare, elementwise, erf, activation):
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


# properties --------------------------------------------------------------------------------------


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


# torch, at points where it is easy to differ -----------------------------------------------------


def test_divisions_at_the_extremes_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    a = [0.0, 1, 1, NAN, -7, 7, -7, INF, 5, 0, 3, -3, 1e30]
    b = [0.0, 1, NAN, 1, 3, -3, -3, 2, INF, 2, 0, INF, 1e-30]
    for dtype in ("float32", "float64"):
        x, y = mt.tensor(a, dtype=dtype), mt.tensor(b, dtype=dtype)
        u, v = torch.tensor(x.numpy()), torch.tensor(y.numpy())
        for name in ("remainder", "fmod", "floor_divide", "atan2", "hypot", "fmax", "minimum"):
            got, want = getattr(mt, name)(x, y).numpy(), getattr(torch, name)(u, v).numpy()
            np.testing.assert_allclose(got, want, rtol=1e-6, err_msg=name)
        for mode in ("trunc", "floor", None):
            got = mt.div(x, y, rounding_mode=mode).numpy()
            same(got, torch.div(u, v, rounding_mode=mode).numpy())
