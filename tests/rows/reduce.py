"""Rows for reductions: sums, statistics, the largest and the smallest, products and scans."""

import math

import numpy as np

from tests.table import Row, apart, rand


def _sum(x, dim=None, keepdim=False, dtype=None):
    return np.sum(x, dim if dim != () else None, dtype, keepdims=keepdim)


def _mean(x, dim=None, keepdim=False):
    return np.mean(x, dim if x.ndim else None, keepdims=keepdim)


def _var(x, dim=None, correction=1, keepdim=False):
    return np.var(x, dim, ddof=correction, keepdims=keepdim)


def _std(x, dim=None, correction=1, keepdim=False):
    return np.std(x, dim, ddof=correction, keepdims=keepdim)


def _amax(x, dim=(), keepdim=False):
    return np.max(x, None if dim == () else dim, keepdims=keepdim)


def _amin(x, dim=(), keepdim=False):
    return np.min(x, None if dim == () else dim, keepdims=keepdim)


def _norm(x, p="fro", dim=None, keepdim=False):
    dim = tuple(range(x.ndim)) if dim is None else dim
    size = np.abs(x)
    if p == math.inf:
        return size.max(dim, keepdims=keepdim)
    if p == -math.inf:
        return size.min(dim, keepdims=keepdim)
    if p == 0:
        return np.sum(x != 0, dim, keepdims=keepdim).astype(float)
    p = 2 if p == "fro" else p
    return np.sum(size**p, dim, keepdims=keepdim) ** (1 / p)


def _logsumexp(x, dim, keepdim=False):
    return np.log(np.sum(np.exp(x), dim, keepdims=keepdim))


def _ties(x, top, dim=None):
    return x == top, (x == top).sum(dim, keepdims=True).astype(x.dtype)


def _recurrence(a, b, dim=-1):
    a, y = np.moveaxis(a, dim, 0), np.moveaxis(b, dim, 0).copy()
    for k in range(1, len(y)):
        y[k] += a[k] * y[k - 1]
    return np.moveaxis(y, 0, dim)


def _flags(*shape):
    """Some zeros among other numbers."""
    return np.where(apart(*shape) > 0, apart(*shape), 0.0)


zeros = rand(3, 4)
zeros[0, 1] = zeros[1, 0] = zeros[1, 3] = 0  # none, one and two of them in rows and columns

