"""Exercises of lesson 17. Fill in the functions; `python -m lessons check 17` looks at them."""

import numpy as np

from minitorch import Tensor, nn


def means_of(model: nn.Module, x: Tensor) -> dict[str, float]:
    """Path -> mean of the output, for every ReLU module of the model, in one forward on x.

    Use hooks, and leave none behind, not even when forward raises an error.
    `model.named_modules()` gives (path, module). The means are plain numbers.

    For Sequential(Linear(4, 3), ReLU()) the only path is "1".
    """
    raise NotImplementedError


def dead_share(y: np.ndarray) -> float:
    """The share of units that are 0 for the whole batch.

    y is (N, C), and a unit is a column, or (N, C, H, W), and a unit is a channel: it is dead if it
    is 0 in all examples and at all places.

    For [[0, 1, 0], [0, 0, 2]] it is 1/3.
    """
    raise NotImplementedError


def update_to_data(before: np.ndarray, after: np.ndarray) -> float:
    """rms(after - before) / rms(before), where rms(x) is the root of the mean of x².

    For a parameter that was all 0 it is nan.

    For [3, 4] and then [3, 5] it is 1/5.
    """
    raise NotImplementedError


def histogram_over_time(values: list[np.ndarray], bins: int, low: float, high: float) -> np.ndarray:
    """(bins, steps): how many values of each step lie in each of `bins` equal parts of [low, high].

    What is outside is left out. The arrays may have any shape.

    For [[0.1, 0.9], [0.2, 5]] with 2 bins from 0 to 1 it is [[1, 1], [1, 0]].
    """
    raise NotImplementedError
