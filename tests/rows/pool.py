"""Rows for pooling."""

from itertools import product

import numpy as np

from minitorch.ops.resize import bins
from tests.rows.window import each
from tests.table import Row, apart, rand


def pooled(x, of_window, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """of_window(inputs, how many places lie within the padding too), window after window."""
    n = x.ndim - 2
    kernel, padding, dilation = (each(v, n) for v in (kernel_size, padding, dilation))
    stride = kernel if stride is None else each(stride, n)
    starts = []
    for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation):
        last = size + p - 1 if ceil_mode else size + 2 * p - d * (k - 1) - 1
        found = range(0, last + 1, s)
        if ceil_mode:  # as few as reach the end
            reach = [i for i in found if i - s + d * (k - 1) + 1 < size + 2 * p]
            found = [i for i in reach if i < size + p]
        starts.append([i - p for i in found])
    y = np.zeros((*x.shape[:2], *map(len, starts)))
    for at in product(*[range(len(s)) for s in starts]):
        places = [
            [s[i] + t * d for t in range(k)] for s, i, k, d in zip(starts, at, kernel, dilation)
        ]
        inside = [[i for i in p if 0 <= i < size] for p, size in zip(places, x.shape[2:])]
        wide = [
            sum(-p <= i < size + p for i in tried)
            for tried, size, p in zip(places, x.shape[2:], padding)
        ]
        window = x[(slice(None), slice(None), *np.ix_(*inside))].reshape(*x.shape[:2], -1)
        y[(..., *at)] = of_window(window, int(np.prod(wide)))
    return y


def max_pool(x, *args, **kwargs):
    return pooled(x, lambda window, _: window.max(axis=-1), *args, **kwargs)


