"""Schedules of the learning rate: their formulas, and how to write one of one's own."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

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
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)
from tests.schedules import (
    InTorchsForm,
    InverseTime,
    adam,
    lrs_of,
    settings_of,
    sgd,
    trace,
    walk,
)

# formulas ---------------------------------------------------------------------------------------


def test_step_is_down_by_gamma_every_step_size():
    """D71."""
    lrs = trace(0.5, lambda o: StepLR(o, step_size=4, gamma=0.1), 10)
    assert lrs == pytest.approx([0.5 * 0.1 ** (t // 4) for t in range(11)], rel=1e-14)


def test_multi_step_is_down_by_gamma_at_each_milestone():
    lrs = trace(0.5, lambda o: MultiStepLR(o, milestones=[6, 2, 6], gamma=0.5), 7)
    assert lrs == [0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.0625, 0.0625]
    assert trace(0.5, lambda o: MultiStepLR(o, [0], gamma=0.5), 1) == [0.25, 0.25]


def test_constant_is_less_at_first():
    assert trace(0.5, lambda o: ConstantLR(o, factor=0.25, total_iters=2), 3) == [
        *[0.125, 0.125],
        *[0.5, 0.5],
    ]
    # A factor of zero freezes at first, and the end of it does not divide by zero.
    assert trace(0.5, lambda o: ConstantLR(o, factor=0.0, total_iters=2), 3) == [0, 0, 0.5, 0.5]


def test_linear_is_exact_at_both_ends_between_and_after():
    """D72, from the first step on: building the schedule sets the starting factor."""
    N, start, end = 10, 0.2, 0.8
    lrs = trace(0.5, lambda o: LinearLR(o, start, end, N), N + 5)
    expected = [0.5 * (start + (end - start) * min(t, N) / N) for t in range(N + 6)]
    assert lrs == pytest.approx(expected, rel=1e-14)
    assert lrs[0] == pytest.approx(0.1, rel=1e-15)
    assert lrs[N // 2] == pytest.approx(0.25, rel=1e-15)
    assert lrs[N] == lrs[N + 5] == pytest.approx(0.4, rel=1e-15)


def test_exponential_and_polynomial_formulas():
    """G51."""
    lrs = trace(0.5, lambda o: ExponentialLR(o, gamma=0.7), 20)
    assert lrs == pytest.approx([0.5 * 0.7**t for t in range(21)], rel=1e-14)
    lrs = trace(0.5, lambda o: PolynomialLR(o, total_iters=8, power=2.5), 12)
    expected = [0.5 * (1 - min(t, 8) / 8) ** 2.5 for t in range(13)]
    assert lrs == pytest.approx(expected, rel=1e-13)
    assert lrs[8:] == [0.0] * 5


def test_cosine_at_its_ends_and_in_the_middle():
    """D73."""
    T, low = 10, 0.1
    lrs = trace(0.5, lambda o: CosineAnnealingLR(o, T_max=T, eta_min=low), T)
    expected = [low + 0.4 * (1 + math.cos(math.pi * t / T)) / 2 for t in range(T + 1)]
    assert lrs == pytest.approx(expected, rel=1e-14)
    assert lrs[0] == 0.5
    assert lrs[T // 2] == pytest.approx(0.3, rel=1e-15)
    assert lrs[T] == 0.1


def test_cosine_holds_its_minimum():
    """H156."""
    lrs = trace(1.0, lambda o: CosineAnnealingLR(o, T_max=4, eta_min=0.25), 12)
    assert lrs[4:] == [0.25] * 9


def test_cosine_restarts_when_asked_to():
    """H156."""
    scheduler = CosineAnnealingWarmRestarts(sgd(1.0), T_0=2, T_mult=3, eta_min=0.5)
    half = lambda T: [0.5 + 0.25 * (1 + math.cos(math.pi * t / T)) for t in range(T)]
    assert scheduler.curve(27) == pytest.approx([*half(2), *half(6), *half(18), 1.0], rel=1e-15)


def test_restarts_may_be_stepped_between_epochs():
    o = sgd(1.0)
    scheduler = CosineAnnealingWarmRestarts(o, T_0=4)
    scheduler.step(5.5)
    assert o.lr == pytest.approx((1 + math.cos(math.pi * 1.5 / 4)) / 2, rel=1e-15)
    restored = CosineAnnealingWarmRestarts(other := sgd(1.0), T_0=4)
    restored.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    scheduler.step()
    restored.step()
    assert other.lr == o.lr == pytest.approx((1 + math.cos(math.pi * 2.5 / 4)) / 2, rel=1e-15)
    scheduler.step(26)
    scheduler.step()
    assert scheduler.last_epoch == 27
    assert isinstance(scheduler.last_epoch, int)
    with pytest.raises(ValueError, match="epoch is -1"):
        scheduler.step(-1)


def test_lambda_multiplies_the_initial_and_multiplicative_the_last():
    lrs = trace(0.5, lambda o: LambdaLR(o, lambda t: 0.5**t), 3)
    assert lrs == [0.5, 0.25, 0.125, 0.0625]
    lrs = trace(0.5, lambda o: MultiplicativeLR(o, lambda t: 1 / t), 4)
    assert lrs == pytest.approx([0.5, 0.5, 0.25, 0.5 / 6, 0.5 / 24], rel=1e-15)


def test_every_group_has_a_function_of_its_own():
    for kind, expected in ((LambdaLR, [0.5, 6.0]), (MultiplicativeLR, [0.5, 6.0])):
        o = sgd(1.0, 2.0)
        kind(o, [lambda t: 0.5**t, lambda t: 3.0**t]).step()
        assert lrs_of(o) == expected


def test_cyclic_is_a_triangle_between_its_bounds():
    curve = lambda **options: CyclicLR(sgd(1.0), 1.0, 3.0, 2, **options).curve(10)
    assert curve() == [1, 2, 3, 2, 1, 2, 3, 2, 1, 2]
    assert curve(step_size_down=1) == pytest.approx([1, 2, 3, 1, 2, 3, 1, 2, 3, 1], rel=1e-12)
    assert curve(mode="triangular2") == [1, 2, 3, 2, 1, 1.5, 2, 1.5, 1, 1.25]
    expected = [1 + 2 * h * 0.5**t for t, h in enumerate([0, 0.5, 1, 0.5] * 3)][:10]
    assert curve(mode="exp_range", gamma=0.5) == pytest.approx(expected, rel=1e-15)
    assert curve(scale_fn=lambda cycle: 2 / 2**cycle, mode="mine") == curve(mode="triangular2")
    by_step = curve(scale_fn=lambda t: 0.5**t, scale_mode="iterations")
    assert by_step == pytest.approx(expected, rel=1e-15)


def test_cyclic_moves_momentum_against_the_learning_rate():
    o = sgd(1.0)
    scheduler = CyclicLR(o, 1.0, 3.0, 2, base_momentum=0.5, max_momentum=0.75)
    seen = []
    for _ in range(4):
        seen.append(o.param_groups[0]["momentum"])
        scheduler.step()
    assert seen == [0.75, 0.625, 0.5, 0.625]
    o = adam(1.0)
    scheduler = CyclicLR(o, 1.0, 3.0, 2, base_momentum=0.5, max_momentum=0.75)
    scheduler.step()
    assert o.param_groups[0]["betas"] == (0.625, 0.99)
    o = sgd(1.0)
    CyclicLR(o, 1.0, 3.0, 2, cycle_momentum=False).step()
    assert o.param_groups[0]["momentum"] == 0.9


def one_cycle(t: int, start: float, high: float, end: float, N: int, rise: float) -> float:
    """What the docstring says, with two phases and cosines."""
    cosine = lambda a, b, p: b + (a - b) * (1 + math.cos(math.pi * p)) / 2
    top = rise * N - 1
    if t <= top:
        return cosine(start, high, t / top)
    return cosine(high, end, (t - top) / (N - 1 - top))


def test_one_cycle_up_and_down():
    """G51."""
    o = sgd(1.0)
    scheduler = OneCycleLR(o, max_lr=2.0, total_steps=20, pct_start=0.25, div_factor=10)
    for t in range(20):
        assert o.lr == pytest.approx(one_cycle(t, 0.2, 2.0, 0.2 / 1e4, 20, 0.25), rel=1e-12)
        momentum = one_cycle(t, 0.95, 0.85, 0.95, 20, 0.25)
        assert o.param_groups[0]["momentum"] == pytest.approx(momentum, rel=1e-12)
        scheduler.step()


def test_one_cycle_in_three_straight_phases():
    scheduler = OneCycleLR(
        sgd(1.0),
        max_lr=1.0,
        total_steps=11,
        pct_start=3 / 11,
        anneal_strategy="linear",
        div_factor=2,
        final_div_factor=10,
        three_phase=True,
    )
    expected = [0.5, 0.75, 1.0, 0.75, 0.5, *(0.5 - 0.45 * t / 6 for t in range(1, 7))]
    assert scheduler.curve(11) == pytest.approx(expected, rel=1e-12)


def test_one_cycle_takes_epochs_times_batches():
    by_epochs = OneCycleLR(sgd(1.0), 1.0, epochs=4, steps_per_epoch=5)
    assert by_epochs.total_steps == 20
    assert by_epochs.curve(20) == OneCycleLR(sgd(1.0), 1.0, total_steps=20).curve(20)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("pct_start", [0, 0.1, 1])
def test_one_cycle_where_a_phase_has_no_length(strategy: str, pct_start: float):
    curve = OneCycleLR(
        sgd(1.0), 1.0, 10, pct_start=pct_start, anneal_strategy=strategy, cycle_momentum=False
    ).curve(11)
    assert all(0 <= lr <= 1 for lr in curve)
    if pct_start == 1:
        assert curve[9] == pytest.approx(1.0)
    elif pct_start == 0.1:
        assert curve[0] == 1.0


def test_one_cycle_past_its_end():
    """H155."""
    o = sgd(1.0)
    scheduler = OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="linear")
    for _ in range(5):  # the usual loop: one step after each of five batches
        scheduler.step()
    assert o.lr == pytest.approx(1 / 25e4)
    before = settings_of(o)
    with pytest.raises(ValueError, match=r"step 6 is past the end, total_steps is 5"):
        scheduler.step()
    assert settings_of(o) == before
    assert scheduler.last_epoch == 5


# a schedule of one's own ------------------------------------------------------------------------


def test_a_schedule_in_three_lines_works_in_a_chain():
    """D78."""
    o = sgd(0.8)
    chain = ChainedScheduler([InverseTime(o), ExponentialLR(o, 0.5)])
    assert walk(o, chain, 4) == pytest.approx([0.8 / (1 + t) * 0.5**t for t in range(5)])
    o = sgd(0.8)
    series = SequentialLR(o, [LinearLR(o, 0.5, total_iters=2), InverseTime(o)], [2])
    assert walk(o, series, 4) == pytest.approx([0.4, 0.6, 0.8, 0.4, 0.8 / 3])


def test_a_schedule_may_give_the_learning_rate_itself():
    class Floor(LRScheduler):
        def lr_at(self, t: int, base_lr: float, lr: float) -> float:
            return max(base_lr - 0.25 * t, 0.1)

    assert trace(0.8, lambda o: Floor(o), 4) == pytest.approx([0.8, 0.55, 0.3, 0.1, 0.1])


def test_a_schedule_comes_back_from_zero():
    class Pulses(LRScheduler):
        def factor_at(self, t: int) -> float:
            return (1.0, 0.0, 0.0, 0.25)[t % 4]

    lrs = trace(0.8, Pulses, 7)
    assert lrs == pytest.approx([0.8, 0, 0, 0.2] * 2)


def test_plain_attributes_of_a_schedule_are_saved_and_others_are_not():
    class Own(InverseTime):
        def __init__(self, optimizer: Any, pace: float) -> None:
            self.pace, self.table, self.places = pace, {"a": [1, (2.5, None)]}, {3: 0.1}
            self.array, self.function = np.ones(2), math.sqrt
            super().__init__(optimizer)

    state = Own(sgd(1.0), 0.5).state_dict()
    assert state["table"] == {"a": [1, [2.5, None]]}
    assert set(state) == {"pace", "table", "base_lrs", "_start", "last_epoch", "groups"}
    other = Own(sgd(1.0), 0.25)
    other.load_state_dict(state)
    assert other.pace == 0.5
    assert repr(other) == "Own(pace=0.5)"


def test_a_schedule_in_torchs_form_works():
    o = sgd(0.8)
    scheduler = InTorchsForm(o)
    expected = [0.8, 0.4, 0.3, 0.25]
    assert walk(o, scheduler, 3) == pytest.approx(expected)
    assert scheduler.curve(4) == pytest.approx(expected)
    assert scheduler.optimizer is o
    assert scheduler.last_epoch == 3
    assert schedules._LRScheduler is LRScheduler


def test_a_schedule_that_says_nothing_is_told_what_to_say():
    class Nothing(LRScheduler):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing: a schedule is a method factor_at"):
        Nothing(sgd(1.0))


def test_an_error_inside_a_schedule_changes_nothing():
    o = sgd(0.5, 0.25)
    scheduler = LambdaLR(o, [lambda t: 1.0, lambda t: -1.0 if t == 2 else 0.5])
    scheduler.step()
    with pytest.raises(ValueError, match=r"LambdaLR: lr_lambda\(2\) is -1.0, expected 0 or"):
        scheduler.step()
    assert lrs_of(o) == [0.5, 0.125]
    assert scheduler.last_epoch == 1
    with pytest.raises(ValueError, match=r"lr_lambda\(0\) is nan"):
        LambdaLR(sgd(1.0), lambda t: math.nan)

    class Text(LRScheduler):
        def lr_at(self, t: int, base_lr: float, lr: float) -> Any:
            return "fast"

    class Nameless(LRScheduler):
        def factor_at(self, t: int) -> Any:
            return None

    with pytest.raises(TypeError, match=r"Nameless: factor_at\(0\) is None, expected a number"):
        Nameless(sgd(1.0))
    with pytest.raises(TypeError, match="Text: the learning rate of group 0 is 'fast', expected"):
        Text(sgd(1.0))


def test_learning_rates_are_python_numbers():
    o = sgd(1.0)
    LambdaLR(o, lambda t: np.float64(0.5)).step()
    assert type(o.param_groups[0]["lr"]) is float
    scheduler = StepLR(sgd(1.0), np.int64(2), np.float32(0.5))
    assert type(scheduler.step_size) is int
    assert type(scheduler.gamma) is float
    assert StepLR(sgd(1.0), 2.0).step_size == 2
