"""The floor of the workloads of convolution: W4 and W5 by hand, as `floors.py` has the others.

Images are kept channels last, (N, H, W, C), where a window is a few long runs of memory; weights
are given, and gradients returned, as (O, C, K, K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.floors import RATE, Array, Step, adam, cross_entropy

EPS = 1e-5  # of batch norm


def windows(x: Array, K: int, stride: int) -> Array:
    """The K x K windows of channels-last images: a view (N, H', W', K, K, C)."""
    view = sliding_window_view(x, (K, K), axis=(1, 2))[:, ::stride, ::stride]
    return view.transpose(0, 1, 2, 4, 5, 3)


def margins(x: Array, p: int) -> Array:
    """Zeros, p wide, around channels-last images."""
    return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))


def rows_of(w: Array) -> Array:
    """Weights (O, C, K, K) as rows (K K C, O), in the order of a window."""
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, w.shape[0])


def weights_of(rows: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of `rows_of`."""
    out, C, K, _ = shape
    return rows.reshape(K, K, C, out).transpose(3, 2, 0, 1)


# one convolution ----------------------------------------------------------------------------------


def one_conv(
    x: Array, w: Array, b: Array, g: Array, stride: int, padding: int, first: bool
) -> Step:
    """y = conv(x, w) + b with dw, db and, unless it is a `first` layer, dx: W5.

    The columns of a few images at a time share one buffer that stays in the cache; dw makes them a
    second time. dx with stride 1 is a convolution of g by the turned kernel.
    """
    out, C, K, _ = w.shape
    turned = w.swapaxes(0, 1)[:, :, ::-1, ::-1]

    def columns(image: Array, stride: int) -> Any:
        view = windows(image, K, stride)
        n = max(1, 2**22 // view[:1].nbytes)
        buffer = np.empty((n, *view.shape[1:]), np.float32)
        for i in range(0, len(view), n):
            cols = buffer[: len(view[i : i + n])]
            cols[...] = view[i : i + n]
            yield i, len(cols), cols.reshape(-1, K * K * image.shape[3])

    def convolve(image: Array, rows: Array, stride: int) -> Array:
        end = (image.shape[1] - K) // stride + 1
        y = np.empty((len(image), end, end, rows.shape[1]), np.float32)
        for i, n, cols in columns(image, stride):
            np.matmul(cols, rows, out=y[i : i + n].reshape(-1, rows.shape[1]))
        return y

    def step() -> list[Any]:
        image = margins(x.transpose(0, 2, 3, 1), padding)
        y = convolve(image, rows_of(w), stride)
        y += b
        last = np.ascontiguousarray(g.transpose(0, 2, 3, 1))
        dw = np.zeros((out, K * K * C), np.float32)
        for i, n, cols in columns(image, stride):
            dw += last[i : i + n].reshape(-1, out).T @ cols
        found = [y.transpose(0, 3, 1, 2), weights_of(dw.T, w.shape), g.sum(axis=(0, 2, 3))]
        if not first:
            dx = convolve(margins(last, K - 1 - padding), rows_of(turned), 1)
            found.append(dx.transpose(0, 3, 1, 2))
        return found

    return step


# blocks of convolution, batch norm and relu -------------------------------------------------------


def conv_blocks(x: Array, target: Array, kernels: Sequence[Array]) -> Step:
    """Conv 3x3 stride 2 pad 1, batch norm and relu, four times; linear, cross-entropy, Adam: W4."""
    *convs, linear = kernels
    shapes = [w.shape for w in convs]
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    N, classes = len(x), len(linear)
    values = [rows_of(w) for w in convs]
    scales = [(np.ones(s[0], np.float32), np.zeros(s[0], np.float32)) for s in shapes]
    parts = [part for w, pair in zip(values, scales) for part in (w, *pair)]
    parts += [linear, np.zeros(classes, np.float32)]
    flat = np.concatenate([part.reshape(-1) for part in parts])
    ends = np.cumsum([part.size for part in parts])[:-1]
    params = [v.reshape(p.shape) for v, p in zip(np.split(flat, ends), parts)]
    update = adam(flat, RATE)
    ones = {n: np.ones(n, np.float32) for n in (N * 196, N * 49, N * 16, N * 4, N)}

    def step() -> list[Any]:
        y, kept = x, []
        for rows, gamma, beta in zip(params[0:12:3], params[1:12:3], params[2:12:3]):
            image = margins(y, 1)
            view = windows(image, 3, 2)
            cols = view.reshape(-1, rows.shape[0])
            z = cols @ rows
            n = np.float32(len(z))
            z -= ones[len(z)] @ z / n
            scale = 1 / np.sqrt(np.einsum("ij,ij->j", z, z) / n + np.float32(EPS))
            z *= scale
            y = z * gamma
            y += beta
            np.maximum(y, 0, out=y)
            kept.append((image.shape, cols, z, scale, y))
            y = y.reshape(*view.shape[:3], -1)
        last = y.transpose(0, 3, 1, 2).reshape(N, -1)
        scores = last @ params[-2].T
        scores += params[-1]
        loss, g = cross_entropy(scores, target)

        grads = [g.sum(axis=0), g.T @ last]
        g = (g @ params[-2]).reshape(N, -1, y.shape[1], y.shape[2]).transpose(0, 2, 3, 1)
        for k in (3, 2, 1, 0):
            rows, gamma = params[3 * k], params[3 * k + 1]
            shape, cols, z, scale, y = kept[k]
            g = g.reshape(y.shape) * (y > 0)
            n = np.float32(len(z))
            dbeta, dgamma = ones[len(z)] @ g, np.einsum("ij,ij->j", g, z)
            g -= dbeta / n
            z *= dgamma / n
            g -= z
            g *= gamma * scale
            grads += [dbeta, dgamma, cols.T @ g]
            if k:
                g = add_windows(g @ rows.T, shape)[:, 1:-1, 1:-1]
        grads.reverse()
        update(np.concatenate([dp.reshape(-1) for dp in grads]))
        as_given = [
            weights_of(dp, shapes[i // 3]) if i % 3 == 0 and i < 12 else dp
            for i, dp in enumerate(grads)
        ]
        return [loss, *as_given]

    return step


def add_windows(cols: Array, shape: tuple[int, ...]) -> Array:
    """The 3 x 3 windows, 2 apart, added back into images: nine large additions."""
    N, H, W, C = shape
    h, w = (H - 3) // 2 + 1, (W - 3) // 2 + 1
    cols = cols.reshape(N, h, w, 3, 3, C)
    x = np.zeros(shape, np.float32)
    for i in range(3):
        for j in range(3):
            x[:, i : i + 2 * h - 1 : 2, j : j + 2 * w - 1 : 2] += cols[:, :, :, i, j]
    return x
