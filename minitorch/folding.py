"""A graph folded: each call of a module is one box, and what is in it is a graph of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from minitorch.calls import Call
from minitorch.drawing import Graph

Path = tuple[Call, ...]  # the calls that something is in, the outermost first


@dataclass(frozen=True)
class Folding:
    """A whole graph, and what is needed to fold it.

    Attributes:
        graph: all of it.
        calls: for each op, the calls it is in.
        outputs: what each call returns, for its box.
        parameters: the values that are drawn only beside the op that uses them.
    """

    graph: Graph
    calls: Mapping[str, Path]
    outputs: Mapping[Call, str]
    parameters: frozenset[str] = frozenset()

    def inside(self, path: Path = ()) -> Graph:
        """What is directly in a call: its ops, a box for each call in it, where they come from."""
        graph, shown = self.graph, Graph()
        seen = {name: self._seen_as(name, path) for name in graph.labels}
        for name, label in graph.labels.items():
            if seen[name] == name:
                shown.box(name, label, graph.kinds[name], graph.tips.get(name, ""))
            elif seen[name]:
                call = self.calls[name][len(path)]
                short = call.path.rpartition(".")[2]
                label = f"{short}: {call.kind} {self.outputs[call]}"
                shown.box(seen[name], label, "module")
                shown.links[seen[name]] = f"#{quote(anchor(call))}"
        for a, b in graph.arrows:
            # A parameter is not shown in front of a box that hides who uses it.
            if seen[b] and (a not in self.parameters or seen[b] == b):
                source = seen[a] or a
                if source == a:
                    shown.box(a, graph.labels[a], "value", graph.tips.get(a, ""))
                if source != seen[b]:
                    shown.arrow(source, seen[b])
        return shown

    def _seen_as(self, name: str, path: Path) -> str:
        """The box itself, or that of the call which hides it, or nothing for what is outside."""
        depth = len(path)
        own = self.calls.get(name, ())
        if own[:depth] != path or name in self.parameters:
            return ""
        return name if len(own) == depth else anchor(own[depth])

    def calls_in(self, path: Path) -> list[Call]:
        """The calls directly in a call, in their order."""
        depth = len(path)
        within = [own for own in self.calls.values() if own[:depth] == path and len(own) > depth]
        return list(dict.fromkeys(own[depth] for own in within))

    def ops_in(self, path: Path) -> int:
        """How many ops a call has, with those of the calls in it."""
        return sum(own[: len(path)] == path for own in self.calls.values())


def anchor(call: Call) -> str:
    """A name for a call, that a link can lead to."""
    return f"call-{call.path}-{call.number}"
