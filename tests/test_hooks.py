"""Hooks see what goes through a module, and can change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn


def model() -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_forward_hooks_see_every_call_once_and_in_order():
    """G35, E12."""
    seen: list[Any] = []
    net = model()
    handles = [
        m.register_forward_hook(lambda m, args, y: seen.append((type(m).__name__, y.shape)))
        for m in net.modules()
    ]
    x = minitorch.randn(5, 3)
    y = net(x)
    assert seen == [
        ("Linear", (5, 4)),
        ("ReLU", (5, 4)),
        ("Linear", (5, 2)),
        ("Sequential", (5, 2)),
    ]
    for handle in handles:
        handle.remove()
        handle.remove()  # twice does nothing
    seen.clear()
    assert minitorch.equal(net(x), y)
    assert seen == []


def test_a_hook_as_context_manager_goes_also_after_an_error():
    net = model()
    with (
        pytest.raises(ZeroDivisionError),
        net.register_forward_hook(lambda *_: 1 / 0),
    ):
        net(minitorch.zeros(1, 3))
    assert net(minitorch.zeros(1, 3)).shape == (1, 2)
    assert not net.has_hooks


def test_pre_hooks_change_arguments():
    net = nn.Identity()
    net.register_forward_pre_hook(lambda m, args: args[0] * 2)
    assert net(minitorch.ones(1)).item() == 2

    class Scaled(nn.Module):
        def forward(self, x: Any, by: float = 1.0) -> Any:
            return x * by

    scaled = Scaled()
    scaled.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True
    )
    assert scaled(minitorch.ones(1), by=2.0).item() == 3


def test_a_forward_hook_replaces_the_output_but_not_its_shape():
    """H081."""
    net = model()
    handle = net.register_forward_hook(lambda m, args, y: y * 0)
    assert float(net(minitorch.ones(1, 3)).abs().sum()) == 0
    handle.remove()
    with (
        net.register_forward_hook(lambda m, args, y: y[:, :1]),
        pytest.raises(ValueError, match=r"returned \(1, 1\) in place of \(1, 2\).*replaces"),
    ):
        net(minitorch.ones(1, 3))
    with net.register_forward_hook(lambda m, args, y: y[:, :1], replaces=True):
        assert net(minitorch.ones(1, 3)).shape == (1, 1)
    kwargs_seen: list[dict] = []
    with net[0].register_forward_hook(
        lambda m, args, kwargs, y: kwargs_seen.append(kwargs), with_kwargs=True
    ):
        net[0](x=minitorch.ones(1, 3))
    assert list(kwargs_seen[0]) == ["x"]


def test_prepend_puts_a_hook_first():
    order: list[str] = []
    net = nn.Identity()
    net.register_forward_hook(lambda *_: order.append("second"))
    net.register_forward_hook(lambda *_: order.append("first"), prepend=True)
    net(1)
    assert order == ["first", "second"]


def test_full_backward_hooks_see_both_gradients():
    seen: dict[str, Any] = {}
    layer = nn.Linear(3, 2)
    x = minitorch.randn(4, 3).requires_grad_()

    def hook(module: Any, grad_input: tuple, grad_output: tuple) -> None:
        seen["x"], seen["y"] = grad_input[0].numpy().copy(), grad_output[0].numpy().copy()

    layer.register_full_backward_hook(hook)
    (layer(x * 1) * 3).sum().backward()
    np.testing.assert_allclose(seen["y"], np.full((4, 2), 3.0))
    np.testing.assert_allclose(seen["x"], x.grad.numpy())


def test_full_backward_hooks_change_gradients():
    layer = nn.Linear(3, 2)
    x = minitorch.randn(4, 3).requires_grad_()
    layer.register_full_backward_pre_hook(lambda m, gs: (gs[0] * 0,))
    layer.register_full_backward_hook(lambda m, gi, go: (minitorch.ones(4, 3),))
    layer(x).sum().backward()
    assert float(layer.weight.grad.abs().sum()) == 0  # by the pre-hook
    assert minitorch.equal(x.grad, minitorch.ones(4, 3))  # by the hook


def test_a_full_backward_hook_where_no_input_needs_a_gradient():
    seen: list[Any] = []
    layer = nn.Linear(3, 2)
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].shape)))
    layer(minitorch.ones(4, 3)).sum().backward()
    assert seen == [((None,), (4, 2))]


def test_a_full_backward_hook_runs_once_for_several_inputs_and_outputs():
    class Swap(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return {"sum": a + b, "first": a}

    seen: list[Any] = []
    swap = Swap()
    swap.register_full_backward_hook(lambda m, gi, go: seen.append((len(gi), len(go))))
    a, b = (minitorch.ones(2).requires_grad_() for _ in range(2))
    out = swap(a, b)
    (out["sum"].sum() + out["first"].sum()).backward()
    assert seen == [(2, 2)]
    assert a.grad.tolist() == [2, 2]
    assert b.grad.tolist() == [1, 1]


def test_hook_counts_and_kinds_are_checked():
    layer = nn.Linear(3, 2)
    with pytest.raises(TypeError, match="a hook is a function, got 3"):
        layer.register_forward_hook(3)
    layer.register_full_backward_hook(lambda m, gi, go: (None, None))
    x = minitorch.ones(4, 3).requires_grad_()
    with pytest.raises(ValueError, match="returned 2 gradients, expected 1"):
        layer(x).sum().backward()


def test_hooks_agree_with_torch():
    torch = pytest.importorskip("torch")

    def run(lib: Any, x: Any) -> list:
        seen = []
        net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 2))
        for i, p in enumerate(net.parameters()):
            p.data = lib.ones(*p.shape) / (i + 2)
        for m in net.modules():
            m.register_full_backward_hook(
                lambda m, gi, go: seen.append(
                    [type(m).__name__, *(None if g is None else g.tolist() for g in (*gi, *go))]
                )
            )
        net(x).sum().backward()
        return seen

    ours = run(minitorch, minitorch.ones(2, 3).requires_grad_())
    theirs = run(torch, torch.ones(2, 3).requires_grad_())
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    for a, b in zip(ours, theirs):
        for p, q in zip(a[1:], b[1:]):
            assert (p is None) == (q is None)
            if p is not None:
                np.testing.assert_allclose(p, q, rtol=1e-5)


def test_a_hook_may_remove_itself_while_hooks_run():
    layer, calls = nn.Linear(3, 3), []
    first = layer.register_forward_hook(lambda *_: (calls.append(1), first.remove())[0])
    layer.register_forward_hook(lambda *_: calls.append(2))
    once = layer.register_full_backward_hook(lambda *_: (calls.append(3), once.remove())[0])
    layer.register_full_backward_hook(lambda *_: calls.append(4))
    for _ in range(2):
        layer(minitorch.ones(1, 3)).sum().backward()
    assert calls == [1, 2, 3, 4, 2, 4]


def test_a_hook_that_raises_is_located_and_leaves_the_module_usable():
    net = model()

    def broken(*_: Any) -> None:
        raise KeyError("broken")

    with net[0].register_forward_hook(broken), pytest.raises(KeyError) as caught:
        net(minitorch.ones(1, 3))
    assert any("in 0: Linear" in note for note in caught.value.__notes__)
    assert net(minitorch.ones(1, 3)).shape == (1, 2)


def test_a_hook_on_a_module_that_has_run_is_called():
    layer, calls = nn.Linear(3, 3), []
    layer(minitorch.ones(1, 3))
    handle = layer.register_forward_hook(lambda *_: calls.append(1))
    layer(minitorch.ones(1, 3))
    handle.remove()
    handle.remove()
    layer(minitorch.ones(1, 3))
    assert calls == [1]


def test_a_pre_hook_may_return_a_dict_as_an_argument():
    class Scale(nn.Module):
        def forward(self, x: Any, options: dict, *, shift: float = 0.0) -> Any:
            return x * options["by"] + shift

    module, x = Scale(), minitorch.ones(1)
    with module.register_forward_pre_hook(lambda m, args: (args[0], {"by": 3})):
        assert module(x, {"by": 2}, shift=1.0).item() == 4
    with module.register_forward_pre_hook(
        lambda m, args, kwargs: ((x + 1, args[1]), {"shift": 10.0}), with_kwargs=True
    ):
        assert module(x, {"by": 2}).item() == 14
    with (
        module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True),
        pytest.raises(TypeError, match=r"Scale: .* with_kwargs=True returned a tuple, expected"),
    ):
        module(x, 3)


def test_a_backward_hook_hears_of_every_input_also_where_none_needs_a_gradient():
    heard: list[Any] = []
    layer = nn.Bilinear(2, 3, 4)
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: heard.append(grad_input))
    layer(minitorch.ones(1, 2), minitorch.ones(1, 3)).sum().backward()
    assert heard == [(None, None)]


def test_hooks_see_what_is_no_tensor_among_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, x: Any, n: int) -> Any:
            return {"y": x * n, "n": n}

    heard: list[Any] = []
    module, x = Two(), minitorch.ones(2, requires_grad=True)
    module.register_full_backward_hook(
        lambda m, grad_input, grad_output: heard.append((len(grad_input), len(grad_output)))
    )
    out = module(x, 3)
    assert out["n"] == 3
    out["y"].sum().backward()
    assert heard == [(1, 1)]
    assert x.grad.tolist() == [3, 3]


def test_a_module_as_a_hook_is_not_held_by_the_module():
    class Halve(nn.Module):
        def __init__(self) -> None:
            self.by = nn.Parameter([2.0])

        def forward(self, module: Any, grads: tuple, *_: Any) -> Any:
            return tuple(g / 2 for g in grads)

    layer, x = nn.Linear(2, 2), minitorch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    whole, x.grad = x.grad, None
    layer.register_full_backward_hook(Halve())
    layer.register_full_backward_pre_hook(Halve())
    layer(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), whole.numpy() / 4)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_a_backward_hook_may_return_its_only_gradient_without_a_tuple():
    layer, x = nn.Linear(2, 2), minitorch.ones(1, 2, requires_grad=True)
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: grad_input[0] * 0)
    layer(x).sum().backward()
    assert x.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize("returned", [[(1,), {}], ((1,), {}, 3), ((1,), 2), 5])
def test_a_pre_hook_with_kwargs_returns_both(returned: Any):
    with (
        nn.Identity().register_forward_pre_hook(lambda *_: returned, with_kwargs=True) as handle,
        pytest.raises(TypeError, match="expected None or"),
    ):
        handle.hook(nn.Identity(), (minitorch.ones(1),), {})


def test_a_backward_hook_that_forgets_a_gradient_is_told_so():
    layer, x = nn.Linear(3, 2), minitorch.ones(1, 3, requires_grad=True)
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (None,))
    with pytest.raises(ValueError, match="Linear: a backward hook returned None for gradient 0"):
        layer(x).sum().backward()
