"""Max unpooling as modules: what max pooling kept goes back to where it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.ops.window import per_axis
from minitorch.tensor import Tensor


class _MaxUnpool(Module):
    axes: ClassVar[int]
    function: ClassVar[Callable]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        who, n = type(self).__name__, self.axes
        self.kernel_size = per_axis(who, "kernel_size", kernel_size, n)
        self.stride = per_axis(who, "stride", kernel_size if stride is None else stride, n)
        self.padding = per_axis(who, "padding", padding, n, least=0)

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """(N, C, *S) maxima and where they were, to images of `output_size`, zero elsewhere."""
        return self.function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """`MaxUnpool2d` over one axis: (N, C, L)."""

    axes = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Puts each maximum where it was, in an image of zeros: (N, C, H, W) to (N, C, H', W').

    H' = (H - 1) stride - 2 padding + KH, and W' alike, unless `output_size` says otherwise.

    Args:
        kernel_size: of the windows that were pooled; here and below an int or one per axis.
        stride: by default the kernel's size.
        padding: of the image that was pooled.

    >>> import minitorch
    >>> from minitorch import nn
    >>> y, where = nn.MaxPool2d(2, return_indices=True)(minitorch.tensor([[[[1.0, 2], [4, 3]]]]))
    >>> nn.MaxUnpool2d(2)(y, where)
    tensor([[[[0., 0.],
              [4., 0.]]]])
    """

    axes = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """`MaxUnpool2d` over three axes: (N, C, D, H, W)."""

    axes = 3
    function = staticmethod(F.max_unpool3d)
