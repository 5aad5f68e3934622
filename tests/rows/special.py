"""Rows for the gamma function, the inverse of erf, and the small functions with a hole filled."""

import math
from dataclasses import replace

import numpy as np

from tests.rows.arithmetic import shapes
from tests.table import Row, rand

POSITIVE = rand(2, 3, low=0.2, high=3.0)
# Below 0, by reflection; close to 1 and 2; and on both sides of where the far series takes over.
AROUND = np.array([[-2.6, -0.3, 0.2, 0.98], [2.05, 6.4, 9.7, 13.2]])
INSIDE = np.array([[-0.95, -0.3, 0.04], [0.45, 0.55, 0.999]])
# Near 0, where the slope of sinc is a series, and beyond.
NEAR_AND_FAR = np.array([[-1.7, -0.3, -0.2, 0.02], [0.11, 0.24, 0.26, 2.2]])
E = rand(2, 3, seed=1)
STEP = np.array([[-1.5, 0.0, 2.0], [0.0, -0.5, 0.7]])


def lgamma(x):
    return np.vectorize(math.lgamma)(x)


def polygamma(n, x):
    """(-1)^(n+1) n! Σ (x + k)^-(n+1): many terms, the middle of their steps for all the others."""
    k, s = np.arange(100_000.0), n + 1
    terms = (x[..., None] + k) ** -s
    w = x + len(k) - 0.5  # between the last term and the first that is missing
    rest = w ** (1.0 - s) / (s - 1) - s * w ** (-1.0 - s) / 24
    return (-1) ** s * math.factorial(n) * (terms.sum(-1) + rest)


def digamma(x):
    """log w - Σ 1 / (x + k) for w far out, between two of the terms."""
    k = np.arange(100_000.0)
    w = x + len(k) - 0.5
    return np.log(w) + 1 / (24 * w * w) - (1 / (x[..., None] + k)).sum(-1)


def erfinv(x):
    """By halving the interval in which it must be."""
    low, high = np.full_like(x, -6), np.full_like(x, 6)
    for _ in range(60):
        middle = (low + high) / 2
        is_low = np.vectorize(math.erf)(middle) < x
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return low


def xlogy(a, b):
    return np.where(a == 0, 0, a * np.log(b))


def sinc(x):
    return np.sin(math.pi * x) / (math.pi * x)


def logaddexp2(a, b):
    return np.log2(2**a + 2**b)


ROWS = [
    Row("lgamma", (AROUND,), ref=lgamma, torch="lgamma"),
    Row("lgamma", (np.array(3.7),), ref=lgamma, torch="lgamma"),
    Row("digamma", (AROUND,), ref=digamma, torch="digamma"),
    Row("digamma", (np.array(0.6),), ref=digamma, torch="digamma"),
    # torch's own ψ₁ is right to ten digits only, and has no name for the op with n last
    *[Row("polygamma_of", (AROUND,), {"n": n}, ref=lambda x, n: polygamma(n, x)) for n in (1, 2)],
    Row("polygamma_of", (AROUND,), {"n": 0}, ref=lambda x, n: digamma(x)),
    Row("polygamma_of", (np.array(0.6),), {"n": 3}, ref=lambda x, n: polygamma(n, x)),
    Row("polygamma", (0, POSITIVE), ref=lambda n, x: digamma(x)),
    Row("polygamma", (1, POSITIVE), ref=polygamma),
    Row("polygamma", (2, AROUND), ref=polygamma, torch="polygamma"),
    Row("polygamma", (3, POSITIVE), ref=polygamma, torch="polygamma"),
    Row("erfinv", (INSIDE,), ref=erfinv, torch="erfinv"),
    Row("erfinv", (np.array(-0.7),), ref=erfinv, torch="erfinv"),
    *shapes("xlogy", xlogy, None, b=POSITIVE, a=E),
    Row("xlogy", (E, POSITIVE), ref=xlogy, torch="xlogy"),
    Row("xlogy", (E[:, :1], POSITIVE[0]), ref=xlogy, torch="xlogy"),
    Row("xlogy", (STEP, POSITIVE), ref=xlogy, torch="xlogy"),
    Row("xlogy", (STEP, POSITIVE / 4), ref=xlogy, torch="xlogy"),
    Row("xlogy", (E, 2.5), ref=xlogy, torch="xlogy"),
    Row("xlogy", (2.5, POSITIVE), ref=xlogy, torch="xlogy"),
    Row("sinc", (NEAR_AND_FAR,), ref=sinc, torch="sinc"),
    Row("sinc", (np.array(0.6),), ref=sinc, torch="sinc"),
    Row("heaviside", (STEP, POSITIVE), ref=np.heaviside, torch="heaviside", order=0),
    Row("heaviside", (STEP, POSITIVE[0]), ref=np.heaviside, torch="heaviside", order=0),
    Row("heaviside", (STEP[:, :1], POSITIVE[0]), ref=np.heaviside, torch="heaviside", order=0),
    *[replace(row, grad=(0,)) for row in shapes("copysign", np.copysign, None, b=E, a=POSITIVE)],
    Row("copysign", (rand(2, 3), E), ref=np.copysign, torch="copysign", grad=(0,)),
    Row("copysign", (rand(2, 1), E[0]), ref=np.copysign, torch="copysign", grad=(0,)),
    Row("copysign", (rand(2, 3), E), ref=np.copysign, torch="copysign", grad=(1,), zero=True),
    Row("copysign", (E, -2.0), ref=np.copysign, torch="copysign"),
    Row("deg2rad", (E,), ref=lambda x: x * math.pi / 180, torch="deg2rad"),
    Row("rad2deg", (E,), ref=lambda x: x / math.pi * 180, torch="rad2deg"),
    *shapes("logaddexp2", logaddexp2, None, b=rand(2, 3, seed=2), a=E),
    Row("logaddexp2", (E, rand(2, 3, seed=2)), ref=logaddexp2, torch="logaddexp2"),
    Row("logaddexp2", (E[:, :1], rand(3)), ref=logaddexp2, torch="logaddexp2"),
]
