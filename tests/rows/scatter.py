"""Rows for gather, scatter and their kin."""

import numpy as np

from tests.table import Row, rand

X = rand(3, 4)
ROW_OF = np.array([[0, 2, 0, 1], [0, 1, 2, 2]])  # (2, 4) for dim 0, with repetitions
COLUMN_OF = np.array([[3, 0], [3, 3], [1, 2]])  # (3, 2) for dim 1
ONCE = np.array([[0, 2, 0, 1], [1, 0, 2, 2]])  # no place of a column twice
MASK = X > 0.3
NARROW = np.array([[True], [False], [True]])


def _grid(index, dim):
    key = list(np.indices(index.shape))
    key[dim] = index
    return tuple(key)


def _gather(x, dim, index):
    return x[_grid(index, dim)]


def _scatter(x, dim, index, src, reduce=None):
    if reduce == "add":
        return _scatter_add(x, dim, index, src)
    y = x.copy()
    y[_grid(index, dim)] = src if np.isscalar(src) else src[tuple(map(slice, index.shape))]
    return y


def _scatter_add(x, dim, index, src):
    y = x.copy()
    np.add.at(y, _grid(index, dim), src[tuple(map(slice, index.shape))])
    return y


def _along(x, dim, index):
    key = [slice(None)] * x.ndim
    key[dim] = index
    return tuple(key)


def _index_add(x, dim, index, source, alpha=1):
    y = x.copy()
    np.add.at(y, _along(x, dim, index), alpha * source)
    return y


def _assigned(x, dim, index, value):
    y = x.copy()
    y[_along(x, dim, index)] = value
    return y


def _index_put(x, indices, values, accumulate=False):
    y = x.copy()
    if accumulate:
        np.add.at(y, indices, values)
    else:
        y[indices] = values
    return y


def _torch_index_put(x, indices, values, accumulate=False):
    import torch

    return x.index_put([torch.as_tensor(i) for i in indices], values, accumulate)


def _put(x, index, source, accumulate=False):
    y = x.copy().reshape(-1)
    if accumulate:
        np.add.at(y, index.reshape(-1), source.reshape(-1))
    else:
        y[index.reshape(-1)] = source.reshape(-1)
    return y.reshape(x.shape)


def _masked_scatter(x, mask, source):
    y = x.copy()
    mask = np.broadcast_to(mask, x.shape)
    y[mask] = source.reshape(-1)[: mask.sum()]
    return y


def _method(name):
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def _taken_along(x, indices, dim=None):
    return np.take_along_axis(x, indices, dim) if dim is not None else x.reshape(-1)[indices]


I2 = np.array([2, 0])
I3 = np.array([2, 0, 2])


def _add_flat(x, index, shape):
    return _plus_flat(np.zeros(shape), x, index)


def _plus_flat(x, value, index):
    y = x.reshape(-1).copy()
    np.add.at(y, index, value)
    return y.reshape(x.shape)


def _put_flat(x, value, index):
    y = x.reshape(-1).copy()
    y[index] = value
    return y.reshape(x.shape)