def avg_pool(
    x,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    def mean(window, wide):
        n = divisor_override or (wide if count_include_pad else window.shape[-1])
        return window.sum(axis=-1) / n

    return pooled(x, mean, kernel_size, stride, padding, 1, ceil_mode)


def adaptive(x, reduce, output_size):
    sizes = each(output_size, x.ndim - 2) if not isinstance(output_size, tuple) else output_size
    sizes = [s if n is None else n for s, n in zip(x.shape[2:], sizes)]
    y = np.zeros((*x.shape[:2], *sizes))
    for at in np.ndindex(*sizes):
        where = [slice(i * s // n, -(-(i + 1) * s // n)) for i, s, n in zip(at, x.shape[2:], sizes)]
        y[(..., *at)] = reduce(x[(..., *where)].reshape(*x.shape[:2], -1), -1)
    return y


def winner(x, y, kernel_size, **kwargs):
    """By argmax, in full windows without padding."""
    return pooled(x, lambda window, _: window.argmax(axis=-1), kernel_size, **kwargs)


def indices(x, y, kernel_size, **kwargs):
    """The places of the maxima, by looking for them: no two inputs are equal."""
    y = max_pool(x, kernel_size, **kwargs)
    flat = x.reshape(*x.shape[:2], -1)
    found = (flat[:, :, None] == y.reshape(*y.shape[:2], -1)[..., None]).argmax(axis=-1)
    return found.reshape(y.shape)


def put(x, winner, size, kernel_size, stride=None, **_):
    kernel, n = each(kernel_size, len(size)), len(size)
    stride = kernel if stride is None else each(stride, n)
    y = np.zeros((*x.shape[:2], *size))
    for at in np.ndindex(*x.shape):
        tap = np.unravel_index(winner[at], kernel)
        y[(*at[:2], *[i * s + t for i, s, t in zip(at[2:], stride, tap)])] += x[at]
    return y


def pick(x, winner, kernel_size, stride=None, **_):
    n = x.ndim - 2
    kernel = each(kernel_size, n)
    stride = kernel if stride is None else each(stride, n)
    y = np.zeros(winner.shape)
    for at in np.ndindex(*winner.shape):
        tap = np.unravel_index(winner[at], kernel)
        y[at] = x[(*at[:2], *[i * s + t for i, s, t in zip(at[2:], stride, tap)])]
    return y


WINNER = np.array([[[[0, 3], [5, 1]]]], np.uint8)

MAX1 = [
    ((2, 2, 5), {"kernel_size": 2}),
    ((1, 2, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((1, 1, 7), {"kernel_size": 2, "stride": 1, "dilation": 3}),
]
MAX2 = [
    ((2, 2, 4, 3), {"kernel_size": 2}),
    ((1, 1, 5, 4), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    ((1, 1, 5, 5), {"kernel_size": 2, "ceil_mode": True}),
    ((1, 1, 5, 4), {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True}),
    ((1, 1, 5, 5), {"kernel_size": 2, "stride": 1, "dilation": 2, "padding": 1}),
    ((1, 2, 4, 4), {"kernel_size": 1, "stride": 2}),
    ((1, 2, 5, 4), {"kernel_size": 2, "stride": 3}),
    ((1, 1, 4, 6), {"kernel_size": (1, 3), "stride": (1, 2)}),
]
AVG1 = [
    ((2, 2, 5), {"kernel_size": 2}),
    ((1, 2, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((1, 2, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
]
AVG2 = [
    ((2, 2, 4, 3), {"kernel_size": 2}),
    ((1, 2, 4, 3), {"kernel_size": (2, 3), "stride": 1}),
    ((1, 1, 5, 4), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}),
    ((1, 1, 5, 5), {"kernel_size": 2, "ceil_mode": True}),
    ((1, 1, 5, 4), {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True}),
    (
        (1, 1, 5, 4),
        {
            "kernel_size": 3,
            "stride": 3,
            "padding": 1,
            "ceil_mode": True,
            "count_include_pad": False,
        },
    ),
    ((1, 1, 4, 5), {"kernel_size": 2, "padding": 1, "divisor_override": 3}),
    ((1, 2, 4, 4), {"kernel_size": 1, "stride": 2}),
]
MAX3 = [
    ((1, 2, 2, 3, 3), {"kernel_size": 2, "stride": 1}),
    ((1, 1, 3, 2, 4), {"kernel_size": (3, 1, 2), "padding": (1, 0, 1), "ceil_mode": True}),
]
AVG3 = [
    ((1, 2, 2, 3, 3), {"kernel_size": 2, "stride": 1}),
    ((1, 1, 2, 3, 4), {"kernel_size": (1, 2, 3), "padding": (0, 1, 1), "count_include_pad": False}),
    ((1, 1, 2, 2, 4), {"kernel_size": 2, "divisor_override": 3}),
]
ADAPTIVE = [
    ("1d", (2, 2, 6), 3),
    ("1d", (1, 2, 5), 3),
    ("1d", (1, 2, 3), 5),
    ("2d", (2, 2, 3, 4), 1),
    ("2d", (1, 2, 4, 6), (2, 3)),
    ("2d", (1, 1, 5, 7), (3, 2)),
    ("2d", (1, 2, 3, 4), (None, 3)),
    ("3d", (1, 2, 2, 4, 3), (2, 2, 1)),
    ("3d", (1, 1, 3, 2, 4), (2, None, 3)),
]


def uneven(shape, size):
    """True where bins differ in length: what goes into which is a table, made on the host."""
    return any(s % n for s, n in zip(shape[2:], each(size, len(shape) - 2)) if n)


ROWS = [
    *[
        Row(
            f"max_pool{n}d", (apart(*shape),), kw, ref=max_pool, torch=f"nn.functional.max_pool{n}d"
        )
        for n, samples in ((1, MAX1), (2, MAX2), (3, MAX3))
        for shape, kw in samples
    ],
    *[
        Row(
            f"max_pool{n}d",
            (apart(*shape),),
            {**kw, "return_indices": True},
            torch=f"nn.functional.max_pool{n}d",
        )
        for n, samples in ((1, MAX1), (2, MAX2), (3, MAX3))
        for shape, kw in samples
    ],
    Row("max_pool", (apart(1, 1, 3, 2, 4),), {"kernel_size": 2}, ref=max_pool),
    Row("max_pool", (apart(1, 2, 5, 4), 2, 1, 0, 2), torch="nn.functional.max_pool2d"),
    Row(
        "max_pool_winner",
        (apart(2, 2, 4, 5), max_pool(apart(2, 2, 4, 5), (2, 3), 1)),
        {"kernel_size": (2, 3), "stride": 1},
        ref=winner,
        order=0,
    ),
    *[
        Row(
            "max_pool_indices",
            (apart(2, 1, 5, 4), max_pool(apart(2, 1, 5, 4), **kw)),
            kw,
            ref=indices,
            order=0,
        )
        for kw in (
            {"kernel_size": (2, 3), "stride": 1},
            {"kernel_size": 3, "stride": 2, "padding": 1},
        )
    ],
    *[
        Row(
            "max_pool_put",
            (rand(1, 1, 2, 2), WINNER, size),
            {"kernel_size": (2, 3), "stride": stride},
            ref=put,
        )
        for size, stride in (((4, 6), None), ((3, 4), 1), ((5, 9), (3, 4)))
    ],
    *[
        Row(
            "max_pool_pick",
            (rand(1, 1, *size), WINNER),
            {"kernel_size": (2, 3), "stride": stride},
            ref=pick,
        )
        for size, stride in (((4, 6), None), ((3, 4), 1))
    ],
    *[
        Row(f"avg_pool{n}d", (rand(*shape),), kw, ref=avg_pool, torch=f"nn.functional.avg_pool{n}d")
        for n, samples in ((1, AVG1), (2, AVG2), (3, AVG3))
        for shape, kw in samples
    ],
    Row("avg_pool", (rand(1, 1, 3, 2, 4),), {"kernel_size": 2}, ref=avg_pool),
    *[
        Row("avg_pool_back", (rand(1, 2, 2, 2),), {"size": size, "kernel_size": 2, **kw})
        for size, kw in (
            ((4, 5), {}),
            ((3, 3), {"stride": 1}),
            ((3, 2), {"padding": 1, "ceil_mode": True, "count_include_pad": False}),
        )
    ],
    *[
        Row(
            f"adaptive_avg_pool{n}",
            (rand(*shape), size),
            ref=lambda x, output_size: adaptive(x, np.mean, output_size),
            torch=f"nn.functional.adaptive_avg_pool{n}",
            syncs=uneven(shape, size),
        )
        for n, shape, size in ADAPTIVE
    ],
    *[
        Row(
            f"adaptive_max_pool{n}",
            (apart(*shape), size),
            ref=lambda x, output_size: adaptive(x, np.max, output_size),
            torch=f"nn.functional.adaptive_max_pool{n}",
            syncs=uneven(shape, size),
        )
        for n, shape, size in ADAPTIVE
    ],
    *[
        Row(
            f"adaptive_max_pool{n}",
            (apart(*shape), size),
            {"return_indices": True},
            torch=f"nn.functional.adaptive_max_pool{n}",
            syncs=uneven(shape, size),
        )
        for n, shape, size in ADAPTIVE
    ],
    Row(
        "max_pool_indices",
        (apart(1, 1, 9), max_pool(apart(1, 1, 9), 3)),
        {"kernel_size": 3, "places": [bins(5, 3)]},
        ref=lambda x, y, kernel_size, places: np.array([0, 1, 1, 1, 2, 3, 3, 4, 4])[
            indices(x, y, kernel_size)
        ],
        order=0,
        syncs=True,
    ),
]
