"""The results as tables for the terminal and the README, and as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.registry import FLOOR, LIMIT, MINITORCH, TORCH

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: written by --write -->", "<!-- end of results -->"
OP_LIMIT = 8.0  # microseconds, forward and backward
MEGA = 2**20

# Okabe and Ito's colours: they differ for every kind of colour vision, and in grey.
COLOURS = {MINITORCH: "#0072B2", FLOOR: "#E69F00", LIMIT: "#999999"}


def text(results: dict[str, Any]) -> str:
    """All tables, in Markdown."""
    parts = [_table(("machine", ""), results["machine"].items())]
    if results["workloads"]:
        parts.append(workload_table(results["workloads"]))
    if results["memory"]:
        parts.append(memory_table(results["memory"]))
    if results["conv"]:
        parts.append(conv_table(results["conv"]))
    if results["overheads"]:
        parts.append(overhead_table(results["overheads"]))
    if results["ops"]:
        parts += [op_summary(results["ops"]), op_table(results["ops"])]
    return "\n\n".join(parts)


def workload_table(workloads: Sequence[dict[str, Any]]) -> str:
    """Times and ratios of the workloads, with the targets beside them."""
    rows = []
    for w in workloads:
        cells = [_milliseconds(w, engine) for engine in (MINITORCH, TORCH, FLOOR, LIMIT)]
        rows.append(
            (
                f"**{w['name']}** {w['title']}",
                *cells,
                _bold(w["to_torch"][MINITORCH]),
                _bold(w["to_floor"][MINITORCH]),
                _number(w["to_torch"].get(FLOOR)),
                _targets(w),
            )
        )
    header = (
        "workload",
        "minitorch ms",
        "torch ms",
        "NumPy by hand ms",
        "BLAS alone ms",
        "to torch",
        "to NumPy",
        "NumPy to torch",
        "target",
    )
    return _table(header, rows)


def memory_table(peaks: Sequence[dict[str, Any]]) -> str:
    """Peak memory over the import, in MiB."""
    rows = []
    for p in peaks:
        held = p["bytes"]
        ratio = held[MINITORCH] / held[TORCH] if TORCH in held else None
        cells = [_number(held[e] / MEGA if e in held else None) for e in (MINITORCH, TORCH, FLOOR)]
        rows.append((f"**{p['name']}** {p['title']}", *cells, _bold(ratio)))
    return _table(
        ("peak memory", "minitorch MiB", "torch MiB", "NumPy by hand MiB", "to torch"), rows
    )


def conv_table(rows: Sequence[dict[str, Any]]) -> str:
    """The shortest time of each formulation; the chosen one is bold."""
    ways = list(dict.fromkeys(e for row in rows for e in row["best_ms"] if e not in (TORCH, LIMIT)))
    shown = []
    for row in rows:
        found, chosen = row["best_ms"], row["chosen"]
        cells = [_number(found.get(way)) for way in ways]
        cells = [f"**{c}**" if way == chosen else c for way, c in zip(ways, cells, strict=True)]
        others = _number(found.get(TORCH)), _number(found[LIMIT]), _number(row["to_torch"])
        shown.append((row["shape"], row["direction"], *cells, *others))
    header = ("convolution", "", *(f"{way} ms" for way in ways))
    return _table((*header, "torch ms", "BLAS alone ms", "to torch"), shown)


def overhead_table(rows: Sequence[dict[str, Any]]) -> str:
    """What is on top of the least that has to be done."""
    shown = []
    for row in rows:
        target = "" if row["target"] is None else f"≤ {row['target']:.2f}: "
        if row["target"] is not None:
            target += "reached" if _reaches(row["ratio"], row["target"]) else "missed"
        times = [_number(ms) for ms in row["median_ms"].values()]
        shown.append((row["title"], times[0], row["bare"], times[1], _bold(row["ratio"]), target))
    return _table(("on top", "ms", "of", "ms", "ratio", "target"), shown)


def op_summary(ops: Sequence[dict[str, Any]]) -> str:
    """How many rows of the table of ops reach the targets."""
    small = sum(row["median_us"][MINITORCH] <= OP_LIMIT for row in ops)
    said = f"{small} of {len(ops)} rows at or below {OP_LIMIT:.0f} µs per op"
    against = [row["to_torch"] for row in ops if row["to_torch"] is not None]
    if against:
        said += f"; {sum(_reaches(r, 1) for r in against)} of {len(against)} at or below torch"
        said += f"; the middle row takes {sorted(against)[len(against) // 2]:.2f} of torch's time"
    return f"{said}."


def op_table(ops: Sequence[dict[str, Any]]) -> str:
    """Microseconds per op, with a mark on what misses a target."""
    rows = []
    for row in ops:
        us, ratio = row["median_us"], row["to_torch"]
        missed = ["8 µs"] * (us[MINITORCH] > OP_LIMIT)
        missed += ["torch"] * (ratio is not None and not _reaches(ratio, 1))
        rows.append(
            (
                row["family"],
                row["name"],
                _number(us[MINITORCH]),
                _number(us.get(TORCH)),
                _number(us[FLOOR]) if FLOOR in us else "",
                _number(ratio),
                " and ".join(missed),
            )
        )
    header = ("family", "op", "minitorch µs", "torch µs", "NumPy by hand µs", "to torch", "above")
    return _table(header, rows)


def write(results: dict[str, Any]) -> None:
    """Puts the tables into the README between its two marks, and draws the picture."""
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n\n{text(results)}\n\n{END}{after}")
    if any(w["to_torch"][MINITORCH] is not None for w in results["workloads"]):
        draw(results["workloads"], HERE / "ratios.png")


def draw(workloads: Sequence[dict[str, Any]], path: Path) -> None:
    """Bars of the ratios to torch, one group a workload; nothing without Matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Matplotlib is not installed: no picture (pip install matplotlib)")
        return
    engines = (MINITORCH, FLOOR, LIMIT)
    figure = Figure(figsize=(8, 0.9 + 0.62 * len(workloads)), layout="constrained")
    axes = figure.subplots()
    for k, engine in enumerate(engines):
        found = [(i, w["to_torch"].get(engine)) for i, w in enumerate(workloads)]
        shown = [(i, ratio) for i, ratio in found if ratio is not None]
        places = [i + 0.27 * (k - 1) for i, _ in shown]
        bars = axes.barh(places, [r for _, r in shown], 0.25, color=COLOURS[engine], label=engine)
        axes.bar_label(bars, [f"{r:.2f}" for _, r in shown], padding=2, fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(workloads)), [_broken(w) for w in workloads], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * max(r for w in workloads for r in (*w["to_torch"].values(), 1)))
    axes.set_xlabel("time of a step; torch takes 1; shorter is better")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    faster = sum(_reaches(w["to_torch"][MINITORCH], 1) for w in workloads)
    figure.suptitle(
        f"minitorch takes no longer than torch on {faster} of {len(workloads)} workloads",
        x=0.01,
        horizontalalignment="left",
    )
    figure.savefig(path, dpi=150)


