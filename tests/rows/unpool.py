"""Rows for unpooling, pooling by a power mean, and the randomized leaky ReLU."""

import numpy as np

from tests.rows.dropout import Same
from tests.table import Row, rand


def unpooled(x, at, kernel_size, stride=None, padding=0, output_size=None):
    """One maximum after the other, put where it was."""
    n = x.ndim - 2
    each = lambda v: v if isinstance(v, tuple) else (v,) * n
    steps = each(kernel_size if stride is None else stride)
    sizes = [
        (m - 1) * s - 2 * p + k
        for m, s, p, k in zip(x.shape[2:], steps, each(padding), each(kernel_size))
    ]
    sizes = sizes if output_size is None else output_size[-n:]
    y = np.zeros((*x.shape[:2], int(np.prod(sizes))))
    for place in np.ndindex(*x.shape):
        y[(*place[:2], at[place])] = x[place]
    return y.reshape(*x.shape[:2], *sizes)


def power_pooled(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Window by window; one that sticks out is scaled up to a whole one."""
    n = x.ndim - 2
    each = lambda v: v if isinstance(v, tuple) else (v,) * n
    kernel = each(kernel_size)
    steps = kernel if stride is None else each(stride)
    more = [s - 1 if ceil_mode else 0 for s in steps]
    counts = [(m - k + e) // s + 1 for m, k, s, e in zip(x.shape[2:], kernel, steps, more)]
    counts = [c - ((c - 1) * s >= m) for c, s, m in zip(counts, steps, x.shape[2:])]
    y = np.zeros((*x.shape[:2], *counts))
    for at in np.ndindex(*counts):
        window = x[(..., *(slice(i * s, i * s + k) for i, s, k in zip(at, steps, kernel)))]
        mean = (window**norm_type).mean(tuple(range(2, n + 2)))
        y[(..., *at)] = (mean * np.prod(kernel)) ** (1 / norm_type)
    return y


def rrelu(x, lower=1 / 8, upper=1 / 3, training=False, generator=None):
    drawn = Same().uniform(x.shape, np.dtype(np.float32)) * (upper - lower) + lower
    return np.where(x > 0, x, x * (drawn if training else (lower + upper) / 2))


AT = np.array([[[[1, 2], [8, 7]], [[0, 3], [5, 10]]]])
POSITIVE = {"low": 0.5, "high": 2.0}


def unpool(n, x, at, options):
    name = f"max_unpool{n}d"
    return Row(name, (x, at), options, ref=unpooled, torch=f"nn.functional.{name}")


def lp_pool(n, shape, options):
    name = f"lp_pool{n}d"
    return Row(
        name, (rand(*shape, **POSITIVE),), options, ref=power_pooled, torch=f"nn.functional.{name}"
    )


ROWS = [
    unpool(1, rand(2, 1, 2), np.array([[[1, 2]], [[0, 3]]]), {"kernel_size": 2}),
    unpool(2, rand(1, 2, 2, 2), AT, {"kernel_size": 2}),
    unpool(2, rand(1, 2, 2, 2), AT, {"kernel_size": (2, 3), "stride": 2, "padding": (0, 1)}),
    unpool(2, rand(1, 2, 2, 2), AT, {"kernel_size": 2, "output_size": (1, 2, 5, 3)}),
    unpool(3, rand(1, 1, 1, 2, 1), np.array([[[[[3], [4]]]]]), {"kernel_size": (1, 2, 3)}),
    lp_pool(1, (2, 1, 5), {"norm_type": 2, "kernel_size": 2}),
    lp_pool(1, (1, 1, 5), {"norm_type": 1, "kernel_size": 2, "ceil_mode": True}),
    lp_pool(2, (1, 2, 3, 5), {"norm_type": 3.0, "kernel_size": (2, 3), "stride": (1, 2)}),
    lp_pool(2, (1, 1, 3, 4), {"norm_type": 2, "kernel_size": 2, "ceil_mode": True}),
    lp_pool(3, (1, 1, 2, 2, 3), {"norm_type": 2, "kernel_size": (2, 1, 2)}),
    Row("rrelu", (rand(3, 4),), {}, ref=rrelu, torch="nn.functional.rrelu"),
    Row("rrelu", (rand(5),), {"lower": 0.25, "upper": 0.75}, ref=rrelu),
    Row("rrelu", (rand(3, 4),), {"training": True, "generator": Same()}, ref=rrelu, syncs=True),
]
