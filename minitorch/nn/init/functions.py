"""Init functions: what draws the first numbers of a parameter, given its shape.

An init function is any callable `(shape, dtype, generator) -> array`, and that is what layers take
as `weights=` and `biases=`. Those here are made by calling their class with the options,
`normal(0, 0.01)`; they print as they were written, and are equal where their options are.

Draws are made on the host in float32 (in float64 for float64), and rounded once at the end.
"""

# Their classes are called as functions are, and are named like them.
# ruff: noqa: N801

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch.array import from_host
from minitorch.creation import Dtype, float_dtype
from minitorch.dtypes import FLOATING, float32, float64
from minitorch.nn.init.arguments import checked_number, stream
from minitorch.nn.init.fans import checked_shape
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor

Initializer = Callable[[tuple[int, ...], np.dtype, Generator], Any]


class InitFunction:
    """A recipe for the first numbers of a parameter; the classes below are the recipes.

    Called with a shape, it gives a new NumPy array. `numbers` is what each kind defines; `check`,
    where there are shapes that it cannot fill.

    Args:
        shape: what to fill; a `WeightShape` also tells the fans.
        dtype: float16, float32 or float64; the default dtype when None.
        generator: the stream to draw from; the default one when None.

    Raises:
        ValueError: the shape holds no elements, or does not suit this function.
        TypeError: the dtype is not a floating-point one.

    >>> constant(0.5)((2, 3))
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    >>> constant(0.5)
    constant(val=0.5)
    """

    def __call__(
        self, shape: Sequence[int], dtype: Dtype = None, generator: Generator | None = None
    ) -> np.ndarray:
        shape = checked_shape(shape)
        dtype = float_dtype(dtype)
        self.fits(shape, dtype)
        drawn_in = float64 if dtype == float64 else float32
        with np.errstate(all="ignore"):  # what is too large becomes inf without a word, as in ops
            return self.numbers(shape, drawn_in, stream(generator)).astype(dtype, copy=False)

    def fits(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Raises what a call would raise, and draws nothing."""
        if dtype.kind not in FLOATING:
            raise TypeError(
                f"{self.name}: fills floating-point tensors, this is {dtype}; for one value in a "
                "tensor of integers, x.fill_(value)"
            )
        self.check(shape)
        if 0 in shape:
            raise ValueError(f"{self.name}: shape {tuple(shape)} holds no elements to initialise")

    @property
    def name(self) -> str:
        """What it is called in a program."""
        return type(self).__name__

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError for a shape that this function cannot fill."""

    def settle(self, *options: str, finite: bool = True) -> None:
        """Makes options Python floats, so that equal ones are equal and print alike."""
        for option in options:
            number = checked_number(f"{self.name}: {option}", getattr(self, option), finite=finite)
            object.__setattr__(self, option, number)  # they are frozen from here on

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        """The numbers themselves, in float32 or float64."""
        raise NotImplementedError(f"{self.name}: an init function defines numbers()")


def draw(
    function: Initializer,
    shape: Sequence[int],
    dtype: Dtype = None,
    generator: Generator | None = None,
    *,
    name: str | None = None,
) -> np.ndarray:
    """A new array by any init function, also one of your own, whose result is checked.

    Args:
        function: called as function(shape, dtype, generator); returns an array, a Tensor or
            nested lists.
        shape: what to fill; a `WeightShape` also tells the fans.
        dtype: of the result; the default dtype when None.
        generator: the stream to draw from; the default one when None.
        name: of the parameter it is for, which errors then mention.

    Raises:
        TypeError: `function` cannot be called.
        ShapeError: it gave an array of another shape.

    >>> draw(lambda shape, dtype, generator: [[1, 2]], (1, 2))
    array([[1., 2.]], dtype=float32)
    """
    shape, dtype = checked_shape(shape), float_dtype(dtype)
    try:
        if isinstance(function, InitFunction):
            return function(shape, dtype, generator)
        return _checked_draw(function, shape, dtype, stream(generator))
    except Exception as error:
        if name is not None:
            error.add_note(f"while initialising {name}, of shape {tuple(shape)}, by {function!r}")
        raise


def _checked_draw(
    function: Any, shape: tuple[int, ...], dtype: np.dtype, generator: Generator
) -> np.ndarray:
    if not callable(function):
        raise TypeError(
            "an init function is called as f(shape, dtype, generator) and returns an array, such "
            f"as init.normal(0, 0.01) or init.constant(0.5); got {function!r}"
        )
    given = function(shape, dtype, generator)
    given = given.numpy(force=True) if isinstance(given, Tensor) else given
    drawn = from_host(given, dtype, "the result of the init function")  # a copy: ours alone
    if drawn.shape != shape:
        raise ShapeError(
            f"the init function {function!r} gave shape {drawn.shape}, expected {tuple(shape)}"
        )
    return drawn


# without regard to the shape ------------------------------------------------------------------


@dataclass(frozen=True)
class uniform(InitFunction):
    """Evenly from a to b.

    Raises:
        ValueError: a is above b.

    >>> uniform(-0.5, 0.5)((20, 1, 5, 5)).shape
    (20, 1, 5, 5)
    """

    a: float = 0.0
    b: float = 1.0

    def __post_init__(self) -> None:
        self.settle("a", "b")
        if self.a > self.b:
            raise ValueError(f"uniform: from a={self.a} to b={self.b} is no interval")

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        x = generator.uniform(shape, dtype)
        x *= self.b - self.a
        x += self.a
        return x


@dataclass(frozen=True)
class normal(InitFunction):
    """From N(mean, std²).

    Raises:
        ValueError: std is negative.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        self.settle("mean", "std")
        if self.std < 0:
            raise ValueError(f"normal: std must be 0 or more, got {self.std}")

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        x = generator.normal(shape, dtype)
        x *= self.std
        x += self.mean
        return x


@dataclass(frozen=True)
class trunc_normal(InitFunction):
    """From N(mean, std²), where it lies within [a, b]; the bounds are not in units of std.

    What falls outside is drawn again. Where less than a third of the bell lies within, candidates
    are drawn evenly from the window instead, and z is kept with the probability e^((m² - z²) / 2),
    the bell's height there beside its highest point m: a window far out in the tail is no slower.

    Raises:
        ValueError: std is not positive, or a is not below b.

    >>> bool(abs(trunc_normal(0, 0.02, -0.04, 0.04)((784, 50))).max() <= 0.04)
    True
    """

    mean: float = 0.0
    std: float = 1.0
    a: float = -2.0
    b: float = 2.0

    def __post_init__(self) -> None:
        self.settle("mean", "std")
        self.settle("a", "b", finite=False)
        if self.std <= 0:
            raise ValueError(f"trunc_normal: std must be above 0, got {self.std}")
        if not self.a < self.b:
            raise ValueError(f"trunc_normal: from a={self.a} to b={self.b} is no interval")

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        low, high = ((end - self.mean) / self.std for end in (self.a, self.b))
        within = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
        candidates = self._from_the_bell if within > 1 / 3 else self._from_the_window
        x, fine = candidates(math.prod(shape), dtype, generator)
        missing = np.flatnonzero(~fine)
        while missing.size:
            x[missing], fine = candidates(missing.size, dtype, generator)
            missing = missing[~fine]
        return x.reshape(shape)

    def _from_the_bell(
        self, n: int, dtype: np.dtype, generator: Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """n candidates, and which of them to keep."""
        x = normal(self.mean, self.std).numbers((n,), dtype, generator)
        return x, (x >= self.a) & (x <= self.b)

    def _from_the_window(
        self, n: int, dtype: np.dtype, generator: Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """n candidates, and which of them to keep; z = m + d, in units of std from the mean."""
        highest = min(max(self.mean, self.a), self.b)
        m = (highest - self.mean) / self.std
        far = 80 / (math.hypot(m, math.sqrt(80)) + abs(m))  # there the bell is e^-40 of its height
        low, high = ((end - highest) / self.std for end in (self.a, self.b))
        d = uniform(max(low, -far), min(high, far)).numbers((n,), dtype, generator)
        kept = generator.uniform((n,), dtype) < np.exp(-d * (d / 2 + m))
        d *= self.std
        d += highest
        return np.clip(d, self.a, self.b), kept  # rounding may have left the window


@dataclass(frozen=True)
class constant(InitFunction):
    """One value everywhere."""

    val: float

    def __post_init__(self) -> None:
        self.settle("val", finite=False)

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return np.full(shape, self.val, dtype)


@dataclass(frozen=True)
class zeros(InitFunction):
    """0 everywhere, as for biases. Weights of zeros would give every unit the same gradient."""

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return np.zeros(shape, dtype)


@dataclass(frozen=True)
class ones(InitFunction):
    """1 everywhere, as for the scales of norms."""

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return np.ones(shape, dtype)
