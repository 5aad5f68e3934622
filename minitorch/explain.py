"""Backward, told step by step: each op from the last to the first, with its rule for each input.

The formulas are those of the ops' own docstrings, where they stand beside the rules in the same
letters: g is the gradient that arrives at the output y.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any


def explain(
    records: Sequence[Any], called: Callable[[Any], str], shape_of: Callable[[Any], Any]
) -> str:
    """The steps of a backward through these records.

    Args:
        records: of a tape, in the order in which they were recorded.
        called: what an input or an output is called.
        shape_of: the shape of an input.
    """
    named = lambda value: called(value).partition("[")[0]  # all outputs of an op as one
    used = {named(value) for record in records for value in record.inputs}
    lines = ["g is the gradient that arrives at an op's output; what several ops send is added up"]
    for record in reversed(records):
        op, name = record.node.plan.op, named(record.output)
        shapes = [shape for shape, _ in record.shapes]
        given = ", ".join(map(called, record.inputs))
        begins = "" if name in used else ", which is 1 to begin with"
        lines.append(f"{name} = {record.name}({given})          {formula(op)}")
        lines.append(f"    g = dL/d{name} {', '.join(map(str, shapes))}{begins}")
        for place in record.node.plan.wanted:
            value = record.inputs[place]
            shape = shape_of(value)
            repeated = op.broadcasts and shape != shapes[0]
            summed = ", summed over where it was repeated" * repeated
            lines.append(f"    dL/d{called(value)} {shape} = {rule(op, place)}{summed}")
    return "\n".join(lines)


def formula(op: Any) -> str:
    """What an op computes, as its docstring says it.

    >>> from minitorch.op import REGISTRY
    >>> formula(REGISTRY["mul"])
    'y = a b'
    """
    return _paragraphs(op)[0].partition(" dL/d")[0].partition(". ")[0].strip().rstrip(".")


def rule(op: Any, place: int) -> str:
    """The gradient of its input at that place, as its docstring says it.

    >>> from minitorch.op import REGISTRY
    >>> [rule(REGISTRY["linear"], place) for place in range(3)]
    ['g W', 'gᵀ x', 'Σ g over the rows']
    """
    told = rules(op)
    inputs = list(op.inputs)
    name = inputs[min(place, len(inputs) - 1)]
    of = {given: _letter(given, told) for given in inputs}
    free = [part for part in told if part not in of.values()]
    left = [given for given in inputs if of[given] is None]
    letter = of[name]
    if letter is not None:
        return told[letter]
    if len(free) == len(left):  # what has a letter of its own in the formula stands in order
        return told[free[left.index(name)]]
    if len(told) == 1 == len(free) or len(inputs) == 1 < len(free):  # of parts of the inputs
        return ", ".join(f"dL/d({part}) = {told[part]}" for part in free)
    return f"as in the docstring of {op.name}"


def rules(op: Any) -> dict[str, str]:
    """letter -> its gradient, for those that the docstring tells; the first one of each letter.

    >>> from minitorch.op import REGISTRY
    >>> rules(REGISTRY["div"])
    {'a': 'g / b', 'b': '-g y / b'}
    """
    found: dict[str, str] = {}
    for text in _paragraphs(op):
        for heads, said in _RULE.findall(text):
            for letter in _HEAD.findall(heads):
                found.setdefault(letter, said)
    return found


def _letter(name: str, told: dict[str, str]) -> str | None:
    """What an input is called in the formulas: by its name, its initial, or x for the input."""
    initials = [word[0] for word in name.split("_")]
    for letter in (name, *initials, *map(str.upper, initials), *["x"] * (name == "input")):
        if letter in told:
            return letter
    return None


# "dL/da = ..." up to the next one, or to the end of the sentence; "dL/da = dL/db = ..." is of both.
_HEAD = re.compile(r"dL/d\(?(\w+?)(?:_\w+)?\)? = ")
_RULE = re.compile(r"((?:dL/d\(?\w+?(?:_\w+)?\)? = )+)(.*?)(?=[,;] +dL/d|,? and dL/d|\.(?: |$)|$)")


def _paragraphs(op: Any) -> list[str]:
    """The docstring's text, each paragraph as one line."""
    return [" ".join(p.split()) for p in (inspect.getdoc(op.body) or "").split("\n\n")]
