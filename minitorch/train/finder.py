"""The learning-rate finder: one short run in which the rate grows until the loss explodes.

Too small a rate learns nothing, too large a one diverges, and the loss against the rate, drawn on a
log axis, shows both ends. (L. N. Smith, "Cyclical learning rates for training neural networks",
2017.) Afterwards everything is as it was before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch.nn.building import is_open
from minitorch.random import default_generator
from minitorch.train.batches import as_loader
from minitorch.train.callbacks import Callback, CancelFit
from minitorch.train.keeper import streams_of
from minitorch.train.learner import Learner


@dataclass(frozen=True)
class LRCurve:
    """What the finder saw.

    Attributes:
        lrs: the learning rates, growing by a constant factor.
        losses: the loss of the batch that was stepped with each.
        stopped: did the loss explode before the last rate was reached?
    """

    lrs: list[float]
    losses: list[float]
    stopped: bool

    def smoothed(self, beta: float = 0.8) -> list[float]:
        """The losses as a running mean, unbiased at the start: mₜ / (1 - βᵗ)."""
        mean, out = 0.0, []
        for t, loss in enumerate(self.losses, 1):
            mean = beta * mean + (1 - beta) * loss
            out.append(mean / (1 - beta**t))
        return out

    @property
    def suggestion(self) -> float:
        """A tenth of the rate where the loss was smallest: steep, and still far from the edge."""
        return self.lrs[int(np.argmin(self.smoothed()))] / 10


def lr_find(
    learner: Learner,
    train: Any,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 64,
    explodes: float = 3.0,
) -> LRCurve:
    """Steps with learning rates from `start` to `end`, and gives back everything as it was.

    Args:
        learner: whose model, loss and optimizer are tried.
        train: a DataLoader, or (x, t) as Tensors or arrays.
        start, end: the first and the last learning rate.
        steps: how many there are in between, each `(end / start) ** (1 / (steps - 1))` times the
            one before.
        batch_size: where `train` is no loader.
        explodes: stop when the smoothed loss is so many times its minimum.

    Raises:
        ValueError: rates that do not grow, fewer than 2 steps.
        FloatingPointError: the very first loss is nan or infinite.

    >>> import minitorch
    >>> from minitorch import nn
    >>> x = minitorch.randn(256, 8)
    >>> curve = lr_find(Learner(nn.Linear(1)), (x, x.sum(1, keepdim=True)), end=1000.0)
    >>> 0.001 < curve.suggestion < 10, len(curve.lrs) == len(curve.losses)
    (True, True)
    """
    if not isinstance(learner, Learner):
        raise TypeError(f"lr_find: expected a Learner, got {type(learner).__name__}")
    if not 0 < start < end < math.inf:
        raise ValueError(f"lr_find: expected 0 < start < end, got {start} and {end}")
    if steps < 2:
        raise ValueError(f"lr_find: steps must be at least 2, got {steps}")
    if explodes <= 1:
        raise ValueError(f"lr_find: explodes must be above 1, got {explodes}")
    sweep = _Sweep(start, end, steps, explodes)
    with _unchanged(learner, train, batch_size) as loader:
        trial = Learner(
            learner.model,
            learner.loss_function,
            learner.optimizer,
            clip_norm=learner.clip_norm,
            clip_value=learner.clip_value,
            split=learner.split,
            precision=deepcopy(learner.precision),
        )
        learner.optimizer.check_finite = False  # what becomes of such a step, the next loss shows
        try:
            trial.fit(loader, epochs=steps, callbacks=[sweep], progress=False)
        except FloatingPointError:
            if not sweep.losses:
                raise
            sweep.stopped = True
    return LRCurve(sweep.lrs, sweep.losses, sweep.stopped)


@contextmanager
def _unchanged(learner: Learner, train: Any, batch_size: int) -> Iterator[Any]:
    """A loader to try out, after which all is as it was before: only sizes that were open are not.

    That is weights, optimizer, modes, the loader's place, and the streams of random numbers.
    """
    has_place = hasattr(train, "load_state_dict")
    place = train.state_dict() if has_place else None  # first: it may start the loader's stream
    stream = default_generator.get_state()
    loader = as_loader(train, batch_size, shuffle=True)
    if is_open(learner.model):
        learner.build(loader)
        stream = default_generator.get_state()
    model, optimizer = learner.model, learner.optimizer
    weights, moments, streams = model.state_dict(), optimizer.state_dict(), streams_of(model)
    own = {path: generator.get_state() for path, generator in streams.items()}
    stepped, check_finite = optimizer.stepped, optimizer.check_finite
    try:
        with _in_mode(model):
            yield loader
    finally:
        model.load_state_dict(weights, allow_nonfinite=True)
        optimizer.load_state_dict(moments)
        optimizer.stepped, optimizer.check_finite = stepped, check_finite
        model.zero_grad()
        if has_place:
            train.load_state_dict(place)
        default_generator.set_state(stream)
        for path, generator in streams.items():
            generator.set_state(own[path])


@contextmanager
def _in_mode(model: Any) -> Iterator[None]:
    """Afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.__dict__["training"] = training


class _Sweep(Callback):
    """Sets the rate of each step, and stops when the loss explodes."""

    def __init__(self, start: float, end: float, steps: int, explodes: float):
        self.rates = [start * (end / start) ** (i / (steps - 1)) for i in range(steps)]
        self.explodes = explodes
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.stopped = False

    def after_backward(self, learner: Learner) -> None:
        """The loss of this batch belongs to the rate of the next step."""
        lr = self.rates[len(self.lrs)]
        for group in learner.optimizer.param_groups:
            group["lr"] = lr
        self.lrs.append(lr)
        self.losses.append(float(learner.loss))  # which waits for a GPU

    def after_batch(self, learner: Learner) -> None:
        """Is it time to stop? Asked also when the step was left out."""
        smooth = LRCurve(self.lrs, self.losses, False).smoothed()
        self.stopped = len(smooth) > 1 and smooth[-1] > self.explodes * min(smooth)
        if self.stopped or len(self.lrs) == len(self.rates):
            raise CancelFit
