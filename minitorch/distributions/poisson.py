"""How many: the number of events that happen by themselves, so many of them expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.parameters import broadcast
from minitorch.draws import poisson
from minitorch.modes import no_grad
from minitorch.ops.special import xlogy
from minitorch.tensor import Tensor


class Poisson(Distribution):
    """k = 0, 1, 2, ... events where λ are expected: P(k) = λ^k e^-λ / k!

    Args:
        rate: λ, at least 0, a number or a Tensor.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.Poisson(2.0).log_prob(minitorch.tensor([0.0, 2.0]))
    tensor([-2.0000, -1.3069])
    """

    arg_constraints: ClassVar = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast(self._name, rate=rate)
        super().__init__(self.rate.shape, (), validate_args)

    mean = variance = property(lambda self: self.rate)

    @property
    def mode(self) -> Tensor:
        """⌊λ⌋"""
        return self.rate.floor()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts, in the dtype of λ."""
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(k) = k log λ - λ - log k!, where 0 log 0 is 0"""
        self._check_value("log_prob", value)
        value = value.to(self.rate.dtype)
        return xlogy(value, self.rate) - self.rate - (value + 1).lgamma()
