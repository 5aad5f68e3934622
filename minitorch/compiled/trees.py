"""Small things that the files here share: walks through containers, and questions about arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from minitorch.array import CPU, move
from minitorch.clock import owner
from minitorch.compiled.program import Given, Held, Value
from minitorch.tape import users_line as innermost_line
from minitorch.traced import Opaque, Traced

_NUMPY = os.path.dirname(np.__file__)


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same tuples, lists, dicts and slices with `f(leaf)` in place of each leaf."""
    if isinstance(tree, tuple):
        parts = [mapped(f, part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return [mapped(f, part) for part in tree]
    if isinstance(tree, dict):
        return {key: mapped(f, part) for key, part in tree.items()}
    if is_dataclass(tree) and not isinstance(tree, (type, Value, Held, Given)):
        return type(tree)(**{x.name: mapped(f, getattr(tree, x.name)) for x in fields(tree)})
    return f(tree)


def flat(tree: Any) -> list[Any]:
    found: list[Any] = []
    mapped(found.append, tree)
    return found


def inside(tree: Any) -> Any:
    """The same containers with the real arrays of the Traced ones."""
    return mapped(lambda x: x.inside if isinstance(x, (Traced, Opaque)) else x, tree)


def refs(tree: Any) -> Any:
    """The same containers with the Values of the Traced arrays."""
    return mapped(lambda x: x.value if isinstance(x, (Traced, Opaque)) else x, tree)


def identical(a: Any, b: Any) -> bool:
    """Are two arrays alike, bit by bit and in the way they lie in memory? Or two other things?"""
    if not (hasattr(a, "dtype") and hasattr(b, "dtype")):
        return type(a) is type(b)
    a, b = (np.asarray(x) if isinstance(x, np.generic) else x for x in (a, b))
    if (a.shape, a.dtype, a.strides) != (b.shape, b.dtype, b.strides):
        return a.shape == b.shape and a.dtype == b.dtype and not a.size
    return move(a, CPU).tobytes() == move(b, CPU).tobytes()


def share(a: Any, b: Any) -> bool:
    """Do two arrays lie in the same memory? Not every view names its owner (`as_strided`)."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and np.may_share_memory(a, b)
    return owner(a) is owner(b)


def is_basic(key: Any) -> bool:
    """Is it a key that gives a view: made of ints, slices, None and `...`?"""
    parts = key if isinstance(key, tuple) else (key,)
    kinds = (int, slice, type(None), type(Ellipsis))
    return all(isinstance(part, kinds) and not isinstance(part, bool) for part in parts)


def users_line() -> str:
    """The user's line, also where NumPy stands between it and us."""
    return innermost_line(besides=_NUMPY)


def op_of_frame() -> str:
    """The op whose call led here; the text of an op's call is filed under its own name."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<minitorch call of "):
            return frame.f_code.co_name.strip("_")
        frame = frame.f_back
    return ""
