"""Who writes the program down: calls on arrays, and what the step does with tensors.

The step is run on real numbers while it is noted, so its first run is an ordinary one. What draws
random numbers, and what counts, looks a learning rate up or checks (`optimizer.step()`,
`scheduler.step()`), is noted in one piece: all of it is called again at each run.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from minitorch.compiled.calls import Calls
from minitorch.compiled.program import Binding, Call, Given, Held
from minitorch.compiled.trees import flat, inside, mapped, refs, users_line
from minitorch.tape import Node, current_mode
from minitorch.tensor import Tensor
from minitorch.traced import Opaque, Traced, TraceError
from minitorch.tree import leaves


class Recorder(Calls):
    """Notes what happens to Traced arrays.

    Args:
        given: the tensors and arrays that the step was called with.

    Attributes:
        program: what was noted.
        captured: tensors that the step found: (tensor, its array, its node).
        grads_read: (leaf, the `.grad` it had) where it was read before it was set. Where there was
            one it is given to a run, like an argument.
        born: tensors that the step made, by id: (a weak reference, the line).
    """

    def __init__(self, given: Sequence[Any]):
        super().__init__()
        self.places = {id(x): i for i, x in enumerate(given)}
        self.given = len(given)
        self.grad_leaves: list[Tensor | int] = []  # or which argument
        self.captured: dict[int, tuple[Tensor, Any, Any]] = {}
        self.grads_read: dict[int, tuple[Tensor, Any]] = {}
        self.grads: dict[int, tuple[Tensor, Any]] = {}
        self.born: dict[int, tuple[weakref.ref, str]] = {}
        self.held: dict[int, Held] = {}
        self.foreign: set[int] = set()  # leaves whose .grad was set by a call from outside
        self._found: dict[tuple[int, str], Traced] = {}
        self._unsynced: dict[int, tuple[Tensor, Any]] = {}

    # tensors ------------------------------------------------------------------------------------
    def lift(self, t: Tensor, array: Any) -> Traced:
        """The Traced of a tensor's array, when the step comes upon it."""
        self._check_open()
        if id(t) in self.places:
            kind = "argument"
        elif self.is_born(t):
            kind = "constant"
        else:
            kind = "outside"
            if isinstance(t.node, Node) and current_mode().recording:
                raise TraceError(
                    f"compile: a tensor of shape {array.shape}, computed outside by {t.node.name}, "
                    f"is used at {users_line()}, and its graph does not reach into the program; "
                    "compute it inside the step, or detach() it"
                )
            self.captured.setdefault(id(t), (t, array, t.node))
        found = self._found.get((id(array), kind))
        if found is None:
            if kind == "argument":
                found = self.given_array(array, self.places[id(t)])
            else:
                found = self._new(array, kind, array if kind == "outside" else array.copy())
            self._found[id(array), kind] = found
        return found

    def is_born(self, t: Tensor) -> bool:
        """Has the step made this tensor? (Another one may have had its id before.)"""
        return id(t) in self.born and self.born[id(t)][0]() is t

    def assigned(self, t: Tensor) -> None:
        """A new tensor is given its array."""
        self.born[id(t)] = weakref.ref(t), users_line()
        self.held.pop(id(t), None)  # another tensor's, which had this id before

    def grad_of(self, t: Tensor, g: Any) -> None:
        """The `.grad` of a tensor is read."""
        if id(t) in self.foreign:
            raise TraceError(
                "compile: a call that is made anew at each run has replaced a .grad, which is read "
                f"at {users_line()}; read it before, or after the compiled step"
            )
        if not (id(t) in self.grads or id(t) in self.grads_read or self.is_born(t)):
            self.grads_read[id(t)] = t, g
            if g is not None:
                self.places.setdefault(id(g), self.given + len(self.grad_leaves))
                self.grad_leaves.append(self.places.get(id(t), t))

    def grad_set(self, t: Tensor, g: Any) -> None:
        """The `.grad` of a tensor is set."""
        if self.is_born(t):
            return
        self.grads[id(t)] = self._unsynced[id(t)] = (t, g)
        if g is None:  # at once: its memory serves the run that makes the next one
            self._sync()

    def refs(self, tree: Any) -> Any:
        """The same containers with Held for tensors that the step made, and Given for arguments."""

        def ref(x: Any) -> Any:
            if isinstance(x, (Traced, Opaque)):
                return x.value
            if not isinstance(x, Tensor):
                return x
            if id(x) in self.places:
                return Given(self.places[id(x)])
            if not self.is_born(x):
                return x
            if id(x) not in self.held:
                self.held[id(x)] = Held(x.array.value, next(self._numbers))
            return self.held[id(x)]

        return mapped(ref, tree)

    # what does more than compute ----------------------------------------------------------------

    def outside(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Calls something that is to be called again, as it is, at every run."""
        self._check_open()
        for given in (*args, *kwargs.values()):
            if isinstance(given, FunctionType):
                raise TraceError(
                    f"compile: {function.__qualname__} is given the function {given.__name__!r} at "
                    f"{users_line()}, which would know the arguments of this run for ever; compile "
                    "that function, and call this outside of the step"
                )
        args = tuple([list(a) if hasattr(a, "__next__") else a for a in args])
        self._sync()
        with self._aside():
            result = function(*inside(args), **inside(kwargs))
            tensors = [x for x in leaves(result) if isinstance(x, Tensor)]
            arrays = [x.array for x in tensors]
        given = [x for x in flat((args, kwargs)) if isinstance(x, Traced)]
        known = {id(t) for t, _, _ in self.captured.values()} | {*self.places}
        for t, array in zip(tensors, arrays):
            if id(t) not in known and not self.is_born(t):
                self.assigned(t)
                t.array = self._new(array, "made")
        noted = None
        if tensors:
            noted = self.refs(result)
        elif any(result is x for x in args):  # `return self`
            pass
        elif result is not None:
            numbers = all(hasattr(x, "dtype") for x in leaves(result))
            result = self._named(result, given) if numbers else self._opaque(result)
            noted = refs(result)
        self._note(function, self.refs(args), self.refs(kwargs), noted, kind="outside")
        return result

    def _sync(self) -> None:
        """Leaves the gradients of now in `.grad`, where what comes next will look for them."""
        for t, g in self._unsynced.values():
            binding = self._grad_binding(t, g)
            self.program.calls.append(
                Call(bind, (binding,), {}, None, (), "bind", self.op, self.where or users_line())
            )
        self._unsynced.clear()

    def _grad_binding(self, t: Tensor, g: Any) -> Binding:
        return Binding(self.refs(t), "_grad", self.refs(g))

    # the end ------------------------------------------------------------------------------------

    def finish(self, result: Any, given: Sequence[Any]) -> None:
        """Notes what the step returned, and what it has left in tensors that were there before.

        Args:
            given: (tensor, its array before) for the tensors that the step was called with.

        Raises:
            TraceError: a tensor from outside has become part of the step's graph.
        """
        program = self.program
        program.result = self.refs(result)
        for t, g in self.grads.values():
            if g is not None and id(t) not in self.foreign:
                program.bindings.append(Binding(self.refs(t), "_grad", self.refs(g)))
        for t, array, node in (*self.captured.values(), *given):
            if isinstance(t.node, Node) and t.node is not node:
                raise TraceError(
                    f"compile: a tensor of shape {t.shape} from outside of the step was made part "
                    "of its graph by an operation in place; make it a new one, or detach() it"
                )
            if isinstance(t.array, Traced) and t.array.inside is not array:
                program.bindings.append(Binding(self.refs(t), "array", t.array.value))

    def close(self) -> None:
        """Ends the recording: all tensors have their real arrays again."""
        self._open = False
        held = [t for t, _, _ in self.captured.values()]
        held += [g for _, g in (*self.grads.values(), *self.grads_read.values()) if g is not None]
        for t in (*held, *[t for ref, _ in self.born.values() if (t := ref()) is not None]):
            if isinstance(getattr(t, "array", None), Traced):
                t.array = t.array.inside

    def forget(self) -> None:
        """Lets go of tensors and arrays: what was traced knows its recorder, and may outlive it."""
        for notes in vars(self).values():
            if isinstance(notes, dict):
                notes.clear()

    def left_behind(self) -> list[tuple[tuple[int, ...], str]]:
        """The tensors that the step made and something outside still holds: (shape, line)."""
        handed = flat((self.program.result, [b.to for b in self.program.bindings]))
        for call in self.program.calls:
            if call.kind == "outside":  # it may have kept what it was given
                handed += flat((call.args, call.kwargs))
        known = {i for i, held in self.held.items() if any(held is x for x in handed)}
        alive = [(ref(), where) for i, (ref, where) in self.born.items() if i not in known]
        return [(t.shape, where) for t, where in alive if t is not None]


def bind(*args: Any) -> None:
    """What stands in a program where a gradient is left in `.grad`."""
