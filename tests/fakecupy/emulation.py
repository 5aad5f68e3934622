"""CUDA C run on the host: the text of a kernel, compiled by g++ as the C++ that it nearly is.

`cuda_on_host.h` says what is missing. So what a kernel computes is tested where there is no GPU:
its numbers, what it reads and writes, its waiting; not its speed, nor what threads of different
blocks do to each other at the same time.
"""

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakecupy.array import ndarray
from tests.fakecupy.state import counters, gpu

HEADER = Path(__file__).with_name("cuda_on_host.h")
_BOUNDS = r"(?:__launch_bounds__\(\d+\)\s+)?"
_DECLARED = re.compile(rf'^extern "C" __global__ void\s+{_BOUNDS}(\w+)\(', re.M)
_LARGEST = (2**31 - 1, 65535, 65535), (1024, 1024, 64)  # sizes of a grid, of a block
_ARGUMENTS = 4096  # bytes that may travel with a call


@functools.cache
def compiler() -> str | None:
    """The g++ that knows float16; None where there is none."""
    found = shutil.which("g++")
    if found is None:
        return None
    text = "int main() { _Float16 x = 1; return int(x) - 1; }"
    done = subprocess.run(
        [found, "-std=c++17", "-x", "c++", "-fsyntax-only", "-"],
        input=text.encode(),
        check=False,
        capture_output=True,
    )
    return found if done.returncode == 0 else None


@functools.cache
def library(code: str) -> ctypes.PyDLL:
    """The kernels of a source, as functions of the host; compiled once, and kept on disk."""
    waits = int("__syncthreads" in code)
    entries = [
        f'extern "C" int run_{name}(const unsigned* g, const unsigned* b, void** args) '
        f"{{ return launch({name}, g, b, args, {waits}); }}\n"
        f'extern "C" int count_{name}() {{ return Launch<decltype(&{name})>::count; }}\n'
        f'extern "C" void sizes_{name}(size_t* out) '
        f"{{ Launch<decltype(&{name})>::sizes(out); }}\n"
        for name in _DECLARED.findall(code)
    ]
    text = "\n".join([HEADER.read_text(), code, *entries])
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"cuda-on-host-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    built = folder / f"{key}.so"
    if not built.exists():
        own = folder / f"{key}.{os.getpid()}"
        command = [
            compiler() or "g++",
            "-std=c++17",
            "-O1",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
        ]
        done = subprocess.run(
            [*command, "-x", "c++", "-", "-o", str(own)],
            input=text.encode(),
            check=False,
            capture_output=True,
        )
        if done.returncode:
            raise RuntimeError(f"g++ does not take this kernel:\n{done.stderr.decode()[:4000]}")
        own.replace(built)
    return ctypes.PyDLL(str(built))


def run(code: str, name: str, grid: tuple, block: tuple, args: tuple) -> None:
    """Launches a kernel on arrays of the stand-in; what CUDA would not take raises here."""
    gpu.require()
    grid, block = ((*grid, 1, 1)[:3], (*block, 1, 1)[:3])
    for what, sizes, largest in zip(("grid", "block"), (grid, block), _LARGEST):
        if not all(0 < n <= most for n, most in zip(sizes, largest)):
            raise ValueError(f"{name}: {what} {sizes}, expected 1 to {largest}")
    if block[0] * block[1] * block[2] > 1024:
        raise ValueError(f"{name}: a block of {block} has more than 1024 threads")
    found = library(code)
    held = [_passed(x) for x in args]
    sizes = (ctypes.c_size_t * max(1, len(held)))()
    if getattr(found, f"count_{name}")() != len(held):
        raise TypeError(f"{name}: {len(held)} arguments for {getattr(found, f'count_{name}')()}")
    getattr(found, f"sizes_{name}")(sizes)
    for i, (value, size) in enumerate(zip(held, sizes)):
        if value.nbytes != size:
            raise TypeError(f"{name}: argument {i} has {value.nbytes} bytes, expected {size}")
    if sum(sizes) > _ARGUMENTS:
        raise ValueError(f"{name}: {sum(sizes)} bytes of arguments, at most {_ARGUMENTS}")
    pointers = (ctypes.c_void_p * max(1, len(held)))(*[x.ctypes.data for x in held])
    three = ctypes.c_uint * 3

    def launch() -> None:
        """Keeps `held` and `used`, so that the addresses stay those of these arrays."""
        if getattr(found, f"run_{name}")(three(*grid), three(*block), pointers):
            raise RuntimeError(
                f"{name}: some threads of a block ended while others waited for them"
            )

    if gpu.capture is None:
        counters.launches += 1
        launch()
    else:
        gpu.capture.given(x for x in args if isinstance(x, ndarray))
        launch.held = held, [x._host for x in args if isinstance(x, ndarray)]
        gpu.capture.steps.append(launch)


def _passed(x: Any) -> np.ndarray:
    """An argument as the bytes that CuPy passes: an address, a number, or a struct by value."""
    if isinstance(x, ndarray):
        return np.array(x.data.ptr, np.uint64)
    if isinstance(x, np.ndarray):
        if x.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {x.shape} as a kernel parameter. "
                "Only numpy.ndarrays of size one can be passed by value."
            )
        return x
    if isinstance(x, np.generic):
        return np.asarray(x)
    if isinstance(x, bool):
        return np.array(x)
    if isinstance(x, int):
        return np.array(x, np.int64)
    if isinstance(x, float):
        return np.array(x, np.float64)
    raise TypeError(f"Unsupported type {type(x)}")
