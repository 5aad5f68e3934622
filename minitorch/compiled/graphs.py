"""A program on a GPU as CUDA graphs: one launch for all the calls between two looks of the host.

    first call    the step is traced
    second call   its program runs; kernels are compiled and memory is found
    third call    each segment (`segments.py`) is captured: CuPy notes its launches, none is made
    from then on  what a segment is given is copied to where the graph looks for it, the graph is
                  launched, and what is handed out is copied from where the graph left it

CuPy calls no cuBLAS while it captures, so products go past it (`without_cublas`). What CuPy
refuses none the less is called between two graphs, from the next call on; it is said once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from minitorch.array import cupy, empty
from minitorch.calltext import compiled
from minitorch.compiled.layout import is_dense, piece
from minitorch.compiled.program import Call, Program, Value, values_in
from minitorch.compiled.replay import Writer, runner
from minitorch.compiled.segments import Segment, cut, described
from minitorch.compiled.trees import share
from minitorch.kernels import without_cublas

_ALIGNED = 512  # bytes, as CuPy allocates
_TRIES = 16  # captures: then what is refused seems to have no end


class Graphs:
    """The function that runs a program, with graphs for what they can hold.

    Attributes:
        is_warm: has the program run as it is written now, without graphs?
        failed: was a capture refused in this run?
        refused: for the numbers of lines that CuPy did not capture, why.
    """

    def __init__(self, program: Program):
        self.program = program
        self.is_warm = self.failed = False
        self.refused: dict[int, str] = {}
        self._tries = 0
        self._said = 0
        self._write()

    def _write(self) -> None:
        segments = cut(self.program, self.refused)
        if self._tries > _TRIES:
            segments = [Segment("", s.lines, s.why or "CuPy refused too often") for s in segments]
        self.program.captures = described(self.program, segments)
        has_graphs = any(s.device for s in segments)
        self._run = GraphWriter(self, segments).function() if has_graphs else runner(self.program)

    def __call__(self, given: list[Any]) -> Any:
        self.failed = False
        result = self._run(given)
        self.is_warm = True
        if self.failed:
            self._tries += 1
            self._write()
        elif len(self.refused) > self._said:
            self._said = len(self.refused)
            lines = self.program.lines
            told = [
                f"{lines[i].name} at {lines[i].where}: {why}" for i, why in self.refused.items()
            ]
            warnings.warn(
                f"compile: CuPy captures {len(told)} calls in no CUDA graph, and they are made "
                f"between two graphs as ever: {'; '.join(told)}",
                stacklevel=4,
            )
        return result

    def refuse(self, lines: list[int], error: Exception) -> None:
        """Notes that these lines cannot be captured; this run goes on without graphs."""
        self.failed = True
        text = str(error).partition("\n")[0]
        self.refused |= dict.fromkeys(lines, f"{type(error).__name__}: {text}")


class Captured:
    """One segment: a function at first, a graph when it was captured.

    Args:
        graphs: whose.
        device: the GPU.
        run: the calls, as a function of `takes` that returns `gives`.
        takes: what it is given, each with whether it lies at the same address at every run.
        gives: what others need of it, each with how: "stays" (read in its place), "result" or
            "copied" (into an array of its own at every run; the copied ones share one).
        lines: for each line of the text of `run`, which call it is.
        written: what the step found and the segment changes: running means, say.
    """

    def __init__(
        self,
        graphs: Graphs,
        device: str,
        run: Callable,
        takes: list[tuple[Value, bool]],
        gives: list[tuple[Value, str]],
        lines: dict[int, int],
        written: list[Any],
    ):
        self.graphs, self.device, self.run, self.lines = graphs, device, run, lines
        self.takes, self.gives, self.written = takes, gives, written
        self.graph: Any = None
        self.taken: list[Any] = []  # where the graph finds what it is given
        self.made: tuple = ()  # where it leaves what it gives
        self.places: dict[int, int] = {}  # in one piece of memory, for what is copied together
        self.together: Any = None

    def __call__(self, *given: Any) -> tuple:
        if self.written and any(share(x, w) for x in given for w in self.written):
            with without_cublas():  # a copy of it would not see the change
                return self.run(*given)
        ready = self.graph is not None
        if not ready and self.graphs.is_warm and not self.graphs.failed:
            ready = self._capture(given)
        if not ready:
            with without_cublas():
                return self.run(*given)
        for own, x in zip(self.taken, given):
            if own is not x:
                own[...] = x
        self.graph.launch()
        return self._handed()

    def _capture(self, given: tuple) -> bool:
        """Has CuPy note the launches; False, and the calls that it refused are noted, if not."""
        cuda = cupy().cuda
        try:
            with cuda.Device(int(self.device.rpartition(":")[2])):
                # its own memory: what is freed while it is captured is still written by the graph
                self.pool = cuda.MemoryPool()
                self.taken = [
                    x if fixed else np.empty_like(x) for (_, fixed), x in zip(self.takes, given)
                ]
                self._make_room()
                self._warm(given)
                stream = cuda.Stream(non_blocking=True)
                with cuda.using_allocator(self.pool.malloc), stream, without_cublas():
                    stream.begin_capture()
                    try:
                        self.made = self.run(*self.taken)
                        self._gather()
                    except BaseException:
                        with suppress(Exception):  # the first error says more
                            stream.end_capture()
                        raise
                    self.graph = stream.end_capture()
        except Exception as error:
            self.graphs.refuse(self._lines_of(error), error)
            return False
        return True

    def _lines_of(self, error: Exception) -> list[int]:
        """The call during which an error came; all calls where that is not known."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is self.run.__code__ and trace.tb_lineno in self.lines:
                return [self.lines[trace.tb_lineno]]
            trace = trace.tb_next
        return sorted(set(self.lines.values()))

    # what it gives ------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """One piece of memory for all that is copied together: one launch copies it."""
        self.places, size = {}, 0
        for i, (value, how) in enumerate(self.gives):
            if how == "copied" and is_dense(value):
                self.places[i] = size
                nbytes = prod(value.shape) * value.dtype.itemsize
                size += -(-nbytes // _ALIGNED) * _ALIGNED
        if len(self.places) < 2:
            self.places = {}
        self.together = empty((size,), np.dtype(np.uint8), self.device) if self.places else None

    def _warm(self, given: tuple) -> None:
        """Makes the copies once: what is captured has to be compiled before."""
        for own, x in zip(self.taken, given):
            if own is not x:
                own[...] = x
        for i in self.places:
            x = self._piece(self.together, i)
            x[...] = x.copy(order="K")

    def _piece(self, memory: Any, i: int) -> Any:
        return piece(memory, self.gives[i][0], self.places[i])

    def _gather(self) -> None:
        for i in self.places:
            self._piece(self.together, i)[...] = self.made[i]

    def _handed(self) -> tuple:
        copied = self.together.copy() if self.places else None
        found = []
        for i, (x, (_, how)) in enumerate(zip(self.made, self.gives)):
            if i in self.places:
                x = self._piece(copied, i)
            elif how != "stays":
                x = x.copy(order="K")
            found.append(x)
        return tuple(found)


class GraphWriter(Writer):
    """Writes a function for each segment with a graph, and one that calls these."""

    def __init__(self, graphs: Graphs, segments: list[Segment]):
        super().__init__(graphs.program)
        self.graphs, self.segments = graphs, segments
        self.views: dict[int, Call] = {}
        self.scope: _Scope | None = None  # the segment that is written; None between them
        self.scopes: list[_Scope] = []
        self.homes: dict[int, _Scope] = {}  # storage -> the segment that makes it
        self.results = {id(v.storage) for v in values_in(self.program.result)}

    def function(self) -> Callable[[list[Any]], Any]:
        self._start()
        leaving = self._leaving()
        for segment in self.segments:
            if segment.device:
                self._segment(segment, leaving)
            else:
                for i in segment.lines:
                    self._call(self.program.lines[i])
                    self._let_go(leaving.get(i, ()))
        self._end()
        texts = [self._finished(k, scope) for k, scope in enumerate(self.scopes)]
        text = "def run(given):\n" + "".join(f"    {line}\n" for line in self.lines)
        self.program.source = "\n".join([*texts, text])
        return compiled(text, "run", self.closed, {}, "compiled step")

    def _segment(self, segment: Segment, leaving: dict[int, list[Value]]) -> None:
        scope = _Scope(segment)
        outer = self.lines, self.named
        self.scope, self.lines, self.named = scope, scope.lines, {}
        for i in segment.lines:
            call = self.program.lines[i]
            if call.kind != "view":
                self.homes |= {id(v.storage): scope for v in call.makes() if v.whole}
            before = len(self.lines)
            self._call(call)
            self._let_go(leaving.get(i, ()))
            scope.numbers |= dict.fromkeys(range(before, len(self.lines)), i)
        self.scope, (self.lines, self.named) = None, outer
        scope.place = len(self.lines)
        self.lines.append("")  # written when it is known who needs what
        for i in segment.lines:
            self._let_go(leaving.get(i, ()))
        self.scopes.append(scope)

    def _finished(self, k: int, scope: _Scope) -> str:
        """The text of a segment, and the line that calls it."""
        names = [v.name for v in scope.takes]
        made = "".join(f"{v.name}, " for v in scope.gives)
        body = [*scope.lines, f"return ({made})"]
        text = f"def segment({', '.join(names)}):\n" + "".join(f"    {line}\n" for line in body)
        run = compiled(text, "segment", self.closed, {}, f"graph {k} of a compiled step")
        takes = [(v, id(v.storage) in self.homes and not v.storage.escapes) for v in scope.takes]
        gives = [(v, self._how(v)) for v in scope.gives]
        # the text stands inside a function, and its first line is its name
        lines = {at + 3: i for at, i in scope.numbers.items()}
        calls = [self.program.lines[i] for i in scope.segment.lines]
        written = {id(v.storage): v.storage.array for c in calls for v in c.writes}
        found = [array for array in written.values() if array is not None]
        graph = Captured(self.graphs, scope.segment.device, run, takes, gives, lines, found)
        call = f"{self.name(graph, f'graph_{k}')}({', '.join(names)})"
        self.lines[scope.place] = f"{made}= {call}" if made else call
        return text

    def _how(self, value: Value) -> str:
        """How a segment gives a value to the others."""
        if not value.storage.escapes:
            return "stays"
        return "result" if id(value.storage) in self.results else "copied"

    # names --------------------------------------------------------------------------------------

    def _call(self, call: Call) -> None:
        if call.kind == "view" and not self._known((call.args, call.kwargs)):
            self.views |= {v.number: call for v in call.makes()}
        else:
            super()._call(call)

    def text(self, x: Any) -> str:
        if isinstance(x, Value) and not self._has_name(x):
            self._fetch(x)
        return super().text(x)

    def _fetch(self, value: Value) -> None:
        """A name for what was made elsewhere: a view is made here, all else is asked for."""
        if value.number in self.views:
            self._plain(self.views[value.number])
            return
        self.named[value.number] = value.name
        home = self.homes.get(id(value.storage))
        if self.scope is not None:
            self.scope.takes.append(value)
        if home is not None and value not in home.gives:
            home.gives.append(value)


class _Scope:
    """The text of a segment while it is written."""

    def __init__(self, segment: Segment):
        self.segment = segment
        self.lines: list[str] = []
        self.numbers: dict[int, int] = {}  # place in `lines` -> number of the call
        self.takes: list[Value] = []
        self.gives: list[Value] = []
        self.place = 0  # of the line that calls it
