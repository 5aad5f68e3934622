"""The workloads: one small function each, that gives a step for every engine.

minitorch has torch's names, so the step is written once and run with either, by handing it the
package. Beside it stands the same step by hand in NumPy (`floors.py`), and where matrix products
are most of the work, those alone. A step is forward, loss, backward and update, and returns
[loss, *gradients]: before anything is timed, all engines must agree on them.

A new workload is a function of `quick` under `@workload(...)`; `quick` asks for small sizes, where
only the agreement matters.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import floors

MINITORCH, TORCH, FLOOR, LIMIT = "minitorch", "torch", "NumPy by hand", "BLAS alone"
Step = Callable[[], list[Any]]
Makers = dict[str, Callable[[], Step]]


@dataclass(frozen=True)
class Workload:
    """A workload: what it is called, how its steps are made, and what minitorch shall reach.

    Attributes:
        name, title: "W1", and what it computes.
        make: quick -> for each engine a function that builds its step. Nothing is allocated and
            no engine imported until that is called.
        targets: engine -> the largest ratio to it that minitorch's time shall have.
        memory: True where peak memory is of interest.
        tolerance: how far apart the results of two engines may be, as a part of their norm.
    """

    name: str
    title: str
    make: Callable[[bool], Makers]
    targets: dict[str, float]
    memory: bool = False
    tolerance: float = 1e-3


WORKLOADS: dict[str, Workload] = {}


def workload(
    name: str, title: str, targets: dict[str, float] | None = None, **more: Any
) -> Callable[[Callable[[bool], Makers]], Callable[[bool], Makers]]:
    """Lists the function below it as a workload."""

    def listed(make: Callable[[bool], Makers]) -> Callable[[bool], Makers]:
        WORKLOADS[name] = Workload(name, title, make, targets or {}, **more)
        return make

    return listed


def installed(engine: str) -> bool:
    """False for torch where it is not installed."""
    return importlib.util.find_spec(engine if engine in (MINITORCH, TORCH) else "numpy") is not None


def load(lib: str) -> Any:
    """minitorch or torch, with its functions at `lib.nn.functional`."""
    importlib.import_module(f"{lib}.nn.functional")
    return importlib.import_module(lib)


def steps_of(work: Workload, quick: bool = False) -> dict[str, Step]:
    """A step for every engine that is installed, after a check that they agree.

    Raises:
        AssertionError: two engines disagree on a loss or a gradient.
    """
    steps = {e: make() for e, make in work.make(quick).items() if installed(e)}
    agree(work.name, steps, work.tolerance)
    return steps


def agree(name: str, steps: dict[str, Step], tolerance: float = 1e-3) -> None:
    """Runs every step twice (the second sees the update) and compares what they return.

    The norm of the difference may be `tolerance` of the norm of the array. float32 sums in another
    order differ by about 1e-6 of it, a wrong gradient by about 1.

    Raises:
        AssertionError: names the workload, the two engines, the array and the difference.
    """
    for turn in (1, 2):
        found = {engine: [as_numpy(x) for x in step()] for engine, step in steps.items()}
        found = {engine: values for engine, values in found.items() if engine != LIMIT}
        engine, expected = next(iter(found.items()))
        for other, values in found.items():
            assert len(values) == len(expected), f"{name}: {other} returns {len(values)} arrays"
            for i, (x, y) in enumerate(zip(values, expected, strict=True)):
                assert x.shape == y.shape, f"{name}: array {i}: {x.shape} and {y.shape}"
                assert x.dtype == y.dtype == np.float32, f"{name}: array {i}: {x.dtype}, {y.dtype}"
                assert np.isfinite(y).all(), f"{name}: array {i} of {engine} is not finite"
                x, y = x.astype(np.float64), y.astype(np.float64)
                error = np.linalg.norm(x - y) / max(np.linalg.norm(y), 1e-30)
                assert error < tolerance, (
                    f"{name}: step {turn}, array {i} of {other} is {error:.1e} off {engine}'s"
                )


def as_numpy(x: Any) -> np.ndarray:
    """A copy of a Tensor's values, of whichever engine, or of an array's."""
    return np.array(x.detach().numpy() if hasattr(x, "detach") else x)


# what workloads are made of -----------------------------------------------------------------------


def engines(
    make: Callable[[Any], Step],
    floor: Callable[[], Step],
    limit: Callable[[], Step] | None = None,
) -> Makers:
    """`make(lib)` for minitorch and torch, the floor, and where given the limit."""
    makers: Makers = {lib: lambda lib=lib: make(load(lib)) for lib in (MINITORCH, TORCH)}
    makers[FLOOR] = floor
    if limit is not None:
        makers[LIMIT] = limit
    return makers


def images(N: int, *shape: int) -> np.ndarray:
    """A batch of numbers between 0 and 1."""
    return np.random.default_rng(1).random((N, *shape), dtype=np.float32)


def labels(N: int, classes: int) -> np.ndarray:
    """A class for each example."""
    return np.random.default_rng(2).integers(0, classes, N)


def weights(*shapes: Sequence[int]) -> list[np.ndarray]:
    """Parameters: He's scale for what has axes behind the first, zeros for a bias."""
    rng = np.random.default_rng(3)
    drawn = []
    for shape in shapes:
        p = rng.standard_normal(shape, dtype=np.float32)
        p *= np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0
        drawn.append(p)
    return drawn


