"""How many bytes some arrays take, each piece of memory counted once and as long as it lives."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minitorch.array import Array, is_cupy
from minitorch.clock import owner


class Held:
    """Arrays that are alive, known by the memory that they look into.

    Attributes:
        live: bytes that are held now.
        peak: the most that were held at once.
    """

    def __init__(self) -> None:
        self.live = self.peak = 0
        self._known: dict[int, weakref.ref] = {}

    def add(self, values: Any, besides: Any = ()) -> int:
        """Bytes of the arrays among the values that are new here, and no views of `besides`."""
        others = {id(owner(x)) for x in arrays_in(besides)}
        return sum(self._take(owner(x)) for x in arrays_in(values) if id(owner(x)) not in others)

    def _take(self, x: Array) -> int:
        key, size = id(x), x.nbytes
        if key in self._known:
            return 0

        def gone(_: Any) -> None:
            if self._known.pop(key, None) is not None:
                self.live -= size

        self._known[key] = weakref.ref(x, gone)
        self.live += size
        self.peak = max(self.peak, self.live)
        return size

    def forget(self) -> None:
        """Follows none of the arrays any longer."""
        self._known.clear()
        self.live = 0


def arrays_in(values: Any) -> Iterator[Array]:
    """The arrays in nested tuples and lists."""
    if isinstance(values, np.ndarray) or is_cupy(values):
        yield values
    elif isinstance(values, (tuple, list)):
        yield from _each(values)


def _each(values: Iterable[Any]) -> Iterator[Array]:
    for value in values:
        yield from arrays_in(value)
