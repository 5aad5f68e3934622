"""Grids: images looked up at any places, between the pixels too, and the places of an affine map.

A grid says for every pixel of the output where in the input to look: -1 and 1 are the two ends of
an axis, whatever its size. As the places may be the outputs of a network, gradients go to them too.
Jaderberg et al. 2015 (spatial transformers).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from minitorch.array import Array
from minitorch.op import composite
from minitorch.ops.arguments import check_floats
from minitorch.ops.compare import where
from minitorch.ops.index import pick_at
from minitorch.ops.labels import counting
from minitorch.ops.matmul import matmul
from minitorch.ops.resize import cubic_weights
from minitorch.ops.shape import permute, reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.words import np

MODES = ("bilinear", "nearest", "bicubic")
PADDING_MODES = ("zeros", "border", "reflection")

# What is met along one axis: the numbers of pixels, and how much each weighs.
Tap = tuple[Array, Any]


@composite(autocast="high")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """y[n, :, i, j] = the image n at the place grid[n, i, j] = (x, y), between its pixels.

    An output is a sum over the nearest pixels, each weighing Π_axes w: along one axis 1 - d for a
    pixel at distance d < 1 (bilinear), so both the pixels and the places get gradients; "nearest"
    looks at one pixel, and its places get none.

    Args:
        input: (N, C, H, W), or (N, C, D, H, W).
        grid: (N, H', W', 2) places (x, y), or (N, D', H', W', 3) places (x, y, z); x runs along W.
        mode: "bilinear" (of three axes it is trilinear), "nearest", or "bicubic" (two axes only).
        padding_mode: what lies beyond the ends: "zeros", the pixels of the "border", or the image
            in a mirror ("reflection").
        align_corners: are -1 and 1 the middles of the first and last pixels, and not (False, None)
            their outer edges?

    Returns:
        (N, C, H', W'), or (N, C, D', H', W').

    Raises:
        ShapeError: shapes that do not go together.
        ValueError: an unknown mode.

    >>> import minitorch
    >>> image, places = minitorch.tensor([[[[0.0, 1.0, 2.0]]]]), minitorch.tensor([-1.0, 0.5, 9.0])
    >>> grid = minitorch.stack([places, minitorch.zeros(3)], 1).reshape(1, 1, 3, 2)
    >>> minitorch.nn.functional.grid_sample(image, grid, align_corners=True)
    tensor([[[[0.0000, 1.5000, 0.0000]]]])
    """
    sizes, dtype = _checked(input, grid, mode, padding_mode), input.dtype
    if dtype.itemsize == 2:  # which cannot tell the places of a large image apart
        input, grid = input.float(), grid.float()
    n, N, C = len(sizes), *input.shape[:2]
    taps = [
        _taps(grid[..., n - 1 - axis], size, mode, padding_mode, bool(align_corners))
        for axis, size in enumerate(sizes)
    ]
    pixels = reshape(permute(input, (0, *range(2, n + 2), 1)), (N * math.prod(sizes), C))
    image = counting(N, raw(grid)).reshape((N, *(1,) * n))
    y = None
    for met in itertools.product(*taps):
        index, share = image, 1.0
        for (number, weight), size in zip(met, sizes):
            index, share = index * size + number, share * weight
        term = pick_at(pixels, index) * unsqueeze(share, -1)
        y = term if y is None else y + term
    return permute(y, (0, n + 1, *range(1, n + 1))).to(dtype)


def _taps(grid: Tensor, size: int, mode: str, padding: str, align: bool) -> list[Tap]:
    """The pixels met along one axis."""
    place = (grid + 1) * ((size - 1) / 2) if align else ((grid + 1) * size - 1) / 2
    ends = (0, size - 1) if align else (-0.5, size - 0.5)
    if mode != "bicubic" and padding != "zeros":
        place = _brought_inside(place, size, ends, padding)
    at = raw(place)
    if mode == "nearest":
        return [_tap(np.rint(at), size, make(np.ones_like(at)))]
    low = np.floor(at)
    d = place - make(low)
    if mode == "bilinear":
        return [_tap(low, size, 1 - d), _tap(low + 1, size, d)]
    numbers = [low + step for step in (-1, 0, 1, 2)]
    if padding != "zeros":
        numbers = [raw(_brought_inside(make(i), size, ends, padding)) for i in numbers]
    return [_tap(i, size, weight) for i, weight in zip(numbers, cubic_weights(d))]


def _tap(number: Array, size: int, weight: Tensor) -> Tap:
    """A pixel, which weighs nothing beyond the ends; an index is kept within them."""
    inside = (number >= 0) & (number <= size - 1)
    kept = np.fmax(np.fmin(number, size - 1), 0).astype(np.int64)
    return kept, weight * make(inside.astype(number.dtype))


def _brought_inside(place: Tensor, size: int, ends: tuple[float, float], padding: str) -> Tensor:
    """A place beyond the ends, on the border; or where a mirror at each end shows it.

    On the border nothing changes when the place does: its gradient is 0, also on the last pixel.
    """
    if padding == "reflection":
        low, width = ends[0], ends[1] - ends[0]
        place = width - abs((place - low) % (2 * width) - width) + low if width else place * 0
    at = raw(place)
    between = (at > 0) & (at < size - 1)
    return where(make(between), place, make(np.fmax(np.fmin(at, size - 1), 0)))


def _checked(input: Tensor, grid: Tensor, mode: str, padding: str) -> tuple[int, ...]:
    """The sizes of the images, once all of it fits."""
    who = "grid_sample"
    check_floats(who, "input", input)
    check_floats(who, "grid", grid)
    shape, of_grid = tuple(input.shape), tuple(grid.shape)
    n = len(shape) - 2
    if n not in (2, 3) or len(of_grid) != n + 2 or of_grid[-1] != n or of_grid[0] != shape[0]:
        raise ShapeError(
            f"{who}: input is {shape} and grid {of_grid}, expected (N, C, H, W) and "
            "(N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3)"
        )
    if 0 in shape[2:]:
        raise ShapeError(f"{who}: input is {shape}, which has no pixels")
    if mode not in MODES or (mode == "bicubic" and n == 3):
        raise ValueError(f"{who}: mode {mode!r} for {n} axes, expected one of {MODES[: 5 - n]}")
    if padding not in PADDING_MODES:
        raise ValueError(f"{who}: padding_mode {padding!r}, expected one of {PADDING_MODES}")
    return shape[2:]


@composite(autocast="high")
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """grid[n, i, j] = theta[n] (x_j, y_i, 1): where `grid_sample` looks for an affine map.

    Args:
        theta: (N, 2, 3) matrices, or (N, 3, 4) for three axes; the last column shifts.
        size: (N, C, H, W) or (N, C, D, H, W), of the images to be made.
        align_corners: as in `grid_sample`.

    Raises:
        ShapeError: shapes that do not go together.

    >>> import minitorch
    >>> same = minitorch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> minitorch.nn.functional.affine_grid(same, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    check_floats("affine_grid", "theta", theta)
    N, _, *sizes = tuple(size) if len(size) in (4, 5) else (0, 0)
    n = len(sizes)
    if not n or min(sizes) < 1 or tuple(theta.shape) != (N, n, n + 1):
        raise ShapeError(
            f"affine_grid: theta is {theta.shape} and size {tuple(size)}, expected (N, 2, 3) and "
            "(N, C, H, W), or (N, 3, 4) and (N, C, D, H, W)"
        )
    base = np.ones_like(raw(theta), shape=(*sizes, n + 1))
    for axis, count in enumerate(sizes):
        steps = counting(count, base)
        if align_corners:
            places = steps * (2 / (count - 1)) - 1 if count > 1 else steps * 0.0
        else:
            places = (steps * 2 + 1) / count - 1
        base[..., n - 1 - axis] = places.reshape((-1, *(1,) * (n - 1 - axis)))
    rows = make(base.reshape((math.prod(sizes), n + 1)))
    return reshape(matmul(rows, permute(theta, (0, 2, 1))), (N, *sizes, n))
