"""Threads: large arrays are cut into blocks of rows, and every core takes its part of them.

NumPy does everything but matrix products on one core. While it does, it lets go of Python's lock,
and another thread can compute beside it. A block is small enough to stay in the cache through all
that is done with it, and large enough that threads seldom wait for the lock. How an array is cut
is a matter of its shape, so results are the same, bit for bit, with any number of threads.

A thread that helps is started when there is work for it, and sleeps between two jobs. Matrix
products have threads of their own, whose number `OPENBLAS_NUM_THREADS` says before Python starts.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any

from numpy import ndarray

from minitorch.traced import NUMPY, TracedNumpy

BLOCK = 1 << 19  # bytes of an array in a block: two such arrays stay in a core's own cache


# how many --------------------------------------------------------------------------------------


def get_num_threads() -> int:
    """How many threads work on large arrays: at first one for each core this process may use.

    Or as many as the environment's `OMP_NUM_THREADS` says.
    """
    return _pool.size


def set_num_threads(n: int) -> None:
    """From now on n threads work on large arrays; 1 leaves all of it to the thread that calls.

    The threads of matrix products are NumPy's own: `OPENBLAS_NUM_THREADS` says their number, before
    Python starts.

    >>> import minitorch
    >>> before = minitorch.get_num_threads()
    >>> minitorch.set_num_threads(1)
    >>> minitorch.get_num_threads()
    1
    >>> minitorch.set_num_threads(before)

    Raises:
        TypeError: n is no int.
        ValueError: n is below 1.
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads: expected an int, got {type(n).__name__} {n!r}")
    if n < 1:
        raise ValueError(f"set_num_threads: expected 1 or more, got {n}")
    _pool.size = n


def _usual() -> int:
    """What the environment says, or else the cores that this process may use."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdecimal() and int(said):
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# sharing work ----------------------------------------------------------------------------------


def share(function: Callable[..., Any], pieces: Iterable[tuple]) -> None:
    """Calls function(*piece) for every piece, in any order, several at once.

    It returns when all is done; what a call raises, or an interrupt, is raised then, and pieces
    that nobody had begun are left. Called in several threads at once, or from within a function
    that is itself shared, all but the first do their pieces alone. The other threads work under
    the caller's `np.errstate`.
    """
    job = _Job(function, pieces)
    helps = _pool.help(job)
    try:
        job.work()
    finally:
        if helps:
            _pool.wait(helps)


def is_large(x: Any) -> bool:
    """True for an array of NumPy's that makes more than one block."""
    return type(x) in NUMPY and x.nbytes > BLOCK


def by_rows(
    function: Callable[..., Any], into: tuple[Any, ...], of: tuple[Any, ...], dim: Any
) -> None:
    """function(*into, *of, dim), which fills the arrays `into`; if these are large, by blocks.

    A block is a few rows, along axis 0, of all the arrays that have as many as the first of `of`.
    What has other sizes goes with every block. So the function must not mix rows: it is cut up
    only if `dim`, an axis or several that it works along (None for all), is another than 0.

    In a compiled program it is one line.
    """
    x, arrays = of[0], (*into, *of)
    if type(into[0]) is TracedNumpy and is_large(x):
        into[0].recorder.call(by_rows, (function, into, of, dim), {}, into)
        return
    whole = type(x) is not ndarray or x.nbytes <= BLOCK or x.ndim < 2 or not x.flags.c_contiguous
    dims = dim if isinstance(dim, tuple) else (dim,)
    if whole or any(d is None or d % x.ndim == 0 for d in dims):
        function(*arrays, dim)
        return
    rows = len(x)
    size = -(-rows // min(rows, -(-x.nbytes // BLOCK)))
    cut = [getattr(a, "ndim", 0) == x.ndim and len(a) == rows for a in arrays]
    share(
        function,
        [
            (*[a[i : i + size] if c else a for a, c in zip(arrays, cut)], dim)
            for i in range(0, rows, size)
        ],
    )


class _Job:
    """A function, and the pieces that are left of it."""

    def __init__(self, function: Callable[..., Any], pieces: Iterable[tuple]):
        self.function = function
        self.pieces = deque(pieces)

    def work(self) -> None:
        """Takes one piece after the other until none is left."""
        try:
            while (piece := self._taken()) is not None:
                self.function(*piece)
        except BaseException:
            self.pieces.clear()
            raise

    def _taken(self) -> tuple | None:
        try:
            return self.pieces.popleft()
        except IndexError:  # another thread has taken the last
            return None


class _Help:
    """What one thread does for a job of another, and how the other learns that it is over."""

    def __init__(self, job: _Job):
        self.job: _Job | None = job
        self.context = copy_context()  # where NumPy has its errstate
        self.error: BaseException | None = None
        self.over = False
        self.lock = allocate_lock()
        self.lock.acquire()

    def give(self) -> None:
        """Works until no piece is left. Nothing of the job is held on to afterwards."""
        try:
            self.context.run(self.job.work)  # type: ignore[union-attr]
        except BaseException as error:  # the caller raises it
            self.error = error
        self.job = None
        self.over = True
        self.lock.release()


class _Helper:
    """A thread that sleeps until it is given something to do."""

    def __init__(self) -> None:
        self.go = allocate_lock()
        self.go.acquire()
        self.help: _Help | None = None
        start_new_thread(self._run, ())  # Python does not wait for such a thread when it ends

    def start(self, help: _Help) -> None:
        self.help = help
        self.go.release()

    def _run(self) -> None:
        while True:
            self.go.acquire()
            help, self.help = self.help, None
            help.give()  # type: ignore[union-attr]
            del help


class _Pool:
    """The threads that help: one caller at a time has all of them."""

    def __init__(self, size: int):
        self.size = size
        self.helpers: list[_Helper] = []
        self.lent = allocate_lock()

    def help(self, job: _Job) -> list[_Help]:
        """Sets other threads to work on a job; none, where there is little, or they are busy."""
        count = min(self.size, len(job.pieces)) - 1
        if count < 1 or sys.is_finalizing() or not self.lent.acquire(False):
            return []
        try:
            while len(self.helpers) < count:
                self.helpers.append(_Helper())
        except RuntimeError:  # no thread can be started in a browser, or while Python ends
            pass
        helps = [_Help(job) for _ in self.helpers[:count]]
        for helper, help in zip(self.helpers, helps):
            helper.start(help)
        if not helps:
            self.lent.release()
        return helps

    def wait(self, helps: list[_Help]) -> None:
        """Returns when all help is over. An interrupt that comes meanwhile is raised then."""
        interrupt: BaseException | None = None
        for help in helps:
            while not help.over:
                try:
                    help.lock.acquire()
                except BaseException as error:
                    interrupt = error
        self.lent.release()
        for raised in (interrupt, *[help.error for help in helps]):
            if raised is not None:
                raise raised


_pool = _Pool(_usual())


def _after_fork() -> None:
    """A forked process has none of its parent's threads."""
    global _pool
    _pool = _Pool(_pool.size)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
