"""The families of distributions, with the parameters that several tests give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch.distributions as D
from minitorch import tensor

RNG = np.random.default_rng(0)
LOC, SCALE = RNG.standard_normal((3, 1)), RNG.uniform(0.5, 2, 4)
P, SCORES = RNG.uniform(0.1, 0.9, (3, 4)), RNG.standard_normal((3, 4))
_A = RNG.standard_normal((2, 3, 3))
COVARIANCE = _A @ _A.swapaxes(-1, -2) + np.eye(3)
TRIL = np.linalg.cholesky(COVARIANCE)
MEAN = RNG.standard_normal(3)

# name: parameters, those of a second one of the family
FAMILIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "normal": ("Normal", {"loc": LOC, "scale": SCALE}, {"loc": LOC + 0.5, "scale": SCALE * 2}),
    "log_normal": ("LogNormal", {"loc": LOC, "scale": SCALE}, {"loc": -LOC, "scale": SCALE + 1}),
    "laplace": ("Laplace", {"loc": LOC, "scale": SCALE}, {"loc": LOC + 0.5, "scale": SCALE * 2}),
    "uniform": (
        "Uniform",
        {"low": -SCALE, "high": SCALE + 3},
        {"low": -SCALE - 1, "high": SCALE + 4},
    ),
    "exponential": ("Exponential", {"rate": SCALE}, {"rate": SCALE[::-1].copy()}),
    "poisson": ("Poisson", {"rate": SCALE}, {"rate": SCALE[::-1].copy()}),
    "bernoulli": ("Bernoulli", {"probs": P}, {"probs": 1 - P / 2}),
    "bernoulli_logits": ("Bernoulli", {"logits": SCORES}, {"logits": -SCORES}),
    "geometric": ("Geometric", {"probs": P}, {"probs": 1 - P / 2}),
    "geometric_logits": ("Geometric", {"logits": SCORES}, {"logits": -SCORES}),
    "categorical": ("Categorical", {"probs": P}, {"probs": 1 - P / 2}),
    "categorical_logits": ("Categorical", {"logits": SCORES}, {"logits": -SCORES}),
    "one_hot": ("OneHotCategorical", {"probs": P}, {"probs": 1 - P / 2}),
    "one_hot_logits": ("OneHotCategorical", {"logits": SCORES}, {"logits": -SCORES}),
    "multivariate_normal": (
        "MultivariateNormal",
        {"loc": MEAN, "covariance_matrix": COVARIANCE},
        {"loc": -MEAN, "covariance_matrix": COVARIANCE[::-1].copy()},
    ),
    "multivariate_normal_precision": (
        "MultivariateNormal",
        {"loc": MEAN, "precision_matrix": COVARIANCE},
        {"loc": -MEAN, "scale_tril": TRIL},
    ),
}
each_family = pytest.mark.parametrize("family", FAMILIES)
SMOOTH = ["normal", "log_normal", "laplace", "uniform", "exponential", "multivariate_normal"]
WITH_ENTROPY = [family for family in FAMILIES if family != "poisson"]  # which has no formula
WITH_CDF = ["normal", "log_normal", "laplace", "uniform", "exponential"]


def made(family: str, second: bool = False, library: Any = D, wrap: Callable = tensor) -> Any:
    name, *parameters = FAMILIES[family]
    return getattr(library, name)(**{k: wrap(v) for k, v in parameters[second].items()})


def twins(family: str, second: bool = False) -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    theirs = made(family, second, torch.distributions, torch.tensor)
    return made(family, second), theirs
