"""Listening to every layer of a model, with hooks: what comes out, and what its activation gets.

The layers have hooks only while a forward runs that is listened to; others cost next to nothing. A
layer with `activation=` is heard twice, before and after it. For that the function that it holds
is replaced by one that listens and passes on; at the end everything is as it was. Nothing that goes
through the model is changed, and the model's class is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from minitorch.array import Array, has_values
from minitorch.dtypes import FLOATING
from minitorch.nn.activation import Activation, Hardtanh
from minitorch.nn.module import Module
from minitorch.tensor import Tensor
from minitorch.tree import leaves

CALLS = 16  # of one module in one forward; a recurrent cell has more, which are not heard

# Between which values s-shaped functions move.
_LIMITS = {
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
}


@dataclass(frozen=True)
class Place:
    """Where in a model something was heard.

    Attributes:
        name: the path of the module, with " before" for what its activation gets, and with the
            number of the call from the second one on: "conv1", "conv1 before", "relu (2)".
        kind: the class of the module, and its activation: "Conv2d", "Conv2d + relu".
        module: what was called.
        activation: the name of the function whose output this is; "" if it is none.
        axis: along which units stand, channels of images, the last axis else; None for weighted
            sums, which have no dead ones before their activation.
        limits: between which the function moves, if it is s-shaped.
    """

    name: str
    kind: str
    module: Any
    activation: str
    axis: int | None
    limits: tuple[float, float] | None

    @property
    def is_before(self) -> bool:
        """Is this what an activation gets, of the layer that applies it?"""
        return self.name.partition(" ")[2].startswith("before")


class Watch:
    """Calls `hear(place, array)` for every floating-point output of a layer of the model.

    Layers are modules without modules in them, and those with parameters of their own.

    Args:
        model: whose forward begins and ends what is heard.
        begin: called before each forward; hears nothing of it if the answer is False.
        hear: takes a Place and an array.
        layers: only modules of these classes.
    """

    def __init__(
        self,
        model: Module,
        begin: Callable[[], bool],
        hear: Callable[[Place, Array], None],
        layers: type | tuple[type, ...] = Module,
    ):
        self.model, self.begin, self.hear, self.layers = model, begin, hear, layers
        self._undo: list[Callable[[], None]] = []  # what `stop` does
        self._off: list[Callable[[], None]] = []  # what is done when a forward ends
        self._listened: list[tuple[str, Any]] = []
        self._axis = -1
        self._calls: dict[tuple[int, bool], int] = {}
        self._inside: list[tuple[str, Module]] = []

    def start(self) -> None:
        """From the next forward on."""
        self._listened = list(self._watched())
        self.hook(self.model.register_forward_pre_hook(self._begin, prepend=True))

    def stop(self) -> None:
        """Takes all hooks out."""
        self._detach()
        while self._undo:
            self._undo.pop()()

    def hook(self, handle: Any) -> None:
        """One more that `stop` takes out."""
        self._undo.append(handle.remove)

    def _watched(self) -> Iterator[tuple[str, Any]]:
        """Path and module of all layers."""
        modules = list(self.model.named_modules())
        applied = {id(m.__dict__.get("activation")) for _, m in modules}
        for path, module in modules:
            inner = [m for m in module.children() if id(m) not in applied]
            own = next(iter(module.parameters(recurse=False)), None)
            is_layer = id(module) not in applied and (not inner or own is not None)
            if is_layer and isinstance(module, self.layers):
                yield path or type(module).__name__, module

    def _attach(self, path: str, layer: Any) -> None:
        """Listens to one layer, and to its activation if it has one."""
        activation = layer.__dict__.get("activation")
        self._put(layer.register_forward_hook(lambda m, args, y: self._after(path, layer, y)))
        if activation is None:
            return
        if not isinstance(activation, Module):
            layer.__dict__["activation"] = heard = _Heard(self, path, layer, activation)

            def put_back() -> None:
                if layer.__dict__.get("activation") is heard:
                    layer.__dict__["activation"] = activation

            self._off.append(put_back)
            return
        # A module is hooked where it is, since its parameters are found there; it may be the
        # activation of several layers, and belongs to the one that is running.
        here = (path, layer)
        self._put(layer.register_forward_pre_hook(lambda m, args: self._inside.append(here)))
        self._put(
            activation.register_forward_pre_hook(lambda m, args: self._into_activation(here, args))
        )

    def _put(self, handle: Any) -> None:
        """A hook for this forward."""
        self._off.append(handle.remove)

    def _detach(self) -> None:
        """The model is as it was before this forward."""
        while self._off:
            self._off.pop()()

    # what is heard -----------------------------------------------------------------------------

    def _begin(self, model: Module, args: tuple) -> None:
        self._calls.clear()
        self._inside.clear()
        self._axis = -1
        self._detach()  # what an error may have left of the forward before
        if self.begin():
            for path, layer in self._listened:
                self._attach(path, layer)
            # Last, since the model may itself be a layer that is listened to.
            self._put(model.register_forward_hook(self._end))

    def _end(self, model: Module, args: tuple, output: Any) -> None:
        self._detach()

    def _into_activation(self, here: tuple[str, Module], args: tuple) -> None:
        if self._inside and self._inside[-1] is here:
            self.before(*here, args)

    def before(self, path: str, layer: Any, x: Any) -> None:
        """The activation of a layer is about to be applied to x."""
        self._tell(path, layer, x, True)

    def _after(self, path: str, layer: Any, y: Any) -> None:
        if self._inside and self._inside[-1][1] is layer:
            self._inside.pop()
        self._tell(path, layer, y, False)

    def _tell(self, path: str, layer: Any, values: Any, before: bool) -> None:
        """Works out what place this is, and passes the array on."""
        key = (id(layer), before)
        call = self._calls[key] = self._calls.get(key, 0) + 1
        y = next((y.array for y in leaves(values) if _is_measurable(y)), None)
        if y is None or call > CALLS:
            return
        weight = layer.__dict__.get("weight")
        if isinstance(weight, Tensor) and weight.ndim >= 2:
            self._axis = 1 if weight.ndim > 2 else -1
        axis: int | None = self._axis if y.ndim > 2 else -1
        applied = layer if isinstance(layer, Activation) else layer.__dict__.get("activation")
        function = "" if before or applied is None else name_of(applied)
        if not function and (before or isinstance(weight, Tensor)):
            axis = None
        name = path + " before" * before + (f" ({call})" if call > 1 else "")
        kind = type(layer).__name__
        if applied is not None and applied is not layer and not before:
            kind += f" + {function}"
        limits = _LIMITS.get(function)
        if function == "hardtanh" and isinstance(applied, Hardtanh):
            limits = (float(applied.min_val), float(applied.max_val))
        self.hear(Place(name, kind, layer, function, axis, limits), y)


class _Heard:
    """An activation function that a Watch listens to."""

    def __init__(self, watch: Watch, path: str, layer: Module, function: Callable):
        self.watch, self.path, self.layer, self.function = watch, path, layer, function

    def __call__(self, x: Any) -> Any:
        self.watch.before(self.path, self.layer, x)
        return self.function(x)


def name_of(activation: Any) -> str:
    """What an activation is called: relu, for nn.functional's function and for the module."""
    if isinstance(activation, _Heard):
        activation = activation.function
    if isinstance(activation, Activation):
        return activation.function.__name__
    return getattr(activation, "__name__", type(activation).__name__)


def _is_measurable(y: Any) -> bool:
    return (
        isinstance(y, Tensor)
        and has_values(y.array)
        and y.array.dtype.kind in FLOATING
        and y.array.size > 0
    )
