"""Making tensors: from data, filled with one value, or in a sequence. `random.py` draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import from_host, move, shape_of
from minitorch.dtypes import as_dtype, bool_, get_default_dtype, int64
from minitorch.inplace import written
from minitorch.tape import current_mode
from minitorch.tensor import ShapeError, Tensor, make, raw

Dtype = Any  # a NumPy dtype, its name, or a Python type
Device = Any  # a device or its name

# from data -------------------------------------------------------------------------------------


def tensor(
    data: Any, *, dtype: Dtype = None, device: Device = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences or a NumPy array.

    Python floats become the default dtype (float32), ints int64, bools bool; NumPy arrays keep
    theirs.

    Raises:
        TypeError: `data` holds no numbers (None, strings, complex).
        ValueError: rows differ in length.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return Tensor(data, dtype, device, requires_grad)


def as_tensor(data: Any, dtype: Dtype = None, device: Device = None) -> Tensor:
    """A tensor that shares the memory of `data` where dtype and device allow it."""
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        data = arrays.ready(data)
        data = data if dtype is None else data.astype(as_dtype(dtype), copy=False)
        return make(data if device is None else move(data, device))
    return Tensor(data, dtype, device)


def asarray(
    obj: Any,
    *,
    dtype: Dtype = None,
    device: Device = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`as_tensor`, as a new leaf; with `copy=True` the memory is its own, with False never.

    Raises:
        ValueError: `copy=False`, and it takes a copy.
    """
    held = raw(obj)
    t = make(as_tensor(held, dtype, device).array)
    shares = isinstance(held, type(t.array)) and np.may_share_memory(held, t.array)
    if copy is False and not shares:
        raise ValueError("asarray: copy=False, and this dtype, device or sequence takes a copy")
    t = make(t.array.copy()) if copy and shares else t
    return t.requires_grad_() if requires_grad else t


def from_numpy(x: np.ndarray) -> Tensor:
    """A tensor that shares the memory of a NumPy array: a write to either is seen in both.

    Raises:
        TypeError: not an array, or an array of no numbers.
    """
    if not isinstance(x, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(x).__name__}")
    return make(arrays.ready(x, "from_numpy"))


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of another library's array (torch, JAX, CuPy, NumPy).

    >>> import numpy as np
    >>> from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    cpu, cuda = 1, 2  # DLPack's numbers for where the memory is
    kind = source.__dlpack_device__()[0]
    if kind not in (cpu, cuda):
        raise TypeError(f"from_dlpack: expected memory on the CPU or a CUDA GPU, got type {kind}")
    return make((np if kind == cpu else arrays.cupy()).from_dlpack(source))


