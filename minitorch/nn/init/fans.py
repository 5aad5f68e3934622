"""Fans: how many numbers each output of a layer sums, and how many outputs each input reaches.

An output that sums fan_in products of independent inputs and weights has the variance
fan_in Var(w) E[x²]; backward, an input sums fan_out products. That is all initialisation is about,
so the fans must be right, and they cannot be read off a shape alone: which axis is the input's
depends on the layout and on whether the convolution is transposed, and groups cut the wiring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minitorch.array import shape_of

LAYOUTS = ("OI", "IO")


class WeightShape(tuple):
    """The shape of a parameter, and the fans of the layer it belongs to.

    A layer knows its groups and whether it is transposed, so it passes one of these to the function
    that fills its weight; and one to the function that fills its bias, with the weight's fans,
    which the shape of a bias does not tell.

    Args:
        shape: the parameter's.
        fan_in: how many inputs each output sums.
        fan_out: how many outputs each input reaches.

    >>> bias = WeightShape((20,), fan_in=25, fan_out=500)
    >>> bias, bias.fan_in
    ((20,), 25)
    """

    fan_in: int
    fan_out: int

    def __new__(cls, shape: Iterable[int], fan_in: int, fan_out: int) -> WeightShape:
        made = super().__new__(cls, shape_of(shape, "shape"))
        made.fan_in, made.fan_out = fan_in, fan_out
        return made

    def __getnewargs__(self) -> tuple:
        return tuple(self), self.fan_in, self.fan_out


def checked_shape(tensor: Any) -> tuple[int, ...]:
    """The shape of a tensor or an array, or the shape that was given; a `WeightShape` stays one."""
    shape = getattr(tensor, "shape", tensor)
    if isinstance(shape, WeightShape):
        return shape
    return shape_of([shape] if isinstance(shape, int) else shape, "shape")


def receptive_field_size(tensor: Any, *, layout: str = "OI") -> int:
    """The number of positions a kernel covers: the product of its sizes, and 1 for a matrix.

    >>> receptive_field_size((32, 1, 5, 5))
    25
    """
    shape = checked_shape(tensor)
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    if len(shape) < 2:
        raise ValueError(
            f"receptive_field_size: shape {shape} has no axes for inputs and outputs; a weight has "
            "2 or more, (out, in, *kernel)"
        )
    return math.prod(shape[2:] if layout == "OI" else shape[:-2])


def calculate_fan_in_and_fan_out(
    tensor: Any, *, groups: int = 1, transposed: bool = False, layout: str = "OI"
) -> tuple[int, int]:
    """fan_in = inputs × kernel, fan_out = outputs × kernel, both counted within one group.

    Strides are left out, as everywhere: they thin out fan_out (fan_in where transposed) unevenly.

    Args:
        tensor: a weight or its shape. A `WeightShape` knows its fans, and they are the answer.
        groups: into how many separate convolutions the channels are divided.
        transposed: the weight of a transposed convolution, (in, out / groups, *kernel): that of the
            convolution it turns around, so the fans change places. With "IO" the same holds.
        layout: "OI" is (out, in / groups, *kernel), as here and in torch; "IO" is
            (*kernel, in / groups, out), as in libraries with channels last, and for x @ w.

    The defaults are torch's, which does not ask: there the fan_out of a grouped convolution is that
    of all groups together, and a transposed one has its fans exchanged.

    Raises:
        ValueError: fewer than 2 axes (a bias has no fans of its own), an unknown layout, or groups
            that do not divide the channels.

    >>> calculate_fan_in_and_fan_out((32, 1, 5, 5))
    (25, 800)
    >>> calculate_fan_in_and_fan_out((32, 4, 5, 5), groups=8)
    (100, 100)
    >>> calculate_fan_in_and_fan_out((784, 50), layout="IO")
    (784, 50)
    """
    if isinstance(tensor, WeightShape):
        return tensor.fan_in, tensor.fan_out
    shape = checked_shape(tensor)
    if len(shape) < 2:
        raise ValueError(
            f"calculate_fan_in_and_fan_out: shape {shape} has fewer than 2 axes, so no fans; those "
            "of a bias are its weight's"
        )
    kernel = receptive_field_size(shape, layout=layout)
    all_groups, one_group = shape[:2] if layout == "OI" else shape[:-3:-1]
    if groups < 1 or all_groups % groups:
        raise ValueError(
            f"calculate_fan_in_and_fan_out: groups={groups} do not divide the {all_groups} "
            f"channels of shape {shape}, layout {layout!r}"
        )
    fans = one_group * kernel, all_groups // groups * kernel
    return fans[::-1] if transposed else fans
