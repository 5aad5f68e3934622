"""The state of a module as a plain dict of Tensors, taken and given back whole."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import Array, is_cupy, move
from minitorch.dtypes import FLOATING
from minitorch.errors import CheckpointError
from minitorch.inplace import write_through
from minitorch.meta import Meta
from minitorch.modes import no_grad
from minitorch.nn.building import open_layers
from minitorch.nn.members import Members, joined
from minitorch.nn.parameter import Parameter
from minitorch.nn.state_hooks import StateHooked
from minitorch.quiet import quiet
from minitorch.tensor import Tensor, raw


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` left alone."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful(StateHooked):
    """The part of a Module that gives its state away and takes one in."""

    def get_extra_state(self) -> Any:
        """What else belongs to the state, of a module that defines this and `set_extra_state`.

        It stands in `state_dict` behind the tensors, as `_extra_state` of its module. `save` takes
        tensors, numbers, strings, and dicts and lists of them.
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state: define get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Takes in what `get_extra_state` gave; called by `load_state_dict`, after the tensors."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: define set_extra_state")

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:
        """The parameters and persistent buffers by their paths, as copies.

        A copy stays what it is while training goes on. What is tied appears under each of its
        names, as one Tensor. Behind them stands what `get_extra_state` gives, where a module
        defines it.

        Args:
            prefix: put before every path, as in "model.".
            keep_vars: the parameters and buffers themselves, instead of copies.

        Raises:
            RuntimeError: a size is still open, so a parameter has no values yet.
        """
        self._check_built("state_dict")
        for module, place, hook in self._state_hooks("_state_dict_pre_hooks", prefix):
            hook(module, place, keep_vars)
        copies: dict[int, Tensor] = {}
        state: dict[str, Any] = {}
        for path, held in self._state():
            if not keep_vars:
                held = copies.setdefault(id(held), held.detach().clone())
            state[prefix + path] = held
        for path, module in self._extras("get_extra_state").items():
            state[prefix + path] = module.get_extra_state()
        for module, place, hook in self._state_hooks("_state_dict_post_hooks", prefix):
            hook(module, state, place, {})
        return state

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        assign: bool = False,
        *,
        cast: bool = False,
        allow_nonfinite: bool = False,
    ) -> IncompatibleKeys:
        """Writes a state into the parameters and buffers, in place: all of it, or nothing.

        Args:
            state_dict: Tensors or NumPy arrays by path, as `state_dict` gives them; or tensors of
                torch's, as its `state_dict` does.
            strict: every path must be there, and no other.
            assign: the parameters and buffers take the arrays of the state, in its dtype and where
                they are, and share them; so a model on "meta" gets its numbers.
            cast: round values of another floating dtype to that of the parameter.
            allow_nonfinite: take in NaN and infinity as well.

        Returns:
            The missing and the unexpected keys; with `strict` there are none.

        Raises:
            CheckpointError: with every problem there is, in one message.
            RuntimeError: a size is still open; build the model first.
        """
        self._check_built("load_state_dict")
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a dict of Tensors, got {type(state_dict).__name__}"
            )
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        state_dict = dict(state_dict)
        for module, place, hook in self._state_hooks("_load_pre_hooks"):
            hook(module, state_dict, place, {}, strict, missing, unexpected, problems)
        extras, held = self._extras("set_extra_state"), dict(self._state())
        extra = {path: state_dict.pop(path) for path in extras if path in state_dict}
        state_dict = {path: _array_of(value) for path, value in state_dict.items()}
        missing += [path for path in held if path not in state_dict]
        missing += [path for path in extras if path not in extra]
        unexpected += [path for path in state_dict if path not in held]
        shared = [path for path in held if path in state_dict]
        if strict:
            problems += [_missing(path, unexpected) for path in missing]
            problems += [f"unexpected: {path}" for path in unexpected]
        for path in shared:
            wrong = _misfit(path, state_dict[path], held[path], assign, cast, allow_nonfinite)
            problems += [wrong] if wrong else []
        if not problems:
            problems = _torn(held, state_dict, shared)
        if problems:
            hint = _renumbered(held, state_dict, missing, unexpected)
            lines = "\n  ".join(problems + hint)
            raise CheckpointError(
                f"load_state_dict: {type(self).__name__} was left as it is; {len(problems)} "
                f"problem{'s' * (len(problems) > 1)}:\n  {lines}"
            )
        with no_grad():
            for path in shared:
                _take(held[path], state_dict[path], assign)
        for path, value in extra.items():
            extras[path].set_extra_state(value)
        keys = IncompatibleKeys(missing, unexpected)
        for module, _, hook in reversed([*self._state_hooks("_load_post_hooks")]):
            hook(module, keys)
        return keys

    def _extras(self, method: str) -> dict[str, Any]:
        """The modules that define one of the two methods for extra state, by the path of it."""
        return {
            joined(path, "_extra_state"): module
            for path, module in self.named_modules(remove_duplicate=False)
            if getattr(type(module), method) is not getattr(Stateful, method)
        }

    def _check_built(self, who: str) -> None:
        if left := open_layers(self):
            raise RuntimeError(
                f"{who}: the input size of {left} is still open, so there is no state yet; build "
                "the model first, model.build((1, 28, 28)), or call it once on data"
            )

    def _state(self) -> list[tuple[str, Any]]:
        """(path, Tensor) of all that is saved, in order, tied ones under each name."""

        def saved(module: Members, name: str, member: Any) -> bool:
            return isinstance(member, Parameter) or bool(module._buffers.get(name))

        found = list(self._named(saved, "", True, False))
        seen: set[str] = set()
        for path, _ in found:
            if path in seen:
                raise ValueError(
                    f"{type(self).__name__}: two members have the path {path!r}, so a state could "
                    "hold only one of them; give them other attributes or keys"
                )
            seen.add(path)
        return found


