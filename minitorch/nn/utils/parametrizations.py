"""Parametrizations often needed: weights of a trained length, of norm 1, and orthogonal ones."""

from __future__ import annotations

from typing import Any, TypeVar

from minitorch.creation import eye
from minitorch.modes import no_grad
from minitorch.nn.module import Module
from minitorch.nn.utils.computed import own_parameter
from minitorch.nn.utils.parametrize import is_parametrized, register_parametrization
from minitorch.nn.utils.spectral_norm import (
    as_matrix,
    check_iterations,
    first_vectors,
    iterate,
    output_axis,
    size_along,
)
from minitorch.nn.utils.weight_norm import lengths
from minitorch.ops.arithmetic import sign
from minitorch.ops.arrange import diagonal, tril
from minitorch.ops.join import cat
from minitorch.ops.linalg.exponential import matrix_exp
from minitorch.ops.linalg.factors import qr
from minitorch.ops.linalg.solve import solve
from minitorch.ops.norm import normalize
from minitorch.ops.reduce import sum
from minitorch.ops.shape import transpose, unsqueeze
from minitorch.random import randn
from minitorch.tensor import ShapeError, Tensor

M = TypeVar("M")

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


# a length and a direction ----------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None):
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / lengths(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return lengths(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """w = g v / ‖v‖, with the length g and the direction v trained apart.

    Salimans and Kingma 2016. The arguments are those of `nn.utils.weight_norm`; g is `original0`
    and v is `original1`, in `parametrizations.<name>`.

    >>> from minitorch import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
    >>> [p.shape for p in layer.parametrizations.weight.parameters()]
    [(40, 1), (40, 20)]
    """
    own_parameter("weight_norm", module, name)
    return register_parametrization(module, name, _WeightNorm(dim))


# the largest singular value is 1 ---------------------------------------------------------------


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float):
        check_iterations(n_power_iterations)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        if weight.dim() > 1:
            with no_grad():
                W = as_matrix(weight, dim)
                u, v = first_vectors(W, eps)
                iterate(W.T, v, u, 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:  # which has one singular value, its length
            return normalize(weight, dim=0, eps=self.eps)
        W = as_matrix(weight, self.dim)
        if self.training:  # as in torch u is turned first here, and v in the older form
            iterate(W.T, self._v, self._u, self.n_power_iterations, self.eps)
        return weight / size_along(W, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """w = W / σ, with σ the largest singular value of W.

    Miyato et al. 2018. The arguments are those of `nn.utils.spectral_norm`; a vector is divided by
    its length. Removing it leaves W / σ. Of a weight that is parametrized already it is the last
    step.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
    >>> round(float(minitorch.linalg.matrix_norm(layer.weight, 2)), 1)
    1.0
    """
    w: Any = (
        getattr(module, name)
        if is_parametrized(module, name)
        else own_parameter("spectral_norm", module, name)
    )
    dim = output_axis(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(w, n_power_iterations, dim, eps))


# all singular values are 1 ---------------------------------------------------------------------

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """Q = base · map(X). With n rows and k <= n columns, X is read below its diagonal alone."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str):
        self.orthogonal_map, self.shape = orthogonal_map, tuple(weight.shape)
        self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        Q = self.base @ _MAPS[self.orthogonal_map](transpose(X, -1, -2) if wide else X)
        return transpose(Q, -1, -2) if wide else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        """Takes the orthogonal matrix that Q starts as for the base, and X = -1, whose map is 1."""
        if tuple(Q.shape) != self.shape:
            raise ShapeError(f"orthogonal: the weight is {self.shape}, and not {tuple(Q.shape)}")
        k, n = sorted(Q.shape[-2:])
        tall = transpose(Q, -1, -2) if Q.shape[-2] < Q.shape[-1] else Q
        if n > k:
            more = randn(*tall.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
            tall = cat([tall, more], -1)
        self.base = _orthogonalized(tall)
        return -eye(*Q.shape[-2:], dtype=Q.dtype, device=Q.device).expand(*Q.shape).clone()


def _orthogonalized(A: Tensor) -> Tensor:
    """Q of A = Q R with a diagonal of R above 0: A itself, where it is orthogonal."""
    Q, R = qr(A)
    signs = (diagonal(R, 0, -2, -1) >= 0).to(A.dtype) * 2 - 1
    return Q * unsqueeze(signs, -2)


def _skew(X: Tensor) -> Tensor:
    """A = L - Lᵀ, with what is below the diagonal of X, and zeros for the columns that lack."""
    n, k = X.shape[-2:]
    L = tril(X, -1)
    if n > k:
        L = cat([L, L[..., :1].expand(*L.shape[:-1], n - k) * 0], -1)
    return L - transpose(L, -1, -2)


def _by_exponential(X: Tensor) -> Tensor:
    """e^A, whose inverse e^-A is its transpose."""
    return matrix_exp(_skew(X))[..., : X.shape[-1]]


def _by_cayley(X: Tensor) -> Tensor:
    """(1 - A / 2)⁻¹ (1 + A / 2), which is e^A to second order."""
    A = _skew(X)
    one = eye(A.shape[-1], dtype=X.dtype, device=X.device)
    return solve(one - A / 2, one + A / 2)[..., : X.shape[-1]]


def _by_reflections(X: Tensor) -> Tensor:
    """H_1 H_2 ... H_k, each a mirror 1 - 2 v vᵀ / v·v, with v = (0, ..., 1, X[i + 1:, i])."""
    n, k = X.shape[-2:]
    one = eye(n, k, dtype=X.dtype, device=X.device)
    V = tril(X, -1) + one
    Q = one
    for i in reversed(range(k)):
        v = V[..., i : i + 1]
        Q = Q - v * (2 / sum(v * v, -2, True)) @ (transpose(v, -1, -2) @ Q)
    # Mirrors of zeros turn every axis round; the diagonal of X, -1, turns them back.
    return Q * unsqueeze(sign(diagonal(X, 0, -2, -1)), -2)


_MAPS = dict(zip(MAPS, (_by_exponential, _by_cayley, _by_reflections), strict=True))


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """A weight whose rows (or columns, whichever are fewer) are orthonormal, and stay so.

    Q = base · map(X): X is trained without any constraint, and its map is orthogonal whatever X is.
    The base is the orthogonal factor of the weight where it starts (its QR decomposition).
    Lezcano-Casado 2019.

    Args:
        module: a layer, whose sizes are known.
        name: of a parameter of two axes or more; the last two are the matrix.
        orthogonal_map: "matrix_exp", "cayley", or "householder"; by default the first for square
            matrices, and the last for others.
        use_trivialization: must be True: X starts at the base, and not at a matrix of its own.

    Raises:
        AttributeError: the module has no such parameter.
        RuntimeError: the parameter is computed already.
        ShapeError: it has fewer than two axes.
        ValueError: an unknown map.

    >>> import minitorch
    >>> from minitorch import nn
    >>> w = nn.utils.parametrizations.orthogonal(nn.Linear(5, 3)).weight
    >>> minitorch.allclose(w @ w.T, minitorch.eye(3), atol=1e-5)
    True
    """
    w = own_parameter("orthogonal", module, name)
    if w.dim() < 2:
        raise ShapeError(f"orthogonal: the weight is {tuple(w.shape)}, expected two axes or more")
    if not use_trivialization:
        raise ValueError("orthogonal: use_trivialization must be True")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if w.shape[-2] == w.shape[-1] else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(f"orthogonal: orthogonal_map {orthogonal_map!r}, expected one of {MAPS}")
    return register_parametrization(module, name, _Orthogonal(w, orthogonal_map))
