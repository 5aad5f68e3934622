"""Smooth rectifiers: relu with its corner rounded, each in a way of its own.

As the other activations (`activation.py`) they stay exact at the extremes, and multiply masks in.
Where x = 0 is still a seam, in elu, selu and celu, the slope there is that of e^x, as in torch.
"""

from __future__ import annotations

import math

import numpy as np

from minitorch.array import constants
from minitorch.op import op
from minitorch.ops.activation import one, sigmoid, zero
from minitorch.ops.compare import minimum, where
from minitorch.ops.elementwise import exp
from minitorch.ops.erf import erf


@op(switch=True)
def elu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (e^x - 1)          dL/dx = g there, else g alpha e^x

    Clevert, Unterthiner and Hochreiter 2015.

    >>> import minitorch
    >>> minitorch.nn.functional.elu(minitorch.tensor([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """
    y = np.expm1(np.minimum(x, zero(x)))
    if alpha == 1:
        return np.maximum(x, y)  # as e^x - 1 is never below x
    return np.maximum(x, zero(x)) + y * alpha


def _elu_x(g, x, alpha):
    slope = exp(minimum(x, zero(x)))  # 1 where x > 0
    return g * (slope if alpha == 1 else _steeper(slope, x, alpha, 1 - alpha))


def _steeper(slope, x, alpha, rest):
    """alpha times the slope; where x > 0, which is where the slope is 1, alpha + rest."""
    return slope * alpha + (x > zero(x)).astype(slope.dtype) * rest


elu.grad(x=_elu_x)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
_SELU = constants(SELU_SCALE, SELU_SCALE * SELU_ALPHA, SELU_SCALE - SELU_SCALE * SELU_ALPHA)


@op(switch=True)
def selu(x):
    """y = scale elu(x, alpha), with the two numbers that keep mean 0 and variance 1

    dL/dx = g scale where x > 0, else g scale alpha e^x. Klambauer, Unterthiner, Mayr and
    Hochreiter 2017.
    """
    scale, scale_alpha, _ = _SELU(x)
    y = np.maximum(x, zero(x)) * scale
    y += np.expm1(np.minimum(x, zero(x))) * scale_alpha
    return y


def _selu_x(g, x):
    _, scale_alpha, rest = _SELU(x)
    return g * _steeper(exp(minimum(x, zero(x))), x, scale_alpha, rest)


selu.grad(x=_selu_x)


@op(switch=True)
def celu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (e^(x / alpha) - 1)

    dL/dx = g where x > 0, else g e^(x / alpha): smooth for every alpha. Barron 2017.
    """
    y = np.minimum(x, zero(x))
    y = np.expm1(y) if alpha == 1 else np.expm1(y / alpha) * alpha
    return np.maximum(x, zero(x)) + y


def _celu_x(g, x, alpha):
    x = minimum(x, zero(x))
    return g * exp(x if alpha == 1 else x / alpha)


celu.grad(x=_celu_x)


@op
def softplus(x, *, beta=1.0, threshold=20.0):
    """y = log(1 + e^(beta x)) / beta          dL/dx = g sigmoid(beta x)

    Where beta x > threshold, y is x itself, with gradient g.

    >>> import minitorch
    >>> minitorch.nn.functional.softplus(minitorch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    z = x if beta == 1 else x * beta
    y = np.maximum(z, zero(z)) + np.log1p(np.exp(-abs(z)))
    y = y if beta == 1 else y / beta
    return np.where(z > threshold, x, y) if _bends_beyond(threshold, x) else y


def _bends_beyond(threshold, x):
    """False where y is x anyway from the threshold on: e^-20 adds nothing to 20 in float32."""
    return threshold < 20 or x.dtype.itemsize > 4


def _softplus_x(g, x, beta, threshold):
    z = x if beta == 1 else x * beta
    slope = sigmoid(z)
    return g * (where(z > threshold, 1.0, slope) if _bends_beyond(threshold, x) else slope)


softplus.grad(x=_softplus_x)


@op(switch=True)
def silu(x):
    """y = x s with s = sigmoid x          dL/dx = g s (1 + x (1 - s))

    Also called swish. Elfwing, Uchibe and Doya 2017.

    >>> import minitorch
    >>> minitorch.nn.functional.silu(minitorch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return x / (np.exp(-x) + one(x))


def _silu_x(g, x):
    s = sigmoid(x)
    return g * (((one(s) - s) * x + one(s)) * s)


silu.grad(x=_silu_x)


@op(switch=True)
def mish(x):
    """y = x t with t = tanh(softplus x)          dL/dx = g t (1 + x (1 - t) (2 - r))

    t = tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) with e = e^x. Written as 1 / (r / e + 1) with
    r = 2 / (e + 2) it is 0 and 1 where e is 0 and inf; its slope is t (1 - t) (2 - r). Misra 2019.
    """
    one, two = _ONE_TWO(x)
    e = np.exp(x)
    return x / (two / (e + two) / e + one)


_ONE_TWO = constants(1, 2)


def _mish_x(g, x):
    one, two = _ONE_TWO(x)
    e = exp(x)
    r = two / (e + two)
    t = one / (r / e + one)
    return g * (((t - one) * x * (r - two) + one) * t)


mish.grad(x=_mish_x)


@op
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
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    if approximate == "none":
        root_half, half, one, *_ = _NORMAL(x)
        y = erf(x * root_half)
        y += one
        y *= x * half
        return y
    cubic, linear, one, _ = _BEND(x)
    return x / (np.exp(x * (x * x * cubic + linear)) + one)


_SQRT_8_PI = math.sqrt(8 / math.pi)
_NORMAL = constants(math.sqrt(1 / 2), 1 / 2, 1, -1 / 2, math.sqrt(1 / 2 / math.pi))
_BEND = constants(-_SQRT_8_PI * 0.044715, -_SQRT_8_PI, 1, -_SQRT_8_PI * 0.044715 * 3)


def _gelu_x(g, x, approximate):
    if approximate == "none":
        root_half, half, one, minus_half, density_at_0 = _NORMAL(x)
        phi = (erf(x * root_half) + one) * half
        return g * (phi + x * (exp(x * x * minus_half) * density_at_0))
    # (1 + tanh u) / 2 is sigmoid(2 u); the constants are those of -2 u
    cubic, linear, one, slope_cubic = _BEND(x)
    square = x * x
    s = one / (exp(x * (square * cubic + linear)) + one)
    return g * (((s - one) * x * (square * slope_cubic + linear) + one) * s)


gelu.grad(x=_gelu_x)
