"""How a tensor is printed: its values, and then whatever is not the default."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import Array, device_of, has_values, move
from minitorch.tape import Node

_ALL = 1000  # elements, up to which every one is printed
_ENDS = 3  # elements at each end of an axis, where not all are


def described(x: Array, node: Any) -> str:
    """`tensor([1., 2.], requires_grad=True)`, for an array and what made it."""
    notes = []
    values = _values(move(x, arrays.CPU)) if has_values(x) else f"..., shape={x.shape}"
    where = device_of(x)
    if where != arrays.CPU:
        notes.append(f"device='{where}'")
    if x.dtype not in (arrays.get_default_dtype(), arrays.int64, arrays.bool_) or not x.size:
        notes.append(f"dtype={x.dtype}")
    if isinstance(node, Node):
        notes.append(f"grad_fn=<{node.name}>")
    elif node is not None:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([values, *notes])})"


def _values(x: np.ndarray) -> str:
    """The numbers: 1. where all are whole, else with four decimals."""
    shown = _shown(x)
    if arrays.is_bfloat16(x.dtype):
        x = x.astype(arrays.float32)
    whole = x.dtype.kind != "f" or bool((shown[np.isfinite(shown)] % 1 == 0).all())
    return np.array2string(
        x,
        separator=", ",
        prefix="tensor(",
        precision=4,
        floatmode="maxprec" if whole else "fixed",
        threshold=_ALL,
        edgeitems=_ENDS,
    )


def _shown(x: np.ndarray) -> np.ndarray:
    """The elements that will be printed. An expanded tensor can hold more than there is memory."""
    if x.size <= _ALL:
        return x
    ends = [np.unique(np.r_[: min(n, _ENDS), max(n - _ENDS, 0) : n]) for n in x.shape]
    return x[np.ix_(*ends)]
