"""Metrics: numbers that say how good predictions are, of an epoch as a whole.

A metric is a function of a batch, `metric(pred, target)`, that returns a mean over its examples;
over an epoch its values are weighted by the sizes of the batches, so that a short last batch counts
for what it is. What is no mean (a confusion matrix) is a `Metric` with a state of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minitorch.array import CPU, is_cupy, move
from minitorch.nn import functional as F
from minitorch.tensor import ShapeError, Tensor, raw


class Metric:
    """What is gathered over an epoch, batch by batch."""

    name: str

    def reset(self) -> None:
        """Forgets everything."""
        raise NotImplementedError

    def update(self, pred: Any, target: Any, size: int) -> None:
        """Takes in a batch of `size` examples."""
        raise NotImplementedError

    def compute(self) -> float:
        """The number for everything taken in since `reset`; nan for nothing."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What a run that is resumed within an epoch has to know."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""


class Average:
    """The mean over all examples, from means over batches of them.

    Sums stay on the device, and are fetched once, by `compute`.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.total: Any = 0.0
        self.count = 0

    def add(self, value: Any, size: int) -> None:
        """Takes in the mean over `size` examples: a number, or an array of one."""
        self.total = self.total + (value if is_cupy(value) else float(value)) * size
        self.count += size

    def compute(self) -> float:
        """The mean of all examples; nan of none."""
        return float(self.total) / self.count if self.count else float("nan")

    def state_dict(self) -> dict[str, Any]:
        """The sum and the number of examples so far."""
        return {"total": float(self.total), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""
        self.total, self.count = state["total"], state["count"]


class Mean(Average, Metric):
    """The mean of a function of batches, each weighted by its number of examples.

    >>> import minitorch
    >>> largest = Mean(lambda pred, target: (pred - target).abs().max(), "largest_error")
    >>> largest.update(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.5, 2.0]), size=2)
    >>> largest.compute()
    0.5
    """

    def __init__(self, function: Callable[[Any, Any], Any], name: str | None = None):
        self.function = function
        self.name = str(name or getattr(function, "__name__", type(function).__name__))
        super().__init__()

    def update(self, pred: Any, target: Any, size: int) -> None:
        """Takes in a batch of `size` examples."""
        value = raw(self.function(pred, target))
        if getattr(value, "size", 1) != 1:
            raise ShapeError(
                f"metrics: {self.name} gave the shape {value.shape}, expected one number: the "
                "mean over the batch"
            )
        self.add(value.reshape(()) if hasattr(value, "reshape") else value, size)


def as_metrics(metrics: Iterable[Any]) -> list[Metric]:
    """Metrics, also of plain functions, each with a name of its own."""
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics: expected a list, such as [accuracy], got {metrics!r}")
    found = [_as_metric(metric) for metric in metrics]
    names = [*_TAKEN, *(metric.name for metric in found)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(
                f"metrics: the name {name!r} is taken; give one of your own, Mean(function, name)"
            )
    return found


_TAKEN = ("loss", "train_loss", "valid_loss", "ignored")


def _as_metric(metric: Any) -> Metric:
    """A Metric, also of a plain function."""
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        raise ValueError(f"metrics: {metric!r} is a name; pass the function, train.accuracy")
    if not callable(metric) or isinstance(metric, type):
        raise TypeError(f"metrics: expected functions of (pred, target) or Metrics, got {metric!r}")
    return Mean(metric)


def accuracy(pred: Tensor, target: Tensor) -> Tensor:
    """The share of examples whose largest score is that of the right class.

    `pred` is (N, C), or (N, C, d1, ...) with a target for each place; `target` holds class numbers.

    Raises:
        ValueError: shapes that do not fit; a score that is nan, which is never right nor wrong.

    >>> import minitorch
    >>> pred = minitorch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    >>> accuracy(pred, minitorch.tensor([0, 1, 1, 1]))
    tensor(0.7500)
    """
    return top_k_accuracy(1)(pred, target)


def top_k_accuracy(k: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A metric: the share of examples whose right class is among the k largest scores."""
    if k < 1:
        raise ValueError(f"top_k_accuracy: k must be at least 1, got {k}")

    def within(pred: Tensor, target: Tensor) -> Tensor:
        _check_scores(within.__name__, pred, target, k)
        if k == 1:
            right = pred.argmax(1) == target
        else:
            right = (pred.topk(k, 1)[1] == target.unsqueeze(1)).any(1)
        if is_cupy(pred.array):  # where the check above would wait, nan is counted as wrong
            right = right & ~pred.isnan().any(1)
        return right.float().mean()

    within.__name__ = "accuracy" if k == 1 else f"top_{k}_accuracy"
    return within


