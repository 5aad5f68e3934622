"""What may be asked of a DataLoader, and what does not go together: said before a batch is made."""

from __future__ import annotations

from typing import Any

from minitorch.random import Generator
from minitorch.utils.data.sampler import count


def worker_count(num_workers: int, kind: str, prefetch: int | None, persistent: bool) -> int:
    """The number of workers, where it and the options that only workers need fit together."""
    if kind not in ("threads", "processes"):
        raise ValueError(f"DataLoader: workers is 'threads' or 'processes', got {kind!r}")
    if count("DataLoader", num_workers, "num_workers", least=0) == 0:
        if prefetch is not None:
            raise ValueError("DataLoader: prefetch_factor needs num_workers > 0")
        if persistent:
            raise ValueError("DataLoader: persistent_workers needs num_workers > 0")
        return 0
    if prefetch is not None:
        count("DataLoader", prefetch, "prefetch_factor")
    return num_workers


def check_waiting(timeout: float, multiprocessing_context: str | None) -> None:
    """Raises unless workers can be waited for so long, and started in that way."""
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout is in seconds and >= 0, got {timeout}")
    if multiprocessing_context not in (None, "spawn", "forkserver"):
        raise ValueError(
            "DataLoader: multiprocessing_context is 'spawn' or 'forkserver', got "
            f"{multiprocessing_context!r}; a forked copy of a program with threads may hang"
        )


def check_kinds(generator: Any, seed: int | None, collate_fn: Any) -> None:
    """Raises unless one stream at most is named, and samples are collated by a function."""
    if not (generator is None or isinstance(generator, Generator)):
        raise TypeError(
            f"DataLoader: generator must be a minitorch.Generator, got {generator!r}; seed=... "
            "starts one from a number"
        )
    if not (collate_fn is None or callable(collate_fn)):
        raise TypeError(f"DataLoader: collate_fn must be a function, got {collate_fn!r}")
    if seed is not None and generator is not None:
        raise ValueError("DataLoader: seed and generator exclude each other; give one of them")


def check_streamed(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    """Raises where a stream is to come in another order than its own."""
    for name, value in (
        ("shuffle", shuffle),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ):
        if value:
            raise ValueError(
                f"DataLoader: {name} needs samples with numbers; an IterableDataset comes in the "
                "order it comes"
            )


def check_batch_sampler(
    batch_size: int | None, shuffle: bool | None, sampler: Any, drop_last: bool
) -> None:
    """Raises where something besides `batch_sampler` has a say in the batches."""
    if batch_size not in (None, 1) or shuffle or sampler is not None or drop_last:
        raise ValueError(
            "DataLoader: batch_sampler makes the batches alone; leave out batch_size, shuffle, "
            "sampler and drop_last"
        )
