"""Images brought to another size, another frame, or another number of colours.

A transform takes one image (C, H, W) or a batch (N, C, H, W), as a Tensor or an array, and gives
the same kind and dtype back. Whole numbers are rounded, where something is averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.array import Array
from minitorch.creation import from_numpy
from minitorch.dtypes import get_default_dtype
from minitorch.ops.resize import linear, resample, smooth
from minitorch.tensor import ShapeError, Tensor, make, raw


class ImageTransform:
    """The base: it sees to it that `_changed` gets a batch of arrays."""

    def __call__(self, x: Any) -> Any:
        """The transformed image or images; the input is not changed."""
        images = raw(x)
        if getattr(images, "ndim", None) not in (3, 4):
            raise ShapeError(
                f"{type(self).__name__}: expected an image (C, H, W) or a batch (N, C, H, W), got "
                f"shape {np.shape(images)}"
            )
        changed: Any = self._changed(images if images.ndim == 4 else images[None])
        changed = changed if images.ndim == 4 else changed[0]
        return make(changed) if isinstance(x, Tensor) else changed

    def _changed(self, x: Array) -> Array:
        raise NotImplementedError

    def __repr__(self) -> str:
        given = [f"{k}={v!r}" for k, v in vars(self).items() if k != "generator"]
        return f"{type(self).__name__}({', '.join(given)})"


class ToTensor:
    """Numbers 0 to 255 of shape (H, W) or (H, W, C) as floats 0 to 1 of shape (C, H, W).

    It takes what `numpy.asarray` takes, such as an image of PIL; floats are not scaled.

    >>> image = np.array([[0, 255], [51, 102]], np.uint8)
    >>> ToTensor()(image)
    tensor([[[0.0000, 1.0000],
             [0.2000, 0.4000]]])
    """

    def __call__(self, image: Any) -> Tensor:
        """The image as a tensor of its own."""
        x = np.asarray(image)
        if x.ndim not in (2, 3):
            raise ShapeError(f"ToTensor: expected (H, W) or (H, W, C), got shape {x.shape}")
        x = x[..., None] if x.ndim == 2 else x
        x = np.ascontiguousarray(x.transpose(2, 0, 1))
        if x.dtype == np.uint8:
            x = x.astype(get_default_dtype()) / 255
        return from_numpy(x.copy() if np.shares_memory(x, image) else x)

    def __repr__(self) -> str:
        return "ToTensor()"


class Resize(ImageTransform):
    """Images of another size, bilinear.

    Args:
        size: (h, w), or the length of the shorter side, where the other keeps its proportion.
        antialias: where the image becomes smaller, average over all that an output covers; without
            it, over the two nearest rows and columns.

    >>> import minitorch
    >>> Resize(2)(minitorch.zeros(1, 4, 6)).shape
    (1, 2, 3)
    """

    def __init__(self, size: int | Sequence[int], antialias: bool = True):
        pair = pair_of("Resize", size)
        self.size = pair if isinstance(size, Sequence) else pair[0]
        self.antialias = antialias

    def _changed(self, x: Array) -> Array:
        return resized(x, self._size_of(*x.shape[2:]), self.antialias)

    def _size_of(self, H: int, W: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            return self.size
        short = min(H, W)
        return max(self.size * H // short, 1), max(self.size * W // short, 1)


def resized(x: Array, size: tuple[int, int], antialias: bool = True) -> Array:
    """Images (N, C, H, W) as (N, C, *size), in their dtype."""
    y = x if x.dtype.kind == "f" else x.astype(np.float32)
    for dim, count in ((2, size[0]), (3, size[1])):
        n = y.shape[dim]
        if n != count:
            table = smooth(n, count) if antialias else linear(n, count, n / count, False)
            y = resample(y, table, dim)
    return as_before(y, x)


def as_before(y: Array, x: Array) -> Array:
    """What was computed from x in floats, in x's dtype: rounded and inside its range."""
    if x.dtype.kind == "f":
        return y.astype(x.dtype, copy=y is x)
    if x.dtype.kind == "b":
        raise TypeError("images: expected numbers, got bool; use x.astype(np.uint8)")
    limits = np.iinfo(x.dtype)
    return y.round().clip(limits.min, limits.max).astype(x.dtype)


class CenterCrop(ImageTransform):
    """The middle piece of size (h, w); an image that is smaller gets a border of zeros first."""

    def __init__(self, size: int | Sequence[int]):
        self.size = pair_of("CenterCrop", size)

    def _changed(self, x: Array) -> Array:
        borders = [(0, 0), (0, 0)]
        for n, wanted in zip(x.shape[2:], self.size):
            lacking = max(wanted - n, 0)
            borders.append((lacking // 2, lacking - lacking // 2))
        x = np.pad(x, borders)
        top, left = ((n - wanted) // 2 for n, wanted in zip(x.shape[2:], self.size))
        return x[:, :, top : top + self.size[0], left : left + self.size[1]].copy()


class Pad(ImageTransform):
    """A border around the image.

    Args:
        padding: its width; or (left and right, top and bottom); or (left, top, right, bottom).
        fill: what a constant border holds.
        padding_mode: "constant", "edge", "reflect", or "symmetric".
    """

    MODES = ("constant", "edge", "reflect", "symmetric")

    def __init__(
        self, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant"
    ):
        given = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(given) not in (1, 2, 4) or min(given) < 0:
            raise ValueError(f"Pad: padding must be 1, 2 or 4 numbers >= 0, got {padding}")
        if padding_mode not in self.MODES:
            raise ValueError(
                f"Pad: padding_mode={padding_mode!r}, expected one of {', '.join(self.MODES)}"
            )
        self.padding, self.fill, self.padding_mode = given, fill, padding_mode

    def _changed(self, x: Array) -> Array:
        left, top, right, bottom = (self.padding * 4)[:4]
        borders = ((0, 0), (0, 0), (top, bottom), (left, right))
        options = {"constant_values": self.fill} if self.padding_mode == "constant" else {}
        return np.pad(x, borders, mode=self.padding_mode, **options)  # type: ignore[call-overload]


GREY = (0.2989, 0.587, 0.114)  # how bright red, green and blue are, by ITU-R BT.601


def grey(x: Array) -> Array:
    """y = 0.2989 R + 0.587 G + 0.114 B, of images (N, 3, H, W); one channel is grey already."""
    if x.shape[1] == 1:
        return x
    if x.shape[1] != 3:
        raise ShapeError(f"grey: expected 1 or 3 channels, got shape {tuple(x.shape)}")
    return sum(weight * x[:, i : i + 1] for i, weight in enumerate(GREY))


class Grayscale(ImageTransform):
    """Colours (.., 3, H, W) as one brightness, or as three channels that are the same."""

    def __init__(self, num_output_channels: int = 1):
        if num_output_channels not in (1, 3):
            raise ValueError(
                f"Grayscale: num_output_channels must be 1 or 3, got {num_output_channels}"
            )
        self.num_output_channels = num_output_channels

    def _changed(self, x: Array) -> Array:
        y = as_before(grey(x), x)
        return np.repeat(y, self.num_output_channels, axis=1)


def pair_of(who: str, size: int | Sequence[int]) -> tuple[int, int]:
    """h and w, of both or of one number for both, each at least 1."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2:
        raise ValueError(f"{who}: size must be one number or (h, w), got {size}")
    if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in pair):
        raise ValueError(f"{who}: size must be >= 1, in whole numbers, got {size!r}")
    return int(pair[0]), int(pair[1])
