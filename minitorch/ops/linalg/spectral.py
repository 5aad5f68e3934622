"""Eigenvalues and singular values: a matrix as a rotation, a stretch along the axes, a rotation.

    A = V diag(λ) Vᵀ for a symmetric A,          A = U diag(s) Vᵀ for any

The rules divide by gaps: λ_j - λ_i, and s_j² - s_i². Where two values are equal their vectors are
any two of a plane; what depends on these vectors has no slope, and its gradient is nan or inf, as
in torch. What depends on the values alone has a gradient everywhere, but there no second one. The
sign of a vector is anybody's choice, here LAPACK's: a loss that depends on it means nothing.
(Giles 2008; Townsend 2016, "Differentiating the singular value decomposition".)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minitorch.op import composite, op
from minitorch.ops.compare import where
from minitorch.ops.linalg.matrices import STUCK, identity, lapack, matrix, square
from minitorch.ops.reduce import any as anywhere
from minitorch.ops.shape import unsqueeze
from minitorch.tensor import Tensor
from minitorch.words import np


class Eigen(NamedTuple):
    """The eigenvalues in ascending order, and the eigenvectors, which are columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    """The left vectors (columns), the singular values (descending), the right vectors (rows)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


# symmetric matrices ---------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def eigh_parts(A, *, UPLO="L"):
    """(λ, V) with A = V diag(λ) Vᵀ          dL/dA = V (diag(gλ) + K) Vᵀ

    K_ij = (W - Wᵀ)_ij / 2 (λ_j - λ_i), where W = Vᵀ gV, and 0 for i = j.
    """
    square("eigh", A)
    if UPLO not in ("L", "U"):
        raise ValueError(f"eigh: expected UPLO to be 'L' or 'U', got {UPLO!r}")
    values, vectors = lapack("eigh", STUCK, np.linalg.eigh, A, UPLO=UPLO)
    return values, vectors


def _from_eigh(g, y):
    L, V = y
    gL, gV = g
    K = _skew(V.mT @ gV) / (2 * _gaps(L, _asked(gV)))
    return V @ (_diag(gL) + K) @ V.mT


eigh_parts.grad(A=_from_eigh)


def _diag(x):
    return unsqueeze(x, -2) * identity(x)


def _skew(x):
    return x - x.mT


def _asked(*gs):
    """Whether a gradient comes to each vector: to a column of one of these."""
    found = [anywhere(g != 0, -2) for g in gs]
    return found[0] if len(found) == 1 else found[0] | found[1]


def _gaps(x, asked):
    """x_j - x_i; and 1 where nobody asks for it: for i = j, and for two vectors nobody has used."""
    pairs = (unsqueeze(asked, -1) | unsqueeze(asked, -2)) & (identity(x) == 0)
    return where(pairs, unsqueeze(x, -2) - unsqueeze(x, -1), 1)


@composite(autocast="high")
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """The (eigenvalues, eigenvectors) of a symmetric matrix: A = V diag(λ) Vᵀ

    Only one triangle of A is looked at, the lower or (`UPLO="U"`) the upper one; the gradient is
    that of a symmetric A, and symmetric itself.

    Raises:
        LinAlgError: LAPACK did not come to an end.
        ShapeError: A is not square.

    >>> import minitorch
    >>> minitorch.linalg.eigh(minitorch.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    return Eigen(*eigh_parts(A, UPLO))


@composite(autocast="high")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric matrix, in ascending order          dL/dA = V diag(g) Vᵀ"""
    return eigh_parts(A, UPLO)[0]


# any matrices ---------------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def svd_parts(A, *, full_matrices=True):
    """(U, s, Vᵀ) with A = U diag(s) Vᵀ

    dL/dA = U (E_U diag(s) + diag(s) E_V + diag(gs)) Vᵀ + (I - U Uᵀ) gU diag(s)⁻¹ Vᵀ
            + U diag(s)⁻¹ gVᵀ (I - V Vᵀ)

    where E_U = (Uᵀ gU - gUᵀ U) / (s_j² - s_i²), 0 for i = j, and E_V likewise of V and gV.
    """
    matrix("svd", A)
    U, s, Vh = lapack("svd", STUCK, np.linalg.svd, A, full_matrices=full_matrices)
    return U, s, Vh


def _from_svd(g, y, A_shape, full_matrices):
    (U, s, Vh), (gU, gs, gVh) = y, g
    m, n = A_shape[-2:]
    k = min(m, n)
    if full_matrices and m != n:  # the other vectors are any, and have no gradient
        U, gU, Vh, gVh = U[..., :k], gU[..., :k], Vh[..., :k, :], gVh[..., :k, :]
    V, gV = Vh.mT, gVh.mT
    asked = _asked(gU, gV)
    gaps, row = _gaps(s * s, asked), unsqueeze(s, -2)
    middle = _skew(U.mT @ gU) / gaps * row + unsqueeze(s, -1) * (_skew(V.mT @ gV) / gaps)
    dA = U @ (middle + _diag(gs)) @ Vh
    divisor = where(unsqueeze(asked, -2), row, 1)
    if m > k:
        dA = dA + ((gU - U @ (U.mT @ gU)) / divisor) @ Vh
    if n > k:
        dA = dA + U @ ((gV - V @ (V.mT @ gV)) / divisor).mT
    return dA


svd_parts.grad(A=_from_svd)


@composite(autocast="high")
def svd(A: Tensor, full_matrices: bool = True) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh, U and Vh of orthonormal vectors, S descending.

    Args:
        A: (..., m, n); k = min(m, n) is how many singular values there are.
        full_matrices: U is (..., m, m) and Vh (..., n, n); without it, (..., m, k) and (..., k, n).
            The vectors beyond the first k are any that complete the others, and have no gradient.

    Raises:
        LinAlgError: LAPACK did not come to an end, as where A holds nan.

    >>> import minitorch
    >>> minitorch.linalg.svd(minitorch.tensor([[3.0, 0.0], [0.0, -4.0]])).S
    tensor([4., 3.])
    """
    return SVD(*svd_parts(A, full_matrices))


@composite(autocast="high")
def svdvals(A: Tensor) -> Tensor:
    """The singular values of A, in descending order          dL/dA = U diag(g) Vᵀ"""
    return svd_parts(A, False)[1]
