"""The numbers of a formula, in the form that an array takes fastest.

NumPy makes an array of a Python number wherever it meets one, which takes longer than an op on a
small array. So an op keeps the numbers of its formula as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.dtypes import DTYPES, float16, float32, float64, int64
from minitorch.traced import NUMPY


def constants(*numbers: float) -> Callable[[Any], Any]:
    """Gives the numbers of a formula in the form that x takes fastest; several come as a tuple.

        one = constants(1)          # once
        y = x + one(x)              # x + 1

    For NumPy's floats they are 0-d arrays, made once for each dtype; whatever else x is gets the
    numbers as they are.
    """
    made = in_each_dtype(numbers)
    if len(numbers) == 1:
        alone, single = numbers[0], {t: n for t, (n,) in made.items()}
        return lambda x: single.get(x.dtype, alone) if type(x) in NUMPY else alone
    return lambda x: made.get(x.dtype, numbers) if type(x) in NUMPY else numbers


def in_each_dtype(numbers: Sequence[float]) -> dict[np.dtype, tuple[np.ndarray, ...]]:
    """The numbers as 0-d arrays of each of NumPy's floating dtypes."""
    return {t: tuple([np.array(n, t) for n in numbers]) for t in DTYPES if t.kind == "f"}


def one_of(no: float, yes: float) -> Callable[[Any, Any], Any]:
    """Gives one of two numbers for each of few bools, in the dtype of x, or float64 for ints.

        slope = one_of(0, 1)        # once
        y = slope(x > 0, x)         # 1 where x > 0, else 0

    An array of two is read by an index of ints in a third of the time of `np.where`.
    """
    made = {t: np.array([no, yes], t if t.kind == "f" else float64) for t in DTYPES}
    return lambda which, x: made[x.dtype][which.astype(int64)]


def number(n: float, x: Any) -> Any:
    """A number that is known at the call only, in the form that x takes fastest."""
    if type(x) in NUMPY and n:  # 0.0 and -0.0 would be one key of the cache
        kind = x.dtype.kind
        if kind == "f" or (kind == "i" and type(n) is int):
            return _number(n, x.dtype)
    return n


@lru_cache
def _number(n: float, dtype: np.dtype) -> np.ndarray:
    return np.array(n, float32 if dtype == float16 and n > 65504 else dtype)  # and not inf


def shared(g: Any, n: int) -> Any:
    """g / n, also for an n beyond 65,504, where float16 ends."""
    return g / n if n < 65504 else g * (1 / n)
