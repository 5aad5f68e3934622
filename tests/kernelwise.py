"""What the tests of kernels share: a function on arrays, run on the CPU and by its kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch.array import is_cupy, move

runs_kernels = pytest.mark.usefixtures("kernels_run")
DTYPES = ("float16", "float32", "float64")
CLOSE = {"float16": 4e-3, "float32": 2e-6, "float64": 1e-12}


def draw(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """Numbers from N(0, 1)."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same numbers, with axis 1 last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def up(value: Any) -> Any:
    """Arrays as they are on the GPU, in the same layout; all else as it is."""
    if isinstance(value, np.ndarray):
        order = sorted(range(value.ndim), key=lambda i: -value.strides[i])
        whole = move(np.asarray(value.transpose(order), order="C"), "cuda")
        return whole.transpose([order.index(i) for i in range(value.ndim)])
    return value


def down(value: Any) -> Any:
    """The same, back on the host."""
    if isinstance(value, (tuple, list)):
        return type(value)(down(part) for part in value)
    return value.get() if is_cupy(value) else value


def agree(
    cuda: Any,
    function: Callable,
    *args: Any,
    launches: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> Any:
    """Asserts that the function gives the same on the CPU and by its kernels; returns that.

    Args:
        launches: how many of them it takes; None for at least one.
    """
    with np.errstate(all="ignore"):  # as the engine does
        want = function(*args)
    given = [up(a) for a in args]
    cuda.reset()
    found = function(*given)
    if type(cuda).__name__ == "Counters":
        assert cuda.launches == launches or (launches is None and cuda.launches > 0)
        assert (cuda.sync, cuda.h2d) == (0, 0)
    _same(down(found), want, rtol, atol)
    return found


def _same(found: Any, want: Any, rtol: float | None, atol: float | None) -> None:
    if isinstance(want, (tuple, list)):
        assert len(found) == len(want)
        for a, b in zip(found, want):
            _same(a, b, rtol, atol)
        return
    if want is None or not isinstance(want, np.ndarray):
        return
    assert (found.dtype, found.shape) == (want.dtype, want.shape)
    close = CLOSE.get(want.dtype.name, 0)
    np.testing.assert_allclose(
        found, want, rtol=close if rtol is None else rtol, atol=close if atol is None else atol
    )
