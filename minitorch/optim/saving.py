"""What an optimizer remembers, as a dict to save; and back, when it fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from minitorch.array import device_of, move
from minitorch.errors import CheckpointError
from minitorch.optim.groups import Group, named, plain
from minitorch.tensor import Tensor, make

if TYPE_CHECKING:
    from minitorch.optim.optimizer import Optimizer


def state_dict(optimizer: Optimizer) -> dict[str, Any]:
    """Class, groups and state of an optimizer; tensors are copied."""
    groups = [{**group.options, "names": [*group["names"]]} for group in optimizer.param_groups]
    state = {
        name: copied(optimizer.state[p])
        for name, p in dict(named(optimizer.param_groups)).items()
        if optimizer.state.get(p)
    }
    return {"class": optimizer.kind, "groups": groups, "state": state}


def load_state_dict(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Takes over a saved dict, after everything in it was found to fit."""
    problems = list(_problems(optimizer, saved))
    if problems:
        listed = "".join(f"\n- {problem}" for problem in problems)
        raise CheckpointError(
            f"{type(optimizer).__name__}.load_state_dict: nothing was changed:{listed}"
        )
    tensors = dict(named(optimizer.param_groups))
    state = {
        tensors[name]: {key: _fitted(value, tensors[name]) for key, value in kept.items()}
        for name, kept in saved["state"].items()
    }
    for group, options in zip(optimizer.param_groups, saved["groups"]):
        group.update(_options(options))
    optimizer.state = defaultdict(dict, state)


def _problems(optimizer: Optimizer, saved: Any) -> Iterator[str]:
    """Everything that does not fit, each in one sentence."""
    if not isinstance(saved, dict) or {"class", "groups", "state"} - set(saved):
        keys = list(saved) if isinstance(saved, dict) else type(saved).__name__
        yield f"expected the keys class, groups and state, as state_dict() gives, got {keys}"
        return
    if saved["class"] != optimizer.kind:
        yield f"it is the state of {saved['class']}, and this is {optimizer.kind}"
        return
    ours, theirs = optimizer.param_groups, saved["groups"]
    if len(ours) != len(theirs):
        yield f"it has {len(theirs)} parameter groups, and this optimizer {len(ours)}"
    for i, (mine, options) in enumerate(zip(ours, theirs)):
        yield from _group_problems(optimizer, i, mine, options)
    tensors = dict(named(optimizer.param_groups))
    for name, kept in saved["state"].items():
        if name not in tensors:
            yield f"it has state for {name!r}, which this optimizer does not hold"
            continue
        yield from _state_problems(optimizer, name, tensors[name], kept, saved["groups"])


def _group_problems(
    optimizer: Optimizer, i: int, mine: Group, theirs: dict[str, Any]
) -> Iterator[str]:
    for name in [n for n in theirs["names"] if n not in mine["names"]]:
        yield f"group {i} has the parameter {name!r}, which is not in group {i} here"
    for name in [n for n in mine["names"] if n not in theirs["names"]]:
        yield f"group {i} lacks the parameter {name!r}"
    try:
        optimizer.check(_options(theirs))
    except (TypeError, ValueError) as error:
        yield f"group {i}: {error}"
    for option in [o for o in optimizer.defaults if o not in theirs]:
        yield f"group {i} lacks the option {option!r}"


def _state_problems(
    optimizer: Optimizer, name: str, p: Tensor, kept: dict[str, Any], groups: list[dict[str, Any]]
) -> Iterator[str]:
    group = next((g for g in groups if name in g["names"]), None)
    for buffer in optimizer.buffers(_options(group)) if group else ():
        value = kept.get(buffer)
        if not isinstance(value, Tensor):
            yield f"{buffer} of {name!r} is missing"
        elif value.shape != p.shape:
            yield f"{buffer} of {name!r} has shape {value.shape}, and the parameter {p.shape}"
    step = kept.get("step")
    if optimizer.counts_steps and (not isinstance(step, int) or step < 0):
        yield f"step of {name!r} is {step!r}, expected an int"


def copied(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The state of one parameter, with tensors of its own."""
    return {
        key: make(value.array.copy()) if isinstance(value, Tensor) else value
        for key, value in kept.items()
    }


def _fitted(value: Any, p: Tensor) -> Any:
    """A copy of a saved value, in the dtype and on the device of its parameter."""
    if not isinstance(value, Tensor):
        return value
    return make(move(value.array, device_of(p.array)).astype(p.dtype, copy=True))


def _options(saved: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in saved.items() if name != "names"}
