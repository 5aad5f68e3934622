"""Steps that know the curvature, learnt from the last gradients: L-BFGS.

Newton's step is d = -H g, with H the inverse of the second derivatives. Each pair of s, how far it
went, and y, how much the gradient changed on the way, says that H y = s. H is never written down:
what it makes of g follows from the last m pairs and a multiple of 1 in 4 m products of vectors.
Nocedal, Updating quasi-Newton matrices with limited storage (1980); Liu and Nocedal (1989).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.array import Array
from minitorch.clock import stamp
from minitorch.modes import enable_grad
from minitorch.optim.groups import Group, check_option, given
from minitorch.optim.line_search import Point, strong_wolfe
from minitorch.optim.optimizer import Optimizer
from minitorch.quiet import quiet
from minitorch.tensor import make
from minitorch.words import np


class _Memory:
    """What is known of the curvature, and where the last iteration stood.

    Attributes:
        n_iter, func_evals: iterations and evaluations since the optimizer was built.
        d, t, g: the last direction, how far it went along it, and the gradient where it began.
        y, s: changes of the gradient, and the steps that they go with, the oldest first.
        ro: 1 / (y · s) of each.
        scale: the multiple of 1 that stands for H before the first pair.
    """

    def __init__(self) -> None:
        self.n_iter = self.func_evals = 0
        self.d: Any = None
        self.g: Any = None
        self.t, self.scale = 0.0, 1.0
        self.y: list[Array] = []
        self.s: list[Array] = []
        self.ro: list[float] = []

    def learn(self, g: Array, most: int) -> None:
        """Adds the pair of the last iteration, which led to the gradient g."""
        y, s = g - self.g, self.d * self.t
        ys = float(y.dot(s))
        if ys <= 1e-10:  # it curves downwards, or nothing can be told from it
            return
        self.y, self.s = [*self.y, y][-most:], [*self.s, s][-most:]
        self.ro = [*self.ro, 1 / ys][-most:]
        self.scale = ys / float(y.dot(y))

    def direction(self, g: Array) -> Array:
        """-H g: down through the pairs and up again."""
        d = -g
        shares = []
        for y, s, ro in zip(reversed(self.y), reversed(self.s), reversed(self.ro)):
            shares.append(float(s.dot(d)) * ro)
            d -= shares[-1] * y
        d *= self.scale
        for y, s, ro, share in zip(self.y, self.s, self.ro, reversed(shares)):
            d += (share - float(y.dot(d)) * ro) * s
        return d


class LBFGS(Optimizer):
    """Quasi-Newton steps, several in each call of `step`, which evaluates the loss by itself.

        def closure():
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            return loss

        optimizer.step(closure)

    For smooth losses of all the data at once: two evaluations on different batches say nothing of
    the curvature. It keeps 2 history_size vectors as long as all parameters together, and on a GPU
    each evaluation waits for the loss.

    Args:
        params: a model, tensors or (name, tensor) pairs; a single group.
        lr: the step along -H g, or where the line search begins.
        max_iter: the most iterations in one call of `step`.
        max_eval: the most evaluations in one call; by default max_iter · 5 // 4.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when the loss, and the parameters, change by no more.
        history_size: how many pairs are kept.
        line_search_fn: "strong_wolfe" (see `strong_wolfe`), which holds for any loss, or None for a
            step of lr unseen.

    Raises:
        ValueError: several groups, or an option out of range.

    >>> import minitorch
    >>> from minitorch import optim
    >>> p = minitorch.tensor([-1.0, 2.0], requires_grad=True)
    >>> lbfgs = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=50)
    >>> def closure():
    ...     lbfgs.zero_grad()
    ...     loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> lbfgs.step(closure)
    tensor(104., grad_fn=<add>)
    >>> p.detach().round(decimals=2)
    tensor([1., 1.])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if max_eval is None and isinstance(max_iter, int):
            max_eval = max_iter * 5 // 4
        super().__init__(params, given(locals()))

    @classmethod
    def check(cls, group: dict[str, Any]) -> None:
        """Also: counts are whole, and the line search is one that is known."""
        for name in ("max_iter", "max_eval", "history_size"):
            if not isinstance(group[name], int):
                raise TypeError(f"{cls.__name__}: {name} expected an int, got {group[name]!r}")
        for name, value in group.items():
            check_option(cls.__name__, name, value)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"{cls.__name__}: line_search_fn expected 'strong_wolfe' or None, got "
                f"{group['line_search_fn']!r}"
            )

    def _add(self, dicts: list[dict[str, Any]]) -> None:
        if len(self.param_groups) + len(dicts) > 1:
            raise ValueError(
                f"{self._who}: takes one group of parameters, as its steps are made of all of them "
                "together; join the groups, or build an optimizer for each"
            )
        super()._add(dicts)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to max_iter iterations.

        When the closure raises, or a gradient is nan or inf where an iteration ended, parameters
        and state are what they were before the call.

        Args:
            closure: clears the gradients, computes the loss and its gradients, returns the loss.

        Returns:
            What the closure returned first, the loss before the step.

        Raises:
            TypeError: there is no closure.
            RuntimeError: as in `Optimizer.step`.
        """
        if closure is None:
            raise TypeError(
                f"{self._who}.step: needs a closure, as it evaluates the loss several times; pass "
                "a function that calls zero_grad(), computes the loss, calls backward() on it and "
                "returns it"
            )
        group = self.param_groups[0]
        run = _Run(self, group, closure)
        try:
            return run.iterations(self._remembered(run.size))
        except BaseException:
            run.put(run.before)
            raise

    def movable(self, group: Group) -> list[Any]:
        """The parameters that have a gradient, each checked."""
        moves = self._moves(group)
        if self._model is not None and self._compare:
            self._check_held()
        self._compare = False
        if not moves:
            raise RuntimeError(
                f"{self._who}.step: no parameter has a gradient; the closure must call "
                "loss.backward(), and zero_grad() before it, not after"
            )
        return [move.p for move in moves]

    # memory ---------------------------------------------------------------------------------------

    def _remembered(self, size: int) -> _Memory:
        """What the state of the first parameter says, which is where it is kept."""
        first = self.param_groups[0]["params"][0]
        kept = self.state.get(first)
        memory = _Memory()
        if not kept:
            return memory
        if kept["d"].shape != (size,):
            raise RuntimeError(
                f"{self._who}.step: its state is of {kept['d'].shape[0]} numbers, and the "
                f"parameters have {size}; build a new optimizer after changing their sizes"
            )
        # Where the parameters are now, and in their dtype: the model may have been moved.
        now = lambda name: kept[name].to(first.device, first.dtype).array
        memory.n_iter, memory.func_evals = kept["n_iter"], kept["func_evals"]
        memory.d, memory.t = now("d"), kept["t"]
        memory.g = now("prev_flat_grad")
        memory.y, memory.s = list(now("old_dirs")), list(now("old_stps"))
        memory.ro, memory.scale = list(kept["ro"]), kept["H_diag"]
        return memory

    def remember(self, memory: _Memory) -> None:
        """Keeps what was learnt, under torch's names; pairs as the rows of two tensors."""
        g = memory.g
        rows = lambda xs: make(np.stack(xs) if xs else np.zeros_like(g, shape=(0, g.size)))
        self.state[self.param_groups[0]["params"][0]] = {
            "n_iter": memory.n_iter,
            "func_evals": memory.func_evals,
            "d": make(memory.d),
            "t": memory.t,
            "prev_flat_grad": make(g),
            "old_dirs": rows(memory.y),
            "old_stps": rows(memory.s),
            "ro": list(memory.ro),
            "H_diag": memory.scale,
        }
        self.stepped = True


