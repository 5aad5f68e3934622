"""Writing in place: when the array itself is written, and when a tensor is given a new value.

Off the tape (under `no_grad`, or when nothing involved requires grad) the array is written, aliases
see it, and the write is stamped on the tape's clock. On the tape no array is ever written: `x /= 2`
makes `x` the name of a new value with a new node, so what older nodes saved stays true. What was
taken of `x` before, a view (`v = x[0]`) or `x.detach()`, keeps the old numbers: take it afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from minitorch.array import Array, apart
from minitorch.call import PLAIN
from minitorch.clock import stamp
from minitorch.quiet import quiet
from minitorch.tape import Node, current_mode, users_line
from minitorch.tensor import LEAF, ShapeError, Tensor, make


def inplace_method(call: Callable, name: str, into: Callable | None) -> Callable:
    """The method that writes the op's result into its first operand."""

    @functools.wraps(call)
    def method(x: Tensor, *args: Any, **options: Any) -> Tensor:
        if current_mode().recording and any(
            isinstance(a, Tensor) and a.node is not None for a in (x, *args, *options.values())
        ):
            return rebind(x, lambda: call(x, *args, **options), name)
        if into is not None and len(args) == 1 and not options:
            array, (value,) = x.array, args
            if isinstance(value, Tensor):
                value = value.array
            if _takes(array, value):
                write_through(x, name, quiet.run, into, array, value)
                return x
        y = call(x, *args, **options)
        _check_fits(x, y, name)
        write_through(x, name, x.array.__setitem__, ..., y.array)
        return x

    method.__name__ = name
    return method


def _takes(array: Array, value: Any) -> bool:
    """True for floats that arithmetic with this value leaves in their dtype and on their device."""
    dtype = array.dtype
    if type(value) is type(array) is ndarray and value.dtype is dtype:
        return dtype.kind == "f"
    if dtype.kind != "f" or type(value) not in PLAIN or apart(value, array):
        return False
    return np.result_type(array, value) == dtype


def reshaping_method(call: Callable, name: str) -> Callable:
    """The method that gives a tensor another shape over the same numbers: `x.unsqueeze_(0)`."""

    @functools.wraps(call)
    def method(x: Tensor, *args: Any, **options: Any) -> Tensor:
        if x.node is LEAF or (x.node is not None and not current_mode().recording):
            raise RuntimeError(
                f"{name}: the gradient of this tensor has its shape of now; "
                f"write x = x.{name.removesuffix('_')}(...), a view of the same numbers"
            )
        return _take_over(x, call(x, *args, **options))

    method.__name__ = name
    return method


def rebind(x: Tensor, compute: Callable[[], Tensor], name: str) -> Tensor:
    """In place on the tape: `x` becomes a new value with a new node; no saved array is touched.

    Raises:
        RuntimeError: `x` is a leaf that requires grad, or a view, whose base would not follow.
    """
    if x.node is LEAF:
        write = "x[i] = v" if name == "setitem" else "x -= lr * g"
        raise RuntimeError(
            f"{name}: this leaf requires grad, and changing it in place would hide the value its "
            f"gradient is taken at; update it under no_grad: with minitorch.no_grad(): {write}, or "
            "change a copy that is on the tape (x = x.clone())"
        )
    is_view = x.node.plan.op.view if isinstance(x.node, Node) else x.array.base is not None
    if is_view:
        raise RuntimeError(
            f"{name}: this tensor is a view of another, which would not see a recorded change; "
            "write into that one by index (x[i] = v; for x[i] += v, x[i] = x[i] + v), or work on "
            "a copy (x = x.clone())"
        )
    y = compute()
    _check_fits(x, y, name)
    if y.dtype != x.dtype:
        y = y.to(x.dtype)
    return _take_over(x, y)


def _take_over(x: Tensor, y: Tensor) -> Tensor:
    """Makes `x` the name of what `y` is; returns `x`."""
    x.array, x.node, x.cut = y.array, y.node, y.cut
    if x.retains_grad:  # what is kept is the gradient of the new value
        x.retains_grad = False
        x.retain_grad()
    return x


def _check_fits(x: Tensor, y: Tensor, name: str) -> None:
    if y.shape != x.shape:
        raise ShapeError(f"{name}: the result has shape {y.shape}, which {x.shape} cannot hold")
    if y.dtype != x.dtype and not np.can_cast(y.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: the result is {y.dtype}, which {x.dtype} cannot hold")


def write_through(x: Tensor, name: str, write: Callable, *args: Any) -> None:
    """Writes into the array that aliases share, by `write(*args)`, and stamps it."""
    try:
        write(*args)
    except ValueError as error:
        if "read-only" not in str(error):
            raise ShapeError(f"{name}: {error}, which shape {x.shape} cannot hold") from error
        raise ValueError(
            f"{name}: this tensor is expanded (several elements share one number) or read-only (a "
            "shared gradient, or made of a read-only array); write into x.clone()"
        ) from error
    stamp(x.array, f"{name} at {users_line()}" if current_mode().watchers else name)


def written(x: Tensor, name: str, write: Callable[[], Any]) -> Tensor:
    """Replaces the values of `x` by ones that depend on no other tensor; returns it.

    On the tape `x` becomes a new constant, so that what saved the old values still has them.
    """
    if current_mode().recording and x.node is not None:
        rebind(x, lambda: make(x.array.copy(), None, f"{name} replaced its values"), name)
    write_through(x, name, write)
    return x
