"""Linear algebra, by the names of torch.linalg: solving, factors, determinants, norms.

    x = minitorch.linalg.solve(A, b)              # A x = b, faster and nearer than inv(A) @ b
    Q, R = minitorch.linalg.qr(A)

A matrix is the last two axes of a tensor, and the axes in front are a batch. All of this has
gradients, of the second order too, wherever there are any; each function says where there are none.
"""

from __future__ import annotations

from typing import Any

from minitorch.op import aliased
from minitorch.ops.arrange import diagonal as _diagonal
from minitorch.ops.linalg.det import det, slogdet
from minitorch.ops.linalg.exponential import matrix_exp
from minitorch.ops.linalg.factors import cholesky, qr
from minitorch.ops.linalg.least import lstsq, matrix_rank, pinv
from minitorch.ops.linalg.matrices import LinAlgError
from minitorch.ops.linalg.products import cross as _cross
from minitorch.ops.linalg.products import matrix_power, multi_dot, vander, vecdot
from minitorch.ops.linalg.sizes import cond, matrix_norm, vector_norm
from minitorch.ops.linalg.solve import inv, solve, solve_triangular, tensorinv, tensorsolve
from minitorch.ops.linalg.spectral import eigh, eigvalsh, svd, svdvals
from minitorch.ops.matmul import matmul
from minitorch.tensor import ShapeError, Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


@aliased
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of a vector or of a matrix, whichever it is that is asked for.

    Without `ord` it is the length of all elements, or of those along `dim`. With `ord` and one dim,
    or a tensor of one axis, it is `vector_norm`; with two, `matrix_norm`.

    >>> import minitorch
    >>> minitorch.linalg.norm(minitorch.tensor([[3.0, 4.0], [0.0, 0.0]]), "nuc")
    tensor(5.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    dims = dim if isinstance(dim, (tuple, list)) else (dim,) if dim is not None else None
    if dims is None and A.ndim > 2:
        raise ShapeError(
            f"norm: with ord={ord!r} and no dim a vector or a matrix is expected, got shape "
            f"{tuple(A.shape)}; give one dim or two"
        )
    if (A.ndim if dims is None else len(dims)) == 2:
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


@aliased
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of each matrix: `minitorch.diagonal`, of the last two axes."""
    return _diagonal(A, offset, dim1, dim2)


@aliased
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """y = input × other along `dim`, the last one: `minitorch.cross`."""
    return _cross(input, other, dim)
