"""Distances that halve their probability step by step: on one side of a point, or on both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from minitorch.creation import empty, zeros_like
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution, LocScale
from minitorch.distributions.parameters import broadcast
from minitorch.draws import exponential_
from minitorch.tensor import Tensor


def exponential_like(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Draws of density e^-x, of this shape, in the dtype and on the device of x."""
    return exponential_(empty(shape, dtype=x.dtype, device=x.device))


class Exponential(Distribution):
    """The wait for what happens λ times a second, of density λ e^(-λx) for x >= 0

    A draw is x = e / λ with e from the same distribution for λ = 1.

    Args:
        rate: λ, above 0, a number or a Tensor.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> wait = minitorch.distributions.Exponential(2.0)
    >>> wait.mean, wait.cdf(minitorch.tensor(0.5))
    (tensor(0.5000), tensor(0.6321))
    """

    has_rsample = True
    arg_constraints: ClassVar = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast(self._name, rate=rate)
        super().__init__(self.rate.shape, (), validate_args)

    mean = stddev = property(lambda self: self.rate.reciprocal())
    mode = property(lambda self: zeros_like(self.rate))
    variance = property(lambda self: self.rate.pow(-2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = e / λ          dx/dλ = -x / λ"""
        return exponential_like(self.rate, self._extended_shape(sample_shape)) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = log λ - λ x"""
        self._check_value("log_prob", value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        """F(x) = 1 - e^(-λx)"""
        self._check_value("cdf", value)
        return -(-self.rate * value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """F⁻¹(p) = -log(1 - p) / λ"""
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        """H = 1 - log λ"""
        return 1 - self.rate.log()


class Laplace(LocScale):
    """Two exponential distributions, back to back: of density e^(-|x - μ| / b) / 2b

    A draw is x = μ + b (e - e'), of two draws from the exponential distribution.

    Args:
        loc: μ, a number or a Tensor.
        scale: b, above 0: the mean distance from μ.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.Laplace(0.0, 1.0).log_prob(minitorch.tensor([0.0, -2.0]))
    tensor([-0.6931, -2.6931])
    """

    stddev = property(lambda self: self.scale * math.sqrt(2))
    variance = property(lambda self: self.scale.square() * 2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = μ + b n, for n = e - e'          dx/dμ = 1,   dx/db = n"""
        shape = self._extended_shape(sample_shape)
        noise = exponential_like(self.loc, shape) - exponential_like(self.loc, shape)
        return self.loc + self.scale * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = -|x - μ| / b - log 2b"""
        self._check_value("log_prob", value)
        return -(value - self.loc).abs() / self.scale - (self.scale * 2).log()

    def cdf(self, value: Tensor) -> Tensor:
        """F(x) = 1/2 - sign(x - μ) (e^(-|x - μ| / b) - 1) / 2"""
        self._check_value("cdf", value)
        away = value - self.loc
        return 0.5 - away.sign() * (-away.abs() / self.scale).expm1() * 0.5

    def icdf(self, value: Tensor) -> Tensor:
        """F⁻¹(p) = μ - b sign(p - 1/2) log(1 - 2 |p - 1/2|)"""
        away = value - 0.5
        return self.loc - self.scale * away.sign() * (away.abs() * -2).log1p()

    def entropy(self) -> Tensor:
        """H = 1 + log 2b"""
        return (self.scale * 2).log() + 1
