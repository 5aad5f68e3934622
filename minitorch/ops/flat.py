"""Places in one row: the elements of an array picked, added to and replaced by their numbers.

However many axes x has, its elements are counted row by row, and one array of ints says which of
them are meant. That is how `take` counts, and to NumPy it is the shortest way to few places.
"""

from __future__ import annotations

from minitorch.array import zeros_beside
from minitorch.op import op
from minitorch.ops.index import add_into, check_held


@op(calm=True)
def pick_flat(x, *, index):
    """y = x[index], where x is taken as one row          dL/dx = zeros, and g added at the index"""
    return x.ravel()[index]


@op
def add_flat(x, *, index, shape):
    """y = zeros of `shape`, as one row, and x added at the index          dL/dx = g there"""
    y = zeros_beside(x, shape)
    add_into(y.reshape(-1), index, x)
    return y


@op
def plus_flat(x, value, *, index):
    """y = x, and `value` added at the index, x taken as one row          dL/dx = g

    dL/dvalue = g at the index.
    """
    check_held(x, value, "scatter_add")
    y = x.copy()
    add_into(y.ravel(), index, value)  # of a copy, which lies in one piece, ravel is a view
    return y


@op(exact_dtype=True)
def put_flat(x, value, *, index):
    """y = x with `value` at the index, x taken as one row          dL/dx = g with 0 there

    dL/dvalue = g at the index, which names no place twice.
    """
    check_held(x, value)
    y = x.copy()
    y.ravel()[index] = value  # of a copy, which lies in one piece, ravel is a view
    return y


pick_flat.grad(x=lambda g, x_shape, index: add_flat(g, index, x_shape))
add_flat.grad(x=lambda g, index: g.ravel()[index])
plus_flat.grad(x=lambda g: g, value=lambda g, index: g.ravel()[index])
put_flat.grad(x=lambda g, index: put_flat(g, 0.0, index), value=lambda g, index: g.ravel()[index])
