"""compile: a step that runs once as it is written, and after that as a flat program.

    step = minitorch.compile(step)

    first call     run on Traced arrays, which write down every NumPy call of it
    later calls    the calls alone, on memory that was planned for them

What Python does between NumPy's calls (unwrapping tensors, nodes, the sweep, lists, loops, names)
takes longer than NumPy itself where arrays are small; none of it is done again. The numbers are the
same, bit for bit, since the same calls are made on arrays that lie in memory in the same way.

This is the function that older libraries compiled from a graph, `train = function([x, t], loss,
updates)`; here the graph is what the step did.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any, overload

from minitorch.compiled.graphs import Graphs
from minitorch.compiled.guards import Names, guard, signature, tensors_in
from minitorch.compiled.plan import plan
from minitorch.compiled.program import Program
from minitorch.compiled.recorder import Recorder
from minitorch.compiled.replay import CUT, runner
from minitorch.compiled.trees import inside, mapped
from minitorch.compiled.watching import watching
from minitorch.ops.conv_columns import forget_spare
from minitorch.quiet import quiet
from minitorch.tape import Node, current_mode
from minitorch.tensor import Tensor
from minitorch.traced import RECORDER, TraceError

_SIGNATURES = 32  # are remembered; the one that was not used for longest is forgotten first
_VARIANTS = 4  # of each: with gradients to add to and without, in training and not
_MODES = (None, "default", "reduce-overhead")
_MANY = 16  # traces after which something seems to change at every call


class Variant:
    """A program with its function, its guard, and the leaves whose gradients it is given."""

    def __init__(
        self,
        program: Program,
        check: Callable[[list[Any]], str],
        grad_leaves: list,
        with_graphs: bool,
    ):
        self.program, self.check, self.grad_leaves = program, check, grad_leaves
        self.run = Graphs(program) if with_graphs else runner(program)


class Compiled:
    """What `compile` returns; see there.

    Attributes:
        step: the function itself.
        mode: "default" or "reduce-overhead".
        program: the program that ran last: print it, or call its `draw()`, `mermaid()`, `memory`.
        trace_count: how often the step was traced.
        reason: why it was traced last, where something had changed.
    """

    def __init__(self, step: Callable, mode: str | None = None):
        if mode not in _MODES:
            raise ValueError(
                f"compile: mode is {mode!r}, expected 'default', or 'reduce-overhead' for CUDA "
                "graphs on a GPU"
            )
        if not callable(step):
            raise TypeError(f"compile: expected a function, got {type(step).__name__}")
        if inspect.isgeneratorfunction(step) or inspect.iscoroutinefunction(step):
            raise TypeError(
                f"compile: {step.__name__!r} gives its results bit by bit, and a program runs from "
                "its first line to its last; compile what it does between two of them"
            )
        functools.update_wrapper(self, step, updated=())
        self.step = step
        self.mode = mode or "default"
        self.program: Program | None = None
        self.trace_count = 0
        self.reason = ""
        self._programs: dict[Any, list[Variant]] = {}
        self._tries: dict[Any, int] = {}
        self._lock = threading.RLock()
        self._running = False

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __repr__(self) -> str:
        name = getattr(self.step, "__name__", type(self.step).__name__)
        return f"<compiled {name}, {self.trace_count} traces>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if RECORDER.get() is not None or current_mode().watchers:
            return self.step(*args, **kwargs)  # inside another program; or somebody watches the ops
        with self._lock:
            if self._running:  # the step calls itself
                return self.step(*args, **kwargs)
            self._running = True
            try:
                return self._run(args, kwargs)
            finally:
                self._running = False

    def _run(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        given, key = signature(args, kwargs)
        variants = self._programs.get(key, ())
        if variants and len(self._programs) > 1:  # the last is the one used last
            self._programs[key] = self._programs.pop(key)
        reason = ""
        for traced in variants:
            reason = traced.check(given)
            if not reason:
                self.program = traced.program
                if traced.grad_leaves:
                    given += [(given[t] if type(t) is int else t)._grad for t in traced.grad_leaves]
                was = quiet.begin()  # as ops have it
                try:
                    return traced.run(given)
                finally:
                    quiet.end(was)
        return self._trace(key, given, args, kwargs, reason)

    # tracing ------------------------------------------------------------------------------------

    def _trace(self, key: Any, given: list[Any], args: tuple, kwargs: dict, reason: str) -> Any:
        """Runs the step itself, and remembers the program that it was."""
        self.trace_count += 1
        self.reason = reason
        if reason and self.trace_count == _MANY:
            warnings.warn(
                f"compile: {self!r}: it is traced again and again, now because {reason}; pass what "
                "changes as an argument, numbers as tensors",
                stacklevel=4,
            )
        recorder = Recorder(given)
        try:
            return self._traced(recorder, key, given, args, kwargs)
        finally:
            recorder.forget()

    def _traced(
        self, recorder: Recorder, key: Any, given: list[Any], args: tuple, kwargs: dict
    ) -> Any:
        names = Names(self.step)
        before = [(x, x.array, x.node) for x in given if isinstance(x, Tensor)]
        try:
            with watching(recorder) as modules:
                bare = {
                    id(x): recorder.given_array(x, i, bare=True)
                    for i, x in enumerate(given)
                    if not isinstance(x, Tensor)
                }
                result = self.step(*_with(args, bare), **_with(kwargs, bare))
                recorder.finish(result, before)
        finally:
            recorder.close()
        result = inside(result)
        for t in (*tensors_in(result), *[g for _, g in recorder.grads.values() if g is not None]):
            if recorder.is_born(t) and isinstance(t.node, Node):
                t.node, t.cut = None, CUT
        kept = recorder.left_behind()
        if kept and self._tries.setdefault(key, 0):
            raise TraceError(
                f"compile: {len(kept)} tensors that the step made are kept outside of it; the "
                f"first, of shape {kept[0][0]}, was made at {kept[0][1]}. A program has no Python "
                "that would keep them anew at each run: return them from the step"
            )
        self._tries[key] = 1
        if kept:  # what is made at the first call only, and is there at the second
            return result
        forget_spare()  # the program has memory of its own
        names.settle()
        plan(recorder.program)
        traced = Variant(
            recorder.program,
            guard(recorder, names, modules.settled()),
            recorder.grad_leaves,
            self.mode == "reduce-overhead",
        )
        self._remember(key, traced)
        return result

    def _remember(self, key: Any, traced: Variant) -> None:
        self.program = traced.program
        variants = self._programs.pop(key, [])
        self._programs[key] = [traced, *variants][:_VARIANTS]
        while len(self._programs) > _SIGNATURES:
            del self._programs[next(iter(self._programs))]


def _with(tree: Any, new: dict[int, Any]) -> Any:
    """The same containers with other things in place of those whose ids are given."""
    return mapped(lambda x: new.get(id(x), x), tree) if new else tree


@overload
def compile(step: Callable, *, mode: str | None = None) -> Compiled: ...


@overload
def compile(step: None = None, *, mode: str | None = None) -> Callable[[Callable], Compiled]: ...


def compile(step: Callable | None = None, *, mode: str | None = None) -> Any:
    """The same function as a flat program of NumPy calls, with the same results bit for bit.

    It is run once as it is, while the NumPy calls of its forward, backward and update are written
    down; after that these calls are made alone, into memory that was planned for them, and what a
    rule would compute again of its forward is computed once. Also a decorator.

        step = minitorch.compile(step)
        for x, t in batches:
            loss = step(x, t)
        print(step.program)

    It is traced again for arguments of other shapes, dtypes, layouts or Python values, and when
    what it found has changed: the array of a parameter was replaced, an attribute of a module
    (`training`, say), a number or tensor that its own names mean. `optimizer.step()`,
    `scheduler.step()`, clipping and random draws are called at each run, so schedules, step counts
    and streams go on; an optimizer may be loaded between two runs. Values that an op looks at
    (labels that must be in range) it looks at in each run, and raises as ever. Where the gradient
    of such an op is differentiated again, its part of the graph is made anew at each run.

    What differs from the function itself:

    * Other Python in it runs while it is traced, and then no more: prints, counters, lists that
      results are put into. Numbers it computes there are constants of the program; a number that
      changes from step to step is passed as a tensor.
    * What it returns has no graph. `backward()` belongs inside.
    * Hooks added to a tensor or a module after the trace are not called.

    What it returns, and gradients, are new arrays at each run. Calls from several threads wait for
    one another. Inside another compiled function, and where somebody watches the ops
    (`detect_anomaly`, `tape`), it is the function itself that runs.

    On a GPU `mode="reduce-overhead"` launches whole stretches of the program as CUDA graphs, one
    launch in place of hundreds; worth it where launches take longer than what they compute. The
    third call captures them. What looks at values, counts or draws (checks of labels, the
    optimizer's step, dropout) is called between two graphs; `print(step.program.captures)` says
    what is captured, and why not all is. CuPy calls no cuBLAS while it captures: it is called past
    CuPy then, or where that fails products are a kernel of minitorch, equal up to rounding, and
    slower where they are large. So it is not the default. What CuPy refuses to capture runs as
    ever, with one warning that names it. On the CPU the mode changes nothing.

    Args:
        step: takes and returns tensors, arrays, and containers of them; uses any others it finds.
            Without one, `compile(mode=...)` is a decorator.
        mode: "default" (also None) or "reduce-overhead", as in torch.

    Raises:
        TypeError: step is no function, or a generator.
        ValueError: there is no such mode.

    Raises (when called):
        TraceError: Python asked for a value (`if loss > 3`, `loss.item()`, a mask as an index), a
            tensor made inside is kept outside, or a graph would have to cross the boundary.

    >>> import minitorch
    >>> w = minitorch.tensor([1.0, -2.0], requires_grad=True)
    >>> @minitorch.compile
    ... def step(x):
    ...     w.grad = None
    ...     loss = (w * x).square().sum()
    ...     loss.backward()
    ...     return loss
    >>> step(minitorch.ones(2)), step(minitorch.tensor([3.0, 0.0]))
    (tensor(5.), tensor(9.))
    >>> w.grad
    tensor([18., -0.])
    >>> step.trace_count
    1
    """
    return functools.partial(Compiled, mode=mode) if step is None else Compiled(step, mode)
