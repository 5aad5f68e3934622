"""The floor of an op: its formula and its gradient written by hand in bare NumPy, in a bare loop.

Here stand the ops that take longer than torch's. There is no tape, no tensor and no check: a
forward gives its result and what its gradient needs, a gradient gives back what comes in. What lies
between this and minitorch's time is the engine; what lies between this and torch's is NumPy, which
takes 0.2 µs to set out for an op on 16 numbers, and 0.7 µs where an axis is repeated or summed.

`x` is the input and `g` the gradient that arrives. Numbers are arrays of no axes, and sums along an
axis are products with ones, which takes NumPy a third of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Forward = Callable[[Array, Any], tuple[Array, Any]]  # (x, the other operands) -> (y, kept)
Backward = Callable[[Array, Any, Any], Array]  # (g, kept, the other operands) -> dL/dx

zero, one, two, three, four, six, eps = (np.array(n, np.float32) for n in (0, 1, 2, 3, 4, 6, 1e-5))
ones = np.ones((4, 4), np.float32)
ALL = np.ones(16, np.float32)
STARTS = np.arange(4) * 4  # of the rows, in an array taken as one row


def with_slope(forward: Callable[[Array], tuple[Array, Array]]) -> tuple[Forward, Backward]:
    """An elementwise op: its forward gives the slope as well, and the gradient multiplies by it."""
    return lambda x, c: forward(x), lambda g, slope, c: g * slope


def _silu(x: Array) -> tuple[Array, Array]:
    d = np.exp(-x) + one
    y = x / d
    return y, (x - y + one) / d


def _mish(x: Array) -> tuple[Array, Array]:
    e = np.exp(x)
    r = two / (e + two)
    d = r / e + one
    y = x / d
    return y, ((x - y) * (two - r) + one) / d


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
scale, steep, rest = (
    np.array(n, np.float32) for n in (SCALE, SCALE * ALPHA, SCALE - SCALE * ALPHA)
)


def _selu(x: Array) -> tuple[Array, Array]:
    above, below = np.maximum(x, zero), np.minimum(x, zero)
    y = above * scale + np.expm1(below) * steep
    return y, np.exp(below) * steep + np.sign(above) * rest


def _hardsigmoid(x: Array) -> tuple[Array, Array]:
    inside = (np.abs(x) < three).astype(np.float32)
    return np.minimum(np.maximum(x + three, zero), six) / six, inside / six


def _hardswish(x: Array) -> tuple[Array, Array]:
    t = np.minimum(np.maximum(x + three, zero), six)
    return x * t / six, (t + x * (np.abs(x) < three).astype(np.float32)) / six


ROOT = math.sqrt(8 / math.pi)
cubic, linear, slope_cubic = (np.array(-ROOT * n, np.float32) for n in (0.044715, 1, 3 * 0.044715))


def _gelu_tanh(x: Array) -> tuple[Array, Array]:
    square = x * x
    d = np.exp(x * (square * cubic + linear)) + one
    y = x / d
    return y, ((y - x) * (square * slope_cubic + linear) + one) / d


def _softmax(x: Array, c: Any) -> tuple[Array, Array]:
    e = np.exp(x)
    y = e / e.dot(ones)
    return y, y


def _log_softmax(x: Array, c: Any) -> tuple[Array, Array]:
    y = x - np.log(np.exp(x).dot(ones))
    return y, y


def _log_softmax_back(g: Array, y: Array, c: Any) -> Array:
    return g - np.exp(y) * g.dot(ones)


def _softmax_back(g: Array, y: Array, c: Any) -> Array:
    return y * (g - (g * y).dot(ones))


def _layer_norm(x: Array, c: Any) -> tuple[Array, Any]:
    d = x - x.dot(ones) / four
    r = one / np.sqrt((d * d).dot(ones) / four + eps)
    y = d * r
    return y, (y, r)


def _layer_norm_back(g: Array, kept: Any, c: Any) -> Array:
    y, r = kept
    return r * (g - (g.dot(ones) + y * (g * y).dot(ones)) / four)


def _cross_entropy(x: Array, c: Any) -> tuple[Array, Any]:
    e = np.exp(x - x.max(1, keepdims=True))
    p = e / e.dot(ones)
    places = STARTS + c.rows
    loss = -np.log(p.take(places)).dot(ones[0]) / four
    return x + loss, (p, places)


def _cross_entropy_back(g: Array, kept: Any, c: Any) -> Array:
    p, places = kept
    s = g.ravel().dot(ALL) / four
    y = p * s
    y.put(places, y.take(places) - s)
    return g + y


def _nll_loss(x: Array, c: Any) -> tuple[Array, Any]:
    places = STARTS + c.rows
    return x + x.take(places).dot(ones[0]) / four, places


def _nll_loss_back(g: Array, places: Any, c: Any) -> Array:
    y = np.zeros((4, 4), np.float32)
    y.put(places, g.ravel().dot(ALL) / four)
    return g + y


def _at(x: Array, places: Array) -> Array:
    """The gradient of `x.take(places)`, all different: x put there."""
    y = np.zeros((4, 4), np.float32)
    y.put(places, x)
    return y


LAST = np.array(3)
EVERY = np.arange(16).reshape(4, 4) // 4 * 4  # where the row of each number begins


def _picked(places_of: Callable[[Array], Array]) -> tuple[Forward, Backward]:
    """An op that gives some of its numbers, all along their rows."""

    def forward(x: Array, c: Any) -> tuple[Array, Any]:
        places = EVERY + places_of(x)
        return x.take(places), places

    return forward, lambda g, places, c: _at(g, places)


def _beside(place_of: Callable[[Array], Array]) -> tuple[Forward, Backward]:
    """x plus one number of each of its rows."""

    def forward(x: Array, c: Any) -> tuple[Array, Any]:
        places = STARTS + place_of(x)
        return x + x.take(places).reshape(4, 1), places

    def backward(g: Array, places: Any, c: Any) -> Array:
        y = g.copy()
        y.put(places, y.take(places) + g.dot(ones[0]))
        return y

    return forward, backward


def _split(x: Array, c: Any) -> tuple[Array, Any]:
    return np.concatenate((x[:2], x[2:])), None


def _split_back(g: Array, kept: Any, c: Any) -> Array:
    return np.concatenate((g[:2], g[2:]))


def _unbind(x: Array, c: Any) -> tuple[Array, Any]:
    return np.array([x[0], x[1], x[2], x[3]]), None


def _unbind_back(g: Array, kept: Any, c: Any) -> Array:
    return _unbind(g, c)[0]


def _index_add(x: Array, c: Any) -> tuple[Array, Any]:
    y = x.copy()
    np.add.at(y, c.rows, c.a)
    return y, None


def _scatter_add(x: Array, c: Any) -> tuple[Array, Any]:
    y, places = c.zeros.copy(), EVERY + c.index
    np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))
    return y, places


def _gather_back(g: Array, places: Any, c: Any) -> Array:
    y = np.zeros(16, np.float32)
    np.add.at(y, places.reshape(-1), g.reshape(-1))
    return y.reshape(4, 4)


def _gather(x: Array, c: Any) -> tuple[Array, Any]:
    places = EVERY + c.index
    return x.take(places), places


def _scatter(x: Array, c: Any) -> tuple[Array, Any]:
    y, places = c.zeros.copy(), EVERY + c.index
    y.put(places, x)
    return y, places


def _embedding_back(g: Array, kept: Any, c: Any) -> Array:
    y = np.zeros((4, 4), np.float32)
    np.add.at(y, c.rows, g)
    return y


def _diagonal_back(g: Array, kept: Any, c: Any) -> Array:
    return _diagonal(g, c)[0]


def _diagonal(x: Array, c: Any) -> tuple[Array, Any]:
    y = np.zeros(16, np.float32)
    y[::5] = x.diagonal()
    return y.reshape(4, 4), None


LOWER = np.tril(np.ones((4, 4), np.float32))


BY_HAND: dict[str, tuple[Forward, Backward]] = {
    "selu": with_slope(_selu),
    "silu": with_slope(_silu),
    "mish": with_slope(_mish),
    "hardsigmoid": with_slope(_hardsigmoid),
    "hardswish": with_slope(_hardswish),
    "gelu (tanh)": with_slope(_gelu_tanh),
    "max, add": _beside(lambda x: x.argmax(1)),
    "min, add": _beside(lambda x: x.argmin(1)),
    "median, add": _beside(lambda x: x.argsort(1)[:, 1]),
    "topk": _picked(lambda x: LAST - x[:, ::-1].argsort(1, "stable")[:, ::-1]),
    "split, cat": (_split, _split_back),
    "chunk, cat": (_split, _split_back),
    "unbind, stack": (_unbind, _unbind_back),
    "tril": with_slope(lambda x: (x * LOWER, LOWER)),
    "triu": with_slope(lambda x: (x * LOWER.T, LOWER.T)),
    "diagonal, diag": (_diagonal, _diagonal_back),
    "index_add": (_index_add, lambda g, kept, c: g),
    "gather": (_gather, _gather_back),
    "scatter": (_scatter, lambda g, places, c: g.take(places)),
    "scatter_add": (_scatter_add, lambda g, places, c: g.take(places)),
    "embedding": (lambda x, c: (x.take(c.rows, 0), None), _embedding_back),
    "softmax": (_softmax, _softmax_back),
    "log_softmax": (_log_softmax, _log_softmax_back),
    "cross_entropy, add": (_cross_entropy, _cross_entropy_back),
    "nll_loss, sub": (_nll_loss, _nll_loss_back),
    "layer_norm": (_layer_norm, _layer_norm_back),
}
