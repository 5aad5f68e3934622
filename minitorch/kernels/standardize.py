"""Norms on a GPU: the moments, what is made of them, and the gradient, in a handful of launches.

Batch norm takes its sums over axes that lie apart in memory, in two rounds (`channels.cu`); a norm
over each example has rows, and one kernel for all (`rows.cu`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.kernels.source import (
    THREADS,
    addressed,
    blocks,
    each,
    is_wide,
    kernel,
    lying_like,
    takes,
)

_LANES = 32
_SLICES = 4096, 256  # numbers of a channel that a block adds up: channels first, and last
_CHANNELS = np.dtype([(n, np.int64) for n in ("N", "C", "S", "last", "slice", "slices", "row")])
_ROWS = np.dtype([(n, np.int64) for n in ("rows", "width", "P", "Q", "S", "center")])


def _sums_dtype(x: Array) -> np.dtype:
    """What sums over x are kept in: as `A` in CUDA."""
    return np.dtype(np.float32) if x.dtype.itemsize == 2 else x.dtype


def _channels(shape: tuple[int, ...], last: bool, row: int = 0) -> np.ndarray:
    """The struct of channels.cu, for (N, C, *S) lying in memory so or as (N, *S, C)."""
    N, C, S = shape[0], shape[1], math.prod(shape[2:])
    last = last or S == 1
    size = _SLICES[last]
    return np.array((N, C, S, last, size, -(-N * S // size), row), _CHANNELS)


def _laid_out(x: Array) -> tuple[Array, bool]:
    """x with its channels first or last in memory, copied if they are neither; and if last."""
    if x.flags.c_contiguous:
        return x, False
    if x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous:
        return x, True
    return x.copy(order="C"), False


def _slices(name: str, w: np.ndarray, like: Array, *arrays: Any) -> Array:
    """Two sums over each slice of each channel, by the kernel of that name."""
    C, count = int(w["C"]), int(w["slices"])
    found = np.empty_like(like, shape=(2, count, C), dtype=_sums_dtype(like), order="C")
    groups = -(-C // _LANES) if w["last"] else C
    block = (_LANES, THREADS // _LANES)
    blocks("channels", name, (groups * count,), block, like, *arrays, found, w)
    return found


def _join(name: str, w: np.ndarray, like: Array, *args: Any) -> None:
    """Launches a block for each channel."""
    block = (_LANES, THREADS // _LANES)
    blocks("channels", name, (int(w["C"]),), block, like, *args)


# over a batch ----------------------------------------------------------------------------------


def batch(x: Array, weight: Any, bias: Any, eps: float) -> Any:
    """y = w (x - μ) r + b for each channel of (N, C, ...), with μ, r and σ², of size 1 but on 1."""
    if not takes(x, weight, bias) or not x.size:
        return NotImplemented
    x, last = _laid_out(x)
    w = _channels(x.shape, last)
    small = (1, x.shape[1], *(1,) * (x.ndim - 2))
    mu, r, variance = (np.empty_like(x, shape=small, dtype=_sums_dtype(x)) for _ in range(3))
    found = _slices("moments", w, x, x)
    _join("join_moments", w, x, found, mu, r, variance, w, float(eps))
    y = np.empty_like(x)
    weight, bias = _in_one_piece(weight), _in_one_piece(bias)
    each("channels", "scale_channels", x.size, x, x, mu, r, weight, bias, y, w)
    return y, mu, r, variance


def move_running(
    running_mean: Array, running_var: Array, mu: Array, variance: Array, n: int, momentum: float
) -> Any:
    """running += momentum (batch - running) for the mean and the unbiased variance. One launch."""
    if not (takes(running_mean, running_var) and takes(mu, variance)):
        return NotImplemented
    flat = all(x.flags.c_contiguous for x in (running_mean, running_var, mu, variance))
    if not flat or mu.dtype != _sums_dtype(running_mean):
        return NotImplemented
    args = (running_mean, running_var, mu, variance, mu.size, float(momentum), n / (n - 1))
    block = (_LANES, THREADS // _LANES)
    blocks("channels", "move_running", (1,), block, running_mean, *args)
    return running_mean


def _in_one_piece(x: Any) -> Any:
    return x if x is None or x.flags.c_contiguous else x.copy(order="C")


# gradients -------------------------------------------------------------------------------------


def gradients(
    dy: Array,
    x: Array,
    weight: Any,
    mu: Any,
    r: Array,
    dims: tuple[int, ...],
    center: bool,
    wanted: tuple[bool, ...],
    bias_shape: tuple[int, ...],
) -> Any:
    """The tuple of those of dx, dw and db that are wanted, as `ops/standardize.py` has them."""
    if not takes(dy, x, weight) or not x.size or r.dtype != _sums_dtype(x):
        return NotImplemented
    if r.size * math.prod([x.shape[i] for i in dims]) != x.size:
        return NotImplemented  # sums repeated along their axes
    weight, mu, r = (_in_one_piece(a) for a in (weight, mu, r))
    if center and x.ndim > 1 and dims == (0, *range(2, x.ndim)):
        shapes = (r.shape if weight is None else weight.shape, bias_shape if wanted[2] else r.shape)
        if not all(_per_channel(shape, r.shape) for shape in shapes):
            return NotImplemented
        return _batch_gradients(dy, x, weight, mu, r, wanted, *shapes)
    rows = _rows(x, dims, weight, center)
    sums = wanted[1] or wanted[2]
    if rows is None or (sums and (weight is None or bias_shape not in ((), weight.shape))):
        return NotImplemented
    return _row_gradients(dy, x, weight, mu, r, rows, wanted)


def _batch_gradients(
    dy: Array, x: Array, weight: Any, mu: Array, r: Array, wanted: tuple[bool, ...], *shapes: Any
) -> tuple[Array, ...]:
    x, last = _laid_out(x)
    dy = lying_like(dy, x)
    w = _channels(x.shape, last)
    sums = np.empty_like(x, shape=(2, x.shape[1]), dtype=r.dtype, order="C")
    _join("join_sums", w, x, _slices("gradient_sums", w, x, dy, x, mu, r), sums, w)
    dx = None
    if wanted[0]:
        dx = np.empty_like(x)
        args = (dy, x, mu, r, weight, sums, dx, w)
        each("channels", "channels_gradient", x.size, x, *args)
    db, dw = sums.astype(x.dtype, copy=False)
    dw, db = (part.reshape(shape) for part, shape in zip((dw, db), shapes))
    return tuple([part for part, want in zip((dx, dw, db), wanted) if want])


def _per_channel(shape: tuple[int, ...], small: tuple[int, ...]) -> bool:
    """Is this the shape of one number for each channel, (1, C, 1, ...), or its end, (C, 1, ...)?"""
    return (1,) * (len(small) - len(shape)) + shape == small


def _row_gradients(
    dy: Array,
    x: Array,
    weight: Any,
    mu: Any,
    r: Array,
    rows: np.ndarray,
    wanted: tuple[bool, ...],
) -> tuple[Array, ...]:
    x, dy = _in_one_piece(x), _in_one_piece(dy)
    found: list[Array] = []
    if wanted[0]:
        dx = np.empty_like(x, order="C")
        _launch_rows("rows_gradient", rows, x, dy, x, weight, mu, r, dx, rows)
        found.append(dx)
    if wanted[1] or wanted[2]:
        P, Q, S = (int(rows[name]) for name in ("P", "Q", "S"))
        w = _channels((x.size // (P * Q * S), P * Q, S), False, int(rows["width"]))
        sums = np.empty_like(x, shape=(2, P * Q), dtype=r.dtype, order="C")
        _join("join_sums", w, x, _slices("gradient_sums", w, x, dy, x, mu, r), sums, w)
        db, dw = sums.astype(x.dtype, copy=False).reshape(2, *weight.shape)
        found += [part for part, want in zip((dw, db), wanted[1:]) if want]
    return tuple(found)


# over each example -----------------------------------------------------------------------------


def rows(x: Array, weight: Any, bias: Any, dims: tuple[int, ...], eps: float, center: bool) -> Any:
    """y = w (x - μ) r + b over the last axes, and (μ, r, None): no μ unless `center`, and no x̂."""
    if not takes(x, weight, bias) or not x.size:
        return NotImplemented
    w = _rows(x, dims, weight if bias is None else bias, center)
    if w is None or (weight is not None and bias is not None and weight.shape != bias.shape):
        return NotImplemented
    x = _in_one_piece(x)
    weight, bias = _in_one_piece(weight), _in_one_piece(bias)
    small = tuple(1 if i in dims else n for i, n in enumerate(x.shape))
    r = np.empty_like(x, shape=small, dtype=_sums_dtype(x), order="C")
    mu = np.empty_like(r) if center else None
    y = np.empty_like(x)
    _launch_rows("standardize_rows", w, x, x, weight, bias, y, mu, r, w, float(eps))
    return y, (mu, r, None)


def _launch_rows(name: str, w: np.ndarray, like: Array, *args: Any) -> None:
    """Launches a thread for each number of a short row, and for each 256th of a long one."""
    width, count = int(w["width"]), int(w["rows"])
    lanes = min(THREADS, max(_LANES, 1 << (width - 1).bit_length()))
    high = THREADS // lanes
    run = kernel("rows", name, like.dtype.name, is_wide(like.size))
    run((-(-count // high),), (lanes, high), addressed(args))


def _rows(x: Array, dims: tuple[int, ...], weight: Any, center: bool) -> np.ndarray | None:
    """The struct of rows.cu; None where the numbers of a row, or their weights, lie otherwise."""
    ndim = x.ndim
    first = min(dims, default=ndim)
    if sorted(dims) != [*range(first, ndim)] or first == ndim:
        return None
    width = math.prod(x.shape[first:])
    count = x.size // width
    if weight is None:
        return np.array((count, width, 1, 1, width, center), _ROWS)
    shape = (1,) * (ndim - weight.ndim) + weight.shape
    # Ones, then a stretch of axes that the weight has, then ones: (1, G, C / G, 1, 1).
    have = [i for i in range(ndim) if shape[i] != 1]
    start, stop = (have[0], have[-1] + 1) if have else (ndim, ndim)
    if any(shape[i] != x.shape[i] for i in range(start, stop)):
        return None
    if not have:
        return np.array((count, width, 1, 1, width, center), _ROWS)
    if stop < first:  # the same weight for several rows: their places go uncounted
        return None
    P = math.prod(x.shape[min(start, first) : first]) if start < first else 1
    Q = math.prod(x.shape[max(start, first) : stop])
    if start > first:  # not from the first axis of the row on
        return None
    return np.array((count, width, P, Q, math.prod(x.shape[max(stop, first) :]), center), _ROWS)
