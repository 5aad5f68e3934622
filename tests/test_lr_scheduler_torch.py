"""Every schedule beside torch's, with every option: learning rates and momentum at every step."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from minitorch import optim, tensor

Build = Callable[[Any, Any], Any]  # from an optimizer and a module of schedules

LRS = (0.4, 0.07)
STEPS = 30

# Relative to what they find, so that a change by hand carries on.
RELATIVE: dict[str, Build] = {
    "StepLR": lambda o, s: s.StepLR(o, 4),
    "StepLR gamma": lambda o, s: s.StepLR(o, step_size=3, gamma=0.7),
    "StepLR up": lambda o, s: s.StepLR(o, 7, 1.3),
    "StepLR to nothing": lambda o, s: s.StepLR(o, 11, gamma=0.0),
    "MultiStepLR": lambda o, s: s.MultiStepLR(o, [3, 8, 8, 20]),
    "MultiStepLR gamma": lambda o, s: s.MultiStepLR(o, milestones=[0, 1, 14], gamma=0.3),
    "ConstantLR": lambda o, s: s.ConstantLR(o),
    "ConstantLR factor": lambda o, s: s.ConstantLR(o, factor=0.7, total_iters=9),
    "ConstantLR of one": lambda o, s: s.ConstantLR(o, 1.0, 2),
    "LinearLR": lambda o, s: s.LinearLR(o),
    "LinearLR factors": lambda o, s: s.LinearLR(o, 0.05, end_factor=0.6, total_iters=13),
    "LinearLR down": lambda o, s: s.LinearLR(o, 1.0, 0.1, 30),
    "LinearLR to nothing": lambda o, s: s.LinearLR(o, 0.9, 0.0, 6),
    "ExponentialLR": lambda o, s: s.ExponentialLR(o, 0.85),
    "ExponentialLR up": lambda o, s: s.ExponentialLR(o, gamma=1.1),
    "PolynomialLR": lambda o, s: s.PolynomialLR(o),
    "PolynomialLR power": lambda o, s: s.PolynomialLR(o, total_iters=17, power=2.3),
    "PolynomialLR root": lambda o, s: s.PolynomialLR(o, 40, 0.5),
    "CosineAnnealingLR": lambda o, s: s.CosineAnnealingLR(o, 30),
    "CosineAnnealingLR eta_min": lambda o, s: s.CosineAnnealingLR(o, T_max=45, eta_min=0.01),
    "CosineAnnealingLR upwards": lambda o, s: s.CosineAnnealingLR(o, 33, 0.2),
    "MultiplicativeLR": lambda o, s: s.MultiplicativeLR(o, lambda t: 1 - 0.3 / t),
    "MultiplicativeLR list": lambda o, s: s.MultiplicativeLR(
        o, [lambda t: 0.95, lambda t: t / (t + 1)]
    ),
}

# These set the learning rate whatever they find.
ABSOLUTE: dict[str, Build] = {
    "LambdaLR": lambda o, s: s.LambdaLR(o, lambda t: 0.95**t),
    "LambdaLR list": lambda o, s: s.LambdaLR(o, [lambda t: t // 3 + 1, lambda t: 1 / (1 + t)]),
    "WarmRestarts": lambda o, s: s.CosineAnnealingWarmRestarts(o, 7),
    "WarmRestarts T_mult": lambda o, s: s.CosineAnnealingWarmRestarts(o, 2, 3, eta_min=0.01),
    "WarmRestarts every step": lambda o, s: s.CosineAnnealingWarmRestarts(o, T_0=1, T_mult=1),
    "CyclicLR": lambda o, s: s.CyclicLR(o, 0.01, 0.3, 4),
    "CyclicLR lists": lambda o, s: s.CyclicLR(
        o,
        [0.01, 0.02],
        [0.3, 0.5],
        step_size_up=3,
        step_size_down=6,
        base_momentum=[0.5, 0.6],
        max_momentum=[0.8, 0.95],
    ),
    "CyclicLR triangular2": lambda o, s: s.CyclicLR(o, 0.01, 0.3, 4, mode="triangular2"),
    "CyclicLR exp_range": lambda o, s: s.CyclicLR(o, 0.01, 0.3, 4, 5, "exp_range", gamma=0.97),
    "CyclicLR scale_fn": lambda o, s: s.CyclicLR(o, 0.01, 0.3, 4, scale_fn=lambda c: 1 / (5 * c)),
    "CyclicLR scale_fn of steps": lambda o, s: s.CyclicLR(
        o, 0.01, 0.3, 4, scale_fn=lambda t: 0.9**t, scale_mode="iterations"
    ),
    "CyclicLR without momentum": lambda o, s: s.CyclicLR(o, 0.01, 0.3, 4, cycle_momentum=False),
    "OneCycleLR": lambda o, s: s.OneCycleLR(o, 0.5, 30),
    "OneCycleLR epochs": lambda o, s: s.OneCycleLR(o, [0.5, 0.2], epochs=5, steps_per_epoch=7),
    "OneCycleLR linear": lambda o, s: s.OneCycleLR(
        o, 0.5, total_steps=31, anneal_strategy="linear", pct_start=0.45
    ),
    "OneCycleLR three phases": lambda o, s: s.OneCycleLR(
        o, max_lr=0.5, total_steps=37, three_phase=True, div_factor=7.0, final_div_factor=50.0
    ),
    "OneCycleLR three straight": lambda o, s: s.OneCycleLR(
        o, 0.5, 40, pct_start=0.25, anneal_strategy="linear", three_phase=True
    ),
    "OneCycleLR momenta": lambda o, s: s.OneCycleLR(
        o, 0.5, 33, base_momentum=[0.3, 0.4], max_momentum=[0.8, 0.9]
    ),
    "OneCycleLR without momentum": lambda o, s: s.OneCycleLR(o, 0.5, 33, cycle_momentum=False),
    "OneCycleLR without a rise": lambda o, s: s.OneCycleLR(o, 0.5, 33, pct_start=0.0),
}

COMBINED: dict[str, Build] = {
    "Sequential": lambda o, s: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 25, 0.001)], [5]
    ),
    "Sequential of three": lambda o, s: s.SequentialLR(
        o,
        schedulers=[s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9), s.StepLR(o, 4, 0.5)],
        milestones=[6, 15],
    ),
    "Sequential of changes": lambda o, s: s.SequentialLR(
        o,
        [s.PolynomialLR(o, 20, 2.0), s.MultiplicativeLR(o, lambda t: 0.9 - t / 50), s.LinearLR(o)],
        [4, 12],
    ),
    "Sequential of absolutes": lambda o, s: s.SequentialLR(
        o,
        [
            s.LambdaLR(o, lambda t: 1 / (1 + t)),
            s.CosineAnnealingWarmRestarts(o, 4, 2),
            s.MultiStepLR(o, [2, 3]),
        ],
        [3, 20],
    ),
    "Sequential of cycles": lambda o, s: s.SequentialLR(
        o,
        [
            s.LinearLR(o),
            s.OneCycleLR(o, 0.5, 12),
            s.CyclicLR(o, 0.05, 0.2, 3, base_momentum=0.85, max_momentum=0.95),
        ],
        [4, 15],
    ),
    "Sequential of chains": lambda o, s: s.SequentialLR(
        o,
        [
            s.ChainedScheduler([s.LinearLR(o, 0.2, total_iters=8), s.StepLR(o, 3, 0.8)]),
            s.CosineAnnealingLR(o, 40),
        ],
        [10],
    ),
    "Sequential of none passed": lambda o, s: s.SequentialLR(o, [s.ExponentialLR(o, 0.9)], []),
    "Chained": lambda o, s: s.ChainedScheduler([s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9)]),
    "Chained, multiplying": lambda o, s: s.ChainedScheduler(
        [
            s.MultiplicativeLR(o, lambda t: 1 - 0.1 / t),
            s.LinearLR(o, 0.25, 0.9, 12),
            s.MultiStepLR(o, [4, 10], 0.5),
            s.PolynomialLR(o, 35, 1.5),
        ],
        optimizer=o,
    ),
    "Chained with a floor": lambda o, s: s.ChainedScheduler(
        [s.CosineAnnealingLR(o, 40, 0.01), s.StepLR(o, 5, 0.7), s.CosineAnnealingLR(o, 60, 0.002)]
    ),
    "Chained after an absolute": lambda o, s: s.ChainedScheduler(
        [s.LambdaLR(o, lambda t: 0.97**t), s.LinearLR(o, 0.5, total_iters=6)]
    ),
    "Chained with a cycle": lambda o, s: s.ChainedScheduler(
        [s.CyclicLR(o, 0.1, 0.3, 5), s.StepLR(o, 5, 0.7)]
    ),
    "Chained of sequences": lambda o, s: s.ChainedScheduler(
        [
            s.SequentialLR(o, [s.LinearLR(o, 0.1), s.CosineAnnealingLR(o, 50, 0.01)], [5]),
            s.ExponentialLR(o, 0.97),
            s.ChainedScheduler([s.StepLR(o, 6, 0.9), s.ConstantLR(o, 0.5, 8)]),
        ]
    ),
}


def ours(kind: str, lrs: tuple[float, ...], initial: bool) -> Any:
    return optimizer(optim, lambda: tensor([1.0], requires_grad=True), kind, lrs, initial)


def theirs(kind: str, lrs: tuple[float, ...], initial: bool) -> Any:
    torch = pytest.importorskip("torch")
    make = lambda: torch.tensor([1.0], requires_grad=True)
    return optimizer(torch.optim, make, kind, lrs, initial)


def optimizer(
    module: Any, make: Callable[[], Any], kind: str, lrs: tuple[float, ...], initial: bool
) -> Any:
    groups = [{"params": [make()], "lr": lr} for lr in lrs]
    if initial:  # as though a run had been broken off
        for group in groups:
            group["initial_lr"] = 1.0
    options: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {"betas": (0.9, 0.99)}
    return getattr(module, kind)(groups, **options)


def pair(
    build: Build, kind: str = "SGD", lrs: tuple[float, ...] = LRS, initial: bool = False
) -> tuple[Any, Any, Any, Any]:
    """An optimizer of ours and one of torch's, with a schedule each, after one step."""
    torch = pytest.importorskip("torch")
    a, b = ours(kind, lrs, initial), theirs(kind, lrs, initial)
    mine = build(a, optim.lr_scheduler)
    with warnings.catch_warnings():  # torch's sequence warns of the steps that it makes itself
        warnings.simplefilter("ignore", UserWarning)
        torchs = build(b, torch.optim.lr_scheduler)
    for opt in (a, b):
        for group in opt.param_groups:
            (group["params"][0] ** 2).sum().backward()
        opt.step()
    return a, b, mine, torchs


