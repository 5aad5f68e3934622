"""Batches of rows: where samples are the rows of tensors, a batch is one selection from each.

This is the short way for a `TensorDataset`. It gives what asking for the samples one by one and
collating them would, without the Python call for every sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.tensor import Tensor, make
from minitorch.utils.data.dataset import Subset, TensorDataset
from minitorch.utils.data.sampler import OrderSampler, SequentialSampler, batches_in


def rows_of(dataset: Any) -> tuple[list[Array], np.ndarray | None] | None:
    """The arrays whose rows a data set's samples are, and which rows (None for all in order).

    None for a data set whose samples have to be asked for one by one.
    """
    rows = None
    while type(dataset) is Subset:
        indices = np.array(dataset.indices, dtype=np.int64)
        rows = indices if rows is None else indices[rows]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or any(t.node is not None for t in dataset.tensors):
        return None
    return [tensor.array for tensor in dataset.tensors], rows


def order_of(sampler: Any, rows: np.ndarray | None) -> np.ndarray | None:
    """The rows in the order in which a sampler visits them; None for all in order."""
    if type(sampler) is SequentialSampler:
        return rows
    order = sampler.order()
    return order if rows is None else rows[order]


def knows_its_order(sampler: Any) -> bool:
    """Whether a sampler gives its whole order at once."""
    return isinstance(sampler, OrderSampler) and type(sampler).__iter__ is OrderSampler.__iter__


def row_batches(
    arrays: list[Array], order: np.ndarray | None, batch_size: int, drop_last: bool, start: int
) -> Iterator[list[Tensor]]:
    """The batches from number `start` on: slices of the arrays, or selections by `order`."""
    samples = len(arrays[0]) if order is None else len(order)
    # On a GPU the order goes there once an epoch, and no batch waits for the host.
    orders = None if order is None else [move(order, device_of(x)) for x in arrays]
    arrays = [_read_only(x) for x in arrays]
    for k in range(start, batches_in(samples, batch_size, drop_last)):
        rows = slice(k * batch_size, (k + 1) * batch_size)
        if orders is None:
            yield [make(x[rows]) for x in arrays]
        else:
            yield [make(x[index[rows]]) for x, index in zip(arrays, orders)]


def _read_only(x: Array) -> Array:
    """The same numbers, so that a slice of them cannot be written into by mistake."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x
