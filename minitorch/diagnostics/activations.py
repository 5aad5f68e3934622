"""What goes through the layers of a network while it trains, layer by layer and step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from minitorch.array import Array
from minitorch.diagnostics.advice import MANY
from minitorch.diagnostics.measuring import Meter
from minitorch.diagnostics.recording import Record
from minitorch.diagnostics.series import Series
from minitorch.diagnostics.tables import share, shown, text_table
from minitorch.diagnostics.watching import Place, Watch
from minitorch.nn.module import Module
from minitorch.quiet import quiet


class Recorded:
    """What ActivationStats and GradientStats share: series by name, and where they come from.

    Attributes:
        bins: of the recorded histograms.
    """

    def __init__(self, every: int, keep: int, bins: int, sample: int, more: int = 0):
        self._meter = Meter(bins, sample)
        self._record = Record(self._meter.width + more, every, keep)
        self._kinds: dict[str, str] = {}
        self.bins = bins

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that were recorded, from 0."""
        return list(self._record.steps)

    @property
    def names(self) -> list[str]:
        """Of all places, in the order in which they were first heard of."""
        return list(self._kinds)

    @property
    def nbytes(self) -> int:
        """Memory that the record takes, which does not grow with the number of steps."""
        return self._record.nbytes

    def __len__(self) -> int:
        return len(self._record.steps)

    def __iter__(self) -> Iterator[Series]:
        return (self[name] for name in self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __getitem__(self, name: str) -> Series:
        if name not in self._kinds:
            near = get_close_matches(str(name), self._kinds, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(self._kinds) or "nothing yet"
            raise KeyError(f"{type(self).__name__}: no {name!r}{hint}; there is {known}")
        rows, bins = self._record.read()[name], self.bins
        more = self._more(rows)
        return Series.of(name, self._kinds[name], self.steps, rows, bins, **more)

    def _more(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What follows from the numbers that stand behind those of a Meter."""
        return {}

    def matrix(self, field: str) -> np.ndarray:
        """One of the numbers in all places over time, (places, steps): `stats.matrix("std")`."""
        return np.array([getattr(series, field) for series in self]).reshape(-1, len(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._kinds)} places, {len(self)} steps)"


class ActivationStats(Recorded):
    """Mean, deviation, second moment, dead and saturated units and histograms of every layer.

        with ActivationStats(model) as stats:
            train(model)
        print(stats)                        # the last step, as a table
        stats["conv1"].std                  # one number for each recorded step
        stats["conv1"].histogram()          # (40, steps) counts, and the edges of the bins

    Every layer is heard, activation layers without parameters too. A layer with `activation=` is
    there twice: "conv1 before" is what its activation gets, "conv1" what comes out. A module that
    is called several times in one forward is there for each call, "relu (2)" the second.

    Args:
        model: whose calls are the steps.
        every: measure every so many steps; 1 is for short runs, and costs ten times as much as 10.
        keep: at most so many steps are kept; when there are more, every second is dropped.
        bins: of the recorded histograms.
        sample: how many values of an array the histogram and the shares of values come from; mean,
            deviation, second moment and dead units come from all of them. (Only the deviation of
            values whose mean is over 30 times as large is that of the sample.)
        training_only: leave out the calls in evaluation mode, so that validation does not mix in.
        layers: a class of modules, or several, where not all are wanted: `layers=nn.ReLU`.

    Raises:
        TypeError: the model is no Module.
        ValueError: an option is out of range.

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> with ActivationStats(model) as stats:
    ...     _ = model(minitorch.randn(8, 4))
    >>> stats.names, stats["1"].std.shape
    (['0', '1'], (1,))
    """

    def __init__(
        self,
        model: Module,
        *,
        every: int = 10,
        keep: int = 200,
        bins: int = 80,
        sample: int = 4096,
        training_only: bool = True,
        layers: type | tuple[type, ...] = Module,
    ):
        if not isinstance(model, Module):
            raise TypeError(
                f"ActivationStats: model must be an nn.Module, got {type(model).__name__}"
            )
        super().__init__(every, keep, bins, sample)
        self.model, self.training_only = model, training_only
        self._watch = Watch(model, self._begin, self._hear, layers)
        self._started = False

    def __enter__(self) -> Self:
        if self._started:
            raise RuntimeError("ActivationStats: it is watching already; leave the first `with`")
        self._started = True
        self._watch.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._started = False
        self._watch.stop()

    def _begin(self) -> bool:
        if self.training_only and not self.model.training:
            return False
        return self._record.begin()

    def _hear(self, place: Place, y: Array) -> None:
        self._kinds.setdefault(place.name, place.kind)
        row = self._record.row(place.name, y)
        quiet.run(self._meter.measure, y, place.axis, place.limits, row)

    # text --------------------------------------------------------------------------------------

    def table(self, at: int = -1) -> str:
        """All layers at one of the recorded steps, the last one unless told otherwise."""
        if not len(self):
            return "ActivationStats: nothing was recorded; call the model in training mode"
        header = ("layer", "kind", "mean", "std", "E[x^2]", "zero", "dead units", "saturated")
        rows = []
        for s in self:
            numbers = (s.mean[at], s.std[at], s.second_moment[at])
            shares = (s.zero[at], s.dead[at], s.saturated[at])
            rows.append((s.name, s.kind, *map(shown, numbers), *map(share, shares)))
        lines = [text_table(header, rows, left=(0, 1)), *self.warnings(at)]
        lines.append(
            f"step {self.steps[at]}; {len(self)} of {self._record.seen} steps are recorded"
        )
        return "\n".join(lines)

    def warnings(self, at: int = -1) -> list[str]:
        """What is wrong at one of the recorded steps, in words; an empty list if nothing is.

        A layer is named when its values are not finite, when more than half of its units are dead,
        or when more than half of its values are saturated.
        """
        found = []
        for s in self:
            was_called = not math.isnan(s.zero[at])
            if was_called and not math.isfinite(s.second_moment[at]):
                found.append(f"{s.name}: not finite")
            if s.dead[at] > MANY:
                found.append(f"{s.name}: {share(s.dead[at])} of its units are 0 in the whole batch")
            if s.saturated[at] > MANY:
                found.append(f"{s.name}: {share(s.saturated[at])} of its values are saturated")
        return found

    __str__ = table
