"""The GPU, as far as a program asks about it; `device="cuda"` is what puts tensors there.

The names are torch's. Memory is CuPy's pool: what was freed stays in it for the next array, until
`empty_cache()`. It keeps no record of its highest level, so there is no `max_memory_allocated`.
"""

from __future__ import annotations

from typing import Any

from minitorch import array as arrays
from minitorch import gpus
from minitorch.array import cuda_is_available as is_available
from minitorch.cuda import amp
from minitorch.parity import ParityError, parity
from minitorch.random import manual_seed

__all__ = [
    "ParityError",
    "amp",
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "memory_allocated",
    "memory_reserved",
    "parity",
    "synchronize",
]

manual_seed_all = manual_seed  # draws are made on the host, so there is one stream

Where = str | int | arrays.device | None


def device_count() -> int:
    """How many GPUs can be used: 0 where `is_available()` is False."""
    return arrays.cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU that "cuda" means.

    Raises:
        RuntimeError: there is no GPU; the message says what is missing. So for all that follow.
    """
    arrays.cupy()
    return arrays.device("cuda").index or 0


class device:  # noqa: N801 - torch's name
    """Inside, GPU `device` is the one that computes.

    CuPy computes, and puts its results, on the GPU that is current, not on that of the arrays it is
    given. So what a program computes with tensors of "cuda:1" belongs into this block, backward and
    the optimizer's step included. `device="cuda"` means "cuda:0" inside, too.

    With one GPU a program needs none of this.
    """

    def __init__(self, device: Where):
        module, number = _gpu("device", device)
        if number:
            gpus.look()
        self._device = module.cuda.Device(number)

    def __enter__(self) -> None:
        self._device.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._device.__exit__(*exc)


def get_device_name(device: Where = None) -> str:
    """What the maker calls a GPU."""
    module, number = _gpu("get_device_name", device)
    name = module.cuda.runtime.getDeviceProperties(number)["name"]
    return name.decode() if isinstance(name, bytes) else name


def synchronize(device: Where = None) -> None:
    """Waits until a GPU has done what it was given; for timing."""
    module, number = _gpu("synchronize", device)
    module.cuda.Device(number).synchronize()


def memory_allocated(device: Where = None) -> int:
    """Bytes of a GPU that arrays take; 0 without a GPU, as in torch."""
    return _pool("memory_allocated", device, "used_bytes")


def memory_reserved(device: Where = None) -> int:
    """Bytes of a GPU that the pool holds, for arrays there are and arrays to come; see above."""
    return _pool("memory_reserved", device, "total_bytes")


def empty_cache() -> None:
    """Gives back to the driver what the pool of the current GPU holds for arrays to come."""
    if is_available():
        module, number = _gpu("empty_cache", None)
        with module.cuda.Device(number):
            module.get_default_memory_pool().free_all_blocks()


def _gpu(who: str, device: Where) -> tuple[Any, int]:
    """CuPy, and the number of the GPU that is meant.

    Raises:
        RuntimeError: no GPU, or none of that number.
        ValueError: the device is none.
    """
    module = arrays.cupy()
    if device is None:
        return module, current_device()
    number = device if isinstance(device, int) else arrays.device(device).index
    if number is None:
        raise ValueError(f"{who}: expected a GPU such as 'cuda' or 0, got {device!r}")
    count = device_count()
    if not 0 <= number < count:
        raise RuntimeError(
            f"{who}: there is no GPU {number}; {count} can be used, 0 to {count - 1}"
        )
    return module, number


def _pool(who: str, device: Where, what: str) -> int:
    """What the pool of a GPU says of itself."""
    if not is_available():
        return 0
    module, number = _gpu(who, device)
    with module.cuda.Device(number):
        return int(getattr(module.get_default_memory_pool(), what)())
