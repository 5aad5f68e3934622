"""Where the numbers of a tensor lie: it shows whether two share memory, and where a view begins."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from minitorch.array import is_cupy
from minitorch.tensor import Tensor


def data_ptr(self: Tensor) -> int:
    """The address of the first element: the same for tensors that begin at the same place.

    >>> import minitorch
    >>> x = minitorch.zeros(2, 3)
    >>> x.view(6).data_ptr() == x.data_ptr(), x.clone().data_ptr() == x.data_ptr()
    (True, False)
    >>> x[1].data_ptr() - x.data_ptr()  # three float32
    12
    """
    return _address(self.array)


def storage_offset(self: Tensor) -> int:
    """How many elements behind the start of its memory the first one lies.

    >>> import minitorch
    >>> minitorch.zeros(2, 3)[1, 1:].storage_offset()
    4
    """
    owner = self.array.base if type(self.array.base) is type(self.array) else self.array
    return (_address(self.array) - _address(owner)) // self.itemsize


def is_signed(self: Tensor) -> bool:
    """True for dtypes that hold negative numbers: all but uint8 and bool."""
    return self.dtype.kind not in "ub"


def _address(array: Any) -> int:
    if isinstance(array, ndarray):
        return array.__array_interface__["data"][0]
    if is_cupy(array):
        return array.data.ptr
    return 0  # of shapes alone


for bound in (data_ptr, storage_offset, is_signed):
    setattr(Tensor, bound.__name__, bound)
