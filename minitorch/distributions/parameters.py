"""The parameters of a distribution: as tensors of one shape, and one computed from another."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, Generic, TypeVar, overload

from minitorch.creation import arange, tensor
from minitorch.dtypes import FLOATING, finfo, get_default_dtype
from minitorch.ops.broadcast import broadcast_shapes
from minitorch.tensor import ShapeError, Tensor

Value = TypeVar("Value")


def floats(who: str, **given: Any) -> list[Tensor]:
    """The given numbers and tensors as floating tensors, of the dtype and device of the first.

    Raises:
        TypeError: one of them is neither a number nor a Tensor.
    """
    for name, value in given.items():
        if not isinstance(value, (Number, Tensor)):
            raise TypeError(
                f"{who}: {name} must be a number or a Tensor, got {type(value).__name__}; "
                f"write {name}=minitorch.tensor(...)"
            )
    tensors = [v for v in given.values() if isinstance(v, Tensor)]
    dtypes = [v.dtype for v in tensors if v.dtype.kind in FLOATING]
    dtype = dtypes[0] if dtypes else get_default_dtype()
    device = tensors[0].device if tensors else "cpu"
    made = []
    for value in given.values():
        if not isinstance(value, Tensor):
            value = tensor(value, dtype=dtype, device=device)
        made.append(value if value.dtype.kind in FLOATING else value.to(dtype))
    return made


def broadcast(who: str, **given: Any) -> list[Tensor]:
    """The given numbers and tensors as floating tensors of the shape they broadcast to.

    Raises:
        ShapeError: there is no such shape.
    """
    tensors = floats(who, **given)
    try:
        shape = broadcast_shapes(*[t.shape for t in tensors])
    except ShapeError as error:
        shapes = " and ".join(f"{n} of shape {tuple(t.shape)}" for n, t in zip(given, tensors))
        raise ShapeError(f"{who}: {shapes} do not broadcast to one batch") from error
    return [t if t.shape == shape else t.expand(shape) for t in tensors]


def only_one(who: str, **given: Any) -> str:
    """The name of the one parameter that is given; they are ways to say the same.

    Raises:
        ValueError: none is given, or more than one.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        got = " and ".join(names) or "none"
        raise ValueError(f"{who}: exactly one of {', '.join(given)} must be given, got {got}")
    return names[0]


class Derived(Generic[Value]):
    """An attribute that is computed whenever it is asked for, unless it was given.

        probs = Derived(lambda self: self.logits.sigmoid())

    It is computed anew each time: one that was kept from a draw, where nothing is recorded, would
    have no gradient later.
    """

    def __init__(self, compute: Callable[[Any], Value]):
        self.compute = compute

    @overload
    def __get__(self, instance: None, owner: Any) -> Derived[Value]: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Value: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self.compute(instance)


def logits_of(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log p, or log(p / (1 - p)), of probabilities that are kept from 0 and 1 by their rounding."""
    eps = float(finfo(probs.dtype).eps)
    kept = probs.clamp(eps, 1 - eps)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def listed(n: int, batch: tuple[int, ...], dtype: Any, device: Any, expand: bool) -> Tensor:
    """0 to n - 1 along a new first axis, with an axis for each of the batch."""
    values = arange(n, dtype=dtype, device=device).reshape((n, *(1,) * len(batch)))
    return values.expand((n, *batch)) if expand else values
