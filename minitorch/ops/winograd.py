"""Winograd's convolution: the same numbers by fewer multiplications, as values at a few points.

Take one row. m numbers g, each spread out by a kernel w of r, make n = m + r - 1 numbers: the
coefficients of the product of two polynomials. A polynomial of n coefficients is known from its
values at n points, and values are multiplied one by one: n multiplications instead of m r. With
P_k, the (n, k) matrix that takes k coefficients to the values,

    spread(g, w) = P_n⁻¹ (P_m g · P_r w).

The sum on which y, dx and dw of a convolution hang (see `conv.py`) is Σ d · spread(g, w), for a
tile d of n inputs and a tile g of m outputs. So it is

    T(d, w, g) = Σ (B d) · (G w) · (A g)        A = P_m     G = P_r     B = P_n⁻¹, transposed

and its slopes are the three products:

    y = Aᵀ (B d · G w)          dx = Bᵀ (G w · A g)          dw = Gᵀ (B d · A g).

Two outputs of a kernel of three, by the points 0, 1, -1 and infinity (where only the highest
coefficient counts), take 4 multiplications instead of 6:

        1  0            1  0  0            1   0  -1   0
    A = 1  1        G = 1  1  1        B = 0  1/2 1/2  0
        1 -1            1 -1  1            0 -1/2 1/2  0
        0  1            0  0  1            0  -1   0   1

An image has two axes, and its matrices are the Kronecker products of those of each: 16 outputs of a
3 x 3 kernel take 36 multiplications instead of 144. With channels, each of the 36 is a product of
matrices, (T, C) times (C, O) for T tiles, beside which A, B and G cost little if channels are many.

The price is rounding, as large values cancel in sums. In float32 the error is three to six times
that of columns, 2e-6 to 4e-6 of the largest number; float16 has no room for it. And a number that
is not finite spoils all of its tile.

Winograd, Arithmetic Complexity of Computations (1980), after Toom (1963) and Cook (1966), who
multiplied integers so; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from minitorch.array import Array
from minitorch.ops.conv_columns import add_last, parts, reflected, to_first, to_last, turned
from minitorch.ops.window import Grid, Sizes, padded, windows
from minitorch.words import np

# the matrices ---------------------------------------------------------------------------------

# Of 80 sets of small fractions the one of the smallest error; 0, ±1, ±2 have twice as much.
POINTS = (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)  # and infinity
TILE = len(POINTS) + 1  # inputs of a tile along each axis, n; so the outputs are m = n - r + 1


class Matrices(NamedTuple):
    """A, B and G for kernels of one size, over all axes, with `p` points in all."""

    A: Array  # (p, m): the values of a tile of outputs
    B: Array  # (p, n): those of a tile of inputs
    G: Array  # (p, r): those of the kernel


def outputs_of(kernel: Sizes) -> Sizes:
    """m, the outputs of a tile along each axis; of one that the kernel does not see, only one."""
    return tuple(TILE - r + 1 if r > 1 else 1 for r in kernel)


@lru_cache
def matrices_for(kernel: Sizes, dtype: Any) -> Matrices:
    """The Kronecker products of the matrices of each axis."""
    pairs = [(m, r, m + r - 1) for m, r in zip(outputs_of(kernel), kernel)]
    A = [values_at_points(n, m) for m, _, n in pairs]
    B = [np.linalg.inv(values_at_points(n, n)).T for *_, n in pairs]
    G = [values_at_points(n, r) for _, r, n in pairs]
    return Matrices(*(reduce(np.kron, each).astype(dtype) for each in (A, B, G)))


def values_at_points(n: int, k: int) -> Array:
    """P_k, (n, k): from k coefficients to the values at n points, the last of them infinity.

    >>> values_at_points(2, 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    powers = np.vander(POINTS[: n - 1], k, increasing=True)
    return np.concatenate([powers, np.eye(k)[-1:]])


def multiplications(N: int, C: int, out: int, grid: Grid) -> float:
    """How many there are for y, A, B and G included, to compare with N L K C O by columns.

    To make the kernel's values, and to move them, takes as long as a hundred tiles. Infinite for
    what is not done here: windows that skip, or a third axis, over which errors multiply.
    """
    skips = set(grid.stride + grid.dilation) != {1}
    if skips or max(grid.kernel) >= TILE or sum(r > 1 for r in grid.kernel) > 2:
        return math.inf
    inputs, outputs = tiles_of(grid)
    tiles, p, m = (math.prod(a) for a in (inputs.counts, inputs.kernel, outputs.kernel))
    return p * (N * tiles * (p * C + C * out + m * out) + 100 * C * out)


# the tiles ------------------------------------------------------------------------------------


def tiles_of(grid: Grid) -> tuple[Grid, Grid]:
    """Tiles are windows too: of inputs, n wide and m apart, and of outputs, side by side."""
    m = outputs_of(grid.kernel)
    n = tuple(step + r - 1 for step, r in zip(m, grid.kernel))
    counts = tuple(-(-count // step) for count, step in zip(grid.counts, m))
    inputs = grid._replace(kernel=n, stride=m, counts=counts)
    outputs = inputs._replace(sizes=grid.counts, kernel=m, pads=((0, 0),) * len(m))
    return inputs, outputs


def parts_of(x: Array, tiles: Grid) -> Iterator[tuple]:
    """Parts of a batch, twice as large as those of columns: products of more tiles are faster."""
    each = x.shape[1] * math.prod(tiles.counts) * math.prod(tiles.kernel)
    return parts(x, tiles.counts, each // 2, split=True)


def cut(x: Array, tiles: Grid, part: tuple) -> Array:
    """The tiles of some images, or of some rows of them, (*n, T, C): places in a tile first.

    The last of a row may stick out of the image, over zeros.
    """
    images, *rows = part
    spans = [slice(0, count) for count in tiles.counts]
    spans[: len(rows)] = rows
    pads = [
        (a - span.start * m, (span.stop - 1) * m + n - size - a)
        for span, m, n, size, (a, _) in zip(
            spans, tiles.stride, tiles.kernel, tiles.sizes, tiles.pads
        )
    ]
    some = tiles._replace(counts=tuple(span.stop - span.start for span in spans))
    view = windows(to_last(padded(x[images], pads)), some, last=True)
    axes = len(spans)
    view = view.transpose(*range(axes + 1, 2 * axes + 1), *range(axes + 1), -1)
    return view.reshape(math.prod(tiles.kernel), -1, view.shape[-1])


def put(values: Array, y: Array, tiles: Grid, part: tuple) -> None:
    """Writes tiles of outputs, (m, T·O), to their places in y, (N, *L, O)."""
    images, *rows = part
    y = y[images]
    for row in rows:
        y = y[:, row.start * tiles.stride[0] : row.stop * tiles.stride[0]]
        tiles = tiles._replace(counts=(row.stop - row.start, *tiles.counts[1:]))
    values = values.reshape(-1, len(y), *tiles.counts, y.shape[-1])
    for place, (_, at) in zip(values, tiles.taps()):
        to = y[(slice(None), *at)]  # ends where y does
        to[...] = place[tuple(map(slice, to.shape))]


def at_points(matrix: Array, tiles: Array) -> Array:
    """A matrix (p, n) times tiles (n, T, C): their values (p, T, C)."""
    values = matrix @ tiles.reshape(len(tiles), -1)
    return values.reshape(-1, *tiles.shape[1:])


# the products ---------------------------------------------------------------------------------


def forward_winograd(
    x: Array, weight: Array, bias: Any, grid: Grid, groups: int = 1, keep: Any = None
) -> Array:
    """y = Aᵀ (B x · G w), the dot being p products of (T, C) and (C, O). Nothing is kept for dw."""
    out, C = weight.shape[:2]
    A, B, G = matrices_for(grid.kernel, x.dtype)
    w = at_points(G, weight.transpose(*range(2, weight.ndim), 1, 0).reshape(-1, C, out))
    y = np.empty_like(x, shape=(x.shape[0], *grid.counts, out), order="C")
    inputs, outputs = tiles_of(grid)
    for part in parts_of(x, inputs):
        V = at_points(B, cut(x, inputs, part))
        put(at_points(A.T, V @ w), y, outputs, part)
    add_last(y, bias, grid)
    return to_first(y)


def input_winograd(dy: Array, weight: Array, grid: Grid, groups: int = 1) -> Array:
    """dx as the convolution of dy by the turned kernel: Bᵀ (G w · A g) would have tiles to add."""
    return forward_winograd(dy, turned(weight), None, reflected(grid))


def weight_winograd(
    x: Array, dy: Array, grid: Grid, groups: int = 1, kept: Array | None = None
) -> Array:
    """dw = Gᵀ (B x · A g), the dot being p products of (C, T) and (T, O), summed over parts."""
    C, out, axes = x.shape[1], dy.shape[1], len(grid.kernel)
    A, B, G = matrices_for(grid.kernel, x.dtype)
    dw = np.zeros_like(x, shape=(len(G), C, out), order="C")
    inputs, outputs = tiles_of(grid)
    for part in parts_of(x, inputs):
        V = at_points(B, cut(x, inputs, part))
        dw += V.swapaxes(1, 2) @ at_points(A, cut(dy, outputs, part))
    dw = at_points(G.T, dw).reshape(*grid.kernel, C, out)
    return dw.transpose(axes + 1, axes, *range(axes)).copy(order="C")
