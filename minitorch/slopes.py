"""The two sides of a gradient check: gradients by the rules, and slopes by finite differences.

The function y = f(x) is folded into one number L = Σ g y with random weights g, so one backward
gives dL/dx for every element of every input. Each element is then moved by ±h, and the change of L
over 2h must be that gradient. It is all done on float64 copies: in float32 the differences would be
noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minitorch.array import CPU, META, move
from minitorch.autograd.on_demand import grad
from minitorch.gradreport import GradcheckError, undecided
from minitorch.modes import enable_grad
from minitorch.tensor import LEAF, Tensor, make
from minitorch.tree import leaves, map_leaves, rebuild

MAX_ELEMENTS = 10_000  # above this many, random directions are checked in place of elements
DIRECTIONS = 3
PRECISION = np.dtype(np.float64)


@contextmanager
def settings() -> Iterator[None]:
    """Recording, also when called under `no_grad`, and without NumPy's warnings at poles."""
    with enable_grad(), np.errstate(all="ignore"):
        yield


@dataclass(frozen=True)
class Limits:
    """How far what may be from what."""

    eps: float = 1e-5
    atol: float = 1e-9
    rtol: float = 1e-6
    nondet_tol: float = 0.0
    zero: str = "none"  # which inputs may have slope zero everywhere: "none", "some" or "all"


@dataclass
class Result:
    """What came out for one input: a gradient and a slope for each probe (element or direction)."""

    index: int
    name: str
    x: np.ndarray
    probes: list[Any]  # the index of an element, or a direction of x's shape
    rule: np.ndarray
    left: np.ndarray
    right: np.ndarray
    tolerance: float
    array: np.ndarray  # the rule's gradient, in full
    connected: bool = True  # did the sweep reach this input at all?
    bad: list[int] = field(default_factory=list)  # probes that disagree
    kinks: list[int] = field(default_factory=list)  # probes on a kink
    blind: list[int] = field(default_factory=list)  # probes where nothing is finite

    @property
    def numeric(self) -> np.ndarray:
        """The central differences."""
        return (self.left + self.right) / 2

    @property
    def directional(self) -> bool:
        """Were directions checked, rather than elements?"""
        return bool(self.probes) and isinstance(self.probes[0], np.ndarray)

    @property
    def excess(self) -> float:
        """How far the worst probe is off, in tolerances."""
        off = np.abs(self.rule - self.numeric)[self.bad]
        return float(np.nan_to_num(off, nan=np.inf).max(initial=0)) / self.tolerance


