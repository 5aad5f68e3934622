"""Linear algebra beside torch: the same names, forms, norms and gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest

import minitorch
from minitorch import linalg
from tests.matrices import close, draw, near


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
