"""Random numbers: streams of them, and tensors drawn from a stream.

Draws are made on the host, so that CPU and GPU see the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import move, shape_of
from minitorch.creation import Device, Dtype, asked, finished, float_dtype, options_like
from minitorch.dtypes import FLOATING, float32, float64, int64
from minitorch.inplace import written
from minitorch.tensor import Tensor, make, raw
from minitorch.traced import one_call

# streams ---------------------------------------------------------------------------------------


class Generator:
    """A stream of random numbers, drawn on the host so that CPU and GPU see the same ones.

    It is NumPy's PCG64; its state is a dict of plain numbers that survives JSON.

    >>> g = Generator().manual_seed(0)
    >>> state = g.get_state()
    >>> a = g.numpy.random()
    >>> g.set_state(state)
    >>> a == g.numpy.random()
    True
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in {"normal", "uniform"} & vars(cls).keys():  # drawn anew by a compiled step too
            setattr(cls, name, one_call(getattr(cls, name)))

    def __init__(self, device: Device = "cpu"):
        arrays.device(device)  # checked only: draws are made on the host whatever it names
        self.seed()

    def seed(self) -> int:
        """Starts from a seed that the operating system picks; returns it."""
        picked = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
        self.manual_seed(picked)
        return picked

    @one_call
    def manual_seed(self, seed: int) -> Generator:
        """Starts over from `seed`."""
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise TypeError(f"manual_seed: expected an int, got {seed!r}")
        self._seed = int(seed)
        self.numpy = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def initial_seed(self) -> int:
        """The seed this stream was started from."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """The state, as nested dicts of ints and strings."""
        return {"seed": self._seed, "bits": self.numpy.bit_generator.state}

    @one_call
    def set_state(self, state: dict[str, Any]) -> None:
        """Goes back to a state that `get_state` gave."""
        self.numpy.bit_generator.state = state["bits"]
        self._seed = state["seed"]

    @one_call
    def normal(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """Draws from N(0, 1)."""
        return self._draw(self.numpy.standard_normal, shape, dtype)

    @one_call
    def uniform(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """Draws evenly from [0, 1)."""
        return self._draw(self.numpy.random, shape, dtype)

    def _draw(self, sample: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        # NumPy draws float32 and float64 natively; other dtypes are rounded from float32.
        drawn = dtype if dtype in (float32, float64) else float32
        return np.asarray(sample(tuple(shape), dtype=drawn.type)).astype(dtype, copy=False)


_instead: ContextVar[Generator | None] = ContextVar(
    "the stream in place of the default", default=None
)


class _Default(Generator):
    """The stream for all that names none; in a block of `drawing_from`, another one."""

    @property
    def numpy(self) -> np.random.Generator:
        other = _instead.get()
        return self._own if other is None else other.numpy

    @numpy.setter
    def numpy(self, started: np.random.Generator) -> None:
        other = _instead.get()
        if other is None:
            self._own = started
        else:
            other.numpy = started

    @property
    def _seed(self) -> int:
        other = _instead.get()
        return self._own_seed if other is None else other._seed

    @_seed.setter
    def _seed(self, seed: int) -> None:
        other = _instead.get()
        if other is None:
            self._own_seed = seed
        else:
            other._seed = seed


default_generator = _Default()


@contextmanager
def drawing_from(stream: Generator) -> Iterator[None]:
    """Lets `default_generator` mean `stream` inside the block, in this thread only.

    So a data loader gives every batch a stream of its own, whichever thread or process makes it,
    while the model goes on drawing from the default one.
    """
    token = _instead.set(stream)
    try:
        yield
    finally:
        _instead.reset(token)


def manual_seed(seed: int) -> Generator:
    """Seeds the default stream, from which everything random draws; returns it."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed that the default stream was started from."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """The state of the default stream, for `set_rng_state` to go back to.

    >>> import minitorch
    >>> state = minitorch.get_rng_state()
    >>> a = minitorch.rand(3)
    >>> minitorch.set_rng_state(state)
    >>> minitorch.equal(a, minitorch.rand(3))
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Takes the default stream back to a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


# new tensors ----------------------------------------------------------------------------------


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """Uniform on [0, 1): `rand(2, 3)`."""
    x = (generator or default_generator).uniform(asked(sizes, size), dtype := _drawn("rand", dtype))
    return finished(x, dtype, device, requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Dtype = None,
    device: Device = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal: `randn(2, 3)`."""
    x = (generator or default_generator).normal(asked(sizes, size), dtype := _drawn("randn", dtype))
    return finished(x, dtype, device, requires_grad)


def _drawn(who: str, dtype: Dtype) -> np.dtype:
    """The dtype asked for, which has fractions."""
    dtype = float_dtype(dtype)
    if dtype.kind not in FLOATING:
        raise TypeError(f"{who}: these numbers have fractions, which {dtype} cannot hold")
    return dtype


@one_call
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
    return finished(x, dtype, device, False)


@one_call
def randperm(
    n: int, *, generator: Generator | None = None, dtype: Dtype = int64, device: Device = "cpu"
) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    return finished((generator or default_generator).numpy.permutation(n), dtype, device, False)


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
        size = np.broadcast_shapes(np.shape(raw(mean)), np.shape(raw(std)))
    noise = randn(size, generator=generator, dtype=dtype, device=device)
    return noise * std + mean


@one_call
def bernoulli(p: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `p` holds at that place, else 0; the dtype of `p`."""
    if not arrays.has_values(p.array):  # a Meta draws nothing
        return make(np.zeros_like(p.array))
    _check_probabilities("bernoulli", p)
    u = (generator or default_generator).uniform(p.shape, float64)
    return make(move((u < move(p.array, "cpu")).astype(p.dtype), p.device))


@one_call
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
    return rand(x.shape, generator=generator, **options_like(x, **options))


def randn_like(x: Tensor, *, generator: Generator | None = None, **options: Any) -> Tensor:
    """Standard normal, with the shape (and the dtype and device) of `x`."""
    return randn(x.shape, generator=generator, **options_like(x, **options))


def randint_like(x: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Integers from `low` up to but not including `high`, with the shape of `x`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, x.shape, **options_like(x, **options))


# in place -------------------------------------------------------------------------------------


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew from N(mean, std²), in place."""
    return redrawn(
        self, "normal_", lambda g, s, d: g.normal(s, d) * d.type(std) + d.type(mean), generator
    )


def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Draws anew, uniformly from [a, b), in place."""
    if not a <= b or not math.isfinite(b - a):
        raise ValueError(f"uniform_: from {a} to {b} is no interval")
    return redrawn(
        self, "uniform_", lambda g, s, d: g.uniform(s, d) * d.type(b - a) + d.type(a), generator
    )


def bernoulli_(self: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Draws anew: 1 with probability p, else 0, in place."""
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli_: p must lie in [0, 1], got {p}")
    return redrawn(self, "bernoulli_", lambda g, s, d: g.uniform(s, float64) < p, generator, False)


def redrawn(
    x: Tensor, name: str, draw: Any, generator: Generator | None, fractions: bool = True
) -> Tensor:
    """Fills `x` with draws made on the host; with `fractions` integers cannot hold them."""
    if fractions:
        _drawn(name, x.dtype)

    def write() -> None:
        if arrays.has_values(x.array):
            drawn = draw(generator or default_generator, x.shape, x.dtype)
            x.array[...] = move(drawn.astype(x.dtype, copy=False), x.device)

    return written(x, name, write)


for bound in (normal_, uniform_, bernoulli_, bernoulli, multinomial):
    setattr(Tensor, bound.__name__, bound)
