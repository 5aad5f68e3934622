"""A program: a flat list of calls, the values they pass on, and the memory these lie in.

    storage   a piece of memory, with all the views into it
    value     an array that a call made or was given: one view of one storage
    call      a function, what it was called with, and the values that came of it

There are no branches and no loops in it; a Python loop of the step stands unrolled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from minitorch import drawing


@dataclass(eq=False, slots=True)
class Storage:
    """A piece of memory.

    Attributes:
        kind: "argument" (what the step is given), "outside" (what it found: parameters, say),
            "constant" (the same at every run), "made" (by a call), or "object" (no array, but
            something that one call makes and another understands).
        device: where it lies.
        array: the memory of an outside or a constant one.
        nbytes: its size.
        written: does a call write into it after it was made?
        escapes: is it handed out, so that every run needs a new one?
        last: the number of the last call that uses it.
        offset: its place in the arena; None for one that NumPy allocates at every run.
    """

    kind: str
    device: str
    array: Any = None
    nbytes: int = 0
    written: bool = False
    escapes: bool = False
    last: int = -1
    offset: int | None = None


@dataclass(eq=False, slots=True)
class Value:
    """An array that a program handles.

    Attributes:
        number: it prints as v0, v1, ...
        storage: the memory it lies in.
        shape, dtype, strides: its layout, the same at every run.
        whole: is it the storage itself, and not a view of it?
        number_like: did NumPy make a scalar of it, to be turned into an array?
    """

    number: int
    storage: Storage
    shape: tuple[int, ...] = ()
    dtype: Any = None
    strides: tuple[int, ...] = ()
    whole: bool = True
    number_like: bool = False

    @property
    def name(self) -> str:
        """As it stands in the listing."""
        return f"v{self.number}"


@dataclass(eq=False, slots=True)
class Call:
    """One line of a program.

    Attributes:
        function: what is called.
        args, kwargs: what with; Values stand in them for arrays.
        result: a Value, or containers of them; None for a call that only writes.
        writes: the Values that it writes into.
        kind: "make" (a new array), "view", "write", "whole" (an op in one piece, whose way depends
            on values), "outside" (does more than compute), "bind" (leaves a gradient), or "look"
            (asks what must be true of an argument for the program to hold: it is asked before it).
        op: the op of minitorch that made the call, with a ' behind it in the backward.
        where: the line of the user's program.
        dead: does nobody need it?
    """

    function: Callable
    args: tuple
    kwargs: dict[str, Any]
    result: Any
    writes: tuple[Value, ...]
    kind: str
    op: str
    where: str
    dead: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        function = self.function
        name = getattr(function, "__name__", type(function).__name__)
        owner = getattr(function, "__self__", None)
        return f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name

    def uses(self) -> Iterator[Value]:
        """The Values that it reads or writes."""
        yield from values_in((self.args, self.kwargs, self.writes))

    def makes(self) -> Iterator[Value]:
        """The Values that it gives."""
        yield from values_in(self.result)


def values_in(tree: Any) -> Iterator[Value]:
    """Every Value in nested tuples, lists, dicts and slices."""
    if isinstance(tree, Value):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from values_in(part)
    elif isinstance(tree, dict):
        yield from values_in(list(tree.values()))
    elif isinstance(tree, Held):
        yield tree.value
    elif isinstance(tree, Binding):
        yield from values_in(tree.to)
    elif is_dataclass(tree) and not isinstance(tree, type):
        yield from values_in([getattr(tree, f.name) for f in fields(tree)])


@dataclass(eq=False, slots=True)
class Held:
    """A Tensor that is made at every run, around the array of a Value."""

    value: Value
    number: int = 0


@dataclass(frozen=True)
class Given:
    """The Tensor that is number `place` of what a run is given."""

    place: int


@dataclass(eq=False, slots=True)
class Binding:
    """What a run leaves in a tensor that was there before: its `.grad`, or its array.

    Attributes:
        target: the Tensor, or Given.
        name: "_grad" or "array".
        to: a Held (for the gradient), a Value (for an array), None, or a Tensor that was there.
    """

    target: Any
    name: str
    to: Any


@dataclass(eq=False)
class Program:
    """What a step does, once for one signature; see the module.

    Attributes:
        calls: the lines.
        storages: all the memory they handle.
        arguments: the Values of the arrays that the step is given, by their place.
        arrays_given: the places of arguments that are arrays, and no tensors.
        bindings: what is left in tensors after a run.
        result: what the step returned, with a Held for each tensor that it made.
        tape: the ops that were recorded, in their order: (name, line of the user).
        arenas: for each device the bytes of the planned memory.
        source: the text of the function that runs it.
        captures: which of its lines are in CUDA graphs, and why the others are not, in words; ""
            where none was asked for.
    """

    calls: list[Call] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    arguments: dict[int, Value] = field(default_factory=dict)
    arrays_given: set[int] = field(default_factory=set)
    bindings: list[Binding] = field(default_factory=list)
    result: Any = None
    tape: list[tuple[str, str]] = field(default_factory=list)
    arenas: dict[str, int] = field(default_factory=dict)
    source: str = ""
    captures: str = ""

    @property
    def lines(self) -> list[Call]:
        """The calls that are run."""
        return [call for call in self.calls if not call.dead]

    def __len__(self) -> int:
        return len(self.lines)

    # memory -------------------------------------------------------------------------------------

    @property
    def memory(self) -> dict[str, int]:
        """Bytes, by name.

        "planned": the arena. "fresh": the most that NumPy holds beside it at one time, for what is
        handed out or has no place. "eager": the most that the same step holds at one time when
        every result has memory of its own. "allocated": all that it asks for, from first to last.
        """
        made = [s for s in self.storages if s.kind == "made"]
        fresh = [s for s in made if s.offset is None]
        return {
            "planned": sum(self.arenas.values()),
            "fresh": self._peak(fresh),
            "eager": self.peak,
            "allocated": sum(s.nbytes for s in made),
        }

    @property
    def peak(self) -> int:
        """The most bytes at one time if every result has memory of its own."""
        return self._peak([s for s in self.storages if s.kind == "made"])

    def _peak(self, storages: list[Storage]) -> int:
        """The most bytes of these that are alive at one time."""
        chosen = {id(s) for s in storages}
        alive = peak = 0
        ends: dict[int, int] = {}
        seen: set[int] = set()
        for i, call in enumerate(self.lines):
            for value in call.makes():
                s = value.storage
                if id(s) in chosen and id(s) not in seen:
                    seen.add(id(s))
                    alive += s.nbytes
                    end = len(self.calls) if s.escapes else s.last
                    ends[end] = ends.get(end, 0) + s.nbytes
            peak = max(peak, alive)
            alive -= ends.pop(i, 0)
        return peak

    # as text ------------------------------------------------------------------------------------

    def __str__(self) -> str:
        rows = [("line", "call", "result", "memory", "op", "where")]
        for i, call in enumerate(self.lines):
            result = ", ".join(f"{v.dtype} {v.shape}" for v in call.makes() if v.dtype is not None)
            rows.append(
                (str(i), _sentence(call), result, _memory(call), call.op, _short(call.where))
            )
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        aligned = ["  ".join(f"{part:<{w}}" for part, w in zip(row, widths)) for row in rows]
        return "\n".join(line.rstrip() for line in aligned)

    __repr__ = __str__

    def beside_tape(self) -> str:
        """The ops of the tape, each with the calls that its forward and its backward became."""
        calls: dict[str, list[str]] = {}
        for call in self.lines:
            calls.setdefault(call.op, []).append(call.name)
        rows = [("op", "line", "forward", "backward")]
        for name in dict.fromkeys(name for name, _ in self.tape):
            places = [_short(where) for op, where in self.tape if op == name]
            rows.append(
                (
                    f"{name} x {len(places)}" if len(places) > 1 else name,
                    places[0],
                    _counted(calls.get(name, [])),
                    _counted(calls.get(f"{name}'", [])),
                )
            )
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        aligned = ["  ".join(f"{part:<{w}}" for part, w in zip(row, widths)) for row in rows]
        return "\n".join(line.rstrip() for line in aligned)

    # as a picture -------------------------------------------------------------------------------

    def graph(self, tape: bool = False) -> drawing.Graph:
        """The calls as boxes and arrows: what they were given, and what became of it.

        With `tape`, the ops that the step recorded stand beside them, each with an arrow to every
        call that its forward, or its backward, became.
        """
        graph = drawing.Graph()
        makers: dict[int, str] = {}
        recorded = {name for name, _ in self.tape}
        for i, call in enumerate(self.lines):
            me = f"{i}"
            shapes = " ".join(str(v.shape) for v in call.makes() if v.dtype is not None)
            graph.box(me, f"{i}: {call.name} {shapes}".rstrip(), kind="op")
            op = call.op.rstrip("'")
            if tape and op in recorded:
                way = "" if op == call.op else " backward"
                graph.box(call.op, f"tape: {op}{way}", kind="value")
                graph.arrow(call.op, me)
            for value in call.uses():
                source = makers.get(value.number)
                if source is None:
                    source = value.name
                    graph.box(source, f"{source} {value.storage.kind} {value.shape}", kind="value")
                if source != me:
                    graph.arrow(source, me)
            for value in call.makes():
                makers.setdefault(value.number, me)
        return graph

    def text(self) -> str:
        """The graph as an indented tree."""
        return self.graph().text()

    def mermaid(self, tape: bool = False) -> str:
        """The graph in Mermaid's language."""
        return self.graph(tape).mermaid()

    def draw(self, tape: bool = False) -> str:
        """The graph as an SVG picture; with `tape`, beside the ops that it came from."""
        return self.graph(tape).svg()

    _repr_svg_ = draw


