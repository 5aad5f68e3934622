"""Weight normalization: a weight as a length times a direction, both trained.

    w = g v / ‖v‖

The length is then learnt apart from the direction, and a step of one does not change the other.
Salimans and Kingma 2016. `parametrizations.weight_norm` is the same under newer names.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitorch.modes import no_grad
from minitorch.nn.parameter import Parameter
from minitorch.nn.utils.computed import (
    Computed,
    compute,
    compute_no_more,
    kind_of,
    own_parameter,
)
from minitorch.ops.statistics import norm
from minitorch.tensor import Tensor

M = TypeVar("M")


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Splits a parameter into g, its lengths, and v, its directions; the module computes the same.

    Args:
        module: a layer, whose sizes are known.
        name: of the parameter; `name_g` and `name_v` take its place in `parameters()` and in
            `state_dict()`. `reset_parameters` leaves them alone.
        dim: the axis along which each slice has a length of its own; None for one length in all.

    Returns:
        The module.

    Raises:
        AttributeError: the module has no such parameter.
        RuntimeError: the parameter is computed already, or has no shape yet.
        IndexError: it has no such axis.

    >>> from minitorch import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> [(name, p.shape) for name, p in layer.named_parameters()]
    [('bias', (40,)), ('weight_g', (40, 1)), ('weight_v', (40, 20))]
    """
    w = own_parameter("weight_norm", module, name)
    with no_grad():
        g = lengths(w, dim)
    compute(module, Computed(name, _normed, (dim,)))
    setattr(module, f"{name}_g", Parameter(g, w.requires_grad))
    setattr(module, f"{name}_v", Parameter(w, w.requires_grad))
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undoes `weight_norm`: the weight is one parameter again, with the values it has now.

    Raises:
        ValueError: the weight is not split.
        RuntimeError: its lengths or directions are computed themselves.
    """
    root, ways = kind_of(module)
    if name not in [way.name for way in ways if way.get is _normed]:
        raise ValueError(f"remove_weight_norm: {name!r} of {root.__name__} is not split")
    _, v = (own_parameter("remove_weight_norm", module, f"{name}_{part}") for part in "gv")
    with no_grad():
        w = getattr(module, name)
    delattr(module, f"{name}_g")
    delattr(module, f"{name}_v")
    compute_no_more(module, name)
    setattr(module, name, Parameter(w, v.requires_grad))
    return module


def _normed(module: Any, name: str, dim: int | None) -> Tensor:
    """g v / ‖v‖, of what the module holds."""
    v = getattr(module, f"{name}_v")
    return v * (getattr(module, f"{name}_g") / lengths(v, dim))


def lengths(v: Tensor, dim: int | None) -> Tensor:
    """‖v‖ of each slice along `dim` (of all of it for None), shaped to be multiplied by."""
    if dim is None:
        return norm(v)
    n = v.dim()
    if not -n <= dim < n:
        raise IndexError(f"weight_norm: dim {dim}, but the weight is {tuple(v.shape)}")
    others = tuple(d for d in range(n) if d != dim % n)
    return norm(v, 2, others, True) if others else abs(v)
