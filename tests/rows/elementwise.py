"""Rows for functions of one number, powers and the error function."""

import math

import numpy as np

from tests.rows.arithmetic import shapes
from tests.table import Row, rand

X = rand(2, 3)
POSITIVE = rand(2, 3, low=0.2, high=3.0)
INSIDE = rand(2, 3, low=-0.9, high=0.9)
E = rand(2, 3, seed=1)

# The three branches of erf, from both sides.
BRANCHES = np.array([[0.05, -0.3, 0.46, -0.48, 0.9], [-1.7, 3.9, 4.1, -5.0, 2.5]])

ONE = [
    ("square", X, lambda x: x * x),
    ("sqrt", POSITIVE, lambda x: x**0.5),
    ("rsqrt", POSITIVE, lambda x: x**-0.5),
    ("reciprocal", X, lambda x: 1 / x),
    ("exp", X, lambda x: math.e**x),
    ("exp2", X, lambda x: 2**x),
    ("expm1", X, lambda x: np.exp(x) - 1),
    ("log", POSITIVE, np.log),
    ("log2", POSITIVE, lambda x: np.log(x) / np.log(2)),
    ("log10", POSITIVE, lambda x: np.log(x) / np.log(10)),
    ("log1p", INSIDE, lambda x: np.log(1 + x)),
    ("sin", X, np.sin),
    ("cos", X, np.cos),
    ("tan", INSIDE, lambda x: np.sin(x) / np.cos(x)),
    ("asin", INSIDE, np.arcsin),
    ("acos", INSIDE, np.arccos),
    ("atan", X, np.arctan),
    ("sinh", X, lambda x: (np.exp(x) - np.exp(-x)) / 2),
    ("cosh", X, lambda x: (np.exp(x) + np.exp(-x)) / 2),
    ("tanh", X, lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    ("asinh", X, lambda x: np.log(x + np.sqrt(x * x + 1))),
    ("acosh", POSITIVE + 1, lambda x: np.log(x + np.sqrt(x * x - 1))),
    ("atanh", INSIDE, lambda x: np.log((1 + x) / (1 - x)) / 2),
    ("erf", X, np.vectorize(math.erf)),
    ("erf", BRANCHES, np.vectorize(math.erf)),
    ("erfc", X, np.vectorize(math.erfc)),
    ("erfc", BRANCHES, np.vectorize(math.erfc)),
]

ROWS = [
    *[Row(op, (x,), ref=ref, torch=op) for op, x, ref in ONE],
    *[Row(op, (np.array(x[1, 2]),), ref=ref, torch=op) for op, x, ref in ONE],
    *shapes("pow", lambda a, b: np.exp(b * np.log(a)), "pow", b=E, a=POSITIVE),
    *[
        Row("pow", (X, p), ref=lambda a, b: math.prod([a] * b) + 0 * a, torch="pow")
        for p in (1, 2, 3, 4, 5)
    ],
    Row("pow", (X, 0), ref=lambda a, b: np.ones_like(a), torch="pow", zero=True),
    Row("pow", (X, 3.0), ref=lambda a, b: a * a * a, torch="pow"),
    Row("pow", (X, -1), ref=lambda a, b: 1 / a, torch="pow"),
    Row("pow", (X, -2.0), ref=lambda a, b: 1 / (a * a), torch="pow"),
    Row("pow", (POSITIVE, 0.5), ref=lambda a, b: np.sqrt(a), torch="pow"),
    Row("pow", (POSITIVE, -1.3), ref=lambda a, b: np.exp(b * np.log(a)), torch="pow"),
    Row("pow", (X, np.array([3, 1, 2])), ref=lambda a, b: a**b, torch="pow"),
    Row("pow", (2.5, E), ref=lambda a, b: np.exp(b * np.log(a)), torch="pow"),
    Row("pow", (np.array([[1, 2, 3]]), E), ref=lambda a, b: np.exp(b * np.log(a)), torch="pow"),
    *shapes("atan2", np.arctan2, None, b=E, a=X),
    Row("atan2", (X, E), ref=np.arctan2, torch="atan2"),
    Row("atan2", (X[:, :1], E[0]), ref=np.arctan2, torch="atan2"),
    Row("atan2", (1.5, E), ref=np.arctan2),
    *shapes("hypot", lambda a, b: np.sqrt(a * a + b * b), None, b=E, a=X),
    Row("hypot", (X, E), ref=lambda a, b: np.sqrt(a * a + b * b), torch="hypot"),
    Row("hypot", (X[:, :1], E[0]), ref=lambda a, b: np.sqrt(a * a + b * b), torch="hypot"),
]
