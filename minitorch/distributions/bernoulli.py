"""Tries that succeed or fail: one of them, and how many fail before the first success."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from minitorch.creation import zeros_like
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.exponential import exponential_like
from minitorch.distributions.parameters import Derived, floats, listed, logits_of, only_one
from minitorch.modes import no_grad
from minitorch.ops.broadcast import broadcast_tensors
from minitorch.ops.loss import binary_cross_entropy_with_logits
from minitorch.random import bernoulli
from minitorch.tensor import Tensor


class _Tries(Distribution):
    """What is told by the probability of one success, or by its logit."""

    probs = Derived[Tensor](lambda self: self.logits.sigmoid())
    logits = Derived[Tensor](lambda self: logits_of(self.probs, is_binary=True))

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given = only_one(self._name, probs=probs, logits=logits)
        if given == "probs":
            (self.probs,) = floats(self._name, probs=probs)
        else:
            (self.logits,) = floats(self._name, logits=logits)
        super().__init__(vars(self)[given].shape, (), validate_args)


class Bernoulli(_Tries):
    """1 with probability p, else 0

    Args:
        probs: p, from 0 to 1, a number or a Tensor.
        logits: log(p / (1 - p)), of any size, in the place of p.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> coin = minitorch.distributions.Bernoulli(logits=minitorch.tensor([0.0, 2.0]))
    >>> coin.log_prob(minitorch.tensor([1.0, 1.0]))
    tensor([-0.6931, -0.1269])
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    @property
    def mean(self) -> Tensor:
        """p"""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 where p > 1/2, 0 where p < 1/2; nan where neither is the more probable."""
        p = self.probs
        return (p > 0.5).to(p.dtype).masked_fill(p == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        """p (1 - p)"""
        p = self.probs
        return p * (1 - p)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """1 where an even number in [0, 1) is below p, else 0"""
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(x) = x log p + (1 - x) log(1 - p), from the logits: nothing overflows"""
        self._check_value("log_prob", value)
        logits, value = broadcast_tensors(self.logits, value)
        target = value.to(logits.dtype)
        return -binary_cross_entropy_with_logits(logits, target, reduction="none")

    def entropy(self) -> Tensor:
        """H = -p log p - (1 - p) log(1 - p)"""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1, of shape (2, *batch_shape)."""
        p = self.probs
        return listed(2, self.batch_shape, p.dtype, p.device, expand)


class Geometric(_Tries):
    """How many tries fail before the first success: P(k) = p (1 - p)^k for k = 0, 1, 2, ...

    A draw is ⌊e / -log(1 - p)⌋, where e is from the exponential distribution: a wait, in whole
    tries.

    Args:
        probs: p, above 0 and up to 1, a number or a Tensor.
        logits: log(p / (1 - p)), in the place of p.
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints: ClassVar = {"probs": constraints.possible, "logits": constraints.real}
    support = constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        """1/p - 1"""
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        """0"""
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        """(1/p - 1) / p"""
        p = self.probs
        return (1 / p - 1) / p

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """⌊e / -log(1 - p)⌋"""
        with no_grad():
            p = self.probs
            wait = exponential_like(p, self._extended_shape(sample_shape))
            return (wait / -(-p).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(k) = k log(1 - p) + log p, where 0 log 0 is 0"""
        self._check_value("log_prob", value)
        p, value = broadcast_tensors(self.probs, value)
        failed = (-p).masked_fill((p == 1) & (value == 0), 0)
        return value * failed.log1p() + p.log()

    def entropy(self) -> Tensor:
        """H = that of one try, over p"""
        one_try = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return one_try / self.probs
