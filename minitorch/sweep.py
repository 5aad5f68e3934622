"""The backward sweep: the tape walked from its end, so that every node gives its gradient on.

Newest first, each node is visited once, when all that was made from it has been visited and its
gradient is complete. It is one loop, without sorting and without recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from types import NoneType
from typing import Any

from numpy import ndarray

from minitorch.clock import clock, version, writer
from minitorch.few import add_up, fold
from minitorch.tape import FREED, Node, Pick, key_of
from minitorch.words import np

Lift = Callable[[Node, str, Any], Any]


class Sweep:
    """One walk backwards. Gradients live in it alone: when a rule raises, no tensor has changed.

    Attributes:
        keep: leave the saved values for another sweep?
        lift: makes Tensors of saved values, to record the sweep itself.
        leaves: what has arrived: id(leaf) -> [leaf, gradient so far, is that a sum made here?].
        pending: the same for nodes, by birth.
        heap: minus the births in `pending`.
    """

    def __init__(self, keep: bool = False, lift: Lift | None = None):
        self.keep, self.lift = keep, lift
        self.leaves: dict[int, list] = {}
        self.pending: dict[int, list] = {}
        self.heap: list[int] = []

    def run(
        self,
        roots: Iterable[tuple[Any, Any]],
        wanted: set[int] | None = None,
        capture: dict[int, Any] | None = None,
    ) -> None:
        """Visits every node that the roots were made from.

        Without its shortcuts this is the loop that lesson 6 writes:

            while pending:
                node, g = the newest of pending
                for to, part in zip(node.parents, node.rules(g)):
                    pending[to] += part

        The shortcuts: what is pending alone, as in a chain, is not queued; and what arrives for
        one of several outputs goes straight into the list that their node is given.

        Args:
            roots: nodes or leaves, each with the gradient to start from.
            wanted: births and leaf ids that lead to a target; rules for others are not run.
            capture: births whose gradient is to be kept; filled in.
        """
        pending, heap, keep, lift = self.pending, self.heap, self.keep, self.lift
        for to, g in roots:
            (self._queue if isinstance(to, Node) else self._reach)(to, g)
        if not heap:
            return
        node, g, _ = pending.pop(-heappop(heap))
        while True:
            if not node.shape:
                g = _array(g)
            if node.hooks is not None:
                for hook in tuple(node.hooks):
                    g = hook(g)
            if capture is not None and node.birth in capture:
                capture[node.birth] = g
            if type(node) is Pick:
                entry = pending.get(node.whole.birth)
                if entry is None:
                    self._queue(node.whole, _slots(node, g))
                else:
                    _add_to_slot(entry[1], node, g)
                node, g, _ = pending.pop(-heappop(heap))
                continue

            plan, saved, inspection = node.plan, node.saved, node.inspection
            if inspection is not None or saved is FREED or clock.last_write > node.birth or lift:
                saved = self._values(node)
            if type(g) is list:
                g = _filled(g, node)
            needs = plan.needs_all
            if wanted is not None:
                needs = [key_of(p) in wanted for p in node.parents]
            pull = plan.pull  # Python finds what a name holds sooner than a method
            try:
                grads = pull(g, saved, needs)
            except Exception as error:
                error.add_note(f"in the backward of {node.name}{_recorded(node)}")
                raise
            if inspection is not None:
                inspection.after(node, g, grads)
            if not keep:
                node.saved = FREED

            if len(grads) == 1 and not heap:  # on along a chain
                (g,), (to,) = grads, node.parents
                plain = type(to) is Node and type(g) is ndarray
                if plain and g.shape == to.shape and g.dtype is to.dtype:
                    node = to
                    continue
            alone = self._send(node, saved, grads, capture is None)
            if alone is not None:
                node, g = alone
            elif heap:
                node, g, _ = pending.pop(-heappop(heap))
            else:
                return

    def _send(
        self, node: Node, saved: Sequence, grads: Sequence, straight: bool
    ) -> tuple[Node, Any] | None:
        """Adds what the rules of a node gave to what has arrived at its parents.

        With `straight`, what is for one of several outputs goes on to the node that it is of.

        Returns:
            The node to go on to, with its gradient, where it is alone and need not be queued.
        """
        heap, alone = self.heap, None
        for index, to, g in zip(node.plan.wanted, node.parents, grads):
            if g is None:
                continue
            inner = isinstance(to, Node)
            like = to if inner else to.array
            try:
                fits = g.shape == like.shape and g.dtype is like.dtype
            except AttributeError:
                fits = False
            if not fits:
                g = _fit(g, node, saved, index, like.shape, like.dtype)
            if not inner:
                self._reach(to, g)
                continue
            if type(to) is Pick and straight and to.hooks is None:
                whole = to.whole
                known = alone is not None and alone[0] is whole
                waiting: Any = alone if known else self.pending.get(whole.birth)
                if waiting is not None:
                    _add_to_slot(waiting[1], to, g)
                    continue
                g, to = _slots(to, g), whole
            if alone is None and not heap:
                alone = to, g
                continue
            if alone is not None:
                self._queue(alone[0], alone[1])
                alone = None
            self._queue(to, g)
        return alone

    def _reach(self, leaf: Any, g: Any) -> None:
        """Adds `g` to what has arrived at a leaf."""
        key = id(leaf)
        if key in self.leaves:
            self._add(self.leaves[key], g)
        else:
            self.leaves[key] = [leaf, g, False]

    def _queue(self, node: Node, g: Any) -> None:
        """Adds `g` to what has arrived at a node, and queues the node at the first arrival."""
        key = node.birth
        if key in self.pending:
            self._add(self.pending[key], g)
        else:
            self.pending[key] = [node, g, False]
            heappush(self.heap, -key)

    def _add(self, entry: list, g: Any) -> None:
        """Adds `g` to the gradient of an entry; in place, if that is a sum which was made here."""
        if entry[2]:
            entry[1] += g
        else:
            entry[1] = entry[1] + g
            entry[2] = self.lift is None

    def _values(self, node: Node) -> Sequence[tuple]:
        """The saved values of a node, after checking that they are there and unchanged."""
        if node.saved is FREED:
            raise RuntimeError(
                f"backward: {node.name} was already used by an earlier backward() and its saved "
                "values are freed; call the first backward(retain_graph=True), or add the losses "
                "and go backward once: (a + b).backward()"
            )
        if clock.last_write > node.birth:
            _check_unchanged(node)
        if node.inspection is not None:
            node.inspection.before(node)
        if self.lift is None:
            return node.saved
        named = zip(node.plan.names, node.saved, strict=True)
        return tuple([self.lift(node, name, value) for name, value in named])


# saved values ---------------------------------------------------------------------------------


def _check_unchanged(node: Node) -> None:
    """Raises when an array that `node` saved was written in place since."""
    for name, value in _named_arrays(node):
        if hasattr(value, "base") and version(value) > node.birth:
            recorded = _recorded(node) and f"{_recorded(node)},"
            more = "" if recorded else "; inside minitorch.detect_anomaly() both lines are named"
            raise RuntimeError(
                f"{node.name}: backward needs its {name!r} of shape {tuple(value.shape)}{recorded} "
                f"but {writer(value)} changed that array in place after it was saved; change a "
                f"copy instead (x = x.clone()), or call backward() before the change{more}"
            )


def _named_arrays(node: Node) -> Iterator[tuple[str, Any]]:
    """Everything that a node saved, by name; what came as a tuple one by one."""
    for name, value in zip(node.plan.names, node.saved, strict=True):
        if type(value) is tuple:
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
        else:
            yield name, value


# several outputs ------------------------------------------------------------------------------


def _slots(pick: Pick, g: Any) -> list:
    """The gradients of all outputs of a node, of which one is known."""
    slots: list = [None] * len(pick.whole.shape)
    slots[pick.index] = g if pick.shape else _array(g)
    return slots


def _add_to_slot(slots: list, pick: Pick, g: Any) -> None:
    """Adds `g` to the gradient of one of the outputs."""
    known = slots[pick.index]
    g = g if known is None else known + g
    slots[pick.index] = g if pick.shape else _array(g)


def _array(g: Any) -> Any:
    """g of no axes as an array again, where NumPy has made a scalar of it: rules take arrays."""
    return np.asarray(g) if isinstance(g, np.generic) else g


def _filled(slots: list, node: Node) -> tuple:
    """The gradients of a node with several outputs, zero where nothing arrived."""
    if NoneType not in map(type, slots):
        return tuple(slots)
    some = next(g for g in slots if g is not None)
    some = getattr(some, "array", some)
    return tuple(
        [
            np.zeros_like(some, shape=shape, dtype=dtype) if g is None else g
            for g, (shape, dtype) in zip(slots, node.shape)
        ]
    )


# shapes and dtypes ----------------------------------------------------------------------------


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sums `g` over the axes that broadcasting added or stretched: the adjoint of broadcasting."""
    shape = tuple(shape)
    folded = fold(g, shape)
    if folded is not None:
        return folded
    axes = _grown(g.shape, shape)
    return (add_up(g, axes) if axes else g).reshape(shape)


