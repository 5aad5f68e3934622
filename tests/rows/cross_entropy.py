"""Rows for cross-entropy and the negative log-likelihood."""

import numpy as np

from tests.table import Row, rand


def cross_entropy(
    x, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """By one-hot rows, class by class."""
    axis = min(x.ndim - 1, 1)
    x = np.moveaxis(x, axis, -1)
    C = x.shape[-1]
    w = np.ones(C) if weight is None else weight
    logp = x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    if target.dtype.kind == "f":
        q, used = np.moveaxis(target, axis, -1), np.ones(x.shape[:-1])
        divisor = used.size
    else:
        used = (target != ignore_index).astype(float)
        q = np.eye(C)[np.where(used == 1, target, 0)]
        divisor = (w[np.where(used == 1, target, 0)] * used).sum()
    q = (1 - label_smoothing) * q + label_smoothing / C
    loss = -used * (w * q * logp).sum(axis=-1)
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / divisor}[reduction]


def nll_loss(x, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """Label by label, in a loop."""
    w = np.ones(x.shape[min(x.ndim - 1, 1)]) if weight is None else weight
    loss, divisor = np.zeros(target.shape), 0.0
    for i in np.ndindex(target.shape):
        t = target[i]
        if t != ignore_index:
            loss[i] = -w[t] * x[(*i[:1], t, *i[1:])]
            divisor += w[t]
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / divisor}[reduction]


def shares(*shape, axis=1):
    q = rand(*shape, low=0.1, high=1.0)
    return q / q.sum(axis=axis, keepdims=True)


W4 = np.array([0.5, 2.0, 1.25, 1.5])
LABELS = np.array([3, 0, 1])
SOME = np.array([3, -100, 1])
GRID = np.array([[0, 3, 1], [2, 2, 0]])
REDUCTIONS = ("mean", "sum", "none")

LABELLED = [
    *[((rand(3, 4), LABELS), {"reduction": r}) for r in REDUCTIONS],
    *[((rand(3, 4), SOME), {"reduction": r}) for r in REDUCTIONS],
    *[((rand(3, 4), LABELS, W4), {"reduction": r}) for r in REDUCTIONS],
    ((rand(3, 4), SOME, W4), {}),
    ((rand(3, 4), np.array([1, 0, 1], np.uint8)), {"ignore_index": 0}),
    ((rand(4), np.array(2)), {}),
    ((rand(4), np.array(2), W4), {"reduction": "none"}),
    *[((rand(2, 4, 3), GRID), {"reduction": r}) for r in REDUCTIONS],
    ((rand(2, 4, 3), GRID, W4), {"ignore_index": 3, "reduction": "none"}),
    ((rand(1, 4, 2, 1), np.array([[[1], [3]]])), {}),
]
SMOOTHED = [
    *[((rand(3, 4), LABELS), {"reduction": r}) for r in REDUCTIONS],
    *[((rand(3, 4), SOME, W4), {"reduction": r}) for r in ("mean", "none")],
    ((rand(3, 4), SOME), {}),
    ((rand(2, 4, 3), GRID, W4), {}),
    ((rand(4), np.array(2)), {}),
]
SHARED = [
    ((rand(3, 4), shares(3, 4)), {}),
    ((rand(4), shares(4, axis=0)), {"reduction": "sum"}),
    ((rand(2, 4, 3), shares(2, 4, 3)), {"reduction": "none"}),
    ((rand(3, 4), shares(3, 4), W4), {}),
    ((rand(3, 4), shares(3, 4), W4), {"label_smoothing": 0.2, "reduction": "none"}),
    ((rand(2, 4, 3), shares(2, 4, 3)), {"label_smoothing": 0.2}),
]

# What the forward leaves over for `P`, its softmax.
E = np.array([[1.0, 0.5, 0.25], [0.125, 1.0, 0.5]])
TOTAL = E.sum(axis=1, keepdims=True)
INDEX = (np.arange(2), np.array([2, 0]))
ONE_HOT = np.array([[0.0, 0, 1], [1, 0, 0]])


def soft_grad(s, x, a, e, total, dim):
    return s * (a.sum(axis=dim, keepdims=True) * e / total - a)


def grad_rows(s):
    # e and its total belong to one x, so only the other inputs can be moved here; the second order
    # of cross_entropy moves x.
    return [
        Row(
            "cross_entropy_grad",
            (s, np.log(E), TOTAL, E),
            {"index": INDEX, "dim": 1},
            ref=lambda s, x, total, e, index, dim: soft_grad(s, x, ONE_HOT, e, total, dim),
            grad=(0,),
            syncs=True,  # the index is uploaded
            layouts=s.ndim > 0,
        ),
        Row(
            "soft_cross_entropy_grad",
            (s, np.log(E), rand(2, 3), E, TOTAL),
            {"dim": 1},
            ref=soft_grad,
            grad=(0, 2),
            layouts=s.ndim > 0,
        ),
    ]


ROWS = [
    *[
        Row(
            "cross_entropy",
            args,
            options,
            ref=cross_entropy,
            torch="nn.functional.cross_entropy",
            grad=(0, 1) if len(args) > 1 and args[1].dtype.kind == "f" else (0,),
            syncs=True,
        )
        for args, options in (
            *LABELLED,
            *[(args, options | {"label_smoothing": 0.3}) for args, options in SMOOTHED],
            *SHARED,
        )
    ],
    *[
        Row(
            "nll_loss",
            (x - 2.5, *rest),
            options,
            ref=nll_loss,
            torch="nn.functional.nll_loss",
            grad=(0,),
            syncs=True,
        )
        for (x, *rest), options in LABELLED
        if x.ndim > 1
    ],
    Row(
        "nll_loss",
        (rand(4) - 2.5, np.array(2)),
        torch="nn.functional.nll_loss",
        grad=(0,),
        syncs=True,
    ),
    *grad_rows(rand()),
    *grad_rows(rand(2, 1)),
]
