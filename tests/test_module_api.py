"""Methods of torch's Module: walks that repeat the tied, replaced modules, hooks always called."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

import minitorch
from minitorch import nn


class Twice(nn.Module):
    def __init__(self) -> None:
        self.first = nn.Linear(2, 2)
        self.second = self.first


# walks ------------------------------------------------------------------------------------------


def test_modules_may_come_as_often_as_they_are_held():
    model = Twice()
    assert [*model.modules()] == [model, model.first]
    assert [*model.modules(remove_duplicate=False)] == [model, model.first, model.first]
    named = [name for name, _ in model.named_modules(remove_duplicate=False)]
    assert named == ["", "first", "second"]


def test_named_modules_takes_torchs_arguments_in_torchs_order():
    model, memo = nn.Sequential(nn.ReLU()), set()
    assert [name for name, _ in model.named_modules(memo, "net")] == ["net", "net.0"]
    assert memo == {id(model), id(model[0])}
    assert [*model.named_modules(memo)] == []


# replaced modules -------------------------------------------------------------------------------


def test_set_submodule_replaces_and_adds_by_path():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))
    relu6 = nn.ReLU6()
    model.set_submodule("1.0", relu6)
    model.set_submodule("1.extra", nn.Identity())
    assert model[1][0] is relu6
    assert [name for name, _ in model[1].named_children()] == ["0", "1", "extra"]
    assert model(minitorch.ones(1, 2)).shape == (1, 1)


def test_set_submodule_reaches_into_lists_and_dicts():
    class Net(nn.Module):
        def __init__(self) -> None:
            self.rows = [nn.ReLU(), [nn.ReLU()]]
            self.named = {"a": deque([nn.ReLU()])}

    model = Net()
    for path in ("rows.0", "rows.1.0", "named.a.0"):
        model.set_submodule(path, nn.Tanh(), strict=True)
    assert [type(m) for m in model.modules()] == [Net, nn.Tanh, nn.Tanh, nn.Tanh]


def test_set_submodule_refuses_what_is_no_module_and_paths_that_lead_nowhere():
    model = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(TypeError, match="'0' must be a Module, got int"):
        model.set_submodule("0", 1)
    with pytest.raises(AttributeError, match="layers"):
        model.set_submodule("layers.0", nn.ReLU())
    with pytest.raises(AttributeError, match="has no module '1'"):
        model.set_submodule("1", nn.ReLU(), strict=True)
    for path in ("", "0.", ".0"):
        with pytest.raises(ValueError, match=f"set_submodule: {path!r} is no path"):
            model.set_submodule(path, nn.ReLU())
    model.rows = [nn.ReLU()]
    for path in ("rows.1", "rows.-1", "rows.last"):
        with pytest.raises(IndexError, match=f"no {path!r}, there are 1 modules"):
            model.set_submodule(path, nn.ReLU())
    assert len(model) == 1


# hooks that are always called -------------------------------------------------------------------


class Failing(nn.Module):
    def forward(self, x: Any) -> Any:
        raise ZeroDivisionError("the failure")


def test_a_hook_with_always_call_hears_of_a_forward_that_failed():
    model, heard = Failing(), []
    model.register_forward_hook(lambda *args: heard.append("usual"))
    model.register_forward_hook(lambda m, args, y: heard.append((args, y)), always_call=True)
    with pytest.raises(ZeroDivisionError, match="the failure"):
        model(3)
    assert heard == [((3,), None)]


def test_a_hook_with_always_call_is_called_once_where_all_goes_well():
    model, heard = nn.Identity(), []
    model.register_forward_hook(lambda m, args, y: heard.append(y), always_call=True)
    assert model(3) == 3
    assert heard == [3]


def test_a_hook_with_always_call_comes_after_another_that_failed_and_not_twice():
    model, heard = nn.Identity(), []

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    model.register_forward_hook(lambda m, args, y: heard.append("before"), always_call=True)
    model.register_forward_hook(fail)
    model.register_forward_hook(lambda m, args, y: heard.append(("after", y)), always_call=True)
    with pytest.raises(ZeroDivisionError):
        model(3)
    assert heard == ["before", ("after", 3)]


def test_an_error_of_such_a_hook_does_not_hide_the_one_on_its_way():
    model = Failing()

    def wrong(module: Any, args: Any, kwargs: Any, y: Any) -> None:
        raise KeyError("mine")

    model.register_forward_hook(wrong, always_call=True, with_kwargs=True)
    with (
        pytest.warns(UserWarning, match="Failing: a forward hook with always_call=True raised Key"),
        pytest.raises(ZeroDivisionError, match="the failure"),
    ):
        model(3)


def test_hooks_that_are_always_called_hear_what_torchs_hear():
    torch = pytest.importorskip("torch")
    outcomes = []
    for lib in (nn, torch.nn):
        heard: list[Any] = []

        class Broken(lib.Module):
            def forward(self, x: Any) -> Any:
                raise ZeroDivisionError

        for model in (Broken(), lib.Identity()):
            for i, always in enumerate((True, False, True)):
                model.register_forward_hook(
                    lambda m, args, y, i=i, heard=heard: heard.append((i, args, y)),
                    always_call=always,
                    prepend=i == 2,
                )
            try:
                model(3)
            except ZeroDivisionError:
                heard.append("raised")
        outcomes.append(heard)
    assert outcomes[0] == outcomes[1]


def test_cuda_without_a_number_is_the_current_gpu_and_not_nothing():
    for call in (nn.Linear(1, 1).cuda, minitorch.ones(1).cuda):
        if minitorch.cuda.is_available():
            call(None)
        else:
            with pytest.raises(RuntimeError):
                call(None)


# parameters by name -----------------------------------------------------------------------------


def test_a_parameter_dict_is_used_as_a_dict():
    a, b = (nn.Parameter(minitorch.ones(n)) for n in (1, 2))
    held = nn.ParameterDict({"a": a})
    assert held.setdefault("a", b) is a
    assert held.setdefault("b", b) is b
    assert list(reversed(held)) == ["b", "a"]
    assert held.popitem() == ("b", b)
    assert list(held) == ["a"]
    assert held.popitem()[0] == "a"
    with pytest.raises(KeyError, match="empty"):
        held.popitem()


def test_a_copy_of_a_parameter_dict_holds_the_same_parameters():
    a, b = (nn.Parameter(minitorch.ones(n)) for n in (1, 2))
    held = nn.ParameterDict({"a": a})
    copied = held.copy()
    copied["b"] = b
    assert (list(held), list(copied)) == (["a"], ["a", "b"])
    assert copied["a"] is a
    both = held | copied
    assert (list(both), list(held)) == (["a", "b"], ["a"])
    held |= {"c": minitorch.ones(3)}
    assert isinstance(held["c"], nn.Parameter)
    assert list(held) == ["a", "c"]


def test_a_parameter_dict_from_names_ties_them():
    held = nn.ParameterDict.fromkeys(["a", "b"], minitorch.zeros(2))
    assert held["a"] is held["b"]
    assert len(list(held.parameters())) == 1
