"""A sampler says in which order an epoch visits the samples: it is iterated, and gives indices.

Where a sampler draws and names no stream, it draws from the default one; inside a `DataLoader` that
is the stream of the epoch, so that the order follows from the loader's seed alone.
"""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from minitorch.random import Generator, default_generator
from minitorch.tensor import Tensor

I = TypeVar("I", covariant=True)  # noqa: E741 - what is sampled: an index, or a list of them


class Sampler(Generic[I]):
    """The base of samplers: a subclass writes `__iter__`, and `__len__` where it is known."""

    generator: Generator | None = None

    def __iter__(self) -> Iterator[I]:
        raise NotImplementedError(
            f"{type(self).__name__}: write __iter__(self), which yields indices"
        )


class OrderSampler(Sampler[int]):
    """A sampler that knows the whole epoch when it starts."""

    @abstractmethod
    def order(self) -> np.ndarray:
        """The indices of one epoch, drawn anew by each call; int64."""

    @abstractmethod
    def __len__(self) -> int:
        """How many indices an epoch has."""

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def _stream(self) -> np.random.Generator:
        return (self.generator or default_generator).numpy


class SequentialSampler(OrderSampler):
    """0, 1, 2, ... to the end."""

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def order(self) -> np.ndarray:
        """The indices in order."""
        return np.arange(len(self))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(OrderSampler):
    """The samples in random order.

    Args:
        data_source: what is sampled; only its length counts.
        replacement: draw each index from all, so that samples may come twice or not at all.
        num_samples: how many to draw, by default as many as there are. Without replacement every
            sample comes k times before any comes k + 1 times.
        generator: the stream to draw from.

    Raises:
        ValueError: there is nothing to draw from, or `num_samples` is not positive.
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = None if num_samples is None else count("RandomSampler", num_samples)
        self.generator = generator
        if len(data_source) == 0:
            raise ValueError("RandomSampler: the data source is empty")

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> np.ndarray:
        """One random order."""
        n, stream = len(self.data_source), self._stream()
        if self.replacement:
            return stream.integers(n, size=self.num_samples)
        if self._num_samples is None:
            return stream.permutation(n)
        rounds = -(-self.num_samples // n)
        return np.concatenate([stream.permutation(n) for _ in range(rounds)])[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(OrderSampler):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int] | np.ndarray, generator: Generator | None = None):
        self.indices = np.array(indices)
        self.generator = generator
        if self.indices.dtype.kind not in "iu" and self.indices.size:
            raise TypeError(
                f"SubsetRandomSampler: indices must be integers, got {self.indices.dtype}"
            )

    def order(self) -> np.ndarray:
        """The indices in one random order."""
        return self._stream().permutation(self.indices.astype(np.int64))

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(OrderSampler):
    """Index i with a probability of weights[i] / sum(weights).

    Args:
        weights: one for each sample, finite and >= 0; they need not add up to 1.
        num_samples: how many to draw in an epoch.
        replacement: whether a sample may come again.
        generator: the stream to draw from.

    Raises:
        ValueError: a weight is negative or not finite, all are 0, or without replacement more are
            asked for than have a weight.

    To see rare classes as often as common ones, weigh each sample by 1 / (size of its class).
    """

    def __init__(
        self,
        weights: Sequence[float] | np.ndarray | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        where = "WeightedRandomSampler"
        given = weights.cpu().numpy() if isinstance(weights, Tensor) else weights
        self.weights = np.array(given, dtype=np.float64)
        self.num_samples = count(where, num_samples)
        self.replacement = replacement
        self.generator = generator
        if self.weights.ndim != 1:
            raise ValueError(f"{where}: weights must be (N,), got {self.weights.shape}")
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ValueError(f"{where}: weights must be finite and >= 0")
        weighty = int((self.weights > 0).sum())
        if weighty == 0:
            raise ValueError(f"{where}: all {len(self.weights)} weights are 0")
        if not replacement and weighty < self.num_samples:
            raise ValueError(
                f"{where}: {self.num_samples} samples without replacement, and {weighty} have a "
                "weight above 0"
            )

    def order(self) -> np.ndarray:
        """One draw of `num_samples` indices."""
        shares = self.weights / self.weights.sum()
        return self._stream().choice(
            len(shares), self.num_samples, replace=self.replacement, p=shares
        )

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from another sampler; the last may be shorter.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        self.sampler = sampler
        self.batch_size = count("BatchSampler", batch_size, "batch_size")
        self.drop_last = drop_last
        self.generator = getattr(sampler, "generator", None)

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        return batches_in(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def batches_in(samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches so many samples make."""
    return samples // batch_size if drop_last else -(-samples // batch_size)


def count(where: str, number: Any, name: str = "num_samples", least: int = 1) -> int:
    """A whole number of at least `least`, or an error that names the argument."""
    try:
        whole = operator.index(number)
    except TypeError:
        whole = None
    if whole is None or isinstance(number, bool):
        raise TypeError(f"{where}: {name} must be an int, got {number!r}")
    if whole < least:
        raise ValueError(f"{where}: {name} must be at least {least}, got {number}")
    return whole
