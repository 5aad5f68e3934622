"""Gradients written by a learner, held against the slopes of the function they belong to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import minitorch
from minitorch import Tensor


def compare_with_slopes(
    name: str, forward: Callable[..., Tensor], gradient: Callable[..., Any], *inputs: Tensor
) -> None:
    """Raises AssertionError unless gradient(g, *inputs) gives dL/dinput for every input.

    Args:
        name: of the learner's function, for the messages.
        forward: y = forward(*inputs), known to be right.
        gradient: what the learner wrote; returns a Tensor, or a tuple with one for each input.
        inputs: float64 samples.
    """
    y = forward(*inputs)
    g = minitorch.randn(y.shape, dtype=y.dtype)
    found = gradient(g, *inputs)
    found = found if isinstance(found, tuple | list) else (found,)
    assert len(found) == len(inputs), (
        f"{name}: returned {len(found)} gradients, expected {len(inputs)}, one for each input"
    )
    for k, (d, x) in enumerate(zip(found, inputs, strict=True)):
        assert isinstance(d, Tensor), (
            f"{name}: gradient {k} is a {type(d).__name__}, expected a Tensor"
        )
        assert d.shape == x.shape, (
            f"{name}: gradient {k} has shape {tuple(d.shape)}, but its input {tuple(x.shape)}; "
            "a gradient always has the shape of what it belongs to"
        )

    class ByHand(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx, *args):
            ctx.save_for_backward(*args)
            return forward(*args)

        @staticmethod
        def backward(ctx, g):
            found = gradient(g, *ctx.saved_tensors)
            return tuple(found) if isinstance(found, list) else found

    def by_hand(*args):
        return ByHand.apply(*args)

    # The report then speaks of the learner's function, and of the inputs by the learner's names.
    by_hand.__name__ = ByHand.__name__ = name
    ByHand.forward.__signature__ = inspect.signature(gradient)  # g stands in the place of ctx
    minitorch.gradcheck(by_hand, tuple(x.clone().requires_grad_() for x in inputs))
