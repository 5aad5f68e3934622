"""One call of every plot, with numbers that fit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minitorch
from minitorch import plot, train

HISTORY = {
    "train_loss": [2.0, 1.0, 0.5],
    "valid_loss": [2.1, 1.2, 0.9],
    "accuracy": [0.3, 0.6, 0.8],
}
CURVE = train.LRCurve([10.0**i for i in range(-6, 1)], [2.3, 2.2, 2.0, 1.5, 1.2, 3.0, 9.0], True)
NAMES, STEPS = ["conv", "relu", "out"], [0, 2, 4, 6]


def run_history() -> train.History:
    """Three epochs of four steps each, with a learning rate that falls."""
    history = train.History()
    for i in range(3):
        history.add({name: column[i] for name, column in HISTORY.items()})
    for step in range(12):
        history.steps["loss"].append(2.0 / (step + 1))
        history.note_lr(0.1 / (step + 1))
    return history


def every_plot() -> dict[str, Callable[..., Any]]:
    """name -> a function that draws it, on `ax` if that is given."""
    rng = np.random.default_rng(0)
    values, counts = rng.random((3, 4)), rng.integers(0, 99, (40, 4))
    bowl = lambda x, y: x * x + 4 * y * y
    way = {"SGD": rng.random((9, 2))}
    with minitorch.tape() as tape:
        x = minitorch.ones(3, 4, requires_grad=True)
        (x.relu() + x).sum()
    calls: dict[str, tuple] = {
        "history": (run_history(),),
        "metric": (HISTORY, "accuracy"),
        "schedule": ({"falls": [0.3, 0.2, 0.1], "holds": [0.2] * 9},),
        "lr_curve": (CURVE.lrs, CURVE.losses, CURVE.smoothed(), CURVE.suggestion),
        "histogram": ([0.0, 1.0, 1.0],),
        "over_depth": ([0, 0.5, 0.1], [1, 0.8, 0.3], NAMES),
        "over_time": (values, NAMES, STEPS),
        "histogram_over_time": (counts, np.linspace(-2, 2, 41), STEPS),
        "dead_units": (values, NAMES, STEPS),
        "ratios": (1e-3 * values, NAMES, STEPS),
        "expected_and_measured": (NAMES, [1, None, 1], [0.9, 0.5, 2]),
        "weights": (rng.normal(size=(5, 7)),),
        "filters": (rng.normal(size=(6, 1, 3, 3)),),
        "image_grid": (rng.random((5, 1, 8, 8)), "01234", None, [False, True, False, False, True]),
        "confusion_matrix": ([[5, 1], [2, 4]],),
        "paths_on_contours": (bowl, way, (-1, 1), (-1, 1)),
        "graph": (tape.graph(),),
    }
    return {name: _call(name, given) for name, given in calls.items()}


def _call(name: str, given: tuple) -> Callable[..., Any]:
    return lambda **options: getattr(plot, name)(*given, **options)
