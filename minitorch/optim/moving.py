"""What a step writes: every buffer is put in its place, and then the rule moves every parameter.

By now all that could go wrong with a gradient has been looked at, by `Optimizer.step`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitorch.array import Array, device_of, is_cupy
from minitorch.array import move as to_device
from minitorch.clock import stamp
from minitorch.optim import blocks
from minitorch.optim.blocks import Item
from minitorch.optim.groups import Group
from minitorch.quiet import quiet
from minitorch.tensor import Tensor, make, raw
from minitorch.words import np

if TYPE_CHECKING:
    from minitorch.optim.optimizer import Optimizer


class Move(NamedTuple):
    """One parameter that is about to be moved."""

    name: str
    p: Tensor
    g: Array


State = dict[Tensor, dict[str, Any]]  # what is kept of each tensor, by name
Plan = tuple[Group, list[Move]]


def move_all(optimizer: Optimizer, plans: list[Plan], state: State) -> None:
    """Readies the buffers of all groups, and then moves group by group; all without warnings.

    A rule may call ops on tensors, which `quiet.run` would not let it do.
    """
    loud = quiet.begin()
    try:
        _move_all(optimizer, plans, state)
    finally:
        quiet.end(loud)


def _move_all(optimizer: Optimizer, plans: list[Plan], state: State) -> None:
    readied = [
        (group, moves, _ready(optimizer, group, moves, state)) for group, moves in plans if moves
    ]
    for group, moves, states in readied:
        for (name, p, _), kept in zip(moves, states, strict=True):
            stamp(p.array, f"{_who(optimizer)}.step of {name!r}")
            if kept is not None:
                optimizer.count(kept, group)
        if optimizer.elementwise:
            _move_blocks(optimizer, group, moves, states)
        else:
            _move_tensors(optimizer, group, moves, states)


def _who(optimizer: Optimizer) -> str:
    return type(optimizer).__name__


# buffers --------------------------------------------------------------------------------------


def _ready(optimizer: Optimizer, group: Group, moves: list[Move], state: State) -> list[Any]:
    """The states of parameters that are about to be moved, with every buffer in its place."""
    names = optimizer.buffers(group)
    if not names and optimizer.elementwise:  # a rule without memory keeps not even a count
        return [state.get(p) for _, p, _ in moves]
    return [_readied(optimizer, move, names, group, state.setdefault(move.p, {})) for move in moves]


def _readied(
    optimizer: Optimizer, move: Move, names: tuple[str, ...], group: Group, kept: dict[str, Any]
) -> dict[str, Any]:
    """Puts the buffers of a parameter beside it: new ones, or those that stayed behind."""
    name, p, _ = move
    like = p.array
    for key in names:
        x = raw(kept.get(key))
        if x is None:
            kept[key] = make(optimizer.new_buffer(key, like, group))
        elif x.shape != like.shape:
            raise RuntimeError(
                f"{_who(optimizer)}.step: {key} of {name!r} has shape {x.shape}, and the parameter "
                f"now {like.shape}; build a new optimizer after changing its size"
            )
        elif x.dtype != like.dtype or type(x) is not type(like) or not x.flags.c_contiguous:
            kept[key] = make(to_device(x, device_of(like)).astype(like.dtype).copy())
    return kept


# the rule -------------------------------------------------------------------------------------


def _move_blocks(optimizer: Optimizer, group: Group, moves: list[Move], states: list[Any]) -> None:
    """Applies a rule to blocks of elements."""
    names = optimizer.buffers(group)
    items = [_item(p, g, names, kept) for (_, p, g), kept in zip(moves, states, strict=True)]
    rule = getattr(optimizer.update, "rule", None)
    if rule is not None and items and is_cupy(items[0].p):
        from minitorch.kernels.optim import move  # not before a GPU asks for it

        items = move(rule, items, group)

    def apply(block: Item) -> None:
        p, g, buffers, numbers = block
        optimizer.update(p, g, {**numbers, **dict(zip(names, buffers))}, group)

    blocks.move(items, apply)


def _item(p: Tensor, g: Array, names: tuple[str, ...], kept: dict[str, Any]) -> Item:
    """The arrays of a parameter, and the numbers that go with them."""
    if not names:
        return Item(p.array, g, [], {})
    numbers = {key: value for key, value in kept.items() if not isinstance(value, Tensor)}
    return Item(p.array, g, [kept[name].array for name in names], numbers)


def _move_tensors(optimizer: Optimizer, group: Group, moves: list[Move], states: list[Any]) -> None:
    """Applies a rule to tensors as wholes."""
    for (_, p, g), kept in zip(moves, states, strict=True):
        arrays = {key: raw(value) for key, value in kept.items()}
        optimizer.update(p.array, g, arrays, group)
        kept.update({key: _kept(value) for key, value in arrays.items()})


def _kept(value: Any) -> Any:
    """What a rule has put into its state: arrays as tensors, numbers as they are."""
    if isinstance(value, np.generic):
        value = np.asarray(value)  # NumPy made a scalar of a 0-d array
    return make(value) if hasattr(value, "dtype") else value
