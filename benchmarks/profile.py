"""Where the time of a step goes, op by op: `python -m benchmarks --profile --only W3`.

While a profile is taken, the body and the rules of every op, what writes in place and the step of
every optimizer are put between two looks at the clock, from outside: in the cell where a call finds
the body, and in the plan where a backward sweep finds the rules. Without a profile nothing of it is
there. Beside the ops stands the time of the step's matrix products alone, in NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks.engines import load, steps_of
from benchmarks.registry import LIMIT, MINITORCH, Step, Workload
from benchmarks.report import number, table
from benchmarks.run import Options, all_timed, say
from benchmarks.timing import interleaved, machine
from benchmarks.workloads import WORKLOADS

NAMES = ("W1", "W3", "W4", "W5a", "W5b", "W9", "W10", "W11", "W12")  # when none is named
PARTS = ("forward", "backward", "update")
FILE = Path(__file__).parent / "profiles.md"

Spent = dict[tuple[str, str], tuple[float, int]]  # (part, op) -> seconds and calls of a step
ENGINE = "engine"


class Clock:
    """Adds up the seconds and calls of what it times, in three parts.

    A step begins in "forward", is in "backward" while a sweep runs, and in "update" after it or
    when an optimizer steps. What is called inside something that is timed belongs to that.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list] = {}
        self.whole: dict[str, float] = {}  # part -> seconds, ops and all else together
        self._part, self._since, self._inside = "forward", 0.0, False

    def step(self, step: Step) -> Spent:
        """One step: for each part the ops, and the rest of its time under `ENGINE`."""
        self.rows, self.whole = {}, dict.fromkeys(PARTS, 0.0)
        self._part, self._since = "forward", perf_counter()
        step()
        self.turn_to("forward")
        cost = own_cost()
        spent = {key: (seconds, calls) for key, (seconds, calls) in self.rows.items()}
        for part, whole in self.whole.items():
            inside = [row for (of, _), row in spent.items() if of == part]
            rest = whole - sum(seconds + cost * calls for seconds, calls in inside)
            spent[part, ENGINE] = (max(rest, 0.0), 0)
        return spent

    def turn_to(self, part: str) -> None:
        """What comes now belongs to this part."""
        now = perf_counter()
        self.whole[self._part] = self.whole.get(self._part, 0.0) + now - self._since
        self._part, self._since = part, now

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, whose time is added to the row of that name."""

        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            if self._inside:
                return function(*args, **options)
            self._inside = True
            start = perf_counter()
            try:
                return function(*args, **options)
            finally:
                row = self.rows.setdefault((self._part, name), [0.0, 0])
                row[0] += perf_counter() - start
                row[1] += 1
                self._inside = False

        return run

    def writing(self, write_through: Callable) -> Callable:
        """What writes in place, for a method whose name is its second argument."""

        @functools.wraps(write_through)
        def writing(x: Any, name: str, *rest: Any) -> None:
            self.timed(name, write_through)(x, name, *rest)

        return writing

    def swept(self, run: Callable) -> Callable:
        """A sweep's `run`, which is the part "backward"."""

        @functools.wraps(run)
        def swept(*args: Any, **options: Any) -> Any:
            self.turn_to("backward")
            try:
                return run(*args, **options)
            finally:
                self.turn_to("update")

        return swept

    def updating(self, step: Callable) -> Callable:
        """An optimizer's step."""

        @functools.wraps(step)
        def updating(optimizer: Any, *args: Any, **options: Any) -> Any:
            self.turn_to("update")
            return self.timed(f"{type(optimizer).__name__}.step", step)(optimizer, *args, **options)

        return updating