def _sentence(call: Call) -> str:
    """`v3 = multiply(v1, v2)`; `.grad = v3`."""
    if call.kind == "bind":
        return f".grad = {_shown(call.args[0].to)}"
    given = [_shown(a) for a in call.args]
    given += [f"{k}={_shown(v)}" for k, v in call.kwargs.items()]
    made = ", ".join(v.name for v in call.makes() if v not in call.writes)
    return (
        f"{made} = {call.name}({', '.join(given)})" if made else f"{call.name}({', '.join(given)})"
    )


def _shown(x: Any) -> str:
    if isinstance(x, Value):
        return x.name
    if isinstance(x, Held):
        return x.value.name
    if isinstance(x, (tuple, list)):
        inner = ", ".join(map(_shown, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' * (len(x) == 1)})"
    if isinstance(x, slice):
        ends = ["" if part is None else str(part) for part in (x.start, x.stop, x.step)]
        return ":".join(ends[: 3 if x.step is not None else 2])
    if x is Ellipsis:
        return "..."
    if isinstance(x, type):
        return x.__name__
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return f"{x.dtype}{list(x.shape)}" if x.shape else str(x)
    return repr(x) if isinstance(x, (int, float, str, bool, type(None))) else type(x).__name__


def _memory(call: Call) -> str:
    places = []
    for value in call.makes():
        s = value.storage
        if s.kind != "made":
            places.append(s.kind)
        else:
            places.append("new" if s.offset is None else f"+{s.offset}")
    return ", ".join(places)


def _short(where: str) -> str:
    """file.py:12, without the folders and the code."""
    path, _, rest = where.partition(":")
    return f"{path.rpartition('/')[2]}:{rest.partition(':')[0]}" if rest else where


def _counted(names: list[str]) -> str:
    """exp, multiply x 2"""
    parts = [f"{n} x {names.count(n)}" if names.count(n) > 1 else n for n in dict.fromkeys(names)]
    return ", ".join(parts)