ROWS = [
    *(
        Row("select", (X, d, i), ref=lambda x, d, i: x.take(i, d), torch="select")
        for d, i in ((0, 1), (1, -1), (-1, 0))
    ),
    Row("select", (rand(3), 0, 1), ref=lambda x, d, i: x[1], torch="select"),
    *(
        Row("index_select", (rand(3, 4, 3), d, i), ref=lambda x, d, i: x.take(i, d), torch=twin)
        for d, i, twin in (
            (0, I3, "index_select"),
            (1, I3, "index_select"),
            (-1, I3, "index_select"),
            (1, np.array([-1, 0]), None),
            (0, np.array([1]), "index_select"),
        )
    ),
    Row("index_add", (X, 0, I3, rand(3, 4, seed=1)), ref=_index_add, torch="index_add"),
    Row(
        "index_add",
        (X, 1, I3, rand(3, 3, seed=1)),
        {"alpha": -0.5},
        ref=_index_add,
        torch="index_add",
    ),
    *(
        Row("index_copy", (X, d, I2, rand(*shape)), ref=_assigned, torch="index_copy", syncs=True)
        for d, shape in ((0, (2, 4)), (-1, (3, 2)))
    ),
    Row("index_fill", (X, 0, I3, 1.5), ref=_assigned, torch="index_fill"),
    Row("index_fill", (X, -1, I2, rand()), ref=_assigned, torch="index_fill", layouts=False),
    Row("gather", (X, 0, ROW_OF), ref=_gather, torch="gather"),
    Row("gather", (X, 1, COLUMN_OF), ref=_gather, torch="gather"),
    Row("gather", (X, -2, ROW_OF[:, :3]), ref=_gather, torch="gather"),
    Row("gather", (rand(4), 0, np.array([3, 3, 0, 1, 3])), ref=_gather, torch="gather"),
    Row("gather", (rand(2, 2, 3), 1, np.array([[[0, 1]], [[1, 1]]])), ref=_gather, torch="gather"),
    Row("scatter", (X, 0, ONCE, rand(2, 4, seed=1)), ref=_scatter, torch="scatter", syncs=True),
    # torch has no gradient for a source larger than the index.
    Row("scatter", (X, 0, ONCE[:, :2], rand(3, 4, seed=1)), ref=_scatter, syncs=True),
    Row("scatter", (X, 1, COLUMN_OF, 2.5), ref=_scatter, torch="scatter"),
    Row(
        "scatter",
        (X, 1, COLUMN_OF, rand(3, 2, seed=1)),
        {"reduce": "add"},
        ref=_scatter,
        torch=lambda x, dim, index, src, reduce: x.scatter_add(dim, index, src),
    ),
    Row("scatter_add", (X, 0, ROW_OF, rand(2, 4, seed=1)), ref=_scatter_add, torch="scatter_add"),
    Row("scatter_add", (X, -1, COLUMN_OF, rand(3, 3, seed=1)), ref=_scatter_add),
    Row("take", (X, ROW_OF), ref=lambda x, i: x.reshape(-1)[i], torch="take"),
    Row("take", (X, np.array([11, -1, 3, 3])), ref=lambda x, i: x.reshape(-1)[i], torch="take"),
    Row("pick_flat", (X, ROW_OF), ref=lambda x, index: x.reshape(-1)[index]),
    Row("pick_flat", (X, np.array([11, -1, 3, 3])), ref=lambda x, index: x.reshape(-1)[index]),
    Row("add_flat", (rand(2, 2), np.array([[9, 2], [9, 0]]), (3, 4)), ref=_add_flat),
    Row("plus_flat", (X, rand(2, 2), np.array([[9, 2], [9, 0]])), ref=_plus_flat),
    Row("put_flat", (X, rand(2, 2), np.array([[9, 2], [11, 0]])), ref=_put_flat),
    Row("put_flat", (X, 0.5, np.array([7, 3])), ref=_put_flat),
    Row("take_along_dim", (X, ROW_OF), {"dim": 0}, ref=_taken_along, torch="take_along_dim"),
    Row("take_along_dim", (X, COLUMN_OF[:1]), {"dim": 1}, ref=_taken_along, torch="take_along_dim"),
    Row(
        "take_along_dim",
        (rand(1, 4), COLUMN_OF),
        {"dim": 1},
        ref=_taken_along,
        torch="take_along_dim",
    ),
    Row("take_along_dim", (X, np.array([5, 5, 0])), ref=_taken_along, torch="take_along_dim"),
    Row("put", (X, I2, rand(2)), ref=_put, torch=_method("put"), syncs=True),
    Row("put", (X, I3, rand(3), True), ref=_put, torch=_method("put")),
    *(
        Row(
            "index_put", (X, *args), ref=_index_put, torch=_torch_index_put, grad=(0, 2), syncs=True
        )
        for args in (
            ((np.array([1, 0]), np.array([2, 2])), rand(2)),
            ((np.array([1, 1, 0]),), rand(4), True),
            ((np.array([1, 1]), np.array([2, 2])), rand(2), True),
        )
    ),
    *(
        Row(
            "masked_fill",
            (x, mask, 2.5),
            ref=lambda x, mask, value: np.where(mask, value, x),
            torch=_method("masked_fill"),
        )
        for x, mask in ((X, MASK), (X, NARROW), (rand(4), MASK), (X, MASK[0]))
    ),
    Row(
        "masked_fill",
        (X, MASK, rand()),
        ref=lambda x, mask, value: np.where(mask, value, x),
        torch=_method("masked_fill"),
        layouts=False,
    ),
    *(
        Row(
            "masked_select",
            (x, mask),
            ref=lambda x, mask: np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape))[
                np.broadcast_to(mask, np.broadcast_shapes(x.shape, mask.shape))
            ],
            torch="masked_select",
            meta=False,
            syncs=True,
        )
        for x, mask in ((X, MASK), (X, NARROW), (rand(4), MASK))
    ),
    *(
        Row(
            "masked_scatter",
            (X, mask, rand(3, 4, seed=1)),
            ref=_masked_scatter,
            torch="masked_scatter",
            meta=False,
            syncs=True,
        )
        for mask in (MASK, NARROW)
    ),
]
