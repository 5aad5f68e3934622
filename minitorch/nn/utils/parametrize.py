"""Parametrizations: a weight that is a function of what is trained, and keeps its property.

    class Symmetric(nn.Module):
        def forward(self, X):
            return X.triu() + X.triu(1).T

    layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())

From then on `layer.weight` is Symmetric()(X), computed each time that it is read, and X, under the
name `layer.parametrizations.weight.original`, is what an optimizer moves. So the weight is
symmetric after every step, whatever the step was. Several in a row are applied one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from minitorch.modes import no_grad
from minitorch.nn.containers import ModuleDict, ModuleList
from minitorch.nn.module import Module
from minitorch.nn.parameter import Parameter
from minitorch.nn.utils.computed import (
    Computed,
    compute,
    compute_no_more,
    kind_of,
    own_parameter,
)
from minitorch.tensor import ShapeError, Tensor

M = TypeVar("M")

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]


class ParametrizationList(ModuleList):
    """What is applied to one parameter, one after the other; called, it gives the weight.

    The first of them may have a `right_inverse`, which gives for a weight what it is made of: one
    tensor, `original`, or several, `original0`, `original1` and so on, which `forward` then takes.

    Attributes:
        original: what is trained, a Parameter.
        unsafe: may the weight have another shape or dtype than the parameter had?
    """

    def __init__(self, modules: Sequence[Module], original: Parameter, unsafe: bool = False):
        self.unsafe = unsafe
        trained = original.requires_grad
        with no_grad():
            made_of = _inverted(modules, original.detach())
            if isinstance(made_of, Tensor):
                self._names: tuple[str, ...] = ("original",)
                self.original = Parameter(made_of.clone(), trained)
            else:
                self._names = tuple(f"original{i}" for i in range(len(made_of)))
                for name, part in zip(self._names, made_of):
                    setattr(self, name, Parameter(part.clone(), trained))
        super().__init__(list(modules))
        if not unsafe:
            with no_grad():
                _check_same("register_parametrization", self(), original)
        if self._names == ("original",) and self.original.shape == original.shape:
            with no_grad():
                original.copy_(self.original)
            self.original = original  # which an optimizer may hold already

    def forward(self) -> Tensor:
        """The weight."""
        first, *others = self
        x = first(*(getattr(self, name) for name in self._names))
        for module in others:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Sets what is trained so that the weight is `value`, as far as the inverses know how."""
        if not isinstance(value, Tensor):
            raise TypeError(
                f"a parametrized weight is set to a Tensor, got {type(value).__name__}; "
                "remove_parametrizations makes it a parameter again"
            )
        with no_grad():
            made_of = _inverted(list(self), value)
            parts = [made_of] if isinstance(made_of, Tensor) else list(made_of)
            for name, part in zip(self._names, parts, strict=True):
                getattr(self, name).copy_(part)


def _inverted(modules: Sequence[Module], value: Tensor) -> Any:
    """What the weight is made of, by the inverses that there are."""
    found: Any = value
    for module in reversed(modules):
        if hasattr(type(module), "right_inverse"):
            with suppress(NotImplementedError):  # says that there is none
                found = module.right_inverse(found)
    return found


def _check_same(who: str, found: Any, expected: Tensor) -> None:
    """Raises where a weight is no longer what the layer expects."""
    fix = "; pass unsafe=True if the layer can do with it"
    if not isinstance(found, Tensor):
        raise TypeError(
            f"{who}: the parametrization must give a Tensor, got {type(found).__name__}"
        )
    if found.shape != expected.shape:
        raise ShapeError(f"{who}: it makes {tuple(expected.shape)} {tuple(found.shape)}{fix}")
    if found.dtype != expected.dtype:
        raise ValueError(f"{who}: it makes {expected.dtype} {found.dtype}{fix}")


