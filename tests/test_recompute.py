"""Checkpointing: the same gradients from fewer saved bytes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.random import Generator
from minitorch.tape import FREED, ancestors
from minitorch.tensor import Tensor
from minitorch.utils.checkpoint import checkpoint, checkpoint_sequential


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng([seed, *shape]).normal(size=shape))


def saved_bytes(y: Tensor) -> int:
    """The memory of all arrays that the graph of y keeps, leaves left out."""
    nodes = ancestors([y.grad_fn])
    leaf_arrays = {id(p.array) for n in nodes for p in n.parents if isinstance(p, Tensor)}
    kept = {id(v): v for n in nodes if n.saved is not FREED for v in n.saved}
    return sum(v.nbytes for k, v in kept.items() if hasattr(v, "nbytes") and k not in leaf_arrays)


def block(**options) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, 16, dtype="float64"),
        nn.Tanh(),
        nn.Dropout(0.5, **options),
        nn.Linear(16, 8, dtype="float64"),
    )


def run(call, modules, x: Tensor, seed: int = 0) -> tuple[Tensor, list]:
    """The loss, and the gradients of the input and of all parameters."""
    mt.manual_seed(seed)
    x = x.detach().clone().requires_grad_()
    y = x
    for module in modules:
        module.zero_grad()
        y = call(module, y)
    loss = (y * y).sum()
    loss.backward()
    found = [x.grad, *(p.grad for m in modules for p in m.parameters())]
    return loss, [g.numpy() for g in found]


def plain(module, x):
    return module(x)


def test_the_gradients_are_the_same_bit_for_bit():
    """G12."""
    modules = [block() for _ in range(3)]
    loss, expected = run(plain, modules, draw(4, 8))
    again, got = run(checkpoint, modules, draw(4, 8))
    assert loss.item() == again.item()
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fewer_bytes_are_saved():
    """G12."""
    modules = [block() for _ in range(6)]
    x = draw(64, 8).requires_grad_()

    def graph(call):
        y = x
        for module in modules:
            y = call(module, y)
        return y.sum()

    assert saved_bytes(graph(checkpoint)) == 0
    assert saved_bytes(graph(plain)) > 6 * 64 * 16 * 8


def chain() -> list:
    """Nine functions, with draws and running statistics among them."""
    linear = [nn.Linear(8, 8, activation="tanh") for _ in range(4)]
    first = [linear[0], nn.BatchNorm1d(8), linear[1], nn.Dropout(0.5)]
    return [*first, linear[2], nn.BatchNorm1d(8), linear[3], nn.Dropout(0.5), mt.sigmoid]


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("as_list", [False, True])
def test_a_chain_in_segments_has_the_same_gradients_and_statistics(segments: int, as_list: bool):
    """G12."""
    mt.manual_seed(0)
    functions = chain()
    model, x = nn.Sequential(*functions).double(), draw(6, 8)
    start = model.state_dict()
    found = []
    given = functions if as_list else model
    for call in (plain, lambda _, x: checkpoint_sequential(given, segments, x)):
        model.load_state_dict(start)
        loss, grads = run(call, [model], x)
        found.append([loss.item(), *grads, *[b.numpy().copy() for b in model.buffers()]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_chain_in_segments_keeps_less():
    """G12."""
    model, x = (
        nn.Sequential(*[nn.Linear(8, 8, activation="tanh") for _ in range(9)]),
        mt.ones(64, 8),
    )
    kept = [saved_bytes(checkpoint_sequential(model, segments, x)) for segments in (1, 3)]
    assert kept[1] < 0.7 * kept[0]
    for segments in (0, 10, -1):
        with pytest.raises(ValueError, match=r"segments must be from 1 to 9.*got"):
            checkpoint_sequential(model, segments, x)


def test_a_function_of_one_s_own_with_what_it_closes_over():
    w, x = draw(3, 3).requires_grad_(), draw(2, 3).requires_grad_()
    f = lambda x, scale, *, shift: (mt.tanh(x @ w) * scale + shift, x.sum())
    for call in (lambda f, *a, **k: f(*a, **k), checkpoint):
        w.grad = x.grad = None
        y, total = call(f, x, 2.0, shift=1.0)
        (y.exp().sum() + total).backward()
        if call is not checkpoint:
            expected = w.grad.numpy(), x.grad.numpy()
    np.testing.assert_array_equal(w.grad.numpy(), expected[0])
    np.testing.assert_array_equal(x.grad.numpy(), expected[1])


def test_gradcheck_through_a_checkpoint_to_second_order():
    w, x = draw(3, 3).requires_grad_(), draw(2, 3).requires_grad_()
    f = lambda x, w: checkpoint(lambda x: mt.tanh(x @ w).exp(), x)
    assert gradcheck(f, (x, w))
    assert gradgradcheck(f, (x, w))


def test_gradients_on_demand_reach_inputs_and_parameters():
    layer, x = nn.Linear(3, 2, dtype="float64"), draw(2, 3)
    y = checkpoint(lambda x: layer(x).tanh(), x)
    (g,) = mt.autograd.grad(y.sum(), [layer.weight])
    y = layer(x).tanh()
    (expected,) = mt.autograd.grad(y.sum(), [layer.weight])
    assert mt.equal(g, expected)
    assert layer.weight.grad is None


def test_a_graph_that_is_kept_runs_again_once():
    runs = []
    x = draw(3).requires_grad_()
    y = checkpoint(lambda x: (runs.append(1), x.exp())[1], x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(x.detach().numpy()))
    assert len(runs) == 2
    with pytest.raises(RuntimeError, match="already used by an earlier backward"):
        y.backward()


def test_checkpoints_nest():
    inner, outer = block(), block()
    nested = lambda x: outer(checkpoint(inner, x))
    x = draw(4, 8)
    loss, expected = run(lambda f, x: outer(inner(x)), [inner], x)
    again, got = run(lambda f, x: checkpoint(nested, x), [inner], x)
    assert loss.item() == again.item()
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_inner_checkpoint_runs_again_once_with_the_outer_one():
    runs = []
    inner = lambda x: (runs.append(1), x.exp())[1]
    x = draw(3).requires_grad_()
    checkpoint(lambda x: checkpoint(inner, x).tanh(), x).sum().backward()
    assert len(runs) == 2


def test_nothing_is_kept_for_later_where_nothing_is_recorded():
    runs = []
    f = lambda x: (runs.append(1), x.exp())[1]
    with mt.no_grad():
        assert not checkpoint(f, draw(3).requires_grad_()).requires_grad
    assert not checkpoint(f, draw(3)).requires_grad
    assert len(runs) == 2


def test_the_second_run_leaves_the_random_stream_alone():
    x = mt.ones(100).requires_grad_()
    y = checkpoint(lambda x: nn.functional.dropout(x), x)
    state = mt.random.default_generator.get_state()
    y.sum().backward()
    assert mt.random.default_generator.get_state() == state
    assert mt.equal(x.grad, y.detach())  # the mask of the first run, since x is 1


def test_a_layer_draws_again_from_a_generator_of_its_own():
    g = Generator().manual_seed(1)
    x = mt.ones(100).requires_grad_()
    y = checkpoint(nn.Sequential(nn.Dropout(generator=g)), x)
    g.numpy.random(5)
    state = g.get_state()
    y.sum().backward()
    assert mt.equal(x.grad, y.detach())
    assert g.get_state() == state


def test_running_statistics_move_once():
    norm = nn.Sequential(nn.BatchNorm1d(3))
    norm2 = nn.Sequential(nn.BatchNorm1d(3))
    x = mt.randn(8, 3).requires_grad_()
    checkpoint(norm, x).sum().backward()
    norm2(x).sum().backward()
    for (name, a), (_, b) in zip(norm.named_buffers(), norm2.named_buffers(), strict=True):
        assert mt.equal(a, b), name


def test_an_open_model_is_built_first():
    model = nn.Sequential(nn.Linear(4), nn.Dropout())
    x = mt.ones(2, 3).requires_grad_()
    checkpoint(model, x).sum().backward()
    assert model[0].weight.grad.shape == (4, 3)


def test_modes_of_the_second_run_that_differ_are_found():
    module, x = block(), draw(2, 8).requires_grad_()
    y = checkpoint(module, x)
    module.eval()
    with pytest.raises(RuntimeError, match=r"checkpoint: Sequential .* must do the same"):
        y.sum().backward()
    assert x.grad is None
    assert all(p.grad is None for p in module.parameters())


def test_other_random_numbers_are_found():
    rate = [0.5]
    x = mt.ones(10).requires_grad_()
    y = checkpoint(lambda x: x * mt.rand(10) if rate.pop() else x * mt.ones(10), x)
    rate.append(0)
    with pytest.raises(RuntimeError, match="drew other random numbers"):
        y.sum().backward()


def test_other_ops_in_the_second_run_are_found():
    ops = [mt.exp, mt.tanh]
    y = checkpoint(lambda x: ops.pop(0)(x), draw(3).requires_grad_())
    with pytest.raises(RuntimeError, match=r"<lambda> computed exp \(3,\) float64 .* and tanh"):
        y.sum().backward()


def test_fewer_ops_in_the_second_run_are_found():
    times = [2, 1]
    y = checkpoint(lambda x: x.exp() if times.pop() == 1 else x, draw(3).requires_grad_())
    times.append(2)
    with pytest.raises(RuntimeError, match=r"computed exp .* and nothing when"):
        y.sum().backward()


def test_a_parameter_replaced_in_between_is_found():
    layer = nn.Linear(3, 3)
    y = checkpoint(layer, mt.ones(2, 3).requires_grad_())
    layer.weight.data = mt.zeros(3, 3)
    with pytest.raises(RuntimeError, match=r"checkpoint: Linear .* changed in place"):
        y.sum().backward()


def test_an_output_that_nobody_kept_is_not_missed():
    x = draw(3).requires_grad_()
    y, z = checkpoint(lambda x: (x.exp(), x.tanh().exp()), x)
    del z
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(x.detach().numpy()))


def test_an_input_changed_in_between_is_found():
    layer, x = nn.Linear(3, 3), mt.ones(2, 3).requires_grad_()
    y = checkpoint(lambda x: layer(x).exp(), x)
    with mt.no_grad():
        layer.bias += 1  # no node saves it, but the output depends on it
    with pytest.raises(RuntimeError, match=r"checkpoint: <lambda> .* changed in place"):
        y.sum().backward()


def test_a_recorded_argument_may_be_changed_in_place_afterwards():
    x = draw(3).requires_grad_()
    h = x * 2
    y = checkpoint(lambda h: h.exp(), h)
    h += 1  # a new value under the same name
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(2 * x.detach().numpy()))


def test_an_error_in_the_function_leaves_nothing_behind():
    def wrong(x):
        raise KeyError("wrong")

    x = draw(3).requires_grad_()
    with pytest.raises(KeyError):
        checkpoint(wrong, x)
    x.exp().sum().backward()
    assert x.grad is not None


def test_it_works_under_detect_anomaly():
    x = draw(3).requires_grad_()
    with mt.autograd.detect_anomaly():
        y = checkpoint(lambda x: x.exp().tanh(), x)
        y.sum().backward()
        assert x.grad is not None
        y = checkpoint(lambda x: x.sqrt() * 0, mt.zeros(3).requires_grad_())
        with pytest.raises(FloatingPointError, match="sqrt: backward makes NaN"):
            y.sum().backward()
        y = checkpoint(lambda x: x.exp(), x)
        x.detach().numpy()[0] = 5  # around the tape
        with pytest.raises(RuntimeError, match=r"exp: its saved 'y' .* was changed"):
            y.sum().backward()


def test_a_graph_dies_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = draw(3).requires_grad_()
        y = checkpoint(lambda x: x.exp().tanh(), x)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
        y = checkpoint(lambda x: x.exp().tanh(), x)
        y.sum().backward()
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_torch_gives_the_same_gradients():
    torch = pytest.importorskip("torch")
    from torch.utils.checkpoint import checkpoint as theirs

    w, x = draw(3, 3).numpy(), draw(2, 3).numpy()
    a, b = Tensor(w, requires_grad=True), torch.tensor(w, requires_grad=True)
    checkpoint(lambda x: (x @ a).tanh(), Tensor(x), use_reentrant=False).sum().backward()
    theirs(lambda x: (x @ b).tanh(), torch.tensor(x), use_reentrant=False).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)