def assert_same(a: Any, b: Any, t: int) -> None:
    for mine, torchs in zip(a.param_groups, b.param_groups, strict=True):
        for key in ("lr", "momentum", "betas", "initial_lr"):
            if key in torchs:
                assert close(mine[key], torchs[key]), (key, t, mine[key], torchs[key])


def close(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(close, a, b))
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15)


def follow(build: Build, steps: int = STEPS, **how: Any) -> None:
    a, b, mine, torchs = pair(build, **how)
    assert_same(a, b, 0)
    for t in range(1, steps + 1):
        mine.step()
        torchs.step()
        assert_same(a, b, t)
        assert close(mine.get_last_lr(), torchs.get_last_lr())


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", [*RELATIVE, *ABSOLUTE, *COMBINED])
def test_trajectory(name: str, kind: str):
    follow({**RELATIVE, **ABSOLUTE, **COMBINED}[name], kind=kind)


@pytest.mark.parametrize("name", [n for n in (*RELATIVE, *ABSOLUTE) if n != "StepLR to nothing"])
def test_a_rate_changed_by_hand_goes_on_as_in_torch(name: str):
    a, b, mine, torchs = pair({**RELATIVE, **ABSOLUTE}[name])
    for t in range(1, STEPS):
        mine.step()
        torchs.step()
        if t in (4, 9, 18):
            for opt in (a, b):
                for group in opt.param_groups:
                    group["lr"] = group["lr"] * 0.37 + 0.02
        assert_same(a, b, t)


