"""The function that runs a program: one line of Python for each call, on memory that is ready.

    def run(given):
        v0 = given[0].array
        exp(v0, v1)
        multiply(v1, two, v1)
        return make(v2)

The text is written once and compiled, as `dataclasses` writes `__init__`; names in it that never
change (planned memory, parameters, functions) are its closure. Views into such memory are made
when the text is, and then cost nothing.

A CUDA graph wants what stands here already: the same calls on the same memory, without looking at
values. Only lines of the kinds "whole" and "outside" look, draw or count; what lies between two of
them can be captured (`Program.calls`, each with its `kind`).
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minitorch.array import device, empty
from minitorch.calltext import compiled
from minitorch.clock import stamp
from minitorch.compiled.forms import filling, form_of, ready, reduction
from minitorch.compiled.layout import piece
from minitorch.compiled.plan import ALIGNED
from minitorch.compiled.program import Binding, Call, Given, Held, Program, Value, values_in
from minitorch.compiled.recorder import bind
from minitorch.compiled.trees import is_basic, mapped
from minitorch.tensor import Tensor, make
from minitorch.traced import Method, TraceError

CUT = (
    "it was returned by a compiled function, whose graph lives only inside it; call backward() "
    "inside the function"
)
_BY_NAME = {np.maximum, np.minimum}  # which warn of a third argument
_TAKEN = {"given", "None", "run", "leaf", "array"}  # names that the text itself uses
_LET_GO = 2**12  # bytes: what is larger is given back as soon as nobody needs it


def runner(program: Program) -> Callable[[list[Any]], Any]:
    """The function of the arguments' leaves that runs a planned program."""
    return Writer(program).function()


