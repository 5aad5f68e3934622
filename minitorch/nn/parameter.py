"""A Parameter is a Tensor that a module trains, a Buffer one that it only keeps.

Until its size is known a Parameter is a placeholder.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from minitorch.array import Array
from minitorch.tensor import LEAF, Tensor


class Parameter(Tensor):
    """A Tensor that modules find among their attributes, and optimizers move.

    Args:
        data: a Tensor, whose memory it shares, or whatever a Tensor can be made of.
        requires_grad: False freezes it.

    >>> Parameter([1.0, 2.0])
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        self.array = data.array if isinstance(data, Tensor) else Tensor(data).array
        self.node = None
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Parameter, (self.detach(), self.requires_grad)


class Buffer(Tensor):
    """A Tensor that becomes a buffer where a module has it set: `self.mean = nn.Buffer(zeros)`.

    It is then moved and saved with the module and not trained, as by `register_buffer`.

    Args:
        data: a Tensor, whose memory it shares, or whatever a Tensor can be made of.
        persistent: False leaves it out of `state_dict`.

    Attributes:
        persistent: as given.
    """

    persistent: bool

    def __init__(self, data: Any, *, persistent: bool = True):
        self.array = data.array if isinstance(data, Tensor) else Tensor(data).array
        self.node = None
        self.persistent = persistent

    def __reduce_ex__(self, protocol: Any) -> Any:
        return partial(Buffer, persistent=self.persistent), (self.detach(),)


class UninitializedParameter(Parameter):
    """The place of a parameter whose shape follows from an input that nobody has seen yet.

    It becomes a Parameter where it stands, so whoever holds it (a tied layer) holds the parameter.
    Until then every use of it raises a RuntimeError that names its layer and the fix.

    Attributes:
        layer: the kind of layer it belongs to.
        path: its name in the model, once a walk through the model has found it.
    """

    __slots__ = ()
    layer: str
    path: str

    def __init__(self, layer: str, name: str, requires_grad: bool = True):
        self.layer, self.path = layer, name
        self.node = LEAF if requires_grad else None

    def __getattr__(self, name: str) -> Any:
        if name == "array":
            raise RuntimeError(self.why())
        raise AttributeError(f"UninitializedParameter has no attribute {name!r}")

    def why(self) -> str:
        """What is missing, and how to mend it."""
        return (
            f"{self.path}: this parameter of a {self.layer} has no shape yet, because the layer's "
            "input size is still open; build the model first, model.build((1, 28, 28)) with the "
            "shape of one input, or call it once on data"
        )

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Decides whether the parameter will be trained once it is there."""
        self.node = LEAF if requires_grad else None
        return self

    def become(self, array: Array) -> None:
        """Turns into the Parameter that holds `array`."""
        del self.layer, self.path
        self.__class__ = Parameter  # type: ignore[assignment]
        self.array = array

    def __repr__(self) -> str:
        return f"<UninitializedParameter {self.path} of a {self.layer}>"

    def __deepcopy__(self, memo: dict) -> UninitializedParameter:
        copy = UninitializedParameter(self.layer, self.path, self.node is LEAF)
        memo[id(self)] = copy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return UninitializedParameter, (self.layer, self.path, self.node is LEAF)


def reopen(parameter: Parameter, layer: str, path: str) -> None:
    """Makes a Parameter a placeholder again: what `build` does when it fails half-way."""
    del parameter.array
    parameter.__class__ = UninitializedParameter
    parameter.__dict__.update(layer=layer, path=path)
