"""Up and down: the learning rate in triangles, one after another, or in one arc for a whole run.

While the learning rate is high, momentum can be low, so both may be cycled against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.optim.lr_scheduler.base import Groups, LRScheduler
from minitorch.optim.lr_scheduler.values import (
    number,
    numbers,
    one_of,
    positive,
    whole,
)
from minitorch.optim.optimizer import Optimizer

Floats = float | Sequence[float]  # one for all groups, or one for each


class _Cycle(LRScheduler):
    """A schedule that may set momentum as well: "momentum", or the first of "betas" of Adam."""

    cycle_momentum: bool
    base_momentum: Floats
    max_momentum: Floats

    @property
    def _sets(self) -> tuple[str, ...]:
        return ("lr", "momentum", "betas") if self.cycle_momentum else ("lr",)

    def _momentum_bounds(self, groups: Groups) -> list[tuple[float, float]]:
        """The lower and the upper momentum of each group."""
        name = type(self).__name__
        bounds = _bounds(name, "momentum", self.base_momentum, self.max_momentum, groups, limit=1.0)
        if self.cycle_momentum and not all(
            {"momentum", "betas"} & group.keys() for group in groups
        ):
            raise ValueError(
                f"{name}: the optimizer has neither momentum nor betas to cycle; pass "
                "cycle_momentum=False"
            )
        return bounds


def _bounds(
    owner: str, what: str, low: Floats, high: Floats, groups: Groups, limit: float = math.inf
) -> list[tuple[float, float]]:
    """The lower and the upper bound of what is cycled, for each group."""
    lower = numbers(owner, f"base_{what}", low, len(groups), limit)
    upper = numbers(owner, f"max_{what}", high, len(groups), limit)
    for a, b in zip(lower, upper):
        if a > b:
            raise ValueError(f"{owner}: base_{what} {a} is above max_{what} {b}")
    return list(zip(lower, upper))


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class CyclicLR(_Cycle):
    """lr(t) = base_lr + (max_lr − base_lr) · h(t) · s: a triangle h between 0 and 1, scaled by s.

    h rises from 0 to 1 in `step_size_up` steps and falls back in `step_size_down` (as many, where
    that is None). s is 1 in mode "triangular", 1 / 2^(cycle − 1) in "triangular2" and gamma^t in
    "exp_range". With `scale_fn`, s is scale_fn(cycle), cycle = 1, 2, ..., or scale_fn(t) where
    `scale_mode` is "iterations". Momentum is max_momentum − (max_momentum − base_momentum) · h · s.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.CyclicLR(optimizer, base_lr=1, max_lr=3, step_size_up=2)
    >>> scheduler.curve(7)
    [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0]

    It is meant to be stepped after every batch, and sets the learning rate outright. `base_lr`,
    `max_lr`, `base_momentum` and `max_momentum` are one number, or a list of one for each group.

    Smith, Cyclical Learning Rates for Training Neural Networks, 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Floats,
        max_lr: Floats,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Floats = 0.8,
        max_momentum: Floats = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.base_lr, self.max_lr = base_lr, max_lr
        self.step_size_up = whole("CyclicLR", "step_size_up", step_size_up, least=1)
        down = step_size_up if step_size_down is None else step_size_down
        self.step_size_down = whole("CyclicLR", "step_size_down", down, least=1)
        modes = ("triangular", "triangular2", "exp_range")
        self.mode = mode if scale_fn else one_of("CyclicLR", "mode", mode, modes)
        self.gamma = number("CyclicLR", "gamma", gamma)
        self.scale_fn = scale_fn
        self.scale_mode = one_of("CyclicLR", "scale_mode", scale_mode, ("cycle", "iterations"))
        self.cycle_momentum = cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        super().__init__(optimizer, last_epoch)
        self.base_lrs = [low for low, _ in self._lr_bounds(optimizer.param_groups)]

    def _initial_lrs(self, groups: Groups) -> list[Any]:
        return [g.get("initial_lr", low) for g, (low, _) in zip(groups, self._lr_bounds(groups))]

    def _lr_bounds(self, groups: Groups) -> list[tuple[float, float]]:
        return _bounds("CyclicLR", "lr", self.base_lr, self.max_lr, groups)

    def _advance(self, t: int, groups: Groups) -> None:
        up = self.step_size_up / (self.step_size_up + self.step_size_down)
        passed = 1 + t / (self.step_size_up + self.step_size_down)
        cycle = math.floor(passed)
        x = passed - cycle
        height = x / up if x <= up else (x - 1) / (up - 1)
        height *= self._scale(t, cycle)
        for group, (low, high) in zip(groups, self._lr_bounds(groups)):
            group["lr"] = low + (high - low) * height
        if self.cycle_momentum:
            for group, (low, high) in zip(groups, self._momentum_bounds(groups)):
                _set_momentum(group, high - (high - low) * height)

    def _scale(self, t: int, cycle: int) -> float:
        if self.scale_fn:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else t)
        if self.mode == "exp_range":
            return self.gamma**t
        return 0.5 ** (cycle - 1) if self.mode == "triangular2" else 1.0


