"""The exponential of a matrix, I + A + A²/2 + A³/6 + ...: what x' = A x makes of x in time 1."""

from __future__ import annotations

import math

from minitorch.array import has_values
from minitorch.op import op
from minitorch.ops.join import cat
from minitorch.ops.linalg.matrices import identity, square
from minitorch.traced import one_call
from minitorch.words import np

TERMS = 18  # of the series, for a matrix of norm 1/2 or less: the next is below 10⁻²³


@op(methods="matrix_exp", exact_dtype=True, autocast="high")
def matrix_exp(A):
    """Y = e^A, as (e^(A / 2^k))^(2^k)          dL/dA = the upper right quarter of e^M

    M has the rows (Aᵀ g) and (0 Aᵀ) (Mathias 1996, "A chain rule for matrix functions and
    applications"). The series is summed for A / 2^k, of a norm of 1/2 at most, and squared k times.

    >>> import minitorch
    >>> minitorch.linalg.matrix_exp(minitorch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    square("matrix_exp", A)
    return _exponential(A)


@one_call  # how often is squared depends on values
def _exponential(A):
    k, most = _halvings(A)
    x, one = A * 2.0**-k, identity(A)
    y = one + x / TERMS
    for i in range(TERMS - 1, 0, -1):
        y = one + x @ y / i
    for i in range(most):
        y = np.where(i < k, y @ y, y)
    return y


def _halvings(A):
    """How often to halve each matrix until no sum of |a| in a row is above 1/2; and the most.

    One that is small beside others of its batch would vanish beside I, halved as often as they are.
    """
    if not A.size or not has_values(A):
        return 0, 0
    norm = np.abs(A).sum(axis=-1, keepdims=True).max(axis=-2, keepdims=True)
    k = np.ceil(np.log2(np.where((norm > 0.5) & (norm < math.inf), norm, 0.5))) + 1
    return k, int(k.max())


@op(exact_dtype=True)
def matrix_scale(A):
    """Σ |a| of each matrix, (..., 1, 1), or 1 where that is 0: to divide by. It has no gradient."""
    total = np.abs(A).sum(axis=(-2, -1), keepdims=True)
    return np.where(total == 0, 1, total)


def _from_exp(g, A):
    n = A.shape[-1]
    size = matrix_scale(g)  # the quarter is linear in g, and loses digits where g is larger than A
    upper = cat(A.mT, g / size, dim=-1)
    lower = cat(A.mT * 0, A.mT, dim=-1)
    return matrix_exp(cat(upper, lower, dim=-2))[..., :n, n:] * size


matrix_exp.grad(A=_from_exp)
