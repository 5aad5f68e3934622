"""Matrices for the tests of linear algebra, and what it takes for two of them to be equal."""

from __future__ import annotations

from typing import Any

import numpy as np

import minitorch
from minitorch.tensor import Tensor


def draw(*shape: int, seed: int = 0, dtype: str = "float64") -> Tensor:
    x = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return minitorch.tensor(x, dtype=dtype, requires_grad=True)


def near(*shape: int, seed: int = 0) -> Tensor:
    """Square matrices near 3 I."""
    return (draw(*shape, seed=seed) * 0.4 + 3 * minitorch.eye(shape[-1]).double()).detach()


def close(x: Any, y: Any, tolerance: float = 1e-9) -> None:
    x, y = (v.detach().numpy() if isinstance(v, Tensor) else np.asarray(v) for v in (x, y))
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
