"""Checkpointing: forget what a part of a model computed, and compute it again in backward.

The tape keeps for every op what its gradient will need. Most of the memory of training is that. A
checkpointed part keeps its arguments alone; when backward comes to it, it runs once more and the
tape gets back what it lacked. So a chain of L layers in √L parts needs the memory of about 2 √L
layers, for one more forward. (T. Chen et al., "Training deep nets with sublinear memory cost",
2016.)
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from minitorch.casting import casting_as
from minitorch.clock import next_birth, version
from minitorch.modes import Switch, enable_grad
from minitorch.nn.building import build_before, is_open
from minitorch.nn.containers import Sequential
from minitorch.nn.module import Module
from minitorch.random import Generator, default_generator, drawing_from
from minitorch.tape import FREED, Mode, Node, current_mode
from minitorch.tensor import Tensor, make
from minitorch.tree import leaves, map_leaves

_again: ContextVar[bool] = ContextVar("a checkpointed function runs again", default=False)


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose values are computed again in backward instead of kept.

    The gradients are the same numbers, of the arguments and of all that the function closes over,
    as long as it does the same both times. Random numbers from the default generator (dropout) are
    drawn again, and where `function` is a Module also those from the generators of its layers; its
    buffers (running statistics) move once. What a plain function does besides computing, it does
    twice.

    Args:
        function: a module, or any function of Tensors.
        args, kwargs: its arguments.
        use_reentrant: torch's switch between two ways to do this; here both mean the way of False.
        preserve_rng_state: False leaves the default generator alone, for functions that draw
            nothing.

    Raises (in backward):
        RuntimeError: the second run differs from the first, or an input was written in place in
            between.

    >>> import minitorch
    >>> from minitorch import nn
    >>> block = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.5))
    >>> x = minitorch.ones(4, 8)
    >>> for _ in range(100):
    ...     x = checkpoint(block, x)
    >>> x.sum().backward()
    """
    if isinstance(function, Module) and is_open(function):
        build_before(function, args, kwargs)
    if _again.get() or not current_mode().recording:
        return function(*args, **kwargs)
    part = _Part(function, args, kwargs, preserve_rng_state)
    with _Births() as births:
        output = function(*args, **kwargs)
    part.forget(births.nodes)
    return output


