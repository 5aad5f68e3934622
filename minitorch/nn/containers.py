"""Modules that hold others: one after the other, in a list, or by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import groupby
from typing import Any, Self

from minitorch.nn.members import Members
from minitorch.nn.module import Module
from minitorch.nn.parameter import Parameter


class _Container(Module):
    """Members by name in `_held`, which paths do not mention: the first is `0`, not `_held.0`."""

    _held: dict[str, Any]

    def __len__(self) -> int:
        return len(self._held)

    def __bool__(self) -> bool:
        return True  # an empty module is a module too

    def _checked(self, name: str, item: Any) -> Any:
        """The item as it will be held, or an error that says what is held here."""
        if not isinstance(item, Module):
            raise TypeError(
                f"{type(self).__name__}: {name} must be a Module, got {type(item).__name__}"
            )
        return item

    def _hold(self, items: Iterable[tuple[str, Any]]) -> None:
        """Replaces what is held, all of it or nothing."""
        self._held = {self._name(name): self._checked(name, item) for name, item in items}

    def _add(self, items: Mapping[str, Any]) -> None:
        """Adds members, or replaces those of the same names: all of them or nothing."""
        new = {self._name(name): self._checked(name, item) for name, item in items.items()}
        self._check_held("_held", new)
        self._held.update(new)

    def _name(self, name: Any) -> str:
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: a name is a str, got {name!r}")
        if not name or "." in name:
            raise ValueError(
                f"{type(self).__name__}: {name!r} is no name for a member: a path is made of "
                "names with dots between them"
            )
        return name

    # A module that is set as an attribute is held like the others: `model.head = nn.Linear(10)`.

    def __getattr__(self, name: str) -> Any:
        held = self.__dict__.get("_held", {})
        return held[name] if name in held else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module) and "_held" in self.__dict__:
            self._add({name: value})
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__.get("_held", {}):
            self._hold((n, item) for n, item in self._held.items() if n != name)
        else:
            super().__delattr__(name)

    def register_module(self, name: str, module: Any) -> None:
        """Adds a module under a name, or replaces the one of that name."""
        self._add({name: module})

    add_module = register_module


class _Listed(_Container):
    """A container that is used as a list; members are named by their numbers."""

    def __init__(self, items: Iterable[Any] = ()):
        self._hold_list(list(items))

    def _hold_list(self, items: list[Any]) -> None:
        self._hold((str(i), item) for i, item in enumerate(items))

    def _part(self, items: Mapping[str, Any]) -> Self:
        """A container of the same kind with some of the members."""
        return type(self)(items.values())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._part(dict(list(self._held.items())[index]))
        return list(self)[self._place(index)]

    def __setitem__(self, index: int, item: Any) -> None:
        self._add({list(self._held)[self._place(index)]: item})

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        del items[index if isinstance(index, slice) else self._place(index)]
        self._hold_list(items)

    def _place(self, index: Any) -> int:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"{type(self).__name__}: an index is an int or a slice, got {index!r}")
        place = int(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"{type(self).__name__}: index {place}, but it holds {len(self)}")
        return place % len(self)

    def append(self, item: Any) -> Self:
        """Adds an item at the end; returns the container."""
        return self.extend([item])

    def extend(self, items: Iterable[Any]) -> Self:
        """Adds items at the end; returns the container."""
        items = list(items)
        new = {str(i): item for i, item in enumerate(items, len(self))}
        if new.keys() & self._held.keys():  # one of these numbers is the name of another
            self._hold_list([*self, *items])
        else:
            self._add(new)
        return self

    def insert(self, index: int, item: Any) -> Self:
        """Adds an item before the one at `index`; returns the container."""
        items = list(self)
        items.insert(index, item)
        self._hold_list(items)
        return self

    def pop(self, index: int = -1) -> Any:
        """Takes an item out and returns it."""
        item = self[index]
        del self[index]
        return item

    def __add__(self, other: Iterable[Any]) -> Self:
        return self._part({str(i): item for i, item in enumerate([*self, *other])})

    def __iadd__(self, other: Iterable[Any]) -> Self:
        return self.extend(other)


class Sequential(_Listed):
    """y = fₙ(...f₂(f₁(x))): modules, or plain functions, called one after the other.

    They are given one by one, as a list or a generator, or as a dict whose keys name them.

    >>> from minitorch import nn
    >>> model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=20, out_features=256, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *items: Any):
        if len(items) == 1 and isinstance(items[0], Mapping):
            self._hold(items[0].items())
        elif len(items) == 1 and not callable(items[0]) and isinstance(items[0], Iterable):
            self._hold_list(list(items[0]))
        else:
            self._hold_list(list(items))

    def _checked(self, name: str, item: Any) -> Any:
        if isinstance(item, Module):
            return item
        if isinstance(item, type) or not callable(item):
            shown = item.__name__ if isinstance(item, type) else type(item).__name__
            fix = f"; write {shown}()" if isinstance(item, type) else ""
            raise TypeError(f"Sequential: {name} must be a module or a function, got {shown}{fix}")
        return Lambda(item)

    def _part(self, items: Mapping[str, Any]) -> Self:
        numbered = all(name.isdigit() for name in items)
        return type(self)(*items.values()) if numbered else type(self)(dict(items))

    def forward(self, x: Any) -> Any:
        """Calls each with what the one before it returned."""
        for module in self._held.values():
            x = module(x)
        return x

    def repeat(self, n: int) -> Sequential:
        """n copies of this block in a row, each with initial values of its own.

        >>> from minitorch import nn
        >>> len(nn.Sequential(nn.Linear(8, 8), nn.ReLU()).repeat(3))
        3
        """
        if n < 1:
            raise ValueError(f"Sequential.repeat: n must be at least 1, got {n}")
        copies = [deepcopy(self) for _ in range(n)]
        for copy in copies:
            for module in copy.modules():
                if hasattr(type(module), "reset_parameters"):
                    module.reset_parameters()
        return Sequential(*copies)

    def __mul__(self, n: int) -> Self:
        """The same modules n times over, sharing their parameters; `repeat` makes copies."""
        if isinstance(n, bool) or not isinstance(n, int):
            return NotImplemented
        if n < 1:
            raise ValueError(
                f"Sequential: {n} times its modules is no Sequential; expected 1 or more"
            )
        return type(self)(*[*self] * n)

    __rmul__ = __mul__

    def __imul__(self, n: int) -> Self:
        self._hold_list([*(self * n)])
        return self


