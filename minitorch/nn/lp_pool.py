"""Power-mean pooling as modules: the p-norm of every window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.ops.window import per_axis
from minitorch.tensor import Tensor


class _LPPool(Module):
    axes: ClassVar[int]
    function: ClassVar[Callable]

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ):
        who = type(self).__name__
        if norm_type == 0:
            raise ValueError(f"{who}: norm_type must not be 0")
        per_axis(who, "kernel_size", kernel_size, self.axes)
        per_axis(who, "stride", kernel_size if stride is None else stride, self.axes)
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, C, *S')."""
        return self.function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The power and the window."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """`LPPool2d` over one axis: (N, C, L)."""

    axes = 1
    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """y[window] = (Σ x^p)^(1/p): (N, C, H, W) to (N, C, H', W').

    With p = 1 it is the sum of each window, and for large p nearly its maximum.

    Args:
        norm_type: p.
        kernel_size: of the windows; here and below an int or one per axis.
        stride: from window to window; by default the kernel's size.
        ceil_mode: also windows that stick out at the end, if they start inside.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.LPPool2d(2, (2, 1))(minitorch.tensor([[[[3.0, 0.0], [4.0, 2.0]]]]))
    tensor([[[[5., 2.]]]])
    """

    axes = 2
    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """`LPPool2d` over three axes: (N, C, D, H, W)."""

    axes = 3
    function = staticmethod(F.lp_pool3d)
