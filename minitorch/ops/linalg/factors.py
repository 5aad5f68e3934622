"""A matrix as a product of a triangle and what is left: L Lᵀ (Cholesky) and Q R (Gram-Schmidt)."""

from __future__ import annotations

from math import nan
from typing import Any, NamedTuple

from minitorch.op import composite, op
from minitorch.ops.arrange import diagonal, tril
from minitorch.ops.join import cat
from minitorch.ops.linalg.matrices import INDEFINITE, STUCK, lapack, matrix, square
from minitorch.ops.linalg.solve import inv, inv_or
from minitorch.tensor import Tensor
from minitorch.words import np


class QR(NamedTuple):
    """Orthonormal columns, and the upper triangle that makes A of them."""

    Q: Tensor
    R: Tensor


@op(methods="cholesky", exact_dtype=True, autocast="high")
def cholesky(A, *, upper=False):
    """L, a lower triangle with A = L Lᵀ          dL/dA = (S + Sᵀ) / 2,   S = L⁻ᵀ Φ(Lᵀ g) L⁻¹

    Φ keeps the lower triangle and half of the diagonal (Murray 2016, "Differentiation of the
    Cholesky decomposition"). Only the lower triangle of A is looked at, and the gradient is that
    of a symmetric A, and symmetric itself. With `upper` it is the upper triangles, and Lᵀ.

    Raises:
        LinAlgError: A is not positive definite.
        ShapeError: A is not square.

    >>> import minitorch
    >>> minitorch.linalg.cholesky(minitorch.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    square("cholesky", A)
    L = lapack("cholesky", INDEFINITE, np.linalg.cholesky, A.mT if upper else A)
    return L.mT if upper else L


def _from_cholesky(g, y, upper):
    L, g = (y.mT, g.mT) if upper else (y, g)
    X, back = L.mT @ g, inv(L)
    S = back.mT @ (tril(X) + tril(X, -1)) @ back
    return (S + S.mT) / 4


cholesky.grad(A=_from_cholesky)


@op(exact_dtype=True, autocast="high")
def qr_parts(A, *, complete=False):
    """(Q, R) with A = Q R          dL/dA = (gQ + Q sym(M)) R⁻ᵀ,   M = R gRᵀ - gQᵀ Q

    sym(M) has the lower triangle of M in both of its own (Walter and Lehmann 2012, "Algorithmic
    differentiation of linear algebra functions with application in optimum experimental design").
    Where columns of A depend on each other R has no inverse, and the gradient is nan.
    Of a wide A = (X Y), X is square and X = Q U; as Y = Q Z, gQ grows by Y gZᵀ, and dL/dY = Q gZ.
    """
    matrix("qr", A)
    Q, R = lapack("qr", STUCK, np.linalg.qr, A, mode="complete" if complete else "reduced")
    return Q, R


def _from_qr(g, y, A_shape, complete):
    (Q, R), (gQ, gR) = y, g
    m, n = A_shape[-2:]
    if m > n and complete:
        raise RuntimeError(
            f"qr: A of shape {tuple(A_shape)} has more rows than columns, and the columns that "
            "mode='complete' adds to Q have no gradient; mode='reduced' leaves them out"
        )
    if m >= n:
        return _from_tall(gQ, gR, Q, R)
    U, Z, gU, gZ = R[..., :m], R[..., m:], gR[..., :m], gR[..., m:]
    return cat(_from_tall(gQ + Q @ Z @ gZ.mT, gU, Q, U), Q @ gZ, dim=-1)


def _from_tall(gQ, gR, Q, R):
    M = R @ gR.mT - gQ.mT @ Q
    dependent = (diagonal(R, 0, -2, -1) == 0).any(-1)
    return (gQ + Q @ (tril(M) + tril(M, -1).mT)) @ inv_or(nan, R, dependent).mT


qr_parts.grad(A=_from_qr)


@composite(autocast="high")
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """(Q, R) with A = Q R: orthonormal columns, and an upper triangle.

    Args:
        A: (..., m, n), whose first k = min(m, n) columns must be independent for a gradient.
        mode: "reduced", where Q is (..., m, k) and R (..., k, n); "complete", (..., m, m) and
            (..., m, n), which has a gradient for m <= n; "r", where Q is empty.

    >>> import minitorch
    >>> Q, R = minitorch.linalg.qr(minitorch.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (Q @ R).round()
    tensor([[3., 1.],
            [4., 2.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: expected mode to be 'reduced', 'complete' or 'r', got {mode!r}")
    Q, R = qr_parts(A, mode == "complete")
    return QR(Q[..., :0, :0].reshape(0) if mode == "r" else Q, R)
