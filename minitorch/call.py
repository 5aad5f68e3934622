"""What happens when an op is called: unwrap the inputs, compute, and leave a node on the tape.

The steps stand in `calltext.py` as the text of a function. For every op it is compiled once, when
the op is first called, much as `dataclasses` writes `__init__`: nothing that is known of the op is
decided again at every call, and Python itself binds the arguments. The text for multiplication is
`print(minitorch.mul.op.source)`. This file holds what that text calls.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from minitorch import array as arrays
from minitorch.array import Array, device_of, is_cupy
from minitorch.calltext import (
    FLOATS,
    MISSING,
    OWN_NAMES,
    WRAPPING,
    aliased_source,
    call_source,
    compiled_when_called,
)
from minitorch.clock import next_birth
from minitorch.dtypes import DTYPES, FLOATING, get_default_dtype, widest
from minitorch.meta import Meta
from minitorch.quiet import quiet
from minitorch.tape import Node, Pick, casting, current_mode, users_frame
from minitorch.tensor import CUT_NO_GRAD, LEAF, ShapeError, Tensor, make
from minitorch.traced import Traced, TracedNumpy

# What an input may be besides a Tensor, without a second look; and one that may be missing.
PLAIN = {float, int, bool, np.ndarray, Meta, Traced, TracedNumpy}
OPTIONAL = PLAIN | {type(None)}
SCALARS = {dtype.type for dtype in DTYPES}


def compiled_call(op: Any) -> Callable:
    """The function that users and rules call; its globals are those of the op's own module."""
    closed = {
        # an op's module may define a sum, a type or a max of its own
        **{f.__name__: f for f in (dict, enumerate, isinstance, len, list, map, tuple, type)},
        "CUT_NO_GRAD": CUT_NO_GRAD,
        "LEAF": LEAF,
        "Node": Node,
        "OPTIONAL": OPTIONAL,
        "PLAIN": PLAIN,
        "Tensor": Tensor,
        "body": op.body,
        "casting": casting,
        "current_mode": current_mode,
        "constant": constant,
        "explained": explained,
        "new": object.__new__,
        "next_birth": next_birth,
        "numbers": numbers,
        "operand": operand,
        "picks": picks,
        "plans": op.plans,
        "quiet": quiet,
        "op": op,
        "renamed": renamed,
        "settled": settled,
        "too_many": too_many,
        "widened": widened,
    }
    taken = [name for name in (*op.inputs, *op.options) if name in OWN_NAMES or name in closed]
    if taken:
        raise TypeError(
            f"{op.name}: an argument cannot be called {taken[0]!r}, a name that the text of every "
            "op's call has for something else; rename it"
        )
    defaults = {
        f"default_{name}": op.defaults.get(name, MISSING) for name in (*op.inputs, *op.options)
    }
    module, title = op.body.__globals__, f"call of {op.name}"
    return compiled_when_called(op.name, lambda: call_source(op), closed, defaults, module, title)


# arguments ------------------------------------------------------------------------------------

# torch's (and NumPy's) names for what signatures here call otherwise.
_ALIASES = {"axis": "dim", "keepdims": "keepdim"}


def renamed(op: Any, names: dict[str, Any], given: dict[str, Any]) -> Iterable[Any]:
    """All arguments in our order, when some came by another: input=, other=, axis=, keepdims=.

    Raises:
        TypeError: a name that the op does not know, or one given twice.
    """
    aliases = {**_ALIASES, **dict(zip(("input", "other"), op.inputs))}
    for alias, value in names.items():
        name = aliases.get(alias, alias)
        if name not in given and name != op.pack:
            known = ", ".join((*op.inputs, *op.options))
            raise TypeError(f"{op.name}: unknown argument {alias!r}; it takes {known}")
        default = op.defaults.get(name, MISSING)
        if name != op.pack and given[name] is not default:
            raise TypeError(f"{op.name}: argument {name!r} is given twice")
        if name == op.pack and not isinstance(value, (tuple, list)):
            value = (value,)
        given[name] = value
    return given.values()


def aliased(function: Callable) -> Callable:
    """A function made of ops, which takes the other names as an op does."""
    taken = inspect.signature(function).parameters
    aliases = {a: name for a, name in _ALIASES.items() if name in taken and a not in taken}
    first = next(iter(taken.values()))
    if first.kind is first.POSITIONAL_OR_KEYWORD and "input" not in taken:
        aliases["input"] = first.name
    if not aliases:
        return function

    defaults = {name: MISSING if p.default is p.empty else p.default for name, p in taken.items()}

    def by_name(given: dict[str, Any], names: dict[str, Any]) -> Any:
        given = {name: v for name, v in given.items() if v is not defaults[name]}
        return function(**given, **{aliases.get(name, name): v for name, v in names.items()})

    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in taken.values()):

        @functools.wraps(function)
        def call(*args: Any, **names: Any) -> Any:
            return function(*args, **{aliases.get(name, name): v for name, v in names.items()})

        return call
    closed = {"by_name": by_name, "dict": dict, "function": function, "MISSING": MISSING}
    given = {f"default_{name}": default for name, default in defaults.items()}
    title = f"names of {', '.join(taken)}"
    return functools.wraps(function)(
        compiled_when_called("call", lambda: aliased_source(taken), closed, given, {}, title)
    )


