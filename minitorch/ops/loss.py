"""Losses that compare numbers with numbers, place by place: how wrong, as one number to lower.

Every loss is a sum over the elements, or their mean ("mean" divides by their number), of one
function of an input x and a target t. No loss broadcasts: (N, 1) against (N,) would compare every
row with every other, and training would fail without a word.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import has_values
from minitorch.constants import shared
from minitorch.convert import cast_like
from minitorch.op import op
from minitorch.ops.activation import logsigmoid, sigmoid
from minitorch.ops.arguments import check_floats
from minitorch.ops.arithmetic import sign
from minitorch.ops.compare import clamp
from minitorch.ops.elementwise import exp, log, log1p
from minitorch.ops.labels import check_reduction
from minitorch.ops.sums import wide
from minitorch.tensor import ShapeError
from minitorch.words import np

# regression ------------------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def mse_loss(input, target, *, reduction="mean"):
    """y = mean of (x - t)²          dL/dx = 2 g (x - t) / n,   dL/dt = -dL/dx

    The target is taken in the dtype of the input; integers are welcome.

    Raises:
        ValueError: shapes that differ, or a mean over nothing.

    >>> import minitorch
    >>> minitorch.nn.functional.mse_loss(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1, 4]))
    tensor(2.)
    """
    d = _difference("mse_loss", input, target, reduction)
    d *= d
    return _reduced(d, reduction, input)


def _mse_both(g, input, target, reduction, needs):
    return _opposite(2 * _each(g, input, reduction) * (input - cast_like(target, input)), needs)


mse_loss.grad(_mse_both)


@op(exact_dtype=True, autocast="high")
def l1_loss(input, target, *, reduction="mean"):
    """y = mean of |x - t|          dL/dx = g sign(x - t) / n, 0 where x = t;   dL/dt = -dL/dx"""
    d = _difference("l1_loss", input, target, reduction)
    return _reduced(abs(d), reduction, input)


def _l1_both(g, input, target, reduction, needs):
    return _opposite(_each(g, input, reduction) * sign(input - cast_like(target, input)), needs)


l1_loss.grad(_l1_both)


@op(exact_dtype=True, autocast="high")
def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    """y = mean of d² / 2β where |d| < β, else |d| - β/2, for d = x - t

    dL/dx = g d/β, kept between -g and g, / n;   dL/dt = -dL/dx. With β = 0 it is `l1_loss`.
    """
    _check_at_least("smooth_l1_loss", "beta", beta, 0)
    d = abs(_difference("smooth_l1_loss", input, target, reduction))
    if beta == 0:
        return _reduced(d, reduction, input)
    near = np.minimum(d, beta)  # d where it is near, β where it is far
    return _reduced(near * (d - 0.5 * near) / beta, reduction, input)


def _smooth_l1_both(g, input, target, reduction, beta, needs):
    d = input - cast_like(target, input)
    slope = sign(d) if beta == 0 else clamp(d / beta, -1.0, 1.0)
    return _opposite(_each(g, input, reduction) * slope, needs)


smooth_l1_loss.grad(_smooth_l1_both)


@op(exact_dtype=True, autocast="high")
def huber_loss(input, target, *, reduction="mean", delta=1.0):
    """y = mean of d² / 2 where |d| < δ, else δ (|d| - δ/2), for d = x - t

    dL/dx = g d, kept between -g δ and g δ, / n;   dL/dt = -dL/dx.
    """
    _check_at_least("huber_loss", "delta", delta, 0, strictly=True)
    d = abs(_difference("huber_loss", input, target, reduction))
    near = np.minimum(d, delta)
    return _reduced(near * (d - 0.5 * near), reduction, input)


def _huber_both(g, input, target, reduction, delta, needs):
    slope = clamp(input - cast_like(target, input), -delta, delta)
    return _opposite(_each(g, input, reduction) * slope, needs)


huber_loss.grad(_huber_both)


# yes or no ------------------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def binary_cross_entropy(input, target, *, weight=None, reduction="mean"):
    """y = mean of -(t log x + (1 - t) log(1 - x)), for probabilities x

    dL/dx = g (x - t) / (x (1 - x)) / n,   dL/dt = g (log(1 - x) - log x) / n. As in torch a
    logarithm is at least -100, and x (1 - x) at least 1e-12: at x = 0 and t = 1 the loss is 100
    and its gradient -1e12. `binary_cross_entropy_with_logits` has no such corners.

    `weight`, of each element, broadcasts to the input.

    Raises:
        ValueError: shapes that differ, or an input outside 0 to 1.
        TypeError: a target of integers.

    >>> import minitorch
    >>> x, t = minitorch.tensor([0.5, 0.25]), minitorch.tensor([1.0, 0.0])
    >>> minitorch.nn.functional.binary_cross_entropy(x, t, reduction="none")
    tensor([0.6931, 0.2877])
    """
    who = "binary_cross_entropy"
    target = _paired(who, input, target, reduction, floats=True)
    if has_values(input) and input.size:
        low, high = input.min(), input.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{who}: input runs from {float(low):.6g} to {float(high):.6g}, expected 0 to 1; "
                "for logits use binary_cross_entropy_with_logits"
            )
    yes, no = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    loss = (target - 1) * no - target * yes
    return _reduced(_weighed(who, loss, weight, input), reduction, input)


def _bce_input(g, input, target, weight, reduction):
    slope = (input - cast_like(target, input)) / clamp(input * (1 - input), 1e-12)
    return _each(g, input, reduction) * _weighed("", slope, weight, input)


def _bce_target(g, input, weight, reduction):
    slope = clamp(log1p(-input), -100.0) - clamp(log(input), -100.0)
    return _each(g, input, reduction) * _weighed("", slope, weight, input)


binary_cross_entropy.grad(input=_bce_input, target=_bce_target)


@op(exact_dtype=True, autocast="high")
def binary_cross_entropy_with_logits(
    input, target, *, weight=None, reduction="mean", pos_weight=None
):
    """y = mean of -(w t log σ(x) + (1 - t) log(1 - σ(x))), for logits x of any size

    Since log(1 - σ(x)) = log σ(x) - x and -log σ(x) = max(-x, 0) + log(1 + e^-|x|), nothing
    overflows. dL/dx = g (σ(x) - t) / n where w = 1;   dL/dt = -g x / n there.

    `weight`, of each element, and `pos_weight`, the w of the positive answers, broadcast to the
    input.

    Raises:
        ValueError: shapes that differ.
        TypeError: a target of integers.

    >>> import minitorch
    >>> x, t = minitorch.tensor([0.0, 1000.0]), minitorch.tensor([1.0, 0.0])
    >>> minitorch.binary_cross_entropy_with_logits(x, t)
    tensor(500.3466)
    """
    who = "binary_cross_entropy_with_logits"
    target = _paired(who, input, target, reduction, floats=True)
    bend = np.log1p(np.exp(-abs(input)))
    if pos_weight is None:
        # max(x, 0) - x t, which at x = inf would be inf - inf
        loss = input * ((input > 0) - target) + bend
    else:
        w = _fitting(who, "pos_weight", pos_weight, input)
        loss = (1 - target) * input + (1 + (w - 1) * target) * (np.maximum(-input, 0) + bend)
    return _reduced(_weighed(who, loss, weight, input), reduction, input)


def _logits_input(g, input, target, weight, reduction, pos_weight):
    target = cast_like(target, input)
    if pos_weight is None:
        slope = sigmoid(input) - target
    else:
        w = _fitting("", "", pos_weight, input)
        slope = (1 - target) - (1 + (w - 1) * target) * sigmoid(-input)
    return _each(g, input, reduction) * _weighed("", slope, weight, input)


def _logits_target(g, input, weight, reduction, pos_weight):
    slope = -input
    if pos_weight is not None:
        slope = slope - (_fitting("", "", pos_weight, input) - 1) * logsigmoid(input)
    return _each(g, input, reduction) * _weighed("", slope, weight, input)


binary_cross_entropy_with_logits.grad(input=_logits_input, target=_logits_target)


# distributions --------------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def kl_div(input, target, *, reduction="mean", log_target=False):
    """y = mean of t (log t - x), for log-probabilities x and probabilities t

    dL/dx = -g t / n,   dL/dt = g (log t + 1 - x) / n, which is -inf at t = 0, where the loss is 0.
    With `log_target` the target is log t itself: y = mean of e^t (t - x).

    The divergence is the reduction "batchmean", the sum divided by the size of axis 0; "mean"
    divides by the number of elements, as in torch.
    """
    target = _paired("kl_div", input, target, reduction, floats=True, batchmean=True)
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        log_t = np.log(np.where(target == 0, 1, target))  # 0 log 0 is 0
        loss = target * (log_t - np.where(target == 0, 0, input))
    return _reduced(loss, reduction, input)


def _kl_input(g, input, target, reduction, log_target):
    target = cast_like(target, input)
    return -_each(g, input, reduction) * (exp(target) if log_target else target)


def _kl_target(g, input, target, reduction, log_target):
    target = cast_like(target, input)
    slope = exp(target) * (target + 1 - input) if log_target else log(target) + 1 - input
    return _each(g, input, reduction) * slope


kl_div.grad(input=_kl_input, target=_kl_target)


# what they share ------------------------------------------------------------------------------


def _paired(who, input, target, reduction, floats=False, batchmean=False):
    """The target in the input's dtype, once it is known to go with it.

    Raises:
        ValueError: the shapes differ, a mean is asked over nothing, or `reduction` is unknown.
        TypeError: the input is no float, or the target is none where `floats` are asked for.
    """
    if not (batchmean and reduction == "batchmean"):
        check_reduction(who, reduction)
    for name, x in (("input", input), ("target", target)):
        if not hasattr(x, "dtype"):
            raise TypeError(f"{who}: {name} must be a Tensor, got {type(x).__name__}")
    if input.shape != target.shape:
        raise ShapeError(
            f"{who}: input {input.shape} and target {target.shape} differ, and a loss does not "
            f"broadcast{_squeeze_hint(input.shape, target.shape)}"
        )
    check_floats(who, "input", input)
    if floats:
        check_floats(who, "target", target)
    if not input.size and "mean" in reduction:
        raise ValueError(f"{who}: the mean over nothing, input {input.shape}")
    return target.astype(input.dtype, copy=False)


def _squeeze_hint(input, target):
    if input == (*target, 1):
        return "; try input.squeeze(-1)"
    if target == (*input, 1):
        return "; try target.squeeze(-1)"
    return ""


def _difference(who, input, target, reduction):
    """x - t, once they are known to go together; of float16 in float32, for what is made of it."""
    target = _paired(who, input, target, reduction)
    return wide(input) - wide(target)


def _reduced(loss, reduction, input):
    """The elements, their sum, or their mean, in the input's dtype; float16 added up in float32."""
    if reduction != "none":
        loss = wide(loss).sum() / _count(loss.shape, reduction)
    return loss if loss.dtype is input.dtype else loss.astype(input.dtype)