ROWS = [
    *[
        Row(name, (rand(*shape), *args), kwargs, ref=ref, torch=name)
        for name, ref in [("sum", _sum), ("mean", _mean)]
        for shape, args, kwargs in [
            ((2, 3), (), {}),
            ((2, 3), (0,), {}),
            ((2, 3), (-1, True), {}),
            ((2, 3, 2), ((0, -1),), {}),
            ((2, 3, 2), ((2, 0), True), {}),
            ((2, 1), (1,), {"keepdim": False}),
            ((), (), {}),
            ((), (0,), {}),
        ]
    ],
    Row("sum", (rand(2, 3), ()), ref=_sum, torch="sum"),
    Row("spread", (rand(), (2, 3)), ref=np.broadcast_to),
    Row("spread", (rand(2), (2, 3), -1), ref=lambda x, *_: np.repeat(x[:, None], 3, 1)),
    Row("spread", (rand(1, 3, 1), (2, 3, 4), (0, 2)), ref=lambda x, s, _: np.broadcast_to(x, s)),
    Row("sum", (rand(2, 0), 1), order=0, ref=_sum, torch="sum"),
    *[
        Row(name, (apart(*shape), *args), ref=ref, torch=name)
        for name, ref in [("amax", _amax), ("amin", _amin)]
        for shape, args in [
            ((2, 3), ()),
            ((2, 3), (0,)),
            ((2, 3, 2), (-2, True)),
            ((2, 3, 2), ((0, -1),)),
            ((2, 3, 2), ((2, 0), True)),
            ((2, 1), (1,)),
            ((), ()),
        ]
    ],
    Row("ties", (np.array([[1.0, 2, 2], [3, 1, 3]]), np.array(2.0)), order=0, ref=_ties),
    Row("ties", (np.array([[1.0, 2], [1, 2]]), np.array([[1.0, 2]]), 0), order=0, ref=_ties),
    *[
        Row(name, (apart(*shape), *args), order=0, ref=ref, torch=name)
        for name, ref in [
            ("argmax", lambda x, dim=None, keepdim=False: np.argmax(x, dim, keepdims=keepdim)),
            ("argmin", lambda x, dim=None, keepdim=False: np.argmin(x, dim, keepdims=keepdim)),
        ]
        for shape, args in [((2, 3), ()), ((2, 3), (0,)), ((2, 3, 2), (-1, True)), ((), ())]
    ],
    *[
        Row(name, (_flags(*shape), *args), order=0, ref=ref, torch=name)
        for name, ref in [
            ("any", lambda x, dim=None, keepdim=False: np.any(x, dim, keepdims=keepdim)),
            ("all", lambda x, dim=None, keepdim=False: np.all(x, dim, keepdims=keepdim)),
        ]
        for shape, args in [
            ((2, 3), ()),
            ((2, 3), (0,)),
            ((2, 3, 2), (-1, True)),
            ((2, 3, 2), ((0, 1),)),
            ((2, 0), (1,)),
        ]
    ],
    *[
        Row("count_nonzero", (_flags(2, 3), *args), order=0, ref=np.count_nonzero, torch=name)
        for name in ["count_nonzero"]
        for args in [(), (0,), ((0, 1),)]
    ],
    *[
        Row(name, (rand(*shape), *args), kwargs, ref=ref, torch=name)
        for name, ref in [
            ("var", _var),
            ("std", _std),
            (
                "var_mean",
                lambda x, dim=None, correction=1, keepdim=False: (
                    _var(x, dim, correction, keepdim),
                    _mean(x, dim, keepdim),
                ),
            ),
            (
                "std_mean",
                lambda x, dim=None, correction=1, keepdim=False: (
                    _std(x, dim, correction, keepdim),
                    _mean(x, dim, keepdim),
                ),
            ),
        ]
        for shape, args, kwargs in [
            ((2, 3), (), {}),
            ((3, 2), (0,), {"correction": 0}),
            ((2, 3), (-1,), {"keepdim": True}),
            ((2, 3, 2), ((0, 2),), {"correction": 2, "keepdim": True}),
        ]
    ],
    Row("var", (rand(2, 3), [0, 1]), ref=lambda x, _: _var(x), torch="var"),
    Row("var", (rand(2, 3), 1, False), ref=lambda x, d, _: np.var(x, 1), torch="var"),
    Row("var", (rand(2, 3), False), ref=lambda x, _: np.var(x), torch="var"),
    Row("std", (rand(2, 3), 1, False, True), ref=lambda x, *_: _std(x, 1, 0, True), torch="std"),
    *[
        Row("norm", (apart(2, 3), *args), ref=_norm, torch="norm")
        for args in [
            (),
            (2, 1),
            ("fro", (0, -1), True),
            (1,),
            (1, 0, True),
            (1, -1),
            (math.inf,),
            (math.inf, 1),
            (-math.inf, 0),
            (3, 1),
            (1.5, -1, True),
            (0.5,),
            (-1, 1),
        ]
    ],
    Row("norm", (_flags(2, 3), 0, 1), zero=True, ref=_norm),
    Row("norm", (_flags(2, 3), 3, 1), order=1, ref=_norm, torch="norm"),
    *[
        Row("logsumexp", (rand(*shape), *args), ref=_logsumexp, torch="logsumexp")
        for shape, args in [
            ((2, 3), (0,)),
            ((2, 3), (-1, True)),
            ((2, 3, 2), ((0, -1),)),
            ((2, 3, 2), ((2, 0), True)),
            ((3, 1), (1,)),
            ((), (0,)),
        ]
    ],
    Row("logsumexp", (rand(2, 0), 1), order=0, ref=_logsumexp, torch="logsumexp"),
    *(
        Row(
            name,
            (rand(2, 3, 2), *args),
            ref=lambda x, dim=None, keepdim=False, ref=ref: ref(x, dim, keepdims=keepdim),
            torch=name,
        )
        for name, ref in (("nansum", np.nansum), ("nanmean", np.nanmean))
        for args in ((), (1,), ((0, -1), True))
    ),
    *[
        Row(name, (x, dim), ref=ref, torch=name)
        for name, ref in [("cumsum", np.cumsum), ("cumprod", np.cumprod)]
        for x, dim in [
            (rand(2, 3), 0),
            (rand(2, 3), -1),
            (rand(2, 3, 2), 1),
            (zeros, 0),
            (zeros, 1),
        ]
    ],
    Row("cumsum", (rand(), 0), ref=lambda x, dim: x, torch="cumsum"),
    Row("cumprod", (rand(), 0), ref=lambda x, dim: x, torch="cumprod"),
    Row("diff", (rand(4),), ref=np.diff, torch="diff"),
    Row("diff", (rand(2, 4), 2), ref=np.diff, torch="diff"),
    Row("diff", (rand(3, 2), 1, 0), ref=np.diff, torch="diff"),
    Row(
        "diff",
        (rand(2, 3), 1, -1, rand(2, 1, seed=1), rand(2, 2, seed=2)),
        ref=np.diff,
        torch="diff",
    ),
    Row("prod", (rand(2, 3),), ref=np.prod, torch="prod"),
    Row("prod", (rand(),), ref=np.prod, torch="prod"),
    Row("prod", (rand(), -1), ref=np.prod, torch="prod"),
    Row("prod", (rand(2, 3), 0), ref=np.prod, torch="prod"),
    Row("prod", (rand(2, 3), 1), ref=np.prod, torch="prod"),
    Row(
        "prod",
        (rand(2, 3, 2), -2, True),
        ref=lambda x, dim, keepdim: np.prod(x, dim, keepdims=keepdim),
        torch="prod",
    ),
    Row("prod", (zeros,), zero=True, ref=np.prod, torch="prod"),  # three zeros
    Row("prod", (zeros[0],), ref=np.prod, torch="prod"),
    Row("prod", (zeros, 0), ref=np.prod, torch="prod"),
    Row("prod", (zeros, 1), ref=np.prod, torch="prod"),
    Row("prod", (np.array([2.0, 0.0, 3.0]),), ref=np.prod, torch="prod"),
    Row("recurrence", (rand(2, 4), rand(2, 4, seed=1)), ref=_recurrence),
    Row("recurrence", (rand(4, 2), rand(4, 2, seed=1), 0), ref=_recurrence),
]
