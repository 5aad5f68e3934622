"""Images turned, sheared and bent: every new pixel asks where in the old image it comes from.

That place lies between four pixels, and the nearer ones weigh more (bilinear). What comes from
outside the image is the `fill`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.random import Generator
from minitorch.utils.data.augment import Augmentation
from minitorch.utils.data.images import as_before

Range = Sequence[float]


def sampled(x: Array, rows: np.ndarray, columns: np.ndarray, fill: float = 0) -> Array:
    """y[n, :, i, j] is image n at the place (rows[n, i, j], columns[n, i, j]), in x's dtype.

    Args:
        x: (N, C, H, W).
        rows, columns: (N, H', W'), in pixels; whole numbers are the middles of pixels.
        fill: what is outside.
    """
    N, _, H, W = x.shape
    device = device_of(x)
    # One pixel of `fill` all around; what lies farther outside is that as well.
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=fill)
    rows, columns = np.clip(rows, -1, H) + 1, np.clip(columns, -1, W) + 1
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = rows - top, columns - left
    images = move(np.arange(N)[:, None, None], device)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    y: Any = 0
    for i, by_row in ((0, 1 - down), (1, down)):
        for j, by_column in ((0, 1 - right), (1, right)):
            at = move(np.minimum(top + i, H + 1), device), move(np.minimum(left + j, W + 1), device)
            weight = move((by_row * by_column).astype(dtype)[..., None], device)
            y = y + weight * framed[images, :, at[0], at[1]]
    return as_before(y.transpose(0, 3, 1, 2), x)


def _range(
    who: str, name: str, given: float | Range, low: float = -math.inf
) -> tuple[float, float]:
    """The smallest and the largest; of one number both its signs."""
    pair = (-given, given) if isinstance(given, (int, float)) else tuple(given)
    if len(pair) != 2 or not low <= pair[0] <= pair[1] < math.inf:
        raise ValueError(
            f"{who}: {name} must be a number >= 0 or two that rise"
            f"{'' if low == -math.inf else f' from {low:g}'}, got {given}"
        )
    return pair[0], pair[1]


class RandomAffine(Augmentation):
    """Images turned, moved, scaled and sheared, by amounts that are drawn evenly for each.

    A pixel at p from the middle of the new image takes what the old one has at A⁻¹ (p - t), with
    A = s R(θ) S(φ): a scale s, a turn by θ against the clock, a shear of the rows by tan φ; t is
    the move.

    Args:
        degrees: θ is between -degrees and degrees, or between two numbers.
        translate: the largest move, as shares of the width and of the height.
        scale: the smallest and the largest s.
        shear: φ in degrees, as `degrees`.
        fill: what comes from outside.
        generator: the stream to draw from.

    >>> import minitorch
    >>> RandomAffine((90, 90))(minitorch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 4.],
             [1., 3.]]])
    """

    def __init__(
        self,
        degrees: float | Range,
        translate: Range | None = None,
        scale: Range | None = None,
        shear: float | Range | None = None,
        fill: float = 0,
        generator: Generator | None = None,
    ):
        who = type(self).__name__
        self.degrees = _range(who, "degrees", degrees)
        self.translate = (0.0, 0.0) if translate is None else translate
        self.scale = (1.0, 1.0) if scale is None else _range(who, "scale", scale, 0)
        self.shear = (0.0, 0.0) if shear is None else _range(who, "shear", shear)
        self.fill = fill
        self.generator = generator
        if not _are_shares(self.translate):
            raise ValueError(f"{who}: translate must be two shares in [0, 1], got {translate}")
        if not self.scale[0] > 0:
            raise ValueError(f"{who}: scale must be positive, got {scale}")

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        N, _, H, W = x.shape
        shape = (N, 1, 1)
        turn = np.radians(stream.uniform(*self.degrees, shape))
        shear = np.tan(np.radians(stream.uniform(*self.shear, shape)))
        scale = stream.uniform(*self.scale, shape)
        right, down = (
            stream.uniform(-share * n, share * n, shape) for share, n in zip(self.translate, (W, H))
        )
        across = np.arange(W)[None, None, :] - (W - 1) / 2 - right
        along = np.arange(H)[None, :, None] - (H - 1) / 2 - down
        cos, sin = _exact(np.cos(turn)) / scale, _exact(np.sin(turn)) / scale
        # Rows are counted downwards, so against the clock is from down to right.
        columns = cos * across - sin * along
        rows = sin * across + cos * along
        return sampled(x, rows + (H - 1) / 2, columns - shear * rows + (W - 1) / 2, self.fill)


def _are_shares(given: Any) -> bool:
    pair = isinstance(given, Sequence) and len(given) == 2
    return pair and all(0 <= share <= 1 for share in given)


def _exact(v: np.ndarray) -> np.ndarray:
    """cos 90° is 0 and not 6e-17, so that a quarter turn moves pixels and mixes none."""
    return np.where(abs(v) < 1e-15, 0.0, v)


class RandomRotation(RandomAffine):
    """Images turned by an angle that is drawn evenly, about their middle.

    Args:
        degrees: it is between -degrees and degrees, or between two numbers; against the clock.
        fill: what comes from outside.
        generator: the stream to draw from.
    """

    def __init__(self, degrees: float | Range, fill: float = 0, generator: Generator | None = None):
        super().__init__(degrees, fill=fill, generator=generator)


class ElasticTransform(Augmentation):
    """Images bent as by a shaking hand: every pixel is moved a little, its neighbours alike.

    The moves, down and across, are even in [-1, 1], smoothed by a Gaussian of standard deviation
    σ, and times α / 2, in pixels. (P. Simard, D. Steinkraus and J. Platt, "Best practices for
    convolutional neural networks applied to visual document analysis", ICDAR 2003.) For digits of
    28 by 28 pixels α = 68 and σ = 4 are theirs.

    Args:
        alpha: how far; α / 2 pixels, before it is smoothed.
        sigma: how alike neighbours move, in pixels.
        fill: what comes from outside.
        generator: the stream to draw from.
    """

    def __init__(
        self,
        alpha: float = 50.0,
        sigma: float = 5.0,
        fill: float = 0,
        generator: Generator | None = None,
    ):
        if not alpha >= 0 or not sigma > 0:
            raise ValueError(
                f"ElasticTransform: alpha must be >= 0 and sigma > 0, got {alpha} and {sigma}"
            )
        self.alpha, self.sigma, self.fill = alpha, sigma, fill
        self.generator = generator

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        N, _, H, W = x.shape
        moves = stream.uniform(-1, 1, (2, N, H, W))
        down, across = self.alpha / 2 * blurred(blurred(moves, self.sigma, 2), self.sigma, 3)
        rows, columns = np.arange(H)[:, None] + down, np.arange(W) + across
        return sampled(x, rows, columns, self.fill)


def blurred(x: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    """y_i = Σ_k w_k x_{i+k} with w_k ∝ e^(-k² / 2σ²), along an axis with mirrors at its ends."""
    reach = max(math.ceil(4 * sigma), 1)
    k = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (k / sigma) ** 2)
    weight /= weight.sum()
    borders = [(0, 0)] * x.ndim
    borders[axis] = (reach, reach)
    padded = np.pad(x, borders, mode="symmetric")
    n = x.shape[axis]
    return sum(w * padded.take(range(i, i + n), axis) for i, w in enumerate(weight))
