"""What is watched while a step is traced: tensors, gradients, ops and modules.

A step finds its parameters wherever its author has put them: in a closure, in a module, in a list.
So nobody tells the recorder which arrays matter. Instead, for the time of a trace, reading the
array of any Tensor is noticed (`Tensor.array` becomes a property), as is reading and setting its
`.grad`. Other threads pass through the same properties, and find what they would have found.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minitorch.compiled.recorder import Recorder
from minitorch.dtypes import remind_of_bfloat16
from minitorch.meta import Meta
from minitorch.nn.module import Module
from minitorch.op import REGISTRY
from minitorch.quiet import quiet
from minitorch.tape import Mode, current_mode, restore_mode, set_mode
from minitorch.tensor import Tensor
from minitorch.traced import RECORDER, Traced

one_trace = threading.RLock()  # at a time: the classes are watched for all threads


class _Array:
    """`Tensor.array`, for the time of a trace."""

    def __init__(self, slot: Any):
        self.slot = slot

    def __get__(self, t: Any, owner: Any = None) -> Any:
        if t is None:
            return self
        x = self.slot.__get__(t)
        recorder = RECORDER.get()
        if recorder is None:
            return x.inside if isinstance(x, Traced) else x
        return x if isinstance(x, (Traced, Meta)) else recorder.lift(t, x)

    def __set__(self, t: Any, x: Any) -> None:
        recorder = RECORDER.get()
        if recorder is not None:
            try:
                self.slot.__get__(t)
            except AttributeError:
                recorder.assigned(t)
        self.slot.__set__(t, x)

    def __delete__(self, t: Any) -> None:
        self.slot.__delete__(t)


class _Grad:
    """`Tensor._grad`, for the time of a trace."""

    def __init__(self, recorder: Recorder):
        self.recorder, self.thread = recorder, threading.get_ident()

    def __get__(self, t: Any, owner: Any = None) -> Any:
        if t is None:
            return None
        g = t.__dict__.get("_grad")
        if RECORDER.get() is self.recorder:
            self.recorder.grad_of(t, g)
        return g

    def __set__(self, t: Any, g: Any) -> None:
        t.__dict__["_grad"] = g
        if RECORDER.get() is self.recorder:
            self.recorder.grad_set(t, g)
        elif self.recorder.is_aside and threading.get_ident() == self.thread:
            self.recorder.foreign.add(id(t))


class Modules:
    """The modules that a step calls, and what their attributes were when it came to them."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[dict, dict]] = {}

    def saw(self, module: Any) -> None:
        """Takes note of a module before it is called."""
        if id(module) not in self.seen:
            self.seen[id(module)] = module.__dict__, dict(module.__dict__)

    def settled(self) -> list[tuple[dict, list[str], list[Any]]]:
        """The attributes that the step itself has left as they were: these must not change."""
        found = []
        for now, was in self.seen.values():
            names = [name for name, value in was.items() if now.get(name) is value]
            found.append((now, names, [was[name] for name in names]))
        return found


def _heard(op: Any, body: Any) -> Any:
    """The body of an op, of which the recorder of the thread hears."""

    def run(*args: Any, **options: Any) -> Any:
        recorder = RECORDER.get()
        return body(*args, **options) if recorder is None else recorder.run(op, body, args, options)

    return run


def _quietly(run: Any) -> Any:
    """`quiet.run`, but in the context of the trace, which has the recorder."""

    def quietly(f: Any, *args: Any, **options: Any) -> Any:
        if RECORDER.get() is None:
            return run(f, *args, **options)
        with np.errstate(all="ignore"):
            return f(*args, **options)

    return quietly


@contextmanager
def watching(recorder: Recorder) -> Iterator[Modules]:
    """Inside, the recorder of this thread hears of everything."""
    modules = Modules()
    with one_trace:
        slot, call, run = Tensor.__dict__["array"], Module.__call__, quiet.run

        def watched_call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if RECORDER.get() is recorder:
                modules.saw(self)
            return call(self, *args, **kwargs)

        Tensor.array = _Array(slot)
        Tensor._grad = _Grad(recorder)  # type: ignore[assignment]
        Module.__call__ = watched_call  # type: ignore[method-assign]
        quiet.run = _quietly(run)
        bodies = [(op, op.cell, op.body) for op in REGISTRY.values()]
        for op, cell, body in bodies:
            op.body = cell.cell_contents = _heard(op, body)
        token = RECORDER.set(recorder)
        mode = current_mode()
        # its own casts: those that an autocast block has kept so far are of the values of now
        casts = mode.casts and type(mode.casts)(mode.casts.dtypes, {})
        was = set_mode(Mode(mode.recording, (recorder.watch,), casts))
        try:
            yield modules
        finally:
            restore_mode(was)
            RECORDER.reset(token)
            for op, cell, body in bodies:
                op.body = cell.cell_contents = body
            remind_of_bfloat16()  # the step may have been the first to name it
            quiet.run = run
            Module.__call__ = call  # type: ignore[method-assign]
            Tensor._grad = None
            Tensor.array = slot
