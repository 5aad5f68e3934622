"""The workloads W1 to W3, W6, W7, W9 and W10: steps of functions alone, as first lessons have them.

Those built of layers and optimizers are in `networks.py`. What a workload is, and how a new one is
written, stands in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.engines import installed, load, steps_of
from benchmarks.registry import (
    FLOOR,
    LIMIT,
    MINITORCH,
    TORCH,
    WORKLOADS,
    Job,
    Product,
    Step,
    agree,
    clear,
    descend,
    images,
    labels,
    leaves,
    weights,
    workload,
)

__all__ = [
    "FLOOR",
    "LIMIT",
    "MINITORCH",
    "TORCH",
    "WORKLOADS",
    "Step",
    "agree",
    "installed",
    "load",
    "networks",
    "steps_of",
]


# fully connected ----------------------------------------------------------------------------------


def layers(sizes: Sequence[int]) -> list[np.ndarray]:
    """The weights (out, in) and biases of a stack of linear layers."""
    return weights(*[s for n, m in pairwise(sizes) for s in ((m, n), (m,))])


def stack(lib: Any, x: Any, params: Sequence[Any]) -> Any:
    """The forward of linear layers with relu between them."""
    F = lib.nn.functional
    y = F.linear(x, params[0], params[1])
    for w, b in zip(params[2::2], params[3::2]):
        y = F.linear(F.relu(y), w, b)
    return y


def layer_products(N: int, sizes: Sequence[int]) -> list[Product]:
    """The products of a step of linear layers: y, dW, and dx of all but the first."""
    shapes = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        shapes += [(N, n, m), (m, N, n)] + [(N, m, n)] * (i > 0)
    return shapes


def mlp(sizes: Sequence[int], N: int, rate: float) -> Job:
    """A training step of linear layers with relu between them."""

    def make(lib: Any) -> Step:
        x, target = (lib.from_numpy(a) for a in (images(N, sizes[0]), labels(N, sizes[-1])))
        params = leaves(lib, layers(sizes))

        def step() -> list[Any]:
            clear(params)
            loss = lib.nn.functional.cross_entropy(stack(lib, x, params), target)
            loss.backward()
            descend(lib, params, rate)
            return [loss, *(p.grad for p in params)]

        return step

    def data() -> tuple:
        return images(N, sizes[0]), labels(N, sizes[-1]), layers(sizes), rate

    return Job(make, "mlp", data, layer_products(N, sizes))


@workload("W1", "784-50-10, batch 64, SGD", targets={TORCH: 0.75, FLOOR: 1.25}, compiled=0.55)
def mlp_small(quick: bool) -> Job:
    return mlp((784, 50, 10), 8 if quick else 64, rate=0.1)


@workload(
    "W2",
    "784-1024-1024-10, batch 512, SGD",
    targets={TORCH: 0.95, FLOOR: 1.25},
    memory=True,
    memory_target=1.0,
)
def mlp_wide(quick: bool, batches: int = 1) -> Job:
    sizes, N = ((784, 64, 64, 10), 8) if quick else ((784, 1024, 1024, 10), 512)
    return mlp(sizes, batches * N, 0.1)


# A hundred layers on, rounding has moved some units across relu's corner: hence the tolerance.
@workload(
    "W6",
    "100 layers of 512 with relu, batch 64, SGD",
    targets={TORCH: 1.0, FLOOR: 1.25},
    memory=True,
    memory_target=1.0,
    tolerance=0.05,
)
def mlp_deep(quick: bool) -> Job:
    return mlp((32,) * 11, 8, 1e-5) if quick else mlp((512,) * 101, 64, 1e-5)


@workload("W9", "the forward of W1, batch 1, no_grad", targets={TORCH: 0.6})
def inference(quick: bool) -> Job:
    sizes = (784, 50, 10)

    def make(lib: Any) -> Step:
        x, params = lib.from_numpy(images(1, 784)), leaves(lib, layers(sizes))

        def step() -> list[Any]:
            with lib.no_grad():
                return [stack(lib, x, params)]

        return step

    return Job(
        make,
        "infer",
        lambda: (images(1, 784), layers(sizes)),
        products=[(1, 784, 50), (1, 50, 10)],
    )


# convolution --------------------------------------------------------------------------------------


@workload(
    "W3",
    "LeNet: 20 and 50 5x5 channels, 500 hidden, batch 64, SGD",
    targets={TORCH: 1.0, FLOOR: 1.25},
    compiled=0.9,
    memory=True,
    memory_target=1.0,
)
def lenet(quick: bool) -> Job:
    N = 4 if quick else 64
    shapes = (20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (10, 500)
    rate = 0.01

    def make(lib: Any) -> Step:
        F = lib.nn.functional
        x, target = lib.from_numpy(images(N, 1, 28, 28)), lib.from_numpy(labels(N, 10))
        params = w1, b1, w2, b2, w3, w4 = leaves(lib, weights(*shapes))

        def step() -> list[Any]:
            clear(params)
            y = F.max_pool2d(F.relu(F.conv2d(x, w1, b1)), 2)
            y = F.max_pool2d(F.relu(F.conv2d(y, w2, b2)), 2)
            y = F.linear(F.relu(F.linear(y.flatten(1), w3)), w4)
            loss = F.cross_entropy(y, target)
            loss.backward()
            descend(lib, params, rate)
            return [loss, *(p.grad for p in params)]

        return step

    def data() -> tuple:
        return images(N, 1, 28, 28), labels(N, 10), weights(*shapes), rate

    first, second = (N * 24 * 24, 25, 20), (N * 8 * 8, 500, 50)
    convs = [first, (25, N * 24 * 24, 20), second, (500, N * 8 * 8, 50), (N * 8 * 8, 50, 500)]
    linears = [*layer_products(N, (800, 500, 10)), (N, 500, 800)]
    return Job(make, "lenet", data, convs + linears)


# the engine alone ---------------------------------------------------------------------------------


@workload(
    "W7",
    "a chain of 1,000 elementwise ops on 16 numbers, forward and backward",
    targets={TORCH: 0.9},
    compiled=0.2,
)
def chain(quick: bool) -> Job:
    return chained(5 if quick else 250)


def chained(rounds: int) -> Job:
    """Rounds of four ops on 16 numbers: y = log(a e^x) + b is x again, so nothing drifts."""
    start = images(16) + 0.5
    a = np.linspace(0.5, 1.5, 16, dtype=np.float32)
    b = -np.log(a)

    def make(lib: Any) -> Step:
        x = lib.from_numpy(start.copy()).requires_grad_()
        scale, shift, ones = (lib.from_numpy(v) for v in (a, b, np.ones_like(b)))

        def step() -> list[Any]:
            x.grad = None
            y = x
            for _ in range(rounds):
                y = (y.exp() * scale).log() + shift
            y.backward(ones)
            return [y, x.grad]

        return step

    return Job(make, "chain", lambda: (start, a, b, rounds))


@workload("W10", "cross-entropy of (4096, 10000), forward and backward", targets={TORCH: 0.4})
def classify(quick: bool) -> Job:
    N, C = (64, 100) if quick else (4096, 10_000)

    def scores() -> np.ndarray:
        return np.random.default_rng(4).standard_normal((N, C), dtype=np.float32)

    def make(lib: Any) -> Step:
        x, target = lib.from_numpy(scores()).requires_grad_(), lib.from_numpy(labels(N, C))

        def step() -> list[Any]:
            x.grad = None
            loss = lib.nn.functional.cross_entropy(x, target)
            loss.backward()
            return [loss, x.grad]

        return step

    read_and_written = 8 * N * C  # the scores, and their gradient
    return Job(make, "classify", lambda: (scores(), labels(N, C)), moved=read_and_written)
