"""Model answers to the exercises of lesson 9."""

import math
from collections.abc import Callable

import minitorch
from minitorch import Tensor


def fans(shape: tuple[int, ...], groups: int = 1) -> tuple[int, int]:
    """The channels of one group on either side, times the places of the kernel."""
    out, channels, *kernel = shape
    return channels * math.prod(kernel), out // groups * math.prod(kernel)


def kaiming_uniform(shape: tuple[int, ...], a: float, use_fan_out: bool = False) -> Tensor:
    """Within ±√3 times the standard deviation."""
    fan = fans(shape)[1 if use_fan_out else 0]
    bound = math.sqrt(3 * 2 / (1 + a * a) / fan)
    return (2 * minitorch.rand(*shape) - 1) * bound


def slope_for(fan_in: int, bound: float) -> float:
    """bound² = 6 / ((1 + a²) fan_in), solved for a."""
    return math.sqrt(6 / (fan_in * bound * bound) - 1)


def gain_of(f: Callable[[Tensor], Tensor]) -> float:
    """One over the root of the mean square."""
    y = f(minitorch.randn(1_000_000))
    return 1 / math.sqrt((y * y).mean().item())
