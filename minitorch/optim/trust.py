"""Large batches: each tensor steps by a share of its own size, so that no layer runs away."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.dtypes import float16, float32
from minitorch.optim.averages import average, average_squares
from minitorch.optim.blocks import scratch
from minitorch.optim.decay import descent
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


def norm(x: Array) -> Array:
    """‖x‖, where the array lives: reading it would wait for a GPU. Of float16 it is a float32."""
    flat = x.reshape(-1)
    if flat.dtype == float16:
        flat = flat.astype(float32)
    return np.sqrt(flat.dot(flat))


def trust(a: Array, b: Array) -> Array:
    """The ratio a / b of two norms, and 1 where one of them is 0."""
    return np.where((a > 0) & (b > 0), a / b, 1)


class LAMB(Optimizer):
    """Adam, with each tensor's step scaled to the size of the tensor.

        r = m̂ / (√v̂ + eps) + λ p                 m̂, v̂ as in Adam; λ is weight_decay
        p = p − lr ‖p‖ / ‖r‖ · r                  the ratio is 1 where one of the norms is 0

    You et al., Large Batch Optimization for Deep Learning (arXiv:1904.00962), with φ(‖p‖) = ‖p‖.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size, as a share of the tensor's norm.
        betas: (β1, β2), how much of the old means is kept.
        eps: keeps the quotient finite.
        weight_decay: λ. For biases and norms see `weight_decay_groups`.
        maximize: go up instead of down; p still shrinks.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m and `exp_avg_sq` v."""
        return ("exp_avg", "exp_avg_sq")

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        eps, (beta1, beta2) = group["eps"], group["betas"]
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        if group["maximize"]:
            g = -g
        a = scratch(p)
        average(m, g, beta1, a)
        average_squares(v, g, beta2, a)
        r = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        if group["weight_decay"]:
            r += group["weight_decay"] * p
        r *= group["lr"] * trust(norm(p), norm(r))
        p -= r


class LARS(Optimizer):
    """SGD with momentum, with each tensor's gradient scaled to the size of the tensor.

        q = η ‖p‖ / (‖g‖ + λ ‖p‖)                 1 where one of the norms is 0
        b = momentum b + lr q (g + λ p)           λ is weight_decay, η trust_coefficient
        p = p − b

    You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks (arXiv:1708.03888).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        momentum: how much of the last step is kept.
        weight_decay: λ. For biases and norms see `weight_decay_groups`.
        trust_coefficient: η, the share of its norm by which a tensor may move at lr 1.
        maximize: go up instead of down; p still shrinks.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-1,
        momentum: float = 0.9,
        weight_decay: float = 0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`momentum_buffer` is b."""
        return ("momentum_buffer",)

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        decay, eta, b = group["weight_decay"], group["trust_coefficient"], state["momentum_buffer"]
        size, slope = norm(p), norm(g)
        both = (size > 0) & (slope > 0)
        q = np.where(both, eta * size / (slope + decay * size), 1)
        b *= group["momentum"]
        b += group["lr"] * q * descent(p, g, group)
        p -= b
