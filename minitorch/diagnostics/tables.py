"""Numbers as text: aligned columns that need nothing but a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    """Rows under a header, two blanks between columns; those in `left` begin at their left edge.

    >>> print(text_table(("layer", "mean"), [("hidden", "0.5"), ("out", "12")], left=[0]))
    layer   mean
    hidden   0.5
    out       12
    """
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if i in left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def shown(x: float | None) -> str:
    """A number in at most nine characters; nothing where there is none.

    >>> [shown(x) for x in (0.0, 0.123456, 12.0, 1e-9, float("inf"), None)]
    ['0', '0.123', '12', '1e-09', 'inf', '']
    """
    return "" if x is None else f"{x:.3g}"


def share(x: float) -> str:
    """A share in percent; nothing where it was not measured.

    >>> [share(x) for x in (0.25, 0.0004, float("nan"))]
    ['25 %', '0.04 %', '']
    """
    return "" if math.isnan(x) else f"{100 * x:.3g} %"
