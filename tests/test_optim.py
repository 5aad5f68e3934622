"""What all optimizers share: groups, steps in place, the functional form, one's own rules."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim, tensor
from minitorch.array import Array
from minitorch.optim.blocks import Item, blocks
from minitorch.wengert import tape
from tests.test_optim_rules import every


def leaf(values: Any, dtype: str = "float64") -> mt.Tensor:
    return tensor(values, dtype=dtype, requires_grad=True)


def with_gradient(values: Any, g: Any, dtype: str = "float64") -> mt.Tensor:
    p = leaf(values, dtype)
    p.grad = tensor(g, dtype=dtype)
    return p


def net() -> nn.Module:
    mt.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


X = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
Y = np.random.default_rng(1).standard_normal((64, 2)).astype("float32")


def loss_of(model: nn.Module, rows: slice = slice(None)) -> mt.Tensor:
    return nn.functional.mse_loss(model(tensor(X[rows])), tensor(Y[rows]))


def train(model: nn.Module, optimizer: optim.Optimizer, steps: int = 3) -> list[float]:
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def numbers(model: nn.Module) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in model.parameters()]


# what is optimized ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda model: model.parameters(),
        lambda model: list(model.parameters()),
        lambda model: model.named_parameters(),
        lambda model: [{"params": model.parameters()}],
        lambda model: [{"params": model}],
        lambda model: [{"params": model[0]}, {"params": model[2].named_parameters("last")}],
        lambda model: optim.weight_decay_groups(model, 0.0),
    ],
)
def test_a_model_and_its_parameters_in_any_form_train_alike(form: Any):
    """A25."""
    one, other = net(), net()
    train(one, optim.SGD(one, lr=0.01))
    train(other, optim.SGD(form(other), lr=0.01))
    for a, b in zip(numbers(one), numbers(other)):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(numbers(one)[0], numbers(net())[0])


def test_loose_tensors_are_all_updated():
    """A26."""
    tensors = [leaf([1.0]), leaf([2.0]), leaf([[3.0]])]
    (tensors[0] + tensors[1] * 2 + tensors[2] * 3).sum().backward()
    optim.SGD(tensors, lr=0.5).step()
    assert [p.item() for p in tensors] == [0.5, 1.0, 1.5]


def test_names_come_from_the_model_the_pairs_or_the_order():
    model = net()
    paths = ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert optim.SGD(model).param_groups[0]["names"] == paths
    assert optim.SGD([("w", leaf([1.0]))]).param_groups[0]["names"] == ["w"]
    groups = [{"params": [leaf([1.0]), leaf([1.0])]}, {"params": leaf([1.0])}]
    optimizer = optim.SGD(groups)
    assert [group["names"] for group in optimizer.param_groups] == [["0", "1"], ["2"]]


def test_groups_move_at_their_own_rates():
    """G48."""
    body, head = with_gradient([1.0], [1.0]), with_gradient([1.0], [1.0])
    optimizer = optim.SGD([{"params": [body], "lr": 0.125}, {"params": [head]}], lr=0.5)
    optimizer.step()
    assert (body.item(), head.item()) == (0.875, 0.5)


def test_add_param_group_trains_what_was_left_out():
    body, head = with_gradient([1.0], [1.0]), with_gradient([1.0], [1.0])
    optimizer = optim.SGD([body], lr=0.5)
    optimizer.add_param_group({"params": [head], "lr": 0.25})
    optimizer.step()
    assert (body.item(), head.item()) == (0.5, 0.75)
    assert optimizer.param_groups[1]["momentum"] == 0


def test_an_option_of_numpy_or_of_json_becomes_plain():
    p = with_gradient([1.0], [1.0], "float32")
    optimizer = optim.Adam([p], lr=np.float64(0.1), betas=[0.5, 0.75])
    group = optimizer.param_groups[0]
    assert type(group["lr"]) is float
    assert group["betas"] == (0.5, 0.75)
    group["lr"] = np.float64(0.2)
    optimizer.step()
    assert type(group["lr"]) is float
    assert p.dtype == np.float32


def test_groups_keep_the_notes_of_others():
    optimizer = optim.SGD([{"params": [leaf([1.0])], "initial_lr": 0.3, "name": "first"}])
    assert optimizer.param_groups[0]["initial_lr"] == 0.3
    assert optimizer.param_groups[0]["name"] == "first"


def test_frozen_parameters_of_a_model_are_held_and_skipped():
    model = net()
    model[0].weight.requires_grad_(False)
    before = numbers(model)
    optimizer = optim.SGD(model, lr=0.1)
    train(model, optimizer)
    np.testing.assert_array_equal(numbers(model)[0], before[0])
    model[0].weight.requires_grad_(True)
    train(model, optimizer)
    assert not np.array_equal(numbers(model)[0], before[0])


def test_weight_decay_leaves_biases_alone_by_a_flag_and_not_by_name():
    """D64."""
    w, bias = with_gradient([[1.0]], [[0.0]]), with_gradient([1.0], [0.0])
    scale, odd = with_gradient([1.0], [0.0]), with_gradient([[1.0]], [[0.0]])
    scale.decay, odd.decay = True, False  # against what their shapes say
    named = [("bias_matrix", w), ("weight", bias), ("scale", scale), ("odd", odd)]
    optim.SGD(optim.weight_decay_groups(named, 0.5), lr=0.5).step()
    assert [p.item() for p in (w, bias, scale, odd)] == [0.75, 1.0, 0.75, 1.0]


def test_weight_decay_groups_of_one_kind_are_one_group():
    assert len(optim.weight_decay_groups([("w", leaf([[1.0]]))], 0.1)) == 1


# the learning rate ----------------------------------------------------------------------------


def test_lr_is_the_last_value_set():
    """D67, D68."""
    p = with_gradient([1.0], [1.0])
    optimizer = optim.SGD([p], lr=0.5)
    assert optimizer.lr == 0.5
    optimizer.lr = 0.25
    assert optimizer.lr == optimizer.param_groups[0]["lr"] == 0.25
    optimizer.step()
    assert p.item() == 0.75
    optimizer.param_groups[0]["lr"] = 0.125
    assert optimizer.lr == 0.125


def test_lr_of_groups_that_differ_is_a_list():
    optimizer = optim.SGD([{"params": leaf([1.0]), "lr": 0.1}, {"params": leaf([1.0])}], lr=0.2)
    assert optimizer.lr == [0.1, 0.2]
    optimizer.lr = [0.3, 0.4]
    assert optimizer.lr == [0.3, 0.4]
    optimizer.lr = 0.5
    assert optimizer.lr == 0.5
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


def test_repr_shows_what_is_not_the_default():
    """D69."""
    p = [leaf([1.0])]
    assert repr(optim.Adam(p)) == "Adam()"
    assert repr(optim.AdamW(p, lr=0.1)) == "AdamW(lr=0.1)"
    assert repr(optim.SGD(p, 0.1, 0.9, nesterov=True)) == (
        "SGD(lr=0.1, momentum=0.9, nesterov=True)"
    )
    groups = [{"params": p, "lr": 0.1}, {"params": [leaf([1.0]), leaf([1.0])]}]
    assert (
        repr(optim.SGD(groups)) == "SGD(\n    group 0 of 1: lr=0.1\n    group 1 of 2: defaults\n)"
    )


# steps ----------------------------------------------------------------------------------------


@every
def test_every_rule_trains(make: Any):
    p = leaf(np.full((2, 3), 2.0))
    optimizer = make([p])
    for _ in range(50):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert np.abs(p.detach().numpy()).max() < 1.999


@every
def test_the_array_stays_and_is_written_in_place(make: Any):
    p = with_gradient([[1.0, 2.0]], [[0.5, -0.5]])
    array, view = p.array, p.detach()
    optimizer = make([p])
    optimizer.step()
    assert p.array is array
    np.testing.assert_array_equal(view.numpy(), p.detach().numpy())
    assert not np.array_equal(array, [[1.0, 2.0]])
    buffers = [v.array for v in optimizer.state[p].values() if isinstance(v, mt.Tensor)]
    optimizer.step()
    after = [v.array for v in optimizer.state[p].values() if isinstance(v, mt.Tensor)]
    if optimizer.elementwise:
        assert all(a is b for a, b in zip(buffers, after, strict=True))


@every
def test_the_gradient_is_not_written(make: Any):
    p = with_gradient([[1.0, 2.0]], [[0.5, -0.5]])
    optimizer = make([p])
    optimizer.step()
    optimizer.step()
    np.testing.assert_array_equal(p.grad.numpy(), [[0.5, -0.5]])


@every
def test_nothing_is_recorded(make: Any):
    """C74."""
    p = with_gradient([[1.0, 2.0]], [[0.5, -0.5]])
    with tape() as records:
        make([p]).step()
    assert len(records) == 0
    assert p.is_leaf
    assert p.requires_grad


@every
def test_small_tensors_together_move_as_each_alone(make: Any):
    values, grads = np.random.default_rng(0).standard_normal((2, 5, 3, 2))
    together = [with_gradient(v, g) for v, g in zip(values, grads)]
    alone = [with_gradient(v, g) for v, g in zip(values, grads)]
    one, many = make(together), [make([p]) for p in alone]
    for _ in range(3):
        one.step()
        for optimizer in many:
            optimizer.step()
    for a, b in zip(together, alone):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-13)


def test_blocks_cover_every_element_once_and_bring_back_what_is_written():
    random = np.random.default_rng(0)
    shapes = [(), (3,), (0,), (90000,), (900,), (900,), (900,), (130, 130), (7, 5)]
    arrays = [random.standard_normal(shape) for shape in shapes]
    arrays[7], arrays[8] = np.asfortranarray(arrays[7]), arrays[8][:, ::2]
    before = [a.copy() for a in arrays]
    items = [Item(a, 2 * a, [np.asarray(3 * a)], {"step": len(a.shape)}) for a in arrays]
    seen = 0
    for p, g, (buffer,), _ in blocks(items):
        assert p.ndim == 1
        assert p.size <= 40960
        np.testing.assert_array_equal(g, 2 * p)
        np.testing.assert_array_equal(buffer, 3 * p)
        p += 1
        buffer -= 1
        seen += p.size
    assert seen == sum(a.size for a in arrays)
    for item, was in zip(items, before):
        np.testing.assert_array_equal(item.p, was + 1)
        np.testing.assert_array_equal(item.buffers[0], 3 * was - 1)


def test_two_parameters_over_one_memory_are_both_applied():
    memory = np.zeros(4)
    a, b = mt.from_numpy(memory), mt.from_numpy(memory[:2])
    for p in (a, b):
        p.requires_grad_()
        p.grad = mt.ones(p.shape, dtype="float64")
    optim.SGD([a, b], lr=1.0).step()
    np.testing.assert_array_equal(memory, [-2.0, -2.0, -1.0, -1.0])


def test_a_parameter_without_gradient_stays_and_one_with_zeros_decays():
    """H153."""
    without, zeros = leaf([1.0]), with_gradient([1.0], [0.0])
    optimizer = optim.SGD([without, zeros], lr=0.125, weight_decay=0.5)
    optimizer.step()
    assert (without.item(), zeros.item()) == (1.0, 0.9375)
    optimizer.zero_grad()
    assert without.grad is None
    assert zeros.grad is None


def test_zero_grad_to_zeros_keeps_the_tensor_trained():
    """H153."""
    p = with_gradient([1.0], [2.0])
    optimizer = optim.SGD([p], lr=0.125, momentum=0.5)
    optimizer.step()
    held = p.grad.array
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    assert held.tolist() == [2.0]  # somebody may keep the gradient
    optimizer.step()  # momentum goes on: 0.125 · 2 · 0.5
    assert p.item() == 0.625


def test_closure_gives_the_loss_that_the_step_is_for():
    p = leaf([3.0])
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> mt.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with mt.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 1.5
    assert optimizer.step() is None


def test_gradients_of_four_batches_add_up_to_those_of_one():
    """G50."""
    whole, parts = net(), net()
    optimizers = optim.SGD(whole, lr=0.1), optim.SGD(parts, lr=0.1)
    loss_of(whole).backward()
    for i in range(0, 64, 16):
        (loss_of(parts, slice(i, i + 16)) / 4).backward()
    for optimizer in optimizers:
        optimizer.step()
    for a, b in zip(numbers(whole), numbers(parts)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_graph_from_before_the_step_is_stale_and_says_who_did_it():
    """H098."""
    model = net()
    optimizer = optim.SGD(model, lr=0.1)
    loss_of(model).backward()
    stale = loss_of(model)
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"SGD\.step of '2\.weight' changed that array"):
        stale.backward()


@every
def test_steps_do_not_grow_memory(make: Any):
    p = with_gradient(np.ones((8, 8)), np.ones((8, 8)))
    optimizer = make([p])
    for _ in range(20):
        optimizer.step()
    tracemalloc.start()
    optimizer.step()
    gc.collect()  # also empties the interpreter's store of small tuples
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        optimizer.step()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2000  # a float kept by each step would be 2400


def test_a_step_needs_no_temporary_as_large_as_the_parameter():
    p = with_gradient(np.ones(1 << 20), np.ones(1 << 20), "float32")
    optimizer = optim.AdamW([p], amsgrad=True)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < p.nbytes / 4


def test_small_tensors_are_gathered_a_block_at_a_time():
    tensors = [with_gradient(np.ones(4096), np.ones(4096), "float32") for _ in range(800)]
    optimizer = optim.Adam(tensors)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 800 * 4096 * 4 / 3


def test_state_follows_its_parameter_to_another_dtype():
    p = with_gradient([1.0, 2.0], [1.0, 1.0], "float32")
    optimizer = optim.Adam([p])
    optimizer.step()
    p.array = p.array.astype("float64")  # as a module's double() does
    p.grad = None
    p.grad = tensor([1.0, 1.0], dtype="float64")
    optimizer.step()
    assert optimizer.state[p]["exp_avg"].dtype == np.float64
    assert optimizer.state[p]["exp_avg"].tolist() == pytest.approx([0.19, 0.19])


def test_state_follows_its_parameter_to_the_gpu(cuda: Any):
    """G77."""
    p, q = with_gradient([1.0, 2.0], [1.0, 1.0]), with_gradient([1.0, 2.0], [1.0, 1.0])
    moving, staying = optim.Adam([p]), optim.Adam([q])
    moving.step()
    p.array, p.grad = p.detach().cuda().array, None
    p.grad = tensor([1.0, 1.0], dtype="float64", device="cuda")
    moving.step()
    staying.step()
    staying.step()
    assert moving.state[p]["exp_avg"].is_cuda
    np.testing.assert_array_equal(p.cpu().detach().numpy(), q.detach().numpy())


def test_momentum_that_is_switched_on_later_starts_with_the_gradient():
    p = with_gradient([1.0], [1.0])
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.step()
    assert optimizer.state.get(p) is None
    optimizer.param_groups[0].update(momentum=0.5, dampening=0.25)
    optimizer.step()
    assert p.item() == 0.0
    assert optimizer.state[p]["step"] == 1


# copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_model_and_optimizer_are_copied_together(through: Any):
    model = net()
    optimizer = optim.SGD(model, lr=0.1, momentum=0.9, nesterov=True)
    train(model, optimizer)
    model2, optimizer2 = through((model, optimizer))
    a, b = train(model, optimizer), train(model2, optimizer2)
    assert a == b
    with pytest.raises(ValueError, match="lr=-1"):
        optimizer2.param_groups[0]["lr"] = -1


# the functional form --------------------------------------------------------------------------


@every
def test_the_functional_step_is_the_step(make: Any):
    """D66."""
    values, *grads = np.random.default_rng(0).standard_normal((4, 2, 3, 2))
    ours = [leaf(v) for v in values]
    optimizer, pure = make(ours), make([leaf(v) for v in values])
    params: Any = {"0": tensor(values[0]), "1": tensor(values[1])}
    state = None
    for step, g in enumerate(grads):
        ours[0].grad = tensor(g[0])
        ours[1].grad = tensor(g[1]) if step != 1 else None
        optimizer.step()
        old, old_state = params, copy.deepcopy(state)
        kept = [p.numpy().copy() for p in old.values()]
        gradients = {name: p.grad for name, p in zip("01", ours)}
        params, new_state = pure.functional_step(old, gradients, state)
        for p, was in zip(old.values(), kept):
            np.testing.assert_array_equal(p.numpy(), was)
        assert str(state) == str(old_state)
        state = new_state
        for p, name in zip(ours, "01"):
            np.testing.assert_array_equal(p.detach().numpy(), params[name].numpy())
    assert pure.state == {}
    assert str(state) == str(optimizer.state_dict()["state"])


def test_the_functional_step_checks_as_the_step_does():
    optimizer = optim.SGD([("w", leaf([1.0]))])
    with pytest.raises(RuntimeError, match=r"gradient of 'w' is nan at \[0\]"):
        optimizer.functional_step(
            {"w": tensor([1.0], dtype="float64")}, {"w": tensor([np.nan], dtype="float64")}
        )
    with pytest.raises(ValueError, match="no parameter is named 'v'"):
        optimizer.functional_step({"v": tensor([1.0])}, {})


# one's own ------------------------------------------------------------------------------------


class SignSGD(optim.Optimizer):
    def __init__(self, params: Any, lr: float = 0.01):
        super().__init__(params, {"lr": lr})

    def update(self, p: Array, g: Array, state: dict, group: dict) -> None:
        p -= group["lr"] * np.sign(g)


class Averaged(optim.Optimizer):
    """Keeps what it likes in its state."""

    def __init__(self, params: Any):
        super().__init__(params, {"lr": 0.5})

    def update(self, p: Array, g: Array, state: dict, group: dict) -> None:
        state["sum"] = state.get("sum", 0) + g
        p -= group["lr"] * state["sum"] / state["step"]


def test_a_rule_of_ones_own_is_one_method():
    """D70."""
    model = net()
    losses = train(model, SignSGD(model), 30)
    assert losses[-1] < losses[0]


def test_a_rule_of_ones_own_has_memory_and_saves_it():
    """D70."""
    p, q = with_gradient([1.0], [1.0]), with_gradient([0.5], [3.0])
    one, other = Averaged([p]), Averaged([q])
    one.step()
    assert p.item() == 0.5
    other.load_state_dict(one.state_dict())
    other.step()  # the mean of 1 and 3
    assert q.item() == -0.5
    assert other.state[q]["step"] == 2
    assert isinstance(other.state[q]["sum"], mt.Tensor)


def test_a_rule_of_ones_own_moves_a_single_number():
    p = with_gradient(1.0, 1.0)
    optimizer = Averaged([p])
    optimizer.step()
    optimizer.step()
    assert p.item() == 0.0
    assert optimizer.state[p]["sum"].shape == ()
    assert isinstance(optimizer.state[p]["sum"].array, np.ndarray)


def test_a_rule_of_ones_own_may_call_ops_on_tensors():
    class Squashed(SignSGD):
        def update(self, p: Array, g: Array, state: dict, group: dict) -> None:
            p -= group["lr"] * tensor(g / 0).tanh().numpy()  # and no warning of the division

    p = with_gradient([1.0, -1.0], [2.0, -3.0])
    Squashed([p], lr=0.5).step()
    assert p.tolist() == [0.5, -0.5]
    with pytest.warns(RuntimeWarning, match="divide by zero"):  # here they are still on
        np.ones(1) / np.zeros(1)


def test_a_rule_without_update_says_what_to_define():
    optimizer = optim.Optimizer([with_gradient([1.0], [1.0])], {"lr": 0.1})
    with pytest.raises(NotImplementedError, match=r"define update\(p, g, state, group\)"):
        optimizer.step()


class TorchMomentum(optim.Optimizer):
    """An optimizer as it is written for torch: with a `step` of its own."""

    def __init__(self, params: Any, lr: float = 0.1, momentum: float = 0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @mt.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["buffer"] = mt.zeros_like(p)
                state["buffer"].mul_(group["momentum"]).add_(p.grad)
                p.add_(state["buffer"], alpha=-group["lr"])


def test_an_optimizer_written_for_torch_runs_with_its_own_step():
    def trained(make: Any, steps: int, load: Any = None) -> tuple[Any, Any]:
        model = net()
        o = make(model)
        if load is not None:
            model.load_state_dict(load[0])
            o.load_state_dict(load[1])
        schedule = optim.lr_scheduler.StepLR(o, 100)
        for _ in range(steps):
            o.zero_grad()
            ((model(tensor(X)) - tensor(Y)) ** 2).mean().backward()
            o.step()
            schedule.step()  # with no warning that the optimizer had not been stepped
        return model.state_dict(), o.state_dict()

    theirs = trained(lambda m: TorchMomentum(m.parameters()), 4)
    ours = trained(lambda m: optim.SGD(m, lr=0.1, momentum=0.9), 4)
    for name in ours[0]:
        np.testing.assert_allclose(theirs[0][name].numpy(), ours[0][name].numpy(), rtol=1e-5)
    half = trained(lambda m: TorchMomentum(m.parameters()), 2)
    whole = trained(lambda m: TorchMomentum(m.parameters()), 2, half)
    for name in whole[0]:
        np.testing.assert_array_equal(theirs[0][name].numpy(), whole[0][name].numpy())
