"""Exercises of lesson 11. Fill in the functions; `python -m lessons check 11` looks at them.

Scores have shape (N, C), a row for each image; labels y are integers of shape (N,).
"""

from collections.abc import Callable, Iterable, Iterator

from minitorch import Tensor


def accuracy(scores: Tensor, y: Tensor) -> float:
    """The share of rows whose highest score is that of their label, between 0 and 1.

    For scores [[1., 2.], [3., 0.], [0., 5.]] and labels [1, 0, 0] it is 0.6667.
    """
    raise NotImplementedError


def minibatches(x: Tensor, y: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: pairs (rows of x, their labels) of batch_size examples, in random order.

    Every example comes once; the last batch holds whatever remains. Each call draws an order anew.
    """
    raise NotImplementedError


def sgd_step(parameters: Iterable[Tensor], lr: float) -> None:
    """p ← p - lr dL/dp for each parameter, in place and off the tape; then forgets the gradients.

    A parameter whose .grad is None was not used: it stays as it is.
    """
    raise NotImplementedError


def train(
    parameters: list[Tensor],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    lr: float,
) -> list[float]:
    """One step of gradient descent for each batch (x, y), with the loss loss_of(x, y).

    Returns:
        The losses as Python numbers, each taken before its step.
    """
    raise NotImplementedError


def first_layer_grad(
    x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, Tensor]:
    """dL/dw1 and dL/db1 by formula, for the network of the lesson; the tape stays out of it.

    L is the mean cross-entropy of relu(x w1 + b1) w2 + b2. Shapes: x (N, m), w1 (m, h), b1 (h,),
    w2 (h, C), b2 (C,).
    """
    raise NotImplementedError
