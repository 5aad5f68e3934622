"""Before training: do the first weights keep numbers at their size, and is the first loss right?

A weighted sum of m inputs x, with weights of mean 0, has the second moment

    E[y²] = m E[w²] E[x²] + E[b²]

The report computes this for every layer from what came in, puts what came out beside it, and
follows E[x²] from the input of each layer to the input of the next. Where it shrinks or grows, ten
such layers make nothing or everything of it, and the report says how wrong the weights are.
(K. He et al., "Delving deep into rectifiers", 2015.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from minitorch.array import CPU, Array, device_of, empty, move
from minitorch.diagnostics.advice import (
    Found,
    Moments,
    fan_in,
    is_normed,
    not_finite,
    wrong_with_batch,
    wrong_with_scores,
    wrong_with_units,
    wrong_with_weights,
)
from minitorch.diagnostics.measuring import dead_share, moments, sampled, shares
from minitorch.diagnostics.tables import shown, text_table
from minitorch.diagnostics.watching import Place, Watch
from minitorch.modes import no_grad
from minitorch.nn.activation import Activation
from minitorch.nn.conv import Conv
from minitorch.nn.linear import Linear
from minitorch.nn.module import Module
from minitorch.nn.norm import Norm
from minitorch.quiet import quiet
from minitorch.tensor import Tensor, make, raw

_SAMPLE = 65536  # values of an array that the shares of near 0 and saturated values come from
# Evenly spread over the normal distribution: what a function makes of it, without drawing.
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 2000) for i in range(2000)], np.float32)


@dataclass(frozen=True)
class InitRow:
    """One layer in the report.

    Attributes:
        name, kind: as in ActivationStats; the first row is the batch itself.
        expected: by the formula, or of the activation of normally distributed numbers with the
            mean and deviation that came in; None where there is no formula.
        measured: on the batch.
        factor: E[x²] of what the next layer with weights gets, over that of what this one gets;
            None for layers without weights, and for the last.
        dead: the share of units that are 0 in the whole batch.
        change: what to change, in words; "" where nothing is wrong.
    """

    name: str
    kind: str
    expected: Moments | None
    measured: Moments
    factor: float | None = None
    dead: float = 0.0
    change: str = ""


@dataclass(frozen=True)
class InitReport:
    """The rows of `init_report`; as a string, a table with what to change below it.

    Attributes:
        rows: one for each layer, in the order of forward.
        factor: E[x²] of what the last layer with weights gets, over that of what the first gets.
    """

    rows: list[InitRow]
    factor: float

    @property
    def changes(self) -> dict[str, str]:
        """layer -> what to change; empty if all is well."""
        said: dict[str, list[str]] = {}
        for row in self.rows:
            if row.change:
                said.setdefault(row.name.replace(" before", ""), []).append(row.change)
        return {name: "; ".join(texts) for name, texts in said.items()}

    def second_moments(self) -> tuple[list[str], list[float | None], list[float]]:
        """Of each layer its name, E[x²] as expected, and as measured: what a plot takes."""
        expected = [None if row.expected is None else row.expected[2] for row in self.rows]
        measured = [row.measured[2] for row in self.rows]
        return [row.name for row in self.rows], expected, measured

    def __getitem__(self, name: str) -> InitRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(
            f"init_report: no layer {name!r}; there is {', '.join(r.name for r in self.rows)}"
        )

    def __str__(self) -> str:
        header = ["layer", "kind"]
        header += [f"{n}{which}" for n in ("mean", "std", "E[x^2]") for which in ("", " expected")]
        rows = []
        for row in self.rows:
            expected = row.expected or (None, None, None)
            pairs = zip(row.measured, expected)
            rows.append([row.name, row.kind, *(shown(x) for pair in pairs for x in pair)])
        lines = [text_table(header, rows, left=(0, 1))]
        lines += [f"{name}: {text}" for name, text in self.changes.items()]
        if not self.changes:
            lines.append("nothing to change")
        if not math.isnan(self.factor):
            lines.append(
                f"from the first layer's input to the last one's, E[x^2] changes by the factor "
                f"{shown(self.factor)}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def init_report(model: Module, *inputs: Any) -> InitReport:
    """Runs a batch and says, layer by layer, what was expected, what came out, and what to change.

    Nothing is changed by it: no gradient, no running statistic, no mode. Layers in a row are those
    that forward calls one after another, so where a network branches look at both ends of a branch.

    Args:
        model: built, or built now by its first call.
        inputs: a batch, as the model takes it.

    Raises:
        TypeError: the model is no Module.

    >>> import minitorch
    >>> from minitorch import nn
    >>> small = nn.init.normal(std=500**-0.5)
    >>> model = nn.Sequential(nn.Linear(500, 500, weights=small, activation="relu"), nn.Linear(9))
    >>> print(init_report(model, minitorch.randn(256, 500)).changes["0"])
    the second moment halves from here to the next layer, since relu follows: use std sqrt(2/m) = \
