"""What kind of number an array holds: the dtypes, under torch's names, and which one is meant.

They are NumPy's own, with one more where a program asks for it: bfloat16, which the package
ml_dtypes gives to NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, reduce
from typing import Any

import numpy as np

float16 = half = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = short = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = long = np.dtype(np.int64)
bool_ = np.dtype(np.bool_)

DTYPES = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)

FLOATING = "fV"  # the kinds of dtypes that have gradients: to NumPy bfloat16 is of kind V

# torch's short names, which NumPy does not know or takes for another type on some platforms.
_SPELLED: dict[Any, np.dtype] = {"half": half, "double": double, "long": long, "short": short}
_default_dtype = float32


def get_default_dtype() -> np.dtype:
    """The dtype that Python floats become: float32 unless `set_default_dtype` changed it."""
    return _default_dtype


def set_default_dtype(dtype: Any) -> None:
    """Sets the dtype that Python floats become, for tensors made from now on.

    Raises:
        TypeError: the dtype is not a floating-point one.
    """
    global _default_dtype
    wanted = as_dtype(dtype)
    if wanted.kind != "f":
        raise TypeError(f"set_default_dtype: expected float16, float32 or float64, got {wanted}")
    _default_dtype = wanted


def as_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype meant by a dtype, a name ("float32", "double") or a Python type.

    `float` means float64 and `int` int64, as in torch and NumPy.

    >>> as_dtype("double"), as_dtype(int)
    (dtype('float64'), dtype('int64'))
    """
    if dtype is int:
        return int64
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16()
    try:
        found = _SPELLED[dtype] if isinstance(dtype, str) and dtype in _SPELLED else np.dtype(dtype)
    except TypeError:
        found = None
    if is_bfloat16(found):
        return bfloat16()
    if found is None or found.newbyteorder("=") not in DTYPES:
        names = ", ".join(d.name for d in DTYPES)
        raise TypeError(f"dtype: expected one of {names}, got {dtype!r}")
    # NumPy's own object, not one equal to it: what an array has is then found by `is`
    return DTYPES[DTYPES.index(found.newbyteorder("="))]


def finfo(dtype: Any = None) -> Any:
    """The limits of a floating dtype, as `numpy.finfo` gives them: eps, max, tiny and others."""
    dtype = _default_dtype if dtype is None else as_dtype(dtype)
    if is_bfloat16(dtype):
        import ml_dtypes

        return ml_dtypes.finfo(dtype)
    return np.finfo(dtype)


def widest(dtypes: Iterable[np.dtype]) -> np.dtype:
    """The smallest of the floating dtypes that holds what all of these hold."""
    return reduce(_wider, dtypes)


def _wider(a: np.dtype, b: np.dtype) -> np.dtype:
    if a != b and a.itemsize == b.itemsize == 2:  # float16 has the digits, bfloat16 the range
        return float32
    return max(a, b)


# bfloat16, when it is asked for -----------------------------------------------------------------

NO_BFLOAT16 = (
    "NumPy has no bfloat16 of its own, and ml_dtypes, which gives it one, is not installed; "
    "pip install ml_dtypes, or use float16 in autocast, with a GradScaler that keeps small "
    "gradients from becoming 0"
)

# Called with the dtype whenever a program names bfloat16; see `rounding.py`.
BFLOAT16: list[Callable[[np.dtype], None]] = []


def bfloat16() -> np.dtype:
    """The dtype bfloat16: a float32 without the last 16 of its 32 bits.

    Raises:
        TypeError: the package ml_dtypes is not installed.
    """
    dtype = _bfloat16()
    for told in BFLOAT16:
        told(dtype)
    return dtype


def remind_of_bfloat16() -> None:
    """Tells again who was told, where the dtype was named before."""
    if _bfloat16.cache_info().currsize:
        bfloat16()


@cache
def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError as error:
        raise TypeError(f"dtype: {NO_BFLOAT16}") from error
    return np.dtype(ml_dtypes.bfloat16)


def is_bfloat16(dtype: Any) -> bool:
    """True for that dtype, without a look at where it comes from."""
    return isinstance(dtype, np.dtype) and dtype.kind == "V" and dtype.name == "bfloat16"
