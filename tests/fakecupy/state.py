"""What the stand-in counts, and whether it claims to have a GPU."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Counters:
    """How often the host waited for the GPU, and how often data went up to it.

    sync: `.get()`, `float`, `int`, `bool`, `.item()`, `.tolist()`, printing, boolean masks,
        `nonzero`, and whatever else has to know a value or a size that only the GPU knows.
    h2d: arrays and lists of host data that became arrays on the GPU. A single number travels
        with the kernel that uses it, so it is not counted.
    launches: kernels written in CUDA that were run.
    graphs: CUDA graphs that were launched; the kernels in them do not count.
    """

    sync: int = 0
    h2d: int = 0
    launches: int = 0
    graphs: int = 0

    def reset(self) -> None:
        self.sync = self.h2d = self.launches = self.graphs = 0

    def __setattr__(self, name: str, value: int) -> None:
        waits = name in ("sync", "h2d") and value > getattr(self, name)
        if waits and gpu.capture is not None:
            gpu.capture.refuse()
        super().__setattr__(name, value)


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where the driver or the GPU is missing."""

    def __init__(self, status: int = 100):
        self.status = status
        super().__init__(
            {
                100: "cudaErrorNoDevice: no CUDA-capable device is detected",
                101: "cudaErrorInvalidDevice: invalid device ordinal",
                700: "cudaErrorIllegalAddress: an illegal memory access was encountered",
                900: "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is "
                "capturing",
                901: "cudaErrorStreamCaptureInvalidated: operation failed due to a previous error "
                "during capture",
            }[status]
        )


class Gpu:
    """How many GPUs there are; with `present` False, one that imports but cannot compute."""

    def __init__(self) -> None:
        self.present = True
        self.count = 1
        self.current = 0
        self.capture: Any = None  # of the current stream, while it captures
        self.allocator: Any = None  # another than the default one

    def require(self) -> None:
        if not self.present:
            raise CUDARuntimeError

    @contextlib.contextmanager
    def missing(self) -> Iterator[None]:
        """Inside the block CuPy is installed and there is no GPU."""
        self.present = False
        try:
            yield
        finally:
            self.present = True


counters = Counters()
gpu = Gpu()