def _each(g, input, reduction):
    """The gradient that arrives at each element."""
    return shared(g, _count(input.shape, reduction)) if "mean" in reduction else g


def _count(shape, reduction):
    """What a reduction divides by."""
    if reduction == "batchmean":
        return shape[0] if shape else 1
    return math.prod(shape) if reduction == "mean" else 1


def _opposite(slope, needs):
    """The two gradients of a function of x - t."""
    return slope if needs[0] else None, -slope if needs[1] else None


def _fitting(who, name, weight, input):
    """A weight in the input's dtype.

    Raises:
        ValueError: it does not broadcast to the input.
    """
    weight = weight.astype(input.dtype, copy=False)
    if np.broadcast_shapes(weight.shape, input.shape) != input.shape:
        raise ShapeError(f"{who}: {name} {weight.shape} does not broadcast to {input.shape}")
    return weight


def _weighed(who, loss, weight, input):
    return loss if weight is None else loss * _fitting(who, "weight", weight, input)


def _check_at_least(who: str, name: str, value: Any, least: float, strictly: bool = False) -> None:
    if not (value > least if strictly else value >= least):
        raise ValueError(
            f"{who}: {name} {value}, expected {'more than ' if strictly else ''}{least}"
            f"{'' if strictly else ' or more'}"
        )
