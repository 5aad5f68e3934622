"""What the values of a parameter, or of a draw, must be: a test, and the words for it.

    constraints.positive.check(x)          # True where x > 0

A nan meets none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.array import first_true, has_values, move
from minitorch.tensor import Tensor, make, raw
from minitorch.traced import one_call


class Constraint:
    """A set of numbers, or of vectors and matrices.

    Attributes:
        text: what is asked, as it follows "must be"; {} stands for a bound.
        holds: is it met? Of an array, and the bounds, gives a mask without the last `event_dim`
            axes.
        event_dim: 0 for a set of numbers, 1 of vectors, 2 of matrices.
        fix: what to do about a value outside, if there is something.
        bounds: numbers or tensors, by name.
    """

    def __init__(
        self,
        text: str,
        holds: Callable[..., Any],
        event_dim: int = 0,
        fix: str = "",
        **bounds: Any,
    ):
        self.text, self.holds, self.event_dim, self.fix = text, holds, event_dim, fix
        self.bounds = bounds

    def check(self, value: Tensor) -> Tensor:
        """True for each number, vector or matrix that is inside."""
        return make(self._mask(value, list(self.bounds.values())))

    def _mask(self, value: Tensor, bounds: list[Any]) -> Any:
        # np.where makes an array of a single bool too
        return np.where(self.holds(value.array, *map(raw, bounds)), True, False)

    def __repr__(self) -> str:
        return f"<{self.text.format(*map(_said, self.bounds, self.bounds.values()))}>"


_SCORES = "scores of any size are passed as logits="

real = Constraint("a number", lambda x: x == x)
real_vector = Constraint("a vector of numbers", lambda x: (x == x).all(axis=-1), 1)
positive = Constraint(
    "above 0",
    lambda x: x > 0,
    fix="x.exp() and nn.functional.softplus(x) are above 0 for every x",
)
nonnegative = Constraint("at least 0", lambda x: x >= 0)
nonnegative_integer = Constraint("an integer, at least 0", lambda x: (x >= 0) & (x % 1 == 0))
boolean = Constraint("0 or 1", lambda x: (x == 0) | (x == 1))
unit_interval = Constraint("from 0 to 1", lambda x: (x >= 0) & (x <= 1), fix=_SCORES)
possible = Constraint("above 0, and up to 1", lambda x: (x > 0) & (x <= 1), fix=_SCORES)
weights = Constraint(
    "at least 0, with a sum above 0",
    lambda x: (x >= 0).all(axis=-1) & (x.sum(axis=-1) > 0),
    1,
    fix=_SCORES,
)
one_hot = Constraint(
    "0s and a single 1",
    lambda x: ((x == 0) | (x == 1)).all(axis=-1) & (x.sum(axis=-1) == 1),
    1,
    fix="nn.functional.one_hot(index, K) makes it of an index",
)
lower_cholesky = Constraint(
    "lower triangular, with a diagonal above 0",
    lambda x: (np.tril(x) == x).all(axis=(-2, -1)) & (x.diagonal(0, -2, -1) > 0).all(axis=-1),
    2,
)
symmetric = Constraint(
    "symmetric",
    lambda x: (np.abs(x - x.swapaxes(-2, -1)) <= 1e-6 + 1e-5 * np.abs(x)).all(axis=(-2, -1)),
    2,
    fix="(A + A.mT) / 2 is",
)


def less_than(high: Any) -> Constraint:
    """Below `high`, a number or a tensor."""
    return Constraint("below {}", lambda x, high: x < high, high=high)


def interval(low: Any, high: Any) -> Constraint:
    """From `low` to `high`, both included; numbers or tensors."""
    return Constraint(
        "from {} to {}", lambda x, low, high: (x >= low) & (x <= high), low=low, high=high
    )


def integer_interval(low: int, high: int) -> Constraint:
    """An integer from `low` to `high`, both included."""
    return Constraint(
        "an integer from {} to {}",
        lambda x, low, high: (x >= low) & (x <= high) & (x % 1 == 0),
        low=low,
        high=high,
    )


def independent(base: Constraint, n: int) -> Constraint:
    """The same for all of the last n axes: they make one event."""
    axes = tuple(range(-n, 0))
    return Constraint(
        f"{base.text}, everywhere",
        lambda x, *bounds: base.holds(x, *bounds).all(axis=axes) if n else base.holds(x, *bounds),
        base.event_dim + n,
        base.fix,
        **base.bounds,
    )


def demand(who: str, name: str, value: Tensor, constraint: Constraint, way_out: str = "") -> None:
    """Raises where a value is outside; of a GPU's values this waits for the GPU.

    Raises:
        ValueError: a value is outside: which one, where, and what to do about it.
    """
    _look(who, name, value, constraint, list(constraint.bounds.values()), way_out)


@one_call
def _look(
    who: str, name: str, value: Tensor, constraint: Constraint, bounds: list[Any], way_out: str
) -> None:
    """`demand`, of the bounds as they are when a compiled step is run."""
    if not has_values(value.array):
        return
    outside = ~move(constraint._mask(value, bounds), "cpu")
    if not outside.any():
        return
    at = first_true(outside)
    event = value.shape[value.ndim - constraint.event_dim :]
    met = np.broadcast_to(move(value.array, "cpu"), outside.shape + event)[at].tolist()
    where = f" at {list(at)} of shape {outside.shape + event}" if at else ""
    asked = constraint.text.format(*map(_said, constraint.bounds, bounds))
    more = f"; {fix}" if (fix := constraint.fix or way_out) else ""
    raise ValueError(f"{who}: {name} must be {asked}, got {_brief(met)}{where}{more}")


def _said(name: str, bound: Any) -> str:
    """A bound as a number, or as its name where there are many."""
    if isinstance(bound, Tensor):
        is_known = bound.numel() == 1 and has_values(bound.array)
        return _brief(bound.detach().cpu().item()) if is_known else name
    return str(bound)


def _brief(met: Any) -> str:
    if not isinstance(met, list):
        return f"{met:.6g}" if isinstance(met, float) else str(met)
    text = ", ".join(_brief(m) for m in met[:8])
    return f"[{text}{', ...' if len(met) > 8 else ''}]"
