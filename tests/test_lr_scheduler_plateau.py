"""The schedule that watches a metric."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch import tensor
from minitorch.optim.lr_scheduler import ReduceLROnPlateau
from tests.schedules import groups, lrs_of, sgd


def test_plateau_reduces_after_patience_and_waits_through_the_cooldown():
    """G51."""
    o = sgd(1.0)
    scheduler = ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=2)
    lrs = []
    for loss in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0]:
        scheduler.step(loss)
        lrs.append(o.lr)
    # bad epochs:  0    0    1    2 → down, then two of cooldown, then 1, 2 → down
    assert lrs == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert scheduler.last_epoch == 10
    assert scheduler.best == 3.0


def test_plateau_says_what_counts_as_better():
    def is_better(value: float, mode: str, threshold_mode: str) -> bool:
        scheduler = ReduceLROnPlateau(sgd(1.0), mode, threshold=0.25, threshold_mode=threshold_mode)
        scheduler.step(8.0)
        scheduler.step(value)
        return scheduler.num_bad_epochs == 0

    assert is_better(5.9, "min", "rel")
    assert not is_better(6.0, "min", "rel")
    assert is_better(7.7, "min", "abs")
    assert not is_better(7.75, "min", "abs")
    assert is_better(10.1, "max", "rel")
    assert not is_better(10.0, "max", "rel")
    assert is_better(8.3, "max", "abs")
    assert not is_better(8.25, "max", "abs")


def test_plateau_bounds_are_per_group_and_small_changes_are_not_made():
    o = sgd(1.0, 1.0, 1e-8)
    scheduler = ReduceLROnPlateau(o, factor=0.1, patience=0, min_lr=[0.5, 0.0, 0.0])
    for _ in range(3):
        scheduler.step(1.0)
    assert lrs_of(o) == pytest.approx([0.5, 0.01, 1e-8])
    o = sgd(1.0)
    scheduler = ReduceLROnPlateau(o, factor=0.5, patience=0, eps=0.5)
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert o.lr == 1.0


def test_plateau_refuses_nan_and_what_is_no_number():
    """H157."""
    o = sgd(1.0)
    scheduler = ReduceLROnPlateau(o, patience=0)
    scheduler.step(1.0)
    state = scheduler.state_dict()
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau.step: the metric is nan"):
        scheduler.step(math.nan)
    with pytest.raises(TypeError) as refused:
        scheduler.step(None)
    assert "expected one number to watch, got None" in refused.value.__notes__[0]
    assert scheduler.state_dict() == state
    assert o.lr == 1.0
    scheduler.step(tensor(0.5))
    assert scheduler.best == 0.5


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=25),
    st.integers(0, 24),
    st.sampled_from(["min", "max"]),
)
def test_plateau_is_restored_in_the_middle(metrics: list[float], cut: int, mode: str):
    """D76. P35."""
    make = lambda o: ReduceLROnPlateau(o, mode, factor=0.5, patience=1, cooldown=1)
    o, p = sgd(1.0, 0.5), sgd(0.3, 0.3)
    a, b = make(o), make(p)
    for metric in metrics[:cut]:
        a.step(metric)
    b.load_state_dict(json.loads(json.dumps(a.state_dict(), allow_nan=False)))
    for metric in metrics[cut:]:
        a.step(metric)
        b.step(metric)
    assert lrs_of(o) == lrs_of(p)
    assert a.state_dict() == b.state_dict()


def test_plateau_draws_its_curve_from_metrics():
    metrics = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    o = sgd(1.0)
    scheduler = ReduceLROnPlateau(o, factor=0.5, patience=1, min_lr=0.3)
    scheduler.step(0.5)
    state = scheduler.state_dict()
    curve = scheduler.curve(metrics)
    assert curve == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    assert scheduler.state_dict() == state
    assert ReduceLROnPlateau(sgd(1.0, 2.0)).curve(metrics) == [[1.0] * 6, [2.0] * 6]
    with pytest.raises(TypeError, match=r"ReduceLROnPlateau.init: .*load_state_dict"):
        scheduler.init(3)


def test_plateau_takes_a_group_that_came_later():
    o = sgd(1.0)
    scheduler = ReduceLROnPlateau(o, factor=0.5, patience=0)
    o.add_param_group(groups(0.5)[0])
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert lrs_of(o) == [0.5, 0.25]
    state = scheduler.state_dict()
    scheduler.step(1.0)
    scheduler.load_state_dict(state)
    assert lrs_of(o) == [0.5, 0.25]
