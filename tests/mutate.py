"""Breaks every gradient rule in every usual way, and sees whether the op table notices.

    python -m tests.mutate             every rule of the registry
    python -m tests.mutate mul div     those of some ops

A mutant lives until some row of its op gives a gradient that is not the slope. A survivor is a row
that is missing, or a change that changes nothing: those stand in `tests/equivalents.txt`, each with
the reason. A mutant that only raises has been noticed as well, but by no comparison, so it is
counted apart.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from minitorch.gradcheck import gradient_of
from minitorch.gradreport import likely_cause
from minitorch.op import REGISTRY, Op
from minitorch.slopes import Experiment, Limits, Result, settings
from minitorch.undefined import POINTS
from tests.helpers import all_are_large, none_are_few
from tests.mutations import HELPER, WHOLE, Mutant, Reached, mutants, whole
from tests.rows import ROWS
from tests.table import Row
from tests.test_table import as_tensors, parts, run
from tests.test_undefined import gradients

# Each line with an indent is a mutant that changes nothing; the line above says why.
EQUIVALENT = {
    line.strip()
    for line in (Path(__file__).parent / "equivalents.txt").read_text().splitlines()
    if line.startswith(" ")
}

# What the report must say of a mutant of these kinds.
SAID = {
    "sign": "sign is flipped",
    "factor 2": "2 times the slope",
    "factor 1.01": "1.01 times the slope",
    "factor 1.0005": "1.0005 times the slope",
    "offset": "constant offset",
    "zero": "always zero",
    "ignore g": "does not depend on g",
}

# What changes nothing about a gradient that is zero everywhere.
NOTHING_FOR_ZERO = {
    "sign",
    "factor 2",
    "factor 1.01",
    "factor 1.0005",
    "zero",
    "transpose",
    "ignore g",
}


# So many rows in which a mutant raises are enough: it has been noticed.
ENOUGH = 3


@dataclass
class Rule:
    """A function that takes part in a gradient: a rule, or what rules call."""

    name: str  # "mul.a", "conv2d" for a joint rule, "reduce.spread()" for what rules call
    function: FunctionType
    operands: tuple[str, ...]
    ops: tuple[str, ...]  # whose rows check it
    parents: tuple[str, ...]  # the ops whose rules call it: their second order checks it too
    install: Callable[[FunctionType], None]
    original: FunctionType | None = None  # what stands there before; None where code is swapped


# finding rules, and their text ------------------------------------------------------------------


def rules(names: list[str]) -> Iterator[Rule]:
    """Every rule of the named ops (of all, when none is named), then what the rules call."""
    callers: dict[Any, set[str]] = {}  # a plain function, or the name of an op -> who calls it
    for record in REGISTRY.values():
        for rule in _rules_of(record).values():
            for called in _calls(rule):
                callers.setdefault(called, set()).add(record.name)
    for record in REGISTRY.values():
        for key, rule in _rules_of(record).items():
            if isinstance(rule, FunctionType) and (not names or record.name in names):
                yield Rule(
                    f"{record.name}.{key}" if key else record.name,
                    _words(rule),
                    ("y", *record.inputs),
                    (record.name,),
                    tuple(sorted({record.name, *callers.get(record.name, ())})),
                    functools.partial(_install, record, key),
                    rule,
                )
    bodies = [inspect.unwrap(r.body) for r in REGISTRY.values() if not _is_gradient(r)]
    forward = set().union(*map(_calls, bodies))
    for helper, ops in callers.items():
        if helper in forward or not isinstance(helper, FunctionType):
            continue  # what the forward calls is tested by its values
        if not names or ops & set(names):
            arrays = {"y", "dy", *(x for op in ops for x in REGISTRY[op].inputs)}
            operands = tuple(p for p in inspect.signature(helper).parameters if p in arrays)
            users = tuple(sorted(ops))
            parents = tuple(sorted(ops.union(*(callers.get(op, ()) for op in ops))))
            family = helper.__module__.rpartition(".")[2]
            install = functools.partial(_swap_code, helper)
            yield Rule(f"{family}.{helper.__name__}()", helper, operands, users, parents, install)


def _is_gradient(record: Op) -> bool:
    """Is the body of this op a formula of a gradient?"""
    return record.name.endswith("_grad")


def _rules_of(record: Op) -> dict[str, Any]:
    """The rules as they were written: bfloat16, once it was named, puts a function around each."""
    found = record.rules if record.joint is None else {"": record.joint}
    return {key: inspect.unwrap(rule) for key, rule in found.items()}


def _words(function: Any) -> Any:
    """The function that was written, of one whose text the engine made around it."""
    made = getattr(getattr(function, "__code__", None), "co_filename", "").startswith("<")
    return getattr(function, "__wrapped__", function) if made else function


def _calls(function: Any, seen: set | None = None) -> set[Any]:
    """What a rule calls, directly or through others: plain functions of the ops, and ops by name.

    The body of an op that is a gradient counts as a plain function.
    """
    seen = set() if seen is None else seen
    function = _words(function)
    for name in _names(function.__code__) if isinstance(function, FunctionType) else ():
        other = _words(function.__globals__.get(name))
        record = getattr(other, "op", None)
        if isinstance(record, Op):
            seen.add(record.name)
            other = inspect.unwrap(record.body) if _is_gradient(record) else None
        if (
            isinstance(other, FunctionType)
            and other.__module__.startswith("minitorch.ops")
            and other not in seen
        ):
            seen.add(other)
            _calls(other, seen)
    return seen


def _names(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names(constant)


@functools.cache
def _module_tree(filename: str) -> ast.Module:
    with open(filename) as file:
        return ast.parse(file.read())


def tree_of(function: FunctionType) -> ast.AST:
    """The Lambda or FunctionDef that a function was made from."""
    code = function.__code__
    found = [
        node
        for node in ast.walk(_module_tree(code.co_filename))
        if isinstance(node, (ast.Lambda, ast.FunctionDef)) and _makes(node, function)
    ]
    if not found:
        raise LookupError(f"no source of {function.__qualname__} in {code.co_filename}")
    return found[-1]  # the innermost, where one lambda stands in another


def _makes(node: ast.Lambda | ast.FunctionDef, function: FunctionType) -> bool:
    code = function.__code__
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    spans = [
        ((line, column), (end, end_column))
        for line, end, column, end_column in code.co_positions()
        if None not in (line, end, column, end_column) and column != end_column
    ]
    here = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return bool(spans) and all(here[0] <= start and stop <= here[1] for start, stop in spans)


def _built(node: ast.AST, function: FunctionType) -> FunctionType:
    """The function that a tree describes, in the module and with the closure of `function`."""
    free = function.__code__.co_freevars
    arguments = ast.arguments([], [ast.arg(n) for n in free], None, [], [], None, [])
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.Return(node)]
    else:
        bare = ast.FunctionDef(node.name, node.args, node.body, [], node.returns)
        body = [bare, ast.Return(ast.Name(node.name, ast.Load()))]
    close = ast.FunctionDef("close", arguments, body, [])
    module = ast.fix_missing_locations(ast.Module([close], []))
    scope: dict[str, Any] = {}
    exec(compile(module, "<mutant>", "exec"), function.__globals__, scope)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return scope["close"](*cells)


# putting a mutant in the place of a rule --------------------------------------------------------


def _install(record: Op, key: str, rule: FunctionType) -> None:
    if record.joint is not None:
        record.grad(rule)
    else:
        record.grad(**{**record.rules, key: rule})


def _swap_code(function: FunctionType, other: FunctionType) -> None:
    function.__code__ = other.__code__


@contextmanager
def mutated(rule: Rule, mutant: Mutant) -> Iterator[None]:
    """Inside the block the mutant stands in the place of the rule."""
    tree = mutant.tree
    taken = {a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)}
    tree.args.args += [ast.arg(n) for n in mutant.needs if n not in taken]
    function, module = rule.function, rule.function.__globals__
    original = FunctionType(function.__code__, module)
    module[HELPER] = whole
    try:
        rule.install(_built(tree, function))
        yield
    finally:
        rule.install(rule.original or original)
        del module[HELPER]


# the verdict on a mutant ------------------------------------------------------------------------


class Bench:
    """The rows of the table with their slopes, measured once for all mutants."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], list[tuple[Row, Experiment | None]]] = {}

    def of(self, op: str, order: int = 1) -> list[tuple[Row, Experiment | None]]:
        """The rows of an op that have a gradient of that order, each with its experiment.

        To be asked for before anything is broken.
        """
        if (op, order) not in self.kept:
            self.kept[op, order] = rows = []
            for row in ROWS:
                if row.op == op and row.wanted and row.order >= order:
                    # a row that fails by itself fails in test_table, and measures nothing here
                    with suppress(Exception):
                        rows.append((row, None if row.zero else _experiment(row, order)))
            rows.sort(key=_effort)
        return self.kept[op, order]

    def verdict(self, ops: tuple[str, ...], kind: str, order: int = 1) -> tuple[str, bool | None]:
        """("killed", "raised" or "survived"; was the cause named?) for the rules as they are."""
        raised = 0
        for op in ops:
            for row, experiment in self.of(op, order):
                try:
                    if experiment is None:
                        if _moves(row):
                            return "killed", None
                        continue
                    experiment.facts = []
                    results = experiment.results()
                except Exception:  # a mutant may fail in any way
                    raised += 1
                    if raised == ENOUGH:
                        return "raised", None
                    continue
                wrong = [r for r in results if r.bad]
                if wrong or experiment.facts:
                    return "killed", _is_named(experiment, wrong, kind)
            if order == 1 and not raised and _misses_a_point(op):
                return "killed", None
        return ("raised" if raised else "survived"), None


