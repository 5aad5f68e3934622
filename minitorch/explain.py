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
    rules = [found for text in _paragraphs(op) for found in _RULE.findall(text)]
    name = op.inputs[min(place, len(op.inputs) - 1)]
    by_name = [said for of, said in rules if of == name]
    in_order = [said for _, said in rules[place : place + 1] or rules[-1:]]
    return (by_name or in_order or [f"as in the docstring of {op.name}"])[0]


# "dL/da = ..." up to the next one, or to the end of the sentence.
_RULE = re.compile(r"dL/d\(?(\w+?)(?:_\w+)?\)? = (.*?)(?=[,;] +dL/d|\.(?: |$)|$)")


def _paragraphs(op: Any) -> list[str]:
    """The docstring's text, each paragraph as one line."""
    return [" ".join(p.split()) for p in (inspect.getdoc(op.body) or "").split("\n\n")]
