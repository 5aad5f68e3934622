"""Pooling by a power mean: between the sum of each window (p = 1) and, for large p, its maximum."""

from __future__ import annotations

import math
from typing import Any

from minitorch.op import composite
from minitorch.ops.avg_pool import avg_pool
from minitorch.ops.compare import where
from minitorch.ops.window import check_image, per_axis
from minitorch.tensor import Tensor


@composite()
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool2d` over one axis: (N, C, L)."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@composite()
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """y[window] = (Σ x^p)^(1/p), of each window: (N, C, H, W) to (N, C, H', W').

    Where the sum is 0 the gradient is 0 (torch: nan). With an odd p, a window whose sum is negative
    is nan, as in torch.

    Args:
        input: images (N, C, H, W).
        norm_type: p.
        kernel_size: of the windows; here and below an int or one per axis.
        stride: from window to window; by default the kernel's size.
        ceil_mode: also windows that stick out at the end; their sum is scaled up to a whole one.

    Raises:
        ValueError: p is 0.

    >>> import minitorch
    >>> minitorch.nn.functional.lp_pool2d(minitorch.tensor([[[[3.0, 1.0], [4.0, 1.0]]]]), 2, (2, 1))
    tensor([[[[5.0000, 1.4142]]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@composite()
def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool2d` over three axes: (N, C, D, H, W)."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(n: int, x: Tensor, p: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    who = f"lp_pool{n}d"
    check_image(who, x, n, "input")
    if p == 0:
        raise ValueError(f"{who}: norm_type must not be 0")
    places = math.prod(per_axis(who, "kernel_size", kernel, n))
    total = avg_pool(x**p, kernel, stride, 0, ceil_mode) * places
    there = total != 0
    return where(there, where(there, total, 1.0) ** (1 / p), 0.0)
