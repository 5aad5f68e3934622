"""The uniform distribution: all numbers of an interval alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from minitorch.creation import full_like
from minitorch.distributions import constraints
from minitorch.distributions.constraints import Constraint, demand
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.parameters import broadcast
from minitorch.random import rand
from minitorch.tensor import Tensor


class Uniform(Distribution):
    """Even on [a, b), of density 1 / (b - a) there

    A draw is x = a + (b - a) u with u even in [0, 1).

    Args:
        low: a, a number or a Tensor.
        high: b, above a.
        validate_args: see `Distribution`; without the checks, log_prob is -inf outside.

    >>> import minitorch
    >>> minitorch.distributions.Uniform(0.0, 4.0).log_prob(minitorch.tensor([1.0, 3.0]))
    tensor([-1.3863, -1.3863])
    """

    has_rsample = True
    arg_constraints: ClassVar = {"low": constraints.real, "high": constraints.real}

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self.low, self.high = broadcast(self._name, low=low, high=high)
        super().__init__(self.low.shape, (), validate_args)
        if self._validate_args:
            demand(self._name, "low", self.low, constraints.less_than(self.high))

    @property
    def support(self) -> Constraint:
        """From low to high."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """(a + b) / 2"""
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Tensor:
        """nan: all are alike."""
        return full_like(self.low, math.nan)

    @property
    def variance(self) -> Tensor:
        """(b - a)² / 12"""
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = a + (b - a) u          dx/da = 1 - u,   dx/db = u"""
        shape = self._extended_shape(sample_shape)
        u = rand(shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = -log(b - a) for a <= x < b, else -inf"""
        self._check_value("log_prob", value)
        inside = (value >= self.low) & (value < self.high)  # the log of 1 is 0, that of 0 is -inf
        return inside.to(self.low.dtype).log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """F(x) = (x - a) / (b - a), between 0 and 1"""
        self._check_value("cdf", value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """F⁻¹(p) = a + (b - a) p"""
        return self.low + (self.high - self.low) * value

    def entropy(self) -> Tensor:
        """H = log(b - a)"""
        return (self.high - self.low).log()
