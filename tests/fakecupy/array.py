"""The array of the stand-in: it holds a NumPy array and gives it to nobody who does not ask.

It is no subclass of numpy.ndarray, since NumPy takes those as its own without a question.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tests.fakecupy import indexing, names, signatures
from tests.fakecupy.capture import called, memory
from tests.fakecupy.state import CUDARuntimeError, counters, gpu

live: weakref.WeakValueDictionary[int, "ndarray"] = weakref.WeakValueDictionary()

_IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. "
    "Please use `.get()` to construct a NumPy array explicitly."
)


class Device:
    """One GPU; as a context, the one that new arrays go to."""

    def __init__(self, device: "int | Device | None" = None):
        self.id = gpu.current if device is None else int(device)
        self._before: list[int] = []

    def use(self) -> None:
        gpu.require()
        if not 0 <= self.id < gpu.count:
            raise CUDARuntimeError(101)
        gpu.current = self.id

    def synchronize(self) -> None:
        gpu.require()
        counters.sync += 1

    def __enter__(self) -> "Device":
        before = gpu.current
        self.use()
        self._before.append(before)
        return self

    def __exit__(self, *_: object) -> None:
        gpu.current = self._before.pop()

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Device) else NotImplemented

    __hash__ = None

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class MemoryPointer:
    """Where an array's bytes begin."""

    def __init__(self, ptr: int, device: Device):
        self.ptr, self.device, self.device_id = ptr, device, device.id


class Flags:
    """The three things CuPy says about memory; `writeable` is not among them."""

    def __init__(self, array: np.ndarray, owndata: bool):
        self.c_contiguous = array.flags.c_contiguous
        self.f_contiguous = array.flags.f_contiguous
        self.owndata = owndata
        self.fnc = self.f_contiguous and not self.c_contiguous
        self.forc = self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return getattr(self, name.lower())


def poison(array: np.ndarray) -> np.ndarray:
    """Memory that nobody has written yet, filled with values that show when they are read."""
    kind = array.dtype.kind
    array[...] = np.nan if kind in "fcV" else True if kind == "b" else np.iinfo(array.dtype).max
    return array


class ndarray:  # noqa: N801  (CuPy's name)
    """CuPy's array, on the host. `_host` is the data; only this package may touch it."""

    __slots__ = ("__weakref__", "_base", "_device", "_host")
    __module__ = "cupy"
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape: Any, dtype: Any = float, *, order: str = "C"):
        self._adopt(poison(np.empty(shape, dtype, order)), None, fresh=True)

    def _adopt(self, host: np.ndarray, base: "ndarray | None", fresh: bool) -> None:
        gpu.require()
        self._host, self._base = host, base
        self._device = gpu.current if base is None else base._device
        if fresh:
            live[id(self)] = self
        if base is None and gpu.capture is not None:
            gpu.capture.allocated(self)

    # what it is ---------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    base = property(lambda self: self._base)
    device = property(lambda self: Device(self._device))
    flags = property(lambda self: Flags(self._host, self._base is None))
    T = property(lambda self: apply(np.transpose, self))
    mT = property(lambda self: apply(np.matrix_transpose, self))  # noqa: N815  (CuPy's name)
    real = property(lambda self: apply(np.real, self))
    imag = property(lambda self: apply(np.imag, self))

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self._host.__array_interface__["data"][0], self.device)

    def __getattr__(self, name: str) -> Any:
        if name in names.METHODS or name in names.ATTRIBUTES.split():
            raise NotImplementedError(f"CuPy has ndarray.{name}; the stand-in does not do it")
        raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

    # to the host and back -----------------------------------------------------------------------

    def get(
        self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True
    ) -> np.ndarray:
        gpu.require()
        counters.sync += 1
        if out is None:
            return np.array(self._host, order=order)
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if out.dtype != self.dtype or out.shape != self.shape:
            raise ValueError(f"cannot put {self.dtype}{self.shape} into {out.dtype}{out.shape}")
        out[...] = self._host
        return out

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        counters.h2d += 1
        self._host[...] = arr

    def item(self) -> bool | int | float | complex:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self.get().tobytes(order)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(_IMPLICIT)

    def __bool__(self) -> bool:
        if self.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                "Use a.any() or a.all()"
            )
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec)

    def __reduce__(self) -> tuple:
        from tests.fakecupy.functions import array

        return array, (self.get(order="A"),)

    def __copy__(self) -> "ndarray":
        return self.copy()

    def __deepcopy__(self, memo: dict) -> "ndarray":
        return self.copy()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._device

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Any:
        if dl_device != (1, 0):
            raise BufferError("there is no GPU memory here to share with other libraries")
        if copy is False:
            raise ValueError("GPU memory cannot be exported to CPU without copy.")
        return self.get().__dlpack__(max_version=max_version)

    # elements -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator["ndarray"]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, parts: Any) -> "ndarray":
        used = [self, *_arrays(parts)]
        return wrap(called(indexing.read, (self._host, parts), {}, used), [self])

    def __setitem__(self, parts: Any, value: Any) -> None:
        used = [self, *_arrays(parts), *_arrays(value)]
        called(indexing.write, (self._host, parts, value), {}, used)

    def fill(self, value: Any) -> None:
        called(indexing.fill, (self._host, value), {}, [self, *_arrays(value)])

    def nonzero(self) -> tuple["ndarray", ...]:
        if not self.shape:
            raise ValueError("Calling nonzero on 0d arrays is not allowed.")
        counters.sync += 1
        return apply(np.nonzero, self)

    def take(self, indices: Any, axis: int | None = None, out: Any = None) -> "ndarray":
        if out is not None and out.dtype != self.dtype:
            raise TypeError("Output dtype mismatch")
        if not np.isscalar(indices):
            indices = wrap(indexing.uploaded(indices, np.dtype(int)))
        return apply(np.take, self, indices, axis, out, mode="wrap")

    def put(self, indices: Any, values: Any, mode: str = "wrap") -> None:
        if mode not in ("raise", "wrap", "clip"):
            raise ValueError("clipmode not understood")
        counters.sync += mode == "raise"
        places = indexing.uploaded(indices, np.dtype(int)).ravel()
        values = np.resize(indexing.uploaded(values, self.dtype), places.size)
        used = [self, *_arrays(indices)]  # the first of several stays
        called(np.put, (self._host, places[::-1], values[::-1], mode), {}, used)


