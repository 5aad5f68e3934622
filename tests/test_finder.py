"""The learning-rate finder: the curve it returns, and everything it leaves as it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim, train
from minitorch.random import default_generator
from minitorch.utils.data import DataLoader, TensorDataset


def problem(n: int = 256) -> tuple[Any, Any]:
    x = mt.randn(n, 8)
    return x, x[:, :3].argmax(1)


def network() -> Any:
    own = mt.Generator().manual_seed(3)
    return nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.1, generator=own), nn.Linear(16, 3)
    )


def everything(learner: train.Learner, loader: DataLoader) -> list[Any]:
    """All that a search might have changed, as plain things."""
    optimizer = learner.optimizer.state_dict()
    return [
        {name: t.numpy().tolist() for name, t in learner.model.state_dict().items()},
        {
            k: {n: np.asarray(v).tolist() for n, v in s.items()}
            for k, s in optimizer["state"].items()
        },
        optimizer["groups"],
        loader.state_dict(),
        default_generator.get_state(),
        learner.model[2].generator.get_state(),
        [m.training for m in learner.model.modules()],
        [p.grad for p in learner.model.parameters()],
        (learner.step, len(learner.history), learner.optimizer.stepped),
        learner.optimizer.check_finite,
    ]


def test_everything_is_as_it_was():
    """G53."""
    learner = train.Learner(network(), optimizer=lambda m: optim.Adam(m, lr=0.01))
    loader = DataLoader(TensorDataset(*problem()), 32, shuffle=True)
    learner.fit(loader, progress=False)
    next(iter(loader))  # somewhere within an epoch
    learner.model[1].eval()
    before = everything(learner, loader)
    curve = train.lr_find(learner, loader, start=1e-4, end=100.0, steps=60)
    assert everything(learner, loader) == before
    assert len(curve.lrs) > 20


@pytest.mark.parametrize("as_loader", [True, False])
def test_training_goes_on_as_though_there_had_been_no_search(as_loader: bool):
    """G53: the streams of random numbers too."""
    ends = []
    for search in (False, True):
        mt.manual_seed(1)
        data: Any = problem()
        learner = train.Learner(network(), optimizer=lambda m: optim.SGD(m, lr=0.1))
        if as_loader:
            data = DataLoader(TensorDataset(*data), 32, shuffle=True)
        if search:
            train.lr_find(learner, data, steps=20)
        learner.fit(data, batch_size=32, progress=False)
        ends.append([p.detach().numpy().tolist() for p in learner.model.parameters()])
    assert ends[0] == ends[1]


def test_stops_at_three_times_the_minimum():
    """G53."""
    learner = train.Learner(network(), optimizer=lambda m: optim.SGD(m, lr=0.1))
    curve = train.lr_find(learner, problem(), start=1e-3, end=1e6, steps=100)
    assert curve.stopped
    assert len(curve.lrs) == len(curve.losses) < 100
    smooth = curve.smoothed()
    assert not smooth[-1] <= 3 * min(smooth[:-1])  # as nan is not, either
    for i in range(2, len(smooth)):
        assert smooth[i - 1] <= 3 * min(smooth[:i])
    growth = np.diff(np.log(curve.lrs))
    np.testing.assert_allclose(growth, math.log(1e9) / 99, rtol=1e-9)
    assert curve.lrs[0] == 1e-3


def test_goes_to_the_end_where_nothing_explodes():
    learner = train.Learner(nn.Linear(8, 3), optimizer=lambda m: optim.SGD(m, lr=0.1))
    curve = train.lr_find(learner, problem(64), start=1e-5, end=1e-3, steps=10, batch_size=32)
    assert not curve.stopped
    assert len(curve.lrs) == 10
    assert curve.lrs[-1] == pytest.approx(1e-3)
    assert all(type(x) is float for x in curve.lrs + curve.losses)


def test_suggestion_trains():
    mt.manual_seed(0)
    data = problem()
    learner = train.Learner(nn.Linear(8, 3), optimizer=lambda m: optim.SGD(m, lr=0.1))
    rate = train.lr_find(learner, data, end=1000.0).suggestion
    learner.optimizer.lr = rate
    losses = learner.fit(data, epochs=5, progress=False)["train_loss"]
    assert losses[-1] < losses[0]


def test_overflow_is_an_explosion():
    """Gradients overflow before the loss does: the search ends, and no error comes out."""
    model = nn.Linear(8, 1)
    learner = train.Learner(model, optimizer=lambda m: optim.SGD(m, lr=0.1), clip_norm=1e30)
    x = mt.randn(64, 8) * 1e6
    before = model.weight.detach().numpy().copy()
    curve = train.lr_find(learner, (x, x.sum(1, keepdim=True)), start=1e-20, end=1e20, steps=12)
    assert curve.stopped
    assert (model.weight.detach().numpy() == before).all()


def test_open_model_is_built():
    learner = train.Learner(nn.Sequential(nn.Linear(4), nn.Linear(3)))
    assert train.lr_find(learner, problem(64), steps=3).lrs
    assert learner.model[0].weight.shape == (4, 8)
    with pytest.raises(RuntimeError, match="an iterator cannot give its first batch twice"):
        train.lr_find(train.Learner(nn.Linear(3)), iter([problem()]))


def test_interrupted_search_restores_as_well():
    model = nn.Linear(8, 3)
    before = model.weight.detach().numpy().copy()
    learner = train.Learner(model, Fails(after=3), lambda m: optim.SGD(m, lr=0.1))
    with pytest.raises(KeyboardInterrupt):
        train.lr_find(learner, problem(), start=0.1, steps=10)
    assert (model.weight.detach().numpy() == before).all()
    assert learner.optimizer.lr == 0.1


class Fails:
    def __init__(self, after: int):
        self.left = after

    def __call__(self, pred: Any, target: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(pred, target)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"start": 0.0}, "expected 0 < start < end, got 0.0 and 10.0"),
        ({"start": 1.0, "end": 0.1}, "expected 0 < start < end"),
        ({"end": math.inf}, "expected 0 < start < end"),
        ({"steps": 1}, "steps must be at least 2, got 1"),
        ({"explodes": 1.0}, "explodes must be above 1"),
    ],
)
def test_options(options: dict, match: str):
    with pytest.raises(ValueError, match=match):
        train.lr_find(train.Learner(nn.Linear(8, 3)), problem(), **options)


def test_nan_from_the_start_is_an_error():
    x, t = problem(64)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1"):
        train.lr_find(train.Learner(nn.Linear(8, 3)), (x * math.nan, t))