def numbers(values: Sequence[Any]) -> list[Any]:
    """The inputs with NumPy scalars as Python's numbers, which do not turn float32 into float64.

    This is for what stands beside a Tensor. Among arrays a scalar is a 0-d array that arithmetic
    has unwrapped, and keeps its dtype.
    """
    return [v.item() if type(v) in SCALARS else v for v in values]


def operand(a: Any, op: Any, name: str) -> Any:
    """An input that is no Tensor, as the body takes it, or a TypeError that says what to write."""
    if isinstance(a, np.generic) and type(a) not in SCALARS:
        return arrays.ready(np.asarray(a), op.name)
    if isinstance(a, (np.ndarray, np.generic)) or is_cupy(a):
        return a
    if a is MISSING:
        raise TypeError(f"{op.name}: missing argument {name!r}")
    shown = type(a).__name__
    fix = f"; write minitorch.tensor({name})" if isinstance(a, (list, tuple)) else ""
    raise TypeError(
        f"{op.name}: {name!r} must be a Tensor, a number or a NumPy array, got {shown}{fix}"
    )


def too_many(op: Any, given: Sequence[Any]) -> TypeError:
    """The error for `cat([a, b], 0, 1)`."""
    return TypeError(
        f"{op.name}: after a sequence of tensors only {', '.join(op.options)} can be given by "
        f"position; got {len(given) - 1} arguments there"
    )


# results --------------------------------------------------------------------------------------

said: set[str] = set()


def say_once(key: str, text: str) -> None:
    """Warns, once in a process, at the user's line; `key` stands in `said` from then on."""
    if key not in said:
        said.add(key)
        _, levels = users_frame()
        warnings.warn(f"{text}. This is said once", stacklevel=levels)


def settled(y: Any, op: Any, values: Sequence[Any]) -> Any:
    """The result as a Tensor may hold it: an array, of the dtype that torch would give it.

    NumPy turns 0-d results into scalars, and int64 with float32 into float64; torch keeps the
    floating dtype of what has axes, and takes the default dtype where there are only integers.
    None where that is wider than the dtype NumPy computed in, or where integers wrap around on the
    way: the call is to be made again, with `widened` inputs.
    """
    if isinstance(y, (tuple, list)):
        if op.exact_dtype:
            return tuple([np.asarray(y) if isinstance(y, np.generic) else y for y in y])
        return tuple([settled(part, op, values) for part in y])
    if isinstance(y, np.generic):
        y = np.asarray(y)
    if y.dtype.kind == "f" and all(getattr(v, "dtype", y.dtype) is y.dtype for v in values):
        return y
    if y.dtype.kind == "u" and op.name in WRAPPING:
        raise TypeError(
            f"{op.name}: uint8 arithmetic wraps around (255 + 1 = 0); convert first, "
            "x.float() or x.int()"
        )
    if y.dtype == np.int8 and all(_is_bool(v) for v in values):
        return y.astype(np.int64)  # NumPy has bool ** 2 as int8, where 100 + 100 is -56
    if y.dtype.kind == "c":
        raise TypeError(f"{op.name}: complex numbers are not supported")
    if op.name in FLOATS and all(_is_whole(v) for v in values):
        return None
    if op.exact_dtype or y.dtype.kind != "f":
        return y
    dtype = _float_dtype(op, values)
    if y.dtype.itemsize < dtype.itemsize and all(_is_whole(v) for v in values):
        return None
    return y.astype(dtype, copy=False)


def _is_bool(v: Any) -> bool:
    return not hasattr(v, "dtype") or v.dtype.kind == "b"


def _is_whole(v: Any) -> bool:
    return hasattr(v, "dtype") and v.dtype.kind in "iub"


def widened(values: Sequence[Any]) -> list[Any]:
    """The inputs with integers and bools in the default dtype.

    NumPy takes a function of int8, uint8 or bool in float16, of int16 in float32: to three digits,
    and e^12 is infinite there.
    """
    dtype = get_default_dtype()
    return [v.astype(dtype) if _is_whole(v) else v for v in values]


def _float_dtype(op: Any, values: Sequence[Any]) -> np.dtype:
    """The floating dtype of a result: the widest of what has axes, of 0-d, or the default."""
    held = [v for v in values if hasattr(v, "dtype") and v.dtype.kind in FLOATING]
    floats = [(v.ndim > 0, v.dtype) for v in held]
    with_axes = {dtype for axes, dtype in floats if axes}
    if len(with_axes) > 1 and current_mode().casts is None:  # autocast mixes on purpose
        say_once(
            "promotion",
            f"{op.name}: {' and '.join(sorted(map(str, with_axes)))} meet, and the result is "
            "the wider; convert one side (.float(), .double()) if that was not meant",
        )
    return widest(with_axes or {dtype for _, dtype in floats} or {get_default_dtype()})


