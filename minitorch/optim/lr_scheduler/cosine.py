"""Half a cosine wave down, once or again and again.

Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.
"""

from __future__ import annotations

import math

from minitorch.optim.lr_scheduler.base import LRScheduler
from minitorch.optim.lr_scheduler.values import number, whole
from minitorch.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (base_lr − eta_min) · (1 + cos(π t / T_max)) / 2, and eta_min after T_max.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> lrs = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4).curve(7)
    >>> [round(lr, 3) for lr in lrs]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0, 0.0]

    After T_max torch's rises again, as though training on for longer were meant to undo what the
    small steps had found. Here it holds; `CosineAnnealingWarmRestarts` is the one that restarts.

    What lies above eta_min is multiplied step by step, so this schedule combines with others.
    """

    keeps_found_lr = True

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = whole("CosineAnnealingLR", "T_max", T_max, least=1)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return (1 + math.cos(math.pi * min(t, self.T_max) / self.T_max)) / 2

    def lr_at(self, t: int, base_lr: float, lr: float) -> float:
        return self.eta_min + super().lr_at(t, base_lr - self.eta_min, lr - self.eta_min)


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr(t) = eta_min + (base_lr − eta_min) · (1 + cos(π T_cur / T_i)) / 2, starting over each T_i.

    T_cur counts the steps since the last restart, and T_i = T_0, T_0 · T_mult, T_0 · T_mult², ...
    is the length of a cycle.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> scheduler = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=1, T_mult=2)
    >>> [round(lr, 3) for lr in scheduler.curve(7)]
    [1.0, 1.0, 0.5, 1.0, 0.854, 0.5, 0.146]

    It sets the learning rate outright, whatever another schedule or a hand has set before.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = whole("CosineAnnealingWarmRestarts", "T_0", T_0, least=1)
        self.T_mult = whole("CosineAnnealingWarmRestarts", "T_mult", T_mult, least=1)
        self.eta_min = number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, t: float, base_lr: float, lr: float) -> float:
        T_cur, T_i = self._cycle(t)
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * T_cur / T_i)) / 2

    def step(self, epoch: float | None = None) -> None:
        """Goes on to the next step, or to any, also between two epochs: epoch + i / batches."""
        self._warn_of_order()
        if epoch is None:
            epoch = self.last_epoch + 1
        t = number("CosineAnnealingWarmRestarts.step", "epoch", epoch)
        self._go(int(t) if t.is_integer() else t)

    def _cycle(self, t: float) -> tuple[float, int]:
        """T_cur and T_i at step t."""
        T_i = self.T_0
        if self.T_mult == 1:
            return t % T_i, T_i
        while t >= T_i:
            t, T_i = t - T_i, T_i * self.T_mult
        return t, T_i
