"""Rows for attention."""

import numpy as np

from tests.table import Row, rand


def attention_weights(q, k, mask=None, is_causal=False, scale=None):
    """Query by query."""
    s = np.einsum("...le,...se->...ls", q, k) * (1 / q.shape[-1] ** 0.5 if scale is None else scale)
    L, S = s.shape[-2:]
    if is_causal:
        mask = np.arange(S)[None, :] <= np.arange(L)[:, None]
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    e = np.exp(s)
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def attention(q, k, v, mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:  # head h of the query with head h // share of the others
        k, v = (x.take(np.arange(q.shape[-3]) // (q.shape[-3] // x.shape[-3]), -3) for x in (k, v))
    return attention_weights(q, k, mask, is_causal, scale) @ v


MASK = np.array([[True, False, True, True], [False, False, True, False], [True, True, True, False]])
NO_KEYS = MASK & np.array([[True], [False], [True]])
Q, K, V = rand(2, 3, 2), rand(2, 4, 2, seed=1), rand(2, 4, 3, seed=2)
SAMPLES = [
    ((Q, K), {}),
    ((Q, K), {"scale": 0.3}),
    ((Q, K), {"is_causal": True}),
    ((Q[0], K[0]), {}),
    ((Q[:1], K, MASK), {}),
    ((Q, K[:1], NO_KEYS), {}),
    ((Q, K, rand(3, 4)), {}),
    ((rand(2, 2, 3, 2), rand(2, 4, 2), rand(2, 1, 1, 4)), {}),
    ((Q, K, np.where(NO_KEYS, rand(3, 4), -np.inf)), {}),
]

# A mask of -inf cannot be moved, and torch has no gradient for what it has not broadcast.
ROWS = [
    *[
        Row(
            "attention_weights",
            args,
            options,
            ref=attention_weights,
            grad=(0, 1) if len(args) > 2 and np.isinf(args[2]).any() else None,
            syncs=len(args) > 2 and args[2].dtype == bool,
        )
        for args, options in SAMPLES
    ],
    *[
        Row(
            "scaled_dot_product_attention",
            (*args[:2], V if args[0].ndim > 2 else V[0], *args[2:]),
            options,
            ref=attention,
            torch="nn.functional.scaled_dot_product_attention",
            grad=(0, 1, 2) if len(args) > 2 and np.isinf(args[2]).any() else None,
            syncs=len(args) > 2 and args[2].dtype == bool,
        )
        for args, options in SAMPLES
    ],
    *[
        Row(
            "scaled_dot_product_attention",
            (rand(2, 4, 3, 2), rand(2, heads, 4, 2), rand(2, heads, 4, 3)),
            {"enable_gqa": True, **options},
            ref=attention,
            torch="nn.functional.scaled_dot_product_attention",
        )
        for heads, options in ((2, {}), (1, {"is_causal": True}), (4, {"scale": 0.3}))
    ],
]
