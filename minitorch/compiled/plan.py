"""What lies where: which storages share memory, and where in it each has its place.

    v1 = exp(v0)          | v1
    v2 = multiply(v1, v1) | v1 v2
    v3 = log(v2)          |    v2 v3        v3 lies where v1 lay

NumPy asks for new memory for every result, and gives it back when nobody names it any more. The
program knows beforehand who will be named where, so all results share one piece of memory, the
*arena*, and each is given a place in it that is free for as long as it lives. An element by element
result even lies where its input lay, if that is not needed any more.

What is handed out (the result of the step, gradients) is new at every run, as it is without all
this: nobody's tensor is written over by the next run. In a network of many weights that is most of
the memory, and it is asked for while the activations are used up one by one. In the arena they
would hold their places to the end; so there the large ones are left to NumPy, which gives what they
leave to the gradients.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field

import numpy as np

from minitorch.compiled.fold import fold
from minitorch.compiled.forms import form_of
from minitorch.compiled.layout import is_dense
from minitorch.compiled.lives import mark_escapes, mark_lives
from minitorch.compiled.once import once
from minitorch.compiled.program import Call, Program, Storage, Value

ALIGNED = 64  # bytes: a line of the cache
_ALIGNED_ON_GPU = 512  # as CuPy allocates: libraries choose their way by it
_LARGE = 2**12  # bytes: a page of memory
_LEFT = 2**16  # bytes: what is smaller is never left to NumPy
_SPARE = 2**20  # bytes above the peak of eager that an arena is worth


def plan(program: Program) -> None:
    """Marks the calls that nobody needs, and gives the storages their places."""
    mark_escapes(program)
    fold(program)
    mark_lives(program)
    once(program)
    for left in (set(), *_large_ones(program.lines)):
        program.arenas = _place(program.lines, left)
        memory = program.memory
        if memory["planned"] + memory["fresh"] <= memory["eager"] + _SPARE:
            break


def _large_ones(calls: list[Call]) -> tuple[set[int], set[int]]:
    """Large storages: those alive when the first that is handed out is made; and all of them."""
    born: dict[int, int] = {}
    handed = len(calls)
    large: list[Storage] = []
    for i, call in enumerate(calls):
        for value in call.makes():
            s = value.storage
            if id(s) not in born and s.kind == "made" and s.nbytes >= _LEFT:
                born[id(s)] = i
                large.append(s)
                handed = min(handed, i) if s.escapes else handed
    alive = {id(s) for s in large if born[id(s)] < handed <= s.last}
    return alive, {id(s) for s in large}


def _place(calls: list[Call], left: set[int]) -> dict[str, int]:
    """Gives places to what calls can write into a given piece of memory; the size of each arena.

    Large storages are placed first, the largest before all others, each as low as it goes; so few
    gaps are left. There are many small ones, which follow in the order in which they are made.
    """
    for call in calls:
        for value in call.makes():
            value.storage.offset = None
    lives: dict[str, list[Life]] = {}
    of: dict[int, Life] = {}
    for i, call in enumerate(calls):
        value = call.result
        if not (call.kind == "make" and isinstance(value, Value) and _may_be_placed(call, value)):
            continue
        s = value.storage
        if id(s) in left:
            continue
        s.offset = 0
        old = _dying_twin(call, value, i)
        life = of.get(id(old))
        if life is None:
            step = ALIGNED if s.device == "cpu" else _ALIGNED_ON_GPU
            life = Life(-(-s.nbytes // step) * step, i)
            lives.setdefault(s.device, []).append(life)
        of[id(s)] = life
        life.storages.append(s)
        life.end = s.last
    return {device: _arrange(found) for device, found in lives.items()}


@dataclass
class Life:
    """From which call to which a place is needed, by storages that follow one another in it."""

    nbytes: int
    start: int
    end: int = 0
    offset: int = 0
    storages: list[Storage] = field(default_factory=list)


def _arrange(lives: list[Life]) -> int:
    """Gives every life its offset; the bytes of the whole."""
    large = sorted([life for life in lives if life.nbytes >= _LARGE], key=lambda life: -life.nbytes)
    placed: list[Life] = []
    for life in large:
        for other in placed:  # in the order of their offsets
            if other.start <= life.end and life.start <= other.end:
                if life.offset + life.nbytes <= other.offset:
                    break
                life.offset = max(life.offset, other.offset + other.nbytes)
        insort(placed, life, key=lambda life: life.offset)
    base = max([life.offset + life.nbytes for life in large], default=0)
    arena = Arena()
    ends: list[Life] = []
    for life in [life for life in lives if life.nbytes < _LARGE]:
        while ends and ends[0].end < life.start:
            gone = ends.pop(0)
            arena.free(gone.offset - base, gone.nbytes)
        life.offset = base + arena.take(life.nbytes)
        insort(ends, life, key=lambda life: life.end)
    for life in lives:
        for storage in life.storages:
            storage.offset = life.offset
    return base + arena.size


def _may_be_placed(call: Call, value: Value) -> bool:
    s = value.storage
    return (
        s.kind == "made"
        and not s.escapes
        and s.offset is None
        and s.nbytes > 0
        and value.whole
        and is_dense(value)
        and form_of(call) is not None
    )


def _dying_twin(call: Call, value: Value, i: int) -> Storage | None:
    """The storage of an input that ends here, and in whose place an elementwise result may lie."""
    if not isinstance(call.function, np.ufunc) or call.function.signature is not None:
        return None
    for x in call.args:
        if (
            isinstance(x, Value)
            and x.storage.offset is not None
            and _is_all_of_it(x)
            and x.storage.last == i
            and (x.shape, x.dtype, x.strides) == (value.shape, value.dtype, value.strides)
            and all(other is x for other in call.uses() if other.storage is x.storage)
        ):
            return x.storage
    return None


def _is_all_of_it(value: Value) -> bool:
    """Does a view show its whole storage, in whatever order of axes?"""
    size = math.prod(value.shape) * value.dtype.itemsize
    return value.whole or (size == value.storage.nbytes and is_dense(value))


class Arena:
    """Memory of which places are taken and freed: the smallest hole that is large enough.

    >>> arena = Arena()
    >>> a, b = arena.take(100), arena.take(64)
    >>> arena.free(a, 100)
    >>> arena.take(50), arena.take(200), arena.size
    (0, 192, 448)
    """

    def __init__(self) -> None:
        self.size = 0
        self.holes: list[tuple[int, int]] = []  # (start, end), in their order

    def take(self, nbytes: int) -> int:
        """The start of a free place."""
        need = _rounded(nbytes)
        fitting = [hole for hole in self.holes if hole[1] - hole[0] >= need]
        if fitting:
            start, end = min(fitting, key=lambda hole: hole[1] - hole[0])
            self.holes.remove((start, end))
            if start + need < end:
                insort(self.holes, (start + need, end))
            return start
        start = self.size
        if self.holes and self.holes[-1][1] == self.size:  # grow the hole at the end
            start = self.holes.pop()[0]
        self.size = start + need
        return start

    def free(self, start: int, nbytes: int) -> None:
        """Gives a place back, and joins it with the holes beside it."""
        end = start + _rounded(nbytes)
        for hole in [h for h in self.holes if h[1] == start or h[0] == end]:
            self.holes.remove(hole)
            start, end = min(start, hole[0]), max(end, hole[1])
        insort(self.holes, (start, end))


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNED) * ALIGNED
