"""What `libcublas.so` does when it is called by its C functions: products of matrices by columns.

It reads and writes at addresses, as the library does, and says by a status what it does not take.
While the current stream captures, a product is noted and made at each launch of the graph.
"""

import ctypes
from typing import Any

import numpy as np

from tests.fakecupy.state import gpu

INVALID_VALUE, NOT_SUPPORTED = 7, 15
_COMPUTED = {68: ctypes.c_float, 77: ctypes.c_float, 70: ctypes.c_double}


def _dtypes() -> dict[int, np.dtype]:
    known = {0: np.dtype("f4"), 1: np.dtype("f8"), 2: np.dtype("f2")}
    try:
        import ml_dtypes
    except ImportError:
        return known
    return known | {14: np.dtype(ml_dtypes.bfloat16)}


class Library:
    """The three functions that are used, and what was asked of them."""

    def __init__(self) -> None:
        self.stream: Any = None
        self.space = 0
        self.computed: list[int] = []

    def cublasSetStream_v2(self, handle: int, stream: int) -> int:  # noqa: N802 - NVIDIA's name
        self.stream, self.space = stream, 0
        return 0 if handle else 1

    def cublasSetWorkspace_v2(self, handle: int, space: int, size: int) -> int:  # noqa: N802
        if not space or space % 16:
            return INVALID_VALUE
        self.space = size
        return 0 if handle else 1

    def cublasGemmStridedBatchedEx(  # noqa: N802
        self, handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, *rest: Any
    ) -> int:
        A, Atype, lda, along_a, B, Btype, ldb, along_b, beta, *rest = rest
        C, Ctype, ldc, along_c, count, computed, algo = rest
        known = _dtypes()
        if gpu.capture is not None and not self.space:
            raise MemoryError("cuBLAS asks for memory while the stream captures")
        if not (Atype == Btype == Ctype in known) or algo != -1 or computed not in _COMPUTED:
            return NOT_SUPPORTED
        if (Atype == 1) != (computed == 70):
            return NOT_SUPPORTED
        rows_of_a, rows_of_b = k if transa else m, n if transb else k
        if min(m, n, k, count) < 1 or lda < rows_of_a or ldb < rows_of_b or ldc < m:
            return INVALID_VALUE
        number = _COMPUTED[computed]
        if (number.from_address(alpha).value, number.from_address(beta).value) != (1, 0):
            return INVALID_VALUE
        self.computed.append(computed)
        dtype = known[Atype]

        def matrix(at: int, i: int, rows: int, columns: int, apart: int, along: int) -> np.ndarray:
            """Matrix number i, whose columns are so far apart, of a stack."""
            size = dtype.itemsize
            bytes_ = ((columns - 1) * apart + rows) * size
            memory = (ctypes.c_char * bytes_).from_address(at + i * along * size)
            flat = np.frombuffer(memory, dtype)
            return np.lib.stride_tricks.as_strided(flat, (rows, columns), (size, apart * size))

        def run() -> None:
            for i in range(count):
                a = matrix(A, i, *((k, m) if transa else (m, k)), lda, along_a)
                b = matrix(B, i, *((n, k) if transb else (k, n)), ldb, along_b)
                wide = np.float64 if Atype == 1 else np.float32
                a, b = (a.T if transa else a).astype(wide), (b.T if transb else b).astype(wide)
                matrix(C, i, m, n, ldc, along_c)[...] = (a @ b).astype(dtype)

        if gpu.capture is None:
            run()
        else:
            gpu.capture.steps.append(run)
        return 0
