"""Rows for linear algebra: matrices with an inverse, and far from having none."""

import math

import numpy as np

from tests.table import Row, rand


def near(*shape, seed=0):
    """Matrices near 2 I, square or not, on which few digits are lost."""
    return rand(*shape, low=-0.75, high=0.75, seed=seed) + 2 * np.eye(*shape[-2:])


# how an op is called ---------------------------------------------------------------------------


def symmetric(x):
    return (x + x.mT) / 2


def of_symmetric(f, x, *args, **kwargs):
    """Of matrices that are symmetric, and positive definite where x is near 2 I."""
    return f(symmetric(x), *args, **kwargs)


def without_signs(f, x, *args, **kwargs):
    """The squares of all results."""
    return tuple(y * y for y in f(x, *args, **kwargs))


def eigen_without_signs(f, x, *args, **kwargs):
    values, vectors = f(symmetric(x), *args, **kwargs)
    return values, vectors * vectors


def first_without_signs(f, x):
    """The vectors that belong to a singular value, where there are others."""
    U, s, Vh = f(x)
    k = s.shape[-1]
    return U[..., :k] * U[..., :k], s, Vh[..., :k, :] * Vh[..., :k, :]


def total_of_values(f, x):
    """Σ λ or Σ s, which is smooth where two of them are equal."""
    values = min(f(symmetric(x)), key=lambda part: part.ndim)
    return values.sum(-1)


def left_without_signs(f, x):
    return f(x)[0] ** 2


def right_without_signs(f, x):
    return f(x)[2] ** 2


def first_vector_without_sign(f, x):
    """The one that belongs to the smallest eigenvalue."""
    return f(symmetric(x))[1][..., 0] ** 2


def _as(f, by):
    return lambda *args, **kwargs: by(f, *args, **kwargs)


def _torch(path, by=None):
    """torch's function of that name in torch.linalg, called in the same way."""

    def call(*args, **kwargs):
        import torch

        f = getattr(torch.linalg, path)
        return f(*args, **kwargs) if by is None else by(f, *args, **kwargs)

    return call


def _of_triangle(name):
    """torch's function, which gives the other triangle of L a gradient unless it is cut away."""

    def call(*args):
        import torch

        *before, L = args[:-1] if isinstance(args[-1], bool) else args
        upper = args[-1] is True
        return getattr(torch, name)(*before, L.triu() if upper else L.tril(), upper)

    return call


# the same in NumPy ----------------------------------------------------------------------------


def _solve(A, B, left=True):
    if not left:
        return np.linalg.solve(A.mT, B.mT).mT
    if B.ndim == 1 or B.shape == A.shape[:-1]:
        return np.linalg.solve(A, B[..., None])[..., 0]
    return np.linalg.solve(A, B)


def _triangular(A, B, upper, left=True, unitriangular=False):
    A = np.triu(A) if upper else np.tril(A)
    if unitriangular:
        A = A - A * np.eye(A.shape[-1]) + np.eye(A.shape[-1])
    return _solve(A, B, left)


def _cofactors(A):
    n = A.shape[-1]
    minors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(A, i, -2), j, -1)) for j in range(n)]
        for i in range(n)
    ]
    return np.moveaxis(np.array(minors), (0, 1), (-2, -1))


def _cholesky(A, upper=False):
    L = np.linalg.cholesky(A)
    return L.mT if upper else L


def _cholesky_inverse(L, upper=False):
    L = np.triu(L) if upper else np.tril(L)
    return np.linalg.inv(L.mT @ L if upper else L @ L.mT)


def _cholesky_solve(B, L, upper=False):
    return _cholesky_inverse(L, upper) @ B


def _qr(A, mode="reduced"):
    Q, R = np.linalg.qr(A, "reduced" if mode == "r" else mode)
    return np.empty(0) if mode == "r" else Q, R


def _qr_parts(A, complete):
    return _qr(A, "complete" if complete else "reduced")


def _exponential(A):
    y = term = np.broadcast_to(np.eye(A.shape[-1]), A.shape)
    for i in range(1, 60):
        term = term @ A / i
        y = y + term
    return y


def _lstsq(A, B):
    X = np.linalg.pinv(A) @ B
    residuals = ((A @ X - B) ** 2).sum(-2) if A.shape[-2] > A.shape[-1] else np.empty(0)
    return X, residuals, np.linalg.matrix_rank(A), np.linalg.svd(A, compute_uv=False)


def _multi_dot(f, *xs):
    return f(xs)


def _cross(a, b, dim):
    return np.cross(a, b, axis=dim)


