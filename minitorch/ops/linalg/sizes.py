"""How large a vector or a matrix is, in the many ways that there are, and how near to singular."""

from __future__ import annotations

import math
from typing import Any

from minitorch.op import composite
from minitorch.ops.arguments import dims_of
from minitorch.ops.arithmetic import abs
from minitorch.ops.compare import where
from minitorch.ops.linalg.det import slogdet_parts
from minitorch.ops.linalg.matrices import matrix, square
from minitorch.ops.linalg.solve import inv_or
from minitorch.ops.linalg.spectral import svdvals
from minitorch.ops.reduce import amax, amin, sum
from minitorch.ops.shape import movedim, unsqueeze
from minitorch.ops.statistics import norm
from minitorch.tensor import ShapeError, Tensor

ORDERS = "'fro', 'nuc', inf, -inf, 1, -1, 2 or -2"


@composite(autocast="high")
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim`, or over all of x: `norm`, without "fro".

    >>> import minitorch
    >>> minitorch.linalg.vector_norm(minitorch.tensor([[3.0, -4.0]]), 1)
    tensor(7.)
    """
    if not isinstance(ord, (int, float)):
        raise ValueError(f"vector_norm: expected a number for ord, got {ord!r}")
    return norm(x if dtype is None else x.to(dtype), ord, dim, keepdim)


@composite(autocast="high")
def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """The size of a matrix, which is the plane of two dims.

    "fro" is the length of all its elements, "nuc" the sum of its singular values; 2 is the largest
    of these, by which A stretches a vector at most, and -2 the smallest; 1 is the largest sum of
    |a| in a column, inf that in a row, and -1 and -inf are the smallest. Of a matrix without
    elements each is 0, but where the smallest of nothing is asked for.

    >>> import minitorch
    >>> A = minitorch.tensor([[3.0, 0.0], [4.0, 0.0]])
    >>> [minitorch.linalg.matrix_norm(A, ord).item() for ord in ("fro", 1, math.inf)]
    [5.0, 7.0, 4.0]
    """
    A = A if dtype is None else A.to(dtype)
    matrix("matrix_norm", A)
    dims = dims_of(dim, A.ndim, "matrix_norm")
    if len(dims) != 2:
        raise ShapeError(f"matrix_norm: expected two dims, got {dim}")
    empty = 0 in (A.shape[dims[0]], A.shape[dims[1]])
    if ord == "fro" or (empty and ord in (1, 2, math.inf)):
        return norm(A, 2, dims, keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        y = _extreme_sum(A, ord, dims)
    elif ord in (2, -2, "nuc"):
        y = _of_singular_values(movedim(A, dims, (-2, -1)), ord)
    else:
        raise ValueError(f"matrix_norm: expected ord to be {ORDERS}, got {ord!r}")
    for d in sorted(dims) if keepdim else ():
        y = unsqueeze(y, d)
    return y


def _extreme_sum(A, ord, dims):
    """The largest or the smallest sum of |a|, in a column (ord 1) or in a row."""
    rows, columns = dims if ord in (1, -1) else dims[::-1]
    sums = sum(abs(A), rows, True)
    return (amax if ord > 0 else amin)(sums, (rows, columns))


def _of_singular_values(A, ord):
    s = svdvals(A)
    if ord == "nuc":
        return sum(s, -1)
    return amax(s, -1) if ord == 2 else amin(s, -1)


@composite(autocast="high")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """How many times an error in B may grow in the solution of A X = B: |A| |A⁻¹|

    With `p` None or 2 it is the largest singular value over the smallest, for any A, and with -2
    the smallest over the largest. With another `matrix_norm` A must be square. Of a singular matrix
    it is inf, of one without elements 0.

    >>> import minitorch
    >>> minitorch.linalg.cond(minitorch.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(4.)
    """
    matrix("cond", A)
    if 0 in A.shape[-2:]:
        return sum(A, (-2, -1))
    if p in (None, 2, -2):
        s = svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    square("cond", A)
    singular = slogdet_parts(A)[0] == 0
    return where(singular, math.inf, matrix_norm(A, p) * matrix_norm(inv_or(1, A, singular), p))
