"""What a test says of two tensors: that they are close, or else by how much and where they are not.

    minitorch.testing.assert_close(actual, expected)

A number is close to what is expected when |actual - expected| <= atol + rtol |expected|. How close
it has to be is a matter of the dtype; integers and bools are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from minitorch.array import CPU, move
from minitorch.dtypes import as_dtype
from minitorch.tensor import Tensor

__all__ = ["assert_close"]

# (rtol, atol) of each dtype, as in torch
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


@dataclass
class _Asked:
    """The options of `assert_close`, on the way down to the tensors."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_stride: bool
    msg: str | Callable[[str], str] | None

    def fail(self, found: str, path: tuple) -> None:
        if path:
            found = f"{found}\n\nThe failure occurred for item {_item(path)}"
        raise AssertionError(self.msg(found) if callable(self.msg) else self.msg or found)

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        """Those that were asked for, or of the dtypes the larger ones."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        each = [_TOLERANCES.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
        return max(r for r, _ in each), max(a for _, a in each)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises an AssertionError where `actual` is not close to `expected`.

    Args:
        actual: a Tensor, an array, a number or None; or sequences and mappings of them.
        expected: what it should be, of the same structure.
        rtol: see the formula above; for float32 1.3e-6 unless given, for float64 1e-7, for float16
            1e-3, for bfloat16 1.6e-2, for integers 0.
        atol: likewise 1e-5, 1e-7, 1e-5, 1e-5 and 0. Both are given, or none.
        equal_nan: is nan close to nan?
        check_device: must they be on the same device?
        check_dtype: must they have the same dtype?
        check_stride: must they lie in memory alike?
        msg: the message instead of what was found, or a function of that.

    Raises:
        AssertionError: how many are not close, the greatest differences, and where they are; or a
            shape, dtype, device, length or key that is another.
        TypeError: the two are not of a kind that can be compared.
        ValueError: one of rtol and atol is given without the other.

    >>> import minitorch
    >>> third = minitorch.tensor([1.0, 1.0]) / 3
    >>> minitorch.testing.assert_close(third, minitorch.tensor([0.3333333, 0.3333333]))
    >>> minitorch.testing.assert_close(third, minitorch.tensor([0.3333333, 0.3]))
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.0333333 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.111111 at index (1,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        given, missing = ("rtol", "atol") if atol is None else ("atol", "rtol")
        raise ValueError(
            f"assert_close: rtol and atol must be given both or not at all, got {given} without "
            f"{missing}"
        )
    asked = _Asked(rtol, atol, equal_nan, check_device, check_dtype, check_stride, msg)
    _compare(actual, expected, asked, ())


def _compare(a: Any, b: Any, asked: _Asked, path: tuple) -> None:
    """Goes down to the tensors; `path` is the way there."""
    if isinstance(a, (Tensor, np.ndarray)) and isinstance(b, (Tensor, np.ndarray)):
        _compare_arrays(a, b, asked, path)
    elif isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            missing, extra = [k for k in b if k not in a], [k for k in a if k not in b]
            asked.fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\n"
                f"Additional keys in the actual mapping: {extra}",
                path,
            )
        for key in b:
            _compare(a[key], b[key], asked, (*path, key))
    elif _is_sequence(a) and _is_sequence(b):
        if len(a) != len(b):
            asked.fail(f"The length of the sequences mismatch: {len(a)} != {len(b)}", path)
        for i, (x, y) in enumerate(zip(a, b)):
            _compare(x, y, asked, (*path, i))
    elif isinstance(a, Real) and isinstance(b, Real):
        if asked.check_dtype and type(a) is not type(b):
            asked.fail(f"The (d)types do not match: {type(a)} != {type(b)}.", path)
        _compare_values(np.asarray(a), np.asarray(b), asked, path)
    elif a is None or b is None:
        if a is not b:
            asked.fail(f"None mismatch: {a!r} is not {b!r}", path)
    else:
        where = f" at item {_item(path)}" if path else ""
        raise TypeError(
            f"assert_close: cannot compare {type(a).__name__} with {type(b).__name__}{where}; both "
            "must be tensors, numbers, None, sequences or mappings: make a tensor of a number or a "
            "list with minitorch.tensor(...)"
        )


def _item(path: tuple) -> str:
    """The way to an item, as it is written in Python."""
    return "".join(f"[{key!r}]" for key in path)


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _compare_arrays(a: Any, b: Any, asked: _Asked, path: tuple) -> None:
    for name, wanted in (
        ("shape", True),
        ("device", asked.check_device),
        ("dtype", asked.check_dtype),
        ("stride()", asked.check_stride),
    ):
        one, other = _attribute(a, name), _attribute(b, name)
        if wanted and one != other:
            asked.fail(f"The values for attribute '{name}' do not match: {one} != {other}.", path)
    _compare_values(_on_host(a), _on_host(b), asked, path)


def _attribute(x: Any, name: str) -> Any:
    if name == "shape":
        return tuple(x.shape)
    if name == "stride()":
        return tuple(x.stride()) if isinstance(x, Tensor) else x.strides
    if name == "device":
        return x.device if isinstance(x, Tensor) else CPU
    return as_dtype(x.dtype)


def _on_host(x: Any) -> np.ndarray:
    return move(x.detach().array, CPU) if isinstance(x, Tensor) else x


def _compare_values(a: np.ndarray, b: np.ndarray, asked: _Asked, path: tuple) -> None:
    rtol, atol = asked.tolerances(a.dtype, b.dtype)
    x, y = (v if v.dtype.kind in "iu" else v.astype(np.float64) for v in (a, b))
    with np.errstate(all="ignore"):
        close = x == y if rtol == atol == 0 else np.isclose(x, y, rtol, atol)
        if asked.equal_nan:
            close |= (x != x) & (y != y)
        if np.all(close):
            return
        apart = np.where(close, 0.0, np.abs(x.astype(np.float64) - y))
        relative = np.where(close, 0.0, apart / np.abs(y))
    things, word = "Tensor-likes" if a.shape else "Scalars", "close" if rtol or atol else "equal"
    many, wrong = close.size, int(close.size - close.sum())
    if a.shape:
        counted = f"Mismatched elements: {wrong} / {many} ({wrong / many:.1%})"
    else:
        counted = f"Expected {b.item()} but got {a.item()}."
    text = [
        f"{things} are not {word}!",
        "",
        counted,
        _greatest("absolute", apart, atol, rtol),
        _greatest("relative", relative, rtol, atol),
    ]
    asked.fail("\n".join(text), path)


def _greatest(kind: str, by: np.ndarray, allowed: float, other: float) -> str:
    """The line on the greatest difference: how much, where, and what would have been allowed."""
    limit = f" (up to {allowed:g} allowed)" if allowed or other else ""
    if not by.shape:
        return f"{kind.title()} difference: {by.item():g}{limit}"
    at = tuple(map(int, np.unravel_index(int(by.argmax()), by.shape)))
    return f"Greatest {kind} difference: {by[at]:g} at index {at}{limit}"
