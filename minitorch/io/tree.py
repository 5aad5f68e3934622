"""Nested containers become named arrays and a JSON form of all the rest; and the way back.

In the JSON form whatever JSON has is itself: None, bools, ints, finite floats, strings and lists.
All else is an object with one key, which says what it is, so that nothing can be mistaken:

    {"tensor": "layers.0.weight"}      {"array": "x"}        {"tuple": [1, 2]}
    {"dict": {"lr": 0.1}}              {"items": [[0, "a"]]}  {"float": "nan"}

`items` is a dict with int keys among its keys, which JSON would turn into strings. A name is the
path to the tensor, as in a state dict; a tensor met twice has one name, and is one tensor again
when it comes back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minitorch.array import META, Array, device, device_of, move, ready
from minitorch.errors import CheckpointError
from minitorch.tensor import Tensor, make

NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
LONGEST_NAME = 512
DEEPEST = 100  # containers within containers
WIDEST_INT = 8192  # bits; Python refuses to read decimals of more than 4,300 digits

Path = tuple[str, ...]


def pack(x: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """The JSON form of `x`, and its arrays by name: on the host, in row-major order.

    Raises:
        TypeError: something that is no number, string, container or tensor; the message names it.
        ValueError: too deep (or inside itself), an int or a string that JSON cannot hold.
        RuntimeError: a tensor has no numbers yet.

    >>> pack({"lr": 0.1, "betas": (0.9, float("inf"))})[0]
    {'dict': {'lr': 0.1, 'betas': {'tuple': [0.9, {'float': 'inf'}]}}}
    """
    packer = _Packer()
    return packer.form(x, ()), packer.arrays


class _Packer:
    """What has been met so far on the way through a tree."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        # Names by identity, with the array itself, so that no id is used again meanwhile.
        self.known: dict[int, tuple[Array, str]] = {}

    def form(self, x: Any, path: Path) -> Any:
        """The JSON form of the part that lies at `path`."""
        if len(path) > DEEPEST:
            raise ValueError(
                f"save: {_shown(path[:3])}... is nested more than {DEEPEST} deep, or holds itself"
            )
        kind = type(x)
        if x is None or kind is bool:
            return x
        if kind is int:
            return _checked_int(x, path)
        if kind is str:
            return _checked_str(x, path)
        if kind is float:
            return x if math.isfinite(x) else {"float": repr(x)}
        if isinstance(x, (np.bool_, np.integer, np.float16, np.float32, np.float64, np.str_)):
            return self.form(x.item(), path)
        if isinstance(x, Tensor):
            return {"tensor": self.name(x.array, path)}
        if kind in (np.ndarray, np.memmap):
            return {"array": self.name(x, path)}
        if kind in (list, tuple):
            parts = [self.form(part, (*path, str(i))) for i, part in enumerate(x)]
            return parts if kind is list else {"tuple": parts}
        if isinstance(x, dict):
            return self.dict_form(x, path)
        raise TypeError(f"save: {_shown(path)} is a {kind.__name__}; {_advice(x)}")

    def dict_form(self, x: dict, path: Path) -> Any:
        """A dict, with its int keys told apart from strings where it has any."""
        for key in x:
            if type(key) not in (str, int):
                raise TypeError(
                    f"save: {_shown(path)} has the key {key!r}; keys are strings or ints, "
                    f"so write str({key!r})"
                )
            _checked_str(str(key), path)
        pairs = [[key, self.form(part, (*path, str(key)))] for key, part in x.items()]
        return {"dict": dict(pairs)} if all(type(k) is str for k in x) else {"items": pairs}

    def name(self, x: Array, path: Path) -> str:
        """The name under which an array is stored, the same for the same array."""
        if id(x) not in self.known:
            name = self.unused(path)
            self.arrays[name] = _host(x, path)
            self.known[id(x)] = (x, name)
        return self.known[id(x)][1]

    def unused(self, path: Path) -> str:
        """The path with dots, in the letters that names have, and no name met before.

        Nothing is lost where this changes a key: the JSON form has the keys as they are.
        """
        spelled = re.sub(r"[^A-Za-z0-9_.]", "_", ".".join(path) or "tensor")[: LONGEST_NAME - 16]
        base = ".".join(part or "_" for part in spelled.split("."))[: LONGEST_NAME - 8].strip(".")
        name, count = base, 1
        while name in self.arrays:
            count += 1
            name = f"{base}_{count}"
        return name


def _host(x: Array, path: Path) -> np.ndarray:
    """The array on the host: one of our dtypes, row-major and little-endian, as in the file."""
    if device_of(x) == META:
        raise RuntimeError(
            f"save: {_shown(path)} has the shape {x.shape} and no numbers yet; call the model or "
            "its build() on a real device first"
        )
    host = ready(move(x, "cpu"), f"save: {_shown(path)}")
    return host.astype(host.dtype.newbyteorder("<"), order="C", copy=False)


