"""What an array is: NumPy's, CuPy's on a GPU, or a Meta with a shape and no data.

Ops are written in NumPy's words and never ask which kind they hold: CuPy and Meta answer the same
words through NumPy's `__array_ufunc__` and `__array_function__` protocols. This file holds what
those protocols do not cover: where an array lives, how it moves, and what it is made from. It is
the only file that imports CuPy, and only when a GPU is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from minitorch.dtypes import (
    DTYPES,
    FLOATING,
    bfloat16,
    float64,
    get_default_dtype,
    is_bfloat16,
    widest,
)
from minitorch.meta import Meta, NeedsValuesError
from minitorch.traced import Traced
from minitorch.words import np

Array = Any  # numpy.ndarray, cupy.ndarray, Meta or Traced: what answers NumPy's protocols

# glibc gives large freed memory back to the system, to fetch it anew, page by page, at the next
# step, until a block this large was freed; this one is never touched, and so takes no memory.
np.empty(2**25 - 2**13, np.uint8)

# CuPy, when it is asked for -------------------------------------------------------------------

_INSTALL = "pip install cupy-cuda12x  (or cupy-cuda13x, to match the driver)"


def cupy() -> Any:
    """CuPy, ready to compute.

    Raises:
        RuntimeError: CuPy is not installed, or it finds no driver or no GPU; the message says
            which, and what to do.
    """
    try:
        import cupy as module
    except ImportError as error:
        raise RuntimeError(f"cuda: CuPy is not installed; {_INSTALL}") from error
    try:
        count = module.cuda.runtime.getDeviceCount()
    except module.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"cuda: CuPy {module.__version__} is installed but finds no usable driver ({error}); "
            "install the NVIDIA driver, or stay on device='cpu'"
        ) from error
    if count == 0:
        raise RuntimeError("cuda: CuPy and a driver are installed but there is no GPU; use 'cpu'")
    return module


def cuda_is_available() -> bool:
    """True when `device("cuda")` would work: CuPy, a driver and a GPU are there."""
    try:
        cupy()
    except RuntimeError:
        return False
    return True


def has_values(x: Array) -> bool:
    """False for a Meta, whose values cannot be looked at; True for all that computes."""
    return not isinstance(x, Meta)


def first_true(mask: Array) -> tuple[int, ...]:
    """Where a mask holds its first True, counting row by row."""
    return tuple(map(int, np.unravel_index(int(mask.argmax()), mask.shape)))


def largest(x: Array) -> float:
    """The largest of x as a number, nan if there is one: by its place, which is found sooner."""
    return x.item(x.argmax()) if isinstance(x, np.ndarray) else x.max().item()


def is_cupy(x: object) -> bool:
    """True for a CuPy array; never imports CuPy to find out."""
    return type(x).__module__.partition(".")[0] in ("cupy", "cupy_backends")


def apart(x: Any, y: Any) -> bool:
    """True for an array of the host and one of a GPU, and for those of two GPUs."""
    if type(x) is type(y):
        return type(x) is not np.ndarray and is_cupy(x) and x.device.id != y.device.id
    return np.ndarray in (type(x), type(y)) and (is_cupy(x) or is_cupy(y))


# devices --------------------------------------------------------------------------------------


class device:  # noqa: N801 - torch's name
    """Where arrays live: "cpu" (NumPy), "cuda" or "cuda:1" (CuPy), "meta" (shape and dtype only).

    >>> device("cpu"), device("cuda:1").index
    (device(type='cpu'), 1)
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, spec: str | device, index: int | None = None):
        if isinstance(spec, device):
            self.type, self.index = spec.type, spec.index
            return
        found = re.fullmatch(r"(cpu|meta|cuda)(?::(\d+))?", spec) if isinstance(spec, str) else None
        if found is None or (found[1] != "cuda" and found[2] not in (None, "0")):
            raise ValueError(f"device: expected 'cpu', 'cuda', 'cuda:N' or 'meta', got {spec!r}")
        self.type = found[1]
        self.index = None if self.type != "cuda" else int(found[2] or index or 0)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = device(other)
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"


CPU = device("cpu")
META = device("meta")


def device_of(x: Array) -> device:
    """The device an array lives on."""
    if isinstance(x, np.ndarray):
        return CPU
    if isinstance(x, Meta):
        return META
    if isinstance(x, Traced):
        return device_of(x.inside)
    return device(f"cuda:{x.device.id}")


