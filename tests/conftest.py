"""What every test starts from: seeded streams, and messages that are said once already said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest

import minitorch
import minitorch.call
from tests import fakecupy

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
    yield
    minitorch.set_default_dtype(np.float32)


class _NoCounts:
    """On a real GPU nothing is counted."""

    sync = h2d = 0

    def reset(self) -> None:
        pass


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
