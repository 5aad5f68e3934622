"""Making tensors: from data, filled with one value, in a sequence, or drawn at random.

Random draws are made on the host by a `Generator`, so that CPU and GPU see the same numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import (
    Generator,
    as_dtype,
    default_generator,
    from_host,
    int64,
    move,
    shape_of,
)
from minitorch.inplace import written
from minitorch.tensor import Tensor, make

Dtype = Any  # a NumPy dtype, its name, or a Python type
Device = Any  # a device or its name

# from data --------------------------------------------------------------------------------------


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


def asarray(x: Any) -> Any:
    """The array inside a Tensor, or `x` as an array: what a function of arrays can work with."""
    return x.array if isinstance(x, Tensor) else x if hasattr(x, "dtype") else from_host(x)


# filled -----------------------------------------------------------------------------------------


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
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    dtype = from_host(value).dtype if dtype is None else as_dtype(dtype)
    x = make(arrays.full(shape_of([size] if isinstance(size, int) else size), value, dtype, device))
    return x.requires_grad_() if requires_grad else x


def zeros(
    *size: Any, dtype: Dtype = None, device: Device = "cpu", requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return full(shape_of(size), 0, dtype=_float(dtype), device=device, requires_grad=requires_grad)


def ones(
    *size: Any, dtype: Dtype = None, device: Device = "cpu", requires_grad: bool = False
) -> Tensor:
    """A tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    return full(shape_of(size), 1, dtype=_float(dtype), device=device, requires_grad=requires_grad)


def empty(
    *size: Any, dtype: Dtype = None, device: Device = "cpu", requires_grad: bool = False
) -> Tensor:
    """A tensor whose values are whatever the memory held."""
    x = make(arrays.empty(shape_of(size), _float(dtype), device))
    return x.requires_grad_() if requires_grad else x


def _float(dtype: Dtype) -> np.dtype:
    return arrays.get_default_dtype() if dtype is None else as_dtype(dtype)


def _like(x: Tensor, options: dict[str, Any]) -> dict[str, Any]:
    """`options`, with the dtype and device of `x` where they are not given."""
    options = {k: v for k, v in options.items() if v is not None}
    return {"dtype": x.dtype, "device": x.device, **options}


def full_like(
    x: Tensor, fill_value: Any, *, dtype: Dtype = None, device: Device = None, **options: Any
) -> Tensor:
    """One value everywhere, with the shape (and the dtype and device) of `x`."""
    return full(x.shape, fill_value, **_like(x, {"dtype": dtype, "device": device, **options}))


def zeros_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Zeros, with the shape (and the dtype and device) of `x`."""
    return zeros(x.shape, **_like(x, {"dtype": dtype, "device": device, **options}))


def ones_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Ones, with the shape (and the dtype and device) of `x`."""
    return ones(x.shape, **_like(x, {"dtype": dtype, "device": device, **options}))


def empty_like(x: Tensor, *, dtype: Dtype = None, device: Device = None, **options: Any) -> Tensor:
    """Any values, with the shape (and the dtype and device) of `x`."""
    return empty(x.shape, **_like(x, {"dtype": dtype, "device": device, **options}))


