"""The losses of an epoch: looked at as they come, where looking is free, and summed up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.tensor import ShapeError, Tensor

_UNREAD = 50  # how many losses stay on a GPU before they are fetched, all at once
_LABELLED = ("cross_entropy", "nll_loss")


class Losses:
    """Training losses as they come, their mean, and whether they are still numbers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new epoch begins."""
        self._unread: list[tuple[Array, int, tuple[int, int, int]]] = []  # (loss, examples, where)
        self.total, self.count = 0.0, 0
        self.ignored: Any = 0  # a number, or on a GPU an array of one

    @property
    def begun(self) -> bool:
        """Has there been a batch in this epoch?"""
        return bool(self.count or self._unread)

    def note(self, learner: Any, size: int) -> None:
        """Takes in the loss of a batch.

        Raises:
            FloatingPointError: it is nan or infinite (on a GPU: one of the last is).
        """
        x = learner.loss.array
        if isinstance(x, np.ndarray):
            self._take(x.item(), size, learner)
        else:
            self._unread.append((x, size, (learner.epoch, learner.batch, learner.step)))
            if len(self._unread) >= _UNREAD:
                self._read(learner)
        label = ignored_label(learner.loss_function)
        if label is not None and isinstance(learner.target, Tensor):
            labels = learner.target.array
            if label >= 0 or _may_be_below_zero(labels):
                self.ignored = self.ignored + np.count_nonzero(labels == label)

    def _read(self, learner: Any) -> None:
        unread, self._unread = self._unread, []
        for x, size, where in unread:
            self._take(x.item(), size, learner, where)

    def _take(
        self, value: float, size: int, learner: Any, where: tuple[int, int, int] | None = None
    ) -> None:
        if not math.isfinite(value):
            epoch, batch, step = where or (learner.epoch, learner.batch, learner.step)
            raise FloatingPointError(
                f"fit: the loss is {value} in epoch {epoch + 1}, batch {batch + 1} (step "
                f"{step + 1}); look at what goes in there, lower lr, or find the op with "
                "detect_anomaly()"
            )
        self.total += value * size
        self.count += size
        learner.history.steps["loss"].append(value)

    def measured(self, learner: Any) -> dict[str, float]:
        """The numbers of the epoch."""
        self._read(learner)
        values = {"train_loss": self.total / self.count if self.count else math.nan}
        if ignored := int(self.ignored):
            values["ignored"] = ignored
        return values

    def state_dict(self, learner: Any) -> dict[str, Any]:
        """The sums of an epoch that has begun."""
        self._read(learner)
        return {"total": self.total, "count": self.count, "ignored": int(self.ignored)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""
        self.total, self.count = state["total"], state["count"]
        self.ignored = state["ignored"]


def ignored_label(loss_function: Callable) -> int | None:
    """The label whose rows the loss leaves out, if it is a loss that leaves out some."""
    index = getattr(loss_function, "ignore_index", None)
    if index is None and getattr(loss_function, "__name__", None) in _LABELLED:
        return -100
    return index


def _may_be_below_zero(x: Array) -> bool:
    """False where a look at the smallest number, which takes less than to compare all, says so."""
    return not isinstance(x, np.ndarray) or x.size == 0 or x.item(x.argmin()) < 0


def check_loss(loss: Any, who: Any) -> None:
    """Raises unless the loss is a Tensor of one number."""
    if not isinstance(loss, Tensor):
        raise TypeError(f"fit: the loss of {who} is a {type(loss).__name__}, expected a Tensor")
    if loss.array.size != 1:
        raise ShapeError(
            f"fit: the loss of {who} has shape {loss.shape}, expected one number: the mean over "
            "the batch"
        )
