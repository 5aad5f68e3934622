"""Callbacks: what else happens while a model trains, said beside the loop and not inside it.

A callback is a class with methods named after the events it wants to hear of:

    class PrintLoss(Callback):
        def after_batch(self, learner):
            print(learner.step, learner.loss.item())

Events come in this order, those of an epoch and of a batch once for each:

    before_fit
      before_epoch
        before_batch  after_predict  after_loss  after_backward  after_step  after_batch
        before_validate  after_predict  after_loss  after_validate
      after_epoch
    after_fit

Raising `CancelBatch`, `CancelEpoch` or `CancelFit` in one skips the rest of that stretch; its
`after_` event comes all the same. After the batches of an epoch were cut short the epoch is
measured as far as it went.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from minitorch.io import save
from minitorch.io.file import check_writable

EVENTS = (
    "before_fit",
    "before_epoch",
    "before_batch",
    "after_predict",
    "after_loss",
    "after_backward",
    "after_step",
    "after_batch",
    "before_validate",
    "after_validate",
    "after_epoch",
    "after_fit",
)


class Cancel(Exception):  # noqa: N818 - it is no error
    """What a callback raises to skip something."""


class CancelBatch(Cancel):
    """Goes on with the next batch."""


class CancelEpoch(Cancel):
    """Goes on with the next epoch."""


class CancelFit(Cancel):
    """Ends the training."""


class Callback:
    """The base class; those with a lower `order` hear of an event first."""

    order = 0

    def __init_subclass__(cls) -> None:
        for name in vars(cls):
            if name.startswith(("before_", "after_")) and name not in EVENTS:
                raise TypeError(f"{cls.__name__}.{name}: no such event; {', '.join(EVENTS)}")

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know: plain numbers, strings and Tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""


def as_callbacks(callbacks: Any) -> list[Callback]:
    """A list of callbacks, or an error where it is none."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks: expected a list of callbacks, got {callbacks!r}")
    found = list(callbacks)
    for callback in found:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks: expected objects of subclasses of Callback, got {callback!r}"
            )
    return found


def listeners(callbacks: Iterable[Callback]) -> dict[str, tuple[Callable, ...]]:
    """For each event, the methods that want to hear of it, in order."""
    ordered = sorted(callbacks, key=lambda callback: callback.order)
    return {
        event: tuple(getattr(c, event) for c in ordered if hasattr(c, event)) for event in EVENTS
    }


def check_monitor(who: str, monitor: str, learner: Any) -> None:
    """Raises unless the history of this fit will have that entry."""
    if monitor not in learner.measured:
        near = get_close_matches(monitor, learner.measured, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{who}: this fit does not measure monitor={monitor!r}, only "
            f"{', '.join(learner.measured)}{hint}"
        )


class Schedule(Callback):
    """Steps a learning-rate scheduler, after every step of the optimizer or after every epoch.

    Args:
        scheduler: from `optim.lr_scheduler`, or a function that makes one of the optimizer.
        per: "batch" or "epoch"; where batches are accumulated, those of a step count as one.
        monitor: for ReduceLROnPlateau: the entry of the history that it looks at.
    """

    order = 10

    def __init__(self, scheduler: Any, per: str = "epoch", monitor: str | None = None):
        if per not in ("batch", "epoch"):
            raise ValueError(f"Schedule: per must be 'batch' or 'epoch', got {per!r}")
        if monitor is not None and per == "batch":
            raise ValueError("Schedule: monitor needs per='epoch'; it is known once an epoch")
        if not (callable(scheduler) or hasattr(scheduler, "step")):
            raise TypeError(
                "Schedule: expected a scheduler, or a function of the optimizer that makes one, "
                f"got {scheduler!r}"
            )
        self.scheduler, self.per, self.monitor = scheduler, per, monitor
        self._loaded: dict[str, Any] = {}  # the state of a scheduler that is not made yet

    def before_fit(self, learner: Any) -> None:
        """Is there what it monitors, and is it this optimizer's schedule?"""
        if self.monitor is not None:
            check_monitor("Schedule", self.monitor, learner)
        if self._is_made and self.scheduler.optimizer is not learner.optimizer:
            raise ValueError(
                "Schedule: the scheduler was built on another optimizer than this fit's"
            )

    def after_predict(self, learner: Any) -> None:
        """Sees to it that the first step already has the schedule's learning rate."""
        if not self._is_made and learner.training:
            self._make(learner.optimizer)

    def after_step(self, learner: Any) -> None:
        """One step, per batch."""
        if self.per == "batch":
            self.scheduler.step()

    def after_epoch(self, learner: Any) -> None:
        """One step, per epoch."""
        if self.per == "epoch":
            if not self._is_made:  # resumed where only the end of an epoch was left
                self._make(learner.optimizer)
            if self.monitor is None:
                self.scheduler.step()
            else:
                self.scheduler.step(learner.history.last(self.monitor))

    @property
    def _is_made(self) -> bool:
        return hasattr(self.scheduler, "step")

    def _make(self, optimizer: Any) -> None:
        self.scheduler = self.scheduler(optimizer)
        if self._loaded:
            self.scheduler.load_state_dict(self._loaded)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's."""
        return self.scheduler.state_dict() if self._is_made else self._loaded

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The scheduler's."""
        if self._is_made and state:
            self.scheduler.load_state_dict(state)
        self._loaded = state


