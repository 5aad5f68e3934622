"""Smooth rectifiers: relu with its corner rounded, each in a way of its own.

As the other activations (`activation.py`) they stay exact at the extremes, and multiply masks in.
Where x = 0 is still a seam, in elu, selu and celu, the slope there is that of e^x, as in torch.
"""

from __future__ import annotations

import math

from minitorch.constants import constants
from minitorch.convert import cast, cast_like
from minitorch.dtypes import FLOATING
from minitorch.few import few_constants, is_few
from minitorch.kernels import on_gpu
from minitorch.op import op
from minitorch.ops.activation import one, sigmoid, zero
from minitorch.ops.compare import minimum, where
from minitorch.ops.elementwise import exp
from minitorch.ops.erf import erf, erf_of
from minitorch.words import np


@op(switch=True, keeps="slope")
def elu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (e^x - 1)          dL/dx = g there, else g alpha e^x

    Clevert, Unterthiner and Hochreiter 2015.

    >>> import minitorch
    >>> minitorch.nn.functional.elu(minitorch.tensor([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """
    below = np.minimum(x, zero(x))
    slope = np.exp(below) if is_few(x) else None  # 1 where x > 0
    y = np.expm1(below)
    if alpha == 1:
        return np.maximum(x, y), slope  # as e^x - 1 is never below x
    slope = None if slope is None else _steeper(slope, x, alpha, 1 - alpha)
    return np.maximum(x, zero(x)) + y * alpha, slope


def _elu_x(g, x, alpha):
    slope = exp(minimum(x, zero(x)))
    return g * (slope if alpha == 1 else _steeper(slope, x, alpha, 1 - alpha))


def _steeper(slope, x, alpha, rest):
    """alpha times the slope; where x > 0, which is where the slope is 1, alpha + rest."""
    return slope * alpha + (x > zero(x)).astype(slope.dtype) * rest


elu.grad(x=_elu_x)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
_SELU = SELU_SCALE, SELU_SCALE * SELU_ALPHA
_SELU_OF_FEW = few_constants(0, *_SELU)


@op(switch=True, keeps="slope")
def selu(x):
    """y = scale elu(x, alpha), with the two numbers that keep mean 0 and variance 1

    dL/dx = g scale where x > 0, else g scale alpha e^x. Klambauer, Unterthiner, Mayr and
    Hochreiter 2017.
    """
    few = _SELU_OF_FEW(x)
    if few is None:
        scale, scale_alpha = _SELU
        y = np.maximum(x, 0) * scale
        y += np.expm1(np.minimum(x, 0)) * scale_alpha
        return y, None
    nothing, scale, scale_alpha = few
    mul = np.multiply
    above = np.greater(x, nothing)
    y = np.expm1(x)
    mul(y, scale_alpha, y)
    slope = np.add(y, scale_alpha)  # scale alpha e^x, but for the rounding of y
    np.putmask(y, above, mul(x, scale))
    np.putmask(slope, above, scale)
    return y, slope


def _selu_x(g, x):
    scale, scale_alpha = _SELU
    return g * _steeper(exp(minimum(x, zero(x))), x, scale_alpha, scale - scale_alpha)


selu.grad(x=_selu_x)


@op(switch=True, keeps="slope")
def celu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (e^(x / alpha) - 1)

    dL/dx = g where x > 0, else g e^(x / alpha): smooth for every alpha. Barron 2017.
    """
    below = np.minimum(x, zero(x))
    if alpha != 1:
        below = below / alpha
    slope = np.exp(below) if is_few(x) else None
    y = np.expm1(below)
    if alpha == 1:
        return np.maximum(x, y), slope
    return np.maximum(x, zero(x)) + y * alpha, slope


def _celu_x(g, x, alpha):
    x = minimum(x, zero(x))
    return g * exp(x if alpha == 1 else x / alpha)


celu.grad(x=_celu_x)


@op(keeps="slope", autocast="high")
def softplus(x, *, beta=1.0, threshold=20.0):
    """y = log(1 + e^(beta x)) / beta          dL/dx = g sigmoid(beta x)

    Where beta x > threshold, y is x itself, with gradient g.

    >>> import minitorch
    >>> minitorch.nn.functional.softplus(minitorch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    z = _scaled(x, beta)
    if z.size <= _LOOPED and is_few(z):
        y = np.logaddexp(z, zero(z))
    else:
        y = np.maximum(z, zero(z)) + np.log1p(np.exp(-abs(z)))
    slope = -np.expm1(-y) if is_few(x) else None
    if beta != 1:
        y = _as_given(y / beta, x)
        slope = None if slope is None else _as_given(slope, x)
    if not _bends_beyond(threshold, x):
        return y, slope
    beyond = z > threshold
    slope = None if slope is None else np.where(beyond, one(x), slope)
    return np.where(beyond, x, y), slope


_LOOPED = 32  # numbers: logaddexp is one call, but takes 16 ns for each


def _scaled(x, beta):
    """beta x"""
    return x if beta == 1 else _wide(x) * beta


def _wide(x):
    """What has 16 bits in float32: float16 ends at 65,504, which products of such x pass."""
    return cast(x, dtype=np.float32) if x.dtype.itemsize == 2 else x


def _as_given(y, x):
    """y in the dtype of x, where that is a floating one."""
    return y.astype(x.dtype, copy=False) if x.dtype.kind in FLOATING else y


def _bends_beyond(threshold, x):
    """False where y is x anyway from the threshold on: e^-20 adds nothing to 20 in float32."""
    return threshold < 20 or x.dtype.itemsize > 4


def _softplus_x(g, x, beta, threshold):
    z = _scaled(x, beta)
    slope = cast_like(sigmoid(z), x)
    return g * (where(z > threshold, 1.0, slope) if _bends_beyond(threshold, x) else slope)


softplus.grad(x=_softplus_x)


@op(switch=True, keeps="slope")
def silu(x):
    """y = x s with s = sigmoid x          dL/dx = g (y (1 - s) + s)

    Also called swish. Elfwing, Uchibe and Doya 2017.

    >>> import minitorch
    >>> minitorch.nn.functional.silu(minitorch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    d, unit = np.exp(-x), one(x)
    d += unit
    y = x / d
    if not is_few(x):
        return y, None
    slope = x - y  # with s = 1 / d, y (1 - s) + s is (x - y + 1) / d
    slope += unit
    slope /= d
    return y, slope


def _silu_x(g, x):
    s = sigmoid(x)
    return g * ((1 - s) * (x * s) + s)


silu.grad(x=_silu_x)


@op(switch=True, keeps="slope")
def mish(x):
    """y = x t with t = tanh(softplus x)          dL/dx = g (y (1 - t) (2 - r) + t)

    t = tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) with e = e^x. Written as 1 / (r / e + 1) with
    r = 2 / (e + 2) it is 0 and 1 where e is 0 and inf; its slope is t (1 - t) (2 - r). Misra 2019.
    """
    one, two = _ONE_TWO(x)
    e = np.exp(x)
    r = two / (e + two)
    d = r / e
    d += one
    y = x / d
    if not is_few(x):
        return y, None
    slope = x - y  # with t = 1 / d, y (1 - t) (2 - r) + t is ((x - y) (2 - r) + 1) / d
    slope *= two - r
    slope += one
    slope /= d
    return y, slope


_ONE_TWO = constants(1, 2)


def _mish_x(g, x):
    e = exp(x)
    r = 2 / (e + 2)
    t = 1 / (r / e + 1)
    return g * ((1 - t) * (x * t) * (2 - r) + t)


mish.grad(x=_mish_x)


@op(keeps="slope")
def gelu(x, *, approximate="none"):
    """y = x Φ(x), Φ the normal distribution's          dL/dx = g (Φ(x) + x φ(x))

    Φ(x) = (1 + erf(x / √2)) / 2, with density φ. `approximate="tanh"` takes for Φ the function
    (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2. Hendrycks and Gimpel 2016.

    Raises:
        ValueError: `approximate` is neither "none" nor "tanh".

    >>> import minitorch
    >>> minitorch.nn.functional.gelu(minitorch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate == "tanh":
        few = _BEND_OF_FEW(x)
        if few is not None:
            return _bent_of_few(x, few)
    elif approximate != "none":
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    elif is_few(x):
        phi = _normal(x, erf_of)
        return x * phi, _normal_slope(x, x * x, phi, np.exp)
    return _gelu(x, approximate), None


@on_gpu("pointwise.gelu")
def _gelu(x, approximate):
    y = _bent(x, x * x, np.exp) if approximate == "tanh" else _normal(x, erf_of)
    y *= x
    return y


def _normal(x, erf):
    """Φ(x)"""
    root_half, half, one, *_ = _NORMAL(x)
    return (erf(x * root_half) + one) * half


def _bent(x, square, exp):
    """(1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which is the sigmoid of twice what tanh is of."""
    cubic, linear, _ = _BEND
    return 1 / (exp(x * (square * cubic + linear)) + 1)


_SQRT_8_PI = math.sqrt(8 / math.pi)
_NORMAL = constants(math.sqrt(1 / 2), 1 / 2, 1, -1 / 2, math.sqrt(1 / 2 / math.pi))
# of -2 u, where u is what tanh is of
_BEND = -_SQRT_8_PI * 0.044715, -_SQRT_8_PI, -_SQRT_8_PI * 0.044715 * 3
_BEND_OF_FEW = few_constants(*_BEND, 1)


def _bent_of_few(x, numbers):
    """y = x / d with d = e^v + 1, and its slope ((y - x) dv/dx + 1) / d."""
    cubic, linear, slope_cubic, one = numbers
    add, mul = np.add, np.multiply
    square = mul(x, x)
    v = mul(square, cubic)
    add(v, linear, v)
    mul(v, x, v)
    d = np.exp(v, v)
    add(d, one, d)
    y = np.divide(x, d)
    dv = mul(square, slope_cubic, square)
    add(dv, linear, dv)
    slope = mul(np.subtract(y, x), dv, dv)
    add(slope, one, slope)
    return y, np.divide(slope, d, slope)


def _normal_slope(x, square, phi, exp):
    *_, minus_half, density_at_0 = _NORMAL(x)
    return phi + x * (exp(square * minus_half) * density_at_0)


def _bent_slope(square, y, s):
    _, linear, slope_cubic = _BEND
    return (s - 1) * y * (square * slope_cubic + linear) + s


@on_gpu("pointwise.gelu_gradient")
def _gelu_x(g, x, approximate):
    v = _wide(x)
    square = v * v
    if approximate == "none":
        slope = _normal_slope(v, square, _normal(v, erf), exp)
    else:
        s = _bent(v, square, exp)
        slope = _bent_slope(square, v * s, s)
    return g * cast_like(slope, x)


gelu.grad(x=_gelu_x)
