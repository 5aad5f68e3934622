"""What checks of several lessons ask of an answer: is it one's own work, and is it right?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minitorch
from minitorch import Tensor

SHOWN = 24  # up to how many numbers a message shows


def sample(*shape: int) -> Tensor:
    """Numbers from N(0, 1), in float64: where an answer differs, it is not by rounding."""
    return minitorch.randn(*shape, dtype=minitorch.float64)


def by_hand(function: Callable[..., Any], ready: set[str]) -> None:
    """Raises AssertionError where an answer calls what minitorch has ready under these names.

    Functions that the learner wrote may have any name.
    """
    for name in sorted(ready & set(function.__code__.co_names)):
        home = getattr(function.__globals__.get(name), "__module__", "minitorch")
        assert not home.startswith("minitorch"), f"build it yourself, without minitorch's {name}"


def same(said: Any, expected: Any, where: str, tolerance: float = 1e-8) -> None:
    """Raises AssertionError unless an answer has the shape and the numbers that are expected."""
    hint = "; is a return missing?" if said is None else ""
    assert isinstance(said, Tensor), f"{where}: expected a Tensor, got {type(said).__name__}{hint}"
    found, expected = np.asarray(said.detach()), np.asarray(expected)
    assert found.shape == expected.shape, f"{where}: shape {found.shape}, expected {expected.shape}"
    wrong = ~np.isclose(found, expected, rtol=0, atol=tolerance)
    assert not wrong.any(), f"{where}: {difference(found, expected, wrong)}"


def difference(found: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """Both in words; of many numbers only the first that is wrong."""
    if expected.size <= SHOWN:
        return f"expected\n{expected.round(4)}\ngot\n{found.round(4)}"
    place = tuple(np.argwhere(wrong)[0].tolist())
    return (
        f"{wrong.sum()} of {wrong.size} numbers are wrong, first that at {list(place)}: expected "
        f"{expected[place]:.4f}, got {found[place]:.4f}"
    )
