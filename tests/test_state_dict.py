"""The state of a module is given away as copies, and taken in whole or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.errors import CheckpointError


class Model(nn.Module):
    def __init__(self) -> None:
        self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        self.register_buffer("steps", minitorch.tensor(5))
        self.register_buffer("cache", minitorch.zeros(1), persistent=False)


def raw(model: Any) -> dict[str, bytes]:
    return {k: v.numpy(force=True).tobytes() for k, v in model.state_dict(keep_vars=True).items()}


def refused(model: Any, state: dict, *patterns: str, **options: Any) -> str:
    """Loading fails, names every pattern, and leaves the model as it was."""
    before = raw(model)
    with pytest.raises(CheckpointError) as caught:
        model.load_state_dict(state, **options)
    assert raw(model) == before
    for pattern in patterns:
        assert pattern in str(caught.value)
    return str(caught.value)


def test_a_refused_state_may_be_caught_as_in_torch():
    with pytest.raises(RuntimeError, match="missing: bias"):
        nn.Linear(2, 2).load_state_dict({"weight": np.ones((2, 2), np.float32)})


def test_keys_are_paths_and_transient_buffers_are_left_out():
    assert list(Model().state_dict()) == [
        "net.0.weight",
        "net.0.bias",
        "net.2.weight",
        "net.2.bias",
        "steps",
    ]
    assert next(iter(Model().state_dict(prefix="model."))) == "model.net.0.weight"


def test_a_state_is_a_copy_that_training_does_not_change():
    """H168."""
    model = Model()
    best = model.state_dict()
    kept = best["net.0.weight"].numpy().copy()
    with minitorch.no_grad():
        model.net[0].weight.zero_()
    assert (best["net.0.weight"].numpy() == kept).all()
    assert not best["net.0.weight"].requires_grad
    assert model.state_dict(keep_vars=True)["net.0.weight"] is model.net[0].weight


def test_loading_writes_in_place_and_round_trips():
    """A24, D46, D47."""
    a, b = Model(), Model()
    held = [p.array for p in b.parameters()]
    assert b.load_state_dict(a.state_dict()) == ([], [])
    assert raw(a) == raw(b)
    assert all(p.array is x for p, x in zip(b.parameters(), held))
    b.load_state_dict({k: v.numpy() for k, v in Model().state_dict().items()})  # arrays too


def test_a_graph_recorded_before_loading_says_that_its_weights_changed():
    model = nn.Linear(2, 2)
    y = model(minitorch.ones(1, 2).requires_grad_())
    model.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="load_state_dict"):
        y.sum().backward()


def test_every_problem_is_listed_at_once():
    """H162, K9."""
    model = Model()
    state = model.state_dict()
    state["net.0.wieght"] = state.pop("net.0.weight")
    state["net.2.bias"] = minitorch.zeros(3)
    state["extra"] = minitorch.zeros(1)
    text = refused(
        model,
        state,
        "Model was left as it is; 4 problems",
        "missing: net.0.weight (is it net.0.wieght?)",
        "unexpected: net.0.wieght",
        "unexpected: extra",
        "net.2.bias: shape (3,), expected (2,)",
    )
    assert len(text.splitlines()) == 5


def test_not_strict_takes_what_fits_and_still_refuses_what_does_not():
    """H164."""
    model = Model()
    state = {"net.2.bias": minitorch.ones(2), "extra": minitorch.zeros(1)}
    result = model.load_state_dict(state, strict=False)
    assert result.unexpected_keys == ["extra"]
    assert "net.0.weight" in result.missing_keys
    assert model.net[2].bias.tolist() == [1, 1]
    state["net.2.weight"] = minitorch.zeros(2)
    refused(model, state, "net.2.weight: shape (2,), expected (2, 4)", strict=False)


def test_an_inserted_layer_is_guessed():
    """H163."""
    old = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)).state_dict()
    new = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    refused(new, old, "1.weight in the state has the shape that 2.weight has here", "renumbered")


def test_another_dtype_is_refused_unless_it_may_be_rounded():
    """H165."""
    model = nn.Linear(2, 1)
    state = {"weight": np.full((1, 2), 1 / 3), "bias": np.zeros(1, np.float32)}
    refused(model, state, "weight: dtype float64, expected float32; pass cast=True")
    model.load_state_dict(state, cast=True)
    assert model.weight.dtype == minitorch.float32
    state["weight"] = np.ones((1, 2), np.int64)
    refused(model, state, "weight: dtype int64, expected float32", cast=True)
    steps = Model()
    refused(steps, {"steps": np.array(2.7)}, "steps: dtype float64, expected int64", strict=False)


def test_one_number_is_no_scalar():
    """H166."""
    refused(Model(), {"steps": np.array([5])}, "steps: shape (1,), expected ()", strict=False)


def test_values_that_are_not_finite_are_refused_unless_asked_for():
    """H167."""
    model = nn.Linear(2, 1)
    state = {"weight": np.array([[np.nan, np.inf]], np.float32), "bias": np.zeros(1, np.float32)}
    refused(model, state, "weight: 2 of 2 values are not finite; pass allow_nonfinite=True")
    model.load_state_dict(state, allow_nonfinite=True)
    state = {"weight": np.array([[1e300, 0]]), "bias": np.zeros(1, np.float32)}
    refused(model, state, "weight: 1 of 2 values are not finite", cast=True)
    assert np.isnan(model.weight.detach().numpy()).any()


def test_a_negative_variance_is_refused():
    """H065."""
    model = nn.Module()
    model.register_buffer("running_var", minitorch.ones(2))
    state = {"running_var": np.array([1.0, -0.5], np.float32)}
    refused(model, state, "running_var: a variance is negative, -0.5")


def test_what_is_no_array_is_refused():
    refused(nn.Linear(2, 1), {"weight": [[1, 2]], "bias": None}, "weight: expected", "got NoneType")


def test_tied_parameters_appear_under_each_name_as_one():
    """P20, K12."""
    model = nn.Sequential(layer := nn.Linear(3, 3), layer)
    state = model.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert state["0.weight"] is state["1.weight"]
    nn.Sequential(layer := nn.Linear(3, 3), layer).load_state_dict(state)


def test_two_members_of_one_path_are_refused():
    class Net(nn.Module):
        def __init__(self) -> None:
            self.heads = {1: nn.Linear(1, 1), "1": nn.Linear(1, 1)}

    for use in (lambda m: m.state_dict(), lambda m: m.load_state_dict({})):
        with pytest.raises(ValueError, match=r"two members have the path 'heads\.1\.weight'"):
            use(Net())


def test_a_state_that_unties_what_is_tied_is_refused():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    state = model.state_dict()
    model.load_state_dict({key: value.clone() for key, value in state.items()})
    nan = {key: minitorch.full((2, 2), float("nan")) for key in state}
    model.load_state_dict(nan, allow_nonfinite=True)
    state["1.weight"] = state["1.weight"] + 1
    with pytest.raises(CheckpointError, match=r"1\.weight: differs from 0\.weight .* tied here"):
        model.load_state_dict(state)


def test_a_state_without_values_and_a_model_without_values_are_refused():
    real, meta = nn.Linear(2, 2), nn.Linear(2, 2, device="meta")
    with pytest.raises(CheckpointError, match=r"weight: a meta tensor .* in the state"):
        real.load_state_dict(meta.state_dict())
    with pytest.raises(CheckpointError, match=r"weight: a meta tensor .* here; move the model"):
        meta.load_state_dict(real.state_dict())


@pytest.mark.parametrize("state", [None, [1], "weights.st", nn.Linear(2, 2)])
def test_what_is_no_dict_is_refused(state: Any):
    with pytest.raises(TypeError, match="load_state_dict: expected a dict of Tensors, got"):
        nn.Linear(2, 2).load_state_dict(state)


def test_a_buffer_that_is_none_is_not_saved():
    model = Model()
    model.register_buffer("table", None)
    assert "table" not in model.state_dict()
    model.table = minitorch.ones(2)
    assert model.state_dict()["table"].tolist() == [1, 1]
