"""LSUV: let the data say how large the weights must be, layer after layer.

Formulas for initial weights assume things of the inputs and the activations. Layer-sequential
unit-variance initialisation measures instead: it runs a batch, looks at what a layer puts out, and
divides the weights by its standard deviation, until every layer in turn has mean 0 and standard
deviation 1. (D. Mishkin and J. Matas, "All you need is a good init", 2015.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def lsuv_(model: Any, *inputs: Any, tol: float = 1e-3, max_rounds: int = 20) -> list[Settled]:
    """Scales weights and shifts biases until each layer's output has mean 0 and std 1, in place.

        w ← w / std(y),   b ← (b - mean(y)) / std(y)      for y = the layer's output on the batch

    Layers are those with a `weight` of two or more axes, in the order in which forward calls them;
    what counts is their output before their own `activation=`, if any. A layer without a bias
    keeps its mean. Gradients, modes and running statistics are left alone.

    Args:
        model: built, or built now by its first call.
        inputs: a batch, as the model takes it.
        tol: how far the mean may be from 0, and the standard deviation from 1.
        max_rounds: how often the batch is run for one layer before it is given up.

    Raises:
        ValueError: `max_rounds` is less than 1.
        RuntimeError: a layer did not settle; the message names it, and all weights are as before.

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 10))
    >>> nn.init.lsuv_(model, minitorch.randn(64, 20))[-1].path
    '2'
    """
    if max_rounds < 1:
        raise ValueError(f"lsuv_: max_rounds must be at least 1, got {max_rounds}")
    with no_grad():
        run = lambda: model(*inputs)
        if any(module.open_sizes for module in model.modules()):
            run()
        layers = [pair for pair in model.named_modules() if _is_weighted(pair[1])]
        weights = [(p, p.clone()) for _, layer in layers for p in layer.parameters(False)]
        buffers = [(b, b.clone()) for b in model.buffers()]
        try:
            return [
                _settle(path, layer, run, tol, max_rounds) for path, layer in _in_order(layers, run)
            ]
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
def _outputs(layer: Any, hear: Callable[[Array], None]) -> Iterator[None]:
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

    def with_hooks(rest: list[tuple[str, Any]]) -> None:
        if not rest:
            run()
            return
        with _outputs(rest[0][1], note(rest[0])):
            with_hooks(rest[1:])

    with_hooks(layers)
    return called


def _settle(path: str, layer: Any, run: Callable, tol: float, max_rounds: int) -> Settled:
    """Scales and shifts one layer until its output has mean 0 and std 1."""
    heard: list[Array] = []
    bias = layer.__dict__.get("bias")
    alive, mean, std = True, float("nan"), float("nan")
    with _outputs(layer, heard.append):
        for rounds in range(1, max_rounds + 1):
            heard.clear()
            run()
            y = heard[0]
            mean, std = float(y.mean()), float(y.std())
            alive = bool((y.max(0) > y.min(0)).any())  # does anything differ between examples?
            centred = bias is None or abs(mean) < tol
            if alive and centred and abs(std - 1) < tol:
                return Settled(path, rounds, mean, std)
            if not alive or not 0 < std < float("inf"):
                break
            layer.weight.div_(std)
            if bias is not None:
                bias.sub_(mean).div_(std)
    fix = "a larger batch, or a larger max_rounds, may help"
    if not alive:
        fix = "it puts out the same for every example, so no scale helps: look at what comes in"
    times = "round" if rounds == 1 else "rounds"
    raise RuntimeError(
        f"lsuv_: layer {path!r} ({type(layer).__name__}) did not settle: its output has mean "
        f"{mean:.3g} and standard deviation {std:.3g} after {rounds} {times}; {fix}"
    )