class _Run:
    """One call of `step`: all parameters as one vector, and the loss as a function of it."""

    def __init__(self, optimizer: LBFGS, group: Group, closure: Callable[[], Any]):
        self.optimizer, self.group, self.closure = optimizer, group, closure
        self.params: Sequence[Any] = group["params"]
        self.size = sum(p.array.size for p in self.params)
        self.before = self.values()

    def iterations(self, memory: _Memory) -> Any:
        """All iterations of a step; returns the first loss."""
        group = self.group
        first = self.evaluate()
        loss, g = _number(first), self.gradient()
        memory.func_evals += 1
        if float(abs(g).max()) <= group["tolerance_grad"]:
            return first
        evals = 1
        for i in range(1, group["max_iter"] + 1):
            if memory.n_iter == 0:
                memory.d = -g
                t = min(1.0, 1 / float(quiet.run(abs(g).sum))) * group["lr"]
            else:
                quiet.run(memory.learn, g, group["history_size"])
                memory.d = quiet.run(memory.direction, g)
                t = group["lr"]
            memory.n_iter += 1
            memory.g, memory.t = g, t
            slope, was = float(g.dot(memory.d)), loss
            if slope > -group["tolerance_change"]:
                break
            loss, g, tried = self.advance(memory, Point(0.0, loss, g, slope), evals, i)
            memory.func_evals += tried
            evals += tried
            if i == group["max_iter"] or evals >= group["max_eval"]:
                break
            moved = float(abs(memory.d).max()) * abs(memory.t)
            small = group["tolerance_change"]
            if float(abs(g).max()) <= group["tolerance_grad"] or moved <= small:
                break
            if abs(loss - was) < small:
                break
        self.optimizer.remember(memory)
        return first

    def advance(
        self, memory: _Memory, start: Point, evals: int, i: int
    ) -> tuple[float, Array, int]:
        """Moves along d; the loss and gradient there, and how many evaluations it took."""
        x, d = self.values(), memory.d
        if self.group["line_search_fn"] is None:
            quiet.run(self.put, x, memory.t, d)
            if i == self.group["max_iter"]:
                return start.f, start.g, 0  # nobody will ask
            return _number(self.evaluate()), self.gradient(), 1

        def at(t: float) -> Point:
            quiet.run(self.put, x, t, d)
            f, g = _number(self.evaluate()), self.gradient(trial=True)
            return Point(t, math.inf if math.isnan(f) else f, g, float(g.dot(d)))

        most = self.group["max_eval"] - evals
        point, tried = strong_wolfe(at, start, memory.t, float(abs(d).max()), most)
        quiet.run(self.put, x, point.t, d)
        memory.t = point.t
        if not math.isfinite(point.f):
            raise RuntimeError(
                f"{self.optimizer._who}.step: the loss is {point.f} wherever it was evaluated; "
                "parameters and state are as they were. Lower lr, or look for nan with "
                "minitorch.autograd.detect_anomaly()"
            )
        return point.f, point.g, tried

    # vectors --------------------------------------------------------------------------------------

    def values(self) -> list[Array]:
        """A copy of all parameters."""
        return [p.array.copy() for p in self.params]

    def put(self, x: list[Array], t: float = 0.0, d: Any = None) -> None:
        """Writes x + t d into the parameters."""
        begin = 0
        for name, p, value in zip(self.group["names"], self.params, x, strict=True):
            end = begin + value.size
            stamp(p.array, f"{self.optimizer._who}.step of {name!r}")
            p.array[...] = value if d is None else value + t * d[begin:end].reshape(value.shape)
            begin = end

    def evaluate(self) -> Any:
        """Runs the closure."""
        with enable_grad():
            return self.closure()

    def gradient(self, trial: bool = False) -> Array:
        """All gradients as one vector, zeros where there is none; checked unless it is a trial."""
        moved = self.params if trial else self.optimizer.movable(self.group)
        ids = {id(p) for p in moved}
        parts = [
            p.grad.array.reshape(-1)
            if id(p) in ids and p.grad is not None
            else np.zeros_like(p.array, shape=(p.array.size,))
            for p in self.params
        ]
        return np.concatenate(parts)


def _number(loss: Any) -> float:
    return float(loss.detach() if hasattr(loss, "detach") else loss)
