"""Parameter groups: the forms in which an optimizer takes parameters, and the options of a group.

A group is a dict with the tensors under "params", their names under "names", and the options by
torch's names. Setting an option checks it there and then, so a learning rate of nan fails on the
line that sets it and not three epochs later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from minitorch.tensor import Tensor
from minitorch.words import np

_ANY = (-math.inf, math.inf)
_POSITIVE = (0.0, math.inf)
_FRACTION = (0.0, 1.0)

# The numbers an option may take: low <= x < high, and always finite.
RANGES: dict[str, tuple[float, float]] = {
    "lr": _POSITIVE,
    "momentum": _POSITIVE,
    "dampening": _ANY,
    "weight_decay": _POSITIVE,
    "eps": _POSITIVE,
    "betas": _FRACTION,
    "alpha": _FRACTION,
    "rho": _FRACTION,
    "lr_decay": _POSITIVE,
    "initial_accumulator_value": _POSITIVE,
    "momentum_decay": _POSITIVE,
    "trust_coefficient": _POSITIVE,
    "clip_value": _POSITIVE,
    "ns_coefficients": _ANY,
    "ns_steps": (1, 100),
    "etas": _POSITIVE,
    "step_sizes": _POSITIVE,
    "max_iter": (1, math.inf),
    "max_eval": (1, math.inf),
    "history_size": (1, math.inf),
    "tolerance_grad": _POSITIVE,
    "tolerance_change": _POSITIVE,
}
# How many numbers an option has, where it has several.
LENGTHS = {"betas": 2, "ns_coefficients": 3, "etas": 2, "step_sizes": 2}
FLAGS = {"nesterov", "maximize", "amsgrad", "centered", "decoupled_weight_decay"}


class Group(dict):
    """The tensors of one group and their options; setting an option checks it."""

    def __init__(self, check: Callable[[dict], None], items: dict[str, Any]):
        super().__init__({name: plain(value) for name, value in items.items()})
        self.check = check
        check(self)

    def __setitem__(self, name: str, value: Any) -> None:
        self.check({**self, name: plain(value)})
        super().__setitem__(name, plain(value))

    def update(self, *args: Any, **options: Any) -> None:
        """Sets several options together, as a dict does; all of them or none."""
        new = {name: plain(value) for name, value in dict(*args, **options).items()}
        self.check({**self, **new})
        super().update(new)

    def __reduce__(self) -> Any:
        return Group, (
            self.check,
            dict(self),
        )  # copied whole: half a group would not pass the check

    @property
    def options(self) -> dict[str, Any]:
        """The group without its tensors and their names."""
        return {name: value for name, value in self.items() if name not in ("params", "names")}


def plain(value: Any) -> Any:
    """NumPy's scalars as Python numbers, which do not promote float32; lists of numbers as tuples.

    JSON makes lists of tuples, so this also brings a saved group back to what it was.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list) and value and all(isinstance(part, (int, float)) for part in value):
        return tuple(value)
    return value


def given(names: Mapping[str, Any]) -> dict[str, Any]:
    """The options that an `__init__` was given, out of its names: `given(locals())`."""
    return {k: v for k, v in names.items() if k not in {"self", "params", "__class__"}}


def check_option(who: str, name: str, value: Any) -> None:
    """Raises unless the value of an option has the right type and lies in its range.

    Raises:
        TypeError: a number or a bool was expected.
        ValueError: the number is out of range, or nan.
    """
    if name in FLAGS and not isinstance(value, bool):
        raise TypeError(f"{who}: {name} expected True or False, got {value!r}")
    if name not in RANGES:
        return
    if name not in LENGTHS:
        _check_number(who, name, value, RANGES[name])
        return
    if not isinstance(value, tuple) or len(value) != LENGTHS[name]:
        raise TypeError(f"{who}: {name} expected {LENGTHS[name]} numbers, got {value!r}")
    for i, number in enumerate(value):
        _check_number(who, f"{name}[{i}]", number, RANGES[name])


def _check_number(who: str, name: str, x: Any, bounds: tuple[float, float]) -> None:
    if not isinstance(x, (int, float)) or isinstance(x, bool):
        hint = "; pass x.item()" if isinstance(x, Tensor) else ""
        raise TypeError(f"{who}: {name} expected a number, got {type(x).__name__} {x!r}{hint}")
    low, high = bounds
    if not (low <= x < high and math.isfinite(x)):
        end = " and finite" if high == math.inf else f" and {name} < {high:g}"
        start = f"{name} >= {low:g}" if low > -math.inf else name
        raise ValueError(f"{who}: {name}={x!r} is out of range; expected {start}{end}")


