"""What a failed gradient check says: where it is wrong, by how much, and why, where that shows.

At most 25 lines, the most telling first. The likely cause is found by trying the usual mistakes on
the numbers: is the gradient the slope with its sign flipped, times a constant, transposed, without
a sum, always zero, or blind to g?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.array import CPU, move
from minitorch.tensor import make

if TYPE_CHECKING:
    from minitorch.slopes import Experiment, Result

MAX_LINES = 25
WORST = 5


class GradcheckError(AssertionError):
    """A gradient differs from the slope, or the check could not decide."""


def undecided(experiment: Experiment, why: str) -> GradcheckError:
    """The error of a check that has nothing to compare."""
    return GradcheckError(f"{experiment.check}: {experiment.name}: nothing decided: {why}")


def kink_text(r: Result) -> str:
    """Which elements lie on a kink, and what the rule says at the first."""
    k = r.kinks[0]
    left, right = sorted((r.left[k], r.right[k]))
    return (
        f"{len(r.kinks)} of {len(r.probes)} elements of input {r.index} ({r.name}) lie on a kink "
        f"and were left out; the first at {place(r.probes[k])}: slopes {left:.6g} and "
        f"{right:.6g}, the rule says {r.rule[k]:.6g}"
    )


def report(experiment: Experiment, results: list[Result]) -> str:
    """The whole message."""
    wrong = [r for r in results if r.bad]
    check = experiment.check
    if not wrong:
        lines = [f"{check}: {experiment.name}: the values agree, but:"]
        return "\n".join((lines + _facts(experiment))[:MAX_LINES])
    r = max(wrong, key=lambda result: result.excess)
    what = "directions" if r.directional else "elements"
    inputs = [
        f"{q.index} ({q.name}) {dtype} {q.x.shape}" for q, dtype in zip(results, experiment.dtypes)
    ]
    lines = [
        f"{check}: {experiment.name}: wrong gradient of input {r.index} ({r.name}): "
        f"{len(r.bad)} of {len(r.probes)} {what} disagree with the slope",
        f"  inputs: {_listed(inputs)}; compared in float64",
        f"  again: {check}(func, inputs, seed={experiment.seed}, eps={experiment.limits.eps:g})",
        f"  disagree: {_listed(f'{q.index}: {len(q.bad)} of {len(q.probes)}' for q in results)}"
        f"; tolerance {r.tolerance:.3g}",
    ]
    lines += _worst(r)
    cause = likely_cause(experiment, r)
    if cause is not None:
        lines.append(f"  likely cause: {cause}")
    lines += _neighbourhood(experiment, r)
    return "\n".join((lines + _facts(experiment))[:MAX_LINES])


def _listed(items: Any, most: int = 8) -> str:
    items = list(items)
    more = f", and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _facts(experiment: Experiment) -> list[str]:
    return [f"  also: {fact}" for fact in dict.fromkeys(experiment.facts)]


def place(probe: Any) -> str:
    """An element's index as it is written, `[1, 2]`."""
    if not isinstance(probe, tuple):
        return "a random direction"
    return f"[{', '.join(map(str, probe))}]"


def _by_size(r: Result) -> list[int]:
    """The probes that disagree, the worst first."""
    off = np.nan_to_num(np.abs(r.rule - r.numeric), nan=np.inf)
    return sorted(r.bad, key=lambda k: -off[k])


def _worst(r: Result) -> list[str]:
    """A table of the five worst elements."""
    numeric = r.numeric
    lines = [f"  {'element':>18} {'rule':>14} {'numeric':>14} {'rule - numeric':>15} {'ratio':>10}"]
    for k in _by_size(r)[:WORST]:
        a, n = r.rule[k], numeric[k]
        ratio = f"{a / n:.6g}" if n else "-"
        lines.append(f"  {place(r.probes[k]):>18} {a:14.7g} {n:14.7g} {a - n:15.3g} {ratio:>10}")
    return lines


# the likely cause -----------------------------------------------------------------------------


