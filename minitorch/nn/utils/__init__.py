"""Helpers that work on all parameters of a model together."""

from __future__ import annotations

from collections.abc import Iterable

from minitorch.modes import no_grad
from minitorch.nn.utils import rnn
from minitorch.nn.utils.weight_norm import remove_weight_norm, weight_norm
from minitorch.ops.join import cat
from minitorch.optim.clip import clip_grad_norm_, clip_grad_value_
from minitorch.tensor import ShapeError, Tensor

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "remove_weight_norm",
    "rnn",
    "vector_to_parameters",
    "weight_norm",
]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, one after the other, as one long vector.

    >>> from minitorch import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the parts of a long vector into the parameters, in place.

    Raises:
        TypeError: `vec` is no Tensor.
        ValueError: the vector is not as long as all parameters together; nothing is written.
    """
    parameters = list(parameters)
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}")
    total = sum(p.numel() for p in parameters)
    if vec.shape != (total,):
        raise ShapeError(
            f"vector_to_parameters: vec has shape {vec.shape}, expected ({total},), one number for "
            "each of the parameters"
        )
    with no_grad():
        start = 0
        for p in parameters:
            p.copy_(vec[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
