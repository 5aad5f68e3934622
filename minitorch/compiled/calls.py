"""Every call on a Traced array comes here, is made on the real arrays, and is noted.

An op whose way depends on values (are all labels classes? is a sum safe without its maximum?) is
noted in one piece, and called again at each run instead of being taken apart. So is one that does
not agree with what real arrays give: an op may have a quick way for NumPy's own arrays.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import count
from sys import intern
from typing import Any

import numpy as np

from minitorch.array import device_of
from minitorch.clock import owner
from minitorch.compiled.islands import island
from minitorch.compiled.program import Call, Program, Storage, Value
from minitorch.compiled.trees import (
    flat,
    identical,
    inside,
    is_basic,
    op_of_frame,
    refs,
    share,
    users_line,
)
from minitorch.op import Op
from minitorch.tape import Mode, Node, current_mode, restore_mode, set_mode
from minitorch.tensor import Tensor
from minitorch.traced import (
    RECORDER,
    Opaque,
    ShapeTraceError,
    Traced,
    TracedNumpy,
    TraceError,
)
from minitorch.tree import leaves


class Calls:
    """Notes what happens to Traced arrays.

    Attributes:
        program: what was noted.
        is_aside: is something called that is not looked into?
        op, where: what is running now, and the user's line, where these are not to be looked up.
    """

    def __init__(self) -> None:
        self.program = Program()
        self.is_aside = False
        self.op = ""
        self.where = ""
        self._makers: dict[int, Call] = {}
        self._roots: dict[int, tuple[weakref.ref, Value]] = {}
        self._numbers = count()
        self._open = True

    # arrays -------------------------------------------------------------------------------------

    def _traced(self, array: Any, value: Value) -> Traced:
        made = (TracedNumpy if isinstance(array, np.ndarray) else Traced)(array, self, value)
        if value.whole:
            self._roots[id(value.storage)] = weakref.ref(made), value
        return made

    def _value(self, array: Any, storage: Storage, whole: bool = True) -> Value:
        return Value(
            next(self._numbers), storage, array.shape, array.dtype, array.strides, whole=whole
        )

    def _new(self, array: Any, kind: str, keep: Any = None) -> Traced:
        storage = Storage(kind, str(device_of(array)), keep, array.nbytes)
        self.program.storages.append(storage)
        return self._traced(array, self._value(array, storage))

    def given_array(self, array: Any, place: int, bare: bool = False) -> Traced:
        """An array that the step is called with; `bare`, if it has no tensor around it."""
        made = self._new(array, "argument")
        self.program.arguments[place] = made.value
        if bare:
            self.program.arrays_given.add(place)
        return made

    def constant(self, array: Any) -> Traced:
        """An array that the step makes from nothing: the same at every run."""
        return self._new(array, "constant", array.copy())

    def base_of(self, x: Traced) -> Traced | None:
        """The Traced that owns the memory of a view."""
        if x.value.whole:
            return None
        self._check_open()
        ref, value = self._roots[id(x.value.storage)]
        known = ref()
        return self._traced(owner(x.inside), value) if known is None else known

    # calls --------------------------------------------------------------------------------------

    def call(
        self, function: Callable, args: tuple, kwargs: dict | None = None, writes: tuple = ()
    ) -> Any:
        """Makes a call, and notes it."""
        kwargs = kwargs or {}
        self._check_open()
        targets = [part for part in leaves(writes) if part is not None]
        for target in targets:
            if not isinstance(target, Traced):
                name = getattr(function, "__name__", function)
                raise TraceError(
                    f"compile: {name} writes into a NumPy array that the program does not know, at "
                    f"{users_line()}; make it a Tensor outside the step"
                )
        result = function(*inside(args), **inside(kwargs))
        for target in targets:
            target.value.storage.written = True
        named = self._named(result, [x for x in flat((args, kwargs)) if isinstance(x, Traced)])
        made = [x.value for x in flat(named) if isinstance(x, Traced)]
        fresh = [v for v in made if v.number not in self._makers]
        if targets or any(v.storage.kind == "made" or not v.whole for v in fresh):
            views = fresh and not any(v.whole for v in fresh)
            kind = "write" if targets else "view" if views else "make"
            self._note(function, args, kwargs, refs(named), targets, kind)
        return named

    def _note(
        self,
        function: Callable,
        args: tuple,
        kwargs: dict,
        result: Any,
        targets: Sequence[Traced] = (),
        kind: str = "make",
    ) -> None:
        written = tuple([t.value for t in targets])
        where = intern(self.where or users_line())
        op = self.op or op_of_frame()
        noted = Call(function, refs(args), refs(kwargs), result, written, kind, op, where)
        for value in noted.makes():
            self._makers.setdefault(value.number, noted)
        self.program.calls.append(noted)

    def _named(self, result: Any, given: Sequence[Traced]) -> Any:
        """The result of a call with Traced arrays in it."""
        if result is None:
            return None
        if isinstance(result, (tuple, list)):
            parts = [self._named(part, given) for part in result]
            named = hasattr(result, "_fields")
            return type(result)(*parts) if named else type(result)(parts)
        if not (hasattr(result, "dtype") and hasattr(result, "shape")):
            raise self.looked(f"a {type(result).__name__} made of x")
        for x in given:
            if x.inside is result:
                return x
        if isinstance(result, np.generic):
            made = self._new(np.asarray(result), "made")
            made.value.number_like = True
            return made
        for x in given:
            if result.base is not None and share(result, x.inside):
                return self._traced(result, self._value(result, x.value.storage, whole=False))
        return self._new(result, "made")

    def ask(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """A question about shapes and dtypes, which is not noted."""
        return function(*inside(args), **inside(kwargs))

    def is_same(self, x: Traced, key: Any, value: Traced) -> bool:
        """Is `value` the view `x[key]` itself?"""
        maker = self._makers.get(value.value.number)
        return (
            maker is not None
            and value.value.storage is x.value.storage
            and maker.function is operator.getitem
            and maker.args[0] is x.value
            and is_basic(key)
            and maker.args[1] == key
        )

    def holds(self, question: Callable, x: Traced, *rest: Any) -> bool:
        """Asks about the values of an argument, and notes that the program is for this True.

        It is asked again before each run. Of what the step itself has made there is no telling
        beforehand, and a False is a reason to look closer: there the op is called in one piece.
        """
        s = x.value.storage
        touched = s.written or any(
            any(v.storage is s for v in call.uses())
            for call in self.program.calls
            if call.kind == "outside"
        )
        given = s.kind == "argument" or s.kind == "outside"
        if not given or not x.value.whole or touched or not question(x.inside, *rest):
            raise self.looked(question.__name__)
        self._note(question, (x, *rest), {}, None, kind="look")
        return True

    # ops ----------------------------------------------------------------------------------------

    def run(self, op: Op, body: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """Runs the body of an op, and notes its calls; or, where it looks at values, the op."""
        found = flat((args, options))
        if any(isinstance(x, Opaque) for x in found):
            return self.whole(body, args, options, bool(op.keeps))
        if not any(isinstance(x, Traced) for x in found):
            return body(*args, **options)
        mark, was = len(self.program.calls), self.op
        self.op = was or op.name
        try:
            named = body(*args, **options)
        except TraceError as error:
            if isinstance(error, ShapeTraceError):
                raise
            self._forget(mark, error)
            return self.whole(body, args, options, bool(op.keeps))
        finally:
            self.op = was
        if was or self._changes_more(mark) or self._agrees(named, body, args, options):
            return named
        self._forget(mark, None)
        return self.whole(body, args, options, bool(op.keeps))

    def _agrees(self, named: Any, function: Callable, args: tuple, options: dict) -> bool:
        """Is it what real arrays give, bit for bit? An op may have a quick way for NumPy's own."""
        with self._aside(), np.errstate(all="ignore"):
            real = function(*inside(args), **inside(options))
        found, expected = flat(named), flat(real)
        return len(found) == len(expected) and all(map(identical, inside(found), expected))

    def whole(self, body: Callable, args: tuple, options: dict, keeps: bool) -> Any:
        """Calls the body of an op, or a rule, in one piece.

        Args:
            keeps: does it also give something that only another such call understands?
        """
        with self._aside(), np.errstate(all="ignore"):
            result = body(*inside(args), **inside(options))
        given = [x for x in flat((args, options)) if isinstance(x, Traced)]
        if keeps:
            y, extra = result
            named: Any = (self._named(y, given), self._opaque(extra))
        else:
            named = self._named(result, given)
        self._note(body, args, options, refs(named), kind="whole")
        return named

    def _opaque(self, x: Any) -> Opaque:
        """What one call gives and another takes, and nobody looks into."""
        with self._aside():  # there may be tensors in it
            size = sum([getattr(part, "nbytes", 0) for part in leaves(x)])
        storage = Storage("object", "cpu", None, size)
        self.program.storages.append(storage)
        return Opaque(x, self, Value(next(self._numbers), storage))

    def _changes_more(self, mark: int) -> bool:
        """Have the calls since `mark` changed what was there before?"""
        calls = self.program.calls[mark:]
        made = {
            id(v.storage)
            for call in calls
            for v in call.makes()
            if v.whole and v not in call.writes
        }
        return any(
            call.kind == "outside" or any(id(v.storage) not in made for v in call.writes)
            for call in calls
        )

    def _forget(self, mark: int, error: TraceError | None) -> None:
        """Takes back the calls since `mark`; raises the error if they have changed more."""
        calls = self.program.calls[mark:]
        if error is not None and self._changes_more(mark):
            raise error
        for call in calls:
            for value in call.makes():
                self._makers.pop(value.number, None)
        del self.program.calls[mark:]

    def watch(self, node: Node, values: Any, options: Any, y: Any) -> None:
        """Sees every new node of the tape: its rules, too, may have to be noted in one piece."""
        plan, where = copy(node.plan), users_line()
        pull = plan.pull
        self.program.tape.append((plan.name, where))

        def noted(g: Any, saved: Any, needs: Any) -> Any:
            mark, was = len(self.program.calls), (self.op, self.where)
            ops = len(self.program.tape)
            self.op, self.where = f"{plan.name}'", where
            args = g, saved, needs
            on_tensors = any(isinstance(x, Tensor) for x in flat((g, saved)))
            try:
                named = pull(*args)
                if on_tensors or self._changes_more(mark) or self._agrees(named, pull, args, {}):
                    return named
                self._forget(mark, None)
                return self.whole(pull, args, {}, keeps=False)
            except TraceError as error:
                if isinstance(error, ShapeTraceError):
                    raise
                self._forget(mark, error)
                if on_tensors:
                    del self.program.tape[ops:]
                    return island(pull, *args)
                return self.whole(pull, args, {}, keeps=False)
            finally:
                self.op, self.where = was

        plan.pull = noted
        node.plan = plan

    @contextmanager
    def _aside(self) -> Any:
        """Inside, tensors and arrays are the real ones, and nothing is noted."""
        token = RECORDER.set(None)
        mode = current_mode()
        was = set_mode(Mode(mode.recording, (), mode.casts))
        self.is_aside = True
        try:
            yield
        finally:
            self.is_aside = False
            restore_mode(was)
            RECORDER.reset(token)

    # errors -------------------------------------------------------------------------------------

    def looked(self, what: str, kind: type[TraceError] = TraceError) -> TraceError:
        """The error for Python that looks at values."""
        return kind(
            f"compile: {what} asks for the values of a traced array, at {users_line()}; they "
            "differ from run to run, and the program would keep this one answer for ever. Return "
            "the tensor and look at it outside, or choose with minitorch.where(condition, a, b)"
        )

    def _check_open(self) -> None:
        if not self._open:
            raise TraceError(
                "compile: an array of a step that was traced before is used outside of it; return "
                "the tensor from the step"
            )
