"""A line of the tape: an op, what it was given, what came out, and what it keeps for backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minitorch.calls import Call
from minitorch.tape import FREED, Node, Pick
from minitorch.tensor import LEAF
from minitorch.tree import leaves


@dataclass(frozen=True)
class Record:
    """One line of the tape.

    Attributes:
        birth: the number of the node.
        name: the op.
        inputs: for each input, the birth of the node it came from, or the value itself.
        options: the op's options.
        shapes: of the outputs, with their dtypes.
        saved: what the node keeps for the backward, with its size in bytes.
        node: the node, kept alive.
        calls: the calls of modules it was recorded in, the outermost first.
    """

    birth: int
    name: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    shapes: tuple[tuple[tuple[int, ...], Any], ...]
    saved: dict[str, int]
    node: Node
    calls: tuple[Call, ...] = ()

    @classmethod
    def of(
        cls,
        node: Node,
        inputs: Sequence[Any],
        options: dict[str, Any],
        y: Any = None,
        calls: tuple[Call, ...] = (),
    ) -> Record:
        """The line of a node; `y` is what it computed, where that is at hand."""
        saved = () if node.saved is FREED else node.saved
        sizes = {
            name: sum(getattr(v, "nbytes", 0) for v in leaves(value))
            for name, value in zip(node.plan.names, saved)
        }
        shapes = node.shape if isinstance(node.shape, list) else [(node.shape, node.dtype)]
        if isinstance(y, tuple):
            shapes = [(part.shape, part.dtype) for part in y]
        return cls(node.birth, node.name, tuple(inputs), options, tuple(shapes), sizes, node, calls)

    @property
    def output(self) -> From:
        """Where what it computed is found."""
        return From(self.birth)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept; an upper bound, as an array kept by several counts for each."""
        return sum(self.saved.values())


@dataclass(frozen=True)
class From:
    """An input that is output number `index` of the node born as `birth`."""

    birth: int
    index: int = 0


def source_of(parent: Any, value: Any) -> Any:
    """Where an input that requires grad came from."""
    if isinstance(parent, Pick):
        return From(parent.parents[0].birth, parent.index)
    if isinstance(parent, Node):
        return From(parent.birth)
    return parent.array if parent.node is LEAF else value
