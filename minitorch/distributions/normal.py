"""The normal distribution, by which sums of many small things are spread; and e to its power."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minitorch.distributions import constraints
from minitorch.distributions.distribution import LocScale
from minitorch.random import randn
from minitorch.tensor import Tensor

LOG_ROOT_2PI = math.log(2 * math.pi) / 2


class Normal(LocScale):
    """N(μ, σ²), of density e^(-(x - μ)² / 2σ²) / (σ √2π)

    A draw is x = μ + σ ε with ε from N(0, 1), so that dx/dμ = 1 and dx/dσ = ε (Kingma and Welling
    2014).

    Args:
        loc: μ, a number or a Tensor.
        scale: σ, above 0: the standard deviation, not the variance.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.Normal(0.0, 1.0).log_prob(minitorch.tensor([0.0, 2.0]))
    tensor([-0.9189, -2.9189])
    """

    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale * self.scale)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = μ + σ ε          dx/dμ = 1,   dx/dσ = ε"""
        shape = self._extended_shape(sample_shape)
        return self.loc + self.scale * randn(shape, dtype=self.loc.dtype, device=self.loc.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = -z² / 2 - log σ - log √2π, for z = (x - μ) / σ"""
        self._check_value("log_prob", value)
        z = (value - self.loc) / self.scale
        return z * z * -0.5 - self.scale.log() - LOG_ROOT_2PI

    def cdf(self, value: Tensor) -> Tensor:
        """F(x) = erfc(-z / √2) / 2, which keeps its digits where it is tiny"""
        self._check_value("cdf", value)
        return ((self.loc - value) / (self.scale * math.sqrt(2))).erfc() * 0.5

    def icdf(self, value: Tensor) -> Tensor:
        """F⁻¹(p) = μ + σ √2 erfinv(2p - 1)"""
        return self.loc + self.scale * (value * 2 - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        """H = 1/2 + log √2π + log σ"""
        return self.scale.log() + (0.5 + LOG_ROOT_2PI)


class LogNormal(LocScale):
    """x = e^z for z from N(μ, σ²): a product of many small factors

    Args:
        loc: μ, the mean of log x.
        scale: σ, above 0, the standard deviation of log x.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    support = constraints.positive

    @property
    def base_dist(self) -> Normal:
        """The distribution of log x."""
        return Normal(self.loc, self.scale, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """e^(μ + σ²/2)"""
        return (self.loc + self.scale * self.scale / 2).exp()

    @property
    def mode(self) -> Tensor:
        """e^(μ - σ²)"""
        return (self.loc - self.scale * self.scale).exp()

    @property
    def variance(self) -> Tensor:
        """(e^σ² - 1) e^(2μ + σ²)"""
        square = self.scale * self.scale
        return square.expm1() * (self.loc * 2 + square).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = e^(μ + σ ε)"""
        return self.base_dist.rsample(sample_shape).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = log N(log x; μ, σ²) - log x, for dz = dx / x"""
        self._check_value("log_prob", value)
        z = value.log()
        return self.base_dist.log_prob(z) - z

    def cdf(self, value: Tensor) -> Tensor:
        """That of log x."""
        self._check_value("cdf", value)
        return self.base_dist.cdf(value.log())

    def icdf(self, value: Tensor) -> Tensor:
        """e to that of log x."""
        return self.base_dist.icdf(value).exp()

    def entropy(self) -> Tensor:
        """H = that of log x, and μ"""
        return self.base_dist.entropy() + self.loc
