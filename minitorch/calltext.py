"""The text of the function that is called when an op is called, written for each op.

Unwrap the inputs, compute, and leave a node on the tape: the steps stand in `CALL`, and the loop
over inputs and options is unrolled into it. The names that it uses are those of `call.py`, which
gives them to it.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from types import CodeType
from typing import Any

MISSING: Any = object()

# What the texts below call their own values: no input and no option may go by these names.
OWN_NAMES = {"array", "casts", "current", "each", "error", "found", "i", "names", "node", "odd"}
OWN_NAMES |= {"parents", "pattern", "plan", "save", "shown", "tensor", "watch", "why"}
OWN_NAMES |= {"write", "y"}

# Integer arithmetic that would wrap around.
WRAPPING = {"add", "sub", "mul", "addcmul", "pow", "neg", "square", "matmul", "linear"}
WRAPPING |= {"contract"}

# And what has such arithmetic on the way to a float.
FLOATS = {"gelu", "hardsigmoid", "hardswish", "logsigmoid", "selu", "sigmoid", "silu", "softsign"}

CALL = """\
def {name}({parameters}, **names):
    if names:
        given = dict({given})
        if op.inplace is not None and names.pop("inplace", False):
            return op.inplace(*renamed(op, names, given))
        ({targets},) = renamed(op, names, given)
{unwrap}
    try:
        y{extra} = {run}{arguments})
    except Exception as error:
        raise explained(error, op, {values}, dict({options})) from None
    if type(y) is not type(array){odd_dtype}:
        if (y := settled(y, op, {values})) is None:  # NumPy's float16 for small integers
            {values} = widened({values})
            y{extra} = {run}{arguments})
            y = settled(y, op, {values})
    if not parents:
        return constant(y, why)
    current = current_mode()
    if not current.recording:
        return constant(y, CUT_NO_GRAD)
    try:
        plan = plans[pattern]
    except KeyError:
        plan = op.plan(pattern)
    if plan is None:
        return constant(y, op.why_cut)
    shown = (*y, array)[0] if type(y) is tuple else y
    node = Node()
    node.birth = next_birth()
    node.plan = plan
    node.parents = parents
    save = plan.save
    node.saved = save({kept}{extra})
    node.shape = shown.shape
    node.dtype = shown.dtype
    node.hooks = node.inspection = None
    if current.watchers:
        for watch in current.watchers:
            watch(node, {values}, dict({options}), y)
    if shown is not y:
        return picks(node, y)
    t = new(Tensor)
    t.array = y
    t.node = node
    return t
"""

# The inputs: their arrays, the bits of those that require grad, and where these come from. Among
# arrays an op only computes.

UNWRAP_ONE = """\
    if not isinstance({x}, Tensor):
        if type({x}) not in {plain}:
            {x} = operand({x}, op, "{x}")
        return body({arguments}){output}
    node = {x}.node
    if node is None:
        parents, why = (), {x}.cut
    else:
        parents = ({x} if node is LEAF else node,)
    pattern = 1
    {x} = array = {x}.array
"""

UNWRAP_SEVERAL = """\
    array = None
    pattern = 0
    parents = ()
    why = None
    odd = False
{unwrap}
    if array is None:
        return body({arguments}){output}
    if odd:
        {values} = numbers({values})
"""

UNWRAP_INPUT = """\
    if isinstance({x}, Tensor):
        tensor = {x}
        {x} = tensor.array
{like}        if (node := tensor.node) is not None:
            pattern |= {bit}
            parents += (tensor if node is LEAF else node,)
        elif tensor.cut is not None:
            why = tensor.cut
    elif type({x}) not in {plain}:
        {x} = operand({x}, op, "{x}")
        odd = True
"""

FIRST = """\
        array = {x}
"""

# The result is compared with an input, one with axes if there is. Where two floating dtypes meet,
# it is looked at.
NEXT = """\
        if array is None or not array.ndim:
            array = {x}
        elif {x}.dtype is not array.dtype:
            odd = {x}.dtype.kind in "fV" and array.dtype.kind in "fV" or odd
            array = {x}
