"""Random numbers on a GPU that are those of the host's stream, number by number (`draws.cu`).

A seed drops the same on CPU and GPU, and nothing is uploaded: the GPU is told where the stream is,
and the host's stream moves on as if it had drawn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.kernels.source import THREADS, kernel, takes

_A = 0x2360ED051FC65DA44385DF649FCCF645  # PCG64's multiplier
_WIDE = np.dtype([("high", np.uint64), ("low", np.uint64)])
_STREAM = np.dtype(
    [(name, _WIDE) for name in ("state", "a", "c", "jump_a", "jump_c")]
    + [("has_half", np.int64), ("half", np.int64)]
)
_EACH = 16  # states for a thread: its jump costs as much as so many


def mask(like: Array, p: float, shape: tuple[int, ...], scale: float, generator: Any) -> Any:
    """`scale` where a number drawn from the generator is at least p, else 0; in like's dtype."""
    bits = generator.numpy.bit_generator
    own = type(generator).uniform.__module__ != "minitorch.random"  # a way of drawing of its own
    if own or not takes(like) or type(bits) is not np.random.PCG64:
        return NotImplemented
    y = np.empty_like(like, shape=shape, order="C")
    if y.size:
        count = min(-(-y.size // (2 * _EACH * THREADS)), 1 << 12)
        stream = _stream(bits.state, count * THREADS)
        args = (y, y.size, stream, float(p), float(scale))
        kernel("draws", "draw_mask", y.dtype.name)((count,), (THREADS,), args)
        skip(generator.numpy, math.prod(shape))
    return y


def skip(stream: np.random.Generator, count: int) -> None:
    """Moves a stream on by `count` numbers of float32, each of which is half of a state."""
    bits: Any = stream.bit_generator
    rest = count - bits.state["has_uint32"]
    if rest > 3:  # the last ones are drawn, so that the half that is left over is right too
        bits.advance(rest // 2 - 1)
        count = 2 + rest % 2
    stream.random(count, dtype=np.float32)


def _stream(state: Any, threads: int) -> np.ndarray:
    """The struct of draws.cu."""
    a, c = _A, state["state"]["inc"]
    jump_a, jump_c, k = 1, 0, threads
    while k:
        if k & 1:
            jump_a, jump_c = jump_a * a % 2**128, (jump_c * a + c) % 2**128
        a, c, k = a * a % 2**128, (a * c + c) % 2**128, k >> 1
    wide = (state["state"]["state"], _A, state["state"]["inc"], jump_a, jump_c)
    halves = [(n >> 64, n % 2**64) for n in wide]
    return np.array((*halves, state["has_uint32"], state["uinteger"]), _STREAM)