_SMALL_IS_GOOD = ("loss", "error", "perplexity")


class _Monitor(Callback):
    """Looks at one entry of the history after every epoch: did it get better?"""

    order = 20

    def __init__(
        self, monitor: str = "valid_loss", mode: str | None = None, min_delta: float = 0.0
    ):
        if mode not in (None, "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'min' or 'max', got {mode!r}")
        if not min_delta >= 0:
            raise ValueError(f"{type(self).__name__}: min_delta must be >= 0, got {min_delta}")
        self.monitor, self.min_delta = monitor, min_delta
        if mode is None:
            mode = "min" if any(word in monitor for word in _SMALL_IS_GOOD) else "max"
        self.sign = 1 if mode == "min" else -1
        self.best, self.best_epoch = math.inf, -1

    def before_fit(self, learner: Any) -> None:
        """Starts over, except in the middle of a run that is resumed."""
        check_monitor(type(self).__name__, self.monitor, learner)
        if learner.epoch == 0:
            self.best, self.best_epoch = math.inf, -1

    def improved(self, learner: Any) -> bool:
        """Is this epoch the best so far?"""
        value = self.sign * learner.history.last(self.monitor)
        if value < self.best - self.min_delta:
            self.best, self.best_epoch = value, learner.epoch
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The best value and its epoch."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Monitor):
    """Stops once the monitored value has not improved for `patience` epochs.

    Args:
        monitor: an entry of the history: "valid_loss", "train_loss", or the name of a metric.
        patience: how many epochs in a row without improvement are one too many.
        mode: "min" or "max"; by default "min" for losses and errors, "max" for the rest.
        min_delta: what counts as an improvement is more than this.

    Raises:
        ValueError: options out of range; at the start of a fit, nothing of that name is measured.
    """

    order = 30

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 3,
        mode: str | None = None,
        min_delta: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.patience = patience

    def before_fit(self, learner: Any) -> None:
        """Does not go on with a run that it has stopped before."""
        super().before_fit(learner)
        self._stop_if_stale(learner.epoch - 1)

    def after_epoch(self, learner: Any) -> None:
        """Looks, and stops."""
        if not self.improved(learner):
            self._stop_if_stale(learner.epoch)

    def _stop_if_stale(self, epoch: int) -> None:
        if epoch - self.best_epoch >= self.patience:
            raise CancelFit


class KeepBest(_Monitor):
    """Remembers the model of the best epoch, and gives it back at the end.

    Args:
        monitor: an entry of the history.
        path: also save each new best there, by `minitorch.save`.
        restore: at the end, load the best into the model.
        mode: "min" or "max"; by default "min" for losses and errors, "max" for the rest.

    Attributes:
        best, best_epoch: the best value (negated where large is good), and its epoch.
        state: the model's state after that epoch.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        path: str | os.PathLike[str] | None = None,
        restore: bool = True,
        mode: str | None = None,
    ):
        super().__init__(monitor, mode)
        self.path, self.restore = path, restore
        self.state: dict[str, Any] | None = None

    def before_fit(self, learner: Any) -> None:
        """Finds out now, and not after an epoch, whether a file can be written."""
        super().before_fit(learner)
        if learner.epoch == 0:
            self.state = None
        if self.path is not None:
            check_writable(self.path)

    def after_epoch(self, learner: Any) -> None:
        """Looks, and keeps a copy."""
        if self.improved(learner):
            self.state = learner.model.state_dict()
            if self.path is not None:
                save(self.state, self.path)

    def after_fit(self, learner: Any) -> None:
        """Gives the best back."""
        if self.restore and self.state is not None:
            learner.model.load_state_dict(self.state)

    def state_dict(self) -> dict[str, Any]:
        """The best value, its epoch and its model."""
        return {**super().state_dict(), "state": self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The best value, its epoch and its model."""
        super().load_state_dict(state)
        self.state = state["state"]
