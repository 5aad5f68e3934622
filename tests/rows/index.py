"""Rows for reading and writing by index."""

import numpy as np

from tests.table import Row, rand

X = rand(3, 4, 2)
MASK = X[..., 0] > 0.3  # (3, 4)


def _read(x, index):
    return x[index]


def _written(x, value, index):
    y = x.copy()
    y[index] = value
    return y


def _written_torch(x, value, index):
    y = x.clone()
    y[index] = value
    return y


def _zeros_with(x, index, shape):
    y = np.zeros(shape)
    y[index] = x
    return y


def _summed(x, index, shape):
    y = np.zeros(shape)
    np.add.at(y, index, x)
    return y


BASIC = [
    1,
    -1,
    slice(1, 3),
    slice(None, None, 2),
    None,
    ...,
    (),
    (0, 1, 1),
    (slice(None), 2),
    (..., 0),
    (0, ..., slice(0, 1)),
    (slice(1, None), None, -2, slice(None, None, 2)),
]
REVERSED = [slice(None, None, -1), (slice(None), slice(3, 0, -2)), (..., slice(None, None, -1))]
COPYING = [
    np.array([0, 2, 0]),
    np.array([[1, -1], [1, 1]]),
    np.array([2, 0], np.int32),
    MASK[:, 0],
    MASK,
    X > 0,
    (slice(None), np.array([3, 3, 0])),
    (..., np.array([1, 1, 0])),
    (np.array([0, 2, 0]), np.array([1, -1, 1])),
    (np.array([0, 2, 0]), np.array([1, -1, 1]), np.array([0, 0, 0])),
    (np.array([[0], [2]]), np.array([1, 1, 2])),
    (slice(None), np.array([[0], [2]]), np.array([1, 1])),
    (slice(None), 1, np.array([1, 1, 0])),
    (0, np.array([1, 1, 0])),
    (np.array([0, 1, 1]), slice(None), np.array([1, 0, 0])),
    (slice(1, None), np.array([1, 1])),
    (np.array([1, 1]), slice(None, None, 2)),
    (None, np.array([1, 1])),
    (np.array([0, 0]), None),
    (MASK[:, 0], np.array([1])),
    (slice(None), MASK[0]),
    (0, MASK[0]),
    [2, 2],
    ([0, 0], [1, 1]),
]
ONCE = [  # what names each place once, and can be assigned to; whether torch can read it
    *((index, True) for index in BASIC[:4]),
    (REVERSED[1], False),
    (np.array([2, 0]), True),
    (MASK, True),
    ((slice(None), np.array([3, 0])), True),
    ((np.array([0, 2]), np.array([1, -1])), True),
]


def _shape(index):
    return X[index].shape


def _is_array(index):
    return isinstance(index, np.ndarray) and index.dtype.kind == "i"


ROWS = [
    *(Row("getitem", (X, index), ref=_read, torch=_read) for index in BASIC),
    *(Row("getitem", (X, index), ref=_read) for index in REVERSED),
    *(
        Row("getitem", (X, index), ref=_read, torch=_read, syncs=not _is_array(index))
        for index in COPYING
    ),
    Row("getitem", (rand(3), np.array([1, 1])), ref=_read, torch=_read),
    Row("slice_at", (X,), {"index": (slice(1, None), 0)}, ref=_read),
    Row("slice_at", (X,), {"index": (0, 1, 1, ...)}, ref=_read),
    Row(
        "unslice",
        (rand(2, 4),),
        {"index": (slice(1, None), slice(None), 0), "shape": (3, 4, 2)},
        ref=_zeros_with,
    ),
    Row("unslice", (rand(2, 1),), {"index": slice(2, 0, -1), "shape": (3, 1)}, ref=_zeros_with),
    Row("pick_at", (X,), {"index": np.array([1, 1])}, ref=_read, syncs=True),
    Row("pick_at", (X.transpose(1, 0, 2),), {"index": np.array([1, 1])}, ref=_read, syncs=True),
    *(
        Row("add_at", (rand(*_shape(i)),), {"index": i, "shape": X.shape}, ref=_summed, syncs=True)
        for i in COPYING[:-2]
    ),
    *(
        Row(
            "plus_at",
            (X, rand(*_shape(i))),
            {"index": i},
            ref=lambda x, value, index: x + _summed(value, index, x.shape),
            syncs=True,
        )
        for i in (np.array([2, 0, 2]), MASK, (slice(None), np.array([3, 3, 0])))
    ),
    *(
        Row(
            "setitem",
            (X, rand(*_shape(index))),
            {"index": index},
            ref=_written,
            torch=_written_torch if index_is_torchs else None,
            syncs=True,
        )
        for index, index_is_torchs in ONCE
    ),
    *(
        Row("setitem", (X, value), {"index": 1}, ref=_written, torch=_written_torch)
        for value in (rand(2), rand(4, 1), rand(1, 1, 4, 2), 1.5)
    ),
    *(
        Row("setitem", (x, rand()), {"index": 1}, ref=_written, torch=_written_torch, layouts=False)
        for x in (X, rand(3))
    ),
    Row("setitem", (X, rand(2)), {"index": MASK}, ref=_written, torch=_written_torch, syncs=True),
    Row("setitem", (X, rand(4, 2)), {"index": 1}, ref=_written, grad=(0,)),
    Row("setitem", (X, rand(4, 2)), {"index": 1}, ref=_written, grad=(1,)),
]
