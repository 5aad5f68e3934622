"""A schedule that watches: the learning rate goes down when the loss no longer does."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, SupportsFloat

from minitorch.optim.lr_scheduler.base import LRScheduler
from minitorch.optim.lr_scheduler.values import checked_optimizer, number, numbers, one_of, whole
from minitorch.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr ← max(factor · lr, min_lr), when the metric has not improved for over `patience` steps.

    `step(metrics)` takes the number to watch. It improves (m against the best so far, b) when

        m < b · (1 − threshold)  or, with threshold_mode "abs", m < b − threshold    in mode "min",
        m > b · (1 + threshold)  or, with threshold_mode "abs", m > b + threshold    in mode "max".

    After a reduction, `cooldown` steps pass before steps without improvement count again. A change
    of the learning rate by `eps` or less is not made. `min_lr` is one number, or a list for groups.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]

    Raises ValueError for a metric that is nan, which torch counts as no improvement.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        self.mode = one_of(name, "mode", mode, ("min", "max"))
        self.factor = number(name, "factor", factor, high=1.0)
        if factor == 1:
            raise ValueError(f"{name}: factor is {factor!r}, expected less than 1")
        self.patience = whole(name, "patience", patience, least=0)
        self.threshold = number(name, "threshold", threshold)
        self.threshold_mode = one_of(name, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.cooldown = whole(name, "cooldown", cooldown, least=0)
        self.eps = number(name, "eps", eps)
        self.min_lr = min_lr
        groups = checked_optimizer(name, optimizer).param_groups
        numbers(name, "min_lr", min_lr, len(groups))
        self.optimizer = optimizer
        self._start = [self._settings_of(group) for group in groups]
        self._reset()

    def _reset(self) -> None:
        self.last_epoch = 0
        self.best: float | None = None
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Takes note of the metric of one more epoch, and lowers the learning rates if need be."""
        value = self._value(metrics)
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _value(self, metrics: Any) -> float:
        try:
            value = float(metrics)
        except (TypeError, ValueError) as error:
            error.add_note(f"ReduceLROnPlateau.step: expected one number to watch, got {metrics!r}")
            raise
        if math.isnan(value):
            raise ValueError(
                "ReduceLROnPlateau.step: the metric is nan; a smaller learning rate would not mend "
                "that, so look for its cause"
            )
        return value

    def _is_better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        best = -sign * math.inf if self.best is None else self.best
        if self.threshold_mode == "rel":
            bar = best * (1 + sign * self.threshold)
        else:
            bar = best + sign * self.threshold
        return value > bar if self.mode == "max" else value < bar

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        lowest = numbers("ReduceLROnPlateau", "min_lr", self.min_lr, len(groups))
        for group, least in zip(groups, lowest):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def init(self, epoch: int) -> None:
        """Not for this schedule: what it does depends on the metrics it saw, not on the step."""
        raise TypeError(
            f"ReduceLROnPlateau.init: step {epoch} follows from the metrics seen until then; save "
            "state_dict() and restore with load_state_dict(...)"
        )

    def curve(self, metrics: Iterable[float]) -> list[float] | list[list[float]]:  # type: ignore[override]
        """The learning rates that epochs with these metrics would have been run with."""
        groups: list[dict[str, Any]] = [dict(settings) for settings in self._start]
        twin = copy.copy(self)
        twin.optimizer = SimpleNamespace(param_groups=groups)
        twin._reset()
        curves: list[list[float]] = [[] for _ in groups]
        for value in metrics:
            for values, group in zip(curves, groups):
                values.append(group["lr"])
            twin.step(value)
        return curves if len(curves) > 1 else curves[0]
