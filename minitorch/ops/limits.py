"""Where numbers end: what replaces inf and nan, and a sum of exponentials that never gets there."""

from __future__ import annotations

from minitorch.op import op
from minitorch.ops.activation import sigmoid
from minitorch.ops.compare import isfinite, isinf, where
from minitorch.ops.elementwise import LN2
from minitorch.words import np


@op(methods="nan_to_num", inplace="nan_to_num_")
def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    """y = x, with numbers for nan, inf and -inf          dL/dx = g where x is finite, else 0

    Unless given, inf and -inf become the largest and the smallest number of the dtype. A gradient
    of 0 does not mend what made the nan: see `detect_anomaly` to find that.

    >>> import minitorch
    >>> minitorch.tensor([minitorch.nan, minitorch.inf, 1.0]).nan_to_num(posinf=9.0)
    tensor([0., 9., 1.])
    """
    nan = 0.0 if nan is None else nan
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num.grad(x=lambda g, x: where(isfinite(x), g, 0))


@op(broadcasts=True, methods="logaddexp", autocast="high")
def logaddexp(a, b):
    """y = log(e^a + e^b)          dL/da = g σ(a - b),   dL/db = g σ(b - a)

    Sums of probabilities that are kept as logarithms: nothing overflows, and -inf is the log of 0.
    Two equal infinities share g evenly, as any two equal numbers do (torch: nan).

    >>> import minitorch
    >>> a = minitorch.tensor([1000.0, -minitorch.inf])
    >>> minitorch.logaddexp(a, a)
    tensor([1000.6932,      -inf])
    """
    return np.logaddexp(a, b)


def _ahead(a, b):
    """a - b; 0 of two equal infinities."""
    return where((a == b) & isinf(a), 0, a - b)


logaddexp.grad(
    a=lambda g, a, b: g * sigmoid(_ahead(a, b)),
    b=lambda g, a, b: g * sigmoid(_ahead(b, a)),
)


@op(broadcasts=True, methods="logaddexp2", autocast="high")
def logaddexp2(a, b):
    """y = log₂(2^a + 2^b)          dL/da = g σ((a - b) log 2),   dL/db = g σ((b - a) log 2)

    As `logaddexp`, of logarithms to base 2.

    >>> import minitorch
    >>> minitorch.logaddexp2(minitorch.tensor([1000.0, 3.0]), minitorch.tensor([1000.0, 3.0]))
    tensor([1001.,    4.])
    """
    return np.logaddexp2(a, b)


logaddexp2.grad(
    a=lambda g, a, b: g * sigmoid(_ahead(a, b) * LN2),
    b=lambda g, a, b: g * sigmoid(_ahead(b, a) * LN2),
)
