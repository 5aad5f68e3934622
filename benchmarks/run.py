"""Runs workloads, ops and memory, and gathers the results as plain dicts and numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import convs, memory, ops, overheads
from benchmarks.registry import FLOOR, MINITORCH, TORCH, Workload, installed, steps_of
from benchmarks.timing import Times, interleaved, machine
from benchmarks.workloads import WORKLOADS


def everything(names: Sequence[str], quick: bool, threads: int, seconds: float) -> dict[str, Any]:
    """The results of the named parts (all, when none is named), ready for JSON.

    Args:
        names: workloads, "memory", "conv", "saving", "fit" and "ops".
        quick: small sizes, few rounds.
        threads: for every engine.
        seconds: for each workload.
    """
    known = [*WORKLOADS, "memory", "conv", *overheads.OVERHEADS, "ops"]
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"--only: unknown {', '.join(unknown)}; known: {', '.join(known)}")
    wanted = names or known
    if installed(TORCH):
        import torch

        torch.set_num_threads(threads)
    else:
        say("torch is not installed: minitorch is compared with NumPy alone")
    chosen = [work for name, work in WORKLOADS.items() if name in wanted]
    chosen.sort(key=lambda work: (len(work.name.rstrip("ab")), work.name))  # W10 after W9
    return {
        "machine": machine(threads),
        "workloads": [timed(work, quick, seconds) for work in chosen],
        "memory": peaks(quick) if "memory" in wanted else [],
        "conv": conv_table(quick) if "conv" in wanted else [],
        "overheads": [on_top(name, quick) for name in overheads.OVERHEADS if name in wanted],
        "ops": op_table(quick) if "ops" in wanted else [],
    }


def timed(work: Workload, quick: bool, seconds: float) -> dict[str, Any]:
    """The times of one workload, in milliseconds, and its ratios."""
    say(f"{work.name}: {work.title}")
    steps = steps_of(work, quick)
    times = interleaved(steps, seconds=0.1, pause=0) if quick else interleaved(steps, seconds)
    return {
        "name": work.name,
        "title": work.title,
        "median_ms": {e: 1e3 * times.median(e) for e in steps},
        "best_ms": {e: 1e3 * times.best(e) for e in steps},
        "to_torch": {e: times.ratio(e, TORCH) for e in steps},
        "to_floor": {e: times.ratio(e, FLOOR) for e in steps},
        "targets": {} if quick else work.targets,
        "disturbed": times.disturbed(),
        "rounds": len(times.seconds[MINITORCH]),
    }


def peaks(quick: bool) -> list[dict[str, Any]]:
    """Peak memory of the workloads that ask for it, in bytes over the import."""
    found = []
    for work in WORKLOADS.values():
        if work.memory:
            say(f"memory: {work.name}")
            engines = [e for e in (MINITORCH, TORCH, FLOOR) if installed(e)]
            found.append(
                {
                    "name": work.name,
                    "title": work.title,
                    "bytes": {e: memory.peak(work.name, e, quick) for e in engines},
                }
            )
    return found


def conv_table(quick: bool) -> list[dict[str, Any]]:
    """Milliseconds of y, dx and dw for each shape and formulation."""
    rows = []
    for shape in convs.SHAPES:
        for direction in convs.DIRECTIONS:
            say(f"conv: {shape}, {direction}")
            chosen, steps = convs.steps_of(shape, direction, quick)
            seconds = 0.02 if quick else 2.0
            times = interleaved(steps, seconds=seconds, sample=0.005, pause=0.02)
            rows.append(
                {
                    "shape": str(shape),
                    "direction": direction,
                    "chosen": chosen,
                    "best_ms": {e: 1e3 * times.best(e) for e in steps},
                    "to_torch": times.ratio(chosen, TORCH),
                }
            )
    return rows


def on_top(name: str, quick: bool) -> dict[str, Any]:
    """What saving or fitting takes, and the ratio to the least it could."""
    say(name)
    over = overheads.OVERHEADS[name]

    def measure(steps: dict[str, Any]) -> Times:
        seconds, pause = (0.05, 0.0) if quick else (20.0, 0.1)
        return interleaved(steps, seconds=seconds, sample=0.0, pause=pause)

    times = overheads.measured(name, quick, measure)
    return {
        "title": over.title,
        "bare": over.bare,
        "median_ms": {e: 1e3 * times.median(e) / over.per for e in times.seconds},
        "ratio": times.ratio(MINITORCH, overheads.BARE),
        "target": None if quick else over.target,
    }


def op_table(quick: bool) -> list[dict[str, Any]]:
    """Microseconds per op, forward and backward, and the ratio to torch."""
    say("ops: do the engines agree?")
    chains = [(row, ops.steps_of(row)) for row in ops.ROWS]
    rows = []
    for row, steps in chains:
        say(f"ops: {row.name}")
        times = interleaved(steps, seconds=0.02 if quick else 0.5, sample=0.005, pause=0.001)
        count = row.ops * ops.LINKS
        rows.append(
            {
                "family": row.family,
                "name": row.name,
                "median_us": {e: 1e6 * times.median(e) / count for e in steps},
                "best_us": {e: 1e6 * times.best(e) / count for e in steps},
                "to_torch": times.ratio(MINITORCH, TORCH),
            }
        )
    return rows


def say(text: str) -> None:
    """Tells on a terminal what is running now, on one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
