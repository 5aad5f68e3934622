"""The workloads on a GPU: beside torch on the same card, and beside what the card itself can do.

Times are taken between two moments at which the GPU has done all it was given, so they hold what
the host takes to give it work as well. Two limits are measured in the same run: bytes per second of
a copy, and operations per second of a large product of float32. A step is shown as a share of the
product's where matrix products are its work, and of the copy's where it only reads and writes.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks import report
from benchmarks.engines import PACKAGES, load
from benchmarks.registry import (
    COMPILED,
    FLOOR,
    MINITORCH,
    TORCH,
    TORCH_COMPILED,
    Workload,
)
from benchmarks.run import Options, all_timed, in_order, timed
from benchmarks.timing import interleaved, machine
from benchmarks.workloads import WORKLOADS

BATCHES = 8  # how many batches at once fill a card
GROWN = ("W2", "W5a", "W5b")
TARGETS = {
    **{name: {TORCH: 1.0} for name in ("W1", "W6", "W7", "W12")},
    **{f"{name} x{BATCHES}": {TORCH: 1.5} for name in GROWN},
}
PAUSE = 0.02


def workloads() -> dict[str, Workload]:
    """W1 to W12 with a GPU's targets, and three of them with batches that fill the card."""
    all_of_them = dict(WORKLOADS)
    for name in GROWN:
        work, grown = WORKLOADS[name], f"{name} x{BATCHES}"
        all_of_them[grown] = replace(
            work,
            name=grown,
            title=f"{work.title}, {BATCHES} batches at once",
            make=partial(work.make, batches=BATCHES),
        )
    return {
        name: replace(work, targets=TARGETS.get(name, {}), compiled=None)
        for name, work in all_of_them.items()
    }


def everything(options: Options) -> dict[str, Any]:
    """The results of what is asked for, ready for JSON.

    Raises:
        SystemExit: there is no GPU that can be used; the message says what is missing.
    """
    from minitorch import array as arrays

    try:
        arrays.cupy()
    except RuntimeError as error:
        sys.exit(f"python -m benchmarks --device {error}")
    there = [engine for engine in options.engines if _on_gpu(engine)]
    options = replace(options, engines=there)
    if TORCH in there or TORCH_COMPILED in there:
        load("torch").backends.cudnn.allow_tf32 = False  # its one default that is not float32
    known, cuda = workloads(), load(MINITORCH).cuda
    found = limits(options.quick)
    cuda.empty_cache()
    return {
        "machine": card(options.threads),
        "limits": found,
        **all_timed(
            in_order(known, options.wanted(list(known))),
            lambda work: timed(work, options, "cuda", PAUSE, cuda.synchronize, judge=FLOOR),
        ),
    }


def _on_gpu(engine: str) -> bool:
    """True for minitorch, and for torch where it is built for CUDA."""
    package = PACKAGES.get(engine)
    if package != "torch" or importlib.util.find_spec("torch") is None:
        return package == MINITORCH
    return load("torch").cuda.is_available()


def card(threads: int) -> dict[str, str]:
    """The GPU, its driver and CUDA, and the machine around it."""
    from minitorch import array as arrays
    from minitorch.doctor import spelled

    cupy = arrays.cupy()
    around = machine(threads, ["torch"])
    del around["threads"]
    total = cupy.cuda.runtime.memGetInfo()[1]
    return {
        "GPU": f"{load(MINITORCH).cuda.get_device_name()}, {total / 2**30:.0f} GiB",
        "driver": f"for CUDA {spelled(cupy.cuda.runtime.driverGetVersion())}",
        "CuPy": cupy.__version__,
        **around,
    }


def limits(quick: bool) -> dict[str, float]:
    """What the card can do: bytes per second of a copy, operations per second of a product."""
    lib = load(MINITORCH)
    numbers, side = (2**10, 16) if quick else (2**28, 8192)
    x = lib.zeros(numbers, device="cuda")
    a, b = (lib.ones((side, side), device="cuda") for _ in range(2))
    times = interleaved(
        {"copy": x.clone, "product": lambda: a @ b},
        seconds=0.1 if quick else 3.0,
        pause=0.0,
        wait=lib.cuda.synchronize,
    )
    return {
        "bytes_per_second": 2 * 4 * numbers / times.best("copy"),
        "flops_per_second": 2 * side**3 / times.best("product"),
    }


# the tables ---------------------------------------------------------------------------------------


def text(results: dict[str, Any]) -> str:
    """All tables, in Markdown."""
    found = results["limits"]
    measured = (
        f"Measured in this run: a copy moves {found['bytes_per_second'] / 1e9:,.0f} GB/s, a large "
        f"product of float32 does {found['flops_per_second'] / 1e12:,.1f} Tflop/s."
    )
    return "\n\n".join(
        [
            report.table(("machine", ""), results["machine"].items()),
            measured,
            workload_table(results["workloads"], found),
            *report.remarks(results),
        ]
    )


def workload_table(rows: Sequence[dict[str, Any]], found: dict[str, float]) -> str:
    """Times, ratios, and shares of what the card can do, with the targets beside them."""
    engines = (MINITORCH, COMPILED, TORCH, TORCH_COMPILED)
    shown = []
    for w in rows:
        cells = [report.milliseconds(w, engine) for engine in engines]
        ratios = [report.bold(w["to_torch"].get(engine)) for engine in (MINITORCH, COMPILED)]
        shares = [
            _share(w, w["flops"], found["flops_per_second"]),
            _share(w, w["moved"], found["bytes_per_second"]),
        ]
        shown.append((f"**{w['name']}** {w['title']}", *cells, *ratios, *shares, report.targets(w)))
    header = (
        *("workload", *(f"{engine} ms" for engine in engines)),
        *("to torch", "compiled to torch", "matrix rate", "bandwidth", "target"),
    )
    return report.table(header, shown)


def _share(w: dict[str, Any], done: float, per_second: float) -> str:
    """minitorch's share of what the card can do, and torch's, in percent."""
    if not done:
        return ""
    shares = [
        f"{100 * done / (1e-3 * w['median_ms'][engine]) / per_second:.0f} %"
        for engine in (MINITORCH, TORCH)
        if engine in w["median_ms"]
    ]
    return shares[0] + (f" (torch {shares[1]})" if len(shares) > 1 else "")


def write(results: dict[str, Any]) -> None:
    """Writes `gpu.md`: the card, the versions, and the table."""
    (report.HERE / "gpu.md").write_text(f"{ABOUT}\n\n{text(results)}\n")


ABOUT = """# Benchmarks on a GPU

Written by `python -m benchmarks --device cuda --write`. Times are in milliseconds, the median, then
the minimum in brackets, with the host's part; ratios are taken within a round, below 1 is shorter.
The workloads are those of the [CPU](README.md); x8 is eight batches at once, which fills the card.
**matrix rate** and **bandwidth** are minitorch's share, and torch's, of what a large float32
product and a copy reach on this card: the first where matrix products are the work, the second
where a step only reads and writes. torch's Adam (W12) takes its foreach path, as it does on a GPU
without being told."""
