"""The workloads in jax: a loss is a function, and its gradient and the update are compiled with it.

Parameters are arrays that a step takes and gives back. Labels are int32, jax's own integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.floors import RATE

jax.config.update("jax_platforms", "cpu")

Array = Any
Step = Callable[[], list[Any]]


def trained(
    loss: Callable[..., Any],
    params: Sequence[np.ndarray],
    data: tuple,
    update: Any,
    state: Any = (),
) -> Step:
    """A step of `loss(params, *data)`, its gradient, and `update(params, grads, state)`."""
    params = [jnp.asarray(p) for p in params]
    data = tuple(jnp.asarray(a, jnp.int32 if a.dtype.kind == "i" else None) for a in data)

    @jax.jit
    def whole(params: Any, state: Any, *data: Array) -> tuple:
        value, grads = jax.value_and_grad(loss)(params, *data)
        return value, grads, *update(params, grads, state)

    def step() -> list[Any]:
        nonlocal params, state
        value, grads, params, state = jax.block_until_ready(whole(params, state, *data))
        return [value, *grads]

    return step


def sgd(rate: float) -> Callable[..., tuple]:
    """Gradient descent: p - rate dp."""
    return lambda params, grads, state: (
        [p - rate * dp for p, dp in zip(params, grads, strict=True)],
        state,
    )


def adam(params: Any, grads: Any, state: Any, lr: float = RATE) -> tuple:
    """Adam; the state is the number of steps and both averages of every parameter."""
    b1, b2 = 0.9, 0.999
    count, ms, vs = state
    count += 1
    ms = [b1 * m + (1 - b1) * g for m, g in zip(ms, grads, strict=True)]
    vs = [b2 * v + (1 - b2) * g * g for v, g in zip(vs, grads, strict=True)]
    rate, root = lr / (1 - b1**count), jnp.sqrt(1 - b2**count)
    moved = [
        p - rate * m / (jnp.sqrt(v) / root + 1e-8) for p, m, v in zip(params, ms, vs, strict=True)
    ]
    return moved, (count, ms, vs)


def beginning(params: Sequence[np.ndarray]) -> tuple:
    """Adam's state before the first step."""
    return jnp.float32(0), *([jnp.zeros(p.shape) for p in params] for _ in range(2))


