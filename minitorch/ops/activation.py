"""Activations: the functions between the layers of a network, and their slopes.

They are built to stay exact at the extremes: no overflow reaches a result at ±1000, and what
saturates does so exactly. A slope that is 0 or 1 is multiplied in as a mask, which is many times
faster than choosing element by element; so where g is inf, a mask of 0 makes it nan (torch: 0).

At a kink the slope is torch's: relu, relu6, hardtanh, softshrink, hardshrink and threshold have 0,
leaky_relu and prelu the slope of their negative side. `smooth.py` has the rectifiers without one.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.constants import constants, number, one_of
from minitorch.few import few_constants, is_few
from minitorch.op import composite, op
from minitorch.ops.compare import minimum, where
from minitorch.ops.elementwise import expm1, tanh
from minitorch.traced import NUMPY
from minitorch.words import np

zero, one = constants(0), constants(1)
_MUCH = 2**13  # numbers from which on zeros to stand beside them are worth making
# The hard functions bend at ±3. Half the width between, and both ends of the rising line:
_HARD, _HARD_OF_FEW = constants(3, 0, 6), few_constants(3, 0, 6)
_BENDS_OF_FEW = few_constants(-3, 3, 6)
_SIXTH = one_of(0, 1 / 6)

# s-shaped --------------------------------------------------------------------------------------


@op(methods="sigmoid", inplace="sigmoid_")
def sigmoid(x):
    """y = 1 / (1 + e^-x)          dL/dx = g y (1 - y)

    >>> import minitorch
    >>> minitorch.sigmoid(minitorch.tensor([-1000.0, 0.0, 2.0]))
    tensor([0.0000, 0.5000, 0.8808])
    """
    y = np.exp(-x)  # inf for x = -1000, and 1 / inf is the 0 it should be
    y += one(y)
    return np.reciprocal(y, out=y) if y.shape else np.reciprocal(y)


sigmoid.grad(x=lambda g, y: g * (y - y * y))


@op
def logsigmoid(x):
    """y = log sigmoid x = min(x, 0) - log(1 + e^-|x|)          dL/dx = g (1 - e^y)

    >>> import minitorch
    >>> minitorch.nn.functional.logsigmoid(minitorch.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return np.minimum(x, zero(x)) - np.log1p(np.exp(-abs(x)))


logsigmoid.grad(x=lambda g, y: -g * expm1(y))


@op(methods="logit", inplace="logit_")
def logit(x, *, eps=None):
    """y = log(x / (1 - x)), the inverse of sigmoid          dL/dx = g / (x (1 - x))

    Outside [0, 1] it is nan. With `eps`, x is first clamped to [eps, 1 - eps], and outside the
    gradient is 0.
    """
    if eps is not None:
        x = np.clip(x, eps, 1 - eps)
    return np.log(x / (1.0 - x))  # 1 - x of uint8 would wrap around


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


@op(switch=True, keeps="slope")
def hardtanh(x, *, min_val=-1.0, max_val=1.0):
    """y = x, between min_val and max_val          dL/dx = g strictly between them, else 0"""
    if min_val > max_val:
        raise ValueError(f"min_val {min_val} is above max_val {max_val}")
    low, high = number(min_val, x), number(max_val, x)
    y = _clipped(x, low, high)
    return y, _is_between(y, low, high) if is_few(x) else None


def _clipped(x, low, high):
    """`x.clip(low, high)`, which is one pass, but sets out for as long as three."""
    return np.minimum(np.maximum(x, low), high) if is_few(x) else x.clip(low, high)


def _is_between(y, low, high):
    return ((y != low) & (y != high)).astype(y.dtype)


hardtanh.grad(x=lambda g, y, min_val, max_val: g * _is_between(y, min_val, max_val))


@op(switch=True, keeps="slope", calm=True)
def relu6(x):
    """y = x, between 0 and 6          dL/dx = g strictly between, else 0: `hardtanh` up to 6"""
    _, low, six = _HARD(x)
    y = _clipped(x, low, six)
    return y, _is_between(y, low, six) if is_few(x) else None


relu6.grad(x=lambda g, y: g * _is_between(y, 0, 6))


@op(switch=True, keeps="slope", calm=True)
def hardsigmoid(x):
    """y = (x + 3) / 6, between 0 and 1          dL/dx = g / 6 strictly between, else 0"""
    few = _HARD_OF_FEW(x)
    if few is None:
        return (x + 3).clip(0, 6) / 6, None
    three, low, six = few
    y = np.minimum(np.maximum(x + three, low), six)
    np.divide(y, six, y)
    return y, _SIXTH(np.absolute(x) < three, x)


def _hardsigmoid_x(g, x):
    three, _, six = _HARD(x)
    return g * (abs(x) < three).astype(g.dtype) / six


hardsigmoid.grad(x=_hardsigmoid_x)


# rectifiers -----------------------------------------------------------------------------------


@op(methods="relu", inplace="relu_", switch=True, calm=True)
def relu(x):
    """y = max(x, 0)          dL/dx = g where x > 0, else 0

    The rule reads y alone, which the next layer keeps anyway: y is not 0 exactly where x > 0 (and
    where x is nan, which passes g on as in torch).

    >>> import minitorch
    >>> minitorch.relu(minitorch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return np.maximum(x, _zeros_beside(x))


relu.grad(x=lambda g, y: g * (y != zero(y)))


def _zeros_beside(x):
    """0 in the form that `np.maximum` takes fastest: for much on the CPU, as many as one example.

    Beside a single number it does not use the processor's vector instructions, and takes five
    times as long.
    """
    if type(x) in NUMPY and x.size > _MUCH:
        N = len(x)
        if 3 < N <= x.size // 32 and x.strides[0] * N == x.nbytes:  # examples one after the other
            return np.zeros_like(x[:1])
    return zero(x)


@op(switch=True, keeps="factor")
def leaky_relu(x, *, negative_slope=0.01):
    """y = x where x > 0, else slope x          dL/dx = g there, else g slope

    The tape keeps the factor of each element, 1 or `negative_slope`, in the place of x.

    >>> import minitorch
    >>> minitorch.nn.functional.leaky_relu(minitorch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    if -1 <= negative_slope <= 1:
        factor = np.fmax(np.sign(x), negative_slope)  # many times faster than np.where
    else:
        factor = np.where(x > 0, np.ones_like(x), negative_slope)
    return x * factor, factor


leaky_relu.grad(x=lambda g, factor: g * factor)


@op(methods="prelu", keeps="slope", autocast="low")
def prelu(x, weight):
    """y = x where x > 0, else w x          dL/dx = g or g w,   dL/dw = Σ g min(x, 0)

    `weight` has one value, or one per channel (axis 1 of x).

    Raises:
        ValueError: the numbers of weights and channels differ.

    >>> import minitorch
    >>> minitorch.tensor([[-1.0, -2.0]]).prelu(minitorch.tensor([0.5, 0.1]))
    tensor([[-0.5000, -0.2000]])
    """
    w, above = _along_channels(weight, x), np.maximum(x, zero(x))
    y = np.minimum(x, zero(x)) * w
    y += above
    if not is_few(x):
        return y, None
    is_above = np.sign(above)
    return y, is_above + (one(x) - is_above) * w


def _along_channels(weight, x):
    """The weights, in a shape that broadcasts along axis 1 of x."""
    x_shape, weight_shape = x.shape, weight.shape
    if weight_shape == (1,):
        return weight.reshape(())
    count = math.prod(weight_shape)
    channels = x_shape[1] if len(x_shape) > 1 else 1
    if len(weight_shape) > 1 or count not in (1, channels):
        raise ValueError(
            f"weight of shape {weight_shape} for an input of shape {x_shape}; expected (1,) or "
            f"({channels},), one value per channel"
        )
    return weight.reshape(
        (1, count, *(1,) * (len(x_shape) - 2)) if count > 1 else (1,) * len(x_shape)
    )


def _prelu_x(g, x, weight):
    above = g * (x > zero(x)).astype(g.dtype)
    return above + (g - above) * _along_channels(weight, x)


def _prelu_weight(g, x, weight_shape):
    g = g * minimum(x, 0)
    if not g.shape:
        return g.reshape(weight_shape)
    axes = range(len(g.shape))
    return g.sum(tuple(i for i in axes if math.prod(weight_shape) == 1 or i != 1)).reshape(
        weight_shape
    )


prelu.grad(x=_prelu_x, weight=_prelu_weight)


@op(switch=True, keeps="slope")
def hardswish(x):
    """y = x hardsigmoid(x)

    dL/dx = g (x / 3 + 1/2) strictly within ±3, 0 below, g above.
    """
    few = _BENDS_OF_FEW(x)
    if few is None:
        return x * ((x + 3).clip(0, 6) / 6), None
    low, three, six = few
    bent = np.minimum(np.maximum(x, low), three)
    share = bent + three
    slope = np.fmod(bent, three, bent)  # from 3 on, 3 leaves 0
    np.add(slope, share, slope)
    np.divide(slope, six, slope)
    np.divide(share, six, share)
    return np.multiply(share, x, share), slope


def _hardswish_x(g, x):
    three, low, six = _HARD(x)
    inside = (abs(x) < three).astype(g.dtype)
    shifted = (x + three).clip(low, six)
    return g * (shifted + (shifted - three) * inside) / six  # x would be inf where inside is 0


hardswish.grad(x=_hardswish_x)


@op(switch=True)
def threshold(x, *, threshold, value):
    """y = x where x > threshold, else value          dL/dx = g there, else 0"""
    return np.where(x <= threshold, +value, x)  # + refuses a value that is missing


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
