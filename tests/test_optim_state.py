"""What an optimizer remembers: saved by name, loaded whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import optim, tensor
from minitorch.errors import CheckpointError
from tests.test_optim import leaf, net, train, with_gradient
from tests.test_optim_rules import every


def stepped(rule: Any = optim.Adam, **options: Any) -> tuple[Any, optim.Optimizer]:
    model = net()
    optimizer = rule(model, **options)
    train(model, optimizer, 2)
    return model, optimizer


def test_state_is_a_dict_of_named_buffers():
    """D65."""
    model, optimizer = stepped(lr=0.1)
    saved = optimizer.state_dict()
    assert list(saved) == ["class", "groups", "state"]
    assert saved["class"] == "Adam"
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert saved["groups"][0]["names"] == names
    assert saved["groups"][0]["lr"] == 0.1
    assert list(saved["state"]) == names
    kept = saved["state"]["0.weight"]
    assert set(kept) == {"exp_avg", "exp_avg_sq", "step"}
    assert kept["step"] == 2
    np.testing.assert_array_equal(
        kept["exp_avg"].numpy(), optimizer.state[model[0].weight]["exp_avg"].numpy()
    )
    json.dumps(saved["groups"])


def test_saved_tensors_are_copies():
    _, optimizer = stepped()
    saved = optimizer.state_dict()
    array = saved["state"]["0.bias"]["exp_avg"].array
    array += 1
    assert optimizer.state_dict()["state"]["0.bias"]["exp_avg"].tolist() != array.tolist()


@every
def test_a_resumed_run_is_bit_equal_to_an_unbroken_one(make: Any):
    """D65."""

    def steps(p: mt.Tensor, optimizer: optim.Optimizer, n: int) -> list:
        path = []
        for _ in range(n):
            optimizer.zero_grad()
            ((p - 1) ** 2 * p).sum().backward()
            optimizer.step()
            path.append(p.detach().numpy().copy())
        return path

    values = np.random.default_rng(0).standard_normal((3, 4))
    p = leaf(values)
    unbroken = steps(p, make([p]), 10)
    q = leaf(values)
    first = make([q])
    steps(q, first, 5)
    saved = first.state_dict()
    text = json.loads(json.dumps(saved["groups"]))  # as through a file
    second = make([q])
    second.load_state_dict({**saved, "groups": text})
    for a, b in zip(steps(q, second, 5), unbroken[5:]):
        np.testing.assert_array_equal(a, b)


def test_loading_takes_the_options_over():
    _, optimizer = stepped(lr=0.125, betas=(0.5, 0.75))
    other = optim.Adam(net(), lr=1.0)
    optimizer.param_groups[0]["initial_lr"] = 0.5  # a note of a schedule
    other.load_state_dict(optimizer.state_dict())
    assert other.lr == 0.125
    assert other.param_groups[0]["betas"] == (0.5, 0.75)
    assert other.param_groups[0]["initial_lr"] == 0.5


def test_loading_copies():
    _, optimizer = stepped()
    saved = optimizer.state_dict()
    other = optim.Adam(net())
    other.load_state_dict(saved)
    saved["state"]["0.bias"]["exp_avg"].array[...] = 7
    assert 7 not in other.state_dict()["state"]["0.bias"]["exp_avg"].tolist()


def test_parameters_in_another_order_keep_their_own_state():
    """H170."""
    a, b = with_gradient([1.0], [10.0]), with_gradient([1.0], [0.1])
    one = optim.SGD([("a", a), ("b", b)], momentum=0.5)
    one.step()
    other = optim.SGD([("b", b), ("a", a)], momentum=0.5)
    other.load_state_dict(one.state_dict())
    assert other.state[a]["momentum_buffer"].tolist() == [10.0]
    assert other.state[b]["momentum_buffer"].tolist() == [0.1]


def unchanged(optimizer: optim.Optimizer, saved: Any, *messages: str) -> None:
    """Loading raises, says all of it, and leaves the optimizer as it was."""
    before = str(optimizer.state_dict())
    with pytest.raises(CheckpointError) as caught:
        optimizer.load_state_dict(saved)
    for message in messages:
        assert message in str(caught.value)
    assert str(optimizer.state_dict()) == before


def test_other_groups_and_other_parameters():
    """H169."""
    _, optimizer = stepped()
    two = optim.Adam([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])]}])
    unchanged(two, optimizer.state_dict(), "it has 1 parameter groups, and this optimizer 2")
    named = optim.Adam([("0.weight", leaf(np.zeros((4, 3)))), ("head", leaf([1.0]))])
    unchanged(
        named,
        optimizer.state_dict(),
        "group 0 has the parameter '2.weight', which is not in group 0 here",
        "group 0 lacks the parameter 'head'",
        "it has state for '0.bias', which this optimizer does not hold",
    )


def test_a_parameter_in_another_group():
    """H169."""
    p = [("a", leaf([1.0])), ("b", leaf([1.0])), ("c", leaf([1.0]))]
    one = optim.SGD([{"params": p[:1]}, {"params": p[1:]}])
    other = optim.SGD([{"params": p[:2]}, {"params": p[2:]}])
    unchanged(other, one.state_dict(), "group 0 lacks the parameter 'b'", "group 1 has the param")


def test_state_of_another_shape_is_found_when_it_is_loaded():
    """H171."""
    one = optim.Adam([("w", with_gradient([1.0, 2.0], [1.0, 1.0]))])
    one.step()
    other = optim.Adam([("w", with_gradient([1.0], [1.0]))])
    other.step()
    unchanged(
        other,
        one.state_dict(),
        "exp_avg of 'w' has shape (2,), and the parameter (1,)",
        "exp_avg_sq of 'w' has shape (2,)",
    )


def test_state_of_another_class_names_both():
    """H171."""
    _, sgd = stepped(optim.SGD, momentum=0.9)
    _, adam = stepped(optim.Adam)
    unchanged(adam, sgd.state_dict(), "it is the state of SGD, and this is Adam")


@pytest.mark.parametrize("saved", [None, {}, {"state": {}, "param_groups": []}])
def test_something_that_is_no_state(saved: Any):
    _, optimizer = stepped()
    unchanged(optimizer, saved, "expected the keys class, groups and state")


def test_everything_damaged_is_listed():
    _, optimizer = stepped()
    saved = optimizer.state_dict()
    del saved["state"]["0.weight"]["exp_avg"]
    saved["state"]["0.bias"]["step"] = -1
    saved["state"]["2.bias"]["step"] = "2"
    saved["groups"][0]["lr"] = float("nan")
    del saved["groups"][0]["eps"]
    unchanged(
        optimizer,
        saved,
        "exp_avg of '0.weight' is missing",
        "step of '0.bias' is -1, expected an int",
        "step of '2.bias' is '2', expected an int",
        "group 0: Adam: lr=nan is out of range",
        "group 0 lacks the option 'eps'",
    )


def test_state_is_asked_for_by_the_options_it_was_saved_with():
    _, plain = stepped(optim.SGD)
    _, heavy = stepped(optim.SGD, momentum=0.9)
    other = optim.SGD(net())
    other.load_state_dict(heavy.state_dict())
    assert other.param_groups[0]["momentum"] == 0.9
    assert len(other.state) == 4
    other.load_state_dict(plain.state_dict())
    assert other.state == {}


def test_state_is_loaded_in_the_dtype_of_its_parameter():
    p, q = with_gradient([1.0], [1.0], "float32"), with_gradient([1.0], [1.0])
    one, other = optim.Adam([p]), optim.Adam([q])
    one.step()
    other.load_state_dict(one.state_dict())
    assert other.state[q]["exp_avg"].dtype == np.float64


def test_state_is_loaded_where_its_parameter_is(cuda: Any):
    p = with_gradient([1.0], [1.0])
    one = optim.Adam([p])
    one.step()
    q = tensor([1.0], device="cuda", dtype="float64", requires_grad=True)
    other = optim.Adam([q])
    other.load_state_dict(one.state_dict())
    assert other.state[q]["exp_avg"].is_cuda
