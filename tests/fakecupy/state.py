"""What the stand-in counts, and whether it claims to have a GPU."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Counters:
    """How often the host waited for the GPU, and how often data went up to it.

    sync: `.get()`, `float`, `int`, `bool`, `.item()`, `.tolist()`, printing, boolean masks,
        `nonzero`, and whatever else has to know a value or a size that only the GPU knows.
    h2d: arrays and lists of host data that became arrays on the GPU. A single number travels
        with the kernel that uses it, so it is not counted.
    """

    sync: int = 0
    h2d: int = 0

    def reset(self) -> None:
        self.sync = self.h2d = 0


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where the driver or the GPU is missing."""

    def __init__(self, status: int = 100):
        self.status = status
        super().__init__(
            {
                100: "cudaErrorNoDevice: no CUDA-capable device is detected",
                101: "cudaErrorInvalidDevice: invalid device ordinal",
            }[status]
        )


class Gpu:
    """How many GPUs there are; with `present` False, one that imports but cannot compute."""

    def __init__(self) -> None:
        self.present = True
        self.count = 1
        self.current = 0

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
