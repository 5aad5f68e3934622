"""Gains: by how much weights must be larger to make up for what an activation takes away.

If z is N(0, 1) and y = f(z), the next layer's outputs have the variance fan_in Var(w) E[y²]. They
are N(0, 1) again when

    std(w) = gain / √fan_in          with  gain = 1 / √E[f(z)²]

For relu, which sets one half of z² to 0, gain = √2. It is E[y²], the second moment, that comes out
as 1, not the variance: relu leaves a mean of 0.564 and a standard deviation of 0.826.

This is what gain means here and in torch. Other libraries write std = √(gain / fan), where what
they call gain is gain²: 2 for relu. That number goes by the name `gain_squared` (see `he`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.array import CPU, move
from minitorch.dtypes import get_default_dtype
from minitorch.modes import no_grad
from minitorch.nn.init.arguments import checked_number, stream
from minitorch.random import Generator
from minitorch.tensor import Tensor, make, raw

Gain = float | str | Callable[[Tensor], Tensor]  # a number, or the activation it is for

# torch's table: 1 for what it does not correct, and two numbers from experience.
_TORCH = {
    **dict.fromkeys(("linear", "identity", "sigmoid"), 1.0),
    **{f"conv{n}d": 1.0 for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": 1.0 for n in (1, 2, 3)},
    "relu": math.sqrt(2),
    "tanh": 5 / 3,  # 1.5925 by the formula
    "selu": 3 / 4,  # 1 by the formula; 3/4 trained more steadily, torch's pull request 50664
}

# 1 / √E[f(z)²] for z from N(0, 1) and each function's default options, by quadrature.
_MEASURED = {
    "celu": 1.2451983007007066,
    "elu": 1.2451983007007066,
    "gelu": 1.5335304411955353,
    "hardshrink": 1.0157963547197342,
    "hardsigmoid": 1.8978404247295588,
    "hardswish": 1.7366572127665416,
    "hardtanh": 1.3920361404483095,
    "logsigmoid": 1.0418668355353016,
    "mish": 1.4868475812732080,
    "relu6": 1.4142135650950736,
    "silu": 1.6765324703310913,
    "softplus": 1.0418668355353016,
    "softshrink": 1.5443605282801336,
    "softsign": 2.3375333631085398,
    "tanhshrink": 2.3383675301021210,
}
_SLOPES = {"leaky_relu": 0.01, "prelu": 0.25}  # and gain = √(2 / (1 + slope²))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain of an activation by its name in `nn.functional`.

    leaky_relu and prelu: √(2 / (1 + a²)), the slope a being `param` (0.01 and 0.25 when left out).
    relu, tanh, sigmoid, selu, linear and the convolutions: torch's numbers, which ignore `param`;
    that for sigmoid is 1, and those for tanh and selu are not the formula's but customary.
    All others: 1 / √E[f(z)²] for z from N(0, 1), with the function's default options.

    Raises:
        ValueError: no such nonlinearity, or one whose gain depends on no slope is given one.
        TypeError: `param` is not a number.

    >>> [round(calculate_gain("leaky_relu", a), 5) for a in (0, 1, 5**0.5)]
    [1.41421, 1.0, 0.57735]
    """
    if nonlinearity in _SLOPES:
        slope = _SLOPES[nonlinearity] if param is None else param
        slope = checked_number("calculate_gain: param", slope)
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity in _TORCH:
        return _TORCH[nonlinearity]
    if nonlinearity not in _MEASURED:
        names = ", ".join(sorted([*_TORCH, *_MEASURED, *_SLOPES]))
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}, expected one of {names}; "
            "for any other function f, measured_gain(f)"
        )
    if param is not None:
        raise ValueError(
            f"calculate_gain: {nonlinearity} is listed with its default options, so it takes no "
            f"param, got {param!r}; for others use measured_gain(lambda z: {nonlinearity}(z, ...))"
        )
    return _MEASURED[nonlinearity]


def measured_gain(
    f: Callable[[Tensor], Tensor], n: int = 1_000_000, generator: Generator | None = None
) -> float:
    """1 / √(mean of f(z)²) over n draws z from N(0, 1): the gain of any function.

    The error falls as 1/√n; for relu it is about 0.1 percent at the default n.

    Args:
        f: takes a Tensor of shape (n,) and returns one.
        n: how many draws.
        generator: the stream to draw from.

    Raises:
        ValueError: f gives 0 everywhere, or nan or inf somewhere, so that no gain repairs it.

    >>> import minitorch
    >>> round(measured_gain(minitorch.tanh, generator=minitorch.Generator().manual_seed(0)), 2)
    1.59
    """
    if n < 1:
        raise ValueError(f"measured_gain: n must be 1 or more, got {n}")
    z = make(stream(generator).normal((n,), get_default_dtype()))
    with no_grad():
        y = f(z)
    square = float(np.square(move(raw(y), CPU), dtype=np.float64).mean())
    if not 0 < square < math.inf:
        raise ValueError(
            f"measured_gain: the mean of f(z)² is {square}, so no gain brings it to 1; f should be "
            "finite on all of N(0, 1), and not 0 everywhere"
        )
    return 1 / math.sqrt(square)


def as_gain(gain: Gain) -> float:
    """A gain from a number, from the name of an activation, or from the function, measured."""
    if isinstance(gain, str):
        return calculate_gain(gain)
    if callable(gain):  # with a stream of its own, so that the weights do not depend on it
        return measured_gain(gain, generator=Generator().manual_seed(0))
    return checked_number("gain", gain)


def settle_gain(function: Any) -> None:
    """Makes the gain of a new init function its number, so that those that do the same are equal.

    Raises:
        ValueError: it is negative.
    """
    number = as_gain(function.gain)
    if number < 0:
        raise ValueError(f"{function.name}: gain must be 0 or more, got {number}")
    object.__setattr__(function, "gain", number)
