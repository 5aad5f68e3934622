"""One of K choices, as its index or as a vector with a single 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from minitorch.array import has_values, move
from minitorch.creation import arange, eye, full
from minitorch.distributions import constraints
from minitorch.distributions.constraints import Constraint
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.parameters import Derived, floats, listed, logits_of, only_one
from minitorch.dtypes import finfo, float64, int64
from minitorch.modes import no_grad
from minitorch.ops.broadcast import broadcast_shapes
from minitorch.ops.scatter import gather
from minitorch.random import default_generator
from minitorch.tensor import ShapeError, Tensor, make
from minitorch.traced import one_call


class Categorical(Distribution):
    """The index i of one of K choices, with probability p_i

    Args:
        probs: p, (..., K), at least 0; they are divided by their sum.
        logits: scores of any size, (..., K), in the place of p = softmax(logits).
        validate_args: see `Distribution`.

    Attributes:
        logits: log p, which the scores become: their logsumexp is 0.

    >>> import minitorch
    >>> policy = minitorch.distributions.Categorical(minitorch.tensor([1.0, 3.0]))
    >>> policy.probs, policy.log_prob(minitorch.tensor(1))
    (tensor([0.2500, 0.7500]), tensor(-0.2877))
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.weights, "logits": constraints.real_vector}
    probs = Derived[Tensor](lambda self: self.logits.softmax(-1))
    logits = Derived[Tensor](lambda self: logits_of(self.probs))

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given = only_one(self._name, probs=probs, logits=logits)
        (value,) = floats(self._name, **{given: probs if given == "probs" else logits})
        if not value.shape:
            raise ShapeError(f"{self._name}: {given} needs an axis of choices, got a single number")
        self._num_events = value.shape[-1]
        vars(self)[given] = value
        super().__init__(value.shape[:-1], (), validate_args)  # checks them as they were given
        if given == "probs":
            self.probs = value / value.sum(-1, keepdim=True)
        else:
            self.logits = value.log_softmax(-1)

    @property
    def support(self) -> Constraint:
        """An index, from 0 to K - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """(*batch_shape, K)"""
        return (*self.batch_shape, self._num_events)

    @property
    def mean(self) -> Tensor:
        """nan: choices are no numbers."""
        return full(self.batch_shape, math.nan, dtype=self._given.dtype, device=self._given.device)

    variance = mean

    @property
    def mode(self) -> Tensor:
        """The most probable choice."""
        return self._given.argmax(-1)

    @property
    def _given(self) -> Tensor:
        """Whichever of probs and logits is held."""
        return vars(self)["probs" if "probs" in vars(self) else "logits"]

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Indices, int64: how many of the sums p_0, p_0 + p_1, ... an even number has passed."""
        with no_grad():
            return _chosen(self.probs, self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(i) = log p_i"""
        self._check_value("log_prob", value)
        index = value.to(int64).unsqueeze(-1)
        batch = broadcast_shapes(index.shape[:-1], self.batch_shape)
        log_p = self.logits.expand((*batch, self._num_events))
        return gather(log_p, -1, index.expand((*batch, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        """H = -Σ p log p, where 0 log 0 is 0"""
        log_p = self.logits.clamp(min=float(finfo(self._given.dtype).min))
        return -(log_p * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The indices 0 to K - 1, int64, of shape (K, *batch_shape)."""
        return listed(self._num_events, self.batch_shape, int64, self._given.device, expand)


@one_call
def _chosen(probs: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Indices of that shape, drawn on the host, each with its probability in the last axis."""
    if not has_values(probs.array):
        return make(np.zeros_like(probs.array, shape=shape, dtype=int64))
    passed = move(probs.array, "cpu").astype(np.float64).cumsum(-1)
    u = default_generator.uniform(shape, float64)[..., None] * passed[..., -1:]
    index = (u >= passed[..., :-1]).sum(-1)
    return make(move(np.asarray(index).astype(int64), probs.device))


class OneHotCategorical(Distribution):
    """One of K choices as a vector: 1 in the place of the choice, 0 elsewhere

    Args:
        probs: p, (..., K), at least 0; they are divided by their sum.
        logits: scores of any size, (..., K), in the place of p = softmax(logits).
        validate_args: see `Distribution`.

    >>> import minitorch
    >>> minitorch.distributions.OneHotCategorical(minitorch.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {"probs": constraints.weights, "logits": constraints.real_vector}
    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def expand(self, batch_shape: Sequence[int]) -> OneHotCategorical:
        """See `Distribution.expand`."""
        new = super().expand(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        """p, (*batch_shape, K)"""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """log p, (*batch_shape, K)"""
        return self._categorical.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """(*batch_shape, K)"""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        """p"""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 at the most probable choice."""
        return self._as_vector(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        """p (1 - p), of each of the K numbers"""
        p = self.probs
        return p * (1 - p)

    def _as_vector(self, index: Tensor) -> Tensor:
        p = self._categorical._given
        every = arange(self.event_shape[0], device=p.device)
        return (index.unsqueeze(-1) == every).to(p.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A 1 at the index that `Categorical` draws."""
        return self._as_vector(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(x) = log p_i, for the i with x_i = 1"""
        self._check_value("log_prob", value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        """H = -Σ p log p"""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The K vectors, of shape (K, *batch_shape, K)."""
        (n,), p = self.event_shape, self._categorical._given
        every = eye(n, dtype=p.dtype, device=p.device)
        every = every.reshape((n, *(1,) * len(self.batch_shape), n))
        return every.expand((n, *self.batch_shape, n)) if expand else every
