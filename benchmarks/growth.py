"""How cost grows: the time of a step against one size of it, all else being equal.

A flat beginning is what an engine adds whatever the size; the end is arithmetic, or memory, and
there the lines of engines that do the same meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.networks import block
from benchmarks.registry import FLOOR, MINITORCH, TORCH, Job, Step, images, leaves, weights
from benchmarks.workloads import chained, mlp

ENGINES = (MINITORCH, TORCH, FLOOR)


@dataclass(frozen=True)
class Panel:
    """One line per engine.

    Attributes:
        title, axis: what is done, and what its size is called.
        sizes: from small to large.
        job: size -> the job.
    """

    title: str
    axis: str
    sizes: Sequence[int]
    job: Callable[[int], Job]


def matmuls(n: int) -> Job:
    """Ten products of n x n matrices in a row, and the gradient of the first."""

    def data() -> tuple:
        return images(n, n), weights(*[(n, n)] * 10)

    def make(lib: Any) -> Step:
        first, others = data()
        (x,), ws = leaves(lib, [first]), [lib.from_numpy(w) for w in others]
        g = lib.from_numpy(np.ones((n, n), np.float32))

        def step() -> list[Any]:
            x.grad = None
            y = x
            for w in ws:
                y = y @ w
            y.backward(g)
            return [y, x.grad]

        return step

    return Job(make, "matmuls", data)


PANELS = (
    Panel(
        "W2: 784-1024-1024-10 with SGD",
        "batch",
        (1, 8, 64, 512, 2048),
        lambda N: mlp((784, 1024, 1024, 10), N, 1e-4),
    ),
    Panel(
        "ten products of n × n matrices, forward and backward",
        "n",
        (4, 16, 64, 256, 512),
        matmuls,
    ),
    Panel(
        "W7: elementwise ops on 16 numbers",
        "ops",
        (4, 40, 400, 4000),
        lambda n: chained(n // 4),
    ),
    Panel(
        "W8: a transformer block, d 128, batch 8, with Adam",
        "sequence length T",
        (8, 16, 32, 64, 128, 256),
        lambda T: block(8, T, 128),
    ),
)
