"""Rows for gates, pixels and channels, limits, distances, soft choices and bags of words."""

import numpy as np

from tests.rows.dropout import Same
from tests.table import Row, apart, rand


def glu(x, dim=-1):
    a, b = np.split(x, 2, axis=dim)
    return a / (1 + np.exp(-b))


def pixel_shuffle(x, r):
    *rest, channels, H, W = x.shape
    y = np.zeros((*rest, channels // r**2, H * r, W * r))
    for c, i, j in np.ndindex(channels // r**2, r, r):
        y[..., c, i::r, j::r] = x[..., c * r * r + i * r + j, :, :]
    return y


def pixel_unshuffle(x, r):
    parts = [x[..., c, i::r, j::r] for c, i, j in np.ndindex(x.shape[-3], r, r)]
    return np.stack(parts, axis=-3)


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    most = np.finfo(np.float64).max
    y = np.where(np.isnan(x), nan, x)
    y = np.where(x == np.inf, most if posinf is None else posinf, y)
    return np.where(x == -np.inf, -most if neginf is None else neginf, y)


def channel_shuffle(x, groups):
    C = x.shape[1]
    return np.stack(
        [x[:, j * C // groups + c] for c in range(C // groups) for j in range(groups)], 1
    )


def pdist(x, p=2.0):
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x))]
    return np.array([(np.abs(x[i] - x[j]) ** p).sum() ** (1 / p) for i, j in pairs])


def cdist(a, b, p=2.0):
    d = np.abs(a[..., :, None, :] - b[..., None, :, :])
    return d.max(axis=-1) if p == np.inf else (d**p).sum(axis=-1) ** (1 / p)


def gumbel_softmax(x, tau=1, dim=-1, generator=None):
    e = np.exp((x - np.log(-np.log(Same().uniform(x.shape, np.dtype(np.float64))))) / tau)
    return e / e.sum(axis=dim, keepdims=True)


def embedding_bag(ids, w, offsets=None, mode="mean", weights=None, padding_idx=None):
    flat, starts = ids.ravel(), offsets
    starts = np.arange(len(ids)) * ids.shape[1] if starts is None else starts
    y = np.zeros((len(starts), w.shape[1]))
    for b, (start, end) in enumerate(zip(starts, [*starts[1:], flat.size])):
        kept = [i for i in range(start, end) if flat[i] != padding_idx]
        if kept:
            rows = w[flat[kept]] * (1 if weights is None else weights.ravel()[kept, None])
            y[b] = getattr(rows, mode)(axis=0)
    return y


def _embedding_bag_torch(ids, weight, offsets=None, *args, **options):
    import torch

    ids = torch.as_tensor(ids)
    offsets = None if offsets is None else torch.as_tensor(offsets)
    return torch.nn.functional.embedding_bag(ids, weight, offsets, **options)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha * (near**2).sum(axis=1) / size) ** beta
    return y


WORDS = np.array([[3, 0, 1], [1, 1, 2]])

ROWS = [
    *[
        Row(
            "channel_shuffle",
            (rand(*shape), groups),
            ref=channel_shuffle,
            torch="nn.functional.channel_shuffle",
        )
        for shape, groups in (((2, 6, 2), 3), ((1, 4, 1, 3), 2), ((2, 3, 2), 1))
    ],
    *[
        Row("pdist", (rand(*shape), *p), ref=pdist, torch="nn.functional.pdist", syncs=True)
        for shape, p in (((4, 3), ()), ((3, 2), (3.0,)))
    ],
    *[
        Row("glu", (x,), options, ref=glu, torch="nn.functional.glu")
        for x, options in [
            (rand(3, 4), {}),
            (rand(4, 3), {"dim": 0}),
            (rand(2, 4, 3), {"dim": -2}),
            (rand(2), {}),
        ]
    ],
    *[
        Row("pixel_shuffle", (x, r), ref=pixel_shuffle, torch="pixel_shuffle")
        for x, r in [
            (rand(8, 1, 3), 2),
            (rand(2, 4, 2, 1), 2),
            (rand(1, 2, 3, 1, 2), 1),
            (rand(9, 1, 2), 3),
        ]
    ],
    *[
        Row("pixel_unshuffle", (x, r), ref=pixel_unshuffle, torch="pixel_unshuffle")
        for x, r in [(rand(2, 4, 2), 2), (rand(2, 1, 2, 4), 2), (rand(1, 3, 3), 3)]
    ],
    Row("nan_to_num", (rand(3, 4),), ref=nan_to_num, torch="nan_to_num"),
    Row(
        "nan_to_num",
        (rand(3),),
        {"nan": 1.0, "posinf": 2.0, "neginf": -2.0},
        ref=nan_to_num,
        torch="nan_to_num",
    ),
    Row(
        "nan_to_num",
        (np.array([[np.inf, np.nan, -np.inf]]),),
        {"nan": 1.0, "posinf": 2.0, "neginf": -2.0},
        ref=nan_to_num,
        torch="nan_to_num",
        zero=True,
    ),
    *[
        Row("logaddexp", args, ref=lambda a, b: np.log(np.exp(a) + np.exp(b)), torch="logaddexp")
        for args in [
            (rand(3, 4), rand(3, 4, seed=1)),
            (rand(3, 1), rand(4)),
            (rand(2, 1, 3), rand(2, 1)),
            (np.array(0.5), np.array(0.5)),
        ]
    ],
    *[
        Row("cdist", args, options, ref=cdist, torch="cdist")
        for args, options in [
            ((rand(3, 2), rand(4, 2, seed=1)), {}),
            ((rand(2, 3, 2), rand(2, 1, 2, seed=1)), {"p": 1.0}),
            ((rand(2, 2), rand(3, 2, seed=1)), {"p": 3.0}),
            ((apart(2, 3), apart(3, 3, seed=1) + 0.03), {"p": np.inf}),
            ((rand(2, 1, 2, 3), rand(3, 3, seed=1)), {}),
        ]
    ],
    *[
        Row(
            "gumbel_softmax",
            (x,),
            {**options, "generator": Same()},
            ref=gumbel_softmax,
            syncs=True,
        )
        for x, options in [(rand(3, 4), {}), (rand(3, 2), {"tau": 0.5, "dim": 0})]
    ],
    *[
        Row(
            "local_response_norm",
            (rand(*shape), size),
            options,
            ref=local_response_norm,
            torch="nn.functional.local_response_norm",
        )
        for shape, size, options in [
            ((2, 4, 3), 2, {}),
            ((1, 5, 2, 2), 3, {"alpha": 0.5, "beta": 0.6, "k": 2.0}),
            ((1, 2, 1, 2), 5, {"alpha": 0.5}),
        ]
    ],
    *[
        Row(
            "embedding_bag",
            (ids, apart(4, 2), *offsets),
            options,
            ref=embedding_bag,
            torch=_embedding_bag_torch,
            syncs=True,
        )
        for ids, offsets, options in [
            (WORDS, (), {}),
            (WORDS, (), {"mode": "sum", "padding_idx": 1}),
            (WORDS, (), {"mode": "max"}),
            (WORDS[:, :2], (), {"padding_idx": 0}),
            (np.array([0, 2, 3, 1]), ([0, 0, 3],), {}),
            (np.array([0, 2, 3, 1]), ([0, 3, 4],), {"mode": "max"}),
        ]
    ],
    Row(
        "embedding_bag",
        (WORDS, rand(4, 2), None, "sum", rand(2, 3)),
        ref=embedding_bag,
        syncs=True,
    ),
]
