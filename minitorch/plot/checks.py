"""What a picture is given, looked at before it is drawn: an error names the argument and the fix.

Numbers may come as lists, as arrays of NumPy or CuPy, or as Tensors. Where a measurement is missing
nan stands in for it, and is left out of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.array import CPU, move
from minitorch.tensor import raw


class Check:
    """Checks for one picture, whose name stands in front of every message.

    Args:
        picture: the name of the function.
    """

    def __init__(self, picture: str):
        self.picture = f"plot.{picture}"

    def wrong(self, argument: str, problem: str, fix: str = "") -> ValueError:
        """The error for an argument whose value cannot be drawn."""
        return ValueError(f"{self.picture}: {argument} {problem}{fix and '; ' + fix}")

    def array(self, argument: str, value: Any, form: str, ndim: Sequence[int]) -> np.ndarray:
        """Numbers as a float64 array on the host, with at least one number in it.

        Args:
            argument: its name.
            value: a list, an array, a Tensor.
            form: how it should be, "(layers, steps)".
            ndim: how many axes it may have.

        Raises:
            TypeError: these are no numbers.
            ValueError: rows of different lengths, another number of axes, nothing in it.
        """
        found = raw(value)
        if hasattr(found, "dtype") and not isinstance(found, np.ndarray):
            found = move(found, CPU)
        try:
            array = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            lengths = _lengths(found)
            if len(set(lengths)) > 1:
                few = ", ".join(map(str, lengths[:6])) + ", ..." * (len(lengths) > 6)
                raise self.wrong(
                    argument, f"has rows of {few} numbers", "fill up the short ones with nan"
                ) from None
            raise TypeError(
                f"{self.picture}: {argument} must hold numbers, {form}, got {_told(value)}"
            ) from None
        if array.ndim not in ndim:
            got = f"shape {array.shape}" if array.ndim else f"the single number {value!r}"
            raise self.wrong(argument, f"must have the form {form}, got {got}")
        if not array.size:
            raise self.wrong(argument, "is empty: there is nothing to draw")
        return array

    def finite(self, argument: str, array: np.ndarray) -> np.ndarray:
        """The array, where nan has no meaning."""
        bad = array.size - np.isfinite(array).sum()
        if bad:
            raise self.wrong(argument, f"has {bad} of {array.size} values that are not finite")
        return array

    def names(self, argument: str, names: Any, count: int, of: str) -> list[str]:
        """As many names as there are rows, as text."""
        if not isinstance(names, (str, Sequence, np.ndarray)):
            raise TypeError(
                f"{self.picture}: {argument} must be a list of names, got {_told(names)}"
            )
        if len(names) != count:
            raise self.wrong(argument, f"has {len(names)} names for {count} {of}", "give one each")
        return [str(name) for name in names]

    def rows(
        self, values: Any, names: Any, steps: Any, argument: str = "values"
    ) -> tuple[np.ndarray, list[str], np.ndarray]:
        """A matrix with a name for each row and a step for each column."""
        matrix = self.array(argument, values, "(names, steps)", [2])
        texts = self.names("names", names, len(matrix), f"rows of {argument}")
        return matrix, texts, self.steps(steps, matrix.shape[1], f"columns of {argument}")

    def steps(self, steps: Any, count: int, of: str) -> np.ndarray:
        """A number for each column, growing."""
        array = self.finite("steps", self.array("steps", steps, "(steps,)", [1]))
        if len(array) != count:
            raise self.wrong("steps", f"has {len(array)} numbers for {count} {of}", "give one each")
        if (np.diff(array) <= 0).any():
            raise self.wrong("steps", "must grow from each to the next")
        return array

    def pairs(self, one: str, first: Any, other: str, second: Any) -> tuple[np.ndarray, np.ndarray]:
        """Two lists of equal length."""
        a, b = (self.array(n, v, "(n,)", [1]) for n, v in ((one, first), (other, second)))
        if len(a) != len(b):
            raise self.wrong(other, f"has {len(b)} numbers and {one} has {len(a)}", "give as many")
        return a, b


def _lengths(value: Any) -> list[int]:
    """Of the rows, if all are rows."""
    rows = list(value) if isinstance(value, (list, tuple)) else []
    return [len(row) for row in rows] if all(hasattr(row, "__len__") for row in rows) else []


def _told(value: Any) -> str:
    """What was given, in a few words."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
