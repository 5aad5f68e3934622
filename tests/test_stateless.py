"""Models as pure functions of their state, and as graphs of symbols."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.nn.symbolic import Symbol


class Net(nn.Module):
    def __init__(self) -> None:
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Any) -> Any:
        return self.net(x)


def frozen_copy(model: Any) -> dict[str, np.ndarray]:
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}


def unchanged(model: Any, before: dict[str, np.ndarray]) -> bool:
    return all((v.numpy() == before[k]).all() for k, v in model.state_dict().items())


# functional_call ------------------------------------------------------------------------------


def test_functional_call_uses_what_it_is_given_and_puts_everything_back():
    """B09."""
    model, other = Net(), Net()
    x = minitorch.randn(5, 3)
    before = frozen_copy(model)
    state = other.state_dict()
    y = nn.functional_call(model, state, (x,))
    assert unchanged(model, before)
    assert minitorch.equal(y, other(x))
    for name, buffer in other.named_buffers():  # moved where they were given
        assert minitorch.equal(state[name], buffer)


def test_functional_call_takes_several_dicts_and_may_want_all():
    model, other, x = Net().eval(), Net().eval(), minitorch.randn(5, 3)
    parts = dict(other.named_parameters()), dict(other.named_buffers())
    assert minitorch.equal(nn.functional_call(model, parts, (x,), strict=True), other(x))
    with pytest.raises(KeyError, match=r"strict=True, and net\.1\.running_mean, net\.1\."):
        nn.functional_call(model, parts[0], (x,), strict=True)
    with pytest.raises(ValueError, match=r"'net.0.weight' is given in two of the dicts"):
        nn.functional_call(model, (parts[0], parts[0]), (x,))
    with pytest.raises(TypeError, match="a dict or a tuple of dicts, got a Parameter in it"):
        nn.functional_call(model, list(other.parameters()), (x,))


def test_gradients_go_to_what_is_given():
    model = Net()
    x = minitorch.randn(5, 3)
    given = {k: p.detach().clone().requires_grad_() for k, p in model.named_parameters()}
    nn.functional_call(model, given, x).square().sum().backward()
    assert all(p.grad is None for p in model.parameters())
    twin = Net()
    twin.load_state_dict(model.state_dict())
    twin.net[1].reset_parameters()
    twin.load_state_dict({k: v for k, v in model.state_dict().items() if "running" not in k}, False)
    twin(x).square().sum().backward()
    for name, p in twin.named_parameters():
        np.testing.assert_allclose(given[name].grad.numpy(), p.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_functional_call_refuses_wrong_names_and_shapes():
    model = Net()
    with pytest.raises(KeyError, match=r"functional_call: Net has no 'net.9.weight'; it has net"):
        nn.functional_call(model, {"net.9.weight": minitorch.zeros(1)}, minitorch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"net.0.bias has shape \(3,\), expected \(4,\)"):
        nn.functional_call(model, {"net.0.bias": minitorch.zeros(3)}, minitorch.zeros(2, 3))


def test_an_error_in_a_functional_call_puts_everything_back():
    model = Net()
    before = frozen_copy(model)
    with pytest.raises(ValueError, match="linear"):
        nn.functional_call(model, Net().state_dict(), minitorch.zeros(2, 9))
    assert unchanged(model, before)


def test_a_hessian_through_a_model():
    model = nn.Linear(2, 1, bias=False)
    x = minitorch.tensor([[1.0, 2.0]])
    f = lambda w: nn.functional_call(model, {"weight": w}, x).square().sum()
    h = minitorch.func.hessian(f)(model.weight.detach())
    np.testing.assert_allclose(h.numpy().reshape(2, 2), [[2, 4], [4, 8]], rtol=1e-6)


# value_and_grad and evaluation ----------------------------------------------------------------


def test_value_and_grad_equals_the_eager_step_and_keeps_nothing():
    """D45, D48, D50, D53, D80, B09."""
    model = Net()
    x, t = minitorch.randn(6, 3), minitorch.randn(6, 2)
    before = frozen_copy(model)
    step = nn.value_and_grad(model, nn.functional.mse_loss)
    got = step(x, t)
    assert unchanged(model, before)
    assert all(p.grad is None for p in model.parameters())
    assert list(got.named()) == [
        "pred",
        "loss",
        *(name for name, _ in model.named_buffers()),
        *(f"{name}_grad" for name, _ in model.named_parameters()),
    ]
    pred = model(x)  # moves the running statistics of the model
    loss = nn.functional.mse_loss(pred, t)
    loss.backward()
    assert minitorch.equal(got.pred, pred)
    assert minitorch.equal(got.loss, loss)
    for name, p in model.named_parameters():
        assert minitorch.equal(got.grads[name], p.grad)
    for name, buffer in model.named_buffers():
        assert minitorch.equal(got.state[name], buffer)
    twin = Net()
    twin.load_state_dict({k: minitorch.from_numpy(v) for k, v in before.items()})
    twin.load_state_dict(got.state, strict=False)
    assert all(minitorch.equal(a, b) for a, b in zip(twin.buffers(), model.buffers()))
    assert minitorch.equal(twin.net[0].weight, model.net[0].weight)


def test_value_and_grad_leaves_frozen_and_unused_parameters_out():
    model = Net()
    model.net[0].requires_grad_(False)
    model.extra = nn.Linear(2, 2)
    step = nn.value_and_grad(model, nn.functional.cross_entropy)
    got = step(minitorch.randn(6, 3), minitorch.zeros(6, dtype=minitorch.int64))
    assert set(got.grads) == {"net.1.weight", "net.1.bias", "net.3.weight", "net.3.bias"}


def test_evaluation_has_no_tape_and_puts_the_modes_back():
    """D33, D51, D52."""
    model = Net()
    model.net[1].eval()
    before = frozen_copy(model)
    predict = nn.evaluation(model, softmax=True)
    x = minitorch.randn(6, 3)
    y = predict(x)
    assert not y.requires_grad
    np.testing.assert_allclose(y.sum(1).numpy(), np.ones(6), rtol=1e-6)
    assert unchanged(model, before)
    assert model.training
    assert not model.net[1].training
    np.testing.assert_allclose(predict(x[:1]).numpy(), y[:1].numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="linear"):
        predict(minitorch.zeros(1, 1))
    assert model.training


# symbols --------------------------------------------------------------------------------------


def test_a_two_branch_model_of_symbols_equals_the_class():
    """A31."""

    class Two(nn.Module):
        def __init__(self) -> None:
            self.a, self.b, self.out = nn.Linear(4), nn.Linear(4), nn.Linear(2)

        def forward(self, a: Any, b: Any) -> Any:
            return self.out((self.a(a) + self.b(b.flatten(1))).relu())

    minitorch.manual_seed(0)
    a, b = nn.Input((3,)), nn.Input((2, 5))
    h = (nn.Linear(4)(a) + nn.Linear(4)(b.flatten(1))).relu()
    assert h.shape == (None, 4)
    model = nn.Model([a, b], nn.Linear(2)(h))
    minitorch.manual_seed(0)
    want = Two().build((3,), (2, 5))
    assert [p.shape for p in model.parameters()] == [p.shape for p in want.parameters()]
    names = dict(zip(model.state_dict(), want.state_dict().values()))
    model.load_state_dict(names)
    x, y = minitorch.randn(7, 3), minitorch.randn(7, 2, 5)
    assert minitorch.equal(model(x, y), want(x, y))
    model(x, y).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_symbols_take_operators_methods_indices_and_functions():
    x = nn.Input((4,))
    y = 2 * x - 1 + x[:, :1] @ minitorch.ones(1, 4) / 2
    joined = nn.Lambda(lambda a, b: minitorch.cat([a, b], 1))(abs(-y), x.exp())
    model = nn.Model(x, {"joined": joined, "sum": joined.sum(1)})
    t = minitorch.randn(3, 4)
    z = 2 * t - 1 + t[:, :1] @ minitorch.ones(1, 4) / 2
    want = minitorch.cat([z.abs(), t.exp()], 1)
    got = model(t)
    assert minitorch.equal(got["joined"], want)
    assert minitorch.equal(got["sum"], want.sum(1))
    assert joined.shape == (None, 8)
    assert "Lambda" in repr(joined)


def test_a_shared_layer_and_a_container_on_symbols():
    x = nn.Input((3,))
    layer = nn.Linear(3, 3)
    model = nn.Model(x, nn.Sequential(layer, nn.ReLU())(layer(x)))
    assert len(list(model.parameters())) == 2
    t = minitorch.randn(2, 3)
    assert minitorch.equal(model(t), layer(layer(t)).relu())


def test_a_module_that_uses_functions_becomes_one_step_of_the_graph():
    class Custom(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(2)

        def forward(self, x: Any) -> Any:
            return nn.functional.softmax(self.linear(x), 1)

    x = nn.Input((3,))
    model = nn.Model(x, Custom()(x))
    t = minitorch.randn(2, 3)
    np.testing.assert_allclose(model(t).sum(1).detach().numpy(), np.ones(2), rtol=1e-6)
    assert len(list(model.parameters())) == 2


def test_graphs_that_cannot_be():
    x, y = nn.Input((3,)), nn.Input((3,), dtype="int64")
    with pytest.raises(ValueError, match=r"depend on Symbol\(input.*int64\), which is not in inp"):
        nn.Model(x, x + y)
    with pytest.raises(ValueError, match=r"do not depend on Symbol\(input"):
        nn.Model([x, y], x + 1)
    with pytest.raises(TypeError, match="expected 1 inputs, got 2"):
        nn.Model(x, x + 1)(1, 2)
    with pytest.raises(TypeError, match="a symbol has no value yet"):
        bool(x > 0)
    with pytest.raises(AttributeError, match=r"Symbol has no 'wibble'.*nn.Lambda"):
        x.wibble()
    with pytest.raises(ValueError, match="linear") as caught:
        nn.Linear(4, 2)(x)
    assert "in Linear(in_features=4, out_features=2, bias=True)" in caught.value.__notes__
    assert isinstance(x, Symbol)


# lsuv -----------------------------------------------------------------------------------------


def deep() -> Any:
    sizes = [20, 64, 64, 10]
    layers = [nn.Linear(m, n) for m, n in itertools.pairwise(sizes)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def test_lsuv_gives_every_layer_mean_0_and_std_1():
    """G43, P25."""
    model = deep()
    with minitorch.no_grad():
        model[2].weight.mul_(100)
    x = minitorch.randn(256, 20)
    found = nn.init.lsuv_(model, x)
    assert [row.path for row in found] == ["0", "2", "4"]
    seen: list[Any] = []
    for i in (0, 2, 4):
        model[i].register_forward_hook(lambda m, args, y: seen.append(y.detach().numpy()))
    model(x)
    for y in seen:
        assert abs(y.mean()) < 1e-3
        assert abs(y.std() - 1) < 1e-3
    assert all(p.grad is None for p in model.parameters())


def test_lsuv_looks_before_the_layers_own_activation():
    model = nn.Sequential(nn.Linear(20, 64, activation="relu"), nn.Linear(64, 5, bias=False))
    x = minitorch.randn(256, 20)
    nn.init.lsuv_(model, x)
    y = x @ model[0].weight.T + model[0].bias
    assert abs(float(y.detach().std(correction=0)) - 1) < 1e-3
    assert callable(model[0].activation)
    assert float(model[0](x).min()) == 0  # the activation is back


def test_lsuv_stops_at_a_dead_layer_names_it_and_puts_the_weights_back():
    """I20."""
    model = deep()
    with minitorch.no_grad():
        model[2].weight.zero_()
    before = frozen_copy(model)
    with pytest.raises(
        RuntimeError, match=r"layer '2' \(Linear\) did not settle.*same for every example"
    ):
        nn.init.lsuv_(model, minitorch.randn(32, 20))
    assert unchanged(model, before)
    with pytest.raises(RuntimeError, match=r"layer '0'.*after 1 round;"):
        nn.init.lsuv_(deep(), minitorch.randn(32, 20), max_rounds=1)


def test_lsuv_leaves_running_statistics_alone():
    model = Net()
    before = [b.numpy().copy() for b in model.buffers()]
    nn.init.lsuv_(model, minitorch.randn(32, 3), tol=0.02)
    assert all((b.numpy() == a).all() for b, a in zip(model.buffers(), before))


def test_lsuv_needs_a_round():
    with pytest.raises(ValueError, match="max_rounds must be at least 1, got 0"):
        nn.init.lsuv_(deep(), minitorch.randn(32, 20), max_rounds=0)


# open models and tied parameters --------------------------------------------------------------


def test_value_and_grad_of_an_open_model_builds_it_and_moves_no_statistics():
    model = nn.Sequential(nn.Linear(4), nn.BatchNorm1d())
    step = nn.value_and_grad(model, nn.functional.mse_loss)
    found = step(minitorch.randn(6, 3), minitorch.zeros(6, 4))
    assert model[1].running_mean.tolist() == [0, 0, 0, 0]
    assert model[1].num_batches_tracked.item() == 0
    assert set(found.state) == {f"1.{n}" for n, _ in model[1].named_buffers()}
    assert found.state["1.num_batches_tracked"].item() == 1


def test_functional_call_refuses_two_tensors_for_what_is_tied():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    x, w = minitorch.ones(1, 2), minitorch.eye(2) * 3
    for state in ({"0.weight": w}, {"1.weight": w}, {"0.weight": w, "1.weight": w}):
        assert nn.functional_call(model, state, x).tolist() == [[9, 9]]
    with pytest.raises(ValueError, match=r"0\.weight and 1\.weight are tied"):
        nn.functional_call(model, {"0.weight": w, "1.weight": w + 1}, x)


def test_functional_call_takes_tensors_only():
    with pytest.raises(TypeError, match="functional_call: weight must be a Tensor, got ndarray"):
        nn.functional_call(nn.Linear(2, 2), {"weight": np.zeros((2, 2))}, minitorch.ones(1, 2))


def test_dropout_and_other_modules_that_look_at_arrays_are_steps_of_a_graph():
    x = nn.Input((3,))
    before = minitorch.random.default_generator.get_state()
    norm = nn.BatchNorm1d(3)
    model = nn.Model(x, nn.Linear(2)(nn.Dropout(0.5)(norm(x))))
    assert minitorch.random.default_generator.get_state() != before  # the weights of the Linear
    assert norm.num_batches_tracked.item() == 0
    model.eval()
    given = minitorch.randn(4, 3)
    want = model.layers[2](norm(given))
    assert minitorch.equal(model(given), want)


def test_an_error_of_a_module_on_symbols_is_that_on_shapes():
    x = nn.Input((3,))
    with pytest.raises(ValueError, match=r"linear: x is \(2, 3\) and weight \(2, 4\)") as caught:
        nn.Linear(4, 2)(x)
    assert any("in Linear" in note for note in caught.value.__notes__)

    class Wrong(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("my own")

    with pytest.raises(KeyError, match="my own"):
        Wrong()(x)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_graph_can_be_copied(copied: Any):
    x = nn.Input((3,))
    model = nn.Model(x, nn.Linear(2)(x).relu() * 2.0 + 1)
    given = minitorch.randn(4, 3)
    again = copied(model)
    assert minitorch.equal(again(given), model(given))
    assert again.layers[0] is not model.layers[0]


def test_another_layer_may_take_the_place_of_one_in_a_graph():
    x = nn.Input((3,))
    model = nn.Model(x, nn.Linear(2)(nn.Linear(4)(x).relu()))
    model.layers[-1] = nn.Linear(4, 7)
    assert model(minitorch.ones(5, 3)).shape == (5, 7)
    twin = copy.deepcopy(model)
    with minitorch.no_grad():
        twin.layers[-1].weight.zero_()
        twin.layers[-1].bias.zero_()
    assert not twin(minitorch.ones(5, 3)).any()
    assert model(minitorch.ones(5, 3)).any()
