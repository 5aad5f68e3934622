"""Convolution piece by piece: y, dx and dw of known shapes, in every formulation, and in torch.

minitorch chooses a formulation by shape (`minitorch/ops/conv_products.py`); the table shows whether
it chooses the fastest. Beside them stands the matrix product of the columns alone; Winograd's
tiles take less.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from benchmarks.engines import installed
from benchmarks.registry import LIMIT, TORCH, Step, images, weights


class Shape(NamedTuple):
    """A convolution of square images, (N, C, size, size) by (out, C, K, K)."""

    name: str
    N: int
    C: int
    out: int
    K: int
    size: int
    stride: int
    padding: int

    def __str__(self) -> str:
        also = f" s{self.stride}" * (self.stride > 1) + f" p{self.padding}" * (self.padding > 0)
        return f"{self.name}: {self.C}->{self.out} {self.K}x{self.K}{also}, {self.size}, N {self.N}"


SHAPES = (
    Shape("LeNet 1", 64, 1, 20, 5, 28, 1, 0),
    Shape("LeNet 2", 64, 20, 50, 5, 12, 1, 0),
    Shape("W4 1", 128, 1, 8, 3, 28, 2, 1),
    Shape("W4 2", 128, 8, 16, 3, 14, 2, 1),
    Shape("W4 3", 128, 16, 32, 3, 7, 2, 1),
    Shape("W4 4", 128, 32, 64, 3, 4, 2, 1),
    Shape("middle", 32, 64, 64, 3, 32, 1, 1),
    Shape("deep", 32, 256, 256, 3, 8, 1, 1),
    Shape("stem", 16, 3, 64, 7, 224, 2, 3),
    Shape("down", 32, 64, 128, 3, 32, 2, 1),
    Shape("1x1", 32, 64, 128, 1, 32, 1, 0),
)
DIRECTIONS = ("y", "dx", "dw")


def steps_of(shape: Shape, direction: str, quick: bool) -> tuple[str, dict[str, Step]]:
    """Which formulation is chosen, and a step for each, for torch and for the product alone.

    Arrays lie in memory as the network hands them over: channels last, where there are many.
    """
    from minitorch.ops import conv_products as products
    from minitorch.ops.window import grid_of
    from minitorch.ops.winograd import multiplications

    if quick:
        shape = shape._replace(N=2, size=min(shape.size, 16))
    _, N, C, out, K, size, stride, padding = shape
    grid = grid_of("conv", (size, size), (K, K), stride, padding, 1)
    x, dy = images(N, C, size, size), images(N, out, *grid.counts)
    (w,) = weights((out, C, K, K))
    if C >= products.MANY:
        x = _channels_last(x)
    forward_way = products.forward_way(x, out, grid, 1)
    if forward_way != "first":
        dy = _channels_last(dy)
    rows, deep = N * grid.counts[0] * grid.counts[1], C * K * K
    if direction == "y":
        chosen, ways = forward_way, products.FORWARD
        args, product = (x, w, None, grid, 1), (rows, deep, out)
    elif direction == "dx":
        chosen, ways = products.input_way(dy, C, grid, 1), products.INPUT_GRAD
        args, product = (dy, w, grid, 1), (rows, out, deep)
    else:
        chosen, ways = products.weight_way(x, out, grid, 1), products.WEIGHT_GRAD
        args, product = (x, dy, grid, 1), (out, rows, deep)
    able = {"turned": stride == 1, "winograd": math.isfinite(multiplications(N, C, out, grid))}
    steps: dict[str, Step] = {
        name: _step(way, args) for name, way in ways.items() if able.get(name, True)
    }
    if installed(TORCH):
        steps[TORCH] = _by_torch(direction, x, w, dy, stride, padding)
    steps[LIMIT] = _in_parts(*product)
    return chosen, steps


def _channels_last(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _step(way: Any, args: tuple) -> Step:
    return lambda: [way(*args)]


def _by_torch(
    direction: str, x: np.ndarray, w: np.ndarray, dy: np.ndarray, stride: int, padding: int
) -> Step:
    """The same by torch, channels first, as its own networks have it."""
    import torch

    tx, tw, tdy = (torch.from_numpy(np.ascontiguousarray(a)) for a in (x, w, dy))
    if direction == "y":
        return lambda: [torch.nn.functional.conv2d(tx, tw, None, stride, padding)]
    wanted = [direction == "dx", direction == "dw", False]
    two = ([stride, stride], [padding, padding], [1, 1])

    def step() -> list[Any]:
        found = torch.ops.aten.convolution_backward(
            tdy, tx, tw, None, *two, False, [0, 0], 1, wanted
        )
        return [found[0 if direction == "dx" else 1]]

    return step


def _in_parts(m: int, k: int, n: int) -> Step:
    """A product (m, k) @ (k, n), its longest side cut so that no array has over 2**24 numbers."""
    rng = np.random.default_rng(0)
    times = max(1, -(-max(m * k, k * n, m * n) // 2**24))
    if m >= k:
        m = -(-m // times)
    else:
        k = -(-k // times)
    a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
    y = np.empty((m, n), np.float32)

    def step() -> list[Any]:
        for _ in range(times):
            np.matmul(a, b, out=y)
        return []

    return step
