"""The op: a function on arrays with its gradient beside it, made to compute and to record.

    @op(broadcasts=True, methods="mul __mul__", reflected="__rmul__")
    def mul(a, b):
        '''y = a b          dL/da = g b,   dL/db = g a'''
        return a * b

    mul.grad(a=lambda g, b: g * b, b=lambda g, a: g * a)

Positional arguments are inputs, and are differentiated; keyword-only arguments are options (a
caller may give them by position all the same). A rule names what it needs, and only that is kept on
the tape: `g` first, then any of the output `y`, the inputs, their shapes (`a_shape`) and the
options. Called on arrays an op computes; called on Tensors it computes and records. Rules are made
of operators and other ops, so the same text runs backward on arrays, and on Tensors when the
backward is itself to be differentiated.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from numpy import ndarray

from minitorch.call import aliased, compiled_call
from minitorch.calltext import call_source, compiled
from minitorch.inplace import inplace_method
from minitorch.tape import casting, current_mode
from minitorch.tensor import Tensor
from minitorch.traced import NUMPY

REGISTRY: dict[str, Op] = {}
COMPOSITES: dict[str, Callable] = {}
LATECOMERS: list[Callable[[Op], None]] = []  # what is done to every op that comes, or gets rules


class Op:
    """A registered op: its body, its rules, and the functions written for it.

    Attributes:
        name, body: the function it was made from.
        inputs, options: the names of what is differentiated, and of what is not.
        broadcasts, view, calm, exact_dtype, pack, keeps, autocast: as given to `op`.
        variadic: are the inputs of any number, as those of `cat`?
        defaults: of the inputs and options that may be left out.
        rules, joint, differentiable: what `grad` registered, if anything.
        call: the function that users and rules call.
        inplace: what inplace=True asks for, where it is taken.
        plans: what is to be saved and run, for each pattern of inputs that require grad.
    """

    def __init__(
        self,
        body: Callable,
        broadcasts: bool,
        view: bool,
        calm: bool,
        exact_dtype: bool,
        pack: str | None,
        keeps: str | None = None,
        autocast: str | None = None,
    ):
        parameters = inspect.signature(body).parameters.values()
        self.name, self.body = body.__name__, body
        self.broadcasts, self.view, self.calm = broadcasts, view, calm
        self.exact_dtype, self.pack, self.keeps = exact_dtype, pack, keeps
        self.autocast = autocast
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self.options = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.rules: dict[str, Callable] = {}
        self.joint: Callable | None = None
        self.differentiable = False
        self.inplace: Callable | None = None
        self.call: Callable = body  # the function that computes and records, once it is written
        self.plans: dict[int, Plan | None] = {}

    @property
    def source(self) -> str:
        """The text of the function that is called."""
        return call_source(self, self.name)

    @property
    def why_cut(self) -> str:
        """Why a result is outside the graph, when the op has no rules."""
        return f"{self.name} has no gradient"

    @property
    def cell(self) -> Any:
        """Where its call finds the body: what is put there is what the op computes."""
        return self.call.__closure__[self.call.__code__.co_freevars.index("body")]  # type: ignore[index]

    def signature(self) -> inspect.Signature:
        """How it may be called: options also by position, sizes loose (`x.reshape(2, 3)`)."""
        shown = []
        for p in inspect.signature(self.body).parameters.values():
            if p.name == self.pack:
                p = inspect.Parameter(p.name, p.VAR_POSITIONAL)
            elif p.kind is p.KEYWORD_ONLY and not self.variadic:
                p = p.replace(kind=p.POSITIONAL_OR_KEYWORD)
            shown.append(p)
        return inspect.Signature(shown)

    def grad(self, joint: Callable | None = None, /, **rules: Callable) -> None:
        """Registers a rule per input, or one joint rule that returns a tuple for all of them.

        A joint rule may also name `needs`, a bool per input, to compute only what is needed.

        Raises:
            TypeError: a rule for no input, or one that asks for a name nobody knows.
        """
        known = {"y", *self.inputs, *self.options, *(f"{x}_shape" for x in self.inputs)}
        known |= {self.keeps} if self.keeps else set()
        for name, rule in rules.items():
            if name not in self.inputs:
                raise TypeError(f"{self.name}.grad: {name!r} is no input; inputs: {self.inputs}")
            self._check_rule(rule, known)
        if joint is not None:
            self._check_rule(joint, known | {"needs"})
        self.joint, self.rules, self.differentiable = joint, rules, True
        self.plans.clear()
        for prepare in LATECOMERS:
            prepare(self)

    def _check_rule(self, rule: Callable, known: set[str]) -> None:
        first, *names = inspect.signature(rule).parameters
        if first != "g" or any(n not in known for n in names):
            raise TypeError(
                f"{self.name}.grad: a rule takes g first, then any of {sorted(known)}; "
                f"got ({', '.join([first, *names])})"
            )

    def plan(self, pattern: int) -> Plan | None:
        """The plan for the inputs whose bits are set in `pattern`; None if there are no rules."""
        if pattern not in self.plans:
            wanted = tuple(i for i in range(pattern.bit_length()) if pattern >> i & 1)
            self.plans[pattern] = Plan(self, wanted) if self.differentiable else None
        return self.plans[pattern]


class Plan:
    """For one pattern of inputs that require grad: what is saved, and how the rules run on it.

    Attributes:
        wanted: the indices of the inputs that require grad.
        needs_all: what `pull` takes as `needs` when each of them is needed.
        names: the union of the names that their rules take after `g`.
        save: (*inputs, y, *options) -> the tuple of the named values.
        pull: (g, saved, needs) -> a gradient for each wanted input, None where not needed.
        source: the text of both functions.
    """

    def __init__(self, op: Op, wanted: tuple[int, ...]):
        self.op, self.name, self.wanted = op, op.name, wanted
        self.needs_all = (True,) * len(wanted)
        if op.joint is not None:
            rules = {0: op.joint}
        else:
            rules = {i: op.rules[op.inputs[i]] for i in wanted if op.inputs[i] in op.rules}
        takes = {i: tuple(inspect.signature(rule).parameters) for i, rule in rules.items()}
        self.sloped = op.keeps == "slope" and 0 in wanted
        taken = [n for names in takes.values() for n in names[1:] if n != "needs"]
        self.names = tuple(dict.fromkeys([*taken, "slope"] if self.sloped else taken))
        save = self._save_source(op)
        pull = self._pull_source(op, takes)
        self.source = save + pull
        title = f"{op.name} for inputs {wanted}"
        size = max(len(op.inputs), 1 + max(wanted))
        closed: dict[str, Any]
        if op.joint is None:
            closed = {f"rule_{op.inputs[i]}": rule for i, rule in rules.items()}
        else:
            closed = {"rule": op.joint, "needs_all": self.needs_all}
            closed["all_inputs"] = _spread(wanted, self.needs_all, size)
            closed["spread"] = lambda needs: _spread(wanted, tuple(needs), size)
        self.save = compiled(save, "save", {"shapes_of": _shapes}, {}, f"save of {title}")
        self.pull = compiled(pull, "pull", closed, {"NUMPY": NUMPY}, f"pull of {title}")

    def _save_source(self, op: Op) -> str:
        taken = (*op.inputs, "y", *op.options, *([op.keeps] if op.keeps else []))
        values = {x: x for x in taken}
        one = 'getattr({}, "shape", ())'  # as np.shape, in a third of its time
        values.update(
            {f"{x}_shape": f"shapes_of({x})" if op.variadic else one.format(x) for x in op.inputs}
        )
        picked = "".join(f"{values[n]}, " for n in self.names)
        return f"def save({', '.join(taken)}):\n    return ({picked})\n"

    def _pull_source(self, op: Op, takes: dict[int, tuple[str, ...]]) -> str:
        lines = ["def pull(g, saved, needs):"]
        if self.names:
            lines.append(f"    ({', '.join(self.names)},) = saved")
        if op.joint is not None:
            given = ", ".join("inputs" if n == "needs" else n for n in takes[0])
            if "needs" in takes[0]:
                lines.append("    inputs = all_inputs if needs is needs_all else spread(needs)")
            lines.append(f"    found = rule({given})")
            picked = [f"found[{i}] if needs[{k}] else None" for k, i in enumerate(self.wanted)]
            lines.append(f"    return ({', '.join(picked)},)")
        else:
            lines.append("    return (")
            for k, i in enumerate(self.wanted):
                taken = ", ".join(takes.get(i, ()))
                run = f"rule_{op.inputs[i]}({taken}) if needs[{k}] else None"
                if i == 0 and self.sloped:
                    run = f"g * slope if slope is not None and type(g) in NUMPY else {run}"
                lines.append(f"        {run if i in takes else None},")
            lines.append("    )")
        return "\n".join(lines) + "\n"


def _shapes(xs: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    try:
        return tuple(map(_shape_of, xs))
    except AttributeError:  # a plain number is among them
        return tuple([getattr(x, "shape", ()) for x in xs])


_shape_of = attrgetter("shape")


@functools.lru_cache
def _spread(wanted: tuple[int, ...], needs: tuple[bool, ...], size: int) -> tuple[bool, ...]:
    """`needs`, given for the wanted inputs, as one bool for each input of the op."""
    needed = {i for i, need in zip(wanted, needs) if need}
    return tuple(i in needed for i in range(size))


def op(
    body: Callable | None = None,
    *,
    broadcasts: bool = False,
    methods: str = "",
    reflected: str = "",
    inplace: str = "",
    into: Callable | None = None,
    switch: bool = False,
    pack: str | None = None,
    view: bool = False,
    calm: bool = False,
    exact_dtype: bool = False,
    keeps: str | None = None,
    autocast: str | None = None,
) -> Any:
    """Makes an op of a function on arrays.

    Args:
        body: computes with NumPy's words; several outputs are a tuple.
        broadcasts: the inputs broadcast together; the engine sums gradients back to their shapes.
        methods: names to bind on Tensor, separated by spaces ("mul __mul__").
        reflected: names to bind with the operands swapped ("__rmul__").
        inplace: names to bind that write the result into the first operand ("mul_ __imul__").
        into: the in-place operator on arrays (`operator.imul`), which saves them a temporary.
        switch: takes inplace=True too, as torch's activations do; `.inplace` is that function.
        pack: the option that takes loose positional sizes, as in `x.reshape(2, 3)`.
        view: the output may share the memory of the first input.
        calm: nothing the body does can make NumPy warn, whatever the numbers: it moves and compares
            them. Views are calm. Otherwise the warnings are switched off for it, which takes longer
            than a small product.
        exact_dtype: the body has chosen the output's dtype, also where torch would choose another.
        keeps: the body returns (y, extra), where `extra` is what it computed, or looked up, on the
            way, and a rule may take under this name. It is no output: when the backward is
            itself recorded it stays a constant, so a rule must hand it on as an option only, to
            an op that also takes the inputs it was computed from. A "slope" that is not None is
            what g of NumPy's is multiplied by, in the place of the first input's rule.
        autocast: what happens to float16 and float32 inputs inside `autocast`: "low" brings them
            to its dtype (products), "high" to float32 (what would lose or overflow).

    Returns:
        The function that computes and records; `.grad(...)` registers its rules, `.op` is its
        registry entry.
    """
    if body is None:
        return functools.partial(
            op,
            broadcasts=broadcasts,
            methods=methods,
            reflected=reflected,
            inplace=inplace,
            into=into,
            switch=switch,
            pack=pack,
            view=view,
            calm=calm,
            exact_dtype=exact_dtype,
            keeps=keeps,
            autocast=autocast,
        )
    entry = Op(body, broadcasts, view, calm, exact_dtype, pack, keeps, autocast)
    call: Any = compiled_call(entry)
    functools.update_wrapper(call, body)
    del call.__wrapped__  # the call takes its options by position too, the body does not
    call.__signature__ = entry.signature()
    entry.call = call
    call.op, call.grad = entry, entry.grad
    REGISTRY[entry.name] = entry
    for prepare in LATECOMERS:
        prepare(entry)
    for name in methods.split():
        setattr(Tensor, name, call)
    for name in reflected.split():
        setattr(Tensor, name, lambda a, b: call(b, a))
    for name in inplace.split():
        setattr(Tensor, name, inplace_method(call, name, into))
    if switch:
        entry.inplace = call.inplace = inplace_method(call, f"{entry.name}_", into)
    return call


def direct(call: Any, x: Any) -> Callable:
    """What to call for x, one or a tuple: the op, or where x is of NumPy's alone, its body.

    The body starts 0.2 µs sooner, and takes its options by name.
    """
    plain = _ARRAYS.issuperset(map(type, x)) if type(x) is tuple else type(x) is ndarray
    return call.op.body if plain else call


_ARRAYS = frozenset({ndarray})


def composite(
    methods: str = "", inplace: str = "", switch: bool = False, autocast: str | None = None
) -> Callable[[Callable], Any]:
    """Lists a function made of ops for the tests, and binds it as Tensor methods."""

    def bound(function: Callable) -> Callable:
        if autocast is not None:
            function = _casting(function, autocast)
        call = _switched(function) if switch else aliased(function)
        COMPOSITES[function.__name__] = call
        for name in methods.split():
            setattr(Tensor, name, function if name.startswith("__") else call)
        for name in inplace.split():
            setattr(Tensor, name, inplace_method(call, name, None))
        return call

    return bound


def _casting(function: Callable, kind: str) -> Callable:
    """The function, which inside `autocast` gets its tensors in the dtype of that kind."""

    @functools.wraps(function)
    def call(*args: Any, **names: Any) -> Any:
        if casting and (casts := current_mode().casts) is not None:
            cast = getattr(casts, kind)
            args, names = cast(args), dict(zip(names, cast(names.values())))
        return function(*args, **names)

    return call


def _switched(function: Callable) -> Callable:
    """The function, which with inplace=True writes its result into its first argument."""
    write = inplace_method(function, f"{function.__name__}_", None)

    @functools.wraps(function)
    def call(*args: Any, inplace: bool = False, **names: Any) -> Any:
        return (write if inplace else function)(*args, **names)

    call.inplace = write  # type: ignore[attr-defined]
    return call
