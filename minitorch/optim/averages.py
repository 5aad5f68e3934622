"""Running means: the share β of what was known is kept, and the rest comes from what is new.

They are computed in memory that is lent (see `scratch`), so that no step makes a temporary of them.
"""

from __future__ import annotations

from minitorch.array import Array
from minitorch.words import np


def average(m: Array, g: Array, beta: float, a: Array) -> None:
    """m ← β m + (1 − β) g, with `a` to compute in."""
    m *= beta
    m += np.multiply(g, 1 - beta, out=a)


def average_squares(v: Array, g: Array, beta: float, a: Array) -> None:
    """v ← β v + (1 − β) g², with `a` to compute in."""
    v *= beta
    np.multiply(g, 1 - beta, out=a)
    v += np.multiply(g, a, out=a)
