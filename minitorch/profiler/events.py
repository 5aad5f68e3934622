"""What a profile has seen: one event for each call, and rows that add them up op by op."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from minitorch.diagnostics.tables import share, text_table
from minitorch.nn.summary import shown_bytes

PARTS = ("forward", "backward", "update")
SPANS = ("sweep", "label")  # stretches of time that hold events, and are added to nothing
# torch's names of columns
ALIASES = {"count": "calls", "cpu_memory_usage": "made", "self_cpu_memory_usage": "made"}
ALIASES |= {f"{own}{of}_time_total": "total" for own in ("", "self_") for of in ("cpu", "cuda")}


class Event(NamedTuple):
    """One call.

    Attributes:
        name: the op, the optimizer ("SGD.step"), or what a `record_function` is called.
        part: "forward" for the body of an op, "backward" for its rules (and for bodies that run
            while a sweep does), "update" for an optimizer; or "sweep" or "label", which span
            other events.
        start: seconds on `time.perf_counter`.
        seconds: how long it took.
        made: bytes of the new arrays it returned; what was freed again inside is not known.
        module: the path and class of the module it belongs to, where a model was named.
    """

    name: str
    part: str
    start: float
    seconds: float
    made: int
    module: str = ""


@dataclass
class Row:
    """All events of one op, or of one module.

    Attributes:
        name: the op or the optimizer; or the path of the module and its class.
        calls: how often its body ran, or the optimizer stepped.
        forward, backward, update: seconds.
        made: bytes of new arrays, results and gradients.
        saved: bytes that its nodes keep on the tape; an array that several keep is the first one's.
    """

    name: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    update: float = 0.0
    made: int = 0
    saved: int = 0

    @property
    def total(self) -> float:
        """Seconds, of all three parts."""
        return self.forward + self.backward + self.update


def added_up(
    events: Iterable[Event], saved: Mapping[tuple[str, str], int], by_module: bool = False
) -> list[Row]:
    """A row for each op, or for each module, the one that takes longest first.

    Args:
        events: all of them.
        saved: bytes by op and module.
        by_module: what belongs to no module is a row of its own.
    """
    rows: dict[str, Row] = {}

    def row_of(op: str, module: str) -> Row:
        name = (module or "elsewhere") if by_module else op
        return rows.setdefault(name, Row(name))

    for event in events:
        if event.part in SPANS:
            continue
        row = row_of(event.name, event.module)
        setattr(row, event.part, getattr(row, event.part) + event.seconds)
        row.calls += event.part != "backward"
        row.made += event.made
    for key, size in saved.items():
        row_of(*key).saved += size
    return sorted(rows.values(), key=lambda row: -row.total)


class Averages(Sequence[Row]):
    """The rows of a profile; `table()` is all of it as text.

    Attributes:
        wall: seconds between the beginning and the end of the profile.
        peak: the most bytes that results and gradients took at once.
    """

    def __init__(
        self,
        rows: list[Row],
        labels: Mapping[str, list[float]],
        wall: float,
        peak: int,
        kind: str = "op",
    ):
        self.rows, self.labels, self.wall, self.peak, self.kind = rows, labels, wall, peak, kind

    def __getitem__(self, i: Any) -> Any:
        return self.rows[i]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def between(self) -> float:
        """Seconds in which no op ran: Python's own, the tape's, the data's, the profile's."""
        return max(self.wall - sum(row.total for row in self.rows), 0.0)

    def table(self, sort_by: str = "total", row_limit: int = 100) -> str:
        """The rows as text, with their share of all the time.

        Args:
            sort_by: "total", "forward", "backward", "update", "calls", "made" or "saved", whose
                largest comes first, or "name"; torch's names of them will do.
            row_limit: how many ops at most; -1 for all. The others are added up in one line.

        Raises:
            ValueError: there is no such column.
        """
        columns = ("total", *Row.__dataclass_fields__)
        sort_by = ALIASES.get(sort_by, sort_by)
        if sort_by not in columns:
            near = get_close_matches(sort_by, columns, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"table: sort_by={sort_by!r}, expected {', '.join(columns)}{hint}")
        rows = sorted(self.rows, key=lambda row: getattr(row, sort_by), reverse=sort_by != "name")
        shown = rows if row_limit < 0 else rows[:row_limit]
        left = rows[len(shown) :]
        lines = [self._line(row) for row in shown]
        if left:
            lines.append(self._line(_sum(f"{len(left)} more {self.kind}s", left)))
        lines.append(self._line(Row("between ops"), self.between))
        lines.append(self._line(_sum("all", rows), self.wall))
        header = (
            self.kind,
            "calls",
            *(f"{part} ms" for part in PARTS),
            "ms",
            "share",
            "made",
            "saved",
        )
        wanted = [i for i in range(len(header)) if i != 4 or any(row.update for row in rows)]
        text = text_table(
            [header[i] for i in wanted], [[line[i] for i in wanted] for line in lines], left=[0]
        )
        return "\n".join([text, *self._notes()])

    def _line(self, row: Row, whole: float | None = None) -> tuple[str, ...]:
        total = row.total if whole is None else whole
        return (
            row.name,
            str(row.calls or ""),
            *(milliseconds(getattr(row, part)) for part in PARTS),
            milliseconds(total),
            share(round(total / self.wall, 3)) if self.wall else "",
            size(row.made),
            size(row.saved),
        )

    def _notes(self) -> Iterator[str]:
        for name, seconds in self.labels.items():
            yield f"{name}: {milliseconds(sum(seconds))} ms in {counted(len(seconds), 'call')}"
        if self.peak:  # or nothing was weighed
            yield f"results and gradients took {size(self.peak)} at most at once"

    __str__ = table
    __repr__ = table


def _sum(name: str, rows: Iterable[Row]) -> Row:
    whole = Row(name)
    for row in rows:
        for field in ("calls", *PARTS, "made", "saved"):
            setattr(whole, field, getattr(whole, field) + getattr(row, field))
    return whole


def counted(n: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "call"), counted(2, "call")
    ('1 call', '2 calls')
    """
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, in three digits; nothing where there were none.

    >>> [milliseconds(s) for s in (0.0, 0.0000123, 0.00123, 1.5)]
    ['', '0.0123', '1.23', '1500']
    """
    ms = 1e3 * seconds
    return "" if not ms else f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


def size(count: int) -> str:
    """A number of bytes; nothing where there are none.

    >>> [size(n) for n in (0, 999, 12_345)]
    ['', '999 B', '12.3 kB']
    """
    return shown_bytes(count) if count else ""


def chrome_trace(events: Iterable[Event]) -> dict[str, Any]:
    """The events as chrome://tracing and ui.perfetto.dev read them, in microseconds."""
    return {
        "displayTimeUnit": "ms",
        "traceEvents": [
            {
                "ph": "X",
                "name": event.name,
                "cat": event.part,
                "ts": 1e6 * event.start,
                "dur": 1e6 * event.seconds,
                "pid": 0,
                "tid": 0,
                "args": {"bytes": event.made, "module": event.module},
            }
            for event in sorted(events, key=lambda event: event.start)
        ],
    }
