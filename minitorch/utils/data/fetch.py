"""Fetching makes one batch: ask for its samples, collate them, and say which one went wrong.

Whoever fetches, the loop itself, a thread or another process, does it here, and draws from a stream
that depends on the epoch and the batch alone. So batches do not depend on how many work at them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from minitorch.random import Generator, drawing_from


class Derived(Generator):
    """The stream number `place` of those that belong to `seed`; made when first drawn from."""

    def __init__(self, seed: int, *place: int):
        self._seed = seed
        self._place = place

    @cached_property
    def numpy(self) -> np.random.Generator:  # type: ignore[override]
        """The stream; told apart from all others of the seed by a hash of both."""
        sequence = np.random.SeedSequence(self._seed, spawn_key=self._place)
        return np.random.Generator(np.random.PCG64(sequence))


class Task(NamedTuple):
    """An order for one batch."""

    seed: int  # the epoch's
    batch: int  # its number in the epoch
    indices: Any  # of its samples: a list, or one index where batches are not made


class WorkerInfo(NamedTuple):
    """Which worker this is, of how many, and its copy of the data set."""

    id: int
    num_workers: int
    dataset: Any


class _Here(threading.local):
    """What a worker knows of itself, in its own thread."""

    info: WorkerInfo | None = None


here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """Inside a worker of a `DataLoader`, which one it is; None in the main thread."""
    return here.info


class _End:
    """What a stream answers with when it is over; one object, in every process."""

    def __reduce__(self) -> str:
        return "END"


END = _End()


class Fetcher:
    """Makes the batches of a data set whose samples have numbers.

    An error that a sample raises comes out with a note that names the sample and the batch.
    """

    def __init__(self, dataset: Any, collate: Callable[[Any], Any], batched: bool):
        self.dataset = dataset
        self.collate = collate
        self.batched = batched

    def __call__(self, task: Task) -> Any:
        with drawing_from(Derived(task.seed, task.batch)):
            if not self.batched:
                return self._collated(self._sample(task.indices, task), task)
            samples = [self._sample(index, task) for index in task.indices]
            return self._collated(samples, task)

    def _sample(self, index: Any, task: Task) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            size = len(self.dataset) if hasattr(self.dataset, "__len__") else "?"
            error.add_note(
                f"DataLoader: sample {index}, batch {task.batch} (len(dataset) is {size})"
            )
            raise

    def _collated(self, samples: Any, task: Task) -> Any:
        try:
            return self.collate(samples)
        except Exception as error:
            error.add_note(f"DataLoader: batch {task.batch}, made of samples {task.indices}")
            raise


class StreamFetcher:
    """Makes the batches of a stream, in order; END when it is over.

    A stream cannot be entered in the middle: to go on at batch k, all before is read and dropped.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[Any], Any],
        batch_size: int | None,
        drop_last: bool,
    ):
        self.dataset = dataset
        self.collate = collate
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.next_batch = 0
        self.seed: int | None = None
        self.samples: Iterator[Any] = iter(())

    def __call__(self, task: Task) -> Any:
        if task.seed != self.seed or task.batch < self.next_batch:
            self.seed, self.next_batch = task.seed, 0
            with drawing_from(Derived(task.seed, 0)):
                self.samples = iter(self.dataset)
        while self.next_batch < task.batch:
            self._read(task.seed)
        samples = self._read(task.seed)
        size = 1 if self.batch_size is None else self.batch_size
        if not samples or (self.drop_last and len(samples) < size):
            return END
        return self._collated(samples, task)

    def _read(self, seed: int) -> list[Any]:
        batch, self.next_batch = self.next_batch, self.next_batch + 1
        try:
            with drawing_from(Derived(seed, batch)):
                return list(islice(self.samples, self.batch_size or 1))
        except Exception as error:
            error.add_note(f"DataLoader: while reading the samples of batch {batch}")
            raise

    def _collated(self, samples: list[Any], task: Task) -> Any:
        try:
            with drawing_from(Derived(task.seed, task.batch, 1)):
                return self.collate(samples[0] if self.batch_size is None else samples)
        except Exception as error:
            error.add_note(f"DataLoader: batch {task.batch}")
            raise
