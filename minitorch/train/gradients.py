"""What is done to gradients between backward and a step."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from minitorch.array import is_cupy
from minitorch.nn.module import Module
from minitorch.optim import Optimizer
from minitorch.optim.clip import clip_grad_norm_, clip_grad_value_


def adjust(
    optimizer: Optimizer, batches: float, clip_value: float | None, clip_norm: float | None
) -> None:
    """Makes means of the sums over so many batches, then clips."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    held = [p for p in parameters if p.grad is not None]
    unscaled = all("unscaled" in vars(p.grad) for p in held)  # a GradScaler looks after inf
    if batches != 1:
        for p in held:
            p.grad = p.grad / batches
    if clip_value is not None:
        clip_grad_value_(held, clip_value)
    if clip_norm is not None:
        # A norm is looked at when the optimizer looks too: not where that waits for a GPU.
        look = optimizer.check_finite
        if look is None:
            look = not any(is_cupy(p.grad.array) for p in held)
        clip_grad_norm_(held, clip_norm, error_if_nonfinite=look and not unscaled)


def warn_of_unused(model: Module) -> None:
    """Says which parameters got no gradient in a backward pass."""
    left = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    if left:
        warnings.warn(
            f"fit: {len(left)} parameter{'s' * (len(left) > 1)} got no gradient, so forward does "
            f"not use them: {', '.join(left)}. Freeze them, requires_grad_(False), if that is "
            "meant",
            stacklevel=_levels_to_caller(),
        )


def _levels_to_caller() -> int:
    """How many calls up from the one that asks is the first that is not made by this package?"""
    frame: Any = sys._getframe(1)
    level = 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("minitorch."):
        frame, level = frame.f_back, level + 1
    return level
