"""Rows for products of matrices and vectors."""

import numpy as np

from tests.table import Row, rand


def _pair(name, a, b, ref=np.matmul, torch="matmul", **options):
    return Row(name, (rand(*a), rand(*b, seed=1)), ref=ref, torch=torch, **options)


SHAPES = [  # every pair of ranks from 1 to 4, with batches that broadcast both ways
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((3,), (2, 3, 2)),
    ((3,), (2, 1, 3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((2, 3), (2, 3, 2)),
    ((2, 3), (2, 1, 3, 2)),
    ((2, 4, 3), (3,)),
    ((2, 2, 3), (3, 2)),
    ((2, 2, 3), (2, 3, 4)),
    ((1, 2, 3), (2, 3, 2)),
    ((2, 2, 3), (2, 1, 3, 2)),
    ((2, 1, 2, 3), (3,)),
    ((2, 1, 2, 3), (3, 2)),
    ((2, 1, 2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (1, 2, 3, 2)),
    ((1, 3), (3, 1)),
    ((2, 1), (1, 3)),
]


def _scaled(product):
    return lambda x, a, b, beta=1, alpha=1: (beta * x if beta else 0) + alpha * product(a, b)


def _sum_with(name, x, a, b, product=np.matmul):
    args = (rand(*x, seed=2), rand(*a), rand(*b, seed=1))
    return [
        Row(name, args, kwargs, ref=_scaled(product), torch=name, grad=grad)
        for kwargs, grad in (
            ({}, None),
            ({"beta": 0.5, "alpha": -2.0}, None),
            ({"beta": 2, "alpha": 2}, None),
            ({"beta": 0}, (1, 2)),
        )
    ]


def _linear(x, weight, bias=None):
    return x @ weight.T + (0 if bias is None else bias)


def _chain(*xs):
    return np.linalg.multi_dot(xs)


ROWS = [
    *(_pair("matmul", a, b) for a, b in SHAPES),
    Row("matmul", (rand(2, 3), rand(3, 2, seed=1)), ref=np.matmul, torch="matmul", grad=(0,)),
    Row("matmul", (rand(2, 3), rand(3, 2, seed=1)), ref=np.matmul, torch="matmul", grad=(1,)),
    _pair("mm", (2, 3), (3, 4), torch="mm"),
    _pair("bmm", (2, 3, 4), (2, 4, 1), torch="bmm"),
    _pair("mv", (2, 3), (3,), torch="mv"),
    _pair("dot", (3,), (3,), ref=np.dot, torch="dot"),
    _pair("inner", (3,), (3,), ref=np.inner, torch="inner"),
    _pair("inner", (2, 3), (4, 3), ref=np.inner, torch="inner"),
    _pair("inner", (2, 2, 3), (3,), ref=np.inner, torch="inner"),
    _pair("inner", (), (2, 3), ref=np.inner, torch="inner", layouts=False),
    _pair("outer", (2,), (3,), ref=np.outer, torch="outer"),
    _pair("outer", (1,), (3,), ref=np.outer, torch="outer"),
    *(
        Row(
            "linear",
            (rand(*x), rand(2, 3, seed=1), *bias),
            ref=_linear,
            torch="nn.functional.linear",
        )
        for x in ((3,), (4, 3), (2, 2, 3), (2, 1, 2, 3))
        for bias in ((), (rand(2, seed=2),))
    ),
    Row("linear", (rand(4, 3), rand(1, 3, seed=1)), ref=_linear, torch="nn.functional.linear"),
    Row(
        "linear",
        (rand(4, 3), rand(2, 3, seed=1), rand(2, seed=2)),
        ref=_linear,
        torch="nn.functional.linear",
        grad=(1, 2),
    ),
    *_sum_with("addmm", (2, 4), (2, 3), (3, 4)),
    *_sum_with("addmm", (4,), (2, 3), (3, 4)),
    *_sum_with("addmv", (2,), (2, 3), (3,)),
    *_sum_with("addr", (2, 3), (2,), (3,), np.outer),
    *_sum_with("baddbmm", (2, 1, 4), (2, 2, 3), (2, 3, 4)),
    *_sum_with("addbmm", (2, 4), (2, 2, 3), (2, 3, 4), lambda a, b: (a @ b).sum(0)),
    Row(
        "chain_matmul",
        (rand(2, 5), rand(5, 1, seed=1), rand(1, 3, seed=2), rand(3, 2, seed=3)),
        ref=_chain,
        torch=lambda *xs: _multi_dot(xs),
        order=1,
    ),
    Row("chain_matmul", (rand(2, 3),), ref=lambda x: x),
    _pair("matmul_loops", (2, 3), (3, 4), torch="mm"),
    _pair("matmul_rows", (2, 3), (3, 4), torch="mm"),
    _pair("matmul_broadcast", (2, 3), (3, 4), torch="mm"),
    _pair("matmul_einsum", (2, 3), (3, 4), torch="mm"),
]


def _multi_dot(xs):
    import torch

    return torch.linalg.multi_dot(xs)
