"""What initialisation refuses, and in which words."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.nn import init
from tests.inits import FAN_SCALED, every_function, in_place, seeded


@pytest.mark.parametrize("name", FAN_SCALED)
def test_scaling_a_bias_is_refused_by_name_and_shape(name: str):
    """H076."""
    bias = mt.ones(20, requires_grad=True)
    with pytest.raises(ValueError, match=rf"{name}: a parameter of shape \(20,\) .* is a bias"):
        getattr(init, f"{name}_")(bias)
    assert bias.tolist() == [1] * 20
    with pytest.raises(ValueError, match="torch_default_bias"):
        getattr(init, name)()(init.WeightShape((20,), 25, 500))
    with pytest.raises(ValueError, match="fewer than 2 axes"):
        getattr(init, f"{name}_")(mt.tensor(1.0))


@pytest.mark.parametrize("name", [*FAN_SCALED, "he"])
def test_a_fan_of_zero_has_no_bound(name: str):
    """H059."""
    with pytest.raises(ValueError, match=rf"{name}: fan_in is 0 .* \(2, 0\), and no bound follows"):
        getattr(init, name)()((2, 0))
    with pytest.raises(ValueError, match="fan of 0"):
        getattr(init, name)()(init.WeightShape((2, 1), 0, 2))


def test_a_bias_beside_a_fan_of_zero_has_no_bound():
    """H059."""
    with pytest.raises(ValueError, match="no bound follows from a fan_in of 0"):
        init.torch_default_bias()(init.WeightShape((2,), 0, 2))


@pytest.mark.parametrize("name", ["kaiming_uniform", "kaiming_normal"])
def test_an_unknown_mode_or_activation_lists_the_known(name: str):
    """H077."""
    for face in (getattr(init, name), lambda **o: getattr(init, f"{name}_")(mt.empty(3, 3), **o)):
        for mode in ("fan_inn", "fan_avg", None, 1):
            with pytest.raises(ValueError, match=f"unknown mode {mode!r}, .* of fan_in, fan_out"):
                face(mode=mode)
        with pytest.raises(ValueError, match=r"unknown nonlinearity 'rellu'.*gelu.*leaky_relu"):
            face(nonlinearity="rellu")


@every_function
def test_nothing_to_initialise_is_an_error(name: str, args: tuple, shape: tuple):
    """H078."""
    empty = (0, *shape[1:])
    with pytest.raises(ValueError, match=r"holds no elements|fan of 0"):
        getattr(init, name)(*args)(empty)
    with pytest.raises(ValueError, match=r"holds no elements|fan of 0"):
        in_place(name, mt.empty(*empty), args, seeded())
    if name in ("uniform", "normal", "constant", "zeros", "ones", "trunc_normal"):
        with pytest.raises(ValueError, match=rf"{name}: shape \(0,\) holds no elements"):
            getattr(init, name)(*args)((0,))


@every_function
def test_a_negative_size_is_an_error(name: str, args: tuple, shape: tuple):
    """H058."""
    with pytest.raises(ValueError, match=r"shape: sizes must not be negative, got \(-1, 2"):
        getattr(init, name)(*args)((-1, 2, *shape[2:]))


@every_function
def test_integers_are_refused(name: str, args: tuple, shape: tuple):
    w = mt.ones(*shape, dtype=mt.int64)
    with pytest.raises(TypeError, match=f"{name}: fills floating-point tensors, this is int64"):
        in_place(name, w, args, seeded())
    assert (w == 1).all()


def test_only_tensors_are_filled():
    with pytest.raises(TypeError, match="normal_: expected a Tensor, got ndarray"):
        init.normal_(np.empty(3))
    with pytest.raises(TypeError, match="fill_: expected a Tensor, got list"):
        init.fill_([0.0], lambda *_: [1.0])


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match=r"expected a minitorch.Generator, got 0; .*manual_seed"):
        init.normal()((2,), None, 0)
    with pytest.raises(TypeError, match=r"expected a minitorch\.Generator"):
        init.kaiming_normal_(mt.empty(2, 2), generator=np.random.default_rng(0))


def test_options_are_checked_where_they_are_given():
    nan, w = math.nan, mt.ones(2, 2)
    for call, error, message in (
        (lambda: init.uniform(1, 0), ValueError, "from a=1.0 to b=0.0 is no interval"),
        (lambda: init.uniform(0, nan), ValueError, "uniform: b: expected a finite number, got nan"),
        (lambda: init.uniform("w"), TypeError, "uniform: a: expected a number, got 'w'"),
        (lambda: init.normal(0, -1), ValueError, "std must be 0 or more, got -1"),
        (lambda: init.normal(True), TypeError, "normal: mean: expected a number, got True"),
        (lambda: init.normal_(w, std="1"), TypeError, "normal: std: expected a number, got '1'"),
        (lambda: init.trunc_normal(std=0), ValueError, "std must be above 0"),
        (lambda: init.trunc_normal(a=2, b=2), ValueError, "from a=2.0 to b=2.0 is no interval"),
        (lambda: init.trunc_normal(a=nan), ValueError, "from a=nan"),
        (lambda: init.constant("x"), TypeError, "constant: val: expected a number"),
        (lambda: init.he(gain_squared=-1), ValueError, "gain_squared must be 0 or more, got -1"),
        (lambda: init.xavier_normal(-1), ValueError, "xavier_normal: gain must be 0 or more"),
        (lambda: init.kaiming_normal(gain=-1), ValueError, "kaiming_normal: gain must be 0"),
        (lambda: init.kaiming_normal(a="0"), TypeError, "kaiming_normal: a: expected a number"),
        (lambda: init.sparse(1.5), ValueError, "sparsity must be between 0 and 1, got 1.5"),
        (lambda: init.sparse(0.5, -1), ValueError, "sparse: std must be 0 or more"),
        (lambda: init.dirac(0), ValueError, "groups must be 1 or more, got 0"),
        (lambda: init.orthogonal(layout="O"), ValueError, "layout must be one of OI, IO, got 'O'"),
        (lambda: init.eye_(mt.ones(2)), ValueError, r"eye: expected a matrix, .* got shape \(2,\)"),
        (lambda: init.sparse_(mt.ones(2), 0.1), ValueError, "sparse: expected a matrix"),
        (lambda: init.dirac_(w), ValueError, r"dirac: .* got \(2, 2\); for a matrix use eye"),
        (lambda: init.dirac_(mt.ones(3, 2, 2), 2), ValueError, "groups=2 do not divide the 3"),
        (lambda: init.orthogonal_(mt.ones(2)), ValueError, r"shape \(2,\) is no matrix"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert w.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    "name",
    [*FAN_SCALED[:4], "uniform", "normal", "constant", "dirac", "orthogonal", "sparse", "he"],
)
def test_a_tensor_in_the_place_of_an_option_is_told_the_underscore(name: str):
    """Torch once had these names for what it calls normal_ and so on now."""
    with pytest.raises(TypeError, match=r"expected a number, got a Tensor; .* init\.normal_\(w\)"):
        getattr(init, name)(mt.empty(3, 3))
