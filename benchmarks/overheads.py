"""What comes on top: of writing bytes, of a bare training loop, of steps that nobody watches.

Each is timed beside the least that anybody has to do for it, and the ratio is the result.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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


BATCHES = 300  # in an epoch; MNIST has 938 of 64


def fitting(quick: bool, _: Path) -> dict[str, Step]:
    """An epoch of `Learner.fit` on W1's model; bare: the same loop over the same loader."""
    lib = load(MINITORCH)
    from minitorch.train import Learner
    from minitorch.utils.data import DataLoader, TensorDataset

    F, nn = lib.nn.functional, lib.nn
    N = 64 * (2 if quick else BATCHES)
    data = TensorDataset(lib.from_numpy(images(N, 784)), lib.from_numpy(labels(N, 10)))
    loader = DataLoader(data, batch_size=64, shuffle=True)

    # One model for both: where its numbers lie in memory makes as much of a difference as a loop.
    model = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer = lib.optim.SGD(model, lr=0.01)
    learner = Learner(model, F.cross_entropy, optimizer)

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


WATCHED = 40  # steps in a call: four of them are measured, as one in ten is by default


def watching(model: Any, dtype: type, quick: bool) -> dict[str, Step]:
    """Steps of a model on 64 images, watched by all diagnostics; bare: the same, not watched."""
    lib = load(MINITORCH)
    from minitorch.diagnostics import ActivationStats, GradientStats

    N = 2 if quick else 64
    x, target = images(N, 1, 28, 28).astype(dtype), labels(N, 10)
    x, target = lib.from_numpy(x), lib.from_numpy(target)
    model.build((1, 28, 28)).to(dtype)
    optimizer = lib.optim.SGD(model, lr=0.001)

    def steps() -> list:
        for _ in range(WATCHED):
            optimizer.zero_grad()
            lib.nn.functional.cross_entropy(model(x), target).backward()
            optimizer.step()
        return []

    def watched() -> list:
        with ActivationStats(model), GradientStats(model, optimizer):
            return steps()

    return {MINITORCH: watched, BARE: steps}


def watching_lenet(quick: bool, _: Path) -> dict[str, Step]:
    """LeNet, with large layers."""
    nn = load(MINITORCH).nn
    model = nn.Sequential(
        *(nn.Conv2d(20, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(50, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(500), nn.ReLU(), nn.Linear(10)),
    )
    return watching(model, np.float32, quick)


def watching_small(quick: bool, _: Path) -> dict[str, Step]:
    """The network of lesson 17, in float64 as there: a short step, so watching weighs more."""
    nn = load(MINITORCH).nn
    layers = []
    for channels in (8, 16, 32):
        layers += [nn.Conv2d(channels, kernel_size=3, stride=2, padding=1), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(50), nn.ReLU(), nn.Linear(10)]
    return watching(nn.Sequential(*layers), np.float64, quick)


OVERHEADS = {
    "saving": Overhead(
        "minitorch.save of 100 MB of parameters", "writing and fsyncing the bytes", 2.0, saving
    ),
    "fit": Overhead(
        "Learner.fit, a step of W1", "the bare loop over the same loader", 1.05, fitting, BATCHES
    ),
    "watch": Overhead(
        "ActivationStats and GradientStats, a step of LeNet",
        "not watched",
        1.10,
        watching_lenet,
        WATCHED,
    ),
    "watch-small": Overhead(
        "ActivationStats and GradientStats, a step of lesson 17's network",
        "not watched",
        1.10,
        watching_small,
        WATCHED,
    ),
}


def measured(name: str, quick: bool, measure: Callable[[dict[str, Step]], Times]) -> Times:
    """What `measure` finds for the two steps, while the folder for their files is there."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(OVERHEADS[name].make(quick, Path(folder)))
