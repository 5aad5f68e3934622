"""Collating turns a list of samples into one batch: numbers, rows and images get a new first axis.

Samples are taken apart as they are put together: a list of pairs becomes a pair of batches, a list
of dicts a dict of batches, to any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from minitorch.creation import from_numpy
from minitorch.ops.join import stack
from minitorch.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """One batch from a list of samples of one kind.

    Tensors, NumPy arrays and NumPy scalars are stacked to a Tensor (N, ...); Python numbers become
    a Tensor (N,), floats with the default dtype; strings stay a list. A list of tuples becomes the
    list of their collated columns; lists, namedtuples and dicts keep their type.

    Raises:
        ValueError: a sample is None, or samples differ in shape, length or keys; the message names
            two of them by their place in the batch.
        TypeError: samples of a kind that cannot be collated, or of different kinds.

    >>> default_collate([(1, 0.5), (2, 1.5)])
    [tensor([1, 2]), tensor([0.5000, 1.5000])]
    >>> default_collate([{"name": "a", "size": 1}, {"name": "b", "size": 2}])
    {'name': ['a', 'b'], 'size': tensor([1, 2])}
    """
    return _collated(list(batch), "")


def _collated(batch: list[Any], where: str) -> Any:
    """The batch of what lies at `where` inside the samples, such as "[0]['image']"."""
    first = batch[0]
    for kind, collate in _KINDS:
        if isinstance(first, kind):
            _check_kind(batch, kind, where)
            return collate(batch, where)
    _check_kind(batch, type(first), where)
    raise TypeError(
        f"default_collate: sample 0{where} is of type {type(first).__name__}, which makes no "
        "batch; return tensors, arrays, numbers, strings, tuples, lists or dicts of them, or "
        "pass a collate_fn"
    )


def _check_kind(batch: list[Any], kind: type, where: str) -> None:
    for i, sample in enumerate(batch):
        if sample is None:
            raise ValueError(
                f"default_collate: sample {i}{where} is None; does __getitem__ return a value on "
                "every path?"
            )
        if not isinstance(sample, kind):
            raise TypeError(
                f"default_collate: sample 0{where} is of type {type(batch[0]).__name__}, sample "
                f"{i}{where} of type {type(sample).__name__}; a batch is made of one kind"
            )


def _check_same(batch: list[Any], what: str, ask: Callable[[Any], Any], where: str) -> None:
    wanted = ask(batch[0])
    for i, sample in enumerate(batch):
        if (found := ask(sample)) != wanted:
            raise ValueError(
                f"default_collate: sample 0{where} has {what} {wanted}, sample {i}{where} has "
                f"{what} {found}; make them equal in __getitem__, or pass a collate_fn that pads"
            )


def _tensors(batch: list[Tensor], where: str) -> Tensor:
    _check_same(batch, "shape", lambda x: tuple(x.shape), where)
    return stack(batch)


def _arrays(batch: list[Any], where: str) -> Tensor:
    _check_same(batch, "shape", np.shape, where)
    return from_numpy(np.stack(batch))


def _numbers(batch: list[Any], where: str) -> Tensor:
    return Tensor(batch)


def _strings(batch: list[Any], where: str) -> list[Any]:
    return batch


def _mappings(batch: list[Any], where: str) -> Any:
    _check_same(batch, "keys", lambda d: sorted(d, key=repr), where)
    columns = {
        key: _collated([sample[key] for sample in batch], f"{where}[{key!r}]") for key in batch[0]
    }
    return columns if type(batch[0]) is dict else _like(batch[0], columns)


def _sequences(batch: list[Any], where: str) -> Any:
    _check_same(batch, "length", len, where)
    columns = [_collated(list(column), f"{where}[{j}]") for j, column in enumerate(zip(*batch))]
    first = batch[0]
    if hasattr(first, "_fields"):  # a namedtuple
        return type(first)(*columns)
    return columns if type(first) in (tuple, list) else _like(first, columns)


def _like(first: Any, columns: Any) -> Any:
    """The columns in a container of the samples' type, where that can be made from them."""
    try:
        return type(first)(columns)
    except TypeError:
        return columns


_KINDS: tuple[tuple[Any, Callable[[list[Any], str], Any]], ...] = (
    (Tensor, _tensors),
    ((np.ndarray, np.generic), _arrays),
    (Number, _numbers),
    ((str, bytes), _strings),
    (Mapping, _mappings),
    (Sequence, _sequences),
)


def default_convert(sample: Any) -> Any:
    """A single sample as it is, with NumPy arrays as Tensors: what `batch_size=None` gives.

    >>> default_convert((np.array([1, 2]), "two"))
    (tensor([1, 2]), 'two')
    """
    if isinstance(sample, (np.ndarray, np.generic)) and sample.dtype.kind in "biuf":
        return from_numpy(np.asarray(sample))
    if isinstance(sample, Mapping):
        converted = {key: default_convert(value) for key, value in sample.items()}
        return converted if type(sample) is dict else _like(sample, converted)
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    if isinstance(sample, (tuple, list)):
        return type(sample)(map(default_convert, sample))
    return sample
