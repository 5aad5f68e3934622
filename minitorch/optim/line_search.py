"""How far to go in a given direction: a search along a line, by cubics through what was seen.

Along x + t d the loss is a function of one number, f(t), with the slope f'(t) = g(x + t d) · d. A
good t need not be its minimum. The strong Wolfe conditions ask that the loss has fallen, and that
the slope is flatter than at the start:

    f(t) <= f(0) + c₁ t f'(0)          and          |f'(t)| <= c₂ |f'(0)|

Nocedal and Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from minitorch.array import Array


class Point(NamedTuple):
    """What is known of a place on the line: how far it is, the loss, its gradient, its slope."""

    t: float
    f: float
    g: Array
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    length: float,
    most: int,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[Point, int]:
    """Looks for a point of the line that meets both conditions.

    First outwards, until such points lie between two that were seen; then inwards.

    Args:
        at: evaluates a point of the line.
        start: the point t = 0, where the slope is negative.
        t: where to look first.
        length: the largest element of |d|.
        most: how many more points may be evaluated after the first.
        c1: how much of the fall that the slope promises is asked for.
        c2: how flat, as a share of the first slope.
        tolerance: stop when no element moves by more within the bracket.

    Returns:
        The best point seen, and how many were evaluated.
    """
    too_high = lambda point: point.f > start.f + c1 * point.t * start.slope
    flat_enough = lambda point: abs(point.slope) <= -c2 * start.slope

    last, new, seen = start, at(t), 0
    while seen < most:
        if too_high(new) or (seen > 1 and new.f >= last.f):
            bracket = [last, new]
            break
        if flat_enough(new):
            return new, seen + 1
        if new.slope >= 0:
            bracket = [last, new]
            break
        farther = (new.t + 0.01 * (new.t - last.t), new.t * 10)
        last, new = new, at(lowest_between(last, new, farther))
        seen += 1
    else:
        bracket = [start, new]

    low = 0 if bracket[0].f <= bracket[1].f else 1
    hesitant = False
    while seen < most and abs(bracket[1].t - bracket[0].t) * length >= tolerance:
        left, right = sorted(point.t for point in bracket)
        t, hesitant = _inside(lowest_between(bracket[0], bracket[1]), left, right, hesitant)
        new = at(t)
        seen += 1
        if too_high(new) or new.f >= bracket[low].f:
            bracket[1 - low] = new
            low = 0 if bracket[0].f <= bracket[1].f else 1
            continue
        if flat_enough(new):
            return new, seen + 1
        if new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = new
    return bracket[low], seen + 1


def lowest_between(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic with the losses and slopes of two points is lowest, within the bounds.

    The bounds are the points themselves unless given. Where there is no such cubic, as for a loss
    that is inf, it is the middle.
    """
    left, right = bounds or sorted((a.t, b.t))
    a, b = (a, b) if a.t <= b.t else (b, a)
    if a.t == b.t:
        return (left + right) / 2
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:
        return (left + right) / 2
    d2 = math.sqrt(square)
    bend = b.slope - a.slope + 2 * d2
    if bend == 0:
        return (left + right) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bend), left), right)


def _inside(t: float, left: float, right: float, hesitant: bool) -> tuple[float, bool]:
    """t, or a place farther inside for the second t in a row that is close to an end.

    Returns:
        The place, and whether it is close to an end and was let pass.
    """
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not hesitant and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
