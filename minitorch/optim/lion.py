"""Lion: every element moves by lr, up or down; only the direction is learned."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.kernels import moved_by
from minitorch.optim.averages import average
from minitorch.optim.blocks import scratch
from minitorch.optim.decay import descent, shrink
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


class Lion(Optimizer):
    """Steps by the sign of an average of the mean and the new gradient.

        p = p − lr λ p                            λ is weight_decay, decoupled
        p = p − lr sign(β1 m + (1 − β1) g)
        m = β2 m + (1 − β2) g

    Chen et al., Symbolic Discovery of Optimization Algorithms (arXiv:2302.06675). It wants a
    smaller lr than Adam (a third to a tenth), and a weight decay larger by as much.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: how far every element moves.
        betas: (β1, β2), the share of the mean in the direction, and how much of it is kept.
        weight_decay: λ.
        maximize: go up instead of down; p still shrinks.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, {**given(locals()), "decoupled_weight_decay": True})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m."""
        return ("exp_avg",)

    @moved_by("lion")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        (beta1, beta2), m = group["betas"], state["exp_avg"]
        shrink(p, group)
        g = descent(p, g, group)
        p -= group["lr"] * np.sign(beta1 * m + (1 - beta1) * g)
        average(m, g, beta2, scratch(p))