def cross_entropy(scores: Array, target: Array) -> Array:
    """The mean of log Σ e^x - x_t over the rows."""
    picked = jnp.take_along_axis(scores, target[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(scores, axis=1) - picked).mean()


# fully connected ----------------------------------------------------------------------------------


def forward(params: Sequence[Array], x: Array) -> Array:
    """Linear layers with relu between them."""
    for i, (w, b) in enumerate(zip(params[0::2], params[1::2], strict=True)):
        x = (x if i == 0 else jax.nn.relu(x)) @ w.T + b
    return x


def mlp(x: np.ndarray, target: np.ndarray, params: Sequence[np.ndarray], rate: float) -> Step:
    """W1, W2 and W6."""
    loss = lambda params, x, target: cross_entropy(forward(params, x), target)
    return trained(loss, params, (x, target), sgd(rate))


def infer(x: np.ndarray, params: Sequence[np.ndarray]) -> Step:
    """W9."""
    compiled, x, params = jax.jit(forward), jnp.asarray(x), [jnp.asarray(p) for p in params]
    return lambda: [compiled(params, x).block_until_ready()]


# convolution --------------------------------------------------------------------------------------


def conv(x: Array, w: Array, stride: int = 1, padding: int = 0) -> Array:
    """A convolution of images (N, C, H, W) by kernels (O, C, K, K)."""
    around = [(padding, padding)] * 2
    axes = ("NCHW", "OIHW", "NCHW")
    return lax.conv_general_dilated(x, w, (stride, stride), around, dimension_numbers=axes)


def max_pool(x: Array) -> Array:
    """The largest of every 2 x 2 square."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def lenet(x: np.ndarray, target: np.ndarray, params: Sequence[np.ndarray], rate: float) -> Step:
    """W3."""

    def loss(params: Any, x: Array, target: Array) -> Array:
        w1, b1, w2, b2, w3, w4 = params
        y = max_pool(jax.nn.relu(conv(x, w1) + b1[:, None, None]))
        y = max_pool(jax.nn.relu(conv(y, w2) + b2[:, None, None]))
        return cross_entropy(jax.nn.relu(y.reshape(len(y), -1) @ w3.T) @ w4.T, target)

    return trained(loss, params, (x, target), sgd(rate))


def conv_blocks(x: np.ndarray, target: np.ndarray, kernels: Sequence[np.ndarray]) -> Step:
    """W4."""
    params = []
    for w in kernels:
        n = len(w)
        params += [w, np.ones(n, np.float32), np.zeros(n, np.float32)]
    del params[-2]  # the last is linear and has no scale

    def loss(params: Any, x: Array, target: Array) -> Array:
        for w, gamma, beta in zip(params[0:12:3], params[1:12:3], params[2:12:3], strict=True):
            y = conv(x, w, 2, 1)
            mean = y.mean((0, 2, 3), keepdims=True)
            y = (y - mean) * lax.rsqrt(y.var((0, 2, 3), keepdims=True) + 1e-5)
            x = jax.nn.relu(y * gamma[:, None, None] + beta[:, None, None])
        return cross_entropy(x.reshape(len(x), -1) @ params[-2].T + params[-1], target)

    return trained(loss, params, (x, target), adam, beginning(params))


def one_conv(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    g: np.ndarray,
    stride: int,
    padding: int,
    first: bool,
) -> Step:
    """W5."""
    x, w, b, g = (jnp.asarray(a) for a in (x, w, b, g))
    wanted = (0, 1) if first else (0, 1, 2)

    @jax.jit
    def whole(w: Array, b: Array, x: Array, g: Array) -> tuple:
        args = [w, b, x]

        def y_of(*chosen: Array) -> Array:
            w, b, x = [*chosen, *args[len(chosen) :]]
            return conv(x, w, stride, padding) + b[:, None, None]

        y, pull = jax.vjp(y_of, *(args[i] for i in wanted))
        return y, *pull(g)

    return lambda: list(jax.block_until_ready(whole(w, b, x, g)))


# the rest -----------------------------------------------------------------------------------------


def chain(x: np.ndarray, a: np.ndarray, b: np.ndarray, rounds: int) -> Step:
    """W7."""

    @jax.jit
    def whole(x: Array, a: Array, b: Array) -> tuple:
        def y_of(y: Array) -> Array:
            for _ in range(rounds):
                y = jnp.log(jnp.exp(y) * a) + b
            return y

        y, pull = jax.vjp(y_of, x)
        return y, *pull(jnp.ones_like(y))

    x, a, b = (jnp.asarray(v) for v in (x, a, b))
    return lambda: list(jax.block_until_ready(whole(x, a, b)))


def classify(x: np.ndarray, target: np.ndarray) -> Step:
    """W10."""
    whole = jax.jit(jax.value_and_grad(cross_entropy))
    x, target = jnp.asarray(x), jnp.asarray(target, jnp.int32)
    return lambda: list(jax.block_until_ready(whole(x, target)))


def layer_norm(x: Array, gamma: Array, beta: Array) -> Array:
    """Each vector with mean 0 and variance 1, times gamma plus beta."""
    y = x - x.mean(-1, keepdims=True)
    return y * lax.rsqrt((y * y).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def transformer(x: np.ndarray, target: np.ndarray, kernels: Sequence[np.ndarray]) -> Step:
    """W8: the norms first, four heads, gelu."""
    N, T, d = x.shape
    params: list[np.ndarray] = []
    for w in kernels:
        params += [w, np.zeros(len(w), np.float32)]
    params += [np.ones(d, np.float32), np.zeros(d, np.float32)] * 2

    def attention(x: Array, w: Array, b: Array) -> Array:
        split = (x @ w.T + b).reshape(N, T, 3, 4, d // 4)
        q, k, v = (split[:, :, i].swapaxes(1, 2) for i in range(3))
        weight = jax.nn.softmax(q @ k.swapaxes(2, 3) / (d // 4) ** 0.5)
        return (weight @ v).swapaxes(1, 2).reshape(N, T, d)

    def loss(params: Any, x: Array, target: Array) -> Array:
        w_in, b_in, w_out, b_out, w1, b1, w2, b2, *norms = params
        x = x + attention(layer_norm(x, *norms[:2]), w_in, b_in) @ w_out.T + b_out
        h = jax.nn.gelu(layer_norm(x, *norms[2:]) @ w1.T + b1, approximate=False)
        return ((x + h @ w2.T + b2 - target) ** 2).mean()

    return trained(loss, params, (x, target), adam, beginning(params))


def char_rnn(x: np.ndarray, target: np.ndarray, kernels: Sequence[np.ndarray]) -> Step:
    """W11: an LSTM as a scan over time."""
    letters, w_x, w_h, w = kernels
    zeros = np.zeros(len(w_x), np.float32)
    params = [letters, w_x, w_h, zeros, zeros, w, np.zeros(len(w), np.float32)]
    N, H = len(x), letters.shape[1]

    def loss(params: Any, x: Array, target: Array) -> Array:
        letters, w_x, w_h, b_x, b_h, w, b = params

        def cell(state: tuple, gates: Array) -> tuple:
            h, c = state
            i, f, g, o = jnp.split(gates + h @ w_h.T + b_h, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        inputs = letters[x.T] @ w_x.T + b_x
        _, hs = lax.scan(cell, (jnp.zeros((N, H)),) * 2, inputs)
        return cross_entropy(hs.swapaxes(0, 1).reshape(-1, H) @ w.T + b, target)

    return trained(loss, params, (x, target), adam, beginning(params))


def optimizer(params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> Step:
    """W12."""
    compiled, state = jax.jit(adam), beginning(params)
    params, grads = ([jnp.asarray(a) for a in arrays] for arrays in (params, grads))

    def step() -> list[Any]:
        nonlocal params, state
        params, state = jax.block_until_ready(compiled(params, grads, state))
        return params

    return step
