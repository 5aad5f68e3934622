"""The array that remembers: a Traced holds a real array, and writes down whatever NumPy does to it.

It answers NumPy's words as the real array would, with the real array's numbers, and tells its
recorder about each call: what was called, on which values, and which value came of it. The notes
are a program that computes the same from other numbers (see `minitorch/compiled/`):

    y = np.exp(x) * 2          # x: Traced

    v1 = exp(v0)               # what the recorder has noted
    v2 = multiply(v1, 2)

What is noted is what was done, not why. So a Traced does not let Python look at its values: where
`if x > 0` chose a branch, the program would hold that one branch for ever.

This file knows nothing of tensors. It stands on the lowest floor, beside `Meta`, so that the few
functions that ask what kind of array they hold can know a Traced when they see one.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Function = TypeVar("Function", bound=Callable)
RECORDER: ContextVar[Any] = ContextVar("what writes down the calls of this thread", default=None)


class TraceError(RuntimeError):
    """A step cannot be written down as a program: the message names the line and the way out."""


class ShapeTraceError(TraceError):
    """The shape of an array is a matter of values, and a program has room for one shape."""


class Method:
    """A method of arrays as a function: `Method("sum")(x, axis=0)` is `x.sum(axis=0)`."""

    def __init__(self, name: str):
        self.name = self.__name__ = name

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.name)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


# Methods and functions that write into the array they are given first.
WRITES = {"fill", "sort", "partition", "put", "resize", "setfield", "itemset"}
WRITERS: set[Callable] = {
    np.copyto,
    np.fill_diagonal,
    np.place,
    np.put,
    np.put_along_axis,
    np.putmask,
}

# Those that tell Python about values; and those that give arrays whose shape depends on them.
LOOKS = {"dump", "dumps", "item", "tobytes", "tofile", "tolist", "get"}
LOOKERS: set[Callable] = {
    np.allclose,
    np.array_equal,
    np.array2string,
    np.array_repr,
    np.array_str,
    np.count_nonzero,
}
SHAPED_BY_VALUES: set[Callable] = {
    np.argwhere,
    np.bincount,
    np.compress,
    np.extract,
    np.flatnonzero,
    np.nonzero,
    np.setdiff1d,
    np.union1d,
    np.unique,
}

# Those that ask about shapes and dtypes only.
ASKS: set[Callable] = {
    np.can_cast,
    np.iscomplexobj,
    np.isrealobj,
    np.may_share_memory,
    np.min_scalar_type,
    np.ndim,
    np.result_type,
    np.shape,
    np.shares_memory,
    np.size,
}

# Those that make an array from nothing; `like=` says of which kind.
MAKERS: set[Callable] = {
    np.arange,
    np.array,
    np.asarray,
    np.eye,
    np.full,
    np.identity,
    np.tri,
}
FILLED: dict[Callable, Callable] = {
    np.empty: np.empty_like,
    np.ones: np.ones_like,
    np.zeros: np.zeros_like,
}

POWERS: dict[Any, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class Traced(NDArrayOperatorsMixin):
    """An array whose every use is written down; of CuPy's arrays, say. NumPy's have the one below.

    Attributes:
        inside: the real array.
        recorder: who writes.
        value: what the recorder calls it.
    """

    __slots__ = ("__weakref__", "inside", "recorder", "value")
    inside: Any
    recorder: Any
    value: Any

    def __init__(self, inside: Any, recorder: Any, value: Any):
        self.inside, self.recorder, self.value = inside, recorder, value

    # what does not depend on values -------------------------------------------------------------

    shape = property(lambda self: self.inside.shape)
    dtype = property(lambda self: self.inside.dtype)
    ndim = property(lambda self: self.inside.ndim)
    size = property(lambda self: self.inside.size)
    strides = property(lambda self: self.inside.strides)
    nbytes = property(lambda self: self.inside.nbytes)
    itemsize = property(lambda self: self.inside.itemsize)
    flags = property(lambda self: self.inside.flags)
    device = property(lambda self: self.inside.device)
    base = property(lambda self: self.recorder.base_of(self))
    T = property(lambda self: self.recorder.call(transposed, (self,)))
    mT = property(lambda self: self.recorder.call(swapped, (self,)))  # noqa: N815 - NumPy's name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape}, {self.dtype})"

    def __len__(self) -> int:
        return len(self.inside)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # what does ----------------------------------------------------------------------------------

    def _look(self, what: str) -> Any:
        raise self.recorder.looked(what)

    def __bool__(self) -> bool:
        return self._look("bool(x), as `if x:` does,")

    def __float__(self) -> float:
        return self._look("float(x)")

    def __int__(self) -> int:
        return self._look("int(x)")

    def __index__(self) -> int:
        return self._look("x as an index")

    def __contains__(self, value: Any) -> bool:
        return self._look("`value in x`")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self._look("the NumPy array of x")

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any:
        return self._look("the memory of x")

    # what is written down -----------------------------------------------------------------------

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **kwargs: Any
    ) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            return self.recorder.call(function, inputs, kwargs, writes=inputs[:1])
        if out:
            kwargs["out"] = out if len(out) > 1 else out[0]
        return self.recorder.call(function, inputs, kwargs, writes=out)

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        if function in ASKS:
            return self.recorder.ask(function, args, kwargs)
        if function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
            raise self.recorder.looked(f"np.{function.__name__}(x)", ShapeTraceError)
        if function in LOOKERS:
            self._look(f"np.{function.__name__}(x)")
        if function in FILLED:
            shape, *rest = (*args, *kwargs.values())
            dtype = kwargs.get("dtype", rest[0] if args[1:] else float)
            options = {"shape": shape, "dtype": dtype, "order": "C"}
            return self.recorder.call(FILLED[function], (self,), options)
        if function in MAKERS:
            return self.recorder.constant(function(*args, **kwargs, like=self.inside))
        if function in WRITERS:
            return self.recorder.call(function, args, kwargs, writes=args[:1])
        out = kwargs.get("out")
        return self.recorder.call(function, args, kwargs, writes=() if out is None else (out,))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "nonzero":
            raise self.recorder.looked("x.nonzero()", ShapeTraceError)
        if name in LOOKS:
            return lambda *args, **kwargs: self._look(f"x.{name}()")
        found = getattr(self.inside, name)
        if not callable(found):
            return self._look(f"x.{name}") if hasattr(found, "dtype") else found

        def method(*args: Any, **kwargs: Any) -> Any:
            out = kwargs.get("out")
            writes = (self,) if name in WRITES else () if out is None else (out,)
            return self.recorder.call(Method(name), (self, *args), kwargs, writes=writes)

        return method

    def __getitem__(self, key: Any) -> Any:
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, Traced) and part.dtype.kind == "b":
                what = "x[mask], whose shape is a matter of values,"
                raise self.recorder.looked(what, ShapeTraceError)
        return self.recorder.call(operator.getitem, (self, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, Traced) and self.recorder.is_same(self, key, value):
            return  # the last third of `x[key] += y`, which has been written already
        self.recorder.call(operator.setitem, (self, key, value), writes=(self,))

    def __pow__(self, n: Any) -> Any:
        if isinstance(n, (int, float)) and n in POWERS and self.dtype.kind == "f":
            return POWERS[n](self)  # as NumPy does it
        return self.recorder.call(operator.pow, (self, n))

    def __ipow__(self, n: Any) -> Any:
        if isinstance(n, (int, float)) and n in POWERS and self.dtype.kind == "f":
            return POWERS[n](self, out=self)
        return self.recorder.call(np.power, (self, n), {"out": self}, writes=(self,))

    __hash__ = None  # type: ignore[assignment]


class TracedNumpy(Traced):
    """A Traced of NumPy's."""

    __slots__ = ()


