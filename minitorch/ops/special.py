"""Small functions with a hole that is filled, a step, or another unit.

0 log 0 is 0, sin x / x is 1 at 0, and a step has at 0 the height it is given.
"""

from __future__ import annotations

import math

from minitorch.op import op
from minitorch.ops.arithmetic import abs, sign
from minitorch.ops.compare import where
from minitorch.ops.elementwise import cos
from minitorch.words import np


@op(broadcasts=True, methods="xlogy", inplace="xlogy_", autocast="high")
def xlogy(a, b):
    """y = a log b, and 0 where a is 0          dL/da = g log b,   dL/db = g a / b

    Where a is 0 and b is not above 0, dL/da is 0; where both are 0, dL/db is nan, as in torch.

    >>> import minitorch
    >>> minitorch.xlogy(minitorch.tensor([0.0, 2.0]), minitorch.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    log = np.log(b) if hasattr(b, "dtype") else float(np.log(b))  # a float64 would widen a
    return np.where((a == 0) & (b == b), 0, a * log)


xlogy.grad(
    a=lambda g, a, b: where((a == 0) & (b <= 0), 0, xlogy(g, b)),
    b=lambda g, a, b: g * (a / b),
)

# The slope of sin z / z is Σ (-1)^k 2k / (2k + 1)! z^(2k - 1), over k = 1, 2, ...
_SLOPE_NEAR_0 = tuple((-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 9))


@op(methods="sinc", inplace="sinc_")
def sinc(x):
    """y = sin πx / πx, and 1 at 0          dL/dx = g (cos πx - y) / x, which is 0 at 0

    >>> import minitorch
    >>> minitorch.tensor([0.0, 0.5, 1.5]).sinc()
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    return np.sinc(x)


def _sinc_slope(x):
    """(cos πx - y) / x; near 0, where that would be a rounding error over x, its series."""
    is_near = abs(x) < 0.25
    z = where(is_near, x, 0) * math.pi
    square = z * z
    series = 0
    for c in reversed(_SLOPE_NEAR_0):
        series = series * square + c
    far = where(is_near, 1, x)
    return where(is_near, z * series * math.pi, (cos(far * math.pi) - sinc(far)) / far)


sinc.grad(x=lambda g, x: g * _sinc_slope(x))


@op(broadcasts=True, methods="heaviside", inplace="heaviside_", calm=True)
def heaviside(x, values):
    """y = 0 where x < 0 (or nan), `values` where x = 0, 1 where x > 0; no gradient, as in torch

    >>> import minitorch
    >>> minitorch.heaviside(minitorch.tensor([-2.0, 0.0, 2.0]), minitorch.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return np.where(x == 0, values, x > 0)


@op(broadcasts=True, methods="copysign", inplace="copysign_", calm=True)
def copysign(a, b):
    """y = |a| with the sign of b          dL/da = g sign(y) sign(a), which is 0 at 0;   dL/db = 0

    >>> import minitorch
    >>> minitorch.copysign(minitorch.tensor([1.0, 2.0]), minitorch.tensor([-3.0, 0.0]))
    tensor([-1.,  2.])
    """
    return np.copysign(a, b)


copysign.grad(
    a=lambda g, y, a: g * (sign(y) * sign(a)),
    b=lambda g: g * 0,
)


@op(methods="deg2rad", inplace="deg2rad_")
def deg2rad(x):
    """y = x π / 180, an angle in radians          dL/dx = g π / 180"""
    return x * (math.pi / 180)


@op(methods="rad2deg", inplace="rad2deg_")
def rad2deg(x):
    """y = x 180 / π, an angle in degrees          dL/dx = g 180 / π"""
    return x * (180 / math.pi)


deg2rad.grad(x=lambda g: g * (math.pi / 180))
rad2deg.grad(x=lambda g: g * (180 / math.pi))