def checkpoint_sequential(
    functions: Sequential | Sequence[Callable],
    segments: int,
    input: Any,
    use_reentrant: bool = False,
    *,
    preserve_rng_state: bool = True,
) -> Any:
    """The functions one after the other, in segments that are checkpointed, all but the last.

    Where L layers keep about alike, √L segments are the best: what is kept is the input of each
    segment, and the inside of the one that runs again.

    Args:
        functions: a Sequential, or a list of modules and functions of one Tensor.
        segments: how many parts; the last one gets what does not divide, and is not checkpointed,
            as its backward comes first.
        input: what the first function takes.
        use_reentrant, preserve_rng_state: as for `checkpoint`.

    Raises:
        ValueError: fewer than one segment, or more segments than functions.

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Sequential(*[nn.Linear(8, 8, activation="tanh") for _ in range(9)])
    >>> checkpoint_sequential(model, 3, minitorch.ones(4, 8)).sum().backward()
    """
    model = functions if isinstance(functions, Sequential) else Sequential(*functions)
    if not 1 <= segments <= len(model):
        raise ValueError(
            f"checkpoint_sequential: segments must be from 1 to {len(model)}, the number of "
            f"functions, got {segments}"
        )
    size = len(model) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(
            model[start : start + size],
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return model[last:](input)


class _Births(Switch):
    """Hears of every node that is born in its block."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, self._born), was.casts)

    def _born(self, node: Node, values: Sequence[Any], options: Mapping, y: Any) -> None:
        self.nodes.append(node)


class _Part:
    """One call of a checkpointed function, and what it takes to run it again.

    Its nodes hold it in the place of an inspection, so a sweep asks it `before` it uses one. It
    holds them weakly: a graph that nobody needs is still gone at once.
    """

    def __init__(self, function: Callable, args: tuple, kwargs: dict, preserve: bool):
        self.function = function
        # In place, a recorded tensor is given a new array and node; these keep the present ones.
        self.args, self.kwargs = map_leaves(_as_now, args), map_leaves(_as_now, kwargs)
        self.birth, self.casts = next_birth(), current_mode().casts
        held = [x for x in leaves((self.args, self.kwargs)) if isinstance(x, Tensor)]
        self.inputs = {id(x): (x, x.array) for x in held}
        self.streams = _streams(function) if preserve else []
        self.start = [stream.get_state() for stream in self.streams]

    def forget(self, nodes: Sequence[Node]) -> None:
        """Drops what the nodes have saved."""
        self.end = [stream.get_state() for stream in self.streams]
        self.recorded = [_signature(node) for node in nodes]
        self.nodes = [weakref.ref(node) for node in nodes]
        self.inspections = {  # of detect_anomaly
            n.birth: n.inspection for n in nodes if not isinstance(n.inspection, _Part)
        }
        for node in nodes:
            self.inputs |= {id(x): (x, x.array) for x in node.parents if isinstance(x, Tensor)}
            if node.saved is not FREED:
                node.saved = (None,) * len(node.saved)
                node.inspection = self
        self.forgotten = True

    def before(self, node: Node) -> None:
        """A sweep needs what the node has saved."""
        if self.forgotten:
            self.remember()
        if inspection := self.inspections.get(node.birth):
            inspection.before(node)

    def after(self, node: Node, g: Any, grads: Sequence[Any]) -> None:
        """A sweep has used the node."""
        if inspection := self.inspections.get(node.birth):
            inspection.after(node, g, grads)

    def remember(self) -> None:
        """Gives the nodes what they had saved."""
        for x, array in self.inputs.values():
            if x.array is not array or version(array) > self.birth:
                raise RuntimeError(
                    f"checkpoint: {_name_of(self.function)} has to run again for backward, but an "
                    f"input of shape {x.shape} (an argument or a parameter) was changed in place "
                    "since it ran; call backward() before the change, or change a copy"
                )
        born, end = self.run_again()
        if [_signature(node) for node in born] != self.recorded:
            raise RuntimeError(self._difference(born))
        if end != self.end:
            raise RuntimeError(
                f"checkpoint: {_name_of(self.function)} drew other random numbers when it ran "
                "again for backward; it must draw the same both times"
            )
        for reference, new in zip(self.nodes, born):
            node = reference()
            if node is not None:  # and not gone, with an output that nobody kept
                node.saved = new.saved
        self.forgotten = False

    def run_again(self) -> tuple[list[Node], list[dict]]:
        """Runs the function as it ran first; returns its new nodes, and where its draws ended."""
        buffers = [(b, b.array.copy()) for b in _buffers(self.function)]
        token = _again.set(True)
        try:
            with (
                drawing_from(Generator()),
                enable_grad(),
                casting_as(self.casts),
                _Births() as births,
            ):
                now = [stream.get_state() for stream in self.streams]
                for stream, state in zip(self.streams, self.start):
                    stream.set_state(state)
                try:
                    self.function(*self.args, **self.kwargs)
                    end = [stream.get_state() for stream in self.streams]
                finally:
                    for stream, state in zip(self.streams, now):
                        stream.set_state(state)
        finally:
            _again.reset(token)
            for buffer, values in buffers:
                buffer.array[...] = values
        return births.nodes, end

    def _difference(self, born: Sequence[Node]) -> str:
        again = [_signature(node) for node in born]
        pairs = zip([*self.recorded, "nothing"], [*again, "nothing"])
        was, now = next((a, b) for a, b in pairs if a != b)
        return (
            f"checkpoint: {_name_of(self.function)} computed {was} the first time and {now} when "
            "it ran again for backward; it must do the same both times, so nothing that it "
            "depends on (train() and eval(), a counter) may change in between"
        )


def _as_now(x: Any) -> Any:
    return make(x.array, x.node) if isinstance(x, Tensor) and isinstance(x.node, Node) else x


def _signature(node: Node) -> str:
    """What a node computed, as text: the same for the same call."""
    return f"{node.name} {node.shape} {node.dtype}"


def _streams(function: Callable) -> list[Generator]:
    """The default generator, and those of the layers of a module."""
    modules = function.modules() if isinstance(function, Module) else ()
    own = {id(g): g for m in modules for g in vars(m).values() if isinstance(g, Generator)}
    return [default_generator, *own.values()]


def _buffers(function: Callable) -> list[Tensor]:
    return list(function.buffers()) if isinstance(function, Module) else []


def _name_of(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)
