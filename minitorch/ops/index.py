"""Indexing: x[i] reads, x[i] = v writes, and each is how the other's gradient is taken.

An index is one of two kinds, as in NumPy. Ints, slices, None and ... say where to look: the result
is a view. Arrays of ints or of bools say which elements to copy, some of them several times
perhaps, and then their gradients add up.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import has_values, zeros_beside
from minitorch.inplace import rebind, write_through
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.broadcast import sum_to
from minitorch.ops.keys import arrays_in, check_once, ints_first, resolved
from minitorch.ops.places import Places, each_once, write
from minitorch.ops.shape import reshape
from minitorch.tape import current_mode
from minitorch.tensor import Tensor, raw
from minitorch.traced import NUMPY
from minitorch.words import np

# reading ---------------------------------------------------------------------------------------


@composite(methods="__getitem__")
def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index]: a view for ints, slices, None and ..., a copy for arrays of ints or bools.

    As NumPy's, negative steps included; but ints are taken first, before arrays, as in torch:
    x[0, :, [1, 2]] is x[0][:, [1, 2]]. A 0-d view of one element is still a view.

    Raises:
        IndexError: out of range (names the axis and its size), too many indices, or a float.

    >>> import minitorch
    >>> x = minitorch.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[0, ::-1], x[[0, 1], [0, 0]], x[x > 4]
    (tensor([3, 2, 1]), tensor([1, 4]), tensor([5, 6]))
    """
    kind = type(index)
    if kind is int:
        return slice_at(x, (index, ...))
    if kind is slice:
        return slice_at(x, index)
    key, copies = resolved(x.array, index)
    if not copies:
        return slice_at(x, key)
    ints, key = ints_first(key)
    return pick_at(x if ints is None else slice_at(x, ints), key)


@op(view=True)
def slice_at(x, *, index):
    """y = x[index], a view          dL/dx = zeros, and g at the index: `unslice` is its adjoint"""
    return x[index]


@op(calm=True)
def unslice(x, *, index, shape):
    """y = zeros of `shape`, and x at the index          dL/dx = g[index]

    The index names no place twice; x broadcasts to what it names.
    """
    y = zeros_beside(x, shape)
    write(y, index, x)
    return y


slice_at.grad(x=lambda g, x_shape, index: unslice(g, index, x_shape))
unslice.grad(x=lambda g, x_shape, index: _at(g, index, x_shape))


def _at(g, index, shape):
    return sum_to((pick_at if type(index) is Places else slice_at)(g, index), shape)


@op(calm=True)
def pick_at(x, *, index):
    """y = x[index], a copy          dL/dx = zeros, and g added at the index: `add_at`, its adjoint

    `index` is an integer or boolean array, a tuple with such arrays in it, or `Places`.
    """
    if type(index) is Places:
        return index.read(x)
    if getattr(index, "dtype", None) is _INT64 and x.flags.c_contiguous:
        return x.take(index, axis=0)  # whole rows: three times as fast as x[index]
    return x[index]


@op
def add_at(x, *, index, shape):
    """y = zeros of `shape`, and x added at the index          dL/dx = g[index]

    What the index names several times gets the sum.
    """
    y = zeros_beside(x, shape)
    if type(index) is Places:
        index.add(y, x)
        return y
    if each_once(index):
        y[index] = x  # in half the time
        return y
    if [part for part in arrays_in(index) if part.dtype.kind != "b"]:
        add_into(y, index, x)
    else:
        y[index] = x  # a mask names each place once
    return y


pick_at.grad(x=lambda g, x_shape, index: add_at(g, index, x_shape))
add_at.grad(x=lambda g, index: pick_at(g, index))


@op
def plus_at(x, value, *, index):
    """y = x, and `value` added at the index          dL/dx = g,   dL/dvalue = g[index]"""
    check_held(x, value, "index_add")
    y = x.copy()
    add_into(y, index, value)
    return y


plus_at.grad(x=lambda g: g, value=lambda g, index: pick_at(g, index))

_INT64 = np.dtype(np.int64)
_FEW = 2**10  # numbers: below, their places cost more to work out than they save
_AT_ONCE = 2**20  # numbers: bounds the memory that their places take to 8 MB


def add_into(y, index, x):
    """Adds x to y at the index, where one place may be named several times.

    Number by number: `np.add.at` is made for that, and is 5 times faster with the place of every
    number than with the rows (20,000 rows of 32: 0.8 ms against 4.5 ms, and 3.6 ms for sorting
    them and adding up each group). On a GPU many threads add at once, in any order, so the last
    digit of a sum may differ from run to run.
    """
    if x.size < _FEW and type(y) in NUMPY:
        if y.ndim == 1 and type(index) in NUMPY:
            index, x = index.ravel(), x.ravel()  # in half the time
        np.add.at(y, index, x)
    elif has_values(y):
        rows, width = _rows_of(index, y.shape) or _places_of(index, y.shape)
        _add_rows(y.reshape(-1), rows.reshape(-1), x.reshape(rows.size, width))


