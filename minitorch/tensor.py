"""The Tensor: an array, its gradient, and a link to the tape.

A Tensor has no arithmetic of its own. Each op binds its operators and methods when it is defined
(`minitorch/op.py` does the binding, `minitorch/ops/` holds the ops), and `minitorch/backward.py`
binds `backward` and the hooks; so adding an op touches one place, and this file is about what a
Tensor *is*. What can be read off it, its shape for one, is in `minitorch/facts.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch import array as arrays
from minitorch.array import Array, device, from_host, is_cupy, move
from minitorch.copying import copied
from minitorch.dtypes import FLOATING, as_dtype
from minitorch.facts import Facts
from minitorch.meta import Meta
from minitorch.meta.core import need_values
from minitorch.printing import described
from minitorch.tape import Node, Pick
from minitorch.traced import Traced


class _Leaf:
    """What a leaf that requires grad has in place of a node."""

    def __repr__(self) -> str:
        return "<leaf>"


LEAF = _Leaf()

# Why a tensor has no graph, in the words of the error that `backward` will raise.
CUT_NO_GRAD = "it was computed under no_grad(), where nothing is recorded"
CUT_DETACHED = "it comes from detach(), which cuts the graph"


class Tensor(Facts):
    """An n-dimensional array that remembers how it was made.

    Args:
        data: numbers, nested sequences or a NumPy array, always copied (`from_numpy` shares).
        dtype: of the result. By default Python floats become the default dtype (float32), ints
            int64 and bools bool; NumPy arrays keep theirs.
        device: "cpu", "cuda", "cuda:1" or "meta".
        requires_grad: record what is computed from it, for `backward`. Floating dtypes only.

    Raises:
        TypeError: `data` holds no numbers, or an integer tensor is asked to require grad.
        ValueError: rows differ in length.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "array", "node")
    array: Array  # the numbers, or a Meta without them
    node: Any  # the Node that made it; LEAF for a leaf that requires grad; None for a constant
    __array_ufunc__ = None  # numpy_array * tensor comes to __rmul__ rather than to an object array

    # Few tensors have these; they live in the class until set, which keeps the others small.
    _grad: Tensor | None = None
    _hooks: Sequence[Callable] = ()
    retains_grad = False
    cut: str | None = None  # why it has no graph, where the reason is known

    if TYPE_CHECKING:
        # Methods are bound by the ops; a type checker learns of them here.
        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __iter__(self) -> Iterator[Tensor]: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    def __init__(
        self,
        data: Any,
        dtype: Any = None,
        device: str | device | None = None,
        requires_grad: bool = False,
    ):
        if type(dtype) is int:
            given = (data, dtype, device, requires_grad)
            sizes = ", ".join(str(n) for n in given if type(n) is int)
            raise TypeError(
                f"Tensor: takes numbers, not sizes, got Tensor({sizes}); write "
                f"minitorch.empty({sizes}) for a tensor of that shape"
            )
        dtype = None if dtype is None else as_dtype(dtype)
        if isinstance(data, Tensor):
            data = data.array
        if isinstance(data, (Meta, Traced)) or is_cupy(data):
            self.array = data.astype(data.dtype if dtype is None else dtype, copy=True)
        else:
            self.array = from_host(_unwrapped(data), dtype)
        if device is not None:
            self.array = move(self.array, device)
        self.node = None
        if requires_grad:
            self.requires_grad_()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return described(self.array, self.node)

    # leaving minitorch -------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The NumPy array inside, shared: a write to it is not seen by the tape.

        Raises:
            RuntimeError: the tensor requires grad, or lives elsewhere; `force=True` is short for
                `.detach().cpu()`.
        """
        if self.node is not None and not force:
            raise RuntimeError("numpy: this tensor requires grad; use x.detach().numpy()")
        if isinstance(self.array, Meta):
            need_values("x.numpy()")
        if isinstance(self.array, Traced):
            self.array.__array__()  # raises: values are not known while a step is traced
        if not isinstance(self.array, np.ndarray) and not force:
            raise TypeError(f"numpy: this tensor is on {self.device}; use x.cpu().numpy()")
        return move(self.array, arrays.CPU)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    # the graph ---------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """True when what is computed from it is recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Makes a leaf record, or stop recording, what is computed from it; returns it."""
        if isinstance(self.node, Node):
            if not requires_grad:
                raise RuntimeError(
                    f"requires_grad_: this tensor was computed by {self.node.name}; only leaves "
                    "can stop requiring grad. Use x.detach() for a copy without the graph"
                )
        elif requires_grad and self.dtype.kind not in FLOATING:
            raise TypeError(
                f"requires_grad: only floating-point tensors have gradients, this is {self.dtype}; "
                "write 2.0 instead of 2, or convert with .float()"
            )
        else:
            self.node = LEAF if requires_grad else None
            self.cut = None
        return self

    @property
    def is_leaf(self) -> bool:
        """True when no recorded op made it."""
        return not isinstance(self.node, Node)

    @property
    def grad_fn(self) -> Node | None:
        """The node that made it, or None for a leaf."""
        if not isinstance(self.node, Node):
            return None
        return self.node.parents[0] if isinstance(self.node, Pick) else self.node

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated; None before the first."""
        if self._grad is None and isinstance(self.node, Node) and not self.retains_grad:
            warnings.warn(
                f"grad: this tensor was computed by {self.node.name}, so it is no leaf and keeps "
                "no gradient. If it was a parameter, `w = w - lr * w.grad` made a new tensor of "
                "it: update in place, `with no_grad(): w -= lr * w.grad`. To keep the gradient of "
                "a result, call retain_grad() on it before backward()",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: expected a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise ShapeError(f"grad: shape {value.shape}, expected {self.shape}")
            if value.dtype != self.dtype or value.device != self.device:
                raise TypeError(
                    f"grad: {value.dtype} on {value.device}, expected {self.dtype} on {self.device}"
                )
        self._grad = value

    def detach(self) -> Tensor:
        """The same array without the graph; a write to either is seen in both."""
        return make(self.array, cut=CUT_DETACHED if self.node is not None else self.cut)

    def detach_(self) -> Tensor:
        """Cuts this tensor from the graph, in place."""
        self.node, self.cut = None, CUT_DETACHED
        return self

    @property
    def data(self) -> Tensor:
        """The same array without the graph, as `detach()`; assigning replaces the array."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: expected a Tensor, got {type(value).__name__}")
        if self.node is not None and value.dtype != self.dtype:
            raise TypeError(
                f"data: got {value.dtype} for a tensor of {self.dtype} that requires grad; convert "
                "it with .to(x.dtype)"
            )
        self.array = value.array

    def __deepcopy__(self, memo: dict) -> Tensor:
        if isinstance(self.node, Node):
            raise RuntimeError(
                f"deepcopy: this tensor was computed by {self.node.name}; copy leaves, "
                "or x.detach().clone()"
            )
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.array = copied(self.array, memo)
        copy.node = self.node
        for name, value in self.__dict__.items():
            if name != "_hooks":
                copy.__dict__[name] = deepcopy(value, memo)
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        x = self.array if self.is_meta else self.detach().cpu().numpy()
        return _restore, (x, str(self.device), self.node is LEAF)


Size = tuple  # torch's name for the type of a shape

# the same as functions
numel, is_floating_point, is_nonzero = Tensor.numel, Tensor.is_floating_point, Tensor.is_nonzero
is_complex = Tensor.is_complex
detach, detach_ = Tensor.detach, Tensor.detach_


def is_tensor(x: Any) -> bool:
    """True for a Tensor."""
    return isinstance(x, Tensor)


class ShapeError(ValueError, RuntimeError):
    """Shapes that do not fit: a ValueError as in NumPy and a RuntimeError as in torch."""


def make(x: Array, node: Any = None, cut: str | None = None) -> Tensor:
    """A Tensor around an array, without a copy and without a check."""
    t = _new(Tensor)
    t.array = x
    t.node = node
    if cut is not None:
        t.cut = cut
    return t


_new = object.__new__


def raw(x: Any) -> Any:
    """The array inside a Tensor; what is no Tensor, as it is."""
    return x.array if isinstance(x, Tensor) else x


def _restore(x: Array, where: str, requires_grad: bool) -> Tensor:
    """Rebuilds a copied or unpickled tensor."""
    t = make(move(x, where))
    return t.requires_grad_(requires_grad)


def _unwrapped(data: Any) -> Any:
    """Nested sequences with Tensors inside, as NumPy can read them."""
    if isinstance(data, Tensor):
        return data.detach().cpu().numpy()
    if isinstance(data, (list, tuple)) and any(
        isinstance(item, (Tensor, list, tuple)) for item in data
    ):
        return [_unwrapped(item) for item in data]
    return data
