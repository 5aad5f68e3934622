"""The tape: what was computed, in the order it was computed, and how to walk it backwards.

Every recorded op leaves a `Node`, numbered at birth. A node is always younger than the nodes it was
made from, so taking the newest first *is* a topological order: the backward sweep is one loop with
a heap, without sorting and without recursion.

The birth counter is also the clock of writes: an array written in place is stamped with the next
number, so "was it changed after this node saved it?" is one comparison.
"""

from __future__ import annotations

import linecache
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count
from types import NoneType
from typing import Any, Self

import numpy as np
from numpy import ndarray

from minitorch.array import Array
from minitorch.few import add_up, fold

next_birth = count(1).__next__
_HERE = os.path.dirname(os.path.abspath(__file__))

# the recording switch --------------------------------------------------------------------------


class Mode:
    """What happens to the ops that run now. Immutable: a context replaces it, and puts it back."""

    __slots__ = ("casts", "recording", "watchers")

    def __init__(
        self, recording: bool = True, watchers: tuple[Callable, ...] = (), casts: Any = None
    ):
        self.recording = recording  # do ops leave nodes?
        self.watchers = watchers  # called with every new node (`tape`, `detect_anomaly`)
        self.casts = casts  # the dtypes in which some ops compute (`autocast`)


# A context variable, so that a thread or an asyncio task never switches off another's recording.
_RECORDING = Mode()
_mode: ContextVar[Mode] = ContextVar("minitorch_mode", default=_RECORDING)
current_mode = _mode.get
set_mode = _mode.set
restore_mode = _mode.reset

# The `autocast` blocks that are open, in whatever thread: while there are none, nobody asks.
casting: list[Any] = []


# nodes ----------------------------------------------------------------------------------------


class Freed:
    """Stands in for the saved values of a node that a backward sweep has used up."""


FREED = Freed()


class Node:
    """One recorded op: when it was born, what it was made from, what its rules will need.

    Attributes:
        birth: its number; every node is younger than its parents.
        plan: which rules will run, and the names of the values they need.
        parents: for each input that requires grad, its node, or the leaf Tensor itself.
        saved: the values that the plan names; `FREED` once used.
        shape, dtype: of the output, which every gradient that arrives must have (for an op with
            several outputs, `shape` is the list of their shapes and dtypes).
        hooks: functions that see, and may replace, the gradient of the output.
        where: the user's line, kept only under `detect_anomaly`.
        inspection: what `detect_anomaly` checks before and after the rules of this node run.
    """

    __slots__ = (
        *("__dict__", "__weakref__", "birth", "dtype", "hooks", "inspection", "parents", "plan"),
        *("saved", "shape"),
    )

    where: str | None = None  # few nodes have one; it lives in the class until set

    birth: int
    plan: Any
    parents: Sequence[Any]
    saved: Any
    shape: Any
    dtype: np.dtype
    hooks: list[Callable] | None
    inspection: Any

    @classmethod
    def of(cls, plan: Any, parents: Sequence[Any], saved: tuple, y: Array) -> Self:
        """A new node; the call of an op does the same in place, since a node is made for each."""
        node = cls()
        node.birth = next_birth()
        node.plan = plan
        node.parents = parents
        node.saved = saved
        node.shape = y.shape
        node.dtype = y.dtype
        node.hooks = node.inspection = None
        return node

    @property
    def name(self) -> str:
        """The op's name."""
        return self.plan.name

    @property
    def next_functions(self) -> tuple[Node, ...]:
        """The nodes this one was made from, torch's name for a walk through the graph."""
        return tuple(p for p in self.parents if isinstance(p, Node))

    def __repr__(self) -> str:
        return f"<{self.name} #{self.birth}>"


class Pick(Node):
    """One of the several outputs of a node: it only says which, so that `g` finds its slot."""

    __slots__ = ("index",)
    index: int

    @classmethod
    def number(cls, index: int, node: Node, y: Array) -> Pick:
        """A new one, of output `index` of a node."""
        pick = cls.of(node.plan, (node,), (), y)
        pick.index = index
        return pick


# the clock of writes --------------------------------------------------------------------------

# id(array that owns the memory) -> [a reference that removes the entry, stamp, who wrote]
_writes: dict[int, list] = {}
_last_write = 0


def owner(x: Array) -> Array:
    """The array that owns the memory a view looks into."""
    while (base := x.base) is not None and isinstance(base, type(x)):
        x = base
    return x


def stamp(x: Array, who: str) -> None:
    """Notes that `who` has just written into `x`, for every array that shares its memory."""
    global _last_write
    x = owner(x)
    key = id(x)
    _last_write = next_birth()
    entry = _writes.get(key)
    if entry is None:
        entry = _writes[key] = [weakref.ref(x, lambda _: _writes.pop(key, None)), 0, ""]
    entry[1], entry[2] = _last_write, who


