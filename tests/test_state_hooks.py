"""What is not a tensor in a state, and hooks around taking a state and giving it back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.errors import CheckpointError


def counting(module: Any) -> type:
    """A class with extra state, on this library's Module or on torch's."""

    class Counting(module):
        def __init__(self) -> None:
            super().__init__()
            self.calls: Any = 0

        def get_extra_state(self) -> Any:
            return {"calls": self.calls}

        def set_extra_state(self, state: Any) -> None:
            self.calls = state["calls"]

    return Counting


Counting = counting(nn.Module)


def layered() -> Any:
    return nn.ModuleDict({"a": Counting(), "b": nn.Linear(2, 1)})


# extra state ------------------------------------------------------------------------------------


def test_extra_state_stands_in_the_state_dict_and_comes_back():
    model, twin = layered(), layered()
    model["a"].calls = 7
    state = model.state_dict(prefix="net.")
    assert list(state) == ["net.b.weight", "net.b.bias", "net.a._extra_state"]
    assert state["net.a._extra_state"] == {"calls": 7}
    twin.load_state_dict(model.state_dict())
    assert twin["a"].calls == 7


def test_extra_state_is_the_whole_state_of_a_module_at_the_top():
    one = Counting()
    one.load_state_dict({"_extra_state": {"calls": 3}})
    assert one.calls == 3
    assert one.state_dict() == {"_extra_state": {"calls": 3}}


def test_extra_state_that_is_missing_or_unexpected_is_a_problem_of_a_strict_load():
    model = layered()
    state = model.state_dict()
    del state["a._extra_state"]
    with pytest.raises(CheckpointError, match=r"missing: a\._extra_state"):
        model.load_state_dict(state)
    assert model.load_state_dict(state, strict=False).missing_keys == ["a._extra_state"]
    with pytest.raises(CheckpointError, match="unexpected: _extra_state"):
        nn.Linear(2, 1).load_state_dict({**nn.Linear(2, 1).state_dict(), "_extra_state": 1})


def test_extra_state_is_not_set_by_a_load_that_fails():
    model = layered()
    state = {**model.state_dict(), "a._extra_state": {"calls": 9}, "b.bias": minitorch.zeros(3)}
    with pytest.raises(CheckpointError, match=r"b\.bias: shape"):
        model.load_state_dict(state)
    assert model["a"].calls == 0


def test_extra_state_survives_a_file(tmp_path):
    model, twin = layered(), layered()
    model["a"].calls = [1, (2, "x"), minitorch.ones(2)]
    minitorch.save(model.state_dict(), tmp_path / "m.safetensors")
    twin.load_state_dict(minitorch.load(tmp_path / "m.safetensors"))
    assert twin["a"].calls[:2] == [1, (2, "x")]
    assert twin["a"].calls[2].tolist() == [1, 1]


def test_a_module_without_extra_state_says_what_to_define():
    with pytest.raises(RuntimeError, match="Linear has no extra state: define get_extra_state"):
        nn.Linear(2, 1).get_extra_state()
    with pytest.raises(RuntimeError, match="define set_extra_state"):
        nn.Linear(2, 1).set_extra_state(1)


def test_extra_state_has_the_key_that_it_has_in_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(counting(torch.nn.Module)())
    ours = nn.Sequential(Counting())
    assert ours.state_dict() == dict(theirs.state_dict())


# hooks ------------------------------------------------------------------------------------------


def test_a_load_pre_hook_renames_the_keys_of_an_old_file():
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))

    def renamed(module: Any, state: dict, prefix: str, *rest: Any) -> None:
        state[f"{prefix}weight"] = state.pop(f"{prefix}w")

    handle = model[1].register_load_state_dict_pre_hook(renamed)
    old = model.state_dict()
    old["1.w"] = old.pop("1.weight") * 0 + 5
    given = dict(old)
    model.load_state_dict(old)
    assert model[1].weight.item() == 5
    assert old == given  # the hook had a copy
    handle.remove()
    with pytest.raises(CheckpointError, match=r"missing: 1\.weight"):
        model.load_state_dict(old)


def test_a_load_pre_hook_is_told_what_torch_tells_it_and_may_object():
    heard: list[Any] = []

    def hook(module: Any, state: dict, prefix: str, metadata: dict, *rest: Any) -> None:
        strict, missing, unexpected, errors = rest
        heard.append((module, prefix, metadata, strict, missing, unexpected))
        errors.append("too old")

    model = nn.Sequential(nn.Linear(1, 1))
    model[0].register_load_state_dict_pre_hook(hook)
    with pytest.raises(CheckpointError, match="too old"):
        model.load_state_dict(model.state_dict(), strict=False)
    assert heard == [(model[0], "0.", {}, False, [], [])]


def test_a_load_post_hook_comes_when_all_is_written_and_the_model_after_its_parts():
    model, heard = nn.Sequential(nn.Linear(1, 1)), []
    for module in (model, model[0]):
        module.register_load_state_dict_post_hook(
            lambda module, keys: heard.append((module, model[0].bias.item(), keys.missing_keys))
        )
    model.load_state_dict({"0.bias": np.full(1, 3, np.float32)}, strict=False)
    assert heard == [(model[0], 3.0, ["0.weight"]), (model, 3.0, ["0.weight"])]
    with pytest.raises(CheckpointError):
        model.load_state_dict({})
    assert len(heard) == 2


def test_state_dict_hooks_hear_the_prefix_and_may_change_what_is_given():
    model, heard = nn.Sequential(nn.Linear(1, 1)), []
    model[0].register_state_dict_pre_hook(lambda *args: heard.append(args))

    def without_bias(module: Any, state: dict, prefix: str, metadata: dict) -> None:
        del state[f"{prefix}bias"]

    model[0].register_state_dict_post_hook(without_bias)
    assert list(model.state_dict(prefix="net.", keep_vars=True)) == ["net.0.weight"]
    assert heard == [(model[0], "net.0.", True)]


def test_a_state_dict_post_hook_must_not_return_another_dict():
    model = nn.Linear(1, 1)
    model.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="a hook of Linear returned something"):
        model.state_dict()


def test_a_module_may_be_a_hook_and_no_member():
    class Listening(nn.Module):
        def forward(self, *args: Any) -> None:
            self.heard = len(args)

    model, hook = nn.Linear(1, 1), Listening()
    model.register_state_dict_pre_hook(hook)
    model.register_load_state_dict_post_hook(hook)
    assert list(model.children()) == []
    model.load_state_dict(model.state_dict())
    assert hook.heard == 2


def test_hooks_hear_what_torchs_hear():
    torch = pytest.importorskip("torch")
    outcomes = []
    for lib in (minitorch, torch):
        heard: list[Any] = []
        model = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.Linear(1, 1))
        for i, module in enumerate([model, *model]):
            module.register_state_dict_pre_hook(
                lambda m, prefix, keep, i=i, heard=heard: heard.append((i, prefix, keep))
            )
            module.register_load_state_dict_post_hook(
                lambda m, keys, i=i, heard=heard: heard.append((i, sorted(keys.missing_keys)))
            )
        state = dict(model.state_dict(prefix="p."))
        model.load_state_dict({k[2:]: v for k, v in state.items()})
        outcomes.append((sorted(map(str, heard)), sorted(state)))
    assert outcomes[0] == outcomes[1]


# assign -----------------------------------------------------------------------------------------


def test_assign_takes_the_arrays_themselves_in_their_dtype():
    layer = nn.Linear(2, 1)
    weight = layer.weight
    state = {"weight": minitorch.ones(1, 2, dtype=minitorch.float64), "bias": minitorch.zeros(1)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight is weight
    assert weight.dtype == minitorch.float64
    assert weight.requires_grad
    state["weight"][0, 1] = 4.0
    assert weight.tolist() == [[1, 4]]


def test_assign_gives_a_model_of_shapes_alone_its_numbers():
    source, model = nn.Linear(3, 2), nn.Linear(3, 2, device="meta")
    with pytest.raises(CheckpointError, match="assign=True"):
        model.load_state_dict(source.state_dict())
    model.load_state_dict(source.state_dict(), True, True)
    x = minitorch.ones(1, 3)
    assert model(x).tolist() == source(x).tolist()


def test_assign_still_refuses_another_shape():
    layer = nn.Linear(2, 1)
    state = {**layer.state_dict(), "bias": minitorch.zeros(2)}
    with pytest.raises(CheckpointError, match=r"bias: shape \(2,\), expected \(1,\)"):
        layer.load_state_dict(state, assign=True)
    assert layer.bias.shape == (1,)


def test_to_empty_gives_memory_and_draws_nothing():
    model = nn.Sequential(nn.Linear(3, 2, device="meta"), nn.BatchNorm1d(2, device="meta"))
    generator = minitorch.random.default_generator.get_state()
    assert model.to_empty(device="cpu") is model
    assert minitorch.random.default_generator.get_state() == generator
    assert not any(t.is_meta for t in (*model.parameters(), *model.buffers()))
    model.load_state_dict(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict())
    assert model(minitorch.ones(4, 3)).shape == (4, 2)


def test_to_empty_leaves_the_modules_below_alone_when_told():
    model = nn.Sequential(nn.Linear(3, 2, device="meta"))
    model.scale = nn.Parameter(minitorch.ones(2, device="meta"))
    model.to_empty(device="cpu", recurse=False)
    assert not model.scale.is_meta
    assert model[0].weight.is_meta
