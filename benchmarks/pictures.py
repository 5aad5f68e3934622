"""The results as pictures: ratios to torch as bars, and time against size as lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.registry import (
    AUTOGRAD,
    COMPILED,
    DEZERO,
    FLOOR,
    JAX,
    LIMIT,
    MINITORCH,
    TORCH,
    TORCH_COMPILED,
)
from minitorch.plot.style import BLUE, FAINT, ORANGE, RED, SKY

COLOURS = {MINITORCH: BLUE, COMPILED: SKY, TORCH: RED, FLOOR: ORANGE, LIMIT: FAINT}
BARS = (MINITORCH, COMPILED, FLOOR, LIMIT)
MARKS = {JAX: "o", AUTOGRAD: "^", DEZERO: "s", TORCH_COMPILED: "D"}
WIDEST = 2.5  # times torch: what takes longer is written at the edge


def _axes(width: float, height: float, rows: int = 1, columns: int = 1) -> Any:
    """A figure and its axes; None, with a line that says so, where Matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Matplotlib is not installed: no pictures (pip install matplotlib)")
        return None
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
    return figure, list(axes.flat)


def ratios(workloads: Sequence[dict[str, Any]], path: Path) -> None:
    """A group for each workload: bars for NumPy's family, and under them marks for the others."""
    ran = {engine for w in workloads for engine in w["to_torch"]}
    bars = [engine for engine in BARS if engine in ran]
    if (canvas := _axes(9, 1.2 + (0.16 * len(bars) + 0.36) * len(workloads))) is None:
        return
    figure, (axes,) = canvas
    step = 0.72 / len(bars)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for k, engine in enumerate(bars):
        found = [(i, w["to_torch"].get(engine)) for i, w in enumerate(workloads)]
        shown = [(i - 0.42 + step * (k + 0.5), r) for i, r in found if r is not None]
        places, lengths = zip(*shown, strict=True)
        cut = [min(r, WIDEST) for r in lengths]
        drawn = axes.barh(places, cut, 0.92 * step, color=COLOURS[engine], label=engine)
        texts = [f"{r:.2f}" for r in lengths]
        axes.bar_label(drawn, texts, padding=2, fontsize=8, bbox=behind)
    for engine, mark in MARKS.items():
        if engine in ran:
            _marked(axes, [w["to_torch"].get(engine) for w in workloads], engine, mark)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(workloads)), [_broken(w) for w in workloads], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(workloads) - 0.45, -0.55)
    axes.annotate(TORCH, (1, -0.55), (0, 3), textcoords="offset points", ha="center", fontsize=9)
    axes.set_xlim(0, 1.12 * min(WIDEST, max(r or 0 for w in workloads for r in _both(w))))
    axes.set_xlabel("time of a step; torch takes 1; shorter is better")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    faster = sum(round(w["to_torch"][MINITORCH], 2) <= 1 for w in workloads)
    _headed(
        figure, f"minitorch takes no longer than torch on {faster} of {len(workloads)} workloads"
    )
    figure.savefig(path, dpi=150)


def _both(w: dict[str, Any]) -> list[float]:
    """The ratios of a workload, and torch's own."""
    return [*w["to_torch"].values(), 1]


def _marked(axes: Any, found: Sequence[float | None], engine: str, mark: str) -> None:
    """A mark for each workload that an engine has; at the edge, with its number, if far off."""
    style = {"color": "black", "markersize": 6, "markerfacecolor": "white", "linestyle": ""}
    shown = [(i + 0.37, r) for i, r in enumerate(found) if r is not None]
    axes.plot(
        [min(r, WIDEST) for _, r in shown], [i for i, _ in shown], mark, **style, label=engine
    )
    for i, r in shown:
        if r > WIDEST:
            axes.annotate(f"{r:.1f}", (WIDEST, i), (8, -3), textcoords="offset points", fontsize=8)


def _broken(w: dict[str, Any]) -> str:
    """A name and title in short lines, for the side of the picture."""
    return textwrap.fill(f"{w['name']}: {w['title']}", 38)


def growth(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A panel for each kind of size, both axes logarithmic."""
    panels = list(dict.fromkeys(row["panel"] for row in rows))
    if (canvas := _axes(9.5, 3.6 * -(-len(panels) // 2), -(-len(panels) // 2), 2)) is None:
        return
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = canvas
    for one, panel in zip(axes, panels):
        here = [row for row in rows if row["panel"] == panel]
        for k, engine in enumerate(dict.fromkeys(e for row in here for e in row["best_ms"])):
            points = [(row["size"], row["best_ms"][engine]) for row in here]
            style = {"color": COLOURS[engine], "label": engine}
            # Where points meet, the first lies on top, and the others are seen around it.
            style |= {"markersize": 5 + 2 * k, "zorder": 3 - 0.1 * k}
            one.loglog(*zip(*points, strict=True), "o-", **style)
        sizes = [row["size"] for row in here]
        one.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
        one.set_xticks([], minor=True)
        low, high = one.get_ylim()
        one.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        one.yaxis.set_major_formatter(lambda ms, _: f"{ms:g}")
        one.yaxis.set_minor_formatter(NullFormatter())
        one.grid(color="#E4E4E4")
        one.set_axisbelow(True)
        one.set_title(textwrap.fill(panel, 52), loc="left", fontsize=10)
        one.set_xlabel(here[0]["axis"])
        one.set_ylabel("ms per step")
    axes[0].legend(frameon=False, fontsize=9)
    for one in axes[len(panels) :]:
        one.set_visible(False)
    if all(TORCH in row["best_ms"] for row in rows):
        faster = sum(_is_as_fast(row["best_ms"]) for row in rows)
        _headed(figure, f"minitorch takes no longer than torch at {faster} of {len(rows)} sizes")
    figure.savefig(path, dpi=150)


def _is_as_fast(ms: dict[str, float]) -> bool:
    """Does minitorch take no longer than torch, to the two digits that are shown?"""
    return round(ms[MINITORCH] / ms[TORCH], 2) <= 1


def _headed(figure: Any, title: str) -> None:
    """Writes above a figure what it shows."""
    figure.suptitle(title, x=0.01, horizontalalignment="left")
