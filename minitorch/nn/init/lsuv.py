"""LSUV: let the data say how large the weights must be, layer after layer.

Formulas for initial weights assume things of the inputs and the activations. Layer-sequential
unit-variance initialisation measures instead: it runs a batch, looks at what a layer puts out, and
divides the weights by its standard deviation, until every layer in turn has mean 0 and standard
deviation 1. (D. Mishkin and J. Matas, "All you need is a good init", 2015.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.array import Array
from minitorch.nn.init.measuring import Settled, outputs, weighted_layers


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
    run = lambda: model(*inputs)
    with weighted_layers(model, run) as layers:
        return [_settle(path, layer, run, tol, max_rounds) for path, layer in layers]


def _settle(path: str, layer: Any, run: Callable, tol: float, max_rounds: int) -> Settled:
    """Scales and shifts one layer until its output has mean 0 and std 1."""
    heard: list[Array] = []
    bias = layer.__dict__.get("bias")
    alive, mean, std = True, float("nan"), float("nan")
    with outputs(layer, heard.append):
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
    fix = (
        "a larger batch, or a larger max_rounds, may help; and model.eval() before, where "
        "something draws, such as dropout"
    )
    if not alive:
        fix = "it puts out the same for every example, so no scale helps: look at what comes in"
    times = "round" if rounds == 1 else "rounds"
    raise RuntimeError(
        f"lsuv_: layer {path!r} ({type(layer).__name__}) did not settle: its output has mean "
        f"{mean:.3g} and standard deviation {std:.3g} after {rounds} {times}; {fix}"
    )
