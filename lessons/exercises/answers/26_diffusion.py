"""Model answers to the exercises of lesson 26."""

import minitorch
from minitorch import Tensor


def steps_for(abar: Tensor) -> Tensor:
    """Each abar over the one before, the first over 1."""
    before = minitorch.cat([minitorch.ones_like(abar[:1]), abar[:-1]])
    return 1 - abar / before


def noised(x: Tensor, abar: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """One number for each image, upright in front of its axes."""
    a = abar[t].reshape(-1, *[1] * (x.ndim - 1))
    return a.sqrt() * x + (1 - a).sqrt() * eps


def origin(x: Tensor, eps: Tensor, abar: float) -> Tensor:
    """The jump into the noise, solved for its beginning."""
    return (x - (1 - abar) ** 0.5 * eps) / abar**0.5


def best_origin(x: Tensor, points: Tensor, abar: float) -> Tensor:
    """softmax over the points, by the distance that the noise would have had to go."""
    apart = ((x[:, None] - abar**0.5 * points) ** 2).sum(2)
    return (-apart / (2 * (1 - abar))).softmax(1) @ points


def jump_back(x: Tensor, eps: Tensor, abar: float, before: float) -> Tensor:
    """Out to the origin, and back in."""
    return before**0.5 * origin(x, eps, abar) + (1 - before) ** 0.5 * eps
