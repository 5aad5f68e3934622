"""What happens when an op is called: unwrap the inputs, compute, and leave a node on the tape.

The steps stand below as the text of a function, `CALL`. For every op the loop over its inputs and
options is unrolled into that text and compiled once, when the op is defined, the way `dataclasses`
writes `__init__`: nothing that is known then is decided again at every call, and Python itself
binds the arguments. The text for multiplication is `print(minitorch.mul.op.source)`.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from minitorch import array as arrays
from minitorch.array import Array, device_of, is_cupy
from minitorch.meta import Meta
from minitorch.tape import Node, Pick, current_mode
from minitorch.tensor import CUT_NO_GRAD, LEAF, ShapeError, Tensor, make, quiet

MISSING: Any = object()

# What an input may be besides a Tensor, without a second look; and one that may be missing.
PLAIN = {float, int, bool, np.ndarray, Meta}
OPTIONAL = PLAIN | {type(None)}
SCALARS = {dtype.type for dtype in arrays.DTYPES}

CALL = """\
def {name}({parameters}, **names):
    if names:
        if record.inplace is not None and names.pop("inplace", False):
            return record.inplace(*renamed(record, names, dict({given})))
        ({targets},) = renamed(record, names, dict({given}))
    tensor = None
    pattern = 0
    parents = []
    why = None
    odd = False
{unwrap}
    if tensor is None:
        return body({arguments}){output}
    if odd:
        {values} = numbers({values})
    try:
        y{extra} = quiet.run(body, {arguments})
    except Exception as error:
        raise explained(error, record, {values}, dict({options})) from None
    array = tensor.array
    if type(y) is not type(array) or y.dtype is not array.dtype or y.dtype.kind != "f"{zero_d}:
        y = settled(y, record, {values})
    if not pattern:
        return constant(y, why)
    mode = current_mode()
    if not mode.recording or not record.differentiable:
        return constant(y, record.why_cut if mode.recording else CUT_NO_GRAD)
    plan = plans.get(pattern) or record.plan(pattern)
    node = Node(plan, parents, plan.save({kept}{extra}), (*y, array)[0] if type(y) is tuple else y)
    for watch in mode.watchers:
        watch(node, {values}, dict({options}), y)
    if type(y) is tuple:
        return picks(node, y)
    t = new(Tensor)
    t.array = y
    t.node = node
    return t
"""

UNWRAP_INPUT = """\
    if isinstance({x}, Tensor):
        tensor = {x}
        {x} = tensor.array
        if (node := tensor.node) is not None:
            pattern |= {bit}
            parents.append(tensor if node is LEAF else node)
        elif tensor.cut is not None:
            why = tensor.cut
    elif type({x}) not in {plain}:
        {x} = operand({x}, record, "{x}")
        odd = True
"""

UNWRAP_VARIADIC = """\
    if {x} and isinstance({x}[0], (tuple, list)):
        {given}
    {x} = list({x})
    for i, each in enumerate({x}):
        if isinstance(each, Tensor):
            tensor = each
            {x}[i] = tensor.array
            if (node := tensor.node) is not None:
                pattern |= 1 << i
                parents.append(tensor if node is LEAF else node)
            elif tensor.cut is not None:
                why = tensor.cut
        elif type(each) not in PLAIN:
            {x}[i] = operand(each, record, f"{x}[{{i}}]")
            odd = True
"""

UNWRAP_OPTION = """\
    if isinstance({k}, Tensor):
        {k} = {k}.array
"""

PACK_OPTION = """\
    if len({k}) == 1 and isinstance({k}[0], (tuple, list)):
        {k} = tuple({k}[0])
