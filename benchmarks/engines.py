"""The engines that jobs are timed with: which are installed, and how each one's step is built.

minitorch and torch are handed to the job, and may be compiled; NumPy by hand and the peers have a
function of the job's name; the products alone are done by NumPy.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from benchmarks import conv_floors, floors
from benchmarks.registry import (
    AUTOGRAD,
    COMPILED,
    DEZERO,
    FLOOR,
    JAX,
    LIMIT,
    MINITORCH,
    TORCH,
    TORCH_COMPILED,
    Job,
    Step,
)

PEERS = {JAX: "jax", AUTOGRAD: "autograd", DEZERO: "dezero"}  # engine -> the package
PACKAGES = {MINITORCH: "minitorch", COMPILED: "minitorch", TORCH: "torch", TORCH_COMPILED: "torch"}
COMPILERS = (COMPILED, TORCH_COMPILED)
ENGINES = (*PACKAGES, *PEERS, FLOOR, LIMIT)

# torch.compile takes minutes for all workloads together: on the CPU it runs on request.
USUAL = {
    "cpu": tuple(engine for engine in ENGINES if engine != TORCH_COMPILED),
    "cuda": (MINITORCH, COMPILED, TORCH, TORCH_COMPILED),
}


def installed(engine: str) -> bool:
    """False where an engine's package is missing, or has nothing that compiles."""
    package = PACKAGES.get(engine, PEERS.get(engine, "numpy"))
    if importlib.util.find_spec(package) is None:
        return False
    return engine != COMPILED or hasattr(load(MINITORCH), "compile")


def load(lib: str) -> Any:
    """minitorch or torch, with its functions at `lib.nn.functional`."""
    importlib.import_module(f"{lib}.nn.functional")
    return importlib.import_module(lib)


def on(package: Any, device: str) -> Any:
    """A package as a step sees it: what it makes `from_numpy`, or what is `placed`, is on a device.

    Everything else is the package's own.
    """
    lib = ModuleType(package.__name__)
    lib.__dict__.update(vars(package))
    lib.from_numpy = lambda x: package.from_numpy(x).to(device)
    lib.placed = lambda model: model.to(device)
    return lib


def step_of(job: Job, engine: str, device: str = "cpu") -> Step | None:
    """The step of a job by an engine; None where the engine has no words for it."""
    if engine == LIMIT:
        return floors.products(job.products, job.times) if job.products else None
    if engine in PACKAGES:
        package = load(PACKAGES[engine])
        step = job.make(on(package, device))
        return package.compile(step) if engine in COMPILERS else step
    build = _by_name(engine, job.name)
    return None if build is None else build(*job.data())


def _by_name(engine: str, name: str) -> Any:
    """The function of a job's name among an engine's; None where it has none."""
    if engine == FLOOR:
        return getattr(floors, name, getattr(conv_floors, name, None))
    return getattr(importlib.import_module(f"benchmarks.peers.{PEERS[engine]}"), name, None)


def steps_of(
    job: Job, wanted: Sequence[str] = USUAL["cpu"], device: str = "cpu"
) -> dict[str, Step]:
    """A step for every engine that is wanted, installed, and has words for the job."""
    built = {e: step_of(job, e, device) for e in ENGINES if e in wanted and installed(e)}
    return {engine: step for engine, step in built.items() if step is not None}
