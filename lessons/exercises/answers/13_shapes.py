"""Model answers to the exercises of lesson 13."""

import math
from collections.abc import Callable

import numpy as np

import minitorch
from minitorch import nn


def reshape_shape(shape: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    """The product of all lengths is the number of numbers, and that stays."""
    if new.count(-1) > 1:
        raise ValueError(f"{shape} to {new}: only one -1 can be worked out")
    count, said = math.prod(shape), math.prod(n for n in new if n != -1)
    found = tuple(count // said if n == -1 else n for n in new)
    if math.prod(found) != count:
        raise ValueError(f"{shape} to {new}: there are {count} numbers")
    return found


def matmul_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Two rules: that of the product for the last two axes, that of broadcasting for the rest."""
    if a[-1] != b[-2]:
        raise ValueError(f"{a} @ {b}: {a[-1]} != {b[-2]}")
    try:
        stacks = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise ValueError(f"{a} @ {b}: the stacks do not broadcast") from None
    return (*stacks, a[-2], b[-1])


def chain(shape: tuple[int, ...], makers: list[Callable[[tuple], nn.Module]]) -> nn.Sequential:
    """Each layer is asked what it puts out before the next is made."""
    layers = []
    for make in makers:
        layer = make(shape)
        shape = layer.output_shape(shape)
        layers.append(layer)
    return nn.Sequential(layers)


def costs(in_channels: int, out_channels: int, kernel: int, size: int) -> tuple[int, int]:
    """Every weight is used once at every place."""
    weights = out_channels * in_channels * kernel * kernel
    places = (size - kernel + 1) ** 2
    return weights + out_channels, weights * places


class TwoBranches(nn.Module):
    """Two views of one image, side by side."""

    def __init__(self, channels, classes):
        super().__init__()
        self.fine = nn.Conv2d(channels, kernel_size=3, padding="same")
        self.coarse = nn.Conv2d(channels, kernel_size=5, padding="same")
        self.out = nn.Linear(classes)

    def forward(self, x):
        seen = minitorch.cat([self.fine(x).relu(), self.coarse(x).relu()], 1)
        return self.out(seen.flatten(1))


def two_branches(channels: int, classes: int) -> nn.Module:
    """All input sizes are left to the build."""
    return TwoBranches(channels, classes)
