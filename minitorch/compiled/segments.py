"""A program is cut into what a CUDA graph can hold and what it cannot; and it is said why not.

    line                      goes into
    v4 = _product(v0, b3)     graph 0
    add(v4, b2, out=v4)       graph 0
    maximum(v4, 0, out=b5)    graph 0
    v9 = cross_entropy(...)   no graph: it looks at the labels
    v15 = _product(...)       graph 1
    ...
    step(Adam)                no graph: it counts its steps

A graph repeats its kernels on the same addresses with the same numbers, and asks the host nothing.
So it holds calls on arrays of one GPU. What looks at values, counts, draws, looks a learning rate
up, or writes into an array that is another one at every run, is called between two graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minitorch.compiled.program import Call, Program, Storage

_FEWEST = 3  # calls: for fewer, a launch and the copies around it save nothing

_KINDS = {
    "bind": "it leaves a gradient in .grad, where the next call looks for it",
    "outside": "it does more than compute: it counts, draws, checks, or looks a number up",
    "whole": "its way depends on values, which the host looks at",
}


@dataclass(eq=False)
class Segment:
    """Lines that follow one another, all for a graph or all not.

    Attributes:
        device: the GPU; "" where there is no graph.
        lines: their numbers.
        why: why there is no graph.
    """

    device: str = ""
    lines: list[int] = field(default_factory=list)
    why: str = ""


def cut(program: Program, refused: Mapping[int, str]) -> list[Segment]:
    """The lines of a program in segments, in their order.

    Args:
        program: a planned one.
        refused: for the number of a line, why CuPy did not capture it.
    """
    lines, found = program.lines, [Segment()]
    made: set[int] = set()  # the storages that the segment before has made
    for i, call in enumerate(lines):
        last = found[-1]
        if call.kind == "view":  # no launch: each side makes it for itself
            last.lines.append(i)
            continue
        device = _device(call)
        if device != last.device:
            made = set()
        why = refused.get(i) or _why_not(call, device, made)
        if not why and device == last.device:
            last.lines.append(i)
        else:
            found.append(Segment("" if why else device, [i], why))
            made = set()
        made |= {id(v.storage) for v in call.makes() if v.whole}
    for segment in found:
        calls = [i for i in segment.lines if lines[i].kind != "view"]
        if segment.device and len(calls) < _FEWEST:
            segment.device = ""
            segment.why = f"{len(calls)} calls alone: a graph of them would save nothing"
    return [segment for segment in found if segment.lines]


def _device(call: Call) -> str:
    """Where the arrays of a call lie, if that is one GPU."""
    places = {v.storage.device for v in (*call.uses(), *call.makes()) if v.dtype is not None}
    return places.pop() if len(places) == 1 and places != {"cpu"} else ""


def _why_not(call: Call, device: str, made: set[int]) -> str:
    """Why a call is not for a graph; "" for one that is. `made`: what its segment has made."""
    if call.kind in _KINDS:
        return _KINDS[call.kind]
    if not device:
        return "it computes on the host, or moves between it and a GPU"
    own = {id(v.storage) for v in call.makes() if v.whole}
    if any(not v.whole and id(v.storage) not in own for v in call.makes() if v not in call.writes):
        return "it gives a view beside new arrays"
    if any(not stays(v.storage) and id(v.storage) not in made for v in call.writes):
        return "it writes into an array that is another one at every run"
    return ""


def stays(storage: Storage) -> bool:
    """Does a storage lie at the same address at every run?"""
    if storage.kind == "constant":
        return not storage.escapes
    return storage.kind == "outside" or storage.offset is not None


def described(program: Program, segments: list[Segment]) -> str:
    """What is captured and what is not, a line for each segment that does something."""
    lines, graphs = program.lines, 0
    rows: list[str] = []
    for segment in segments:
        calls = [lines[i] for i in segment.lines if lines[i].kind != "view"]
        if not calls:
            continue
        names = ", ".join(dict.fromkeys(call.op or call.name for call in calls))
        if segment.device:
            rows.append(f"graph {graphs} on {segment.device}, {len(calls)} calls: {names}")
            graphs += 1
        else:
            rows.append(f"no graph, {names}: {segment.why}")
    return "\n".join(dict.fromkeys(rows))
