"""Init functions that scale with the fans, so that signals neither die out nor blow up with depth.

A standard deviation of gain / √fan keeps the size of what flows through: forward where the fan is
fan_in, backward where it is fan_out, and about both by the mean of the two. Uniform draws from
±bound have the standard deviation bound / √3, hence bound = √3 std.
"""

# Their classes are called as functions are, and are named like them.
# ruff: noqa: N801

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from minitorch.nn.init.fans import WeightShape, calculate_fan_in_and_fan_out
from minitorch.nn.init.functions import InitFunction, normal, uniform
from minitorch.nn.init.gains import Gain, as_gain, calculate_gain, settle_gain
from minitorch.random import Generator

MODES = ("fan_in", "fan_out")


class FanScaled(InitFunction):
    """An init function for weights, of mean 0, whose standard deviation follows from the fans."""

    def spread(self, fan_in: int, fan_out: int) -> float:
        """The standard deviation for a weight with these fans."""
        raise NotImplementedError(f"{self.name}: a scaled init function defines spread()")

    def check(self, shape: tuple[int, ...]) -> None:
        self.std(shape)

    def std(self, shape: tuple[int, ...]) -> float:
        """The standard deviation for a weight of this shape.

        >>> kaiming_normal(nonlinearity="relu").std((50, 200))
        0.1
        """
        if len(shape) < 2:
            raise ValueError(
                f"{self.name}: a parameter of shape {tuple(shape)} has fewer than 2 axes, so no "
                "fans: it is a bias or a scale, and this is for weights; fill it with zeros, ones "
                "or constant, or a bias as torch does with torch_default_bias"
            )
        fan_in, fan_out = calculate_fan_in_and_fan_out(shape)
        if not fan_in or not fan_out:
            raise ValueError(
                f"{self.name}: fan_in is {fan_in} and fan_out is {fan_out} for a weight of shape "
                f"{tuple(shape)}, and no bound follows from a fan of 0; a layer has 1 or more "
                "inputs and outputs"
            )
        return self.spread(fan_in, fan_out)


class NormalScaled(FanScaled):
    """Scaled by the fans, from a normal distribution."""

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return normal(0.0, self.std(shape)).numbers(shape, dtype, generator)


class UniformScaled(FanScaled):
    """Scaled by the fans, from a uniform distribution."""

    def bound(self, shape: tuple[int, ...]) -> float:
        """√3 std: the draws lie within ± this.

        >>> round(xavier_uniform().bound((2, 4)), 6)
        1.0
        """
        return math.sqrt(3) * self.std(shape)

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        bound = self.bound(shape)
        return uniform(-bound, bound).numbers(shape, dtype, generator)


# Xavier, or Glorot -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Xavier(FanScaled):
    gain: Gain = 1.0

    def __post_init__(self) -> None:
        settle_gain(self)

    def spread(self, fan_in: int, fan_out: int) -> float:
        return as_gain(self.gain) * math.sqrt(2 / (fan_in + fan_out))


class xavier_uniform(_Xavier, UniformScaled):
    """Evenly within ±gain √(6 / (fan_in + fan_out)); also called glorot.

    Glorot and Bengio 2010. The mean of both fans is a compromise between forward and backward; it
    was derived for tanh, which near 0 is linear.

    Args:
        gain: a number, or the activation it is for: its name, or the function, to be measured.

    >>> glorot(gain=2)
    xavier_uniform(gain=2.0)
    """


class xavier_normal(_Xavier, NormalScaled):
    """From N(0, std²), std = gain √(2 / (fan_in + fan_out)).

    Args:
        gain: a number, or the activation it is for: its name, or the function, to be measured.
    """


glorot = xavier_uniform  # both are Xavier Glorot's

# Kaiming, or He --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kaiming(FanScaled):
    a: float = 0.0
    mode: str = "fan_in"
    nonlinearity: str = "leaky_relu"
    gain: Gain | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.settle("a")
        if not isinstance(self.mode, str) or self.mode.lower() not in MODES:
            raise ValueError(
                f"{self.name}: unknown mode {self.mode!r}, expected one of {', '.join(MODES)}"
            )
        if self.gain is None:
            self._gain()
        elif self.a or self.nonlinearity != "leaky_relu":
            raise ValueError(
                f"{self.name}: gain={self.gain!r} takes the place of the gain that follows from "
                f"nonlinearity={self.nonlinearity!r} and a={self.a}; give one or the other"
            )
        else:
            settle_gain(self)

    def _gain(self) -> float:
        if self.gain is not None:
            return as_gain(self.gain)
        # As in torch, a is the slope of leaky_relu and of nothing else.
        sloped = self.nonlinearity in ("leaky_relu", "prelu")
        return calculate_gain(self.nonlinearity, self.a if sloped else None)

    def spread(self, fan_in: int, fan_out: int) -> float:
        return self._gain() / math.sqrt(fan_in if self.mode.lower() == "fan_in" else fan_out)