def chained(*parts: Build) -> Build:
    return lambda o, s: s.ChainedScheduler([part(o, s) for part in parts])


def in_sequence(*parts: Build) -> Build:
    return lambda o, s: s.SequentialLR(o, [part(o, s) for part in parts], milestones=[7])


@pytest.mark.parametrize("first", RELATIVE)
def test_any_two_in_a_chain(first: str):
    for name, second in RELATIVE.items():
        if not (is_odd(first, name) or is_odd(name, first)):
            follow(chained(RELATIVE[first], second), steps=25)


def is_odd(zero: str, other: str) -> bool:
    """Where the one made a zero and the other undid it, torch multiplies by zero again."""
    return zero == "StepLR to nothing" and other.startswith("CosineAnnealingLR")


@pytest.mark.parametrize("first", [*RELATIVE, *ABSOLUTE])
def test_any_two_in_a_sequence(first: str):
    both = {**RELATIVE, **ABSOLUTE}
    for name, second in both.items():
        if name.startswith("MultiplicativeLR"):
            continue  # torch asks it for a change from step −1 to 0, and 1 − 0.3 / t is none there
        if first.startswith("OneCycleLR") and name.startswith(("OneCycleLR", "CyclicLR")):
            continue  # in torch the bounds of the second replace those of the first
        follow(in_sequence(both[first], second), steps=25)


