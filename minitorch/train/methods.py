"""`model.fit(x, y)` and `model.predict(x)`: a Learner of their own behind one call each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minitorch.nn.module import Module
from minitorch.optim import Adam
from minitorch.train.history import History
from minitorch.train.learner import Learner
from minitorch.train.prediction import predict


def fit(
    model: Module,
    x: Any,
    y: Any = None,
    *,
    epochs: int = 1,
    batch_size: int = 64,
    lr: float | None = None,
    loss: Callable | None = None,
    optimizer: Any = None,
    metrics: Iterable[Any] = (),
    valid: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    precision: Any = None,
    **options: Any,
) -> History:
    """Trains the model on examples and their targets; returns the history.

    A new `Learner` does it, with an optimizer of its own: Adam, unless told otherwise.

    Args:
        model: also as a method: `model.fit(x, y, epochs=5)`.
        x: examples, a tuple or dict of them where forward takes several, or a DataLoader of
            batches (x, y); then leave out `y`.
        y: targets: class numbers, or numbers to come close to.
        epochs, batch_size, valid, options: as for `Learner.fit`.
        lr: the learning rate of the default optimizer.
        loss, optimizer, metrics, clip_norm, clip_value, accumulate, precision: as for `Learner`.

    >>> import minitorch
    >>> from minitorch import nn
    >>> x = minitorch.randn(64, 2)
    >>> history = nn.Linear(1).fit(x, x.sum(1, keepdim=True), epochs=2, progress=False)
    >>> len(history)
    2
    """
    if lr is not None:
        if optimizer is not None:
            raise ValueError("fit: lr is for the default optimizer; give the optimizer its own lr")
        optimizer = lambda m: Adam(m, lr=lr)
    learner = Learner(
        model,
        loss,
        optimizer,
        metrics=metrics,
        clip_norm=clip_norm,
        clip_value=clip_value,
        accumulate=accumulate,
        precision=precision,
    )
    train = x if y is None else (x, y)
    return learner.fit(train, valid, epochs, batch_size=batch_size, **options)


Module.fit, Module.predict = fit, predict  # type: ignore[attr-defined]