# Called when a program uses another GPU than the first; see `gpus.py`.
SECOND_GPU: list[Callable[[], None]] = []


@contextmanager
def _on(where: device) -> Iterator[Any]:
    """CuPy, allocating on GPU number `where.index` inside the block."""
    module = cupy()
    if where.index and where.index >= (count := module.cuda.runtime.getDeviceCount()):
        raise RuntimeError(f"{where}: there is no such GPU; {count} can be used, from cuda:0 on")
    if where.index:
        for told in SECOND_GPU:
            told()
    with module.cuda.Device(where.index):
        yield module


def move(x: Array, where: device | str) -> Array:
    """The array on that device: itself when it is there already, else a copy.

    Raises:
        RuntimeError: a GPU is asked for and cannot be had, or data is asked of a Meta.
    """
    where = device(where)
    here = device_of(x)
    if here == where:
        return x
    if isinstance(x, Traced) and where.type != "meta":
        return x.recorder.call(move, (x, where))
    if where.type == "meta":
        return Meta(x.shape, x.dtype)
    if here.type == "meta":
        raise NeedsValuesError(
            f"to: a meta tensor has shape {x.shape} and no data to copy to {where}; "
            f"make real data with minitorch.empty_like(x, device='{where}')"
        )
    if where.type == "cuda":
        with _on(where) as module:
            return module.asarray(x)
    return x.get()


def empty(shape: Sequence[int], dtype: np.dtype, where: device | str = CPU) -> Array:
    """A new array of any values on that device (none at all on "meta").

    Raises:
        MemoryError: names the shape, the dtype and the bytes asked for.
    """
    where = device(where)
    if where.type == "meta":
        return Meta(tuple(shape), dtype)
    if where.type == "cuda":
        with _on(where) as module:
            return module.empty(shape, dtype)
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        if any(n < 0 for n in shape):
            raise ValueError(f"shape {tuple(shape)}: a size is negative") from error
        size = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
        raise MemoryError(f"shape {tuple(shape)} of {dtype} takes {size:,} bytes") from error


def full(shape: Sequence[int], value: Any, dtype: np.dtype, where: device | str = CPU) -> Array:
    """A new array filled with one value."""
    x = empty(shape, dtype, where)
    x[...] = value
    return x


def shape_of(size: Iterable[Any], name: str = "size") -> tuple[int, ...]:
    """A shape from `(2, 3)`, `[2, 3]` or loose ints, checked."""
    sizes = tuple(size)
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    for n in sizes:
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(f"{name}: expected ints, got {n!r} in {sizes}")
    shape = tuple(n.__index__() for n in sizes)
    if any(n < 0 for n in shape):
        raise ValueError(f"{name}: sizes must not be negative, got {shape}")
    return shape


# from anything to an array --------------------------------------------------------------------


def ready(x: np.ndarray, name: str = "tensor") -> np.ndarray:
    """The host array in native byte order, or a TypeError when its dtype is not one of ours."""
    if is_bfloat16(x.dtype):
        return x.astype(bfloat16(), copy=False)
    if x.dtype.newbyteorder("=") not in DTYPES:
        hint = {
            "c": "complex numbers are not supported; keep real and imaginary parts apart",
            "O": "an object array holds no numbers; check for None, strings or ragged rows",
            "U": "strings are not numbers; map them to integers first",
            "S": "bytes are not numbers; map them to integers first",
        }.get(x.dtype.kind, f"use astype with one of {', '.join(d.name for d in DTYPES)}")
        raise TypeError(f"{name}: cannot hold dtype {x.dtype}: {hint}")
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def from_host(data: Any, dtype: np.dtype | None = None, name: str = "tensor") -> np.ndarray:
    """A fresh NumPy array made from numbers, nested sequences or a NumPy array.

    Python floats take the default dtype, ints int64, bools bool; NumPy arrays and scalars keep
    theirs, also beside ints.

    Raises:
        TypeError: what is inside is no number (None, strings, complex).
        ValueError: rows differ in length, and the message names the first such row; a number is
            too large for the integer dtype that is asked for.
    """
    typed = isinstance(data, (np.ndarray, np.generic))
    try:
        x = np.array(data)
    except ValueError as error:
        raise ValueError(f"{name}: {_ragged(data) or error}") from error
    x = ready(x, name)
    if typed:
        return x if dtype is None else x.astype(dtype, copy=False)
    if dtype is None and x.dtype == float64:
        dtype = widest(_floats_in(data) or {get_default_dtype()})
    if dtype is not None and dtype.kind in "iu":
        _check_fits(x, dtype, name)
    return x if dtype is None else x.astype(dtype, copy=False)


