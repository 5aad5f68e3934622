"""The callbacks that come with the loop: schedules, early stopping, keeping the best."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim, train
from minitorch.train.callbacks import Callback

S = optim.lr_scheduler


class Script(Callback):
    """Writes losses of its own into the history, one for each epoch."""

    order = 1

    def __init__(self, losses: list[float], name: str = "valid_loss"):
        self.losses, self.name = losses, name
        self.weights: list[np.ndarray] = []

    def after_epoch(self, learner: Any) -> None:
        learner.history.epochs[self.name][-1] = self.losses[len(learner.history) - 1]
        self.weights.append(weights(learner.model))


def weights(model: Any) -> np.ndarray:
    return np.concatenate([p.detach().numpy().reshape(-1) for p in model.parameters()])


def learner(*callbacks: Callback, lr: float = 0.1, **options: Any) -> train.Learner:
    sgd = lambda model: optim.SGD(model, lr=lr)
    return train.Learner(nn.Linear(3, 1), optimizer=sgd, callbacks=callbacks, **options)


def data(n: int = 8) -> Any:
    x = mt.randn(n, 3)
    return x, x.sum(1, keepdim=True)


# stopping ----------------------------------------------------------------------------------------

DOWN_AND_UP = [1.0, 0.5, 0.6, 0.45, 0.47, 0.46, 0.5, 0.1]


@pytest.mark.parametrize(
    ("patience", "options", "epochs"),
    [
        (1, {}, 3),  # 0.6 is no improvement
        (2, {}, 6),  # 0.47 and 0.46 are none
        (3, {}, 7),
        (4, {}, 8),
        (2, {"min_delta": 0.1}, 4),  # 0.45 is too little
        (2, {"mode": "max"}, 3),
    ],
)
def test_stops_at_the_known_epoch(patience: int, options: dict, epochs: int):
    """G56."""
    stop = train.EarlyStopping(patience=patience, **options)
    run = learner(Script(DOWN_AND_UP), stop)
    assert len(run.fit(data(), data(), epochs=8, progress=False)) == epochs


@pytest.mark.parametrize(
    ("name", "grows"),
    [
        ("train_loss", False),
        ("mean_squared_error", False),
        ("perplexity", False),
        ("r2", True),
    ],
)
def test_what_is_better_follows_from_the_name(name: str, grows: bool):
    metrics = [train.Mean(lambda pred, t: 0.0, name)] if name != "train_loss" else []
    script = Script([0.1, 0.2, 0.3, 0.4], name)
    run = learner(script, train.EarlyStopping(name, patience=1), metrics=metrics)
    assert len(run.fit(data(), epochs=4, progress=False)) == (4 if grows else 2)


def test_nan_is_no_improvement():
    run = learner(Script([math.nan] * 5), train.EarlyStopping(patience=2))
    assert len(run.fit(data(), data(), epochs=5, progress=False)) == 2


def test_every_fit_has_its_own_patience():
    stop = train.EarlyStopping(patience=2)
    run = learner(Script([1.0, 2.0, 3.0, 4.0, 3.5, 5.0, 5.0]), stop)
    run.fit(data(), data(), epochs=5, progress=False)
    assert len(run.history) == 3
    run.fit(data(), data(), epochs=5, progress=False)
    assert len(run.history) == 7
    assert stop.best_epoch == 1


def test_a_stopped_run_that_is_resumed_stays_stopped(tmp_path: Path):
    def go(patience: int) -> train.Learner:
        mt.manual_seed(0)
        run = learner(Script([1.0, 2.0, 3.0, 4.0, 5.0]), train.EarlyStopping(patience=patience))
        run.fit(data(), data(), epochs=5, checkpoint=tmp_path, resume=True, progress=False)
        return run

    assert len(go(2).history) == 3
    assert len(go(2).history) == 3
    assert len(go(3).history) == 4  # unless it has more patience now


# keeping the best --------------------------------------------------------------------------------


def test_best_model_is_saved_and_given_back(tmp_path: Path):
    """G56."""
    path = tmp_path / "best.safetensors"
    script = Script([3.0, 1.0, 2.0, 1.5])
    best = train.KeepBest(path=path)
    run = learner(script, best)
    run.fit(data(), data(), epochs=4, progress=False)
    assert (weights(run.model) == script.weights[1]).all()
    assert (script.weights[3] != script.weights[1]).any()
    assert (best.best, best.best_epoch) == (1.0, 1)
    fresh = nn.Linear(3, 1)
    fresh.load_state_dict(mt.load(path))
    assert (weights(fresh) == script.weights[1]).all()


def test_last_model_is_left_where_that_is_wanted():
    script = Script([1.0, 2.0])
    run = learner(script, train.KeepBest(restore=False))
    run.fit(data(), data(), epochs=2, progress=False)
    assert (weights(run.model) == script.weights[1]).all()


def test_a_path_that_cannot_be_written_is_found_before_the_first_batch(tmp_path: Path):
    run = learner(train.KeepBest(path=tmp_path / "missing" / "best.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"best\.safetensors"):
        run.fit(data(), data(), progress=False)
    assert run.step == 0


def test_best_of_another_fit_is_forgotten():
    """A new head has another shape."""
    best = train.KeepBest("train_loss")
    for outputs in (1, 2):
        model = nn.Linear(3, outputs)
        x = mt.randn(8, 3)
        train.Learner(model, callbacks=[best]).fit((x, x[:, :outputs]), progress=False)
        assert best.state["weight"].shape == (outputs, 3)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: train.EarlyStopping(patience=0), "patience must be at least 1, got 0"),
        (lambda: train.EarlyStopping(mode="up"), "mode must be 'min' or 'max', got 'up'"),
        (lambda: train.EarlyStopping(min_delta=-1), "min_delta must be >= 0, got -1"),
        (lambda: train.KeepBest(mode="low"), "KeepBest: mode must be"),
        (lambda: train.Schedule(None, per="step"), "per must be 'batch' or 'epoch', got 'step'"),
        (lambda: train.Schedule(None, per="batch", monitor="x"), "monitor needs per='epoch'"),
    ],
)
def test_options(make: Callable, match: str):
    with pytest.raises(ValueError, match=match):
        make()


# schedules ---------------------------------------------------------------------------------------


def rates(schedule: train.Schedule, epochs: int = 4, **options: Any) -> list[float]:
    """The learning rate of each step; an epoch has three."""
    run = learner(schedule, lr=0.8, **options)
    run.fit(data(12), data(), epochs=epochs, batch_size=4, progress=False)
    return run.history.steps["lr"]


def test_schedule_per_batch_and_per_epoch():
    """G52: step counts differ."""
    halves = lambda optimizer: S.ExponentialLR(optimizer, gamma=0.5)
    per_epoch = rates(train.Schedule(halves))
    assert per_epoch == [0.8] * 3 + [0.4] * 3 + [0.2] * 3 + [0.1] * 3
    per_batch = rates(train.Schedule(halves, per="batch"))
    assert per_batch == pytest.approx([0.8 / 2**i for i in range(12)])
    accumulated = rates(train.Schedule(halves, per="batch"), accumulate=3)
    assert accumulated == pytest.approx([0.8, 0.4, 0.2, 0.1])


def test_first_step_has_the_schedules_rate_in_an_open_model_too():
    run = train.Learner(nn.Linear(1), optimizer=lambda m: optim.SGD(m, lr=0.8))
    warm = train.Schedule(lambda o: S.LinearLR(o, start_factor=0.1, total_iters=4), per="batch")
    run.fit(data(12), epochs=2, batch_size=4, callbacks=[warm], progress=False)
    assert run.history.steps["lr"][0] == pytest.approx(0.08)
    assert run.history.steps["lr"][5] == pytest.approx(0.8)


def test_plateau_looks_at_the_history():
    plateau = train.Schedule(
        lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=0), monitor="valid_loss"
    )
    run = learner(Script([1.0, 2.0, 0.5, 0.6]), plateau, lr=0.8)
    run.fit(data(), data(), epochs=4, progress=False)
    assert run.history.steps["lr"] == [0.8, 0.8, 0.4, 0.4]
    assert run.optimizer.lr == 0.2


def test_a_made_scheduler_belongs_to_the_optimizer():
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model, lr=0.8)
    scheduler = S.ExponentialLR(optimizer, gamma=0.5)
    run = train.Learner(model, optimizer=optimizer, callbacks=[train.Schedule(scheduler)])
    run.fit(data(), epochs=2, progress=False)
    assert optimizer.lr == 0.2
    other = train.Schedule(S.ExponentialLR(optim.SGD(model, lr=1.0), gamma=0.5))
    with pytest.raises(ValueError, match="built on another optimizer"):
        train.Learner(model, optimizer=optimizer).fit(data(), callbacks=[other], progress=False)