SINGULAR = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 3.0, 1.0]])
ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
SIGNED_SVD = {"by": without_signs, "ref": _as(np.linalg.svd, without_signs)}
SIGNED_SVD["torch"] = _torch("svd", without_signs)
# In each of them two eigenvalues are equal, and a third is smaller.
PAIRED = np.array([[[1.0, 0, 0], [0, 3, 0], [0, 0, 3]], [[4, 1, 0], [1, 4, 0], [0, 0, 5]]])
TALL, WIDE = near(2, 4, 3), near(3, 4)

ROWS = [
    # inverses and equations
    Row("inv", (near(3, 3),), ref=np.linalg.inv, torch="linalg.inv"),
    Row("inv", (near(2, 1, 2, 2),), ref=np.linalg.inv, torch="inverse"),
    Row("inv", (near(1, 1),), ref=np.linalg.inv, torch="linalg.inv"),
    *(
        Row("solve", (near(*a), rand(*b, seed=1)), kwargs, _solve, "linalg.solve", grad)
        for a, b, kwargs, grad in (
            ((3, 3), (3, 2), {}, None),
            ((3, 3), (3,), {}, None),
            ((2, 3, 3), (2, 3), {}, None),
            ((2, 3, 3), (2, 3, 1), {}, None),
            ((2, 3, 3), (3,), {}, None),
            ((3, 3), (2, 3, 2), {}, None),
            ((2, 2), (2, 1, 2, 2), {}, None),
            ((3, 3), (2, 2, 3), {"left": False}, None),
            ((2, 1, 2, 2), (3, 2, 2), {}, None),
            ((3, 3), (2, 3), {"left": False}, None),
            ((1, 3, 3), (2, 2, 3), {"left": False}, None),
            ((3, 3), (3, 2), {}, (0,)),
            ((3, 3), (3, 2), {}, (1,)),
        )
    ),
    *(
        Row(
            "solve_triangular",
            (near(*a), rand(*b, seed=1)),
            kwargs,
            ref=_triangular,
            torch="linalg.solve_triangular",
        )
        for a, b, kwargs in (
            ((3, 3), (3, 2), {"upper": True}),
            ((2, 3, 3), (2, 3, 1), {"upper": False}),
            ((3, 3), (2, 3), {"upper": True, "left": False}),
            ((3, 3), (3, 2), {"upper": False, "unitriangular": True}),
            ((3, 3), (3, 2), {"upper": True, "unitriangular": True}),
        )
    ),
    Row(
        "cholesky_solve",
        (rand(2, 3, 2), np.tril(near(2, 3, 3))),
        ref=_cholesky_solve,
        torch=_of_triangle("cholesky_solve"),
    ),
    Row(
        "cholesky_solve",
        (rand(2, 3, 2), np.triu(near(2, 3, 3)), True),
        ref=_cholesky_solve,
        torch=_of_triangle("cholesky_solve"),
    ),
    *(
        Row(
            "cholesky_inverse",
            (near(2, 3, 3), upper),
            ref=_cholesky_inverse,
            torch=_of_triangle("cholesky_inverse"),
        )
        for upper in (False, True)
    ),
    Row(
        "tensorinv",
        (near(6, 6).reshape(2, 3, 6),),
        ref=np.linalg.tensorinv,
        torch="linalg.tensorinv",
    ),
    Row(
        "tensorinv",
        (near(4, 4).reshape(4, 2, 2),),
        {"ind": 1},
        ref=np.linalg.tensorinv,
        torch="linalg.tensorinv",
    ),
    Row(
        "tensorsolve",
        (near(4, 4).reshape(2, 2, 4), rand(2, 2, seed=1)),
        ref=np.linalg.tensorsolve,
        torch="linalg.tensorsolve",
    ),
    Row(
        "tensorsolve",
        (near(4, 4).reshape(2, 4, 2), rand(2, 2, seed=1), (1,)),
        ref=lambda a, b, dims: np.linalg.tensorsolve(a, b, axes=dims),
        torch="linalg.tensorsolve",
    ),
    # determinants
    *(
        Row("det", (x,), ref=np.linalg.det, torch="linalg.det")
        for x in (near(3, 3), near(2, 1, 3, 3), rand(1, 1), 2 * np.eye(3), near(4, 4)[[1, 0, 2, 3]])
    ),
    Row("det", (SINGULAR,), ref=np.linalg.det),
    *(
        Row("cofactors", (x,), ref=_cofactors)
        for x in (near(3, 3), near(2, 4, 4), SINGULAR, near(3, 3)[[1, 0, 2]])
    ),
    *(
        Row(op, (near(2, 3, 3),), ref=lambda x: tuple(np.linalg.slogdet(x)), torch="linalg.slogdet")
        for op in ("slogdet", "slogdet_parts")
    ),
    Row("slogdet_parts", (np.tri(3).T,), ref=lambda x: tuple(np.linalg.slogdet(x))),
    Row("slogdet", (-near(3, 3),), ref=lambda x: tuple(np.linalg.slogdet(x)), torch="slogdet"),
    Row("logdet", (near(2, 3, 3),), ref=lambda x: np.log(np.linalg.det(x)), torch="logdet"),
    # factors
    *(
        Row(
            "cholesky",
            (near(2, 3, 3),),
            {"upper": upper},
            ref=_as(_cholesky, of_symmetric),
            torch=_torch("cholesky", of_symmetric),
            by=of_symmetric,
        )
        for upper in (False, True)
    ),
    *(
        Row(
            "qr_parts",
            (x, complete),
            ref=_as(_qr_parts, without_signs),
            torch=lambda x, complete: _torch("qr", without_signs)(
                x, mode="complete" if complete else "reduced"
            ),
            by=without_signs,
        )
        for x, complete in (
            (TALL, False),
            (WIDE, False),
            (near(3, 3), False),
            (near(2, 3, 4), True),
        )
    ),
    Row(
        "qr",
        (near(4, 2),),
        ref=_as(_qr, without_signs),
        torch=_torch("qr", without_signs),
        by=without_signs,
    ),
    Row("qr", (WIDE, "r"), ref=_as(_qr, without_signs), by=without_signs),
    Row("qr", (near(2, 3, 4)[0], "complete"), ref=_as(_qr, without_signs), by=without_signs),
    # values and vectors
    *(
        Row(
            op,
            (near(2, 3, 3) + np.diag([0.0, 1.0, 3.0]),),
            {"UPLO": triangle},
            ref=_as(np.linalg.eigh, eigen_without_signs),
            torch=_torch("eigh", eigen_without_signs),
            by=eigen_without_signs,
        )
        for op in ("eigh_parts", "eigh")
        for triangle in "LU"
    ),
    Row(
        "eigvalsh",
        (near(2, 3, 3) + np.diag([0.0, 1.0, 3.0]),),
        ref=_as(np.linalg.eigvalsh, of_symmetric),
        torch=_torch("eigvalsh", of_symmetric),
        by=of_symmetric,
    ),
    *(
        Row(op, (x * np.array([1, 2, 4, 8.0])[: x.shape[-1]],), kwargs, **SIGNED_SVD)
        for op, x, kwargs in (
            ("svd_parts", near(3, 3), {}),
            ("svd_parts", TALL, {"full_matrices": False}),
            ("svd_parts", WIDE, {"full_matrices": False}),
            ("svd", near(2, 3, 3), {}),
        )
    ),
    *(
        Row(
            "svd_parts",
            (x,),
            ref=_as(np.linalg.svd, first_without_signs),
            torch=_torch("svd", first_without_signs),
            by=first_without_signs,
        )
        for x in (TALL * np.array([1, 2, 4.0]), WIDE * np.array([1, 2, 4, 8.0]))
    ),
    *(
        Row("svd_parts", (x,), ref=_as(np.linalg.svd, by), torch=_torch("svd", by), by=by)
        for x in (near(3, 3) * np.array([1, 2, 4.0]),)
        for by in (left_without_signs, right_without_signs)
    ),
    # Where values are equal, what does not look at their vectors; there is no second order.
    *(
        Row(op, (2 * np.eye(3),), ref=_as(f, by), torch=_torch(name, by), by=by, order=1)
        for op, name, f, by in (
            ("eigh_parts", "eigh", np.linalg.eigh, total_of_values),
            ("svd_parts", "svd", np.linalg.svd, total_of_values),
        )
    ),
    Row(  # torch has nan here
        "eigh_parts",
        (PAIRED,),
        ref=_as(np.linalg.eigh, first_vector_without_sign),
        by=first_vector_without_sign,
        order=1,
    ),
    Row(
        "svdvals",
        (TALL * np.array([1, 2, 4.0]),),
        ref=lambda x: np.linalg.svd(x, compute_uv=False),
        torch="linalg.svdvals",
    ),
    # without an inverse
    *(
        Row("pinv", (x,), kwargs, ref=np.linalg.pinv, torch=torch)
        for torch in ["linalg.pinv"]
        for x, kwargs in ((TALL, {}), (WIDE, {}), (near(3, 3), {"rtol": 1e-3}))
    ),
    Row("pinv", (near(4, 3) * np.array([1, 1, 0.01]), 0.1), torch="linalg.pinv", order=0),
    Row("pinverse", (TALL,), ref=np.linalg.pinv, torch="pinverse"),
    Row(
        "matrix_rank",
        (near(2, 3, 4),),
        ref=np.linalg.matrix_rank,
        torch="linalg.matrix_rank",
        order=0,
    ),
    Row(
        "matrix_rank",
        (SINGULAR, None, 1e-6),
        ref=lambda x, *_: np.int64(2),
        torch=lambda x, atol, rtol: _torch("matrix_rank")(x, atol=atol, rtol=rtol),
        order=0,
    ),
    Row("lstsq", (near(4, 3), rand(4, 2, seed=1)), ref=_lstsq),
    Row("lstsq", (near(2, 3, 4), rand(2, 3, 2, seed=1)), ref=_lstsq),
    # sizes
    *(
        Row("vector_norm", (rand(2, 3), *args), kwargs, torch="linalg.vector_norm")
        for args, kwargs in (
            ((), {}),
            ((1, 1), {}),
            ((3.0, (0, 1), True), {}),
            ((math.inf, 0), {}),
        )
    ),
    Row(
        "vector_norm",
        (rand(3), 2, 0),
        ref=lambda x, *_: np.linalg.norm(x),
        torch="linalg.vector_norm",
    ),
    *(
        Row("matrix_norm", (TALL, ord), ref=_norms, torch="linalg.matrix_norm")
        for ord in ORDERS
        for _norms in [lambda x, order: np.linalg.norm(x, order, (-2, -1))]
    ),
    *(
        Row("matrix_norm", (TALL, ord, dims, True), torch="linalg.matrix_norm")
        for ord, dims in (("fro", (0, 1)), ("nuc", (2, 0)), (1, (0, -1)), (-math.inf, (1, 0)))
    ),
    *(
        Row("cond", (near(2, 3, 3) * np.array([1, 2, 4.0]), *p), ref=np.linalg.cond, torch=torch)
        for p, torch in (
            ((), "linalg.cond"),
            ((2,), "linalg.cond"),
            ((-2,), "linalg.cond"),
            (("fro",), None),  # torch's own backward refuses: it has written into the inverse
            ((1,), None),
            ((math.inf,), None),
        )
    ),
    Row("cond", (WIDE,), ref=np.linalg.cond, torch="linalg.cond"),
    # products
    *(
        Row(
            "matrix_power",
            (near(2, 3, 3) / 2, n),
            ref=np.linalg.matrix_power,
            torch="linalg.matrix_power",
            zero=n == 0,
        )
        for n in (0, 1, 2, 5, -1, -2)
    ),
    Row("matrix_exp", (rand(2, 3, 3),), ref=_exponential, torch="matrix_exp", syncs=True),
    Row("matrix_exp", (rand(2, 1, 2, 2),), ref=_exponential, torch="matrix_exp", syncs=True),
    Row(
        "matrix_scale",
        (np.stack([near(2, 2), np.zeros((2, 2))]),),
        ref=lambda x: np.maximum(np.abs(x).sum((1, 2), keepdims=True), x[:, :1, :1] == 0),
        order=0,
    ),
    Row("matrix_exp", (rand(2, 2) / 8,), ref=_exponential, torch="matrix_exp", syncs=True),
    *(
        Row(
            "multi_dot",
            tuple(rand(*shape, seed=i) for i, shape in enumerate(shapes)),
            ref=lambda *xs: np.linalg.multi_dot(xs),
            torch=lambda *xs: _torch("multi_dot")(xs),
            by=_multi_dot,
        )
        for shapes in (
            ((2, 3), (3, 4)),
            ((3,), (3, 4), (4,)),
            ((2, 3), (3, 1), (1, 4)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
        )
    ),
    Row("vander", (rand(3),), ref=lambda x: np.vander(x, increasing=True), torch="linalg.vander"),
    Row("vander", (rand(2, 3),), {"N": 2}, torch="linalg.vander"),
    Row("vecdot", (rand(2, 3), rand(3, seed=1)), ref=np.linalg.vecdot, torch="linalg.vecdot"),
    Row(
        "vecdot",
        (rand(2, 3), rand(2, 1, seed=1)),
        {"dim": 0},
        ref=lambda x, y, dim: (x * y).sum(dim),
        torch="linalg.vecdot",
    ),
    *(
        Row(op, (rand(*a), rand(*b, seed=1)), {"dim": dim}, ref=_cross, torch=_torch("cross"))
        for op in ("cross", "cross_along")
        for a, b, dim in (((3,), (3,), -1), ((2, 3), (1, 3), -1), ((3, 2), (3, 2), -2))
    ),
    Row("cross", (rand(2, 3, 3), rand(2, 3, 3, seed=1)), ref=lambda a, b: _cross(a, b, 1)),
    Row("cross", (rand(3), rand(2, 3, seed=1)), ref=lambda a, b: _cross(a, b, -1)),
]
