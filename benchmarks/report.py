"""The results as tables, for the terminal and the README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import pictures
from benchmarks.engines import ENGINES
from benchmarks.registry import COMPILED, FLOOR, LIMIT, MINITORCH, TORCH

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: written by --write -->", "<!-- end of results -->"
OP_LIMIT = 8.0  # microseconds, forward and backward
MEGA = 2**20
PICTURES = {
    "ratios.png": "Time of a step as a part of torch's, for each workload",
    "growth.png": "Time of a step against its size, both axes logarithmic",
}


def text(results: dict[str, Any]) -> str:
    """All tables, in Markdown."""
    parts = [table(("machine", ""), results["machine"].items())]
    if results["workloads"]:
        parts += [workload_table(results["workloads"]), peer_table(results["workloads"])]
    parts += remarks(results)
    if results["memory"]:
        parts.append(memory_table(results["memory"]))
    if results["growth"]:
        parts.append(growth_table(results["growth"]))
    if results["conv"]:
        parts += [conv_summary(results["conv"]), conv_table(results["conv"])]
    if results["overheads"]:
        parts.append(overhead_table(results["overheads"]))
    if results["ops"]:
        parts += [op_summary(results["ops"]), op_table(results["ops"])]
    return "\n\n".join(parts)


def workload_table(workloads: Sequence[dict[str, Any]]) -> str:
    """Times and ratios of the workloads, with the targets beside them."""
    engines = (MINITORCH, TORCH, FLOOR, LIMIT)
    rows = []
    for w in workloads:
        ratios = (w[to][MINITORCH] for to in ("to_torch", "to_floor", "to_limit"))
        times = (milliseconds(w, engine) for engine in engines)
        rows.append((f"**{w['name']}** {w['title']}", *times, *map(bold, ratios), targets(w)))
    of_each = (f"{engine} ms" for engine in engines)
    return table(("workload", *of_each, "to torch", "to NumPy", "to BLAS", "target"), rows)


def peer_table(workloads: Sequence[dict[str, Any]]) -> str:
    """Every engine that ran, as a part of torch's time; in milliseconds where torch did not run."""
    ran = {engine for w in workloads for engine in w["median_ms"]}
    engines = [engine for engine in ENGINES if engine in ran and engine != TORCH]
    rows = [
        (f"**{w['name']}**", *(_beside(w, engine) for engine in engines), compiled_target(w))
        for w in workloads
    ]
    header = ("to torch, and ms", *engines, f"target of {COMPILED}")
    return table(header, rows)


def _beside(w: dict[str, Any], engine: str) -> str:
    """The ratio to torch, and the time."""
    if engine not in w["median_ms"]:
        return "-"
    ratio = w["to_torch"][engine]
    return " · ".join(([] if ratio is None else [bold(ratio)]) + [milliseconds(w, engine)])


def remarks(results: dict[str, Any]) -> list[str]:
    """A paragraph on what failed and what compilers refused; none when there is nothing to say."""
    said = [
        f"**{name} failed**, and was not timed: {why}" for name, why in results["failed"].items()
    ]
    said += [
        f"{engine} refuses {w['name']}: {why}"
        for w in results["workloads"]
        for engine, why in w["refused"].items()
    ]
    return ["\n".join(f"- {line}" for line in said)] if said else []


def memory_table(peaks: Sequence[dict[str, Any]]) -> str:
    """Peak memory over the import, in MiB; a compiled step's in replays, and with the recording."""
    engines = (MINITORCH, COMPILED, TORCH, FLOOR)
    rows = []
    for p in peaks:
        held, said = p["bytes"], []
        ratio = held[MINITORCH] / held[TORCH] if TORCH in held else None
        cells = [number(held[e] / MEGA if e in held else None) for e in engines]
        if COMPILED in held:
            replayed = p["bytes_after_first"][COMPILED]
            cells[1] = f"{number(replayed / MEGA)} ({cells[1]})"
        if p["target"] is not None:
            said.append(verdict(ratio, p["target"], TORCH))
            if COMPILED in held:
                below = replayed < held[MINITORCH]
                said.append(f"{COMPILED} below minitorch: {'reached' if below else 'missed'}")
        rows.append((f"**{p['name']}** {p['title']}", *cells, bold(ratio), ", ".join(said)))
    return table(("peak memory", *(f"{e} MiB" for e in engines), "to torch", "target"), rows)


def growth_table(rows: Sequence[dict[str, Any]]) -> str:
    """The shortest time of each engine at each size: what the lines of the picture go through."""
    engines = list(dict.fromkeys(engine for row in rows for engine in row["best_ms"]))
    shown = []
    for row in rows:
        cells = [number(row["best_ms"].get(engine)) for engine in engines]
        shown.append((row["panel"], f"{row['axis']} {row['size']:,}", *cells))
    return table(("growth", "", *(f"{engine} ms" for engine in engines)), shown)


def conv_summary(rows: Sequence[dict[str, Any]]) -> str:
    """How often the formulation that is chosen by shape is the fastest there is."""
    best = 0
    for row in rows:
        ways = [ms for e, ms in row["best_ms"].items() if e not in (TORCH, LIMIT)]
        best += row["best_ms"][row["chosen"]] <= 1.1 * min(ways)
    return (
        f"Of the formulations of a convolution, the chosen one (bold) is the fastest, or within "
        f"10 % of it, in {best} of {len(rows)} rows; a dash is one that the shape does not allow."
    )