def wrap(result: Any, inputs: Iterable[ndarray] = ()) -> Any:
    """NumPy's answer as CuPy would give it: arrays on the GPU, numbers as 0-d arrays.

    `inputs` are the arrays it was computed from: the answer may be one of them, or a view.
    """
    if isinstance(result, tuple):
        return tuple(wrap(part, inputs) for part in result)
    if isinstance(result, list):
        return [wrap(part, inputs) for part in result]
    if isinstance(result, np.generic):
        result = np.asarray(result)
    if not isinstance(result, np.ndarray):
        return result
    base = None
    for x in inputs:
        if result is x._host:
            return x
        if base is None and memory(result) is memory(x._host):
            base = x if x._base is None else x._base
    return adopt(result, base, fresh=base is None)


def adopt(host: np.ndarray, base: ndarray | None = None, fresh: bool = False) -> ndarray:
    """An array of the stand-in around memory that is there already."""
    array = ndarray.__new__(ndarray)
    array._adopt(host, base, fresh)
    return array


def _arrays(tree: Any) -> list[ndarray]:
    """The arrays of the stand-in in an index."""
    parts = tree if isinstance(tree, (tuple, list)) else (tree,)
    return [x for x in parts if isinstance(x, ndarray)]


def unwrap(value: Any, inputs: list[ndarray]) -> Any:
    """What NumPy may see of an argument; a NumPy array among the arguments is an error."""
    if isinstance(value, ndarray):
        inputs.append(value)
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple):
        return tuple(unwrap(part, inputs) for part in value)
    if isinstance(value, list):
        return [unwrap(part, inputs) for part in value]
    return value


def apply(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """A NumPy function applied to arrays of the stand-in. Like a GPU it divides by zero quietly."""
    gpu.require()
    inputs: list[ndarray] = []
    args = [unwrap(value, inputs) for value in args]
    kwargs = {name: unwrap(value, inputs) for name, value in kwargs.items()}
    with np.errstate(all="ignore"):
        return wrap(called(function, tuple(args), kwargs, inputs), inputs)


_WAITS = frozenset(
    (
        *("argwhere", "array2string", "array_repr", "array_str", "average", "bincount", "choose"),
        *("compress", "extract", "flatnonzero", "intersect1d", "nonzero", "save", "savetxt"),
        *("savez", "savez_compressed", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique"),
        *("unique_all", "unique_counts", "unique_inverse", "unique_values"),
    )
)


def waits(name: str, given: dict[str, Any]) -> bool:
    """True for a function that needs a value or a size from the GPU before it can go on."""
    if name == "repeat":
        return not isinstance(given["repeats"], int | np.integer)
    return name in _WAITS


def _method(name: str) -> Callable:
    """A method that does what NumPy's does, for the arguments that CuPy's takes."""
    signature = signatures.read(names.METHODS[name])
    function = getattr(np.ndarray, name, None)
    if not callable(function):  # NumPy 2.0 has there an attribute that says what to write instead
        function = getattr(np, name)

    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        counters.sync += waits(name, given)
        return apply(function, self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "astype", "choose", "clip"),
    *("compress", "conj", "conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "flatten"),
    *("max", "mean", "min", "partition", "prod", "ptp", "ravel", "repeat", "reshape", "round"),
    *("searchsorted", "sort", "squeeze", "std", "sum", "swapaxes", "trace", "transpose", "var"),
    "view",
):
    setattr(ndarray, _name, _method(_name))