def constant(y: Any, why: str | None) -> Any:
    """A result outside the graph, with the reason for it where there is one."""
    if type(y) is tuple:
        return tuple([make(part, None, why) for part in y])
    t = object.__new__(Tensor)  # as `make` does, a call sooner
    t.array = y
    t.node = None
    if why is not None:
        t.cut = why
    return t


def picks(node: Node, parts: Sequence[Array]) -> tuple[Tensor, ...]:
    """The outputs of an op with several; integer ones (indices) stand outside the graph."""
    new, shapes, found, seen = object.__new__, [], [], None
    for i, part in enumerate(parts):
        shape, dtype = part.shape, part.dtype
        shapes.append((shape, dtype))
        if dtype is not seen:  # as most are
            seen, floating = dtype, dtype.kind in FLOATING
        if not floating:
            found.append(cut_off(part, node))
            continue
        t, pick = new(Tensor), Pick()  # as `make` and `Pick.number` do, a call sooner
        pick.birth = next_birth()
        pick.whole = node
        pick.index = i
        pick.shape = shape
        pick.dtype = dtype
        pick.hooks = None
        t.array = part
        t.node = pick
        found.append(t)
    node.shape = shapes
    return tuple(found)


def cut_off(y: Array, node: Node) -> Tensor:
    """An output that holds integers."""
    return make(y, None, f"the integer output of {node.name} has no gradient")


# errors ---------------------------------------------------------------------------------------


def explained(error: Exception, op: Any, values: Sequence[Any], options: dict) -> Exception:
    """The error of a body, completed with the op, its inputs and its options."""
    names = [f"{op.inputs[0]}[{i}]" for i in range(len(values))]
    named = list(zip(names if op.variadic else op.inputs, values))
    held = [(n, v) for n, v in named if hasattr(v, "dtype")]
    beside = [(n, v) for n, v in options.items() if isinstance(v, np.ndarray) or is_cupy(v)]
    mixed = _mixed_devices(op, held + beside)
    if mixed is not None:
        return mixed
    for name, value in options.items():
        if value is MISSING:
            return TypeError(f"{op.name}: missing argument {name!r}")
    if _refuses_bools(error, op) and held and all(v.dtype.kind == "b" for _, v in held):
        name = held[0][0]
        return TypeError(f"{op.name}: {name} needs numbers, got bool; try {name}.float()")
    met = [f"{n}: {v.dtype} {v.shape}" for n, v in held]
    given = [f"{k}={v!r}" for k, v in options.items() if not hasattr(v, "shape")]
    called = f"{op.name}({', '.join(met + given)})"
    if type(error) is ValueError:
        text = f"{_named(str(error).strip(), op)}; called as {called}"
        return ShapeError(text).with_traceback(error.__traceback__)
    if isinstance(error, AxisError):
        found = error if error.axis is None else axis_error(error.axis, error.ndim or 0)
        error = AxisError(_named(str(found), op)).with_traceback(error.__traceback__)
    if str(error).startswith("cannot enter context"):
        return RuntimeError(
            f"{op.name}: called on a Tensor inside the body of an op; a body is given arrays, and "
            f"computes with arrays; called as {called}"
        )
    error.add_note(f"in minitorch.{called}")
    return error


def _named(text: str, op: Any) -> str:
    """The message with the op's name in front, where it does not open with a name."""
    return text if re.match(r"\w+: ", text) else f"{op.name}: {text}"


def _refuses_bools(error: Exception, op: Any) -> bool:
    """Has NumPy no such arithmetic for bools? For - it names the ways that there are."""
    refuses = str(error).startswith(("ufunc '", "The numpy boolean "))
    return isinstance(error, TypeError) and refuses and op.name not in ("neg", "sub")


def axis_error(dim: int, ndim: int, name: str = "") -> AxisError:
    """NumPy's error for a dim that is not there (an IndexError and a ValueError), in our words."""
    known = f"expected {-ndim} to {ndim - 1}" if ndim else "a single number has none"
    where = f"{name}: " if name else ""
    return AxisError(f"{where}dim {dim} is out of range for {ndim} axes; {known}")


def two_gpus(op: Any, args: Sequence[Any], options: dict[str, Any]) -> Exception | None:
    """The error for the arguments of a body, where two of them are arrays of different GPUs."""
    names = [f"{op.inputs[0]}[{i}]" for i in range(len(args))] if op.variadic else op.inputs
    given = [*zip(names, args), *options.items()]
    held = [(n, v) for n, v in given if is_cupy(v) or (type(v) is Traced and is_cupy(v.inside))]
    return _mixed_devices(op, held)


def _mixed_devices(op: Any, held: Sequence[tuple[str, Array]]) -> Exception | None:
    """The error for arrays of two devices. A Meta goes with anything: it only has a shape."""
    real = [(n, device_of(v)) for n, v in held if not isinstance(v, Meta)]
    for name, where in real[1:]:
        if where != real[0][1]:
            return TypeError(
                f"{op.name}: {real[0][0]!r} is on {real[0][1]} and {name!r} is on {where}; "
                f"move one with .to('{real[0][1]}')"
            )
    return None
