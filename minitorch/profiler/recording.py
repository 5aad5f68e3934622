"""Taking a profile: a clock is put around what computes, and afterwards all is as it was."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from threading import get_ident
from time import perf_counter
from typing import Any

from minitorch import cuda, inplace
from minitorch.array import is_cupy
from minitorch.autograd import function
from minitorch.calls import Calls
from minitorch.modes import Switch
from minitorch.op import REGISTRY, Op, Plan
from minitorch.optim import Optimizer
from minitorch.profiler.events import Averages, Event, added_up, chrome_trace
from minitorch.profiler.held import Held, arrays_in
from minitorch.sweep import Sweep
from minitorch.tape import Mode, Node
from minitorch.tree import map_leaves

_open: list[profile] = []  # the profiles that are being taken


class ProfilerActivity(Enum):
    """Whose time is taken: that of the host, or with `CUDA` also that of a GPU."""

    CPU = "cpu"
    CUDA = "cuda"


class profile(Switch):  # noqa: N801 - torch's name
    """Times every op in its block, forward and backward, and weighs what it makes and saves.

    What an op calls inside belongs to it. What happens in other threads is not seen; a step that
    was compiled runs as it is written, op by op.

    Args:
        model: also add up by its modules, for `key_averages(by="module")`.
        activities: both of `ProfilerActivity` unless given. Without `CUDA` the times are those of
            the host, which hands a GPU its work and goes on; with it every call waits for what it
            started, or the time would be another's.
        profile_memory: False weighs nothing, which makes the calls a little cheaper to watch.

    >>> import minitorch
    >>> w = minitorch.ones(1000, 1000, requires_grad=True)
    >>> with profile() as prof:
    ...     (w * 2).exp().sum().backward()
    >>> {row.name: (row.calls, row.made, row.saved) for row in prof.key_averages()}["exp"]
    (1, 8000000, 4000000)
    """

    def __init__(
        self,
        model: Any = None,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        profile_memory: bool = True,
    ):
        super().__init__()
        self.activities = set(ProfilerActivity if activities is None else activities)
        if not self.activities or not self.activities <= set(ProfilerActivity):
            raise ValueError(
                "profile: activities holds ProfilerActivity.CPU or ProfilerActivity.CUDA or both, "
                f"got {activities!r}"
            )
        self.profile_memory = profile_memory
        self.wall = 0.0
        self._events: list[Event] = []
        self._saved: dict[tuple[str, str], int] = {}
        self._model = model
        self._calls = Calls({} if model is None else {type(model).__name__: model})
        self._swept = ""  # the module of the node that a sweep is at
        self._made, self._kept = Held(), Held()
        self._part, self._inside, self._away = "forward", False, 0.0
        self._undo = ExitStack()
        self._since = 0.0

    def start(self) -> None:
        """Begins; a `with` block does it by itself. A second time goes on where it stopped.

        Raises:
            RuntimeError: it has begun already, or one is being taken in another thread.
        """
        if self in _open:
            raise RuntimeError("profile: it has begun already; stop() it first")
        self._thread = get_ident()
        if any(other._thread != self._thread for other in _open):
            raise RuntimeError("profile: one is being taken in another thread; take one at a time")
        with ExitStack() as undo:
            _put_around(self, undo)
            self._calls.listen()
            super().__enter__()
            self._undo = undo.pop_all()
        _open.append(self)
        self._since = perf_counter()

    def stop(self) -> None:
        """Ends, as do those that began after it, and puts everything back.

        Raises:
            RuntimeError: it has not begun, or in another thread.
        """
        if self not in _open:
            raise RuntimeError("profile: it has not begun; call start() first")
        if self._thread != get_ident():
            raise RuntimeError("profile: stop() belongs in the thread in which it began")
        while _open[-1] is not self:  # what the last one put around is on top
            _open[-1].stop()
        self.wall += perf_counter() - self._since
        _open.pop()
        super().__exit__()
        self._calls.leave()
        self._undo.close()
        self._made.forget()
        self._kept.forget()

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self in _open:
            self.stop()

    def __call__(self, function: Callable) -> Callable:
        raise TypeError("profile: it is no decorator; use a with block, and print what it has seen")

    # what comes of it ---------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Every call, in the order they ended."""
        return list(self._events)

    def key_averages(self, by: str = "op") -> Averages:
        """The calls added up, op by op; its `table()` is what `print(prof)` shows.

        Args:
            by: "op", or "module" where a model was named: what is directly in it, without what is
                in the modules that it calls.

        Raises:
            ValueError: it is neither, or there is no model.

        >>> import minitorch
        >>> from minitorch import nn
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
        >>> with profile(model) as prof:
        ...     model(minitorch.ones(2, 3)).sum().backward()
        >>> sorted(row.name for row in prof.key_averages(by="module"))
        ['Sequential.0: Linear', 'Sequential.1: Tanh', 'elsewhere']
        """
        if by not in ("op", "module"):
            raise ValueError(f"key_averages: by={by!r}, expected 'op' or 'module'")
        if by == "module" and self._model is None:
            raise ValueError("key_averages: by='module' needs the model: profile(model)")
        labels: dict[str, list[float]] = {}
        for event in self._events:
            if event.part == "label":
                labels.setdefault(event.name, []).append(event.seconds)
        rows = added_up(self._events, self._saved, by == "module")
        return Averages(rows, labels, self.wall, self._made.peak, by)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the calls on a time line, for chrome://tracing or ui.perfetto.dev."""
        Path(path).write_text(json.dumps(chrome_trace(self._events)), "utf-8")

    def __str__(self) -> str:
        return self.key_averages().table()

    __repr__ = __str__

    # the clock ----------------------------------------------------------------------------------

    def timed(self, name: str, call: Callable, part: str | None = None) -> Callable:
        """The function, each of whose calls is an event; calls inside another are not."""

        @functools.wraps(call)
        def run(*args: Any, **options: Any) -> Any:
            if self._inside or get_ident() != self._thread:
                return call(*args, **options)
            self._inside, away, start = True, self._away, perf_counter()
            try:
                result = call(*args, **options)
                if _waits_for(self, result):
                    cuda.synchronize()
            finally:
                self._inside = False
            seconds = perf_counter() - start - (self._away - away)
            made = self._made.add(result, besides=args) if self.profile_memory else 0
            of = part or self._part
            module = self._swept if of == "backward" else self._module()
            self._events.append(Event(name, of, start, seconds, made, module))
            return result

        return run

    @contextmanager
    def span(self, name: str, part: str) -> Iterator[None]:
        """What happens inside is one stretch, beside its calls."""
        start = perf_counter()
        try:
            yield
        finally:
            self._events.append(Event(name, part, start, perf_counter() - start, 0))

    def timed_by(self, name_of: Callable[..., str], call: Callable) -> Callable:
        """A function whose arguments say what it is called."""

        @functools.wraps(call)
        def run(*args: Any, **options: Any) -> Any:
            return self.timed(name_of(*args), call)(*args, **options)

        return run

    def sweeping(self, run: Callable) -> Callable:
        """A sweep's `run`: what is called meanwhile belongs to the backward."""

        @functools.wraps(run)
        def sweep(*args: Any, **options: Any) -> Any:
            if self._inside or get_ident() != self._thread:
                return run(*args, **options)
            was, self._part, self._swept = self._part, "backward", ""
            try:
                with self.span("backward", "sweep"):
                    return run(*args, **options)
            finally:
                self._part = was

        return sweep

    def stepping(self, step: Callable) -> Callable:
        """An optimizer's step, without what its closure computes."""
        outside = lambda given: self._outside(given) if callable(given) else given

        @functools.wraps(step)
        def stepped(optimizer: Any, *args: Any, **options: Any) -> Any:
            timed = self.timed(f"{type(optimizer).__name__}.step", step, "update")
            return timed(optimizer, *map(outside, args), **map_leaves(outside, options))

        return stepped

    def _outside(self, closure: Callable) -> Callable:
        """A function whose calls are timed one by one, though something timed calls it."""

        def call() -> Any:
            was, self._inside, start = self._inside, False, perf_counter()
            try:
                return closure()
            finally:
                self._inside = was
                self._away += perf_counter() - start

        return call

    def planning(self, plan: Callable) -> Callable:
        """An op's `plan`, whose rules are timed from the start."""

        @functools.wraps(plan)
        def planned(op: Op, pattern: int) -> Plan | None:
            known = pattern in op.plans
            made = plan(op, pattern)
            if made is not None and not known:
                _put(self._undo, made, "pull", self.timed(op.name, made.pull))
            return made

        return planned

    # the tape -----------------------------------------------------------------------------------

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, self._watch), was.casts)

    def _watch(self, node: Node, values: Sequence[Any], options: Mapping, y: Any) -> None:
        """Weighs what a new node saves; leaves are there anyway."""
        module = self._module()
        if self._model is not None:
            node.hooks = [*(node.hooks or ()), partial(self._reached, module)]
        if self.profile_memory:
            leaves = [parent.array for parent in node.parents if not isinstance(parent, Node)]
            size = self._kept.add(node.saved, besides=leaves)
            self._saved[node.name, module] = self._saved.get((node.name, module), 0) + size

    def _module(self) -> str:
        """The innermost module that is being called, and its class."""
        if not self._calls.now:
            return ""
        call = self._calls.now[-1]
        return f"{call.path}: {call.kind}"

    def _reached(self, module: str, g: Any) -> Any:
        """A sweep comes to a node that was recorded in this module."""
        self._swept = module
        return g