class Lambda(Module):
    """A function as a module: `Lambda(lambda x: x.reshape(-1, 1, 28, 28))`."""

    def __init__(self, function: Callable):
        if not callable(function):
            raise TypeError(f"Lambda: expected a function, got {type(function).__name__}")
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function."""
        return self.function(*args, **kwargs)

    def extra_repr(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", repr(self.function))


class ModuleList(_Listed):
    """A list of modules; a plain Python list as an attribute does the same.

    >>> from minitorch import nn
    >>> nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def _repr_members(self) -> list[tuple[str, Any]]:
        """The modules, neighbours that look alike as one."""
        members: list[tuple[str, Any]] = []
        for text, run in groupby(self._held.items(), lambda member: repr(member[1])):
            names = [name for name, _ in run]
            many = len(names) > 1
            name = f"{names[0]}-{names[-1]}" if many else names[0]
            members.append((name, _Text(f"{len(names)} x {text}" if many else text)))
        return members


class _OfParameters(_Container):
    """A container of parameters, as a list or as a dict."""

    def _checked(self, name: str, item: Any) -> Any:
        return item if isinstance(item, (Parameter, Members)) else Parameter(item)

    def _repr_members(self) -> list[tuple[str, Any]]:
        return [
            (name, _Text(f"Parameter containing: [{p.dtype} of shape {p.shape}]"))
            for name, p in self._held.items()
        ]


class ParameterList(_OfParameters, _Listed):
    """A list of parameters; Tensors put into it become Parameters."""


class _Text(str):
    """How a member stands in the repr of a list of them: just so, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Named(_Container):
    """A container that is used as a dict."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __getitem__(self, key: str) -> Any:
        return self._held[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self.update({key: item})

    def __delitem__(self, key: str) -> None:
        if key not in self._held:
            raise KeyError(key)
        self._hold((k, m) for k, m in self._held.items() if k != key)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._held.keys()

    def values(self) -> Iterable[Any]:
        """What is held."""
        return self._held.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, item) pairs."""
        return self._held.items()

    def update(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Adds items under their names, or replaces those that are there."""
        self._add(dict(items))

    def pop(self, key: str) -> Any:
        """Takes an item out and returns it."""
        item = self[key]
        del self[key]
        return item

    def clear(self) -> None:
        """Takes all items out."""
        self._hold(())


class ModuleDict(_Named):
    """A dict of modules; a plain Python dict as an attribute does the same.

    >>> from minitorch import nn
    >>> heads = nn.ModuleDict({"small": nn.Linear(8, 2), "large": nn.Linear(8, 100)})
    >>> list(heads), heads["small"].out_features
    (['small', 'large'], 2)
    """

    def __init__(self, modules: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()):
        self._hold(dict(modules).items())


class ParameterDict(_OfParameters, _Named):
    """A dict of parameters; Tensors put into it become Parameters.

    >>> import minitorch
    >>> from minitorch import nn
    >>> scales = nn.ParameterDict({"left": minitorch.ones(3), "right": minitorch.ones(2)})
    >>> [(name, p.shape) for name, p in scales.named_parameters()]
    [('left', (3,)), ('right', (2,))]
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None):
        self._hold(dict(parameters or {}).items())

    @classmethod
    def fromkeys(cls, keys: Iterable[str], default: Any) -> Self:
        """One parameter (a Tensor becomes one) under each of the names."""
        given = default if isinstance(default, Parameter) else Parameter(default)
        return cls(dict.fromkeys(keys, given))

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, or the default."""
        return self._held.get(key, default)

    def setdefault(self, key: str, default: Any) -> Any:
        """The parameter of that name; where there is none, the default is put there first."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Takes out the last (name, parameter)."""
        if not self._held:
            raise KeyError("popitem: this ParameterDict is empty")
        key = next(reversed(self._held))
        return key, self.pop(key)

    def copy(self) -> Self:
        """Another ParameterDict of the same parameters."""
        return type(self)(self._held)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._held)

    def __or__(self, other: Mapping[str, Any]) -> Self:
        both = self.copy()
        both.update(other.items())
        return both

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other.items())
        return self
