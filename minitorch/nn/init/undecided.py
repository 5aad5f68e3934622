"""A classifier should begin without an opinion: nothing is known yet, so no class is preferred.

A last layer with large weights is sure of answers that are wrong nine times in ten, and the first
steps of a training are spent on unlearning them: the loss falls steeply and nothing is learned.
With scores that are nearly equal each of C classes has the probability 1/C, the first loss is
log C, and learning begins at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.array import Array
from minitorch.nn.init.measuring import Settled, outputs, weighted_layers


def undecided_(model: Any, *inputs: Any, std: float = 0.05) -> Settled:
    """Makes the last layer's scores small, so that the first loss is log(classes), in place.

        w ← w std / std(y),   b ← 0          for y = w x, the last layer's output without its bias

    Scores of standard deviation s cost about log C + s²/2. They are not made 0, for then no
    gradient would reach the layers before the last one in the first step. The last layer is the
    one with a `weight` of two or more axes that forward comes to last; nothing that scales again,
    such as a norm, should follow it. `minitorch.diagnostics.first_loss_check` judges the result.

    Args:
        model: built, or built now by its first call.
        inputs: a batch, as the model takes it.
        std: the standard deviation that the scores get.

    Raises:
        ValueError: `std` is not a positive number.
        RuntimeError: the model has no such layer, or what it puts out cannot be scaled; the message
            names it, and all weights are as before.

    >>> import minitorch
    >>> from minitorch import nn
    >>> scores = nn.Linear(50, 10, weights=nn.init.normal())
    >>> model = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), scores)
    >>> nn.init.undecided_(model, minitorch.randn(64, 20)).path
    '2'
    """
    if not 0 < std < float("inf"):
        raise ValueError(f"undecided_: std must be a positive number, got {std}")
    run = lambda: model(*inputs)
    with weighted_layers(model, run) as layers:
        if not layers:
            raise RuntimeError(
                f"undecided_: {type(model).__name__} calls no layer with a weight of two or more "
                "axes on this batch, so there is no last layer to scale"
            )
        path, layer = layers[-1]
        if layer.__dict__.get("bias") is not None:
            layer.bias.zero_()
        spread = _output(layer, run).std()
        if not 0 < float(spread) < float("inf"):
            raise RuntimeError(
                f"undecided_: the outputs of the last layer {path!r} ({type(layer).__name__}) have "
                f"standard deviation {float(spread):.3g}, which no scale makes {std}; look at what "
                "comes in"
            )
        layer.weight.mul_(std / float(spread))
        y = _output(layer, run)
        after = float(y.std())
        if not std / 2 < after < 2 * std:
            raise RuntimeError(
                f"undecided_: scaling the weight of the last layer {path!r} took its outputs to "
                f"standard deviation {after:.3g} and not {std}; does something else use that "
                "weight, or is something drawn that matters much? Then it cannot be set so"
            )
        return Settled(path, 2, float(y.mean()), after)


def _output(layer: Any, run: Callable) -> Array:
    """What the layer puts out, before its own activation, when the model runs once."""
    heard: list[Array] = []
    with outputs(layer, heard.append):
        run()
    return heard[-1]
