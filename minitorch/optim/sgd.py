"""Stochastic gradient descent, with the memory that makes a ball of it."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.kernels import moved_by
from minitorch.optim.blocks import scratch
from minitorch.optim.decay import descent
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


class SGD(Optimizer):
    """p ← p − lr d, with momentum in the direction d.

        d = g + weight_decay p
        b = momentum b + (1 − dampening) d        at the first step b = d
        p = p − lr b                              nesterov: p − lr (d + momentum b)

    Momentum is Polyak's heavy ball (1964); Nesterov's form looks ahead along it, as in Sutskever
    et al., On the importance of initialization and momentum in deep learning (2013).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        momentum: how much of the last direction is kept, 0 for none of it.
        dampening: how much of the new direction is held back.
        weight_decay: the strength λ of an L2 penalty.
        nesterov: look ahead; needs momentum, and no dampening.
        maximize: go up instead of down.

    >>> from minitorch import optim, tensor
    >>> w = tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = optim.SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5000, -1.0000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    @classmethod
    def check(cls, group: dict[str, Any]) -> None:
        """Raises ValueError for an option out of range, or nesterov without plain momentum."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"{cls.__name__}: nesterov needs momentum > 0 and dampening = 0, got "
                f"momentum={group['momentum']!r}, dampening={group['dampening']!r}"
            )

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`momentum_buffer` is b; without momentum there is nothing to remember."""
        return ("momentum_buffer",) if group["momentum"] else ()

    @moved_by("sgd")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, momentum = group["lr"], group["momentum"]
        d = descent(p, g, group)
        if momentum:
            b = state["momentum_buffer"]
            if state["step"] == 1:
                b[...] = d
            else:
                b *= momentum
                b += np.multiply(d, 1 - group["dampening"], out=scratch(p))
            d = d + momentum * b if group["nesterov"] else b
        p -= np.multiply(d, lr, out=scratch(p))