def layers(sizes: Sequence[int]) -> list[np.ndarray]:
    """The weights (out, in) and biases of a stack of linear layers."""
    return weights(*[s for n, m in pairwise(sizes) for s in ((m, n), (m,))])


def leaves(lib: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """Parameters as an engine's leaf tensors, without a copy."""
    return [lib.from_numpy(p).requires_grad_() for p in arrays]


def descend(lib: Any, params: Sequence[Any], rate: float) -> None:
    """Gradient descent as a first lesson writes it."""
    with lib.no_grad():
        for p in params:
            p -= rate * p.grad


def clear(params: Sequence[Any]) -> None:
    """Forgets the gradients of the step before."""
    for p in params:
        p.grad = None


# fully connected ----------------------------------------------------------------------------------


def stack(lib: Any, x: Any, params: Sequence[Any]) -> Any:
    """The forward of linear layers with relu between them."""
    F = lib.nn.functional
    y = F.linear(x, params[0], params[1])
    for w, b in zip(params[2::2], params[3::2]):
        y = F.linear(F.relu(y), w, b)
    return y


def mlp(sizes: Sequence[int], N: int, rate: float) -> Makers:
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

    def by_hand() -> Step:
        return floors.mlp(images(N, sizes[0]), labels(N, sizes[-1]), layers(sizes), rate)

    return engines(make, by_hand, lambda: floors.products(floors.layer_products(N, sizes)))


@workload("W1", "784-50-10, batch 64, SGD", targets={TORCH: 1.0})
def mlp_small(quick: bool) -> Makers:
    return mlp((784, 50, 10), 8 if quick else 64, rate=0.1)


@workload("W2", "784-1024-1024-10, batch 512, SGD", targets={FLOOR: 1.15}, memory=True)
def mlp_wide(quick: bool) -> Makers:
    return mlp((784, 64, 64, 10), 8, 0.1) if quick else mlp((784, 1024, 1024, 10), 512, 0.1)


# A hundred layers on, rounding has moved some units across relu's corner: hence the tolerance.
@workload("W6", "100 layers of 512 with relu, batch 64, SGD", memory=True, tolerance=0.05)
def mlp_deep(quick: bool) -> Makers:
    return mlp((32,) * 11, 8, 1e-5) if quick else mlp((512,) * 101, 64, 1e-5)


@workload("W9", "the forward of W1, batch 1, no_grad")
def inference(quick: bool) -> Makers:
    sizes = (784, 50, 10)

    def make(lib: Any) -> Step:
        x, params = lib.from_numpy(images(1, 784)), leaves(lib, layers(sizes))

        def step() -> list[Any]:
            with lib.no_grad():
                return [stack(lib, x, params)]

        return step

    def by_hand() -> Step:
        return floors.infer(images(1, 784), layers(sizes))

    return engines(make, by_hand, lambda: floors.products([(1, 784, 50), (1, 50, 10)]))


# convolution --------------------------------------------------------------------------------------


@workload("W3", "LeNet: 20 and 50 5x5 channels, 500 hidden, batch 64, SGD", memory=True)
def lenet(quick: bool) -> Makers:
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

    def by_hand() -> Step:
        return floors.lenet(images(N, 1, 28, 28), labels(N, 10), weights(*shapes), rate)

    def limit() -> Step:
        first, second = (N * 24 * 24, 25, 20), (N * 8 * 8, 500, 50)
        convs = [first, (25, N * 24 * 24, 20), second, (500, N * 8 * 8, 50), (N * 8 * 8, 50, 500)]
        linears = [*floors.layer_products(N, (800, 500, 10)), (N, 500, 800)]
        return floors.products(convs + linears)

    return engines(make, by_hand, limit)


# the engine alone ---------------------------------------------------------------------------------


@workload("W7", "a chain of 1,000 elementwise ops on 16 numbers, forward and backward")
def chain(quick: bool) -> Makers:
    rounds = 5 if quick else 250  # of four ops: y = log(a e^x) + b is x again, so nothing drifts
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

    return engines(make, lambda: floors.chain(start, a, b, rounds))


@workload("W10", "cross-entropy of (4096, 10000), forward and backward")
def classify(quick: bool) -> Makers:
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

    return engines(make, lambda: floors.classify(scores(), labels(N, C)))
