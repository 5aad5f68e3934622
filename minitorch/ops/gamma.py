"""The gamma function, which continues n! between the integers: its log, and that log's slopes.

    Γ(n + 1) = n!,   Γ(x + 1) = x Γ(x),   ψ(x) = d/dx log Γ(x)

Whatever is far out has a short series in 1/x, of Bernoulli's numbers; what is near is carried
there by Γ(x + 1) = x Γ(x), and what is below 0 is reflected to 1 - x. All of it is computed in
float64. Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), chapter 6.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.dtypes import FLOATING
from minitorch.op import composite, op
from minitorch.words import np

# B_2, B_4, ...: Bernoulli's numbers.
_B = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 10  # from here on the series of 1/x are exact to rounding
_LOG_ROOT_2PI = math.log(2 * math.pi) / 2


def _horner(x, coefficients):
    """c_0 + c_1 x + c_2 x² + ..."""
    y = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        y = y * x + c
    return y


def _zeta(s, x):
    """ζ(s, x) = Σ 1 / (x + k)^s over k = 0, 1, ..., Hurwitz's, for an integer s > 1 and x >= 0.

    The first terms are added; what follows is their integral from w on, with the corrections of
    Euler and Maclaurin.
    """
    total = 0.0
    for k in range(_FAR):
        total = total + (x + k) ** -float(s)
    w = x + _FAR
    rising, factorial, tail = float(s), 2.0, 0.0  # s (s + 1) ... (s + 2j - 2) and (2j)!
    for j, b in enumerate(_B, 1):
        tail = tail + w ** (1.0 - s - 2 * j) * (b * rising / factorial)
        rising *= (s + 2 * j - 1) * (s + 2 * j)
        factorial *= (2 * j + 1) * (2 * j + 2)
    return total + w ** (1.0 - s) / (s - 1) + w ** -float(s) / 2 + tail


def _rounded(y, x):
    """y in the dtype of x: rules call the ops here with arrays as well."""
    return y.astype(x.dtype, copy=False) if x.dtype.kind in FLOATING else y


def _turned(x):
    """sin πx and cos πx, up to one sign of both: exact where x is an integer."""
    away = (x - np.rint(x)) * math.pi
    return np.sin(away), np.cos(away)


# log Γ(2 + z) = z (1 - γ) + Σ (-z)^k (ζ(k) - 1) / k, over k = 2, 3, ..., for |z| < 2
_AT_2 = (
    *(0.0, 1 - 0.57721566490153286),
    *((-1) ** k * _zeta(k, 2.0) / k for k in range(2, 28)),
)
# log Γ(x) = (x - 1/2) (log x - 1) - 1/2 + log √2π + Σ B_2j / (2j (2j - 1) x^(2j - 1))
_LOG_FAR = tuple(b / (2 * j * (2 * j - 1)) for j, b in enumerate(_B, 1))
# ψ(x) = log x - 1 / 2x - Σ B_2j / (2j x^2j)
_PSI_FAR = tuple(-b / (2 * j) for j, b in enumerate(_B, 1))


def _lgamma_positive(x):
    """log Γ of x >= 0: carried to the series at 2, where log Γ and its error are 0."""
    near = np.minimum(x, _FAR) + 0.0  # 0 for -0
    is_low, is_lower = near < 1.5, near < 0.5
    under = np.where(is_low, near, 1) * np.where(is_lower, near + 1, 1)
    z, over = near - np.where(is_lower, 0, np.where(is_low, 1, 2)), 1.0
    for _ in range(_FAR - 2):
        is_high = z >= 0.5
        over = over * np.where(is_high, z + 1, 1)
        z = z - is_high
    close = _horner(z, _AT_2) + np.log(over) - np.log(under)
    far = np.maximum(x, _FAR)
    series = _horner(1 / (far * far), _LOG_FAR) / far
    return np.where(
        x < _FAR, close, (far - 0.5) * (np.log(far) - 1) + (_LOG_ROOT_2PI - 0.5) + series
    )


@op(methods="lgamma", inplace="lgamma_", autocast="high")
def lgamma(x):
    """y = log |Γ(x)|, which is log (x - 1)! for an integer          dL/dx = g ψ(x)

    For x < 0 by reflection: Γ(x) Γ(1 - x) = π / sin πx. It is inf at 0, -1, -2, ...

    >>> import minitorch
    >>> minitorch.tensor([1.0, 5.0, 0.5, -1.0]).lgamma()
    tensor([0.0000, 3.1781, 0.5724,    inf])
    """
    given, x = x, x.astype(np.float64, copy=False)
    is_below = x < 0
    y = _lgamma_positive(np.where(is_below, 1 - x, x))
    sine, _ = _turned(x)
    reflected = math.log(math.pi) - np.log(np.abs(sine)) - y
    y = np.where(np.isinf(x), math.inf, np.where(is_below, reflected, y))
    return _rounded(y, given)


@op(methods="digamma", inplace="digamma_", autocast="high")
def digamma(x):
    """y = ψ(x), the slope of log Γ          dL/dx = g ψ₁(x)

    ψ(x + 1) = ψ(x) + 1/x carries small x to the series of large ones. For x < 0 by reflection:
    ψ(x) = ψ(1 - x) - π cot πx. As in torch it is -inf at 0 (inf at -0), and nan at -1, -2, ...

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0, 0.0]).digamma()
    tensor([-0.5772,  0.4228,    -inf])
    """
    given, x = x, x.astype(np.float64, copy=False)
    is_below = x < 0
    w, steps = np.where(is_below, 1 - x, x), 0.0
    for _ in range(_FAR):
        is_low = w < _FAR
        steps = steps + is_low / np.where(is_low, w, 1)
        w = w + is_low
    u = 1 / (w * w)
    y = np.log(w) - 0.5 / w + u * _horner(u, _PSI_FAR) - steps
    sine, cosine = _turned(x)
    cotangent = np.where(sine == 0, math.nan, cosine / sine)
    return _rounded(np.where(is_below, y - math.pi * cotangent, y), given)


@op(methods="polygamma", inplace="polygamma_", autocast="high")
def polygamma_of(x, *, n):
    """y = ψₙ(x), the n-th derivative of ψ          dL/dx = g ψₙ₊₁(x)

    The op inside `polygamma`, whose n comes first.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ValueError(f"n must be an integer, at least 0, got {n!r}")
    if n == 0:
        return digamma(x)
    given, x = x, x.astype(np.float64, copy=False)
    sign, is_below = (-1) ** (n + 1), x < 0
    y = sign * math.factorial(n) * _zeta(n + 1, np.where(is_below, 1 - x, x))
    sine, cosine = _turned(x)
    # the n-th derivative of ψ(1 - x) = ψ(x) + π cot πx
    reflected = -sign * y - _cotangent_slope(n, cosine / sine)
    y = np.where((sine == 0) & (x <= 0), sign * math.inf, np.where(is_below, reflected, y))
    return _rounded(y, given)


def _cotangent_slope(n, c):
    """The n-th derivative of π cot πx, as a polynomial of c = cot πx, for dc/dx = -π (1 + c²)."""
    p = [0.0, math.pi]
    for _ in range(n):
        slope = [k * a for k, a in enumerate(p)][1:]
        p = [-math.pi * (a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    return _horner(c, p)


lgamma.grad(x=lambda g, x: g * digamma(x))
digamma.grad(x=lambda g, x: g * polygamma_of(x, n=1))
polygamma_of.grad(x=lambda g, x, n: g * polygamma_of(x, n=n + 1))


@composite()
def polygamma(n: int, input: Any) -> Any:
    """y = ψₙ(x) = (-1)^(n+1) n! Σ 1 / (x + k)^(n+1) over k = 0, 1, ...          dL/dx = g ψₙ₊₁(x)

    The n-th derivative of the digamma function ψ, which it is for n = 0.

    Raises:
        ValueError: n is negative, or no integer.

    >>> import minitorch
    >>> minitorch.polygamma(1, minitorch.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    return polygamma_of(input, n=n)