def _effort(checked: tuple[Row, Experiment | None]) -> tuple[bool, int]:
    """The quick rows come first, but before them those with enough elements to show a pattern."""
    size = max(np.size(a) for a in checked[0].args)
    return size < 4, size


def _misses_a_point(op: str) -> bool:
    """Is a gradient at an undefined point another than the table says?"""
    for point in POINTS:
        if op in (point.op, point.inside):
            for got, want in zip(gradients(point, 3.0), point.grads):
                if not np.array_equal(got, 3.0 * np.array(want), equal_nan=True):
                    return True
    return False


def _experiment(row: Row, order: int) -> Experiment:
    limits = Limits(zero="some")
    with settings():
        made = Experiment(lambda *args: run(row, args), as_tensors(row), limits)
        if order == 2:
            inputs = (*made.tree, *[g.detach().requires_grad_() for g in made.g])
            made = Experiment(gradient_of(made), inputs, limits, order=2)
        made.measured()
    return made


def _is_named(experiment: Experiment, wrong: list[Result], kind: str) -> bool | None:
    """Does the report say what kind of mistake this is? None where there is nothing to say."""
    if kind not in SAID or not wrong:
        return None
    with settings():
        worst = max(wrong, key=lambda r: r.excess)
        return SAID[kind] in (likely_cause(experiment, worst) or "")


