"""CUDA graphs on the host: while a stream captures, calls are noted and change nothing.

A launch makes the noted calls again, on the same arrays: the same addresses. So an array that was
replaced since, a number that should have moved on and an array that is gone show as on a GPU. What
CuPy refuses during a capture is refused here: products and other calls of libraries, waiting for
the GPU, uploads.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tests.fakecupy.state import CUDARuntimeError, counters, gpu

_CUBLAS = frozenset(
    (
        *("dot", "einsum", "inner", "kron", "matmul", "matrix_power", "matvec", "outer"),
        *("tensordot", "vdot", "vecdot", "vecmat"),
    )
)
_CUSOLVER = frozenset(
    (
        *("cholesky", "det", "eigh", "eigvalsh", "inv", "lstsq", "pinv", "qr", "slogdet"),
        *("solve", "svd", "tensorinv", "tensorsolve"),
    )
)
_MAKES_ROOM = (np.empty, np.empty_like)


def memory(array: np.ndarray) -> Any:
    """The array at the bottom of a chain of views."""
    while isinstance(below := getattr(array, "base", None), np.ndarray) or hasattr(below, "base"):
        array = below
    return array


class Capture:
    """What one stream has been given since `begin_capture`."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], Any]] = []
        self.broken = False
        self.made: list[np.ndarray] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._needed: list[weakref.ref] = []
        self._own: dict[int, weakref.ref] = {}

    def refuse(self) -> None:
        """Raises for what is not allowed now, and spoils the capture."""
        self.broken = True
        raise CUDARuntimeError(900)

    def allocated(self, x: Any) -> None:
        """A new array. From a pool of the graph's own, its memory stays when it is gone."""
        if gpu.allocator is None:
            self._needed.append(weakref.ref(x))
        else:
            self._own[id(x)] = weakref.ref(x)

    def given(self, arrays: Iterable[Any]) -> None:
        """Arrays of the stand-in that a call reads or writes: they have to be there at a launch."""
        for x in arrays:
            owner = x if x._base is None else x._base
            known = self._own.get(id(owner))
            own = known is not None and known() is owner
            if not own and memory(owner._host) is owner._host:
                self._needed.append(weakref.ref(owner))

    def run(self, function: Callable, args: tuple, kwargs: dict, hosts: list[np.ndarray]) -> Any:
        """Notes a call. It is made too, for the shapes of its results, and undone at the end."""
        if library := _library(function):
            refuse_library(library)
        bottoms = [memory(host) for host in hosts]
        for bottom in bottoms:
            if id(bottom) not in self._before:
                self._before[id(bottom)] = bottom, bottom.copy()
        result = function(*args, **kwargs)
        parts = list(result) if isinstance(result, (tuple, list)) else [result]
        parts = [np.asarray(x) if isinstance(x, np.generic) else x for x in parts]
        new = [
            (i, x)
            for i, x in enumerate(parts)
            if isinstance(x, np.ndarray) and not any(memory(x) is b for b in bottoms)
        ]
        self.made += [x for _, x in new]

        def again() -> None:
            found = function(*args, **kwargs)
            found = found if isinstance(found, (tuple, list)) else [found]
            for i, x in new:
                x[...] = found[i]

        if function not in _MAKES_ROOM:
            self.steps.append(again)
        return type(result)(parts) if isinstance(result, (tuple, list)) else parts[0]

    def ended(self, poison: Callable) -> "Graph":
        """Everything as it was; what was made holds nothing yet."""
        for bottom, copy in self._before.values():
            bottom[...] = copy
        for x in self.made:
            poison(x)
        if self.broken:
            raise CUDARuntimeError(901)
        return Graph(self.steps, self._needed)


def _library(function: Callable) -> str:
    """The library of NVIDIA's that a call goes to; "" for a kernel of CuPy's own."""
    name = getattr(function, "__name__", "")
    return "cuBLAS" if name in _CUBLAS else "cuSOLVER" if name in _CUSOLVER else ""


def refuse_library(library: str) -> None:
    """Raises, while the current stream captures, what CuPy raises for a library's calls."""
    if gpu.capture is not None:
        raise NotImplementedError(
            f"calling {library} API during stream capture is currently unsupported"
        )


class Graph:
    """Calls that are made again by one launch."""

    def __init__(self, steps: list[Callable[[], Any]], needed: list[weakref.ref]):
        self._steps, self._needed = steps, needed

    def launch(self, stream: Any = None) -> None:
        gpu.require()
        if gpu.capture is not None:
            gpu.capture.refuse()
        if any(ref() is None for ref in self._needed):
            raise CUDARuntimeError(700)
        counters.graphs += 1
        with np.errstate(all="ignore"):
            for step in self._steps:
                step()

    def upload(self, stream: Any = None) -> None:
        """There is nothing to send ahead."""


def called(function: Callable, args: tuple, kwargs: dict, arrays: list[Any]) -> Any:
    """A call on the host arrays of these arrays, made, or noted while a graph is captured."""
    graph = gpu.capture
    if graph is None:
        return function(*args, **kwargs)
    graph.given(arrays)
    return graph.run(function, args, kwargs, [x._host for x in arrays])


@contextlib.contextmanager
def using_allocator(allocator: Any = None) -> Iterator[None]:
    """Inside the block new arrays lie in memory of that allocator."""
    before, gpu.allocator = gpu.allocator, allocator
    try:
        yield
    finally:
        gpu.allocator = before
