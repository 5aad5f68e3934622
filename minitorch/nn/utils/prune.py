"""Pruning: weights that are set to 0 and stay there, chosen by their size or by chance.

    w = w_orig · mask

The mask is a buffer of zeros and ones; what it hides gets no gradient. A weight that is pruned
again keeps the zeros it has, and the share is one of those that are left. Le Cun, Denker and Solla
1989; that what is left can be trained alone, Frankle and Carbin 2019 (the lottery ticket).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.modes import no_grad
from minitorch.nn.utils.computed import (
    Computed,
    compute,
    compute_no_more,
    kind_of,
    own_parameter,
)
from minitorch.ops.statistics import norm
from minitorch.random import default_generator
from minitorch.tensor import ShapeError, Tensor, make, raw

M = TypeVar("M")
Amount = float | int

__all__ = [
    "L1Unstructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

# single weights ---------------------------------------------------------------------------------


def l1_unstructured(
    module: M, name: str, amount: Amount, importance_scores: Tensor | None = None
) -> M:
    """Prunes the smallest weights of a parameter, by |w|.

    Args:
        module: a layer, whose sizes are known.
        name: of the parameter; `name_orig`, and the buffer `name_mask`, take its place.
        amount: how many are pruned, of those that are left: a share (a float, 0 to 1) or a number
            (an int).
        importance_scores: of the same shape; the lowest are pruned, in the place of |w|.

    Returns:
        The module.

    Raises:
        AttributeError: the module has no such parameter.
        RuntimeError: the parameter is computed already, and not by pruning.
        ValueError: a share outside 0 to 1, or more weights than are left.
        ShapeError: scores of another shape.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = l1_unstructured(nn.Linear(10, 10), "weight", amount=0.3)
    >>> int((layer.weight == 0).sum())
    30
    """
    return _pruned("l1_unstructured", module, name, importance_scores, _smallest(amount))


def random_unstructured(module: M, name: str, amount: Amount) -> M:
    """Prunes weights of a parameter by chance; the arguments are those of `l1_unstructured`."""

    def chosen(who: str, scores: Array, mask: Array) -> Array:
        return _smallest(amount)(who, _drawn(scores), mask)

    return _pruned("random_unstructured", module, name, None, chosen)


class L1Unstructured:
    """What `l1_unstructured` does, by the name that `global_unstructured` takes."""

    apply = staticmethod(l1_unstructured)


class RandomUnstructured:
    """What `random_unstructured` does, by the name that `global_unstructured` takes."""

    apply = staticmethod(random_unstructured)


def global_unstructured(
    parameters: Iterable[tuple[Any, str]],
    pruning_method: type,
    importance_scores: dict[tuple[Any, str], Tensor] | None = None,
    *,
    amount: Amount,
) -> None:
    """Prunes the smallest weights of several parameters together: some layers lose more.

    Args:
        parameters: (module, name) of each.
        pruning_method: `L1Unstructured`, or `RandomUnstructured` for a choice by chance.
        importance_scores: for a (module, name), scores in the place of |w|.
        amount: a share or a number, of all that are left together.

    Raises:
        ValueError: no parameters, another method, or an amount that is out of range.
    """
    pairs = list(parameters)
    who = "global_unstructured"
    if not pairs:
        raise ValueError(f"{who}: expected at least one (module, name), got none")
    if pruning_method not in (L1Unstructured, RandomUnstructured):
        raise ValueError(
            f"{who}: pruning_method must be L1Unstructured or RandomUnstructured, got "
            f"{pruning_method!r}"
        )
    given = importance_scores or {}
    states = [_state(who, module, name) for module, name in pairs]
    scores = [_scores(who, w, given.get(pair)) for (w, _), pair in zip(states, pairs)]
    if pruning_method is RandomUnstructured:
        scores = [_drawn(each) for each in scores]
    row, masks = (
        np.concatenate([each.reshape(-1) for each in parts])
        for parts in (scores, [mask for _, mask in states])
    )
    kept = _smallest(amount)(who, row, masks)
    ends = np.cumsum([mask.size for _, mask in states])
    for (module, name), (_, mask), end in zip(pairs, states, ends):
        _hide(who, module, name, kept[end - mask.size : end].reshape(mask.shape))


# whole slices -----------------------------------------------------------------------------------


def ln_structured(
    module: M,
    name: str,
    amount: Amount,
    n: float,
    dim: int,
    importance_scores: Tensor | None = None,
) -> M:
    """Prunes whole slices along `dim`, channels say, those with the smallest n-norm.

    The other arguments are those of `l1_unstructured`; the amount is of slices that are left.

    Raises:
        ShapeError: the parameter has fewer than two axes.
        IndexError: it has no axis `dim`.

    >>> from minitorch import nn
    >>> layer = ln_structured(nn.Conv2d(3, 8, 5), "weight", amount=0.5, n=2, dim=0)
    >>> int((layer.weight.abs().sum((1, 2, 3)) == 0).sum())
    4
    """

    def chosen(who: str, scores: Array, mask: Array) -> Array:
        lengths = raw(norm(make(scores * mask), n, _others(scores, dim)))
        return _slices(who, amount, lengths, mask, dim)

    return _pruned("ln_structured", module, name, importance_scores, chosen, dim)


def random_structured(module: M, name: str, amount: Amount, dim: int) -> M:
    """Prunes whole slices along `dim` by chance; see `ln_structured`."""

    def chosen(who: str, scores: Array, mask: Array) -> Array:
        return _slices(who, amount, _drawn(scores.sum(axis=_others(scores, dim))), mask, dim)

    return _pruned("random_structured", module, name, None, chosen, dim)


# by hand, and back ------------------------------------------------------------------------------


def identity(module: M, name: str) -> M:
    """Prunes nothing, and makes the mask all the same."""
    return _pruned("identity", module, name, None, lambda who, scores, mask: mask)


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prunes where `mask`, of the parameter's shape, is 0.

    Raises:
        ShapeError: a mask of another shape.
    """
    _, held = _state("custom_from_mask", module, name)
    if tuple(mask.shape) != held.shape:
        raise ShapeError(f"custom_from_mask: mask is {tuple(mask.shape)}, expected {held.shape}")
    given = raw(mask) != 0
    return _pruned("custom_from_mask", module, name, None, lambda who, scores, mask: mask * given)


