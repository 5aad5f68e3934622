"""Several schedules on one optimizer: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from minitorch.errors import CheckpointError
from minitorch.optim.lr_scheduler.base import Groups, LRScheduler
from minitorch.optim.lr_scheduler.fixed import ConstantLR, LinearLR
from minitorch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minitorch.optim.lr_scheduler.values import checked_optimizer, whole
from minitorch.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """A schedule made of others. They have no step of their own: this one counts for them."""

    schedulers: list[LRScheduler]

    @property
    def _sets(self) -> tuple[str, ...]:
        return tuple({key: None for s in self.schedulers for key in s._sets})

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "schedulers": [s._state() for s in self.schedulers]}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        if len(state["schedulers"]) != len(self.schedulers):
            raise CheckpointError(
                f"{type(self).__name__}.load_state_dict: the state is one of "
                f"{len(state['schedulers'])} schedules, and these are {len(self.schedulers)}"
            )
        for scheduler, part in zip(self.schedulers, state["schedulers"]):
            scheduler._check(part)

    def _restore(self, state: dict[str, Any]) -> None:
        parts = state["schedulers"]
        super()._restore({key: v for key, v in state.items() if key != "schedulers"})
        for scheduler, part in zip(self.schedulers, parts):
            scheduler._restore(part)


class SequentialLR(_Combined):
    """One schedule after the other: the next one starts, from its own step 0, at each milestone.

    >>> from minitorch import optim, tensor
    >>> from minitorch.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> decay = ExponentialLR(optimizer, gamma=0.5)
    >>> SequentialLR(optimizer, [warm_up, decay], milestones=[3]).curve(6)
    [0.25, 0.5, 0.75, 1.0, 0.5, 0.25]

    "In series" is this one. torch's `ChainedScheduler` applies all of its schedules at every step.
    After the last milestone the last schedule goes on, and holds where that is its way.

    Stages may be combined schedules themselves. `ReduceLROnPlateau` cannot be one, since its step
    needs a metric. Raises ValueError unless there is one milestone fewer than schedules, in
    ascending order, and all schedules were built on `optimizer`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        name = type(self).__name__
        self.schedulers = _stages(name, checked_optimizer(name, optimizer), schedulers)
        self.milestones = [whole(name, "a milestone", m, least=0) for m in milestones]
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{name}: {len(self.schedulers)} schedules and {len(self.milestones)} milestones; "
                "expected one milestone for each schedule but the first, the step where it starts"
            )
        if self.milestones != sorted(self.milestones):
            raise ValueError(f"{name}: milestones are {milestones}, expected an ascending order")
        # Building the stages has set the learning rate of each: all of that is taken back.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        super().__init__(optimizer)
        if last_epoch != -1:
            self.init(last_epoch + 1)

    def _advance(self, t: int, groups: Groups) -> None:
        stage, first = self._stage(t)
        if 0 < t == first:
            stage._begin(groups)
        else:
            stage._advance(t - first, groups)

    def _stage(self, t: int) -> tuple[LRScheduler, int]:
        """The schedule that step t belongs to, and the step it started at."""
        i = bisect_right(self.milestones, t)
        return self.schedulers[i], self.milestones[i - 1] if i else 0

    def _arrive(self, t: int) -> None:
        super()._arrive(t)
        # A stage stands before its beginning, on its way, or at its last step.
        for stage, first, end in zip(
            self.schedulers, [0, *self.milestones], [*self.milestones, t + 1]
        ):
            stage._arrive(max(min(t, end - 1) - first, -1))


class ChainedScheduler(_Combined):
    """All schedules at every step, in their order: those that multiply make a product.

    >>> from minitorch import optim, tensor
    >>> from minitorch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> slow_start = ConstantLR(optimizer, factor=0.125, total_iters=2)
    >>> decay = ExponentialLR(optimizer, gamma=0.5)
    >>> ChainedScheduler([slow_start, decay]).curve(4)
    [0.125, 0.0625, 0.25, 0.125]

    One after the other is `SequentialLR`, whatever the name says. A schedule that sets the learning
    rate outright (LambdaLR, CyclicLR, ...) makes those before it in the list vain.

    Raises ValueError where the schedules are of different optimizers, or at different steps.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if optimizer is None and len(schedulers):
            optimizer = getattr(schedulers[0], "optimizer", None)
        self.schedulers = _stages("ChainedScheduler", optimizer, schedulers)
        steps = {scheduler.last_epoch for scheduler in self.schedulers}
        if len(steps) > 1:
            raise ValueError(
                f"ChainedScheduler: the schedules stand at different steps, {sorted(steps)}; take "
                "each to the same one with init(...)"
            )
        # The schedules have set their step already when they were built.
        self._attach(self.schedulers[0].optimizer, last_epoch=-1)
        self.last_epoch = steps.pop()

    def _advance(self, t: int, groups: Groups) -> None:
        for scheduler in self.schedulers:
            scheduler._advance(t, groups)

    def _arrive(self, t: int) -> None:
        super()._arrive(t)
        for scheduler in self.schedulers:
            scheduler._arrive(t)


class WarmupLR(SequentialLR):
    """A straight climb to the full learning rate in `total_iters` steps, then the schedule `then`.

    lr(t) = base_lr · (s + (1 − s) · t / total_iters) for t < total_iters, s = `start_factor`; from
    there on step t is step t − total_iters of `then`, or the full learning rate where it is None.

    >>> from minitorch import optim, tensor
    >>> from minitorch.optim.lr_scheduler import CosineAnnealingLR, WarmupLR
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
    >>> scheduler = WarmupLR(optimizer, 2, CosineAnnealingLR(optimizer, T_max=4), start_factor=0.5)
    >>> [round(lr, 3) for lr in scheduler.curve(7)]
    [0.5, 0.75, 1.0, 0.854, 0.5, 0.146, 0.0]

    It is short for the `SequentialLR` that torch's users write: `LinearLR`, then the other.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int,
        then: LRScheduler | None = None,
        start_factor: float = 1.0 / 3,
    ) -> None:
        warm_up = LinearLR(optimizer, start_factor, total_iters=total_iters)
        self.total_iters, self.start_factor = warm_up.total_iters, warm_up.start_factor
        self.then = ConstantLR(optimizer, factor=1.0) if then is None else then
        super().__init__(optimizer, [warm_up, self.then], milestones=[warm_up.total_iters])


def _stages(owner: str, optimizer: Any, schedulers: Sequence[LRScheduler]) -> list[LRScheduler]:
    """The schedules as a list, each checked to be one that can be combined on this optimizer."""
    if not len(schedulers):
        raise ValueError(f"{owner}: expected at least one schedule, got none")
    for i, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(f"{owner}: schedule {i} is {scheduler!r}, expected a scheduler")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{owner}: schedule {i} is a ReduceLROnPlateau, whose step needs a metric; step it "
                "beside the others"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(f"{owner}: schedule {i}, {scheduler!r}, is of another optimizer")
    return list(schedulers)
