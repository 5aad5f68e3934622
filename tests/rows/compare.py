"""Rows for comparisons, logic and choosing."""

import numpy as np

from tests.table import Row, apart, rand

A, B = rand(2, 3), rand(2, 3, seed=1)
TIED = np.where(np.array([[True, False, False], [False, True, False]]), A, B)
ODD = np.array([[np.nan, 1.0, np.inf], [-np.inf, 0.0, -2.0]])
MASK, OTHER = np.array([[True, False, True], [False, False, True]]), np.array([True, True, False])
INTS, MORE = np.array([[3, -2, 5], [0, 7, 1]]), np.array([1, 6, -4])
X, LOW, HIGH = apart(2, 3), apart(2, 3, seed=4) - 0.4, apart(2, 3, seed=5) + 0.3


def clamp(x, min=None, max=None):
    x = x if min is None else np.where(x < min, min, x)
    return x if max is None else np.where(x > max, max, x)


def torch_clamp(x, min=None, max=None):
    """torch takes bounds that are all numbers or all tensors."""
    return x.clamp(min, max)


CHOOSERS = {
    "maximum": lambda a, b: np.where(a > b, a, b),
    "minimum": lambda a, b: np.where(a < b, a, b),
    "fmax": lambda a, b: np.where(a > b, a, b),
    "fmin": lambda a, b: np.where(a < b, a, b),
}

ROWS = [
    *[
        Row(op, args, ref=ref, torch=op if len(args) == 2 else None, order=0)
        for op, ref in {
            "eq": lambda a, b: a == b,
            "ne": lambda a, b: a != b,
            "lt": lambda a, b: a < b,
            "le": lambda a, b: a <= b,
            "gt": lambda a, b: a > b,
            "ge": lambda a, b: a >= b,
        }.items()
        for args in (
            (A, TIED),
            (A, TIED[0]),
            (A[:, :1], TIED),
            (A, 0.5),
            (INTS, MORE.astype(float)),
        )
    ],
    Row("isclose", (A, A + 1e-6), ref=np.isclose, torch="isclose", order=0),
    Row("isclose", (ODD, -ODD[1]), ref=np.isclose, torch="isclose", order=0),
    Row(
        "isclose",
        (ODD, np.array([[np.nan, 1.4, 3.0], [np.inf, 0.5, -3.0]])),
        {"rtol": 0.1, "atol": 0.35, "equal_nan": True},
        ref=np.isclose,
        torch="isclose",
        order=0,
    ),
    Row("allclose", (A, A), order=0, meta=False, syncs=True),
    Row("equal", (A, A), order=0, meta=False, syncs=True),
    Row("isnan", (ODD,), ref=lambda x: x != x, torch="isnan", order=0),
    Row("isinf", (ODD,), ref=lambda x: np.abs(x) == np.inf, torch="isinf", order=0),
    Row("isfinite", (ODD,), ref=lambda x: np.abs(x) < np.inf, torch="isfinite", order=0),
    Row("isposinf", (ODD,), ref=lambda x: x == np.inf, torch="isposinf", order=0),
    Row("isneginf", (ODD,), ref=lambda x: x == -np.inf, torch="isneginf", order=0),
    *[
        Row(op, args, ref=ref, torch=op, order=0)
        for op, ref in {
            "logical_and": lambda a, b: (a != 0) & (b != 0),
            "logical_or": lambda a, b: (a != 0) | (b != 0),
            "logical_xor": lambda a, b: (a != 0) != (b != 0),
        }.items()
        for args in ((ODD, OTHER), (ODD, np.array([[0.0], [3.0]])))
    ],
    Row("logical_not", (ODD,), ref=lambda x: x == 0, torch="logical_not", order=0),
    # Bool arrays are passed as they are, so these run on arrays; test_operands.py has the rest.
    *[Row(f"bitwise_{op}", (MASK, OTHER), order=0) for op in ("and", "or", "xor")],
    Row("bitwise_not", (MASK,), order=0),
    Row("where", (MASK, A, B), ref=lambda c, a, b: c * a + ~c * b, torch="where"),
    Row("where", (OTHER, A, B[:, :1]), ref=lambda c, a, b: c * a + ~c * b, torch="where"),
    Row("where", (MASK, A[0], 1.5), ref=lambda c, a, b: c * a + ~c * b, torch="where"),
    Row("where", (MASK[:, :1], 2, B[:1]), ref=lambda c, a, b: c * a + ~c * b, torch="where"),
    *[
        Row(op, args, ref=ref, torch=op)
        for op, ref in CHOOSERS.items()
        for args in ((A, B), (A, B[0]), (A[:, :1], B), (np.array(0.1), B))
    ],
    *[Row(op, (A, -0.3), ref=ref) for op, ref in CHOOSERS.items()],
    *[Row(op, (-0.3, B), ref=ref) for op, ref in CHOOSERS.items()],
    Row("clamp", (X, -0.5, 0.6), ref=clamp, torch=torch_clamp),
    Row("clamp", (X,), {"min": 0.1}, ref=clamp, torch="clamp"),
    Row("clamp", (X,), {"max": 0.1}, ref=clamp, torch="clamp"),
    Row("clamp", (X, LOW, HIGH), ref=clamp, torch=torch_clamp),
    Row("clamp", (X, LOW[0], HIGH[:, :1]), ref=clamp, torch=torch_clamp),
    Row("clamp", (X, LOW, 0.2), ref=clamp),
    Row("clamp", (X[:1], None, HIGH), ref=clamp, torch=torch_clamp),
    Row("clamp", (X, LOW), ref=clamp, torch=torch_clamp),
    Row("clamp_min", (X, 0.1), ref=clamp, torch="clamp_min"),
    Row("clamp_min", (X, LOW[0]), ref=clamp, torch="clamp_min"),
    Row("clamp_max", (X, 0.1), ref=lambda x, b: clamp(x, None, b), torch="clamp_max"),
    Row("clamp_max", (X, HIGH[:, :1]), ref=lambda x, b: clamp(x, None, b), torch="clamp_max"),
]
