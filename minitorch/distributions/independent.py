"""Many numbers as one event: what is drawn independently has the product of the densities."""

from __future__ import annotations

from collections.abc import Sequence

from minitorch.distributions import constraints
from minitorch.distributions.constraints import Constraint
from minitorch.distributions.distribution import Distribution
from minitorch.tensor import ShapeError, Tensor


class Independent(Distribution):
    """The last n axes of a batch as axes of the event: log p(x) = Σ log p(x_i) over them

    Independent(Normal(mean, std), 1) of a mean (N, D) is N distributions of D numbers each: a
    normal distribution whose covariance is a diagonal.

    Args:
        base_distribution: the distributions of the single numbers.
        reinterpreted_batch_ndims: n, how many of the last axes of its batch_shape.
        validate_args: see `Distribution`.

    >>> from minitorch.distributions import Independent, Normal
    >>> import minitorch
    >>> d = Independent(Normal(minitorch.zeros(4, 2), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(minitorch.zeros(2)).shape
    ((4,), (2,), (4,))
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ):
        base, n = base_distribution, reinterpreted_batch_ndims
        if not 0 <= n <= len(base.batch_shape):
            raise ShapeError(
                f"Independent: reinterpreted_batch_ndims is {n}, and the batch_shape of the base, "
                f"{base.batch_shape}, has {len(base.batch_shape)} axes"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base, n
        batch = len(base.batch_shape) - n
        shape = base.batch_shape + base.event_shape
        super().__init__(shape[:batch], shape[batch:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """As the base."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        """That of the base, for each number of the event."""
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    def expand(self, batch_shape: Sequence[int]) -> Independent:
        """See `Distribution.expand`."""
        new = super().expand(batch_shape)
        event = self.base_dist.batch_shape[len(self.batch_shape) :]
        new.base_dist = self.base_dist.expand((*new.batch_shape, *event))
        return new

    @property
    def mean(self) -> Tensor:
        """That of the base."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """That of the base."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """That of the base, of each number."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Those of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Those of the base."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) = Σ log p(x_i)"""
        return over_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """H = Σ H_i"""
        return over_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


def over_last(x: Tensor, n: int) -> Tensor:
    """The sums over the last n axes."""
    return x.sum(tuple(range(-n, 0))) if n else x
