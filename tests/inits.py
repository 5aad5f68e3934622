"""The init functions, each with arguments and a shape, that several tests go through."""

from __future__ import annotations

import pytest

import minitorch as mt
from minitorch.nn import init


def seeded(seed: int = 1) -> mt.Generator:
    return mt.Generator().manual_seed(seed)


# every init function: (name, arguments of the function, a shape that suits it)
FUNCTIONS = [
    ("uniform", (-0.5, 0.25), (4, 6)),
    ("normal", (1.0, 0.5), (4, 6)),
    ("trunc_normal", (0.0, 1.0, -0.5, 1.0), (4, 6)),
    ("trunc_normal", (0.0, 1.0, 2.0, 3.0), (4, 6)),
    ("constant", (0.3,), (4, 6)),
    ("ones", (), (4, 6)),
    ("zeros", (), (4, 6)),
    ("eye", (), (4, 6)),
    ("dirac", (2,), (4, 2, 3, 3)),
    ("orthogonal", (0.5,), (4, 2, 3)),
    ("sparse", (0.3, 0.1), (4, 6)),
    ("xavier_uniform", (2.0,), (4, 2, 3)),
    ("xavier_normal", (2.0,), (4, 2, 3)),
    ("kaiming_uniform", (0.1, "fan_out", "leaky_relu"), (4, 2, 3)),
    ("kaiming_normal", (0, "fan_in", "relu"), (4, 2, 3)),
    ("lecun_uniform", (), (4, 6)),
    ("lecun_normal", (), (4, 6)),
]
every_function = pytest.mark.parametrize(("name", "args", "shape"), FUNCTIONS)
FAN_SCALED = [
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "lecun_uniform",
    "lecun_normal",
]
UNDRAWN = ("constant", "ones", "zeros", "eye", "dirac")


def in_place(name: str, w: mt.Tensor, args: tuple, generator: mt.Generator) -> mt.Tensor:
    """Calls torch's function of that name."""
    options = {} if name in UNDRAWN else {"generator": generator}
    return getattr(init, f"{name}_")(w, *args, **options)
