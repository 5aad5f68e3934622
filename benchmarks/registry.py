"""What a workload is: a job of some size, its targets, and a check that engines agree on it.

minitorch has torch's names, so a job's step is written once and run with either, by handing it the
package. Other engines have a function of the job's name that builds the same step from the same
arrays: NumPy by hand in `floors.py` and `conv_floors.py`, the peers in `peers/`. A step is forward,
loss, backward and update, and returns [loss, *gradients]: before anything is timed, all engines
must agree on them.

A new workload is a function of `quick` under `@workload(...)` that returns a `Job`; `quick` asks
for small sizes, where only the agreement matters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MINITORCH, COMPILED = "minitorch", "minitorch.compile"
TORCH, TORCH_COMPILED = "torch", "torch.compile"
JAX, AUTOGRAD, DEZERO = "jax", "autograd", "DeZero"
FLOOR, LIMIT = "NumPy by hand", "BLAS alone"

Step = Callable[[], list[Any]]
Product = tuple[int, int, int]


@dataclass(frozen=True)
class Job:
    """One size of a workload: how its step is built, and the least that anybody must do for it.

    Attributes:
        make: lib -> a step, for the engines with torch's names.
        name: the function of `floors.py` and of the peers that builds the same step.
        data: makes the arguments of that function: arrays of its own each time.
        products: (m, k, n) of the step's matrix products.
        times: how often each of them is done.
        moved: bytes that are read or written at least, where that is most of the work.
    """

    make: Callable[[Any], Step]
    name: str
    data: Callable[[], tuple]
    products: Sequence[Product] = ()
    times: int = 1
    moved: int = 0

    @property
    def flops(self) -> int:
        """Multiplications and additions of the matrix products."""
        return 2 * self.times * sum(m * k * n for m, k, n in self.products)


@dataclass(frozen=True)
class Workload:
    """A workload: what it is called, the job that it is, and what minitorch shall reach.

    Attributes:
        name, title: "W1", and what it computes.
        make: quick -> the job. No engine is imported until a step of it is built.
        targets: engine -> the largest ratio to it that minitorch's time shall have.
        compiled: the largest ratio to torch that the compiled step's time shall have.
        memory: True where peak memory is of interest.
        memory_target: the largest ratio to torch's peak memory.
        tolerance: how far apart the results of two engines may be, as a part of their norm.
    """

    name: str
    title: str
    make: Callable[[bool], Job]
    targets: dict[str, float]
    compiled: float | None = None
    memory: bool = False
    memory_target: float | None = None
    tolerance: float = 1e-3


WORKLOADS: dict[str, Workload] = {}
ROOT = Path(__file__).parent.parent


def workload(
    name: str, title: str, targets: dict[str, float] | None = None, **more: Any
) -> Callable[[Callable[[bool], Job]], Callable[[bool], Job]]:
    """Lists the function below it as a workload."""

    def listed(make: Callable[[bool], Job]) -> Callable[[bool], Job]:
        WORKLOADS[name] = Workload(name, title, make, targets or {}, **more)
        return make

    return listed


def agree(
    name: str,
    steps: dict[str, Step],
    tolerance: float = 1e-3,
    may_refuse: Collection[str] = (),
) -> dict[str, str]:
    """Runs every step twice (the second sees the update) and compares what they return.

    The norm of the difference may be `tolerance` of the norm of the array. float32 sums in another
    order differ by about 1e-6 of it, a wrong gradient by about 1.

    Returns:
        engine -> why, for those of `may_refuse` that raised; they leave `steps`.

    Raises:
        AssertionError: names the workload, the two engines, the array and the difference.
    """
    refused = {}
    for turn in (1, 2):
        found = {}
        for engine in list(steps):
            try:
                found[engine] = [as_numpy(x) for x in steps[engine]()]
            except Exception as error:  # whatever a compiler finds that it cannot do
                if engine not in may_refuse:
                    raise
                refused[engine] = first_line(error)
                del steps[engine]
        found.pop(LIMIT, None)
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
    return refused


def first_line(error: Exception) -> str:
    """What an error is and says, with paths from the project's own folder on."""
    return f"{type(error).__name__}: {error}".splitlines()[0].replace(f"{ROOT}{os.sep}", "")


def as_numpy(x: Any) -> np.ndarray:
    """A copy of a Tensor's values, of whichever engine and device, or of an array's."""
    return np.array(x.detach().cpu().numpy() if hasattr(x, "detach") else x)


# what steps are made of ---------------------------------------------------------------------------


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


def leaves(lib: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """Parameters as an engine's leaf tensors, on the CPU without a copy."""
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
