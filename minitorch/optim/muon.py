"""Muon: a matrix steps in all of its directions by the same amount."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array
from minitorch.dtypes import float16, float32
from minitorch.optim.groups import given
from minitorch.optim.optimizer import Optimizer
from minitorch.optim.trust import norm
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


class Muon(Optimizer):
    """Momentum, orthogonalized: every singular value of the step is brought near 1.

        b = momentum b + (1 − momentum) g
        d = (1 − momentum) g + momentum b         nesterov; else d = b
        p = p − lr λ p                            λ is weight_decay
        p = p − lr s O(d)                         O(U S Vᵀ) ≈ U Vᵀ, s = √max(1, rows / columns)

    Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024). For matrices
    only: the hidden layers of a network. Leave its biases, norms, embeddings and last layer to
    AdamW.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`); matrices.
        lr: the step size.
        weight_decay: λ, decoupled.
        momentum: how much of the last direction is kept.
        nesterov: look ahead along it.
        ns_coefficients: (a, b, c) of the polynomial in `orthogonalized`.
        eps: the least norm to divide by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: the scale s: "original" (the default), or "match_rms_adamw" for
            0.2 √max(rows, columns), with which lr and decay may be AdamW's.

    Raises:
        ShapeError: a parameter is no matrix.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        super().__init__(params, given(locals()))

    @classmethod
    def check(cls, group: dict[str, Any]) -> None:
        """Raises ValueError for an option out of range."""
        super().check(group)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"{cls.__name__}: adjust_lr_fn={group['adjust_lr_fn']!r}; expected 'original' or "
                "'match_rms_adamw'"
            )

    def check_parameter(self, name: str, p: Tensor) -> None:
        """Raises ShapeError unless the parameter is a matrix."""
        if p.ndim != 2:
            raise ShapeError(
                f"{self._who}: parameter {name!r} has shape {p.shape}, and only matrices can be "
                "orthogonalized; give the others to AdamW"
            )

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`momentum_buffer` is b."""
        return ("momentum_buffer",)

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        lr, momentum, b = group["lr"], group["momentum"], state["momentum_buffer"]
        b *= momentum
        b += (1 - momentum) * g
        d = (1 - momentum) * g + momentum * b if group["nesterov"] else b
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            s = 0.2 * math.sqrt(max(rows, columns))
        else:
            s = math.sqrt(max(1, rows / columns))
        d = orthogonalized(d, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p *= 1 - lr * group["weight_decay"]
        p -= lr * s * d


def orthogonalized(
    x: Array, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Array:
    """U p(S) Vᵀ for x = U S Vᵀ: singular values near 1, by products of matrices alone.

        x = x / ‖x‖
        x = a x + (b x xᵀ + c (x xᵀ)²) x          `steps` times (Newton and Schulz)

    On each singular value this is s ← a s + b s³ + c s⁵. The usual coefficients rise steeply at 0
    rather than settle at 1: five steps bring what was above 0.002 or so to between 0.7 and 1.2.
    Torch does this in bfloat16; here it is the parameter's dtype, and float32 for float16.
    """
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x  # the smaller side makes the smaller products
    if x.dtype == float16:
        x = x.astype(float32)
    x = x / np.maximum(norm(x), eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
