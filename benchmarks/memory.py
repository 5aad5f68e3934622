"""Peak memory of a workload, from a process of its own: growth over what the import took.

`python -m benchmarks.memory W2 torch` prints the bytes for one workload and one engine.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.registry import load
from benchmarks.workloads import WORKLOADS

STEPS = 3


def peak(name: str, engine: str, quick: bool = False) -> int:
    """Bytes that the workload adds to the peak of a new process.

    Raises:
        subprocess.CalledProcessError: the process failed; its message has been printed.
    """
    command = [sys.executable, "-m", "benchmarks.memory", name, engine, *["quick"] * quick]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


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


def _measure(name: str, engine: str, quick: bool) -> int:
    make = WORKLOADS[name].make(quick)[engine]
    if engine in ("minitorch", "torch"):
        load(engine)
    before = high_water()
    step = make()
    for _ in range(STEPS):
        step()
    return high_water() - before


if __name__ == "__main__":
    print(_measure(sys.argv[1], sys.argv[2], "quick" in sys.argv))
