"""Rows for the losses made of ops."""

import math

import numpy as np

from tests.table import Row, rand


def reduced(loss, reduction="mean"):
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / loss.size}[reduction]


def cosine_similarity(a, b, dim=1):
    a, b = np.broadcast_arrays(a, b)
    length = [np.sqrt((x**2).sum(axis=dim)) for x in (a, b)]
    return (a * b).sum(axis=dim) / (length[0] * length[1])


def pairwise_distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return (np.abs(a - b + eps) ** p).sum(axis=-1, keepdims=keepdim) ** (1 / p)


def cosine_embedding_loss(a, b, t, margin=0.0, reduction="mean"):
    cos = cosine_similarity(a, b, -1)
    return reduced(np.where(t == 1, 1 - cos, np.maximum(cos - margin, 0)), reduction)


def triplet_margin_loss(a, near, far, margin=1.0, p=2.0, swap=False, reduction="mean"):
    d = pairwise_distance(a, far, p)
    d = np.minimum(d, pairwise_distance(near, far, p)) if swap else d
    return reduced(np.maximum(pairwise_distance(a, near, p) - d + margin, 0), reduction)


def margin_ranking_loss(a, b, t, margin=0.0, reduction="mean"):
    return reduced(np.maximum(t * (b - a) + margin, 0), reduction)


def hinge_embedding_loss(x, t, margin=1.0, reduction="mean"):
    return reduced(np.where(t == 1, x, np.maximum(margin - x, 0)), reduction)


def soft_margin_loss(x, t, reduction="mean"):
    return reduced(np.log(1 + np.exp(-t * x)), reduction)


def poisson_nll_loss(x, t, log_input=True, full=False, eps=1e-8, reduction="mean"):
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    stirling = t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t)
    return reduced(loss + full * np.where(t > 1, stirling, 0), reduction)


def gaussian_nll_loss(x, t, var, full=False, reduction="mean"):
    var = var if var.ndim == x.ndim else var[..., None]
    constant = 0.5 * math.log(2 * math.pi) if full else 0
    return reduced(0.5 * (np.log(var) + (x - t) ** 2 / var) + constant, reduction)


def square(a, b):
    return ((a - b) ** 2).sum(-1)


def triplet_margin_with_distance_loss(
    a, near, far, distance_function=pairwise_distance, margin=1.0, swap=False, reduction="mean"
):
    d = distance_function(a, far)
    d = np.minimum(d, distance_function(near, far)) if swap else d
    return reduced(np.maximum(distance_function(a, near) - d + margin, 0), reduction)


def per_example(one, x, t, reduction):
    """A loss of one example, for each of them."""
    rows = [one(a, b) for a, b in zip(x, t, strict=True)] if x.ndim == 2 else one(x, t)
    return reduced(np.array(rows), reduction)


def multi_margin_loss(x, t, p=1, margin=1.0, weight=None, reduction="mean"):
    def one(x, t):
        behind = [max(margin - x[t] + x[c], 0) ** p for c in range(len(x)) if c != t]
        return sum(behind) * (1 if weight is None else weight[t]) / len(x)

    return per_example(one, x, t, reduction)


def multilabel_margin_loss(x, t, reduction="mean"):
    def one(x, t):
        labels = [*t, -1][: [*t, -1].index(-1)]
        others = set(range(len(x))) - set(labels)
        return sum(max(1 - x[i] + x[c], 0) for i in labels for c in others) / len(x)

    return per_example(one, x, t, reduction)


def multilabel_soft_margin_loss(x, t, weight=None, reduction="mean"):
    yes, no = -np.log(1 + np.exp(-x)), -np.log(1 + np.exp(x))
    return reduced(
        -((t * yes + (1 - t) * no) * (1 if weight is None else weight)).mean(-1), reduction
    )


def rows(ref, samples, grad=None):
    return [
        Row(ref.__name__, args, options, ref=ref, torch=f"nn.functional.{ref.__name__}", grad=grad)
        for args, options in samples
    ]