0.0632, nn.init.kaiming_normal_(weight)
    """
    if not isinstance(model, Module):
        raise TypeError(f"init_report: model must be an nn.Module, got {type(model).__name__}")
    with no_grad(), _buffers_kept(model):
        if any(module.open_sizes for module in model.modules()):
            model(*inputs)
        heard = _Heard()
        watch = Watch(model, heard.begin, heard.hear)
        try:
            watch.start()
            for name, layer in weighted(model):
                watch.hook(layer.register_forward_pre_hook(heard.before(name)))
            model(*inputs)
        finally:
            watch.stop()
        first = next((x for x in inputs if isinstance(x, Tensor) and x.is_floating_point()), None)
        if first is not None:
            heard.batch(first.array)
        return _report(heard.gathered())


def weighted(model: Module) -> Iterator[tuple[str, Any]]:
    """Path and layer of all weighted sums that the formula holds for."""
    for path, module in model.named_modules():
        if isinstance(module, (Linear, Conv)):
            yield path or type(module).__name__, module


@contextmanager
def _buffers_kept(model: Module) -> Iterator[None]:
    """Buffers, which a forward in training mode may change, are as before at the end."""
    before = [(b, b.clone()) for b in model.buffers()]
    try:
        yield
    finally:
        for b, was in before:
            b.copy_(was)


# measuring ---------------------------------------------------------------------------------------


class _Heard:
    """Collects what is measured on the device, and fetches it once at the end."""

    def __init__(self) -> None:
        self.found: list[Found] = []

    def begin(self) -> bool:
        return True

    def hear(self, place: Place, y: Array) -> None:
        """The output of a layer, or what its activation gets."""
        numbers = quiet.run(_numbers, y, place.axis, place.limits, place.module)
        self.found.append(Found(place, place.name, place.module, numbers))

    def before(self, name: str) -> Any:
        """A hook that measures the input of a layer with weights."""

        def hook(layer: Any, args: tuple) -> None:
            x = raw(args[0]) if args else None
            if x is not None and x.size:
                numbers = quiet.run(_numbers, x, None, None, layer)
                self.found.append(Found(None, name, layer, numbers))

        return hook

    def batch(self, x: Array) -> None:
        """The batch itself, as the first that was found."""
        if x.size:
            self.found.insert(0, Found(None, "(batch)", None, quiet.run(_numbers, x, None, None)))

    def gathered(self) -> list[Found]:
        """All of it on the host: one wait for the device."""
        if not self.found:
            return []
        numbers = move(np.stack([f.numbers for f in self.found]), CPU).tolist()
        return [replace(f, numbers=row) for f, row in zip(self.found, numbers)]


def _numbers(x: Array, axis: int | None, limits: Any, layer: Any = None) -> Array:
    """What is to be known of an output, and of the weights that made it, in one array."""
    into = empty((9,), np.dtype(np.float64), device_of(x))
    into.fill(0)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    into[0], into[1] = moments(wide)
    if axis is not None:
        into[2] = dead_share(wide, axis)
    into[3:5] = shares(np.sort(sampled(wide, _SAMPLE)), limits)
    for at, name in ((5, "weight"), (7, "bias")):
        tensor = getattr(layer, name, None)
        if isinstance(tensor, Tensor):
            into[at], into[at + 1] = moments(tensor.array)
    return into


# judging -----------------------------------------------------------------------------------------


def _report(found: list[Found]) -> InitReport:
    """The rows, from what was found in the order of forward."""
    inputs = [i for i, f in enumerate(found) if f.place is None and f.layer is not None]
    rows = []
    for i, f in enumerate(found):
        measured = _moments(f.numbers)
        if f.layer is None:
            change = wrong_with_batch(measured)
            rows.append(InitRow(f.name, "input", Moments(0, 1, 1), measured, change=change))
        elif f.place is not None:
            came = next((j for j in reversed(inputs) if j < i and found[j].layer is f.layer), None)
            rows.append(_row(found, inputs, i, came, measured))
    seconds = [_moments(found[i].numbers).second_moment for i in inputs]
    factor = seconds[-1] / seconds[0] if seconds and seconds[0] else math.nan
    return InitReport(rows, factor)


def _row(
    found: list[Found], inputs: list[int], i: int, came: int | None, measured: Moments
) -> InitRow:
    """The row of what was heard i-th; `came` is where the input of its layer was."""
    f = found[i]
    place = f.place
    assert place is not None
    row = InitRow(place.name, place.kind, None, measured, dead=f.numbers[2])
    is_sum = came is not None and not place.activation
    if is_sum:
        assert came is not None
        later = next((j for j in inputs if j > i), None)
        row = replace(row, expected=_expected_sum(f, _moments(found[came].numbers)))
        if later is None:
            return replace(row, change=wrong_with_scores(measured))
        between = [g for g in found[i + 1 : later] if g.place is not None]
        before, after = (_moments(found[j].numbers).second_moment for j in (came, later))
        factor = after / before if before else math.nan
        change = "" if is_normed(between) else wrong_with_weights(f, factor, between)
        return replace(row, factor=factor, change=not_finite(measured) or change)
    if place.activation:
        previous = next((g for g in reversed(found[:i]) if g.place is not None), None)
        if previous is not None:
            row = replace(row, expected=_expected_activation(f, _moments(previous.numbers)))
    elif isinstance(f.layer, Norm):
        row = replace(row, expected=_expected_norm(f))
    return replace(row, change=not_finite(measured) or wrong_with_units(f))


def _moments(numbers: list[float]) -> Moments:
    mean, variance = numbers[:2]
    return Moments(mean, math.sqrt(max(variance, 0.0)), variance + mean * mean)


def _expected_sum(f: Found, x: Moments) -> Moments:
    """Of a weighted sum of inputs: E[y²] = m E[w²] E[x²] + E[b²], and the mean of b."""
    w_mean, w_variance, b_mean, b_variance = f.numbers[5:9]
    second = fan_in(f.layer) * (w_variance + w_mean**2) * x.second_moment
    second += b_variance + b_mean**2
    return Moments(b_mean, math.sqrt(max(second - b_mean**2, 0.0)), second)


def _expected_activation(f: Found, x: Moments) -> Moments | None:
    """Of an activation, applied to normal numbers with the mean and deviation that came in."""
    activation = f.layer if isinstance(f.layer, Activation) else f.layer.activation
    if not all(map(math.isfinite, x)):
        return None
    try:
        y = np.asarray(raw(activation(make(_NORMAL * np.float32(x.std) + np.float32(x.mean)))))
    except Exception:  # one that is no function of single numbers, such as softmax or prelu
        return None
    if y.shape != _NORMAL.shape:
        return None
    y = y.astype(np.float64)
    return Moments(float(y.mean()), float(y.std()), float((y * y).mean()))


def _expected_norm(f: Found) -> Moments:
    """Of a norm: mean 0 and variance 1, scaled by its weight and shifted by its bias."""
    w_mean, w_variance, b_mean, b_variance = f.numbers[5:9]
    scale = w_variance + w_mean**2 if getattr(f.layer, "weight", None) is not None else 1.0
    second = scale + b_variance + b_mean**2
    return Moments(b_mean, math.sqrt(second - b_mean**2), second)
