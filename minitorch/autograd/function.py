"""Ops of your own, in torch's words: a class with a `forward` and a `backward`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.backward import shown
from minitorch.call import cut_off, picks
from minitorch.dtypes import FLOATING
from minitorch.modes import no_grad
from minitorch.tape import Node, current_mode
from minitorch.tensor import CUT_NO_GRAD, LEAF, Tensor, make, raw


class Context:
    """What `forward` hands to `backward`: saved tensors, and whatever else is set on it.

    Attributes:
        needs_input_grad: a bool for each argument of `apply`: is its gradient asked for?
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Any, ...] | None = None
        self._constant: set[int] = set()  # ids of the outputs that carry no gradient

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs, outputs or other tensors (or None) for `backward`."""
        self._to_save = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Says that these outputs of `forward` have no gradient."""
        self._constant = {id(y) for y in outputs}

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Raises: what `forward` is given belongs to its caller, and is not written to.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            "mark_dirty: forward cannot change its inputs in place, since whoever holds one would "
            "find another value and no gradient for it; change a copy, x.clone(), and return that"
        )

    def set_materialize_grads(self, value: bool) -> None:
        """Torch's choice between zeros and None for an output that leads nowhere.

        Here such a gradient is always zeros, which a `backward` written for either takes.
        """

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept; there while `backward` runs."""
        if self._saved is None:
            raise RuntimeError("saved_tensors: they are there only while backward runs")
        return self._saved


class Function:
    """An op with a gradient of its own.

    Subclass it, and call it by `apply`:

    >>> import minitorch
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = minitorch.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])

    `forward` may also be written without `ctx`, with a `setup_context(ctx, inputs, output)` beside
    it. A `backward` made of ops on Tensors can be differentiated again.
    """

    _records: dict[int, _Record]  # for each number of arguments met

    def __init_subclass__(cls) -> None:
        cls._records = {}

    @staticmethod
    def forward(*args: Any) -> Any:
        """Computes the output, a Tensor or a tuple of them; nothing here is recorded."""
        raise NotImplementedError("Function: a subclass defines forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """A gradient for each argument of `forward`, given one for each output.

        None is right for what is no Tensor, or needs no gradient.
        """
        raise NotImplementedError("Function: a subclass defines backward(ctx, g)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Fills `ctx` after a `forward` that does not take it."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs `forward`, and records it when an argument requires grad."""
        ctx = Context()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        for y in outputs:
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"{cls.__name__}.forward: returned a {type(y).__name__}, expected a Tensor"
                )
        if not any(ctx.needs_input_grad) or not current_mode().recording:
            cut = CUT_NO_GRAD if any(ctx.needs_input_grad) else None
            made = tuple([make(y.array, None, cut) for y in outputs])
        else:
            made = _recorded(cls, ctx, args, outputs, isinstance(result, tuple))
        return made if isinstance(result, tuple) else made[0]


class _Record:
    """A Function as the tape sees an op."""

    broadcasts = variadic = view = False

    def __init__(self, function: type[Function], count: int):
        self.name = function.__name__
        parameters = list(inspect.signature(function.forward).parameters.values())
        if function.setup_context is Function.setup_context:
            parameters = parameters[1:]
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        names += [f"args[{i}]" for i in range(len(names), count)]
        self.inputs = tuple(names[:count])

        def body(*args: Any) -> Any:
            made = function.apply(*[make(a) if hasattr(a, "dtype") else a for a in args])
            return tuple(y.array for y in made) if isinstance(made, tuple) else made.array

        body.__doc__ = function.__doc__  # where `tape.explain` looks for formulas
        self.body = body


