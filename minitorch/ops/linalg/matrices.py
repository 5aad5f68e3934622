"""What linear algebra asks of a matrix, and what it answers when LAPACK gives up.

A matrix is the last two axes, (..., n, n) or (..., m, n); the axes in front are a batch. All ops of
this family need float32 or float64: LAPACK knows no others. On a GPU nobody waits to look whether a
matrix was singular: there the result holds inf or nan instead of an error.
"""

from __future__ import annotations

from minitorch.ops.arguments import check_floats
from minitorch.ops.shape import reshape
from minitorch.tensor import ShapeError, raw
from minitorch.traced import of_now, one_call
from minitorch.words import np

SINGULAR = (
    "is singular: its rows depend on each other, and A X = B has no answer, or many. linalg.pinv "
    "and linalg.lstsq take the nearest; or add a small multiple of the identity to A"
)
INDEFINITE = (
    "is not positive definite: xᵀ A x is not above 0 for every x. Rounding may do that "
    "to a covariance X Xᵀ: add a small multiple of the identity"
)
STUCK = "did not converge"


class LinAlgError(np.linalg.LinAlgError, RuntimeError):
    """A matrix without what was asked for: NumPy's error, and a RuntimeError as torch's is."""


def matrix(name, A, argument="A"):
    """Raises, for the op of that name, unless A is a matrix, or a batch of them, of floats."""
    if A.ndim < 2:
        raise ShapeError(
            f"{name}: {argument} must be a matrix (..., m, n), got shape {tuple(A.shape)}"
        )
    check_floats(name, argument, A)
    if A.dtype == np.float16:
        raise TypeError(
            f"{name}: {argument} is float16, which LAPACK does not know; try {argument}.float()"
        )


def square(name, A, argument="A"):
    """Raises, for the op of that name, unless A is square, or a batch of such, and holds floats."""
    matrix(name, A, argument)
    if A.shape[-1] != A.shape[-2]:
        raise ShapeError(
            f"{name}: {argument} must be square (..., n, n), got shape {tuple(A.shape)}; for a "
            "matrix that is not, see linalg.pinv, lstsq and svd"
        )


@one_call  # a compiled program tells the error of each run in the same words
def lapack(name, why, function, *xs, **options):
    """function(*xs), whose LinAlgError is told again: which matrix it was, and what would help."""
    try:
        found = function(*xs, **options)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{name}: {_culprit(function, xs, options)} {why}") from error
    return tuple(found) if isinstance(found, tuple) else found


def _culprit(function, xs, options):
    """The first matrix of the batch that the function has no answer for, by its place."""
    xs = [of_now(x) for x in xs]
    A, shown = xs[0], f"A of shape {tuple(xs[0].shape)}"
    for i in np.ndindex(A.shape[:-2]):
        try:
            function(*[x[i] for x in xs], **options)
        except np.linalg.LinAlgError:
            A, shown = A[i], f"the matrix A{list(i)} of {shown}" if i else shown
            break
    return shown if np.isfinite(A).all() else f"{shown} holds inf or nan, and"


def identity(A):
    """I, with as many columns as A, of its dtype and on its device."""
    return np.identity(A.shape[-1], A.dtype, like=raw(A))


def per_matrix(x):
    """One number for each matrix of a batch, so shaped that it meets the matrices."""
    return reshape(x, (*x.shape, 1, 1))


def is_column(A_shape, B_shape):
    """Is B one column for each matrix A, and not a matrix itself? So torch tells them apart."""
    return len(B_shape) == 1 or B_shape == A_shape[:-1]
