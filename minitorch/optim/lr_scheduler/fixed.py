"""Schedules that multiply: the learning rate of step t is the initial one times factor_at(t).

Several of them on one optimizer multiply each other, and a learning rate changed by hand stays
changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from minitorch.optim.lr_scheduler.base import LRScheduler
from minitorch.optim.lr_scheduler.values import number, positive, whole
from minitorch.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """factor_at(t) = gamma^⌊t / step_size⌋: down by `gamma` every `step_size` steps.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5).curve(6)
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]

    Raises ValueError for a step size below 1 and a negative gamma.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = whole("StepLR", "step_size", step_size, least=1)
        self.gamma = number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """factor_at(t) = gamma^m, where m milestones are at t or before: down by `gamma` at each.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 4], gamma=0.5).curve(6)
    [1.0, 0.5, 0.5, 0.5, 0.25, 0.25]

    A milestone that is given twice counts twice, and their order does not matter.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(
                f"MultiStepLR: milestones is {milestones!r}, expected a list of steps, such as [30]"
            )
        self.milestones = sorted(whole("MultiStepLR", "a milestone", m, 0) for m in milestones)
        self.gamma = number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.gamma ** bisect_right(self.milestones, t)


class ConstantLR(LRScheduler):
    """factor_at(t) = `factor` for t < total_iters, then 1.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2).curve(4)
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = number("ConstantLR", "factor", factor, high=1.0)
        self.total_iters = whole("ConstantLR", "total_iters", total_iters, least=1)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.factor if t < self.total_iters else 1.0


class LinearLR(LRScheduler):
    """factor_at(t) = s + (e − s) · min(t, T) / T: straight from s to e in T steps, then e.

    s is `start_factor`, e is `end_factor`, T is `total_iters`. With the defaults it is a warm-up.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2).curve(4)
    [0.5, 0.75, 1.0, 1.0]

    Raises ValueError unless 0 < start_factor ≤ 1, 0 ≤ end_factor ≤ 1 and total_iters ≥ 1.
    """

    keeps_found_lr = True

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = positive("LinearLR", "start_factor", start_factor, high=1.0)
        self.end_factor = number("LinearLR", "end_factor", end_factor, high=1.0)
        self.total_iters = whole("LinearLR", "total_iters", total_iters, least=1)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        passed = min(t, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * passed


class ExponentialLR(LRScheduler):
    """factor_at(t) = gamma^t: the same part of it is lost at every step.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5).curve(4)
    [1.0, 0.5, 0.25, 0.125]
    """

    keeps_found_lr = True

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.gamma**t


class PolynomialLR(LRScheduler):
    """factor_at(t) = (1 − min(t, T) / T)^power, T = `total_iters`: down to zero in T steps.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2).curve(6)
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """

    keeps_found_lr = True

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = whole("PolynomialLR", "total_iters", total_iters, least=1)
        self.power = number("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power
