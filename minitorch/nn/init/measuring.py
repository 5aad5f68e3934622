"""Weighted layers on a batch: what they put out, and in which order forward calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from minitorch.array import Array
from minitorch.modes import no_grad
from minitorch.tensor import Tensor


class Settled(NamedTuple):
    """How one layer came out.

    Attributes:
        path: of the layer in the model.
        rounds: how many times the batch was run for it.
        mean, std: of its output at the end.
    """

    path: str
    rounds: int
    mean: float
    std: float


@contextmanager
def weighted_layers(model: Any, run: Callable) -> Iterator[list[tuple[str, Any]]]:
    """(path, layer) of what has a weight of two or more axes, in the order forward calls them.

    The model is built by `run` if it is open. Inside the block nothing is recorded; after it,
    buffers are as before, and so are the weights if the block raised.
    """
    with no_grad():
        if any(module.open_sizes for module in model.modules()):
            run()
        layers = [pair for pair in model.named_modules() if _is_weighted(pair[1])]
        weights = [(p, p.clone()) for _, layer in layers for p in layer.parameters(False)]
        buffers = [(b, b.clone()) for b in model.buffers()]
        try:
            yield _in_order(layers, run)
        except BaseException:
            for p, before in weights:
                p.copy_(before)
            raise
        finally:
            for b, before in buffers:
                b.copy_(before)


def _is_weighted(module: Any) -> bool:
    weight = module.__dict__.get("weight")
    return isinstance(weight, Tensor) and weight.ndim >= 2 and hasattr(module, "reset_parameters")


@contextmanager
def outputs(layer: Any, hear: Callable[[Array], None]) -> Iterator[None]:
    """`hear` gets each output of the layer, taken before its own activation."""
    activation = layer.__dict__.get("activation")
    if activation is None:
        with layer.register_forward_hook(lambda module, args, y: hear(y.array)):
            yield
        return

    def heard(y: Tensor) -> Tensor:
        hear(y.array)
        return activation(y)

    layer.__dict__["activation"] = heard
    try:
        yield
    finally:
        layer.__dict__["activation"] = activation


def _in_order(layers: list[tuple[str, Any]], run: Callable) -> list[tuple[str, Any]]:
    """The layers in the order in which forward calls them first."""
    called: list[tuple[str, Any]] = []

    def note(pair: tuple[str, Any]) -> Callable:
        return lambda y: called.append(pair) if pair not in called else None

    with ExitStack() as hooks:
        for pair in layers:
            hooks.enter_context(outputs(pair[1], note(pair)))
        run()
    return called
