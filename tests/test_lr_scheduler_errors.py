"""What schedules warn of and refuse, and how they look in print."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitorch
from minitorch import optim
from minitorch.optim import lr_scheduler as schedules
from minitorch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    WarmupLR,
    brief,
)
from tests.schedules import InverseTime, groups, lrs_of, settings_of, sgd, stepped, warm_cosine

# warnings and errors ----------------------------------------------------------------------------


def test_stepped_before_the_optimizer_it_warns_and_goes_on():
    """H154."""
    o = optim.SGD(groups(0.000123456), lr=0.1)
    scheduler = ExponentialLR(o, 0.5)
    with pytest.warns(
        UserWarning, match=r"before `optimizer.step\(\)`: .* 1.23e-04, is skipped"
    ) as w:
        scheduler.step()
    assert w[0].filename == __file__
    assert o.lr == 0.000061728
    scheduler.step()  # said once
    o = optim.SGD(groups(0.1))
    chain = ChainedScheduler([warm_cosine(o), CosineAnnealingWarmRestarts(o, 3)])
    with pytest.warns(UserWarning, match="of ChainedScheduler") as w:
        chain.step()
    assert len(w) == 1
    o = optim.SGD(groups(0.1))
    restarts = CosineAnnealingWarmRestarts(o, 3)
    with pytest.warns(UserWarning, match="before") as w:
        restarts.step()
    assert w[0].filename == __file__


def test_no_warning_in_the_right_order_nor_after_restoring():
    """H154."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ExponentialLR(stepped(optim.SGD(groups(0.1))), 0.5).step()
        resumed = ExponentialLR(optim.SGD(groups(0.1)), 0.5)
        resumed.init(3)
        resumed.step()