def check_names(who: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raises when an option of a group looks like a misspelling of one that the optimizer has.

    Other keys stay in the group: schedulers and users keep notes there.

    Raises:
        TypeError: names the key, and the option it was probably meant to be.
    """
    unknown = [name for name in given if name not in {"params", "names", *known}]
    if unknown:
        from difflib import get_close_matches

        for name in unknown:
            if near := get_close_matches(name, known, 1, cutoff=0.8):
                raise TypeError(f"{who}: a group has no option {name!r}; did you mean {near[0]!r}?")


def named(groups: Iterable[Group]) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) for all tensors of all groups."""
    for group in groups:
        yield from zip(group["names"], group["params"], strict=True)


def check_distinct(who: str, groups: Iterable[Group]) -> None:
    """Raises ValueError when a tensor, or a name, is in the groups twice."""
    tensors: dict[int, str] = {}
    names = set()
    for name, p in named(groups):
        if id(p) in tensors:
            raise ValueError(
                f"{who}: parameter {name!r} is the same tensor as {tensors[id(p)]!r}, and would be "
                "moved twice a step"
            )
        if name in names:
            raise ValueError(
                f"{who}: two parameters are named {name!r}, and state is kept by name; pass "
                "(name, tensor) pairs with different names"
            )
        tensors[id(p)] = name
        names.add(name)


# what is optimized ----------------------------------------------------------------------------


def is_model(x: Any) -> bool:
    """A model is whatever can name its parameters."""
    return hasattr(x, "named_parameters")


def as_groups(who: str, params: Any) -> list[dict[str, Any]]:
    """A list of group dicts from a model, tensors, (name, tensor) pairs or group dicts.

    Raises:
        TypeError: a single tensor, an array, a string, or one dict that is not in a list.
        ValueError: there are no parameters.
    """
    if is_model(params):
        return [{"params": params}]
    if isinstance(params, dict):
        raise TypeError(f"{who}: params is a dict; put the groups into a list: [{{...}}, ...]")
    items = list(_iterated(who, params))
    if not items:
        raise ValueError(_nothing(who, params))
    if isinstance(items[0], dict):
        return items
    return [{"params": items}]


def _iterated(who: str, params: Any) -> Iterable[Any]:
    """`params`, when it is a collection that could hold parameters."""
    if isinstance(params, (Tensor, np.ndarray, str)) or not hasattr(params, "__iter__"):
        raise TypeError(
            f"{who}: params expected a model, a list of tensors, of (name, tensor) pairs or of "
            f"group dicts, got one {type(params).__name__}"
            + ("; put it into a list: [x]" if isinstance(params, Tensor) else "")
        )
    if isinstance(params, (set, frozenset)):
        raise TypeError(
            f"{who}: a set has no order, and the order names the parameters; use a list"
        )
    return params


def _nothing(who: str, params: Any) -> str:
    if hasattr(params, "__next__"):
        return (
            f"{who}: empty parameter list: the {type(params).__name__} is already consumed, or had "
            "nothing to give; pass list(...) or the model itself"
        )
    return f"{who}: empty parameter list"


def named_tensors(who: str, params: Any, first: int) -> tuple[list[str], list[Tensor]]:
    """The names and tensors of one group, each checked; tensors without a name get a number.

    Args:
        who: the optimizer's name, for errors.
        params: a model, a tensor, or a collection of tensors or of (name, tensor) pairs.
        first: the number of the first tensor.

    Raises:
        TypeError: something is no Tensor, or only some have names.
        ValueError: a tensor is no leaf or does not require grad; there are none.
        RuntimeError: a parameter has no shape yet.
    """
    if is_model(params):
        items = list(params.named_parameters())
    elif isinstance(params, Tensor):
        items = [params]
    else:
        items = list(_iterated(who, params))
    if not items:
        raise ValueError(_nothing(who, params))
    named = [isinstance(item, tuple) and len(item) == 2 for item in items]
    if any(named) and not all(named):
        raise TypeError(f"{who}: either all parameters of a group have names, or none")
    if not any(named):
        items = [(str(i), p) for i, p in enumerate(items, first)]
    for name, p in items:
        _check_parameter(who, name, p, frozen_too=is_model(params))
    return [name for name, _ in items], [p for _, p in items]


def _check_parameter(who: str, name: Any, p: Any, frozen_too: bool) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{who}: the name of a parameter is a str, got {name!r}")
    if not isinstance(p, Tensor):
        raise TypeError(
            f"{who}: parameter {name!r} expected a Tensor, got {type(p).__name__}"
            + ("; make one: tensor(x, requires_grad=True)" if isinstance(p, np.ndarray) else "")
        )
    _ = p.shape  # a parameter whose size is still open says so here, before anything is kept
    if not p.is_leaf:
        raise ValueError(
            f"{who}: parameter {name!r} was computed by {p.grad_fn.name if p.grad_fn else '?'}; "
            "only leaves can be optimized: pass what it was computed from, or detach it and call "
            "requires_grad_()"
        )
    if not p.requires_grad and not frozen_too:
        raise ValueError(
            f"{who}: parameter {name!r} does not require grad; leave it out, "
            "[p for p in model.parameters() if p.requires_grad], or pass the model itself, whose "
            "frozen parameters are skipped"
        )
