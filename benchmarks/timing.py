"""Timing by turns: every round gives each engine its sample, so that all meet the same machine.

A machine that is busy, hot or throttled slows whatever runs at that moment. Times taken minutes
apart cannot be compared; times from one round can, and the median over the rounds of their ratio
hardly moves. So the ratio is the result, and the milliseconds say what size of thing it is about.
"""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from minitorch.doctor import version_of

Step = Callable[[], Any]


@dataclass(frozen=True)
class Times:
    """What the rounds gave: seconds per step for each engine, one number a round.

    Attributes:
        seconds: engine -> its times, in the order of the rounds.
    """

    seconds: dict[str, list[float]]

    def median(self, engine: str) -> float:
        """The middle time of an engine, in seconds."""
        return median(self.seconds[engine])

    def best(self, engine: str) -> float:
        """The shortest time of an engine, in seconds: what is left when nothing disturbs."""
        return min(self.seconds[engine])

    def disturbed(self, engines: Collection[str]) -> bool:
        """True when the middle time of one of these is twice its best: something else was on."""
        timed = [engine for engine in engines if engine in self.seconds]
        return any(self.median(engine) > 2 * self.best(engine) for engine in timed)

    def ratio(self, engine: str, to: str) -> float | None:
        """The middle of the rounds' ratios of two engines; None when either did not run."""
        if engine not in self.seconds or to not in self.seconds:
            return None
        return median([a / b for a, b in zip(self.seconds[engine], self.seconds[to], strict=True)])


def nothing() -> None:
    """On the CPU a step is done when it returns."""


def interleaved(
    steps: dict[str, Step],
    seconds: float = 15.0,
    sample: float = 0.02,
    pause: float = 0.2,
    wait: Callable[[], None] = nothing,
) -> Times:
    """Times each step once per round, the engines taking turns at going first.

    Args:
        steps: engine -> what is timed.
        seconds: how long all rounds may take together; 5 to 50 rounds are run.
        sample: seconds that a sample should last at least; a short step is repeated within it.
        pause: seconds of sleep before a sample. The threads of OpenBLAS stay awake for a while
            after their last product, and take a core from the next engine: with a pause of 0.02 s
            torch's W1 took half as long again as with 0.15 s, with none seven times as long.
        wait: returns when a GPU has done all that it was given; called at both ends of a sample.
    """
    once = {engine: _warmed(step, pause, wait) for engine, step in steps.items()}
    repeats = {engine: max(1, round(sample / t)) for engine, t in once.items()}
    a_round = sum(pause + t * (1 + repeats[engine]) for engine, t in once.items())
    times: dict[str, list[float]] = {engine: [] for engine in steps}
    order = list(steps)
    gc.collect()
    gc.freeze()  # what the engines have loaded is not searched for garbage again in every round
    try:
        for _ in range(min(50, max(5, round(seconds / a_round)))):
            gc.disable()
            for engine in order:
                time.sleep(pause)
                steps[engine]()  # brings code and data back into the caches
                times[engine].append(_sample(steps[engine], repeats[engine], wait))
            gc.enable()
            gc.collect()
            order.append(order.pop(0))
    finally:
        gc.enable()
        gc.unfreeze()
    return Times(times)


def _sample(step: Step, repeats: int, wait: Callable[[], None]) -> float:
    """Seconds per step, over so many in a row."""
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    wait()
    return (time.perf_counter() - start) / repeats


def _warmed(step: Step, pause: float, wait: Callable[[], None]) -> float:
    """Runs a step a few times; seconds of the fastest."""
    time.sleep(pause)
    step()
    return min(_sample(step, 1, wait) for _ in range(3))


# the machine ------------------------------------------------------------------------------------


def machine(threads: int, packages: Collection[str]) -> dict[str, str]:
    """What the figures were taken on, and the versions: they mean nothing without it."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "CPU": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if _has_affinity() else os.cpu_count()),
        "threads": f"{threads} for every engine",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} ({blas['name']} {blas['version']})",
        **{package: version_of(package) or "not installed" for package in packages},
    }


def _has_affinity() -> bool:
    return hasattr(os, "sched_getaffinity")


def _cpu_model() -> str:
    """The name of the processor, with its widest vector instructions where Linux tells them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            facts = dict(line.split(":", 1) for line in lines if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else ""
    return ", ".join(
        part for part in (facts.get("model name", platform.machine()), vectors) if part
    )
