"""Exercises of lesson 20. Fill in the functions; `python -m lessons check 20` looks at them.

Build them without minitorch's dropout, optimizers and augmentations.
"""

from collections.abc import Sequence

from minitorch import Tensor


def dropout(x: Tensor, u: Tensor, p: float, training: bool) -> Tensor:
    """Dropout with given draws u, of x's shape and uniform in [0, 1): dropped where u < p.

    The mean over all draws is x; p is below 1. Without training nothing happens.

    For x = [3., 3.], u = [0.1, 0.6] and p = 0.25 it is [0., 4.] in training.
    """
    raise NotImplementedError


def dropout_grad(g: Tensor, x: Tensor, u: Tensor, p: float) -> Tensor:
    """dL/dx for y = dropout(x, u, p, training=True), given g = dL/dy."""
    raise NotImplementedError


def sgdw_step(
    w: Tensor, g: Tensor, velocity: Tensor, lr: float, momentum: float, decay: float
) -> tuple[Tensor, Tensor]:
    """The new w and velocity after a step of SGD with momentum and *decoupled* weight decay.

    The velocity is momentum times the old one, plus g. The weight first shrinks by the share
    lr * decay, then moves against the new velocity, lr times as far.

    For w = [1.], g = [0.], velocity = [2.], lr 0.1, momentum 0.5 and decay 1 they are [0.8], [1.].
    """
    raise NotImplementedError


def stopping(losses: Sequence[float], patience: int, min_delta: float) -> tuple[int, int]:
    """(best, last): the epoch whose weights are kept, and the last one that is run; from 0.

    An epoch is better if its loss is below the best one's by more than min_delta. The run stops
    when `patience` epochs in a row were not better, or at the end of `losses`.

    For [5, 4, 3, 3.5, 2.9, 3, 1], patience 3 and min_delta 0.5 it is (2, 5).
    """
    raise NotImplementedError


def shifted(x: Tensor, down: int, right: int, fill: float) -> Tensor:
    """Images (N, C, H, W) moved by so many pixels; what comes into view is `fill`.

    Negative numbers move up and left. For [[1., 2.], [3., 4.]], down 1, right 0 and fill 9 an image
    becomes [[9., 9.], [1., 2.]].
    """
    raise NotImplementedError