@functools.lru_cache(maxsize=1)
def own_cost() -> float:
    """Seconds by which timing a call makes it longer, outside of what it measures."""
    clock, calls = Clock(), 2000
    timed = clock.timed("nothing", lambda: None)
    start = perf_counter()
    for _ in range(calls):
        timed()
    whole = perf_counter() - start
    return max(whole - clock.rows["forward", "nothing"][0], 0.0) / calls


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Puts the clock around ops, rules, optimizers and writes; afterwards all is as it was.

    Rules are those that have run before, so a step must have been made.
    """
    from minitorch import inplace
    from minitorch.op import REGISTRY
    from minitorch.optim import Optimizer
    from minitorch.sweep import Sweep

    with ExitStack() as undo:

        def put(held: Any, name: str, function: Callable) -> None:
            undo.callback(setattr, held, name, getattr(held, name))
            setattr(held, name, function)

        for op in REGISTRY.values():
            put(op.cell, "cell_contents", clock.timed(op.name, op.cell.cell_contents))
            for plan in op.plans.values():
                if plan is not None:
                    put(plan, "pull", clock.timed(op.name, plan.pull))
        put(inplace, "write_through", clock.writing(inplace.write_through))
        put(Sweep, "run", clock.swept(Sweep.run))
        put(Optimizer, "step", clock.updating(Optimizer.step))
        yield


def profile(work: Workload, quick: bool, seconds: float) -> dict[str, Any]:
    """Where minitorch's step of a workload goes, in milliseconds; ready for JSON."""
    say(f"profile: {work.name}")
    steps = steps_of(work.make(quick), [MINITORCH, LIMIT])
    half, pause = (0.05, 0.0) if quick else (seconds / 2, 0.2)
    times = interleaved(steps, seconds=half, pause=pause)
    of_each = spent(
        steps[MINITORCH], max(3, min(500, round(half / times.median(MINITORCH)))), pause
    )
    return {
        "name": work.name,
        "title": work.title,
        "step_ms": 1e3 * times.median(MINITORCH),
        "products_ms": 1e3 * times.median(LIMIT) if LIMIT in steps else None,
        "rows": [
            {"part": part, "op": op, "ms": 1e3 * s, "calls": calls}
            for (part, op), (s, calls) in of_each.items()
        ],
    }


def spent(step: Step, count: int, pause: float = 0.0) -> Spent:
    """The middle one of so many steps, row by row; the largest rows of a part first."""
    step()
    clock = Clock()
    with watched(clock):
        sleep(pause)
        found = [clock.step(step) for _ in range(count + 1)][1:]
    keys = dict.fromkeys(key for one in found for key in one)
    middle = {
        key: (median(one.get(key, (0.0, 0))[0] for one in found), found[-1].get(key, (0.0, 0))[1])
        for key in keys
    }
    order = sorted(keys, key=lambda key: (PARTS.index(key[0]), key[1] == ENGINE, -middle[key][0]))
    return {key: middle[key] for key in order if middle[key][0] or key[1] != ENGINE}


def everything(options: Options) -> dict[str, Any]:
    """The profiles of the workloads that are asked for, ready for JSON."""
    wanted = options.wanted(list(WORKLOADS)) if options.names else NAMES
    load(MINITORCH).set_num_threads(options.threads)
    found = all_timed(
        [WORKLOADS[name] for name in wanted],
        lambda work: profile(work, options.quick, options.seconds),
    )
    return {
        "machine": machine(options.threads, []),
        "profiles": found["workloads"],
        "failed": found["failed"],
    }


# text ---------------------------------------------------------------------------------------------


def text(results: dict[str, Any]) -> str:
    """All profiles, in Markdown."""
    shown = [table(("machine", ""), results["machine"].items())]
    return "\n\n".join([*shown, *map(section, results["profiles"])])


def section(found: dict[str, Any]) -> str:
    """One workload: its step, the bare products, and the table of its ops."""
    whole = sum(row["ms"] for row in found["rows"])
    said = f"A step takes {number(found['step_ms'])} ms"
    if found["products_ms"] is not None:
        share = found["products_ms"] / found["step_ms"]
        said += f", the bare products {number(found['products_ms'])} ms ({share:.0%})"
    said += f"; as profiled, {number(whole)} ms."
    rows = [
        (
            row["part"],
            row["op"],
            number(row["ms"]),
            f"{row['ms'] / whole:.1%}",
            str(row["calls"] or ""),
        )
        for row in found["rows"]
    ]
    lines = table(("part", "op", "ms", "share", "calls"), rows)
    return f"## {found['name']}: {found['title']}\n\n{said}\n\n{lines}"


def write(results: dict[str, Any]) -> None:
    """Writes the profiles into their file."""
    FILE.write_text(
        "# Where a step goes\n\n"
        "Written by `python -m benchmarks --profile --write`. Each row is an op: the time of its "
        "body in the forward, of its rules in the backward, in the middle one of many steps. "
        f'What is left of a part is called "{ENGINE}": calls, tape and sweep. The bare products '
        "are those of the step, done by NumPy and nothing else.\n\n" + text(results) + "\n"
    )
