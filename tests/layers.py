"""What the tests of layers share: random inputs, and the same layer in torch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

import minitorch as mt
from minitorch import nn
from minitorch.gradcheck import gradcheck


def rand(*shape: int, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    """Standard normal numbers, the same ones each time."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def leaf(x: np.ndarray) -> mt.Tensor:
    """A Tensor of these numbers that requires grad."""
    return mt.tensor(x, requires_grad=True)


def by_hand(layer: nn.Module, **values: Any) -> None:
    """Writes numbers into the parameters or buffers of a layer."""
    with mt.no_grad():
        for name, value in values.items():
            getattr(layer, name).copy_(
                mt.tensor(np.broadcast_to(value, getattr(layer, name).shape))
            )


def same_as_torch(
    layer: nn.Module, twin: Any, x: np.ndarray, *args: Any, rtol: float = 1e-9
) -> None:
    """Same repr, state, output and gradients as torch's layer, which takes over the state."""
    import torch

    assert repr(layer) == repr(twin)
    state = {name: torch.tensor(value.numpy()) for name, value in layer.state_dict().items()}
    twin.load_state_dict(state)
    assert list(state) == list(twin.state_dict())
    x_here, x_there = leaf(x), torch.tensor(x, requires_grad=True)
    y, want = layer(x_here, *args), twin(x_there, *args)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol, 1e-12)
    if want.requires_grad:
        g = rand(*y.shape, seed=9)
        y.backward(mt.tensor(g))
        want.backward(torch.tensor(g))
        np.testing.assert_allclose(x_here.grad.numpy(), x_there.grad.numpy(), rtol, 1e-10)
    for (name, p), (_, q) in zip(layer.named_parameters(), twin.named_parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol, 1e-10, err_msg=name)
    for name, value in layer.state_dict().items():
        np.testing.assert_allclose(
            value.numpy(), twin.state_dict()[name].numpy(), rtol, 1e-12, err_msg=name
        )


def check_gradients(layer: nn.Module, x: np.ndarray, **options: Any) -> None:
    """Finite differences agree with the gradients of the input and of every parameter."""
    names, parameters = zip(*layer.named_parameters()) if list(layer.parameters()) else ((), ())
    buffers = dict(layer.named_buffers())

    def function(x: mt.Tensor, *given: mt.Tensor) -> mt.Tensor:
        fresh = {name: buffer.clone() for name, buffer in buffers.items()}
        return nn.functional_call(layer, {**fresh, **dict(zip(names, given))}, x)

    leaves = [leaf(p.detach().numpy()) for p in parameters]
    assert gradcheck(function, (leaf(x), *leaves), **options)


def grads(layer: nn.Module, x: np.ndarray, g: np.ndarray) -> dict[str, np.ndarray]:
    """The output, and the gradients of Σ g·y for the input and the parameters, by name."""
    x_here = leaf(x)
    y = layer(x_here)
    y.backward(mt.tensor(g))
    found = {name: p.grad.numpy() for name, p in layer.named_parameters()}
    return {"y": y.detach().numpy(), "x": x_here.grad.numpy(), **found}


def same_in_nhwc(first: nn.Module, last: nn.Module, x: np.ndarray) -> None:
    """A layer with the channels last gives what the other one gives, transposed, and gradients."""
    last.load_state_dict(first.state_dict())
    turn = lambda a: np.moveaxis(a, 1, -1)
    g = rand(*copy.deepcopy(first)(mt.tensor(x)).shape, seed=5)
    want, got = grads(first, x, g), grads(last, np.ascontiguousarray(turn(x)), turn(g))
    want["y"], want["x"] = turn(want["y"]), turn(want["x"])
    for name, buffer in first.named_buffers():
        want[name], got[name] = buffer.numpy(), dict(last.named_buffers())[name].numpy()
    assert want.keys() == got.keys()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-9, atol=1e-10, err_msg=name)


def same_state(a: nn.Module, b: nn.Module) -> bool:
    """Do two modules hold the same numbers under the same names?"""
    x, y = a.state_dict(), b.state_dict()
    return x.keys() == y.keys() and all(np.array_equal(x[k].numpy(), y[k].numpy()) for k in x)
