"""Activations: the functions between the layers of a network, and their slopes.

They are built to stay exact at the extremes: no overflow reaches a result at ±1000, and what
saturates does so exactly. A slope that is 0 or 1 is multiplied in as a mask, which is many times
faster than choosing element by element; so where g is inf, a mask of 0 makes it nan (torch: 0).

At a kink the slope is torch's: relu, relu6, hardtanh, softshrink, hardshrink and threshold have 0,
leaky_relu and prelu the slope of their negative side, elu, selu and celu that of e^x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.op import composite, op
from minitorch.ops.arithmetic import abs
from minitorch.ops.compare import clamp, minimum, where
from minitorch.ops.elementwise import exp, expm1, tanh
from minitorch.ops.erf import erf

# s-shaped ----------------------------------------------------------------------------------------


@op(methods="sigmoid", inplace="sigmoid_")
def sigmoid(x):
    """y = 1 / (1 + e^-x)          dL/dx = g y (1 - y)

    >>> import minitorch
    >>> minitorch.sigmoid(minitorch.tensor([-1000.0, 0.0, 2.0]))
    tensor([0.0000, 0.5000, 0.8808])
    """
    y = np.exp(-x)  # inf for x = -1000, and 1 / inf is the 0 it should be
    y += 1.0
    return np.reciprocal(y)


sigmoid.grad(x=lambda g, y: g * (y - y * y))


@op
def logsigmoid(x):
    """y = log sigmoid x = min(x, 0) - log(1 + e^-|x|)          dL/dx = g (1 - e^y)

    >>> import minitorch
    >>> minitorch.nn.functional.logsigmoid(minitorch.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


logsigmoid.grad(x=lambda g, y: -g * expm1(y))


@op(methods="logit", inplace="logit_")
def logit(x, *, eps=None):
    """y = log(x / (1 - x)), the inverse of sigmoid          dL/dx = g / (x (1 - x))

    Outside [0, 1] it is nan. With `eps`, x is first clamped to [eps, 1 - eps], and outside the
    gradient is 0.
    """
    if eps is not None:
        x = np.clip(x, eps, 1 - eps)
    return np.log(x / (1 - x))


def _logit_x(g, x, eps):
    low, outside = (0, math.nan) if eps is None else (eps, 0)
    return where((x < low) | (x > 1 - low), outside, g / (x * (1 - x)))


logit.grad(x=_logit_x)


@op
def softsign(x):
    """y = x / (1 + |x|)          dL/dx = g / (1 + |x|)²"""
    return x / (np.abs(x) + 1)


def _softsign_x(g, x):
    size = abs(x) + 1
    return g / (size * size)


softsign.grad(x=_softsign_x)


@op
def hardtanh(x, *, min_val=-1.0, max_val=1.0):
    """y = x, between min_val and max_val          dL/dx = g strictly between them, else 0"""
    if min_val > max_val:
        raise ValueError(f"min_val {min_val} is above max_val {max_val}")
    return np.clip(x, min_val, max_val)


hardtanh.grad(x=lambda g, y, min_val, max_val: g * ~((y <= min_val) | (y >= max_val)))


@composite()
def relu6(input: Any) -> Any:
    """y = x, between 0 and 6: `hardtanh` with these bounds."""
    return hardtanh(input, 0, 6)


@op
def hardsigmoid(x):
    """y = (x + 3) / 6, between 0 and 1          dL/dx = g / 6 strictly between, else 0"""
    return np.clip(x + 3, 0, 6) / 6


hardsigmoid.grad(x=lambda g, x: g / 6 * (abs(x) < 3))


# rectifiers --------------------------------------------------------------------------------------


@op(methods="relu", inplace="relu_")
def relu(x):
    """y = max(x, 0)          dL/dx = g where x > 0, else 0

    The rule reads y alone, which the next layer keeps anyway: y, as a bool, is True exactly where
    x > 0 (and where x is nan, which passes g on as in torch).

    >>> import minitorch
    >>> minitorch.relu(minitorch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return np.maximum(x, 0)


relu.grad(x=lambda g, y: g * y.astype(bool))


@op
def leaky_relu(x, *, negative_slope=0.01):
    """y = x where x > 0, else slope x          dL/dx = g there, else g slope

    >>> import minitorch
    >>> minitorch.nn.functional.leaky_relu(minitorch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    if 0 < negative_slope <= 1:
        return np.maximum(x, x * negative_slope)
    return np.where(x > 0, x, x * negative_slope)


leaky_relu.grad(x=lambda g, x, negative_slope: _bent(g, x, g * negative_slope))


def _bent(g, x, negative):
    """The gradient g where x > 0, and `negative` elsewhere."""
    positive = x > 0
    return g * positive + negative * ~positive


@op(methods="prelu")
def prelu(x, weight):
    """y = x where x > 0, else w x          dL/dx = g or g w,   dL/dw = Σ g min(x, 0)

    `weight` has one value, or one per channel (axis 1 of x).

    Raises:
        ValueError: the numbers of weights and channels differ.

    >>> import minitorch
    >>> minitorch.tensor([[-1.0, -2.0]]).prelu(minitorch.tensor([0.5, 0.1]))
    tensor([[-0.5000, -0.2000]])
    """
    return np.where(x > 0, x, x * weight.reshape(_along_channels(x.shape, weight.shape)))


def _along_channels(x_shape, weight_shape):
    """The shape in which the weights broadcast along axis 1 of x."""
    count = math.prod(weight_shape)
    channels = x_shape[1] if len(x_shape) > 1 else 1
    if len(weight_shape) > 1 or count not in (1, channels):
        raise ValueError(
            f"weight of shape {weight_shape} for an input of shape {x_shape}; expected (1,) or "
            f"({channels},), one value per channel"
        )
    return (1, count, *(1,) * (len(x_shape) - 2)) if count > 1 else (1,) * len(x_shape)


def _prelu_weight(g, x, weight_shape):
    g = g * minimum(x, 0)
    if not g.shape:
        return g.reshape(weight_shape)
    axes = range(len(g.shape))
    return g.sum(tuple(i for i in axes if math.prod(weight_shape) == 1 or i != 1)).reshape(
        weight_shape
    )


prelu.grad(
    x=lambda g, x, weight: _bent(g, x, g * weight.reshape(_along_channels(x.shape, weight.shape))),
    weight=_prelu_weight,
)


@op
def threshold(x, *, threshold, value):
    """y = x where x > threshold, else value          dL/dx = g there, else 0"""
    return np.where(x <= threshold, value, x)


threshold.grad(x=lambda g, x, threshold: g * ~(x <= threshold))


@op
def softshrink(x, *, lambd=0.5):
    """y = x pulled towards 0 by lambd, and 0 within ±lambd          dL/dx = g outside, else 0"""
    _check_lambd(lambd)
    return x - np.clip(x, -lambd, lambd)


softshrink.grad(x=lambda g, y: g * (y != 0))


@op(methods="hardshrink")
def hardshrink(x, *, lambd=0.5):
    """y = x outside ±lambd, else 0          dL/dx = g outside, else 0"""
    _check_lambd(lambd)
    return x * (np.abs(x) > lambd)


hardshrink.grad(x=lambda g, y: g * (y != 0))


def _check_lambd(lambd):
    if not lambd >= 0:
        raise ValueError(f"lambd must not be negative, got {lambd}")


@composite()
def tanhshrink(input: Any) -> Any:
    """y = x - tanh x"""
    return input - tanh(input)


# smooth rectifiers -------------------------------------------------------------------------------


@op
def elu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (e^x - 1)          dL/dx = g there, else g alpha e^x

    Clevert, Unterthiner and Hochreiter 2015.

    >>> import minitorch
    >>> minitorch.nn.functional.elu(minitorch.tensor([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """
    y = np.expm1(np.minimum(x, 0))
    return np.maximum(x, 0) + (y if alpha == 1 else y * alpha)


def _elu_x(g, x, alpha):
    slope = exp(minimum(x, 0))  # 1 where x > 0
    return g * (slope if alpha == 1 else where(x > 0, slope, slope * alpha))


elu.grad(x=_elu_x)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite()
def selu(input: Any) -> Any:
    """y = scale elu(x, alpha), with the two numbers that keep mean 0 and variance 1.

    Klambauer, Unterthiner, Mayr and Hochreiter 2017.
    """
    return elu(input, SELU_ALPHA) * SELU_SCALE


@composite()
def celu(input: Any, alpha: float = 1.0) -> Any:
    """y = x where x > 0, else alpha (e^(x / alpha) - 1): smooth for every alpha.

    Barron 2017.
    """
    return elu(input / alpha) * alpha


@op
def softplus(x, *, beta=1.0, threshold=20.0):
    """y = log(1 + e^(beta x)) / beta          dL/dx = g sigmoid(beta x)

    Where beta x > threshold, y is x itself, with gradient g.

    >>> import minitorch
    >>> minitorch.nn.functional.softplus(minitorch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    z = x * beta
    y = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta
    return np.where(z > threshold, x, y)


def _softplus_x(g, x, beta, threshold):
    z = x * beta
    return g * where(z > threshold, 1.0, sigmoid(z))


softplus.grad(x=_softplus_x)


@op
def silu(x):
    """y = x s with s = sigmoid x          dL/dx = g s (1 + x (1 - s))

    Also called swish. Elfwing, Uchibe and Doya 2017.

    >>> import minitorch
    >>> minitorch.nn.functional.silu(minitorch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return x / (np.exp(-x) + 1)


def _silu_x(g, x):
    s = sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


silu.grad(x=_silu_x)


@op
def hardswish(x):
    """y = x hardsigmoid(x)

    dL/dx = g (x / 3 + 1/2) strictly within ±3, 0 below, g above.
    """
    return x * np.clip(x + 3, 0, 6) / 6


def _hardswish_x(g, x):
    return g * ((clamp(x, -3, 3) / 3 + 0.5) * (abs(x) < 3) + (x >= 3))


hardswish.grad(x=_hardswish_x)


@op
def mish(x):
    """y = x t with t = tanh(softplus x)          dL/dx = g (t + x sigmoid(x) (1 - t²))

    Misra 2019.
    """
    return x * _tanh_softplus(x)


def _tanh_softplus(x):
    """tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); from x = 20 on it is 1."""
    e = exp(minimum(x, 20))
    n = e * (e + 2)
    return n / (n + 2)


def _mish_x(g, x):
    t = _tanh_softplus(x)
    return g * (t + x * sigmoid(x) * (1 - t * t))


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
        return x * (erf(x * _SQRT_HALF) + 1) * 0.5
    return x * (_bend(x) + 1) * 0.5


_SQRT_HALF, _SQRT_2_PI = math.sqrt(1 / 2), math.sqrt(2 / math.pi)


def _bend(x):
    """The tanh that stands for erf(x / √2)."""
    return tanh(x * (x * x * (_SQRT_2_PI * 0.044715) + _SQRT_2_PI))


def _gelu_x(g, x, approximate):
    if approximate == "none":
        twice_phi = erf(x * _SQRT_HALF) + 1
        twice_density = exp(x * x * -0.5) * _SQRT_2_PI
    else:
        t = _bend(x)
        twice_phi = t + 1
        twice_density = (1 - t * t) * (x * x * (3 * 0.044715 * _SQRT_2_PI) + _SQRT_2_PI)
    return g * (twice_phi + x * twice_density) * 0.5


gelu.grad(x=_gelu_x)

# torch's other name, from torch.special.
expit = sigmoid
