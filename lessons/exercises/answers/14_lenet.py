"""Model answers to the exercises of lesson 14."""

import numpy as np

import minitorch
from minitorch import Tensor, nn


def precision_and_recall(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The diagonal over the sums of the columns, and over the sums of the rows."""
    right = np.diag(matrix)
    return right / np.maximum(matrix.sum(0), 1), right / np.maximum(matrix.sum(1), 1)


def moved(x: Tensor, down: int, right: int, paper: float) -> Tensor:
    """A sheet of paper, and on it what is left of the image."""
    height, width = x.shape[2:]
    y = minitorch.full(x.shape, paper, dtype=x.dtype)
    rows = slice(max(down, 0), max(height + min(down, 0), 0))
    columns = slice(max(right, 0), max(width + min(right, 0), 0))
    from_rows = slice(max(-down, 0), max(height - max(down, 0), 0))
    from_columns = slice(max(-right, 0), max(width - max(right, 0), 0))
    y[:, :, rows, columns] = x[:, :, from_rows, from_columns]
    return y


def accuracy_without(model: nn.Module, x: Tensor, y: Tensor, k: int) -> float:
    """Without weights and without a bias there is nothing to answer with."""
    weight, bias = model.cv1.weight, model.cv1.bias
    kept = weight[k].detach().clone(), bias[k].detach().clone()
    with minitorch.no_grad():
        weight[k], bias[k] = 0.0, 0.0
        accuracy = (model.predict(x).argmax(1) == y).float().mean().item()
        weight[k], bias[k] = kept
    return accuracy


def calibration(p: np.ndarray, right: np.ndarray, bins: int) -> np.ndarray:
    """p times the number of bins, rounded down, is the number of the bin."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    share = np.full(bins, np.nan)
    for k in set(place.tolist()):
        share[k] = right[place == k].mean()
    return share
