"""What can be read off a tensor: its shape, its dtype, where it lives, and its one number.

Nothing here is recorded, and nothing changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.array import Array, device, device_of
from minitorch.dtypes import FLOATING
from minitorch.meta import Meta


class Facts:
    """The half of a Tensor that only looks at its array."""

    __slots__ = ()
    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements."""
        return self.array.dtype

    @property
    def device(self) -> device:
        """Where the array lives."""
        return device_of(self.array)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.shape if dim is None else _along("size", dim, self.shape)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.size * self.dtype.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Steps along each axis (or one), in elements; 0 where `expand` repeats without copying."""
        steps = tuple(s // self.dtype.itemsize for s in self.array.strides)
        return steps if dim is None else _along("stride", dim, steps)

    def is_contiguous(self) -> bool:
        """True when the elements lie in memory in row-major order."""
        return bool(self.array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32 and float64."""
        return self.dtype.kind in FLOATING

    def is_complex(self) -> bool:
        """False: complex numbers are not supported."""
        return False

    def is_same_size(self, other: Facts) -> bool:
        """True when both have one shape."""
        return self.shape == other.shape

    @property
    def is_cpu(self) -> bool:
        """True when the array lives in the host's memory."""
        return self.device.type == "cpu"

    @property
    def is_cuda(self) -> bool:
        """True when the array lives on a GPU."""
        return self.device.type == "cuda"

    @property
    def is_meta(self) -> bool:
        """True when it has a shape and a dtype only."""
        return self.device.type == "meta"

    def get_device(self) -> int:
        """The number of the GPU the array lives on; -1 off the GPU."""
        return -1 if self.device.index is None else self.device.index

    # as a number, and as a sequence ---------------------------------------------------------------

    def item(self) -> float | int | bool:
        """The one number inside, as a Python number."""
        return self._one("item")

    def tolist(self) -> Any:
        """The numbers as nested Python lists."""
        return self.array.tolist()

    def is_nonzero(self) -> bool:
        """Is the one number inside other than 0?"""
        return bool(self._one("is_nonzero"))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d tensor has no length; its one number is x.item()")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self._one("bool"))

    def __float__(self) -> float:
        return float(self._one("float"))

    def __int__(self) -> int:
        return int(self._one("int"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"index: expected an integer tensor, got {self.dtype}")
        return int(self._one("index"))

    def __contains__(self, value: Any) -> bool:
        if isinstance(value, Facts):
            value = value._one("in")
        return bool((self.array == value).any())

    def __format__(self, spec: str) -> str:
        alone = not self.array.ndim and not isinstance(self.array, Meta)
        one = alone or (spec and self.array.size == 1)
        return format(self.item(), spec) if one else str(self)

    def _one(self, what: str) -> Any:
        if self.array.size != 1:
            raise ValueError(
                f"{what}: a tensor of shape {self.shape} holds {self.array.size} values, and "
                "only one has a single answer; reduce it with .any(), .all() or .sum()"
            )
        return self.array.item()


def _along(what: str, dim: int, found: tuple[int, ...]) -> int:
    """What was found along one axis."""
    try:
        return found[dim]
    except IndexError:
        n = len(found)
        raise IndexError(f"{what}: dim {dim} is out of range for {n} axes") from None