# filled ---------------------------------------------------------------------------------------


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of shape `size` that holds one value everywhere.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    _refuse_complex("full", fill_value=fill_value)
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    dtype = from_host(value).dtype if dtype is None else as_dtype(dtype)
    x = make(arrays.full(shape_of([size] if isinstance(size, int) else size), value, dtype, device))
    return x.requires_grad_() if requires_grad else x


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)`, `zeros((2, 3))` or `zeros(size=(2, 3))`."""
    return full(
        asked(sizes, size), 0, dtype=float_dtype(dtype), device=device, requires_grad=requires_grad
    )


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones: `ones(2, 3)`, `ones((2, 3))` or `ones(size=(2, 3))`."""
    return full(
        asked(sizes, size), 1, dtype=float_dtype(dtype), device=device, requires_grad=requires_grad
    )


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose values are whatever the memory held."""
    x = make(arrays.empty(asked(sizes, size), float_dtype(dtype), device))
    return x.requires_grad_() if requires_grad else x


def asked(sizes: tuple, size: Any) -> tuple[int, ...]:
    """The shape that is asked for by loose sizes, or by the name `size`."""
    if size is not None and sizes:
        raise TypeError(f"size: given twice, as {sizes} and as size={size}")
    return shape_of(sizes if size is None else (size,))


def float_dtype(dtype: Dtype) -> np.dtype:
    """The dtype asked for, or the default one."""
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def options_like(x: Tensor, **options: Any) -> dict[str, Any]:
    """The options of a call, with the dtype and device of `x` where they are not given."""
    options = {k: v for k, v in options.items() if v is not None}
    return {"dtype": x.dtype, "device": x.device, **options}


def full_like(
    x: Tensor, fill_value: Any, *, dtype: Dtype = None, device: Device = None, **options: Any
) -> Tensor:
    """One value everywhere, with the shape (and the dtype and device) of `x`."""
    return full(x.shape, fill_value, **options_like(x, dtype=dtype, device=device, **options))


def zeros_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Zeros, with the shape (and the dtype and device) of `x`."""
    return zeros(x.shape, **options_like(x, dtype=dtype, device=device, **options))


def ones_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Ones, with the shape (and the dtype and device) of `x`."""
    return ones(x.shape, **options_like(x, dtype=dtype, device=device, **options))


def empty_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Any values, with the shape (and the dtype and device) of `x`."""
    return empty(x.shape, **options_like(x, dtype=dtype, device=device, **options))


# in a sequence --------------------------------------------------------------------------------


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but not including `end`; `arange(n)` counts from 0.

    int64 for ints, the default dtype as soon as one argument is a float; tensors of one number
    are that number.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    start, end, step = [v.item() if hasattr(v, "item") else v for v in (start, end, step)]
    if end is None:
        start, end = 0, start
    start = 0 if start is None else start
    if end is None:
        raise TypeError("arange: end is missing; write arange(n), or arange(start, end)")
    _refuse_complex("arange", start=start, end=end, step=step)
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: from {start} in steps of {step} never reaches {end}")
    if dtype is None:
        ints = all(isinstance(v, int) for v in (start, end, step))
        dtype = int64 if ints else get_default_dtype()
    return finished(np.arange(start, end, step), dtype, device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers, evenly spaced from `start` to `end`, both included."""
    _refuse_complex("linspace", start=start, end=end)
    return finished(np.linspace(start, end, steps), float_dtype(dtype), device, requires_grad)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """base**start to base**end in `steps` numbers, evenly spaced in the exponent."""
    _refuse_complex("logspace", start=start, end=end, base=base)
    x = np.logspace(start, end, steps, base=base)
    return finished(x, float_dtype(dtype), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """The identity matrix, (n, n), or (n, m) with ones on the diagonal."""
    return finished(np.eye(n, m), float_dtype(dtype), device, requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = int64, device: Device = "cpu"
) -> Tensor:
    """The (row, column) indices on and below a diagonal, (2, how many), int64."""
    return finished(np.stack(np.tril_indices(row, offset, col)), dtype, device, False)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = int64, device: Device = "cpu"
) -> Tensor:
    """The (row, column) indices on and above a diagonal, (2, how many), int64."""
    return finished(np.stack(np.triu_indices(row, offset, col)), dtype, device, False)


def _refuse_complex(who: str, **numbers: Any) -> None:
    """NumPy would drop the imaginary part, with a warning or without."""
    for name, value in numbers.items():
        if np.iscomplexobj(raw(value)):
            raise TypeError(
                f"{who}: {name} is {value!r}: complex numbers are not supported; keep real and "
                "imaginary parts apart"
            )


def finished(x: np.ndarray, dtype: Dtype, where: Device, requires_grad: bool) -> Tensor:
    """A tensor of numbers that the host has made, with the options it was asked for."""
    t = make(move(x.astype(as_dtype(dtype), copy=False), where))
    return t.requires_grad_() if requires_grad else t


# filling what is there ------------------------------------------------------------------------


def fill_(self: Tensor, value: Any) -> Tensor:
    """Writes one value everywhere, in place; where it is recorded, its gradient is the sum of g."""
    _refuse_complex("fill_", value=value)
    if np.ndim(raw(value)):
        raise ShapeError(
            f"fill_: the value is one number, got shape {value.shape}; x.copy_(value) broadcasts"
        )
    if isinstance(value, Tensor) and value.node is not None and current_mode().recording:
        self[...] = value.to(self)
        return self
    return written(self, "fill_", lambda: self.array.__setitem__(..., raw(value)))


def zero_(self: Tensor) -> Tensor:
    """Writes zeros, in place."""
    return written(self, "zero_", lambda: self.array.__setitem__(..., 0))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Writes one value into every x[i, i, ...], in place; the gradient of what it replaces is 0.

    The axes of more than two dimensions must have one size. With `wrap` the diagonal of a tall
    matrix starts again, one row below the last column.

    >>> zeros(2, 3).fill_diagonal_(1)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    shape = tuple(self.shape)
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(
            f"fill_diagonal_: shape {shape} has no main diagonal; expected a matrix, or more axes "
            "of one size"
        )
    on_diagonal = np.zeros(shape, bool_)
    np.fill_diagonal(on_diagonal, True, wrap)
    return self.masked_fill_(make(move(on_diagonal, self.device)), fill_value)


def _new(fill: Any) -> Any:
    """The method that makes a new tensor with the dtype and device of this one."""

    def method(
        self: Tensor,
        *args: Any,
        dtype: Dtype = None,
        device: Device = None,
        requires_grad: bool = False,
    ) -> Tensor:
        options = options_like(self, dtype=dtype, device=device)
        return fill(*args, requires_grad=requires_grad, **options)

    method.__doc__ = f"`{fill.__name__}` with the dtype and device of this tensor."
    return method


for bound in (fill_, fill_diagonal_, zero_):
    setattr(Tensor, bound.__name__, bound)
for maker in (zeros, ones, empty, full, tensor):
    setattr(Tensor, f"new_{maker.__name__}", _new(maker))