"""


def compiled(source: str, name: str, closed: dict[str, Any], module: dict, title: str) -> Callable:
    """The function that `source` defines, with `closed` as its closure and `module` its globals.

    The text is filed where tracebacks and `inspect.getsource` look for it.
    """
    scope: dict[str, Any] = {}
    exec(_code(source, name, tuple(closed), title), module, scope)
    return scope["close"](**closed)


@functools.cache
def _code(source: str, name: str, closed: tuple[str, ...], title: str) -> CodeType:
    """Compiles a text once: ops of the same inputs and options share theirs."""
    body = "".join(f"    {line}" for line in source.splitlines(keepends=True))
    text = f"def close({', '.join(closed)}):\n{body}    return {name}\n"
    filename = f"<minitorch {title}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return compile(text, filename, "exec")


def call_source(record: Any, name: str = "call") -> str:
    """The text of an op's call: `CALL`, with the loop over its inputs and options unrolled."""
    inputs, options, pack = record.inputs, record.options, record.pack
    star = "*" if record.variadic else ""
    parameters = [f"{star}{x}" if star else f"{x}=default_{x}" for x in inputs]
    parameters += [f"*{k}" if k == pack else f"{k}=default_{k}" for k in options]
    if record.variadic:
        unwrap = [UNWRAP_VARIADIC.format(x=inputs[0], given=_sequence_given(inputs[0], options))]
    else:
        unwrap = [
            UNWRAP_INPUT.format(x=x, bit=1 << i, plain=_plain(x, record))
            for i, x in enumerate(inputs)
        ]
    unwrap += [(PACK_OPTION if k == pack else UNWRAP_OPTION).format(k=k) for k in options]
    given = ", ".join(f"{k}={k}" for k in options)
    return CALL.format(
        name=name,
        parameters=", ".join(parameters),
        targets=", ".join((*inputs, *options)),
        given=", ".join(f"{x}={x}" for x in (*inputs, *options)),
        unwrap="".join(unwrap).rstrip(),
        arguments=", ".join([*(f"{star}{x}" for x in inputs), *([given] if given else [])]),
        values=inputs[0] if record.variadic else f"({', '.join(inputs)},)",
        options=given,
        # the dtype of a 0-d tensor says nothing about what it meets
        zero_d=" or not array.ndim" if record.variadic or len(inputs) > 1 else "",
        output="[0]" if record.keeps else "",
        extra=f", {record.keeps}" if record.keeps else "",
        kept=", ".join((*inputs, "y", *options)),
    )


def _sequence_given(x: str, options: Sequence[str]) -> str:
    """The line for `cat([a, b], 1)`: the inputs as one sequence, then options by position."""
    if not options:
        return f"({x},) = {x}"
    names = ", ".join(options)
    return f"{x}, {names}, = {x} + ({names},)[len({x}) - 1 :]"


def _plain(x: str, record: Any) -> str:
    """Which set says what an input may be besides a Tensor."""
    return "OPTIONAL" if record.defaults.get(x, MISSING) is None else "PLAIN"


def compiled_call(record: Any) -> Callable:
    """The function that users and rules call; its globals are those of the op's own module."""
    closed = {
        # an op's module may define a sum, a type or a max of its own
        **{f.__name__: f for f in (dict, enumerate, isinstance, len, list, tuple, type)},
        "CUT_NO_GRAD": CUT_NO_GRAD,
        "LEAF": LEAF,
        "Node": Node,
        "OPTIONAL": OPTIONAL,
        "PLAIN": PLAIN,
        "Tensor": Tensor,
        "body": record.body,
        "current_mode": current_mode,
        "constant": constant,
        "explained": explained,
        "new": object.__new__,
        "numbers": numbers,
        "operand": operand,
        "picks": picks,
        "plans": record.plans,
        "quiet": quiet,
        "record": record,
        "renamed": renamed,
        "settled": settled,
    }
    for name in (*record.inputs, *record.options):
        closed[f"default_{name}"] = record.defaults.get(name, MISSING)
    taken = ", ".join((*record.inputs, *record.options))
    module = record.body.__globals__
    call: Any = compiled(call_source(record), "call", closed, module, f"call({taken})")
    call.__code__ = call.__code__.replace(co_name=record.name)  # as tracebacks will show it
    return call


# arguments ------------------------------------------------------------------------------------

