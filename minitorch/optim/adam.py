"""Adam and its relatives: a step of about lr for every element, whatever the gradient's scale."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array
from minitorch.kernels import moved_by
from minitorch.optim.averages import average, average_squares
from minitorch.optim.blocks import scratch
from minitorch.optim.decay import descent, shrink
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


class Adam(Optimizer):
    """Steps along the mean gradient, divided by its root mean square.

        m = β1 m + (1 − β1) g                     mean of the gradients
        v = β2 v + (1 − β2) g²                    mean of their squares
        m̂ = m / (1 − β1ᵗ),  v̂ = v / (1 − β2ᵗ)     both start at 0; this takes that bias out
        p = p − lr m̂ / (√v̂ + eps)

    Kingma and Ba, Adam: A Method for Stochastic Optimization (arXiv:1412.6980), computed in the
    order that their section 2 calls efficient: with c = √(1 − β2ᵗ), m̂ / (√v̂ + eps) is
    c / (1 − β1ᵗ) · m / (√v + eps c).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        betas: (β1, β2), how much of the old means is kept.
        eps: keeps the quotient finite; it stands outside the root.
        weight_decay: the strength λ of an L2 penalty, g ← g + λ p.
        amsgrad: divide by the root of the largest v so far (Reddi et al., arXiv:1904.09237).
        maximize: go up instead of down.
        decoupled_weight_decay: shrink p by lr λ p instead of the penalty, as AdamW does.

    >>> from minitorch import optim, tensor
    >>> w = tensor([0.5, 50.0], requires_grad=True)
    >>> optimizer = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w  # both moved by lr
    tensor([ 0.4000, 49.9000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m, `exp_avg_sq` v, and `max_exp_avg_sq` the largest v of amsgrad."""
        return ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))

    @moved_by("adam")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        shrink(p, group)
        g = descent(p, g, group)
        a = scratch(p)
        average(m, g, beta1, a)
        average_squares(v, g, beta2, a)
        if group["amsgrad"]:
            v = np.maximum(v, largest := state["max_exp_avg_sq"], out=largest)
        c = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=a)
        a += eps * c
        np.divide(m, a, out=a)
        a *= lr * c / (1 - beta1**t)
        p -= a


class AdamW(Adam):
    """Adam with decoupled weight decay.

        p = p − lr λ p
        p = p − lr m̂ / (√v̂ + eps)                 m̂, v̂ as in Adam, of the gradient alone

    Loshchilov and Hutter, Decoupled Weight Decay Regularization (arXiv:1711.05101). As in torch,
    the decay is multiplied by lr, so a schedule of lr is one of the decay as well.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        betas: (β1, β2), how much of the old means is kept.
        eps: keeps the quotient finite; it stands outside the root.
        weight_decay: λ. For biases and norms see `weight_decay_groups`.
        amsgrad: divide by the root of the largest v so far.
        maximize: go up instead of down; p still shrinks.

    >>> from minitorch import optim, tensor
    >>> w = tensor([1.0], requires_grad=True)
    >>> w.grad = tensor([0.0])
    >>> optim.AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> w
    tensor([0.9500], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )


class Adamax(Optimizer):
    """Adam with the largest gradient of late in place of the root mean square.

        m = β1 m + (1 − β1) g
        u = max(β2 u, |g| + eps)
        p = p − lr / (1 − β1ᵗ) · m / u

    Kingma and Ba (arXiv:1412.6980), section 7.1.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        betas: (β1, β2), how much of the old mean and maximum is kept.
        eps: keeps the quotient finite.
        weight_decay: the strength λ of an L2 penalty.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m and `exp_inf` u."""
        return ("exp_avg", "exp_inf")

    @moved_by("adamax")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        t, m, u = state["step"], state["exp_avg"], state["exp_inf"]
        g = descent(p, g, group)
        a = scratch(p)
        average(m, g, beta1, a)
        u *= beta2
        np.abs(g, out=a)
        a += eps
        np.maximum(u, a, out=u)
        np.divide(m, u, out=a)
        a *= lr / (1 - beta1**t)
        p -= a


class NAdam(Optimizer):
    """Adam that looks ahead along its mean, as Nesterov's momentum does.

        μₜ = β1 (1 − 0.96^(t momentum_decay) / 2)
        m = β1 m + (1 − β1) g,  v = β2 v + (1 − β2) g²,  v̂ = v / (1 − β2ᵗ)
        m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ)
        p = p − lr m̂ / (√v̂ + eps)

    Dozat, Incorporating Nesterov Momentum into Adam (2016).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        betas: (β1, β2), how much of the old means is kept.
        eps: keeps the quotient finite.
        weight_decay: the strength λ of an L2 penalty.
        momentum_decay: how fast μ rises to β1.
        decoupled_weight_decay: shrink p by lr λ p instead of the penalty.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m and `exp_avg_sq` v."""
        return ("exp_avg", "exp_avg_sq")

    def count(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Counts the step, and keeps the product μ₁ ⋯ μₜ as `mu_product`."""
        super().count(state, group)
        state["mu_product"] = state.get("mu_product", 1.0) * _mu(state["step"], group)

    @moved_by("nadam")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        t, m, v, product = (state[k] for k in ("step", "exp_avg", "exp_avg_sq", "mu_product"))
        shrink(p, group)
        g = descent(p, g, group)
        a = scratch(p)
        average(m, g, beta1, a)
        average_squares(v, g, beta2, a)
        mu, ahead = _mu(t, group), _mu(t + 1, group)
        mean = ahead / (1 - product * ahead) * m + (1 - mu) / (1 - product) * g
        p -= lr * mean / (np.sqrt(v / (1 - beta2**t)) + eps)


def _mu(t: int, group: dict[str, Any]) -> float:
    """The momentum of step t."""
    return group["betas"][0] * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"]))


class RAdam(Optimizer):
    """Adam that takes the variance of v into account, and so needs no warm-up.

        m = β1 m + (1 − β1) g,  v = β2 v + (1 − β2) g²,  m̂ = m / (1 − β1ᵗ)
        ρ∞ = 2 / (1 − β2) − 1,  ρ = ρ∞ − 2 t β2ᵗ / (1 − β2ᵗ)
        p = p − lr m̂ r √(1 − β2ᵗ) / (√v + eps)    where ρ > 5: v is known well enough
        p = p − lr m̂                              before that
        r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ))

    Liu et al., On the Variance of the Adaptive Learning Rate and Beyond (arXiv:1908.03265); eps
    stands where torch has it.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the step size.
        betas: (β1, β2), how much of the old means is kept.
        eps: keeps the quotient finite.
        weight_decay: the strength λ of an L2 penalty.
        decoupled_weight_decay: shrink p by lr λ p instead of the penalty.
        maximize: go up instead of down.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`exp_avg` is m and `exp_avg_sq` v."""
        return ("exp_avg", "exp_avg_sq")

    @moved_by("radam")
    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        shrink(p, group)
        g = descent(p, g, group)
        a = scratch(p)
        average(m, g, beta1, a)
        average_squares(v, g, beta2, a)
        step = lr / (1 - beta1**t)
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            p -= step * r * math.sqrt(1 - beta2**t) * m / (np.sqrt(v) + eps)
        else:
            p -= step * m
