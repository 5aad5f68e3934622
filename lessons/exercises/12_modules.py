"""Exercises of lesson 12. Fill in the functions; `python -m lessons check 12` looks at them."""

from typing import Any

from minitorch import Tensor, nn


def named_parameters(module: Any, prefix: str = "") -> dict[str, Tensor]:
    """Path -> tensor, for all that `module` trains: our walk, as a function.

    Go through `vars(module)` in order, and into lists, tuples and, new, dictionaries. A Tensor with
    `requires_grad` is a parameter; an object with a method `forward` is a module, whatever its
    class, to be walked through in turn. Nothing else is looked into. What hangs in several places
    is given once, under its first path.

    If `m.w` is a parameter and `m.parts` is {"left": [p, q]}, with modules p and q that hold a
    parameter `b` each, the paths are "w", "parts.left.0.b" and "parts.left.1.b". A prefix "net."
    is put before each of them.
    """
    raise NotImplementedError


def twice_grad(g: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """dL/dw for y = relu(x w) w, given g = dL/dy; the tape is to stay out of it.

    Shapes: x (N, K), w (K, K), y and g (N, K).

    For N = K = 1 and x, w > 0 it is y = x w², and the gradient 2 g x w.
    """
    raise NotImplementedError


def halved(x: Tensor) -> tuple[Tensor, int]:
    """(x / 2^k, k) with the smallest k >= 0 for which the absolute values add up to at most 1.

    `x` itself is left as it is.

    Raises:
        ValueError: x holds an infinite number or nan.

    For x = [3, -1] it is ([0.75, -0.25], 2).
    """
    raise NotImplementedError


def residual_block(width: int, hidden: int) -> nn.Module:
    """A module for y = x + W2 relu(W1 x + b1) + b2, from (N, width) to (N, width).

    Its parameters are called up.weight (hidden, width), up.bias, down.weight (width, hidden) and
    down.bias. Define a class and return an object of it.
    """
    raise NotImplementedError


def freeze(model: nn.Module, path: str) -> int:
    """Freezes every parameter of the part of the model at `path`, and nothing else.

    The part "net" has the parameters "net.0.weight" and "net.bias", but not "network.weight".

    Returns:
        How many numbers (not tensors) the model still trains.

    For Sequential(Linear(3, 4), Linear(4, 2)) and the path "0" it is 10: 8 weights, 2 biases.
    """
    raise NotImplementedError
