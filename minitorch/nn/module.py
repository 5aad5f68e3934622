"""A Module: parameters and other modules held as attributes, and a forward that uses them.

    class Net(nn.Module):
        def __init__(self):
            self.hidden = nn.Linear(500)
            self.out = nn.Linear(10)

        def forward(self, x):
            return self.out(self.hidden(x).relu())

    model = Net().build((784,))

What a module holds is found by `members.py`, its state is given away and taken in by `state.py`,
hooks are called by `hooks.py`, and open sizes are found by `building.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from minitorch import array as arrays
from minitorch import dtypes
from minitorch.convert import destination
from minitorch.dtypes import as_dtype
from minitorch.modes import no_grad
from minitorch.nn.building import (
    Shaping,
    build,
    build_before,
    is_open,
    one_at_a_time,
    shaped_only,
    shaping,
)
from minitorch.nn.hooks import Hooked
from minitorch.nn.parameter import UninitializedParameter
from minitorch.nn.state import Stateful
from minitorch.nn.summary import Summary, summarized
from minitorch.nn.symbolic import called, has_symbols
from minitorch.tensor import Tensor
from minitorch.tree import map_leaves


class Module(Stateful, Hooked):
    """The base class of all networks and layers.

    A subclass sets attributes in `__init__` (`super().__init__()` may be left out) and defines
    `forward`; the module is called like a function. Modules and Parameters are found wherever they
    stand: in attributes, and in lists, tuples and dicts in them.

    Attributes:
        training: True after `train()`, False after `eval()`; dropout and batch norm look at it.

    >>> from minitorch import nn
    >>> class Twice(nn.Module):
    ...     def __init__(self, layer):
    ...         self.layer = layer
    ...
    ...     def forward(self, x):
    ...         return self.layer(self.layer(x))
    >>> model = Twice(nn.Linear(3, 3))
    >>> [name for name, _ in model.named_parameters()]
    ['layer.weight', 'layer.bias']
    """

    _deferred: tuple[Callable, ...] = ()  # what `apply` will do once everything is built
    open_sizes: tuple[str, ...] = ()  # the sizes that only an input will tell; layers have some

    def __init__(self) -> None:
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output; every subclass defines its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward; define forward(self, x) in the class"
        )

    # calls -------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._plain:
                return self.forward(*args, **kwargs)
            return self._prepared_call(args, kwargs)
        except Exception as error:
            if not has_symbols(args, kwargs):
                _tell_where(error, self)
                raise
        # What forward cannot do with symbols is one step of the graph; if it is wrong, then with
        # shapes as well.
        return called(self, args, kwargs)

    def _prepared_call(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call that may have to find sizes, and to run hooks."""
        run = shaping()
        if run is not None:
            return self._shaping_call(run, args, kwargs)
        if not self._prepared:
            with one_at_a_time:
                if is_open(self):
                    build_before(self, args, kwargs)
            # a layer that forward has not come past yet will look after itself
            self.__dict__["_prepared"] = True
        if self.has_hooks:
            return self._run_hooked(args, kwargs)
        self.__dict__["_plain"] = True
        return self.forward(*args, **kwargs)

    def _shaping_call(self, run: Shaping, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call on Metas: finds sizes, and runs no hooks."""
        self._find_sizes(args, kwargs)
        if run.watch is None:
            return self.forward(*args, **kwargs)
        run.watch.before(self)
        output = self.forward(*args, **kwargs)
        run.watch.after(self, output)
        return output

    def _find_sizes(self, args: tuple, kwargs: dict[str, Any]) -> None:
        """Reads open sizes off the inputs; only layers have any."""

    # building ----------------------------------------------------------------------------------

    def build(self, *shapes: Any, dtype: Any = None, **named: Any) -> Self:
        """Finds every open size by running forward on shapes, and creates the parameters.

        On a model without open sizes it is the shape check alone: a layer whose size does not fit
        is named before there is any data.

        Args:
            shapes: one for each input, without the batch axis: `(1, 28, 28)`. A Tensor stands for
                its own shape and dtype, batch axis included.
            dtype: of the inputs, where that is not the model's: `minitorch.int64` for token ids.
                A list gives one for each shape, a dict one for each name.
            named: shapes of inputs that forward takes by name.

        Returns:
            The model.

        Raises:
            RuntimeError: a layer is still open, since forward did not come past it.
            TypeError: forward depends on values, which shapes do not have.

        >>> from minitorch import nn
        >>> model = nn.Sequential(nn.Conv2d(20, kernel_size=5), nn.Flatten(), nn.Linear(10))
        >>> model.build((1, 28, 28))[2]
        Linear(in_features=11520, out_features=10, bias=True)
        """
        build(self, shapes, named, dtype)
        return self

    def output_shape(self, *shapes: Any, dtype: Any = None, **named: Any) -> Any:
        """The shape that comes out for inputs of these shapes, all without the batch axis.

        Nothing is allocated, and an open model stays open.

        >>> from minitorch import nn
        >>> nn.Conv2d(20, kernel_size=5).output_shape((1, 28, 28))
        (20, 24, 24)
        """
        with shaped_only(self, shapes, named, dtype) as output:
            return map_leaves(lambda y: y.shape[1:] if isinstance(y, Tensor) else y, output)

    def count_parameters(
        self, *shapes: Any, dtype: Any = None, trainable: bool = False, **named: Any
    ) -> int:
        """How many numbers the parameters hold; shapes are needed where sizes are open.

        Nothing is allocated, and an open model stays open.

        >>> from minitorch import nn
        >>> nn.Linear(1_000_000).count_parameters((1_000_000,))
        1000001000000
        """
        if shapes or named:
            with shaped_only(self, shapes, named, dtype):
                return self.count_parameters(trainable=trainable)
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trainable)

    def summary(self, *shapes: Any, dtype: Any = None, **named: Any) -> Summary:
        """A table of all layers: output shape, parameters, multiply-adds, memory.

        Nothing is allocated, and an open model stays open.

        >>> from minitorch import nn
        >>> print(nn.Sequential(nn.Linear(500), nn.ReLU(), nn.Linear(10)).summary((784,)))
        layer        output    parameters  multiply-adds  memory
        Sequential   (N, 10)
          0: Linear  (N, 500)     392,500        392,000  2.0 kB
          1: ReLU    (N, 500)                             2.0 kB
          2: Linear  (N, 10)        5,010          5,000    40 B
        total                     397,510        397,000  4.0 kB
        trainable parameters: 397,510 (1.6 MB for all); multiply-adds and memory are for one example
        """
        return summarized(self, shapes, named, dtype)

    def apply(self, fn: Callable[[Any], Any]) -> Self:
        """Calls `fn` on every module below this one, then on this one; returns it.

        Where a size is still open it is remembered, and done at the end of the build.

        >>> from minitorch import nn
        >>> def init(module):
        ...     if isinstance(module, nn.Linear):
        ...         nn.init.zeros_(module.weight)
        >>> model = nn.Sequential(nn.Linear(2)).apply(init).build((3,))
        >>> float(model[0].weight.abs().sum())
        0.0
        """
        if is_open(self):
            self.__dict__.update(_deferred=(*self._deferred, fn), _plain=False, _prepared=False)
            return self
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # modes -------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Sets training mode (or, with False, evaluation mode) on all modules; returns this one."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.__dict__["training"] = mode
        return self

    def eval(self) -> Self:
        """Sets evaluation mode: dropout passes all, batch norm uses its running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freezes (False) or unfreezes all parameters; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of all parameters: to None, or else to zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter._grad = None
            elif parameter._grad is not None:
                parameter._grad = parameter._grad.detach() * 0

    # moving ------------------------------------------------------------------------------------

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Self:
        """Moves parameters and buffers to a device, a floating dtype, or both; returns the module.

        `model.to("cuda")`, `model.to(float64)`, `model.to("cuda", float64)`, `model.to(tensor)`.
        The parameters stay the same objects, so an optimizer goes on holding them; integer buffers
        keep their dtype. What is still open will be made there, and a layer made on "meta" gets its
        initial values when it is moved to a real device.
        """
        dtype, device = destination(args, dtype, device)
        if dtype is not None and dtype.kind not in dtypes.FLOATING:
            raise TypeError(f"to: parameters are floating-point, so they cannot become {dtype}")
        for module in self.modules():
            module._retarget(dtype, device)
            module._fill()
        for tensor in (*self.parameters(), *self.buffers()):
            if not isinstance(tensor, UninitializedParameter):
                _move(tensor, dtype, device)
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Gives all parameters and buffers new memory on a device, with nothing written to it.

        For a model made on "meta" whose values are about to be loaded: `to` would draw initial
        values first. With `recurse=False` the modules below are left alone.
        """
        device = arrays.device(device)
        for module in self.modules() if recurse else (self,):
            module._retarget(None, device)
        for tensor in (*self.parameters(recurse), *self.buffers(recurse)):
            if not isinstance(tensor, UninitializedParameter):
                tensor.array = arrays.empty(tensor.shape, tensor.dtype, device)
        return self

    def _retarget(self, dtype: Any, device: Any) -> None:
        """Hears where parameters that are still to be made will live; only layers make any."""

    def _fill(self) -> None:
        """Draws initial values for parameters that have only a shape; only layers do."""

    def float(self) -> Self:
        """All parameters and buffers as float32."""
        return self.to(dtype=dtypes.float32)

    def double(self) -> Self:
        """All parameters and buffers as float64."""
        return self.to(dtype=dtypes.float64)

    def half(self) -> Self:
        """All parameters and buffers as float16."""
        return self.to(dtype=dtypes.float16)

    def bfloat16(self) -> Self:
        """All parameters and buffers as bfloat16."""
        return self.to(dtype=dtypes.bfloat16())

    def cpu(self) -> Self:
        """All parameters and buffers in the host's memory."""
        return self.to(device="cpu")

    def cuda(self, device: Any = None) -> Self:
        """All parameters and buffers on a GPU: that number or device, or the current one."""
        return self.to(device=f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def type(self, dst_type: Any) -> Self:
        """All parameters and buffers in another floating dtype."""
        return self.to(dtype=as_dtype(dst_type))

    # text --------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the brackets of a module without children."""
        return ""

    def _repr_members(self) -> list[tuple[str, Any]]:
        return list(self.named_children())

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.splitlines()
        for name, module in self._repr_members():
            shown = repr(module).replace("\n", "\n  ")
            lines.append(f"({name}): {shown}")
        if len(lines) == len(extra.splitlines()) <= 1:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"


def _move(tensor: Tensor, dtype: Any, device: Any) -> None:
    """Gives the tensor an array of another dtype and device, and its gradient too."""
    kept = dtype if tensor.dtype.kind in dtypes.FLOATING else None
    with no_grad():
        moved = tensor.detach().to(dtype=kept, device=device)
        grad = None if tensor._grad is None else tensor._grad.to(dtype=kept, device=device)
    if moved.array is not tensor.array:
        tensor.array, tensor._grad = moved.array, grad


def _tell_where(error: Exception, module: Module) -> None:
    """Notes on the error in which module it arose; each module around it completes the path."""
    known = error.__dict__
    inner = known.setdefault("_module", module)
    path = next((p for p, m in module.named_modules() if m is inner), "")
    text = repr(inner)
    if "\n" in text:
        text = type(inner).__name__
    note = f"in {path}: {text}" if path else f"in {text}"
    notes = known.setdefault("__notes__", [])
    if "_module_note" in known:
        notes[known["_module_note"]] = note
    else:
        known["_module_note"] = len(notes)
        notes.append(note)
