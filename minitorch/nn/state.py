"""The state of a module as a plain dict of Tensors, taken and given back whole."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from minitorch.array import FLOATING, Array, is_cupy, move
from minitorch.errors import CheckpointError
from minitorch.inplace import write_through
from minitorch.meta import Meta
from minitorch.modes import no_grad
from minitorch.nn.building import open_layers
from minitorch.nn.members import Members
from minitorch.nn.parameter import Parameter
from minitorch.tensor import Tensor, quiet, raw


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` left alone."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful(Members):
    """The part of a Module that gives its state away and takes one in."""

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """The parameters and persistent buffers by their paths, as copies.

        A copy stays what it is while training goes on. What is tied appears under each of its
        names, as one Tensor.

        Args:
            prefix: put before every path, as in "model.".
            keep_vars: the parameters and buffers themselves, instead of copies.

        Raises:
            RuntimeError: a size is still open, so a parameter has no values yet.
        """
        self._check_built("state_dict")
        copies: dict[int, Tensor] = {}
        state = {}
        for path, held in self._state():
            if not keep_vars:
                held = copies.setdefault(id(held), held.detach().clone())
            state[prefix + path] = held
        return state

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        *,
        cast: bool = False,
        allow_nonfinite: bool = False,
    ) -> IncompatibleKeys:
        """Writes a state into the parameters and buffers, in place: all of it, or nothing.

        Args:
            state_dict: Tensors or NumPy arrays by path, as `state_dict` gives them.
            strict: every path must be there, and no other.
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
        held = dict(self._state())
        missing = [path for path in held if path not in state_dict]
        unexpected = [path for path in state_dict if path not in held]
        shared = [path for path in held if path in state_dict]
        problems: list[str] = []
        if strict:
            problems += [_missing(path, unexpected) for path in missing]
            problems += [f"unexpected: {path}" for path in unexpected]
        for path in shared:
            wrong = _misfit(path, state_dict[path], held[path], cast, allow_nonfinite)
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
                _write(held[path], raw(state_dict[path]))
        return IncompatibleKeys(missing, unexpected)

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


def _torn(held: Mapping[str, Tensor], state: Mapping[str, Any], paths: list[str]) -> list[str]:
    """What is tied here, one Tensor under several paths, and differs in the state."""
    problems: list[str] = []
    first: dict[int, str] = {}
    for path in paths:
        other = first.setdefault(id(held[path]), path)
        a, b = raw(state[path]), raw(state[other])
        if a is not b and not bool(((a == b) | (a != a)).all()):  # two NaNs agree
            problems.append(f"{path}: differs from {other} in the state, and they are tied here")
    return problems


def _missing(path: str, unexpected: list[str]) -> str:
    near = get_close_matches(path, unexpected, 1)
    return f"missing: {path}" + (f" (is it {near[0]}?)" if near else "")


def _misfit(path: str, value: Any, tensor: Tensor, cast: bool, nonfinite: bool) -> str | None:
    """Why a value cannot be written into the tensor of its name, or None."""
    new, old = raw(value), tensor.array
    if isinstance(new, Meta) or isinstance(old, Meta):
        where = "in the state" if isinstance(new, Meta) else "here; move the model, .to('cpu')"
        return f"{path}: a meta tensor without values {where}"
    if not isinstance(new, (np.ndarray, np.generic)) and not is_cupy(new):
        return f"{path}: expected a Tensor or an array, got {type(value).__name__}"
    if new.shape != old.shape:
        return f"{path}: shape {new.shape}, expected {old.shape}"
    floats = new.dtype.kind in FLOATING and old.dtype.kind in FLOATING
    if new.dtype != old.dtype and not (cast and floats):
        fix = "; pass cast=True to round to it" if floats else ""
        return f"{path}: dtype {new.dtype}, expected {old.dtype}{fix}"
    held = quiet.run(new.astype, old.dtype)  # rounding to a smaller dtype may overflow
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


def _write(tensor: Tensor, new: Array) -> None:
    new = move(new, tensor.device)
    write_through(tensor, "load_state_dict", lambda: tensor.array.__setitem__(..., new))


def _renumbered(
    held: Mapping[str, Tensor],
    state: Mapping[str, Any],
    missing: list[str],
    unexpected: list[str],
) -> list[str]:
    """A hint where the same shapes stand under other numbers: a layer was inserted or taken out."""
    for path in missing:
        shape, (_, _, name) = held[path].shape, path.rpartition(".")
        for other in unexpected:
            if other.rpartition(".")[2] == name and np.shape(raw(state[other])) == shape:
                return [
                    f"{other} in the state has the shape that {path} has here: were the layers "
                    "renumbered?"
                ]
    return []
