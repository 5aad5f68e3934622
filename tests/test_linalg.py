"""Linear algebra: identities that always hold, least squares, norms, and sizes from 0."""

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
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.tensor import ShapeError, Tensor
from tests.helpers import leaf
from tests.matrices import close, draw, near

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