class _Plan:
    """How one call of a Function goes backward; a node holds it as it holds the plan of an op."""

    def __init__(self, function: type[Function], ctx: Context, args: tuple):
        records = function._records
        if len(args) not in records:
            records[len(args)] = _Record(function, len(args))
        self.op = records[len(args)]
        self.name, self.backward, self.ctx = self.op.name, function.backward, ctx
        self.wanted = tuple(i for i, need in enumerate(ctx.needs_input_grad) if need)
        self.needs_all = (True,) * len(self.wanted)
        self.names: tuple[str, ...] = ()
        self.slots: list[int | None] = []  # which of several outputs a saved value is

    def save(self, args: tuple, outputs: tuple, several: bool) -> tuple:
        """The values to be kept, each under the name of what it is."""
        names, values = [], []
        for kept in self.ctx._to_save:
            name, value, slot = "saved", getattr(kept, "array", kept), None
            for i, a in enumerate(args):
                if a is kept and a is not None:
                    name = self.op.inputs[i]
            for k, y in enumerate(outputs):
                if y is kept:
                    name, slot = "y", k
                    value = tuple([part.array for part in outputs]) if several else value
            names.append(name)
            values.append(value)
            self.slots.append(slot if several else None)
        self.names = tuple(names)
        self.ctx._to_save = ()
        return tuple(values)

    def pull(self, g: Any, saved: Sequence[Any], needs: Sequence[bool]) -> list[Any]:
        """The gradients of the wanted inputs, None where not needed."""
        several = isinstance(g, tuple)
        gs = g if several else (g,)
        lifted = isinstance(gs[0], Tensor)
        kept = [v if k is None else v[k] for v, k in zip(saved, self.slots, strict=True)]
        needed = {i for i, need in zip(self.wanted, needs) if need}
        ctx = self.ctx
        ctx._saved = tuple([v if v is None or isinstance(v, Tensor) else make(v) for v in kept])
        ctx.needs_input_grad = tuple(i in needed for i in range(len(self.op.inputs)))
        try:
            found = self.backward(ctx, *[shown(v) for v in gs])
        finally:
            ctx._saved = None
        grads = self._checked(found if isinstance(found, tuple) else (found,), needed)
        return [
            None if i not in needed else grads[i] if lifted else grads[i].array for i in self.wanted
        ]

    def _checked(self, grads: tuple, needed: set[int]) -> tuple:
        inputs = self.op.inputs
        while len(grads) > len(inputs) and grads[-1] is None:
            grads = grads[:-1]
        if len(grads) != len(inputs):
            raise RuntimeError(
                f"{self.name}: backward returned {len(grads)} gradients, expected {len(inputs)}, "
                f"one for each argument of forward: {', '.join(inputs)}"
            )
        for i in needed:
            if not isinstance(grads[i], Tensor):
                raise RuntimeError(
                    f"{self.name}: backward returned {type(grads[i]).__name__} for {inputs[i]!r}, "
                    "which requires grad; return a Tensor (zeros where the gradient is zero)"
                )
        return grads


def _recorded(
    function: type[Function], ctx: Context, args: tuple, outputs: tuple, several: bool
) -> tuple[Tensor, ...]:
    """The outputs with their node on the tape."""
    plan = _Plan(function, ctx, args)
    arrays = tuple([y.array for y in outputs])
    parents = [a if a.node is LEAF else a.node for a in (args[i] for i in plan.wanted)]
    node = Node.of(plan, parents, plan.save(args, outputs, several), arrays[0])
    values = [raw(a) for a in args]
    for watch in current_mode().watchers:
        watch(node, values, {}, arrays if several else arrays[0])
    if several:
        made = picks(node, arrays)
    else:
        y = arrays[0]
        made = (make(y, node) if y.dtype.kind in FLOATING else cut_off(y, node),)
    why = f"{node.name} marks this output as not differentiable"
    return tuple(
        [make(t.array, None, why) if id(y) in ctx._constant else t for y, t in zip(outputs, made)]
    )


class _Once(Function):
    """Passes gradients on, and raises when they are to be differentiated."""

    @staticmethod
    def forward(ctx: Any, name: str, *grads: Any) -> Any:
        ctx.name = name
        return tuple([make(g.array) for g in grads])

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        raise RuntimeError(
            f"{ctx.name}: its backward is marked once_differentiable, so its gradients have no "
            "gradients; write it with ops on Tensors and leave the mark out"
        )


def once_differentiable(backward: Callable) -> Callable:
    """Marks a `backward` that computes with arrays: what it returns cannot be differentiated.

    >>> import minitorch
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return minitorch.from_numpy(g.numpy() * 2)
    """

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Tensor) -> Any:
        with no_grad():
            found = backward(ctx, *[g.detach() for g in grads])
        found = found if isinstance(found, tuple) else (found,)
        if not current_mode().recording:  # nobody will ask for second derivatives
            return found
        places = [i for i, g in enumerate(found) if isinstance(g, Tensor)]
        traced = [found[i].detach().requires_grad_() for i in places]
        marked = dict(zip(places, _Once.apply(backward.__qualname__, *traced)))
        return tuple([marked.get(i) for i in range(len(found))])

    return once
