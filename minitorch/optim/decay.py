"""Weight decay pulls parameters towards zero, in one of two ways.

As an L2 penalty it is part of the loss, λ/2 · ‖p‖², and its slope λp passes through the rule with
the gradient: Adam then divides it by the size of the gradients, and decays least what moves most.
Decoupled, it shrinks the parameter by itself, p ← p − lr λ p, whatever the rule does (Loshchilov
and Hutter, Decoupled Weight Decay Regularization, arXiv:1711.05101). For plain SGD both are one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.array import Array
from minitorch.optim.groups import is_model


def descent(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The slope to go down, d = ±g + λ p: −g to maximize, and λ p where decay is a penalty."""
    if group["maximize"]:
        g = -g
    decay = group["weight_decay"]
    if decay and not group.get("decoupled_weight_decay"):
        return g + decay * p
    return g


def shrink(p: Array, group: dict[str, Any]) -> None:
    """p ← p − lr λ p, where decay is decoupled."""
    if group["weight_decay"] and group["decoupled_weight_decay"]:
        p *= 1 - group["lr"] * group["weight_decay"]


def weight_decay_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups of parameters: those that weight decay shrinks, and those it leaves alone.

    Decay is for the weights of products. Biases and the scales of normalisations have one axis or
    none, and are left alone, whatever their names. A flag on the parameter decides otherwise:
    `p.decay = True` or `p.decay = False`. Frozen parameters are left out.

    >>> from minitorch import optim, tensor
    >>> w, b = tensor([[1.0]], requires_grad=True), tensor([1.0], requires_grad=True)
    >>> groups = optim.weight_decay_groups([("w", w), ("b", b)], 0.1)
    >>> optim.AdamW(groups).param_groups[1]["names"]
    ['b']

    Args:
        model: a model, or (name, tensor) pairs.
        weight_decay: for the parameters that have it.
    """
    pairs: Iterable[Any] = model.named_parameters() if is_model(model) else model
    trained = [(name, p) for name, p in pairs if p.requires_grad]
    decays = [getattr(p, "decay", p.ndim > 1) for _, p in trained]
    groups = [
        {"params": [pair for pair, d in zip(trained, decays) if d], "weight_decay": weight_decay},
        {"params": [pair for pair, d in zip(trained, decays) if not d], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