# torch's (and NumPy's) names for what signatures here call otherwise.
_ALIASES = {"axis": "dim", "keepdims": "keepdim"}


def renamed(record: Any, names: dict[str, Any], given: dict[str, Any]) -> Iterable[Any]:
    """All arguments in our order, when some came by another: input=, other=, axis=, keepdims=.

    Raises:
        TypeError: a name that the op does not know, or one given twice.
    """
    aliases = {**_ALIASES, **dict(zip(("input", "other"), record.inputs))}
    for alias, value in names.items():
        name = aliases.get(alias, alias)
        if name not in given and name != record.pack:
            known = ", ".join((*record.inputs, *record.options))
            raise TypeError(f"{record.name}: unknown argument {alias!r}; it takes {known}")
        default = record.defaults.get(name, MISSING)
        if name != record.pack and given[name] is not default:
            raise TypeError(f"{record.name}: argument {name!r} is given twice")
        if name == record.pack and not isinstance(value, (tuple, list)):
            value = (value,)
        given[name] = value
    return given.values()


def aliased(function: Callable) -> Callable:
    """A function made of ops, which takes the other names as an op does."""
    taken = inspect.signature(function).parameters
    aliases = {a: name for a, name in _ALIASES.items() if name in taken and a not in taken}
    first = next(iter(taken.values()))
    if first.kind is first.POSITIONAL_OR_KEYWORD and "input" not in taken:
        aliases["input"] = first.name
    if not aliases:
        return function

    @functools.wraps(function)
    def call(*args: Any, **names: Any) -> Any:
        if names:
            names = {aliases.get(name, name): value for name, value in names.items()}
        return function(*args, **names)

    return call


def numbers(values: Sequence[Any]) -> list[Any]:
    """The inputs with NumPy scalars as Python's numbers, which do not turn float32 into float64.

    This is for what stands beside a Tensor. Among arrays a scalar is a 0-d array that arithmetic
    has unwrapped, and keeps its dtype.
    """
    return [v.item() if type(v) in SCALARS else v for v in values]


def operand(a: Any, record: Any, name: str) -> Any:
    """An input that is no Tensor, as the body takes it, or a TypeError that says what to write."""
    if isinstance(a, np.generic) and type(a) not in SCALARS:
        return arrays.ready(np.asarray(a), record.name)
    if isinstance(a, (np.ndarray, np.generic)) or is_cupy(a):
        return a
    if a is MISSING:
        raise TypeError(f"{record.name}: missing argument {name!r}")
    shown = type(a).__name__
    fix = f"; write minitorch.tensor({name})" if isinstance(a, (list, tuple)) else ""
    raise TypeError(
        f"{record.name}: {name!r} must be a Tensor, a number or a NumPy array, got {shown}{fix}"
    )


# results --------------------------------------------------------------------------------------

# Integer arithmetic that would wrap around.
_WRAPPING = {"add", "sub", "mul", "pow", "neg", "square", "matmul", "linear", "contract"}
said: set[str] = set()


def say_once(key: str, text: str) -> None:
    """Warns, once in a process; `key` stands in `said` from then on."""
    if key not in said:
        said.add(key)
        # The user's line is four calls up: the function that says it, what runs that (an op's body
        # or `settled`), and the op's call.
        warnings.warn(f"{text}. This is said once", stacklevel=5)


def settled(y: Any, record: Any, values: Sequence[Any]) -> Any:
    """The result as a Tensor may hold it: an array, of the dtype that torch would give it.

    NumPy turns 0-d results into scalars, and int64 with float32 into float64; torch keeps the
    floating dtype of what has axes, and takes the default dtype where there are only integers.
    """
    if isinstance(y, (tuple, list)):
        return tuple([settled(part, record, values) for part in y])
    if isinstance(y, np.generic):
        y = np.asarray(y)
    if y.dtype.kind == "u" and record.name in _WRAPPING:
        raise TypeError(
            f"{record.name}: uint8 arithmetic wraps around (255 + 1 = 0); convert first, "
            "x.float() or x.int()"
        )
    if y.dtype.kind == "c":
        raise TypeError(f"{record.name}: complex numbers are not supported")
    if record.exact_dtype or y.dtype.kind != "f":
        return y
    return y.astype(_float_dtype(record, values), copy=False)


