"""Weight normalization: a weight as a length times a direction, both trained.

    w = g v / ‖v‖

The length is then learnt apart from the direction, and a step of one does not change the other.
Salimans and Kingma 2016. The module gets a class of its own, like the one it had, whose `weight` is
computed from `weight_g` and `weight_v` each time it is read.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from minitorch.modes import no_grad
from minitorch.nn.parameter import Parameter
from minitorch.ops.statistics import norm
from minitorch.tensor import Tensor

M = TypeVar("M")
Normed = tuple[tuple[str, int | None], ...]  # (name, dim) of each weight


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
        RuntimeError: the parameter is split already, or has no shape yet.
        IndexError: it has no such axis.

    >>> from minitorch import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> [(name, p.shape) for name, p in layer.named_parameters()]
    [('bias', (40,)), ('weight_g', (40, 1)), ('weight_v', (40, 20))]
    """
    root, normed = _kind(module)
    if name in dict(normed):
        raise RuntimeError(
            f"weight_norm: {name!r} of {root.__name__} is split already; remove_weight_norm first"
        )
    w = vars(module).get(name)
    if not isinstance(w, Parameter):
        raise AttributeError(
            f"weight_norm: {root.__name__} has no parameter {name!r}, but "
            f"{[key for key, value in vars(module).items() if isinstance(value, Parameter)]}"
        )
    with no_grad():
        g = _lengths(w, dim)
    _draw_no_more(module, name)
    delattr(module, name)
    setattr(module, f"{name}_g", Parameter(g, w.requires_grad))
    setattr(module, f"{name}_v", Parameter(w, w.requires_grad))
    module.__class__ = _class_of(root, (*normed, (name, dim)))
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undoes `weight_norm`: the weight is one parameter again, with the values it has now.

    Raises:
        ValueError: the weight is not split.
    """
    root, normed = _kind(module)
    if name not in dict(normed):
        raise ValueError(f"remove_weight_norm: {name!r} of {root.__name__} is not split")
    with no_grad():
        w = getattr(module, name)
    trained = getattr(module, f"{name}_v").requires_grad
    left = tuple(each for each in normed if each[0] != name)
    delattr(module, f"{name}_g")
    delattr(module, f"{name}_v")
    module.__class__ = _class_of(root, left) if left else root
    setattr(module, name, Parameter(w, trained))
    return module


def _lengths(v: Tensor, dim: int | None) -> Tensor:
    """‖v‖ of each slice, shaped to be multiplied by."""
    if dim is None:
        return norm(v)
    n = v.dim()
    if not -n <= dim < n:
        raise IndexError(f"weight_norm: dim {dim}, but the weight is {tuple(v.shape)}")
    others = tuple(d for d in range(n) if d != dim % n)
    return norm(v, 2, others, True) if others else abs(v)


@functools.cache
def _class_of(root: Any, normed: Normed) -> type:
    """A subclass that computes these weights; one for each choice, with the name of its root."""

    def computed(name: str, dim: int | None) -> property:
        def weight(self: Any) -> Tensor:
            v = getattr(self, f"{name}_v")
            return v * (getattr(self, f"{name}_g") / _lengths(v, dim))

        return property(weight, doc="g v / ‖v‖")

    def reduce(self: Any, protocol: Any) -> tuple:
        return _empty, (root, normed), *root.__reduce_ex__(self, protocol)[2:]

    body = {name: computed(name, dim) for name, dim in normed}
    return type(root.__name__, (root,), {**body, "_normed": normed, "__reduce_ex__": reduce})


def _empty(root: type, normed: Normed) -> Any:
    """A module without attributes yet, for copies and for pickle."""
    kind: Any = _class_of(root, normed)
    return kind.__new__(kind)


def _kind(module: Any) -> tuple[type, Normed]:
    """The class it had at first, and the weights that are split."""
    normed = vars(type(module)).get("_normed", ())
    return (type(module).__mro__[1] if normed else type(module)), normed


def _draw_no_more(module: Any, name: str) -> None:
    """Takes the weight, which is computed from now on, from what `reset_parameters` draws."""
    inits = vars(module).get("_inits")
    if inits is not None:
        module.__dict__["_inits"] = {key: f for key, f in inits.items() if key != name}
