"""Hooks: functions of the user's that an optimizer calls around its steps, saving and loading.

handle = optimizer.register_step_post_hook(lambda *given: averaged.update_parameters(model))
...
handle.remove()
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.backward import Handle


class Hooked:
    """The part of an optimizer that knows its hooks."""

    _hooks: dict[str, list[Callable]] | None = None  # by the kind; most optimizers have none

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Calls `hook(optimizer, args, kwargs)` before every step, with what `step` was given.

        The first of the args is the optimizer. What the hook returns, if anything, is (args,
        kwargs) to go on with.
        """
        return self._hook("step_pre", hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Calls `hook(optimizer, args, kwargs)` after every step that raised no error."""
        return self._hook("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(optimizer)` before `state_dict`; with `prepend`, before other hooks."""
        return self._hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(optimizer, state_dict)` after it.

        What it returns, if anything, is the state to go on with.
        """
        return self._hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(optimizer, state_dict)` before `load_state_dict`, on a copy of the dict.

        What it returns, if anything, is the state to go on with.
        """
        return self._hook("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(optimizer)` when a state has been taken over."""
        return self._hook("load_post", hook, prepend)

    def _hook(self, kind: str, hook: Callable, prepend: bool = False) -> Handle:
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}: a hook is a function, got {hook!r}")
        self._hooks = {} if self._hooks is None else self._hooks
        hooks = self._hooks.setdefault(kind, [])
        # a partial is equal to itself alone: a function may stand here twice, and one of them go
        handle = Handle(hooks, functools.partial(hook))
        if prepend:
            hooks.insert(0, hooks.pop())
        return handle

    def _hooks_of(self, kind: str) -> Sequence[Callable]:
        return () if self._hooks is None else tuple(self._hooks.get(kind, ()))

    def _passed(self, kind: str, state: Any) -> Any:
        """A state after every hook of a kind, which may return another."""
        for hook in self._hooks_of(kind):
            replaced = hook(self, state)
            state = state if replaced is None else replaced
        return state


def hooked(step: Callable) -> Callable:
    """A class's `step`, with the hooks of the optimizer around it.

    A `step` that calls the one of a class above has them around itself only.
    """

    @functools.wraps(step)
    def run(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        if self._hooks is None or getattr(type(self).step, "__wrapped__", None) is not run:
            return step(*args, **kwargs)
        for hook in self._hooks_of("step_pre"):
            replaced = hook(self, args, kwargs)
            args, kwargs = (args, kwargs) if replaced is None else _both(self, replaced)
        result = step(*args, **kwargs)
        for hook in self._hooks_of("step_post"):
            hook(self, args, kwargs)
        return result

    return run


def _both(optimizer: Any, replaced: Any) -> tuple[tuple, dict]:
    """What a hook before a step returned: (args, kwargs)."""
    if isinstance(replaced, tuple) and list(map(type, replaced)) == [tuple, dict]:
        return replaced
    raise RuntimeError(
        f"{type(optimizer).__name__}: a step pre-hook returned {replaced!r:.80}, expected None or "
        "(args, kwargs)"
    )
