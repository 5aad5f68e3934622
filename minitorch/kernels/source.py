"""From a file of CUDA C to a program on the GPU: one for each dtype, compiled when first used.

A file in `cuda/` is written once, for numbers of any dtype: `T` is what lies in memory, `A` what is
computed with (float for those of 16 bits, which have too few digits to add up in), and `I` counts
elements: 32 bits where they suffice, since a GPU divides those in a fraction of the time, else 64.
What the three mean is written above the text, with what all files share, `common.cuh`. NVRTC
compiles it, through CuPy, which keeps the result on disk.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.array import Array, cupy

_FOLDER = Path(__file__).with_name("cuda")
FILES = tuple(sorted(path.stem for path in _FOLDER.glob("*.cu")))
NUMBERS = {  # T, and its A
    "float16": "float",
    "bfloat16": "float",
    "float32": "float",
    "float64": "double",
}
_CTYPES = {"float32": "float", "float64": "double"}  # where CUDA C calls them otherwise

THREADS = 256  # in a block: enough to hide the wait for memory, on every GPU
_KERNEL = re.compile(r'^extern "C" __global__ void\s+(?:__launch_bounds__\(\d+\)\s+)?(\w+)\(', re.M)
_BLOCKS = 1 << 20  # beyond, a thread takes several elements
_SMALL = 1 << 30  # elements: below it, 32 bits count them, and one stride beyond them


def source(file: str, dtype: str, wide: bool = False) -> str:
    """The text of a file for numbers of a dtype; `wide` counts elements with 64 bits."""
    types = (
        f"typedef {_CTYPES.get(dtype, dtype)} T;\n"
        f"typedef {NUMBERS[dtype]} A;\n"
        f"typedef {'long long' if wide else 'int'} I;\n"
    )
    shared = (_FOLDER / "common.cuh").read_text(encoding="utf-8")
    own = (_FOLDER / f"{file}.cu").read_text(encoding="utf-8")
    return f"{shared}\n{types}\n{own}"


def names(file: str) -> list[str]:
    """The kernels in a file."""
    text = (_FOLDER / f"{file}.cu").read_text(encoding="utf-8")
    return re.findall(_KERNEL, text)


@cache
def _module(file: str, dtype: str, wide: bool) -> Any:
    return cupy().RawModule(code=source(file, dtype, wide))


@cache
def kernel(file: str, name: str, dtype: str, wide: bool = False) -> Any:
    """A kernel for a dtype, ready to be called with (grid, block, arguments)."""
    return _module(file, dtype, wide).get_function(name)


def takes(*arrays: Array) -> bool:
    """True for floating-point arrays of one dtype; None among them is passed over."""
    dtypes = {x.dtype.name for x in arrays if x is not None}
    return len(dtypes) == 1 and dtypes <= NUMBERS.keys()


def is_wide(*sizes: int) -> bool:
    """True where one of the sizes is too large to be counted with 32 bits."""
    return max(sizes) >= _SMALL


def each(file: str, name: str, size: int, like: Array, *args: Any, wide: bool = False) -> None:
    """Launches a kernel with a thread for each of `size` elements; none of them, no launch."""
    if size:
        blocks = min(-(-size // THREADS), _BLOCKS)
        run = kernel(file, name, like.dtype.name, wide or is_wide(size))
        run((blocks,), (THREADS,), addressed(args))


def blocks(
    file: str, name: str, grid: tuple[int, ...], block: tuple[int, ...], like: Array, *args: Any
) -> None:
    """Launches a kernel on a grid of blocks; many elements are counted with 64 bits."""
    kernel(file, name, like.dtype.name, is_wide(like.size))(grid, block, addressed(args))


def addressed(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with an address of 0 for None: an array that is not there."""
    return tuple([np.uint64(0) if a is None else a for a in args])


# what lies how in memory ----------------------------------------------------------------------


def steps(x: Array) -> tuple[int, ...]:
    """How many elements further in memory the next one along each axis lies."""
    return tuple([step // x.dtype.itemsize for step in x.strides])


def flat(x: Array) -> Array:
    """x itself if it fills one piece of memory, whatever the order of its axes; else a copy."""
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    return x if x.transpose(order).flags.c_contiguous else x.copy(order="C")


def dense(x: Array) -> Array:
    """x itself if its elements lie in row-major order; else a copy."""
    return x if x.flags.c_contiguous else x.copy(order="C")


def lying_like(x: Array, like: Array) -> Array:
    """x with its elements in the order in which those of `like` lie; a copy where they do not."""
    if all(a == b for a, b, n in zip(x.strides, like.strides, x.shape) if n > 1):
        return x
    y = np.empty_like(like, dtype=x.dtype)
    y[...] = x
    return y
