"""Optimizers and schedules for the tests of `optim.lr_scheduler`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from minitorch import optim, tensor
from minitorch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
    WarmupLR,
)


def sgd(*lrs: float) -> optim.SGD:
    """An optimizer with one group for each learning rate, which has made a step already."""
    return stepped(optim.SGD(groups(*lrs), momentum=0.9))


def adam(*lrs: float) -> optim.Adam:
    return stepped(optim.Adam(groups(*lrs), betas=(0.9, 0.99)))


def groups(*lrs: float) -> list[dict[str, Any]]:
    return [{"params": [tensor([1.0], requires_grad=True)], "lr": lr} for lr in lrs]


def stepped(optimizer: Any) -> Any:
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = tensor([1.0])
    optimizer.step()
    return optimizer


def lrs_of(optimizer: Any) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def settings_of(optimizer: Any) -> list[dict[str, Any]]:
    keys = ("lr", "momentum", "betas")
    return [{k: g[k] for k in keys if k in g} for g in optimizer.param_groups]


def walk(optimizer: Any, scheduler: Any, steps: int) -> list[float]:
    """The learning rates of the first group, now and after each of `steps` steps."""
    seen = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        scheduler.step()
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def trace(lr: float, build: Callable[[Any], LRScheduler], steps: int) -> list[float]:
    """The same, on an optimizer of its own."""
    optimizer = sgd(lr)
    return walk(optimizer, build(optimizer), steps)


class InverseTime(LRScheduler):
    def factor_at(self, t: int) -> float:
        return 1 / (1 + t)


class InTorchsForm(LRScheduler):
    """A schedule as torch's users write it: recursive, from what the optimizer holds."""

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [group["lr"] for group in self.optimizer.param_groups]
        return [group["lr"] * (1 - 0.5 / self.last_epoch) for group in self.optimizer.param_groups]


def warm_cosine(o: Any) -> LRScheduler:
    return SequentialLR(o, [LinearLR(o, 0.25, total_iters=3), CosineAnnealingLR(o, 6, 0.01)], [3])


# Every schedule, alone and combined, each on an optimizer with two groups and momentum.
BUILDERS: dict[str, Callable[[Any], LRScheduler]] = {
    "step": lambda o: StepLR(o, 3, gamma=0.3),
    "multi-step": lambda o: MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    "constant": lambda o: ConstantLR(o, factor=0.3, total_iters=4),
    "linear": lambda o: LinearLR(o, 0.1, 0.7, total_iters=6),
    "exponential": lambda o: ExponentialLR(o, gamma=0.83),
    "polynomial": lambda o: PolynomialLR(o, total_iters=7, power=1.7),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=9, eta_min=0.003),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, T_0=2, T_mult=2, eta_min=0.001),
    "lambda": lambda o: LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "multiplicative": lambda o: MultiplicativeLR(o, lambda t: 1 - 0.5 / t),
    "cyclic": lambda o: CyclicLR(o, 0.1, [1.0, 2.0], step_size_up=3, step_size_down=2),
    "one-cycle": lambda o: OneCycleLR(o, max_lr=[1.0, 2.0], total_steps=60),
    "user's": InverseTime,
    "in torch's form": InTorchsForm,
    "warm-up": lambda o: WarmupLR(o, 4, CosineAnnealingLR(o, T_max=8)),
    "sequence": lambda o: SequentialLR(
        o, [InverseTime(o), MultiplicativeLR(o, lambda t: 0.9), StepLR(o, 2)], milestones=[3, 8]
    ),
    "sequence of cycles": lambda o: SequentialLR(
        o,
        [
            CyclicLR(o, 0.1, 1.0, 2),
            OneCycleLR(o, 1.0, 6),
            LinearLR(o),
            CyclicLR(o, 0.1, 0.7, 3, base_momentum=0.3),
        ],
        milestones=[4, 10, 14],
    ),
    "chain": lambda o: ChainedScheduler(
        [LinearLR(o, 0.2, total_iters=5), CosineAnnealingLR(o, 12, 0.01), InTorchsForm(o)]
    ),
    "chain of sequences": lambda o: ChainedScheduler(
        [warm_cosine(o), ExponentialLR(o, 0.9), MultiplicativeLR(o, lambda t: 1 - 0.1 / t)]
    ),
    "sequence of chains": lambda o: SequentialLR(
        o,
        [
            ChainedScheduler([ConstantLR(o, 0.5, 2), ExponentialLR(o, 0.9)]),
            warm_cosine(o),
            ChainedScheduler([LambdaLR(o, lambda t: 0.5), StepLR(o, 2)]),
        ],
        milestones=[4, 15],
    ),
}
NAMES = st.sampled_from(sorted(BUILDERS))
STEPS = st.integers(0, 25)
