"""Windows on a GPU: im2col and col2im as one kernel each, and convolution by them and products.

Columns come in the layouts of `ops/conv_columns.py`: "first" (N, C, K, L), "across" (C, K, N, L),
and "last" (N, L, K, C). Padding is part of the kernel, and so is the order in which x lies in
memory: nothing is copied beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.kernels.products import times
from minitorch.kernels.source import each, is_wide, steps, takes

_AXES = ("S", "K", "L", "stride", "pad", "dilation", "x_s")
_ORDER = ("N", "C", *_AXES[:6], "x_n", "x_c", "x_s", "cols_n", "cols_c", "cols_k", "cols_l", "last")
_WINDOWS = np.dtype([(name, np.int64, (3,) if name in _AXES else ()) for name in _ORDER])
_ROOM = 2**31  # bytes of columns at a time: a GPU wants few large steps


@lru_cache(maxsize=512)
def windows_of(
    shape: tuple[int, ...], at: tuple[int, ...], grid: Any, layout: str, K: int
) -> np.ndarray:
    """The struct that the kernels take, for an image of that shape whose steps are `at`.

    `K` numbers are kept of each window, in that layout.
    """
    N, C = shape[:2]
    L = math.prod(grid.counts)
    cols = {
        "first": (C * K * L, K * L, L, 1),
        "across": (L, K * N * L, N * L, 1),
        "last": (L * K * C, 1, C, K * C),
    }[layout]
    found = np.zeros((), _WINDOWS)
    found["N"], found["C"], found["x_n"], found["x_c"] = N, C, *at[:2]
    pads = [before for before, _ in grid.pads]
    own = (grid.sizes, grid.kernel, grid.counts, grid.stride, pads, grid.dilation, at[2:])
    for name, values in zip(_AXES, own):
        found[name] = 0 if name in ("pad", "x_s") else 1
        found[name][3 - len(values) :] = values
    found["cols_n"], found["cols_c"], found["cols_k"], found["cols_l"] = cols
    found["last"] = layout == "last" and C > 1
    return found


def columns(x: Array, grid: Any, layout: str) -> Array:
    """Every window of x, (N, C, *S), as a column, in one of the layouts. One launch."""
    N, C = x.shape[:2]
    K, L = math.prod(grid.kernel), math.prod(grid.counts)
    shape = {"first": (N, C, K, L), "across": (C, K, N, L), "last": (N, L, K, C)}[layout]
    cols = np.empty_like(x, shape=shape, order="C")
    w = windows_of(x.shape, steps(x), grid, layout, K)
    each("windows", "im2col", N * C * L, x, x, cols, w, wide=is_wide(x.size, cols.size))
    return cols


def add_columns(cols: Array, grid: Any, layout: str, x: Array) -> Array:
    """Every column added back to where it was taken from, written to x, (N, C, *S). One launch."""
    w = windows_of(x.shape, steps(x), grid, layout, math.prod(grid.kernel))
    each("windows", "col2im", x.size, x, cols, x, w, wide=is_wide(cols.size))
    return x


# for the ops ----------------------------------------------------------------------------------


def im2col(x: Array, grid: Any) -> Array:
    """(N, C, *S) to (N, C, *K, *L): the copy that the op `im2col` reshapes."""
    if not takes(x) or len(grid.kernel) > 3:
        return NotImplemented
    return columns(x, grid, "first").reshape(*x.shape[:2], *grid.kernel, *grid.counts)


def col2im(cols: Array, grid: Any) -> Array:
    """(N, C, *K, *L) to (N, C, *S): every window added where it was taken from."""
    if not takes(cols) or len(grid.kernel) > 3:
        return NotImplemented
    x = np.empty_like(cols, shape=(*cols.shape[:2], *grid.sizes), order="C")
    return add_columns(cols if cols.flags.c_contiguous else cols.copy(order="C"), grid, "first", x)


# the products of a convolution ----------------------------------------------------------------
#
# Columns are not `kept` for dw: a GPU makes them again sooner than it would find room for them.

_MANY = 8  # channels from which on they are worth being kept together


def _parts(x: Array, numbers: int) -> Iterator[slice]:
    """The images of a batch, as many at a time as their columns, `numbers` each, have room."""
    step = max(1, _ROOM // max(1, numbers * x.dtype.itemsize))
    for i in range(0, x.shape[0], step):
        yield slice(i, i + step)


def _last(x: Array) -> Array:
    """(N, C, *S) as rows of channels, (N·S, C), copied unless they lie so."""
    x = x.transpose(0, *range(2, x.ndim), 1)
    return (x if x.flags.c_contiguous else x.copy(order="C")).reshape(-1, x.shape[-1])


def _first(x: Array) -> Array:
    """(N, *S, C) as (N, C, *S), a view."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def conv(x: Array, weight: Array, bias: Any, grid: Any, groups: int, kept: Any = None) -> Array:
    """The columns times the weights, plus b: (N, O, *L).

    y comes channels last, from one product for many images; groups have theirs apart.
    """
    if not takes(x, weight, bias):
        return NotImplemented
    N, C, out = x.shape[0], x.shape[1], weight.shape[0]
    K, L = math.prod(grid.kernel), math.prod(grid.counts)
    if groups > 1:
        w = weight.reshape(groups, out // groups, -1)
        y = np.empty_like(x, shape=(N, groups, out // groups, L), order="C")
        for part in _parts(x, C * K * L):
            cols = columns(x[part], grid, "first").reshape(-1, groups, w.shape[2], L)
            times(w, cols, y[part])
        y = y.reshape(N, out, *grid.counts)
        if bias is not None:
            y += bias.reshape(-1, *(1,) * len(grid.counts))
        return y
    y = np.empty_like(x, shape=(N, L, out), order="C")
    few = C < _MANY
    w = (weight.reshape(out, -1) if few else _kernel_last(weight)).T
    for part in _parts(x, C * K * L):
        if few:
            cols = columns(x[part], grid, "across").reshape(C * K, -1).T
        else:
            cols = columns(x[part], grid, "last").reshape(-1, K * C)
        times(cols, w, y[part].reshape(-1, out))
    if bias is not None:
        y += bias
    return _first(y.reshape(N, *grid.counts, out))


def _kernel_last(weight: Array) -> Array:
    """(O, C, *K) as (O, K·C)."""
    return weight.transpose(0, *range(2, weight.ndim), 1).reshape(weight.shape[0], -1)


def conv_input_grad(dy: Array, weight: Array, grid: Any, groups: int) -> Array:
    """dx, (N, C, *S): the kernel times dy gives columns, and col2im adds them up."""
    if not takes(dy, weight):
        return NotImplemented
    N, out, C = dy.shape[0], dy.shape[1], weight.shape[1] * groups
    K, L = math.prod(grid.kernel), math.prod(grid.counts)
    if groups > 1 or C < _MANY:
        dx = np.empty_like(dy, shape=(N, C, *grid.sizes), order="C")
        w = weight.reshape(groups, out // groups, -1).swapaxes(-1, -2)
        dy = dy.reshape(N, groups, out // groups, L)
        for part in _parts(dy, C * K * L):
            cols = times(w, dy[part]).reshape(-1, C, K, L)
            add_columns(cols, grid, "first", dx[part])
        return dx
    dx = np.empty_like(dy, shape=(N, *grid.sizes, C), order="C")
    w, rows = _kernel_last(weight), _last(dy).reshape(N, L, out)
    for part in _parts(dy, C * K * L):
        cols = times(rows[part].reshape(-1, out), w)
        add_columns(cols, grid, "last", _first(dx[part]))
    return _first(dx)


def conv_weight_grad(x: Array, dy: Array, grid: Any, groups: int, kept: Any = None) -> Array:
    """dw, (O, C / groups, *K): dy times the columns of x, summed over the images."""
    if not takes(x, dy):
        return NotImplemented
    N, C, out = x.shape[0], x.shape[1], dy.shape[1]
    K, L = math.prod(grid.kernel), math.prod(grid.counts)
    dw = None
    if groups > 1:
        dy = dy.reshape(N, groups, out // groups, L)
        for part in _parts(x, C * K * L):
            cols = columns(x[part], grid, "first").reshape(-1, groups, C // groups * K, L)
            dw = _plus(dw, times(dy[part], cols.swapaxes(-1, -2)).sum(axis=0))
    else:
        rows, few = _last(dy).reshape(N, L, out), C < _MANY
        for part in _parts(x, C * K * L):
            if few:
                cols = columns(x[part], grid, "across").reshape(C * K, -1).T
            else:
                cols = columns(x[part], grid, "last").reshape(-1, K * C)
            dw = _plus(dw, times(rows[part].reshape(-1, out).T, cols))
        if dw is not None and not few:
            dw = _first(dw.reshape(out, *grid.kernel, C)).copy(order="C")
    if dw is None:  # no images
        return np.zeros_like(x, shape=(out, C // groups, *grid.kernel))
    return dw.reshape(out, C // groups, *grid.kernel)


def _plus(a: Any, b: Array) -> Array:
    return b if a is None else np.add(a, b, out=a)
