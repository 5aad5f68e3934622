"""A model that was drawn: the graph of symbols between its inputs and outputs, run as a module."""

from __future__ import annotations

from typing import Any

from minitorch.nn.module import Module
from minitorch.nn.symbolic import Symbol, in_order
from minitorch.tree import map_leaves


class Model(Module):
    """A model drawn as a graph: what leads from input symbols to output symbols.

    Args:
        inputs: an `Input`, or a list of them, in the order in which the model will be called.
        outputs: a symbol made from them, or nested containers of symbols.

    Attributes:
        layers: the modules on the way, each once, in the order in which they run; another one may
            be put in the place of one.

    Raises:
        ValueError: the outputs depend on an input that is not listed, or not on any.

    >>> import minitorch
    >>> from minitorch import nn
    >>> x = nn.Input((3,))
    >>> model = nn.Model(x, x + nn.Linear(3)(x).relu())
    >>> model(minitorch.ones(2, 3)).shape
    (2, 3)
    """

    def __init__(self, inputs: Any, outputs: Any):
        self._inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self._outputs = outputs
        self._order = in_order(outputs)
        unlisted = [s for s in self._order if s.call is None and s not in self._inputs]
        if unlisted:
            raise ValueError(f"Model: the outputs depend on {unlisted[0]}, which is not in inputs")
        unused = [s for s in self._inputs if s not in self._order]
        if unused:
            raise ValueError(f"Model: the outputs do not depend on {unused[0]}")
        functions = [_function(symbol) for symbol in self._order]
        self.layers = list({id(f): f for f in functions if isinstance(f, Module)}.values())
        places = {id(layer): i for i, layer in enumerate(self.layers)}
        self._places = [places.get(id(f)) for f in functions]  # in layers, of what is one

    def forward(self, *inputs: Any) -> Any:
        """Runs the graph on values in place of the input symbols."""
        if len(inputs) != len(self._inputs):
            raise TypeError(f"Model: expected {len(self._inputs)} inputs, got {len(inputs)}")
        values = {id(s): x for s, x in zip(self._inputs, inputs)}
        value = lambda x: values[id(x)] if isinstance(x, Symbol) else x
        for symbol, place in zip(self._order, self._places):
            if symbol.call is not None:
                function, args, kwargs = symbol.call
                if place is not None:
                    function = self.layers[place]
                values[id(symbol)] = function(
                    *map_leaves(value, args), **map_leaves(value, dict(kwargs))
                )
        return map_leaves(value, self._outputs)


def _function(symbol: Symbol) -> Any:
    """What is called to make the symbol's value; None for an input."""
    return None if symbol.call is None else symbol.call[0]
