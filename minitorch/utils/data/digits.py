"""Seventeen hundred and ninety-seven handwritten digits, small enough to live inside the package.

They are the test part of the UCI "Optical Recognition of Handwritten Digits" set (E. Alpaydin and
C. Kaynak, 1998, doi 10.24432/C50P49, CC BY 4.0), as scikit-learn ships it; the licence is in
``DIGITS_LICENCE.md`` beside this file. Each image began as a 32x32 bitmap and counts the ink in
4x4 blocks, hence 8x8 values in 0..16.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minitorch.utils.data.common import Split, to_tensors

if TYPE_CHECKING:
    from minitorch.tensor import Tensor


def digits(size: int = 8, *, test: float = 0.2, seed: int = 0) -> Split[Tensor]:
    """The bundled handwritten digits as Tensors, split in two; no files, no network.

    Args:
        size: 8, the images as they are, or 28, redrawn with MNIST's geometry so that a network
            made for MNIST runs on them: a 20x20 box, moved by whole pixels until its centre of
            mass falls on pixel (14, 14) of a 28x28 field.
        test: the share of each class that is held back, in [0, 1).
        seed: decides which images are held back, and the order of both parts.

    Returns:
        ``Split(x_train, y_train, x_valid, y_valid)``: images (N, 1, size, size) float32 in [0, 1],
        labels (N,) int64. With the defaults N is 1438 and 359. Every class gives the same share
        to both parts.

    Raises:
        ValueError: if ``size`` is neither 8 nor 28, or ``test`` lies outside [0, 1).

    The 13 people who wrote these digits appear in both parts, so the score on the second part says
    how well a network reads *these* hands, and flatters it a little for new ones.
    """
    return to_tensors(digits_arrays(size, test=test, seed=seed))


def digits_arrays(size: int = 8, *, test: float = 0.2, seed: int = 0) -> Split[np.ndarray]:
    """What `digits` returns, as NumPy arrays: same arguments, same split, same errors.

    >>> digits_arrays(28).x_train.shape
    (1438, 1, 28, 28)
    """
    if size not in (8, 28):
        raise ValueError(f"digits: size is 8 or 28, got {size!r}")
    if not 0 <= test < 1:
        raise ValueError(f"digits: test is a share in [0, 1), such as 0.2, got {test!r}")
    counts, labels = _load()
    images = (_like_mnist(counts) if size == 28 else counts / np.float32(16))[:, None]
    train, valid = _stratified(labels, test, seed)
    labels = labels.astype(np.int64)
    return Split(images[train], labels[train], images[valid], labels[valid])


def _load() -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 8, 8) in 0..16 and labels (1797,) in 0..9, both uint8, in the set's order."""
    with np.load(Path(__file__).with_name("_digits.npz"), allow_pickle=False) as file:
        return file["images"], file["labels"]


def _stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled indices of two parts; the second takes ``share`` of each class, rounded."""
    order = np.random.default_rng(seed).permutation(len(labels))
    held_back = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels[order] == label)
        held_back[places[: round(share * len(places))]] = True
    return order[~held_back], order[held_back]


def _like_mnist(counts: np.ndarray) -> np.ndarray:
    """Images (N, 8, 8) in 0..16 redrawn as (N, 28, 28) float32 in [0, 1], as MNIST was made.

    MNIST (yann.lecun.com/exdb/mnist) fits each digit into a 20x20 box and puts the box where its
    centre of mass lands in the middle of 28x28; in the files themselves that middle is pixel 14.
    """
    box = _enlarged(counts)
    field = np.zeros((len(box), 28, 28), dtype=np.float32)
    ink = box.sum((1, 2))
    top = np.rint(14 - box.sum(2) @ np.arange(20) / ink).astype(int)
    left = np.rint(14 - box.sum(1) @ np.arange(20) / ink).astype(int)
    for image, one, i, j in zip(field, box, top, left, strict=True):
        image[i : i + 20, j : j + 20] = one
    return field / np.float32(1600)


def _enlarged(counts: np.ndarray) -> np.ndarray:
    """Bilinear 8x8 -> 20x20, (N, 8, 8) -> (N, 20, 20), in whole numbers, 1600 for full ink.

    Pixel i of 20 has its centre at (i + 1/2) 8/20 - 1/2 = (4i - 3)/10 of the 8, so in tenths both
    its neighbours' weights are whole numbers, and every machine makes the same picture.
    """
    centre = np.clip(4 * np.arange(20) - 3, 0, 70)
    below = np.minimum(centre // 10, 6)
    weights = np.zeros((20, 8), dtype=np.int64)
    weights[np.arange(20), below] = 10 - (centre - 10 * below)
    weights[np.arange(20), below + 1] = centre - 10 * below
    return weights @ counts @ weights.T
