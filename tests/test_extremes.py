"""Elementwise ops at their extremes and at their undefined points: exact values, and slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.op import REGISTRY
from tests.helpers import function, leaf, same, slopes
from tests.rows import ROWS
from tests.table import is_float

INF, NAN = math.inf, math.nan

# the extremes -----------------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", ["hardswish", "relu6", "hardsigmoid", "elu", "selu", "softplus"])
def test_a_recorded_slope_is_the_same_at_infinity(name):
    """The rule that runs on tensors is another text than the slope that is kept for few numbers."""
    x = mt.tensor([-INF, -1000.0, 0.5, 1000.0, INF], requires_grad=True)
    y = function(name)(x)
    (recorded,) = mt.autograd.grad(y.sum(), x, create_graph=True)
    (kept,) = mt.autograd.grad(function(name)(x).sum(), x)
    np.testing.assert_allclose(recorded.detach(), kept, rtol=1e-6, atol=0)


INTEGERS = [("celu", {"alpha": 2.0}), ("gelu", {}), ("gelu", {"approximate": "tanh"})]
INTEGERS += [(name, {}) for name in ("elu", "selu", "celu", "silu", "mish", "softplus", "relu6")]
INTEGERS += [(name, {}) for name in ("hardswish", "hardsigmoid", "hardtanh", "logsigmoid")]
INTEGERS += [(name, {}) for name in ("sigmoid", "softsign")]


@pytest.mark.parametrize("shape", [(), (3,), (20, 30)], ids=["one", "few", "many"])
@pytest.mark.parametrize(("name", "options"), INTEGERS)
def test_an_activation_of_integers_is_that_of_floats(name, options, shape):
    f = getattr(mt.nn.functional, name)
    for dtype in (np.int8, np.uint8, np.int16, np.int32):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        for numbers in ([0, 1, 2, 5], [low, low + 1, 100, 127, high - 1, high]):
            x = mt.tensor(np.resize(np.array(numbers, dtype), shape))
            np.testing.assert_allclose(f(x, **options), f(x.float(), **options), rtol=1e-6)


def test_bools_are_refused_in_our_words_and_numpys_advice_is_kept():
    x = mt.tensor([True, False])
    for f in (mt.sigmoid, mt.nn.functional.silu):
        with pytest.raises(TypeError, match=r"x needs number.*try x\.float\(\)"):
            f(x)
    with pytest.raises(TypeError, match="~"):
        mt.neg(x)
    with pytest.raises(TypeError, match="a dim is an int, got 'a'"):
        x.sum(dim="a")


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


# undefined points -------------------------------------------------------------------------------

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


# the error function -----------------------------------------------------------------------------


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


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_keeps_its_dtype(dtype, approximate):
    x = leaf([-1.0, 0.0, 1.0], dtype)
    y = mt.nn.functional.gelu(x, approximate=approximate)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.dtype(dtype)
    want = slopes(lambda x: mt.nn.functional.gelu(x, approximate=approximate), [-1.0, 0.0, 1.0])[1]
    np.testing.assert_allclose(x.grad.tolist(), want, rtol=4e-3)


def test_erf_of_other_dtypes():
    assert mt.erf(mt.tensor([0.5], dtype="float16")).dtype == np.float16
    for f, want in ((mt.erf, math.erf(1)), (mt.erfc, math.erfc(1))):
        y = f(mt.tensor([1]))
        assert y.dtype == np.float32
        assert y.item() == pytest.approx(want, rel=1e-6)


# torch, at points where it is easy to differ ----------------------------------------------------


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


# bodies that run with NumPy's warnings on ---------------------------------------------------------

CALM = [row for row in ROWS if (entry := REGISTRY.get(row.op)) and (entry.calm or entry.view)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("row", CALM, ids=lambda row: row.op)
def test_nothing_that_a_calm_body_does_can_warn(row, dtype):
    limits, draw = np.finfo(dtype), np.random.default_rng(0)
    hard = [NAN, INF, -INF, 0.0, -0.0, limits.max, limits.min, limits.tiny, 3.0, -3.0, 0.5]
    hard = np.array(
        [*hard, limits.smallest_subnormal, np.nextafter(limits.dtype.type(3), 0)], dtype
    )

    def extreme(x):
        return np.asarray(draw.choice(hard, x.shape)) if is_float(x) else x

    with np.errstate(all="raise"):
        for _ in range(5):
            REGISTRY[row.op].call(*map(extreme, row.args), **row.kwargs)


# float16, which ends at 65,504 --------------------------------------------------------------------

STEEP = [*(3.0 * 10.0**k for k in range(-5, 5)), 65504.0]
HALVES = [-INF, *(-x for x in reversed(STEEP)), 0.0, *STEEP, INF, NAN]
BETAS = [1e-6, 0.5, 2.0, 300.0, 1e6, -2.0]


def softplus_of_halves(beta: float, count: int) -> tuple[list, list]:
    """Value and slope of each, in float16, among few numbers or among many."""
    x = mt.tensor(HALVES * count, dtype="float16", requires_grad=True)
    y = mt.nn.functional.softplus(x, beta)
    y.backward(mt.ones_like(y))
    assert y.dtype == x.grad.dtype == np.float16
    return y[: len(HALVES)].tolist(), x.grad[: len(HALVES)].tolist()


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize("beta", BETAS)
def test_softplus_of_halves_is_that_of_doubles_for_every_beta(beta, count):
    x = np.float64(np.float16(HALVES))
    with np.errstate(all="ignore"):
        y, slope = np.logaddexp(beta * x, 0) / beta, 1 / (1 + np.exp(-beta * x))
        y = np.where(beta * x > 20, x, np.float16(y))
    got = softplus_of_halves(beta, count)
    np.testing.assert_allclose(got[0], y, rtol=1e-3, atol=6e-8)
    np.testing.assert_allclose(got[1], slope, rtol=1e-3, atol=6e-8)


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize("beta", BETAS)
def test_softplus_of_halves_is_torchs(beta, count):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    x = torch.tensor(HALVES, dtype=torch.float16, requires_grad=True)
    y = torch.nn.functional.softplus(x, beta)
    y.backward(torch.ones_like(y))
    got = softplus_of_halves(beta, count)
    np.testing.assert_allclose(got[0], y.detach().numpy(), rtol=1e-3, atol=6e-8)
    np.testing.assert_allclose(got[1], x.grad.numpy(), rtol=1e-3, atol=6e-8)


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize(("name", "options"), [*INTEGERS, ("tanh", {}), ("tanhshrink", {})])
def test_an_activation_of_halves_is_that_of_doubles(name, options, count):
    def value_and_slope(x):
        y = getattr(mt.nn.functional, name)(x, **options)
        y.backward(mt.ones_like(y))
        return y.detach().numpy(), x.grad.numpy()

    halves = np.float16([x for x in HALVES if math.isfinite(x) and abs(x) < 60000] * count)
    x = mt.tensor(halves, requires_grad=True)
    got, want = value_and_slope(x), value_and_slope(x.detach().double().requires_grad_())
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-3)


def test_a_slope_of_softplus_that_is_recorded_keeps_to_halves():
    x = mt.tensor([0.01, 300.0, -60000.0], dtype="float16", requires_grad=True)
    y = mt.nn.functional.softplus(x, 300.0)
    (slope,) = mt.autograd.grad(y.sum(), x, create_graph=True)
    (bend,) = mt.autograd.grad(slope.sum(), x)
    s = 1 / (1 + math.exp(-300 * float(np.float16(0.01))))
    np.testing.assert_allclose(slope.tolist(), [s, 1, 0], rtol=1e-3)
    np.testing.assert_allclose(bend.tolist(), [300 * s * (1 - s), 0, 0], rtol=1e-3)
    assert slope.dtype == bend.dtype == np.float16


def test_hardswish_of_large_halves_is_x_itself():
    for count in (1, 2000):  # few, and many
        x = mt.full((count,), 60000.0, dtype="float16")
        assert mt.nn.functional.hardswish(x)[0].item() == 60000
