"""Hooks: functions of the user's that see what goes through a module, without editing it.

    handle = module.register_forward_hook(lambda module, args, output: print(output.shape))
    ...
    handle.remove()

or, as a context manager, `with module.register_forward_hook(hook): ...`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.autograd.function import Function
from minitorch.backward import Handle
from minitorch.nn.members import Members
from minitorch.tensor import ShapeError, Tensor
from minitorch.tree import leaves, rebuild

_KINDS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class ModuleHandle(Handle):
    """The handle of a hook of a module."""

    def __init__(self, module: Hooked, kind: str, hook: Callable, prepend: bool):
        super().__init__(module.__dict__.setdefault(kind, []), hook)
        if prepend:
            self.hooks.insert(0, self.hooks.pop())
        module.__dict__["_plain"] = False


class Hooked(Members):
    """The part of a Module that calls hooks before and after forward, and in backward."""

    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Calls `hook(module, args)` before every forward.

        What it returns, if anything, are the positional arguments to go on with: a tuple, or the
        only one.

        Args:
            hook: with `with_kwargs`, `hook(module, args, kwargs)`, which returns both or None.
            prepend: call it before the hooks that are there, not after.
            with_kwargs: hand it the keyword arguments as well.
        """

        def run(module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            replaced = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if replaced is None:
                return args, kwargs
            if with_kwargs:
                return _both(module, replaced)
            return _as_tuple(replaced), kwargs

        return self._hook("_forward_pre_hooks", hook, prepend, run)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
        replaces: bool = False,
    ) -> Handle:
        """Calls `hook(module, args, output)` after every forward.

        What it returns, if anything, is the output to go on with.

        Args:
            hook: with `with_kwargs`, `hook(module, args, kwargs, output)`.
            prepend: call it before the hooks that are there, not after.
            with_kwargs: hand it the keyword arguments as well.
            always_call: call it also when forward, or another hook, raises an error: with what
                there is of an output, None before forward has given any. What it raises itself
                is then a warning.
            replaces: the hook may return an output of another shape, which is an error otherwise.
        """

        def run(module: Any, args: tuple, kwargs: dict, output: Any) -> Any:
            given = (module, args, kwargs, output) if with_kwargs else (module, args, output)
            replaced = hook(*given)
            if replaced is not None and not replaces:
                _check_same_shape(module, output, replaced)
            return replaced

        run.always = always_call  # type: ignore[attr-defined]
        return self._hook("_forward_hooks", hook, prepend, run)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(module, grad_output)` in every backward, before that of the module.

        `grad_output` is a tuple with dL/dy for each Tensor in the output (None for one that is not
        on the tape); what the hook returns, if anything, is the tuple to go on with.
        """
        run = lambda module, grads: hook(module, grads)  # a hook may itself be a module
        return self._hook("_backward_pre_hooks", hook, prepend, run)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Calls `hook(module, grad_input, grad_output)` at the end of the module's backward.

        `grad_input` is a tuple with dL/dx for each positional Tensor argument, None for one that
        does not require grad; what the hook returns, if anything, is the tuple to go on with.
        """
        run = lambda module, grads, grad_output: hook(module, grads, grad_output)
        return self._hook("_backward_hooks", hook, prepend, run)

    def _hook(self, kind: str, hook: Callable, prepend: bool, run: Callable) -> Handle:
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}: a hook is a function, got {hook!r}")
        return ModuleHandle(self, kind, run, prepend)

    @property
    def has_hooks(self) -> bool:
        """Is any hook registered on this module itself?"""
        return any(self.__dict__.get(kind) for kind in _KINDS)

    def _run_hooked(self, args: tuple, kwargs: dict) -> Any:
        """`forward`, with all hooks around it."""
        hooks = self.__dict__
        waiting: list | None = None
        output = None
        try:
            for pre in tuple(hooks.get("_forward_pre_hooks", ())):
                args, kwargs = pre(self, args, kwargs)
            backward = _Backward(self) if any(hooks.get(kind) for kind in _KINDS[2:]) else None
            watched = args if backward is None else backward.watch_input(args)
            output = self.forward(*watched, **kwargs)
            waiting = list(hooks.get("_forward_hooks", ()))  # a hook before may have added some
            while waiting:
                replaced = waiting.pop(0)(self, args, kwargs, output)
                output = output if replaced is None else replaced
        except Exception:
            for post in tuple(hooks.get("_forward_hooks", ())) if waiting is None else waiting:
                if post.always:
                    _call_all_the_same(post, self, args, kwargs, output)
            raise
        return output if backward is None else backward.watch_output(output)


def _call_all_the_same(post: Callable, module: Any, *given: Any) -> None:
    """Calls a hook while an error is on its way, which an error of the hook's would hide."""
    try:
        post(module, *given)
    except Exception as error:
        warnings.warn(
            f"{type(module).__name__}: a forward hook with always_call=True raised "
            f"{type(error).__name__}: {error}",
            stacklevel=2,
        )


def _as_tuple(args: Any) -> tuple:
    return args if isinstance(args, tuple) else (args,)


def _both(module: Any, replaced: Any) -> tuple[tuple, dict]:
    """What a pre-hook with `with_kwargs` returned: (args, kwargs)."""
    if isinstance(replaced, tuple) and len(replaced) == 2 and isinstance(replaced[1], dict):
        return _as_tuple(replaced[0]), replaced[1]
    raise TypeError(
        f"{type(module).__name__}: a forward pre-hook with with_kwargs=True returned a "
        f"{type(replaced).__name__}, expected None or (args, kwargs)"
    )


def _check_same_shape(module: Any, output: Any, replaced: Any) -> None:
    old, new = ([getattr(leaf, "shape", None) for leaf in leaves(y)] for y in (output, replaced))
    if old != new:
        show = lambda shapes: ", ".join(map(str, shapes))
        raise ShapeError(
            f"{type(module).__name__}: a forward hook returned {show(new)} in place of {show(old)};"
            " register it with replaces=True if that is meant"
        )


class _Backward:
    """The backward hooks of one call: they hear of dL/dy, then of dL/dx, once each."""

    def __init__(self, module: Any):
        self.module = module
        self.grad_output: tuple = ()
        self.on_input = False  # is an input on the tape? Else dL/dy is the last that is heard of

    def watch_input(self, args: tuple) -> tuple:
        """The same arguments, with a mark on the tape where their gradients come out."""
        found = leaves(args)
        xs = [x for x in found if isinstance(x, Tensor)]
        self.on_input, self.inputs = any(x.requires_grad for x in xs), len(xs)
        if not self.on_input:
            return args
        marked = iter(_Mark.apply(self._after, *xs))
        return rebuild(args, [next(marked) if isinstance(x, Tensor) else x for x in found])

    def watch_output(self, output: Any) -> Any:
        """The same output, with a mark on the tape where its gradient comes in."""
        found = leaves(output)
        ys = [y for y in found if isinstance(y, Tensor)]
        if not any(y.requires_grad for y in ys):
            return output
        marked = iter(_Mark.apply(self._before, *ys))
        return rebuild(output, [next(marked) if isinstance(y, Tensor) else y for y in found])

    def _before(self, grads: tuple) -> tuple:
        for hook in tuple(self.module.__dict__.get("_backward_pre_hooks", ())):
            grads = _replaced(self.module, grads, hook(self.module, grads))
        self.grad_output = grads
        if not self.on_input:
            self._after((None,) * self.inputs)
        return grads

    def _after(self, grads: tuple) -> tuple:
        for hook in tuple(self.module.__dict__.get("_backward_hooks", ())):
            grads = _replaced(self.module, grads, hook(self.module, grads, self.grad_output))
        return grads


def _replaced(module: Any, grads: Sequence, returned: Any) -> tuple:
    """The gradients to go on with after a hook."""
    if returned is None:
        return tuple(grads)
    returned = _as_tuple(returned)
    if len(returned) != len(grads):
        raise ValueError(
            f"{type(module).__name__}: a backward hook returned {len(returned)} gradients, "
            f"expected {len(grads)}"
        )
    for i, (old, new) in enumerate(zip(grads, returned)):
        if new is None and old is not None:
            raise ValueError(
                f"{type(module).__name__}: a backward hook returned None for gradient {i}, which "
                "somebody waits for; return zeros, or None in place of the whole tuple to change "
                "nothing"
            )
    return returned


class _Mark(Function):
    """y = x for all x together; in backward, `heard` is called once with all their gradients."""

    @staticmethod
    def forward(ctx: Any, heard: Callable, *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.heard, ctx.given = heard, tuple(x.requires_grad for x in xs)
        return tuple(x.view(x.shape) for x in xs)

    @staticmethod
    def backward(ctx: Any, *gs: Tensor) -> tuple:
        grads = tuple(g if needed else None for g, needed in zip(gs, ctx.given))
        return (None, *ctx.heard(grads))
