"""What happens to the parameters while a network trains: gradients, and how far a step moves them.

A number to remember: an update should be about a thousandth of what it changes, in size. Far less
and nothing is learned; far more and what was learned is thrown over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minitorch.array import CPU, Array, has_values, move
from minitorch.diagnostics.activations import Recorded
from minitorch.diagnostics.measuring import FIELDS, moments, sampled
from minitorch.diagnostics.tables import shown, text_table
from minitorch.nn.module import Module
from minitorch.nn.parameter import UninitializedParameter
from minitorch.ops.sums import wide
from minitorch.optim.optimizer import Optimizer
from minitorch.quiet import quiet

RULE = 1e-3  # the customary size of an update, relative to what it updates
PERCENTS = (0, 5, 25, 50, 75, 95, 100)


class GradientStats(Recorded):
    """Gradients, their histograms, and the sizes of gradients and updates beside the parameters'.

        with GradientStats(model, optimizer) as stats:
            train(model)
        print(stats)
        stats["conv1.weight"].update_to_data      # one number for each recorded step

    It looks on at `optimizer.step()`, and so sees gradients as the optimizer uses them, clipped if
    they are clipped, and the true updates of any optimizer. A size is the root mean square:

        grad_to_data = rms(dL/dp) / rms(p)        update_to_data = rms(p_new - p) / rms(p)

    both with p from before the step. They are nan where p is 0, as biases are in the beginning.

    Args:
        model: whose parameters.
        optimizer: that updates them.
        every, keep, bins, sample: as in ActivationStats. Sizes of updates and of parameters come
            from the sample, those of gradients, their mean and deviation from all of them.

    Raises:
        TypeError: the model is no Module, or the optimizer no Optimizer.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        *,
        every: int = 10,
        keep: int = 200,
        bins: int = 80,
        sample: int = 4096,
    ):
        for value, kind in ((model, Module), (optimizer, Optimizer)):
            if not isinstance(value, kind):
                raise TypeError(
                    f"GradientStats: expected a model and its optimizer, got a "
                    f"{type(value).__name__} in place of the {kind.__name__}"
                )
        super().__init__(every, keep, bins, sample, more=2)
        self.model, self.optimizer = model, optimizer

    def __enter__(self) -> Self:
        if "step" in vars(self.optimizer):
            raise RuntimeError("GradientStats: the optimizer is watched already")
        step = self.optimizer.step

        def watched_step(closure: Any = None) -> Any:
            if not self._record.begin():
                return step(closure)
            before = [
                (name, p, sampled(p.array, self._meter.sample).copy())
                for name, p in self.model.named_parameters()
                if p.requires_grad and p.array.size
            ]
            result = step(closure)
            quiet.run(self._look, before)
            return result

        vars(self.optimizer)["step"] = watched_step
        return self

    def __exit__(self, *error: Any) -> None:
        vars(self.optimizer).pop("step", None)

    def _look(self, before: list[tuple[str, Any, Array]]) -> None:
        """Measures the gradients, and how far the step moved each parameter from what it was."""
        for name, p, data in before:
            if p.grad is None:
                continue
            g = p.grad.array
            if name not in self._kinds:
                self._kinds[name] = str(tuple(p.shape))
            row = self._record.row(name, g)
            self._meter.measure(g, None, None, row[:-2])
            row[-2] = _mean_square(data)
            row[-1] = _mean_square(sampled(p.array, self._meter.sample) - data)

    def _more(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        gradient, data, update = rows[:, FIELDS.index("second_moment")], rows[:, -2], rows[:, -1]
        data = np.where(data > 0, data, math.nan)  # there is no ratio to a parameter that was 0
        return {
            "grad_to_data": np.sqrt(gradient / data),
            "update_to_data": np.sqrt(update / data),
        }

    def table(self, at: int = -1) -> str:
        """All parameters at one of the recorded steps, the last one unless told otherwise."""
        if not len(self):
            return "GradientStats: nothing was recorded; call optimizer.step() inside the `with`"
        header = ("parameter", "shape", "mean", "std", "gradient:data", "update:data", "")
        rows = []
        for s in self:
            numbers = (s.mean[at], s.std[at], s.grad_to_data[at], s.update_to_data[at])
            rows.append((s.name, s.kind, *map(shown, numbers), judged(s.update_to_data[at])))
        lines = [text_table(header, rows, left=(0, 1, 6))]
        lines.append(
            f"step {self.steps[at]}; mean and std of the gradient; an update:data near {RULE:g} "
            "is usual"
        )
        return "\n".join(lines)

    __str__ = table


def judged(ratio: float) -> str:
    """A word on the size of an update, relative to what it updates.

    >>> [judged(r) for r in (1e-3, 1e-6, 0.5)]
    ['', 'hardly moves', 'moves too far']
    """
    if ratio < RULE / 30:
        return "hardly moves"
    return "moves too far" if ratio > 30 * RULE else ""


def _mean_square(x: Array) -> Array:
    """Of some numbers, on their device; a sum of squares by the fastest way there is."""
    x = wide(x)
    return np.dot(x, x) / x.size


def unused_parameters(model: Module) -> list[str]:
    """The names of the parameters that got no gradient in the last backward.

    Either forward does not use them, or the way from them to the loss is cut, by `detach` or under
    `no_grad`. Frozen ones are not meant; those of a layer that forward never came past are.

    Raises:
        RuntimeError: no parameter has a gradient, so there was no backward since they were cleared.

    >>> import minitorch
    >>> from minitorch import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.used, self.forgotten = nn.Linear(2, 2), nn.Linear(2, 2)
    ...
    ...     def forward(self, x):
    ...         return self.used(x)
    >>> model = Net()
    >>> model(minitorch.ones(1, 2)).sum().backward()
    >>> unused_parameters(model)
    ['forgotten.weight', 'forgotten.bias']
    """
    trained = [(name, p) for name, p in model.named_parameters() if _is_trained(p)]
    unused = [
        name for name, p in trained if isinstance(p, UninitializedParameter) or p.grad is None
    ]
    if trained and len(unused) == len(trained):
        raise RuntimeError(
            "unused_parameters: no parameter has a gradient; call it after loss.backward() and "
            "before zero_grad()"
        )
    return unused


def _is_trained(p: Any) -> bool:
    return isinstance(p, UninitializedParameter) or p.requires_grad


@dataclass(frozen=True)
class ParameterRow:
    """One parameter: its name and shape, mean and deviation, and percentiles by percent."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    percentiles: dict[int, float]


class ParameterTable(list[ParameterRow]):
    """The rows of `parameter_stats`; as a string, a table."""

    def __str__(self) -> str:
        header = ("parameter", "shape", "mean", "std", *(f"{q} %" for q in PERCENTS))
        rows = [
            (r.name, str(r.shape), *map(shown, (r.mean, r.std, *r.percentiles.values())))
            for r in self
        ]
        return text_table(header, rows, left=(0, 1))

    __repr__ = __str__


def parameter_stats(model: Module) -> ParameterTable:
    """Mean, standard deviation (dividing by n) and percentiles of every parameter, from all of it.

    >>> from minitorch import nn
    >>> print(parameter_stats(nn.LayerNorm(4)))
    parameter  shape  mean  std  0 %  5 %  25 %  50 %  75 %  95 %  100 %
    weight     (4,)      1    0    1    1     1     1     1     1      1
    bias       (4,)      0    0    0    0     0     0     0     0      0
    """
    named = [(n, p) for n, p in model.named_parameters() if has_values(p.array) and p.array.size]
    numbers = []
    for _, p in named:
        flat = p.array.ravel()
        mean, variance = quiet.run(moments, flat)
        numbers.append(np.stack([mean, np.sqrt(variance)]))
        numbers.append(np.percentile(flat, PERCENTS))
    if not named:
        return ParameterTable()
    rows = move(np.concatenate(numbers), CPU).reshape(len(named), -1).tolist()
    return ParameterTable(
        ParameterRow(name, tuple(p.shape), row[0], row[1], dict(zip(PERCENTS, row[2:])))
        for (name, p), row in zip(named, rows)
    )
