"""A model as a table: what comes out of each layer, what it holds, and what it costs.

The model runs once on shapes, as in a build, and every op that runs is counted for the module it
runs in. Multiply-adds are those of products (matrices, convolutions); what is done element by
element is a small part of them and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minitorch.modes import Switch
from minitorch.nn.building import BATCH, meta_inputs, one_at_a_time, shape_model, undo
from minitorch.nn.members import Members
from minitorch.tape import Mode, Node
from minitorch.tensor import Tensor
from minitorch.tree import leaves, map_leaves


@dataclass
class Row:
    """One call of a module.

    Attributes:
        path: of the module in the model; "" for the model itself.
        kind: its class.
        depth: how many modules it is inside of.
        output: the shapes that came out, "N" in place of the batch axis.
        parameters: how many numbers it holds itself; None where it was called before.
        trainable: how many of them require grad.
        multiply_adds: of its own ops, for one example.
        memory: bytes of its output for one example, in layers; None in what holds other modules.
    """

    path: str
    kind: str
    depth: int
    output: str = ""
    parameters: int | None = 0
    trainable: int = 0
    multiply_adds: int = 0
    memory: int | None = None


@dataclass
class Summary:
    """The rows of the table, and their totals; `print(summary)` shows it.

    Attributes:
        rows: one for each call of a module, in order.
        parameters_bytes: memory of all parameters.
    """

    rows: list[Row]
    parameters_bytes: int

    @property
    def parameters(self) -> int:
        """How many numbers all parameters hold, tied ones counted once."""
        return sum(row.parameters or 0 for row in self.rows)

    @property
    def trainable(self) -> int:
        """How many of them require grad."""
        return sum(row.trainable for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """For one example."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes of the outputs of all layers, for one example."""
        return sum(row.memory or 0 for row in self.rows)

    def __str__(self) -> str:
        lines = [("layer", "output", "parameters", "multiply-adds", "memory")]
        lines += [_line(row) for row in self.rows]
        counts = (f"{self.parameters:,}", f"{self.multiply_adds:,}", shown_bytes(self.memory))
        lines.append(("total", "", *counts))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        text = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  "
            f"{e:>{widths[4]}}".rstrip()
            for a, b, c, d, e in lines
        ]
        text.append(
            f"trainable parameters: {self.trainable:,} ({shown_bytes(self.parameters_bytes)} for "
            "all); multiply-adds and memory are for one example"
        )
        return "\n".join(text)

    __repr__ = __str__


def _line(row: Row) -> tuple[str, str, str, str, str]:
    name = row.path.rpartition(".")[2]
    return (
        "  " * row.depth + (f"{name}: {row.kind}" if name else row.kind),
        row.output,
        "(shared)" if row.parameters is None else f"{row.parameters:,}" if row.parameters else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        "" if row.memory is None else shown_bytes(row.memory),
    )


def shown_bytes(n: float) -> str:
    """A number of bytes in the unit that suits it: 1,234,567 is 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:,.1f} TB"


def summarized(model: Any, shapes: Sequence[Any], named: Mapping[str, Any], dtype: Any) -> Summary:
    """The table for inputs of these shapes, given without the batch axis."""
    args, kwargs = meta_inputs(model, shapes, named, dtype)
    count = _Count(model)
    with one_at_a_time:
        run, _ = shape_model(model, [*map(_recorded, args)], map_leaves(_recorded, kwargs), count)
        try:
            return Summary(count.rows, sum(p.nbytes for p in model.parameters()))
        finally:
            undo(run)


def _recorded(x: Tensor) -> Tensor:
    """The same, on the tape: ops of frozen layers are to be counted too."""
    return x.requires_grad_() * 1 if x.is_floating_point() else x


class _Count(Switch):
    """Hears of every module and every op of one run, and writes the rows."""

    def __init__(self, model: Members):
        super().__init__()
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.rows: list[Row] = []
        self.running: list[Row] = []  # from the model down to the module that runs now
        self.counted: set[int] = set()  # ids of the parameters

    def _mode(self, was: Mode) -> Mode:
        return Mode(True, (self._count,))

    def before(self, module: Members) -> None:
        """A module is called."""
        path = self.paths.get(id(module), "?")
        row = Row(path, type(module).__name__, len(self.running))
        held = list(module.parameters(recurse=False))
        new = [p for p in held if id(p) not in self.counted]
        self.counted.update(map(id, new))
        row.parameters = None if held and not new else sum(p.numel() for p in new)
        row.trainable = sum(p.numel() for p in new if p.requires_grad)
        self.rows.append(row)
        self.running.append(row)

    def after(self, module: Members, output: Any) -> None:
        """The module's forward has returned."""
        row = self.running.pop()
        ys = [y for y in leaves(output) if isinstance(y, Tensor)]
        row.output = ", ".join(_batched(y.shape) for y in ys)
        if next(module.children(), None) is None:
            row.memory = sum(y.nbytes for y in ys) // BATCH

    def _count(self, node: Node, values: Sequence[Any], options: Mapping[str, Any], y: Any) -> None:
        if self.running:
            done = multiply_adds(node.name, values, options, y)
            self.running[-1].multiply_adds += done // BATCH


def _batched(shape: tuple[int, ...]) -> str:
    """The shape with N for the batch axis of a build."""
    if shape[:1] != (BATCH,):
        return str(shape)
    return f"({', '.join(['N', *map(str, shape[1:])])}{',' * (len(shape) == 1)})"


def multiply_adds(name: str, values: Sequence[Any], options: Mapping[str, Any], y: Any) -> int:
    """How many products a product sums, all elements of its output together; 0 for other ops."""
    if name.startswith("matmul"):
        return y.size * values[0].shape[-1]
    if name == "linear" or name in ("conv1d", "conv2d", "conv3d"):
        return y.size * math.prod(values[1].shape[1:])
    if name.startswith("conv_transpose"):
        return values[0].size * math.prod(values[1].shape[1:])
    if name == "contract":
        in_a, in_b, out = options["terms"]
        size = dict(zip(in_a + in_b, values[0].shape + values[1].shape))
        return y.size * math.prod(size[c] for c in in_a if c in in_b and c not in out)
    return 0
