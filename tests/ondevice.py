"""Tests of layers, which were written for the CPU, on another device.

A layer is moved there before it computes; what goes in is moved there too, and what comes out is
moved back. All of that is on the tape, so gradients arrive where the test looks for them: those of
inputs on the CPU, and those of parameters on the device, where `numpy()` fetches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from minitorch import nn
from minitorch.nn.module import Module
from minitorch.nn.parameter import UninitializedParameter
from minitorch.tensor import Tensor
from minitorch.tree import leaves, map_leaves

FILES = "test_nn_"

# Tests of which memory is written or shared, and of the last bit.
OF_MEMORY = {
    "test_inplace_writes_into_the_input",
    "test_a_leaf_is_not_overwritten",
    "test_evaluation_drops_nothing",
    "test_dropout_in_place",
    "test_an_activation_is_its_function",
    "test_layers_say_what_the_functions_say",
}
# Those that run a layer a thousand times: what it gives is compared by others, in one.
LONG = (
    *(
        "test_gradient",
        "test_the_gradient_is_the_slope",
        "test_output_shape_is_the_shape_of_forward",
    ),
    *("test_a_small_transformer_builds_and_learns_where_things_are",),
)


def devices_of(test: Callable[..., Any], fixtures: Iterable[str]) -> list[str]:
    """On which devices a test is to run."""
    elsewhere = test.__module__.rpartition(".")[2].startswith(FILES) and "cuda" not in fixtures
    name = test.__name__
    if elsewhere and name not in OF_MEMORY and not name.startswith(LONG):
        return ["cpu", "stand-in", "gpu"]
    return ["cpu"]


@contextmanager
def layers_on(device: str) -> Iterator[None]:
    """Inside, every layer that is called computes on that device."""
    call, stateless, numpy = Module.__call__, nn.functional_call, Tensor.numpy
    inside = False

    def there(run: Callable[..., Any], module: Module, *given: Any) -> Any:
        nonlocal inside
        held = [*leaves(given), *module.parameters(), *module.buffers()]
        if inside or any(isinstance(x, Tensor) and of_shapes(x) for x in held):
            return run(module, *given)
        module.to(device)
        inside = True
        try:
            return map_leaves(moved("cpu"), run(module, *map_leaves(moved(device), given)))
        finally:
            inside = False

    def call_there(self: Module, *args: Any, **kwargs: Any) -> Any:
        run = lambda module, args, kwargs: call(module, *args, **kwargs)
        return there(run, self, args, kwargs)

    def stateless_there(module: Module, state: dict, args: Any, *more: Any, **kwargs: Any) -> Any:
        run = lambda module, *given: stateless(module, *given, *more, **kwargs)
        return there(run, module, state, args)

    def fetched(self: Tensor, *, force: bool = False) -> Any:
        return numpy(self, force=force or self.device.type == "cuda")

    with (
        mock.patch.object(Module, "__call__", call_there),
        mock.patch.object(nn, "functional_call", stateless_there),
        mock.patch.object(Tensor, "numpy", fetched),
    ):
        yield


def of_shapes(x: Tensor) -> bool:
    """Is it a Meta, which has a shape alone? An open parameter has not even that."""
    return not isinstance(x, UninitializedParameter) and x.is_meta


def moved(device: str) -> Callable[[Any], Any]:
    """Moves Tensors there, on the tape, and leaves all else as it is."""
    return lambda x: x.to(device) if isinstance(x, Tensor) and not x.is_meta else x
