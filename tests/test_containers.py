"""Containers: chains, lists and dicts of modules, edited like Python's own."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn


def test_sequential_from_arguments_a_list_a_generator_or_a_dict():
    """A30, B20, E02."""
    made = [nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10)]
    x = minitorch.rand(2, 20)
    want = made[2](made[1](made[0](x)))
    named = nn.Sequential(OrderedDict(zip(("a", "b", "c"), made)))
    for model in (nn.Sequential(*made), nn.Sequential(made), nn.Sequential(m for m in made), named):
        assert minitorch.equal(model(x), want)
        assert want.shape == (2, 10)
    assert list(named.state_dict()) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    assert named.c is made[2]
    assert list(named[1:].state_dict()) == ["c.weight", "c.bias"]


def test_sequential_is_edited_like_a_list():
    """G32."""
    net = nn.Sequential(nn.Linear(3, 3))
    assert net.append(nn.ReLU()) is net
    net.insert(0, nn.Identity())
    net.extend([nn.Linear(3, 1)])
    net += [nn.Tanh()]
    kinds = lambda m: [type(item).__name__ for item in m]
    assert kinds(net) == ["Identity", "Linear", "ReLU", "Linear", "Tanh"]
    assert isinstance(net.pop(0), nn.Identity)
    assert isinstance(net.pop(), nn.Tanh)
    del net[1]
    assert kinds(net) == ["Linear", "Linear"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    net[-1] = nn.Linear(3, 2)
    assert net[1].out_features == 2
    assert kinds([*net, nn.ReLU()]) == ["Linear", "Linear", "ReLU"]
    assert kinds(net[::-1]) == ["Linear", "Linear"]
    assert net[:1][0] is net[0]
    assert bool(nn.Sequential())
    assert len(nn.Sequential()) == 0


def test_wrong_items_are_refused_and_nothing_is_lost():
    """H075."""
    net = nn.Sequential(nn.Linear(3, 3))
    for change in (
        lambda: net.append(3),
        lambda: net.insert(0, None),
        lambda: net.__setitem__(0, "x"),
    ):
        with pytest.raises(TypeError, match="must be a module or a function, got"):
            change()
    with pytest.raises(TypeError, match=r"got ReLU; write ReLU\(\)"):
        net.append(nn.ReLU)
    assert len(net) == 1
    with pytest.raises(IndexError, match="index 1, but it holds 1"):
        net[1]
    with pytest.raises(TypeError, match="an index is an int or a slice, got '0'"):
        net["0"]
    with pytest.raises(TypeError, match="ModuleList: 1 must be a Module, got int"):
        nn.ModuleList([nn.ReLU(), 1])


def test_functions_in_a_sequential_become_modules():
    net = nn.Sequential(nn.Linear(3, 3), minitorch.relu, lambda x: x * 2)
    x = minitorch.randn(2, 3)
    assert minitorch.equal(net(x), net[0](x).relu() * 2)
    assert repr(net[1]) == "Lambda(relu)"


def test_repeat_draws_each_copy_anew():
    block = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    net = block.repeat(3)
    assert len(net) == 3
    assert len(list(net.parameters())) == 6
    weights = [b[0].weight for b in net]
    assert not any(minitorch.equal(a, b) for a in weights for b in weights if a is not b)
    assert nn.Sequential(nn.Linear(4)).repeat(2).build((3,))[1][0].in_features == 4
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        block.repeat(0)


def test_module_list_and_dict():
    """I05, P18, R04: as containers, and as plain lists and dicts."""

    class Net(nn.Module):
        def __init__(self, lists: Any, dicts: Any):
            self.layers = lists(nn.Linear(3, 3) for _ in range(2))
            self.heads = dicts({"a": nn.Linear(3, 1), "b": nn.Linear(3, 2)})

        def forward(self, x: Any, head: str) -> Any:
            for layer in self.layers:
                x = layer(x)
            return self.heads[head](x)

    torchlike, plain = Net(nn.ModuleList, nn.ModuleDict), Net(list, dict)
    assert list(torchlike.state_dict()) == list(plain.state_dict())
    assert len(list(plain.parameters())) == 8
    assert torchlike(minitorch.zeros(2, 3), "b").shape == (2, 2)
    heads = torchlike.heads
    assert list(heads) == list(heads.keys()) == ["a", "b"]
    assert "a" in heads
    assert [k for k, _ in heads.items()] == ["a", "b"]
    assert heads.pop("a").out_features == 1
    heads["c"] = nn.Linear(3, 3)
    heads.update({"b": nn.Linear(3, 4)})
    assert [m.out_features for m in heads.values()] == [4, 3]
    del heads["b"]
    with pytest.raises(KeyError):
        del heads["b"]
    with pytest.raises(TypeError, match="ModuleDict: x must be a Module, got int"):
        heads.update({"x": 1})
    heads.clear()
    assert len(heads) == 0
    assert nn.ModuleDict([("k", nn.ReLU())])["k"] is not None


def test_parameter_list():
    weights = nn.ParameterList([minitorch.ones(2), nn.Parameter(minitorch.zeros(3))])
    assert [name for name, _ in weights.named_parameters()] == ["0", "1"]
    assert all(isinstance(p, nn.Parameter) for p in weights)
    weights.append(minitorch.zeros(1))
    assert len(weights) == 3
    assert "(0): Parameter containing: [float32 of shape (2,)]" in repr(weights)


def test_containers_agree_with_torch_on_names_and_repr():
    torch = pytest.importorskip("torch")

    def made(nn: Any) -> Any:
        return nn.ModuleList(
            [
                nn.Sequential(OrderedDict(first=nn.Linear(2, 2), second=nn.Tanh())),
                nn.ModuleDict({"left": nn.Linear(2, 1), "right": nn.ModuleList([nn.Linear(2, 3)])}),
            ]
        )

    ours, theirs = made(nn), made(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    nets = [nn.Sequential(ours[0]), torch.nn.Sequential(theirs[0])]
    assert repr(nets[0]) == repr(nets[1])


def test_the_nets_of_the_fifth_source_document():
    """E07, E10, E14, E16 to E20, E22 to E25: nested blocks, constants, sharing and control flow."""

    class FixedHidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rand_weight = minitorch.rand((20, 20), requires_grad=False)
            self.linear = nn.Linear(20, 20)

        def forward(self, x: Any) -> Any:
            x = self.linear(x)
            x = nn.functional.relu(minitorch.mm(x, self.rand_weight) + 1)
            x = self.linear(x)
            while x.abs().sum() > 1:
                x /= 2
            return x.sum()

    class Nest(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
            self.linear = nn.Linear(32, 16)

        def forward(self, x: Any) -> Any:
            return self.linear(self.net(x))

    chimera = nn.Sequential(Nest(), nn.Linear(16, 20), FixedHidden())
    x = minitorch.rand(2, 20)
    kept = x.numpy().copy()
    y = chimera(x)
    assert y.shape == ()
    y.backward()
    assert all(p.grad is not None for p in chimera.parameters())
    assert (x.numpy() == kept).all()
    assert len(list(Nest().parameters())) == 6
    fixed = chimera[2]
    constant = fixed.rand_weight.numpy().copy()
    optimizer = minitorch.optim.SGD(chimera, lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        chimera(x).backward()
        optimizer.step()
    assert (fixed.rand_weight.numpy() == constant).all()
    assert fixed.rand_weight.grad is None
    # gradient of the loop: 0.5**k times that without it
    h = minitorch.randn(3, requires_grad=True)
    z, k = h * 8, 0
    while z.abs().sum() > 1:
        z /= 2
        k += 1
    z.sum().backward()
    np.testing.assert_allclose(h.grad.numpy(), np.full(3, 8 * 0.5**k))


def test_a_module_set_by_name_is_held_and_runs():
    model = nn.Sequential(OrderedDict(body=nn.Linear(2, 3), head=nn.Linear(3, 4)))
    x = minitorch.ones(1, 2)
    model(x)
    model.head = nn.Linear(3, 7)  # the usual way to give a model a new head
    assert model(x).shape == (1, 7)
    assert list(model.state_dict()) == ["body.weight", "body.bias", "head.weight", "head.bias"]
    assert model[1] is model.head
    model.last = nn.Linear(7, 5)
    model.add_module("relu", nn.ReLU())
    assert (len(model), model(x).shape) == (4, (1, 5))
    assert float(model(x).min()) >= 0
    del model.last, model.relu
    assert [name for name, _ in model.named_children()] == ["body", "head"]


def test_modules_added_by_name_one_by_one():
    model = nn.Sequential()
    for i in range(3):
        model.add_module(f"block {i}", nn.Linear(2, 2))
    model.add_module("0", nn.ReLU())
    assert len(model) == 4
    assert list(model.state_dict())[:2] == ["block 0.weight", "block 0.bias"]
    assert float(model(minitorch.randn(4, 2)).min()) >= 0


def test_appending_keeps_the_names_that_are_there():
    model = nn.Sequential(OrderedDict(a=nn.ReLU())).append(nn.Tanh())
    assert [name for name, _ in model.named_children()] == ["a", "1"]
    model = nn.Sequential({"1": nn.ReLU()}).append(nn.Tanh())  # whose number is taken
    assert [name for name, _ in model.named_children()] == ["0", "1"]


@pytest.mark.parametrize("make", [nn.Sequential, nn.ModuleDict])
def test_names_that_cannot_be_part_of_a_path_are_refused(make: Any):
    for name in ("", "a.b"):
        with pytest.raises(ValueError, match="is no name for a member"):
            make({name: nn.ReLU()})
    with pytest.raises(TypeError, match="a name is a str, got 1"):
        make({1: nn.ReLU()})
    held = make({"a": nn.ReLU()})
    with pytest.raises(ValueError, match=r"'a\.b' is no name"):
        held.add_module("a.b", nn.ReLU())
    with pytest.raises(TypeError, match="must be a"):
        held.add_module("b", 3)
    with pytest.raises(ValueError, match="a module cannot hold itself"):
        held.me = held
    assert [name for name, _ in held.named_children()] == ["a"]


def test_appending_takes_the_same_time_however_long_the_list_is():
    def seconds(n: int) -> float:
        model = nn.ModuleList()
        start = time.process_time()
        for _ in range(n):
            model.append(nn.ReLU())
        return time.process_time() - start

    small = min(seconds(250) for _ in range(3))
    assert min(seconds(2000) for _ in range(3)) < 25 * small  # 64 times if it were quadratic


def test_containers_edited_by_name_agree_with_torch():
    torch = pytest.importorskip("torch")
    kept = []
    for lib in (nn, torch.nn):
        model = lib.Sequential(OrderedDict(a=lib.Linear(2, 2), b=lib.ReLU()))
        model.b = lib.Linear(2, 3)
        model.c = lib.Linear(3, 2)
        model.add_module("d", lib.ReLU())
        model.append(lib.Linear(2, 2))
        del model.c
        kept.append([(name, repr(m)) for name, m in model.named_children()])
    assert kept[0] == kept[1]


def test_edits_can_be_chained_and_take_generators():
    model = nn.Sequential({"1": nn.ReLU()})
    assert model.insert(0, nn.Tanh()).append(nn.ReLU()).extend(nn.Tanh() for _ in range(2)) is model
    kinds = [type(m).__name__ for m in model]
    assert kinds == ["Tanh", "ReLU", "ReLU", "Tanh", "Tanh"]
    model = nn.Sequential({"1": nn.ReLU()}).extend(nn.Tanh() for _ in range(2))  # "1" is taken
    assert [type(m).__name__ for m in model] == ["ReLU", "Tanh", "Tanh"]
    model.tag = "a"
    del model.tag
    assert not hasattr(model, "tag")
    with pytest.raises(AttributeError):
        del model.tag


def test_a_subclass_may_hold_modules_before_it_says_what_it_chains():
    class Net(nn.Sequential):
        def __init__(self) -> None:
            self.before = nn.Linear(2, 3)
            super().__init__(nn.ReLU(), nn.Linear(3, 1))

        def forward(self, x: Any) -> Any:
            return super().forward(self.before(x))

    model = Net()
    assert len(model) == 2
    assert sorted(model.state_dict()) == ["1.bias", "1.weight", "before.bias", "before.weight"]
    assert model(minitorch.ones(1, 2)).shape == (1, 1)


def test_slices_are_deleted_and_odd_indices_refused():
    model = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.GELU(), nn.Tanh()])
    del model[1:3]
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    assert isinstance(model[1], nn.Tanh)
    for index in (True, 1.0, "0"):
        with pytest.raises(TypeError, match="an index is an int or a slice"):
            _ = model[index]
    with pytest.raises(TypeError, match="Lambda: expected a function, got int"):
        nn.Lambda(3)


def test_a_dict_of_parameters():
    held = nn.ParameterDict({"left": minitorch.ones(2), "right": nn.Parameter([3.0], False)})
    held["middle"] = np.zeros((2, 2), np.float32)
    assert list(held) == ["left", "right", "middle"]
    assert all(isinstance(p, nn.Parameter) for p in held.values())
    assert [p.requires_grad for p in held.parameters()] == [True, False, True]
    assert list(held.state_dict()) == ["left", "right", "middle"]
    assert held.left is held["left"] is held.get("left")
    assert held.get("other") is None
    held.update({"left": minitorch.zeros(1)})
    assert held.pop("left").tolist() == [0]
    assert len(held) == 2
    assert "left" not in held
    with pytest.raises(KeyError, match="left"):
        held.pop("left")
    with pytest.raises(ValueError, match=r"ParameterDict: 'a\.b' is no name"):
        held["a.b"] = minitorch.ones(1)
    held.clear()
    assert not list(held.parameters())
    assert not nn.ParameterDict()._held


def test_a_dict_of_parameters_in_a_model_is_trained_and_shown():
    class Scaled(nn.Module):
        def __init__(self):
            self.scales = nn.ParameterDict({"x": minitorch.ones(2)})

        def forward(self, x):
            return x * self.scales["x"]

    model = Scaled()
    model(minitorch.full((3, 2), 2.0)).sum().backward()
    assert [name for name, _ in model.named_parameters()] == ["scales.x"]
    assert model.scales.x.grad.tolist() == [6, 6]
    assert "(x): Parameter containing: [float32 of shape (2,)]" in repr(model)


def test_a_dict_of_parameters_has_torchs_paths():
    torch = pytest.importorskip("torch")
    ours = nn.ParameterDict([("b", minitorch.ones(2)), ("a", minitorch.ones(3))])
    theirs = torch.nn.ParameterDict([("b", torch.ones(2)), ("a", torch.ones(3))])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert list(ours.keys()) == list(theirs.keys())
