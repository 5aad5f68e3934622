"""Images lighter or darker, paler or more colourful, or with noise; floats are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.random import Generator
from minitorch.tensor import ShapeError
from minitorch.utils.data.augment import Augmentation
from minitorch.utils.data.images import as_before, grey

Share = float | Sequence[float]


class ColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue, each changed by what is drawn for each image.

        brightness   y = f x
        contrast     y = f x + (1 - f) m,    m the mean of the image in grey
        saturation   y = f x + (1 - f) grey(x)
        hue          the colours go round their circle by a share of it

    one after the other, each kept in 0 to 1 (floats) or 0 to 255 (whole numbers): so it comes
    before `Normalize`.

    Args:
        brightness, contrast, saturation: the factor is between max(0, 1 - v) and 1 + v, or between
            two numbers.
        hue: the share is between -v and v, or between two numbers, within [-0.5, 0.5].
        generator: the stream to draw from.
    """

    def __init__(
        self,
        brightness: Share = 0,
        contrast: Share = 0,
        saturation: Share = 0,
        hue: Share = 0,
        generator: Generator | None = None,
    ):
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        pair = (-hue, hue) if isinstance(hue, (int, float)) else tuple(hue)
        if len(pair) != 2 or not -0.5 <= pair[0] <= pair[1] <= 0.5:
            raise ValueError(
                f"ColorJitter: hue must be a number in [0, 0.5] or two that rise in [-0.5, 0.5], "
                f"got {hue}"
            )
        self.hue = pair
        self.generator = generator

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        y: Any = x if x.dtype.kind == "f" else x.astype(np.float32)
        top = 1 if x.dtype.kind == "f" else 255
        factors = [
            move(stream.uniform(*bounds, (len(x), 1, 1, 1)).astype(y.dtype), device_of(x))
            for bounds in (self.brightness, self.contrast, self.saturation, self.hue)
        ]
        if self.brightness != (1, 1):
            y = (factors[0] * y).clip(0, top)
        if self.contrast != (1, 1):
            middle = grey(y).mean(axis=(1, 2, 3), keepdims=True)
            y = (factors[1] * y + (1 - factors[1]) * middle).clip(0, top)
        if self.saturation != (1, 1):
            y = (factors[2] * y + (1 - factors[2]) * grey(y)).clip(0, top)
        if self.hue != (0, 0) and y.shape[1] != 1:
            y = turned_round(y, factors[3])
        return as_before(y, x)


def turned_round(x: Array, share: Array) -> Array:
    """Red goes to green by a share of 1/3, to blue by 2/3; brightness and greyness stay.

    With v the largest channel, s v the distance to the smallest, and the hue h counted in sixths
    of the circle from red, the channels are v - s v max(0, min(k, 4 - k, 1)), where k is h + 5 for
    red, h + 3 for green and h + 1 for blue, modulo 6. (A. R. Smith, "Color gamut transform pairs",
    SIGGRAPH 1978.)

    Args:
        x: (N, 3, H, W).
        share: what broadcasts against one channel.
    """
    if x.shape[1] != 3:
        raise ShapeError(f"hue: expected 3 channels, got shape {tuple(x.shape)}")
    red, green, blue = (x[:, i : i + 1] for i in range(3))
    largest = x.max(axis=1, keepdims=True)
    spread = largest - x.min(axis=1, keepdims=True)
    divisor = np.where(spread == 0, np.ones_like(spread), spread)
    hue = np.where(
        largest == red,
        (green - blue) / divisor,
        np.where(largest == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = hue + 6 * share
    channels = []
    for start in (5, 3, 1):
        k = (hue + start) % 6
        channels.append(largest - spread * np.minimum(np.minimum(k, 4 - k), 1).clip(0, 1))
    return np.concatenate(channels, axis=1)


def _factors(name: str, given: Share) -> tuple[float, float]:
    pair = (max(0, 1 - given), 1 + given) if isinstance(given, (int, float)) else tuple(given)
    low = given if isinstance(given, (int, float)) else pair[0]
    if len(pair) != 2 or not low >= 0 or not pair[0] <= pair[1] < float("inf"):
        raise ValueError(
            f"ColorJitter: {name} must be a number >= 0 or two that rise from 0, got {given}"
        )
    return pair[0], pair[1]


class GaussianNoise(Augmentation):
    """y = x + ε, with ε from a normal distribution, drawn for every pixel; for floats.

    Args:
        mean, sigma: of ε.
        clip: keep y in 0 to 1.
        generator: the stream to draw from.
    """

    def __init__(
        self,
        mean: float = 0.0,
        sigma: float = 0.1,
        clip: bool = True,
        generator: Generator | None = None,
    ):
        if not sigma >= 0:
            raise ValueError(f"GaussianNoise: sigma must be >= 0, got {sigma}")
        self.mean, self.sigma, self.clip = mean, sigma, clip
        self.generator = generator

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        if x.dtype.kind != "f":
            raise TypeError(f"GaussianNoise: expected floats, got {x.dtype}; scale first, x / 255")
        noise = stream.normal(self.mean, self.sigma, x.shape).astype(x.dtype)
        y = x + move(noise, device_of(x))
        return y.clip(0, 1) if self.clip else y
