"""Which calls of modules a program is in, so that what it records can be told apart by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One call of a module.

    Attributes:
        path: of the module, `model.layers.0`.
        kind: its class.
        number: which of its calls this is, from 1.
    """

    path: str
    kind: str
    number: int

    def __str__(self) -> str:
        return self.path if self.number == 1 else f"{self.path} ({self.number})"


class Calls:
    """Hooks on modules that hear a call begin and end, in the thread that listens.

    Attributes:
        now: the calls that are going on, the outermost first.
    """

    def __init__(self, modules: Mapping[str, Any]):
        self._parts = [
            (f"{name}.{path}".rstrip("."), part)
            for name, module in modules.items()
            for path, part in module.named_modules()
        ]
        self._handles: list[Any] = []
        self._counts: Counter[str] = Counter()
        self.now: tuple[Call, ...] = ()

    def listen(self) -> None:
        """From now on; until `leave`."""
        self._thread = get_ident()
        for path, part in self._parts:
            begun, ended = partial(self._begun, path), partial(self._ended, path)
            self._handles.append(part.register_forward_pre_hook(begun))
            self._handles.append(part.register_forward_hook(ended, always_call=True))

    def leave(self) -> None:
        """Takes the hooks away."""
        while self._handles:
            self._handles.pop().remove()
        self.now = ()

    def _begun(self, path: str, module: Any, args: tuple) -> None:
        if get_ident() == self._thread:
            self._counts[path] += 1
            self.now += (Call(path, type(module).__name__, self._counts[path]),)

    def _ended(self, path: str, module: Any, args: tuple, output: Any) -> None:
        # One that began before `listen` is not there.
        if get_ident() == self._thread and self.now and self.now[-1].path == path:
            self.now = self.now[:-1]
