"""One fit: its epochs and their batches, what is measured after each, and how it is cut short.

The learner knows what to do with a batch. How often, with which data, who looks on and what is
kept is said once, when a fit begins.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from minitorch.train.batches import gpu_of
from minitorch.train.callbacks import CancelEpoch, CancelFit
from minitorch.train.interrupt import Interrupt
from minitorch.train.keeper import Keeper
from minitorch.train.progress import Progress


class Fit:
    """The epochs of a learner on some data.

    Args:
        learner: learns from the batches; its counters say how far it is.
        loader: the batches of an epoch.
        judges: those of the validation data; None if there are none.
        keeper: saves what is needed to go on.
        show: the bar and the lines that are seen.
    """

    def __init__(self, learner: Any, loader: Any, judges: Any, keeper: Keeper, show: Progress):
        self.learner, self.loader, self.judges = learner, loader, judges
        self.keeper, self.show, self.interrupt = keeper, show, Interrupt()

    def run(self) -> None:
        """All epochs that are left, between `before_fit` and `after_fit`."""
        learner = self.learner
        with self.interrupt:
            try:
                with suppress(CancelFit):
                    learner.tell("before_fit")
                    while learner.epoch < learner.epochs and not learner.stopped:
                        self._one_epoch()
                with suppress(CancelFit):
                    learner.tell("after_fit")
            finally:
                self.show.close()

    def _one_epoch(self) -> None:
        learner, show = self.learner, self.show
        begun = time.perf_counter()
        show.start(learner.epoch, learner.epochs, self.loader, learner.batch)
        self._unless_cancelled(self._batches)
        show.close()
        if learner.losses.begun:
            values = dict.fromkeys(learner.measured, math.nan)
            values.update(learner.losses.measured(learner))
            values.update(self._unless_cancelled(self._judged) or {})
            learner.history.add(values)
            show.line(learner.epoch, learner.epochs, values, time.perf_counter() - begun)
        self._unless_cancelled(learner.tell, "after_epoch")
        learner.epoch, learner.batch = learner.epoch + 1, 0
        learner.forget_measured()
        self.keeper.save()
        if self.interrupt.pending:
            self.keeper.interrupted()

    def _unless_cancelled(self, part: Callable, *args: Any) -> Any:
        """Runs a part of an epoch; where a callback cancels the rest of it, that ends here."""
        try:
            return part(*args)
        except CancelEpoch:
            self.learner.drop()
        except CancelFit:
            self.learner.drop()
            self.learner.stopped = True
        return None

    def _batches(self) -> None:
        """The batches of an epoch, or those that are left of it."""
        learner, loader = self.learner, self.loader
        learner.gpu = gpu_of(learner.model)
        learner.model.train()
        learner.tell("before_epoch")
        learner.drop()  # also the gradients of parameters that the optimizer does not hold
        before = learner.batch
        shows, keeps = self.show.has_bar, self.keeper.every is not None  # after each batch?
        # A loader that does not know its place gives again what was gone through before.
        skipped = 0 if hasattr(loader, "load_state_dict") else before
        for batch in islice(loader, skipped, None):
            learner.learn_from(batch)
            if shows:
                self.show.advance(learner.history.steps["loss"])
            if not learner.waiting:
                if keeps:
                    self.keeper.after_batch()
                if self.interrupt.pending:
                    self.keeper.interrupted()
        if learner.waiting:
            learner.make_step()
        if learner.batch == before == 0:
            raise ValueError(f"fit: {loader!r} gave no batches")

    def _judged(self) -> dict[str, float]:
        """The numbers of the epoch besides the training loss."""
        if self.judges is None:
            return {metric.name: metric.compute() for metric in self.learner.metrics}
        found = self.learner.validate(self.judges)
        return {"valid_loss": found.pop("loss"), **found}
