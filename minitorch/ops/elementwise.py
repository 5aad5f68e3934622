"""Functions of one number: powers, exponentials and logarithms, trigonometry.

A rule is written with the output `y` where that is cheaper than the input: e^x is its own
derivative, and a root saves its reader a second root. Outside a function's domain the value is nan
(sqrt and log below 0), at its edge the gradient is what the formula says: inf for sqrt and log
at 0, as in torch.
"""

from __future__ import annotations

import math
import operator

from minitorch.op import op
from minitorch.ops.compare import where
from minitorch.words import np

LN2, LN10 = math.log(2), math.log(10)

# powers ----------------------------------------------------------------------------------------


@op(
    broadcasts=True,
    methods="pow __pow__",
    reflected="__rpow__",
    inplace="pow_ __ipow__",
    into=operator.ipow,
    autocast="high",
)
def pow(a, exponent):
    """y = a^b for the exponent b          dL/da = g b a^(b-1),   dL/db = g y log a

    A constant exponent never takes a log, so a may be negative. 0^0 is 1, with gradient 0 for both;
    the gradient of the exponent of a negative base is nan. An integer to a negative integer power
    raises.

    >>> import minitorch
    >>> x = minitorch.tensor([-2.0, 0.0], requires_grad=True)
    >>> (x**3).sum().backward()
    >>> x.grad
    tensor([12.,  0.])
    >>> 2 ** minitorch.tensor([3.0, -1.0])
    tensor([8.0000, 0.5000])
    """
    b = exponent
    if type(b) in (int, float) and b in (3, 4):  # two products take a 50th of np.power's time
        square = a * a
        return square * a if b == 3 else square * square
    return a**b


def _pow_base(g, a, exponent):
    b = exponent
    if hasattr(b, "dtype"):
        return where(b == 0, 0, g * (b * a ** (b - 1)))
    if b == 2:
        return g * (a + a)
    return g * (b * pow(a, b - 1)) if b else g * 0


def _pow_exponent(g, y, a, exponent):
    if hasattr(a, "dtype"):
        return where((a == 0) & (exponent >= 0), 0, g * (y * log(a)))
    if a == 0:
        return where(exponent >= 0, 0, g * (y * -math.inf))
    return g * (y * (math.log(a) if a > 0 else math.nan))


pow.grad(a=_pow_base, exponent=_pow_exponent)


@op(methods="square", inplace="square_", autocast="high")
def square(x):
    """y = x²          dL/dx = 2 g x"""
    return x * x


square.grad(x=lambda g, x: g * (x + x))


@op(methods="sqrt", inplace="sqrt_")
def sqrt(x):
    """y = √x          dL/dx = g / (2 y), which is inf at 0

    >>> import minitorch
    >>> minitorch.tensor([4.0, 0.0, -1.0]).sqrt()
    tensor([ 2.,  0., nan])
    """
    return np.sqrt(x)


sqrt.grad(x=lambda g, y: g / (y + y))


@op(methods="rsqrt", inplace="rsqrt_", autocast="high")
def rsqrt(x):
    """y = 1 / √x          dL/dx = -g y³ / 2"""
    return 1 / np.sqrt(x)


rsqrt.grad(x=lambda g, y: g * -0.5 * (y * y * y))


@op(methods="reciprocal", inplace="reciprocal_", autocast="high")
def reciprocal(x):
    """y = 1 / x          dL/dx = -g y²"""
    return 1 / x


reciprocal.grad(x=lambda g, y: -g * (y * y))


# exponentials and logarithms ------------------------------------------------------------------


@op(methods="exp", inplace="exp_", autocast="high")
def exp(x):
    """y = e^x          dL/dx = g y

    >>> import minitorch
    >>> minitorch.tensor([0.0, 1.0, 1000.0]).exp()
    tensor([1.0000, 2.7183,    inf])
    """
    return np.exp(x)


exp.grad(x=lambda g, y: g * y)


@op(methods="exp2", inplace="exp2_", autocast="high")
def exp2(x):
    """y = 2^x          dL/dx = g y log 2"""
    return np.exp2(x)


exp2.grad(x=lambda g, y: g * y * LN2)


@op(methods="expm1", inplace="expm1_", autocast="high")
def expm1(x):
    """y = e^x - 1, exact also near 0          dL/dx = g (y + 1)"""
    return np.expm1(x)


expm1.grad(x=lambda g, y: g * (y + 1))


@op(methods="log", inplace="log_", autocast="high")
def log(x):
    """y = log x, to base e          dL/dx = g / x

    >>> import minitorch
    >>> minitorch.tensor([1.0, 0.0, -1.0]).log()
    tensor([  0., -inf,  nan])
    """
    return np.log(x)


log.grad(x=lambda g, x: g / x)


@op(methods="log2", inplace="log2_", autocast="high")
def log2(x):
    """y = log x, to base 2          dL/dx = g / (x log 2)"""
    return np.log2(x)


log2.grad(x=lambda g, x: g / (x * LN2))


