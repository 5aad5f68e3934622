"""Exercises of lesson 9. Fill in the functions; `python -m lessons check 09` looks at them.

Weights have shape (O, C / groups, *kernel). Build the functions without minitorch's init.
"""

from collections.abc import Callable

from minitorch import Tensor


def fans(shape: tuple[int, ...], groups: int = 1) -> tuple[int, int]:
    """fan_in and fan_out: how many numbers an output sums, and how many outputs an input reaches.

    For (32, 1, 5, 5) they are (25, 800); for (32, 4, 5, 5) in 8 groups (100, 100).
    """
    raise NotImplementedError


def kaiming_uniform(shape: tuple[int, ...], a: float, use_fan_out: bool = False) -> Tensor:
    """New weights, uniform, for a layer that is followed by leaky relu of slope a; one group.

    For (50, 784) and a = 0 all lie within 0.0875, and their standard deviation is 0.0505.
    """
    raise NotImplementedError


def slope_for(fan_in: int, bound: float) -> float:
    """The slope a for which Kaiming's uniform weights lie within that bound.

    For fan_in 25 and bound 1 / 5 it is √5. The bound is small enough for such a slope to exist.
    """
    raise NotImplementedError


def gain_of(f: Callable[[Tensor], Tensor]) -> float:
    """The gain of an activation f, by measuring: what makes E[(gain f(z))²] = 1 for z from N(0, 1).

    Draw 200,000 numbers or more. For relu it is about 1.414, for z -> 2 z it is 0.5.
    """
    raise NotImplementedError
