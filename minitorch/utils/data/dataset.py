"""A data set answers two questions: how many samples are there, and what is the i-th?

Anything with `__len__` and `__getitem__` will do. A stream, which knows neither, is an
`IterableDataset`. A `TensorDataset` holds its samples as the rows of tensors, and a `DataLoader`
then takes a whole batch of rows at once.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from minitorch.creation import from_numpy
from minitorch.random import Generator, default_generator
from minitorch.tensor import Tensor

S = TypeVar("S", covariant=True)  # what one sample is


class Dataset(Generic[S]):
    """The base of data sets whose samples have numbers; a subclass writes the two methods.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return i, i * i
    >>> Squares()[3]
    (3, 9)
    """

    def __getitem__(self, index: Any) -> S:
        raise NotImplementedError(
            f"{type(self).__name__}: write __getitem__(self, i), which returns sample i"
        )

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Generic[S]):
    """The base of data sets that come as a stream; a subclass writes `__iter__`.

    Every epoch reads the stream from its start, in the order it comes.
    """

    def __iter__(self) -> Iterator[S]:
        raise NotImplementedError(
            f"{type(self).__name__}: write __iter__(self), which yields one sample after the other"
        )


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are rows: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Args:
        tensors: Tensors, or NumPy arrays (whose memory is shared), of one length.

    Raises:
        ValueError: lengths differ, or a tensor is one number without rows.

    >>> import minitorch
    >>> data = TensorDataset(minitorch.tensor([[1., 2.], [3., 4.]]), minitorch.tensor([0, 1]))
    >>> len(data), data[1]
    (2, (tensor([3., 4.]), tensor(1)))
    """

    def __init__(self, *tensors: Tensor | np.ndarray):
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        self.tensors = tuple(from_numpy(t) if isinstance(t, np.ndarray) else t for t in tensors)
        for i, tensor in enumerate(self.tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: tensors[{i}] is a {type(tensor).__name__}, expected a Tensor "
                    "or a NumPy array; for samples of other kinds write a Dataset"
                )
            if tensor.ndim == 0:
                raise ValueError(f"TensorDataset: tensors[{i}] is one number, without rows")
            if len(tensor) != len(self):
                raise ValueError(
                    f"TensorDataset: tensors[0] has {len(self)} rows, tensors[{i}] has "
                    f"{len(tensor)}; every sample needs one row of each"
                )

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class Subset(Dataset[S]):
    """Some samples of a data set, in the order of `indices`.

    Raises:
        ValueError: an index lies outside the data set, or a mask was given.
        TypeError: an index is no integer.
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray | Tensor):
        self.dataset = dataset
        self.indices = [_whole("Subset", i) for i in _plain(indices)]
        n = len(dataset)
        for place, i in enumerate(self.indices):
            if not -n <= i < n:
                raise ValueError(
                    f"Subset: indices[{place}] = {i}, expected {-n} to {n - 1} "
                    f"(the data set has {n} samples)"
                )

    def __getitem__(self, index: int) -> S:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[S]):
    """One data set after the other; `a + b` is `ConcatDataset([a, b])`.

    >>> both = ConcatDataset([range(3), range(10, 12)])
    >>> len(both), both[3], both[-1]
    (5, 10, 11)
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one data set, got none")
        for i, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: datasets[{i}] is an IterableDataset, whose samples have no "
                    "numbers; chain the streams in an IterableDataset of your own"
                )
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> S:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"ConcatDataset: index {index}, and there are {len(self)} samples")
        which = bisect_right(self.cumulative_sizes, i)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][i - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Cuts a data set into parts that share no sample, each drawn at random.

    Args:
        dataset: what to cut.
        lengths: how many samples each part gets, which add up to `len(dataset)`; or fractions
            that add up to 1. Of what fractions leave over by rounding down, the first parts get
            one sample each.
        generator: the stream to draw from; without it, the default one.

    Raises:
        ValueError: the lengths do not add up, or one is negative.

    >>> import minitorch
    >>> g = minitorch.Generator().manual_seed(0)
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25], g)]
    [8, 2]
    """
    n = len(dataset)
    sizes = _sizes(n, lengths)
    order = (generator or default_generator).numpy.permutation(n).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes)]


def _sizes(n: int, lengths: Sequence[int | float]) -> list[int]:
    """The lengths as counts that add up to n."""
    if any(part < 0 for part in lengths):
        raise ValueError(f"random_split: lengths must be >= 0, got {list(lengths)}")
    if any(isinstance(part, float) for part in lengths):
        if not math.isclose(sum(lengths), 1):
            raise ValueError(
                f"random_split: fractions must add up to 1, {list(lengths)} add up to "
                f"{sum(lengths):g}"
            )
        # 0.29 of 100 is 28.999999999999996 in binary, and means 29.
        sizes = [math.floor(n * part + 1e-9) for part in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        return sizes
    sizes = [_whole("random_split", part) for part in lengths]
    if sum(sizes) != n:
        raise ValueError(
            f"random_split: lengths {sizes} add up to {sum(sizes)}, the data set has {n} samples"
        )
    return sizes


def _plain(indices: Any) -> list[Any]:
    """Indices given as a list, an array or a Tensor, as a list; a mask is refused."""
    array = indices.numpy() if isinstance(indices, Tensor) else indices
    if isinstance(array, np.ndarray) and array.dtype == bool:
        raise ValueError("Subset: got a mask, expected indices; np.flatnonzero(mask) gives them")
    return array.tolist() if isinstance(array, np.ndarray) else list(array)


def _whole(where: str, number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"{where}: expected an integer, got {number!r}") from None
