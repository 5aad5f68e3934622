"""The error function, which NumPy lacks: approximations good to rounding.

erf x is the probability that a normal variable with variance 1/2 lies within ±x; GELU needs it. In
float32 a polynomial in an exponent is enough; in float64 it takes quotients of two polynomials.
"""

from __future__ import annotations

import math

from minitorch.constants import constants
from minitorch.few import is_few
from minitorch.op import op
from minitorch.ops.elementwise import exp
from minitorch.words import np

# Coefficients of polynomials, highest power first.
# float32: x times this is log(1 - erf x) on [0, 4], a least-squares fit, weighted until the
# relative error of erf was even. The first is negative: beyond 4 it falls on, and erf stays 1.
_LOG_ERFC = constants(
    *(-4.064626631694572e-05, 3.805361197100343e-04, -1.2503925599832398e-03),
    *(-2.076558190192701e-04, 1.9323148130543623e-02, -1.0281493128281999e-01),
    *(-6.366164170059523e-01, -1.1283792104163441e00),
)
# float64, numerators and denominators: W. J. Cody, "Rational Chebyshev approximations for the error
# function", Mathematics of Computation 23 (1969), with the coefficients of his CALERF: erf below
# 0.46875, erfc to 4, beyond.
_A = (
    *(1.85777706184603153e-1, 3.16112374387056560e00, 1.13864154151050156e02),
    *(3.77485237685302021e02, 3.20937758913846947e03),
)
_B = (
    *(1.0, 2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03),
    *(2.84423683343917062e03,),
)
_C = (
    *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e00),
    *(6.61191906371416295e01, 2.98635138197400131e02, 8.81952221241769090e02),
    *(1.71204761263407058e03, 2.05107837782607147e03, 1.23033935479799725e03),
)
_D = (
    *(1.0, 1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02),
    *(1.62138957456669019e03, 3.29079923573345963e03, 4.36261909014324716e03),
    *(3.43936767414372164e03, 1.23033935480374942e03),
)
_P = (
    *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1),
    *(1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
)
_Q = (
    *(1.0, 2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1),
    *(6.05183413124413191e-2, 2.33520497626869185e-3),
)


def _erf32(x):
    """erf of x in float32: 1 - e^(log(1 - erf x)), which loses nothing to rounding near 0."""
    size = np.abs(x)
    first, *rest = _LOG_ERFC(size)
    log = size * first
    for c in rest:  # Horner's rule
        log += c
        log *= size
    return np.copysign(np.expm1(log), x)


def _ratio(x, above, below):
    """The quotient of two polynomials, by Horner's rule."""
    over, under = x * above[0], x * below[0]
    for a in above[1:-1]:
        over += a
        over *= x
    for b in below[1:-1]:
        under += b
        under *= x
    over += above[-1]
    under += below[-1]
    over /= under
    return over


def _erfc_positive(x):
    """erfc of x >= 0.46875 in float64, to rounding also where it is tiny."""
    near = _ratio(np.minimum(x, 4), _C, _D)
    w = 1 / np.square(np.clip(x, 4, 30))  # from 27 on erfc is 0; 30 keeps inf out of the formula
    far = (1 / math.sqrt(math.pi) - w * _ratio(w, _P, _Q)) / np.maximum(x, 4)
    x = np.minimum(x, 30)
    coarse = np.trunc(x * 16) / 16  # coarse² is exact, so that e^-x² loses nothing to rounding
    return (
        np.exp(-coarse * coarse) * np.exp((coarse - x) * (coarse + x)) * np.where(x <= 4, near, far)
    )


def _erf_small(x):
    """erf of |x| <= 0.46875 in float64."""
    x = np.clip(x, -0.5, 0.5)
    return x * _ratio(x * x, _A, _B)


_LOOPED = 32  # numbers: Python's own erf, one by one, is done before NumPy has set out 17 times


def erf_of(x):
    """erf x, of an array."""
    if is_few(x) and x.size <= _LOOPED and x.dtype.char in "fd":
        y = np.fromiter(map(math.erf, x.ravel().tolist()), x.dtype, x.size)
        return y.reshape(x.shape)
    if x.dtype.char == "f":
        return _erf32(x)
    if x.dtype.char == "e":
        return _erf32(x.astype(np.float32)).astype(x.dtype)
    x = x * 1.0
    size = np.abs(x)
    large = np.copysign(1 - _erfc_positive(np.maximum(size, 0.46875)), x)
    return np.where(size <= 0.46875, _erf_small(x), large)


@op(methods="erf", inplace="erf_", keeps="slope")
def erf(x):
    """y = 2/√π ∫₀ˣ e^(-t²) dt          dL/dx = g 2/√π e^(-x²)

    Within 5 units in the last place in float64, within 3 in float32.

    >>> import minitorch
    >>> minitorch.tensor([0.0, 0.5, 1000.0]).erf()
    tensor([0.0000, 0.5205, 1.0000])
    """
    return erf_of(x), np.exp(-(x * x)) * _SLOPE_AT_0(x) if is_few(x) else None


_SLOPE_AT_0 = constants(2 / math.sqrt(math.pi))

erf.grad(x=lambda g, x: g * (_SLOPE_AT_0(x) * exp(-x * x)))


@op(methods="erfc", inplace="erfc_")
def erfc(x):
    """y = 1 - erf x, as precise where it is tiny          dL/dx = -g 2/√π e^(-x²)

    >>> import minitorch
    >>> minitorch.tensor([0.0, 10.0], dtype="float64").erfc()
    tensor([1.0000e+00, 2.0885e-45], dtype=float64)
    """
    x = x.astype(np.float64, copy=False)
    size = np.abs(x)
    tail = _erfc_positive(np.maximum(size, 0.46875))
    return np.where(size <= 0.46875, 1 - _erf_small(x), np.where(x < 0, 2 - tail, tail))


erfc.grad(x=lambda g, x: -g * _SLOPE_AT_0(x) * exp(-x * x))


@op(methods="erfinv", inplace="erfinv_", autocast="high")
def erfinv(x):
    """y with erf y = x          dL/dx = g √π/2 e^(y²)

    ±inf at ±1 and nan beyond. Winitzki's formula (2008, "A handy approximation for the error
    function and its inverse"), right to 1 part in 500, and two of Halley's steps, each of which
    triples the digits.

    >>> import minitorch
    >>> minitorch.tensor([0.0, 0.5, 1.0]).erfinv()
    tensor([0.0000, 0.4769,    inf])
    """
    x = x.astype(np.float64, copy=False)
    size = np.abs(x)
    rest = 1 - size  # exact where it is small, which is where it matters
    log, a = np.log1p(-size * size), 0.147
    t = 2 / (math.pi * a) + log / 2
    y = np.sqrt(-log / a / (np.sqrt(t * t - log / a) + t))
    for _ in range(2):
        off = np.where(size < 0.5, _erf_small(y) - size, rest - _erfc_positive(y))
        newton = off * (math.sqrt(math.pi) / 2) * np.exp(y * y)
        y = y - newton / (1 + y * newton)
    return np.copysign(np.where(size == 1, math.inf, y), x)


erfinv.grad(x=lambda g, y: g * (math.sqrt(math.pi) / 2 * exp(y * y)))
