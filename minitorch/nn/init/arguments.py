"""Arguments of initialisers, checked where they are given rather than where they are used."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from minitorch.random import Generator, default_generator
from minitorch.tensor import Tensor


def stream(generator: Generator | None) -> Generator:
    """The stream that was asked for, or the default one."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator: expected a minitorch.Generator, got {generator!r}; a seed becomes one by "
            "Generator().manual_seed(seed)"
        )
    return generator


def checked_number(name: str, value: Any, *, finite: bool = True) -> float:
    """The value as a Python float, or an error that starts with its name.

    Raises:
        TypeError: it is no number.
        ValueError: it is nan or infinite where it must be `finite`.
    """
    if isinstance(value, Tensor):
        raise TypeError(
            f"{name}: expected a number, got a Tensor; what fills a tensor in place ends in _, as "
            "in init.normal_(w), and init.normal() makes a function for a layer's weights="
        )
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if finite and not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")
    return float(value)
