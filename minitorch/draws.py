"""Draws from less common distributions, most of them by one idea: an inverse cdf of even numbers.

Where u is even in [0, 1) and F is a cumulative distribution function, x = F⁻¹(u) is a draw from it:
P(x <= c) = P(u <= F(c)) = F(c). Draws are made on the host, so that CPU and GPU see the same ones.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minitorch.array import first_true, has_values, move
from minitorch.dtypes import FLOATING, finfo, float64
from minitorch.random import Generator, default_generator, redrawn
from minitorch.tensor import Tensor, make
from minitorch.traced import one_call

# in place -------------------------------------------------------------------------------------


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Draws anew x = -log(1 - u) / λ, with the density λ e^(-λx) for x >= 0, in place."""
    _check_positive("exponential_", "lambd", lambd)
    return redrawn(
        self, "exponential_", lambda g, s, d: np.log1p(-g.uniform(s, float64)) / -lambd, generator
    )


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew x = m + σ tan(π (u - 1/2)), whose tails are too heavy for a mean, in place."""
    _check_positive("cauchy_", "sigma", sigma)

    def draw(g: Generator, shape: Any, dtype: Any) -> Any:
        return np.tan((g.uniform(shape, float64) - 0.5) * math.pi) * sigma + median

    return redrawn(self, "cauchy_", draw, generator)


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Draws anew how many tries the first success takes, each with probability p, in place.

    P(x = k) = p (1 - p)^(k - 1) for k = 1, 2, ..., and so x = ⌊log(1 - u) / log(1 - p)⌋ + 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"geometric_: p must lie between 0 and 1, got {p}")
    failed = math.log1p(-p)
    return redrawn(
        self,
        "geometric_",
        lambda g, s, d: np.floor(np.log1p(-g.uniform(s, float64)) / failed) + 1,
        generator,
        fractions=False,
    )


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew x = e^z, for z from N(mean, std²), in place."""
    _check_positive("log_normal_", "std", std)
    return redrawn(
        self, "log_normal_", lambda g, s, d: np.exp(g.normal(s, float64) * std + mean), generator
    )


def random_(
    self: Tensor,
    low: int | None = None,
    to: int | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Draws anew integers from `low` up to but not including `to`, in place.

    `random_(to)` starts from 0. `random_()` draws all that are not negative; for a floating dtype,
    as far as it holds every integer (to 2²⁴ for float32).

    Raises:
        TypeError: an end is no integer.
        ValueError: no integer lies between the two, or one that an integer dtype cannot hold.
    """
    if to is None:
        low, to = 0, _largest_integer(self) + 1 if low is None else low
    start, stop = operator.index(low or 0), operator.index(to)
    if start >= stop:
        raise ValueError(f"random_: from {start} up to {stop} holds no integer")
    most, kind = _largest_integer(self), self.dtype.kind
    least = -most - 1 if kind == "i" else 0
    if kind not in FLOATING and not least <= start < stop <= most + 1:
        raise ValueError(
            f"random_: from {start} up to {stop}, but {self.dtype} holds {least} to {most}"
        )
    return redrawn(self, "random_", lambda g, s, d: _integers(g, start, stop, s), generator, False)


def _largest_integer(x: Tensor) -> int:
    if x.dtype.kind == "b":
        return 1
    if x.dtype.kind in FLOATING:
        return int(2 / finfo(x.dtype).eps)
    return int(np.iinfo(x.dtype).max)


@one_call
def _integers(stream: Generator, start: int, stop: int, shape: tuple[int, ...]) -> Any:
    return np.asarray(stream.numpy.integers(start, stop - 1, shape, endpoint=True))


def _check_positive(name: str, argument: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name}: {argument} must be above 0, got {value}")


# new tensors ----------------------------------------------------------------------------------


@one_call
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """How many events happen where λ are expected: P(y = k) = λ^k e^-λ / k!, for each λ of `input`.

    The result has the shape and dtype of `input`.

    Raises:
        ValueError: a rate is negative or nan, or so large that its counts are no int64.

    >>> import minitorch
    >>> minitorch.poisson(minitorch.zeros(2))
    tensor([0., 0.])
    """
    if not has_values(input.array):
        return make(np.zeros_like(input.array))
    rate = move(input.array, "cpu").astype(np.float64)
    if (outside := ~((rate >= 0) & (rate <= 9.2e18))).any():
        raise ValueError(
            f"poisson: rates must lie between 0 and 9.2e18, got {rate[first_true(outside)]:g}"
        )
    drawn = (generator or default_generator).numpy.poisson(rate)
    return make(move(np.asarray(drawn).astype(input.dtype), input.device))


for bound in (cauchy_, exponential_, geometric_, log_normal_, random_):
    setattr(Tensor, bound.__name__, bound)
