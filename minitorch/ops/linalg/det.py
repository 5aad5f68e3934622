"""The determinant: by which factor a matrix stretches volumes; and its logarithm.

det A is a sum of products, one element of each row and column in each, so it has derivatives of
every order everywhere, also where A is singular: its slopes are the *cofactors* of A. These are
found here by the singular values A = U diag(s) Vᵀ, which exist for every matrix.
"""

from __future__ import annotations

from math import nan
from typing import Any, NamedTuple

from minitorch.op import composite, op
from minitorch.ops.arrange import diagonal
from minitorch.ops.compare import where
from minitorch.ops.linalg.matrices import STUCK, identity, lapack, per_matrix, square
from minitorch.ops.linalg.solve import inv_or
from minitorch.ops.linalg.spectral import svd
from minitorch.ops.scan import prod
from minitorch.tensor import Tensor
from minitorch.words import np


class SignLogDet(NamedTuple):
    """The determinant as sign · e^logabsdet."""

    sign: Tensor
    logabsdet: Tensor


@op(methods="det", exact_dtype=True, autocast="high")
def det(A):
    """y = the determinant of A          dL/dA = g C, its cofactors: y A⁻ᵀ where A has an inverse

    Where A has none, C is still right, and so is the second order.

    Raises:
        LinAlgError: in the backward, where A holds inf or nan.
        ShapeError: A is not square.

    >>> import minitorch
    >>> minitorch.det(minitorch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    square("det", A)
    return np.linalg.det(A)


@op(exact_dtype=True, autocast="high")
def cofactors(A):
    """Y_ij = (-1)^(i+j) det(A without row i and column j)          dL/dA = det(U) det(Vᵀ) U N Vᵀ

    With A = U diag(s) Vᵀ, Y = det(U) det(Vᵀ) U diag(p) Vᵀ, where p_i is the product of all s but
    s_i. With G = Uᵀ g V, and P_ij the product of all s but s_i and s_j, N is the second derivative
    of det at diag(s): N_ij = -G_ji P_ij for i ≠ j, and N_ii = Σ_j G_jj P_ij over all j but i.
    """
    U, s, Vh = lapack("det", STUCK, np.linalg.svd, A)
    others = np.where(identity(A) > 0, 1, s[..., None, :]).prod(axis=-1)
    turn = np.linalg.det(U) * np.linalg.det(Vh)
    return turn[..., None, None] * (U * others[..., None, :]) @ Vh


def _from_cofactors(g, A):
    U, s, Vh = svd(A)
    G = U.mT @ g @ Vh.mT
    I = identity(A)  # noqa: E741 - its name in every formula
    left_out = I[:, None, :] + I > 0  # of the pair (i, j), the s that are i or j
    P = prod(where(left_out, 1, s[..., None, None, :]), -1)
    N = I * (P @ diagonal(G, 0, -2, -1)[..., None]) - G.mT * P
    return per_matrix(det(U) * det(Vh)) * (U @ N @ Vh)


det.grad(A=lambda g, A: per_matrix(g) * cofactors(A))
cofactors.grad(A=_from_cofactors)


@op(exact_dtype=True, autocast="high")
def slogdet_parts(A):
    """(sign of det A, y = log |det A|)          dL/dA = g A⁻ᵀ for y, 0 for the sign

    The product of many numbers overflows where their logarithms add up: this is for large matrices.
    Of a singular matrix y is -inf, and its gradient is nan.
    """
    square("slogdet", A)
    sign, logabsdet = np.linalg.slogdet(A)
    return sign, logabsdet


slogdet_parts.grad(A=lambda g, A, y: per_matrix(g[1]) * inv_or(nan, A, y[0] == 0).mT)


@composite(methods="slogdet")
def slogdet(A: Tensor) -> Any:
    """The determinant as (sign, logabsdet), whose logarithm does not overflow.

    >>> import minitorch
    >>> minitorch.linalg.slogdet(minitorch.eye(400) * -2).logabsdet
    tensor(277.2589)
    """
    return SignLogDet(*slogdet_parts(A))


@composite(methods="logdet")
def logdet(A: Tensor) -> Tensor:
    """y = log det A          dL/dA = g A⁻ᵀ; nan where det A is below 0, -inf where it is 0

    >>> import minitorch
    >>> minitorch.logdet(minitorch.eye(400) * 2)
    tensor(277.2589)
    """
    sign, logabsdet = slogdet_parts(A)
    return where(sign < 0, nan, logabsdet)
