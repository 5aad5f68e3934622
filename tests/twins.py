"""A layer beside torch's of the same name: same text, same state, same outputs and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import minitorch as mt
from tests.layers import rand


def flat(y: Any) -> Iterator[Any]:
    """The tensors in nested tuples, in order."""
    if isinstance(y, (tuple, list)):
        for part in y:
            yield from flat(part)
    elif y is not None:
        yield y


def convert(x: Any, here: bool, grad: bool = True) -> Any:
    """NumPy arrays, also in tuples, as tensors; floats as leaves that require grad."""
    if isinstance(x, tuple):
        return tuple(convert(part, here, grad) for part in x)
    if not isinstance(x, np.ndarray):
        return x
    if here:
        return mt.tensor(x, requires_grad=grad and x.dtype.kind == "f")
    import torch

    return torch.tensor(x, requires_grad=grad and x.dtype.kind == "f")


def agree(
    layer: Any,
    twin: Any,
    *args: Any,
    fixed: tuple[int, ...] = (),
    same_repr: bool = True,
    rtol: float = 1e-9,
    **kwargs: Any,
) -> Any:
    """Compares text, state names, outputs, and the gradients of all inputs and parameters.

    The twin takes over the layer's state. Arguments are NumPy arrays (or tuples of them), or what
    is passed as it is; those at the places in `fixed` are not differentiated. Returns what the
    layer returned.
    """
    import torch

    if same_repr:
        assert repr(layer) == repr(twin)
    state = layer.state_dict()
    assert list(state) == list(twin.state_dict())
    twin.load_state_dict({name: torch.tensor(value.numpy()) for name, value in state.items()})
    given = [
        (convert(a, True, i not in fixed), convert(a, False, i not in fixed))
        for i, a in enumerate(args)
    ]
    named = {k: (convert(a, True), convert(a, False)) for k, a in kwargs.items()}
    y = layer(*(a for a, _ in given), **{k: a for k, (a, _) in named.items()})
    want = twin(*(b for _, b in given), **{k: b for k, (_, b) in named.items()})
    ours, theirs = list(flat(y)), list(flat(want))
    assert len(ours) == len(theirs)
    total_here: Any = 0
    total_there: Any = 0
    for i, (a, b) in enumerate(zip(ours, theirs)):
        assert a.shape == tuple(b.shape)
        assert str(b.dtype).endswith(str(a.dtype))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol, 1e-12)
        if b.requires_grad:
            g = rand(*a.shape, seed=i)
            total_here = total_here + (a * mt.tensor(g)).sum()
            total_there = total_there + (b * torch.tensor(g)).sum()
    if isinstance(total_there, torch.Tensor):
        total_here.backward()
        total_there.backward()
    pairs = [(f"input {i}", a, b) for i, (a, b) in enumerate(given)]
    pairs += [(k, a, b) for k, (a, b) in named.items()]
    pairs += [(name, p, q) for (name, p), q in zip(layer.named_parameters(), twin.parameters())]
    for name, a, b in pairs:
        for x, t in zip(flat(a), flat(b)):
            if isinstance(t, torch.Tensor) and t.grad is not None:
                np.testing.assert_allclose(
                    x.grad.numpy(), t.grad.numpy(), rtol, 1e-10, err_msg=name
                )
    return y
