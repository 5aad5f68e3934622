"""The checker is checked: it finds every planted bug, names it, and cries wolf at nothing."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import minitorch
from minitorch import slopes
from minitorch.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minitorch.gradreport import MAX_LINES
from minitorch.op import REGISTRY, op
from minitorch.tensor import Tensor


def leaf(*shape: int, seed: int = 0, dtype: type = np.float64) -> Tensor:
    rng = np.random.default_rng([seed, *shape])
    return Tensor(rng.uniform(0.3, 1.5, shape).astype(dtype), requires_grad=True)


def at(*values: float) -> Tensor:
    return Tensor(values, np.float64, requires_grad=True)


def planted(rule, body=lambda x: x**3):
    """An op of one input with the given rule."""

    def wrong(x):
        return body(x)

    made = op(wrong)
    made.grad(x=rule)
    REGISTRY.pop("wrong")
    return made


def two_inputs(b_rule):
    """Y = a b with a right rule for a, and the given one for b."""

    def product(a, b):
        return a * b

    made = op(broadcasts=True)(product)
    made.grad(a=lambda g, b: g * b, b=b_rule)
    REGISTRY.pop("product")
    return made


def softmax_body(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# name -> (function, its inputs, what the message must say)
PLANTED = {
    "sign": (planted(lambda g, x: -(3 * g * x * x)), (leaf(2, 3),), "sign is flipped"),
    "twice": (planted(lambda g, x: 6 * g * x * x), (leaf(2, 3),), "2 times the slope"),
    "half": (planted(lambda g, x: 1.5 * g * x * x), (leaf(2, 3),), "1/2 times the slope"),
    "1.01": (planted(lambda g, x: 3.03 * g * x * x), (leaf(2, 3),), "1.01 times the slope"),
    "1.0005": (planted(lambda g, x: 3.0015 * g * x * x), (leaf(2, 3),), "1.0005 times the slope"),
    "zero": (planted(lambda g: 0 * g), (leaf(2, 3),), "always zero"),
    "blind": (planted(lambda g, x: 3 * x * x + 0 * g), (leaf(2, 3),), "does not depend on g"),
    "offset": (planted(lambda g, x: 3 * g * x * x + 1e-5), (leaf(2, 3),), "the slope plus 1e-05"),
    "swapped": (planted(lambda g, x: (3 * g * x * x).T), (leaf(3, 3),), "transposed"),
    "swapped shape": (planted(lambda g, x: (3 * g * x * x).T), (leaf(3, 2),), "transposed"),
    "no sum": (
        planted(lambda g: g[0], lambda x: np.broadcast_to(x, (4, 3)).copy()),
        (leaf(3),),
        "missing sum",
    ),
    "one row of many": (
        planted(lambda g, x: 3 * g * x * x * np.array([[1.0], [0.0], [0.0]])),
        (leaf(3, 2),),
        "only elements at 0 of axis 0 are right",
    ),
    "no sum shape": (
        planted(lambda g: g, lambda x: np.broadcast_to(x, (4, 3)).copy()),
        (leaf(3),),
        "sum over the added axes",
    ),
    "mean": (
        planted(lambda g: g.sum(0) / 4, lambda x: np.broadcast_to(x, (4, 3)).copy()),
        (leaf(3),),
        "1/4 times the slope, everywhere: a mean",
    ),
    "softmax without its correction": (
        planted(lambda g, y: g * y, softmax_body),
        (leaf(2, 3),),
        "disagree",
    ),
    "sum to zero": (
        planted(lambda g, y: y * (g - minitorch.sum(g, -1, True) / 3), softmax_body),
        (leaf(2, 3),),
        "disagree",
    ),
    "only ones": (planted(lambda g, x: 3 * x * x * g * g), (leaf(2, 3),), "disagree"),
    "second input": (two_inputs(lambda g, a: 5 * g * a), (leaf(2, 3), leaf(3)), "input 1 ('b')"),
    "nan": (planted(lambda g: g * float("nan")), (leaf(2, 3),), "gives nan"),
    "one branch": (
        planted(lambda g, x: 3 * g * x * x * (x > 0)),
        (Tensor([[-1.0, 0.5, 2.0]], np.float64, requires_grad=True),),
        "exactly the elements with x < 0",
    ),
    "edge": (
        planted(lambda g, x: 3 * g * x * x * np.array([1.0, 1.0, 0.0])),
        (leaf(2, 3),),
        "at 2 of axis 1",
    ),
    "mixed signs": (
        planted(lambda g, x: 3 * g * x * x * np.array([[1.0, -1.0], [-1.0, 1.0]])),
        (leaf(2, 2),),
        "some of the signs",
    ),
}

RIGHT = {
    "cube": (planted(lambda g, x: 3 * g * x * x), (leaf(2, 3),)),
    "softmax": (
        planted(lambda g, y: y * (g - minitorch.sum(g * y, -1, True)), softmax_body),
        (leaf(2, 3),),
    ),
    "product": (two_inputs(lambda g, a: g * a), (leaf(2, 3), leaf(3))),
    "of float32": (planted(lambda g, x: 3 * g * x * x), (leaf(2, 3, dtype=np.float32),)),
    "big": (planted(lambda g, x: 3 * g * x * x), (at(1e-3, 1e3),)),
}


def caught(name: str) -> bool:
    function, inputs, _ = PLANTED[name]
    return not gradcheck(function, inputs, raise_exception=False)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_and_named(name: str):
    function, inputs, words = PLANTED[name]
    with pytest.raises(GradcheckError) as error:
        gradcheck(function, inputs)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rule_passes(name: str):
    assert gradcheck(*RIGHT[name]) is True


def _ones(self, rng, y):
    return Tensor(np.ones(y.shape), np.float64)


def _first_only(self, results=slopes.Experiment.results):
    return results(self)[:1]


def _loose(eps, atol, rtol, *rest, strict=slopes.Limits):
    return strict(eps, 1000 * atol, 1000 * rtol, *rest)


WEAKENED = {
    "tolerance x 1000": (sys.modules["minitorch.gradcheck"], "Limits", _loose),
    "g = ones": (slopes.Experiment, "_weights", _ones),
    "first input only": (slopes.Experiment, "results", _first_only),
    "float32": (slopes, "PRECISION", np.dtype(np.float32)),
}


@pytest.mark.parametrize("how", WEAKENED)
def test_a_weakened_checker_does_not_pass_these_tests(how: str, monkeypatch):
    monkeypatch.setattr(*WEAKENED[how])
    all_caught = all(caught(name) for name in PLANTED)
    all_right = all(gradcheck(*RIGHT[name], raise_exception=False) for name in RIGHT)
    assert not (all_caught and all_right)


def test_the_whole_message():
    function, inputs, _ = PLANTED["second input"]
    with pytest.raises(GradcheckError) as error:
        gradcheck(function, inputs, seed=3)
    lines = str(error.value).splitlines()
    assert lines[0] == (
        "gradcheck: product: wrong gradient of input 1 ('b'): 3 of 3 elements disagree with the "
        "slope"
    )
    assert lines[1] == (
        "  inputs: 0 ('a') float64 (2, 3), 1 ('b') float64 (3,); compared in float64"
    )
    assert lines[2] == "  again: gradcheck(func, inputs, seed=3, eps=1e-05)"
    assert lines[3].startswith("  disagree: 0: 0 of 6, 1: 3 of 3; tolerance ")
    assert lines[4].split() == ["element", "rule", "numeric", "rule", "-", "numeric", "ratio"]
    rows = [line.split() for line in lines[5:8]]
    assert [row[-1] for row in rows] == ["5", "5", "5"]
    off = [abs(float(row[3])) for row in rows]
    assert off == sorted(off, reverse=True)
    text = "\n".join(lines[8:])
    assert "likely cause: constant factor: the rule is 5 times the slope" in text
    assert "h = 1e-05" in text
    assert "h = 1e-07" in text
    assert "the function is smooth here, so the rule is wrong" in text
    assert "so it is not noise" in text


def test_numbers_in_the_message_are_the_gradient_and_the_slope():
    x = Tensor([2.0], np.float64, requires_grad=True)
    with pytest.raises(GradcheckError) as error:
        gradcheck(PLANTED["sign"][0], x, seed=1)
    g = np.random.default_rng((1, 1)).standard_normal(1)[0]  # apart from manual_seed(1)
    row = str(error.value).splitlines()[5].split()
    assert row[0] == "[0]"
    assert float(row[1]) == pytest.approx(-12 * g, rel=1e-5)
    assert float(row[2]) == pytest.approx(12 * g, rel=1e-5)


# nothing decided --------------------------------------------------------------------------------


def cube(x):
    return x * x * x


UNDECIDED = {
    "no elements": (cube, (leaf(0, 3),), "no elements"),
    "no leaf": (cube, (Tensor([1.0, 2.0]),), "no input is a floating-point Tensor"),
    "integers": (lambda x: x * 2.0, (Tensor([1, 2]),), "no input is a floating-point Tensor"),
    "no tensor": (lambda x: x * 2.0, (3.0,), "no input is a floating-point Tensor"),
    "cut": (lambda x: x.detach() * 2, (leaf(2),), "no output requires grad"),
    "zero": (lambda x: x * 0, (leaf(2),), "does not change the output"),
    "unused": (lambda a, b: a * 2 + 0 * b, (leaf(2), leaf(2)), "moving input 1"),
    "nan": (lambda x: x * float("nan"), (leaf(2),), "not finite"),
    "pole": (lambda x: 1 / x, (Tensor([0.0, 1.0], requires_grad=True),), "not finite"),
    "float32": (lambda x: x.float() * 2, (leaf(2),), "output is float32"),
    "float32 inside": (
        planted(lambda g: g, lambda x: x.astype(np.float32)),
        (leaf(2),),
        "computes in float32 inside",
    ),
    "meta": (cube, (minitorch.Tensor([1.0], device="meta", requires_grad=True),), "no values"),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_cannot_be_decided_raises(name: str):
    function, inputs, words = UNDECIDED[name]
    with pytest.raises(GradcheckError, match="nothing decided") as error:
        gradcheck(function, inputs)
    assert words in str(error.value)
    assert gradcheck(function, inputs, raise_exception=False) is False


def test_a_zero_slope_can_be_announced():
    assert gradcheck(lambda x: x * 0, leaf(2), zero_ok=True)


def test_second_order_of_a_linear_function_may_be_zero_in_x():
    assert gradgradcheck(lambda a, b: a + 2 * b, (leaf(2), leaf(2)))


def test_second_order_of_nothing_is_undecided():
    with pytest.raises(GradcheckError, match="nothing decided"):
        gradgradcheck(lambda x: x * 0, leaf(2))


# the caller's things ----------------------------------------------------------------------------


def test_the_callers_tensors_stay_as_they_were():
    x, y = leaf(2, 3, dtype=np.float32), leaf(3)
    x.grad = Tensor(np.ones((2, 3), np.float32))
    arrays = x.array, y.array
    before = [a.copy() for a in arrays]
    assert gradcheck(lambda a, b: a * b, (x, y))
    assert x.dtype == np.float32
    assert x.array is arrays[0]
    assert y.array is arrays[1]
    np.testing.assert_array_equal(x.array, before[0])
    np.testing.assert_array_equal(y.array, before[1])
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((2, 3)))
    assert y.grad is None


def test_other_arguments_pass_through():
    seen = []

    def f(x, n, ids, mask, flag, nothing, more):
        seen.append((n, ids, mask, flag, nothing))
        return x * n * more["w"][0]

    ids, mask = Tensor([1, 2]), np.array([True])
    more = {"w": [leaf(2, seed=1)]}
    assert gradcheck(f, (leaf(2), 2, ids, mask, True, None, more))
    n, got_ids, got_mask, flag, nothing = seen[-1]
    assert (n, flag, nothing) == (2, True, None)
    assert got_mask is mask
    assert got_ids.dtype == np.int64


def test_inputs_inside_containers_are_checked():
    wrong = PLANTED["twice"][0]
    with pytest.raises(GradcheckError, match="input 1 "):
        gradcheck(lambda p: p["a"] * 2 + wrong(p["b"][0]), {"a": leaf(3), "b": [leaf(3, seed=1)]})


def test_several_outputs_are_checked():
    wrong = PLANTED["twice"][0]
    assert gradcheck(lambda x: (x * 2, x * x), leaf(3))
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: (x * 2, wrong(x)), leaf(3))


def test_it_records_under_no_grad_too():
    with minitorch.no_grad():
        assert gradcheck(cube, leaf(2))
        assert gradgradcheck(cube, leaf(2))


# what else a rule can do wrong ------------------------------------------------------------------


def test_a_rule_that_draws_random_numbers_is_named():
    rng = np.random.default_rng(0)
    random = planted(lambda g, x: 3 * g * x * x * (1 + 1e-9 * rng.random()))
    with pytest.raises(GradcheckError, match="second backward gave another gradient for input 0"):
        gradcheck(random, leaf(2))
    assert gradcheck(random, leaf(2), nondet_tol=1e-6)


def test_a_forward_that_draws_random_numbers_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(GradcheckError, match=r"hidden randomness.*eval\(\)"):
        gradcheck(lambda x: x * (rng.random(x.shape) > 0.5), leaf(5, 5))


def test_a_rule_that_edits_g_is_named():
    def rule(g, x):
        g *= 3
        return g * x * x

    with pytest.raises(GradcheckError, match="modified g in place"):
        gradcheck(planted(rule), leaf(2))


def test_a_rule_that_edits_its_input_is_named():
    def rule(g, x):
        d = 3 * g * x * x
        x *= 2
        return d

    with pytest.raises(GradcheckError, match="a rule modified input 0 in place"):
        gradcheck(planted(rule), leaf(2))


def test_a_function_that_edits_its_input_is_named():
    def f(x):
        y = x * 2
        x.array[0] += 1e-3
        return y

    with pytest.raises(GradcheckError):
        gradcheck(f, leaf(2))


# kinks ------------------------------------------------------------------------------------------


def ramp(at_zero):
    return planted(
        lambda g, x: g * np.where(x == 0, at_zero, x > 0),
        lambda x: np.maximum(x, 0),
    )


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_kink_is_reported_as_a_kink(value: float):
    with pytest.warns(UserWarning, match=r"1 of 3 elements of input 0 \('x'\) lie on a kink"):
        assert gradcheck(ramp(value), at(-1.0, 0.0, 2.0))


@pytest.mark.parametrize("value", [-0.5, 7.0])
def test_a_rule_outside_the_two_slopes_is_wrong(value: float):
    with pytest.raises(GradcheckError, match="a kink, and the rule lies outside the two slopes"):
        gradcheck(ramp(value), at(-1.0, 0.0, 2.0))


def test_nothing_but_kinks_decides_nothing():
    with pytest.raises(GradcheckError, match="every element lies on a kink"):
        gradcheck(ramp(0.0), at(0.0))


@pytest.mark.parametrize("x", [3e-6, -3e-6, 5e-6, 9e-6])
def test_a_kink_near_by_is_no_false_alarm(x: float):
    assert gradcheck(ramp(0.0), at(-1.0, x, 2.0))


@pytest.mark.parametrize("x", [3e-6, 5e-6])
def test_a_wrong_rule_near_a_kink_is_found(x: float):
    wrong = planted(lambda g, x: 0.3 * g * (x > 0), lambda x: np.maximum(x, 0))
    with pytest.raises(GradcheckError, match="disagree"):
        gradcheck(wrong, at(-1.0, x))


def test_the_edge_of_the_domain_is_named():
    root = planted(lambda g, y: g / (2 * y), np.sqrt)
    with pytest.raises(GradcheckError, match=r"not finite near.*first at \[0\].*move the"):
        gradcheck(root, at(0.0, 1.0))


# large inputs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RIGHT)
def test_directions_pass_what_is_right(name: str):
    assert gradcheck(*RIGHT[name], fast_mode=True)


@pytest.mark.parametrize("name", PLANTED)
def test_directions_find_what_is_wrong(name: str):
    function, inputs, _ = PLANTED[name]
    assert not gradcheck(function, inputs, fast_mode=True, raise_exception=False)


def test_above_ten_thousand_elements_few_calls_are_made():
    calls = []

    def f(x):
        calls.append(1)
        return cube(x)

    assert gradcheck(f, leaf(101, 100))
    assert len(calls) < 20
    with pytest.raises(GradcheckError, match="disagree"):
        gradcheck(PLANTED["1.0005"][0], leaf(101, 100))


def test_a_kink_among_many_elements_is_no_false_alarm():
    x = Tensor(np.random.default_rng(0).standard_normal((200, 200)), requires_grad=True)
    assert gradcheck(ramp(0.0), x)


# second order -----------------------------------------------------------------------------------


def test_second_order_finds_a_rule_that_cuts_the_graph():
    cuts = planted(lambda g, x: 3 * g * x.detach() * x if isinstance(x, Tensor) else 3 * g * x * x)
    assert gradcheck(cuts, leaf(2, 3))
    with pytest.raises(GradcheckError, match="gradgradcheck: the gradient of wrong"):
        gradgradcheck(cuts, leaf(2, 3))


def test_second_order_takes_grad_outputs():
    assert gradgradcheck(cube, leaf(2), Tensor([1.0, 2.0]))
    assert gradgradcheck(cube, (leaf(2),), (Tensor([1.0, 2.0]),))


# no false alarms --------------------------------------------------------------------------------

SMOOTH = {
    "mul": lambda x: x * x,
    "div": lambda x: 1 / x,
    "exp": lambda x: x.exp(),
    "sum": lambda x: (x * x).sum(0),
    "softmax": lambda x: x.exp() / x.exp().sum(1, keepdim=True),
    "ramp": lambda x: ramp(0.0)(x) + x,
}


@pytest.mark.parametrize("name", SMOOTH)
def test_no_false_alarm_in_200_seeds(name: str):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = Tensor(rng.standard_normal((2, 3)), requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert gradcheck(SMOOTH[name], x, seed=seed)


def test_a_jump_is_named():
    step = planted(lambda g: 2 * g, lambda x: x + (x >= 0))
    with pytest.raises(GradcheckError, match="3 of 3 elements") as error:
        gradcheck(step, at(-1.0, 0.0, 2.0))
    assert "the function jumps here" in str(error.value)


def test_the_weights_are_not_those_that_the_inputs_came_from():
    """With g = x, a rule may read the sign of g where that of x is meant, and pass."""
    minitorch.manual_seed(0)
    x = minitorch.randn(20, dtype=minitorch.float64).requires_grad_()

    class Wrong(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.relu()

        @staticmethod
        def backward(ctx, g):
            return g * (g > 0)

    with pytest.raises(GradcheckError, match="gradcheck: Wrong: wrong gradient"):
        gradcheck(Wrong.apply, x, seed=0)


def test_a_wrong_gradient_of_a_single_number_is_reported():
    class Wrong(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return -3 * g

    with pytest.raises(GradcheckError, match="sign"):
        gradcheck(Wrong.apply, Tensor(2.0, np.float64, requires_grad=True))


def test_two_kinks_near_by_on_either_side_are_no_mistake():
    """Both lie within the step, so the slopes to the left and to the right are both wrong."""

    def f(x: Tensor) -> Tensor:
        return ((x - (1 - 4e-6)).relu() - (x - (1 + 4e-6)).relu()).sum()

    assert gradcheck(f, Tensor([1.0], np.float64, requires_grad=True))


def test_a_value_that_lies_off_both_its_sides_is_no_kink():
    def off_at_one(x):
        return minitorch.where(x == 1, 3 * x, x)

    with pytest.raises(GradcheckError, match="off_at_one"):
        gradcheck(off_at_one, (minitorch.tensor([0.5, 1.0], dtype="float64", requires_grad=True),))
