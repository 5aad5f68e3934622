"""What a module holds is found by walking its attributes: nothing is registered behind the scenes.

The walk goes through attributes, and through the lists, tuples, deques and dicts in them, in the
order in which they were set. A name is the path of that walk: the weight of the third module in
`self.layers` is `layers.2.weight`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from types import MemberDescriptorType
from typing import Any

from minitorch.nn.parameter import Buffer, Parameter, UninitializedParameter
from minitorch.tensor import Tensor, make


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
        elif isinstance(value, Buffer):
            self._buffers[name], value = value.persistent, make(value.array)
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
                for inner, module in held.named_modules(prefix=path):
                    if module is self:
                        raise ValueError(
                            f"{type(self).__name__}.{name}: a module cannot hold itself, and this "
                            f"one would, as {inner}; keep the reference where no module is looked "
                            "for, for example in a function"
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
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(path, module) for this module and all below it, from the top.

        Args:
            memo: the ids of modules that were given already, which it adds to.
            prefix: put before every path.
            remove_duplicate: give a module that is held twice only once.
        """
        seen = set() if memo is None else memo
        if id(self) in seen:
            return
        if remove_duplicate:
            seen.add(id(self))
        yield prefix, self
        for name, member in self._members():
            if isinstance(member, Members):
                yield from member.named_modules(seen, joined(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Any]:
        """This module and all below it, each once unless `remove_duplicate` is False."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
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
                path = joined(prefix, name)
                if wanted(module, name, member):
                    seen.add(id(member))
                    yield path, member
                elif isinstance(member, Members) and recurse:
                    seen.add(id(member))
                    yield from walk(member, path)

        yield from walk(self, prefix)

    def get_submodule(self, target: str) -> Any:
        """The module at a path: `model.get_submodule("layers.2")`; "" is the model itself."""
        if target == "":
            return self
        return self._get("module", target, dict(self.named_modules(remove_duplicate=False)))

    def set_submodule(self, target: str, module: Any, strict: bool = False) -> None:
        """Puts a module at a path: `model.set_submodule("layers.2", nn.Identity())`.

        Args:
            target: the path; the module above it must be there.
            module: what is to stand there.
            strict: there must be a module at the path already.

        Raises:
            TypeError: `module` is no Module.
            ValueError: the path, or a name in it, is empty.
            AttributeError, LookupError: there is nothing above that path, or with `strict` at it.
        """
        if not isinstance(module, Members):
            raise TypeError(
                f"set_submodule: {target!r} must be a Module, got {type(module).__name__}"
            )
        if strict:
            self.get_submodule(target)
        *above, name = target.split(".")
        if not all((*above, name)):
            raise ValueError(f"set_submodule: {target!r} is no path, such as 'layers.2'")
        holder: Any = self
        for part in above:
            holder = _held_by(holder, part)
        if isinstance(holder, (list, deque, dict)):
            is_row = not isinstance(holder, dict)
            if is_row and not (name.isdecimal() and int(name) < len(holder)):
                raise IndexError(f"set_submodule: no {target!r}, there are {len(holder)} modules")
            key: Any = int(name) if is_row else name
            holder[key] = module
            self._check_held(above[0], getattr(self, above[0]))
        else:
            setattr(holder, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path."""
        return self._get("parameter", target, dict(self.named_parameters(remove_duplicate=False)))

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path."""
        return self._get("buffer", target, dict(self.named_buffers(remove_duplicate=False)))

    def _get(self, what: str, target: str, held: dict[str, Any]) -> Any:
        if target not in held:
            near = get_close_matches(target, held, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"{type(self).__name__} has no {what} {target!r}{hint}")
        return held[target]


_MEMBERS = (Members, Parameter)
_ROWS = (list, tuple, deque)  # their members are named by their number
_HOLDERS = (*_MEMBERS, *_ROWS, dict, set, frozenset)  # where members are looked for


def _found(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(path, member) for what an attribute holds, in lists, tuples, deques and dicts too.

    Raises:
        TypeError: a set holds a member, which would have no name.
    """
    if isinstance(value, _MEMBERS):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, _HOLDERS):
                yield from _found(joined(name, str(key)), part)
    elif isinstance(value, _ROWS):
        for i, part in enumerate(value):
            if isinstance(part, _HOLDERS):
                yield from _found(joined(name, str(i)), part)
    elif any(isinstance(part, _MEMBERS) for part in value):
        raise TypeError(
            f"{name}: a set has no order, so its modules would have no names; use a list or a dict"
        )


def _is_buffer(module: Members, name: str, member: Any) -> bool:
    return name in module._buffers and not isinstance(member, _MEMBERS)


def _held_by(holder: Any, name: str) -> Any:
    """What a module, a row or a dict holds under a part of a path."""
    if isinstance(holder, dict):
        return holder[name]
    return holder[int(name)] if isinstance(holder, _ROWS) else getattr(holder, name)


def joined(prefix: str, name: str) -> str:
    """The path of what has that name, in the module whose path is `prefix`."""
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
        known = (
            () if missing.startswith("__") else (n for n in dir(module) if not n.startswith("_"))
        )
        near = get_close_matches(missing, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{type(module).__name__} has no attribute {missing!r}{hint}"
