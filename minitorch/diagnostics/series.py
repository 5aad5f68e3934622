"""What was measured in one place over time, as plain NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minitorch.diagnostics.measuring import FIELDS


@dataclass(frozen=True, repr=False)
class Series:
    """One layer or one parameter over the recorded steps; a step without a value has nan.

    Attributes:
        name: of the layer, as in the table, or of the parameter.
        kind: of the layer: its class and its activation; of a parameter: its shape.
        steps: the numbers of the steps.
        mean, std, second_moment: of all values; the standard deviation divides by n.
        dead: the share of units (channels, neurons) that are 0 in the whole batch.
        zero: the share of values that are 0, of the sample; 0 means below 1e-6 in size.
        saturated: the share of the sample in the outer 1.5 percent of the function's range on
            either side, which is |y| > 0.97 for tanh; nan for functions without limits.
        low, high: the ends of the sample.
        counts: (steps, bins), how many values of the sample lie in each of as many equal parts
            between `low` and `high`.
        grad_to_data, update_to_data: of a parameter; see GradientStats.
    """

    name: str
    kind: str
    steps: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    second_moment: np.ndarray
    dead: np.ndarray
    zero: np.ndarray
    saturated: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    grad_to_data: np.ndarray = field(default_factory=lambda: np.empty(0))
    update_to_data: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(
        cls, name: str, kind: str, steps: list[int], rows: np.ndarray, bins: int, **more: Any
    ) -> Series:
        """From the rows of a record."""
        fields = {name: rows[:, i] for i, name in enumerate(FIELDS)}
        counts = rows[:, len(FIELDS) : len(FIELDS) + bins]
        return cls(name, kind, np.array(steps), **fields, counts=counts, **more)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"Series({self.name!r}, {self.kind}, {len(self)} steps)"

    def histogram(
        self, bins: int = 40, range: tuple[float, float] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Counts over time in bins that are the same for all steps.

        In each recorded part of a step's own range values are taken to lie evenly. What is outside
        of `range` is left out.

        Args:
            bins: how many.
            range: what they cover; from the least value to the largest of all steps unless given.

        Returns:
            (counts, edges), with shapes (bins, steps) and (bins + 1,).
        """
        finite = np.isfinite(self.low) & np.isfinite(self.high)
        if range is None:
            low = min(self.low[finite], default=0.0)
            high = max(self.high[finite], default=1.0)
            range = (low, high if high > low else low + (abs(low) or 1.0))
        edges = np.linspace(*range, bins + 1)
        result = np.zeros((bins, len(self)))
        for i in np.flatnonzero(finite):
            result[:, i] = _rebinned(self.counts[i], self.low[i], self.high[i], edges)
        return result, edges


def _rebinned(counts: np.ndarray, low: float, high: float, edges: np.ndarray) -> np.ndarray:
    """Counts of equal parts of [low, high], as counts between other edges."""
    if not high > low:  # all values are the same
        return np.histogram([low], edges, weights=[counts.sum()])[0]
    below = np.concatenate([[0.0], np.cumsum(counts)])
    at = np.interp(edges, np.linspace(low, high, len(below)), below)
    return np.diff(at)
