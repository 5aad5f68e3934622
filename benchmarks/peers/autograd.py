"""The workloads in HIPS autograd: NumPy's own words, and a gradient of any function of them.

Its convolution has no product of matrices in it and takes fifty times as long, so W3 to W5 are left
out; it has no recurrent cell and no optimizer over tensors of several shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as np
import numpy
from autograd import make_vjp, value_and_grad
from autograd.extend import notrace_primitive

Array = Any
Step = Callable[[], list[Any]]


@notrace_primitive
def largest(x: Array) -> Array:
    """The largest of each row, as a number without a gradient."""
    return x.max(axis=-1, keepdims=True)


def cross_entropy(scores: Array, target: Array) -> Array:
    """The mean of log Σ e^x - x_t over the rows."""
    x = scores - largest(scores)
    picked = x[numpy.arange(len(target)), target]
    return np.mean(np.log(np.sum(np.exp(x), axis=1)) - picked)


def forward(params: Sequence[Array], x: Array) -> Array:
    """Linear layers with relu between them."""
    for i, (w, b) in enumerate(zip(params[0::2], params[1::2], strict=True)):
        x = np.dot(x if i == 0 else np.maximum(x, 0), w.T) + b
    return x


def mlp(x: Array, target: Array, params: Sequence[Array], rate: float) -> Step:
    """W1, W2 and W6."""
    whole = value_and_grad(lambda params: cross_entropy(forward(params, x), target))

    def step() -> list[Any]:
        value, grads = whole(params)
        for p, dp in zip(params, grads, strict=True):
            p -= rate * dp
        return [value, *grads]

    return step


def infer(x: Array, params: Sequence[Array]) -> Step:
    """W9."""
    return lambda: [forward(params, x)]


def chain(x: Array, a: Array, b: Array, rounds: int) -> Step:
    """W7."""

    def y_of(y: Array) -> Array:
        for _ in range(rounds):
            y = np.log(np.exp(y) * a) + b
        return y

    def step() -> list[Any]:
        pull, y = make_vjp(y_of)(x)
        return [y, pull(numpy.ones_like(y))]

    return step


def classify(x: Array, target: Array) -> Step:
    """W10."""
    whole = value_and_grad(cross_entropy)
    return lambda: list(whole(x, target))
