"""Where a program uses bfloat16, an op computes in float32, and rounds what it gives.

A bfloat16 is the first half of a float32: its range, which no gradient leaves, and 8 of its 24
binary digits. NumPy has few words for it: a sum of many would stop at 256, where 1 more is rounded
away, and some words refuse it. So every op, and every rule of its gradient, gets its numbers of
bfloat16 as float32 and has its result rounded once. Processors with bfloat16 do it that way too,
and products on a GPU are left to them. A process that never names bfloat16 has no op that looks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minitorch.array import is_cupy
from minitorch.clock import stamp
from minitorch.dtypes import BFLOAT16, FLOATING, float32
from minitorch.kernels import kernels_on
from minitorch.op import LATECOMERS, REGISTRY, Op
from minitorch.tensor import Tensor
from minitorch.traced import Traced

# These bring numbers from dtype to dtype, or from device to device, as they are.
_AS_THEY_ARE = {"cast", "discretize", "transfer"}

# These are told how to multiply on a GPU by `kernels/products.py` and `kernels/windows.py`.
_PRODUCTS = {
    *("matmul", "linear", "conv1d", "conv2d", "conv3d"),
    *("conv_input_grad", "conv_weight_grad"),
}


def look(dtype: np.dtype) -> None:
    """From now on an op looks whether its numbers are bfloat16, also one that comes later."""
    oldest = next(iter(REGISTRY.values()))
    if hasattr(oldest.body, "rounds"):
        return
    prepare = functools.partial(_prepare, dtype=dtype)
    for op in REGISTRY.values():
        prepare(op)
    LATECOMERS[:] = [prepare]


def _prepare(op: Op, dtype: np.dtype) -> None:
    """Makes an op look, where it does not yet."""
    if not hasattr(op.body, "rounds"):
        if not (op.view or op.name in _AS_THEY_ARE):
            op.body = op.cell.cell_contents = _rounding(op, op.body, dtype)
        op.body.rounds = True  # type: ignore[attr-defined]
    op.rules = {name: _widening(op, rule) for name, rule in op.rules.items()}
    op.joint = None if op.joint is None else _widening(op, op.joint)
    op.plans.clear()


def _rounding(op: Op, body: Callable, dtype: np.dtype) -> Callable:
    """The body, which computes with bfloat16 in float32, and rounds."""

    @functools.wraps(body)
    def run(*args: Any, **options: Any) -> Any:
        asked = options.get("dtype")
        if asked == dtype:
            options["dtype"] = float32
        elif (
            not (_some_low(args) or _some_low(options.values()))
            or _multiplied_as_it_is(op, args)
            or _refused(op, args)
        ):
            return body(*args, **options)
        values = [_wide(x) for x in args]
        y = body(*values, **{name: _wide(value) for name, value in options.items()})
        if op.name == "batch_norm" and options.get("training"):
            _write_back(args[1:3], values[1:3])
        if asked != dtype and (asked is not None or not _gives_low(op, args)):
            return y
        return (_rounded(y[0], dtype), *y[1:]) if op.keeps else _rounded(y, dtype)

    return run


def _widening(op: Op, rule: Callable) -> Callable:
    """The rule, which is given float32; whoever called it rounds the gradients."""
    if hasattr(rule, "widens"):
        return rule

    @functools.wraps(rule)
    def run(*values: Any) -> Any:
        if not _some_low(values) or _multiplied_as_it_is(op, values):
            return rule(*values)
        return rule(*[_wide(x) for x in values])

    run.widens = True  # type: ignore[attr-defined]
    return run


def _some_low(values: Iterable[Any]) -> bool:
    """Is one of them bfloat16? What most of them are is known at a glance."""
    for x in values:
        kind = type(x)
        if kind is np.ndarray:
            if x.dtype.kind == "V":
                return True
        elif kind not in _NO_ARRAYS and _is_low(x):
            return True
    return False


_NO_ARRAYS = {int, float, bool, str, type(None)}


def _is_low(x: Any) -> bool:
    """True for an array of bfloat16, and a tuple with one; a Tensor's op looks for itself."""
    if isinstance(x, (tuple, list)):
        return _some_low(x)
    return getattr(getattr(x, "dtype", None), "kind", "") == "V" and not isinstance(x, Tensor)


def _wide(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return tuple([_wide(part) for part in x]) if _is_low(x) else x
    return x.astype(float32) if _is_low(x) else x


def _rounded(y: Any, dtype: np.dtype) -> Any:
    if isinstance(y, (tuple, list)):
        return tuple([_rounded(part, dtype) for part in y])
    return y.astype(dtype) if y.dtype.kind == "f" else y


def _gives_low(op: Op, args: Sequence[Any]) -> bool:
    """Is bfloat16 the widest floating dtype among what has axes, or else among single numbers?"""
    floats = _floats(args)
    if op.exact_dtype:
        floats = floats[:1]  # the others are brought to its dtype
    floats = [x for x in floats if x.ndim] or floats
    return bool(floats) and all(map(_is_low, floats))


def _refused(op: Op, args: Sequence[Any]) -> bool:
    """True for a product with another dtype: the body says what is wrong with it."""
    return op.autocast == "low" and not all(map(_is_low, _floats(args)))


def _floats(args: Sequence[Any]) -> list[Any]:
    return [x for x in args if getattr(getattr(x, "dtype", None), "kind", " ") in FLOATING]


def _write_back(kept: Sequence[Any], moved: Sequence[Any]) -> None:
    """Running statistics of bfloat16 follow those that were moved for them."""
    for x, now in zip(kept, moved):
        if x is not now:
            x[...] = now.astype(x.dtype)
            stamp(x, "batch_norm")


def _multiplied_as_it_is(op: Op, values: Sequence[Any]) -> bool:
    """True for a product on a GPU, which is added up in float32 there without being asked."""
    if op.name not in _PRODUCTS or not kernels_on():
        return False
    first = values[0].inside if type(values[0]) is Traced else values[0]
    arrays = [x for x in values if hasattr(x, "ndim")]
    several = sum(x.ndim > 1 for x in arrays) > 1  # of the rest, a bias's gradient is a sum
    return several and is_cupy(first) and all(map(_is_low, arrays))


BFLOAT16.append(look)
