"""Schedules in series and all at once, per epoch and per batch, and restored in the middle."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from minitorch import optim, tensor
from minitorch.errors import CheckpointError
from minitorch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
    StepLR,
    WarmupLR,
)
from tests.schedules import (
    BUILDERS,
    NAMES,
    STEPS,
    adam,
    groups,
    lrs_of,
    settings_of,
    sgd,
    stepped,
    trace,
    walk,
    warm_cosine,
)

# in series and all at once ----------------------------------------------------------------------


def test_warm_up_then_cosine_in_series():
    """D74."""
    o = sgd(0.4)
    warm_up = LinearLR(o, start_factor=0.25, total_iters=5)
    cosine = CosineAnnealingLR(o, T_max=10)
    lrs = walk(o, SequentialLR(o, [warm_up, cosine], milestones=[5]), 25)
    rise = [0.4 * (0.25 + 0.75 * t / 5) for t in range(5)]
    fall = [0.2 * (1 + math.cos(math.pi * min(t, 10) / 10)) for t in range(21)]
    assert lrs == pytest.approx([*rise, *fall], rel=1e-13, abs=1e-16)
    assert lrs[15:] == [0.0] * 11


def test_warm_up_is_short_for_the_sequence():
    o = sgd(0.4)
    warm = WarmupLR(o, 5, CosineAnnealingLR(o, T_max=10), start_factor=0.25)
    p = sgd(0.4)
    parts = [LinearLR(p, 0.25, total_iters=5), CosineAnnealingLR(p, T_max=10)]
    assert walk(o, warm, 20) == walk(p, SequentialLR(p, parts, [5]), 20)
    lrs = trace(0.4, lambda o: WarmupLR(o, 4), 8)
    assert lrs[3] < lrs[4] == lrs[8] == pytest.approx(0.4, rel=1e-15)


def test_a_chain_applies_all_of_its_schedules_at_every_step():
    """D74."""
    o = sgd(0.4)
    chain = ChainedScheduler([ConstantLR(o, 0.5, total_iters=3), ExponentialLR(o, 0.9)])
    expected = [0.4 * (0.5 if t < 3 else 1) * 0.9**t for t in range(8)]
    assert walk(o, chain, 7) == pytest.approx(expected, rel=1e-14)


def test_two_schedules_stepped_side_by_side_multiply():
    o = sgd(0.4)
    a, b = StepLR(o, 2, 0.5), ExponentialLR(o, 0.9)
    for _ in range(5):
        a.step()
        b.step()
    assert o.lr == pytest.approx(0.4 * 0.25 * 0.9**5, rel=1e-14)


def test_a_learning_rate_changed_by_hand_stays_changed():
    o = sgd(0.4)
    scheduler = CosineAnnealingLR(o, T_max=10, eta_min=0.1)
    plain = CosineAnnealingLR(sgd(0.4), T_max=10, eta_min=0.1).curve(8)
    scheduler.init(3)
    o.lr = 0.1 + 0.5 * (o.lr - 0.1)
    lrs = walk(o, scheduler, 4)
    assert lrs == pytest.approx([0.1 + 0.5 * (lr - 0.1) for lr in plain[3:8]], rel=1e-14)


def test_a_later_stage_may_be_a_chain_or_a_sequence():
    o = sgd(0.4)
    chain = ChainedScheduler([ConstantLR(o, 0.5, total_iters=2), ExponentialLR(o, 0.9)])
    inner = SequentialLR(o, [StepLR(o, 1, 0.5), LinearLR(o, 0.25, total_iters=3)], [2])
    series = SequentialLR(o, [ExponentialLR(o, 0.1), chain, inner], [2, 5])
    expected = [1, 0.1, 0.5, 0.5 * 0.9, 0.81, 1, 0.5, 0.25, 0.5, 0.75, 1, 1]
    assert walk(o, series, 11) == pytest.approx([0.4 * f for f in expected], rel=1e-14)
    assert (chain.last_epoch, inner.last_epoch) == (2, 6)
    series.init(1)
    assert [stage.last_epoch for stage in series.schedulers] == [1, -1, -1]
    series.init(11)
    assert [part.last_epoch for part in inner.schedulers] == [1, 4]


def test_sequence_stages_of_no_length_are_passed_over():
    o = sgd(0.4)
    stages = [LinearLR(o, 0.25), StepLR(o, 2, 0.5), ExponentialLR(o, 0.5)]
    assert SequentialLR(o, stages, [0, 0]).curve(3) == [0.4, 0.2, 0.1]
    assert SequentialLR(o, stages, [2, 2]).curve(4) == pytest.approx([0.1, 0.16, 0.4, 0.2])


def test_two_cycles_keep_bounds_of_their_own():
    o = sgd(1.0)
    series = SequentialLR(o, [OneCycleLR(o, 1.0, 10), OneCycleLR(o, 0.5, 10)], milestones=[10])
    assert max(series.curve(10)) == 1.0
    assert max(series.curve(20)[10:]) == 0.5


def test_momentum_is_cycled_inside_a_sequence_only_in_its_stage():
    o = sgd(1.0)
    cycle = OneCycleLR(o, 1.0, 10, base_momentum=0.5, max_momentum=0.75)
    series = SequentialLR(o, [LinearLR(o), cycle], milestones=[4])
    o.param_groups[0]["momentum"] = 0.6
    for _ in range(3):
        series.step()
    assert o.param_groups[0]["momentum"] == 0.6
    series.step()
    assert o.param_groups[0]["momentum"] == 0.75
    series.init(4 + 2)
    assert o.param_groups[0]["momentum"] == 0.5


# per epoch and per batch ------------------------------------------------------------------------


@pytest.mark.parametrize(("per_batch", "steps"), [(False, 3), (True, 12)])
def test_stepped_once_an_epoch_or_once_a_batch(per_batch: bool, steps: int):
    """D75. G52."""
    w = tensor([1.0], requires_grad=True)
    o = optim.SGD([w], lr=0.1)
    scheduler = ExponentialLR(o, gamma=0.5)
    for _ in range(3):
        for _ in range(4):
            o.zero_grad()
            (w * w).sum().backward()
            o.step()
            if per_batch:
                scheduler.step()
        if not per_batch:
            scheduler.step()
    assert scheduler.last_epoch == steps
    assert o.lr == pytest.approx(0.1 * 0.5**steps)


# restoring --------------------------------------------------------------------------------------


@given(name=NAMES, n=STEPS, back=STEPS)
def test_init_equals_stepping(name: str, n: int, back: int):
    """D75. D76."""
    build = BUILDERS[name]
    walked, jumped = sgd(0.4, 0.2), sgd(0.4, 0.2)
    a, b = build(walked), build(jumped)
    for _ in range(n):
        a.step()
    b.init(epoch=n)
    assert settings_of(walked) == settings_of(jumped)
    assert a.state_dict() == b.state_dict()
    a.init(epoch=back)
    fresh = sgd(0.4, 0.2)
    build(fresh).init(epoch=back)
    assert settings_of(walked) == settings_of(fresh)


@given(name=NAMES, n=STEPS, more=STEPS)
def test_restored_in_the_middle_it_goes_on_as_if_unbroken(name: str, n: int, more: int):
    """D76. P35. H158."""
    build = BUILDERS[name]
    unbroken, resumed = sgd(0.4, 0.2), sgd(0.07, 0.05)  # the new run starts from other rates
    a, b = build(unbroken), build(resumed)
    for _ in range(n):
        a.step()
    saved = a.state_dict()
    text = json.dumps(saved, allow_nan=False)
    b.load_state_dict(json.loads(text))
    assert b.state_dict() == saved == json.loads(text)
    for _ in range(more):
        assert settings_of(resumed) == settings_of(unbroken)
        a.step()
        b.step()
    assert settings_of(resumed) == settings_of(unbroken)
    assert b.curve(20) == a.curve(20)
    b.init(n)
    a.init(n)
    assert settings_of(resumed) == settings_of(unbroken)


@given(name=NAMES)
def test_the_curve_equals_stepping_and_touches_nothing(name: str):
    """G51."""
    o = sgd(0.4, 0.2)
    scheduler = BUILDERS[name](o)
    scheduler.step()
    before, state = settings_of(o), scheduler.state_dict()
    first, second = scheduler.curve(30)
    assert settings_of(o) == before
    assert scheduler.state_dict() == state
    scheduler.init(0)
    for t in range(30):
        assert lrs_of(o) == [first[t], second[t]]
        assert type(first[t]) is float
        scheduler.step()


def test_the_curve_of_one_group_is_one_list():
    assert StepLR(sgd(1.0), 1, 0.5).curve(3) == [1.0, 0.5, 0.25]
    assert StepLR(sgd(1.0, 2.0), 1, 0.5).curve(3) == [[1.0, 0.5, 0.25], [2.0, 1.0, 0.5]]
    assert StepLR(sgd(1.0), 1).curve(0) == []


def test_a_rate_changed_by_hand_is_saved_and_restored():
    """P35."""
    o, p = sgd(0.4), sgd(0.4)
    a, b = ExponentialLR(o, 0.5), ExponentialLR(p, 0.5)
    a.step()
    o.lr = 0.3
    b.load_state_dict(a.state_dict())
    b.step()
    assert p.lr == 0.15


def test_optimizer_and_schedule_are_restored_in_either_order():
    """P35. H158."""
    for order in (1, -1):
        o, p = adam(0.4, 0.2), adam(0.4, 0.2)
        a, b = warm_cosine(o), warm_cosine(p)
        for _ in range(5):
            a.step()
        saved = [(p, o.state_dict()), (b, a.state_dict())][::order]
        for target, state in saved:
            target.load_state_dict(state)
        a.step()
        b.step()
        assert settings_of(o) == settings_of(p)


def test_a_schedule_built_after_the_optimizer_was_restored():
    """H158."""
    o = sgd(0.4)
    a = ExponentialLR(o, 0.5)
    for _ in range(3):
        a.step()
    p = sgd(0.4)
    p.load_state_dict(o.state_dict())
    b = ExponentialLR(p, 0.5, last_epoch=2)
    assert p.lr == o.lr
    assert b.last_epoch == 3
    assert b.curve(3) == a.curve(3)


def test_the_state_brings_the_arguments_along_but_not_functions():
    o = sgd(1.0)
    other = StepLR(o, 5, 0.5)
    other.load_state_dict(StepLR(sgd(1.0), 2, 0.1).state_dict())
    assert (other.step_size, other.gamma) == (2, 0.1)
    state = LambdaLR(sgd(1.0), lambda t: 0.5**t).state_dict()
    assert set(state) == {"base_lrs", "_start", "last_epoch", "groups"}


def test_a_state_is_a_copy():
    scheduler = BUILDERS["sequence of chains"](sgd(1.0, 2.0))
    state = scheduler.state_dict()
    text = json.dumps(state)
    other = BUILDERS["sequence of chains"](sgd(1.0, 2.0))
    other.load_state_dict(state)
    other.step()
    other.schedulers[0].base_lrs[0] = 7.0
    assert json.dumps(state) == text


def test_a_state_that_does_not_fit_changes_nothing():
    o = sgd(0.4)
    series = SequentialLR(o, [LinearLR(o), StepLR(o, 3)], [4])
    series.step()
    before = settings_of(o), series.state_dict()

    def refused(make: Callable[[Any], LRScheduler], message: str, *lrs: float) -> None:
        state = make(sgd(*lrs or (0.4,))).state_dict()
        with pytest.raises(CheckpointError, match=message):
            series.load_state_dict(state)
        assert (settings_of(o), series.state_dict()) == before

    refused(lambda p: StepLR(p, 3), r"SequentialLR.load_state_dict: .*lacks .*'schedulers'")
    refused(lambda p: SequentialLR(p, [LinearLR(p)], []), "one of 1 schedules, and these are 2")
    refused(
        lambda p: SequentialLR(p, [LinearLR(p), ExponentialLR(p, 0.5)], [4]),
        r"StepLR.load_state_dict: .* lacks \['step_size'\] and has \[\]",
    )
    refused(
        lambda p: SequentialLR(p, [LinearLR(p), StepLR(p, 3)], [4]),
        "a schedule on 1 parameter groups",
        0.4,
        0.2,
    )
    series.step()
    damaged = series.state_dict()
    series.init(1)
    damaged["groups"] = [{"lr": math.nan}]
    with pytest.raises(ValueError, match="the learning rate of group 0 is nan"):
        series.load_state_dict(damaged)
    assert (settings_of(o), series.state_dict()) == before


def test_last_epoch_continues_from_the_rates_found():
    def resumed(kind: Any, *args: Any, lr: float = 0.5) -> float:
        o = stepped(optim.SGD(groups(lr)))
        o.param_groups[0]["initial_lr"] = 1.0
        kind(o, *args, last_epoch=3)
        return o.lr

    assert resumed(ExponentialLR, 0.5) == 0.5
    assert resumed(CosineAnnealingLR, 10) == 0.5
    assert resumed(StepLR, 4, 0.1) == 0.05
    assert resumed(StepLR, 5, 0.1) == 0.5
    assert resumed(LambdaLR, lambda t: t / 8) == 0.5
    o = stepped(optim.SGD(groups(0.5)))
    o.param_groups[0]["initial_lr"] = 1.0
    series = SequentialLR(o, [ConstantLR(o, 0.5, 9), ExponentialLR(o, 0.5)], [2], last_epoch=3)
    assert series.last_epoch == 4
    assert o.lr == 0.25
    for k in (0, 3):
        message = rf"StepLR: last_epoch is {k}, .* no 'initial_lr'.*init\({k + 1}\)"
        with pytest.raises(KeyError, match=message):
            StepLR(sgd(1.0), 4, last_epoch=k)
