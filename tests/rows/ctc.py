"""Rows for connectionist temporal classification: every path is written down and read."""

import itertools

import numpy as np

from tests.table import Row, rand


def alpha(x, start, jump):
    """One place after the other, as the formula says."""
    T, N, L = x.shape
    a = np.full((T, N, L), -1e30)
    for t, n, s in itertools.product(range(T), range(N), range(L)):
        ways = [a[t - 1, n, s - j] + (jump[n, s] if j == 2 else 0) for j in range(min(3, s + 1))]
        if t == 0:
            ways = [start[n, s]]
        most = max(ways)
        a[t, n, s] = x[t, n, s] + most + np.log(np.sum(np.exp(np.array(ways) - most)))
    return a


def read(path, blank):
    joined = [c for c, _ in itertools.groupby(path)]
    return [c for c in joined if c != blank]


def ctc_loss(x, targets, steps, counts, blank=0, reduction="mean", zero_infinity=False):
    """Minus the log of the summed probabilities of all paths that read as the labels."""
    alone = x.ndim == 2
    x = x[:, None] if alone else x
    starts = np.cumsum([0, *np.ravel(counts)])
    losses = []
    for n in range(x.shape[1]):
        T, S = np.ravel(steps)[n], np.ravel(counts)[n]
        flat = np.ndim(targets) == 1
        labels = list(targets[starts[n] : starts[n + 1]] if flat else targets[n][:S])
        total = 0.0
        for path in itertools.product(range(x.shape[2]), repeat=int(T)):
            if read(path, blank) == labels:
                total += np.exp(x[np.arange(T), n, path].sum())
        losses.append(-np.log(total) if total else 0.0 if zero_infinity else np.inf)
    losses = np.array(losses)
    if reduction == "mean":
        return (losses / np.maximum(counts, 1)).mean()
    return losses.sum() if reduction == "sum" else losses[0] if alone else losses


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


X = rand(4, 2, 3)
LABELS = np.array([[1, 2, 1], [2, 2, 0]])
STEPS, COUNTS = np.array([4, 3]), np.array([3, 2])
START, JUMP = rand(2, 5, seed=1), rand(2, 5, seed=2)

ROWS = [
    Row("ctc_alpha", (rand(3, 2, 5), START, JUMP), ref=alpha, grad=(0,)),
    Row("ctc_alpha", (rand(4, 1, 3), START[:1, :3], JUMP[:1, :3]), ref=alpha, grad=(0,)),
    Row("ctc_alpha", (rand(1, 2, 1), START[:, :1], JUMP[:, :1]), ref=alpha, grad=(0,)),
    Row("ctc_loss", (X, LABELS, STEPS, COUNTS), ref=ctc_loss),
    Row("ctc_loss", (log_softmax(X), LABELS, STEPS, COUNTS), {"reduction": "none"}, ref=ctc_loss),
    Row(
        "ctc_loss",
        (X, np.array([0, 1, 0, 0]), STEPS, COUNTS - [0, 1]),
        {"blank": 2, "reduction": "sum"},
        ref=ctc_loss,
        meta=False,  # the host asks how many labels each of them has
        syncs=True,
    ),
    Row("ctc_loss", (X[:, 0], LABELS[0], STEPS[0], COUNTS[0]), {"reduction": "none"}, ref=ctc_loss),
    Row(
        "ctc_loss",
        (X, LABELS, STEPS - [0, 1], COUNTS),
        {"reduction": "none", "zero_infinity": True},
        ref=ctc_loss,
    ),
]
