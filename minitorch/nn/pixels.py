"""Shuffles: channels become pixels, pixels channels, and channels of groups take turns."""

from __future__ import annotations

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.ops.pixels import checked_factor
from minitorch.tensor import Tensor


class PixelShuffle(Module):
    """(*, C r², H, W) to (*, C, H r, W r): r² channels become the pixels of r by r squares.

    After convolutions on a small image, it gives the large one: upscaling that is learned. Shi et
    al. 2016, "Real-time single image and video super-resolution".

    Args:
        upscale_factor: r.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.PixelShuffle(3)(minitorch.ones(1, 9, 4, 4)).shape
    (1, 1, 12, 12)
    """

    def __init__(self, upscale_factor: int):
        self.upscale_factor = checked_factor("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers in another order."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(*, C, H r, W r) to (*, C r², H, W): undoes `PixelShuffle`, and loses no number.

    Args:
        downscale_factor: r.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.PixelUnshuffle(3)(minitorch.ones(1, 1, 12, 12)).shape
    (1, 9, 4, 4)
    """

    def __init__(self, downscale_factor: int):
        self.downscale_factor = checked_factor(
            "PixelUnshuffle", "downscale_factor", downscale_factor
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers in another order."""
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """(N, C, *S) with the channels of all groups in turn, for the next convolution in groups.

    Zhang, Zhou, Lin and Sun 2018 (ShuffleNet).

    Args:
        groups: into how many parts the channels were divided.

    >>> import minitorch
    >>> from minitorch import nn
    >>> x = minitorch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    >>> nn.ChannelShuffle(2)(x).flatten()
    tensor([1., 3., 2., 4.])
    """

    def __init__(self, groups: int):
        self.groups = checked_factor("ChannelShuffle", "groups", groups)

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers in another order."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The groups."""
        return f"groups={self.groups}"