def _float_dtype(record: Any, values: Sequence[Any]) -> np.dtype:
    """The floating dtype of a result: the widest of what has axes, of 0-d, or the default."""
    floats = [(v.ndim > 0, v.dtype) for v in values if hasattr(v, "dtype") and v.dtype.kind == "f"]
    with_axes = {dtype for axes, dtype in floats if axes}
    if len(with_axes) > 1:
        say_once(
            "promotion",
            f"{record.name}: {' and '.join(sorted(map(str, with_axes)))} meet, and the result is "
            "the wider; convert one side (.float(), .double()) if that was not meant",
        )
    return max(with_axes or {dtype for _, dtype in floats} or {arrays.get_default_dtype()})


def constant(y: Any, why: str | None) -> Any:
    """A result outside the graph, with the reason for it where there is one."""
    return tuple([make(part, None, why) for part in y]) if type(y) is tuple else make(y, None, why)


def picks(node: Node, parts: Sequence[Array]) -> tuple[Tensor, ...]:
    """The outputs of an op with several; integer ones (indices) stand outside the graph."""
    node.shape = [(part.shape, part.dtype) for part in parts]
    why = f"the integer output of {node.name} has no gradient"
    return tuple(
        [
            make(part, Pick(node, i, part)) if part.dtype.kind == "f" else make(part, None, why)
            for i, part in enumerate(parts)
        ]
    )


# errors ---------------------------------------------------------------------------------------


def explained(error: Exception, record: Any, values: Sequence[Any], options: dict) -> Exception:
    """The error of a body, completed with the op, its inputs and its options."""
    names = [f"{record.inputs[0]}[{i}]" for i in range(len(values))]
    named = list(zip(names if record.variadic else record.inputs, values))
    held = [(n, v) for n, v in named if hasattr(v, "dtype")]
    mixed = _mixed_devices(record, held)
    if mixed is not None:
        return mixed
    for name, value in options.items():
        if value is MISSING:
            return TypeError(f"{record.name}: missing argument {name!r}")
    met = [f"{n}: {v.dtype} {v.shape}" for n, v in held]
    given = [f"{k}={v!r}" for k, v in options.items() if not hasattr(v, "shape")]
    called = f"{record.name}({', '.join(met + given)})"
    if type(error) is ValueError:
        text = f"{_named(str(error), record)}; called as {called}"
        return ShapeError(text).with_traceback(error.__traceback__)
    if isinstance(error, AxisError):
        found = error if error.axis is None else axis_error(error.axis, error.ndim or 0)
        error = AxisError(_named(str(found), record)).with_traceback(error.__traceback__)
    error.add_note(f"in minitorch.{called}")
    return error


def _named(text: str, record: Any) -> str:
    """The message with the op's name in front, where it does not open with a name."""
    return text if re.match(r"\w+: ", text) else f"{record.name}: {text}"


def axis_error(dim: int, ndim: int, name: str = "") -> AxisError:
    """NumPy's error for a dim that is not there (an IndexError and a ValueError), in our words."""
    known = f"expected {-ndim} to {ndim - 1}" if ndim else "a single number has none"
    where = f"{name}: " if name else ""
    return AxisError(f"{where}dim {dim} is out of range for {ndim} axes; {known}")


def _mixed_devices(record: Any, held: Sequence[tuple[str, Array]]) -> Exception | None:
    """The error for arrays of two devices. A Meta goes with anything: it only has a shape."""
    real = [(n, device_of(v)) for n, v in held if not isinstance(v, Meta)]
    for name, where in real[1:]:
        if where != real[0][1]:
            return TypeError(
                f"{record.name}: {real[0][0]!r} is on {real[0][1]} and {name!r} is on {where}; "
                f"move one with .to('{real[0][1]}')"
            )
    return None
