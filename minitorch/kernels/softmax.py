"""Softmax and cross-entropy on a GPU: a launch for each way (`softmax.cu`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array, is_cupy
from minitorch.kernels.source import THREADS, dense, is_wide, kernel, takes

_ROWS = np.dtype([(name, np.int64) for name in ("rows", "C", "S")])
_WARP = 32  # threads that run as one: fewer for a row would leave the others idle


def _launch(name: str, like: Array, dim: int, *args: Any) -> None:
    """Launches a thread for each number of a short row, or one for each of rows side by side."""
    shape = like.shape
    dim %= len(shape)
    C, S = shape[dim], math.prod(shape[dim + 1 :])
    count = like.size // C
    lanes = 1 if S > 1 else min(THREADS, max(_WARP, 1 << (C - 1).bit_length()))
    high = THREADS // lanes
    w = np.array((count, C, S), _ROWS)
    run = kernel("softmax", name, like.dtype.name, is_wide(like.size))
    # The struct stands behind the arrays, and the numbers behind the struct.
    arrays = [a for a in args if hasattr(a, "shape")]
    run((-(-count // high),), (lanes, high), (*arrays, w, *args[len(arrays) :]))


def _by_rows(name: str) -> Any:
    """A function of arrays of one shape, and the axis that is summed over."""

    def run(*args: Any) -> Any:
        *arrays, dim = args
        if not takes(*arrays) or not arrays[0].size:
            return NotImplemented
        if type(dim) is not int or not -arrays[0].ndim <= dim < arrays[0].ndim:
            return NotImplemented  # what is wrong with it, NumPy says
        arrays = [dense(x) for x in arrays]
        y = np.empty_like(arrays[0])
        _launch(name, y, dim, *arrays, y)
        return y

    return run


softmax = _by_rows("softmax")
softmax_gradient = _by_rows("softmax_gradient")
log_softmax = _by_rows("log_softmax")
log_softmax_gradient = _by_rows("log_softmax_gradient")


def look_at_labels(labels: Array, C: int, ignore_index: int) -> Any:
    """How many labels are no classes, times N + 1, and how many are not ignored: one number."""
    labels = _labels(labels)
    found = np.empty_like(labels, shape=())
    args = (labels, found, labels.size, C, int(ignore_index))
    kernel("softmax", "look_at_labels", "float32")((1,), (THREADS,), args)
    return found


def labels_loss(x: Array, index: Any, dim: int) -> Any:
    """(l, e, total): log Σ e^x - x_t for each label, e^(x - max x), and its sum along `dim`."""
    if not takes(x) or not x.size or not is_cupy(index[dim]):
        return NotImplemented
    x, labels = dense(x), _labels(index[dim])
    small = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    e, total = np.empty_like(x), np.empty_like(x, shape=small)
    loss = np.empty_like(x, shape=(*x.shape[:dim], *x.shape[dim + 1 :]))
    _launch("labels_loss", x, dim, x, labels, loss, e, total)
    return loss, e, total


def labels_gradient(e: Array, s: Array, total: Array, index: Any, dim: int) -> Any:
    """s (e / total - [c = t]), with one s for all, or one for each label."""
    if not takes(e, s, total) or not e.size or s.size not in (1, total.size):
        return NotImplemented
    if not is_cupy(index[dim]):
        return NotImplemented
    e, s, total, labels = dense(e), dense(s), dense(total), _labels(index[dim])
    dx = np.empty_like(e)
    _launch("labels_gradient", e, dim, s, e, total, labels, dx, int(s.size > 1))
    return dx


def shares_loss(x: Array, a: Array, dim: int) -> Any:
    """(l, e, total): Σ a (log Σ e^x - x) for each row, e^(x - max x), and its sum along `dim`."""
    if not takes(x, a) or not x.size or x.shape != a.shape:
        return NotImplemented
    x, a = dense(x), dense(a)
    small = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    e, total = np.empty_like(x), np.empty_like(x, shape=small)
    loss = np.empty_like(x, shape=(*x.shape[:dim], *x.shape[dim + 1 :]))
    _launch("shares_loss", x, dim, x, a, loss, e, total)
    return loss, e, total


def shares_gradient(e: Array, s: Array, a: Array, total: Array, dim: int) -> Any:
    """s (e / total Σ a - a), with one s for all, or one for each row."""
    if not takes(e, s, a, total) or not e.size or s.size not in (1, total.size):
        return NotImplemented
    if a.shape != e.shape:
        return NotImplemented
    e, s, a, total = (dense(x) for x in (e, s, a, total))
    dx = np.empty_like(e)
    _launch("shares_gradient", e, dim, s, e, total, a, dx, int(s.size > 1))
    return dx


def marked(like: Array, index: Any, dim: int) -> Any:
    """1 at the label of each row, else 0."""
    if not takes(like) or not like.size or not is_cupy(index[dim]):
        return NotImplemented
    y = np.empty_like(like, order="C")
    _launch("marked", y, dim, _labels(index[dim]), y)
    return y


def _labels(labels: Array) -> Array:
    return labels.astype(np.int64, order="C", copy=False)