@on_gpu("scatter.add_rows", writes=1)
def _add_rows(y, rows, x):
    """Adds x[i] to row number rows[i] of y, which lies in one piece, and whose rows are as long."""
    width = x.shape[1]
    if width == 1:
        np.add.at(y, rows, x.reshape(-1))
        return
    columns = np.arange(width, like=rows)
    step = max(1, _AT_ONCE // max(1, width))
    for i in range(0, rows.size, step):
        places = rows[i : i + step, None] * width + columns
        np.add.at(y, places.reshape(-1), x[i : i + step].reshape(-1))


def _rows_of(index, shape):
    """The index as numbers of rows of an array of `shape`, and the length of such a row; or None.

    Possible where integer arrays stand side by side, with whole axes before and behind them: an
    array of shape (2, 3, 4, 5) at [:, i, j] has 2 * 3 * 4 rows of 5 numbers each.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    for i, part in enumerate(parts):
        if part is Ellipsis:
            parts[i : i + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
            break
    while _is_whole(parts[-1]):
        parts.pop()
    before = 0
    while _is_whole(parts[before]):
        before += 1
    rows = None
    for part, n in zip(parts[before:], shape[before:]):
        if not isinstance(part, int):
            if not hasattr(part, "dtype") or part.dtype.kind == "b":
                return None
            part = part if part.dtype is _INT64 else part.astype(_INT64)
        part = part % n  # no place is negative
        rows = part if rows is None else rows * n + part
    rows = rows.reshape(-1)
    behind = len(parts)
    if before:
        blocks = np.arange(math.prod(shape[:before]), like=rows)[:, None]
        rows = (blocks * math.prod(shape[before:behind]) + rows).reshape(-1)
    return rows, math.prod(shape[behind:])


def _places_of(index, shape):
    """The same for any index: the numbers of the elements, which are rows of length 1."""
    numbers = np.arange(math.prod(shape), like=arrays_in(index)[0])
    return numbers.reshape(shape)[index].reshape(-1), 1


def _is_whole(part):
    return isinstance(part, slice) and part.start is part.stop is part.step is None


# writing --------------------------------------------------------------------------------------


@op(exact_dtype=True)
def setitem(x, value, *, index):
    """y = x with `value` at the index          dL/dx = g with 0 there,   dL/dvalue = g[index]"""
    check_held(x, value)
    y = x.copy()
    y[index] = value
    return y


setitem.grad(
    x=lambda g, index: setitem(g, 0.0, index),
    value=lambda g, value_shape, index: _shrunk(pick_at(g, index), value_shape),
)


def check_held(x, value, name="setitem"):
    """Raises a TypeError where the value is of floats, and x holds none."""
    if x.dtype.kind != "f" and getattr(value, "dtype", x.dtype).kind == "f":
        raise TypeError(f"{name}: {x.dtype} cannot hold a value of {value.dtype}; use x.float()")


def _shrunk(g, shape):
    """g summed where a value of this shape was repeated; NumPy drops its leading ones."""
    return (
        g if g.shape == shape else reshape(sum_to(g, shape[max(0, len(shape) - g.ndim) :]), shape)
    )


def _setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value: in place off the tape, a new value of x on it, with both gradients.

    Raises:
        RuntimeError: x is a leaf that requires grad, or a view, and this is to be recorded.
        ValueError: the index names a place twice, and the value requires grad: which of two
            values stays is no function of them.
        IndexError, ShapeError: as in NumPy.
    """
    ints, key = ints_first(resolved(x.array, index)[0])
    if current_mode().recording:
        given = isinstance(value, Tensor) and value.node is not None
        if given or x.node is not None:
            if given:
                check_once("setitem", key, x.shape if ints is None else x.array[ints].shape)
            rebind(x, lambda: _with(x, ints, key, value_for(x, value)), "setitem")
            return
    value = value_for(x, value)
    value = raw(value)
    part = x.array if ints is None else x.array[ints]
    write_through(x, "setitem", lambda: part.__setitem__(key, value))


def _with(x: Tensor, ints: Any, key: Any, value: Any) -> Tensor:
    """x with the value at the index, of which the ints may come first."""
    if ints is None:
        return setitem(x, value, key)
    return setitem(x, setitem(slice_at(x, ints), value, key), ints)


Tensor.__setitem__ = _setitem  # type: ignore[method-assign]


def value_for(x: Tensor, value: Any) -> Any:
    """What is to be written into x: a Tensor or a number as it is, else an array beside x's."""
    if not isinstance(value, Tensor):
        return value if isinstance(value, (int, float, bool)) else Tensor(value, device=x.device)
    if type(value.array) is not type(x.array) and has_values(x.array):
        raise TypeError(
            f"setitem: x is on {x.device} and the value on {value.device}; "
            f"move one with .to('{x.device}')"
        )
    return value
