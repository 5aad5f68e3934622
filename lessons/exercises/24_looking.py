"""Exercises of lesson 24. Fill in the functions; `python -m lessons check 24` looks at them.

Images are (N, 1, H, W), with ink from 0 to 1.
"""

from collections.abc import Callable

from minitorch import Tensor


def fast_sign(loss: Callable[[Tensor], Tensor], x: Tensor, eps: float) -> Tensor:
    """The images, with each pixel moved by eps in the direction that raises the loss, in [0, 1].

    `loss` makes one number of all images. x is the same afterwards as before, and what is returned
    has no history (`requires_grad` is False).

    For loss(x) = x[0] - 2 x[1], x = [0.5, 0.05] and eps = 0.1 it is [0.6, 0.].
    """
    raise NotImplementedError


def attack_step(x: Tensor, original: Tensor, g: Tensor, step: float, eps: float) -> Tensor:
    """One of several small steps, x + step sign(g): at most eps from the original, and in [0, 1].

    For x = [0.58, 0.5], original = [0.5, 0.5], g = [3., -1.], step = 0.05 and eps = 0.1 it is
    [0.6, 0.45].
    """
    raise NotImplementedError


def grad_cam(A: Tensor, g: Tensor) -> Tensor:
    """relu(Σ_k α_k A_k), with α_k the mean of g over map k.

    Shapes: the maps A and the slopes g of the score by them (N, K, H, W); the result (N, H, W).
    """
    raise NotImplementedError


def occlusion(score: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """How much the score falls when one square of size by size after another is wiped out (0).

    The squares lie side by side from the corner on; size divides H and W.

    Shapes: `score` makes (N,) of images (N, 1, H, W); the result is (N, H / size, W / size).
    """
    raise NotImplementedError


def integrated(score: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
    """What each pixel has added on the way from blank paper to x: *integrated gradients*.

    x times the mean of the slopes at the points (k + 1/2) / steps · x, for k = 0 to steps - 1.
    Summed up it is score(x) - score(0), for many steps. `score` makes (N,) of images (N, 1, H, W),
    each by itself; the result has the shape of x.

    For score x² at x = 3, with 1 step: the slope at 1.5 is 3, times 3 is 9.
    """
    raise NotImplementedError
