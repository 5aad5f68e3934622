"""What a schedule accepts as an argument, and how it writes a number for people to read.

Arguments are checked once, when the schedule is built: a step size of zero is an error on the line
that wrote it, not a division by zero thirty epochs later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from minitorch.optim.optimizer import Optimizer


def whole(owner: str, name: str, value: Any, least: int) -> int:
    """`value` as an int: it must be a whole number, `least` or more (500.0 is whole, 12.5 is not).

    Raises TypeError where it is no whole number, ValueError where it is too small.
    """
    if not _is_number(value) or not math.isfinite(value) or value % 1:
        raise TypeError(f"{owner}: {name} is {value!r}, expected a whole number of steps")
    if value < least:
        raise ValueError(f"{owner}: {name} is {value!r}, expected {least} or more")
    return math.floor(value)


def number(owner: str, name: str, value: Any, high: float = math.inf) -> float:
    """`value` as a finite float from 0 to `high`, both included.

    Raises TypeError where it is no number, ValueError where it is outside, infinite or nan.
    """
    if not _is_number(value):
        raise TypeError(f"{owner}: {name} is {value!r}, expected a number")
    if not (math.isfinite(value) and 0 <= value <= high):
        allowed = f"0 to {high:g}" if high < math.inf else "0 or more, and finite"
        raise ValueError(f"{owner}: {name} is {value!r}, expected {allowed}")
    return float(value)


def positive(owner: str, name: str, value: Any, high: float = math.inf) -> float:
    """`value` as a finite float above zero and not above `high`."""
    if number(owner, name, value, high) == 0:
        raise ValueError(f"{owner}: {name} is {value!r}, expected more than zero")
    return float(value)


def one_of(owner: str, name: str, value: Any, known: Iterable[str]) -> str:
    """`value`, where it is one of the names known; ValueError where not."""
    names = list(known)
    if value not in names:
        listed = ", ".join(repr(n) for n in names)
        raise ValueError(f"{owner}: {name} is {value!r}, expected one of {listed}")
    return str(value)


def checked_optimizer(owner: str, optimizer: Any) -> Optimizer:
    """`optimizer`, where it is one; TypeError where not."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{owner}: expected an optimizer as the first argument, such as optim.SGD(...), got "
            f"{type(optimizer).__name__}"
        )
    return optimizer


def per_group(owner: str, name: str, value: Any, groups: int) -> list[Any]:
    """One value for each parameter group: a list as it is, anything else repeated."""
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{owner}: {name} has {len(value)} values, and the optimizer has {groups} parameter "
            f"groups: give one value for all of them, or a list with one for each"
        )
    return list(value)


def numbers(owner: str, name: str, value: Any, groups: int, high: float = math.inf) -> list[float]:
    """One number from 0 to `high` for each parameter group."""
    return [number(owner, name, v, high) for v in per_group(owner, name, value, groups)]


def brief(value: float) -> str:
    """A number in three digits, in powers of ten below 0.001.

    >>> [brief(v) for v in (0.1, 0.0123456, 0.000123456, 12.3456, 1234.56, 0.0)]
    ['0.1', '0.0123', '1.23e-04', '12.3', '1235', '0']
    """
    if 0 < abs(value) < 0.001:
        return f"{value:.2e}"
    return f"{value:.3g}" if not 999.5 <= abs(value) < math.inf else f"{value:.0f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
