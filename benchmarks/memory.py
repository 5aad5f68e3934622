"""Peak memory of a workload, from a process of its own: growth over what the import took.

`python -m benchmarks.memory W2 torch` prints the bytes for one workload and one engine: in all
steps, and in all but the first, in which a compiler records.
"""

from __future__ import annotations

import ctypes
import gc
import resource
import subprocess
import sys
from contextlib import suppress

from benchmarks.engines import COMPILERS, PACKAGES, load, step_of
from benchmarks.registry import COMPILED, FLOOR, MINITORCH, TORCH
from benchmarks.workloads import WORKLOADS

STEPS = 3
ENGINES = (MINITORCH, COMPILED, TORCH, FLOOR)


def peaks(name: str, engine: str, quick: bool = False) -> tuple[int, ...]:
    """Bytes that a workload adds to the peak of a new process: in all steps, and after the first.

    Empty where a compiler refuses it.

    Raises:
        subprocess.CalledProcessError: the process failed; its message has been printed.
    """
    command = [sys.executable, "-m", "benchmarks.memory", name, engine, *["quick"] * quick]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return tuple(map(int, said.split()))


def high_water() -> int:
    """The largest amount of memory this process has held so far, in bytes.

    Linux hands `ru_maxrss` down from the process that started this one; VmHWM begins anew.
    """
    try:
        with open("/proc/self/status", encoding="utf-8") as lines:
            kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(kilobytes) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_high_water() -> None:
    """Gives back what is free, and begins the record anew, where the system allows it."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # of glibc: freed memory is otherwise held for later
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def _measure(name: str, engine: str, quick: bool) -> list[int]:
    job = WORKLOADS[name].make(quick)
    if engine in PACKAGES:
        load(PACKAGES[engine])
    before = high_water()
    step = step_of(job, engine)
    try:
        step()
    except Exception:  # whatever a compiler finds that it cannot do
        if engine in COMPILERS:
            return []
        raise
    first = high_water()
    forget_high_water()
    for _ in range(STEPS - 1):
        step()
    return [max(first, high_water()) - before, high_water() - before]


if __name__ == "__main__":
    print(*_measure(sys.argv[1], sys.argv[2], "quick" in sys.argv))