WRONG = [
    (lambda o: StepLR(o, 0), ValueError, "StepLR: step_size is 0, expected 1 or more"),
    (lambda o: StepLR(o, 2.5), TypeError, "step_size is 2.5, expected a whole number"),
    (lambda o: StepLR(o, True), TypeError, "step_size is True"),
    (lambda o: StepLR(o, 3, gamma=-0.1), ValueError, "gamma is -0.1, expected 0 or more"),
    (lambda o: StepLR(o, 3, gamma="0.1"), TypeError, "gamma is '0.1', expected a number"),
    (lambda o: StepLR(o, 3, last_epoch=-2), ValueError, "last_epoch is -2"),
    (lambda o: StepLR("sgd", 3), TypeError, "StepLR: expected an optimizer .* got str"),
    (lambda o: MultiStepLR(o, 30), TypeError, r"milestones is 30, expected a list of steps"),
    (lambda o: MultiStepLR(o, [3, -1]), ValueError, "MultiStepLR: a milestone is -1"),
    (lambda o: MultiStepLR(o, [3, 4.5]), TypeError, "a milestone is 4.5"),
    (lambda o: ConstantLR(o, factor=1.5), ValueError, "factor is 1.5, expected 0 to 1"),
    (lambda o: ConstantLR(o, total_iters=0), ValueError, "ConstantLR: total_iters is 0"),
    (lambda o: LinearLR(o, start_factor=0), ValueError, "start_factor is 0, expected more than"),
    (lambda o: LinearLR(o, start_factor=2), ValueError, "start_factor is 2, expected 0 to 1"),
    (lambda o: LinearLR(o, end_factor=1.1), ValueError, "LinearLR: end_factor is 1.1"),
    (lambda o: LinearLR(o, total_iters=0), ValueError, "LinearLR: total_iters is 0"),
    (lambda o: ExponentialLR(o, math.nan), ValueError, "ExponentialLR: gamma is nan"),
    (lambda o: ExponentialLR(o, math.inf), ValueError, "gamma is inf"),
    (lambda o: PolynomialLR(o, 0), ValueError, "PolynomialLR: total_iters is 0"),
    (lambda o: PolynomialLR(o, 5, -1), ValueError, "PolynomialLR: power is -1"),
    (lambda o: CosineAnnealingLR(o, 0), ValueError, "CosineAnnealingLR: T_max is 0"),
    (lambda o: CosineAnnealingLR(o, 5, -0.1), ValueError, "eta_min is -0.1"),
    (lambda o: CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0 is 0"),
    (lambda o: CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult is 0"),
    (lambda o: LambdaLR(o, 0.5), TypeError, "LambdaLR: lr_lambda is 0.5, expected a function"),
    (lambda o: MultiplicativeLR(o, [abs] * 3), ValueError, "lr_lambda has 3 values.* has 1 "),
    (lambda o: LambdaLR(None, abs), TypeError, "LambdaLR: expected an optimizer"),
    (lambda o: CyclicLR(o, 0.1, 0.01), ValueError, "CyclicLR: base_lr 0.1 is above max_lr 0.01"),
    (lambda o: CyclicLR(o, 0.1, [1.0, 2.0]), ValueError, "max_lr has 2 values"),
    (lambda o: CyclicLR(o, 0.1, 1.0, 0), ValueError, "step_size_up is 0"),
    (lambda o: CyclicLR(o, 0.1, 1.0, 2, 0), ValueError, "step_size_down is 0"),
    (lambda o: CyclicLR(o, 0.1, 1.0, mode="saw"), ValueError, "mode is 'saw', .*'triangular2'"),
    (lambda o: CyclicLR(o, 0.1, 1.0, scale_mode="x"), ValueError, "scale_mode is 'x'"),
    (lambda o: CyclicLR(o, 0.1, 1.0, gamma=-1), ValueError, "CyclicLR: gamma is -1"),
    (
        lambda o: CyclicLR(o, 0.1, 1.0, base_momentum=0.95),
        ValueError,
        "base_momentum 0.95 is above",
    ),
    (lambda o: CyclicLR(1, 0.1, 1.0), TypeError, "CyclicLR: expected an optimizer"),
    (lambda o: OneCycleLR(o, 1.0), ValueError, "OneCycleLR: the length of the run is missing"),
    (lambda o: OneCycleLR(o, 1.0, epochs=3), ValueError, "total_steps, or both epochs and"),
    (lambda o: OneCycleLR(o, 1.0, 0), ValueError, "total_steps is 0"),
    (lambda o: OneCycleLR(o, 1.0, epochs=0, steps_per_epoch=4), ValueError, "epochs is 0"),
    (lambda o: OneCycleLR(o, 1.0, epochs=4, steps_per_epoch=0), ValueError, "steps_per_epoch is 0"),
    (lambda o: OneCycleLR(o, 1.0, 9, pct_start=1.1), ValueError, "pct_start is 1.1"),
    (
        lambda o: OneCycleLR(o, 1.0, 9, anneal_strategy="sin"),
        ValueError,
        "anneal_strategy is 'sin'",
    ),
    (lambda o: OneCycleLR(o, 1.0, 9, max_momentum=1.5), ValueError, "max_momentum is 1.5"),
    (lambda o: OneCycleLR(o, 1.0, 9, div_factor=0), ValueError, "div_factor is 0"),
    (lambda o: OneCycleLR(o, 1.0, 9, final_div_factor=0), ValueError, "final_div_factor is 0"),
    (lambda o: OneCycleLR(o, -1.0, 9), ValueError, "max_lr is -1.0"),
    (lambda o: ReduceLROnPlateau(o, "down"), ValueError, "mode is 'down', .*'min', 'max'"),
    (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is 1.0, expected less"),
    (lambda o: ReduceLROnPlateau(o, factor=1.5), ValueError, "factor is 1.5"),
    (lambda o: ReduceLROnPlateau(o, factor=-0.5), ValueError, "factor is -0.5"),
    (lambda o: ReduceLROnPlateau(o, patience=-1), ValueError, "patience is -1"),
    (lambda o: ReduceLROnPlateau(o, threshold=-1), ValueError, "threshold is -1"),
    (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode is 'x'"),
    (lambda o: ReduceLROnPlateau(o, cooldown=-1), ValueError, "cooldown is -1"),
    (lambda o: ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "min_lr has 2 values"),
    (lambda o: ReduceLROnPlateau(o, eps=-1), ValueError, "eps is -1"),
    (lambda o: ReduceLROnPlateau(1), TypeError, "ReduceLROnPlateau: expected an optimizer"),
    (lambda o: SequentialLR(o, [], []), ValueError, "SequentialLR: expected at least one"),
    (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedules and 1 milestones"),
    (lambda o: SequentialLR(o, [StepLR], []), TypeError, "schedule 0 is .*, expected a scheduler"),
    (lambda o: SequentialLR(sgd(1.0), [StepLR(o, 1)], []), ValueError, "is of another optimizer"),
    (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), ValueError, "needs a metric"),
    (lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [5, 3]), ValueError, "expected an ascending"),
    (lambda o: SequentialLR(o, [StepLR(o, 1)] * 2, [-1]), ValueError, "a milestone is -1"),
    (lambda o: ChainedScheduler([]), ValueError, "ChainedScheduler: expected at least one"),
    (lambda o: ChainedScheduler([StepLR(o, 1), StepLR(sgd(1.0), 1)]), ValueError, "schedule 1, "),
    (lambda o: ChainedScheduler([3]), TypeError, "schedule 0 is 3, expected a scheduler"),
    (lambda o: ChainedScheduler([ReduceLROnPlateau(o)]), ValueError, "step it beside the others"),
    (lambda o: WarmupLR(o, 0), ValueError, "total_iters is 0"),
    (lambda o: StepLR(o, 2).init(-1), ValueError, "StepLR.init: epoch is -1"),
    (lambda o: StepLR(o, 2).init(1.5), TypeError, "StepLR.init: epoch is 1.5"),
    (lambda o: StepLR(o, 2).curve(-1), ValueError, "StepLR.curve: steps is -1"),
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG, ids=[w[2][:40] for w in WRONG])
def test_refused_where_it_is_written(make: Callable[[Any], Any], error: type, message: str):
    """H155."""
    with pytest.raises(error, match=message):
        make(sgd(0.5))


def test_the_least_that_is_accepted():
    assert CosineAnnealingLR(sgd(1.0), T_max=1).curve(3) == [1, 0, 0]
    assert CosineAnnealingWarmRestarts(sgd(1.0), T_0=1).curve(3) == [1, 1, 1]
    assert PolynomialLR(sgd(1.0), 1, power=0).curve(3) == [1, 1, 1]
    assert LinearLR(sgd(1.0), 0.5, total_iters=1).curve(3) == [0.5, 1, 1]
    assert ConstantLR(sgd(1.0), 0.5, total_iters=1).curve(3) == [0.5, 1, 1]
    assert CyclicLR(sgd(1.0), 0.5, 1.0, 1, 1).curve(3) == [0.5, 1, 0.5]
    assert CyclicLR(sgd(1.0), 0.5, 0.5, 1, base_momentum=0.9).curve(3) == [0.5, 0.5, 0.5]
    assert OneCycleLR(sgd(1.0), 1.0, 1).curve(1) == pytest.approx([1 / 25e4])
    assert OneCycleLR(sgd(1.0), 1.0, epochs=1, steps_per_epoch=1).total_steps == 1
    assert WarmupLR(sgd(1.0), 1, start_factor=0.5).curve(3) == [0.5, 1, 1]
    assert ExponentialLR(sgd(1.0), 0).curve(3) == [1, 0, 0]
    o = sgd(1.0)
    assert ChainedScheduler([StepLR(o, 1, 0.5)]).curve(3) == [1, 0.5, 0.25]
    scheduler = ReduceLROnPlateau(o, factor=0, patience=1, threshold=0, eps=0)
    scheduler.step(math.inf)  # no improvement on nothing
    assert o.lr == 1
    scheduler = ReduceLROnPlateau(o, factor=0, patience=0, threshold=0, eps=0)
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert o.lr == 0


def test_a_refused_schedule_leaves_the_optimizer_alone():
    for make in (
        lambda o: CyclicLR(o, 0.01, 0.1, scale_mode="x"),
        lambda o: CyclicLR(o, 0.01, 0.1, 2, scale_fn=lambda cycle: cycle["x"]),
        lambda o: CyclicLR(o, 0.01, 0.1, base_momentum=0.99),
        lambda o: OneCycleLR(o, 0.1, 10, base_momentum=0.99),
        lambda o: SequentialLR(o, [LinearLR(o), LinearLR(sgd(0.1))], [3]),
    ):
        o = sgd(0.5)
        before = settings_of(o)
        with pytest.raises((ValueError, TypeError)):
            make(o)
        assert settings_of(o)[0]["momentum"] == before[0]["momentum"]
        assert o.param_groups[0].get("initial_lr", 0.5) == 0.5
        assert o.lr in (0.5, 0.5 / 3)  # the linear schedule itself was well made


def test_momentum_can_be_cycled_only_where_there_is_some():
    o = stepped(optim.Adagrad(groups(0.1)))
    for make in (
        lambda c: CyclicLR(o, 0.1, 1.0, cycle_momentum=c),
        lambda c: OneCycleLR(o, 1.0, 9, cycle_momentum=c),
    ):
        with pytest.raises(ValueError, match=r"neither momentum nor betas .*cycle_momentum=False"):
            make(True)
        make(False).step()


def test_a_group_added_after_the_schedule_is_pointed_out():
    o = sgd(0.5)
    scheduler = StepLR(o, 2)
    o.add_param_group(groups(0.1)[0])
    with pytest.raises(ValueError, match=r"built for 1 parameter groups, .* has 2 by now"):
        scheduler.step()


def test_schedules_of_a_chain_stand_at_the_same_step():
    o = sgd(0.5)
    a, b = StepLR(o, 2), ExponentialLR(o, 0.9)
    a.step()
    with pytest.raises(ValueError, match=r"stand at different steps, \[0, 1\]; .*init"):
        ChainedScheduler([a, b])
    b.step()
    chain = ChainedScheduler([a, b])
    assert chain.last_epoch == 1
    chain.step()
    assert o.lr == pytest.approx(0.5 * 0.1 * 0.81)
    assert (a.last_epoch, b.last_epoch) == (2, 2)


def test_get_lr_and_get_last_lr_are_the_rates_in_force():
    o = sgd(0.5, 0.25)
    scheduler = ExponentialLR(o, 0.5)
    scheduler.step()
    assert scheduler.get_last_lr() == scheduler.get_lr() == [0.25, 0.125]
    assert lrs_of(o) == [0.25, 0.125]
    assert scheduler.base_lrs == [0.5, 0.25]
    assert [group["initial_lr"] for group in o.param_groups] == [0.5, 0.25]


# in words ---------------------------------------------------------------------------------------


def test_repr_names_every_stage_and_its_arguments():
    """D77."""
    o = sgd(0.5)
    assert repr(StepLR(o, 30)) == "StepLR(step_size=30, gamma=0.1)"
    assert repr(MultiStepLR(o, [3, 6])) == "MultiStepLR(milestones=[3, 6], gamma=0.1)"
    assert repr(InverseTime(o)) == "InverseTime()"
    assert repr(LambdaLR(o, math.sqrt)) == "LambdaLR(lr_lambda=sqrt)"
    chain = ChainedScheduler([ConstantLR(o, 0.5, 2), ExponentialLR(o, 0.9)])
    series = SequentialLR(o, [LinearLR(o, 0.25), chain, CosineAnnealingLR(o, 9)], [5, 8])
    assert repr(series) == (
        "SequentialLR(schedulers=[LinearLR(start_factor=0.25, end_factor=1.0, total_iters=5), "
        "ChainedScheduler(schedulers=[ConstantLR(factor=0.5, total_iters=2), "
        "ExponentialLR(gamma=0.9)]), CosineAnnealingLR(T_max=9, eta_min=0.0)], milestones=[5, 8])"
    )
    assert repr(WarmupLR(o, 4, StepLR(o, 2), 0.5)) == (
        "WarmupLR(total_iters=4, then=StepLR(step_size=2, gamma=0.1), start_factor=0.5)"
    )
    assert repr(OneCycleLR(o, 1.0, 9)).startswith("OneCycleLR(max_lr=1.0, total_steps=9, pct_")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (0.0123456, "0.0123"),
        (0.001, "0.001"),
        (0.000999, "9.99e-04"),
        (-0.000123456, "-1.23e-04"),
        (12.3456, "12.3"),
        (999.4, "999"),
        (999.5, "1000"),
        (12345.6, "12346"),
        (0.0, "0"),
        (1, "1"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_are_written_in_three_digits(value: float, text: str):
    """D79."""
    assert brief(value) == text


def test_the_names_are_torchs():
    assert {name for name in schedules.__all__ if name not in ("WarmupLR", "brief")} == {
        *("LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR"),
        *("ExponentialLR", "SequentialLR", "CosineAnnealingLR", "ChainedScheduler"),
        *("ReduceLROnPlateau", "CyclicLR", "CosineAnnealingWarmRestarts", "OneCycleLR"),
        *("PolynomialLR", "LRScheduler"),
    }
    assert minitorch.optim.lr_scheduler is schedules
