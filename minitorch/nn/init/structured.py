"""Init functions that make a matrix or a kernel of some form: identity, orthogonal, sparse."""

# Their classes are called as functions are, and are named like them.
# ruff: noqa: N801

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch.nn.init.arguments import checked_number
from minitorch.nn.init.fans import LAYOUTS
from minitorch.nn.init.functions import InitFunction, normal
from minitorch.nn.init.gains import Gain, as_gain, settle_gain
from minitorch.random import Generator


@dataclass(frozen=True)
class eye(InitFunction):
    """1 on the diagonal of a matrix, else 0: a linear layer that passes on what it is given.

    >>> eye()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def check(self, shape: tuple[int, ...]) -> None:
        _check_matrix(self.name, shape)

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        return np.eye(*shape, dtype=dtype)


@dataclass(frozen=True)
class dirac(InitFunction):
    """1 at the centre of each kernel from a channel to itself, else 0: a convolution of no effect.

    As many channels are passed on as there are of both kinds, in each group by itself; with odd
    kernels and "same" padding, unchanged.

    Args:
        groups: of the convolution, whose weight is (out, in / groups, *kernel).

    Raises:
        ValueError: not 3, 4 or 5 axes, or groups that do not divide the first.

    >>> dirac()((2, 2, 3))[0]
    array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    groups: int = 1

    def __post_init__(self) -> None:
        if checked_number("dirac: groups", self.groups) < 1:
            raise ValueError(f"dirac: groups must be 1 or more, got {self.groups}")

    def check(self, shape: tuple[int, ...]) -> None:
        if len(shape) not in (3, 4, 5):
            raise ValueError(
                f"dirac: expected the weight of a convolution, 3, 4 or 5 axes, got {tuple(shape)}; "
                "for a matrix use eye"
            )
        if shape[0] % self.groups:
            raise ValueError(
                f"dirac: groups={self.groups} do not divide the {shape[0]} channels of axis 0 of "
                f"shape {tuple(shape)}"
            )

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        x = np.zeros(shape, dtype)
        centre = [n // 2 for n in shape[2:]]
        for group in np.split(x, self.groups):
            passed = np.arange(min(group.shape[:2]))
            index: tuple[Any, ...] = (passed, passed, *centre)
            group[index] = 1
        return x


@dataclass(frozen=True)
class orthogonal(InitFunction):
    """A random matrix W whose rows are at right angles: W Wᵀ = gain² I (or WᵀW, where W is tall).

    It keeps lengths, so that products of many neither grow nor shrink. Saxe, McClelland and
    Ganguli 2013. A kernel counts as a matrix, (out, in × kernel).

    W is the Q of N(0, 1) draws = Q R. A factorisation is free in the signs of R's diagonal; making
    them positive leaves one, and Q spread evenly over all rotations (Mezzadri 2006).

    Args:
        gain: a number, or the activation it is for: its name, or the function, to be measured.
        layout: "OI" is (out, in, *kernel), "IO" (*kernel, in, out).

    >>> w = orthogonal()((2, 5))
    >>> np.round(w @ w.T, 5) + 0.0
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    gain: Gain = 1.0
    layout: str = "OI"

    def __post_init__(self) -> None:
        settle_gain(self)
        if self.layout not in LAYOUTS:
            raise ValueError(
                f"orthogonal: layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}"
            )

    def check(self, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise ValueError(
                f"orthogonal: a parameter of shape {tuple(shape)} is no matrix; expected 2 or more "
                "axes, (out, in, *kernel)"
            )

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        out = shape[0] if self.layout == "OI" else shape[-1]
        size = out, math.prod(shape) // out
        q, r = np.linalg.qr(generator.normal((max(size), min(size)), dtype))
        q *= np.sign(np.diagonal(r)) * as_gain(self.gain)
        if self.layout == "OI":
            return (q if out == len(q) else q.T).reshape(shape)
        return (q.T if out == len(q) else q).reshape(shape)


@dataclass(frozen=True)
class sparse(InitFunction):
    """From N(0, std²), with a part of each column set to 0.

    Martens 2010, "Deep learning via Hessian-free optimization".

    Args:
        sparsity: the part of each column that is 0, rounded up to whole numbers.
        std: of the others.

    Raises:
        ValueError: sparsity is not between 0 and 1, std is negative, or the shape is no matrix.

    >>> (sparse(0.5)((5, 3)) == 0).sum(0)
    array([3, 3, 3])
    """

    sparsity: float
    std: float = 0.01

    def __post_init__(self) -> None:
        self.settle("sparsity", "std")
        if not 0 <= self.sparsity <= 1:
            raise ValueError(f"sparse: sparsity must be between 0 and 1, got {self.sparsity}")
        if self.std < 0:
            raise ValueError(f"sparse: std must be 0 or more, got {self.std}")

    def check(self, shape: tuple[int, ...]) -> None:
        _check_matrix(self.name, shape)

    def numbers(self, shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        x = normal(0.0, self.std).numbers(shape, dtype, generator)
        shuffled = generator.uniform(shape, dtype).argsort(0)  # each column by itself
        np.put_along_axis(x, shuffled[: math.ceil(self.sparsity * shape[0])], 0, axis=0)
        return x


def _check_matrix(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(f"{name}: expected a matrix, 2 axes, got shape {tuple(shape)}")