"""

UNWRAP_VARIADIC = """\
    if {x} and isinstance({x}[0], (tuple, list)):
        {given}
    if {x} and type({x}[0]) in PLAIN and PLAIN.issuperset(map(type, {x})):
        return body({arguments}){output}
    {x} = list({x})
    parents = []
    for i, each in enumerate({x}):
        if isinstance(each, Tensor):
            tensor = each
            {x}[i] = array = tensor.array
            if (node := tensor.node) is not None:
                pattern |= 1 << i
                parents.append(tensor if node is LEAF else node)
            elif tensor.cut is not None:
                why = tensor.cut
        elif type(each) not in PLAIN:
            {x}[i] = operand(each, op, f"{x}[{{i}}]")
            odd = True
"""

UNWRAP_OPTION = """\
    if isinstance({k}, Tensor):
        {k} = {k}.array
"""

# For the few ops that `autocast` concerns.
CAST = """\
    if casting and (casts := current_mode().casts) is not None:
        {values} = casts.{kind}({values})
"""

PACK_OPTION = """\
    if len({k}) == 1 and isinstance({k}[0], (tuple, list)):
        {k} = tuple({k}[0])
"""


# compiling ------------------------------------------------------------------------------------


def compiled(
    source: str,
    name: str,
    closed: dict[str, Any],
    module: dict,
    title: str,
    cells: Sequence[str] = (),
) -> Callable:
    """The function that `source` defines, with `closed` as its closure and `module` its globals.

    It has a cell for each of `cells`, also for those that its text does not name. The text is filed
    where tracebacks and `inspect.getsource` look for it.
    """
    scope: dict[str, Any] = {}
    exec(_code(source, name, tuple(closed), title, tuple(cells)), module, scope)
    return scope["close"](**closed)


@functools.cache
def _code(
    source: str, name: str, closed: tuple[str, ...], title: str, cells: tuple[str, ...]
) -> CodeType:
    """Compiles a text once: ops of the same inputs and options share theirs."""
    body = "".join(f"    {line}" for line in source.splitlines(keepends=True))
    text = f"def close({', '.join(closed)}):\n{body}"
    filename = f"<minitorch {title}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    never_reached = f"        {', '.join(cells)}\n" if cells else ""
    return compile(f"{text}{never_reached}    return {name}\n", filename, "exec")


WAITING = """\
def call(*args, **names):
    return write()(*args, **names)
