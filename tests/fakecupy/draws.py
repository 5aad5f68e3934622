"""cupy.random: the names that CuPy has, drawing from NumPy's streams."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.fakecupy import names, signatures
from tests.fakecupy.array import apply, ndarray
from tests.fakecupy.capture import refuse_library

_state = SimpleNamespace(host=np.random.RandomState(0))


def _drawn(line: str, draw: Callable) -> Callable:
    """A drawing function with CuPy's parameters; where NumPy knows no dtype, one is applied."""
    signature = signatures.read(line)

    def call(*args: Any, **kwargs: Any) -> Any:
        signature.bind(*args, **kwargs)
        refuse_library("cuRAND")
        dtype = kwargs.pop("dtype", None)
        found = apply(draw, *args, **kwargs)
        if isinstance(found, int | float | np.generic):
            found = apply(np.array, found)
        return found if dtype is None or not isinstance(found, ndarray) else found.astype(dtype)

    return call


class Generator:
    """Only the methods that CuPy's Generator has: no normal, choice, permutation or shuffle."""

    def __init__(self, bit_generator: Any = None):
        stream = np.random.default_rng(bit_generator)
        for name, line in names.GENERATOR.items():
            line = line.removeprefix("self").strip()
            setattr(self, name, _drawn(line, getattr(stream, name)))


def default_rng(seed: Any = None) -> Generator:
    return seed if isinstance(seed, Generator) else Generator(seed)


def seed(seed: Any = None) -> None:
    _state.host = np.random.RandomState(seed)


def _legacy(name: str) -> Callable:
    return lambda *args, **kwargs: getattr(_state.host, name)(*args, **kwargs)


def members() -> dict[str, Any]:
    """Everything in cupy.random that the stand-in has."""
    found: dict[str, Any] = {
        name: _drawn(line, _legacy(name))
        for name, line in names.RANDOM.items()
        if hasattr(_state.host, name)
    }
    return {**found, "Generator": Generator, "default_rng": default_rng, "seed": seed}
