"""Margin losses of classes, beyond the rows of the op table: what they say of what does not fit."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import leaf

SCORES = mt.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.multi_margin_loss(SCORES, mt.tensor([0, 3])), IndexError, r"\[1\] is 3, .* 2"),
        (lambda: F.multi_margin_loss(SCORES, mt.tensor([-1, 0])), IndexError, r"\[0\] is -1"),
        (lambda: F.multi_margin_loss(SCORES, mt.tensor([0])), ShapeError, r"expected \(2,\)"),
        (lambda: F.multi_margin_loss(SCORES, mt.tensor([0, 1]), 3), ValueError, "p 3, expected 1"),
        (
            lambda: F.multi_margin_loss(SCORES, mt.tensor([0, 1]), weight=mt.ones(2)),
            ShapeError,
            r"weight is \(2,\), expected \(3,\)",
        ),
        (lambda: F.multi_margin_loss(mt.zeros(1, 2, 3), mt.tensor([0])), ShapeError, r"\(N, C\)"),
        (
            lambda: F.multilabel_margin_loss(SCORES, mt.tensor([[0, 1, 3], [0, -1, -1]])),
            IndexError,
            r"target\[0, 2\] is 3, expected -1 to 2",
        ),
        (
            lambda: F.multilabel_margin_loss(SCORES, SCORES),
            TypeError,
            "must hold ints, got float32",
        ),
        (
            lambda: F.multilabel_margin_loss(SCORES, mt.tensor([0, 1])),
            ShapeError,
            r"target is \(2,\), expected labels in the input's shape \(2, 3\)",
        ),
        (
            lambda: F.multilabel_soft_margin_loss(SCORES, mt.zeros(3)),
            ShapeError,
            "does not broadcast",
        ),
    ],
)
def test_they_say_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=rf"multi\w*_margin_loss: .*{message}"):
        call()


def test_a_score_ahead_by_the_margin_costs_nothing():
    x = leaf(np.array([[3.0, 1.0, 0.0], [0.0, 0.5, 0.0]]))
    loss = F.multi_margin_loss(x, mt.tensor([0, 1]), reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [0, 1 / 3])
    loss.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0, 0], [1 / 3, -2 / 3, 1 / 3]])


def test_a_distance_of_ones_own_is_trained():
    scale = nn.Linear(3, 2, bias=False)
    loss = nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: (scale(a) - scale(b)).abs().sum(-1), margin=100.0
    )
    loss(*mt.randn(3, 4, 3)).backward()
    assert scale.weight.grad.abs().sum().item() > 0
    with pytest.raises(ValueError, match="TripletMarginWithDistanceLoss: margin 0"):
        nn.TripletMarginWithDistanceLoss(margin=0.0)
    with pytest.raises(ValueError, match="MultiMarginLoss: p 3, expected 1 or 2"):
        nn.MultiMarginLoss(p=3)
