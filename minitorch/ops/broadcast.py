"""Broadcasting: a size of 1 becomes any size, without a copy; g is summed back along that axis."""

from __future__ import annotations

from typing import Any

from minitorch.array import expanded
from minitorch.op import composite, op
from minitorch.sweep import unbroadcast
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


@op(methods="broadcast_to", pack="shape", view=True)
def broadcast_to(x, *, shape):
    """y = x repeated along new and size-1 axes until it has `shape`, without copying

    dL/dx = g summed over those axes: `sum_to` is its adjoint.
    """
    return expanded(x, shape)


@op(methods="sum_to sum_to_size", pack="shape")
def sum_to(x, *, shape):
    """y = x summed over the axes along which `shape` would broadcast to x's shape

    dL/dx = g broadcast back: `broadcast_to` is its adjoint.
    """
    try:
        y = unbroadcast(x, shape)
    except ValueError:
        raise ValueError(f"shape {x.shape} is not what {shape} broadcasts to") from None
    # NumPy's sum of uint8 is uint64, which no tensor has
    return y.astype(np.int64) if y.dtype == np.uint64 else y


broadcast_to.grad(x=lambda g, x_shape: unbroadcast(g, x_shape))
sum_to.grad(x=lambda g, x_shape: broadcast_to(g, x_shape))


@op(methods="expand", pack="sizes", view=True)
def expand(x, *, sizes):
    """y = x repeated along its size-1 axes and new leading ones, without copying

    dL/dx = g summed over those axes. A size of -1 leaves an axis as it is.
    Several elements of the result share one number, so it is read-only: write into a `clone()`.

    >>> import minitorch
    >>> minitorch.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    shape = sizes
    if -1 in sizes:
        new = max(len(sizes) - x.ndim, 0)
        old = [n if size == -1 else size for size, n in zip(sizes[new:], x.shape)]
        shape = (*sizes[:new], *old)
    try:
        return expanded(x, shape)
    except ValueError:
        raise ShapeError(
            f"expand: shape {x.shape} cannot be expanded to {sizes}; only axes of size 1 and new "
            "leading axes can grow, and -1 keeps the size of an axis that is there"
        ) from None


expand.grad(x=lambda g, x_shape: unbroadcast(g, x_shape))


@composite(methods="expand_as")
def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """`x.expand(other.shape)`."""
    return expand(x, other.shape)


@composite()
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the one shape they broadcast to."""
    shape = common_shape("broadcast_tensors", [x.shape for x in tensors])
    return tuple(broadcast_to(x, shape) for x in tensors)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to.

    Raises:
        ShapeError: they do not broadcast.

    >>> import minitorch
    >>> minitorch.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return common_shape("broadcast_shapes", list(shapes))


def common_shape(name: str, shapes: list) -> tuple[int, ...]:
    """`broadcast_shapes`, for the function of that name."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"{name}: shapes {shapes} do not broadcast") from None
