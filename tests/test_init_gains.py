"""Gains: the table against its formula, against sampling and against torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch.nn import init
from minitorch.nn.init import gains

BY_FORMULA = [
    *("celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid"),
    *("leaky_relu", "mish", "relu", "relu6", "silu", "softplus", "softshrink", "softsign"),
    "tanhshrink",
]
BY_CUSTOM = {"tanh": (5 / 3, 1.59254), "sigmoid": (1, 1.84623), "selu": (3 / 4, 1)}


def exact_gain(f: Callable[[mt.Tensor], Any]) -> float:
    """1 / √E[f(z)²]: Gauss's quadrature on pieces of length 1/2, at whose ends the kinks lie."""
    nodes, weights = np.polynomial.legendre.leggauss(30)
    pieces = np.arange(-38, 38, 0.5)[:, None] + (nodes + 1) / 4
    y = f(mt.from_numpy(pieces)).numpy()
    density = np.exp(-(pieces**2) / 2) / math.sqrt(2 * math.pi)
    return 1 / math.sqrt(math.fsum((weights / 4 * y * y * density).ravel()))


@pytest.mark.parametrize("name", BY_FORMULA)
def test_the_table_is_the_formula(name: str):
    assert init.calculate_gain(name) == pytest.approx(exact_gain(getattr(F, name)), rel=1e-10)


@pytest.mark.parametrize("name", BY_CUSTOM)
def test_where_custom_differs_from_the_formula(name: str):
    custom, formula = BY_CUSTOM[name]
    assert init.calculate_gain(name) == custom
    assert exact_gain(getattr(F, name)) == pytest.approx(formula, rel=1e-5)


def test_prelu_is_listed_with_the_slope_it_starts_from():
    weight = mt.tensor([0.25], dtype=mt.float64)
    exact = exact_gain(lambda z: F.prelu(z, weight))
    assert init.calculate_gain("prelu") == pytest.approx(exact, rel=1e-10)
    assert init.calculate_gain("prelu", 0.5) == init.calculate_gain("leaky_relu", 0.5)


def test_every_activation_of_nn_functional_has_a_gain():
    """Those not listed have no default options, random ones, or are no function of one number."""
    modules = ("minitorch.ops.activation", "minitorch.ops.smooth")
    functions = {n for n, f in vars(F).items() if getattr(f, "__module__", "") in modules}
    in_place = {n for n in functions if n.endswith("_")}
    listed = {*gains._TORCH, *gains._MEASURED, *gains._SLOPES}
    assert functions - in_place - listed == {"threshold"}


def test_leaky_relu():
    """C53."""
    for slope, gain in ((0, 1.41421), (1, 1), (math.sqrt(5), 0.57735), (-1, 1)):
        assert init.calculate_gain("leaky_relu", slope) == pytest.approx(gain, abs=1e-5)
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))


def test_gains_are_torchs():
    torch = pytest.importorskip("torch")
    names = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
    names += [f"conv{n}d" for n in (1, 2, 3)] + [f"conv_transpose{n}d" for n in (1, 2, 3)]
    for name in names:
        for param in (None, 0.3):  # ignored by all but leaky_relu
            theirs = torch.nn.init.calculate_gain(name, param)
            assert init.calculate_gain(name, param) == pytest.approx(theirs, rel=1e-15)


def test_an_unknown_nonlinearity_lists_the_known():
    """H077."""
    for name in ("rellu", F.relu, None):
        with pytest.raises(
            ValueError, match=r"unknown nonlinearity .*gelu, .*relu, .*measured_gain"
        ):
            init.calculate_gain(name)


def test_a_slope_is_a_number_and_for_those_that_have_one():
    for param in ("0.1", True, mt.ones(2)):
        with pytest.raises(TypeError, match="calculate_gain: param: expected a number"):
            init.calculate_gain("leaky_relu", param)
    with pytest.raises(ValueError, match="expected a finite number, got nan"):
        init.calculate_gain("leaky_relu", math.nan)
    with pytest.raises(ValueError, match=r"elu is listed .* takes no param, got 0.5"):
        init.calculate_gain("elu", 0.5)


# by sampling -----------------------------------------------------------------------------------


def test_measured_gains():
    """I13."""
    assert init.measured_gain(mt.relu) == pytest.approx(math.sqrt(2), rel=0.01)
    assert init.measured_gain(mt.tanh) == pytest.approx(1.593, rel=0.01)
    assert init.measured_gain(lambda z: z) == pytest.approx(1, rel=0.01)
    assert init.measured_gain(lambda z: 3 * z) == pytest.approx(1 / 3, rel=0.01)
    assert init.measured_gain(lambda z: 1e25 * z) == pytest.approx(1e-25, rel=0.01)
    shifted = init.measured_gain(lambda z: z.clamp_min(0.0) - 0.5)
    assert shifted == pytest.approx(exact_gain(lambda z: z.clamp_min(0.0) - 0.5), rel=0.01)


@pytest.mark.parametrize("name", BY_FORMULA)
def test_sampling_finds_the_table(name: str):
    gain = init.measured_gain(getattr(F, name), 200_000)
    assert gain == pytest.approx(init.calculate_gain(name), rel=0.02)


def test_measuring_is_repeatable_and_records_nothing():
    def f(z: mt.Tensor) -> mt.Tensor:
        y = z * weight
        assert not y.requires_grad
        return y

    weight = mt.tensor(2.0, requires_grad=True)
    one, two = (init.measured_gain(f, 100, mt.Generator().manual_seed(5)) for _ in range(2))
    assert one == two
    assert one != init.measured_gain(f, 100, mt.Generator().manual_seed(6))
    z = mt.Generator().manual_seed(5).normal((100,), mt.float32).astype(float)
    assert one == pytest.approx(1 / np.sqrt(np.mean(4 * z**2)), rel=1e-6)


def test_what_no_gain_repairs():
    for f in (lambda z: z * 0, lambda z: z / 0, lambda z: z.sqrt()):
        with pytest.raises(ValueError, match=r"measured_gain: the mean of f\(z\)² is (0|inf|nan)"):
            init.measured_gain(f, 1000)
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        init.measured_gain(mt.relu, 0)