def _broken(w: dict[str, Any]) -> str:
    """A name and title in short lines, for the side of the picture."""
    return textwrap.fill(f"{w['name']}: {w['title']}", 34)


# cells --------------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Any) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(x: float | None) -> str:
    """Three digits that count, or a dash for what did not run."""
    if x is None:
        return "-"
    return (
        f"{x:.0f}"
        if x >= 100
        else f"{x:.1f}"
        if x >= 10
        else f"{x:.2f}"
        if x >= 0.1
        else f"{x:.3f}"
    )


def _bold(x: float | None) -> str:
    return "-" if x is None else f"**{x:.2f}**"


def _milliseconds(w: dict[str, Any], engine: str) -> str:
    """The median, and in brackets the minimum."""
    if engine not in w["median_ms"]:
        return "-"
    return f"{_number(w['median_ms'][engine])} ({_number(w['best_ms'][engine])})"


def _targets(w: dict[str, Any]) -> str:
    """Each target, and whether it is reached; or that nothing can be said."""
    said = ["disturbed, run again"] if w["disturbed"] else []
    for engine, limit in w["targets"].items():
        ratio = w["to_torch" if engine == TORCH else "to_floor"][MINITORCH]
        reached = "" if ratio is None else ": reached" if _reaches(ratio, limit) else ": missed"
        said.append(f"≤ {limit:.2f} of {engine}{reached}")
    return ", ".join(said)


def _reaches(ratio: float, limit: float) -> bool:
    """Compared as it is shown, in hundredths."""
    return round(ratio, 2) <= limit