def remove(module: M, name: str) -> M:
    """Makes the weight a parameter again, with its zeros; they may then be trained.

    Raises:
        ValueError: it is not pruned.
        RuntimeError: what it is made of is computed itself.
    """
    if not _is_masked(module, name):
        raise ValueError(f"remove: {name!r} of {kind_of(module)[0].__name__} is not pruned")
    original = own_parameter("remove", module, f"{name}_orig")
    with no_grad():
        original.copy_(getattr(module, name))
    delattr(module, f"{name}_orig")
    delattr(module, f"{name}_mask")
    compute_no_more(module, name)
    setattr(module, name, original)
    return module


def is_pruned(module: Any) -> bool:
    """Is a weight of the module, or of one below it, pruned?"""
    return any(way.get is _masked for below in module.modules() for way in kind_of(below)[1])


# how it is done ---------------------------------------------------------------------------------


def _masked(module: Any, name: str) -> Tensor:
    """The weight: what is left of it."""
    return getattr(module, f"{name}_orig") * getattr(module, f"{name}_mask")


def _is_masked(module: Any, name: str) -> bool:
    return any(way.name == name and way.get is _masked for way in kind_of(module)[1])


def _state(who: str, module: Any, name: str) -> tuple[Tensor, Array]:
    """The whole weight, and its mask: ones where it has none."""
    if _is_masked(module, name):
        return getattr(module, f"{name}_orig"), raw(getattr(module, f"{name}_mask"))
    w = own_parameter(who, module, name)
    return w, np.ones_like(w.array)


def _pruned(
    who: str,
    module: M,
    name: str,
    importance: Tensor | None,
    chosen: Callable[[str, Array, Array], Array],
    dim: int | None = None,
) -> M:
    """Hides what `chosen` leaves out, given scores and the mask so far; slices have a `dim`."""
    w, mask = _state(who, module, name)
    if dim is not None and w.dim() < 2:
        raise ShapeError(
            f"{who}: {name} is {tuple(w.shape)}, and slices need two axes or more; single weights "
            "are pruned by l1_unstructured or random_unstructured"
        )
    if dim is not None and not -w.dim() <= dim < w.dim():
        raise IndexError(f"{who}: dim {dim}, but {name} is {tuple(w.shape)}")
    _hide(who, module, name, chosen(who, _scores(who, w, importance), mask))
    return module


def _scores(who: str, w: Tensor, importance: Tensor | None) -> Array:
    if importance is None:
        return abs(w.array)
    if importance.shape != w.shape:
        raise ShapeError(
            f"{who}: importance_scores are {tuple(importance.shape)}, expected {tuple(w.shape)}"
        )
    return raw(importance)


def _hide(who: str, module: Any, name: str, mask: Array) -> None:
    """Puts the mask on the weight."""
    if _is_masked(module, name):
        with no_grad():
            getattr(module, f"{name}_mask").copy_(make(mask))
        return
    w = own_parameter(who, module, name)
    compute(module, Computed(name, _masked))
    module.register_parameter(f"{name}_orig", w)
    module.register_buffer(f"{name}_mask", make(mask.astype(w.dtype)))


def _smallest(amount: Amount) -> Callable[[str, Array, Array], Array]:
    """The mask without the lowest scores of those that are left."""

    def chosen(who: str, scores: Array, mask: Array) -> Array:
        flat, hidden = scores.reshape(-1), mask.reshape(-1) == 0
        count = _number(who, amount, int((~hidden).sum()))
        order = np.argsort(np.where(hidden, -np.inf, flat))  # the hidden come first, and stay so
        kept = np.ones_like(flat, dtype=mask.dtype)
        kept[order[: count + int(hidden.sum())]] = 0
        return kept.reshape(mask.shape)

    return chosen


def _slices(who: str, amount: Amount, scores: Array, mask: Array, dim: int) -> Array:
    """The mask without whole slices along `dim`, those of the lowest scores."""
    left = (mask != 0).any(axis=_others(mask, dim))
    kept = _smallest(amount)(who, scores, left.astype(mask.dtype))
    shape = [1] * mask.ndim
    shape[dim] = -1
    return mask * kept.reshape(shape)


def _number(who: str, amount: Any, left: int) -> int:
    """How many of those that are left."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"{who}: amount must be a share or a number, got {amount!r}")
    whole = isinstance(amount, int)
    if not 0 <= amount <= (left if whole else 1):
        raise ValueError(
            f"{who}: amount {amount}, expected "
            + (f"0 to {left}, the number that is left" if whole else "a share, 0 to 1")
        )
    return int(amount) if whole else round(amount * left)


def _drawn(like: Array) -> Array:
    drawn = default_generator.uniform(like.shape, np.dtype(np.float32))
    return move(drawn, device_of(like))


def _others(x: Array, dim: int) -> tuple[int, ...]:
    return tuple(d for d in range(x.ndim) if d != dim % x.ndim)
