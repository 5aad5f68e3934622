"""How a tensor is printed: its values, and then whatever is not the default."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import Array, device_of, has_values, move
from minitorch.dtypes import bool_, float32, get_default_dtype, int64, is_bfloat16
from minitorch.tape import Node


@dataclass(frozen=True)
class Format:
    """How numbers are printed.

    Attributes:
        precision: decimals of floats.
        threshold: elements, up to which every one is printed.
        edgeitems: elements at each end of an axis, where not all are.
        linewidth: characters, after which a line is broken; None for NumPy's own.
        sci_mode: always 1.0000e-05, never, or (None) where the numbers are far apart.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int | None = None
    sci_mode: bool | None = None


PROFILES = {
    "default": Format(),
    "short": Format(precision=2, edgeitems=2),
    "full": Format(threshold=math.inf),
}
_format = PROFILES["default"]


def get_printoptions() -> Format:
    """How tensors are printed now."""
    return _format


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed from now on; what is None stays, but for `sci_mode`, as in torch.

    Args:
        precision: decimals of floats; at first 4.
        threshold: elements, up to which every one is printed; at first 1000.
        edgeitems: elements at each end of an axis, where not all are; at first 3.
        linewidth: characters, after which a line is broken.
        profile: "default", "short" or "full", to begin from.
        sci_mode: True for 1.0000e-05, False for 0.0000; None lets the numbers decide.

    Raises:
        ValueError: a number that is no count, or a profile that there is not.

    >>> import minitorch
    >>> minitorch.set_printoptions(precision=2)
    >>> minitorch.tensor([1 / 3])
    tensor([0.33])
    >>> minitorch.set_printoptions(profile="default")
    """
    global _format
    if profile is not None and profile not in PROFILES:
        raise ValueError(
            f"set_printoptions: profile={profile!r}, expected one of {', '.join(PROFILES)}"
        )
    given: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise ValueError(f"set_printoptions: {name}={value!r}, expected a number >= 0")
    start = _format if profile is None else PROFILES[profile]
    _format = replace(start, sci_mode=sci_mode, **changed)


def use_format(format: Format) -> None:
    """Prints as `get_printoptions` said at some time."""
    global _format
    _format = format


def described(x: Array, node: Any) -> str:
    """`tensor([1., 2.], requires_grad=True)`, for an array and what made it."""
    notes = []
    values = _values(move(x, arrays.CPU)) if has_values(x) else f"..., shape={x.shape}"
    where = device_of(x)
    if where != arrays.CPU:
        notes.append(f"device='{where}'")
    if x.dtype not in (get_default_dtype(), int64, bool_) or not x.size:
        notes.append(f"dtype={x.dtype}")
    if isinstance(node, Node):
        notes.append(f"grad_fn=<{node.name}>")
    elif node is not None:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([values, *notes])})"


def _values(x: np.ndarray) -> str:
    """The numbers: 1. where all are whole, else with four decimals."""
    shown = _shown(x)
    if is_bfloat16(x.dtype):
        x = x.astype(float32)
    whole = x.dtype.kind != "f" or bool((shown[np.isfinite(shown)] % 1 == 0).all())
    letter = {None: "", True: "e", False: "f"}[_format.sci_mode]
    written: Any = {"float_kind": lambda v: f"{v:.{_format.precision}{letter}}"}
    return np.array2string(
        x,
        separator=", ",
        prefix="tensor(",
        precision=_format.precision,
        floatmode="maxprec" if whole else "fixed",
        formatter=written if letter else None,
        threshold=int(min(_format.threshold, sys.maxsize)),
        edgeitems=_format.edgeitems,
        max_line_width=_format.linewidth,
    )


def _shown(x: np.ndarray) -> np.ndarray:
    """The elements that will be printed. An expanded tensor can hold more than there is memory."""
    if x.size <= _format.threshold:
        return x
    k = _format.edgeitems
    ends = [np.unique(np.r_[: min(n, k), max(n - k, 0) : n]) for n in x.shape]
    return x[np.ix_(*ends)]
