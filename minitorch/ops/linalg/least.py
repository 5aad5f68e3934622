"""Where there is no inverse: the pseudo-inverse, least squares, and the rank.

A singular value counts as 0 when it is not above max(atol, rtol · the largest one); `rtol` is by
default max(m, n) ε, what rounding may leave of a 0, and 0 where an `atol` is given. Each is a
number, or a tensor with one for each matrix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minitorch.op import composite, op
from minitorch.ops.linalg.matrices import STUCK, is_column, lapack, matrix
from minitorch.ops.linalg.spectral import svdvals
from minitorch.ops.reduce import sum
from minitorch.ops.shape import unsqueeze
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


class LeastSquares(NamedTuple):
    """The solution X; Σ (A X - B)² of each column; the rank of A, and its singular values."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _counted(s, shape, atol, rtol):
    """Which singular values of a matrix of this shape count as more than 0."""
    atol = 0.0 if atol is None else atol
    if rtol is None:
        rtol = (atol == 0) * (max(shape[-2:]) * float(np.finfo(s.dtype).eps))
    atol, rtol = (t[..., None] if hasattr(t, "ndim") else t for t in (atol, rtol))
    return s > np.maximum(s[..., :1] * rtol, atol)


@op(exact_dtype=True, autocast="high")
def pinv(A, *, rtol=None, hermitian=False, atol=None):
    """Y = A⁺ = V diag(1/s) Uᵀ, without the s that count as 0

    dL/dA = -Yᵀ g Yᵀ + (I - A Y) gᵀ Y Yᵀ + Yᵀ Y gᵀ (I - Y A)

    as long as the rank stays what it is: where it grows, Y jumps (Golub and Pereyra 1973, "The
    differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate"). `hermitian`, which is a shortcut in torch, is accepted and changes nothing.

    >>> import minitorch
    >>> minitorch.linalg.pinv(minitorch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    matrix("pinv", A)
    U, s, Vh = lapack("pinv", STUCK, np.linalg.svd, A, full_matrices=False)
    inverse = np.where(_counted(s, A.shape, atol, rtol), 1 / s, 0)
    return (Vh.mT * inverse[..., None, :]) @ U.mT


def _from_pinv(g, A, y):
    up, over = y.mT, g.mT
    dA = (over - A @ (y @ over)) @ y @ up + up @ y @ (over - (over @ y) @ A)
    return dA - up @ g @ up


pinv.grad(A=_from_pinv)


@composite(methods="pinverse", autocast="high")
def pinverse(A: Tensor, rcond: float = 1e-15) -> Tensor:
    """linalg.pinv, with an `rtol` that leaves out what is 0 for float64 only."""
    return pinv(A, rcond)


@op(exact_dtype=True, autocast="high")
def matrix_rank(A, *, atol=None, hermitian=False, rtol=None):
    """How many singular values of A are not 0; the rank of what rounding has not blurred.

    >>> import minitorch
    >>> minitorch.linalg.matrix_rank(minitorch.ones(3, 3))
    tensor(1)
    """
    matrix("matrix_rank", A)
    s = lapack("matrix_rank", STUCK, np.linalg.svd, A, compute_uv=False)
    return _counted(s, A.shape, atol, rtol).sum(axis=-1)


@composite(autocast="high")
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X for which Σ (A X - B)² is smallest; of several, the one of smallest length.

    X = A⁺ B, and so is its gradient. `driver`, by which torch chooses one of LAPACK's routines, is
    accepted and changes nothing. The residuals are empty unless A has more rows than columns.

    Args:
        A: (..., m, n).
        B: (..., m, k), or one column for each A: (m,), or the shape of A without its last axis.
        rcond: the `rtol` of `pinv`.

    >>> import minitorch
    >>> A = minitorch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> minitorch.linalg.lstsq(A, minitorch.tensor([1.0, 3.0, 5.0])).solution.round()
    tensor([1., 2.])
    """
    column = is_column(A.shape, B.shape)
    rows = B.shape[-1:] if column else B.shape[-2:-1]
    if A.ndim < 2 or rows != A.shape[-2:-1]:
        raise ShapeError(
            f"lstsq: A of shape {tuple(A.shape)} and B of shape {tuple(B.shape)}: expected "
            "(..., m, n) and (..., m, k), or (..., m)"
        )
    B = unsqueeze(B, -1) if column else B
    X = pinv(A, rcond) @ B
    off = A @ X - B
    residuals = sum(off * off, -2) if A.shape[-2] > A.shape[-1] else X[..., :0, :0].reshape(0)
    return LeastSquares(
        X.squeeze(-1) if column else X, residuals, matrix_rank(A, rtol=rcond), svdvals(A)
    )