# in a sequence ----------------------------------------------------------------------------------


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but not including `end`; `arange(n)` counts from 0.

    int64 for ints, the default dtype as soon as one argument is a float.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: from {start} in steps of {step} never reaches {end}")
    if dtype is None:
        ints = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
        dtype = int64 if ints else arrays.get_default_dtype()
    return _finish(np.arange(start, end, step), dtype, device, requires_grad)


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
    return _finish(np.linspace(start, end, steps), _float(dtype), device, requires_grad)


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
    x = np.logspace(start, end, steps, base=base)
    return _finish(x, _float(dtype), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """The identity matrix, (n, n), or (n, m) with ones on the diagonal."""
    return _finish(np.eye(n, m), _float(dtype), device, requires_grad)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """The (row, column) indices on and below a diagonal, (2, how many), int64."""
    return make(np.stack(np.tril_indices(row, offset, col)).astype(int64))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """The (row, column) indices on and above a diagonal, (2, how many), int64."""
    return make(np.stack(np.triu_indices(row, offset, col)).astype(int64))


def _finish(x: np.ndarray, dtype: Dtype, where: Device, requires_grad: bool) -> Tensor:
    t = make(move(x.astype(as_dtype(dtype), copy=False), where))
    return t.requires_grad_() if requires_grad else t


# at random --------------------------------------------------------------------------------------


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """Uniform on [0, 1): `rand(2, 3)`."""
    x = (generator or default_generator).uniform(shape_of(size), dtype := _float(dtype))
    return _finish(x, dtype, device, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal: `randn(2, 3)`."""
    x = (generator or default_generator).normal(shape_of(size), dtype := _float(dtype))
    return _finish(x, dtype, device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype = int64,
    device: Device = "cpu",
) -> Tensor:
    """Integers from `low` up to but not including `high`.

    `randint(10, (3,))` draws three of 0 to 9, `randint(1, 7, (3,))` three throws of a die.
    """
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        raise TypeError("randint: size is missing; write randint(low, high, (2, 3))")
    if low >= high:
        raise ValueError(f"randint: from {low} up to {high} holds no integer")
    x = (generator or default_generator).numpy.integers(low, high, shape_of(size))
    return _finish(x, dtype, device, False)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Dtype = int64, device: Device = "cpu"
) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    return _finish((generator or default_generator).numpy.permutation(n), dtype, device, False)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype = None,
    device: Device = "cpu",
) -> Tensor:
    """N(mean, std²), of shape `size`, or of the shape that `mean` and `std` broadcast to."""
    if size is None:
        size = np.broadcast_shapes(np.shape(asarray(mean)), np.shape(asarray(std)))
    noise = randn(size, generator=generator, dtype=dtype, device=device)
    return noise * std + mean


def bernoulli(p: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `p` holds at that place, else 0; the dtype of `p`."""
    _check_probabilities("bernoulli", p)
    u = (generator or default_generator).uniform(p.shape, arrays.float64)
    return make(move((u < move(p.array, "cpu")).astype(p.dtype), p.device))


def multinomial(
    p: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Draws `num_samples` indices from each row of weights `p`, (C,) or (N, C); int64.

    Raises:
        ValueError: a weight is negative or not finite, a row sums to 0, or more are asked for
            than a row has non-zero weights (without `replacement`).
    """
    rows = np.atleast_2d(move(p.array, "cpu")).astype(np.float64)
    if not np.isfinite(rows).all() or (rows < 0).any() or (rows.sum(1) <= 0).any():
        raise ValueError("multinomial: weights must be finite and >= 0, with a positive sum a row")
    if not replacement and ((rows > 0).sum(1) < num_samples).any():
        raise ValueError(
            f"multinomial: {num_samples} samples without replacement need as many non-zero "
            "weights in every row; pass replacement=True"
        )
    stream = (generator or default_generator).numpy
    drawn = [
        stream.choice(len(row), num_samples, replace=replacement, p=row / row.sum()) for row in rows
    ]
    found = np.array(drawn, dtype=int64).reshape((*p.shape[:-1], num_samples))
    return make(move(found, p.device))


def _check_probabilities(name: str, p: Tensor) -> None:
    if arrays.has_values(p.array) and not bool(((p.array >= 0) & (p.array <= 1)).all()):
        raise ValueError(f"{name}: probabilities must lie in [0, 1]")


def rand_like(x: Tensor, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """Uniform on [0, 1), with the shape (and the dtype and device) of `x`."""
    return rand(x.shape, generator=generator, **_like(x, options))


def randn_like(x: Tensor, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """Standard normal, with the shape (and the dtype and device) of `x`."""
    return randn(x.shape, generator=generator, **_like(x, options))


def randint_like(x: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Integers from `low` up to but not including `high`, with the shape of `x`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, x.shape, **_like(x, options))


# filling what is there --------------------------------------------------------------------------


def fill_(self: Tensor, value: Any) -> Tensor:
    """Writes one value everywhere, in place."""
    value = value.array if isinstance(value, Tensor) else value
    return written(self, "fill_", lambda: self.array.__setitem__(..., value))


def zero_(self: Tensor) -> Tensor:
    """Writes zeros, in place."""
    return written(self, "zero_", lambda: self.array.__setitem__(..., 0))


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew from N(mean, std²), in place."""
    return _redrawn(
        self, "normal_", lambda g, s, d: g.normal(s, d) * d.type(std) + d.type(mean), generator
    )


def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew, uniformly from [a, b), in place."""
    if not a <= b or not math.isfinite(b - a):
        raise ValueError(f"uniform_: from {a} to {b} is no interval")
    return _redrawn(
        self, "uniform_", lambda g, s, d: g.uniform(s, d) * d.type(b - a) + d.type(a), generator
    )


def bernoulli_(self: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Draws anew: 1 with probability p, else 0, in place."""
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli_: p must lie in [0, 1], got {p}")
    return _redrawn(self, "bernoulli_", lambda g, s, d: g.uniform(s, arrays.float64) < p, generator)


def _redrawn(x: Tensor, name: str, draw: Any, generator: Generator | None) -> Tensor:
    """Fills `x` with draws made on the host."""

    def write() -> None:
        if arrays.has_values(x.array):
            drawn = draw(generator or default_generator, x.shape, x.dtype)
            x.array[...] = move(drawn.astype(x.dtype, copy=False), x.device)

    return written(x, name, write)


def _new(fill: Any) -> Any:
    """The method that makes a new tensor with the dtype and device of this one."""

    def method(self: Tensor, *args: Any, dtype: Dtype = None, device: Device = None) -> Tensor:
        return fill(*args, **_like(self, {"dtype": dtype, "device": device}))

    method.__doc__ = f"`{fill.__name__}` with the dtype and device of this tensor."
    return method


for bound in (fill_, zero_, normal_, uniform_, bernoulli_):
    setattr(Tensor, bound.__name__, bound)
for maker in (zeros, ones, empty, full, tensor):
    setattr(Tensor, f"new_{maker.__name__}", _new(maker))
