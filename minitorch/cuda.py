"""The GPU, as far as a program asks about it; `device="cuda"` is what puts tensors there."""

from __future__ import annotations

from minitorch import array as arrays
from minitorch.array import cuda_is_available as is_available
from minitorch.random import manual_seed

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all", "synchronize"]

manual_seed_all = manual_seed  # draws are made on the host, so there is one stream


def device_count() -> int:
    """How many GPUs can be used: 0 where `is_available()` is False."""
    return arrays.cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def synchronize(device: str | arrays.device = "cuda") -> None:
    """Waits until a GPU has done what it was given; for timing.

    Raises:
        RuntimeError: there is no GPU to wait for; the message says what is missing.
    """
    arrays.cupy().cuda.Device(arrays.device(device).index).synchronize()