class kaiming_uniform(_Kaiming, UniformScaled):
    """Evenly within ±√3 gain / √fan.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers". The options are those of
    `kaiming_normal`. The √3 is what makes the standard deviation gain / √fan, as in the normal one.

    >>> round(kaiming_uniform(nonlinearity="linear").bound((50, 300)), 6)  # √(3 / 300)
    0.1
    """


class kaiming_normal(_Kaiming, NormalScaled):
    """From N(0, std²), std = gain / √fan.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers".

    Args:
        a: the slope of leaky_relu below 0, where that is the nonlinearity: 0 for relu.
        mode: "fan_in" keeps E[y²] of activations from layer to layer, "fan_out" E[g²] of gradients.
        nonlinearity: what follows the layer, by a name that `calculate_gain` knows.
        gain: in place of nonlinearity and a, a number or an activation: its name, or the function,
            to be measured.

    Raises:
        ValueError: an unknown mode or nonlinearity (the message lists those there are), or a gain
            beside a nonlinearity.
    """


@dataclass(frozen=True)
class he(FanScaled):
    """From N(mean, std²), std = √(gain_squared / fan): Kaiming's, with the gain inside the root.

    `gain_squared` is what nimxla's heInit and others call gain: 2 suits relu, 1 no activation at
    all. By this library's and torch's meaning the gain is its root: he(gain_squared=2) draws the
    same numbers as kaiming_normal(gain=√2).

    Args:
        mean: of the draws.
        gain_squared: the variance of a weight, times its fan.
        fan_out: divide by fan_out in place of fan_in.

    >>> he().std((50, 200)), kaiming_normal(nonlinearity="relu").std((50, 200))
    (0.1, 0.1)
    """

    mean: float = 0.0
    gain_squared: float = 2.0
    fan_out: bool = False

    def __post_init__(self) -> None:
        self.settle("mean", "gain_squared")
        if self.gain_squared < 0:
            raise ValueError(f"he: gain_squared must be 0 or more, got {self.gain_squared}")

    def spread(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(self.gain_squared / (fan_out if self.fan_out else fan_in))

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return normal(self.mean, self.std(shape)).numbers(shape, dtype, generator)


# LeCun, and torch's own ------------------------------------------------------------------------


@dataclass(frozen=True)
class _LeCun(FanScaled):
    def spread(self, fan_in: int, fan_out: int) -> float:
        return 1 / math.sqrt(fan_in)


class lecun_uniform(_LeCun, UniformScaled):
    """Evenly within ±√(3 / fan_in): the uniform form of `lecun_normal`."""


class lecun_normal(_LeCun, NormalScaled):
    """From N(0, std²), std = 1 / √fan_in: Kaiming's with gain 1, and the one that selu asks for.

    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp".
    """


yann_uniform, yann_normal = lecun_uniform, lecun_normal  # Arraymancer's names


def torch_default() -> kaiming_uniform:
    """What torch's Linear and Conv layers start their weights from: kaiming_uniform(a=√5).

    Why √5? Torch's layers drew from ±1 / √fan_in long before there was Kaiming initialisation; to
    say that in terms of `kaiming_uniform_`, a slope had to be found that gives this bound:

        bound = √3 gain / √fan_in,   gain = √(2 / (1 + a²))
        bound = 1 / √fan_in   when   √3 gain = 1,   so 6 / (1 + a²) = 1,   so a = √5

    No rectifier with slope √5 is meant. The gain is 1/√3 = 0.577, so that outputs have a third of
    the variance of inputs, and deep networks that start from it fade out unless something
    normalises in between.

    >>> round(torch_default().bound((20, 1, 5, 5)), 6)  # 1 / √25
    0.2
    """
    return kaiming_uniform(a=math.sqrt(5))


@dataclass(frozen=True)
class torch_default_bias(InitFunction):
    """What torch's Linear and Conv layers start their biases from: evenly within ±1 / √fan_in.

    The fan is that of the weight, which the shape of a bias does not tell: layers pass it along in
    a `WeightShape`; elsewhere it is an argument.

    Raises:
        ValueError: nobody gave the fan, or it is not 1 or more.

    >>> bool(abs(torch_default_bias(fan_in=25)((20,))).max() <= 0.2)
    True
    """

    fan_in: int | None = None

    def check(self, shape: tuple[int, ...]) -> None:
        self.bound(shape)

    def bound(self, shape: tuple[int, ...]) -> float:
        """1 / √fan_in."""
        fan_in = self.fan_in
        if fan_in is None and isinstance(shape, WeightShape):
            fan_in = shape.fan_in
        if fan_in is None:
            raise ValueError(
                f"torch_default_bias: shape {tuple(shape)} does not tell the fan_in of the weight; "
                "write torch_default_bias(fan_in=...), or pass a WeightShape"
            )
        if fan_in < 1:
            raise ValueError(f"torch_default_bias: no bound follows from a fan_in of {fan_in}")
        return 1 / math.sqrt(fan_in)

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        bound = self.bound(shape)
        return uniform(-bound, bound).numbers(shape, dtype, generator)
