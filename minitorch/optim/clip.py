"""Clipping keeps one wild gradient from undoing what all the others have done."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array
from minitorch.clock import stamp
from minitorch.dtypes import float16, float32
from minitorch.optim.groups import is_model
from minitorch.optim.trust import norm
from minitorch.quiet import quiet
from minitorch.tensor import Tensor, make, raw
from minitorch.traced import one_call
from minitorch.words import np


@one_call
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool | None = None,
) -> Tensor:
    """Scales all gradients together, in place, so that their norm is at most `max_norm`.

        norm = ‖(g₁, g₂, …)‖,   g ← g · min(1, max_norm / (total + 1e-6))

    The direction stays. Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural
    networks (arXiv:1211.5063).

    Args:
        parameters: a model, tensors, or one tensor; those without a gradient are passed over.
        max_norm: the cap; `inf` only measures.
        norm_type: p of the p-norm; `inf` for the largest element.
        error_if_nonfinite: raise when the norm is nan or inf. Unlike in torch this is the default:
            scaled by nan, every gradient is lost. Only where a `GradScaler` has unscaled them, and
            will leave the step out, is it not. On a GPU it waits once for the norm; pass False to
            wait for nothing.

    Returns:
        The norm before clipping, a 0-d tensor.

    Raises:
        ValueError: the cap is negative or nan, or there is no such norm.
        RuntimeError: the norm is nan or inf; nothing was changed.

    >>> from minitorch import optim, tensor
    >>> w = tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = tensor([3.0, 4.0])
    >>> optim.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    who = "clip_grad_norm_"
    max_norm, p = _cap(who, "max_norm", max_norm), _order(who, norm_type)
    grads = _gradients(who, parameters)
    if not grads:
        return Tensor(0.0)
    if error_if_nonfinite is None:
        error_if_nonfinite = not all("unscaled" in vars(g) for _, g in grads)
    arrays = [g.array for _, g in grads]
    total = quiet.run(_total_norm, arrays, p)
    if error_if_nonfinite and not math.isfinite(total):
        for name, g in grads:
            if not np.isfinite(g.array).all():
                raise RuntimeError(
                    f"{who}: the norm of the gradients is {float(total)}, because that of {name} "
                    "is not finite; nothing was clipped. Find the op with "
                    "minitorch.autograd.detect_anomaly(), or pass error_if_nonfinite=False to go "
                    "on regardless"
                )
        total = quiet.run(_rescaled_norm, arrays, p)
    quiet.run(_scale, arrays, np.minimum(max_norm / (total + 1e-6), 1.0))
    return make(np.asarray(total) if isinstance(total, np.generic) else total)


@one_call
def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """‖(t₁, t₂, …)‖ of all the tensors together, the first half of `clip_grad_norm_`.

    Where parts of a model are clipped together, or the norm is to be looked at in between.

    Args:
        tensors: gradients, say, or one tensor.
        norm_type: p of the p-norm; `inf` for the largest element.
        error_if_nonfinite: raise when the norm is nan or inf.
        foreach: accepted, and changes nothing.

    Raises:
        ValueError: there is no such norm.
        RuntimeError: the norm is nan or inf, with error_if_nonfinite.

    >>> from minitorch import optim, tensor
    >>> optim.get_total_norm([tensor([3.0]), tensor([4.0])])
    tensor(5.)
    """
    p = _order("get_total_norm", norm_type)
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    arrays = [t.array for t in given if t.array.size]
    if not arrays:
        return Tensor(0.0)
    total = quiet.run(_total_norm, arrays, p)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"get_total_norm: the norm is {float(total)}; pass error_if_nonfinite=False to go on "
            "regardless"
        )
    return make(np.asarray(total) if isinstance(total, np.generic) else total)


@one_call
def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """g ← g · min(1, max_norm / (total_norm + 1e-6)), the second half of `clip_grad_norm_`.

    Args:
        parameters: a model, tensors, or one tensor; those without a gradient are passed over.
        max_norm: the cap.
        total_norm: as `get_total_norm` gives it, of these gradients or of more than these.
        foreach: accepted, and changes nothing.

    Raises:
        ValueError: the cap is negative or nan.
    """
    max_norm = _cap("clip_grads_with_norm_", "max_norm", max_norm)
    arrays = [g.array for _, g in _gradients("clip_grads_with_norm_", parameters)]
    quiet.run(_scale, arrays, np.minimum(max_norm / (raw(total_norm) + 1e-6), 1.0))


def _order(who: str, norm_type: Any) -> float:
    """The p of a p-norm, which may be given as "inf"."""
    p = float(norm_type)
    if not p > 0:
        raise ValueError(f"{who}: norm_type={norm_type!r}; expected a number above 0, or inf")
    return p


@one_call
def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Cuts every element of every gradient off at ±clip_value, in place.

    Args:
        parameters: a model, tensors, or one tensor; those without a gradient are passed over.
        clip_value: the cap.

    Raises:
        ValueError: the cap is negative or nan.
    """
    clip_value = _cap("clip_grad_value_", "clip_value", clip_value)
    for _, g in _gradients("clip_grad_value_", parameters):
        stamp(g.array, "clip_grad_value_")
        np.clip(g.array, -clip_value, clip_value, out=g.array)


def _cap(who: str, name: str, cap: Any) -> float:
    """The cap as a number, where it is one, or a tensor of one."""
    if isinstance(cap, bool) or not hasattr(cap, "__float__"):
        raise TypeError(f"{who}: {name} expected a number, got {cap!r}")
    if not cap >= 0:
        raise ValueError(f"{who}: {name}={cap!r}; a cap is a number >= 0")
    return float(cap)


def _gradients(who: str, parameters: Any) -> list[tuple[str, Tensor]]:
    """(name, gradient) of every parameter that has one, each array once."""
    if is_model(parameters):
        named = [(repr(name), p) for name, p in parameters.named_parameters()]
    else:
        items = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        named = [(f"parameters[{i}]", p) for i, p in enumerate(items)]
    found: dict[int, tuple[str, Tensor]] = {}
    for name, p in named:
        if not isinstance(p, Tensor):
            raise TypeError(f"{who}: {name} expected a Tensor, got {type(p).__name__}")
        if p.grad is not None and p.grad.array.size:
            found.setdefault(id(p.grad.array), (name, p.grad))
    return list(found.values())


def _total_norm(grads: list[Array], p: float) -> Array:
    """The norm of the gradients' norms, where they live."""
    return _norm(np.stack([_norm(g, p) for g in grads]), p)


def _norm(x: Array, p: float) -> Array:
    if p == 2:
        return norm(x)
    if p == math.inf:
        return np.abs(x).max()
    x = np.abs(x.astype(float32) if x.dtype == float16 else x)
    return (x**p).sum() ** (1 / p)


def _rescaled_norm(grads: list[Array], p: float) -> Array:
    """The same of elements divided by the largest, so that no power overflows."""
    largest = _total_norm(grads, math.inf)
    return largest * _total_norm([g / largest for g in grads], p)


def _scale(grads: list[Array], factor: Any) -> None:
    for g in grads:
        stamp(g, "clip_grad_norm_")
        g *= factor