def _floats_in(data: Any) -> set[np.dtype]:
    """The floating dtypes in nested sequences: those of NumPy's, and the default for Python's."""
    if isinstance(data, (np.ndarray, np.generic)):
        return {data.dtype} if data.dtype.kind in FLOATING else set()
    if not isinstance(data, (list, tuple)):
        return {get_default_dtype()} if isinstance(data, float) else set()
    if (kinds := set(map(type, data))) <= {float, int, bool}:
        return {get_default_dtype()} if float in kinds else set()
    return set().union(*map(_floats_in, data))


def _check_fits(x: np.ndarray, dtype: np.dtype, name: str) -> None:
    """Raises where a number lies outside an integer dtype; unsigned ones count -1 from the end."""
    high = np.iinfo(dtype).max
    low = -high if dtype.kind == "u" else np.iinfo(dtype).min
    if x.size and not (low <= x.min() and x.max() <= high):
        bad = x[(x < low) | (x > high) | (x != x)].flat[0]
        raise ValueError(f"{name}: {bad} does not fit into {dtype}, which ends at {high}")


def _ragged(data: Any, where: str = "") -> str | None:
    """Names the first row whose length differs from the first row's, or None."""
    if not isinstance(data, (list, tuple)) or not data:
        return None
    sizes = [len(row) if isinstance(row, (list, tuple)) else None for row in data]
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            have, want = (("a number" if n is None else f"{n} items") for n in (size, sizes[0]))
            return f"rows differ in length: row {where}{i} has {have}, row {where}0 has {want}"
    return next(
        (text for i, row in enumerate(data) if (text := _ragged(row, f"{where}{i}, "))), None
    )


# views ----------------------------------------------------------------------------------------


def strided(x: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """A read-only view of `x` with any shape and strides (in bytes): windows without a copy.

    NumPy's and CuPy's `as_strided` are not reached through the protocols, so they are named here.
    """
    if isinstance(x, np.ndarray):
        return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)
    if isinstance(x, Meta):
        return Meta(tuple(shape), x.dtype)
    if isinstance(x, Traced):
        return x.recorder.call(strided, (x, shape, strides))
    return cupy().lib.stride_tricks.as_strided(x, shape, strides)


def diagonal_of(x: Array, offset: int, dim1: int, dim2: int) -> Array:
    """`x.diagonal(...)`, to be written into wherever x is: NumPy's own view is read-only."""
    if type(x) is np.ndarray:
        y = x.diagonal(offset, dim1, dim2)
        try:
            y.setflags(write=x.flags.writeable)
        except ValueError:  # what x is a view of is read-only by now
            return y
        return y
    if isinstance(x, Traced):
        return x.recorder.call(diagonal_of, (x, offset, dim1, dim2))
    return x.diagonal(offset, dim1, dim2)


def zeros_beside(x: Array, shape: Any) -> Array:
    """Zeros of a shape, in the dtype of x, and where x is."""
    if type(x) is np.ndarray:  # `like` takes as long as the zeros
        return np.zeros(shape, x.dtype)
    return np.zeros(shape, x.dtype, like=x)


def expanded(x: Array, shape: Sequence[int]) -> Array:
    """`np.broadcast_to(x, shape)`, in a fifth of its time where x lies in memory in one piece."""
    if not isinstance(x, np.ndarray) or not x.flags.c_contiguous or not x.size:
        return np.broadcast_to(x, shape)
    strides = _stretched(tuple(shape), x.shape, x.strides)
    if strides is None:
        return np.broadcast_to(x, shape)  # raises, in NumPy's words
    y = np.ndarray(shape, x.dtype, x, 0, strides)
    y.flags.writeable = False
    return y


@lru_cache
def _stretched(
    shape: tuple[int, ...], old: tuple[int, ...], steps: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The strides with which an array of shape `old` has another shape; None if it cannot."""
    new = len(shape) - len(old)
    if new < 0 or any(m not in (1, n) for n, m in zip(shape[new:], old)):
        return None
    return (0,) * new + tuple([step if m > 1 else 0 for m, step in zip(old, steps)])
