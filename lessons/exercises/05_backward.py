"""Exercises of lesson 5. Fill in the functions; `python -m lessons check 05` looks at them.

The functions called ..._grad return gradients. g is the gradient of what the step has made, y.
"""

from collections.abc import Callable

from minitorch import Tensor


def slope(f: Callable[[Tensor], Tensor], x: Tensor, index: tuple[int, ...], h: float) -> float:
    """How f(x), one number, answers to x[index]: the two-point formula with the step h.

    x is the same afterwards as before.

    For f(x) = (x ** 3).sum(), x = [1., 2.], index (1,) and h = 0.1 it is 12.01.
    """
    raise NotImplementedError


def leaky_relu_grad(g: Tensor, x: Tensor) -> Tensor:
    """dL/dx for y = x where x > 0, and y = x / 10 elsewhere.

    For g = [1., 1.] and x = [3., -3.] it is [1., 0.1].
    """
    raise NotImplementedError


def l1_grad(output: Tensor, targ: Tensor) -> Tensor:
    """dL/doutput for the mean of |output - targ|: output is (N, 1), targ (N,), none are equal.

    For output [[1.], [5.]] and targ [2., 3.] it is [[-0.5], [0.5]].
    """
    raise NotImplementedError


def linear_grad(g: Tensor, x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/dw and dL/db for y = x @ w.T + b, which is how PyTorch stores weights.

    Shapes: x (N, in), w (out, in), b (out,), y and g (N, out).
    """
    raise NotImplementedError


def residual_grad(g: Tensor, x: Tensor, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/dw and dL/dv for y = x + relu(x @ w) @ v.

    Shapes: x, y and g (N, K), w (K, H), v (H, K). x is used twice.
    """
    raise NotImplementedError
