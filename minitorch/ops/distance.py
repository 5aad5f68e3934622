"""Distances of every point of one set to every point of another, or to the others of its own."""

from __future__ import annotations

from minitorch.op import composite
from minitorch.ops.index import getitem
from minitorch.ops.reduce import sum
from minitorch.ops.shape import unsqueeze
from minitorch.ops.statistics import norm
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


@composite(autocast="high")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """y[i, j] = ‖x1[i] - x2[j]‖_p: (*, P, M) and (*, R, M) to (*, P, R).

    The differences are taken one by one, P R M of them, so that points close to each other keep
    their distance: ‖a‖² + ‖b‖² - 2 a·b, which torch falls back on for many points, loses it to
    rounding. `compute_mode`, which chooses among these there, is accepted and changes nothing. The
    gradient of a distance of 0 is 0, that of `norm`. Points of no numbers (M = 0) are 0 apart.

    Raises:
        ShapeError: fewer than two axes, or points of different sizes.
        ValueError: p is below 0.

    >>> import minitorch
    >>> minitorch.cdist(minitorch.tensor([[0.0, 0.0]]), minitorch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    one, other = tuple(x1.shape), tuple(x2.shape)
    if min(len(one), len(other)) < 2 or one[-1] != other[-1]:
        raise ShapeError(
            f"cdist: x1 is {one} and x2 {other}, expected (*, P, M) and (*, R, M) with the same M, "
            "one point a row"
        )
    if p < 0:
        raise ValueError(f"cdist: p must not be negative, got {p}")
    return _lengths(unsqueeze(x1, -2) - unsqueeze(x2, -3), p)


@composite(autocast="high")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """y = ‖x[i] - x[j]‖_p for every pair i < j of N points: (N, M) to (N (N - 1) / 2,).

    The pairs come in the order (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        ShapeError: the input has not two axes.
        ValueError: p is below 0.

    >>> import minitorch
    >>> minitorch.nn.functional.pdist(minitorch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if len(input.shape) != 2:
        raise ShapeError(f"pdist: input is {tuple(input.shape)}, expected (N, M), one point a row")
    if p < 0:
        raise ValueError(f"pdist: p must not be negative, got {p}")
    i, j = np.triu_indices(input.shape[0], 1)
    return _lengths(getitem(input, i) - getitem(input, j), p)


def _lengths(away: Tensor, p: float) -> Tensor:
    """‖away‖_p along the last axis; of nothing it is 0, for p = inf too, where no largest is."""
    return norm(away, p, -1) if away.shape[-1] else sum(away, -1)
