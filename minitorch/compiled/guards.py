"""When a program still holds: what it was written for, and how a change of that is noticed.

A program is right for arguments of the same shapes, dtypes, memory layouts and Python values: they
are its *signature*, and each signature has programs of its own. What the step finds by itself is
looked at before every run: is the array of each parameter the one that was traced, is the model
still in training mode, do the step's own names still mean the same things?
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from minitorch.array import device_of, has_values, is_cupy
from minitorch.calltext import compiled
from minitorch.compiled.recorder import Recorder
from minitorch.compiled.trees import mapped
from minitorch.dtypes import get_default_dtype
from minitorch.tape import Node, current_mode
from minitorch.tensor import Tensor
from minitorch.traced import TraceError

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def signature(args: tuple, kwargs: dict[str, Any]) -> tuple[list[Any], Any]:
    """(the tensors and arrays in the arguments, all else that a program depends on)."""
    given: list[Any] = []
    mode = current_mode()
    casts = mode.casts and tuple(mode.casts.dtypes.items())
    about: list[Any] = [mode.recording, casts, get_default_dtype()]
    if args or kwargs:
        about.append(_described(args, given))
        about.append(_described(kwargs, given) if kwargs else None)
        if len(given) > 1:
            first: dict[int, int] = {}
            about.append(tuple([first.setdefault(id(x), i) for i, x in enumerate(given)]))
    return given, tuple(about)


def _described(x: Any, given: list[Any]) -> Any:
    """What of an argument a program depends on; tensors and arrays are collected in `given`."""
    if isinstance(x, Tensor):
        given.append(x)
        if isinstance(x.node, Node) and current_mode().recording:
            raise TraceError(
                f"compile: an argument of shape {x.shape} was computed by {x.node.name}, and its "
                "graph does not reach into the program; pass x.detach(), or compute it inside"
            )
        array = x.array
        if not has_values(array):
            raise TraceError(
                f"compile: an argument of shape {x.shape} is a meta tensor, which has no values to "
                "compute with; call the function itself"
            )
        where = None if type(array) is np.ndarray else str(device_of(array))
        grad = None if x.node is None else layout(x._grad)
        return x.node is None, array.shape, array.dtype, array.strides, where, grad
    if isinstance(x, np.ndarray) or is_cupy(x):
        given.append(x)
        return "array", x.shape, x.dtype, x.strides, str(device_of(x))
    if isinstance(x, (tuple, list)):
        return type(x), tuple([_described(part, given) for part in x])
    if isinstance(x, dict):
        return dict, tuple([(key, _described(part, given)) for key, part in x.items()])
    if isinstance(x, _PLAIN):
        return type(x), x
    return type(x), Same(x)


class Same:
    """An object that equals itself alone, kept alive so that no other takes its place."""

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.x is self.x

    def __hash__(self) -> int:
        return id(self.x)


# what the step finds ----------------------------------------------------------------------------


class Names:
    """What the names in a function's text mean: its closure and globals, and those of its helpers.

    Helpers are functions of the same module that these names mean.
    """

    def __init__(self, step: Callable):
        self.cells: list[tuple[Any, str, Any]] = []
        self.globals: list[tuple[dict, str, Any]] = []
        self.attributes: list[tuple[dict, list[str], list[Any]]] = []
        owner = getattr(step, "__self__", None)
        if owner is not None and hasattr(owner, "__dict__"):
            self.attributes.append((vars(owner), list(vars(owner)), list(vars(owner).values())))
        step = getattr(step, "__func__", step)
        self._add(step, getattr(step, "__module__", None), set())

    def _add(self, function: Any, module: str | None, seen: set[int]) -> None:
        if not isinstance(function, FunctionType) or id(function) in seen:
            return
        seen.add(id(function))
        code = function.__code__
        found = []
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            try:
                value = cell.cell_contents
            except ValueError:  # not set yet
                continue
            self.cells.append((cell, name, value))
            found.append(value)
        for name in code.co_names:
            if name in function.__globals__:
                value = function.__globals__[name]
                found.append(value)
                if not isinstance(value, (ModuleType, type, FunctionType)):
                    self.globals.append((function.__globals__, name, value))
        for value in found:
            if getattr(value, "__module__", None) == module:
                self._add(value, module, seen)

    def settle(self) -> None:
        """Forgets what the step itself has changed."""
        self.cells = [c for c in self.cells if _same(c[0].cell_contents, c[2])]
        self.globals = [g for g in self.globals if g[1] in g[0] and _same(g[0][g[1]], g[2])]
        kept = []
        for now, names, values in self.attributes:
            pairs = [(n, v) for n, v in zip(names, values) if n in now and _same(now[n], v)]
            kept.append((now, [n for n, _ in pairs], [v for _, v in pairs]))
        self.attributes = kept


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)


def guard(recorder: Recorder, names: Names, modules: Sequence[tuple]) -> Callable[[list[Any]], str]:
    """A function of what a run is given: what has changed since the trace; "" for nothing."""
    lines: list[str] = []
    closed: dict[str, Any] = {"same": _same, "changed": _changed_attribute}

    def put(kind: str, x: Any) -> str:
        name = f"{kind}{len(closed)}"
        closed[name] = x
        return name

    for t, array, node in recorder.captured.values():
        me, a, n = put("t", t), put("a", array), put("n", node)
        text = f"a tensor of shape {array.shape} has another array, or requires grad no longer"
        lines.append(f"if {me}.array is not {a} or {me}.node is not {n}: return {text!r}")
    for t, g in recorder.grads_read.values():
        if id(t) in recorder.places:
            continue  # of an argument: it belongs to the signature
        me = put("t", t)
        text = f"the .grad of a tensor of shape {t.shape} is another"
        if g is None:
            lines.append(f"if {me}._grad is not None: return {text!r}")
        else:
            known = put("layout", layout(g))
            lines.append(f"if {put('laid', layout)}({me}._grad) != {known}: return {text!r}")
    for cell, name, value in names.cells:
        lines += _check(f"{put('cell', cell)}.cell_contents", put("v", value), name)
    for space, name, value in names.globals:
        lines += _check(f"{put('space', space)}.get({name!r})", put("v", value), name)
    for now, attributes, values in (*names.attributes, *modules):
        if attributes:
            found = f"{put('get', _getter(attributes))}({put('d', now)})"
            given = f"{found}, {put('values', values)}, {put('names', attributes)}"
            lines.append(f"if why := changed({given}): return why")
    places = {id(value): i for i, value in recorder.program.arguments.items()}
    for call in recorder.program.calls:
        if call.kind == "look":
            value, *rest = call.args
            place = places.get(id(value))
            bare = place in recorder.program.arrays_given
            x = put("a", value.storage.array) if place is None else f"given[{place}]"
            x = x if place is None or bare else f"{x}.array"
            text = f"{call.name} is not true of the values of an argument any more"
            ask = f"{put('ask', call.function)}({', '.join([x, *map(repr, rest)])})"
            lines.append(f"if not {ask}: return {text!r}")
    text = "def check(given):\n" + "".join(f"    {line}\n" for line in lines) + "    return ''\n"
    return compiled(text, "check", closed, {}, "guard of a compiled step")


def _check(now: str, then: str, name: str) -> list[str]:
    why = f"{name!r} means something else"
    return [f"if {now} is not {then} and not same({now}, {then}): return {why!r}"]


def _getter(names: Sequence[str]) -> Callable[[dict], list]:
    return lambda d: [d.get(name) for name in names]


def _changed_attribute(now: list, then: Sequence[Any], names: Sequence[str]) -> str:
    """Names the first attribute that is another object, or another number."""
    if all(map(operator.is_, now, then)):
        return ""
    for a, b, name in zip(now, then, names):
        if not _same(a, b):
            return f"the attribute {name!r} of a module was changed"
    return ""


def layout(g: Tensor | None) -> Any:
    """How a gradient lies in memory; None for none."""
    return None if g is None else (g.array.shape, g.array.dtype, g.array.strides)


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """Every tensor in nested containers."""
    found: list[Any] = []
    mapped(found.append, tree)
    return (x for x in found if isinstance(x, Tensor))
