"""Can this parameter be moved along this gradient? Asked of all of them before one is moved."""

from __future__ import annotations

import math

from minitorch.array import Array, device_of, first_true, has_values
from minitorch.words import np


def check_gradient(who: str, name: str, p: Array, g: Array, finite: bool | None) -> None:
    """Raises unless `p` can be moved along `g`.

    Args:
        who: the optimizer's name, for errors.
        name: the parameter's.
        p: its array.
        g: its gradient's.
        finite: look for nan and inf? None looks on the CPU, where nothing has to be waited for.

    Raises:
        RuntimeError: they do not fit, `p` cannot be written, or `g` holds nan or inf.
    """
    if not has_values(p):
        raise RuntimeError(f"{who}.step: {name!r} is on meta, and has no values to move")
    if type(g) is not type(p) or g.shape != p.shape or g.dtype != p.dtype:
        raise RuntimeError(
            f"{who}.step: the gradient of {name!r} is {g.dtype}{list(g.shape)} on {device_of(g)}, "
            f"and the parameter {p.dtype}{list(p.shape)} on {device_of(p)}; call zero_grad() after "
            "a parameter was moved or converted"
        )
    on_cpu = isinstance(p, np.ndarray)
    if on_cpu and not p.flags.writeable:
        raise RuntimeError(
            f"{who}.step: the array of {name!r} is read-only; train a copy of it, "
            "p.data = p.data.clone()"
        )
    if (on_cpu if finite is None else finite) and not is_finite(g):
        where = first_true(~np.isfinite(g))
        raise RuntimeError(
            f"{who}.step: the gradient of {name!r} is {g[where]!s} at {list(where)}, and would "
            "spoil the parameter and its state; nothing was changed. Find the op with "
            "minitorch.autograd.detect_anomaly(), lower lr, or clip; optimizer.check_finite = "
            "False steps regardless"
        )


def is_finite(g: Array) -> bool:
    """Are all elements finite?

    The sum of squares is one fast pass, and nan or inf as soon as one element is. It is inf too
    when large elements overflow, so then each is looked at.
    """
    flat = g.reshape(-1)
    return math.isfinite(flat.dot(flat)) or bool(np.isfinite(g).all())
