"""A strict stand-in for CuPy, so that code meant for a GPU is tested where there is none.

    with fakecupy.installed() as cupy:
        x = cupy.asarray(np.ones(3))
        x + np.ones(3)                      # TypeError, as on a GPU
    assert fakecupy.counters.sync == 0

It refuses what CuPy refuses (NumPy arrays among its own, missing names and keywords, conversion
without asking) and does what CuPy does (0-d arrays from reductions, indices that wrap round,
any of several values under one index). Where the two libraries differ in what they accept, it
takes only what both take. It counts what would cost time on a GPU: waiting for it, and uploads.
Kernels written in CUDA it runs on the host, as C++ (`emulation.py`), and counts them too. A CUDA
graph repeats the calls that were made while a stream captured (`capture.py`).
"""

from tests.fakecupy.modules import cupy, cupyx, install, installed, uninstall
from tests.fakecupy.state import CUDARuntimeError, counters, gpu

__all__ = [
    "CUDARuntimeError",
    "counters",
    "cupy",
    "cupyx",
    "gpu",
    "install",
    "installed",
    "uninstall",
]
