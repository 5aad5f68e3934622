"""Hooks of an optimizer: around a step, around saving and around loading."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn, optim
from minitorch.errors import CheckpointError


def trained(rule: type = optim.SGD, **options: Any) -> tuple[Any, Any]:
    """A parameter with a gradient, and its optimizer."""
    w = nn.Parameter(minitorch.ones(2))
    w.grad = minitorch.ones(2)
    return w, rule([w], lr=0.5, **options)


# steps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.RMSprop])
def test_step_hooks_stand_around_every_step(rule):
    w, optimizer = trained(rule)
    heard: list[Any] = []
    before = optimizer.register_step_pre_hook(lambda *args: heard.append((*args, w[0].item())))
    after = optimizer.register_step_post_hook(lambda *args: heard.append((*args, w[0].item())))
    optimizer.step()
    moved = w[0].item()
    assert heard == [(optimizer, (optimizer,), {}, 1.0), (optimizer, (optimizer,), {}, moved)]
    assert moved < 1
    before.remove()
    after.remove()
    optimizer.step()
    assert len(heard) == 2


def test_step_hooks_hear_the_closure_and_may_replace_it():
    _w, optimizer = trained()
    heard: list[Any] = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
    optimizer.register_step_post_hook(lambda o, args, kwargs: heard.append((args[1](), kwargs)))
    assert optimizer.step(closure=lambda: 3) == 7
    assert heard == [(7, {})]


def test_a_step_that_fails_calls_no_post_hook():
    w, optimizer = trained()
    w.grad = None
    heard: list[Any] = []
    optimizer.register_step_post_hook(lambda *args: heard.append(args))
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        optimizer.step()
    assert heard == []


def test_a_step_pre_hook_returns_both_or_nothing():
    w, optimizer = trained()
    optimizer.register_step_pre_hook(lambda *args: 3)
    with pytest.raises(RuntimeError, match=r"SGD: a step pre-hook returned 3, expected None or"):
        optimizer.step()
    assert w.tolist() == [1, 1]


def test_hooks_stand_around_a_step_of_a_classs_own_and_once_around_one_within_it():
    class Halving(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                group["lr"] /= 2
            return super().step(closure)

    for rule in (Halving, type("Below", (Halving,), {})):
        w, optimizer = trained(rule)
        heard: list[Any] = []
        optimizer.register_step_pre_hook(lambda *args, heard=heard: heard.append("before"))
        optimizer.register_step_post_hook(lambda *args, heard=heard: heard.append("after"))
        optimizer.step()
        assert heard == ["before", "after"]
        assert w.tolist() == [0.75, 0.75]


def test_hooks_stand_around_the_step_of_lbfgs():
    w = nn.Parameter(minitorch.ones(2))
    optimizer, heard = optim.LBFGS([w]), []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    optimizer.register_step_post_hook(lambda o, args, kwargs: heard.append(args))
    optimizer.step(closure)
    assert heard == [(optimizer, closure)]


def test_hooks_run_at_every_step_that_is_compiled():
    w, optimizer = trained()
    heard: list[int] = []
    optimizer.register_step_post_hook(lambda *args: heard.append(1))

    @minitorch.compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        step(minitorch.ones(2))
    assert len(heard) == 4


def test_hooks_go_with_a_copy_and_belong_to_one_optimizer():
    _w, optimizer = trained()
    heard: list[Any] = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: heard.append(o))
    twin = copy.deepcopy(optimizer)
    twin.param_groups[0]["params"][0].grad = minitorch.ones(2)
    twin.step()
    trained()[1].step()
    assert heard == [twin]


def test_one_function_may_be_registered_twice_and_each_handle_removes_its_own():
    _w, optimizer = trained()
    log: list[str] = []

    def first(*given: Any) -> None:
        log.append("first")

    handles = [optimizer.register_step_post_hook(first)]
    optimizer.register_step_post_hook(lambda *given: log.append("second"))
    handles += [optimizer.register_step_post_hook(first)]
    handles[1].remove()
    handles[1].remove()
    optimizer.step()
    assert log == ["first", "second"]
    handles[0].remove()
    optimizer.step()
    assert log == ["first", "second", "second"]


def test_a_hook_is_a_function():
    with pytest.raises(TypeError, match="SGD: a hook is a function, got 3"):
        trained()[1].register_step_pre_hook(3)


# states -----------------------------------------------------------------------------------------


def test_state_dict_hooks_come_before_and_after_and_may_replace_the_state():
    _w, optimizer = trained(momentum=0.9)
    heard: list[Any] = []
    optimizer.register_state_dict_pre_hook(lambda o: heard.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: heard.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": "mine"})
    optimizer.register_state_dict_post_hook(lambda o, state: heard.append(state["note"]))
    assert optimizer.state_dict()["note"] == "mine"
    assert heard == ["first", "second", "mine"]


def test_load_hooks_may_mend_an_old_state_and_hear_of_one_that_was_taken():
    _w, optimizer = trained()
    state = {**optimizer.state_dict(), "class": "OldSGD"}
    heard: list[Any] = []
    optimizer.register_load_state_dict_post_hook(lambda o: heard.append(o.param_groups[0]["lr"]))
    with pytest.raises(CheckpointError, match="OldSGD"):
        optimizer.load_state_dict(state)
    assert heard == []

    def renamed(o: Any, state: dict) -> None:
        state["class"] = "SGD"

    optimizer.register_load_state_dict_pre_hook(renamed)
    state["groups"][0]["lr"] = 0.125
    optimizer.load_state_dict(state)
    assert heard == [0.125]
    assert state["class"] == "OldSGD"  # the hook had a copy


def test_a_load_pre_hook_may_return_another_state():
    _w, optimizer = trained()
    other = optimizer.state_dict()
    other["groups"][0]["lr"] = 0.25
    optimizer.register_load_state_dict_pre_hook(lambda o, state: other)
    optimizer.load_state_dict({})
    assert optimizer.lr == 0.25


# torch ------------------------------------------------------------------------------------------


def test_hooks_hear_what_torchs_hear():
    torch = pytest.importorskip("torch")
    outcomes = []
    for lib in (minitorch, torch):
        w = lib.nn.Parameter(lib.ones(2))
        w.grad = lib.ones(2)
        optimizer, heard = lib.optim.SGD([w], lr=0.5, momentum=0.9), []
        optimizer.register_step_pre_hook(
            lambda o, a, k, heard=heard: heard.append(("pre", a[1:], k))
        )
        optimizer.register_step_post_hook(
            lambda o, a, k, heard=heard: heard.append(("post", a[1:], k))
        )
        optimizer.register_state_dict_pre_hook(lambda o, heard=heard: heard.append("save"))
        optimizer.register_load_state_dict_post_hook(lambda o, heard=heard: heard.append("load"))
        optimizer.step()
        optimizer.step(None)
        optimizer.load_state_dict(optimizer.state_dict())
        outcomes.append((heard, np.asarray(w.detach()).tolist()))
    assert outcomes[0] == outcomes[1]
