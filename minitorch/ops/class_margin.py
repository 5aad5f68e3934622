"""Margin losses of classes: the score of a class that is there, ahead of those that are not.

Like the losses of `margin.py` they are made of ops, and have no gradient of their own.
"""

from __future__ import annotations

from typing import Any

from minitorch.op import composite
from minitorch.ops.activation import logsigmoid
from minitorch.ops.arguments import check_floats
from minitorch.ops.compare import clamp, where
from minitorch.ops.index import pick_at
from minitorch.ops.keys import along, whole_numbers
from minitorch.ops.labels import check_numbers, counting, holds_labels
from minitorch.ops.margin import reduced, same_shapes
from minitorch.ops.reduce import mean, sum
from minitorch.ops.shape import unsqueeze
from minitorch.tensor import ShapeError, Tensor, make
from minitorch.words import np


@composite(autocast="high")
def multi_margin_loss(
    input: Tensor,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """l = Σ_(c ≠ t) w_t max(margin - x_t + x_c, 0)^p / C, for scores x and a label t.

    Crammer and Singer 2001.

    Args:
        input: (N, C), or (C,) for one example.
        target: (N,) labels, or one.
        p: 1 or 2.
        margin: by how much the label's score is to be the highest.
        weight: (C,), how much the errors of each class count.
        reduction: "mean", "sum", or "none" for (N,) losses.

    Raises:
        IndexError: a label that is no class. (A GPU is waited for to see it.)

    >>> import minitorch
    >>> scores = minitorch.tensor([[2.0, 1.5, 0.0]])
    >>> minitorch.nn.functional.multi_margin_loss(scores, minitorch.tensor([0]))
    tensor(0.1667)
    """
    who = "multi_margin_loss"
    if p not in (1, 2):
        raise ValueError(f"{who}: p {p}, expected 1 or 2")
    _check_scores(who, input)
    labels = whole_numbers(who, target, input.array, None)
    holds_labels(who, input.array, labels, len(input.shape) - 1, only=True)
    C = input.shape[-1]
    if weight is not None and weight.shape != (C,):
        raise ShapeError(f"{who}: weight is {weight.shape}, expected {(C,)}, one per class")
    check_numbers(who, "target", labels, 0, C - 1)
    label = labels[..., None]
    score = pick_at(input, along(label, len(input.shape) - 1))
    behind = clamp(margin - score + input, min=0.0)
    behind = where(make(label == counting(C, labels)), 0.0, behind if p == 1 else behind * behind)
    loss = sum(behind, -1) / C
    return reduced(who, loss if weight is None else loss * pick_at(weight, labels), reduction)


@composite(autocast="high")
def multilabel_margin_loss(input: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """l = Σ_t Σ_c max(1 - x_t + x_c, 0) / C, over the labels t and the classes c that are none.

    Args:
        input: (N, C), or (C,) for one example.
        target: of the same shape: the labels, and -1 behind the last one; what follows is not read.
        reduction: "mean", "sum", or "none" for (N,) losses.

    Raises:
        IndexError: a label that is no class. (A GPU is waited for to see it.)

    >>> import minitorch
    >>> scores, labels = minitorch.tensor([0.5, 0.0, 0.75]), minitorch.tensor([2, 0, -1])
    >>> minitorch.nn.functional.multilabel_margin_loss(scores, labels)  # (0.25 + 0.5) / 3
    tensor(0.2500)
    """
    who = "multilabel_margin_loss"
    _check_scores(who, input)
    labels = whole_numbers(who, target, input.array, None)
    if labels.shape != input.shape:
        raise ShapeError(
            f"{who}: target is {labels.shape}, expected labels in the input's shape {input.shape}, "
            "filled up with -1"
        )
    C = input.shape[-1]
    check_numbers(who, "target", labels, -1, C - 1)
    listed = (labels < 0).cumsum(axis=-1) == 0
    one_of = (labels[..., None] == counting(C, labels)) & listed[..., None]  # (N, place, class)
    scores = pick_at(input, along(np.where(listed, labels, 0), len(input.shape) - 1))
    behind = clamp(1 - unsqueeze(scores, -1) + unsqueeze(input, -2), min=0.0)
    counted = listed[..., None] & ~one_of.any(axis=-2)[..., None, :]
    return reduced(who, sum(where(make(counted), behind, 0.0), (-2, -1)) / C, reduction)


@composite(autocast="high")
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """l = -Σ_c w_c (t_c log σ(x_c) + (1 - t_c) log σ(-x_c)) / C: each class a yes or no of its own.

    Args:
        input: (*, C) scores.
        target: of the same shape, 1 for the classes that are there, and 0.
        weight: (C,), how much each class counts.
        reduction: "mean", "sum", or "none" for losses of the shape (*,).

    >>> import minitorch
    >>> yes, no = minitorch.tensor([[1.0, 0.0]]), minitorch.zeros(1, 2)
    >>> minitorch.nn.functional.multilabel_soft_margin_loss(no, yes)
    tensor(0.6931)
    """
    same_shapes("multilabel_soft_margin_loss", input=input, target=target)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced("multilabel_soft_margin_loss", mean(loss, -1), reduction)


def _check_scores(who: str, input: Tensor) -> None:
    check_floats(who, "input", input)
    if len(input.shape) not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"{who}: input is {input.shape}, expected (N, C) scores, or (C,)")
