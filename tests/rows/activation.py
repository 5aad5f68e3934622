"""Rows for activations."""

import math

import numpy as np

from tests.table import Row, apart, rand

F = "nn.functional."
X = rand(2, 3, low=-4, high=4)
WIDE = apart(3, 4, step=0.8)  # both sides of every kink
INSIDE = rand(2, 3, low=0.1, high=0.9)
IMAGE = rand(2, 3, 2, 2)


def sigmoid(x):
    return np.exp(x) / (1 + np.exp(x))


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(beta * x > threshold, x, np.log(1 + np.exp(beta * x)) / beta)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1))


def selu(x):
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * np.vectorize(math.erf)(x / math.sqrt(2)) / 2 + x / 2


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.minimum(np.maximum(x, min_val), max_val)


def leaky_relu(x, negative_slope=0.01):
    return np.where(x > 0, x, negative_slope * x)


def softshrink(x, lambd=0.5):
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def hardshrink(x, lambd=0.5):
    return np.where(np.abs(x) > lambd, x, 0)


def prelu(x, weight):
    sized = weight.reshape(-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else weight[0]
    return np.where(x > 0, x, sized * x)


def logit(x, eps=None):
    x = x if eps is None else np.minimum(np.maximum(x, eps), 1 - eps)
    return np.log(x) - np.log(1 - x)


ROWS = [
    *[
        Row(op, (x,), ref=ref, torch=path + op)
        for op, path, ref in [
            ("sigmoid", "", sigmoid),
            ("logsigmoid", F, lambda x: np.log(sigmoid(x))),
            ("softsign", F, lambda x: x / (1 + np.abs(x))),
            ("hardtanh", F, hardtanh),
            ("relu6", F, lambda x: hardtanh(x, 0, 6)),
            ("relu", "", lambda x: np.where(x > 0, x, 0)),
            ("leaky_relu", F, leaky_relu),
            ("softshrink", F, softshrink),
            ("hardshrink", F, hardshrink),
            ("tanhshrink", F, lambda x: x - np.tanh(x)),
            ("elu", F, elu),
            ("selu", F, selu),
            ("celu", F, celu),
            ("softplus", F, softplus),
            ("silu", F, lambda x: x * sigmoid(x)),
            ("hardswish", F, lambda x: x * hardtanh(x + 3, 0, 6) / 6),
            ("mish", F, lambda x: x * np.tanh(softplus(x))),
            ("gelu", F, gelu),
        ]
        for x in (X, WIDE, np.array(0.7))
    ],
    # torch's gradient of hardsigmoid is 1/6 rounded to float32.
    Row("hardsigmoid", (X,), ref=lambda x: hardtanh(x + 3, 0, 6) / 6),
    Row("hardsigmoid", (WIDE,), ref=lambda x: hardtanh(x + 3, 0, 6) / 6),
    Row("relu6", (2 * WIDE,), ref=lambda x: hardtanh(x, 0, 6), torch=F + "relu6"),
    Row("hardtanh", (WIDE, -0.5, 2), ref=hardtanh, torch=F + "hardtanh"),
    *[
        Row("leaky_relu", (X, slope), ref=leaky_relu, torch=F + "leaky_relu")
        for slope in (0.2, 0.0, 1.0, -0.5, 3.0)
    ],
    Row("softshrink", (WIDE, 1.1), ref=softshrink, torch=F + "softshrink"),
    Row("hardshrink", (WIDE, 1.1), ref=hardshrink, torch=F + "hardshrink"),
    Row("hardshrink", (X, 0.0), ref=hardshrink, torch=F + "hardshrink"),
    Row("elu", (X, 1.7), ref=elu, torch=F + "elu"),
    Row("elu", (X, -0.4), ref=elu, torch=F + "elu"),
    Row("celu", (X, 1.7), ref=celu),  # torch rounds 1 / alpha to float32
    Row("celu", (X, 2.0), ref=celu, torch=F + "celu"),
    Row("softplus", (X, 2), ref=softplus, torch=F + "softplus"),
    Row("softplus", (X, 2.5), ref=softplus, torch=F + "softplus"),
    Row("softplus", (WIDE, 2.5, 3), ref=softplus, torch=F + "softplus"),
    Row("gelu", (X,), {"approximate": "tanh"}, ref=gelu, torch=F + "gelu"),
    Row("logit", (INSIDE,), ref=logit, torch="logit"),
    Row("logit", (INSIDE, 0.3), ref=logit, torch="logit"),
    Row(
        "threshold", (WIDE, 0.5, -7.0), ref=lambda x, t, v: np.where(x > t, x, v), torch="threshold"
    ),
    Row("threshold", (WIDE, -1, 2), ref=lambda x, t, v: np.where(x > t, x, v), torch="threshold"),
    *[
        Row("prelu", (x, w), ref=prelu, torch="prelu")
        for x, w in [
            (X, rand(3, seed=1)),
            (X, rand(1, seed=1)),
            (rand(3, 2), rand(2, seed=1)),
            (IMAGE, rand(3, seed=1)),
            (IMAGE, rand(1, seed=2)),
            (IMAGE[:, :1], rand(1, seed=3)),
            (X[0], rand(1, seed=1)),
            (np.array(IMAGE[0, 0, 0, 0]), rand(1, seed=1)),
        ]
    ],
]
