"""The normal distribution of vectors, whose numbers vary together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from minitorch.creation import eye
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.normal import LOG_ROOT_2PI
from minitorch.distributions.parameters import Derived, floats, only_one
from minitorch.linalg import LinAlgError, cholesky, solve_triangular
from minitorch.ops.broadcast import broadcast_shapes
from minitorch.ops.linalg.solve import cholesky_inverse
from minitorch.random import randn
from minitorch.tensor import ShapeError, Tensor


class MultivariateNormal(Distribution):
    """N(μ, Σ), of density e^(-(x - μ)ᵀ Σ⁻¹ (x - μ) / 2) / √|2πΣ|

    With Σ = L Lᵀ a draw is x = μ + L ε, with ε from N(0, 1): L is what σ is to one number. Of the
    three matrices exactly one is given, and scale_tril is the one that needs no factoring.

    Args:
        loc: μ, (..., D).
        covariance_matrix: Σ, (..., D, D), symmetric and positive definite.
        precision_matrix: Σ⁻¹.
        scale_tril: L, lower triangular with a diagonal above 0.
        validate_args: see `Distribution`.

    Raises:
        LinAlgError: a matrix is not positive definite.

    >>> import minitorch
    >>> from minitorch.distributions import MultivariateNormal
    >>> d = MultivariateNormal(minitorch.zeros(2), minitorch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> d.log_prob(minitorch.tensor([1.0, 0.0]))
    tensor(-2.7205)
    """

    has_rsample = True
    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.symmetric,
        "precision_matrix": constraints.symmetric,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    covariance_matrix = Derived[Tensor](lambda self: self.scale_tril @ self.scale_tril.mT)
    precision_matrix = Derived[Tensor](lambda self: cholesky_inverse(self.scale_tril))

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ):
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name = only_one(self._name, **matrices)
        loc, matrix = floats(self._name, loc=loc, **{name: matrices[name]})
        batch, D = _shape_of(loc, name, matrix)
        self.loc = loc.expand((*batch, D))
        vars(self)[name] = matrix.expand((*batch, D, D))
        super().__init__(batch, (D,), validate_args)
        if name != "scale_tril":
            self.scale_tril = _factored(name, matrix).expand((*batch, D, D))

    mean = mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Tensor:
        """The diagonal of Σ: Σ_j L_ij²"""
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """x = μ + L ε          dx/dμ = 1,   dx/dL = εᵀ"""
        shape = self._extended_shape(sample_shape)
        noise = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = -|z|² / 2 - log |L| - D log √2π, for the z with L z = x - μ"""
        self._check_value("log_prob", value)
        return squared_length(self.scale_tril, value - self.loc) * -0.5 - (
            log_det(self.scale_tril) + self.event_shape[0] * LOG_ROOT_2PI
        )

    def entropy(self) -> Tensor:
        """H = D (1/2 + log √2π) + log |L|"""
        return log_det(self.scale_tril) + self.event_shape[0] * (0.5 + LOG_ROOT_2PI)


def squared_length(L: Tensor, x: Tensor) -> Tensor:
    """|L⁻¹ x|² = xᵀ Σ⁻¹ x, the square of the Mahalanobis distance."""
    return solve_triangular(L, x.unsqueeze(-1), upper=False).squeeze(-1).square().sum(-1)


def log_det(L: Tensor) -> Tensor:
    """log |L| = Σ log L_ii, half of log |Σ|."""
    return L.diagonal(0, -2, -1).log().sum(-1)


def _shape_of(loc: Tensor, name: str, matrix: Tensor) -> tuple[tuple[int, ...], int]:
    """The shape of the batch, and D."""
    with suppress(ShapeError):
        if loc.shape and matrix.shape[-2:] == (loc.shape[-1],) * 2:
            return broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]), loc.shape[-1]
    raise ShapeError(
        f"MultivariateNormal: loc of shape {tuple(loc.shape)} and {name} of shape "
        f"{tuple(matrix.shape)}; expected (..., D) and (..., D, D), whose batches broadcast"
    )


def _factored(name: str, matrix: Tensor) -> Tensor:
    """L, of Σ or of Σ⁻¹."""
    try:
        return cholesky(matrix) if name == "covariance_matrix" else _factor_of_inverse(matrix)
    except LinAlgError as error:
        raise LinAlgError(
            f"MultivariateNormal: {name} must be positive definite; what is so but for rounding "
            f"becomes it by + 1e-6 * minitorch.eye({matrix.shape[-1]})"
        ) from error


def _factor_of_inverse(P: Tensor) -> Tensor:
    """L with L Lᵀ = P⁻¹: the factor of P from its other end, P = U Uᵀ, is L = U⁻ᵀ."""
    U = cholesky(P.flip(-2, -1)).flip(-2, -1)
    return solve_triangular(U.mT, eye(P.shape[-1], dtype=P.dtype, device=P.device), upper=False)
