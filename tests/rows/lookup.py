"""Rows for tables and their places."""

import numpy as np

from tests.table import Row, rand

IDS = np.array([[1, 3, 1], [0, 1, 2]])
X = np.where(rand(3, 4) > 0, rand(3, 4), 0.0)
LEVELS = np.array([1.5, -0.5, 1.5, 0.25, -0.5])


def _embedding_torch(ids, weight, padding_idx=None):
    import torch

    return torch.nn.functional.embedding(ids, weight, padding_idx)


ROWS = [
    Row(
        "embedding",
        (IDS, rand(4, 3)),
        ref=lambda ids, w: w[ids],
        torch=_embedding_torch,
        syncs=True,
    ),
    Row("embedding", (np.array(2), rand(4, 3)), torch=_embedding_torch, syncs=True),
    Row("lookup", (rand(4, 3),), {"index": IDS}, ref=lambda w, index: w[index], syncs=True),
    Row(
        "one_hot",
        (IDS,),
        ref=lambda ids: np.eye(4, dtype=np.int64)[ids],
        torch="nn.functional.one_hot",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row(
        "one_hot",
        (IDS, 6),
        ref=lambda ids, n: np.eye(n, dtype=np.int64)[ids],
        torch="nn.functional.one_hot",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row(
        "nonzero",
        (X,),
        ref=lambda x: np.argwhere(x),
        torch="nonzero",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row(
        "nonzero",
        (X,),
        {"as_tuple": True},
        ref=lambda x, as_tuple: np.nonzero(x),
        torch="nonzero",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row("argwhere", (X,), ref=np.argwhere, torch="argwhere", order=0, meta=False, syncs=True),
    Row("unique", (LEVELS,), ref=np.unique, torch="unique", order=0, meta=False, syncs=True),
    Row(
        "unique",
        (LEVELS.reshape(1, 5),),
        {"return_inverse": True, "return_counts": True},
        ref=lambda x, **_: (
            np.array([-0.5, 0.25, 1.5]),
            np.array([[2, 0, 2, 1, 0]]),
            np.array([2, 1, 2]),
        ),
        torch="unique",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row(
        "unique",
        (np.array([[2.0, 1.0], [0.0, 1.0], [2.0, 1.0]]),),
        {"dim": 0},
        ref=lambda x, dim: np.array([[0.0, 1.0], [2.0, 1.0]]),
        torch="unique",
        order=0,
        meta=False,
        syncs=True,
    ),
    *(
        Row(
            "searchsorted",
            (np.array([-1.0, 0.0, 0.5, 2.0]), np.array([[0.5, 3.0], [-2.0, 0.0]])),
            {"right": right},
            ref=lambda s, v, right: (s[:, None, None] <= v if right else s[:, None, None] < v).sum(
                0
            ),
            torch="searchsorted",
            order=0,
        )
        for right in (False, True)
    ),
    *(
        Row(
            "isin",
            (np.array([[1.0, 2.0], [4.0, 2.0]]), np.array([[2.0], [7.0], [1.0]])),
            {"invert": invert},
            ref=np.isin,
            torch="isin",
            order=0,
        )
        for invert in (False, True)
    ),
    *(
        Row(
            "bucketize",
            (np.array([[0.5, 3.0], [-2.0, 0.0]]), np.array([-1.0, 0.0, 0.5, 2.0])),
            {"right": right},
            ref=lambda v, s, right: (s[:, None, None] <= v if right else s[:, None, None] < v).sum(
                0
            ),
            torch="bucketize",
            order=0,
        )
        for right in (False, True)
    ),
    Row(
        "bincount",
        (IDS.reshape(-1),),
        ref=lambda x: np.array([1, 3, 1, 1]),
        torch="bincount",
        order=0,
        meta=False,
        syncs=True,
    ),
    Row(
        "bincount",
        (IDS.reshape(-1), rand(6), 5),
        ref=np.bincount,
        torch="bincount",
        order=0,
        meta=False,
        syncs=True,
    ),
]
