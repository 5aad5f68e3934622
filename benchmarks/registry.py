"""What a workload is: a step for every engine, a check that they agree, and what steps are made of.

minitorch has torch's names, so a step is written once and run with either, by handing it the
package. Beside it stand the same step by hand in NumPy, where that was written, and the matrix
products alone, where they are most of the work. A step is forward, loss, backward and update, and
returns [loss, *gradients]: before anything is timed, all engines must agree on them.

A new workload is a function of `quick` under `@workload(...)`; `quick` asks for small sizes, where
only the agreement matters.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    floor: Callable[[], Step] | None = None,
    limit: Callable[[], Step] | None = None,
) -> Makers:
    """`make(lib)` for minitorch and torch, and where given the floor and the limit."""
    makers: Makers = {lib: lambda lib=lib: make(load(lib)) for lib in (MINITORCH, TORCH)}
    if floor is not None:
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
