"""What a module holds is found by walking its attributes: nothing is registered behind the scenes.

The walk goes through attributes, and through the lists, tuples and dicts in them, in the order in
which they were set. A name is the path of that walk: the weight of the third module in
`self.layers` is `layers.2.weight`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from types import MemberDescriptorType
from typing import Any

from minitorch.nn.parameter import Parameter, UninitializedParameter
from minitorch.tensor import Tensor


class Members:
    """The part of a Module that knows what the module holds: parameters, buffers and modules."""

    training: bool
    _buffers: dict[str, bool]  # their names; True for those that are saved with the model
    _held: Any  # what a container holds, whose paths begin with a number or a key: "0.weight"
    _prepared: bool  # was it seen that no size is open?
    _plain: bool  # nothing to do at a call but `forward`: prepared, and without hooks

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # Here and not in __init__, so that a subclass may leave out super().__init__().
        module = super().__new__(cls)
        module.__dict__.update(training=True, _buffers={}, _plain=False, _prepared=False)
        return module

    # attributes --------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        was = self.__dict__.get(name)
        if isinstance(value, _HOLDERS):
            self._check_held(name, value)
        if isinstance(was, Parameter) and not isinstance(value, Parameter) and value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter, and a {type(value).__name__} would "
                "not be trained; wrap it, nn.Parameter(value), or write into it under no_grad: "
                f"{name}.copy_(value)"
            )
        if name in self._buffers and not isinstance(value, (Tensor, type(None))):
            raise TypeError(
                f"{type(self).__name__}.{name} is a buffer: expected a Tensor or None, got "
                f"{type(value).__name__}"
            )
        if isinstance(value, Parameter):
            self._buffers.pop(name, None)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if isinstance(held := getattr(type(self), name, None), property):
            return held.__get__(self)  # it has raised an AttributeError, and will say which
        raise NoAttributeError(self, name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copying and unpickling look for this before there are attributes, where a subclass with a
        # __getattr__ of its own would go on looking for ever.
        self.__dict__.update(state)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._buffers.pop(name, None)

    def _check_held(self, name: str, value: Any) -> None:
        is_slot = isinstance(getattr(type(self), name, None), MemberDescriptorType)
        for path, held in _found(name, value):
            self.__dict__.update(_plain=False, _prepared=False)
            if is_slot:
                raise TypeError(
                    f"{type(self).__name__}.{name}: modules and parameters are not looked for in "
                    f"slots; take {name!r} out of __slots__"
                )
            if isinstance(held, Members):
                for inner, module in held.named_modules(path):
                    if module is self:
                        raise ValueError(
                            f"{type(self).__name__}.{name}: a module cannot hold itself, and this "
                            f"one would, as {inner}; keep the reference where no module is looked "
                            "for, for example in a function"
                        )
        if isinstance(value, (set, frozenset)) and any(isinstance(v, _MEMBERS) for v in value):
            raise TypeError(
                f"{type(self).__name__}.{name}: a set has no order, so its modules would have no "
                "names; use a list or a dict"
            )

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a Tensor that is moved and saved with the module but not trained.

        Args:
            name: of the attribute.
            tensor: the buffer, or None for one that is not there (yet).
            persistent: False leaves it out of `state_dict`.
        """
        _check_name(self, name)
        if not isinstance(tensor, (Tensor, type(None))) or isinstance(tensor, Parameter):
            raise TypeError(
                f"register_buffer: {name!r} must be a Tensor or None, got {type(tensor).__name__}"
            )
        _check_free(self, name, Tensor)
        setattr(self, name, tensor)
        self._buffers[name] = persistent

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under a name, as `self.name = param` does."""
        _check_name(self, name)
        if not isinstance(param, (Parameter, type(None))):
            raise TypeError(
                f"register_parameter: {name!r} must be an nn.Parameter or None, got "
                f"{type(param).__name__}; write nn.Parameter(tensor)"
            )
        _check_free(self, name, Tensor)
        setattr(self, name, param)

    def register_module(self, name: str, module: Any) -> None:
        """Adds a module under a name, as `self.name = module` does."""
        _check_name(self, name)
        if not isinstance(module, (Members, type(None))):
            raise TypeError(
                f"register_module: {name!r} must be a Module or None, got {type(module).__name__}"
            )
        _check_free(self, name, Members)
        setattr(self, name, module)

    add_module = register_module

    def attached(self, name: str, make: Callable[[], Any]) -> Any:
        """The attribute of that name, made by `make` the first time it is asked for.

        It works on a frozen dataclass too, whose fields stay what they are: parameters that come
        with the first call are kept beside them.

        >>> from dataclasses import dataclass
        >>> import minitorch
        >>> from minitorch import nn
        >>> @dataclass(frozen=True)
        ... class Dense(nn.Module):
        ...     out: int
        ...
        ...     def forward(self, x):
        ...         return self.attached("linear", lambda: nn.Linear(self.out))(x)
        >>> layer = Dense(3)
        >>> layer(minitorch.zeros(2, 5)).shape, layer == Dense(3)
        ((2, 3), True)
        """
        if name not in self.__dict__:
            self.__dict__[name] = make()
            self.__dict__.update(_plain=False, _prepared=False)
        return self.__dict__[name]

    # walks -------------------------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Any]]:
        """(name, member) for the modules, parameters and buffers right below, in order."""
        for name, value in tuple(self.__dict__.items()):  # whoever walks may set attributes
            if isinstance(value, _HOLDERS):
                yield from _found("" if name == "_held" else name, value)
            elif name in self._buffers and value is not None:
                yield name, value

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """(name, module) for the modules right below, each once."""
        seen = set()
        for name, member in self._members():
            if isinstance(member, Members) and id(member) not in seen:
                seen.add(id(member))
                yield name, member

    def children(self) -> Iterator[Any]:
        """The modules right below, each once."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True, _seen: set[int] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """(path, module) for this module and all below it, from the top.

        Args:
            prefix: put before every path.
            remove_duplicate: give a module that is held twice only once.
        """
        seen = set() if _seen is None else _seen
        if id(self) in seen:
            return
        if remove_duplicate:
            seen.add(id(self))
        yield prefix, self
        for name, member in self._members():
            if isinstance(member, Members):
                yield from member.named_modules(_join(prefix, name), remove_duplicate, seen)

    def modules(self) -> Iterator[Any]:
        """This module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter), each parameter once, in the order in which they were set.

        A parameter whose size is still open comes as a placeholder, which says so when it is used.

        Args:
            prefix: put before every path.
            recurse: also those of the modules below.
            remove_duplicate: give a parameter that is held twice (tied) only under its first name.
        """
        is_parameter = lambda module, name, member: isinstance(member, Parameter)
        for path, found in self._named(is_parameter, prefix, recurse, remove_duplicate):
            if isinstance(found, UninitializedParameter):
                found.path = path
            yield path, found

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer), each buffer once."""
        yield from self._named(_is_buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named(
        self, wanted: Callable, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        """(path, member) for the members that `wanted(module, name, member)` is true of.

        Members come in the order of their attributes, those of a module where the module stands.
        """
        seen: set[int] = set()

        def walk(module: Members, prefix: str) -> Iterator[tuple[str, Any]]:
            for name, member in module._members():
                if remove_duplicate and id(member) in seen:
                    continue
                path = _join(prefix, name)
                if wanted(module, name, member):
                    seen.add(id(member))
                    yield path, member
                elif isinstance(member, Members) and recurse:
                    seen.add(id(member))
                    yield from walk(member, path)

        yield from walk(self, prefix)

    def get_submodule(self, target: str) -> Any:
        """The module at a path: `model.get_submodule("layers.2")`; "" is the model itself."""
        return self if target == "" else self._get(target, Members, "module")

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path."""
        return self._get(target, Parameter, "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path."""
        return self._get(target, Tensor, "buffer")

    def _get(self, target: str, kind: type, what: str) -> Any:
        every = self._named(
            lambda module, name, member: not isinstance(member, Members), "", True, False
        )
        held = {**dict(self.named_modules(remove_duplicate=False)), **dict(every)}
        found = held.get(target)
        if not isinstance(found, kind):
            near = get_close_matches(target, [n for n, m in held.items() if isinstance(m, kind)], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"{type(self).__name__} has no {what} {target!r}{hint}")
        return found


_MEMBERS = (Members, Parameter)
_HOLDERS = (Members, Parameter, list, tuple, dict, set, frozenset)  # where members are looked for


def _found(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(path, member) for what an attribute holds, in lists, tuples and dicts too."""
    if isinstance(value, _MEMBERS):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, _HOLDERS):
                yield from _found(_join(name, str(key)), part)
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            if isinstance(part, _HOLDERS):
                yield from _found(_join(name, str(i)), part)


def _is_buffer(module: Members, name: str, member: Any) -> bool:
    return name in module._buffers and not isinstance(member, _MEMBERS)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _check_name(module: Members, name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{type(module).__name__}: {name!r} is no name for an attribute")
    if hasattr(type(module), name):
        raise KeyError(f"{type(module).__name__}: {name!r} is the name of a method; choose another")


def _check_free(module: Members, name: str, kind: type) -> None:
    held = module.__dict__.get(name)
    if held is not None and not isinstance(held, kind):
        raise KeyError(
            f"{type(module).__name__}: {name!r} is an attribute already, a {type(held).__name__}; "
            "choose another name"
        )


class NoAttributeError(AttributeError):
    """Says what a module lacks; looks for a name like it only when somebody reads the message."""

    def __init__(self, module: Members, missing: str):
        super().__init__(module, missing)

    def __str__(self) -> str:
        module, missing = self.args
        known = () if missing.startswith("__") else (n for n in dir(module) if n[0] != "_")
        near = get_close_matches(missing, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{type(module).__name__} has no attribute {missing!r}{hint}"
