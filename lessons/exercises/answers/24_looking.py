"""Model answers to the exercises of lesson 24."""

from collections.abc import Callable

import minitorch
from minitorch import Tensor
from minitorch.autograd import grad


def fast_sign(loss: Callable[[Tensor], Tensor], x: Tensor, eps: float) -> Tensor:
    """The sign of the slope, times eps."""
    leaf = x.detach().clone().requires_grad_()
    (g,) = grad(loss(leaf), [leaf])
    return (x.detach() + eps * g.sign()).clamp(0, 1)


def attack_step(x: Tensor, original: Tensor, g: Tensor, step: float, eps: float) -> Tensor:
    """A step, then back into the box around the original, then onto the paper."""
    moved = x + step * g.sign()
    return (original + (moved - original).clamp(-eps, eps)).clamp(0, 1)


def grad_cam(A: Tensor, g: Tensor) -> Tensor:
    """A weight for each map, kept upright to meet its places."""
    alpha = g.mean((2, 3), keepdim=True)
    return (alpha * A).sum(1).relu()


def occlusion(score: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """A copy for every square."""
    rows, columns = x.shape[2] // size, x.shape[3] // size
    whole, fallen = score(x), []
    for i in range(rows):
        for j in range(columns):
            wiped = x.clone()
            wiped[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size] = 0.0
            fallen.append(whole - score(wiped))
    return minitorch.stack(fallen, 1).reshape(len(x), rows, columns)


def integrated(score: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
    """The scores of different images do not meet, so their sum has the slopes of all."""
    total = minitorch.zeros_like(x)
    for k in range(steps):
        at = (x.detach() * ((k + 0.5) / steps)).requires_grad_()
        total = total + grad(score(at).sum(), [at])[0]
    return x * total / steps