class OneCycleLR(_Cycle):
    """One arc for a whole run: from max_lr / div_factor up to max_lr, and down to almost nothing.

    The learning rate goes from initial = max_lr / div_factor up to max_lr during the first
    `pct_start` of `total_steps`, and from there down to initial / final_div_factor; where
    `three_phase`, first back to initial as slowly as it came, and then down. Between two values, a
    and b, it goes along a cosine, b + (a − b) · (1 + cos(π p)) / 2 with p from 0 to 1, or along a
    straight line ("linear"). Momentum goes from max_momentum to base_momentum and back meanwhile.

    `total_steps` may be given as `epochs` and `steps_per_epoch`.

    >>> from minitorch import optim, tensor
    >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> [round(lr, 2) for lr in scheduler.curve(10)]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]

    It is meant to be stepped after every batch, and sets the learning rate outright. The usual loop
    calls `step` once more after the last batch; beyond that it raises ValueError.

    Smith and Topin, Super-Convergence: Very Fast Training Using Large Learning Rates, 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Floats,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Floats = 0.85,
        max_momentum: Floats = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.max_lr = max_lr
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        self.pct_start = number("OneCycleLR", "pct_start", pct_start, high=1.0)
        self.anneal_strategy = one_of(
            "OneCycleLR", "anneal_strategy", anneal_strategy, ("cos", "linear")
        )
        self.cycle_momentum = cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor = positive("OneCycleLR", "div_factor", div_factor)
        self.final_div_factor = positive("OneCycleLR", "final_div_factor", final_div_factor)
        self.three_phase = three_phase
        super().__init__(optimizer, last_epoch)

    def _initial_lrs(self, groups: Groups) -> list[Any]:
        highest = numbers("OneCycleLR", "max_lr", self.max_lr, len(groups))
        return [lr / self.div_factor for lr in highest]

    def _advance(self, t: int, groups: Groups) -> None:
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {t} is past the end, total_steps is {self.total_steps}; give "
                "the number of all batches of the run, epochs × batches per epoch"
            )
        part, passed = self._phase(t)
        bounds = zip(
            numbers("OneCycleLR", "max_lr", self.max_lr, len(groups)),
            self._momentum_bounds(groups),
        )
        for group, (high, (calm, fast)) in zip(groups, bounds):
            initial = high / self.div_factor
            last = initial / self.final_div_factor
            lrs = [initial, high, initial, last] if self.three_phase else [initial, high, last]
            group["lr"] = self._between(lrs[part], lrs[part + 1], passed)
            if self.cycle_momentum:
                momenta = [fast, calm, fast, fast]
                _set_momentum(group, self._between(momenta[part], momenta[part + 1], passed))

    def _phase(self, t: int) -> tuple[int, float]:
        """The phase that step t is in, and which part of it has passed."""
        rise = self.pct_start * self.total_steps
        ends = [rise - 1, 2 * rise - 2] if self.three_phase else [rise - 1]
        ends.append(self.total_steps - 1)
        part = next((i for i, end in enumerate(ends) if t <= end), len(ends) - 1)
        begin = ends[part - 1] if part else 0.0
        return part, (t - begin) / (ends[part] - begin) if ends[part] != begin else 1.0

    def _between(self, start: float, end: float, passed: float) -> float:
        if self.anneal_strategy == "cos":
            return end + (start - end) / 2 * (1 + math.cos(math.pi * passed))
        # One step past the end a straight line would lead below zero.
        return start + (end - start) * min(passed, 1.0)


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The steps of a run, given as such or as epochs times batches."""
    if total_steps is not None:
        return whole("OneCycleLR", "total_steps", total_steps, least=1)
    if epochs is None or steps_per_epoch is None:
        raise ValueError(
            "OneCycleLR: the length of the run is missing; give total_steps, or both epochs and "
            "steps_per_epoch"
        )
    return whole("OneCycleLR", "epochs", epochs, least=1) * whole(
        "OneCycleLR", "steps_per_epoch", steps_per_epoch, least=1
    )
