"""Switches: recording, and the watch for the first NaN."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import minitorch as mt


@pytest.fixture
def x():
    return mt.tensor([1.0, 2.0], requires_grad=True)


def test_no_grad_records_nothing_and_nests(x):
    with mt.no_grad():
        assert not mt.is_grad_enabled()
        assert not (x * 2).requires_grad
        with mt.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_switches_are_put_back_after_an_exception(x):
    with pytest.raises(ZeroDivisionError), mt.no_grad():
        1 / 0  # noqa: B018
    assert mt.is_grad_enabled()


def test_one_switch_object_can_be_entered_twice(x):
    quiet = mt.no_grad()
    with quiet, quiet:
        assert not mt.is_grad_enabled()
    assert mt.is_grad_enabled()


def test_as_decorators(x):
    @mt.no_grad()
    def with_parentheses():
        return x * 2

    @mt.no_grad
    def without():
        return x * 2

    @mt.set_grad_enabled(False)
    def switched():
        return x * 2

    assert mt.is_grad_enabled()
    for f in (with_parentheses, without, switched):
        assert not f().requires_grad
        assert mt.is_grad_enabled()
    assert without.__name__ == "without"


@pytest.mark.parametrize("switch", [mt.no_grad, mt.no_grad(), mt.detect_anomaly()])
def test_generators_cannot_be_decorated(switch):
    def numbers():
        yield 1

    with pytest.raises(TypeError, match="cannot decorate the generator 'numbers'"):
        switch(numbers)


@pytest.mark.parametrize("switch", [mt.no_grad, mt.inference_mode, mt.enable_grad])
def test_a_switch_decorates_with_and_without_parentheses(switch):
    for decorate in (switch, switch()):
        inside = decorate(lambda: mt.is_grad_enabled())
        assert inside() is (switch is mt.enable_grad)
        assert mt.is_grad_enabled()
    for wrong in (3, "f"):
        with pytest.raises(TypeError, match=f"{switch.__name__}: expected a function to decorate"):
            switch(wrong)


def test_set_grad_enabled_acts_at_once_and_as_a_block(x):
    with mt.set_grad_enabled(False):
        assert not mt.is_grad_enabled()
    assert mt.is_grad_enabled()
    mt.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    mt.set_grad_enabled(True)
    assert (x * 2).requires_grad
    with mt.inference_mode():
        assert not (x * 2).requires_grad
    with mt.inference_mode(False):
        assert (x * 2).requires_grad


def test_other_threads_go_on_recording(x):
    seen = []
    with mt.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_compute_side_by_side(x):
    results = []

    def work():
        for _ in range(200):
            y = (x.exp() * 2).sum()
            (g,) = mt.autograd.grad(y, x)
            results.append(np.allclose(g.numpy(), 2 * np.exp([1.0, 2.0])))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 800
    assert all(results)


def test_overflow_is_silent_here_and_not_in_the_users_numpy():
    assert mt.tensor([1000.0]).exp().item() == float("inf")
    assert (mt.tensor([1.0]) / 0).item() == float("inf")
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.exp(np.float32([1000.0]))


# detect_anomaly ----------------------------------------------------------------------------------


def test_a_nan_is_named_where_it_is_born(x):
    with mt.detect_anomaly():
        y = x - 3
        with pytest.raises(
            FloatingPointError, match=r"log: NaN at \(0,\).*test_modes.py:\d+: y.log"
        ):
            y.log()


def test_a_nan_of_the_backward_names_the_forward_line(x):
    with mt.detect_anomaly():
        y = (x - 1).sqrt() * mt.tensor([0.0, 1.0])  # slope inf at 0, times 0
        with pytest.raises(FloatingPointError, match=r"sqrt: backward makes NaN at \(0,\)"):
            y.sum().backward()
    assert x.grad is None


def test_where_around_a_bad_point_is_explained(x):
    with mt.detect_anomaly():
        y = mt.where(x > 1, (x - 1).sqrt(), 0.0)
        with pytest.raises(FloatingPointError, match=r"f\(where\(ok, x, safe\)\)"):
            y.sum().backward()


def test_a_write_around_the_tape_is_found(x):
    a = mt.tensor([3.0, 4.0])
    with mt.detect_anomaly():
        y = (x * a).sum()
        a.numpy()[0] = 100
        with pytest.raises(RuntimeError, match=r"mul: its saved 'b' of shape \(2,\).*\.numpy\(\)"):
            y.backward()


def test_a_nan_that_came_in_is_not_born_here():
    x = mt.tensor([float("nan")], requires_grad=True)
    with mt.detect_anomaly():
        (x * x).sum().backward()
    assert np.isnan(x.grad.item())


def test_anomaly_lets_good_work_pass(x):
    with mt.detect_anomaly():
        (x.exp() * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]) * [2, 3], rtol=1e-6)


def test_anomalies_are_looked_for_from_a_line_on(x):
    mt.autograd.set_detect_anomaly(True)
    try:
        assert mt.is_anomaly_enabled()
        with pytest.raises(FloatingPointError, match="log: NaN"):
            (x - 3).log()
        with mt.autograd.set_detect_anomaly(False):
            assert not mt.is_anomaly_enabled()
            assert np.isnan((x - 3).log().detach().numpy()).all()
        assert mt.is_anomaly_enabled()
    finally:
        mt.autograd.set_detect_anomaly(False)
    assert not mt.is_anomaly_enabled()
    assert np.isnan((x - 3).log().detach().numpy()).all()


def test_setting_anomaly_in_a_block_leaves_recording_and_its_tape_alone(x):
    with mt.tape() as records, mt.no_grad(), mt.autograd.set_detect_anomaly(True):
        assert not mt.is_grad_enabled()
        with mt.enable_grad(), mt.autograd.set_detect_anomaly(False):
            x.exp()
    assert len(records) == 1
    assert not mt.is_anomaly_enabled()


def test_anomaly_as_a_decorator(x):
    @mt.autograd.set_detect_anomaly(True)
    def f():
        return mt.is_anomaly_enabled()

    assert not mt.is_anomaly_enabled()
    assert f()
