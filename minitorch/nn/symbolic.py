"""Models drawn as graphs: layers are called on symbols, and the graph between them is the model.

    a = nn.Input((3,))
    b = nn.Input((2, 5))
    h = nn.Linear(4)(a) + nn.Linear(4)(b.flatten(1))
    model = nn.Model([a, b], nn.Linear(2)(h.relu()))

A symbol stands for a Tensor that will come. Modules, operators and Tensor methods take symbols; for
other functions there is `nn.Lambda(function)(a, b)`. Shapes are known at once, so open layers are
built as they are called.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minitorch.array import shape_of
from minitorch.dtypes import as_dtype, get_default_dtype
from minitorch.meta import Meta
from minitorch.modes import no_grad
from minitorch.nn.building import BATCH
from minitorch.tensor import Tensor, make
from minitorch.tree import leaves, map_leaves


class Symbol:
    """A Tensor that is not there yet: its shape, and the call that will make it.

    Attributes:
        value: a Meta Tensor (or containers of them) with the shape and dtype it will have.
        call: the function, its arguments and its keyword arguments; None for an input.
    """

    __array_ufunc__ = None  # numpy_array * symbol comes to __rmul__

    def __init__(self, value: Any, call: tuple[Callable, tuple, Mapping[str, Any]] | None = None):
        self.value, self.call = value, call

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with None for the size of the batch."""
        return (None, *self.value.shape[1:]) if self.value.ndim else ()

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.value.dtype

    def __repr__(self) -> str:
        made = "input" if self.call is None else _name_of(self.call[0])
        return f"Symbol({made}, shape={self.shape}, {self.dtype})"

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name.startswith("_") or not callable(getattr(Tensor, name, None)):
            raise AttributeError(
                f"Symbol has no {name!r}; a symbol knows its shape and dtype and the methods of a "
                "Tensor, and for anything else write nn.Lambda(function)(symbol)"
            )
        return lambda *args, **kwargs: called(_Method(name), (self, *args), kwargs)

    def __iter__(self) -> Iterator[Symbol]:
        return (called(operator.getitem, (self, i), {}) for i in range(len(self.value)))

    def __bool__(self) -> bool:
        raise TypeError(
            "bool: a symbol has no value yet, so forward cannot branch on it; write a class with a "
            "forward for a model whose path depends on its data"
        )


class _Method:
    """A method of Tensor by its name."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.name)(*args, **kwargs)


def _name_of(function: Any) -> str:
    return getattr(function, "name", None) or getattr(function, "__name__", None) or repr(function)


def _operator(function: Callable, swapped: bool) -> Callable[..., Symbol]:
    if swapped:
        return lambda self, other: called(function, (other, self), {})
    return lambda self, *other: called(function, (self, *other), {})


for _op in ("add", "sub", "mul", "truediv", "pow", "matmul", "mod"):
    setattr(Symbol, f"__{_op}__", _operator(getattr(operator, _op), False))
    setattr(Symbol, f"__r{_op}__", _operator(getattr(operator, _op), True))
for _op in ("neg", "abs", "getitem", "lt", "le", "gt", "ge"):
    setattr(Symbol, f"__{_op}__", _operator(getattr(operator, _op), False))


def has_symbols(args: tuple, kwargs: Mapping[str, Any]) -> bool:
    """Is any argument, or anything in the containers among them, a symbol?"""
    return any(isinstance(x, Symbol) for x in leaves((args, dict(kwargs))))


def called(function: Callable, args: tuple, kwargs: Mapping[str, Any]) -> Symbol:
    """The symbol for what the function returns for these arguments."""
    value = lambda x: x.value if isinstance(x, Symbol) else x
    with no_grad():
        shown = function(*map_leaves(value, args), **map_leaves(value, dict(kwargs)))
    return Symbol(shown, (function, args, kwargs))


def Input(shape: Any, dtype: Any = None) -> Symbol:  # noqa: N802 - as in Keras
    """A symbol for an input of this shape, given without the batch axis.

    >>> Input((1, 28, 28))
    Symbol(input, shape=(None, 1, 28, 28), float32)
    """
    sizes = shape_of(shape if isinstance(shape, (tuple, list)) else (shape,), "Input: shape")
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    return Symbol(make(Meta((BATCH, *sizes), dtype)))


def in_order(outputs: Any) -> list[Symbol]:
    """The symbols that the outputs are made from, each after those it is made from."""
    order: dict[int, Symbol] = {}
    todo = [x for x in leaves(outputs) if isinstance(x, Symbol)][::-1]
    while todo:
        symbol = todo[-1]
        if id(symbol) in order:
            todo.pop()
            continue
        parts = () if symbol.call is None else leaves((symbol.call[1], dict(symbol.call[2])))
        waiting = [x for x in parts if isinstance(x, Symbol) and id(x) not in order]
        todo += reversed(waiting)
        if not waiting:
            order[id(symbol)] = todo.pop()
    return list(order.values())
