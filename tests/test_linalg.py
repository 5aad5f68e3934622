"""Linear algebra: what has no answer, where a gradient is none, and identities that always hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch import linalg
from minitorch.autograd import grad
from minitorch.func import jacrev
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.tensor import ShapeError, Tensor


def draw(*shape: int, seed: int = 0, dtype: str = "float64") -> Tensor:
    x = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return minitorch.tensor(x, dtype=dtype, requires_grad=True)


def near(*shape: int, seed: int = 0) -> Tensor:
    """Square matrices near 3 I."""
    return (draw(*shape, seed=seed) * 0.4 + 3 * minitorch.eye(shape[-1]).double()).detach()


def leaf(values: Any) -> Tensor:
    return minitorch.tensor(values, dtype="float64", requires_grad=True)


def close(x: Any, y: Any, tolerance: float = 1e-9) -> None:
    x, y = (v.detach().numpy() if isinstance(v, Tensor) else np.asarray(v) for v in (x, y))
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


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


# nothing, and much ----------------------------------------------------------------------------


def test_matrices_of_size_0():
    empty = minitorch.zeros(0, 0, dtype=minitorch.float64, requires_grad=True)
    assert linalg.det(empty).item() == 1
    assert linalg.slogdet(empty).logabsdet.item() == 0
    for f in (linalg.inv, linalg.cholesky, linalg.matrix_exp, linalg.pinv):
        assert f(empty).shape == (0, 0)
    assert linalg.solve(empty, minitorch.zeros(0, 2).double()).shape == (0, 2)
    (linalg.det(empty) + linalg.inv(empty).sum() + linalg.eigvalsh(empty).sum()).backward()
    assert empty.grad.shape == (0, 0)
    assert linalg.matrix_rank(minitorch.zeros(0, 3)).item() == 0
    assert linalg.pinv(minitorch.zeros(0, 3)).shape == (3, 0)


def test_the_norms_of_no_elements_are_0_unless_the_smallest_is_asked_for():
    for shape in ((2, 0, 3), (2, 3, 0), (2, 0, 0)):
        x = minitorch.zeros(*shape, requires_grad=True)
        for ord in ("fro", "nuc", 1, 2, math.inf):
            assert linalg.matrix_norm(x, ord).tolist() == [0, 0]
            assert linalg.matrix_norm(x, ord, keepdim=True).shape == (2, 1, 1)
            linalg.matrix_norm(x, ord).sum().backward()
        for p in (None, -2):
            assert linalg.cond(x, p).tolist() == [0, 0]
    assert linalg.cond(minitorch.zeros(2, 0, 0), 1).tolist() == [0, 0]
    with pytest.raises(ShapeError, match="there is no amin of nothing"):
        linalg.matrix_norm(minitorch.zeros(0, 3), -2)


@pytest.mark.parametrize(
    "f", [linalg.inv, linalg.det, linalg.cholesky, linalg.svdvals, linalg.pinv]
)
def test_batches_of_no_matrix(f: Callable):
    x = minitorch.zeros(0, 3, 3, requires_grad=True)
    y = f(x)
    assert (y.shape[0], y.dtype) == (0, np.float32)
    y.sum().backward()
    assert x.grad.shape == (0, 3, 3)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_factors_without_rows_or_columns(shape: tuple):
    x = minitorch.zeros(*shape, requires_grad=True)
    U, S, Vh = linalg.svd(x, full_matrices=False)
    Q, R = linalg.qr(x)
    assert (U @ minitorch.diag(S) @ Vh).shape == (Q @ R).shape == shape
    (U.sum() + S.sum() + Vh.sum() + Q.sum() + R.sum()).backward()
    assert x.grad.shape == shape


def test_a_batch_is_each_of_its_matrices():
    A, B = near(2, 3, 4, 4), draw(2, 3, 4, 2)
    for f in (linalg.inv, linalg.det, lambda x: linalg.cholesky(x @ x.mT), linalg.matrix_exp):
        for i in np.ndindex(2, 3):
            close(f(A)[i], f(A[i]))
    for i in np.ndindex(2, 3):
        close(linalg.solve(A, B)[i], linalg.solve(A[i], B[i]))


def test_scales_that_squares_would_not_survive():
    tiny = leaf(np.eye(2) * 1e-200)
    close(linalg.inv(tiny), np.eye(2) * 1e200)
    close(linalg.matrix_norm(leaf([[3e150, 0], [4e150, 0]]), 2) / 1e150, 5.0)
    x = leaf([[20.0, 5.0], [0.0, 20.0]])
    close(linalg.matrix_exp(x) / math.exp(20), [[1.0, 5.0], [0.0, 1.0]], 1e-7)
    assert not np.isfinite(linalg.matrix_exp(leaf([[math.inf]])).detach().numpy()).any()
    close(linalg.matrix_exp(leaf(np.zeros((2, 2)))), np.eye(2), 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_of_an_exponential_keeps_its_digits_where_g_is_large(dtype: str):
    """As where a loss is scaled up for float16: the series is summed of A and g together."""
    x = draw(3, 3, dtype=dtype)
    y, g = linalg.matrix_exp(x), draw(3, 3, dtype=dtype).detach()
    (want,) = grad(y, x, g, retain_graph=True)
    (got,) = grad(y, x, g * 2.0**40)
    close(got * 2.0**-40, want, 1e-6 if dtype == "float32" else 1e-14)
    assert np.isfinite(linalg.matrix_exp(-leaf([[1e308]])).item())


def test_an_exponential_does_not_depend_on_the_other_matrices_of_its_batch():
    small, large = draw(3, 3, dtype="float32").detach() * 1e-3, minitorch.eye(3) * -300
    y = linalg.matrix_exp(minitorch.stack([small, large, large * math.inf]))
    assert (y[0] == linalg.matrix_exp(small)).all()
    assert (y[1] == linalg.matrix_exp(large)).all()
    assert y[2].isnan().any()


# identities -----------------------------------------------------------------------------------

matrices = st.builds(
    lambda n, batch, seed: near(*batch, n, n, seed=seed),
    st.integers(1, 5),
    st.sampled_from([(), (2,), (2, 1)]),
    st.integers(0, 10_000),
)
oblongs = st.builds(
    lambda m, n, batch, seed: draw(*batch, m, n, seed=seed),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([(), (2,)]),
    st.integers(0, 10_000),
)
few = settings(max_examples=25, deadline=None)


def eye(x: Tensor) -> np.ndarray:
    return np.broadcast_to(np.eye(x.shape[-1]), (*x.shape[:-2], x.shape[-1], x.shape[-1]))


@few
@given(matrices)
def test_an_inverse_times_its_matrix_is_the_identity(A: Tensor):
    close(linalg.inv(A) @ A, eye(A))
    close(linalg.solve(A, A @ A), A)
    close(linalg.solve(A, A @ A, left=False), A)
    close(linalg.inv(A), linalg.pinv(A))
    close(A.matrix_power(-2) @ A @ A, eye(A))


@few
@given(matrices)
def test_determinants_multiply(A: Tensor):
    close(linalg.det(A @ A.mT), linalg.det(A) ** 2, 1e-7)
    sign, logabsdet = linalg.slogdet(-A)
    close(sign * logabsdet.exp(), linalg.det(-A), 1e-8)
    close(minitorch.logdet(linalg.matrix_exp(A)), A.diagonal(0, -2, -1).sum(-1), 1e-8)


@few
@given(matrices)
def test_a_cholesky_factor_squared_is_the_matrix(A: Tensor):
    A = A @ A.mT
    L = linalg.cholesky(A)
    close(L @ L.mT, A)
    close(L, L.tril())
    close(minitorch.cholesky_solve(A, L), eye(A))
    close(minitorch.cholesky_inverse(L.mT, upper=True), linalg.inv(A))
    close(linalg.solve_triangular(L, A, upper=False), L.mT)


@few
@given(oblongs)
def test_factors_multiply_to_the_matrix_and_their_vectors_are_orthonormal(A: Tensor):
    Q, R = linalg.qr(A)
    close(Q @ R, A)
    close(R, R.triu())
    U, S, Vh = linalg.svd(A, full_matrices=False)
    close(U * S.unsqueeze(-2) @ Vh, A)
    for V in (Q, U, Vh.mT):
        close(V.mT @ V, eye(V))
    values, vectors = linalg.eigh(A @ A.mT)
    close(vectors * values.unsqueeze(-2) @ vectors.mT, A @ A.mT)
    close(linalg.svdvals(A) ** 2, values.flip(-1)[..., : S.shape[-1]], 1e-8)


@few
@given(oblongs)
def test_a_pseudo_inverse_is_what_penrose_asks_for(A: Tensor):
    Y = linalg.pinv(A)
    close(A @ Y @ A, A)
    close(Y @ A @ Y, Y, 1e-7)
    close(A @ Y, (A @ Y).mT, 1e-7)
    close(Y @ A, (Y @ A).mT, 1e-7)


@few
@given(matrices, matrices)
def test_exponentials_undo_each_other(A: Tensor, B: Tensor):
    close(linalg.matrix_exp(A) @ linalg.matrix_exp(-A), eye(A), 1e-7)
    close(linalg.matrix_exp(B * 0.5).matrix_power(2), linalg.matrix_exp(B), 1e-8)


@few
@given(st.integers(0, 10_000))
def test_a_cross_product_is_at_right_angles_to_both(seed: int):
    a, b = draw(4, 3, seed=seed), draw(4, 3, seed=seed + 1)
    y = linalg.cross(a, b)
    close(linalg.vecdot(y, a), np.zeros(4))
    close(linalg.vecdot(y, b), np.zeros(4))
    close(y, -b.cross(a))
    area = linalg.vecdot(a, a) * linalg.vecdot(b, b) - linalg.vecdot(a, b) ** 2
    close(linalg.vecdot(y, y), area)


# least squares --------------------------------------------------------------------------------


def test_least_squares_leaves_what_is_at_right_angles_to_the_columns():
    A, b = draw(5, 2), draw(5, seed=1)
    x, residuals, rank, values = linalg.lstsq(A, b)
    close(A.mT @ (A @ x - b), np.zeros(2))
    close(residuals, ((A @ x - b) ** 2).sum(0, keepdim=True))
    assert (x.shape, rank.item(), values.shape) == ((2,), 2, (2,))
    wide = linalg.lstsq(draw(2, 5), draw(2, 3))
    assert (wide.solution.shape, wide.residuals.shape) == ((5, 3), (0,))


def test_of_several_solutions_the_shortest_is_given():
    A = leaf([[1.0, 1.0], [2.0, 2.0]])
    x, _, rank, _ = linalg.lstsq(A, leaf([2.0, 4.0]))
    close(x, [1.0, 1.0])
    assert rank.item() == 1


def test_the_gradient_of_least_squares_with_one_column_for_each_matrix():
    assert gradcheck(lambda A, b: linalg.lstsq(A, b).solution, (draw(2, 4, 3), draw(2, 4)))
    assert gradgradcheck(lambda A, b: linalg.lstsq(A, b)[:2], (draw(4, 2), draw(4)))


def test_one_matrix_is_factored_once_for_all_right_hand_sides(monkeypatch: pytest.MonkeyPatch):
    A, B = near(3, 3), draw(5, 2, 3, 2)
    want = np.linalg.solve(A.numpy(), B.detach().numpy())
    met = []
    solve = np.linalg.solve

    def spy(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        met.append((A.shape, B.shape))
        return solve(A, B)

    monkeypatch.setattr(np.linalg, "solve", spy)
    close(linalg.solve(A, B), want)
    assert met == [((3, 3), (3, 20))]


def test_triangles_take_matrices_only_also_where_their_shape_is_that_of_a_column_each():
    """torch.linalg.solve would take these B for columns; its two triangular ones never do."""
    A, B = near(2, 2, 2), draw(2, 2)
    for upper in (False, True):
        T = A.triu() if upper else A.tril()
        Y = linalg.solve_triangular(A, B, upper=upper)
        close(T @ Y, B.expand(2, 2, 2))
        Y = linalg.solve_triangular(A, B, upper=upper, left=False)
        close(Y @ T, B.expand(2, 2, 2))
        gradcheck(lambda A, B, u=upper: linalg.solve_triangular(A, B, upper=u), (A, B))
    L = A.tril()
    close(L @ L.mT @ minitorch.cholesky_solve(B, L), B.expand(2, 2, 2))
    with pytest.raises(
        ShapeError, match=r"solve_triangular: B must be a matrix .*got shape \(2,\)"
    ):
        linalg.solve_triangular(A, B[0], upper=True)


def test_a_single_number_is_no_right_hand_side():
    for solve in (linalg.solve, linalg.lstsq):
        with pytest.raises(ShapeError, match=rf"{solve.__name__}: .*B of shape \(\)"):
            solve(near(2, 2), leaf(1.0))


def test_a_tolerance_for_each_matrix():
    A = leaf([np.diag([3.0, 1.0, 0.1])] * 3)
    for name, limits in {"atol": [2.0, 0.5, 0.0], "rtol": [0.5, 0.2, 0.01]}.items():
        tolerance = {name: minitorch.tensor(limits)}
        assert linalg.matrix_rank(A, **tolerance).tolist() == [1, 2, 3]
        assert (linalg.pinv(A, **tolerance) != 0).sum((1, 2)).tolist() == [1, 2, 3]


def test_an_atol_of_0_leaves_the_limit_of_rounding():
    A = leaf([np.diag([1.0, 1e-20])] * 2)
    for atol in (None, 0.0, minitorch.zeros(2)):
        assert linalg.matrix_rank(A, atol=atol).tolist() == [1, 1]


def test_a_first_power_is_a_copy():
    A = near(2, 2)
    y = linalg.matrix_power(A, 1)
    y += 1
    close(A, near(2, 2))


def test_what_counts_as_0():
    A = leaf(np.diag([1.0, 1e-3, 1e-20]))
    assert linalg.matrix_rank(A).item() == 2
    assert linalg.matrix_rank(A, atol=1e-2).item() == 1
    assert linalg.matrix_rank(A, atol=1e-30).item() == 3
    assert linalg.matrix_rank(A, rtol=1e-2).item() == 1
    close(linalg.pinv(A), np.diag([1.0, 1e3, 0.0]))
    close(linalg.pinv(A, atol=1e-2), np.diag([1.0, 0.0, 0.0]))
    close(linalg.pinv(A, 1e-2), np.diag([1.0, 0.0, 0.0]))
    close(linalg.pinv(A, 1e-7, True), np.diag([1.0, 1e3, 0.0]))
    assert linalg.matrix_rank(A, 1e-2, True).item() == 1
    close(minitorch.pinverse(A, 1e-2), np.diag([1.0, 0.0, 0.0]))


# norms ----------------------------------------------------------------------------------------

NORMS: list[tuple[tuple, dict]] = [
    ((), {}),
    (("fro",), {}),
    (("nuc",), {}),
    ((2,), {}),
    ((1,), {}),
    ((2, 0), {}),
    ((math.inf, 1), {"keepdim": True}),
    ((None, (0, 1)), {}),
    ((-2, (1, 0)), {"keepdim": True}),
    ((3, [1]), {}),
]


@pytest.mark.parametrize(("args", "names"), NORMS)
def test_norm_takes_what_torchs_takes(args: tuple, names: dict):
    torch = pytest.importorskip("torch")
    x = draw(3, 4)
    want = torch.linalg.norm(torch.tensor(x.detach().numpy()), *args, **names)
    got = linalg.norm(x, *args, **names)
    assert got.shape == want.shape
    close(got, want.numpy())


def test_of_three_axes_a_norm_asks_which():
    with pytest.raises(ShapeError, match="give one dim or two"):
        linalg.norm(draw(2, 2, 2), 1)


@pytest.mark.parametrize("p", [1, "fro", "nuc", math.inf])
def test_the_condition_of_a_singular_matrix_is_infinite(p: Any):
    A = minitorch.stack([minitorch.zeros(2, 2).double(), 3 * minitorch.eye(2).double()])
    y = linalg.cond(A, p)
    assert y[0].item() == math.inf
    close(y[1], np.linalg.cond(np.eye(2), p))


def test_norms_by_hand():
    A = leaf([[1.0, -2.0], [3.0, 4.0]])
    assert linalg.norm(A, 1).item() == 6
    assert linalg.norm(A, -1).item() == 4
    assert linalg.norm(A, math.inf).item() == 7
    assert linalg.norm(A, -math.inf).item() == 3
    close(linalg.norm(A), math.sqrt(30))
    close(linalg.norm(A, 2) * linalg.norm(A, -2), 10)  # the product of the singular values: |det|
    close(linalg.norm(A, "nuc") ** 2, 30 + 20)  # (s₁ + s₂)² = Σ s² + 2 s₁ s₂
    assert linalg.norm(A[0], 1).item() == 3
    assert linalg.norm(leaf(np.ones((2, 2, 2)))).item() == math.sqrt(8)
    assert linalg.matrix_norm(A.float(), dtype=minitorch.float64).dtype == np.float64
    assert linalg.vector_norm(A.float(), dtype=minitorch.float64).dtype == np.float64


# torch's forms ---------------------------------------------------------------------------------


def test_names_of_arguments_are_torchs():
    A, B = near(3, 3), draw(3, 2)
    close(linalg.solve(A=A, B=B), linalg.solve(A, B))
    close(linalg.inv(A=A), A.inverse())
    close(minitorch.inverse(input=A), A.inverse())
    close(linalg.det(input=A), A.det())
    close(linalg.svd(A, full_matrices=False).S, linalg.svdvals(A=A))
    close(linalg.eigh(A, UPLO="U").eigenvalues, linalg.eigvalsh(A, UPLO="U"))
    close(linalg.matrix_norm(A=A, ord=1, dim=(-2, -1), keepdim=True), [[linalg.norm(A, 1).item()]])
    close(linalg.diagonal(A=A), A.diagonal())
    close(linalg.diagonal(draw(2, 3, 3)), draw(2, 3, 3).diagonal(0, 1, 2))
    close(linalg.matmul(A, B), A @ B)
    close(linalg.multi_dot([A, A, B]), A @ A @ B)
    assert linalg.qr(B)._fields == ("Q", "R")
    assert linalg.slogdet(A)._fields == ("sign", "logabsdet")


def test_every_name_is_one_of_torchs():
    torch = pytest.importorskip("torch")
    for name in linalg.__all__:
        assert hasattr(torch.linalg, name), name


FORMS = """
torch.linalg.inv(A)
torch.inverse(A) @ b
A.inverse()
torch.linalg.solve(A, b)
torch.linalg.solve(A, b[:, 0])
torch.linalg.solve(A, b.T, left=False)
torch.linalg.solve_triangular(A.tril(), b, upper=False)
torch.linalg.det(A) * A.det() * torch.det(A)
torch.linalg.slogdet(A).logabsdet + torch.logdet(A @ A.T) + A.slogdet()[1]
torch.linalg.cholesky(A @ A.T + torch.eye(3))
torch.cholesky_solve(b, torch.linalg.cholesky(A @ A.T))
torch.cholesky_inverse(torch.linalg.cholesky(A @ A.T))
torch.linalg.cholesky(A @ A.T, upper=True)
torch.linalg.eigvalsh(A @ A.T)
torch.linalg.eigh(A @ A.T)[0]
torch.linalg.eigh(A @ A.T, UPLO="U").eigenvalues
torch.linalg.svd(b, full_matrices=False).S
torch.linalg.svdvals(b)
torch.linalg.pinv(b)
torch.linalg.pinv(b, 0.1)
torch.linalg.pinv(A @ A.T, 0.1, True)
torch.linalg.matrix_rank(A @ A.T, 0.1, True)
torch.linalg.pinv(A, rtol=1e-3)
torch.pinverse(b)
torch.linalg.lstsq(b, A).solution
torch.linalg.matrix_rank(b)
torch.linalg.matrix_power(A, 3)
A.matrix_power(-1)
torch.matrix_power(A, 0)
torch.linalg.matrix_exp(A) + torch.matrix_exp(A)
torch.linalg.norm(b)
torch.linalg.norm(b, dim=1)
torch.linalg.norm(b, ord="nuc")
torch.linalg.norm(b, 1, dim=(0, 1), keepdim=True)
torch.linalg.vector_norm(b, ord=3, dim=0)
torch.linalg.matrix_norm(b, ord=float("inf"))
torch.linalg.cond(A)
torch.linalg.multi_dot([A, A, b])
torch.linalg.cross(A, A.T)
torch.cross(A, A.T, dim=1)
A.cross(A.T, dim=0)
torch.linalg.vecdot(A, A.T)
torch.linalg.diagonal(A)
torch.linalg.vander(b[:, 0], N=4)
torch.linalg.tensorinv(A, ind=1)
torch.linalg.matmul(A, A).trace()
"""


@pytest.mark.parametrize("form", FORMS.split("\n")[1:-1])
def test_course_code_gives_what_it_gives_in_torch(form: str):
    torch = pytest.importorskip("torch")

    def run(library: Any) -> tuple:
        A, b = (library.tensor(x.tolist(), requires_grad=True) for x in (near(3, 3), draw(3, 2)))
        y = eval(form, {"torch": library, "A": A, "b": b})
        if y.requires_grad:
            (y * y).sum().backward()
        return y, A.grad, b.grad

    for ours, theirs in zip(run(minitorch), run(torch), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert (ours.shape, f"torch.{ours.dtype}") == (tuple(theirs.shape), str(theirs.dtype))
            close(ours, theirs.detach().numpy(), 2e-3)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 5)])
def test_gradients_through_vectors_are_torchs(shape: tuple):
    """Of what does not depend on the signs that LAPACK has given them."""
    torch = pytest.importorskip("torch")
    A = draw(*shape)

    def loss(x: Any, module: Any) -> Any:
        U, S, Vh = module.linalg.svd(x, full_matrices=False)
        values, V = module.linalg.eigh(x @ x.mT)
        Q, R = module.linalg.qr(x)
        return (
            ((U * S.unsqueeze(-2) ** 3) @ Vh).sum()
            + (U**2 * S.unsqueeze(-2)).sum()
            + (V**2 * values.unsqueeze(-2)).sum()
            + ((Q**2)[..., 0] * 2).sum()
            + (R**2)[..., 0, :].sum()
        )

    theirs = torch.tensor(A.detach().numpy(), requires_grad=True)
    loss(A, minitorch).backward()
    loss(theirs, torch).backward()
    close(A.grad, theirs.grad.numpy(), 1e-7)


def test_least_squares_are_torchs():
    torch = pytest.importorskip("torch")
    A, B = draw(2, 5, 3), draw(2, 5, 2)
    ours = linalg.lstsq(A, B)
    a, b = (torch.tensor(x.detach().numpy(), requires_grad=True) for x in (A, B))
    theirs = torch.linalg.lstsq(a, b, driver="gelsd")
    for x, y in zip(ours, theirs, strict=True):
        close(x, y.detach().numpy())
    (ours.solution**2).sum().backward()
    (theirs.solution**2).sum().backward()
    close(A.grad, a.grad.numpy())
    close(B.grad, b.grad.numpy())


# what it is for --------------------------------------------------------------------------------


def test_the_covariance_of_a_sample_is_the_most_likely_one():
    """Of a normal distribution: the gradient of the likelihood is 0 there, and not elsewhere."""
    x = draw(50, 3).detach()
    S = x.T @ x / 50

    def slope(C: Tensor) -> np.ndarray:
        C = C.clone().requires_grad_()
        (minitorch.logdet(C) + (x * linalg.solve(C, x, left=False)).sum() / 50).backward()
        return C.grad.numpy()

    close(slope(S), np.zeros((3, 3)))
    assert abs(slope(S + minitorch.eye(3).double())).max() > 0.1


def test_a_compiled_step_tells_a_singular_matrix_in_the_same_words():
    step = minitorch.compile(lambda A: linalg.inv(A))
    close(step(near(2, 2)) @ near(2, 2), np.eye(2))
    close(step(near(2, 2, seed=1)) @ near(2, 2, seed=1), np.eye(2))
    with pytest.raises(linalg.LinAlgError, match=r"inv: A of shape \(2, 2\) is singular"):
        step(minitorch.zeros(2, 2).double())
