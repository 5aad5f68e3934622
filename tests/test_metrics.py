"""Metrics: shares and errors, of an epoch as a whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, train
from minitorch.train import Mean, accuracy, top_k_accuracy

PRED = mt.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])


def test_accuracy_is_the_share_of_right_answers():
    """C71: three of four; and of a batch of any size."""
    assert accuracy(PRED, mt.tensor([0, 1, 1, 1])).item() == 0.75
    assert accuracy(PRED[:1], mt.tensor([0])).item() == 1.0
    places = mt.tensor([[[0.9, 0.1], [0.1, 0.9]]])  # (N, C, d) = (1, 2, 2)
    assert accuracy(places, mt.tensor([[0, 0]])).item() == 0.5


def test_top_k():
    pred = mt.tensor([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.3, 0.3, 0.4]])
    target = mt.tensor([1, 2, 2])
    assert top_k_accuracy(1)(pred, target).item() == pytest.approx(1 / 3)
    assert top_k_accuracy(2)(pred, target).item() == pytest.approx(2 / 3)
    assert top_k_accuracy(3)(pred, target).item() == 1.0
    assert top_k_accuracy(2).__name__ == "top_2_accuracy"
    with pytest.raises(ValueError, match="top_4_accuracy: the scores are of 3 classes only"):
        top_k_accuracy(4)(pred, target)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_k_accuracy(0)


def test_nan_is_never_right():
    """H038."""
    pred = mt.tensor([[1.0, 0.0], [math.nan, 0.0], [0.0, math.nan]])
    for metric in (accuracy, top_k_accuracy(2)):
        with pytest.raises(ValueError, match="scores of row 1, 2 are nan"):
            metric(pred, mt.tensor([0, 0, 1]))
    with pytest.raises(ValueError, match="scores of row 1, 2 are nan"):
        train.ConfusionMatrix(2).update(pred, mt.tensor([0, 0, 1]), 3)


def test_nan_is_never_right_on_a_gpu(cuda: Any):
    """H038: nothing waits there to find it."""
    pred = mt.tensor([[1.0, 0.0], [math.nan, 0.0], [0.0, math.nan]]).to("cuda")
    target = mt.tensor([0, 0, 1]).to("cuda")
    cuda.reset()
    share = accuracy(pred, target)
    assert cuda.sync == 0
    assert share.item() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("pred", "target"),
    [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((4, 2), (4, 1)), ((4, 2, 3), (4,))],
)
def test_shapes_that_do_not_fit(pred: tuple[int, ...], target: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected \(N, C\) and \(N,\)"):
        accuracy(mt.zeros(*pred), mt.zeros(*target).long())


def test_errors():
    pred, target = mt.tensor([[1.0], [2.0]]), mt.tensor([[1.5], [4.0]])
    assert train.mean_absolute_error(pred, target).item() == 1.25
    assert train.mean_squared_error(pred, target).item() == (0.25 + 4) / 2
    for metric in (train.mean_absolute_error, train.mean_squared_error):
        with pytest.raises(ValueError, match="_loss"):
            metric(pred, target.squeeze(1))  # (N, 1) and (N,) are no pairs


def test_one_score_is_no_class():
    """It would be the largest always, and an untrained network be right about all that is 0."""
    scores, target = mt.tensor([[2.0], [-1.0]]), mt.tensor([1, 0])
    with pytest.raises(ValueError, match=r"\(2, 1\) are of one class.*compare it") as error:
        accuracy(scores, target)
    said = str(error.value).rpartition("compare it: ")[2]
    assert eval(said, {"pred": scores, "target": target}) == 1


def test_mean_is_weighted_and_can_be_kept():
    """P38, G55: sizes 64, 64 and 8."""
    mean = Mean(lambda pred, target: pred.mean(), "mine")
    assert math.isnan(mean.compute())
    for value, size in ((1.0, 64), (2.0, 64), (10.0, 8)):
        mean.update(mt.full((size,), value), None, size)
    want = (64 + 128 + 80) / 136
    assert (mean.name, mean.compute()) == ("mine", pytest.approx(want))
    other = Mean(lambda pred, target: 0.0)
    other.load_state_dict(mean.state_dict())
    assert other.compute() == mean.compute()
    assert type(mean.compute()) is float
    mean.reset()
    assert math.isnan(mean.compute())


def test_metric_is_one_number():
    with pytest.raises(ValueError, match=r"hits gave the shape \(4,\), expected one number"):
        Mean(lambda pred, target: pred.argmax(1) == target, "hits").update(PRED, mt.zeros(4), 4)


@pytest.mark.parametrize(
    ("metrics", "error", "match"),
    [
        (["acuracy"], ValueError, "'acuracy' is a name; pass the function"),  # H161
        ([3], TypeError, "expected functions"),
        ([train.ConfusionMatrix], TypeError, "expected functions"),
        ([accuracy, train.ConfusionMatrix(2)], ValueError, "the name 'accuracy' is taken"),
        ([Mean(accuracy, "valid_loss")], ValueError, "the name 'valid_loss' is taken"),
    ],
)
def test_metrics_that_cannot_be_told_apart(metrics: list, error: type, match: str):
    with pytest.raises(error, match=match):
        train.Learner(nn.Linear(2, 2), metrics=metrics)


def test_confusion_matrix():
    matrix = train.ConfusionMatrix(2, name="share")
    assert math.isnan(matrix.compute())
    matrix.update(PRED, mt.tensor([0, 1, 1, 1]), 4)
    assert matrix.matrix.tolist() == [[1, 0], [1, 2]]
    matrix.update(PRED[:1], mt.tensor([0]), 1)
    assert (matrix.name, matrix.compute()) == ("share", 0.8)
    other = train.ConfusionMatrix(2)
    other.load_state_dict(matrix.state_dict())
    assert (other.matrix == matrix.matrix).all()
    before = matrix.matrix.copy()
    for target in ([0, 1, -100, 1], [0, 1, 2, 1]):
        with pytest.raises(ValueError, match=f"class {target[2]}, expected 0 to 1"):
            matrix.update(PRED, mt.tensor(target), 4)
    assert np.array_equal(matrix.matrix, before)
    with pytest.raises(ValueError, match="num_classes=1, expected 2 or more"):
        train.ConfusionMatrix(1)


def test_metric_of_ones_own():
    class Largest(train.Metric):
        name = "largest"

        def reset(self) -> None:
            self.value = 0.0

        def update(self, pred: Any, target: Any, size: int) -> None:
            self.value = max(self.value, float(pred.max()))

        def compute(self) -> float:
            return self.value

    x = mt.arange(8).float().unsqueeze(1)
    learner = train.Learner(nn.Identity(), lambda pred, t: pred.mean(), metrics=[Largest()])
    assert learner.validate((x, x), batch_size=3) == {"loss": 3.5, "largest": 7.0}
