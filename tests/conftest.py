"""What every test starts from: seeded streams, and messages that are said once already said."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest

import minitorch
import minitorch.call
from minitorch.kernels import words_only
from minitorch.op import REGISTRY
from tests import fakecupy, ondevice
from tests.fakecupy import emulation

# The same examples in every run, and no clock: a landing must not depend on chance or on the load.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _fresh_state() -> Iterator[None]:
    minitorch.manual_seed(0)
    if torch := sys.modules.get("torch"):  # The twins draw the same numbers in any order of tests.
        torch.manual_seed(0)
    # Said once a process; their own tests take them back.
    minitorch.call.said.update({"promotion", "probabilities", "log-probabilities", "smoothing"})
    # Without g++ the stand-in cannot run kernels, and all its arrays take NumPy's words.
    with contextlib.nullcontext() if emulation.compiler() else words_only():
        yield
    minitorch.set_default_dtype(np.float32)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of layers on the stand-in too, and on a GPU where there is one."""
    devices = ondevice.devices_of(metafunc.function, metafunc.fixturenames)
    if len(devices) > 1:
        gpu = pytest.param("gpu", marks=pytest.mark.gpu)
        given = [gpu if device == "gpu" else device for device in devices]
        metafunc.parametrize("_layers_on", given, indirect=True)


@pytest.fixture(autouse=True)
def _layers_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the layers of this test compute."""
    where = getattr(request, "param", "cpu")
    if where == "gpu" and not minitorch.cuda.is_available():
        pytest.skip("needs a GPU and CuPy")
    installed = fakecupy.installed() if where == "stand-in" else contextlib.nullcontext()
    with installed, contextlib.nullcontext() if where == "cpu" else ondevice.layers_on("cuda"):
        yield


@pytest.fixture
def kernels_run(request: pytest.FixtureRequest) -> None:
    """Skips a test of kernels where neither a GPU nor g++ can run them."""
    given = getattr(request.node, "callspec", None)
    on_gpu = given is not None and given.params.get("cuda") == "gpu"
    if not on_gpu and emulation.compiler() is None:
        pytest.skip("needs g++ that knows _Float16, to run kernels on the host")


class _NoCounts:
    """On a real GPU nothing is counted."""

    sync = h2d = launches = 0

    def reset(self) -> None:
        pass


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in with two GPUs; afterwards ops no longer look which of them an array is on."""
    monkeypatch.setattr(fakecupy.gpu, "count", 2)
    bodies = [(op, op.body) for op in REGISTRY.values()]
    with fakecupy.installed() as cupy:
        yield cupy
    for op, body in bodies:
        op.body = op.cell.cell_contents = body


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cuda(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes device "cuda" usable, and counts what waits for it or uploads to it."""
    if request.param == "gpu":
        if not minitorch.cuda.is_available():
            pytest.skip("needs a GPU and CuPy")
        yield _NoCounts()
        return
    with fakecupy.installed():
        yield fakecupy.counters
