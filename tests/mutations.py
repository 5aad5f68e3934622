"""The mistakes one makes in a gradient rule, made on its syntax tree, one at a time.

`mutants(tree, ...)` yields copies of a rule's tree with one change each: a sign, a factor, a term,
a function, an operand. What a copy is called says what was there and what is there now.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Make = Callable[[ast.expr], ast.expr]


@dataclass(frozen=True)
class Mutant:
    """One changed copy of a rule."""

    kind: str
    change: str  # "old -> new", in source form
    tree: ast.AST  # the Lambda or FunctionDef
    needs: tuple[str, ...] = ()  # names that the change makes the rule take in addition
    noise: ast.AST | None = None  # the rule with noise at the same place: do its values matter?


# changes of a whole result ----------------------------------------------------------------------


def _each(f: Callable[[Any], Any], value: Any) -> Any:
    """`f` of a gradient, of each of several, and of none."""
    if isinstance(value, (tuple, list)):
        return type(value)(_each(f, v) for v in value)
    return None if value is None else f(value)


def _swapped(v: Any) -> Any:
    """The values of the transposed array, in the shape of v: what only values can tell."""
    return v.transpose(*reversed(range(v.ndim))).reshape(v.shape) if v.ndim > 1 else v


WHOLE: dict[str, Callable[[Any], Any]] = {
    "sign": lambda v: -v,
    "factor 2": lambda v: v * 2,
    "factor 1.01": lambda v: v * 1.01,
    "factor 1.0005": lambda v: v * 1.0005,
    "offset": lambda v: v + 1e-5,
    "zero": lambda v: v * 0,
    "transpose": _swapped,
}
OF_PARTS: dict[str, Callable[[Any], Any]] = {
    "ignore g": lambda v: v * 0 + 1,
    "noise": lambda v: v * 0.123 + 0.456,
}


class Reached:
    """Was a changed result met since the last reset, and was it another than before?"""

    met = False
    changed = False


def whole(kind: str, value: Any) -> Any:
    """What a mutated rule calls, by the name of `HELPER`. Only arrays are changed."""
    change = {**WHOLE, **OF_PARTS}[kind]

    def changed(v: Any) -> Any:
        Reached.met = True
        if not hasattr(v, "dtype") or v.dtype.kind != "f":
            return v  # a shape, a flag: no gradient
        if kind != "transpose" or sum(n > 1 for n in v.shape) > 1:
            Reached.changed = True
        return change(v)

    return _each(changed, value)


HELPER = "_mutated_whole_"


# changes of a part ------------------------------------------------------------------------------

_REVERSED = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


def _parts(node: ast.expr, operands: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    """Every small mistake at one expression: its kind, and what stands there instead."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "drop a sign", node.operand
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "drop .T", node.value
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _REVERSED:
        op = _REVERSED[type(node.ops[0])]()
        yield "reverse a comparison", ast.Compare(node.left, [op], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield "swap the branches", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "flip a flag", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant + 1", ast.Constant(node.value + 1)
    elif isinstance(node, ast.Name) and node.id in operands:
        for other in operands:
            if other != node.id:
                yield "another operand", ast.Name(other, ast.Load())


def _of_operator(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    left, op, right = node.left, node.op, node.right
    if isinstance(op, ast.Mult):
        yield "drop a factor", left
        yield "drop a factor", right
        yield "* to /", ast.BinOp(left, ast.Div(), right)
    elif isinstance(op, ast.Div):
        yield "drop a divisor", left
        yield "/ to *", ast.BinOp(left, ast.Mult(), right)
    elif isinstance(op, ast.Add):
        yield "drop a term", left
        yield "drop a term", right
        yield "+ to -", ast.BinOp(left, ast.Sub(), right)
    elif isinstance(op, ast.Sub):
        yield "drop a term", left
        yield "drop a term", ast.UnaryOp(ast.USub(), right)
        yield "- to +", ast.BinOp(left, ast.Add(), right)
    elif isinstance(op, ast.Pow):
        yield "drop a power", left
    elif isinstance(op, ast.MatMult):
        yield "swap the sides of @", ast.BinOp(right, op, left)


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    function = node.func
    module = function.value if isinstance(function, ast.Attribute) else None
    if isinstance(module, ast.Name) and module.id in ("np", "builtins", "operator"):
        module = None  # a function of a module, not a method
    if isinstance(function, ast.Name) and function.id in ("tuple", "list", "int", "len", "range"):
        return  # another kind of the same numbers
    if module is not None:
        yield "drop a method", module
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield "drop a function", node.args[0]
    if isinstance(function, ast.Name) and function.id == "sum":
        yield "sum to mean", ast.Call(ast.Name("mean", ast.Load()), node.args, node.keywords)
    if isinstance(function, ast.Name) and function.id == "matmul":
        yield "swap the sides of @", ast.Call(function, node.args[1::-1], node.keywords)


# all mutants of one rule ------------------------------------------------------------------------


def mutants(rule: ast.Lambda | ast.FunctionDef, operands: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of a rule, given as a Lambda or a FunctionDef.

    Args:
        rule: the tree; it is left as it is.
        operands: the names that can be mistaken for each other: the op's inputs and `y`.
    """
    for path, value in _results(rule):
        for kind in WHOLE:
            call = ast.Call(ast.Name(HELPER, ast.Load()), [ast.Constant(kind), value], [])
            yield Mutant(kind, f"{ast.unparse(value)}", _replaced(rule, path, call))
    shapes: set[Path] = set()
    if rule.args.args and rule.args.args[0].arg == "g":
        blind = _Blind().visit(copy.deepcopy(rule))
        yield Mutant("ignore g", "g -> 1", ast.fix_missing_locations(blind))
    for path, node in _walk(rule):
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "dtype", "ndim", "size"):
            shapes.add((*path, ("value", None)))
        if path in shapes:
            continue  # not its values: the engine checks shapes and dtypes
        if isinstance(node, ast.AugAssign):
            assign = ast.Assign([node.target], node.value)
            yield Mutant("assign", ast.unparse(node), _replaced(rule, path, assign))
            if not isinstance(node.op, ast.Pow):
                gone = ast.Pass()
                yield Mutant("drop a line", ast.unparse(node), _replaced(rule, path, gone))
        if isinstance(node, ast.expr):
            for kind, new in _parts(node, operands):
                change = _change(rule, path, node, new)
                taken, noise = (), None
                if kind == "another operand":
                    taken = (new.id,)
                    call = ast.Call(ast.Name(HELPER, ast.Load()), [ast.Constant("noise"), node], [])
                    noise = _replaced(rule, path, call)
                yield Mutant(kind, change, _replaced(rule, path, new), taken, noise)


class _Blind(ast.NodeTransformer):
    """Puts ones in the place of g, wherever it is read."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != "g" or not isinstance(node.ctx, ast.Load):
            return node
        return ast.Call(ast.Name(HELPER, ast.Load()), [ast.Constant("ignore g"), node], [])


Path = tuple[tuple[str, int | None], ...]


_NOT_THE_BODY = ("args", "returns", "annotation", "keywords", "decorator_list")


def _walk(node: ast.AST, path: Path = ()) -> Iterator[tuple[Path, ast.AST]]:
    """Every node below, with the way to it; not the arguments, annotations and docstring."""
    for field, value in ast.iter_fields(node):
        if field in _NOT_THE_BODY and not isinstance(node, ast.Call):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for i, child in children:
            if isinstance(child, ast.AST) and not _says_nothing(child):
                step = (*path, (field, i))
                yield step, child
                yield from _walk(child, step)


def _says_nothing(node: ast.AST) -> bool:
    """Docstrings and raised errors, which no value depends on."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Raise)


def _results(rule: ast.AST) -> Iterator[tuple[Path, ast.expr]]:
    """What the rule returns: each of several gradients, each branch of a choice."""
    if isinstance(rule, ast.Lambda):
        yield from _values(rule.body, (("body", None),))
        return
    for path, node in _walk(rule):
        if isinstance(node, ast.Return) and node.value is not None:
            yield from _values(node.value, (*path, ("value", None)))


def _values(node: ast.expr, path: Path) -> Iterator[tuple[Path, ast.expr]]:
    if isinstance(node, ast.Tuple):
        for i, part in enumerate(node.elts):
            yield from _values(part, (*path, ("elts", i)))
    elif isinstance(node, ast.IfExp):
        yield from _values(node.body, (*path, ("body", None)))
        yield from _values(node.orelse, (*path, ("orelse", None)))
    elif not (isinstance(node, ast.Constant) and node.value is None):
        yield path, node


def _change(rule: ast.AST, path: Path, node: ast.expr, new: ast.expr) -> str:
    """What is changed, in source form; a lone number or flag with what stands around it."""
    if isinstance(node, ast.Constant) and len(path) > 1:
        around = _at(rule, path[:-1])
        if isinstance(around, (ast.expr, ast.keyword)):
            made = _replaced(around, (path[-1],), new)
            return f"{ast.unparse(around)} -> {ast.unparse(made)}"
    return f"{ast.unparse(node)} -> {ast.unparse(new)}"


def _at(node: Any, path: Path) -> Any:
    for field, i in path:
        node = getattr(node, field) if i is None else getattr(node, field)[i]
    return node


def _replaced(rule: ast.AST, path: Path, new: ast.AST) -> ast.AST:
    """A copy of the rule with another node at the end of the path."""
    made = copy.deepcopy(rule)
    at = _at(made, path[:-1])
    field, i = path[-1]
    new = copy.deepcopy(new)
    if i is None:
        setattr(at, field, new)
    else:
        getattr(at, field)[i] = new
    return ast.fix_missing_locations(made)