def version(x: Array) -> int:
    """When the memory of `x` was last written in place; 0 for never."""
    return _writes[id(owner(x))][1] if id(owner(x)) in _writes else 0


def _named_arrays(node: Node) -> Iterator[tuple[str, Any]]:
    """Everything that a node saved, by name; what came as a tuple one by one."""
    for name, value in zip(node.plan.names, node.saved, strict=True):
        if type(value) is tuple:
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
        else:
            yield name, value


def _check_unchanged(node: Node) -> None:
    """Raises when an array that `node` saved was written in place since."""
    for name, value in _named_arrays(node):
        if hasattr(value, "base") and version(value) > node.birth:
            who = _writes[id(owner(value))][2]
            made = f", recorded at {node.where}," if node.where else ""
            raise RuntimeError(
                f"{node.name}: backward needs its {name!r} of shape {tuple(value.shape)}{made} "
                f"but {who} changed that array in place after it was saved; change a copy instead "
                "(x = x.clone()), or call backward() before the change"
            )


def users_line(besides: str = "<minitorch") -> str:
    """The innermost line of the program outside this package (and `besides`): "file:line: code"."""
    frame, inner = sys._getframe(1), (_HERE, "<minitorch", besides)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inner):
        frame = frame.f_back
    name, line = frame.f_code.co_filename, frame.f_lineno
    return f"{name}:{line}: {linecache.getline(name, line).strip()}"


# the backward sweep ---------------------------------------------------------------------------

Lift = Callable[[Node, str, Any], Any]


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
        raise RuntimeError(f"{_whose(op, index)} is a {found}, expected an array of shape {shape}")
    if g.shape != shape:
        try:
            if not op.broadcasts:
                raise ValueError
            g = unbroadcast(g, shape)
        except ValueError:
            hint = _shape_hint(g.shape, shape)
            raise RuntimeError(
                f"{_whose(op, index)} has shape {g.shape}, expected {shape}{hint}"
            ) from None
    if g.dtype != dtype:
        # NumPy promotes float32 by what it meets: another input may be int64, or a 0-d float64.
        mixed = op.broadcasts and any(getattr(v, "dtype", dtype) != dtype for v in saved)
        if node.dtype == dtype and not mixed:  # so the rule itself has changed the dtype
            raise RuntimeError(f"{_whose(op, index)} has dtype {g.dtype}, expected {dtype}")
        g = g.astype(dtype)
    return g


def _whose(op: Any, index: int) -> str:
    name = op.inputs[0 if op.variadic else index]
    return f"{op.name}: the gradient of input {name!r}"


