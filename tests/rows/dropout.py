"""Rows for dropout, with a stream that starts over at every draw."""

import numpy as np

from minitorch.dtypes import float32
from minitorch.random import Generator
from tests.table import Row, rand


class Same(Generator):
    """Draws the same numbers every time, so that a function with dropout in it is a function."""

    def uniform(self, shape, dtype):
        self.manual_seed(0)
        return super().uniform(shape, dtype)


def kept(shape, p):
    return Same().uniform(shape, float32) >= p


def dropout(x, p=0.5, training=True, normalize=True, generator=None):
    if not training or p == 0:
        return x
    y = np.where(kept(x.shape, p), x, 0)
    return y / (1 - p) if normalize and p < 1 else y


def channels(x, p=0.5, generator=None, places=2):
    mask = kept((*x.shape[:-places], *(1,) * places), p)
    return np.where(mask, x / (1 - p), 0)


def alpha_dropout(x, p, training, generator, places=0):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    low = -scale * alpha
    a = ((1 - p) * (1 + p * low**2)) ** -0.5
    mask = kept((*x.shape[: x.ndim - places], *(1,) * places), p)
    return a * np.where(mask, x, low) - a * p * low


ROWS = [
    *[
        Row("dropout", (rand(3, 4),), {**options, "generator": Same()}, ref=dropout, syncs=True)
        for options in ({}, {"p": 0.25}, {"p": 0.25, "normalize": False})
    ],
    Row(
        "dropout",
        (rand(3, 4),),
        {"p": 1.0, "generator": Same()},
        ref=dropout,
        zero=True,
        syncs=True,
    ),
    Row("dropout", (rand(3),), {"training": False}, ref=dropout, torch="nn.functional.dropout"),
    Row("dropout", (rand(3),), {"p": 0.0}, ref=dropout, torch="nn.functional.dropout"),
    Row(
        "dropout1d",
        (rand(2, 3, 2),),
        {"generator": Same()},
        ref=lambda x, generator: channels(x, places=1),
        syncs=True,
    ),
    Row("dropout2d", (rand(2, 3, 2, 2),), {"generator": Same()}, ref=channels, syncs=True),
    Row(
        "dropout3d",
        (rand(2, 3, 2, 1, 2),),
        {"generator": Same()},
        ref=lambda x, generator: channels(x, places=3),
        syncs=True,
    ),
    Row("dropout2d", (rand(3, 2, 2),), {"p": 0.25, "generator": Same()}, ref=channels, syncs=True),
    Row(
        "alpha_dropout",
        (rand(3, 4), 0.25, True),
        {"generator": Same()},
        ref=alpha_dropout,
        syncs=True,
    ),
    Row(
        "feature_alpha_dropout",
        (rand(2, 3, 2, 2),),
        {"p": 0.25, "training": True, "generator": Same()},
        ref=lambda x, p, training, generator: alpha_dropout(x, p, training, generator, places=2),
        syncs=True,
    ),
    Row("feature_alpha_dropout", (rand(2, 3),), ref=lambda x: x),
    Row("alpha_dropout", (rand(3),), ref=lambda x: x, torch="nn.functional.alpha_dropout"),
]
