"""The tape made visible: what a block of code recorded, as a table, as text, as a picture.

A Wengert list is a program without loops or branches: one line per op, each line's inputs computed
above it. That is what the tape holds, whatever control flow produced it. (R. E. Wengert, "A simple
automatic derivative evaluation program", Communications of the ACM 7(8), 1964.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch import drawing
from minitorch.explain import explain
from minitorch.modes import Switch
from minitorch.tape import FREED, Mode, Node, Pick, ancestors
from minitorch.tensor import LEAF, Tensor


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
    """

    birth: int
    name: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    shapes: tuple[tuple[tuple[int, ...], Any], ...]
    saved: dict[str, int]
    node: Node

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


class tape(Switch):  # noqa: N801 - a context manager, like no_grad
    """Shows what is recorded inside its block; two tapes do not see each other's lines.

    Args:
        names: tensors to be called by name in the listing, `tape(x=x, w=w)`.

    >>> import minitorch
    >>> x = minitorch.tensor([1.0, 2.0], requires_grad=True)
    >>> with tape(x=x) as t:
    ...     loss = (x * 3).tanh().sum()
    >>> len(t)
    3
    >>> print(t)
    line  op         output        saves         bytes
      v1  mul(x, 3)  float32 (2,)  b                 0
      v2  tanh(v1)   float32 (2,)  y                 8
      v3  sum(v2)    float32 ()    x_shape, dim      0
    """

    def __init__(self, **names: Tensor):
        super().__init__()
        self.records: list[Record] = []
        self._names = {id(t.array): name for name, t in names.items()}
        self._held = list(names.values())  # so that their ids stay theirs

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, self._watch), was.casts)

    @classmethod
    def of(cls, *outputs: Tensor, **names: Tensor) -> tape:
        """The part of the tape that leads to these tensors, whenever it was recorded."""
        shown = cls(**names)
        roots = [y.grad_fn for y in outputs if y.grad_fn is not None]
        for node in ancestors(roots):
            if not isinstance(node, Pick):
                inputs = [_source(p, None) for p in node.parents]
                shown.records.append(_record(node, inputs, {}))
        return shown

    def _watch(self, node: Node, values: Sequence[Any], options: dict[str, Any], y: Any) -> None:
        inputs = list(values)
        for place, parent in zip(node.plan.wanted, node.parents):
            inputs[place] = _source(parent, values[place])
        self.records.append(_record(node, inputs, options, y))

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def replay(self) -> list[Any]:
        """Runs the recorded program again; the array (or tuple of arrays) of every line.

        Raises:
            RuntimeError: an input was made outside the block and is not known here.
        """
        made: dict[int, Any] = {}
        for record in self.records:
            inputs = []
            for value in record.inputs:
                if isinstance(value, From):
                    if value.birth not in made:
                        raise RuntimeError(
                            f"replay: {record.name} needs a result made outside this tape; record "
                            "the whole computation inside the block"
                        )
                    y = made[value.birth]
                    value = y[value.index] if isinstance(y, tuple) else y
                inputs.append(value)
            made[record.birth] = record.node.plan.op.body(*inputs, **record.options)
        return list(made.values())

    # as text -----------------------------------------------------------------------------------

    def __str__(self) -> str:
        called = self._called()
        rows = [("line", "op", "output", "saves", "bytes")]
        for record in self.records:
            inputs = ", ".join(called(value) for value in record.inputs)
            rows.append(
                (
                    called(From(record.birth)),
                    f"{record.name}({inputs})",
                    ", ".join(f"{dtype} {shape}" for shape, dtype in record.shapes),
                    ", ".join(record.saved),
                    f"{record.nbytes:,}",
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        aligned = [
            f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:<{widths[3]}}  "
            f"{e:>{widths[4]}}"
            for a, b, c, d, e in rows
        ]
        return "\n".join(line.rstrip() for line in aligned)

    __repr__ = __str__

    def _called(self) -> Any:
        """A function from an input to its name in the list: v1, a given name, x1, or a number."""
        lines = {record.birth: f"v{i}" for i, record in enumerate(self.records, 1)}
        names = dict(self._names)

        def name(value: Any) -> str:
            if isinstance(value, From):
                picked = f"[{value.index}]" if self._is_tuple(value.birth) else ""
                return lines.get(value.birth, f"#{value.birth}") + picked
            if not hasattr(value, "shape"):
                return str(value)
            if id(value) not in names:
                names[id(value)] = f"x{sum(n.startswith('x') for n in names.values()) + 1}"
            return names[id(value)]

        return name

    def _is_tuple(self, birth: int) -> bool:
        return any(r.birth == birth and len(r.shapes) > 1 for r in self.records)

    def explain(self) -> str:
        """What backward does, step by step: each op with its rule, and the shapes.

        >>> import minitorch
        >>> x = minitorch.tensor([1.0, 2.0], requires_grad=True)
        >>> with tape(x=x) as t:
        ...     loss = (x * 3).sum()
        >>> print(t.explain())
        g is the gradient that arrives at an op's output; what several ops send is added up
        v2 = sum(v1)          y = Σ x
            g = dL/dv2 (), which is 1 to begin with
            dL/dv1 (2,) = g
        v1 = mul(x, 3)          y = a b
            g = dL/dv1 (2,)
            dL/dx (2,) = g b
        """
        shapes = {r.birth: [shape for shape, _ in r.shapes] for r in self.records}

        def shape_of(value: Any) -> Any:
            if not isinstance(value, From):
                return tuple(value.shape)
            return shapes[value.birth][value.index] if value.birth in shapes else ""

        return explain(self.records, self._called(), shape_of)

    # as a picture ------------------------------------------------------------------------------

    def graph(self, gradients: bool = False) -> drawing.Graph:
        """The records as boxes and arrows: leaves, constants and ops.

        Args:
            gradients: write the norm of its gradient beside each named tensor that has one.
        """
        norms = {
            id(t.array): f", |g| = {np.linalg.norm(t.grad.detach().cpu().array):.3g}"
            for t in self._held
            if gradients and t.grad is not None
        }
        called = self._called()
        graph = drawing.Graph()
        for record in self.records:
            me = called(From(record.birth)).partition("[")[0]
            shape = " ".join(str(shape) for shape, _ in record.shapes)
            graph.box(me, f"{record.name} {shape}", kind="op")
            for value in record.inputs:
                source = called(value)
                if isinstance(value, From):
                    source = source.partition("[")[0]
                    graph.box(source, source, kind="op")
                elif hasattr(value, "shape"):
                    label = f"{source} {tuple(value.shape)}{norms.get(id(value), '')}"
                    graph.box(source, label, kind="value")
                else:
                    continue
                graph.arrow(source, me)
        return graph

    def text(self) -> str:
        """The graph as an indented tree, from the last result down to what it was made from."""
        return self.graph().text()

    def dot(self, gradients: bool = False) -> str:
        """The graph in Graphviz's language, which no program of Graphviz's is needed to write."""
        return self.graph(gradients).dot()

    def mermaid(self) -> str:
        """The graph in Mermaid's language, which Markdown viewers draw."""
        return self.graph().mermaid()

    def svg(self) -> str:
        """The graph as an SVG picture."""
        return self.graph().svg()

    _repr_svg_ = svg


def _source(parent: Any, value: Any) -> Any:
    """Where an input that requires grad came from."""
    if isinstance(parent, Pick):
        return From(parent.parents[0].birth, parent.index)
    if isinstance(parent, Node):
        return From(parent.birth)
    return parent.array if parent.node is LEAF else value


def _record(node: Node, inputs: Sequence[Any], options: dict[str, Any], y: Any = None) -> Record:
    saved = () if node.saved is FREED else node.saved
    sizes = {
        n: getattr(v, "nbytes", 0) if hasattr(v, "shape") else 0
        for n, v in zip(node.plan.names, saved)
    }
    shapes = node.shape if isinstance(node.shape, list) else [(node.shape, node.dtype)]
    if isinstance(y, tuple):
        shapes = [(part.shape, part.dtype) for part in y]
    return Record(node.birth, node.name, tuple(inputs), options, tuple(shapes), sizes, node)