def _put_around(prof: profile, undo: ExitStack) -> None:
    """Puts the clock around bodies, rules, writes in place, sweeps and optimizers."""
    for op in REGISTRY.values():
        body = op.cell.cell_contents
        _put(undo, op.cell, "cell_contents", prof.timed(op.name, body))
        for plan in op.plans.values():
            if plan is not None:
                _put(undo, plan, "pull", prof.timed(op.name, plan.pull))
    _put(undo, Op, "plan", prof.planning(Op.plan))
    own = function._Plan
    _put(undo, own, "pull", prof.timed_by(lambda plan, *rest: plan.name, own.pull))
    named = lambda x, name, *rest: name
    _put(undo, inplace, "write_through", prof.timed_by(named, inplace.write_through))
    _put(undo, Sweep, "run", prof.sweeping(Sweep.run))
    for kind in _with_own_step(Optimizer):
        _put(undo, kind, "step", prof.stepping(kind.step))


def _with_own_step(kind: type) -> Iterator[Any]:
    """The class and those of its subclasses that write a `step` of their own."""
    if "step" in vars(kind):
        yield kind
    below: type
    for below in kind.__subclasses__():
        yield from _with_own_step(below)


def _waits_for(prof: profile, result: Any) -> bool:
    return ProfilerActivity.CUDA in prof.activities and any(map(is_cupy, arrays_in(result)))


def _put(undo: ExitStack, held: Any, name: str, value: Any) -> None:
    undo.callback(setattr, held, name, getattr(held, name))
    setattr(held, name, value)


@contextmanager
def record_function(name: str) -> Iterator[None]:
    """Gives a stretch of a program a name in the profile that is being taken, if one is.

    >>> import minitorch
    >>> with profile() as prof:
    ...     with record_function("twice"):
    ...         y = minitorch.ones(3) * 2
    >>> [event.name for event in prof.events()]
    ['mul', 'twice']
    """
    with ExitStack() as spans:
        for prof in _open:
            spans.enter_context(prof.span(name, "label"))
        yield
