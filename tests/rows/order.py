"""Rows for order: max and min, sorting, the median."""

import numpy as np

from tests.table import Row, apart, rand


def _along(x, index, dim, keepdim=True):
    y = np.take_along_axis(x, index, dim)
    return (y, index) if keepdim else (y.squeeze(dim), index.squeeze(dim))


def _max(x, dim=None, keepdim=False):
    if dim is None:
        return np.max(x)
    return np.max(x, dim, keepdims=keepdim), np.argmax(x, dim, keepdims=keepdim)


def _min(x, dim=None, keepdim=False):
    if dim is None:
        return np.min(x)
    return np.min(x, dim, keepdims=keepdim), np.argmin(x, dim, keepdims=keepdim)


def _sort(x, dim=-1, descending=False):
    order = np.argsort(-x if descending else x, dim)
    return np.take_along_axis(x, order, dim), order


def _topk(x, k, dim=-1, largest=True):
    values, order = _sort(x, dim, largest)
    return np.take(values, range(k), dim), np.take(order, range(k), dim)


def _kth(x, k, dim=-1, keepdim=False):
    values, order = _sort(x, dim)
    at = range(k - 1, k)
    values, order = np.take(values, at, dim), np.take(order, at, dim)
    return (values, order) if keepdim else (values.squeeze(dim), order.squeeze(dim))


def _median(x, dim=None, keepdim=False):
    if dim is None:
        return np.sort(x, None)[(x.size - 1) // 2]
    return _kth(x, (x.shape[dim] + 1) // 2, dim, keepdim)


def _put(x, index, dim, shape):
    y = np.zeros(shape)
    np.put_along_axis(y, index, x, dim)
    return y


two = (apart(2, 3), apart(2, 3, seed=1) + 0.1)
index = np.array([[2, 0], [1, 2]])


def _put_once(x, at, shape):
    y = np.zeros(shape)
    y.reshape(-1)[at] = x
    return y


ROWS = [
    Row("pick_along", (rand(2, 3), index, 1), ref=np.take_along_axis, torch="take_along_dim"),
    Row("pick_along", (rand(3, 2), index, -2), ref=np.take_along_axis, torch="take_along_dim"),
    Row(
        "pick_along",
        (rand(2, 3), index[:, :1], -1, False),
        ref=lambda x, i, dim, _: np.take_along_axis(x, i, dim)[:, 0],
        torch=lambda x, i, dim, _: x.take_along_dim(i, dim)[:, 0],
    ),
    Row("pick_once", (rand(4, 2), np.array([[5], [0]])), ref=lambda x, at: x.reshape(-1)[at]),
    Row("put_once", (rand(2, 1), np.array([[5], [0]]), (4, 2)), ref=_put_once),
    Row("put_along", (rand(2, 2), index, 1, (2, 3)), ref=_put),
    Row("put_along", (rand(2, 2), index, -2, (4, 2)), ref=_put),
    *[
        Row(name, (apart(*shape), *args), kwargs, ref=ref, torch=name)
        for name, ref in [("max", _max), ("min", _min)]
        for shape, args, kwargs in [
            ((2, 3), (), {}),
            ((), (), {}),
            ((2, 3), (0,), {}),
            ((2, 3, 2), (-1, True), {}),
            ((2, 3, 2), (1,), {"keepdim": False}),
            ((2, 1), (), {"dim": 1}),
            ((), (0,), {}),
        ]
    ],
    Row("max", two, ref=np.maximum, torch="max"),
    Row("min", two, ref=np.minimum, torch="min"),
    Row("aminmax", (apart(2, 3),), ref=lambda x: (x.min(), x.max()), torch="aminmax"),
    Row(
        "aminmax",
        (apart(2, 3),),
        {"dim": -1, "keepdim": True},
        ref=lambda x, **_: (x.min(1, keepdims=True), x.max(1, keepdims=True)),
        torch="aminmax",
    ),
    *[
        Row(name, (apart(*shape), *args), order=order, ref=ref, torch=name)
        for name, order, ref in [
            ("sort", 2, _sort),
            ("argsort", 0, lambda *args: _sort(*args)[1]),
        ]
        for shape, args in [
            ((4,), ()),
            ((2, 3), (0,)),
            ((2, 3), (-1, True)),
            ((3, 2, 2), (0, True)),
        ]
    ],
    Row("sort", (rand(),), ref=lambda x: (x, np.array(0)), torch="sort"),
    *[
        Row("topk", (apart(*shape), *args), ref=_topk, torch="topk")
        for shape, args in [
            ((5,), (2,)),
            ((2, 4), (3, -1)),
            ((4, 2), (2, 0, False)),
            ((2, 3), (3,)),
        ]
    ],
    *[
        Row(
            "top_indices",
            (apart(*shape), *args),
            order=0,
            ref=lambda *args: _topk(*args)[1],
            torch=lambda x, *args: x.topk(*args)[1],
        )
        for shape, args in [((5,), (2,)), ((4, 2), (2, 0, False))]
    ],
    *[
        Row("kthvalue", (apart(*shape), *args), ref=_kth, torch="kthvalue")
        for shape, args in [((5,), (2,)), ((2, 4), (3, -1, True)), ((4, 2), (1, 0)), ((), (1,))]
        if shape
    ],
    *[
        Row(
            "kth_index",
            (apart(*shape), *args),
            order=0,
            ref=lambda x, k, dim=-1: _kth(x, k, dim, True)[1],
            torch=lambda x, k, dim=-1: x.kthvalue(k, dim, True)[1],
        )
        for shape, args in [((5,), (2,)), ((4, 2), (1, 0))]
    ],
    *[
        Row("median", (apart(*shape), *args), ref=_median, torch="median")
        for shape, args in [
            ((5,), ()),
            ((2, 3), ()),
            ((2, 3), (1,)),
            ((4, 2), (0, True)),
            ((2, 4), (-1,)),
        ]
    ],
    Row("median_of_all", (apart(2, 3),), ref=_median, torch="median"),
    Row("median_of_all", (apart(3, 2, seed=2),), ref=_median, torch="median"),
    *[
        Row(
            "median_index",
            (apart(*shape), *args),
            order=0,
            ref=lambda x, dim=-1: _median(x, dim, True)[1],
            torch=lambda x, dim=-1: x.median(dim, True)[1],
        )
        for shape, args in [((5,), ()), ((4, 2), (0,))]
    ],
]
