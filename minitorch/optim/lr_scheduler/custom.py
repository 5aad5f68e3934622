"""Schedules given as functions: of the step, for the learning rate or for its change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minitorch.optim.lr_scheduler.base import Groups, LRScheduler
from minitorch.optim.lr_scheduler.values import checked_optimizer, number, per_group
from minitorch.optim.optimizer import Optimizer

Function = Callable[[int], float]


class LambdaLR(LRScheduler):
    """lr(t) = base_lr · lr_lambda(t), with one function, or a list of one for each group.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t)).curve(4)
    [1.0, 0.5, 0.3333333333333333, 0.25]

    It sets the learning rate outright, whatever another schedule or a hand has set before; derive
    from `LRScheduler` for one that multiplies. The functions are not part of `state_dict()`.
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function], last_epoch: int = -1
    ) -> None:
        self.lr_lambda = lr_lambda
        self.lr_lambdas = _functions(type(self).__name__, optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def _advance(self, t: int, groups: Groups) -> None:
        for group, base_lr, function in zip(groups, self.base_lrs, self.lr_lambdas):
            group["lr"] = base_lr * number("LambdaLR", f"lr_lambda({t})", function(t))


class MultiplicativeLR(LRScheduler):
    """lr(t) = lr(t − 1) · lr_lambda(t) from t = 1 on, with one function or one for each group.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5).curve(4)
    [1.0, 0.5, 0.25, 0.125]

    The functions are not part of `state_dict()`.
    """

    keeps_found_lr = True

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function], last_epoch: int = -1
    ) -> None:
        self.lr_lambda = lr_lambda
        self.lr_lambdas = _functions(type(self).__name__, optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def _advance(self, t: int, groups: Groups) -> None:
        if t > 0:
            self._multiply(t, groups)

    def _begin(self, groups: Groups) -> None:
        # A schedule of changes goes on from what it finds, as in torch.
        self._multiply(0, groups)

    def _multiply(self, t: int, groups: Groups) -> None:
        for group, function in zip(groups, self.lr_lambdas):
            group["lr"] *= number("MultiplicativeLR", f"lr_lambda({t})", function(t))


def _functions(
    owner: str, optimizer: Optimizer, given: Function | Sequence[Function]
) -> list[Function]:
    """One function for each group."""
    groups = checked_optimizer(owner, optimizer).param_groups
    functions = per_group(owner, "lr_lambda", given, len(groups))
    for function in functions:
        if not callable(function):
            raise TypeError(f"{owner}: lr_lambda is {function!r}, expected a function of the step")
    return functions
