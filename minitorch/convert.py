"""Moving and converting: other dtypes, other devices, with gradients that travel back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import device, move
from minitorch.dtypes import (
    FLOATING,
    as_dtype,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from minitorch.op import composite, op
from minitorch.tensor import Tensor


@op(exact_dtype=True)
def cast(x, *, dtype, given=None):
    """y = x in another floating dtype          dL/dx = g, in the dtype of x

    `given` is y, where it is known already: the array that an earlier cast has made.
    """
    return x.astype(dtype) if given is None else given


cast.grad(x=lambda g: g)  # the engine brings a gradient to its input's dtype


def cast_like(g: Any, x: Any) -> Any:
    """g in the dtype of x, in a rule."""
    return g if g.dtype == x.dtype else cast(g, dtype=x.dtype)


def narrowed(found: Any, wanted: Any, x: Any, weight: Any) -> tuple:
    """The wanted ones of dx, dw and db, which a rule worked out in float32, each in its dtype."""
    own = x.dtype if weight is None else weight.dtype  # those of float32 weights stay float32
    dtypes = [dtype for dtype, want in zip((x.dtype, own, own), wanted) if want]
    return tuple([part.astype(dtype, copy=False) for part, dtype in zip(found, dtypes)])


@op(exact_dtype=True)
def discretize(x, *, dtype):
    """y = x as integers or bools, cut off towards zero. No gradient: the graph ends here."""
    return x.astype(dtype)


@op(exact_dtype=True)
def transfer(x, *, to, source):
    """y = x on another device          dL/dx = g, moved back"""
    return move(x, to)


transfer.grad(x=lambda g, to, source: transfer(g, to=source, source=to))


@composite("to")
def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """This tensor in another dtype, on another device, or both; itself when nothing changes.

    `x.to("cuda")`, `x.to(float64)`, `x.to("cuda", float64)`, `x.to(other)` for another tensor's
    dtype and device. Gradients are brought back to the dtype and device of `x`. A copy is always
    waited for: `non_blocking` is taken for torch's sake.
    """
    dtype, device = destination(args, dtype, device)
    y = self
    if dtype is not None and dtype != y.dtype:
        y = cast(y, dtype=dtype) if dtype.kind in FLOATING else discretize(y, dtype=dtype)
    if device is not None and device != y.device:
        y = transfer(y, to=device, source=y.device)
    return y.clone() if copy and y is self else y


def destination(args: Sequence[Any], dtype: Any, device: Any) -> tuple[Any, Any]:
    """The dtype and the device that the arguments of `to` name, None for what they leave alone."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif _is_device(arg):
            device = arg
        elif isinstance(arg, str):
            dtype = _named_dtype(arg)
        elif arg is not None:
            dtype = arg
    return (
        None if dtype is None else as_dtype(dtype),
        None if device is None else arrays.device(device),
    )


def _is_device(arg: Any) -> bool:
    if isinstance(arg, device):
        return True
    return isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "meta")


def _named_dtype(name: str) -> Any:
    try:
        return as_dtype(name)
    except TypeError as error:
        raise ValueError(
            f"to: {name!r} is neither a device ('cpu', 'cuda', 'cuda:N', 'meta') nor a {error}"
        ) from None


def _converter(name: str, dtype: np.dtype) -> Any:
    def method(self: Tensor) -> Tensor:
        return self.to(dtype)

    method.__name__ = name
    method.__doc__ = f"This tensor as {dtype}."
    return method


_SHORT: dict[str, np.dtype] = {
    "byte": uint8,
    "char": int8,
    "half": float16,
    "float": float32,
    "double": float64,
    "short": int16,
    "int": int32,
    "long": int64,
    "bool": bool_,
}
for name, dtype in _SHORT.items():
    setattr(Tensor, name, _converter(name, dtype))


def bfloat16(self: Tensor) -> Tensor:
    """This tensor as bfloat16."""
    return self.to("bfloat16")


def cpu(self: Tensor) -> Tensor:
    """This tensor in the host's memory."""
    return self.to("cpu")


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """This tensor on a GPU: that number or device, or the current one."""
    return self.to(device=f"cuda:{device}" if isinstance(device, int) else device or "cuda")


def astype(self: Tensor, dtype: Any) -> Tensor:
    """This tensor in another dtype, by NumPy's name for it."""
    return self.to(as_dtype(dtype))


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype, and on the device, of another."""
    return self.to(other)


def type(self: Tensor, dtype: Any) -> Tensor:
    """This tensor in another dtype."""
    return self.to(dtype)


def copy_(self: Tensor, source: Any) -> Tensor:
    """Writes the values of `source`, broadcast and converted, into this tensor."""
    self[...] = source.to(self) if isinstance(source, Tensor) else source
    return self


for bound in (bfloat16, cpu, cuda, astype, type_as, type, copy_):
    setattr(Tensor, bound.__name__, bound)
