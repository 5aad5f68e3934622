"""The parts of a Learner, checked when it is made, and not in the first batch of a long night."""

from __future__ import annotations

from typing import Any

from minitorch.nn.module import Module
from minitorch.optim import Optimizer


def check_parts(model: Any, loss: Any, optimizer: Any) -> None:
    """Raises unless these are a model, a loss and an optimizer, or what will make one.

    Raises:
        TypeError: one of them is something else.
        ValueError: the optimizer holds no parameter of the model.
    """
    if not isinstance(model, Module):
        raise TypeError(f"Learner: model must be a Module, got {model!r}")
    if loss is not None and (not callable(loss) or isinstance(loss, type)):
        raise TypeError(
            "Learner: loss must be a function of (pred, target), such as F.cross_entropy or "
            f"nn.CrossEntropyLoss(), got {loss!r}"
        )
    if isinstance(optimizer, Optimizer):
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if held.isdisjoint(map(id, model.parameters())):
            raise ValueError(
                f"Learner: the optimizer holds no parameter of the {type(model).__name__}; build "
                "it on this model"
            )
    elif optimizer is not None and not callable(optimizer):
        raise TypeError(
            "Learner: expected an optimizer, or a function of the model that makes one, got "
            f"{optimizer!r}"
        )
