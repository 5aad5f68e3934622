"""Losses made of ops: similarity and distance of vectors, margins, and likelihoods of counts.

They are formulas of a line or two, so they are written as formulas and have no gradient of their
own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.op import composite
from minitorch.ops.broadcast import broadcast_tensors
from minitorch.ops.compare import clamp, minimum, where
from minitorch.ops.elementwise import exp, log
from minitorch.ops.labels import check_reduction
from minitorch.ops.reduce import mean, sum
from minitorch.ops.shape import unsqueeze
from minitorch.ops.smooth import softplus
from minitorch.ops.statistics import norm
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.words import np

# vectors ---------------------------------------------------------------------------------------


@composite(autocast="high")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """y = x₁ · x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along `dim`, where the two broadcast together.

    >>> import minitorch
    >>> cosine_similarity(minitorch.tensor([[3.0, 4.0]]), minitorch.tensor([[4.0, 3.0]]))
    tensor([0.9600])
    """
    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    # Of length 1 before they meet: a product of large vectors would overflow.
    unit1, unit2 = [x / clamp(norm(x, 2, dim, True), min=eps) for x in (x1, x2)]
    return sum(unit1 * unit2, dim)


@composite(autocast="high")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """y = ‖x₁ - x₂ + ε‖_p along the last dim."""
    return norm(x1 - x2 + eps, p, -1, keepdim)


@composite(autocast="high")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """l = 1 - cos where the target is 1, and max(cos - margin, 0) where it is -1."""
    same_shapes("cosine_embedding_loss", input1=input1, input2=input2)
    if target.shape != input1.shape[:-1]:
        raise ShapeError(
            f"cosine_embedding_loss: target {target.shape}, expected {input1.shape[:-1]} for "
            f"input1 {input1.shape}"
        )
    cos = cosine_similarity(input1, input2, -1)
    loss = where(target == 1, 1 - cos, clamp(cos - margin, min=0.0))
    return reduced("cosine_embedding_loss", loss, reduction)


@composite(autocast="high")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """l = max(d(a, p) - d(a, n) + margin, 0), d the `pairwise_distance`.

    With `swap` the negative's distance is the smaller of those to the anchor and to the positive.
    """
    same_shapes("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    near, far = (
        pairwise_distance(anchor, positive, p, eps),
        pairwise_distance(anchor, negative, p, eps),
    )
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced("triplet_margin_loss", clamp(near - far + margin, min=0.0), reduction)


@composite(autocast="high")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own; by default it is `pairwise_distance`.

    >>> import minitorch
    >>> a, p, n = minitorch.tensor([[0.0]]), minitorch.tensor([[1.0]]), minitorch.tensor([[1.5]])
    >>> square = lambda x, y: ((x - y) ** 2).sum(-1)
    >>> triplet_margin_with_distance_loss(a, p, n, distance_function=square, margin=2.0)
    tensor(0.7500)
    """
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    loss = clamp(near - far + margin, min=0.0)
    return reduced("triplet_margin_with_distance_loss", loss, reduction)


# margins --------------------------------------------------------------------------------------


@composite(autocast="high")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """l = max(-t (x₁ - x₂) + margin, 0): a target of 1 wants x₁ above x₂, of -1 below."""
    same_shapes("margin_ranking_loss", input1=input1, input2=input2, target=target)
    loss = clamp(-target * (input1 - input2) + margin, min=0.0)
    return reduced("margin_ranking_loss", loss, reduction)


@composite(autocast="high")
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """l = x where the target is 1, and max(margin - x, 0) where it is -1."""
    same_shapes("hinge_embedding_loss", input=input, target=target)
    loss = where(target == 1, input, clamp(margin - input, min=0.0))
    return reduced("hinge_embedding_loss", loss, reduction)


@composite(autocast="high")
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """l = log(1 + e^(-t x)), for targets of 1 and -1."""
    same_shapes("soft_margin_loss", input=input, target=target)
    return reduced("soft_margin_loss", softplus(-target * input), reduction)


# likelihoods ----------------------------------------------------------------------------------


@composite(autocast="high")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """l = e^x - t x, or x - t log(x + ε) with log_input=False: the price of a count t.

    With `full`, Stirling's t log t - t + log(2 π t) / 2 is added where t > 1.
    """
    same_shapes("poisson_nll_loss", input=input, target=target)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        t = clamp(target, min=1.0)
        loss = loss + where(target > 1, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0.0)
    return reduced("poisson_nll_loss", loss, reduction)


@composite(autocast="high")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """l = (log v + (x - t)² / v) / 2 with v = max(var, ε), and log(2 π) / 2 more with `full`.

    `var` has the input's shape, or 1 on the last axis, or no last axis; or it is one number.
    """
    same_shapes("gaussian_nll_loss", input=input, target=target)
    if isinstance(var, (int, float)):
        var = make(np.full_like(raw(input), var))
    elif var.shape == input.shape[:-1]:
        var = unsqueeze(var, -1)
    if var.shape not in (input.shape, (*input.shape[:-1], 1)):
        raise ShapeError(f"gaussian_nll_loss: var {var.shape} does not go with input {input.shape}")
    v = clamp(var, min=eps)
    d = input - target
    loss = 0.5 * (log(v) + d * d / v) + (0.5 * math.log(2 * math.pi) if full else 0.0)
    return reduced("gaussian_nll_loss", loss, reduction)


# what they share ------------------------------------------------------------------------------


def reduced(who: str, loss: Tensor, reduction: str) -> Tensor:
    """The elements, their sum, or their mean.

    Raises:
        ValueError: a mean over nothing, or an unknown reduction.
    """
    check_reduction(who, reduction)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return sum(loss)
    if not math.prod(loss.shape):
        raise ValueError(f"{who}: the mean over nothing, shape {loss.shape}")
    return mean(loss)


def same_shapes(who: str, **named: Tensor) -> None:
    """Raises a ShapeError for tensors of different shapes, which would broadcast."""
    shapes = [x.shape for x in named.values()]
    if any(shape != shapes[0] for shape in shapes):
        met = ", ".join(f"{name} {x.shape}" for name, x in named.items())
        columns = [n for n, x in named.items() if any(x.shape == (*s, 1) for s in shapes)]
        hint = f"; try {columns[0]}.squeeze(-1)" if columns else ""
        raise ShapeError(f"{who}: shapes differ, and a loss does not broadcast: {met}{hint}")
