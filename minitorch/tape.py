"""The tape: what was computed, in the order it was computed.

Every recorded op leaves a `Node`, numbered at birth. A node is always younger than the nodes it was
made from, so taking the newest first *is* a topological order: the walks below, and the backward
sweep (`sweep.py`), need no sorting and no recursion.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, Self

import numpy as np

from minitorch.array import Array
from minitorch.clock import next_birth

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
RECORDING, SILENT = Mode(), Mode(recording=False)
_mode: ContextVar[Mode] = ContextVar("minitorch_mode", default=RECORDING)
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
    """One of the several outputs of a node: it only says which, so that `g` finds its slot.

    Attributes:
        whole: the node, which has the plan and the saved values; a pick has none of its own.
        index: which of the outputs.
    """

    __slots__ = ("index", "whole")
    whole: Node
    index: int

    saved = ()
    inspection = None

    @property
    def plan(self) -> Any:
        """That of the whole."""
        return self.whole.plan

    @property
    def parents(self) -> tuple[Node]:  # type: ignore[override]
        """The whole alone."""
        return (self.whole,)

    @classmethod
    def number(cls, index: int, node: Node, y: Array) -> Pick:
        """A new one, of output `index` of a node."""
        pick = cls()
        pick.birth = next_birth()
        pick.whole = node
        pick.index = index
        pick.shape = y.shape
        pick.dtype = y.dtype
        pick.hooks = None
        return pick


# where a node was made ------------------------------------------------------------------------


def users_frame(besides: str = "<minitorch") -> tuple[FrameType, int]:
    """The innermost call outside this package (and `besides`), and how many calls up that is."""
    frame, levels, inner = sys._getframe(1), 1, (_HERE, "<minitorch", besides)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inner):
        frame, levels = frame.f_back, levels + 1
    return frame, levels


def users_line(besides: str = "<minitorch") -> str:
    """The innermost line of the program outside this package (and `besides`): "file:line: code"."""
    frame, _ = users_frame(besides)
    name, line = frame.f_code.co_filename, frame.f_lineno
    return f"{name}:{line}: {linecache.getline(name, line).strip()}"


# walks --------------------------------------------------------------------------------------


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