# What lies in the host's memory. A quick way for NumPy's arrays asks `type(x) in NUMPY`, so that a
# program is made of the same calls; or it is one call of the program (`x.recorder.call`).
NUMPY = frozenset({np.ndarray, TracedNumpy})


def transposed(x: Any) -> Any:
    """x.T"""
    return x.T


def swapped(x: Any) -> Any:
    """x.mT"""
    return x.swapaxes(-1, -2)


def one_call(function: Function) -> Function:
    """Makes the function one line of a program: it is called at every replay, as it is here.

    For what does more than arithmetic: what counts steps, reads a learning rate that a schedule
    moves, draws from a random stream, or looks at values and may raise.
    """
    current = RECORDER.get

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = current()
        if recorder is None:
            return function(*args, **kwargs) if kwargs else function(*args)
        return recorder.outside(function, args, kwargs)

    return cast("Function", call)


def live(read: Callable[[], float], x: Any) -> Any:
    """A number that changes between runs: looked up at each, as an array of no axes, like x."""
    recorder = RECORDER.get()
    return read() if recorder is None else recorder.outside(_number_like, (x, read), {})


def _number_like(x: Any, read: Callable[[], float]) -> Any:
    return np.full_like(x, read(), shape=())


def of_now(x: Any) -> Any:
    """The real array, for a hint that is given once: a program does not look for it again."""
    return x.inside if isinstance(x, Traced) else x


def known(x: Any) -> Any:
    """The real array of what the step made from nothing: it is the same at every run.

    What is an argument, or computed from one, stays as it is, and says so when it is looked at.
    """
    same = isinstance(x, Traced) and x.value.storage.kind == "constant" and x.value.whole
    return x.inside if same and not x.value.storage.written else x


class Opaque:
    """What a whole op kept for its backward: nobody may look into it before the program runs."""

    __slots__ = ("inside", "recorder", "value")

    def __init__(self, inside: Any, recorder: Any, value: Any):
        self.inside, self.recorder, self.value = inside, recorder, value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("base", "shape", "dtype", "nbytes"):
            raise AttributeError(name)
        raise self.recorder.looked("what the op has kept")

    def __iter__(self) -> Iterator[Any]:
        raise self.recorder.looked("what the op has kept")

    def __getitem__(self, key: Any) -> Any:
        raise self.recorder.looked("what the op has kept")

    def __bool__(self) -> bool:
        raise self.recorder.looked("what the op has kept")

    def __call__(self, *args: Any) -> Any:
        raise self.recorder.looked("what the op has kept")
