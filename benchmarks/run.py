"""Runs workloads, ops and memory, and gathers the results as plain dicts and numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import memory, ops
from benchmarks.timing import interleaved, machine
from benchmarks.workloads import FLOOR, MINITORCH, TORCH, WORKLOADS, Workload, installed, steps_of


def everything(names: Sequence[str], quick: bool, threads: int, seconds: float) -> dict[str, Any]:
    """The results of the named parts (all, when none is named), ready for JSON.

    Args:
        names: workloads, "ops" and "memory".
        quick: small sizes, few rounds.
        threads: for every engine.
        seconds: for each workload.
    """
    known = [*WORKLOADS, "memory", "ops"]
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
    return {
        "machine": machine(threads),
        "workloads": [timed(work, quick, seconds) for work in chosen],
        "memory": peaks(quick) if "memory" in wanted else [],
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
