"""Products of matrices with themselves and with others, and those of vectors in space."""

from __future__ import annotations

from collections.abc import Sequence

from minitorch.op import composite, op
from minitorch.ops.arguments import dim_of
from minitorch.ops.broadcast import common_shape
from minitorch.ops.compare import where
from minitorch.ops.join import stack
from minitorch.ops.linalg.matrices import identity
from minitorch.ops.linalg.solve import inv
from minitorch.ops.matmul import chain_matmul
from minitorch.ops.reduce import sum
from minitorch.ops.shape import clone, unsqueeze
from minitorch.tensor import ShapeError, Tensor, raw
from minitorch.words import np


@composite(methods="matrix_power")
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A A ... A, n times, in about log₂ n products; for a negative n, of A⁻¹; for 0, I.

    >>> import minitorch
    >>> minitorch.linalg.matrix_power(minitorch.tensor([[1, 1], [1, 0]]), 10)
    tensor([[89, 55],
            [55, 34]])
    """
    if not isinstance(n, int):
        raise TypeError(f"matrix_power: expected an int for n, got {n!r}")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(f"matrix_power: A must be square (..., n, n), got shape {tuple(A.shape)}")
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        everywhere = np.ones_like(raw(A), dtype=bool)
        return where(everywhere, identity(A), A)  # whose gradient is 0
    if n == 1:
        return clone(A)
    half = matrix_power(A, n // 2) if n > 3 else A
    return half @ half @ A if n % 2 else half @ half


@composite()
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices in the order that takes the fewest steps: `chain_matmul`.

    The first may be a vector, which is a row, and the last one too, which is a column.
    """
    if len(tensors) < 2:
        raise ValueError(f"multi_dot: expected two tensors or more, got {len(tensors)}")
    first, *middle, last = tensors
    row, column = first.ndim == 1, last.ndim == 1
    first, last = unsqueeze(first, 0) if row else first, unsqueeze(last, 1) if column else last
    y = chain_matmul(first, *middle, last)
    y = y.squeeze(-1) if column else y
    return y.squeeze(0) if row else y


@composite()
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde's matrix: the powers x⁰, x¹, ... x^(N-1) of each number, as its last axis.

    Times the coefficients of a polynomial it gives the values. N is by default the number of x.

    >>> import minitorch
    >>> minitorch.linalg.vander(minitorch.tensor([2, 3, 5]))
    tensor([[ 1,  2,  4],
            [ 1,  3,  9],
            [ 1,  5, 25]])
    """
    if not x.shape:
        raise ShapeError("vander: x must have an axis, got a single number")
    N = x.shape[-1] if N is None else N
    if N < 1:
        raise ValueError(f"vander: expected N to be 1 or more, got {N}")
    return stack([x**i for i in range(N)], -1)


@composite()
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ x y along `dim`, for vectors in batches that broadcast.

    >>> import minitorch
    >>> minitorch.linalg.vecdot(minitorch.eye(2), minitorch.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    return sum(x * y, dim)


# vectors in space -----------------------------------------------------------------------------


@op(broadcasts=True)
def cross_along(a, b, *, dim):
    """y = a × b, at right angles to both          dL/da = b × g,   dL/db = g × a

    y_i = a_{i+1} b_{i+2} - a_{i+2} b_{i+1}, where the three places go round.
    """
    if a.shape[dim] != 3 or b.shape[dim] != 3:
        raise ShapeError(
            f"cross: expected 3 elements along dim {dim}, got shapes {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )
    return _turned(a, 1, dim) * _turned(b, 2, dim) - _turned(a, 2, dim) * _turned(b, 1, dim)


def _turned(x, places, dim):
    return np.roll(x, -places, axis=dim)


cross_along.grad(
    a=lambda g, b, dim: cross_along(b, g, dim), b=lambda g, a, dim: cross_along(g, a, dim)
)


@composite(methods="cross")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """y = input × other along `dim`, or along the first dim with 3 elements.

    >>> import minitorch
    >>> minitorch.cross(minitorch.tensor([1, 0, 0]), minitorch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    ndim = max(input.ndim, other.ndim)
    if dim is None:
        shape = common_shape("cross", [input.shape, other.shape])
        if 3 not in shape:
            raise ShapeError(
                f"cross: expected a dim with 3 elements, got shapes {input.shape} and {other.shape}"
            )
        dim = shape.index(3)
    return cross_along(input, other, dim_of(dim, ndim, "cross") - ndim)
