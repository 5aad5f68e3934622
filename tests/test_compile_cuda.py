"""Compiled steps on CuPy's arrays: the same numbers, and no wait or upload that eager has not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim


def mlp() -> Any:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))


def normed() -> Any:
    return nn.Sequential(nn.Linear(12, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 5))


def convolved() -> Any:
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)),
        *(nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(24, 5)),
    )


def dropped() -> Any:
    return nn.Sequential(nn.Linear(12, 16), nn.Dropout(0.3), nn.Linear(16, 5))


def trained(build: Any, compiled: bool) -> tuple[Any, Any]:
    minitorch.manual_seed(0)
    model = build().to("cuda")
    optimizer = optim.SGD(model, lr=0.1, momentum=0.9)
    optimizer.check_finite = False  # which would wait for the GPU

    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        return loss

    return model, minitorch.compile(step) if compiled else step


@pytest.mark.parametrize("build", [mlp, normed, convolved, dropped])
def test_a_training_step_on_a_gpu_is_the_eager_one(build: Any, cuda: Any):
    (model, eager), (other, compiled) = (trained(build, compiled=c) for c in (False, True))
    for i in range(4):
        rng = np.random.default_rng(i)
        x = minitorch.from_numpy(rng.standard_normal((6, 12)).astype("f")).to("cuda")
        t = minitorch.from_numpy(rng.integers(0, 5, 6)).to("cuda")
        found = []
        for step in (eager, compiled):
            minitorch.manual_seed(i)
            cuda.reset()
            loss = step(x, t)
            found.append((loss.detach().cpu().numpy().tobytes(), (cuda.sync, cuda.h2d)))
        (a, waits), (b, waited) = found
        assert a == b
        if i > 0:  # while it is traced, its results are compared on the host
            assert waited <= waits
        for p, q in zip(model.parameters(), other.parameters()):
            assert p.cpu().detach().numpy().tobytes() == q.cpu().detach().numpy().tobytes()
    assert compiled.trace_count == 1


def test_planned_memory_lies_on_the_gpu(cuda: Any):
    step = minitorch.compile(lambda x: (x.exp() * 2 + 1).log().sum())
    x = minitorch.linspace(0, 1, 1000).to("cuda")
    for _ in range(3):
        assert step(x).item() == pytest.approx(step.step(x).item())
    assert set(step.program.arenas) == {"cuda:0"}
    assert step.program.arenas["cuda:0"] >= 4000
    assert step(x).device.type == "cuda"


def test_a_gpu_and_the_host_are_two_signatures(cuda: Any):
    step = minitorch.compile(lambda x: x * 2)
    for _ in range(2):
        assert step(minitorch.ones(2)).is_cpu
        assert step(minitorch.ones(2, device="cuda")).is_cuda
    assert step.trace_count == 2


def test_what_moves_between_host_and_gpu_is_a_line_of_the_program(cuda: Any):
    step = minitorch.compile(lambda x: (x.to("cuda") * 2).cpu() + 1)
    for i in range(3):
        y = step(minitorch.full((2,), float(i)))
        assert y.tolist() == [2 * i + 1] * 2
