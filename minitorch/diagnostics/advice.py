"""What to change in a network that has not learned anything yet, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from minitorch.diagnostics.tables import share, shown
from minitorch.diagnostics.watching import Place
from minitorch.nn.init import calculate_gain
from minitorch.nn.norm import Norm

STEADY = 1.6  # E[x²] may change by this factor from layer to layer before it is worth a word
MANY = 0.5  # so large a share of dead units or of saturated values is worth a word
CONFIDENT = 3.0  # scores with a larger deviation make a first loss that has to be unlearned


class Moments(NamedTuple):
    """The mean, the standard deviation (dividing by n) and E[x²] of some numbers."""

    mean: float
    std: float
    second_moment: float


@dataclass
class Found:
    """What was measured in one place.

    Attributes:
        place: where, or None for the input of a layer.
        name: of the place or of the layer.
        layer: that put it out, or that it goes into; None for the batch.
        numbers: mean and variance, shares of dead units, of values near 0 and of saturated ones,
            mean and variance of the layer's weight, and of its bias.
    """

    place: Place | None
    name: str
    layer: Any
    numbers: Any


def fan_in(layer: Any) -> int:
    """m, the number of inputs that each weighted sum is made of."""
    return math.prod(layer.weight.shape[1:])


def not_finite(x: Moments) -> str:
    """Said of nan and infinity."""
    if math.isfinite(x.second_moment):
        return ""
    return "not finite here: numbers before it are too large, or not finite themselves"


def wrong_with_batch(x: Moments) -> str:
    """Said of inputs that are not normalised, or that nothing can normalise."""
    if abs(x.mean) < 0.5 * x.std and 0.5 < x.std < 2:
        return ""
    if not math.isfinite(x.second_moment):
        return "not finite: the inputs themselves hold nan or infinity; look for them in the data"
    if x.std == 0:
        return f"every number is {shown(x.mean)}: there is nothing in this batch to tell apart"
    return (
        f"normalise the inputs: subtract {shown(x.mean)} and divide by {shown(x.std)}, so that "
        "they have mean 0 and std 1, which formulas for weights rely on"
    )


def wrong_with_scores(x: Moments) -> str:
    """Said of last outputs that are too large."""
    if not math.isfinite(x.second_moment):
        return not_finite(x)
    if x.std <= CONFIDENT:
        return ""
    return (
        f"the outputs have std {shown(x.std)}; as scores they make the first loss large, so "
        f"divide the weights by {shown(x.std)} or more"
    )


def wrong_with_units(f: Found) -> str:
    """Said of units that are dead or saturated."""
    dead, saturated = f.numbers[2], f.numbers[4]
    if dead > MANY:
        return f"{share(dead)} of the units are 0 in the whole batch: look at weights and biases"
    if saturated > MANY:
        return f"{share(saturated)} of the values are saturated: smaller weights before it"
    return ""


def is_normed(between: list[Found]) -> bool:
    """Does a norm follow, which makes the size of the weights before it indifferent?"""
    return any(isinstance(f.layer, Norm) for f in between)


def wrong_with_weights(f: Found, factor: float, between: list[Found]) -> str:
    """How E[x²] changes on the way to the next layer, and what weights would keep it."""
    if math.isnan(factor) or 1 / STEADY < factor < STEADY:
        return ""
    if factor == 0:
        return "nothing arrives at the next layer: all of it is 0"
    said = f"falls to {shown(factor)} of itself" if factor < 1 else f"grows {shown(factor)} times"
    if 0.4 < factor < 0.6:
        said = "halves"
    said = f"the second moment {said} from here to the next layer"
    applied = [g.place.activation for g in between if g.place is not None and g.place.activation]
    m = fan_in(f.layer)
    gain = math.sqrt(m * (f.numbers[6] + f.numbers[5] ** 2))  # of the weights as they are
    try:
        right = calculate_gain(applied[0] if applied else "linear")
    except ValueError:  # of the user's own making
        right = math.nan
    if applied and abs(gain / right - 1) > 0.1:
        root = "sqrt(2/m)" if applied[0] == "relu" else f"{shown(right)}/sqrt(m)"
        how = "" if applied[0] == "relu" else f", nonlinearity={applied[0]!r}"
        return (
            f"{said}, since {applied[0]} follows: use std {root} = {shown(right / math.sqrt(m))}, "
            f"nn.init.kaiming_normal_(weight{how})"
        )
    scale = shown(1 / math.sqrt(factor))
    return (
        f"{said}: multiply the weights by {scale}, to a std of "
        f"{shown(gain / math.sqrt(m * factor))}, or let nn.init.lsuv_(model, batch) measure it"
    )
