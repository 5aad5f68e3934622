"""The MNIST of older courses, in one gzipped pickle, read without running it.

A pickle is a program for a machine with a stack: push this number, make a tuple of what is above
the mark, call that function with it. `pickle.load` does all of that, whatever function it is. The
machine below knows the few instructions that arrays take, and calls nothing: it notes what was to
be called with what. Of these notes, only those that make an array are made into one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.utils.data.common import DataError

Pair = tuple[np.ndarray, np.ndarray]

PIXELS = 784
MAX_BYTES = 400_000_000  # of the whole program; MNIST in float32 is 220 million, and more in UTF-8

# What these instructions push stands in the program itself.
LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
DTYPES = ("f4", "f8", "i1", "i2", "i4", "i8", "u1")


def read_mnist_pickle(path: str | os.PathLike[str]) -> tuple[Pair, Pair, Pair]:
    """`mnist.pkl.gz` as it was made for deeplearning.net, in NumPy arrays.

    Its strings are Python 2's, whose bytes are read as Latin-1, as by
    `pickle.load(file, encoding="latin-1")`; but no code in the file is run.

    Returns:
        (x, y) to learn from, to validate and to test with, of 50,000, 10,000 and 10,000 digits:
        images (N, 784), float32 in [0, 1], 0 is paper; labels (N,), int64 in 0..9.

    Raises:
        DataError: there is no such file, it is damaged, or it holds something else.
    """
    path = Path(path)
    try:
        parts = Machine().run(_content(path))
        train, valid, test = (_pair(part) for part in parts)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: no mnist.pkl.gz: {error}") from error
    return train, valid, test


def _content(path: Path) -> bytes:
    """The program, unpacked where it is packed."""
    import gzip  # here, as few need it
    import zlib

    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as unpacked:
            content = unpacked.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(error) from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    return content


@dataclass
class Name:
    """A function or class that the program names, "numpy.dtype"."""

    name: str


@dataclass
class Call:
    """What the program would call, with what, and the state it would give to the result."""

    name: str
    args: tuple
    state: Any = None


MARK = Name("the mark")


class Machine:
    """Carries out the instructions of a pickle but for its calls, which it notes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        """What the program leaves on the stack.

        Raises:
            ValueError: an instruction that arrays do not take, or a damaged program.
        """
        import pickletools  # which takes programs apart, and runs none

        for instruction, argument, _ in pickletools.genops(program):
            self.step(instruction.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """One instruction."""
        stack, memo = self.stack, self.memo
        if name in LITERALS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "MARK":
            stack.append(MARK)
        elif name == "TUPLE":
            inside: list[Any] = []
            while (value := stack.pop()) is not MARK:
                inside.append(value)
            stack.append(tuple(reversed(inside)))
        elif name in TUPLES:
            n = TUPLES[name]
            stack[-n:] = [tuple(stack[-n:])]
        elif name == "GLOBAL":
            stack.append(Name(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            stack[-2:] = [Name(".".join(stack[-2:]))]
        elif name == "REDUCE":
            stack[-2:] = [Call(stack[-2].name, stack[-1])]
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"the instruction {name} has no place in a pickle of arrays")


# what the notes stand for ---------------------------------------------------------------------


def _pair(part: Any) -> Pair:
    """Images and their labels, looked through."""
    x, y = (_array(call) for call in part)
    if x.ndim != 2 or x.shape[1] != PIXELS or y.shape != x.shape[:1]:
        raise ValueError(f"images {x.shape} and labels {y.shape}, expected (N, {PIXELS}) and (N,)")
    if x.dtype.kind != "f" or y.dtype.kind not in "iu":
        raise ValueError(f"images of {x.dtype} and labels of {y.dtype}, expected floats and ints")
    if y.size and not 0 <= y.min() <= y.max() <= 9:
        raise ValueError(f"labels from {y.min()} to {y.max()}, expected 0 to 9")
    return x.astype(np.float32), y.astype(np.int64)


def _array(call: Call) -> np.ndarray:
    """The array that a call would have made."""
    if call.name in ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"):
        _, shape, dtype, fortran, data = call.state
    elif call.name in ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"):
        data, dtype, shape, order = call.args
        fortran = order == "F"
    else:
        raise ValueError(f"it would call {call.name}")
    values = np.frombuffer(_bytes(data), _dtype(dtype))
    return values.reshape(shape, order="F" if fortran else "C")


def _dtype(call: Call) -> np.dtype:
    """A dtype of plain numbers, in the byte order of its state."""
    if call.name != "numpy.dtype" or call.args[0] not in DTYPES:
        raise ValueError(f"a dtype by {call.name}, expected one of {', '.join(DTYPES)}")
    order = call.state[1] if call.state else "="
    return np.dtype(call.args[0]).newbyteorder(order)


def _bytes(data: Any) -> bytes | bytearray:
    """Bytes: a string in Python 2, and in old protocols of Python 3 a call that encodes one."""
    if isinstance(data, Call) and data.name == "_codecs.encode":
        data = data.args[0]
    return data.encode("latin-1") if isinstance(data, str) else data
