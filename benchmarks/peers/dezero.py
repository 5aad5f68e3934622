"""The workloads in DeZero, as its book writes them.

Its last release asks for `np.int`, which NumPy no longer has: the name is lent for the import. A
Python number next to an array becomes an array of float64 in it, and with NumPy 2 so does all that
follows: constants are therefore given as float32, cross-entropy is put together from log-softmax
and picking, and W4 is left out, because its batch norm divides by such a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np

with patch.object(np, "int", int, create=True):
    import dezero
    import dezero.functions as F
    from dezero import Parameter, Variable

Array = np.ndarray
Step = Callable[[], list[Any]]


def cross_entropy(scores: Variable, target: Array) -> Variable:
    """The mean of -log softmax(x)_t over the rows."""
    picked = F.log_softmax(scores)[np.arange(len(target)), target]
    return F.sum(picked) * np.array(-1 / len(target), np.float32)


def trained(
    params: Sequence[Parameter], loss: Callable[[], Variable], rate: float
) -> Callable[[], Variable]:
    """Loss, gradients, and gradient descent: what a step of SGD does; gives the loss."""

    def whole() -> Variable:
        for p in params:
            p.cleargrad()
        value = loss()
        value.backward()
        for p in params:
            p.data -= rate * p.grad.data
        return value

    return whole


def forward(params: Sequence[Parameter], x: Variable) -> Variable:
    """Linear layers with relu between them; weights are (in, out)."""
    for i, (w, b) in enumerate(zip(params[0::2], params[1::2], strict=True)):
        x = F.linear(x if i == 0 else F.relu(x), w, b)
    return x


def parameters(arrays: Sequence[Array]) -> list[Parameter]:
    """Parameters; a weight (out, in) as (in, out), the order of DeZero's layers."""
    return [Parameter(p.T.copy() if p.ndim == 2 else p) for p in arrays]


def gradients(params: Sequence[Parameter]) -> list[Array]:
    """Their gradients, weights as (out, in) again."""
    return [p.grad.data.T if p.ndim == 2 else p.grad.data for p in params]


def mlp(x: Array, target: Array, arrays: Sequence[Array], rate: float) -> Step:
    """W1, W2 and W6."""
    params, image = parameters(arrays), Variable(x)
    whole = trained(params, lambda: cross_entropy(forward(params, image), target), rate)
    return lambda: [whole().data, *gradients(params)]


def infer(x: Array, arrays: Sequence[Array]) -> Step:
    """W9."""
    params, image = parameters(arrays), Variable(x)

    def step() -> list[Any]:
        with dezero.no_grad():
            return [forward(params, image).data]

    return step


def lenet(x: Array, target: Array, arrays: Sequence[Array], rate: float) -> Step:
    """W3."""
    params = w1, b1, w2, b2, w3, w4 = parameters(arrays)
    image = Variable(x)

    def loss() -> Variable:
        y = F.pooling(F.relu(F.conv2d(image, w1, b1)), 2, 2)
        y = F.pooling(F.relu(F.conv2d(y, w2, b2)), 2, 2)
        return cross_entropy(F.linear(F.relu(F.linear(F.flatten(y), w3)), w4), target)

    whole = trained(params, loss, rate)
    return lambda: [whole().data, *gradients(params)]


def one_conv(
    x: Array, w: Array, b: Array, g: Array, stride: int, padding: int, first: bool
) -> Step:
    """W5. DeZero has no way not to want dx."""
    leaves = [Parameter(w), Parameter(b), Variable(x)]

    def step() -> list[Any]:
        for leaf in leaves:
            leaf.cleargrad()
        y = F.conv2d(leaves[2], leaves[0], leaves[1], stride, padding)
        y.grad = Variable(g)
        y.backward()
        return [y.data, *(leaf.grad.data for leaf in leaves[: 2 if first else 3])]

    return step


def chain(x: Array, a: Array, b: Array, rounds: int) -> Step:
    """W7."""
    start = Variable(x)

    def step() -> list[Any]:
        start.cleargrad()
        y = start
        for _ in range(rounds):
            y = F.log(F.exp(y) * a) + b
        y.backward()
        return [y.data, start.grad.data]

    return step


def classify(x: Array, target: Array) -> Step:
    """W10."""
    scores = Variable(x)

    def step() -> list[Any]:
        scores.cleargrad()
        loss = cross_entropy(scores, target)
        loss.backward()
        return [loss.data, scores.grad.data]

    return step


def optimizer(arrays: Sequence[Array], slopes: Sequence[Array]) -> Step:
    """W12."""
    params = dezero.Layer()
    for i, (p, g) in enumerate(zip(arrays, slopes, strict=True)):
        parameter = Parameter(p)
        parameter.grad = Variable(g)
        setattr(params, f"p{i}", parameter)
    adam = dezero.optimizers.Adam().setup(params)

    def step() -> list[Any]:
        adam.update()
        return [getattr(params, f"p{i}").data for i in range(len(arrays))]

    return step
