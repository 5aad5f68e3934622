"""What comes on top: of writing bytes, of a bare training loop, of steps that nobody watches.

Each is timed beside the least that anybody has to do for it, and the ratio is the result.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines import load
from benchmarks.registry import MINITORCH, Step, images, labels, weights
from benchmarks.timing import Times

BARE = "bare"


@dataclass(frozen=True)
class Overhead:
    """A pair of steps.

    Attributes:
        title: what is done.
        bare: what it is compared with.
        target: the largest ratio that it shall have.
        make: (quick, folder) -> the two steps, of MINITORCH and BARE; files go into the folder.
        per: how many steps of a training one call makes.
    """

    title: str
    bare: str
    target: float
    make: Callable[[bool, Path], dict[str, Step]]
    per: int = 1


def saving(quick: bool, folder: Path) -> dict[str, Step]:
    """Saves parameters; bare: writes their bytes to a file and waits for the disk."""
    lib = load(MINITORCH)
    values = weights(*[(16, 16) if quick else (1024, 1024)] * 25)
    state = {f"layers.{i}.weight": lib.from_numpy(p) for i, p in enumerate(values)}

    def save() -> list:
        lib.save(state, folder / "model.safetensors")
        return []

    def write() -> list:
        with open(folder / "bytes", "wb") as file:
            for p in values:
                file.write(p.data)
            file.flush()
            os.fsync(file.fileno())
        return []

    return {MINITORCH: save, BARE: write}


BATCHES = 100


def fitting(quick: bool, _: Path) -> dict[str, Step]:
    """An epoch of `Learner.fit` on W1's model; bare: the same loop over the same loader."""
    lib = load(MINITORCH)
    from minitorch.train import Learner
    from minitorch.utils.data import DataLoader, TensorDataset

    F, nn = lib.nn.functional, lib.nn
    N = 64 * (2 if quick else BATCHES)
    data = TensorDataset(lib.from_numpy(images(N, 784)), lib.from_numpy(labels(N, 10)))
    loader = DataLoader(data, batch_size=64, shuffle=True)

    def parts() -> tuple:
        model = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
        return model, lib.optim.SGD(model, lr=0.01)

    learned, rule = parts()
    learner = Learner(learned, F.cross_entropy, rule)
    model, optimizer = parts()

    def fit() -> list:
        learner.fit(loader, progress=False)
        return []

    def loop() -> list:
        model.train()
        for x, target in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), target).backward()
            optimizer.step()
        return []

    return {MINITORCH: fit, BARE: loop}


WATCHED = 8  # steps in a call: two of them are measured, as one in four is unless told otherwise


def watching(quick: bool, _: Path) -> dict[str, Step]:
    """Steps of LeNet on 64 images, watched by all diagnostics; bare: the same, not watched."""
    lib = load(MINITORCH)
    from minitorch.diagnostics import ActivationStats, GradientStats

    F, nn = lib.nn.functional, lib.nn
    N = 2 if quick else 64
    x, target = lib.from_numpy(images(N, 1, 28, 28)), lib.from_numpy(labels(N, 10))

    def parts() -> tuple:
        model = nn.Sequential(
            *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)),
        )
        return model, lib.optim.SGD(model, lr=0.001)

    def steps(model: nn.Module, optimizer: lib.optim.Optimizer) -> list:
        for _ in range(WATCHED):
            optimizer.zero_grad()
            F.cross_entropy(model(x), target).backward()
            optimizer.step()
        return []

    seen, rule = parts()
    model, optimizer = parts()

    def watched() -> list:
        with ActivationStats(seen), GradientStats(seen, rule):
            return steps(seen, rule)

    return {MINITORCH: watched, BARE: lambda: steps(model, optimizer)}


OVERHEADS = {
    "saving": Overhead(
        "minitorch.save of 100 MB of parameters", "writing and fsyncing the bytes", 2.0, saving
    ),
    "fit": Overhead(
        "Learner.fit, a step of W1", "the bare loop over the same loader", 1.05, fitting, BATCHES
    ),
    "watch": Overhead(
        "ActivationStats and GradientStats, a step of LeNet", "not watched", 1.10, watching, WATCHED
    ),
}


def measured(name: str, quick: bool, measure: Callable[[dict[str, Step]], Times]) -> Times:
    """What `measure` finds for the two steps, while the folder for their files is there."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(OVERHEADS[name].make(quick, Path(folder)))
