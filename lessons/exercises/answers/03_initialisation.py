"""Model answers to the exercises of lesson 3."""

import math

import minitorch
from minitorch import Tensor


def normalize_both(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the numbers of the training part."""
    mean = train.mean(0)
    std = ((train - mean) ** 2).mean(0) ** 0.5
    return (train - mean) / std, (valid - mean) / std


def kaiming(m: int, n: int) -> Tensor:
    """What counts is the number of inputs: each output is a sum over them."""
    return minitorch.randn(m, n) * math.sqrt(2 / m)


def relu_moments(sigma: float) -> tuple[float, float, float]:
    """All of z is sigma times as large, hence all of relu(z)."""
    mean, second = sigma / math.sqrt(2 * math.pi), sigma**2 / 2
    return mean, math.sqrt(second - mean**2), second


def rescaled_layers(x: Tensor, count: int) -> Tensor:
    """The factor 2 in every layer, since a relu follows every layer."""
    for _ in range(count):
        x = (x @ kaiming(x.shape[1], x.shape[1])).clamp_min(0.0)
    return x


def first_nan(x: Tensor, a: Tensor) -> int | None:
    """NaN alone differs from itself."""
    for i in range(100):
        x = x @ a
        if x.std() != x.std():
            return i
    return None