# on and off -----------------------------------------------------------------------------------


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Makes a parameter of the module a function of what is trained in its place.

    Args:
        module: a layer, whose sizes are known.
        tensor_name: of the parameter. `parametrizations.<name>.original` takes its place in
            `parameters()` and `state_dict()`, and `reset_parameters` leaves it alone.
        parametrization: called with the original, it gives the weight. With a `right_inverse`, the
            original starts from right_inverse(weight), else from the weight itself.
        unsafe: accept a weight of another shape or dtype than the parameter had.

    Returns:
        The module.

    Raises:
        TypeError: the parametrization is no Module, or gives no Tensor.
        AttributeError: the module has no such parameter.
        RuntimeError: it is computed already, and not by a parametrization.
        ShapeError: the weight would have another shape; nothing is changed.
        ValueError: it would have another dtype.

    >>> import minitorch
    >>> from minitorch import nn
    >>> class Positive(nn.Module):
    ...     def forward(self, X):
    ...         return X.exp()
    >>> layer = register_parametrization(nn.Linear(2, 3), "weight", Positive())
    >>> bool((layer.weight > 0).all())
    True
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original']
    """
    owner: Any = module
    if not isinstance(parametrization, Module):
        raise TypeError(
            "register_parametrization: the parametrization must be a Module, got "
            f"{type(parametrization).__name__}; write a class with a forward"
        )
    parametrization.train(owner.training)
    if is_parametrized(module, tensor_name):
        held = owner.parametrizations[tensor_name]
        if not unsafe:
            with no_grad():
                now = held()
                _check_same("register_parametrization", parametrization(now), now)
        held.append(parametrization)
        held.unsafe |= unsafe
        return module
    w = own_parameter("register_parametrization", module, tensor_name)
    held = ParametrizationList([parametrization], w, unsafe)
    held.train(owner.training)
    compute(module, Computed(tensor_name, _value, (), _set, "Parametrized"))
    if "parametrizations" not in vars(module):
        owner.parametrizations = ModuleDict()
    owner.parametrizations[tensor_name] = held
    return module


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Makes the weight a parameter again.

    Args:
        module: whose weight it is.
        tensor_name: of the weight.
        leave_parametrized: the parameter is the weight of now; False takes the original back,
            where there is just one.

    Raises:
        ValueError: the weight is not parametrized, or is made of several originals.
    """
    owner: Any = module
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not "
            "parametrized"
        )
    held = owner.parametrizations[tensor_name]
    originals = [getattr(held, name) for name in held._names]
    single = originals[0] if held._names == ("original",) else None
    if not leave_parametrized and single is None:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} is made of {', '.join(held._names)}, so "
            "there is no one tensor to go back to; leave_parametrized must be True"
        )
    parameter = single
    if leave_parametrized:
        with no_grad():
            w = getattr(module, tensor_name)
            if single is not None and single.shape == w.shape and single.dtype == w.dtype:
                single.copy_(w)
            else:
                parameter = Parameter(w, any(p.requires_grad for p in originals))
    del owner.parametrizations[tensor_name]
    if not len(owner.parametrizations):
        del owner.parametrizations
    compute_no_more(module, tensor_name)
    setattr(module, tensor_name, parameter)
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Is this weight of the module parametrized; or, without a name, any of them?"""
    names = [way.name for way in kind_of(module)[1] if way.get is _value]
    return tensor_name in names if tensor_name is not None else bool(names)


def type_before_parametrizations(module: Any) -> type:
    """The class that the module had at first."""
    return kind_of(module)[0]


# reading and writing --------------------------------------------------------------------------

_kept: ContextVar[dict[tuple[int, str], tuple[Any, Tensor]] | None] = ContextVar(
    "_kept", default=None
)


@contextmanager
def cached() -> Iterator[None]:
    """Within it every weight is computed once: for a recurrent cell, which reads it at each step.

    >>> from minitorch import nn
    >>> cell = nn.utils.parametrizations.weight_norm(nn.GRUCell(2, 3), "weight_hh")
    >>> with cached():
    ...     cell.weight_hh is cell.weight_hh
    True
    """
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def _value(module: Any, name: str) -> Tensor:
    kept = _kept.get()
    if kept is None:
        return module.parametrizations[name]()
    key = id(module), name
    if key not in kept:
        kept[key] = module, module.parametrizations[name]()  # the module, so that its id stays its
    return kept[key][1]


def _set(module: Any, name: str, value: Tensor) -> None:
    module.parametrizations[name].right_inverse(value)
    kept = _kept.get()
    if kept is not None:
        kept.pop((id(module), name), None)
