"""Rows for arithmetic: the operators, rounding, sizes and signs."""

import numpy as np

from tests.table import Row, apart, rand

A, B = rand(2, 3), rand(2, 3, seed=1)
MASK = np.array([[True, False, True]])
INTS = np.array([[3, -2, 5]])


def shapes(op, ref, torch, b=B, a=A):
    """The pairs of shapes that every operator of two sides meets."""
    return [
        Row(op, (a, b), ref=ref, torch=torch),
        Row(op, (a, b[0]), ref=ref, torch=torch),
        Row(op, (a[:, :1], b), ref=ref, torch=torch),
        Row(op, (a[:, None, :1], b[:1]), ref=ref, torch=torch),
        Row(op, (np.array(a[0, 0]), b[:, :2]), ref=ref, torch=torch),
        Row(op, (np.array(a[0, 0]), np.array(b[0, 1])), ref=ref, torch=torch),
        Row(op, (a, 1.5), ref=ref, torch=torch),
        Row(op, (a, 2), ref=ref, torch=torch),
    ]


def left(op, ref, torch, b=B, a=1.5):
    """A number or an integer array on the left."""
    return [
        Row(op, (a, b), ref=ref, torch=lambda a, b: torch(a, b)),
        Row(op, (INTS, b), ref=ref, torch=lambda a, b: torch(a, b)),
    ]


def lerp(a, b, w):
    return (1 - w) * a + w * b


ROWS = [
    *shapes("add", lambda a, b: a + b, "add"),
    *left("add", lambda a, b: a + b, lambda a, b: a + b),
    Row("add", (A, B[0], 3), ref=lambda a, b, alpha: a + alpha * b),
    Row("add", (A, B, 2), ref=lambda a, b, alpha: a + alpha * b),
    Row(
        "add",
        (A, B[:1]),
        {"alpha": -0.5},
        ref=lambda a, b, alpha: a + alpha * b,
        torch="add",
    ),
    *shapes("sub", lambda a, b: a - b, "sub"),
    *left("sub", lambda a, b: a - b, lambda a, b: a - b),
    Row("sub", (A[0], B), {"alpha": 3}, ref=lambda a, b, alpha: a - alpha * b, torch="sub"),
    Row("rsub", (A, B[0]), ref=lambda a, b: b - a, torch="rsub"),
    Row("rsub", (A, 2.0), {"alpha": 3}, ref=lambda a, b, alpha: b - alpha * a, torch="rsub"),
    Row("neg", (A,), ref=lambda x: -x, torch="neg"),
    Row("neg", (np.array(A[0, 0]),), ref=lambda x: -x, torch="neg"),
    Row("positive", (A,), ref=lambda x: x, torch="positive"),
    *shapes("mul", lambda a, b: a * b, "mul"),
    *left("mul", lambda a, b: a * b, lambda a, b: a * b),
    Row("mul", (A, MASK), ref=lambda a, b: a * b, torch="mul"),
    *shapes("div", lambda a, b: a / b, "div"),
    *left("div", lambda a, b: a / b, lambda a, b: a / b),
    *[
        Row(
            "div",
            (4 * A, b),
            {"rounding_mode": mode},
            ref=lambda a, b, rounding_mode, f=f: f(a / b),
            torch="div",
            zero=True,
        )
        for mode, f in (("floor", np.floor), ("trunc", np.trunc))
        for b in (B, B[:, :1], 0.75)
    ],
    Row("floor_divide", (4 * A, B), ref=lambda a, b: np.floor(a / b), zero=True),
    Row("floor_divide", (4 * A, B[0]), ref=lambda a, b: np.floor(a / b), zero=True),
    Row("floor_divide", (4 * A, 0.75), ref=lambda a, b: np.floor(a / b), zero=True),
    Row("floor_divide", (5, B), ref=lambda a, b: np.floor(a / b), zero=True),
    *[
        row
        for op, turn in (("remainder", np.floor), ("fmod", np.trunc))
        for row in (
            Row(op, (4 * A, B), ref=lambda a, b, f=turn: a - b * f(a / b), torch=op),
            Row(op, (4 * A, B[0]), ref=lambda a, b, f=turn: a - b * f(a / b), torch=op),
            Row(op, (4 * A[:, :1], B), ref=lambda a, b, f=turn: a - b * f(a / b), torch=op),
            Row(op, (4 * A, -0.75), ref=lambda a, b, f=turn: a - b * f(a / b), torch=op),
        )
    ],
    Row("remainder", (5, B), ref=lambda a, b: a - b * np.floor(a / b)),
    Row("fmod", (5, B), ref=lambda a, b: a - b * np.trunc(a / b)),
    Row("addcmul", (A, B, B[0]), ref=lambda x, a, b: x + a * b, torch="addcmul"),
    Row(
        "addcmul",
        (A[0], B[:, :1], B[:1]),
        {"value": -2.5},
        ref=lambda x, a, b, value: x + value * a * b,
        torch="addcmul",
    ),
    Row("addcdiv", (A, B, B[0]), ref=lambda x, a, b: x + a / b, torch="addcdiv"),
    Row(
        "addcdiv",
        (A[0], B[:, :1], B[:1]),
        {"value": -2.5},
        ref=lambda x, a, b, value: x + value * a / b,
        torch="addcdiv",
    ),
    Row("lerp", (A, B, 0.25), ref=lerp, torch="lerp"),
    Row("lerp", (A, B[0], 0.75), ref=lerp, torch="lerp"),
    Row("lerp", (A[0], B, rand(2, 3, seed=2)), ref=lerp, torch="lerp"),
    Row("lerp", (A, B, rand(2, 1, seed=3)), ref=lerp, torch="lerp"),
    Row("abs", (A,), ref=lambda x: np.where(x > 0, x, -x), torch="abs"),
    Row("abs", (np.array(A[1, 1]),), ref=lambda x: np.where(x > 0, x, -x), torch="abs"),
    Row("sign", (A,), ref=lambda x: np.where(x > 0, 1, -1), torch="sign", zero=True),
    Row("floor", (3 * A,), ref=lambda x: x // 1, torch="floor", zero=True),
    Row("ceil", (3 * A,), ref=lambda x: -(-x // 1), torch="ceil", zero=True),
    Row("trunc", (3 * A,), ref=lambda x: x.astype(int), torch="trunc", zero=True),
    Row("round", (3 * A,), ref=lambda x: np.floor(x + 0.5), torch="round", zero=True),
    Row(
        "round",
        (3 * A,),
        {"decimals": 1},
        ref=lambda x, decimals: np.floor(x * 10 + 0.5) / 10,
        torch="round",
        zero=True,
    ),
    Row(
        "round",
        (apart(3, 4, step=7.3),),
        {"decimals": -1},
        ref=lambda x, decimals: np.floor(x / 10 + 0.5) * 10,
        torch="round",
        zero=True,
    ),
    Row("frac", (3 * A,), ref=lambda x: np.sign(x) * (np.abs(x) % 1), torch="frac"),
]
