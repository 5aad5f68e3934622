"""Attributes that are computed: a weight made of other parameters, each time that it is read.

The module gets a class of its own, like the one it had, in which the attribute is a property. Its
layers need not know: they read `self.weight` as before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from minitorch.nn.parameter import Parameter


class Computed(NamedTuple):
    """How an attribute is computed. Its functions are those of a module, so that it is pickled.

    Attributes:
        name: of the attribute.
        get: (module, name, *options) to the Tensor.
        options: what `get` is called with besides.
        set: (module, name, value) for assignments; None where there are none.
        title: what the name of the class begins with.
    """

    name: str
    get: Callable
    options: tuple = ()
    set: Callable | None = None
    title: str = ""


def own_parameter(who: str, module: Any, name: str) -> Parameter:
    """The parameter that is to be computed from now on.

    Raises:
        RuntimeError: it is computed already.
        AttributeError: the module has none of that name.
    """
    held, (root, ways) = vars(module).get(name), kind_of(module)
    if name in [way.name for way in ways]:
        raise RuntimeError(
            f"{who}: {name!r} of {root.__name__} is computed already; take off what computes it "
            "first"
        )
    if not isinstance(held, Parameter):
        raise AttributeError(
            f"{who}: {root.__name__} has no parameter {name!r}, but "
            f"{[key for key, value in vars(module).items() if isinstance(value, Parameter)]}"
        )
    return held


def compute(module: Any, way: Computed) -> None:
    """Takes the parameter of that name out of the module, and computes it from now on."""
    delattr(module, way.name)
    root, ways = kind_of(module)
    module.__class__ = _class_of(root, (*ways, way))
    _choose_inits(module)


def compute_no_more(module: Any, name: str) -> None:
    """Undoes `compute`; a value can then be set."""
    root, ways = kind_of(module)
    left = tuple(way for way in ways if way.name != name)
    module.__class__ = _class_of(root, left) if left else root
    _choose_inits(module)


def _choose_inits(module: Any) -> None:
    """Has `reset_parameters` draw the parameters, and leave alone what is computed."""
    held = vars(module)
    if "_inits" in held:
        every = held.setdefault("_every_init", held["_inits"])
        computed = [way.name for way in kind_of(module)[1]]
        held["_inits"] = {name: init for name, init in every.items() if name not in computed}


def kind_of(module: Any) -> tuple[type, tuple[Computed, ...]]:
    """The class that the module had at first, and what is computed."""
    ways = vars(type(module)).get("_computed", ())
    return (type(module).__mro__[1] if ways else type(module)), ways


@functools.cache
def _class_of(root: Any, ways: tuple[Computed, ...]) -> type:
    """A subclass that computes these attributes; one for each choice."""

    def computed(way: Computed) -> property:
        def get(self: Any) -> Any:
            return way.get(self, way.name, *way.options)

        def put(self: Any, value: Any) -> None:
            if way.set is None:
                raise AttributeError(
                    f"{type(self).__name__}.{way.name} is computed from other parameters; write "
                    "into those, or take off what computes it first"
                )
            way.set(self, way.name, value)

        return property(get, put)

    def reduce(self: Any, protocol: Any) -> tuple:
        return _empty, (root, ways), *root.__reduce_ex__(self, protocol)[2:]

    body: dict[str, Any] = {way.name: computed(way) for way in ways}
    title = max(way.title for way in ways) + root.__name__
    return type(title, (root,), {**body, "_computed": ways, "__reduce_ex__": reduce})


def _empty(root: type, ways: tuple[Computed, ...]) -> Any:
    """A module without attributes yet, for copies and for pickle."""
    kind: Any = _class_of(root, ways)
    return kind.__new__(kind)
