"""Where the time of a step goes, op by op: `python -m benchmarks --profile --only W3`.

The profile is `minitorch.profiler`'s. Beside the ops stands the time of the step's matrix products
alone, in NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

from benchmarks.engines import load, steps_of
from benchmarks.registry import LIMIT, MINITORCH, Step, Workload
from benchmarks.report import number, table
from benchmarks.run import Options, all_timed, say
from benchmarks.timing import interleaved, machine
from benchmarks.workloads import WORKLOADS
from minitorch import profiler
from minitorch.profiler.events import PARTS, SPANS, Event

NAMES = ("W1", "W3", "W4", "W5a", "W5b", "W9", "W10", "W11", "W12")  # when none is named
FILE = Path(__file__).parent / "profiles.md"

Spent = dict[tuple[str, str], tuple[float, int]]  # (part, op) -> seconds and calls of a step
ENGINE, STEP = "engine", "step"


def of_a_step(events: list[Event], start: float, end: float) -> Spent:
    """For each part of a step its ops, and the rest of its time under `ENGINE`.

    A step begins in "forward", is in "backward" while a sweep runs, and in "update" after it or
    from an optimizer's step on.
    """
    sweeps = [event for event in events if event.part == "sweep"]
    steps = [event.start for event in events if event.part == "update"]
    begin = min([event.start for event in sweeps] or steps or [end])
    finish = max([event.start + event.seconds for event in sweeps] or [begin])
    spent: Spent = {}
    whole = {"forward": begin - start, "backward": finish - begin, "update": end - finish}
    for event in events:
        if event.part not in SPANS:
            at = event.start
            part = "forward" if at < begin else "backward" if at < finish else "update"
            seconds, calls = spent.get((part, event.name), (0.0, 0))
            spent[part, event.name] = seconds + event.seconds, calls + 1
            whole[part] -= event.seconds + own_cost()
    spent.update({(part, ENGINE): (max(rest, 0.0), 0) for part, rest in whole.items()})
    return spent


@functools.lru_cache(maxsize=1)
def own_cost() -> float:
    """Seconds by which watching a call makes it longer, outside of what is measured."""
    with profiler.profile(profile_memory=False) as prof:
        nothing, calls = prof.timed("nothing", lambda: None), 2000
        for _ in range(calls):
            nothing()
    return prof.key_averages().between / calls


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
    own_cost()
    step()
    with profiler.profile(profile_memory=False) as prof:
        sleep(pause)
        for _ in range(count + 1):
            with profiler.record_function(STEP):
                step()
    found = [of_a_step(*one) for one in each_step(prof.events())][1:]
    keys = dict.fromkeys(key for one in found for key in one)
    middle = {
        key: (median(one.get(key, (0.0, 0))[0] for one in found), found[-1].get(key, (0.0, 0))[1])
        for key in keys
    }
    order = sorted(keys, key=lambda key: (PARTS.index(key[0]), key[1] == ENGINE, -middle[key][0]))
    return {key: middle[key] for key in order if middle[key][0] or key[1] != ENGINE}


def each_step(events: list[Event]) -> Iterator[tuple[list[Event], float, float]]:
    """The events of each step, and when it began and ended; an event comes when it is over."""
    seen: list[Event] = []
    for event in events:
        if (event.name, event.part) != (STEP, "label"):
            seen.append(event)
            continue
        yield seen, event.start, event.start + event.seconds
        seen = []


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
