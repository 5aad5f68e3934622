"""Rows for softmax and its logarithm."""

import numpy as np

from tests.table import Row, rand


def softmax(x, dim):
    e = np.exp(x)
    return e / e.sum(axis=dim, keepdims=True)


def log_softmax(x, dim):
    return np.log(softmax(x, dim))


def rows(op, ref, torch):
    calls = [
        ((rand(3, 4),), {"dim": 1}),
        ((rand(3, 4),), {"dim": 0}),
        ((rand(2, 3, 2),), {"dim": -2}),
        ((rand(5, seed=1),), {"dim": 0}),
    ]
    alone = [((rand(2, 1),), {"dim": 1}), ((rand(),), {"dim": 0})]  # the share of one is 1
    return [
        *[Row(op, args, kwargs, ref=ref, torch=torch) for args, kwargs in calls],
        *[Row(op, args, kwargs, ref=ref, torch=torch, zero=True) for args, kwargs in alone],
    ]


def in_float64(op, ref):
    """With the dtype to compute in named, and by torch's name for it."""

    def torchs(x, dim, dtype):
        import torch

        return getattr(torch, op)(x, dim, dtype=getattr(torch, dtype))

    def twin(x, dim, dtype):
        return ref(x.astype(dtype), dim)

    options = {"dim": 1, "dtype": "float64"}
    return Row(op, (rand(3, 4),), options, ref=twin, torch=torchs, moves=True)


ROWS = [
    *rows("softmax", softmax, "softmax"),
    *rows("log_softmax", log_softmax, "log_softmax"),
    *rows("log_softmax_naive", log_softmax, "log_softmax"),
    *rows("log_softmax_simplified", log_softmax, "log_softmax"),
    *rows("softmin", lambda x, dim: softmax(-x, dim), "nn.functional.softmin"),
    in_float64("softmax", softmax),
    in_float64("log_softmax", log_softmax),
]
