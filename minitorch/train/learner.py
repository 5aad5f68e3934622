"""The training loop, written once: batches, loss, gradients, steps, validation, and who listens.

    learner = Learner(model, F.cross_entropy, optim.SGD(model, lr=0.1), metrics=[accuracy])
    history = learner.fit((x, y), valid=(x_valid, y_valid), epochs=5)
    probabilities = learner.predict(x_new).softmax(1)

`model.fit(x, y)` and `model.predict(x)` are short for it. What happens besides is said by callbacks
(`callbacks.py`), what is measured by metrics (`metrics.py`), and what a run needs to go on after
an interruption is kept by `keeper.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from minitorch.array import device
from minitorch.modes import no_grad
from minitorch.nn import functional as F
from minitorch.nn.building import is_open
from minitorch.nn.module import Module
from minitorch.nn.stateless import evaluating
from minitorch.optim import Adam, Optimizer
from minitorch.tensor import Tensor
from minitorch.train.batches import as_loader, gpu_of, moved, size_of, split_batch
from minitorch.train.callbacks import (
    Callback,
    Cancel,
    CancelBatch,
    as_callbacks,
    listeners,
)
from minitorch.train.fitting import Fit
from minitorch.train.gradients import adjust, warn_of_unused
from minitorch.train.history import History
from minitorch.train.keeper import Keeper
from minitorch.train.losses import Losses, check_loss
from minitorch.train.metrics import Average, as_metrics
from minitorch.train.parts import check_parts
from minitorch.train.precision import as_precision
from minitorch.train.prediction import predict
from minitorch.train.progress import Progress


class Learner:
    """A model, a loss and an optimizer, and what it takes to train the one with the others.

    Args:
        model: open sizes are found at the first batch.
        loss: called as `loss(pred, target)`, a mean over the batch; by default cross-entropy for
            integer targets and mean squared error for others.
        optimizer: or a function that makes one of the model: `lambda m: optim.SGD(m, lr=0.1)`,
            which works while sizes are open too. By default Adam with lr 0.001.
        metrics: functions of (pred, target), or `Metric`s; measured on the validation data, or on
            the training data where there is no other.
        callbacks: that take part in every `fit`.
        clip_norm: scale gradients down to this norm before each step.
        clip_value: cut elements of gradients off at ± this, before each step.
        accumulate: make one step of so many batches, as of one batch of all their examples.
        split: (batch) -> (args, kwargs, target), where `split_batch` does not fit.
        precision: "float16" computes products in float16, on a GPU in a fraction of the time, and
            keeps everything else as accurate as it has to be: see `MixedPrecision`. "bfloat16"
            does so with fewer digits, and has no gradients to scale: see `BFloat16`. None, the
            default, and "float32" compute everything in the model's own dtype.

    Attributes:
        history: what was measured, as plain numbers.
        epoch, batch, step: how many epochs of this fit, batches of this epoch, and steps in all
            are complete.
        measured: the names that the history of this fit has for every epoch.
        args, kwargs, target, pred, loss: of the batch that runs; callbacks may change them.
        training: is it a training batch, and not a validation batch, that runs?
        stopped: did a callback cancel the fit?

    >>> import minitorch
    >>> from minitorch import nn
    >>> x = minitorch.linspace(-1, 1, 64).reshape(-1, 1)
    >>> learner = Learner(nn.Linear(1), optimizer=lambda m: minitorch.optim.SGD(m, lr=0.1))
    >>> history = learner.fit((x, 3 * x), epochs=20, batch_size=16, progress=False)
    >>> history.last("train_loss") < 0.1
    True
    """

    args: tuple = ()
    target: Any = None
    pred: Any = None
    loss: Any = None

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Tensor] | None = None,
        optimizer: Any = None,
        *,
        metrics: Iterable[Any] = (),
        callbacks: Iterable[Callback] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        split: Callable[[Any], tuple] = split_batch,
        precision: Any = None,
    ):
        check_parts(model, loss, optimizer)
        if accumulate < 1:
            raise ValueError(f"Learner: accumulate must be at least 1, got {accumulate}")
        self.model, self.loss_function, self._optimizer = model, loss, optimizer
        self.metrics = as_metrics(metrics)
        self.callbacks = as_callbacks(callbacks)
        self.clip_norm, self.clip_value, self.accumulate = clip_norm, clip_value, accumulate
        self.split, self.precision = split, as_precision(precision)
        self.history = History()
        self.losses = Losses()
        self.epoch = self.batch = self.step = self.epochs = 0
        self.measured: tuple[str, ...] = ()
        self.training = self.stopped = False
        self.kwargs: dict[str, Any] = {}
        self._on = listeners(self.callbacks)
        self._first = 1  # the examples of the first batch of those that make a step together
        self.waiting = 0.0  # how many such batches have gradients that wait for the step
        self._measures_training = False
        self.gpu: device | None = None  # where the model is, if it is on a GPU
        self._complete = False  # were all parameters seen to get a gradient?

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, made of the model when it is first needed."""
        if not isinstance(self._optimizer, Optimizer):
            self._optimizer = (self._optimizer or Adam)(self.model)
        return self._optimizer

    def tell(self, event: str) -> None:
        """Calls everybody who listens to the event."""
        for listener in self._on[event]:
            listener(self)

    def _tell_at_end(self, event: str) -> None:
        """The same when a batch is over, and there is nothing left of it to cancel."""
        for listener in self._on[event]:
            with suppress(CancelBatch):
                listener(self)

    # fit ---------------------------------------------------------------------------------------

    def fit(
        self,
        train: Any,
        valid: Any = None,
        epochs: int = 1,
        *,
        batch_size: int = 64,
        callbacks: Iterable[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        every: int | None = None,
        resume: bool = False,
        progress: bool | str = True,
    ) -> History:
        """Trains for some epochs; returns the history, in which those of earlier fits stand too.

        Args:
            train: a DataLoader, or (x, t) as Tensors or arrays, of which shuffled batches are made;
                x may be a tuple or a dict of several inputs.
            valid: the same, to be measured on after every epoch.
            epochs: how often all of `train` is gone through.
            batch_size: where `train` or `valid` is no loader.
            callbacks: that take part in this fit, besides the learner's own.
            checkpoint: a folder; after every epoch, and on Ctrl-C, all that a run needs to go on
                is saved there.
            every: save also after every so many steps.
            resume: go on from the latest checkpoint in the folder, if there is one. The run ends
                as the unbroken one would have, bit for bit.
            progress: show a bar in a terminal, and a line for every epoch; "lines" shows the
                lines alone, False nothing.

        Raises:
            ValueError: no epochs, no batches, a callback monitors what is not measured.
            FloatingPointError: a loss is nan or infinite; the message names epoch and batch. No
                step was made with it (on a GPU, where looking costs time, only soon after).
            KeyboardInterrupt: Ctrl-C, after the step that was going on, and after saving.
        """
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
            raise ValueError(f"fit: epochs must be an int of at least 0, got {epochs!r}")
        loader = as_loader(train, batch_size, shuffle=True)
        judges = None if valid is None else as_loader(valid, batch_size, shuffle=False)
        taking_part = [*self.callbacks, *as_callbacks(callbacks)]
        on = listeners(taking_part)
        self._begin(epochs, judges)
        keeper = Keeper(self, checkpoint, every, loader, judges, taking_part)
        if resume:
            keeper.resume()
        try:
            self._on = on
            Fit(self, loader, judges, keeper, Progress(progress)).run()
        finally:
            self._on = listeners(self.callbacks)
        self.pred = self.loss = None  # and with them the last graph
        return self.history

    def build(self, data: Any) -> None:
        """Finds sizes that are still open, by the inputs of the first batch.

        Args:
            data: a DataLoader, or (x, t) as Tensors or arrays.

        Raises:
            RuntimeError: the batches can be had only once.
        """
        if is_open(self.model):
            loader = as_loader(data, 1, shuffle=False)
            if iter(loader) is loader:
                raise RuntimeError(
                    "fit: the model's sizes are open, and an iterator cannot give its first batch "
                    "twice; build the model first, model.build((1, 28, 28))"
                )
            self.gpu = gpu_of(self.model)
            with evaluating(self.model), no_grad():
                self._prepare(next(iter(loader)))
                self.model(*self.args, **self.kwargs)

    def _begin(self, epochs: int, judges: Any) -> None:
        """Counts from the start, and says what will be measured."""
        self._measures_training = judges is None
        names = [] if judges is None else ["valid_loss"]
        self.measured = ("train_loss", *names, *(metric.name for metric in self.metrics))
        self.epoch, self.batch, self.epochs, self.stopped = 0, 0, epochs, False
        self.forget_measured()

    def forget_measured(self) -> None:
        """Losses and metrics start anew, as an epoch does."""
        self.losses.reset()
        for metric in self.metrics:
            metric.reset()

    # one batch ---------------------------------------------------------------------------------

    def learn_from(self, batch: Any) -> None:
        """Forward, loss, backward, and a step when it is time for one."""
        number = self.batch + 1
        try:
            self._add_gradients(batch)
            if self.waiting and number % self.accumulate == 0:
                self.make_step()
            self.batch = number
            self._tell_at_end("after_batch")
        except (Cancel, FloatingPointError):
            raise
        except Exception as error:
            error.add_note(f"in epoch {self.epoch + 1}, batch {number} of fit")
            raise

    def _add_gradients(self, batch: Any) -> None:
        """Forward, loss and backward."""
        self.training = True
        waiting = self.waiting
        try:
            self._prepare(batch)
            self.tell("before_batch")
            self._predict()
            size = size_of(self.args, self.kwargs)
            self.losses.note(self, size)
            if self._measures_training and self.metrics:
                with no_grad():
                    self._measure(size)
            # Means of batches add up to the mean of all when each counts by its examples.
            self._first = self._first if self.waiting else size
            part = 1 if size == self._first else size / self._first
            loss = self.loss if part == 1 else self.loss * part
            self.precision.backward(loss)
            self.waiting += part
            if not self._complete:
                self._complete = True
                warn_of_unused(self.model)
            self.tell("after_backward")
        except CancelBatch:
            if self.waiting != waiting:  # its gradients are among those of others by now
                self.drop()

    def _prepare(self, batch: Any) -> None:
        """Takes the batch apart, and to where the model is."""
        self.args, self.kwargs, self.target = self.split(batch)
        if self.gpu is not None:
            self.args, self.kwargs, self.target = moved(
                (self.args, self.kwargs, self.target), self.gpu
            )

    def _predict(self) -> None:
        """Forward and loss."""
        self.pred = self.precision.predict(self.model, self.args, self.kwargs, self.gpu)
        self.tell("after_predict")
        if self.loss_function is None:
            counted = isinstance(self.target, Tensor) and not self.target.is_floating_point()
            self.loss_function = F.cross_entropy if counted else F.mse_loss
        self.loss = self.loss_function(self.pred, self.target)
        self.tell("after_loss")
        check_loss(self.loss, self.loss_function)

    def _measure(self, size: int) -> None:
        for metric in self.metrics:
            metric.update(self.pred, self.target, size)

    def make_step(self) -> None:
        """The optimizer's step, of what the batches since the last one have added up."""
        optimizer = self.optimizer
        self.precision.unscale(optimizer)
        if self.waiting != 1 or self.clip_value is not None or self.clip_norm is not None:
            adjust(optimizer, self.waiting, self.clip_value, self.clip_norm)
        made = self.precision.step(optimizer)
        optimizer.zero_grad()
        self.waiting = 0.0
        if made:
            self.history.note_lr(optimizer.param_groups[0]["lr"])
            self.step += 1
            self._tell_at_end("after_step")

    def drop(self) -> None:
        """Forgets gradients of which no step will be made."""
        self.model.zero_grad()
        self.waiting = 0.0

    # without training --------------------------------------------------------------------------

    def validate(self, data: Any, batch_size: int = 256) -> dict[str, float]:
        """The loss and the metrics over all of `data`, in evaluation mode and without a tape.

        Args:
            data: a DataLoader, or (x, t) as Tensors or arrays.
            batch_size: where `data` is no loader.

        Returns:
            "loss" and the metrics by their names.
        """
        loss = Average()
        for metric in self.metrics:
            metric.reset()
        self.training = False
        self.gpu = gpu_of(self.model)
        self.tell("before_validate")
        with evaluating(self.model), no_grad():
            for batch in as_loader(data, batch_size, shuffle=False):
                self._prepare(batch)
                size = size_of(self.args, self.kwargs)
                with suppress(CancelBatch):
                    self._predict()
                    loss.add(self.loss.array.reshape(()), size)
                    self._measure(size)
        if not loss.count:
            raise ValueError(f"validate: {data!r} gave no batches")
        self.tell("after_validate")
        return {"loss": loss.compute(), **{m.name: m.compute() for m in self.metrics}}

    def predict(self, x: Any, batch_size: int = 256) -> Any:
        """What the model says of inputs, in evaluation mode and without a tape: see `predict`."""
        return predict(self.model, x, batch_size)
