"""Targets: what a loss of classes asks of each example, by labels or by probabilities.

Labels say which class; probabilities, class weights and label smoothing say how much of each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minitorch.array import has_values
from minitorch.few import is_few
from minitorch.ops.labels import (
    check_probabilities,
    class_weights,
    holds_labels,
    plainly_labels,
    used_labels,
)
from minitorch.ops.places import places_of_labels
from minitorch.words import np


class Expected(NamedTuple):
    """What a target asks of the classes of each example."""

    dim: int  # of the classes
    divisor: Any  # what the loss is divided by; 1 unless it is a mean
    index: Any = None  # where the labels point to in the input; None for probabilities
    used: Any = None  # which labels take part; None for all
    rows: Any = None  # the weight of each label, 0 where it is ignored; None for 1 everywhere
    share: Any = None  # da/dq: w (1 - ε); None for 1 everywhere
    evenly: Any = None  # what smoothing gives to every class: w ε / C
    dense: bool = True  # has every class a coefficient, or only the label?


def plain(target, index, reduction, dim=1):
    """What is expected by labels that have no weights."""
    divisor = target.size if reduction == "mean" else 1
    return Expected(dim, divisor, index, None, None, None, None, False)


def expectation(who, input, target, dim, weight, ignore_index, reduction, smoothing=None):
    """What the target asks for; `smoothing` is None where probabilities are no target."""
    mean = reduction == "mean"
    if weight is None and not smoothing and plainly_labels(input, target, dim, ignore_index):
        return plain(target, index_of(target, dim, input), reduction, dim)
    w = class_weights(who, weight, input, dim)
    share = evenly = None
    if w is not None or smoothing:
        share = (1.0 if w is None else w) * (1 - (smoothing or 0))
        evenly = (1.0 if w is None else w) * ((smoothing or 0) / max(input.shape[dim], 1))
    if not holds_labels(who, input, target, dim, only=smoothing is None):
        check_probabilities(who, target, dim, w)
        if mean and not input.size:
            raise ValueError(f"{who}: the mean over an empty batch, input {input.shape}")
        divisor = input.size // input.shape[dim] if mean else 1
        return Expected(dim, divisor, None, None, None, share, evenly)
    used, count = used_labels(who, input, target, dim, ignore_index, w)
    if used is not None:
        target = np.where(used, target, 0)
    rows = None if w is None else w.reshape(-1)[target]
    if used is not None:
        rows = used.astype(input.dtype) if rows is None else rows * used
    divisor = 1
    if mean:
        divisor = count if w is None else rows.sum()
        if not target.size:
            raise ValueError(f"{who}: the mean over an empty batch, input {input.shape}")
        if has_values(input) and not count:
            raise ValueError(_nothing(who, target, used, ignore_index))
    index = index_of(target, dim, input)
    return Expected(dim, divisor, index, used, rows, share, evenly, bool(smoothing))


def index_of(target, dim, input):
    """What picks from the input, for every label, the number of its class."""
    if is_few(target) and has_values(input):
        return places_of_labels(target, dim, input.shape)
    if target.ndim == 1:
        return np.arange(target.size, like=target), target
    spots = [
        np.arange(n, like=target).reshape(-1, *[1] * (target.ndim - 1 - i))
        for i, n in enumerate(target.shape)
    ]
    spots.insert(dim, target)
    return tuple(spots)


def _nothing(who, target, used, ignore_index):
    """Why the weights of a batch sum to nothing."""
    if used is not None and not used.any():
        return (
            f"{who}: all {target.size} targets equal ignore_index {ignore_index}: nothing to "
            "average; reduction='sum' gives 0"
        )
    return f"{who}: the weights of the classes in this batch sum to 0: nothing to average"
