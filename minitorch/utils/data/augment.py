"""Augmentation shows a network each image a little differently every time it comes.

A transform takes one image (C, H, W) or a batch (N, C, H, W), and draws for each image apart; it
takes and gives Tensors or arrays, of one dtype. It draws from its `generator`, or without one from
the default stream. Inside a `DataLoader` leave it out: the stream is then that of the batch, and
the same images come out whatever the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.random import Generator, default_generator
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.utils.data.images import ImageTransform, pair_of, resized


class Augmentation(ImageTransform):
    """The base of transforms that draw: `_drawn` is given the stream to draw from."""

    generator: Generator | None = None

    def _changed(self, x: Array) -> Array:
        return self._drawn(x, (self.generator or default_generator).numpy)

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        raise NotImplementedError


class RandomCrop(Augmentation):
    """A piece of size (h, w) from a random place, after a border is put around the image.

    Args:
        size: h and w, or one number for both.
        padding: width of the border, on all sides.
        fill: the number the border holds.
        generator: the stream to draw from.

    Raises:
        ValueError: the bordered image is smaller than `size`.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int = 0,
        fill: float = 0,
        generator: Generator | None = None,
    ):
        self.size = pair_of("RandomCrop", size)
        self.padding = padding
        self.fill = fill
        self.generator = generator
        if padding < 0:
            raise ValueError(f"RandomCrop: padding must be >= 0, got {padding}")

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        p, (h, w) = self.padding, self.size
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=self.fill)
        H, W = padded.shape[2:]
        if h > H or w > W:
            raise ShapeError(
                f"RandomCrop: size {self.size} does not fit into {tuple(x.shape[2:])} with "
                f"padding {p}"
            )
        top = stream.integers(H - h + 1, size=len(x)).tolist()
        left = stream.integers(W - w + 1, size=len(x)).tolist()
        pieces = np.empty_like(x, shape=(*x.shape[:2], h, w))
        for piece, image, i, j in zip(pieces, padded, top, left, strict=True):
            piece[...] = image[:, i : i + h, j : j + w]
        return pieces


class RandomResizedCrop(Augmentation):
    """A piece of random size and proportion from a random place, as an image of size (h, w).

    The piece has a share of the area that is even over `scale`; its width over its height is even
    over `ratio` on a logarithmic scale. One that does not fit is drawn again, ten times at most;
    after that it is the largest in the middle. (C. Szegedy et al., "Going deeper with
    convolutions", 2014.)

    Args:
        size: h and w, or one number for both.
        scale: the smallest and the largest share of the area.
        ratio: the smallest and the largest width over height.
        antialias: as `Resize` has it.
        generator: the stream to draw from.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        antialias: bool = True,
        generator: Generator | None = None,
    ):
        self.size = pair_of("RandomResizedCrop", size)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.generator = generator
        _check_rectangles("RandomResizedCrop", scale, ratio)

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        H, W = x.shape[2:]
        upright = (1 / self.ratio[1], 1 / self.ratio[0])  # height over width
        pieces = np.empty_like(x, shape=(*x.shape[:2], *self.size))
        for k in range(len(x)):
            drawn = _rectangle((H, W), (H, W), self.scale, upright, stream)
            i, j, h, w = drawn or self._in_the_middle(H, W)
            cut = x[k : k + 1, :, i : i + h, j : j + w]
            pieces[k : k + 1] = resized(cut, self.size, self.antialias)
        return pieces

    def _in_the_middle(self, H: int, W: int) -> tuple[int, int, int, int]:
        h = max(min(H, round(W / self.ratio[0])), 1)
        w = max(min(W, round(H * self.ratio[1])), 1)
        return (H - h) // 2, (W - w) // 2, h, w


class _Flip(Augmentation):
    """An axis is turned round, with probability p."""

    turned: tuple

    def __init__(self, p: float = 0.5, generator: Generator | None = None):
        self.p = _probability(type(self).__name__, p)
        self.generator = generator

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        flipped = stream.random((len(x), 1, 1, 1)) < self.p
        return np.where(move(flipped, device_of(x)), x[self.turned], x)


class RandomHorizontalFlip(_Flip):
    """Left and right change places, with probability p."""

    turned = (..., slice(None, None, -1))


class RandomVerticalFlip(_Flip):
    """Top and bottom change places, with probability p."""

    turned = (..., slice(None, None, -1), slice(None))


class RandomApply(Augmentation):
    """Other transforms, with probability p; an image that is not chosen stays as it is.

    Args:
        transforms: one after the other; together they leave the shape as it is.
        p: the probability, for each image apart.
        generator: the stream that says which; the transforms have their own.
    """

    def __init__(
        self,
        transforms: Sequence[Callable[[Any], Any]],
        p: float = 0.5,
        generator: Generator | None = None,
    ):
        self.transforms = list(transforms)
        self.p = _probability("RandomApply", p)
        self.generator = generator

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        chosen = stream.random((len(x), 1, 1, 1)) < self.p
        y = x
        for transform in self.transforms:
            y = transform(y)
        if y.shape != x.shape:
            raise ShapeError(
                f"RandomApply: the transforms make shape {tuple(y.shape)} of {tuple(x.shape)}, "
                "and images that are not chosen would stay as they are"
            )
        return np.where(move(chosen, device_of(x)), y, x)


class RandomErasing(Augmentation):
    """A random rectangle is filled in, with probability p (Zhong et al., 2017, arXiv 1708.04896).

    Its share of the area is even over `scale`; its height over its width is even over `ratio` on a
    logarithmic scale. A rectangle that does not fit is drawn again, ten times at most.

    Args:
        p: the probability.
        scale: the smallest and the largest share of the area.
        ratio: the smallest and the largest height over width.
        value: what fills the rectangle.
        generator: the stream to draw from.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0,
        generator: Generator | None = None,
    ):
        self.p = _probability("RandomErasing", p)
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.generator = generator
        _check_rectangles("RandomErasing", scale, ratio)

    def _drawn(self, x: Array, stream: np.random.Generator) -> Array:
        erased = x.copy()
        H, W = x.shape[2:]
        for image in erased:
            if stream.random() < self.p:
                smaller = (H - 1, W - 1)  # never all of it
                drawn = _rectangle((H, W), smaller, self.scale, self.ratio, stream)
                i, j, h, w = drawn or (0, 0, 0, 0)
                image[:, i : i + h, j : j + w] = self.value
        return erased


