"""What was computed before is not computed again.

    v1 = absolute(v0)              v1 = absolute(v0)
    expm1(v1, out=v1)              expm1(v1, out=v1)
    v2 = multiply(v0, v1)          v2 = multiply(v0, v1)
    ...                            ...
    v7 = absolute(v0)
    expm1(v7, out=v7)
    v8 = multiply(v6, v7)          v8 = multiply(v6, v1)

So as not to keep much, an op's rule computes again what its forward had; in a program the two stand
in one list. What an array holds is numbered: two hold the same numbers if the same calls have made
them, of the same. What is large is computed again all the same if to keep it would cost memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from minitorch.compiled.lives import mark_lives
from minitorch.compiled.program import Call, Program, Storage, Value
from minitorch.compiled.trees import mapped

_SMALL = 2**12  # bytes: a page of memory is not looked after


def once(program: Program) -> None:
    """Lets calls use what is there already, and marks as dead those that made it again."""
    contents = Contents()
    for i, call in enumerate(program.calls):
        if not call.dead:
            contents.after(i, call)
    for old, new, since in contents.twins():
        _replace(program, old, new, since)


class Contents:
    """What the storages hold, as numbers, while the calls are gone through.

    Attributes:
        now: storage -> the number of what it holds.
        path: value -> which part of its storage it shows, as a number; 0 for all.
        written: storage -> the last call that wrote into it.
        whole: storage -> the Value that is all of it, of the storages that calls have made.
    """

    def __init__(self) -> None:
        self.now: dict[int, int] = {}
        self.path: dict[int, int] = {}
        self.written: dict[int, int] = {}
        self.whole: dict[int, Value] = {}
        self._given: dict[int, Storage] = {}  # which may share their memory with one another
        self._known: dict[Any, int] = {}
        self._numbers = count(1)

    def after(self, i: int, call: Call) -> None:
        """Goes through the call number i."""
        for value in call.uses():
            if value.storage.kind in ("argument", "outside"):
                self._given[id(value.storage)] = value.storage
        if call.kind == "view":
            self._view(call)
        elif call.kind in ("make", "write"):
            self._compute(i, call)
        elif call.kind in ("outside", "whole"):  # these may write into what they are given
            self._forget(i, [v.storage for v in (*call.uses(), *call.makes())])
            self._forget(i, list(self._given.values()))

    def twins(self) -> Iterator[tuple[Value, Value, int]]:
        """(an array, the one that held the same before, the call from which on both do).

        The last one comes first: what it was made of is then not needed any more either.
        """
        first: dict[int, Value] = {}
        found = []
        for key in sorted(self.whole, key=lambda key: self.written[key]):
            value = self.whole[key]
            new = first.setdefault(self.now[key], value)
            if new is not value and not (value.storage.escapes or new.storage.escapes):
                found.append((value, new, self.written[key]))
        return reversed(found)

    def _number(self, key: Any) -> int:
        if key not in self._known:
            self._known[key] = next(self._numbers)
        return self._known[key]

    def _holds(self, storage: Storage) -> int:
        return self.now.setdefault(id(storage), next(self._numbers))

    def _forget(self, i: int, storages: list[Storage]) -> None:
        for storage in storages:
            self.now[id(storage)] = next(self._numbers)
            self.written[id(storage)] = i

    def _view(self, call: Call) -> None:
        """A view of the same part of two storages has one number."""
        value = call.result
        for each in call.makes():
            self.path[each.number] = next(self._numbers)
        if isinstance(value, Value):
            self.path[value.number] = self._number(self._described(call))

    def _compute(self, i: int, call: Call) -> None:
        """What a call makes, or leaves in what it writes into, is a matter of what it is given."""
        made = [v for v in call.makes() if v not in call.writes and v.whole]
        self.whole |= {id(v.storage): v for v in made}
        targets = [*made, *call.writes]
        key = self._described(call)
        for target in targets:
            self._forget(i, [target.storage])
            if id(target.storage) in self._given:
                self._forget(i, list(self._given.values()))
        if len(targets) == 1:
            self.now[id(targets[0].storage)] = self._number(key)

    def _described(self, call: Call) -> Any:
        """A call as a key: equal for the same function of arrays that hold the same."""

        def part(x: Any) -> Any:
            if isinstance(x, Value):
                path = self.path.get(x.number, 0)
                return self._holds(x.storage), path, x.shape, x.dtype, x.strides
            if isinstance(x, (tuple, list)):
                return type(x), tuple(map(part, x))
            if isinstance(x, slice):
                return slice, part(x.start), part(x.stop), part(x.step)
            if isinstance(x, (int, float, str, bool, type(None))):
                return type(x), repr(x)
            return type(x), id(x)

        named = tuple((k, part(v)) for k, v in sorted(call.kwargs.items()))
        return call.function, tuple(map(part, call.args)), named


def _replace(program: Program, old: Value, new: Value, since: int) -> None:
    """Puts `new` in the place of `old` in all calls behind `since`; not if memory would grow."""
    s, calls = old.storage, program.calls[since + 1 :]
    if program.calls[since].dead or any(c.dead for c in _makers(new, program.calls[:since])):
        return
    views = [v for call in calls if call.kind == "view" for v in call.makes() if v.storage is s]
    peak = program.peak
    before = [(call, call.args, call.kwargs, call.dead) for call in program.calls]
    for call in calls:
        given = call.args, call.kwargs
        call.args, call.kwargs = mapped(lambda x: new if x is old else x, given)
    _move(views, new.storage)
    mark_lives(program)
    if s.nbytes > _SMALL and program.peak > peak:
        for call, args, kwargs, dead in before:
            call.args, call.kwargs, call.dead = args, kwargs, dead
        _move(views, s)
        mark_lives(program)


def _makers(value: Value, calls: list[Call]) -> list[Call]:
    """The calls that make what a value's storage holds."""
    return [
        call
        for call in calls
        if call.kind in ("make", "write")
        and any(v.storage is value.storage for v in (*call.makes(), *call.writes))
    ]


def _move(views: list[Value], storage: Storage) -> None:
    for view in views:
        view.storage = storage
