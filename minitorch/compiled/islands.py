"""An island: a rule that looks at values while its graph is asked for, and stays eager at each run.

With `create_graph` a rule runs on tensors, and leaves nodes that a later sweep goes through. Where
it looks at values, or into what its op has kept, it cannot be written down call by call; and called
in one piece on arrays it would leave no nodes. So it is called in one piece on tensors of its own,
and the graph that this gives is kept, as one thing, until a sweep comes back to it:

    y, graph = computed(rule, x)        dL/dx = went_back(graph, dL/dy)

If the graph of that is asked for as well, going back is a function of x and dL/dy, which is called
in one piece in its turn: an island again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minitorch.autograd.function import Function
from minitorch.autograd.on_demand import grad
from minitorch.compiled.trees import flat, inside, mapped
from minitorch.creation import zeros_like
from minitorch.modes import enable_grad
from minitorch.tape import current_mode
from minitorch.tensor import Tensor, make
from minitorch.traced import RECORDER


def island(pull: Callable, g: Any, saved: Any, needs: Sequence[bool]) -> list[Any]:
    """What `pull` gives for these tensors, as tensors with one node for all of it."""
    tensors = list({id(x): x for x in flat((g, saved)) if isinstance(x, Tensor)}.values())
    slots = {id(x): Slot(i) for i, x in enumerate(tensors)}
    g, saved = mapped(lambda x: slots.get(id(x), x), (g, saved))
    return _results(Rule(pull, g, saved, needs), tensors)


class Slot:
    """Stands in a rule's arguments where a tensor has been taken out."""

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number


@dataclass(frozen=True)
class Rule:
    """A rule with its arguments, as a function of the tensors among them."""

    pull: Callable
    g: Any
    saved: Any
    needs: Sequence[bool]

    def __call__(self, tensors: list[Tensor]) -> Sequence[Tensor | None]:
        def found(x: Any) -> Any:
            return tensors[x.number] if isinstance(x, Slot) else x

        return self.pull(*mapped(found, (self.g, self.saved)), self.needs)


@dataclass(frozen=True)
class WayBack:
    """The gradient of a rule (or of a way back), as a function of its tensors and of dL/dy."""

    of: Any
    wanted: Sequence[bool]

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        n = len(self.wanted)
        xs, gs = tensors[:n], tensors[n:]
        return _slopes(xs, self.of(xs), gs, self.wanted, create_graph=True)


class Island(Function):
    """What is called in one piece, as the tape sees it."""

    @staticmethod
    def forward(ctx: Any, what: Any, places: list[int], *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results that are there; their `places` among all are told."""
        ctx.what, ctx.wanted = what, ctx.needs_input_grad[2:]
        ctx.save_for_backward(*tensors)
        arrays = [x.array for x in tensors]
        ys, ctx.graph = _in_one_piece(computed, what, ctx.wanted, arrays, keeps=True)
        places += [i for i, y in enumerate(ys) if y is not None]
        return tuple([make(ys[i]) for i in places])

    @staticmethod
    def backward(ctx: Any, *gs: Tensor) -> tuple[Tensor | None, ...]:
        """Along the kept graph; or, to be gone through again, from the beginning."""
        if current_mode().recording:
            tensors = [*ctx.saved_tensors, *gs]
            found = _results(WayBack(ctx.what, ctx.wanted), tensors)
        else:
            arrays = [g.array for g in gs]
            found = [make(x) for x in _in_one_piece(went_back, ctx.graph, arrays, ctx.wanted)]
        slopes = iter(found)
        return (None, None, *[next(slopes) if need else None for need in ctx.wanted])


def _results(what: Any, tensors: list[Tensor]) -> list[Any]:
    """All that `what` gives, None for what is not there."""
    places: list[int] = []
    there = dict(zip(places, Island.apply(what, places, *tensors)))
    return [there.get(i) for i in range(1 + max(there, default=-1))]


def computed(what: Any, wanted: Sequence[bool], arrays: Sequence[Any]) -> tuple[list, tuple]:
    """The arrays that `what` gives for these, and the graph from the wanted ones to them."""
    xs = [make(x).requires_grad_(need) for x, need in zip(arrays, wanted)]
    with enable_grad():
        ys = what(xs)
    return [None if y is None else y.array for y in ys], (xs, ys)


def went_back(graph: tuple, gs: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """The gradients of the wanted arrays along such a graph."""
    xs, ys = graph
    return [x.array for x in _slopes(xs, ys, [make(g) for g in gs], wanted, create_graph=False)]


def _slopes(
    xs: Sequence[Tensor],
    ys: Sequence[Tensor | None],
    gs: Sequence[Tensor],
    wanted: Sequence[bool],
    create_graph: bool,
) -> list[Tensor]:
    """dL/dx of the wanted x, for dL/dy = g of each y that is there."""
    sources = [x for x, need in zip(xs, wanted) if need]
    there = [y for y in ys if y is not None]
    pairs = [(y, g) for y, g in zip(there, gs, strict=True) if y.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(sources)
    if pairs:
        roots, starts = zip(*pairs)
        found = grad(
            roots, sources, starts, retain_graph=True, create_graph=create_graph, allow_unused=True
        )
    return [zeros_like(x) if dx is None else dx for x, dx in zip(sources, found)]


def _in_one_piece(function: Callable, *args: Any, keeps: bool = False) -> Any:
    """Calls it; in a trace, so that the program calls it at each run."""
    recorder = RECORDER.get()
    if recorder is None:  # the trace compares with real arrays
        return function(*inside(args))
    return recorder.whole(function, args, {}, keeps)
