"""CuPy's ufuncs: NumPy's, less what CuPy leaves out, and the operators that are made of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fakecupy import indexing, names, signatures
from tests.fakecupy.array import apply, ndarray, wrap
from tests.fakecupy.capture import called
from tests.fakecupy.state import gpu

NUMBERS = (bool, int, float, complex, np.number, np.bool_)


class ufunc:  # noqa: N801  (CuPy's name)
    """One elementwise function: arrays of the stand-in and numbers in, arrays out."""

    _keywords = frozenset(("out", "dtype", "casting"))  # no where=, order=, subok=

    def __init__(self, name: str):
        self._function = np.trunc if name == "fix" else getattr(np, name)  # NumPy 2.5 drops fix
        self.__name__ = name
        self.name = f"cupy_{name}"
        self.nin = getattr(self._function, "nin", 1)
        self.nout = getattr(self._function, "nout", 1)
        self.nargs = self.nin + self.nout

    def __repr__(self) -> str:
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rest = {key: kwargs[key] for key in kwargs if key not in self._keywords}
        if rest:
            raise TypeError(f"Wrong arguments {rest}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self.name!r}. {len(args)} given.")
        out = kwargs.get("out")
        outputs = (*args[self.nin :], *(out if isinstance(out, tuple) else (out,)))
        for value in args[: self.nin]:
            if not isinstance(value, (ndarray, *NUMBERS)):
                raise TypeError(f"Unsupported type {type(value)}")
        for value in outputs:
            if not isinstance(value, ndarray | None):
                raise TypeError(f"Unsupported type {type(value)}")
        if isinstance(self._function, np.ufunc):
            return apply(self._function, *args, **kwargs)
        return self._plain(*args, **kwargs)

    def _plain(self, x: Any, out: ndarray | None = None, dtype: Any = None, **_: Any) -> ndarray:
        """For `sinc` and `i0`, which are ufuncs in CuPy and not in NumPy."""
        y = apply(self._function, x)
        y = y if dtype is None else y.astype(dtype)
        if out is None:
            return y
        out[...] = y
        return out

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        if self.__name__ not in indexing.SCATTERED:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        scatter(self.__name__, a, indices, b)

    def reduce(
        self,
        array: ndarray,
        axis: Any = 0,
        dtype: Any = None,
        out: ndarray | None = None,
        keepdims: bool = False,
    ) -> ndarray:
        method = {"add": "sum", "multiply": "prod"}.get(self.__name__)
        if method is None:
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return getattr(_required(array), method)(axis, dtype, out, keepdims)

    def accumulate(
        self, array: ndarray, axis: int = 0, dtype: Any = None, out: ndarray | None = None
    ) -> ndarray:
        method = {"add": "cumsum", "multiply": "cumprod"}.get(self.__name__)
        if method is None:
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return getattr(_required(array), method)(axis, dtype, out)

    def reduceat(
        self,
        array: ndarray,
        indices: Any,
        axis: int = 0,
        dtype: Any = None,
        out: ndarray | None = None,
    ) -> ndarray:
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        places = wrap(indexing.uploaded(indices, np.dtype(int)))
        return apply(np.add.reduceat, _required(array), places, axis, dtype, out)

    def outer(self, a: Any, b: Any, **kwargs: Any) -> ndarray:
        a, b = _required(a), _required(b)
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)


class _Matmul(ufunc):
    """Matrix product: like a ufunc, with the keywords of a generalized one."""

    _keywords = frozenset(
        name
        for name, parameter in signatures.read(names.FUNCTIONS["matmul"]).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        low = [x.dtype for x in args[:2] if isinstance(x, ndarray) and x.dtype.name == "bfloat16"]
        if len(low) < 2:
            return super().__call__(*args, **kwargs)
        if max(x.ndim for x in args[:2]) > 2:  # CuPy 14 takes their dtype for one of integers
            raise TypeError("no product of stacks of matrices of bfloat16")
        y = super().__call__(*args, **kwargs)  # cuBLAS adds up in float32, and rounds
        return y if kwargs.get("out") is not None else y.astype(low[0])


def _required(array: Any) -> ndarray:
    if not isinstance(array, ndarray):
        raise TypeError(f"Unsupported type {type(array)}")
    return array


def scatter(name: str, a: ndarray, slices: Any, value: Any) -> None:
    """`<name>.at(a, slices, value)`; also what cupyx's scatter functions do."""
    gpu.require()
    parts = slices if isinstance(slices, tuple) else (slices,)
    used = [x for x in (_required(a), *parts, value) if isinstance(x, ndarray)]
    called(indexing.scatter, (name, a._host, slices, value), {}, used)


UFUNCS: dict[str, ufunc] = {name: ufunc(name) for name in names.UFUNCS.split()}
UFUNCS["matmul"] = _Matmul("matmul")


# operators --------------------------------------------------------------------------------------


def _gives_way(x: ndarray, y: Any) -> bool:
    """True when `x + y` is to be left to y's own `__radd__` (NEP 13, as CuPy reads it)."""
    missing = object()
    protocol = getattr(y, "__array_ufunc__", missing)
    if protocol is not missing:
        return protocol is None
    return getattr(y, "__array_priority__", 0) > x.__array_priority__


def _forward(name: str) -> Callable:
    def operate(self: ndarray, other: Any) -> Any:
        if isinstance(other, ndarray):
            return UFUNCS[name](self, other)
        if _gives_way(self, other):
            return NotImplemented
        return getattr(np, name)(self, other)  # NumPy asks every operand's __array_ufunc__

    return operate


def _reflected(name: str) -> Callable:
    return lambda self, other: UFUNCS[name](other, self)


def _in_place(name: str) -> Callable:
    return lambda self, other: UFUNCS[name](self, other, self)


def _unary(name: str) -> Callable:
    return lambda self: UFUNCS[name](self)


def _compared(name: str) -> Callable:
    ask = _forward(name)

    def compare(self: ndarray, other: Any) -> Any:
        if isinstance(other, np.ndarray) and other.ndim == 0:
            other = other.item()  # comparisons alone take a 0-d NumPy array
        if name in ("equal", "not_equal") and (
            other is None or (type(other).__eq__ is object.__eq__ and not _gives_way(self, other))
        ):
            return apply(np.full, self.shape, name == "not_equal")
        return ask(self, other)

    return compare


_SYMBOLS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "divmod": "divmod",
    "matmul": "matmul",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}

for _symbol, _name in _SYMBOLS.items():
    setattr(ndarray, f"__{_symbol}__", _forward(_name))
    setattr(ndarray, f"__r{_symbol}__", _reflected(_name))
    if _symbol not in ("divmod", "matmul"):  # `a @= b` rebinds: CuPy has no __imatmul__
        setattr(ndarray, f"__i{_symbol}__", _in_place(_name))
for _symbol, _name in _COMPARISONS.items():
    setattr(ndarray, f"__{_symbol}__", _compared(_name))
for _symbol, _name in _UNARY.items():
    setattr(ndarray, f"__{_symbol}__", _unary(_name))