class Experiment:
    """One function at one point, with its gradient by the rules and its slopes by differences.

    Attributes:
        tree: the inputs, every floating-point Tensor a float64 copy.
        wanted: those of them that require grad; dtypes: what they were before.
        y: the outputs that carry gradients, at that point; g: their random weights.
        op: the last op of the function.
        facts: what else was found to be wrong, in sentences.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: Any,
        limits: Limits,
        seed: int = 0,
        fast: bool = False,
        order: int = 1,
    ):
        self.func, self.limits, self.seed, self.order = func, limits, seed, order
        tree = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        self.dtypes = [x.dtype for x in leaves(tree) if is_wanted(x)]
        self.tree = map_leaves(copied, tree)
        self.wanted = [x for x in leaves(self.tree) if is_wanted(x)]
        self.facts: list[str] = []
        self.name = _name(func)
        if not self.wanted:
            raise undecided(self, "no input is a floating-point Tensor with requires_grad=True")
        if any(x.device == META for x in self.wanted):
            raise undecided(self, "an input is on 'meta' and has no values")
        self.originals = [move(x.array, CPU).copy() for x in self.wanted]
        outputs = self.call(self.tree)
        self.carrying = [i for i, y in enumerate(outputs) if y.requires_grad]
        if not self.carrying:
            why = [y.cut for y in outputs if y.cut is not None]
            raise undecided(
                self, f"no output requires grad{''.join(f': {cut}' for cut in why[:1])}"
            )
        ys = self.differentiable(outputs)
        self.op = ys[-1].grad_fn.name if ys[-1].grad_fn else "identity"
        if self.name == "<lambda>":
            self.name = self.op
        if any(y.dtype != PRECISION for y in ys):
            raise undecided(self, f"the output is {ys[0].dtype} though the inputs are {PRECISION}")
        self.y = [move(y.array, CPU).copy() for y in ys]
        self.names = [_input_name(x, ys[-1], i) for i, x in enumerate(self.wanted)]
        self._check_repeatable()
        # apart from the stream of manual_seed(seed), from which x may come: g must not be x
        rng = np.random.default_rng((seed, 1))
        self.g = [self._weights(rng, y) for y in ys]
        count = sum(x.numel() for x in self.wanted)
        if count == 0 or sum(y.size for y in self.y) == 0:
            raise undecided(self, "there are no elements to compare")
        self.probes = [
            [rng.standard_normal(x.shape) for _ in range(DIRECTIONS)]
            if fast or count > MAX_ELEMENTS
            else list(np.ndindex(x.shape))
            for x in self.wanted
        ]
        self.size = max(1.0, max(float(np.abs(y[np.isfinite(y)]).max(initial=0)) for y in self.y))
        self._measured: list[np.ndarray] | None = None

    @property
    def check(self) -> str:
        """Which check this is for."""
        return "gradcheck" if self.order == 1 else "gradgradcheck"

    def call(self, tree: Sequence[Any]) -> list[Tensor]:
        """The Tensors that the function returns."""
        return [y for y in leaves(self.func(*tree)) if isinstance(y, Tensor)]

    def differentiable(self, outputs: list[Tensor]) -> list[Tensor]:
        """Those of the outputs that carry gradients."""
        return [outputs[i] for i in self.carrying]

    def _weights(self, rng: np.random.Generator, y: Tensor) -> Tensor:
        """A random g: with ones, whatever cancels in a sum would go unseen."""
        return Tensor(rng.standard_normal(y.shape).astype(PRECISION), device=y.device)

    def _check_repeatable(self) -> None:
        again = [move(y.array, CPU) for y in self.differentiable(self.call(self.tree))]
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(self.y, again)):
            raise undecided(
                self,
                "two calls with the same inputs gave different outputs: hidden randomness "
                "(dropout? call eval() on it, or seed inside the function) or hidden state",
            )
        self._note_changes("the function")

    def _note_changes(self, who: str) -> None:
        for i, (x, original) in enumerate(zip(self.wanted, self.originals)):
            if not np.array_equal(move(x.array, CPU), original, equal_nan=True):
                self.facts.append(f"{who} modified input {i} in place; it must work on a copy")
                x.array[...] = original

    # the two sides of the comparison -----------------------------------------------------------

    def rules(self, g: list[Tensor] | None = None) -> list[Tensor | None]:
        """dL/dx for each wanted input, by the rules; what goes wrong on the way becomes a fact."""
        weights = [w.detach().clone() for w in (self.g if g is None else g)]
        originals = [move(w.array, CPU).copy() for w in weights]
        ys = self.differentiable(self.call(self.tree))
        try:
            found = grad(ys, self.wanted, weights, retain_graph=True, allow_unused=True)
            again = grad(ys, self.wanted, weights, allow_unused=True)
        except RuntimeError as error:
            raise GradcheckError(f"{self.check}: {self.name}: backward failed: {error}") from error
        self._note_changes("a rule")
        for w, original in zip(weights, originals):
            if not np.array_equal(move(w.array, CPU), original):
                self.facts.append("a rule modified g in place; other rules still need it")
        for i, (x, a, b) in enumerate(zip(self.wanted, found, again)):
            if a is None or b is None:
                continue
            if (a.shape, a.dtype, a.device) != (x.shape, x.dtype, x.device):
                raise GradcheckError(
                    f"{self.check}: {self.name}: the gradient of input {i} is {a.dtype} {a.shape} "
                    f"on {a.device}, the input is {x.dtype} {x.shape} on {x.device}"
                )
            if not np.allclose(a.array, b.array, 0, self.limits.nondet_tol, equal_nan=True):
                self.facts.append(
                    f"a second backward gave another gradient for input {i}: hidden randomness in "
                    "a rule (it must use the mask of the forward), or it changed what was saved"
                )
        return list(found)

    def slopes(self, i: int, probe: Any, h: float) -> tuple[float, float]:
        """The slopes of L to the left and to the right, along one element or one direction."""
        found = []
        for step in (-h, h):
            moved = self.originals[i].copy()
            if isinstance(probe, tuple):
                moved[probe] += step
                step = moved[probe] - self.originals[i][probe]  # what rounding left of it
            else:
                moved += step * probe
            found.append(float(np.float64(self._rise(i, moved)) / step))
        return found[0], found[1]

    def _rise(self, i: int, moved: np.ndarray) -> float:
        """L with input `i` moved, minus L; differences first, so that little is cancelled."""
        xs = iter(
            make(move(moved, x.device), LEAF) if k == i else x for k, x in enumerate(self.wanted)
        )
        tree = rebuild(self.tree, [next(xs) if is_wanted(x) else x for x in leaves(self.tree)])
        rise = 0.0
        for w, y, was in zip(self.g, self.differentiable(self.call(tree)), self.y):
            now = move(y.array, CPU)
            change = np.where(now == was, 0.0, now - was)  # inf stays inf: no change
            rise += float((move(w.array, CPU) * change).sum())
        return rise

    def in_float32(self) -> bool:
        """Does the function round to float32 somewhere inside? Then its slopes are a staircase."""
        rng = np.random.default_rng(self.seed)
        moved = (
            make(move(np.asarray(x + self.limits.eps * rng.random(x.shape)), w.device), LEAF)
            for x, w in zip(self.originals, self.wanted)
        )
        tree = rebuild(self.tree, [next(moved) if is_wanted(x) else x for x in leaves(self.tree)])
        ys = [move(y.array, CPU) for y in self.differentiable(self.call(tree))]
        rounded = all(np.array_equal(y, y.astype(np.float32), equal_nan=True) for y in ys)
        return rounded and not all(np.array_equal(y, np.round(y), equal_nan=True) for y in ys)

    def measured(self) -> list[np.ndarray]:
        """The slopes of each input, (probes, 2): left and right. Measured once."""
        if self._measured is None:
            self._measured = [
                np.array([self.slopes(i, p, self.limits.eps) for p in probes]).reshape(-1, 2)
                for i, probes in enumerate(self.probes)
            ]
        return self._measured

    def results(self) -> list[Result]:
        """The comparison, input by input."""
        with settings():
            found = self.rules()
            return [self._result(i, a) for i, a in enumerate(found)]

    def _result(self, i: int, found: Tensor | None) -> Result:
        x, probes, slopes = self.originals[i], self.probes[i], self.measured()[i]
        a = np.zeros_like(x) if found is None else np.asarray(move(found.array, CPU))
        by_rule = [a[p] if isinstance(p, tuple) else (a * p).sum() for p in probes]
        result = Result(
            index=i,
            name=self.names[i],
            x=x,
            probes=probes,
            rule=np.array(by_rule),
            left=slopes[:, 0],
            right=slopes[:, 1],
            tolerance=1.0,
            array=a,
            connected=found is not None,
        )
        n = np.abs(result.numeric)
        spread = 1.0 if not result.directional else np.sqrt(max(y.size for y in self.y))
        scale = n[np.isfinite(n)].max(initial=0)
        result.tolerance = self.limits.rtol * scale + self.limits.atol * self.size * spread
        off = np.abs(result.rule - result.numeric)
        for k in np.flatnonzero(~(off <= result.tolerance)):
            self._sort(result, int(k))
        return result

    def _sort(self, result: Result, k: int) -> None:
        """Files a probe that disagrees at h: wrong, on a kink, or nothing finite to compare."""
        rule, left, right, tol = result.rule[k], result.left[k], result.right[k], result.tolerance
        gap, least, finite, central = abs(right - left), min(abs(left), abs(right)), False, 0.0
        for h in (self.limits.eps / 10, self.limits.eps / 100):
            left, right = self.slopes(result.index, result.probes[k], h)
            finite |= bool(np.isfinite(left + right))
            longer, central = central, (left + right) / 2
            noise = 2e-15 * self.size / h
            # A kink or a pole that was near by is out of the shorter step's reach; and where the
            # slope still moves, its limit for h to 0 follows from the last two (the error is h²).
            limit = (100 * central - longer) / 99
            if min(abs(central - rule), abs(limit - rule)) <= tol + noise:
                return
        between = min(left, right) - tol <= rule <= max(left, right) + tol
        if abs(right - left) > 5 * gap:  # a jump: the slope across it is no bound
            between = min(abs(left - rule), abs(right - rule)) <= tol
        # Slopes that grow on both sides as h shrinks are none at all: a jump both ways, or a cusp.
        # But where both sides meet, and lead away as 1 / h does, the value itself is off.
        growth = min(abs(left), abs(right)) / max(least, tol, noise)
        off = growth > 80 and abs(left + right) < 0.01 * abs(left)
        endless = growth > 5 and not off
        at_pole = not all(np.isfinite(y).all() for y in self.y)
        if not finite or at_pole:
            result.blind.append(k)
        elif endless or (abs(right - left) > max(0.5 * gap, 10 * tol) and between):
            result.kinks.append(k)
        else:
            result.bad.append(k)


def is_wanted(x: Any) -> bool:
    """Is it a Tensor whose gradient is to be checked?"""
    return isinstance(x, Tensor) and x.requires_grad


def copied(x: Any) -> Any:
    """A leaf of its own for the check: float64 where floating; what is no Tensor stays."""
    if not isinstance(x, Tensor):
        return x
    dtype = PRECISION if x.is_floating_point() else x.dtype
    return make(x.array.astype(dtype, copy=True), LEAF if x.requires_grad else None)


def _name(func: Callable[..., Any]) -> str:
    """What a function is called; the `apply` of an `autograd.Function` by its class."""
    owner = getattr(func, "__self__", None)
    named = owner if isinstance(owner, type) else func
    return getattr(named, "__name__", type(func).__name__)


def _input_name(x: Tensor, y: Tensor, i: int) -> str:
    """What the op calls the input, where the input goes straight into the last op."""
    node = y.grad_fn
    for k, parent in enumerate(node.parents if node else ()):
        if node and parent is x and not node.plan.op.variadic:
            return repr(node.plan.op.inputs[node.plan.wanted[k]])
    return f"number {i + 1}"