def _moves(row: Row) -> bool:
    """Is a gradient that must be zero everywhere something else?"""
    args = as_tensors(row)
    parts(run(row, args))[0].sum().backward()
    grads = [args[i].grad for i in row.wanted]
    return any(g is not None and g.numpy().any() for g in grads)


# the run ----------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the mutants."""

    made: Counter = field(default_factory=Counter)  # by kind, as are the next three
    killed: Counter = field(default_factory=Counter)
    asked: Counter = field(default_factory=Counter)  # killed, and of a kind the report can name
    named: Counter = field(default_factory=Counter)  # and it did
    raised: list[str] = field(default_factory=list)
    equivalent: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # rules without a row


def run_all(names: list[str]) -> Tally:
    """Mutates the rules of the named ops, or all."""
    tally, bench = Tally(), Bench()
    for rule in list(rules(names)):
        if not any(bench.of(op) for op in rule.ops):
            tally.unchecked.append(rule.name)
            continue
        is_zero = all(row.zero for op in rule.ops for row, _ in bench.of(op))
        for mutant in mutants(tree_of(rule.function), rule.operands):
            if (is_zero or mutant.change.endswith(" * 0")) and mutant.kind in NOTHING_FOR_ZERO:
                continue
            title = f"{rule.name}: {mutant.kind}: {mutant.change}"
            Reached.met = Reached.changed = False
            fate, named = _fate(rule, mutant, bench)
            if mutant.kind in WHOLE and Reached.met and not Reached.changed:
                continue  # a shape or a flag, or the transpose of what has one axis
            if fate == "survived" and mutant.noise is not None:
                noisy = replace(mutant, tree=mutant.noise)
                if _fate(rule, noisy, bench)[0] == "survived":
                    continue  # the values at this place are not used, only a shape or a dtype
            tally.made[mutant.kind] += 1
            if fate == "killed":
                tally.killed[mutant.kind] += 1
                if named is not None and not rule.name.endswith("()"):  # a helper's is a part
                    tally.asked[mutant.kind] += 1
                    tally.named[mutant.kind] += named
                    if not named:
                        tally.unnamed.append(title)
            elif fate == "survived" and title in EQUIVALENT:
                tally.equivalent.append(title)
            else:
                getattr(tally, fate).append(title)
    return tally


def _sizes(rule: Rule) -> Iterator[Callable]:
    """A rule may have a way for few numbers, one for many, and one for large arrays."""
    yield from (nullcontext, none_are_few)
    if "is_large" in rule.function.__globals__:
        yield all_are_large


def _fate(rule: Rule, mutant: Mutant, bench: Bench) -> tuple[str, bool | None]:
    """What the rows of the op do not notice, the second order of those that call it may."""
    raised = False
    for ops, order in ((rule.ops, 1), (rule.parents, 2)):
        for op in ops:
            bench.of(op, order)  # measured before anything is broken
        try:
            with mutated(rule, mutant):
                for size in _sizes(rule):
                    with size():
                        verdict, named = bench.verdict(ops, mutant.kind, order)
                    if verdict == "killed":
                        return verdict, named
                    raised |= verdict == "raised"
        except Exception:  # it cannot even be installed
            raised = True
    return ("raised" if raised else "survived"), None


def main(names: list[str]) -> int:
    """Prints what became of the mutants; 1 when one survived."""
    unknown = [n for n in names if n not in REGISTRY]
    if unknown:
        print(f"no such op: {', '.join(unknown)}")
        return 2
    tally = run_all(names)
    print(f"{'mutation':<24} {'made':>6} {'killed':>7}   cause named")
    for kind, made in tally.made.most_common():
        named = f"{tally.named[kind]} of {tally.asked[kind]}" if tally.asked[kind] else ""
        print(f"{kind:<24} {made:>6} {tally.killed[kind]:>7}   {named}".rstrip())
    print(
        f"{tally.made.total()} made, {tally.killed.total()} killed by a value, "
        f"{len(tally.raised)} raised only, {len(tally.equivalent)} equivalent, "
        f"{len(tally.survived)} survived"
    )
    if tally.unchecked:
        print(f"without a row: {', '.join(tally.unchecked)}")
    for title in tally.survived:
        print(f"survived  {title}")
    return 1 if tally.survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
