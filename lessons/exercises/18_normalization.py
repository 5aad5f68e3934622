"""Exercises of lesson 18. Fill in the functions; `python -m lessons check 18` looks at them.

x is (N, C): N examples with C features each; w and b are (C,). g is the gradient of y. Build the
functions without minitorch's norms and without the tape.
"""

from minitorch import Tensor


def batch_norm(x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
    """y = w x̂ + b in training: x̂ has mean 0 and variance 1 in each column, up to eps.

    For x = [[1., 5.], [3., 5.]], w = [1., 1.], b = [0., 9.] and a tiny eps it is
    [[-1., 9.], [1., 9.]].
    """
    raise NotImplementedError


def layer_norm_grad(
    g: Tensor, x: Tensor, w: Tensor, b: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/dw and dL/db for y = w x̂ + b, where each row of x is standardized by itself."""
    raise NotImplementedError


def rms_norm_grad(g: Tensor, x: Tensor, eps: float) -> Tensor:
    """dL/dx for y = x / √(mean of x² over the row + eps). No mean is subtracted."""
    raise NotImplementedError


def move_running(mean: Tensor, var: Tensor, x: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """The running mean and variance, both (C,), after a batch x, by torch's conventions.

    For mean [0.], var [1.], x = [[1.], [3.]] and momentum 0.1 they are [0.2] and [1.1].
    """
    raise NotImplementedError


def merged(
    weight: Tensor, bias: Tensor, w: Tensor, b: Tensor, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """One linear layer for a linear layer and the batch norm behind it, after eval().

    weight is (C, in) and bias (C,), so that z = x @ weight.T + bias; the norm has the scale w, the
    shift b, and the running mean and var of z. Returns its weight, (C, in), and bias, (C,).
    """
    raise NotImplementedError