def conv_table(rows: Sequence[dict[str, Any]]) -> str:
    """The shortest time of each formulation; the chosen one is bold, the fastest is named."""
    ways = list(dict.fromkeys(e for row in rows for e in row["best_ms"] if e not in (TORCH, LIMIT)))
    shown = []
    for row in rows:
        found, chosen = row["best_ms"], row["chosen"]
        cells = [number(found.get(way)) for way in ways]
        cells = [f"**{c}**" if way == chosen else c for way, c in zip(ways, cells, strict=True)]
        fastest = min((way for way in ways if way in found), key=found.__getitem__)
        others = number(found.get(TORCH)), number(found[LIMIT]), number(row["to_torch"])
        shown.append((row["shape"], row["direction"], *cells, fastest, *others))
    header = ("convolution", "", *(f"{way} ms" for way in ways), "fastest")
    return table((*header, "torch ms", "BLAS alone ms", "to torch"), shown)


def overhead_table(rows: Sequence[dict[str, Any]]) -> str:
    """What is on top of the least that has to be done."""
    shown = []
    for row in rows:
        target = "" if row["target"] is None else f"≤ {row['target']:.2f}: "
        if row["target"] is not None:
            target += "reached" if reaches(row["ratio"], row["target"]) else "missed"
        times = [number(ms) for ms in row["median_ms"].values()]
        shown.append((row["title"], times[0], row["bare"], times[1], bold(row["ratio"]), target))
    return table(("on top", "ms", "of", "ms", "ratio", "target"), shown)


def op_summary(ops: Sequence[dict[str, Any]]) -> str:
    """How many rows of the table of ops reach the targets."""
    small = sum(row["median_us"][MINITORCH] <= OP_LIMIT for row in ops)
    said = f"{small} of {len(ops)} rows at or below {OP_LIMIT:.0f} µs per op"
    against = [row["to_torch"] for row in ops if row["to_torch"] is not None]
    if against:
        said += f"; {sum(reaches(r, 1) for r in against)} of {len(against)} at or below torch"
        said += f"; the middle row takes {sorted(against)[len(against) // 2]:.2f} of torch's time"
    return f"{said}."


def op_table(ops: Sequence[dict[str, Any]]) -> str:
    """Microseconds per op, with a mark on what misses a target."""
    rows = []
    for row in ops:
        us, ratio = row["median_us"], row["to_torch"]
        missed = ["8 µs"] * (us[MINITORCH] > OP_LIMIT)
        missed += ["torch"] * (ratio is not None and not reaches(ratio, 1))
        rows.append(
            (
                row["family"],
                row["name"],
                number(us[MINITORCH]),
                number(us.get(TORCH)),
                number(us[FLOOR]) if FLOOR in us else "",
                number(ratio),
                " and ".join(missed),
            )
        )
    header = ("family", "op", "minitorch µs", "torch µs", "NumPy by hand µs", "to torch", "above")
    return table(header, rows)


def write(results: dict[str, Any]) -> None:
    """Draws the pictures, and puts them and the tables into the README between its two marks."""
    if any(w["to_torch"][MINITORCH] is not None for w in results["workloads"]):
        pictures.ratios(results["workloads"], HERE / "ratios.png")
    if results["growth"]:
        pictures.growth(results["growth"], HERE / "growth.png")
    shown = [f"![{what}]({name})" for name, what in PICTURES.items() if (HERE / name).exists()]
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n\n".join([*shown, text(results)])
    readme.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")


# cells --------------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Any) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(x: float | None) -> str:
    """Three digits that count, or a dash for what did not run."""
    if x is None:
        return "-"
    digits = 0 if x >= 100 else 1 if x >= 10 else 2 if x >= 0.1 else 3
    return f"{x:.{digits}f}"


def bold(x: float | None) -> str:
    """A ratio, or a dash for what did not run."""
    return "-" if x is None else f"**{x:.2f}**"


def milliseconds(w: dict[str, Any], engine: str) -> str:
    """The median, and in brackets the minimum."""
    if engine not in w["median_ms"]:
        return "-"
    return f"{number(w['median_ms'][engine])} ({number(w['best_ms'][engine])})"


def targets(w: dict[str, Any]) -> str:
    """Each target, and whether it is reached; or that nothing can be said."""
    said = ["disturbed, run again"] if w["disturbed"] else []
    for engine, limit in w["targets"].items():
        said.append(
            verdict(w["to_torch" if engine == TORCH else "to_floor"][MINITORCH], limit, engine)
        )
    return ", ".join(said)


def compiled_target(w: dict[str, Any]) -> str:
    """What the compiled step shall reach, and whether it does."""
    if w["compiled_target"] is None:
        return ""
    return verdict(w["to_torch"].get(COMPILED), w["compiled_target"], TORCH)


def verdict(ratio: float | None, limit: float, engine: str) -> str:
    """A target, and whether a ratio reaches it; the target alone where there is no ratio."""
    reached = "" if ratio is None else ": reached" if reaches(ratio, limit) else ": missed"
    return f"≤ {limit:.2f} of {engine}{reached}"


def reaches(ratio: float, limit: float) -> bool:
    """Compared as it is shown, in hundredths."""
    return round(ratio, 2) <= limit
