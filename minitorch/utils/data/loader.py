"""The DataLoader: an epoch after the other, in batches, in an order that can be repeated.

Each epoch has a seed, drawn from the loader's own stream. From it follow the order of the samples
and what is drawn while batch k is made; so an epoch is known by its seed and a place in it, and
can be gone on with after an interruption, with any number of workers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import count as counting
from typing import Any, Literal

from minitorch.errors import CheckpointError
from minitorch.random import Generator, default_generator, drawing_from
from minitorch.utils.data.arguments import (
    check_batch_sampler,
    check_kinds,
    check_streamed,
    check_waiting,
    worker_count,
)
from minitorch.utils.data.collate import default_collate, default_convert
from minitorch.utils.data.dataset import IterableDataset
from minitorch.utils.data.fetch import END, Derived, Fetcher, StreamFetcher, Task
from minitorch.utils.data.rows import knows_its_order, order_of, row_batches, rows_of
from minitorch.utils.data.sampler import (
    BatchSampler,
    OrderSampler,
    RandomSampler,
    SequentialSampler,
    batches_in,
    count,
)


@dataclass
class _Epoch:
    """Where a loop stands: it has been given `position` batches of the epoch with this seed."""

    number: int = 0
    seed: int = 0
    position: int = 0
    over: bool = True
    sampler: dict[str, Any] | None = None  # its own stream's state when the epoch began


class DataLoader:
    """Batches of a data set, epoch after epoch.

    Args:
        dataset: has `__len__` and `__getitem__`, or is an `IterableDataset`.
        batch_size: samples in a batch; None gives the samples one by one, without a batch axis.
        shuffle: a new random order for every epoch.
        sampler: an order of your own: anything that yields indices.
        batch_sampler: batches of your own: anything that yields lists of indices.
        num_workers: how many make batches ahead; 0 makes each when it is asked for.
        collate_fn: makes a batch from a list of samples; `default_collate` without it.
        pin_memory: taken for torch's sake; it changes nothing here.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: called in each worker with its number, before it starts.
        multiprocessing_context: how processes start, "spawn" (the default) or "forkserver".
        generator: the stream from which the epochs' seeds are drawn.
        prefetch_factor: how many batches each worker makes ahead; 2 without it.
        persistent_workers: keep the workers from one epoch to the next.
        seed: starts a stream for the epochs' seeds, in place of `generator`. Without either it is
            started, on first use, by a draw from the default stream.
        workers: "threads" share the data set, and suit samples that wait for files or spend their
            time in NumPy; "processes" each get a copy by pickle, and suit samples made in Python.

    Raises:
        ValueError: the data set is empty; `drop_last` leaves no batch; arguments that exclude each
            other; a number out of range.
        TypeError: a number that is no int; a data set without `__len__`.

    The batches are the same for any number and kind of workers. What a data set draws from
    minitorch's default stream while batch k is made comes from a stream of that batch; the global
    streams of Python and NumPy start anew with each batch in processes, and nowhere else. An error
    in a worker comes out of the loop, with a note that names sample and batch; when the loop ends,
    by whatever way, its workers end.

    A `TensorDataset`, and a `Subset` of one, with neither `collate_fn` nor `worker_init_fn`, needs
    no workers: a batch is one selection of rows. Unshuffled batches are read-only views of the
    data; `clone()` one to write into it.

    A stream has one reader, however many workers are asked for, so that no sample comes twice.

    >>> import numpy as np
    >>> from minitorch.utils.data import TensorDataset
    >>> data = TensorDataset(np.arange(5), np.arange(5) ** 2)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([0, 1])
    tensor([2, 3]) tensor([4, 9])
    tensor([4]) tensor([16])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: Literal["spawn", "forkserver"] | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        seed: int | None = None,
        workers: Literal["threads", "processes"] = "threads",
    ):
        self.dataset = dataset
        self.num_workers = worker_count(num_workers, workers, prefetch_factor, persistent_workers)
        self.workers = workers
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        check_waiting(timeout, multiprocessing_context)
        check_kinds(generator, seed, collate_fn)
        self._stream = Generator().manual_seed(seed) if seed is not None else generator

        self.batch_size = (
            None if batch_size is None else count("DataLoader", batch_size, "batch_size")
        )
        self._streamed = isinstance(dataset, IterableDataset)
        self.batch_sampler = batch_sampler
        self.sampler: Any = sampler
        if self._streamed:
            check_streamed(shuffle, sampler, batch_sampler)
        elif batch_sampler is not None:
            check_batch_sampler(batch_size, shuffle, sampler, drop_last)
            self.batch_size, self.sampler = None, getattr(batch_sampler, "sampler", None)
        else:
            self._choose_samplers(bool(shuffle))
        batched = self.batch_size is not None or batch_sampler is not None
        self._batched = batched
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._epoch = _Epoch()
        self._loaded = False  # whether the next loop goes on with this epoch
        self._crew: Any = None  # idle workers that persist

    def _choose_samplers(self, shuffle: bool) -> None:
        sized = hasattr(self.dataset, "__len__")
        if sized and len(self.dataset) == 0:
            raise ValueError("DataLoader: the data set is empty (its length is 0)")
        if self.sampler is not None:
            if shuffle:
                raise ValueError("DataLoader: sampler and shuffle=True exclude each other")
        elif sized:
            self.sampler = (RandomSampler if shuffle else SequentialSampler)(self.dataset)
        else:
            raise TypeError(
                f"DataLoader: {type(self.dataset).__name__} has no __len__; write one, pass a "
                "sampler, or make it an IterableDataset"
            )
        if self.batch_size is None:
            if self.drop_last:
                raise ValueError("DataLoader: drop_last needs batches, and batch_size is None")
            return
        self.batch_sampler = BatchSampler(self.sampler, self.batch_size, self.drop_last)
        samples = len(self.sampler) if isinstance(self.sampler, OrderSampler) else self.batch_size
        if self.drop_last and samples < self.batch_size:
            raise ValueError(
                f"DataLoader: drop_last leaves nothing of {samples} samples with "
                f"batch_size {self.batch_size}"
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if not self._streamed:
            return len(self._indices())
        if not hasattr(self.dataset, "__len__"):
            raise TypeError(
                f"DataLoader: the stream {type(self.dataset).__name__} has no __len__, so the "
                "number of batches is not known"
            )
        return batches_in(len(self.dataset), self.batch_size or 1, self.drop_last)

    def __repr__(self) -> str:
        size = len(self.dataset) if hasattr(self.dataset, "__len__") else "?"
        return (
            f"DataLoader({type(self.dataset).__name__} of {size} samples, "
            f"batch_size={self.batch_size}, num_workers={self.num_workers})"
        )

    # epochs ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        """The batches of a new epoch, or the remaining ones of an epoch that was loaded."""
        own = self._sampler_stream()
        if self._loaded:
            self._loaded = False
            if own is not None and self._epoch.sampler is not None:
                own.set_state(self._epoch.sampler)  # which draws the epoch's order once more
        else:
            seed = int(self._seeds().numpy.integers(2**63))
            self._epoch = _Epoch(
                self._epoch.number + 1, seed, 0, False, None if own is None else own.get_state()
            )
        return self._batches(self._epoch)

    def _batches(self, epoch: _Epoch) -> Iterator[Any]:
        with self._source(epoch) as batches:
            for batch in batches:
                epoch.position += 1  # first: a state asked for inside the loop counts this batch
                yield batch
        epoch.over = True

    @contextmanager
    def _source(self, epoch: _Epoch) -> Iterator[Iterator[Any]]:
        """The batches from `epoch.position` on, however they are made."""
        table = self._table()
        if table is not None:
            arrays, rows = table
            with drawing_from(Derived(epoch.seed)):
                order = order_of(self.sampler, rows)
            yield row_batches(arrays, order, self.batch_size or 1, self.drop_last, epoch.position)
        elif self.num_workers == 0:
            yield _made_here(self._fetcher(), self._tasks(epoch))
        else:
            with self._workers_ready() as crew:
                yield crew.run(self._tasks(epoch), self.prefetch_factor, self.timeout)

    def _table(self) -> Any:
        """The arrays and rows behind the data set, if a batch is a selection of rows."""
        if (
            self.batch_size is None
            or self.collate_fn is not default_collate
            or self.worker_init_fn is not None
            or not knows_its_order(self.sampler)
        ):
            return None
        return rows_of(self.dataset)

    def _tasks(self, epoch: _Epoch) -> Iterator[Task]:
        """What is to be made from `epoch.position` on; samplers draw from the epoch's stream."""
        start = epoch.position
        if self._streamed:
            yield from (Task(epoch.seed, k, None) for k in counting(start))
        stream = Derived(epoch.seed)
        with drawing_from(stream):
            indices = iter(self._indices())
        for k in counting():
            with drawing_from(stream):
                chosen = next(indices, END)
            if chosen is END:
                return
            if k >= start:
                yield Task(epoch.seed, k, chosen)

    def _indices(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetcher(self) -> Fetcher | StreamFetcher:
        if self._streamed:
            return StreamFetcher(self.dataset, self.collate_fn, self.batch_size, self.drop_last)
        return Fetcher(self.dataset, self.collate_fn, self._batched)

    @contextmanager
    def _workers_ready(self) -> Iterator[Any]:
        """Workers for one loop; afterwards they end, or wait for the next if they persist."""
        from minitorch.utils.data.workers import Crew, Work  # here: most programs need none

        crew, self._crew = self._crew, None
        if crew is None:
            size = 1 if self._streamed else self.num_workers
            work = Work(self._fetcher(), self.worker_init_fn)
            crew = Crew(self.workers, size, work, self.multiprocessing_context)
            if self.persistent_workers:
                weakref.finalize(self, crew.close)
        keep = False
        try:
            yield crew
            keep = True
        except GeneratorExit:
            keep = True
            raise
        finally:
            if keep and self.persistent_workers and self._crew is None:
                self._crew = crew
            else:
                crew.close()

    # state -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the last loop over this loader stands, in plain numbers and strings.

        Loaded into a loader made alike, the next loop gives exactly the batches that were still to
        come, and later epochs are those of the uninterrupted run. Take it between two batches.
        """
        own = self._sampler_stream()
        begun = self._epoch.sampler if own is None or not self._epoch.over else own.get_state()
        return {
            "stream": self._seeds().get_state(),
            **asdict(self._epoch),
            "sampler": begun,
            "samples": self._samples(),
            "batch_size": self.batch_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes to where `state_dict` was taken.

        Raises:
            CheckpointError: the state lacks something, or is that of a loader with another number
                of samples or another batch size, whose batches are others; nothing is changed then.
        """
        missing = self.state_dict().keys() - (state or {}).keys()
        if missing:
            raise CheckpointError(f"DataLoader: the state lacks {', '.join(sorted(missing))}")
        for name, here in (("samples", self._samples()), ("batch_size", self.batch_size)):
            if state[name] != here:
                raise CheckpointError(
                    f"DataLoader: the state was saved with {name} = {state[name]}, this loader has "
                    f"{here}; its places in an epoch mean other batches"
                )
        self._seeds().set_state(state["stream"])
        self._epoch = _Epoch(**{field.name: state[field.name] for field in fields(_Epoch)})
        self._loaded = not self._epoch.over
        own = self._sampler_stream()
        if self._epoch.over and own is not None:
            own.set_state(state["sampler"])

    def _seeds(self) -> Generator:
        """The stream of the epochs' seeds."""
        if self._stream is None:
            start = int(default_generator.numpy.integers(2**63))
            self._stream = Generator().manual_seed(start)
        return self._stream

    def _sampler_stream(self) -> Generator | None:
        """The stream a sampler names as its own, which is saved and restored with the place."""
        return getattr(self._indices(), "generator", None)

    def _samples(self) -> int | None:
        return len(self.dataset) if hasattr(self.dataset, "__len__") else None


def _made_here(fetch: Any, tasks: Iterable[Task]) -> Iterator[Any]:
    """The batches, each made when it is asked for."""
    for task in tasks:
        batch = fetch(task)
        if batch is END:
            return
        yield batch
