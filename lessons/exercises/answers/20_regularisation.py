"""Model answers to the exercises of lesson 20."""

from collections.abc import Sequence

import minitorch
from minitorch import Tensor


def dropout(x: Tensor, u: Tensor, p: float, training: bool) -> Tensor:
    """A product with the mask, scaled so that the mean stays."""
    if not training:
        return x
    return x * (u >= p).to(x.dtype) / (1 - p)


def dropout_grad(g: Tensor, x: Tensor, u: Tensor, p: float) -> Tensor:
    """The same mask and the same scale."""
    return g * (u >= p).to(g.dtype) / (1 - p)


def sgdw_step(
    w: Tensor, g: Tensor, velocity: Tensor, lr: float, momentum: float, decay: float
) -> tuple[Tensor, Tensor]:
    """The decay passes by the velocity."""
    velocity = momentum * velocity + g
    return (1 - lr * decay) * w - lr * velocity, velocity


def stopping(losses: Sequence[float], patience: int, min_delta: float) -> tuple[int, int]:
    """Count from the best epoch so far."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1


def shifted(x: Tensor, down: int, right: int, fill: float) -> Tensor:
    """What stays in view is copied onto an image of `fill`."""
    height, width = x.shape[2:]
    y = minitorch.zeros_like(x) + fill
    rows, columns = height - abs(down), width - abs(right)
    if rows > 0 and columns > 0:
        i, j = max(down, 0), max(right, 0)
        k, m = max(-down, 0), max(-right, 0)
        y[:, :, i : i + rows, j : j + columns] = x[:, :, k : k + rows, m : m + columns]
    return y
