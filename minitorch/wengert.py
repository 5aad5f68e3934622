"""The tape made visible: what a block of code recorded, as a table, as text, as a picture.

A Wengert list is a program without loops or branches: one line per op, each line's inputs computed
above it. That is what the tape holds, whatever control flow produced it. (R. E. Wengert, "A simple
automatic derivative evaluation program", Communications of the ACM 7(8), 1964.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minitorch import drawing
from minitorch.array import CPU, move
from minitorch.calls import Calls
from minitorch.explain import explain
from minitorch.folding import Folding
from minitorch.modes import Switch
from minitorch.page import page
from minitorch.records import From, Record, source_of
from minitorch.tape import Mode, Node, Pick, ancestors
from minitorch.tensor import Tensor, raw


class tape(Switch):  # noqa: N801 - a context manager, like no_grad
    """Shows what is recorded inside its block; two tapes do not see each other's lines.

    Args:
        names: tensors to be called by name in the listing, `tape(x=x, w=w)`; of a module,
            `tape(model=model)`, all it holds, and ops are then known by the call they are in.

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

    def __init__(self, **names: Any):
        super().__init__()
        self.records: list[Record] = []
        self._modules = {name: m for name, m in names.items() if hasattr(m, "named_parameters")}
        tensors = {name: t for name, t in names.items() if name not in self._modules}
        for name, t in tensors.items():
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"tape: {name} is a {type(t).__name__}, expected a Tensor or a module"
                )
        self._names = {id(t.array): name for name, t in tensors.items()}
        self._held = list(tensors.values())  # so that their ids stay theirs
        self._calls = Calls(self._modules)
        self._norms: dict[int, float] = {}  # of the gradient that reached a node, by birth
        self._retains = False

    def __enter__(self) -> tape:
        self._calls.listen()
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        self._calls.leave()
        super().__exit__(*exc)

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, self._watch), was.casts)

    @classmethod
    def of(cls, *outputs: Tensor, **names: Tensor) -> tape:
        """The part of the tape that leads to these tensors, whenever it was recorded."""
        shown = cls(**names)
        roots = [y.grad_fn for y in outputs if y.grad_fn is not None]
        for node in ancestors(roots):
            if not isinstance(node, Pick):
                inputs = [source_of(p, None) for p in node.parents]
                shown.records.append(Record.of(node, inputs, {}))
        return shown

    def _watch(self, node: Node, values: Sequence[Any], options: dict[str, Any], y: Any) -> None:
        inputs = list(values)
        for place, parent in zip(node.plan.wanted, node.parents):
            inputs[place] = source_of(parent, values[place])
        self.records.append(Record.of(node, inputs, options, y, self._calls.now))
        if self._retains:
            self._retain(node)

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

    # gradients ---------------------------------------------------------------------------------

    def retain_grad(self) -> tape:
        """Notes the norm of the gradient that reaches each op, for the pictures.

        It holds for the ops that are there and for those to come, so call it before `backward`.

        >>> import minitorch
        >>> x = minitorch.tensor([3.0, 4.0], requires_grad=True)
        >>> with tape(x=x) as t:
        ...     loss = (x * x).sum()
        >>> _ = t.retain_grad()
        >>> loss.backward()
        >>> print(t.text(gradients=True))
        v2 = sum (), |g| = 1
        └─ v1 = mul (2,), |g| = 1.41
           └─ x (2,), |g| = 10
        """
        if not self._retains:
            self._retains = True
            for record in self.records:
                self._retain(record.node)
        return self

    def _retain(self, node: Node) -> None:
        birth, norms = node.birth, self._norms  # the node must not hold the tape that holds it

        def note(g: Any) -> Any:
            norms[birth] = _norm(g)
            return g

        node.hooks = [note] if node.hooks is None else [*node.hooks, note]

    def _named_leaves(self) -> Iterator[tuple[str, Tensor]]:
        """What the named modules hold: buffers, and parameters, once they have a size."""
        for name, module in self._modules.items():
            for path, held in (*module.named_parameters(), *module.named_buffers()):
                try:
                    held.array  # noqa: B018 - which a parameter without a size does not have
                except RuntimeError:
                    continue
                yield f"{name}.{path}", held

    # as text -----------------------------------------------------------------------------------

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        aligned = [
            f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:<{widths[3]}}  "
            f"{e:>{widths[4]}}"
            for a, b, c, d, e in rows
        ]
        return "\n".join(line.rstrip() for line in aligned)

    __repr__ = __str__

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        """The listing, its header first."""
        called = self._called()
        rows = [("line", "op", "output", "saves", "bytes")]
        for record in self.records:
            inputs = ", ".join(called(value) for value in record.inputs)
            rows.append(
                (
                    _whole(called(record.output)),
                    f"{record.name}({inputs})",
                    ", ".join(f"{dtype} {shape}" for shape, dtype in record.shapes),
                    ", ".join(record.saved),
                    f"{record.nbytes:,}",
                )
            )
        return rows

    def _called(self) -> Any:
        """A function from an input to its name in the list: v1, a given name, x1, or a number."""
        lines = {record.birth: f"v{i}" for i, record in enumerate(self.records, 1)}
        names = {**self._names, **{id(p.array): name for name, p in self._named_leaves()}}

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
            gradients: write the norm of its gradient beside each named leaf that requires one;
                before a backward, that it is not computed; after `retain_grad()`, beside each op.
        """
        held = [*self._held, *(p for _, p in self._named_leaves())]
        leaves = [t for t in held if gradients and t.requires_grad and t.is_leaf]
        norms = {id(t.array): _leafs_norm(t) for t in leaves}
        called = self._called()
        graph = drawing.Graph()
        for record in self.records:
            me = _whole(called(record.output))
            shape = " ".join(str(shape) for shape, _ in record.shapes)
            size = self._norms.get(record.birth) if gradients else None
            norm = "" if size is None else f", |g| = {size:.3g}"
            graph.box(me, f"{record.name} {shape}{norm}", kind="op", tip=self._told(record, called))
            for value in record.inputs:
                source = called(value)
                if isinstance(value, From):
                    source = _whole(source)
                    graph.box(source, source, kind="op")
                elif hasattr(value, "shape"):
                    label = f"{source} {tuple(value.shape)}{norms.get(id(value), '')}"
                    graph.box(source, label, kind="value")
                else:
                    continue
                graph.arrow(source, me)
        return graph

    def _told(self, record: Record, called: Callable[[Any], str]) -> str:
        """What there is to say of an op, in a few lines."""
        outputs = ", ".join(f"{dtype} {shape}" for shape, dtype in record.shapes)
        saved = ", ".join(f"{name} ({size:,} bytes)" for name, size in record.saved.items())
        given = ", ".join(map(called, record.inputs))
        lines = [f"{_whole(called(record.output))} = {record.name}({given})", outputs]
        lines.append(f"saves {saved or 'nothing'}")
        lines += [f"in {call}: {call.kind}" for call in record.calls[-1:]]
        return "\n".join(lines)

    def text(self, gradients: bool = False) -> str:
        """The graph as an indented tree, from the last result down to what it was made from.

        >>> import minitorch
        >>> x = minitorch.tensor([3.0, 4.0], requires_grad=True)
        >>> with tape(x=x) as t:
        ...     loss = (x * x).sum()
        >>> print(t.text(gradients=True))
        v2 = sum ()
        └─ v1 = mul (2,)
           └─ x (2,), |g| not computed
        >>> loss.backward()
        >>> print(t.text(gradients=True))
        v2 = sum ()
        └─ v1 = mul (2,)
           └─ x (2,), |g| = 10
        """
        return self.graph(gradients).text()

    def dot(self, gradients: bool = False) -> str:
        """The graph in Graphviz's language, which no program of Graphviz's is needed to write."""
        return self.graph(gradients).dot()

    def mermaid(self, gradients: bool = False) -> str:
        """The graph in Mermaid's language, which Markdown viewers draw."""
        return self.graph(gradients).mermaid()

    def svg(self, gradients: bool = False) -> str:
        """The graph as an SVG picture."""
        return self.graph(gradients).svg()

    _repr_svg_ = svg

    def html(self, gradients: bool = True, title: str = "The tape") -> str:
        """All of it as a page for a browser, to be written to a file; it needs no network.

        With `tape(model=model)` each call of a module is one box, and a click opens it.

            Path("tape.html").write_text(t.html(), encoding="utf-8")
        """
        called = self._called()
        calls = {_whole(called(r.output)): r.calls for r in self.records}
        outputs = {
            call: " ".join(str(shape) for shape, _ in record.shapes)
            for record in self.records
            for call in record.calls
        }
        parameters = frozenset(name for name, _ in self._named_leaves())
        folding = Folding(self.graph(gradients), calls, outputs, parameters)
        return page(title, folding, self._rows(), self.explain())


def _whole(name: str) -> str:
    """v1 for v1[0]: all outputs of an op as one."""
    return name.partition("[")[0]


def _norm(g: Any) -> float:
    """√(Σ g²), also of the gradients of several outputs, of which some may be missing."""
    parts = g if isinstance(g, (tuple, list)) else [g]
    sizes = [np.linalg.norm(move(raw(part), CPU)) for part in parts if part is not None]
    return float(np.linalg.norm(sizes))


def _leafs_norm(x: Tensor) -> str:
    """The size of a gradient, for a label; one that no backward has reached is not 0."""
    return ", |g| not computed" if x.grad is None else f", |g| = {_norm(x.grad):.3g}"