def _check_scores(who: str, pred: Tensor, target: Tensor, k: int = 1) -> None:
    want = (*pred.shape[:1], *pred.shape[2:])
    if pred.ndim < 2 or target.shape != want:
        raise ShapeError(
            f"{who}: scores {pred.shape} and labels {target.shape}; expected (N, C) and (N,), "
            "or (N, C, ...) and (N, ...)"
        )
    if k > pred.shape[1]:
        raise ValueError(f"{who}: the scores are of {pred.shape[1]} classes only")
    if pred.shape[1] == 1:
        raise ValueError(
            f"{who}: scores {pred.shape} are of one class, which is always the largest; where one "
            "score says yes or no, compare it: ((pred.squeeze(1) > 0) == target).float().mean()"
        )
    scores = pred.array
    if isinstance(scores, np.ndarray) and np.isnan(scores).any():
        rows = np.unique(np.argwhere(np.isnan(scores))[:, 0])
        raise ValueError(f"{who}: scores of row {', '.join(map(str, rows[:5]))} are nan")


def mean_absolute_error(pred: Tensor, target: Tensor) -> Tensor:
    """mean |pred - target|."""
    return F.l1_loss(pred, target)


def mean_squared_error(pred: Tensor, target: Tensor) -> Tensor:
    """mean (pred - target)²."""
    return F.mse_loss(pred, target)


class ConfusionMatrix(Metric):
    """How often class i was taken for class j; its number is the accuracy.

    Args:
        num_classes: C.
        name: in the history, of the accuracy.

    Attributes:
        matrix: (C, C) counts, true classes down and predicted ones across.

    >>> import minitorch
    >>> confusion = ConfusionMatrix(2)
    >>> confusion.update(minitorch.tensor([[0.1, 0.9], [0.2, 0.8]]), minitorch.tensor([0, 1]), 2)
    >>> confusion.matrix.tolist(), confusion.compute()
    ([[0, 1], [0, 1]], 0.5)
    """

    def __init__(self, num_classes: int, name: str = "accuracy"):
        if num_classes < 2:
            raise ValueError(f"ConfusionMatrix: num_classes={num_classes}, expected 2 or more")
        self.num_classes, self.name = num_classes, name
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, pred: Tensor, target: Tensor, size: int) -> None:
        """Takes in a batch: scores (N, C) and labels (N,). It waits for a GPU.

        Raises:
            ValueError: shapes that do not fit, scores that are nan, a label outside 0 to C - 1.
        """
        _check_scores("ConfusionMatrix", pred, target)
        said, true = (move(t.array, CPU) for t in (pred.argmax(1), target))
        for labels in (said, true):
            wrong = labels[(labels < 0) | (labels >= self.num_classes)]
            if wrong.size:
                raise ValueError(
                    f"ConfusionMatrix: class {wrong[0]}, expected 0 to {self.num_classes - 1}"
                )
        np.add.at(self.matrix, (true, said), 1)

    def state_dict(self) -> dict[str, Any]:
        """The counts so far."""
        return {"matrix": self.matrix.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""
        self.matrix = np.array(state["matrix"], np.int64)

    def compute(self) -> float:
        """The share on the diagonal."""
        n = self.matrix.sum()
        return float(np.trace(self.matrix) / n) if n else float("nan")
