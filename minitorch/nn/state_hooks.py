"""Functions of the user's that hear of a state when it is taken from a module, or given back.

    def renamed(module, state, prefix, *_):
        state[prefix + "weight"] = state.pop(prefix + "w")

    layer.register_load_state_dict_pre_hook(renamed)  # of old files

Each is called with the module it was registered on, also where that is a part of the model whose
state it is; `prefix` is then its path, with a dot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minitorch.backward import Handle
from minitorch.nn.hooks import Hooked


class StateHooked(Hooked):
    """The part of a Module that calls hooks around `state_dict` and `load_state_dict`."""

    def register_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Calls `hook(module, prefix, keep_vars)` before a state is taken."""
        run = lambda *args: hook(*args)  # a hook may itself be a module
        return self._hook("_state_dict_pre_hooks", hook, False, run)

    def register_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Calls `hook(module, state_dict, prefix, local_metadata)` on the state that was taken.

        It may change the dict, and returns nothing; `local_metadata` is an empty dict.
        """

        def run(*args: Any) -> None:
            if hook(*args) is not None:
                raise RuntimeError(
                    f"state_dict: a hook of {type(self).__name__} returned something; it changes "
                    "the dict that it is given, and returns None"
                )

        return self._hook("_state_dict_post_hooks", hook, False, run)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Calls a hook on a copy of the dict that is to be loaded, which it may change.

        It is `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`. What it adds to the lists is told with all that does not fit.
        """
        run = lambda *args: hook(*args)
        return self._hook("_load_pre_hooks", hook, False, run)

    def register_load_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Calls `hook(module, incompatible_keys)` when a state has been taken in.

        A load that fails changes nothing and calls none; so with `strict` the keys are empty.
        """
        run = lambda *args: hook(*args)
        return self._hook("_load_post_hooks", hook, False, run)

    def _state_hooks(self, kind: str, prefix: str = "") -> Iterator[tuple[Any, str, Callable]]:
        """(module, prefix, hook) for this module and those below it, from the top."""
        for path, module in self.named_modules():
            for hook in tuple(module.__dict__.get(kind, ())):
                yield module, f"{prefix}{path}." if path else prefix, hook
