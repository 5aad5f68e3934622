"""The three products of a convolution, y, dx and dw, and which formulation computes each.

There are two kinds: columns and one matrix product (`conv_columns.py`), in several layouts, and
Winograd's, which multiplies less (`winograd.py`). Which is used is decided here and nowhere else,
by shapes; whichever it is, the result is the same up to rounding.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from minitorch.array import Array
from minitorch.kernels import on_gpu
from minitorch.ops import conv_columns
from minitorch.ops.conv_columns import (
    forward_across,
    forward_first,
    forward_last,
    input_first,
    input_last,
    input_runs,
    input_turned,
    reflected,
    weight_across,
    weight_first,
    weight_last,
)
from minitorch.ops.window import Grid
from minitorch.ops.winograd import (
    forward_winograd,
    input_winograd,
    multiplications,
    weight_winograd,
)
from minitorch.traced import NUMPY

FORWARD = {
    "first": forward_first,
    "last": forward_last,
    "across": forward_across,
    "winograd": forward_winograd,
}
INPUT_GRAD = {
    "first": input_first,
    "last": input_last,
    "runs": input_runs,
    "turned": input_turned,
    "winograd": input_winograd,
}
WEIGHT_GRAD = {
    "first": weight_first,
    "last": weight_last,
    "across": weight_across,
    "winograd": weight_winograd,
}

# the choice -----------------------------------------------------------------------------------

MANY = 8  # channels from which on a run of C numbers is worth being moved as one
FEWER = 0.65  # the share of multiplications at which Winograd's tiles are worth their moving


def forward_way(x: Array, out: int, grid: Grid, groups: int) -> str:
    """How y is computed, and dw, which meets the same windows.

    By Winograd's tiles where they spare enough, which takes many channels. Otherwise by columns.
    With many channels a window is K runs of C numbers, and rows of windows are quickly filled.
    With few, the rows of the image as they lie make longer runs. Both end in one product for many
    images, and leave y channels last, as the next layer wants it; but too few of those make runs
    short for all that follows. Groups need their channels apart.
    """
    N, C = x.shape[:2]
    if groups > 1 or (C < MANY and out < MANY):
        return "first"
    if C < MANY:
        return "across"
    by_tiles = _takes_tiles(x) and not are_kept(x, grid) and _spares(N, C, out, grid, grid)
    return "winograd" if by_tiles else "last"


weight_way = forward_way


def input_way(dy: Array, C: int, grid: Grid, groups: int) -> str:
    """How dx is computed: with stride 1 it is itself a convolution, of dy by the turned kernel.

    Then nothing has to be added back. But it asks for a window at every input rather than at
    every output, so it pays where there are no more inputs than outputs, or where Winograd's tiles
    spare enough. Otherwise windows are added: row by row of the window where there are few of them
    in a row of the output, so few additions, and most of all where they lie apart; place by place
    elsewhere.
    """
    N, out = dy.shape[:2]
    if groups > 1 or C < MANY:
        return "first"
    if out >= MANY and set(grid.stride) == {1}:
        if _takes_tiles(dy) and _spares(N, out, C, reflected(grid), grid):
            return "winograd"
        if all(s <= n for s, n in zip(grid.sizes, grid.counts)):
            return "turned"
    few = grid.counts[-1] <= (16 if grid.stride[-1] == 1 else 64)
    return "runs" if few and grid.kernel[-1] > 1 and grid.dilation[-1] == 1 else "last"


@lru_cache
def _spares(N: int, C: int, out: int, tiled: Grid, grid: Grid) -> bool:
    """Do the tiles of one grid take so much less than the windows of another?"""
    by_columns = N * math.prod(grid.counts) * math.prod(grid.kernel) * C * out
    return multiplications(N, C, out, tiled) < FEWER * by_columns


def _takes_tiles(x: Array) -> bool:
    """Is x in the host's memory, and not float16, whose few digits Winograd's sums would lose?"""
    return type(x) in NUMPY and x.dtype.itemsize > 2


def are_kept(x: Array, grid: Grid) -> bool:
    """Are the columns so few that one part has them all, and dw may find them there?"""
    size = x.shape[0] * x.shape[1] * math.prod(grid.kernel) * math.prod(grid.counts)
    return type(x) in NUMPY and 0 < size * x.dtype.itemsize <= conv_columns.PART


# the products ---------------------------------------------------------------------------------


@on_gpu("windows.conv")
def forward(
    x: Array, weight: Array, bias: Any, grid: Grid, groups: int, keep: list[Array] | None = None
) -> Array:
    """conv(x, w) + b, (N, O, *L). A list to keep the columns in takes them, part by part."""
    way = forward_way(x, weight.shape[0], grid, groups)
    return FORWARD[way](x, weight, bias, grid, groups, keep)


@on_gpu("windows.conv_input_grad")
def input_grad(dy: Array, weight: Array, grid: Grid, groups: int) -> Array:
    """dx: the kernel spread out by dy, every window added where it was taken. (N, C, *S)."""
    way = input_way(dy, weight.shape[1] * groups, grid, groups)
    return INPUT_GRAD[way](dy, weight, grid, groups)


@on_gpu("windows.conv_weight_grad")
def weight_grad(x: Array, dy: Array, grid: Grid, groups: int, kept: Array | None = None) -> Array:
    """dw: dy times the columns of x, summed over the images. (O, C / groups, *K)."""
    way = weight_way(x, dy.shape[1], grid, groups)
    return WEIGHT_GRAD[way](x, dy, grid, groups, kept)
