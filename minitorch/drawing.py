"""Boxes and arrows, laid out in layers: as text, Mermaid, DOT, SVG; no other program is needed.

The layout is K. Sugiyama's in its simplest form ("Methods for visual understanding of hierarchical
system structures", IEEE Transactions on Systems, Man, and Cybernetics, 1981): a box stands one
layer below the lowest of its sources; long arrows are led through empty places of the layers
between; within a layer the boxes are ordered by the mean position of their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

_FILL = {"op": "#e8eef7", "value": "#fdf3e1", "module": "#e6f2ea"}
_EDGE = {"op": "#4c72b0", "value": "#c2842a", "module": "#3d8a5f"}
# In pixels; a character of 12 px monospace is 7.2 wide, and a little air.
_BOX_HEIGHT, _ROW, _GAP, _CHAR, _MARGIN = 28, 64, 24, 7.4, 16
_PADDING, _BEND = 18, 10  # around a label; the room of an arrow that passes between boxes
_SWEEPS = 8  # down and up in turn; after that the order hardly changes any more


@dataclass
class Graph:
    """Named boxes with labels, and arrows from box to box, in the order they were added.

    Attributes:
        labels, kinds: of each box what it says, and "op", "value" or "module".
        arrows: from, to.
        tips: what a browser says of a box under the mouse, where there is something.
        links: where a click on a box leads, likewise.
    """

    labels: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)
    tips: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def box(self, name: str, label: str, kind: str, tip: str = "") -> None:
        """Adds a box, unless it is there."""
        self.labels.setdefault(name, label)
        self.kinds.setdefault(name, kind)
        if tip:
            self.tips.setdefault(name, tip)

    def arrow(self, source: str, target: str) -> None:
        """Adds an arrow; a second one between the same boxes is drawn once."""
        if (source, target) not in self.arrows:
            self.arrows.append((source, target))

    # text --------------------------------------------------------------------------------------

    def text(self) -> str:
        """An indented tree for every box that no arrow leaves; no box is opened twice."""
        sources: dict[str, list[str]] = {name: [] for name in self.labels}
        for source, target in self.arrows:
            sources[target].append(source)
        left = {source for source, _ in self.arrows}
        lines: list[str] = []
        seen: set[str] = set()
        stack = [(name, "", "") for name in reversed(self.labels) if name not in left]
        while stack:
            name, lead, below = stack.pop()
            label = self.labels[name]
            shown = label if label.startswith(name) else f"{name} = {label}"
            again = name in seen and sources[name]
            lines.append(f"{lead}{shown}{' (above)' if again else ''}")
            if again:
                continue
            seen.add(name)
            children = sources[name]
            for i, child in reversed(list(enumerate(children))):
                last = i == len(children) - 1
                branch, bar = ("└─ ", "   ") if last else ("├─ ", "│  ")
                stack.append((child, below + branch, below + bar))
        return "\n".join(lines)

    # Mermaid -----------------------------------------------------------------------------------

    def mermaid(self) -> str:
        """A flowchart for Markdown viewers."""
        ids = {name: f"n{i}" for i, name in enumerate(self.labels)}
        lines = ["flowchart TD"]
        for name, label in self.labels.items():
            left, right = ("[", "]") if self.kinds[name] == "op" else ("([", "])")
            text = label.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
            lines.append(f'    {ids[name]}{left}"{text}"{right}')
        lines += [f"    {ids[a]} --> {ids[b]}" for a, b in self.arrows]
        return "\n".join(lines) + "\n"

    # DOT ---------------------------------------------------------------------------------------

    def dot(self) -> str:
        """The graph in the language of Graphviz, for its programs and for what reads it."""
        ids = {name: f"n{i}" for i, name in enumerate(self.labels)}
        lines = ["digraph {"]
        for name, label in self.labels.items():
            shape = "box" if self.kinds[name] == "op" else "ellipse"
            text = label.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'    {ids[name]} [label="{text}", shape={shape}]')
        lines += [f"    {ids[a]} -> {ids[b]}" for a, b in self.arrows]
        return "\n".join([*lines, "}"]) + "\n"

    # SVG ---------------------------------------------------------------------------------------

    def layers(self) -> dict[str, int]:
        """For every box its layer: below all its sources, and sources just above their users."""
        depth = dict.fromkeys(self.labels, 0)
        for _ in range(len(depth)):  # longest paths; at most as many rounds as boxes
            moved = False
            for source, target in self.arrows:
                if depth[target] < depth[source] + 1:
                    depth[target], moved = depth[source] + 1, True
            if not moved:
                break
        for name in self.labels:
            users = [depth[b] for a, b in self.arrows if a == name]
            if self.kinds[name] == "value" and users:
                depth[name] = min(users) - 1
        return depth

    def _with_bends(self) -> tuple[dict[str, int], list[list[str]]]:
        """The layers with a bend in every layer that an arrow crosses, and the arrows as chains."""
        depth = self.layers()
        chains = []
        for a, b in self.arrows:
            bends = [f"{a} -> {b} @ {d}" for d in range(depth[a] + 1, depth[b])]
            depth.update({bend: depth[a] + 1 + i for i, bend in enumerate(bends)})
            chains.append([a, *bends, b])
        return depth, chains

    def _width(self, name: str) -> float:
        return len(self.labels[name]) * _CHAR + _PADDING if name in self.labels else _BEND

    def positions(self) -> tuple[dict[str, tuple[float, float]], list[list[str]]]:
        """The centre of every box and bend, in pixels, and the chains the arrows follow."""
        depth, chains = self._with_bends()
        rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for name, d in depth.items():
            rows[d].append(name)
        neighbours: dict[str, list[str]] = {name: [] for name in depth}
        for chain in chains:
            for a, b in pairwise(chain):
                neighbours[a].append(b)
                neighbours[b].append(a)
        x = {name: float(i) for row in rows for i, name in enumerate(row)}
        for sweep in range(_SWEEPS):
            for row in rows if sweep % 2 else reversed(rows):
                means = {
                    n: sum(x[m] for m in neighbours[n]) / max(len(neighbours[n]), 1) for n in row
                }
                row.sort(key=lambda n: means[n])
                self._spread(row, means, x)
        left = min((x[n] - self._width(n) / 2 for n in x), default=0.0)
        at = {n: (x[n] - left + _MARGIN, depth[n] * _ROW + _MARGIN + _BOX_HEIGHT / 2) for n in x}
        return at, chains

    def _spread(self, row: list[str], means: dict[str, float], x: dict[str, float]) -> None:
        """Places a row's boxes near their neighbours' mean, left to right without overlap."""
        edge = float("-inf")
        for name in row:
            half = self._width(name) / 2
            x[name] = max(means[name], edge + _GAP + half)
            edge = x[name] + half
        drift = sum(x[n] - means[n] for n in row) / max(len(row), 1)
        for name in row:
            x[name] -= drift

    def svg(self) -> str:
        """A picture: sources above, results below; rounded boxes are values, square ones ops."""
        at, chains = self.positions()
        width = max((at[n][0] + self._width(n) / 2 for n in at), default=0.0) + _MARGIN
        height = max((y for _, y in at.values()), default=0.0) + _BOX_HEIGHT / 2 + _MARGIN
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#666"/></marker>'
            "</defs>",
        ]
        for chain in chains:
            points = [at[name] for name in chain]
            points[0] = (points[0][0], points[0][1] + _BOX_HEIGHT / 2)
            points[-1] = (points[-1][0], points[-1][1] - _BOX_HEIGHT / 2)
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="#666" marker-end="url(#tip)"/>'
            )
        parts += [self._drawn_box(name, *at[name]) for name in self.labels]
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _drawn_box(self, name: str, x: float, y: float) -> str:
        """A box with its label around a point, its tip, and its link."""
        w, kind = self._width(name), self.kinds[name]
        radius = _BOX_HEIGHT / 2 if kind == "value" else 3
        box = (
            f'<rect x="{x - w / 2:.1f}" y="{y - _BOX_HEIGHT / 2:.1f}" width="{w:.1f}" '
            f'height="{_BOX_HEIGHT}" rx="{radius}" fill="{_FILL[kind]}" stroke="{_EDGE[kind]}"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">'
            f"{escape(self.labels[name])}</text>"
        )
        if name in self.tips:
            box = f"<g><title>{escape(self.tips[name])}</title>{box}</g>"
        if name in self.links:
            box = f'<a href="{escape(self.links[name])}">{box}</a>'
        return box
