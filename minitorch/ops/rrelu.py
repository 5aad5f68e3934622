"""The randomized leaky ReLU: a slope below 0 that is drawn anew for every number."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array, device_of, has_values, move
from minitorch.op import composite
from minitorch.ops.activation import leaky_relu
from minitorch.ops.arguments import check_floats
from minitorch.ops.arithmetic import mul
from minitorch.random import Generator, default_generator
from minitorch.tensor import Tensor, make
from minitorch.traced import one_call
from minitorch.words import np


@composite()
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """y = x where x > 0, else a x, with a drawn from lower .. upper          dL/dx = g, or g a

    In evaluation a is the middle of the two. Xu, Wang, Chen and Li 2015.

    Raises:
        ValueError: lower is above upper.

    >>> import minitorch
    >>> rrelu(minitorch.tensor([-4.0, 4.0]), 0.25, 0.75)
    tensor([-2.,  4.])
    """
    check_floats("rrelu", "input", input)
    if not lower <= upper:
        raise ValueError(f"rrelu: lower {lower} is above upper {upper}")
    if not training:
        middle = (lower + upper) / 2
        return leaky_relu.inplace(input, middle) if inplace else leaky_relu(input, middle)
    slopes = make(_slopes(input.array, lower, upper, generator or default_generator))
    return input.mul_(slopes) if inplace else mul(input, slopes)


@one_call  # a program draws anew at each run
def _slopes(x: Array, lower: float, upper: float, generator: Any) -> Array:
    if not has_values(x):  # a Meta draws nothing, and leaves the stream where it is
        return np.ones_like(x)
    drawn = generator.uniform(x.shape, np.dtype(np.float32)) * (upper - lower) + lower
    return np.where(x > 0, 1, move(drawn.astype(x.dtype), device_of(x)))