@op(methods="log10", inplace="log10_", autocast="high")
def log10(x):
    """y = log x, to base 10          dL/dx = g / (x log 10)"""
    return np.log10(x)


log10.grad(x=lambda g, x: g / (x * LN10))


@op(methods="log1p", inplace="log1p_", autocast="high")
def log1p(x):
    """y = log(1 + x), exact also near 0          dL/dx = g / (1 + x)"""
    return np.log1p(x)


log1p.grad(x=lambda g, x: g / (x + 1))


# trigonometry ---------------------------------------------------------------------------------


@op(methods="sin", inplace="sin_")
def sin(x):
    """y = sin x          dL/dx = g cos x"""
    return np.sin(x)


@op(methods="cos", inplace="cos_")
def cos(x):
    """y = cos x          dL/dx = -g sin x"""
    return np.cos(x)


sin.grad(x=lambda g, x: g * cos(x))
cos.grad(x=lambda g, x: -g * sin(x))


@op(methods="tan", inplace="tan_", autocast="high")
def tan(x):
    """y = tan x          dL/dx = g (1 + y²)"""
    return np.tan(x)


tan.grad(x=lambda g, y: g * (y * y + 1))


@op(methods="asin arcsin", inplace="asin_ arcsin_", autocast="high")
def asin(x):
    """y = arcsin x          dL/dx = g / √(1 - x²)"""
    return np.arcsin(x)


asin.grad(x=lambda g, x: g / sqrt(1 - x * x))


@op(methods="acos arccos", inplace="acos_ arccos_", autocast="high")
def acos(x):
    """y = arccos x          dL/dx = -g / √(1 - x²)"""
    return np.arccos(x)


acos.grad(x=lambda g, x: -g / sqrt(1 - x * x))


@op(methods="atan arctan", inplace="atan_ arctan_")
def atan(x):
    """y = arctan x          dL/dx = g / (1 + x²)"""
    return np.arctan(x)


atan.grad(x=lambda g, x: g / (x * x + 1))


@op(broadcasts=True, methods="atan2 arctan2", inplace="atan2_ arctan2_")
def atan2(a, b):
    """y = the angle of the point (b, a)

    dL/da = g b / (a² + b²),   dL/db = -g a / (a² + b²). At (0, 0), which has no angle, both are 0.

    >>> import minitorch
    >>> minitorch.atan2(minitorch.tensor([1.0, 0.0]), minitorch.tensor([0.0, -1.0]))
    tensor([1.5708, 3.1416])
    """
    return np.arctan2(a, b)


def _turn(g, a, b):
    """g / (a² + b²), how far a unit step across the ray turns the angle."""
    return where((a == 0) & (b == 0), 0, g / (a * a + b * b))


atan2.grad(a=lambda g, a, b: _turn(g, a, b) * b, b=lambda g, a, b: -_turn(g, a, b) * a)


@op(broadcasts=True, methods="hypot", inplace="hypot_")
def hypot(a, b):
    """y = √(a² + b²), without overflow          dL/da = g a / y,   dL/db = g b / y

    At (0, 0) both are nan, as in torch.
    """
    return np.hypot(a, b)


hypot.grad(a=lambda g, y, a: g * (a / y), b=lambda g, y, b: g * (b / y))


@op(methods="sinh", inplace="sinh_", autocast="high")
def sinh(x):
    """y = sinh x          dL/dx = g cosh x"""
    return np.sinh(x)


@op(methods="cosh", inplace="cosh_", autocast="high")
def cosh(x):
    """y = cosh x          dL/dx = g sinh x"""
    return np.cosh(x)


sinh.grad(x=lambda g, x: g * cosh(x))
cosh.grad(x=lambda g, x: g * sinh(x))


@op(methods="tanh", inplace="tanh_")
def tanh(x):
    """y = tanh x          dL/dx = g - g y²

    >>> import minitorch
    >>> minitorch.tensor([-1000.0, 0.0, 1.0]).tanh()
    tensor([-1.0000,  0.0000,  0.7616])
    """
    return np.tanh(x)


tanh.grad(x=lambda g, y: g - g * (y * y))


@op(methods="asinh arcsinh", inplace="asinh_ arcsinh_")
def asinh(x):
    """y = arsinh x          dL/dx = g / √(x² + 1)"""
    return np.arcsinh(x)


asinh.grad(x=lambda g, x: g / sqrt(x * x + 1))


@op(methods="acosh arccosh", inplace="acosh_ arccosh_")
def acosh(x):
    """y = arcosh x          dL/dx = g / √(x² - 1)"""
    return np.arccosh(x)


acosh.grad(x=lambda g, x: g / sqrt(x * x - 1))


@op(methods="atanh arctanh", inplace="atanh_ arctanh_")
def atanh(x):
    """y = artanh x          dL/dx = g / (1 - x²)"""
    return np.arctanh(x)


atanh.grad(x=lambda g, x: g / (1 - x * x))


# torch's other names.
arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh
