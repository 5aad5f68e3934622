"""How long things are needed: which calls, which memory, and what is handed out."""

from __future__ import annotations

from minitorch.compiled.program import Program, values_in


def mark_escapes(program: Program) -> None:
    """What is handed out, and what it is a view of; also to calls that may keep what they get."""
    handed = [program.result, *program.bindings]
    handed += [(c.args, c.kwargs) for c in program.calls if c.kind in ("bind", "outside")]
    for value in values_in(handed):
        value.storage.escapes = True


def mark_lives(program: Program) -> None:
    """Marks the calls that nobody needs, and for each storage the last call that uses it."""
    _mark_dead(program)
    _mark_last_uses(program)


def _mark_dead(program: Program) -> None:
    """Walks backwards: a call is needed for what it does, or for what a needed call uses."""
    needed: set[int] = {id(s) for s in program.storages if s.escapes}
    for call in reversed(program.calls):
        does = call.kind in ("outside", "whole", "bind")
        does = does or any(v.storage.kind != "made" for v in call.writes)
        does = does or any(id(v.storage) in needed for v in (*call.makes(), *call.writes))
        if call.dead:
            continue
        call.dead = not does
        if does:
            needed.update(id(v.storage) for v in call.uses())


def _mark_last_uses(program: Program) -> None:
    for i, call in enumerate(program.lines):
        for value in (*call.uses(), *call.makes()):
            value.storage.last = i
    # What an op keeps for its backward may hold what it was given, and be kept by the next in turn.
    for call in reversed(program.lines):
        for kept in call.makes():
            if kept.storage.kind == "object":
                for value in call.uses():
                    value.storage.last = max(value.storage.last, kept.storage.last)