class Writer:
    """Writes the text of the function, and collects what it closes over."""

    def __init__(self, program: Program):
        self.program = program
        self.closed: dict[str, Any] = {}
        self.lines: list[str] = []
        self.static: dict[int, Any] = {}  # value -> the array, where that is known beforehand
        self.named: dict[int, str] = {}  # value -> its name in the text
        self.ids: dict[int, str] = {}  # id(object) -> its name
        self.held: dict[int, str] = {}
        self.cleared: list[Tensor] = []  # whose gradients the last line of this text forgets:
        self.clearing = ""
        self.buffers = {
            where: _arena(size, where) for where, size in program.arenas.items() if size
        }

    def function(self) -> Callable[[list[Any]], Any]:
        """The function itself."""
        self._start()
        leaving = self._leaving()
        for i, call in enumerate(self.program.lines):
            self._call(call)
            self._let_go(leaving.get(i, ()))
        self._end()
        text = "def run(given):\n" + "".join(f"    {line}\n" for line in self.lines)
        self.program.source = text
        return compiled(text, "run", self.closed, {}, "compiled step")

    def _leaving(self) -> dict[int, list[Value]]:
        """For the number of a line, the large values that nobody needs after it."""
        leaving: dict[int, list[Value]] = {}
        for value in values_in([(c.result, c.args, c.kwargs) for c in self.program.lines]):
            kept = value.storage.kind in ("made", "object") and value.storage.offset is None
            if kept and not value.storage.escapes and value.storage.nbytes > _LET_GO:
                leaving.setdefault(value.storage.last, []).append(value)
        return leaving

    def _let_go(self, values: Iterable[Value]) -> None:
        gone = dict.fromkeys(self.named[v.number] for v in values if self._local(v))
        if gone:
            self.lines.append(f"{' = '.join(gone)} = None")

    def _local(self, value: Value) -> bool:
        return value.number in self.named and value.number not in self.static

    # beginning and end --------------------------------------------------------------------------

    def _start(self) -> None:
        handed = values_in([self.program.result, self.program.bindings])
        values = {v.number: v for c in self.program.lines for v in c.uses()}
        values |= {v.number: v for v in handed}
        for place, value in self.program.arguments.items():
            if value.number in values:
                name = self.named[value.number] = value.name
                array = "" if place in self.program.arrays_given else ".array"
                self.lines.append(f"{name} = given[{place}]{array}")
        for value in values.values():
            if value.whole and value.storage.kind in ("outside", "constant"):
                self._constant(value)

    def _constant(self, value: Value) -> None:
        """A parameter as it is; what the step makes from nothing anew, if it is written into."""
        s = value.storage
        self.static[value.number] = s.array
        if s.kind == "constant" and (s.written or s.escapes):
            if s.escapes:
                del self.static[value.number]
                self.named[value.number] = value.name
                self.lines.append(f"{value.name} = {self.name(s.array, 'constant')}.copy()")
                return
            work = self.static[value.number] = s.array.copy()
            self.lines.append(f"{self.name(work, 'work')}[...] = {self.name(s.array, 'constant')}")

    def _end(self) -> None:
        written = {
            id(v.storage): v.storage.array
            for call in self.program.lines
            for v in call.writes
            if v.storage.kind == "outside"
        }
        if written:
            arrays = self.name([*written.values()], "written")
            self.lines.append(
                f"for array in {arrays}: {self.name(stamp)}(array, 'a compiled step')"
            )
        for binding in self.program.bindings:
            self._bind(binding)
        self.lines.append(f"return {self.text(self.program.result)}")

    def _bind(self, binding: Binding) -> None:
        if binding.to is None and isinstance(binding.target, Tensor):
            self._clear(binding.target)
            return
        self.lines.append(f"{self.text(binding.target)}.{binding.name} = {self.text(binding.to)}")

    def _clear(self, leaf: Tensor) -> None:
        """Gradients that are forgotten one after another are one line."""
        if not (self.lines and self.lines[-1] == self.clearing):
            self.cleared = []
            self.clearing = f"for leaf in {self.name(self.cleared, 'cleared')}: leaf._grad = None"
            self.lines.append(self.clearing)
        self.cleared.append(leaf)

    # names --------------------------------------------------------------------------------------

    def name(self, x: Any, hint: str = "") -> str:
        """The name under which the function finds an object."""
        if id(x) not in self.ids:
            hint = hint or getattr(x, "__name__", type(x).__name__).replace("<lambda>", "f")
            name = hint if hint.isidentifier() else "f"
            while name in self.closed or name in _TAKEN or name[:1] == "v":
                name = f"{hint}_{len(self.closed)}"
                name = name if name[:1] != "v" else f"c{name}"
            self.ids[id(x)], self.closed[name] = name, x
        return self.ids[id(x)]

    def text(self, x: Any) -> str:
        """An argument as it stands in the text."""
        if isinstance(x, Value):
            if x.number in self.static:
                return self.name(self.static[x.number], f"b{x.number}")
            return self.named[x.number]
        if isinstance(x, Held):
            return self._made(x)
        if isinstance(x, Given):
            return f"given[{x.place}]"
        if x is None or x is True or x is False or x is Ellipsis or type(x) in (int, str):
            return repr(x)
        if not any(True for _ in _refs_in(x)):
            return self.name(x)
        if dataclasses.is_dataclass(x) and not isinstance(x, (Value, Held)):
            parts = [f"{f.name}={self.text(getattr(x, f.name))}" for f in dataclasses.fields(x)]
            return f"{self.name(type(x))}({', '.join(parts)})"
        if isinstance(x, dict):
            return f"{{{', '.join(f'{self.text(k)}: {self.text(v)}' for k, v in x.items())}}}"
        parts = [self.text(part) for part in x]
        if isinstance(x, list):
            return f"[{', '.join(parts)}]"
        if hasattr(x, "_fields"):
            return f"{self.name(type(x))}({', '.join(parts)})"
        return f"({', '.join(parts)},)"

    def _made(self, held: Held) -> str:
        """The Tensor around a value, which is made where it is first needed."""
        if held.number not in self.held:
            name = self.held[held.number] = f"t{held.number}"
            array = self.text(held.value)
            self.lines.append(f"{name} = {self.name(make)}({array}, None, {self.name(CUT, 'cut')})")
        return self.held[held.number]

    def _known(self, tree: Any) -> bool:
        """Is every array in there one that is known beforehand?"""
        return all(v.number in self.static for v in values_in(tree)) and not any(
            isinstance(x, (Held, Given)) for x in _refs_in(tree)
        )

    def _real(self, tree: Any) -> Any:
        return mapped(lambda x: self.static[x.number] if isinstance(x, Value) else x, tree)

    # calls --------------------------------------------------------------------------------------

    def _call(self, call: Call) -> None:
        if call.function is bind:
            self._bind(call.args[0])
        elif call.kind == "view" and self._known((call.args, call.kwargs)):
            self._view(call)
        elif call.kind == "make" and self._is_placed(call.result):
            self._planned(call, call.result)
        elif call.function is operator.setitem:
            self._assign(call)
        else:
            self._plain(call)

    def _is_placed(self, result: Any) -> bool:
        return isinstance(result, Value) and result.whole and result.storage.offset is not None

    def _evaluated(self, call: Call) -> Any:
        with np.errstate(all="ignore"):
            return call.function(*self._real(call.args), **self._real(call.kwargs))

    def _view(self, call: Call) -> None:
        """A view of memory that does not change its place: made now."""
        real = self._evaluated(call)
        if isinstance(call.result, Value):
            self.static[call.result.number] = real
        else:
            for value, part in zip(values_in(call.result), real, strict=True):
                self.static[value.number] = part

    def _planned(self, call: Call, value: Value) -> None:
        """A call that writes its result into the arena."""
        into = self.static[value.number] = piece(
            self.buffers[value.storage.device], value, value.storage.offset or 0
        )
        out, form = self.text(value), form_of(call)
        if form == "ufunc":
            given = ", ".join(self.text(x) for x in ready(call))
            named = "".join(f", {k}={self.text(v)}" for k, v in call.kwargs.items())
            by_name = named or value.storage.device != "cpu" or call.function in _BY_NAME
            end = f", out={out}{named}" if by_name else f", {out}"
            self.lines.append(f"{self.name(call.function)}({given}{end})")
        elif form == "reduce" and value.storage.device == "cpu" and reduction(call)[0]:
            reduce, (axis, dtype, keepdims) = reduction(call)
            x = self.text(call.args[0])
            name = self.name(reduce, f"{reduce.__self__.__name__}_reduce")
            rest = f"{self.text(axis)}, {self.text(dtype)}, {out}, {self.text(keepdims)}"
            self.lines.append(f"{name}({x}, {rest})")
        elif form == "fill":
            self.lines.append(f"{out}[...] = {self.text(filling(call))}")
        elif form == "copy":
            self.lines.append(f"{out}[...] = {self.text(call.args[0])}")
        elif form == "reshape":
            x = call.args[0]
            shaped = into.reshape(x.shape)
            self.lines.append(f"{self.name(shaped, 'as_was')}[...] = {self.text(x)}")
        elif call.function in (np.dot, Method("dot")) and value.storage.device == "cpu":
            self.lines.append(f"{self.name(np.dot)}({', '.join(map(self.text, call.args))}, {out})")
        elif form != "empty":
            self.lines.append(self._sentence(call, {**call.kwargs, "out": value}))

    def _assign(self, call: Call) -> None:
        """x[key] = y; where x is at hand, into a view that is made now."""
        x, key, y = call.args
        if self._known(x) and is_basic(key):
            target = self._real(x)[key if isinstance(key, tuple) else (key,)]
            if isinstance(target, np.ndarray) or hasattr(target, "shape"):
                if isinstance(target, np.generic):
                    target = self._real(x)[(*(key if isinstance(key, tuple) else (key,)), ...)]
                self.lines.append(f"{self.name(target, 'part')}[...] = {self.text(y)}")
                return
        self.lines.append(f"{self.text(x)}[{self.text(key)}] = {self.text(y)}")

    def _plain(self, call: Call) -> None:
        """A call as it was; its results get names, unless it gave back what it was given."""
        sentence = self._sentence(call, call.kwargs)
        made = [v for v in call.makes() if v not in (*call.writes,) and not self._has_name(v)]
        if not made:
            self.lines.append(sentence)
            return
        for v in made:
            self.named[v.number] = v.name
        self.lines.append(f"{self._targets(call.result, made)} = {sentence}")
        for x in _refs_in(call.result):
            if isinstance(x, Held):
                self.lines.append(f"{x.value.name} = {self.held[x.number]}.array")
        if call.kind in ("whole", "outside"):
            self._check_shapes(call, made)
        for v in made:
            if v.number_like:
                self.lines.append(f"{v.name} = {self.name(np.asarray)}({v.name})")

    def _check_shapes(self, call: Call, made: list[Value]) -> None:
        """What looks at values might give another shape, for which no room was planned."""
        for v in made:
            if v.storage.kind != "object":
                shape, where = self.name(v.shape, "shape"), self.name((call.op, call.where), "op")
                name = self.name(misshapen)
                self.lines.append(
                    f"if {v.name}.shape != {shape}: {name}({v.name}, {shape}, {where})"
                )

    def _has_name(self, v: Value) -> bool:
        return v.number in self.static or v.number in self.named

    def _targets(self, result: Any, made: list[Value]) -> str:
        """`(v1, _, v2,)`: what a result is taken apart into."""
        if isinstance(result, Value):
            return result.name if result in made else "_"
        if isinstance(result, Held):
            self.held[result.number] = f"t{result.number}"
            return f"t{result.number}"
        if isinstance(result, (tuple, list)) and result:
            return f"({', '.join(self._targets(part, made) for part in result)},)"
        return "_"

    def _sentence(self, call: Call, kwargs: dict[str, Any]) -> str:
        function, args = call.function, call.args
        if isinstance(function, np.ufunc):
            args = ready(call)
        given = [self.text(x) for x in args]
        quick = isinstance(function, np.ufunc) and function not in _BY_NAME
        if quick and kwargs.keys() == {"out"} and _on_host(call):
            return f"{self.name(function)}({', '.join([*given, self.text(kwargs['out'])])})"
        named = [f"{k}={self.text(v)}" for k, v in kwargs.items()]
        if function is operator.getitem:
            return f"{given[0]}[{given[1]}]"
        if isinstance(function, Method) and isinstance(args[0], Value):
            return f"{given[0]}.{function.name}({', '.join(given[1:] + named)})"
        return f"{self.name(function)}({', '.join(given + named)})"


def misshapen(x: Any, shape: tuple[int, ...], op: tuple[str, str]) -> None:
    """Raises the error for a shape that depends on values."""
    raise TraceError(
        f"compile: {op[0]}, at {op[1]}, gave shape {x.shape}, and {shape} when it was traced: its "
        "shape is a matter of values, and a program has room for one shape. Compute it outside"
    )


def _on_host(call: Call) -> bool:
    return all(v.storage.device == "cpu" for v in call.uses())


def _refs_in(tree: Any) -> Any:
    """Everything in a tree that is not the same at every run."""
    if isinstance(tree, (Value, Held, Given)):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from _refs_in(part)
    elif isinstance(tree, dict):
        yield from _refs_in([*tree.values()])
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        yield from _refs_in([getattr(tree, f.name) for f in dataclasses.fields(tree)])


def _arena(size: int, where: str) -> Any:
    """Memory for the planned storages, starting at a line of the cache."""
    memory = empty((size + ALIGNED,), np.dtype(np.uint8), device(where))
    if isinstance(memory, np.ndarray):
        return memory[-memory.ctypes.data % ALIGNED :][:size]
    return memory


__all__ = ["CUT", "Tensor", "runner"]
