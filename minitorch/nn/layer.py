"""A layer: a module with parameters of its own, whose shapes follow from its sizes.

Some sizes only an input can tell. A layer class says three things:

    class Linear(Layer):
        def __init__(self, in_features, out_features=None, ...):
            ...
            self.declare(weight=weights, bias=biases)     # which tensors, and who fills them

        def shapes(self):                                 # their shapes, from the sizes
            return {"weight": (self.out_features, self.in_features), "bias": (self.out_features,)}

        def infer(self, x):                               # the open sizes, from the first input
            return {"in_features": x.shape[-1]}

A size that is None is open. The rest is done here: placeholders, shapes, initial values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

import minitorch.nn.functional as F
from minitorch import array as arrays
from minitorch.array import has_values, move
from minitorch.creation import float_dtype
from minitorch.meta import Meta
from minitorch.modes import no_grad
from minitorch.nn.building import shaping
from minitorch.nn.init import draw, torch_default, torch_default_bias
from minitorch.nn.module import Module
from minitorch.nn.parameter import UninitializedParameter, reopen
from minitorch.random import Generator
from minitorch.tensor import ShapeError, make

P = ParamSpec("P")
R = TypeVar("R")

# (shape, dtype, generator) -> the initial values
Init = Callable[[tuple[int, ...], np.dtype, Generator], Any]

# What layers start from unless told otherwise: both within ±1 / √fan_in of the weight.
TORCH_WEIGHT: Init = torch_default()
TORCH_BIAS: Init = torch_default_bias()


class Layer(Module):
    """The base class of layers with parameters; for a layer without any, Module is enough."""

    sizes: tuple[str, ...] = ()  # the attributes that may be open

    _inits: Mapping[str, Init]
    _dtype: np.dtype
    _device: arrays.device
    _generator: Generator | None

    # what a layer class says -------------------------------------------------------------------

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the declared tensors, from the sizes."""
        raise NotImplementedError(f"{type(self).__name__} has no shapes(); see nn/layer.py")

    def infer(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        """The sizes that the inputs of `forward` tell, by their names."""
        raise NotImplementedError(f"{type(self).__name__} has no infer(); see nn/layer.py")

    def declare(
        self,
        *,
        dtype: Any = None,
        device: Any = None,
        generator: Generator | None = None,
        buffers: Mapping[str, Init] | None = None,
        **parameters: Init | None,
    ) -> None:
        """Makes the parameters and buffers, as placeholders if a size is open.

        Args:
            dtype: a floating dtype; the default dtype unless given.
            device: where they will live.
            generator: the stream that initial values come from; the default one unless given.
            buffers: what else is saved with the layer, and who makes its first values.
            parameters: who draws the values of each; None for one that is left out.
        """
        self._dtype = float_dtype(dtype)
        self._device = arrays.device("cpu" if device is None else device)
        self._generator = generator
        kept = {name: init for name, init in parameters.items() if init is not None}
        self._inits = {**kept, **(buffers or {})}
        for name, init in parameters.items():
            held = None if init is None else UninitializedParameter(type(self).__name__, name)
            self.register_parameter(name, held)
        for name in buffers or ():
            self.register_buffer(name, None)
        if not self.open_sizes:
            self._shape()
            self._fill()

    def reset_parameters(self) -> None:
        """Draws the initial values anew."""
        if not self.open_sizes:
            with no_grad():
                for name, init in self._inits.items():
                    tensor = getattr(self, name)
                    if has_values(tensor.array):
                        tensor.copy_(make(self._drawn(name, init)))

    # how it is done ----------------------------------------------------------------------------

    @property
    def open_sizes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the sizes that are not known yet."""
        return tuple(name for name in self.sizes if self.__dict__.get(name) is None)

    def _find_sizes(self, args: tuple, kwargs: dict[str, Any]) -> None:
        names = self.open_sizes
        run = shaping()
        if not names or run is None:
            return
        found = self.infer(*args, **kwargs)
        self.__dict__.update({name: found[name] for name in names})
        run.shaped.append((self, dict.fromkeys(names)))
        self._shape()

    def _shape(self) -> None:
        """Gives every placeholder its shape: it holds a Meta from here on."""
        for name, shape in self._shapes().items():
            tensor = getattr(self, name)
            if isinstance(tensor, UninitializedParameter):
                tensor.become(Meta(shape, self._dtype))
            elif tensor is None:
                setattr(self, name, make(Meta(shape, self._dtype)))
            elif tensor.shape != tuple(shape):
                raise ShapeError(
                    f"{type(self).__name__}: {name} is tied to a tensor of shape {tensor.shape}, "
                    f"expected {tuple(shape)}"
                )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of what was declared and not left out."""
        return {name: shape for name, shape in self.shapes().items() if name in self._inits}

    def _fill(self) -> None:
        if self.open_sizes or self._device.type == "meta":
            return
        for name, init in self._inits.items():
            tensor = getattr(self, name)
            if isinstance(tensor.array, Meta):
                tensor.array = move(self._drawn(name, init), self._device)

    def _drawn(self, name: str, init: Init) -> np.ndarray:
        """The initial values that an init function gives, checked."""
        title = f"{type(self).__name__}.{name}"
        return draw(init, self.shapes()[name], self._dtype, self._generator, name=title)

    def _reopen(self, before: Mapping[str, Any]) -> None:
        """Puts the layer back to what it was before its sizes were found."""
        for name in self._shapes():
            tensor = getattr(self, name)
            if name in self._buffers:
                setattr(self, name, None)
            elif not isinstance(tensor, UninitializedParameter) and isinstance(tensor.array, Meta):
                reopen(tensor, type(self).__name__, name)
        self.__dict__.update(before)

    def _retarget(self, dtype: Any, device: Any) -> None:
        self._dtype = self._dtype if dtype is None else dtype
        self._device = self._device if device is None else device


def pair_of_sizes(
    layer: str, first: int | None, second: int | None, names: tuple[str, str]
) -> tuple[Any, Any]:
    """(input size, output size) from what was written: `Linear(500)` gives the output only."""
    size_in, size_out = (first, second) if second is not None else (None, first)
    for name, size in zip(names, (size_in, size_out)):
        if size is None and name == names[0]:
            continue
        check_size(layer, name, size)
    return size_in, size_out


def sizes_by_name(size_in: str, size_out: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For an `__init__` that uses `pair_of_sizes`: `Linear(in_features=5)` alone is no output size.

    Raises (when the layer is built):
        TypeError: the input size was given by its name, and no output size.
    """

    def checked(init: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(init)
        def call(*args: P.args, **options: P.kwargs) -> R:
            if options.get(size_in) is not None and options.get(size_out) is None:
                layer, size = type(args[0]).__name__, options[size_in]
                raise TypeError(
                    f"{layer}: {size_in}={size} without {size_out}; write {layer}({size_in}={size},"
                    f" {size_out}=...), or {size_out} alone, and {size_in} is inferred"
                )
            return init(*args, **options)

        return call

    return checked


def check_size(layer: str, name: str, size: Any) -> None:
    """Raises unless `size` is a positive int."""
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise TypeError(f"{layer}: {name} must be an int, got {size!r}")
    if size < 1:
        raise ValueError(f"{layer}: {name} must be at least 1, got {size}")


def activation_of(activation: Any) -> Callable | None:
    """A function for an `activation=` argument: a function, a module, or the name of one in F."""
    if isinstance(activation, str):
        found = getattr(F, activation, None)
        if found is None:
            raise ValueError(f"activation: {activation!r} is no function of nn.functional")
        return found
    if activation is not None and not callable(activation):
        raise TypeError(f"activation: expected a function or a module, got {activation!r}")
    return activation


def options_of(layer: Module, **defaults: Any) -> str:
    """The attributes that differ from their defaults, as in a call: ", stride=(2, 2)"."""
    return "".join(
        f", {name}={value}"
        for name, default in defaults.items()
        if (value := getattr(layer, name)) != default
    )


def shown_activation(layer: Module) -> str:
    """The layer's activation for its repr, ", activation=relu"; a module is shown as a child."""
    activation = getattr(layer, "activation", None)
    if activation is None or isinstance(activation, Module):
        return ""
    return f", activation={getattr(activation, '__name__', activation)}"


def shown(size: int | None) -> str:
    """A size for a repr; a question mark while it is open."""
    return "?" if size is None else str(size)
