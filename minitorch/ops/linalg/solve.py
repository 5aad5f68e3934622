"""Linear equations A X = B, and the inverse, which answers them for every B at once.

To solve is faster than to invert and multiply, and loses fewer digits. The rules follow from
A dX + dA X = dB (Giles 2008, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation").
"""

from __future__ import annotations

import math

from minitorch.op import composite, op
from minitorch.ops.arrange import tril, triu
from minitorch.ops.broadcast import sum_to
from minitorch.ops.compare import where
from minitorch.ops.linalg.matrices import (
    SINGULAR,
    identity,
    is_column,
    lapack,
    matrix,
    per_matrix,
    square,
)
from minitorch.ops.matmul import two_dtypes
from minitorch.ops.shape import movedim, reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


@op(methods="inverse", exact_dtype=True, autocast="high")
def inv(A):
    """Y = A⁻¹          dL/dA = -Yᵀ g Yᵀ

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: A is not square.

    >>> import minitorch
    >>> minitorch.linalg.inv(minitorch.tensor([[2.0, 0.0], [1.0, 1.0]]))
    tensor([[ 0.5000,  0.0000],
            [-0.5000,  1.0000]])
    """
    square("inv", A)
    return lapack("inv", SINGULAR, np.linalg.inv, A)


inv.grad(A=lambda g, y: -(y.mT @ g @ y.mT))


def inv_or(other, A, singular):
    """A⁻¹, and that other number everywhere in those of a batch that are known to be singular."""
    singular = per_matrix(singular)
    return where(singular, other, inv(where(singular, identity(A), A)))


@op(exact_dtype=True, autocast="high")
def solve(A, B, *, left=True):
    """Y with A Y = B          dL/dB = A⁻ᵀ g,   dL/dA = -(dL/dB) Yᵀ

    With `left=False` it is Y A = B:   dL/dB = g A⁻ᵀ,   dL/dA = -Yᵀ (dL/dB).

    Args:
        A: (..., n, n), invertible.
        B: (..., n, k), or (..., k, n) with `left=False`, or one column for each A: (n,), or the
            shape of A without its last axis. Batches broadcast.
        left: on which side of Y does A stand?

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: A is not square, or B has another number of rows.

    >>> import minitorch
    >>> A = minitorch.tensor([[2.0, 0.0], [1.0, 1.0]])
    >>> minitorch.linalg.solve(A, minitorch.tensor([2.0, 3.0]))
    tensor([1., 2.])
    """
    square("solve", A)
    if A.dtype != B.dtype:
        raise two_dtypes("solve", A=A, B=B)
    if is_column(A.shape, B.shape):
        if not left:
            raise ShapeError(
                f"solve: with left=False B must be a matrix (..., k, {A.shape[-1]}), got shape "
                f"{tuple(B.shape)}; a row has the shape (1, {A.shape[-1]})"
            )
        return _solved(A, B[..., None])[..., 0]
    return _solved(A, B) if left else _solved(A.mT, B.mT).mT


def _solved(A, B):
    if B.ndim < 2 or A.shape[-1] != B.shape[-2]:
        raise ShapeError(
            f"solve: A of shape {tuple(A.shape)} stands for {A.shape[-1]} equations, and B of "
            f"shape {tuple(B.shape)} does not have one row for each of them"
        )
    if A.ndim == 2 < B.ndim:  # A is factored once, for the columns of all B
        rows = np.moveaxis(B, -2, 0)
        columns = rows.reshape(len(A), math.prod(rows.shape[1:]))
        y = lapack("solve", SINGULAR, np.linalg.solve, A, columns)
        return np.moveaxis(y.reshape(rows.shape), 0, -2)
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A, B = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (A, B))
    return lapack("solve", SINGULAR, np.linalg.solve, A, B)


def _from_solve(g, A, y, A_shape, B_shape, left, needs):
    dB = solve(A.mT, g, left)
    dA = None
    if needs[0]:
        if is_column(A_shape, B_shape):
            dA = unsqueeze(dB, -1) * unsqueeze(y, -2)
        else:
            dA = dB @ y.mT if left else y.mT @ dB
        dA = -sum_to(dA, A_shape)
    return dA, sum_to(dB, B_shape)


solve.grad(_from_solve)


@composite(autocast="high")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Y with T Y = B, where T is A on and above the diagonal (`upper`), or on and below it.

    The other half of A is not looked at, and with `unitriangular` neither is its diagonal, which
    counts as ones. NumPy has no routine for triangles, so this takes the time of `solve`.

    Args:
        A: (..., n, n).
        B: (..., n, k), or (..., k, n) with `left=False`: always matrices, as in torch.
        upper: which half of A is T?
        left: on which side of Y does T stand?
        unitriangular: is the diagonal of T all ones?

    Raises:
        LinAlgError: there is a 0 on the diagonal of T, where torch gives inf.
        ShapeError: A is not square, or B has another number of rows.

    >>> import minitorch
    >>> A = minitorch.tensor([[2.0, 7.0], [1.0, 1.0]])
    >>> minitorch.linalg.solve_triangular(A, minitorch.tensor([[2.0], [3.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    square("solve_triangular", A)
    matrix("solve_triangular", B, "B")
    if is_column(A.shape, B.shape):  # solve would take its rows for columns
        B = unsqueeze(B, 0)
    T = triu(A, int(unitriangular)) if upper else tril(A, -int(unitriangular))
    return solve(T + identity(A) if unitriangular else T, B, left)


@composite(methods="cholesky_solve", autocast="high")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Y with A Y = B, where A = L Lᵀ, or Lᵀ L with `upper`: two triangles are solved, not A."""
    lower = L.mT if upper else L
    return solve_triangular(lower.mT, solve_triangular(lower, B, upper=False), upper=True)


@composite(methods="cholesky_inverse", autocast="high")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """A⁻¹, where A = L Lᵀ, or Lᵀ L with `upper`."""
    square("cholesky_inverse", L, "L")
    back = inv(tril(L.mT if upper else L))
    return back.mT @ back


# several axes as one ---------------------------------------------------------------------------


@composite(autocast="high")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a matrix: its first `ind` axes are the rows, the others the columns.

    Raises:
        ShapeError: there are more rows than columns, or fewer.
    """
    if ind <= 0:
        raise ValueError(f"tensorinv: expected ind to be 1 or more, got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    return reshape(inv(_flat("tensorinv", A, rows, columns)), (*columns, *rows))


@composite(autocast="high")
def tensorsolve(A: Tensor, B: Tensor, dims: tuple[int, ...] | None = None) -> Tensor:
    """Y with A Y = B, summed over all axes of Y: the first axes of A are those of B.

    Args:
        A, B: the shape of A is that of B, followed by that of Y.
        dims: axes of A that are moved to its end first.
    """
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rows, columns = A.shape[: B.ndim], A.shape[B.ndim :]
    return reshape(solve(_flat("tensorsolve", A, rows, columns), reshape(B, (-1,))), columns)


def _flat(name, A, rows, columns):
    """A as a matrix of these rows and columns."""
    m, n = math.prod(rows), math.prod(columns)
    if m != n:
        raise ShapeError(
            f"{name}: A of shape {tuple(A.shape)} has {tuple(rows)} = {m} rows and "
            f"{tuple(columns)} = {n} columns; expected as many of each"
        )
    return reshape(A, (m, n))
