"""Channels as pixels, and back, or in another order: no arithmetic, every number is kept.

An image of r² channels and one r times as high and wide hold as many numbers. Which channel becomes
which pixel is settled row by row: channel r i + j is the pixel (i, j) of every r by r square.
"""

from __future__ import annotations

from typing import Any

from minitorch.op import composite
from minitorch.ops.shape import permute, reshape
from minitorch.tensor import ShapeError, Tensor


@composite()
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r², H, W) to (*, C, H r, W r): y[c, h r + i, w r + j] = x[c r² + i r + j, h, w]

    Convolutions on the small image and one shuffle at the end cost r² times less than the same
    ones on the large image. Shi et al. 2016 (sub-pixel convolution).

    Raises:
        ValueError: upscale_factor r is below 1.
        ShapeError: fewer than three axes, or r² does not divide the channels.

    >>> import minitorch
    >>> minitorch.pixel_shuffle(minitorch.tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    r = checked_factor("pixel_shuffle", "upscale_factor", upscale_factor)
    *rest, channels, H, W = _image("pixel_shuffle", input)
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: input {tuple(input.shape)} has {channels} channels, which is no "
            f"multiple of upscale_factor² = {r * r}"
        )
    n, C = len(rest), channels // (r * r)
    x = reshape(input, (*rest, C, r, r, H, W))
    order = (*range(n + 1), n + 3, n + 1, n + 4, n + 2)  # each i behind its h, each j behind its w
    return reshape(permute(x, order), (*rest, C, H * r, W * r))


@composite()
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r², H, W): undoes `pixel_shuffle`.

    Raises:
        ValueError: downscale_factor r is below 1.
        ShapeError: fewer than three axes, or r does not divide the height and the width.

    >>> import minitorch
    >>> minitorch.pixel_unshuffle(minitorch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).shape
    (4, 1, 1)
    """
    r = checked_factor("pixel_unshuffle", "downscale_factor", downscale_factor)
    *rest, C, height, width = _image("pixel_unshuffle", input)
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: input {tuple(input.shape)} is {height} by {width} pixels, which are "
            f"no multiples of downscale_factor {r}; pad it first"
        )
    n, H, W = len(rest), height // r, width // r
    x = reshape(input, (*rest, C, H, r, W, r))
    order = (*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return reshape(permute(x, order), (*rest, C * r * r, H, W))


@composite()
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *S) with the channels of all groups in turn: y[c g + j] = x[j C / g + c], g groups

    After a convolution in groups, the next one meets channels of every group. Zhang et al. 2018
    (ShuffleNet).

    Raises:
        ValueError: groups g is below 1.
        ShapeError: fewer than three axes, or g does not divide the channels.

    >>> import minitorch
    >>> x = minitorch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    >>> minitorch.nn.functional.channel_shuffle(x, 2).flatten()
    tensor([1., 3., 2., 4.])
    """
    g = checked_factor("channel_shuffle", "groups", groups)
    shape = tuple(input.shape)
    if len(shape) < 3 or shape[1] % g:
        raise ShapeError(
            f"channel_shuffle: input is {shape}, expected (N, C, *S) with a number of channels "
            f"that groups {g} divides"
        )
    x = reshape(input, (shape[0], g, shape[1] // g, *shape[2:]))
    return reshape(permute(x, (0, 2, 1, *range(3, len(shape) + 1))), shape)


def checked_factor(who: str, name: str, r: Any) -> int:
    """How many pixels a side of a square has, which must be a positive int."""
    if isinstance(r, bool) or not isinstance(r, int):
        raise TypeError(f"{who}: {name} must be an int, got {r!r}")
    if r < 1:
        raise ValueError(f"{who}: {name} must be at least 1, got {r}")
    return r


def _image(who: str, input: Tensor) -> tuple[int, ...]:
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise ShapeError(f"{who}: input is {shape}, expected at least the three axes (C, H, W)")
    return shape