def _checked_int(x: int, path: Path) -> int:
    if x.bit_length() > WIDEST_INT:
        raise ValueError(
            f"save: {_shown(path)} is an int of {x.bit_length():,} bits, more than {WIDEST_INT:,}; "
            "keep it as hex(x), a string"
        )
    return x


def _checked_str(x: str, path: Path) -> str:
    try:
        x.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"save: {_shown(path)} holds {x[error.start]!a}, half a character, which no file "
            "of text can hold; clean it with x.encode(errors='replace').decode()"
        ) from None
    return x


def _shown(path: Path) -> str:
    return repr(".".join(path)) if path else "the object"


def _advice(x: Any) -> str:
    """What to save instead of something that cannot be saved."""
    if hasattr(x, "state_dict"):
        return "save its x.state_dict(), and load with x.load_state_dict(...)"
    if hasattr(x, "get_state"):
        return "save its x.get_state(), and load with x.set_state(...)"
    if isinstance(x, tuple) and hasattr(x, "_asdict"):
        return "save its x._asdict(), or tuple(x)"
    if isinstance(x, (set, frozenset)):
        return "save sorted(x), a list"
    return (
        "what can be saved are tensors, arrays, numbers, strings, bools and None, in dicts, lists "
        "and tuples"
    )


# and back --------------------------------------------------------------------------------------


def unpack(form: Any, arrays: Mapping[str, np.ndarray], where: device | str | None = None) -> Any:
    """The object whose `pack` was this; its tensors on the device `where`.

    Raises:
        CheckpointError: the form is none that `pack` gives, or does not fit the arrays.

    >>> unpack({"tuple": [1, {"float": "-inf"}]}, {})
    (1, -inf)
    """
    unpacker = _Unpacker(arrays, device(where or "cpu"))
    x = unpacker.object(form, 0)
    if unused := [name for name in arrays if name not in unpacker.met]:
        raise CheckpointError(f"tensor {unused[0]!r} has no place in the tree")
    return x


class _Unpacker:
    """Turns forms into objects; `met` holds each array's tensor, so that ties stay tied."""

    def __init__(self, arrays: Mapping[str, np.ndarray], where: device):
        self.arrays, self.where = arrays, where
        self.met: dict[str, Tensor | None] = {}
        self.tags: dict[str, Callable[[Any, int], Any]] = {
            "tensor": lambda name, _: self.tensor(name),
            "array": lambda name, _: self.array(name),
            "tuple": lambda parts, depth: tuple(self.listed(parts, depth)),
            "dict": self.keyed,
            "items": self.paired,
            "float": lambda text, _: _special(text),
        }

    def object(self, form: Any, depth: int) -> Any:
        """What a form stands for."""
        if depth > DEEPEST:
            raise CheckpointError(f"the tree is nested more than {DEEPEST} deep")
        if isinstance(form, list):
            return self.listed(form, depth)
        if not isinstance(form, dict):
            return form
        if len(form) != 1 or not form.keys() <= self.tags.keys():
            raise CheckpointError(
                f"the tree has an object with the keys {sorted(form)[:3]}, expected one key of "
                f"{', '.join(self.tags)}"
            )
        [(tag, content)] = form.items()
        return self.tags[tag](content, depth)

    def listed(self, parts: Any, depth: int) -> list:
        _expect(isinstance(parts, list), "a list", parts)
        return [self.object(part, depth + 1) for part in parts]

    def keyed(self, parts: Any, depth: int) -> dict:
        _expect(isinstance(parts, dict), "a dict", parts)
        return {key: self.object(part, depth + 1) for key, part in parts.items()}

    def paired(self, pairs: Any, depth: int) -> dict:
        _expect(isinstance(pairs, list), "a list of keys and values", pairs)
        found = {}
        for pair in pairs:
            _expect(isinstance(pair, list) and len(pair) == 2, "a key and a value", pair)
            key, part = pair
            _expect(type(key) in (str, int) and key not in found, "a new key, str or int", key)
            found[key] = self.object(part, depth + 1)
        return found

    def tensor(self, name: Any) -> Tensor:
        x = self.array(name)
        t = self.met[name]
        if t is None:
            t = self.met[name] = make(move(x, self.where))
        return t

    def array(self, name: Any) -> np.ndarray:
        _expect(isinstance(name, str) and name in self.arrays, "the name of a tensor", name)
        self.met.setdefault(name, None)
        return self.arrays[name]


def _special(text: Any) -> float:
    _expect(text in ("nan", "inf", "-inf"), "nan, inf or -inf", text)
    return float(text)


def _expect(holds: bool, what: str, met: Any) -> None:
    if not holds:
        raise CheckpointError(f"the tree has {repr(met)[:50]} in the place of {what}")
