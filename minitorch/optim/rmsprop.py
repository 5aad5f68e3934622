"""Step sizes from the squares of the gradients: all of them, or a running mean."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.kernels import moved_by
from minitorch.optim.averages import average, average_squares
from minitorch.optim.blocks import scratch
from minitorch.optim.decay import descent
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


class RMSprop(Optimizer):
    """Divides the gradient by its root mean square.

        v = alpha v + (1 − alpha) g²
        a = alpha a + (1 − alpha) g               centered: √(v − a²), the deviation, not √v
        b = momentum b + g / (√v + eps)
        p = p − lr b

    Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012); centered as in
    Graves, Generating Sequences With Recurrent Neural Networks (arXiv:1308.0850).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        alpha: how much of the old means is kept.
        eps: keeps the quotient finite.
        weight_decay: the strength λ of an L2 penalty, g ← g + λ p.
        momentum: how much of the last direction is kept.
        centered: divide by the standard deviation.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`square_avg` is v, `momentum_buffer` b and `grad_avg` a."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] else []
        names += ["grad_avg"] if group["centered"] else []
        return tuple(names)

    @moved_by("rmsprop")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, alpha, eps, momentum = (group[k] for k in ("lr", "alpha", "eps", "momentum"))
        v = state["square_avg"]
        g = descent(p, g, group)
        average_squares(v, g, alpha, scratch(p))
        if group["centered"]:
            a = state["grad_avg"]
            average(a, g, alpha, scratch(p))
            v = np.maximum(v - a * a, 0)  # rounding may leave a constant gradient less than 0
        d = g / (np.sqrt(v) + eps)
        if momentum:
            b = state["momentum_buffer"]
            b *= momentum
            b += d
            d = b
        p -= lr * d


class Adagrad(Optimizer):
    """Divides the gradient by the root of all its squares so far.

        s = s + g²                                starts at initial_accumulator_value
        p = p − lr / (1 + (t − 1) lr_decay) · g / (√s + eps)

    Duchi, Hazan and Singer, Adaptive Subgradient Methods (JMLR 12, 2011).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size at the first step.
        lr_decay: how fast it falls beyond what the sum does.
        weight_decay: the strength λ of an L2 penalty, g ← g + λ p.
        initial_accumulator_value: what s starts from.
        eps: keeps the quotient finite.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`sum` is s."""
        return ("sum",)

    def new_buffer(self, name: str, p: Array, group: dict[str, Any]) -> Array:
        """The sum before the first gradient."""
        return np.full_like(p, group["initial_accumulator_value"], order="C")

    @moved_by("adagrad")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        t, s = state["step"], state["sum"]
        lr = group["lr"] / (1 + (t - 1) * group["lr_decay"])
        g = descent(p, g, group)
        s += g * g
        p -= lr * g / (np.sqrt(s) + group["eps"])


class Adadelta(Optimizer):
    """Steps in the parameter's own units: by the size of its past steps over that of its gradients.

        v = rho v + (1 − rho) g²
        d = √(u + eps) / √(v + eps) · g
        u = rho u + (1 − rho) d²
        p = p − lr d

    Zeiler, ADADELTA: An Adaptive Learning Rate Method (arXiv:1212.5701), where lr is 1.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: a factor on the step.
        rho: how much of the old means is kept.
        eps: starts the steps, and keeps the quotient finite; it stands inside the roots.
        weight_decay: the strength λ of an L2 penalty, g ← g + λ p.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`square_avg` is v and `acc_delta` u."""
        return ("square_avg", "acc_delta")

    @moved_by("adadelta")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        rho, eps, v, u = group["rho"], group["eps"], state["square_avg"], state["acc_delta"]
        g = descent(p, g, group)
        average_squares(v, g, rho, scratch(p))
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        average_squares(u, d, rho, scratch(p))
        p -= group["lr"] * d