def likely_cause(experiment: Experiment, r: Result) -> str | None:
    """The usual mistake that explains the numbers, in a sentence; None when none does."""
    a, n = r.rule, r.numeric
    if not np.isfinite(a).all():
        return f"the rule gives {a[~np.isfinite(a)][0]}, where the slope is finite"
    if not np.isfinite(n).all():
        return None
    if not a.any():
        return _why_zero(r)
    close = 0.01 * np.abs(a - n) + 0.1 * r.tolerance  # an explanation must be 100 times nearer
    if _ignores_g(experiment, r):
        return "the rule does not depend on g: multiply by the gradient that arrives"
    if (np.abs(a + n) <= close).all():
        return "the sign is flipped: the rule is minus the slope, everywhere"
    return (
        _factor(experiment, r, close)
        or _offset(r)
        or _transposed(r, close)
        or _missing_sum(experiment, r)
        or _signs(r, close)
        or _where(r)
    )


def _why_zero(r: Result) -> str:
    if r.connected:
        return "the rule is always zero"
    return (
        "always zero: no recorded path leads to this input, the graph is cut on the way "
        "(detach(), .data, .numpy(), no_grad) or the rule for it is missing"
    )


def _ignores_g(experiment: Experiment, r: Result) -> bool:
    """Does the gradient stay when g changes?"""
    rng = np.random.default_rng(experiment.seed + 1)
    other = _rule_for(experiment, r, [rng.standard_normal(w.shape) for w in experiment.g])
    return other is not None and np.array_equal(other, r.array)


def _rule_for(experiment: Experiment, r: Result, gs: list[np.ndarray]) -> np.ndarray | None:
    """The rule's gradient of this input for other weights g."""
    facts = list(experiment.facts)
    weights = [make(move(g, w.device)) for g, w in zip(gs, experiment.g)]
    found = experiment.rules(weights)[r.index]
    experiment.facts = facts
    return None if found is None else move(found.array, CPU)


def _factor(experiment: Experiment, r: Result, close: np.ndarray) -> str | None:
    a, n = r.rule, r.numeric
    c = float(a @ n / (n @ n))
    if not (np.abs(a - c * n) <= close).all():
        return None
    nice = _fraction(c)
    if np.count_nonzero(n) < 2 and nice is None:
        off = float(np.abs(a - n).max())
        return f"the rule is {c:.6g} times the slope, or {off:.3g} off: one number cannot tell"
    sizes = {*r.x.shape, r.x.size, *(k for y in experiment.y for k in (*y.shape, y.size))} - {0, 1}
    hint = ""
    if any(abs(c * k - 1) < 1e-4 for k in sizes):
        hint = ": a mean where the forward has a sum?"
    elif any(abs(c / k - 1) < 1e-4 for k in sizes):
        hint = ": a sum where the forward has a mean, or a term counted more than once?"
    elif nice is not None and abs(c) < 1:
        hint = ": a term is missing, or cut off by detach()?"
    return f"constant factor: the rule is {nice or f'{c:.6g}'} times the slope, everywhere{hint}"


def _fraction(c: float) -> str | None:
    """`c` as a small whole number or one over it, where it is one."""
    if abs(c) >= 1 and abs(c - round(c)) < 1e-4 * abs(c):
        return str(round(c))
    if 0 < abs(c) < 1 and abs(1 / c - round(1 / c)) < 1e-4 * abs(1 / c):
        return f"1/{round(1 / c)}".replace("1/-", "-1/")
    return None


def _offset(r: Result) -> str | None:
    off = r.rule - r.numeric
    if off.size < 2 or np.ptp(off) > 1e-3 * np.abs(off).max():
        return None
    return f"constant offset: the rule is the slope plus {off.mean():.3g}, everywhere"


def _transposed(r: Result, close: np.ndarray) -> str | None:
    shape = r.x.shape
    if r.directional or len(shape) < 2 or len(r.probes) != r.x.size:
        return None
    n = r.numeric.reshape(shape)
    for i in range(len(shape)):
        for j in range(i):
            # Both a gradient that was swapped, and one laid out swapped and then reshaped.
            swapped = n.swapaxes(i, j)
            if (np.abs(r.rule - swapped.ravel()) <= close).all():
                return f"transposed: dims {j} and {i} of the gradient are swapped"
    return None


