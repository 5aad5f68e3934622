"""Keeping a run: everything it needs to go on is saved between steps, and found again."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from minitorch.errors import CheckpointError
from minitorch.io import Checkpoint
from minitorch.random import Generator, default_generator
from minitorch.train.callbacks import Callback


class Keeper:
    """Saves checkpoints of a learner while it fits, and goes on from one.

    Args:
        learner: whose model, optimizer, counters and history are kept.
        folder: where; None keeps nothing.
        every: save after so many steps, besides the ends of epochs.
        loader: whose place in the epoch is kept, if it knows it.
        judges: the loader of the validation data, which may draw too.
        callbacks: whose states are kept.
    """

    def __init__(
        self,
        learner: Any,
        folder: str | os.PathLike[str] | None,
        every: int | None,
        loader: Any,
        judges: Any,
        callbacks: list[Callback],
    ):
        if folder is None and every is not None:
            raise ValueError("fit: every needs a folder: checkpoint='runs/first'")
        if every is not None and every < 1:
            raise ValueError(f"fit: every must be at least 1, got {every}")
        self.learner, self.every, self.loader = learner, every, loader
        self._saved: tuple[int, int, int] | None = None  # where the learner stood
        self._checkpoint: Checkpoint | None = None
        for data in (loader, judges):
            if hasattr(data, "state_dict"):
                data.state_dict()  # starts its stream now, whether anything is saved or not
        if folder is not None:
            parts = {
                "model": learner.model,
                "optimizer": _Optimizer(learner),
                "learner": _Counters(learner),
                "callbacks": _Callbacks(callbacks),
                "generator": default_generator,
                "streams": _Streams(learner.model),
            }
            if hasattr(learner.precision, "state_dict"):
                parts["precision"] = learner.precision
            loaders = {"loader": loader, "judges": judges}
            parts |= {k: data for k, data in loaders.items() if hasattr(data, "load_state_dict")}
            self._checkpoint = Checkpoint(folder, **parts)

    def resume(self) -> None:
        """Goes on from the latest checkpoint, if there is one.

        Raises:
            ValueError: fit was given no folder.
            CheckpointError: it is damaged, or that of another run.
        """
        if self._checkpoint is None:
            raise ValueError("fit: resume needs a folder: checkpoint='runs/first'")
        if self._checkpoint.latest is not None:
            self.learner.build(self.loader)
            self._checkpoint.load()
            self.learner.optimizer.stepped = self.learner.step > 0
            self._saved = self._place

    @property
    def _place(self) -> tuple[int, int, int]:
        learner = self.learner
        return learner.epoch, learner.batch, learner.step

    def save(self) -> None:
        """Saves now, unless that is done already."""
        if self._checkpoint is not None and self._saved != self._place:
            self._checkpoint.save(self.learner.step)
            self._saved = self._place

    def after_batch(self) -> None:
        """A batch is over, and no gradient waits for a step."""
        if self.every is not None and self.learner.step % self.every == 0:
            self.save()

    def interrupted(self) -> NoReturn:
        """Ctrl-C was pressed, and the step that was going on is complete."""
        self.save()
        kept = "nothing was saved, since fit has no checkpoint=..."
        if self._checkpoint is not None:
            kept = f"saved in {self._checkpoint.folder}, go on with resume=True"
        raise KeyboardInterrupt(f"fit: stopped after step {self.learner.step}; {kept}")


class _Optimizer:
    """The optimizer, which may not be made before the model has its parameters."""

    def __init__(self, learner: Any):
        self.learner = learner

    def state_dict(self) -> dict[str, Any]:
        return self.learner.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.learner.optimizer.load_state_dict(state)


class _Counters:
    """Where the learner stands, and its history."""

    def __init__(self, learner: Any):
        self.learner = learner

    def state_dict(self) -> dict[str, Any]:
        learner = self.learner
        return {
            "epoch": learner.epoch,
            "batch": learner.batch,
            "step": learner.step,
            "losses": learner.losses.state_dict(learner),
            "metrics": {metric.name: metric.state_dict() for metric in learner.metrics},
            "history": learner.history.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        learner = self.learner
        _check_same("metrics", state["metrics"], [metric.name for metric in learner.metrics])
        learner.epoch, learner.batch = state["epoch"], state["batch"]
        learner.step = state["step"]
        learner.losses.load_state_dict(state["losses"])
        for metric in learner.metrics:
            metric.load_state_dict(state["metrics"][metric.name])
        learner.history.load_state_dict(state["history"])


class _Callbacks:
    """The states of the callbacks, in the order in which they were given."""

    def __init__(self, callbacks: list[Callback]):
        self.callbacks = {f"{i}_{type(c).__name__}": c for i, c in enumerate(callbacks)}

    def state_dict(self) -> dict[str, Any]:
        return {name: callback.state_dict() for name, callback in self.callbacks.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        _check_same("callbacks", state, self.callbacks)
        for name, callback in self.callbacks.items():
            callback.load_state_dict(state[name])


class _Streams:
    """The streams of random numbers that parts of the model have of their own."""

    def __init__(self, model: Any):
        self.model = model

    def state_dict(self) -> dict[str, Any]:
        return {path: stream.get_state() for path, stream in streams_of(self.model).items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        streams = streams_of(self.model)
        _check_same("streams", state, streams)
        for path, stream in streams.items():
            stream.set_state(state[path])


def streams_of(model: Any) -> dict[str, Generator]:
    """The streams that the modules of a model hold, by their paths."""
    return {
        f"{path}.{name}": held
        for path, module in model.named_modules()
        for name, held in vars(module).items()
        if isinstance(held, Generator)
    }


def _check_same(what: str, saved: Any, here: Any) -> None:
    """Raises unless the run had the same names that it goes on with."""
    if list(saved) != list(here):
        raise CheckpointError(
            f"the run was saved with the {what} {', '.join(saved) or '(none)'}, and goes on with "
            f"{', '.join(here) or '(none)'}"
        )
