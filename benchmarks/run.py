"""Runs workloads, ops, memory and growth, and gathers the results as plain dicts and numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import minitorch
from benchmarks import convs, growth, memory, ops, overheads
from benchmarks.engines import COMPILERS, PEERS, USUAL, installed, steps_of
from benchmarks.registry import (
    COMPILED,
    FLOOR,
    LIMIT,
    MINITORCH,
    TORCH,
    Workload,
    agree,
    first_line,
)
from benchmarks.timing import Times, interleaved, machine, nothing
from benchmarks.workloads import WORKLOADS

PARTS = ("memory", "growth", "conv", *overheads.OVERHEADS, "ops")


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        names: workloads and parts; all, when none is named.
        quick: small sizes, few rounds.
        threads: for every engine.
        seconds: for each workload.
        engines: the columns; those that are not installed are left out.
    """

    names: Sequence[str] = ()
    quick: bool = False
    threads: int = 2
    seconds: float = 15.0
    engines: Sequence[str] = USUAL["cpu"]

    def wanted(self, known: Sequence[str]) -> Sequence[str]:
        """The names among the known ones.

        Raises:
            SystemExit: a name is not known.
        """
        if unknown := sorted(set(self.names) - set(known)):
            sys.exit(f"--only: unknown {', '.join(unknown)}; known: {', '.join(known)}")
        return self.names or known


def everything(options: Options) -> dict[str, Any]:
    """The results of what is asked for, ready for JSON."""
    wanted, quick = options.wanted([*WORKLOADS, *PARTS]), options.quick
    minitorch.set_num_threads(options.threads)
    if installed(TORCH):
        import torch

        torch.set_num_threads(options.threads)
    else:
        say("torch is not installed: minitorch is compared with what is there")
    peers = [package for engine, package in PEERS.items() if installed(engine)]
    return {
        "machine": machine(options.threads, ["torch", *peers]),
        **all_timed(in_order(WORKLOADS, wanted), lambda work: timed(work, options)),
        "memory": peaks(options) if "memory" in wanted else [],
        "growth": growth_table(options) if "growth" in wanted else [],
        "conv": conv_table(quick) if "conv" in wanted else [],
        "overheads": [on_top(name, quick) for name in overheads.OVERHEADS if name in wanted],
        "ops": op_table(quick) if "ops" in wanted else [],
    }


def in_order(known: dict[str, Workload], wanted: Sequence[str]) -> list[Workload]:
    """The wanted workloads, W10 after W9."""
    chosen = [work for name, work in known.items() if name in wanted]
    return sorted(chosen, key=lambda work: (len(work.name.split()[0].rstrip("ab")), work.name))


def all_timed(works: Sequence[Workload], one: Callable[[Workload], dict]) -> dict[str, Any]:
    """The results of `one` for each workload; a failure is noted, and the others go on."""
    found, failed = [], {}
    for work in works:
        try:
            found.append(one(work))
        except Exception as error:  # whatever it is, the next workload may be well
            failed[work.name] = first_line(error)
    return {"workloads": found, "failed": failed}


def timed(
    work: Workload,
    options: Options,
    device: str = "cpu",
    pause: float = 0.2,
    wait: Callable[[], None] = nothing,
    judge: str = MINITORCH,
) -> dict[str, Any]:
    """The times of one workload, in milliseconds, and its ratios.

    The engines must agree with each other, and with the `judge`, which need not be timed.
    """
    say(f"{work.name}: {work.title}")
    job = work.make(options.quick)
    steps = steps_of(job, [*options.engines, judge], device)
    refused = agree(work.name, steps, work.tolerance, COMPILERS)
    steps = {engine: step for engine, step in steps.items() if engine in options.engines}
    seconds, pause = (0.1, 0.0) if options.quick else (options.seconds, pause)
    times = interleaved(steps, seconds=seconds, pause=pause, wait=wait)
    return {
        "name": work.name,
        "title": work.title,
        "median_ms": {e: 1e3 * times.median(e) for e in steps},
        "best_ms": {e: 1e3 * times.best(e) for e in steps},
        "to_torch": {e: times.ratio(e, TORCH) for e in steps},
        "to_floor": {e: times.ratio(e, FLOOR) for e in steps},
        "to_limit": {e: times.ratio(e, LIMIT) for e in steps},
        "targets": {} if options.quick else work.targets,
        "compiled_target": None if options.quick else work.compiled,
        "refused": refused,
        "disturbed": times.disturbed([MINITORCH, COMPILED, TORCH, FLOOR]),
        "rounds": len(times.seconds[MINITORCH]),
        "flops": job.flops,
        "moved": job.moved,
    }


def peaks(options: Options) -> list[dict[str, Any]]:
    """Peak memory of the workloads that ask for it, in bytes over the import."""
    found = []
    for work in in_order(WORKLOADS, list(WORKLOADS)):
        if work.memory:
            say(f"memory: {work.name}")
            engines = [e for e in memory.ENGINES if e in options.engines and installed(e)]
            held = {e: memory.peaks(work.name, e, options.quick) for e in engines}
            held = {e: numbers for e, numbers in held.items() if numbers}
            found.append(
                {
                    "name": work.name,
                    "title": work.title,
                    "bytes": {e: every for e, (every, _) in held.items()},
                    "bytes_after_first": {e: later for e, (_, later) in held.items()},
                    "target": None if options.quick else work.memory_target,
                }
            )
    return found


def growth_table(options: Options) -> list[dict[str, Any]]:
    """The shortest milliseconds of each engine at each size."""
    rows = []
    for panel in growth.PANELS:
        for size in panel.sizes[: 2 if options.quick else None]:
            say(f"growth: {panel.title}, {panel.axis} {size}")
            wanted = [e for e in growth.ENGINES if e in options.engines]
            steps = steps_of(panel.job(size), wanted)
            agree(f"growth: {panel.title}", steps, tolerance=0.01)
            seconds, pause = (0.02, 0.0) if options.quick else (1.0, 0.05)
            times = interleaved(steps, seconds=seconds, sample=0.005, pause=pause)
            best = {e: 1e3 * times.best(e) for e in steps}
            rows.append({"panel": panel.title, "axis": panel.axis, "size": size, "best_ms": best})
    return rows


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
        seconds, pause = (0.05, 0.0) if quick else (12.0, 0.1)
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
