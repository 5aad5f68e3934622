"""The clock: nodes are numbered at birth and writes in place are stamped, all on one count.

So "was this array changed after that node saved it?" is one comparison. Stamps belong to memory:
an array written through a view is written.
"""

from __future__ import annotations

import weakref
from itertools import count
from typing import Any

Array = Any

next_birth = count(1).__next__


class Clock:
    """When something was last written in place, whatever it was; 0 for never."""

    __slots__ = ("last_write",)

    def __init__(self) -> None:
        self.last_write = 0


clock = Clock()

# id(array that owns the memory) -> [a reference that removes the entry, stamp, who wrote]
_writes: dict[int, list] = {}


def owner(x: Array) -> Array:
    """The array that owns the memory a view looks into."""
    while (base := x.base) is not None and isinstance(base, type(x)):
        x = base
    return x


def stamp(x: Array, who: str) -> None:
    """Notes that `who` has just written into `x`, for every array that shares its memory."""
    if x.base is not None:
        x = owner(x)
    key = id(x)
    clock.last_write = now = next_birth()
    entry = _writes.get(key)
    if entry is None:
        entry = _writes[key] = [weakref.ref(x, lambda _: _writes.pop(key, None)), 0, ""]
    entry[1], entry[2] = now, who


def version(x: Array) -> int:
    """When the memory of `x` was last written in place; 0 for never."""
    return _last(x)[1]


def writer(x: Array) -> str:
    """Who wrote into the memory of `x` last; "" for nobody."""
    return _last(x)[2]


def _last(x: Array) -> list:
    return _writes.get(id(owner(x)), [None, 0, ""])
