"""cuBLAS, called by its C functions, for where CuPy refuses to call it: while a graph is captured.

NVIDIA's library can be captured. It needs a stream that is told to it, and memory to work in that
was there before; CuPy asks for neither, and raises. So here it is called past CuPy, with CuPy's own
handle. Before the first use a small product is captured, launched and looked at: where that fails,
for whatever reason, products are a kernel of ours (`matmul.cu`), several times slower.
"""

from __future__ import annotations

import ctypes
import sys
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import Array, cupy
from minitorch.dtypes import float32, float64
from minitorch.kernels.source import steps

_SPACE = 1 << 25  # bytes to work in, as NVIDIA recommends for its newest cards
_AS_IT_LIES, _TURNED = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T
_DTYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # CUDA_R_32F, ...
_IN_FLOAT, _IN_TF32, _IN_DOUBLE = 68, 77, 70  # CUBLAS_COMPUTE_32F, ..._FAST_TF32, ..._64F
_DEFAULT = -1  # CUBLAS_GEMM_DEFAULT: cuBLAS chooses the algorithm
_TF32 = 7  # CuPy's name for it

_GEMM = (  # cublasGemmStridedBatchedEx
    *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
    ctypes.c_void_p,
    *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong),
    *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong),
    ctypes.c_void_p,
    *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int),
)


class _Library(NamedTuple):
    """The library, CuPy's handle for a GPU and thread, and memory there for it to work in."""

    functions: Any
    handle: int
    space: Array


def multiply(a: Array, b: Array, y: Array) -> bool:
    """y = a b for stacks of matrices: (B, M, K), (B, K, N) and (B, M, N), y in one piece.

    Returns:
        False if it was not done, since the library is not there or takes no matrix that lies so.
    """
    (count, M, K), N = a.shape, b.shape[2]
    left, right = _lies(a), _lies(b)
    if left is None or right is None or not y.size or not K or max(M, N, K, count) >= 1 << 31:
        return False
    library = _library(a.device.id)
    return library is not None and _gemm(library, a, b, y, left, right)


def _lies(x: Array) -> tuple[int, int] | None:
    """Whether the matrices lie by rows or are to be turned, and how far rows (columns) are apart.

    To cuBLAS a matrix lies by columns. One that lies by rows is to it the transposed one, and the
    transposed product of transposed matrices in the other order is what we want: yᵀ = bᵀ aᵀ.
    """
    rows, columns = x.shape[1:]
    _, down, along = steps(x)
    for turned, n, m, step, apart in (
        (_AS_IT_LIES, columns, rows, along, down),
        (_TURNED, rows, columns, down, along),
    ):
        apart = apart if m > 1 else n
        if (step == 1 or n == 1) and n <= apart < 1 << 31:
            return turned, apart
    return None


def _gemm(
    library: _Library, a: Array, b: Array, y: Array, left: tuple[int, int], right: tuple[int, int]
) -> bool:
    """Queues the products on the current stream; False if cuBLAS does not take them."""
    (count, M, K), N = a.shape, b.shape[2]
    module, kind = cupy(), _DTYPES[a.dtype.name]
    number = ctypes.c_double if a.dtype == float64 else ctypes.c_float
    one, zero = number(1), number(0)
    computed = _IN_DOUBLE if a.dtype == float64 else _IN_FLOAT
    if a.dtype == float32 and module._core.get_compute_type(float32) == _TF32:
        computed = _IN_TF32
    handle, functions = library.handle, library.functions
    failed = functions.cublasSetStream_v2(handle, module.cuda.get_current_stream().ptr)
    # After the stream: to set it takes the memory away. CuPy sets it anew at each call of its own.
    failed |= functions.cublasSetWorkspace_v2(handle, library.space.data.ptr, _SPACE)
    failed |= functions.cublasGemmStridedBatchedEx(
        *(handle, right[0], left[0], N, M, K, ctypes.addressof(one)),
        *(b.data.ptr, kind, right[1], steps(b)[0]),
        *(a.data.ptr, kind, left[1], steps(a)[0]),
        ctypes.addressof(zero),
        *(y.data.ptr, kind, N, M * N),
        *(count, computed, _DEFAULT),
    )
    return not failed


_tried: dict[tuple[Any, int, int], _Library | None] = {}


def _library(number: int) -> _Library | None:
    """What is needed on a GPU, of this thread; None where the library cannot be captured."""
    module = cupy()
    key = module, number, get_ident()
    if key not in _tried:
        try:
            if module.cuda.get_current_stream().is_capturing():
                return None  # trying it would spoil the capture
            _tried[key] = _opened(module, number)
        except Exception:  # a library that is not there, a CuPy that changed: there is our kernel
            _tried[key] = None
    return _tried[key]


def _opened(module: Any, number: int) -> _Library | None:
    functions = _loaded(module)
    with module.cuda.Device(number) as device:
        handle = device.cublas_handle
        library = _Library(functions, handle, module.empty(_SPACE, np.uint8))
        return library if _is_captured(module, library) else None


def _loaded(module: Any) -> Any:
    """The library that CuPy has loaded, with its functions declared."""
    major = module.cuda.runtime.runtimeGetVersion() // 1000
    on_windows = sys.platform == "win32"
    found = ctypes.CDLL(f"cublas64_{major}.dll" if on_windows else f"libcublas.so.{major}")
    found.cublasSetStream_v2.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    found.cublasSetWorkspace_v2.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    found.cublasGemmStridedBatchedEx.argtypes = _GEMM
    return found


def _is_captured(module: Any, library: _Library) -> bool:
    """Does a graph with a product in it give the product, and only when it is launched?"""
    a = module.asarray(np.arange(6, dtype=float32).reshape(1, 2, 3))
    b = module.asarray(np.arange(12, dtype=float32).reshape(1, 3, 4))
    y = module.zeros((1, 2, 4), float32)
    with module.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        try:
            taken = _gemm(library, a, b, y, (_AS_IT_LIES, 3), (_AS_IT_LIES, 4))
        finally:
            graph = stream.end_capture()
        before = y.get()
        graph.launch(stream)
        stream.synchronize()
    want = np.matmul(a.get(), b.get())
    return taken and not before.any() and bool((y.get() == want).all())