def _rectangle(
    size: tuple[int, int],
    most: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    stream: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Top, left, height and width of a piece that is no larger than `most`; None where none fits.

    Its share of the area is drawn from `scale`, its height over its width from `ratio`.
    """
    H, W = size
    for _ in range(10):
        area = H * W * stream.uniform(*scale)
        tall = math.exp(stream.uniform(math.log(ratio[0]), math.log(ratio[1])))
        h, w = round(math.sqrt(area * tall)), round(math.sqrt(area / tall))
        if 0 < h <= most[0] and 0 < w <= most[1]:
            return int(stream.integers(H - h + 1)), int(stream.integers(W - w + 1)), h, w
    return None


def _check_rectangles(who: str, scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    pairs = len(scale) == len(ratio) == 2
    if not pairs or not 0 <= scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
        raise ValueError(
            f"{who}: scale rises within [0, 1] and ratio rises above 0, two numbers each, got "
            f"{scale} and {ratio}"
        )


def mixup(
    x: Tensor,
    y: Tensor,
    num_classes: int,
    *,
    alpha: float = 1.0,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """x' = λ x + (1 - λ) x[π]          y' = λ onehot(y) + (1 - λ) onehot(y)[π]

    with λ from Beta(α, α) and π a random order of the batch (Zhang et al., 2018, arXiv 1710.09412).
    `cross_entropy` takes y' as it is.

    Args:
        x: (N, ...), floats.
        y: (N,), labels in 0 to num_classes - 1.
        num_classes: C.
        alpha: α > 0; small values leave most pairs nearly unmixed.
        generator: the stream to draw from; without it, the default one.

    Returns:
        x' of x's shape and y' (N, C), both of x's dtype.

    Raises:
        ValueError: `alpha` is not positive, lengths differ, or a label is no class. The check of
            the labels waits for the GPU, if they are there.

    >>> import minitorch
    >>> x, y = minitorch.eye(2), minitorch.tensor([0, 1])
    >>> mixed, soft = mixup(x, y, 2, generator=minitorch.Generator().manual_seed(0))
    >>> minitorch.allclose(mixed, soft)  # the images are the labels here
    True
    """
    a, labels = raw(x), raw(y)
    if not alpha > 0:
        raise ValueError(f"mixup: alpha must be positive, got {alpha}")
    if labels.shape != (len(a),):
        raise ShapeError(
            f"mixup: y must hold one label for each of {len(a)} samples, got shape "
            f"{tuple(labels.shape)}"
        )
    if bool(((labels < 0) | (labels >= num_classes)).any()):
        raise ValueError(
            f"mixup: labels must be 0 to {num_classes - 1}, got {int(labels.min())} to "
            f"{int(labels.max())}"
        )
    stream = (generator or default_generator).numpy
    share = float(stream.beta(alpha, alpha))
    order = move(stream.permutation(len(a)), device_of(a))
    classes = move(np.arange(num_classes), device_of(labels))
    onehot = (labels[:, None] == classes).astype(a.dtype)
    return make(_mixed(a, share, order)), make(_mixed(onehot, share, order))


def _mixed(a: Array, share: float, order: Array) -> Array:
    return share * a + (1 - share) * a[order]


def _probability(name: str, p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must lie in [0, 1], got {p}")
    return p
