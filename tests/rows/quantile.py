"""Rows for quantiles and histograms."""

import numpy as np

from tests.table import Row, apart, rand

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
HOLED = np.where(apart(4, 3) > 1, np.nan, apart(4, 3))


def _ref(function):
    def call(x, q, dim=None, keepdim=False, interpolation="linear"):
        return function(x, q, dim, keepdims=keepdim, method=interpolation)

    return call


def _torch(name):
    def call(x, q, *args, **kwargs):
        import torch

        q = torch.tensor(q, dtype=x.dtype) if isinstance(q, (list, tuple)) else q
        return getattr(torch, name)(x, q, *args, **kwargs)

    return call


def _row(name, x, *args, **kwargs):
    return Row(name, (x, *args), kwargs, ref=_ref(getattr(np, name)), torch=_torch(name))


ROWS = [
    *(_row("quantile", apart(3, 4), 0.3, interpolation=name) for name in METHODS),
    *(_row("quantile", apart(5), 0.5, interpolation=name) for name in METHODS),
    _row("quantile", apart(3, 4), 0.6, 0),
    _row("quantile", apart(3, 4), 0.35, 1, True),
    _row("quantile", apart(2, 3, 4), (0.0, 0.4, 1.0), -2),
    _row("quantile", apart(2, 3), (0.2, 0.7), None, True),
    _row("quantile", apart(1), 0.7),
    Row("nanquantile", (HOLED, 0.4, 0), ref=_ref(np.nanquantile), grad=(), order=0),
    _row("nanquantile", apart(3, 4), (0.25, 0.8), 1, interpolation="midpoint"),
    Row(
        "histc",
        (rand(4, 3), 5),
        ref=lambda x, bins: np.histogram(x, bins)[0].astype(float),
        torch="histc",
        order=0,
    ),
    Row(
        "histc",
        (rand(4, 3), 4, -1, 1),
        ref=lambda x, bins, low, high: np.histogram(x, bins, (low, high))[0].astype(float),
        torch="histc",
        order=0,
    ),
    Row("histc", (np.full(3, 2.0), 4), ref=lambda x, n: np.array([0.0, 0, 3, 0]), order=0),
]
