"""CuPy's functions: NumPy's wherever the two agree, and those that need words of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fakecupy import signatures
from tests.fakecupy.array import adopt, apply, live, ndarray, poison, waits
from tests.fakecupy.state import counters, gpu
from tests.fakecupy.ufuncs import scatter

_STATED = {  # functions that take **kwargs, and what they make of them
    "einsum": "*operands dtype= optimize=",
    "meshgrid": "*xi indexing= copy= sparse=",
}
_LEFT_OUT = frozenset(  # they call back with arrays, or read files: nothing here needs them
    (
        *("apply_along_axis", "apply_over_axes", "from_dlpack", "frombuffer", "fromfile"),
        *("fromfunction", "fromiter", "fromstring", "genfromtxt", "load", "loadtxt", "piecewise"),
    )
)


def numpy_function(name: str, line: str, function: Callable) -> Callable:
    """NumPy's function for arrays of the stand-in, with the parameters that CuPy's has."""
    signature = signatures.read(_STATED.get(name, line))

    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        counters.sync += waits(name, given)
        return apply(function, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__signature__ = signature
    return call


def numpy_functions(lines: dict[str, str], module: Any) -> dict[str, Callable]:
    """All of a group of CuPy's names that NumPy has as well."""
    return {
        name: numpy_function(name, line, getattr(module, name))
        for name, line in lines.items()
        if hasattr(module, name) and name not in _LEFT_OUT
    }


# creation ---------------------------------------------------------------------------------------


def _holds_device(obj: Any) -> bool:
    """True for a nested sequence with an array of the stand-in somewhere in it."""
    if isinstance(obj, (list, tuple)):
        return any(_holds_device(part) for part in obj)
    return isinstance(obj, ndarray)


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: str | None = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    """An array on the GPU: host data is uploaded, arrays of the stand-in are copied there."""
    gpu.require()
    if subok:
        raise NotImplementedError("the stand-in has no array(subok=True)")
    if _holds_device(obj):
        elsewhere = isinstance(obj, ndarray) and obj.device.id != gpu.current
        copy = True if copy or elsewhere else None  # False does not mean "raise" in CuPy
        return apply(np.array, obj, dtype, copy=copy, order=order or "K", ndmin=ndmin)
    host = np.array(obj, dtype=dtype, order=order or "K", ndmin=ndmin)
    known = host.dtype.kind in "biufc" or host.dtype.name == "bfloat16"
    if not known or host.dtype in (np.longdouble, np.clongdouble):
        raise ValueError(f"Unsupported dtype {host.dtype}")
    counters.h2d += host.ndim > 0
    return adopt(host, fresh=True)


def asarray(
    a: Any,
    dtype: Any = None,
    order: str | None = None,
    *,
    copy: bool | None = None,
    blocking: bool = False,
) -> ndarray:
    return array(a, dtype, copy, order, blocking=blocking)


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    a = a if isinstance(a, ndarray) else array(a, dtype)
    return apply(np.ascontiguousarray, a, dtype)


def asfortranarray(a: Any, dtype: Any = None) -> ndarray:
    a = a if isinstance(a, ndarray) else array(a, dtype)
    return apply(np.asfortranarray, a, dtype)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return ndarray(shape, dtype, order=order)


