"""Rows for running values, for what is put together of blocks, and for covariances."""

from __future__ import annotations

import itertools

import numpy as np

from tests.table import Row, apart, rand


def _running(ufunc):
    def ref(x, dim):
        best = ufunc.accumulate(x, dim) if x.ndim else x
        if not x.ndim:
            return x, np.array(0)
        places = np.arange(x.shape[dim]).reshape(-1, *(1,) * (x.ndim - dim % x.ndim - 1))
        return best, np.maximum.accumulate(np.where(x == best, places, 0), dim)

    return ref


def _block_diag(*xs):
    xs = [np.atleast_2d(x) for x in xs]
    y = np.zeros(np.sum([x.shape for x in xs], 0))
    i = j = 0
    for x in xs:
        y[i : i + x.shape[0], j : j + x.shape[1]] = x
        i, j = i + x.shape[0], j + x.shape[1]
    return y


def _combinations(x, r=2, again=False):
    choose = itertools.combinations_with_replacement if again else itertools.combinations
    return np.array(list(choose(x, r)))


COUNTS = np.array([1, 3, 2, 1])
SHARES = rand(4, low=0.5, high=2.0)

ROWS = [
    *[
        Row(name, (x, dim), ref=_running(ufunc), torch=name)
        for name, ufunc in (("cummax", np.maximum), ("cummin", np.minimum))
        for x, dim in [
            (apart(5), 0),
            (apart(2, 3), -1),
            (apart(4, 2), 0),
            (apart(2, 5, 2), 1),
            (apart(2, 1), 1),
            (apart(), 0),
        ]
    ],
    *[
        Row(
            "logcumsumexp",
            (x, dim),
            ref=lambda x, dim: np.logaddexp.accumulate(x, dim) if x.ndim else x,
            torch="logcumsumexp",
        )
        for x, dim in [
            (rand(5), 0),
            (rand(2, 3), -1),
            (rand(4, 2), 0),
            (rand(2, 5, 2), 1),
            (rand(2, 1), 1),
            (rand(), 0),
        ]
    ],
    Row(
        "cartesian_prod",
        (rand(2), rand(3)),
        ref=lambda *xs: np.array(list(itertools.product(*xs))),
        torch="cartesian_prod",
    ),
    Row(
        "cartesian_prod",
        (rand(2), rand(1), rand(2, seed=1)),
        ref=lambda *xs: np.array(list(itertools.product(*xs))),
        torch="cartesian_prod",
    ),
    Row("cartesian_prod", (rand(3),), ref=lambda x: x, torch="cartesian_prod"),
    *[
        Row("combinations", args, ref=_combinations, torch="combinations", syncs=True)
        for args in [(rand(4),), (rand(4), 3), (rand(3), 2, True)]
    ],
    Row("block_diag", (rand(2, 3), rand(1, 2)), ref=_block_diag, torch="block_diag"),
    Row("block_diag", (rand(2, 2), rand(3), rand()), ref=_block_diag, torch="block_diag"),
    Row("diagflat", (rand(2, 2),), ref=np.diagflat, torch="diagflat"),
    Row("diagflat", (rand(3), -1), ref=np.diagflat, torch="diagflat"),
    Row("cov", (rand(3, 4),), ref=np.cov, torch="cov"),
    Row("cov", (rand(5),), ref=np.cov, torch="cov"),
    Row(
        "cov",
        (rand(2, 4),),
        {"correction": 0},
        ref=lambda x, correction: np.cov(x, ddof=correction),
        torch="cov",
    ),
    Row(
        "cov",
        (rand(2, 4),),
        {"fweights": COUNTS, "aweights": SHARES},
        ref=lambda x, fweights, aweights: np.cov(x, fweights=fweights, aweights=aweights),
        syncs=True,
    ),
    Row("corrcoef", (rand(3, 5),), ref=np.corrcoef, torch="corrcoef"),
]
