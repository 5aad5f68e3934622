"""Model answers to the exercises of lesson 15."""

import math
from collections.abc import Mapping, Sequence

import numpy as np


def mean_weights(beta: float, t: int) -> np.ndarray:
    """(1 - beta) beta^(t - i), divided by their sum, 1 - beta^t."""
    return (1 - beta) * beta ** np.arange(t - 1, -1, -1) / (1 - beta**t)


def largest_rate(curvatures: np.ndarray, mu: float) -> float:
    """Across the valley b is g / (1 + mu), so steps may be 1 + mu times as long."""
    return 2 * (1 + mu) / curvatures.max()


def adamw_step(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The decay stands beside the rule, and its sign is a minus."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w - lr * decay * w - lr * step, m, v


def centered(
    w: np.ndarray, gradients: Sequence[np.ndarray], lr: float, alpha: float, eps: float
) -> np.ndarray:
    """The variance is the mean of the squares minus the square of the mean."""
    v = a = np.zeros_like(w)
    for g in gradients:
        v = alpha * v + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g
        w = w - lr * g / (np.sqrt(np.maximum(v - a * a, 0)) + eps)
    return w


def fair_rates(
    losses: Mapping[str, Mapping[float, Sequence[float]]], last: int
) -> dict[str, float]:
    """nan is neither larger nor smaller than anything, so failed runs have to go first."""
    best = {}
    for rule, runs in losses.items():
        final = {
            lr: sum(run[-last:]) / len(run[-last:])
            for lr, run in runs.items()
            if all(math.isfinite(loss) for loss in run)
        }
        if final:
            best[rule] = min(final, key=final.__getitem__)
    return best