@pytest.mark.parametrize("last_epoch", [0, 2, 3, 6, 13])
@pytest.mark.parametrize(
    "name", [n for n in (*RELATIVE, "LambdaLR", "WarmRestarts") if "StepLR to" not in n]
)
def test_last_epoch(name: str, last_epoch: int):
    def build(o: Any, s: Any) -> Any:
        class Later:
            def __getattr__(self, kind: str) -> Any:
                return lambda *args, **options: getattr(s, kind)(
                    *args, last_epoch=last_epoch, **options
                )

        return {**RELATIVE, **ABSOLUTE}[name](o, Later())

    follow(build, steps=STEPS - last_epoch - 1, lrs=(0.3, 0.2), initial=True)


@pytest.mark.parametrize("epochs", [[0.25, 0.5, 1.75, 6.9, 7.0, 20.1, None], [5, None, None, 2]])
@pytest.mark.parametrize("T_mult", [1, 2])
def test_restarts_stepped_to_any_epoch(epochs: list[float | None], T_mult: int):
    a, b, mine, torchs = pair(lambda o, s: s.CosineAnnealingWarmRestarts(o, 3, T_mult, 0.001))
    for epoch in epochs:
        mine.step(epoch)
        torchs.step(epoch)
        assert_same(a, b, 0)


