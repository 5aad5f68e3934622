"""Rows for the losses that go element by element."""

import warnings

import numpy as np

from tests.table import Row, apart, rand

REDUCTIONS = ("mean", "sum", "none")


def reduced(loss, reduction):
    if reduction == "batchmean":
        return loss.sum() / loss.shape[0]
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / loss.size}[reduction]


def mse_loss(x, t, reduction="mean"):
    return reduced((x - t) ** 2, reduction)


def l1_loss(x, t, reduction="mean"):
    return reduced(np.abs(x - t), reduction)


def smooth_l1_loss(x, t, reduction="mean", beta=1.0):
    d = np.abs(x - t)
    return reduced(np.where(d < beta, 0.5 * d**2 / (beta or 1), d - beta / 2), reduction)


def huber_loss(x, t, reduction="mean", delta=1.0):
    d = np.abs(x - t)
    return reduced(np.where(d < delta, 0.5 * d**2, delta * (d - delta / 2)), reduction)


def binary_cross_entropy(x, t, weight=1.0, reduction="mean"):
    return reduced(-weight * (t * np.log(x) + (1 - t) * np.log(1 - x)), reduction)


def binary_cross_entropy_with_logits(x, t, weight=1.0, reduction="mean", pos_weight=1.0):
    p = 1 / (1 + np.exp(-x))
    return reduced(-weight * (pos_weight * t * np.log(p) + (1 - t) * np.log(1 - p)), reduction)


def kl_div(x, t, reduction="mean", log_target=False):
    log_t = t if log_target else np.log(t)
    return reduced(np.exp(log_t) * (log_t - x), reduction)


def torch_kl_div(*args, **options):
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that "mean" is going to mean "batchmean"
        return torch.nn.functional.kl_div(*args, **options)


def torch_bce_with_logits(x, t, weight, reduction, pos_weight):
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(
        x, t, weight, reduction=reduction, pos_weight=pos_weight
    )


def rows(ref, torch, samples, grad=None, **options):
    return [
        Row(
            ref.__name__,
            args,
            {**options, "reduction": reduction},
            ref=ref,
            torch=torch,
            grad=grad,
            syncs=ref is binary_cross_entropy,  # looks at its input's range
        )
        for args in samples
        for reduction in (REDUCTIONS if args is samples[0] else ("mean",))
    ]


def pairs(low=-2.0, high=2.0):
    return [
        (rand(*shape, low=low, high=high), rand(*shape, low=low, high=high, seed=1))
        for shape in ((2, 3), (4,), (2, 1, 3), ())
    ]


# Differences no two of which are equal, away from 0 and from where the losses bend.
APART = [(rand(3, 4), rand(3, 4) + apart(3, 4)), (rand(2), rand(2) + apart(2))]
PROBABILITIES = pairs(0.1, 0.9)
W = rand(3, low=0.5, high=2.0)

ROWS = [
    *rows(mse_loss, "nn.functional.mse_loss", pairs()),
    *rows(mse_loss, None, [(rand(2, 3), np.array([[1, 0, 3], [2, -1, 0]]))]),
    *rows(l1_loss, "nn.functional.l1_loss", APART),
    *rows(l1_loss, None, [(rand(3), np.array([1, 0, 3]))]),
    *rows(smooth_l1_loss, "nn.functional.smooth_l1_loss", APART),
    *rows(smooth_l1_loss, "nn.functional.smooth_l1_loss", APART, beta=0.6),
    *rows(smooth_l1_loss, "nn.functional.smooth_l1_loss", APART, beta=0.0),
    *rows(huber_loss, "nn.functional.huber_loss", APART),
    *rows(huber_loss, "nn.functional.huber_loss", APART, delta=0.6),
    *rows(binary_cross_entropy, "nn.functional.binary_cross_entropy", PROBABILITIES),
    *rows(
        binary_cross_entropy,
        "nn.functional.binary_cross_entropy",
        [(*PROBABILITIES[0], W), (*PROBABILITIES[0], rand(2, 1))],
        (0, 1),
    ),
    *rows(
        binary_cross_entropy_with_logits,
        "nn.functional.binary_cross_entropy_with_logits",
        [(x, t) for (x, _), (_, t) in zip(pairs(), PROBABILITIES)],
    ),
    *[
        Row(
            "binary_cross_entropy_with_logits",
            (rand(2, 3), PROBABILITIES[0][1], weight, reduction, W),
            ref=binary_cross_entropy_with_logits,
            torch=torch_bce_with_logits,
            grad=(0, 1),
        )
        for weight, reduction in ((rand(2, 1), "mean"), (rand(2, 3), "none"))
    ],
    *rows(kl_div, torch_kl_div, [(x, t) for (x, _), (_, t) in zip(pairs(), PROBABILITIES)]),
    *rows(kl_div, torch_kl_div, pairs(), log_target=True),
    Row(
        "kl_div",
        (rand(2, 3), PROBABILITIES[0][1]),
        {"reduction": "batchmean"},
        ref=kl_div,
        torch="nn.functional.kl_div",
    ),
]
