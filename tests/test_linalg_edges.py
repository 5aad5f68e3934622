"""Linear algebra: what is refused, and where there is no inverse, no one answer or no gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import minitorch
from minitorch import linalg
from minitorch.autograd import grad
from minitorch.func import jacrev
from minitorch.gradcheck import gradcheck
from minitorch.tensor import ShapeError, Tensor
from tests.helpers import leaf
from tests.matrices import close, draw, near

# what is refused ------------------------------------------------------------------------------

SQUARE: dict[str, Callable] = {
    "inv": linalg.inv,
    "det": linalg.det,
    "slogdet": linalg.slogdet,
    "cholesky": linalg.cholesky,
    "eigh": linalg.eigh,
    "solve": lambda A: linalg.solve(A, A),
    "solve_triangular": lambda A: linalg.solve_triangular(A, A, upper=True),
    "cholesky_inverse": minitorch.cholesky_inverse,
    "matrix_exp": linalg.matrix_exp,
    "cond": lambda A: linalg.cond(A, 1),
}
ANY: dict[str, Callable] = {
    "svd": linalg.svd,
    "qr": linalg.qr,
    "pinv": linalg.pinv,
    "matrix_rank": linalg.matrix_rank,
    "matrix_norm": linalg.matrix_norm,
}


@pytest.mark.parametrize("name", SQUARE)
def test_what_is_not_square_is_refused_by_name_and_shape(name: str):
    with pytest.raises(ShapeError, match=rf"{name}: \w must be square .*got shape \(2, 3, 4\)"):
        SQUARE[name](draw(2, 3, 4))


@pytest.mark.parametrize("name", [*SQUARE, *ANY])
def test_a_vector_is_no_matrix(name: str):
    with pytest.raises(RuntimeError, match=rf"{name}: \w must be a matrix .*got shape \(3,\)"):
        {**SQUARE, **ANY}[name](draw(3))


@pytest.mark.parametrize("name", [*SQUARE, *ANY])
def test_integers_and_half_floats_are_refused_with_the_fix(name: str):
    f = {**SQUARE, **ANY}[name]
    with pytest.raises(TypeError, match=rf"{name}: \w needs float, got int64; try \w.float\(\)"):
        f(minitorch.ones(2, 2, dtype=int))
    with pytest.raises(TypeError, match=rf"{name}: \w is float16, .*LAPACK.* try \w.float\(\)"):
        f(minitorch.ones(2, 2).half())


@pytest.mark.parametrize("f", [linalg.inv, lambda A: linalg.solve(A, minitorch.ones(3, 1))])
@pytest.mark.parametrize("kind", [RuntimeError, ValueError, np.linalg.LinAlgError])
def test_the_first_singular_matrix_of_a_batch_is_named(f: Callable, kind: type):
    A = minitorch.eye(3).repeat(2, 2, 1, 1).clone()
    A[1, 0, 2, 2] = 0.0
    with pytest.raises(
        kind, match=r"the matrix A\[1, 0\] of A of shape \(2, 2, 3, 3\) is singular"
    ):
        f(A)
    with pytest.raises(
        linalg.LinAlgError, match=r": A of shape \(3, 3\) is singular.*linalg\.pinv"
    ):
        f(A[1, 0])


def test_what_is_not_positive_definite_is_named():
    with pytest.raises(
        linalg.LinAlgError, match=r"cholesky: A .* is not positive definite.*multiple"
    ):
        linalg.cholesky(-minitorch.eye(2))
    A = minitorch.stack([minitorch.eye(2), minitorch.tensor([[1.0, 2.0], [2.0, 1.0]])])
    with pytest.raises(linalg.LinAlgError, match=r"the matrix A\[1\] of A of shape \(2, 2, 2\)"):
        linalg.cholesky(A)


@pytest.mark.parametrize("f", [linalg.svd, linalg.svdvals, linalg.pinv, linalg.matrix_rank])
def test_values_that_are_not_finite_are_named(f: Callable):
    with pytest.raises(
        linalg.LinAlgError, match=r"A of shape \(2, 2\) holds inf or nan, and did no"
    ):
        f(minitorch.full((2, 2), math.nan))


def test_the_two_sides_of_an_equation_must_fit():
    A = near(3, 3)
    with pytest.raises(
        ShapeError, match=r"solve: A of shape \(3, 3\) .* \(2, 1\) does not have one"
    ):
        linalg.solve(A, draw(2, 1))
    with pytest.raises(ShapeError, match=r"solve: .* \(4, 1\) does not have one row"):
        linalg.solve(A, draw(4))
    with pytest.raises(ShapeError, match=r"left=False B must be a matrix .*\(1, 3\)"):
        linalg.solve(A, draw(3), left=False)
    with pytest.raises(ShapeError, match=r"\(2, 3, 3\).*\(5, 3, 1\)"):
        linalg.solve(near(2, 3, 3), draw(5, 3, 1))
    with pytest.raises(TypeError, match=r"solve: 'A' is float64 and 'B' is float32"):
        linalg.solve(A, draw(3, dtype="float32"))
    with pytest.raises(ShapeError, match=r"lstsq: A of shape \(4, 3\) and B of shape \(3, 1\)"):
        linalg.lstsq(draw(4, 3), draw(3, 1))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda A: linalg.eigh(A, "X"), "eigh: expected UPLO to be 'L' or 'U', got 'X'"),
        (lambda A: linalg.qr(A, "full"), "qr: expected mode to be 'reduced', .* got 'full'"),
        (lambda A: linalg.matrix_norm(A, 3), "matrix_norm: expected ord to be 'fro', .* got 3"),
        (lambda A: linalg.matrix_norm(A, 1, (0,)), "matrix_norm: expected two dims, got"),
        (lambda A: linalg.vector_norm(A, "fro"), "vector_norm: expected a number for ord"),
        (lambda A: linalg.norm(A[None], 2), r"norm: with ord=2 and no dim .* \(1, 3, 3\)"),
        (lambda A: linalg.tensorinv(A, 0), "tensorinv: expected ind to be 1 or more, got 0"),
        (lambda A: linalg.tensorinv(A), r"tensorinv: A of shape \(3, 3\) has \(3, 3\) = 9 rows"),
        (lambda A: linalg.vander(A, N=0), "vander: expected N to be 1 or more, got 0"),
        (lambda A: linalg.vander(A.sum()), "vander: x must have an axis"),
        (lambda A: linalg.multi_dot([A]), "multi_dot: expected two tensors or more, got 1"),
        (lambda A: linalg.cross(A[:, :2], A[:, :2]), r"cross: expected 3 elements .* \(3, 2\)"),
        (lambda A: minitorch.cross(A[:2, :2], A[:2, :2]), r"cross: expected a dim with 3 elem"),
        (lambda A: minitorch.cross(A, A[:, :2]), r"cross: shapes .*\(3, 2\)\] do not broadcast"),
        (lambda A: linalg.matrix_power(A[:2], 2), r"matrix_power: A must be square .*\(2, 3\)"),
    ],
)
def test_options_that_mean_nothing_are_named(f: Callable, message: str):
    with pytest.raises(ValueError, match=message):
        f(near(3, 3))


def test_a_power_is_a_whole_number():
    with pytest.raises(TypeError, match=r"matrix_power: expected an int for n, got 0\.5"):
        near(2, 2).matrix_power(0.5)


# where there is no inverse, or no one answer ---------------------------------------------------


def minors(A: np.ndarray) -> np.ndarray:
    """The cofactors by their definition."""
    n = len(A)
    return np.array(
        [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(A, i, 0), j, 1)) for j in range(n)]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize(
    "A",
    [
        np.array([[1.0, 2, 0], [0, 1, 1], [1, 3, 1]]),  # of rank 2
        np.outer([1.0, 2, 3], [1.0, 0, -1]),  # of rank 1
        np.zeros((3, 3)),
        np.eye(3),
        np.array([[5.0]]),
        np.array([[0.0]]),
    ],
)
def test_the_gradient_of_a_determinant_is_its_cofactors_also_where_it_is_0(A: np.ndarray):
    x = leaf(A)
    x.det().backward()
    close(x.grad, minors(A))


@pytest.mark.parametrize("A", [np.outer([1.0, 2, 3], [1.0, 0, -1]), np.zeros((3, 3)), np.eye(3)])
def test_a_determinant_has_a_second_order_where_it_is_singular(A: np.ndarray):
    """det is a polynomial of degree 3, so differences of its gradient are exact."""
    x, g = leaf(A), np.random.default_rng(0).standard_normal((3, 3))
    (first,) = grad(x.det(), x, create_graph=True)
    (second,) = grad((first * minitorch.tensor(g)).sum(), x)
    want = np.empty((3, 3))
    for i in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[i] = 0.5
        want[i] = (g * (minors(A + step) - minors(A - step))).sum()
    close(second, want)


def test_the_third_derivative_of_a_determinant_is_the_sign_of_a_permutation():
    signs = np.zeros((3, 3, 3))
    for i, j, k in [(0, 1, 2), (1, 2, 0), (2, 0, 1)]:
        signs[i, j, k], signs[j, i, k] = 1, -1
    third = jacrev(jacrev(jacrev(linalg.det)))(draw(3, 3).detach())
    close(third, np.einsum("ikm,jln->ijklmn", signs, signs))


def test_one_singular_matrix_leaves_the_others_of_a_batch_alone():
    A = np.stack([np.zeros((3, 3)), near(3, 3).numpy()])
    x = leaf(A)
    x.det().sum().backward()
    close(x.grad[0], np.zeros((3, 3)))
    close(x.grad[1], np.linalg.det(A[1]) * np.linalg.inv(A[1]).T)


def test_the_logarithm_of_a_determinant_at_its_edges():
    close(minitorch.logdet(leaf(-np.eye(3))), math.nan)
    close(minitorch.logdet(leaf(np.zeros((3, 3)))), -math.inf)
    sign, logabsdet = leaf(-np.eye(3)).slogdet()
    assert (sign.item(), logabsdet.item()) == (-1, 0)
    large = leaf(np.eye(400) * 1e3)
    assert large.det().item() == math.inf
    large.logdet().backward()
    close(large.grad, np.eye(400) / 1e3)


@pytest.mark.parametrize("f", [minitorch.logdet, lambda x: linalg.qr(x).R])
def test_one_matrix_without_a_gradient_leaves_the_others_of_a_batch_alone(f: Callable):
    A = near(3, 3)
    x, y = leaf(np.stack([np.zeros((3, 3)), A.numpy()])), A.clone().requires_grad_()
    f(x).sum().backward()
    f(y).sum().backward()
    assert np.isnan(x.grad[0].numpy()).all()
    close(x.grad[1], y.grad)


@pytest.mark.parametrize("A", [np.eye(3), np.diag([1.0, 2, 2]), np.zeros((3, 3))])
def test_eigenvalues_that_are_equal_have_gradients_as_long_as_no_vector_is_asked_for(A: np.ndarray):
    x = leaf(A)
    values, _ = linalg.eigh(x)
    (values**2).sum().backward()  # the trace of A A
    close(x.grad, 2 * A)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (2, 3)])
def test_singular_values_that_are_equal_or_0_have_gradients(shape: tuple):
    x = leaf(np.eye(*shape) * [1, 1, 0])
    (linalg.svd(x, full_matrices=False).S ** 2).sum().backward()  # Σ a²
    close(x.grad, 2 * x)
    y = leaf(np.zeros(shape))
    linalg.matrix_norm(y, "nuc").backward()
    assert np.isfinite(y.grad.numpy()).all()


def test_vectors_of_equal_values_have_no_gradient_and_it_shows():
    weights = minitorch.tensor([[1.0, 2.0], [3.0, 5.0]]).double()
    for f in (lambda x: linalg.eigh(x).eigenvectors, lambda x: linalg.svd(x).U):
        x = leaf(np.eye(2))
        (f(x) * weights).sum().backward()
        assert not np.isfinite(x.grad.numpy()).all()
    x = leaf(np.eye(2))
    (first,) = grad((linalg.eigvalsh(x) ** 3).sum(), x, create_graph=True)
    close(first, 3 * np.eye(2))
    (second,) = grad(first.sum(), x)
    assert np.isnan(second.numpy()).any()


def test_one_vector_alone_may_be_asked_for_where_two_others_are_equal():
    """The first is apart from both, so its gradient is that of the smooth function it is."""
    A = np.diag([1.0, 3.0, 3.0])
    weights = minitorch.tensor([[1.0, 2.0, 3.0], [2.0, 0.0, 1.0], [3.0, 1.0, 4.0]]).double()

    def f(x: Tensor) -> Tensor:
        v = linalg.eigh((x + x.mT) / 2).eigenvectors[:, 0]
        return v @ weights @ v

    assert gradcheck(f, (leaf(A),))


def test_the_vectors_that_complete_a_basis_have_no_gradient():
    x, y = draw(4, 2), draw(4, 2)
    U = linalg.svd(x).U
    assert U.shape == (4, 4)
    (U**3).sum().backward()
    (linalg.svd(y, full_matrices=False).U ** 3).sum().backward()
    close(x.grad, y.grad)
    with pytest.raises(RuntimeError, match=r"qr: A of shape \(4, 2\) .*mode='complete'.*'reduced'"):
        linalg.qr(draw(4, 2), "complete").Q.sum().backward()


def test_the_gradient_of_a_symmetric_function_is_symmetric():
    A = near(3, 3)
    A = A + A.mT
    for f in (
        lambda x: linalg.cholesky(x)[2, 0],
        lambda x: linalg.eigvalsh(x)[0],
        lambda x: (linalg.eigh(x).eigenvectors ** 2)[0, 0],
    ):
        x = A.clone().requires_grad_()
        f(x).backward()
        assert x.grad.numpy().any()
        close(x.grad, x.grad.mT)


def test_one_triangle_is_looked_at():
    A = near(3, 3)
    A = A + A.mT
    below, above = A + A.tril(-1) * 7, A + A.triu(1) * 7
    for f in (linalg.cholesky, linalg.eigvalsh):
        close(f(above), f(A))
    assert abs((linalg.eigvalsh(below) - linalg.eigvalsh(A)).numpy()).max() > 0.1
    close(linalg.cholesky(below, upper=True), linalg.cholesky(A, upper=True))
    close(linalg.eigvalsh(below, "U"), linalg.eigvalsh(A))


@pytest.mark.parametrize("name", ["inv", "solve", "det", "cholesky", "pinv"])
def test_what_is_kept_for_the_backward(name: str):
    A = near(3, 3).requires_grad_()
    B = draw(3, 1)
    made = {
        "inv": lambda: linalg.inv(A),
        "solve": lambda: linalg.solve(A, B),
        "det": lambda: linalg.det(A),
        "cholesky": lambda: linalg.cholesky(A @ A.mT),
        "pinv": lambda: linalg.pinv(A),
    }
    kept = {"inv": {"y"}, "det": {"A"}, "cholesky": {"y", "upper"}, "pinv": {"A", "y"}}
    kept["solve"] = {"A", "y", "A_shape", "B_shape", "left"}
    assert set(made[name]().node.plan.names) == kept[name]
