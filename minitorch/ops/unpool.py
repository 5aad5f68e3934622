"""Unpooling: what max pooling kept goes back to where it came from, in an image of zeros.

The indices are those that `max_pool2d(x, k, return_indices=True)` returns beside the maxima: places
in the flattened image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitorch.op import composite
from minitorch.ops.index import setitem
from minitorch.ops.keys import whole_numbers
from minitorch.ops.labels import check_numbers, counting
from minitorch.ops.shape import reshape
from minitorch.ops.window import check_image, per_axis
from minitorch.tensor import ShapeError, Tensor, make
from minitorch.words import np


@composite()
def max_unpool1d(
    input: Tensor,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`max_unpool2d` over one axis: (N, C, L)."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite()
def max_unpool2d(
    input: Tensor,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """y = 0, but x at the indices          dL/dx = g there

    Where windows overlap one place may be named twice, by windows with the same maximum: it is put
    there once.

    Args:
        input: (N, C, H, W), what was pooled.
        indices: of the same shape, from `max_pool2d` with `return_indices`.
        kernel_size: of the windows that were pooled; here and below an int or one per axis.
        stride: by default the kernel's size.
        padding: of the image that was pooled.
        output_size: H and W (or the whole shape) of the image, where pooling left several open; by
            default (H - 1) stride - 2 padding + kernel_size.

    Raises:
        ShapeError: shapes that do not go together.
        ValueError: an output_size that could not have been pooled to this input.
        IndexError: an index outside the image. (A GPU is waited for to see it.)

    >>> import minitorch
    >>> from minitorch.nn.functional import max_pool2d
    >>> x = minitorch.tensor([[[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 0.0]]]])
    >>> max_unpool2d(*max_pool2d(x, 2, return_indices=True), 2)
    tensor([[[[0., 0., 5., 0.],
              [0., 4., 0., 0.]]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite()
def max_unpool3d(
    input: Tensor,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`max_unpool2d` over three axes: (N, C, D, H, W)."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    n: int, x: Tensor, indices: Any, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    who = f"max_unpool{n}d"
    check_image(who, x, n, "input")
    at = whole_numbers(who, indices, x.array, None)
    if at.shape != x.shape:
        raise ShapeError(
            f"{who}: indices are {at.shape}, expected the input's shape {x.shape}, as "
            f"max_pool{n}d(x, k, return_indices=True) gives them"
        )
    sizes = _sizes(who, tuple(x.shape[-n:]), kernel, stride, padding, output_size)
    pixels, images = math.prod(sizes), math.prod(x.shape[:-n])
    check_numbers(who, "indices", at, 0, pixels - 1)
    first = counting(images, at).reshape((*x.shape[:-n], *(1,) * n)) * pixels
    zeros = make(np.zeros_like(x.array, shape=(images * pixels,)))
    y = setitem(zeros, reshape(x, (-1,)), (first + at).reshape(-1))
    return reshape(y, (*x.shape[:-n], *sizes))


def _sizes(
    who: str, pooled: tuple[int, ...], kernel: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[int, ...]:
    """Of the image that was pooled: as asked for, or the smallest."""
    n = len(pooled)
    steps = per_axis(who, "stride", kernel if stride in (None, [], ()) else stride, n)
    windows = per_axis(who, "kernel_size", kernel, n)
    margins = per_axis(who, "padding", padding, n, least=0)
    usual = tuple(
        (size - 1) * s - 2 * m + k for size, k, s, m in zip(pooled, windows, steps, margins)
    )
    if output_size is None:
        return usual
    asked = tuple(output_size)[-n:]
    if len(asked) != n or any(abs(a - u) >= s for a, u, s in zip(asked, usual, steps)):
        raise ValueError(
            f"{who}: output_size {tuple(output_size)}, expected {usual}, or less than the stride "
            f"{steps} from it"
        )
    return asked