def empty_like(
    prototype: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    made = apply(np.empty_like, prototype, dtype=dtype, order=order, shape=shape)
    poison(made._host)
    return made


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    if dtype is None:
        dtype = getattr(fill_value, "dtype", None) or np.asarray(fill_value).dtype
    made = empty(shape, dtype, order)
    made.fill(fill_value)
    return made


def full_like(
    a: ndarray,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: Any = None,
    shape: Any = None,
) -> ndarray:
    made = empty_like(a, dtype, order, shape=shape)
    made.fill(fill_value)
    return made


def from_dlpack(array: Any, *, device: Any = None, copy: bool | None = None) -> ndarray:
    if device is not None:
        raise NotImplementedError("from_dlpack() does not support device yet.")
    if not isinstance(array, ndarray):
        raise TypeError(
            "CPU arrays cannot be directly imported to CuPy. "
            "Use `cupy.array(numpy.from_dlpack(input))` instead."
        )
    if copy:
        raise BufferError("copy=True only supported for copy to CPU.")
    return adopt(array._host.view())


def asnumpy(
    a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True
) -> np.ndarray:
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    host = np.asarray(a, order=order)
    if out is None:
        return host
    out[...] = host
    return out


# comparison, selection, indexing ----------------------------------------------------------------


def allclose(
    a: ndarray, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> ndarray:
    return apply(np.isclose, a, b, rtol, atol, equal_nan).all()


def array_equal(a1: ndarray, a2: ndarray, equal_nan: bool = False) -> ndarray:
    """A 0-d array where NumPy gives a bool."""
    return apply(lambda x, y: np.bool_(np.array_equal(x, y, equal_nan=equal_nan)), a1, a2)


def where(condition: ndarray, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return condition.nonzero()
    return apply(np.where, condition.astype(bool, copy=False), x, y)


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    if isinstance(src, np.ndarray):
        if src.size != 1:
            raise ValueError("non-scalar numpy.ndarray cannot be used for copyto")
        src = src.item()
    apply(np.copyto, dst, src, casting, True if where is None else where)


def take(a: ndarray, indices: Any, axis: int | None = None, out: Any = None) -> ndarray:
    return a.take(indices, axis, out)


def put(a: ndarray, ind: Any, v: Any, mode: str = "wrap") -> None:
    a.put(ind, v, mode)


def _along(shape: tuple[int, ...], indices: Any, axis: int) -> tuple:
    """The whole index that picks `indices` along one axis."""
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if len(shape) != indices.ndim:
        raise ValueError("`indices` and `a` must have the same number of dimensions")
    parts: list[Any] = [adopt(i) for i in np.ix_(*(np.arange(n) for n in shape))]
    parts[axis] = indices
    return tuple(parts)


def take_along_axis(a: ndarray, indices: Any, axis: int | None) -> ndarray:
    if axis is None:
        a, axis = a.ravel(), 0
    return a[_along(a.shape, indices, axis)]


def put_along_axis(arr: ndarray, indices: Any, values: Any, axis: int | None) -> None:
    if axis is None:
        if indices.ndim != 1:
            raise NotImplementedError("Tuple setitem isn't supported for flatiter.")
        arr.put(indices, values)
    else:
        arr[_along(arr.shape, indices, axis)] = values


def get_default_memory_pool() -> "MemoryPool":
    return MemoryPool()


class MemoryPool:
    """What the living arrays occupy; unlike CuPy's, it keeps nothing for later."""

    def malloc(self, size: int) -> Any:
        """Stands for an allocator; the memory of arrays is NumPy's."""
        raise NotImplementedError("the stand-in gives no memory without an array")

    def used_bytes(self) -> int:
        return sum(array.nbytes for array in list(live.values()))

    total_bytes = used_bytes

    def free_bytes(self) -> int:
        return 0

    def n_free_blocks(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        """There is nothing to free."""


# windows ----------------------------------------------------------------------------------------


def as_strided(x: ndarray, shape: Any = None, strides: Any = None) -> ndarray:
    """Any shape and strides over the same memory; like CuPy's, its `.base` is None."""
    gpu.require()
    return adopt(np.lib.stride_tricks.as_strided(x._host, shape, strides))


def sliding_window_view(
    x: ndarray,
    window_shape: Any,
    axis: Any = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> ndarray:
    """CuPy uploads the window's shape and reads each of its numbers back."""
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    counters.h2d += 1
    counters.sync += len(window_shape) if np.iterable(window_shape) else 1
    view = apply(np.lib.stride_tricks.sliding_window_view, x, window_shape, axis)
    return adopt(view._host)


# what cupyx adds --------------------------------------------------------------------------------


def scatter_add(a: ndarray, slices: Any, value: Any) -> None:
    scatter("add", a, slices, value)


def scatter_max(a: ndarray, slices: Any, value: Any) -> None:
    scatter("maximum", a, slices, value)


def scatter_min(a: ndarray, slices: Any, value: Any) -> None:
    scatter("minimum", a, slices, value)