METRICS = [3.0, 2.5, 2.6, 2.4999, 2.5, 2.5, 2.5, 2.0, 2.1, 1.9999, 2.2, 2.3, 1.0, 1.0, 1.0, 1.0]
METRICS = [*METRICS, *(-m for m in METRICS), *METRICS[::-1]]
PLATEAUS: dict[str, Build] = {
    "plain": lambda o, s: s.ReduceLROnPlateau(o),
    "patience": lambda o, s: s.ReduceLROnPlateau(o, patience=2),
    "no patience": lambda o, s: s.ReduceLROnPlateau(o, patience=0, factor=0.8),
    "max": lambda o, s: s.ReduceLROnPlateau(o, "max", 0.5, 1),
    "threshold": lambda o, s: s.ReduceLROnPlateau(o, patience=1, threshold=0.3),
    "max threshold": lambda o, s: s.ReduceLROnPlateau(o, "max", patience=1, threshold=0.3),
    "abs": lambda o, s: s.ReduceLROnPlateau(
        o, patience=1, threshold=0.2, threshold_mode="abs", factor=0.6
    ),
    "max abs": lambda o, s: s.ReduceLROnPlateau(
        o, mode="max", patience=1, threshold=0.2, threshold_mode="abs"
    ),
    "cooldown": lambda o, s: s.ReduceLROnPlateau(o, factor=0.7, patience=1, cooldown=4),
    "min_lr": lambda o, s: s.ReduceLROnPlateau(o, factor=0.3, patience=0, min_lr=0.02),
    "min_lr list": lambda o, s: s.ReduceLROnPlateau(o, factor=0.3, patience=0, min_lr=[0.1, 0.01]),
    "eps": lambda o, s: s.ReduceLROnPlateau(o, factor=0.5, patience=0, eps=0.01),
    "to nothing": lambda o, s: s.ReduceLROnPlateau(o, factor=0.0, patience=0),
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateau(name: str):
    a, b, mine, torchs = pair(PLATEAUS[name])
    for t, metric in enumerate([*METRICS, float("inf"), float("inf")]):
        mine.step(metric)
        torchs.step(metric)
        assert_same(a, b, t)
        assert mine.num_bad_epochs == torchs.num_bad_epochs
        assert mine.cooldown_counter == torchs.cooldown_counter
        assert mine.best == torchs.best


def test_plateau_starts_with_what_is_not_finite():
    inf = float("inf")
    a, b, mine, torchs = pair(PLATEAUS["no patience"])
    for t, metric in enumerate([inf, inf, 3.0, inf]):
        mine.step(metric)
        torchs.step(metric)
        assert_same(a, b, t)


def test_one_step_past_the_end_of_one_cycle():
    """The usual loop goes there after its last batch; along cosines torch has a number for it."""
    follow(lambda o, s: s.OneCycleLR(o, 0.5, total_steps=20), steps=20)


def test_cosine_is_torchs_up_to_its_minimum_and_holds_it_then():
    """H156."""
    a, b, mine, torchs = pair(lambda o, s: s.CosineAnnealingLR(o, 10, 0.01))
    for t in range(1, 16):
        mine.step()
        torchs.step()
        if t <= 10:
            assert_same(a, b, t)
        else:
            assert a.lr == pytest.approx(0.01)
            assert b.param_groups[0]["lr"] > 0.01


def test_both_warn_when_stepped_before_the_optimizer():
    """H154."""
    torch = pytest.importorskip("torch")
    message = r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"
    a, b = ours("SGD", LRS, False), theirs("SGD", LRS, False)
    for opt, schedules in ((a, optim.lr_scheduler), (b, torch.optim.lr_scheduler)):
        scheduler = schedules.StepLR(opt, 1, gamma=0.5)
        with pytest.warns(UserWarning, match=message):
            scheduler.step()
    assert_same(a, b, 1)


def test_arguments_their_order_and_their_defaults_are_torchs():
    torch = pytest.importorskip("torch")
    for name in optim.lr_scheduler.__all__:
        kind = getattr(torch.optim.lr_scheduler, name, None)
        if kind is None:
            assert name in ("WarmupLR", "brief")
            continue
        mine, torchs = (
            [(p.name, p.default) for p in inspect.signature(k).parameters.values()]
            for k in (getattr(optim.lr_scheduler, name), kind)
        )
        assert mine == torchs