def _array_of(value: Any) -> Any:
    """The array in a Tensor, or that which torch's and others give; what is none, as it is."""
    value = raw(value)
    ours = isinstance(value, (np.ndarray, np.generic, Meta)) or is_cupy(value)
    return value if ours or not hasattr(value, "__array__") else np.asarray(value)


def _torn(held: Mapping[str, Tensor], state: Mapping[str, Any], paths: list[str]) -> list[str]:
    """What is tied here, one Tensor under several paths, and differs in the state."""
    problems: list[str] = []
    first: dict[int, str] = {}
    for path in paths:
        other = first.setdefault(id(held[path]), path)
        a, b = state[path], state[other]
        if a is not b and not bool(((a == b) | (a != a)).all()):  # two NaNs agree
            problems.append(f"{path}: differs from {other} in the state, and they are tied here")
    return problems


def _missing(path: str, unexpected: list[str]) -> str:
    near = get_close_matches(path, unexpected, 1)
    return f"missing: {path}" + (f" (is it {near[0]}?)" if near else "")


def _misfit(
    path: str, value: Any, tensor: Tensor, assign: bool, cast: bool, nonfinite: bool
) -> str | None:
    """Why a value cannot be written into the tensor of its name, or None."""
    new, old = value, tensor.array
    if isinstance(new, Meta) or (isinstance(old, Meta) and not assign):
        fix = "here; move the model, .to('cpu'), or pass assign=True"
        where = "in the state" if isinstance(new, Meta) else fix
        return f"{path}: a meta tensor without values {where}"
    if not isinstance(new, (np.ndarray, np.generic)) and not is_cupy(new):
        return f"{path}: expected a Tensor or an array, got {type(value).__name__}"
    if new.shape != old.shape:
        return f"{path}: shape {new.shape}, expected {old.shape}"
    floats = new.dtype.kind in FLOATING and old.dtype.kind in FLOATING
    if new.dtype != old.dtype and not ((cast or assign) and floats):
        fix = "; pass cast=True to round to it" if floats else ""
        return f"{path}: dtype {new.dtype}, expected {old.dtype}{fix}"
    # rounding to a smaller dtype may overflow
    held = new if assign else quiet.run(new.astype, old.dtype)
    if (
        held.dtype.kind in FLOATING
        and not nonfinite
        and (bad := held.size - int(np.isfinite(held).sum()))
    ):
        return (
            f"{path}: {bad} of {new.size} values are not finite; pass allow_nonfinite=True to take "
            "them in"
        )
    if path.rpartition(".")[2] == "running_var" and bool((new < 0).any()):
        return f"{path}: a variance is negative, {float(new.min())}"
    return None


def _take(tensor: Tensor, new: Array, assign: bool) -> None:
    """Writes an array into the tensor, or makes it the tensor's own."""
    if assign:
        tensor.array = np.asarray(new) if isinstance(new, np.generic) else new
        return
    new = move(new, tensor.device)
    write_through(tensor, "load_state_dict", lambda: tensor.array.__setitem__(..., new))


def _renumbered(
    held: Mapping[str, Tensor],
    state: Mapping[str, Any],
    missing: list[str],
    unexpected: list[str],
) -> list[str]:
    """A hint where the same shapes stand under other numbers: a layer was inserted or taken out."""
    for path in [path for path in missing if path in held]:
        shape, (_, _, name) = held[path].shape, path.rpartition(".")
        for other in [other for other in unexpected if other in state]:
            if other.rpartition(".")[2] == name and np.shape(state[other]) == shape:
                return [
                    f"{other} in the state has the shape that {path} has here: were the layers "
                    "renumbered?"
                ]
    return []