A, B, C = rand(3, 4), rand(3, 4, seed=1), rand(3, 4, seed=2)
SIGNS = np.array([1.0, -1.0, 1.0])
GRID = np.where(rand(3, 4, seed=3) > 0, 1.0, -1.0)
COUNTS = np.array([[0.5, 1.5, 3.0, 2.0], [4.0, 0.25, 2.5, 7.0], [1.25, 6.0, 0.75, 2.0]])
POSITIVE = rand(3, 4, low=0.5, high=2.0)
LABELS = np.array([2, 0, 3])
LISTS = np.array([[2, 0, -1, 3], [-1, 1, 1, 1], [0, 1, 2, 3]])  # two labels, none, and all
W = rand(4, low=0.5, high=2.0)

ROWS = [
    *rows(
        cosine_similarity,
        [
            ((A, B), {}),
            ((A, B), {"dim": 0}),
            ((rand(2, 3, 2), rand(3, 1)), {"dim": -2}),
        ],
    ),
    # Where one of them is the same along the dim, only its sign counts.
    *rows(cosine_similarity, [((rand(3, 1, 4), rand(2, 4)), {"dim": 0})], grad=(0,)),
    *rows(cosine_similarity, [((rand(3, 1, 4), rand(2, 4)), {"dim": -2})], grad=(1,)),
    *rows(
        pairwise_distance,
        [((A, B), {}), ((A, B), {"p": 3.0, "keepdim": True}), ((rand(4), rand(4, seed=1)), {})],
    ),
    *rows(
        cosine_embedding_loss,
        [
            ((A, B, SIGNS), {}),
            ((A, B, -SIGNS), {"margin": -0.9, "reduction": "none"}),
            ((A[0], B[0], np.array(1.0)), {"reduction": "sum"}),
        ],
        grad=(0, 1),
    ),
    *rows(
        triplet_margin_loss,
        [
            ((A, B, C), {}),
            ((A, B, C), {"margin": 3.0, "swap": True, "reduction": "none"}),
            ((A, B, C), {"margin": 4.0, "p": 3.0, "reduction": "sum"}),
        ],
    ),
    *rows(
        margin_ranking_loss,
        [((A, B, GRID), {}), ((A, B, GRID), {"margin": 0.7, "reduction": "none"})],
        grad=(0, 1),
    ),
    *rows(
        hinge_embedding_loss,
        [((A, GRID), {}), ((A, GRID), {"margin": 0.7, "reduction": "sum"})],
        grad=(0,),
    ),
    *rows(soft_margin_loss, [((A, GRID), {}), ((A, GRID), {"reduction": "none"})], grad=(0,)),
    *rows(
        poisson_nll_loss,
        [
            ((A, COUNTS), {}),
            ((A, COUNTS), {"full": True, "reduction": "none"}),
            ((POSITIVE, COUNTS), {"log_input": False, "reduction": "sum"}),
        ],
        grad=(0,),
    ),
    *rows(
        gaussian_nll_loss,
        [
            ((A, B, POSITIVE), {}),
            ((A, B, POSITIVE[:, :1]), {"full": True, "reduction": "none"}),
            ((A, B, POSITIVE[:, 0]), {"reduction": "sum"}),
        ],
    ),
    *rows(
        triplet_margin_with_distance_loss,
        [
            ((A, B, C), {}),
            ((A, B, C), {"distance_function": square, "margin": 5.0, "swap": True}),
            ((A, B, C), {"distance_function": square, "reduction": "none"}),
        ],
    ),
    *rows(
        multi_margin_loss,
        [
            ((A, LABELS), {}),
            ((A, LABELS, 2, 0.5, W), {"reduction": "none"}),
            ((A[0], np.array(2)), {"margin": 3.0, "reduction": "sum"}),
        ],
        grad=(0,),
    ),
    *rows(
        multilabel_margin_loss,
        [((A, LISTS), {}), ((A, LISTS), {"reduction": "none"}), ((A[0], LISTS[0]), {})],
        grad=(0,),
    ),
    *rows(
        multilabel_soft_margin_loss,
        [((A, (GRID + 1) / 2), {}), ((A, (GRID + 1) / 2, W), {"reduction": "none"})],
        grad=(0,),
    ),
]
