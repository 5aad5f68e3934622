"""The floor: each workload written by hand in bare NumPy, its gradients derived on paper.

There is no tape here, no Tensor and no op; a step is the short list of NumPy calls that computes
the loss, the gradients and the update. An engine on top of NumPy can come close to it and hardly
pass it. Lower still lies `products`: the matrix products of the step alone, at the speed of BLAS.

`g` is the gradient of the loss with respect to what was computed last, `N` the batch. A step
returns [loss, *gradients], for the check that all engines compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray
Step = Callable[[], list[Any]]

# Adam's learning rate. A batch that is learned by heart, as a thousand steps of 0.001 do, leaves
# gradients of 1e-40, and with such numbers a CPU is a hundred times slower.
RATE = 1e-5


def cross_entropy(x: Array, target: Array) -> tuple[Any, Array]:
    """The mean of log Σ e^x - x_t over the rows, and its gradient (softmax(x) - [c = t]) / N."""
    rows = np.arange(len(target))
    x = x - x.max(axis=1, keepdims=True)
    picked = x[rows, target]
    e = np.exp(x, out=x)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - picked).mean()
    e *= 1 / (total * len(target))
    e[rows, target] -= 1 / len(target)
    return loss, e


def classify(x: Array, target: Array) -> Step:
    """Cross-entropy alone: W10."""
    return lambda: list(cross_entropy(x, target))


def forward(x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> list[Array]:
    """What every layer of a stack of linear layers gives, relu on all but the last."""
    values = [x]
    for W, b in zip(weights, biases):
        if len(values) > 1:
            np.maximum(values[-1], 0, out=values[-1])
        y = values[-1] @ W.T
        y += b
        values.append(y)
    return values


def infer(x: Array, params: Sequence[Array]) -> Step:
    """The forward alone: W9."""
    return lambda: forward(x, params[0::2], params[1::2])[-1:]


def mlp(x: Array, target: Array, params: Sequence[Array], rate: float) -> Step:
    """Linear layers with relu between them, cross-entropy and SGD: W1, W2 and W6."""
    weights, biases = params[0::2], params[1::2]

    def step() -> list[Any]:
        *inputs, y = forward(x, weights, biases)
        loss, g = cross_entropy(y, target)
        grads: list[Array] = []
        for W, h in zip(reversed(weights), reversed(inputs)):
            grads += [g.sum(axis=0), g.T @ h]
            if h is not x:
                g = g @ W
                g *= h > 0
        grads.reverse()
        descend(params, grads, rate)
        return [loss, *grads]

    return step


def descend(params: Sequence[Array], grads: Sequence[Array], rate: float) -> None:
    """Gradient descent, in place."""
    for p, dp in zip(params, grads):
        p -= rate * dp


def chain(x: Array, a: Array, b: Array, rounds: int) -> Step:
    """y = log(a e^x) + b, again and again; the gradient of its sum: W7."""

    def step() -> list[Any]:
        y, saved = x, []
        for _ in range(rounds):
            e = np.exp(y)
            scaled = e * a
            y = np.log(scaled) + b
            saved.append((e, scaled))
        g = np.ones_like(y)
        for e, scaled in reversed(saved):
            g = g / scaled * a * e
        return [y, g]

    return step


def matmuls(x: Array, ws: Sequence[Array]) -> Step:
    """Products in a row, and the gradient of their sum with respect to x."""

    def step() -> list[Any]:
        y = x
        for w in ws:
            y = y @ w
        g = np.ones_like(y)
        for w in reversed(ws):
            g = g @ w.T
        return [y, g]

    return step


# convolution, channels last: N, H, W, C -----------------------------------------------------------


def columns(x: Array, K: int) -> Array:
    """The K x K windows of the images as rows: (N H' W', K K C), one copy."""
    windows = sliding_window_view(x, (K, K), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    return windows.reshape(-1, K * K * x.shape[3])


def add_columns(cols: Array, shape: tuple[int, ...], K: int) -> Array:
    """Adds the windows back into images: the adjoint of `columns`, in K K large additions."""
    N, H, W, C = shape
    h, w = H - K + 1, W - K + 1
    cols = cols.reshape(N, h, w, K, K, C)
    x = np.zeros(shape, cols.dtype)
    for i in range(K):
        for j in range(K):
            x[:, i : i + h, j : j + w] += cols[:, :, :, i, j]
    return x


def corners(x: Array) -> list[Array]:
    """The four pixels of every 2 x 2 square of the images, as four views."""
    return [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]


def max_pool(x: Array) -> Array:
    """The largest of every 2 x 2 square."""
    a, b, c, d = corners(x)
    y = np.maximum(a, b)
    np.maximum(y, c, out=y)
    return np.maximum(y, d, out=y)


def max_pool_relu_grad(g: Array, x: Array, y: Array) -> Array:
    """g where x is the largest of its square and not 0: the gradient of pooling after relu."""
    g = g * (y > 0)
    dx = np.empty_like(x)
    for part, to in zip(corners(x), corners(dx)):
        np.multiply(g, part == y, out=to)
    return dx


def lenet(x: Array, target: Array, params: Sequence[Array], rate: float) -> Step:
    """Two convolutions with relu and pooling, two linear layers, cross-entropy, SGD: W3.

    Images are kept channels last, where a window is a few long runs of memory; weights arrive as
    (O, C, K, K) and the check compares them so.
    """
    w1, b1, w2, b2, w3, w4 = params
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    w1, w2 = (np.ascontiguousarray(w.transpose(2, 3, 1, 0)) for w in (w1, w2))  # (K, K, C, O)
    K, N = len(w1), len(x)
    rows1, rows2 = w1.reshape(-1, w1.shape[3]), w2.reshape(-1, w2.shape[3])

    def convolve(cols: Array, rows: Array, b: Array, size: int) -> Array:
        y = cols @ rows
        y += b
        np.maximum(y, 0, out=y)
        return y.reshape(N, size, size, -1)

    def step() -> list[Any]:
        cols1 = columns(x, K)
        h1 = convolve(cols1, rows1, b1, x.shape[1] - K + 1)
        p1 = max_pool(h1)
        cols2 = columns(p1, K)
        h2 = convolve(cols2, rows2, b2, p1.shape[1] - K + 1)
        p2 = max_pool(h2)
        flat = p2.transpose(0, 3, 1, 2).reshape(N, -1)
        h3 = flat @ w3.T
        np.maximum(h3, 0, out=h3)
        loss, g = cross_entropy(h3 @ w4.T, target)

        dw4 = g.T @ h3
        g = g @ w4
        g *= h3 > 0
        dw3 = g.T @ flat
        size, C = p2.shape[1], p2.shape[3]
        g = (g @ w3).reshape(N, C, size, size).transpose(0, 2, 3, 1)
        g = max_pool_relu_grad(g, h2, p2).reshape(-1, C)
        dw2, db2 = cols2.T @ g, g.sum(axis=0)
        g = add_columns(g @ rows2.T, p1.shape, K)
        g = max_pool_relu_grad(g, h1, p1).reshape(-1, w1.shape[3])
        dw1, db1 = cols1.T @ g, g.sum(axis=0)
        dw1, dw2 = dw1.reshape(w1.shape), dw2.reshape(w2.shape)
        descend((w1, b1, w2, b2, w3, w4), (dw1, db1, dw2, db2, dw3, dw4), rate)
        as_given = [dw.transpose(3, 2, 0, 1) for dw in (dw1, dw2)]
        return [loss, as_given[0], db1, as_given[1], db2, dw3, dw4]

    return step


# the optimizer ------------------------------------------------------------------------------------


def adam(p: Array, lr: float) -> Callable[[Array], None]:
    """Adam on one flat array, in blocks that stay in the cache with their state: g -> None."""
    size, b1, b2, eps = 2**15, 0.9, 0.999, 1e-8
    m, v, a, b = np.zeros_like(p), np.zeros_like(p), *np.empty((2, size), p.dtype)
    count = 0

    def update(g: Array) -> None:
        nonlocal count
        count += 1
        root = (1 - b2**count) ** 0.5
        rate = lr * root / (1 - b1**count)
        for i in range(0, p.size, size):
            at = slice(i, i + size)
            gi, mi, vi = g[at], m[at], v[at]
            s, t = a[: gi.size], b[: gi.size]
            mi *= b1
            mi += np.multiply(gi, 1 - b1, out=s)
            vi *= b2
            np.multiply(gi, gi, out=s)
            vi += np.multiply(s, 1 - b2, out=s)
            np.sqrt(vi, out=s)
            s += eps * root
            np.divide(np.multiply(mi, rate, out=t), s, out=s)
            p[at] -= s

    return update


def slopes(shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Gradients for parameters of these shapes."""
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def optimizer(params: Sequence[Array], grads: Sequence[Array]) -> Step:
    """Adam over many tensors, which here lie one behind the other: W12."""
    flat, g = (np.concatenate([x.reshape(-1) for x in xs]) for xs in (params, grads))
    ends = np.cumsum([p.size for p in params])[:-1]
    views = [v.reshape(p.shape) for v, p in zip(np.split(flat, ends), params)]
    update = adam(flat, RATE)

    def step() -> list[Any]:
        update(g)
        return views

    return step


# the limit ----------------------------------------------------------------------------------------


def products(shapes: Sequence[tuple[int, int, int]], times: int = 1) -> Step:
    """Only products (m, k) @ (k, n), each so many times, into memory that is there already."""
    rng = np.random.default_rng(0)
    ready = [
        (
            rng.random((m, k), dtype=np.float32),
            rng.random((k, n), dtype=np.float32),
            np.empty((m, n), np.float32),
        )
        for m, k, n in shapes
    ]

    def step() -> list[Any]:
        for a, b, y in ready:
            for _ in range(times):
                np.matmul(a, b, out=y)
        return []

    return step
