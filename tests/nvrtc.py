"""NVRTC, NVIDIA's compiler of CUDA C, which needs no GPU: `pip install nvidia-cuda-nvrtc-cu12`."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import sys
from pathlib import Path


@functools.cache
def library() -> ctypes.CDLL | None:
    """NVRTC, of a wheel or of a CUDA toolkit; None where there is none."""
    homes = [os.environ[name] for name in ("CUDA_PATH", "CUDA_HOME") if name in os.environ]
    places = [f"{home}/lib64/libnvrtc.so*" for home in (*homes, "/usr/local/cuda")]
    for folder in sys.path:
        places += [f"{folder}/nvidia/{part}/lib/libnvrtc.so.*" for part in ("cuda_nvrtc", "cu13")]
    found = [path for place in places for path in sorted(Path("/").glob(place.lstrip("/")))]
    for path in [*map(str, found), ctypes.util.find_library("nvrtc")]:
        if path:
            try:
                return ctypes.CDLL(path)
            except OSError:
                continue
    return None


def version() -> str:
    """The version of NVRTC, such as "12.9"."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def compiled(code: str, architecture: str) -> bytes:
    """The machine code of a source, for an architecture such as "sm_90".

    Raises:
        ValueError: NVRTC does not take the source; the message is what it says.
    """
    nvrtc, program = library(), ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None)
    try:
        options = [
            f"--gpu-architecture={architecture}".encode(),
            b"--std=c++17",
            b"-default-device",
        ]
        given = (ctypes.c_char_p * len(options))(*options)
        failed = nvrtc.nvrtcCompileProgram(program, len(options), given)
        said = _text(nvrtc, program, "ProgramLog").decode().strip("\0\n")
        if failed or "warning" in said:
            raise ValueError(f"NVRTC {version()} for {architecture}:\n{said}")
        return _text(nvrtc, program, "CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.raw
