"""Switches around a block of code: record or not, and watch for the first NaN.

They hold for this thread (or asyncio task) alone, nest, and are put back whatever happens inside.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextvars import Token
from typing import Any

import numpy as np

from minitorch.array import first_true, has_values
from minitorch.dtypes import FLOATING
from minitorch.tape import (
    RECORDING,
    SILENT,
    Mode,
    Node,
    current_mode,
    restore_mode,
    set_mode,
    users_line,
)
from minitorch.tensor import raw


class Switch:
    """A context manager, and a decorator, that replaces the mode inside its block."""

    def __init__(self) -> None:
        self._tokens: list[Token] = []

    def _mode(self, was: Mode) -> Mode:
        raise TypeError(f"{type(self).__name__} switches nothing")

    def __enter__(self) -> Any:
        self._tokens.append(set_mode(self._mode(current_mode())))
        return self

    def __exit__(self, *exc: object) -> None:
        restore_mode(self._tokens.pop())

    def __call__(self, function: Callable) -> Callable:
        if not callable(function):
            raise TypeError(
                f"{type(self).__name__}: expected a function to decorate, or a block, got "
                f"{function!r}"
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{type(self).__name__}: cannot decorate the generator {function.__name__!r}: the "
                "switch would stay on between its yields; use a with block inside it"
            )

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with type(self)(*self._arguments()):
                return function(*args, **kwargs)

        return switched

    def _arguments(self) -> tuple:
        return ()


class _Recording(Switch):
    """Sets whether ops are recorded."""

    recording: bool

    def __new__(cls, function: Callable | None = None) -> Any:
        # `@no_grad` without parentheses gives the decorated function itself
        return object.__new__(cls) if function is None else cls()(function)

    def _mode(self, was: Mode) -> Mode:
        if was is RECORDING or was is SILENT:  # nothing else is switched on, as nearly always
            return RECORDING if self.recording else SILENT
        return Mode(self.recording, was.watchers, was.casts)


class no_grad(_Recording):  # noqa: N801 - torch's name
    """Inside, nothing is recorded: for inference, and for updating parameters in place.

    Also a decorator, of functions but not of generators.

    >>> import minitorch
    >>> w = minitorch.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    recording = False


class enable_grad(_Recording):  # noqa: N801 - torch's name
    """Inside, ops are recorded again, also within `no_grad`."""

    recording = True


class inference_mode(Switch):  # noqa: N801 - torch's name
    """`no_grad` under torch's other name; `inference_mode(False)` changes nothing."""

    def __new__(cls, mode: bool | Callable = True) -> Any:
        # `@inference_mode` without parentheses gives the decorated function itself
        return object.__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True):
        super().__init__()
        self.mode = mode

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording and not self.mode, was.watchers, was.casts)

    def _arguments(self) -> tuple:
        return (self.mode,)


class _AtOnce(Switch):
    """Switches when it is made, not when a block begins; the end of a block puts it back."""

    def __init__(self, mode: bool):
        super().__init__()
        self.mode = bool(mode)
        self._tokens.append(set_mode(self._mode(current_mode())))

    def __enter__(self) -> Any:
        return self

    def __call__(self, function: Callable) -> Callable:
        restore_mode(self._tokens.pop())  # as a decorator it must not switch anything yet
        return super().__call__(function)

    def _arguments(self) -> tuple:
        return (self.mode,)


class set_grad_enabled(_AtOnce):  # noqa: N801 - torch's name
    """Switches recording on or off at once; as a context manager, until the end of the block."""

    def _mode(self, was: Mode) -> Mode:
        return Mode(self.mode, was.watchers, was.casts)


def is_grad_enabled() -> bool:
    """True when ops on tensors that require grad are recorded now."""
    return current_mode().recording


# detect_anomaly -------------------------------------------------------------------------------


class detect_anomaly(Switch):  # noqa: N801 - torch's name
    """Inside, the first NaN raises where it is born: in the forward, or in the backward.

    Every node remembers the line of the program that made it. A recorded op that makes NaN of
    inputs without NaN raises at once; so does a rule in `backward`, with the forward line. What was
    saved is checked for writes that went around the tape (through `.numpy()` or `.data`).

    Raises (inside the block):
        FloatingPointError: names the op, the line, and the first element that is NaN.
    """

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, _watch), was.casts)


class set_detect_anomaly(_AtOnce):  # noqa: N801 - torch's name
    """`detect_anomaly` on or off at once; as a context manager, until the end of the block.

    >>> import minitorch
    >>> with set_detect_anomaly(True):
    ...     minitorch.is_anomaly_enabled()
    True
    """

    def _mode(self, was: Mode) -> Mode:
        others = tuple(watch for watch in was.watchers if watch is not _watch)
        return Mode(was.recording, (*others, _watch) if self.mode else others, was.casts)


def is_anomaly_enabled() -> bool:
    """True when NaNs are looked for now."""
    return _watch in current_mode().watchers


def _watch(node: Node, values: Sequence[Any], options: dict[str, Any], y: Any) -> None:
    """Looks at a new node: where was it made, and is a NaN born in it?"""
    node.where = users_line()
    node.inspection = _Inspection(node)
    for part in y if isinstance(y, tuple) else (y,):
        if _has_nan(part) and not any(_has_nan(v) for v in values):
            raise FloatingPointError(
                f"{node.name}: NaN at {_first_nan(part)} of the output, from inputs without NaN; "
                f"computed at {node.where}"
            )


class _Inspection:
    """What is checked around the rules of one node in the backward sweep."""

    def __init__(self, node: Node):
        self.prints = [_fingerprint(v) for v in node.saved]

    def before(self, node: Node) -> None:
        """Raises when what the node saved was written around the tape."""
        for name, value, was in zip(node.plan.names, node.saved, self.prints):
            if _fingerprint(value) != was:
                raise RuntimeError(
                    f"{node.name}: its saved {name!r} of shape {value.shape}, recorded at "
                    f"{node.where}, was changed through .numpy() or another alias; write to a copy"
                )

    def after(self, node: Node, g: Any, grads: Sequence[Any]) -> None:
        """Raises when the rules have made the first NaN of this backward."""
        came_in = (*(g if type(g) is tuple else (g,)), *node.saved)
        if any(_has_nan(value) for value in came_in):
            return
        for index, grad in zip(node.plan.wanted, grads):
            if _has_nan(grad):
                raise FloatingPointError(
                    f"{node.name}: backward makes NaN at {_first_nan(grad)} of the gradient of "
                    f"input {index}; the op was computed at {node.where}. If a where() masks that "
                    "element later, mask it before as well, f(where(ok, x, safe)): 0 * inf is NaN"
                )


def _has_nan(x: Any) -> bool:
    x = raw(x)
    floating = hasattr(x, "dtype") and x.dtype.kind in FLOATING and has_values(x)
    return bool(floating and np.isnan(x).any())


def _first_nan(x: Any) -> tuple[int, ...]:
    return first_true(np.isnan(raw(x)))


def _fingerprint(x: Any) -> Any:
    """Changes when the values of a saved array change; None for what holds no values."""
    if not (hasattr(x, "dtype") and hasattr(x, "sum") and has_values(x)):
        return None
    return hash(x.tobytes())
