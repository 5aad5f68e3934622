"""Augmentation shows a network each image a little differently every time it comes.

A transform takes one image (C, H, W) or a batch (N, C, H, W), and draws for each image apart; it
takes and gives Tensors or arrays, of one dtype. It draws from its `generator`, or without one from
the default stream. Inside a `DataLoader` leave it out: the stream is then that of the batch, and
the same images come out whatever the number of workers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.array import Array, device_of, move
from minitorch.random import Generator, default_generator
from minitorch.tensor import ShapeError, Tensor, make, raw


class _Augmentation:
    """A transform of images that draws."""

    generator: Generator | None

    def __call__(self, x: Any) -> Any:
        """The transformed image or images; the input is not changed."""
        images = raw(x)
        if images.ndim not in (3, 4):
            raise ShapeError(
                f"{type(self).__name__}: expected an image (C, H, W) or a batch (N, C, H, W), got "
                f"shape {tuple(images.shape)}"
            )
        batch = images if images.ndim == 4 else images[None]
        changed: Any = self._changed(batch, (self.generator or default_generator).numpy)
        changed = changed if images.ndim == 4 else changed[0]
        return make(changed) if isinstance(x, Tensor) else changed

    def _changed(self, x: Array, stream: np.random.Generator) -> Array:
        raise NotImplementedError


class RandomCrop(_Augmentation):
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
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = padding
        self.fill = fill
        self.generator = generator
        if min(self.size) < 1 or padding < 0:
            raise ValueError(
                f"RandomCrop: size must be >= 1 and padding >= 0, got {size} and {padding}"
            )

    def _changed(self, x: Array, stream: np.random.Generator) -> Array:
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
        pieces = [
            image[:, i : i + h, j : j + w] for image, i, j in zip(padded, top, left, strict=True)
        ]
        return np.stack(pieces)


class RandomHorizontalFlip(_Augmentation):
    """Left and right change places, with probability p."""

    def __init__(self, p: float = 0.5, generator: Generator | None = None):
        self.p = _probability("RandomHorizontalFlip", p)
        self.generator = generator

    def _changed(self, x: Array, stream: np.random.Generator) -> Array:
        flipped = stream.random((len(x), 1, 1, 1)) < self.p
        return np.where(move(flipped, device_of(x)), x[..., ::-1], x)


class RandomErasing(_Augmentation):
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
        if not 0 <= scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            raise ValueError(
                "RandomErasing: scale rises within [0, 1] and ratio rises above 0, got "
                f"{scale} and {ratio}"
            )

    def _changed(self, x: Array, stream: np.random.Generator) -> Array:
        erased = x.copy()
        H, W = x.shape[2:]
        for image in erased:
            if stream.random() < self.p:
                i, j, h, w = self._rectangle(H, W, stream)
                image[:, i : i + h, j : j + w] = self.value
        return erased

    def _rectangle(self, H: int, W: int, stream: np.random.Generator) -> tuple[int, int, int, int]:
        """Top, left, height and width; no height where none fits."""
        for _ in range(10):
            area = H * W * stream.uniform(*self.scale)
            ratio = math.exp(stream.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h < H and w < W:
                return int(stream.integers(H - h + 1)), int(stream.integers(W - w + 1)), h, w
        return 0, 0, 0, 0


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
