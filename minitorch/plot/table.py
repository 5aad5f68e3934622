"""The numbers of a picture as text, for where there is no Matplotlib to draw them."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NoReturn

from minitorch.diagnostics.tables import shown, text_table

Columns = Mapping[str, Sequence[Any]]
ROWS, COLUMNS = 20, 10  # so much of a table is shown; a file has all of it


def missing() -> str:
    """How to get what draws."""
    return f"Matplotlib is not installed: {sys.executable} -m pip install matplotlib"


class Table:
    """Columns of numbers, which a picture returns in place of Axes without Matplotlib.

    As a string it is the table, its long middle left out; `plot.save` writes all of it as a .csv
    file.

    >>> print(Table({"layer": ["conv", "out"], "mean": [0.25, -1.0]}))
    layer  mean
    conv   0.25
    out      -1
    """

    def __init__(self, columns: Columns):
        self.columns = {name: list(column) for name, column in columns.items()}

    def __len__(self) -> int:
        return max(map(len, self.columns.values()), default=0)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"{name}: this is a table and not Axes, since {missing()}")

    def __str__(self) -> str:
        names = _cut(list(self.columns), COLUMNS)
        rows: list[list[str]] = []
        for i in _cut(list(range(len(self))), ROWS):
            cells = [None if n is None or i is None else self._cell(n, i) for n in names]
            rows.append(["..." if cell is None else _said(cell) for cell in cells])
        words = [i for i, n in enumerate(names) if n and _is_text(self.columns[n])]
        return text_table(["..." if n is None else n for n in names], rows, left=words)

    def _cell(self, name: str, i: int) -> Any:
        column = self.columns[name]
        return column[i] if i < len(column) else ""

    def csv(self) -> str:
        """All of it as comma-separated values."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for i in range(len(self)):
            writer.writerow([self._cell(name, i) for name in self.columns])
        return text.getvalue()

    def beside(self, other: Table) -> Table:
        """Both tables as one; a column that both have is there once."""
        columns = dict(self.columns)
        for name, column in other.columns.items():
            while name in columns and columns[name] != column:
                name += "'"
            columns[name] = column
        return Table(columns)


def _cut(items: list[Any], most: int) -> list[Any]:
    """The items, with None for the middle of them where there are too many."""
    if len(items) <= most:
        return items
    return [*items[: most // 2], None, *items[-(most // 2) :]]


def _is_text(column: Sequence[Any]) -> bool:
    return any(isinstance(x, str) and x for x in column)


def _said(cell: Any) -> str:
    return shown(float(cell)) if isinstance(cell, Real) else str(cell)
