"""Checks of the exercises of lesson 9, and wrong answers that they must notice."""

import math

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import by_hand


def check_fans(function):
    by_hand(function, {"calculate_fan_in_and_fan_out"})
    for shape, groups, expected in [
        ((32, 1, 5, 5), 1, (25, 800)),
        ((50, 784), 1, (784, 50)),
        ((20, 8, 3), 1, (24, 60)),
        ((16, 6, 3, 5), 1, (90, 240)),
        ((32, 4, 5, 5), 8, (100, 100)),
        ((12, 1, 3, 3), 12, (9, 9)),
    ]:
        said = function(shape, groups)
        assert tuple(said) == expected, (
            f"shape {shape}, {groups} groups: fan_in and fan_out are {expected}, yours {said}"
        )
    assert tuple(function((4, 3, 2, 2))) == (12, 16), "groups should be 1 unless given"


def check_kaiming_uniform(function):
    by_hand(function, {"kaiming_uniform_", "kaiming_uniform"})
    minitorch.manual_seed(9)
    for shape, a, use_fan_out in [
        ((50, 784), 0, False),
        ((64, 16, 5, 5), 0.5, False),
        ((64, 16, 5, 5), 0, True),
        ((200, 40, 3), math.sqrt(5), True),
    ]:
        places = math.prod(shape[2:])
        fan = (shape[0] if use_fan_out else shape[1]) * places
        std = math.sqrt(2 / (1 + a * a) / fan)
        w = function(shape, a, use_fan_out)
        where = f"shape {shape}, a = {a:.3g}, fan_{'out' if use_fan_out else 'in'} = {fan}"
        assert tuple(w.shape) == shape, f"{where}: the weights have shape {tuple(w.shape)}"
        assert abs(w.mean().item()) < 0.03 * std, (
            f"{where}: their mean is {w.mean().item():.4f}, expected 0: draw from -bound to bound"
        )
        assert abs(w.std().item() / std - 1) < 0.03, (
            f"{where}: their deviation is {w.std().item():.5f}, expected {std:.5f}, a factor of "
            f"{w.std().item() / std:.3f}"
        )
        assert w.abs().max().item() <= math.sqrt(3) * std * 1.0001, (
            f"{where}: some lie beyond the bound of {math.sqrt(3) * std:.4f}; are they uniform?"
        )
        again = function(shape, a, use_fan_out)
        assert not minitorch.allclose(w, again), f"{where}: a second call gives the same weights"


def check_slope_for(function):
    for fan_in, a in [(25, math.sqrt(5)), (784, 0.01), (9, 1.0), (100, 3.0)]:
        bound = math.sqrt(6 / (1 + a * a) / fan_in)
        said = function(fan_in, bound)
        assert abs(said - a) < 1e-4, (
            f"fan_in {fan_in}, bound {bound:.5f}: the slope is {a:.4f}, yours {said:.4f}, which "
            "gives another bound"
        )


def check_gain_of(function):
    by_hand(function, {"measured_gain", "calculate_gain"})
    minitorch.manual_seed(9)
    for name, f, expected in [
        ("relu", F.relu, math.sqrt(2)),
        ("z -> 2 z", lambda z: 2 * z, 0.5),
        ("leaky relu of slope 0.5", lambda z: F.leaky_relu(z, 0.5), math.sqrt(1.6)),
        (
            "relu(z) - 0.5",
            lambda z: F.relu(z) - 0.5,
            1 / math.sqrt(0.75 - 1 / math.sqrt(2 * math.pi)),
        ),
        ("abs", abs, 1.0),
        ("tanh", lambda z: z.tanh(), 1.5925),
    ]:
        said = function(f)
        assert abs(said / expected - 1) < 0.02, (
            f"{name}: the gain is {expected:.3f}, yours {said:.3f}"
        )


# wrong answers ----------------------------------------------------------------------------------


def uniform(shape, bound):
    return (2 * minitorch.rand(*shape) - 1) * bound


def deviation(shape, a, use_fan_out=False):
    return math.sqrt(2 / (1 + a * a) / (shape[use_fan_out ^ 1] * math.prod(shape[2:])))


WRONG = {
    "fans": [
        lambda shape, groups=1: (shape[0] * math.prod(shape[2:]), shape[1] * math.prod(shape[2:])),
        lambda shape, groups=1: (shape[1], shape[0]),
        lambda shape, groups=1: (shape[1] * math.prod(shape[2:]), shape[0] * math.prod(shape[2:])),
        lambda shape, groups=1: (
            shape[1] // groups * math.prod(shape[2:]),
            shape[0] // groups * math.prod(shape[2:]),
        ),
    ],
    "kaiming_uniform": [
        lambda shape, a, out=False: uniform(shape, deviation(shape, a, out)),
        lambda shape, a, out=False: minitorch.randn(*shape) * deviation(shape, a, out),
        lambda shape, a, out=False: minitorch.rand(*shape) * 3**0.5 * deviation(shape, a, out),
        lambda shape, a, out=False: uniform(shape, 3**0.5 * deviation(shape, a)),
        lambda shape, a, out=False: uniform(shape, 3**0.5 * deviation(shape, 0, out)),
        lambda shape, a, out=False: uniform(shape, 3**0.5 * deviation(shape[:2], a, out)),
    ],
    "slope_for": [
        lambda fan_in, bound: math.sqrt(max(0, 2 / (fan_in * bound * bound) - 1)),
        lambda fan_in, bound: 6 / (fan_in * bound * bound) - 1,
        lambda fan_in, bound: math.sqrt(5),
        lambda fan_in, bound: math.sqrt(6 / (fan_in * bound * bound)),
    ],
    "gain_of": [
        lambda f: math.sqrt((f(minitorch.randn(200_000)) ** 2).mean().item()),
        lambda f: 1 / f(minitorch.randn(200_000)).std().item(),
        lambda f: 1 / (f(minitorch.randn(200_000)) ** 2).mean().item(),
        lambda f: 1 / math.sqrt((f(minitorch.rand(200_000)) ** 2).mean().item()),
    ],
}