@lru_cache
def _grown(large: tuple[int, ...], small: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of the large shape that the small one lacks, or has with size 1."""
    extra = len(large) - len(small)
    if extra < 0:
        raise ValueError
    stretched = [i + extra for i, n in enumerate(small) if n == 1 and large[i + extra] != 1]
    return (*range(extra), *stretched)


def _fit(
    g: Any, node: Node, saved: Sequence, index: int, shape: tuple[int, ...], dtype: np.dtype
) -> Any:
    """Brings a rule's result to its input's shape and dtype, or says that the rule is wrong."""
    op = node.plan.op
    if not hasattr(g, "shape"):
        found = type(g).__name__
        raise RuntimeError(
            f"{_whose(node, index)} is a {found}, expected an array of shape {shape}"
        )
    if g.shape != shape:
        try:
            if not op.broadcasts:
                raise ValueError
            g = unbroadcast(g, shape)
        except ValueError:
            hint = _shape_hint(g.shape, shape)
            raise RuntimeError(
                f"{_whose(node, index)} has shape {g.shape}, expected {shape}{hint}"
            ) from None
    if g.dtype != dtype:
        # NumPy promotes float32 by what it meets: another input may be int64, or a 0-d float64.
        mixed = op.broadcasts and any(getattr(v, "dtype", dtype) != dtype for v in saved)
        own = node.dtype == dtype and dtype.kind != "V"  # rules give float32 for bfloat16
        if own and not mixed:  # so the rule itself has changed the dtype
            raise RuntimeError(f"{_whose(node, index)} has dtype {g.dtype}, expected {dtype}")
        g = g.astype(dtype)
    return g


def _whose(node: Node, index: int) -> str:
    op = node.plan.op
    name = op.inputs[0 if op.variadic else index]
    return f"{op.name}{_recorded(node)}: the gradient of input {name!r}"


def _recorded(node: Node) -> str:
    """Where the forward made a node, if `detect_anomaly` has noted it."""
    return f", recorded at {node.where}" if node.where else ""


def _shape_hint(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What the rule has most likely forgotten."""
    if sorted(got) == sorted(expected):
        return "; it is transposed"
    tail = got[len(got) - len(expected) :]
    if len(got) >= len(expected) and all(n in (m, 1) for m, n in zip(tail, expected)):
        return "; the forward broadcasts this input, so sum over the added axes: sum_to(g, x_shape)"
    return ""