def _shape_hint(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What the rule has most likely forgotten."""
    if sorted(got) == sorted(expected):
        return "; it is transposed"
    tail = got[len(got) - len(expected) :]
    if len(got) >= len(expected) and all(n in (m, 1) for m, n in zip(tail, expected)):
        return "; the forward broadcasts this input, so sum over the added axes: sum_to(g, x_shape)"
    return ""


class Sweep:
    """One walk backwards: newest node first, each visited once, with its gradient complete.

    Gradients live in this object alone. When a rule raises, no tensor has changed.
    """

    def __init__(self, keep: bool = False, lift: Lift | None = None):
        self.keep = keep  # leave the saved values for another sweep?
        self.lift = lift  # makes Tensors of saved values, to record the sweep itself
        self.pending: dict[int, list] = {}  # birth -> [node, gradient so far]
        self.heap: list[int] = []  # minus the births in `pending`
        self.leaves: dict[int, list] = {}  # id(leaf) -> [leaf, gradient so far]
        self.owned: set[int] = set()  # keys whose gradient is a sum made here, ours to add to

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

        A queue of births finds the newest. The shortcuts: in a chain, where only one node is
        pending, there is nothing to queue; a sum that was made here is added to in place; and what
        arrives for one of several outputs goes straight into the list that their node is given.

        Args:
            roots: nodes or leaves, each with the gradient to start from.
            wanted: births and leaf ids that lead to a target; rules for others are not run.
            capture: births whose gradient is to be kept; filled in.
        """
        pending, heap, leaves, owned = self.pending, self.heap, self.leaves, self.owned
        keep, lift, queue = self.keep, self.lift, self._queue
        alone: list | None = None  # a pending node by itself, as in a chain: it needs no queue
        node: Any = None
        saved: Any = ()
        sent: Iterable[tuple[int, Any, Any]] = [(0, to, g) for to, g in roots]
        while True:
            for index, to, g in sent:  # what the rules of `node` gave, to where it goes
                if g is None:
                    continue
                if isinstance(to, Node):
                    like, table, key = to, pending, to.birth
                else:
                    like, table, key = to.array, leaves, id(to)
                try:
                    fits = g.shape == like.shape and g.dtype is like.dtype
                except AttributeError:
                    fits = False
                if not fits and node is not None:
                    g = _fit(g, node, saved, index, like.shape, like.dtype)
                if type(to) is Pick and to.hooks is None and capture is None:
                    # Nobody asks for the sum of what arrives here: on to the node that it is of.
                    (whole,) = to.parents
                    if alone is None or alone[0] is not whole:
                        entry = pending.get(whole.birth)
                        if entry is None:
                            entry = [whole, [None] * len(whole.shape)]
                            if alone is not None:
                                queue(alone)
                                alone = None
                            if heap:
                                queue(entry)
                            else:
                                alone = entry
                    else:
                        entry = alone
                    slots, i = entry[1], to.index
                    if slots[i] is None and to.shape:
                        slots[i] = g
                    else:
                        self._fill(slots, to, g)
                    continue
                if table is pending and not heap:
                    if alone is None:
                        alone = [to, g]
                        continue
                    queue(alone)
                    alone = None
                entry = table.get(key)
                if entry is None:
                    table[key] = [to, g]
                    if table is pending:
                        heappush(heap, -key)
                elif key in owned:
                    entry[1] += g
                else:
                    entry[1] = entry[1] + g
                    if lift is None:
                        owned.add(key)
            if alone is not None:  # and the queue is empty
                node, g = alone
            elif heap:
                node, g = pending.pop(-heappop(heap))
            else:
                return
            alone = None
            while True:  # once, and on along a chain
                if not node.shape and isinstance(g, np.generic):
                    g = np.asarray(g)  # NumPy made a scalar of a 0-d array; rules take arrays
                if node.hooks is not None:
                    for hook in tuple(node.hooks):
                        g = hook(g)
                if capture is not None and node.birth in capture:
                    capture[node.birth] = g
                if type(node) is Pick:
                    self._send_slot(node, g)
                    sent = ()
                    break
                plan = node.plan
                saved = node.saved
                inspection = node.inspection
                if saved is FREED or _last_write > node.birth or lift or inspection is not None:
                    saved = self._values(node)
                if type(g) is list:
                    g = _filled(g, node)
                needs = plan.needs_all
                if wanted is not None:
                    needs = [key_of(p) in wanted for p in node.parents]
                pull = plan.pull  # Python finds what a name holds sooner than a method
                grads = pull(g, saved, needs)
                if inspection is not None:
                    inspection.after(node, g, grads)
                if not keep:
                    node.saved = FREED
                if len(grads) == 1 and not heap:
                    (g,), (to,) = grads, node.parents
                    plain = type(to) is Node and type(g) is ndarray
                    if plain and g.shape == to.shape and g.dtype is to.dtype:
                        node = to
                        continue
                sent = zip(plan.wanted, node.parents, grads)
                break

    def _queue(self, entry: list) -> None:
        """Files a node and its gradient so far."""
        key = entry[0].birth
        self.pending[key] = entry
        heappush(self.heap, -key)

    def _send_slot(self, pick: Pick, g: Any) -> None:
        """Adds `g` to its place among the gradients of a node with several outputs."""
        node = pick.parents[0]
        entry = self.pending.get(node.birth)
        if entry is None:
            entry = self.pending[node.birth] = [node, [None] * len(node.shape)]
            heappush(self.heap, -node.birth)
        self._fill(entry[1], pick, g)

    def _fill(self, slots: list, pick: Pick, g: Any) -> None:
        """Adds `g` to what has arrived for one of several outputs."""
        i = pick.index
        if not pick.shape and isinstance(g, np.generic):
            g = np.asarray(g)
        slots[i] = g if slots[i] is None else slots[i] + g

    def _values(self, node: Node) -> Sequence[tuple]:
        """The saved values of a node, after checking that they are there and unchanged."""
        if node.saved is FREED:
            raise RuntimeError(
                f"backward: {node.name} was already used by an earlier backward() and its saved "
                "values are freed; call the first backward(retain_graph=True), or add the losses "
                "and go backward once: (a + b).backward()"
            )
        if _last_write > node.birth:
            _check_unchanged(node)
        if node.inspection is not None:
            node.inspection.before(node)
        if self.lift is None:
            return node.saved
        named = zip(node.plan.names, node.saved, strict=True)
        return tuple([self.lift(node, name, value) for name, value in named])


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


def key_of(to: Any) -> int:
    """A node's birth, or a leaf's id: what a sweep files gradients under."""
    return to.birth if isinstance(to, Node) else id(to)


def ancestors(roots: Iterable[Node]) -> list[Node]:
    """Every node the roots were made from, themselves included, oldest first."""
    found: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.birth not in found:
            found[node.birth] = node
            stack.extend(p for p in node.parents if isinstance(p, Node))
    return [found[birth] for birth in sorted(found)]


def leading_to(targets: set[int], roots: Iterable[Node]) -> set[int]:
    """The keys on a path from the roots to a target: only their rules need to run."""
    wanted = set(targets)
    for node in ancestors(roots):  # oldest first, so parents are settled before their children
        if any(key_of(p) in wanted for p in node.parents):
            wanted.add(node.birth)
    return wanted