def _missing_sum(experiment: Experiment, r: Result) -> str | None:
    """Does the rule see one slice of g only, where the slope needs all of them?"""
    if len(experiment.g) != 1:
        return None
    g = np.asarray(move(experiment.g[0].array, CPU))
    for axis, size in enumerate(g.shape):
        own = axis - g.ndim + r.x.ndim  # that axis of the input, counted from behind
        if size == 1 or (own >= 0 and r.x.shape[own] == size):
            continue  # one row of the input for each of g: there is nothing to sum
        for kept in (0, size - 1):
            one = np.zeros_like(g)
            slot = (slice(None),) * axis + (kept,)
            one[slot] = g[slot]
            seen = _rule_for(experiment, r, [one])
            if seen is not None and np.array_equal(seen, r.array):
                return (
                    f"missing sum: the rule uses g at {kept} of axis {axis} only; the input is "
                    f"broadcast along that axis, so g must be summed over it: g.sum({axis})"
                )
    return None


def _signs(r: Result, close: np.ndarray) -> str | None:
    if (np.abs(np.abs(r.rule) - np.abs(r.numeric)) <= close).all():
        return "the sizes are right and some of the signs are wrong"
    return None


def _where(r: Result) -> str | None:
    """What the wrong elements have in common, or the right ones: the sign of x, or a row."""
    if r.directional or len(r.bad) == len(r.probes):
        return None
    wrong = np.zeros(len(r.probes), bool)
    wrong[r.bad] = True
    x = np.array([r.x[p] for p in r.probes])
    for name, here in {"x > 0": x > 0, "x < 0": x < 0}.items():
        if np.array_equal(wrong, here):
            return f"exactly the elements with {name} are wrong: look at that branch of the rule"
    places = np.array(r.probes)
    for axis in range(r.x.ndim):
        off, fine = places[wrong, axis], places[~wrong, axis]
        if r.x.shape[axis] > 1 and np.ptp(off) == 0:
            return f"only elements at {off[0]} of axis {axis} are wrong: the edge?"
        if r.x.shape[axis] > 1 and np.ptp(fine) == 0:
            return f"only elements at {fine[0]} of axis {axis} are right: are the others left out?"
    return None


# around the worst element ---------------------------------------------------------------------


def _neighbourhood(experiment: Experiment, r: Result) -> list[str]:
    """The slopes to both sides of the worst element as h shrinks, and what they tell."""
    k = _by_size(r)[0]
    eps = experiment.limits.eps
    steps = (eps, eps / 10, eps / 100)
    slopes = [experiment.slopes(r.index, r.probes[k], h) for h in steps]
    probe = r.probes[k]
    value = f", where the input is {r.x[probe]:.6g}" if isinstance(probe, tuple) else ""
    lines = [f"  slopes left and right of {place(probe)}{value}:"]
    lines += [
        f"    h = {h:<6g} {left:14.7g} {right:14.7g}" for h, (left, right) in zip(steps, slopes)
    ]
    lines.append(f"    {_told(slopes, r.rule[k], r.tolerance)}")
    first, second = (sum(pair) / 2 for pair in slopes[:2])
    change = abs(first - second)
    if change > max(r.tolerance, 0.1 * abs(r.rule[k] - first)):
        lines.append(f"  noise: the slope itself changes by {change:.2g}: eps, not your rule")
    else:
        lines.append(f"  noise: the slope changes by {change:.2g} with h / 10, so it is not noise")
    return lines


def _told(slopes: list[tuple[float, float]], rule: float, tol: float) -> str:
    """What three pairs of one-sided slopes say about the point."""
    if not np.isfinite(slopes).all():
        return "not finite: this is at the edge of the function's domain; move the sample"
    steep = [max(abs(left), abs(right)) for left, right in slopes]
    if steep[1] > 5 * steep[0] and steep[2] > 5 * steep[1]:
        return "the slope grows as 1 / h: the function jumps here; move the sample"
    gaps = [abs(right - left) for left, right in slopes]
    if gaps[2] > max(0.5 * gaps[0], 10 * tol):
        low, high = sorted(slopes[2])
        inside = low - tol <= rule <= high + tol
        return (
            f"the gap stays: a kink, and the rule lies {'between' if inside else 'outside'} the "
            "two slopes"
        )
    if gaps[0] > 0.1 * abs(slopes[0][0] + slopes[0][1]) and gaps[0] > 10 * tol:
        return "the gap closes as h shrinks: a kink near by; move the sample"
    return "no gap: the function is smooth here, so the rule is wrong"