"""


def compiled_when_called(
    name: str,
    source: Callable[[], str],
    closed: dict[str, Any],
    defaults: dict[str, Any],
    module: dict,
    title: str,
) -> Callable:
    """The function `call` of a text, as above; the text is written and compiled at its first call.

    A program calls few of the ops, and to compile them all takes longer than the rest of the
    import. So the function begins with the code above, and exchanges it for that of its text.
    """

    def write() -> Callable:
        made: Any = compiled(source(), "call", {**closed, **defaults}, module, title, [*closed])
        call.__defaults__, call.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
        call.__code__ = made.__code__.replace(co_name=name)  # as tracebacks will show it
        return call

    closed = {**closed, "write": write}
    call: Any = compiled(WAITING, "call", closed, module, "call to come", [*closed])
    return call


# the text of an op ----------------------------------------------------------------------------


def call_source(op: Any, name: str = "call") -> str:
    """The text of an op's call: `CALL`, with the loop over its inputs and options unrolled."""
    inputs, options, pack = op.inputs, op.options, op.pack
    star = "*" if op.variadic else ""
    parameters = [f"{star}{x}" if star else f"{x}=default_{x}" for x in inputs]
    parameters += [f"*{k}" if k == pack else f"{k}=default_{k}" for k in options]
    given = ", ".join(f"{k}={k}" for k in options)
    slots = {
        "x": inputs[0],
        "plain": _plain(inputs[0], op),
        "arguments": ", ".join([*(f"{star}{x}" for x in inputs), *([given] if given else [])]),
        "output": "[0]" if op.keeps else "",
        "values": inputs[0] if op.variadic else f"({', '.join(inputs)},)",
    }
    unwrap = [(PACK_OPTION if k == pack else UNWRAP_OPTION).format(k=k) for k in options]
    if op.autocast is not None:
        unwrap.append(CAST.format(kind=op.autocast, values=slots["values"]))
    if op.variadic:
        each = UNWRAP_VARIADIC.format(given=_sequence_given(inputs[0], options), **slots)
        unwrap.insert(0, UNWRAP_SEVERAL.format(unwrap=each.rstrip(), **slots))
    elif len(inputs) == 1:
        unwrap.append(UNWRAP_ONE.format(**slots))
    else:
        each = "".join(
            UNWRAP_INPUT.format(
                x=x, bit=1 << i, plain=_plain(x, op), like=(NEXT if i else FIRST).format(x=x)
            )
            for i, x in enumerate(inputs)
        )
        unwrap.append(UNWRAP_SEVERAL.format(unwrap=each.rstrip(), **slots))
    return CALL.format(
        name=name,
        parameters=", ".join(parameters),
        targets=", ".join((*inputs, *options)),
        given=", ".join(f"{x}={x}" for x in (*inputs, *options)),
        unwrap="".join(unwrap).rstrip(),
        options=given,
        odd_dtype=_odd_dtype(op),
        extra=f", {op.keeps}" if op.keeps else "",
        kept=", ".join((*inputs, "y", *options)),
        run="body(" if op.view or op.calm else "quiet.run(body, ",
        arguments=slots["arguments"],
        values=slots["values"],
    )


ALIASED = """\
def call({parameters}, **names):
    if {asked}:
        return by_name(dict({given}), names)
    return function({arguments})
"""


def aliased_source(taken: Mapping[str, Parameter]) -> str:
    """The text of a call that also goes by other names.

    With each argument in the text Python need not pack all of them up and out again.
    """
    loose = [name for name, p in taken.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = [name for name, p in taken.items() if p.kind is p.KEYWORD_ONLY]
    required = [name for name, p in taken.items() if p.default is p.empty]
    defaults = [f"{name}=default_{name}" for name in (*loose, *named)]
    return ALIASED.format(
        parameters=", ".join(defaults[: len(loose)] + ["*"] * bool(named) + defaults[len(loose) :]),
        asked=" or ".join(["names", *(f"{x} is MISSING" for x in required)]),
        given=", ".join(f"{name}={name}" for name in taken),
        arguments=", ".join([*loose, *(f"{name}={name}" for name in named)]),
    )


def _sequence_given(x: str, options: Sequence[str]) -> str:
    """The line for `cat([a, b], 1)`: the inputs as one sequence, then options by position."""
    alone = f"({x},) = {x}"
    if not options:
        return alone
    names = ", ".join(options)
    several = f"{x}, {names}, = {x} + ({names},)[len({x}) - 1 :]"
    return (
        f"if len({x}) == 1: {alone}\n"
        f"        elif len({x}) > {1 + len(options)}: raise too_many(op, {x})\n"
        f"        else: {several}"
    )


def _odd_dtype(op: Any) -> str:
    """What is asked of a result to see whether its dtype is the right one already."""
    if op.exact_dtype:
        return " and type(y) is not tuple" if op.view else ""  # views are no scalars
    asked = " or (found := y.dtype) is not array.dtype"
    if op.name in WRAPPING:
        asked += ' or found.kind == "u"'
    if op.variadic or len(op.inputs) > 1:
        # the dtype of a 0-d tensor says nothing about what it meets
        asked += " or odd or not array.ndim"
    return asked


def _plain(x: str, op: Any) -> str:
    """Which set says what an input may be besides a Tensor."""
    return "OPTIONAL" if op.defaults.get(x, MISSING) is None else "PLAIN"
