"""Exercises of lesson 10. Fill in the functions; `python -m lessons check 10` looks at them.

Scores x have shape (N, C), a row for each example; labels y are integers of shape (N,). Build the
functions from exp, log, sum, max and so on, without minitorch's softmax, logsumexp and losses.
"""

from minitorch import Tensor


def logsumexp(x: Tensor) -> Tensor:
    """log Σ_c e^x_c for each row, of shape (N,).

    Finite wherever the answer is; -inf for a row of -inf.

    For [[1000., 1000.], [-inf, -inf]] it is [1000.6931, -inf].
    """
    raise NotImplementedError


def log_softmax_grad(g: Tensor, x: Tensor) -> Tensor:
    """dL/dx for y = log_softmax(x), given g = dL/dy; all of shape (N, C)."""
    raise NotImplementedError


def smooth_cross_entropy_grad(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """dL/dx for the mean cross-entropy with label smoothing.

    The target of an example is not its one-hot row o but (1 - eps) o + eps / C.

    For eps = 0 it is (p - o) / N. For C = 2, N = 1, x = [[0., 0.]], y = [0], eps = 0.2 it is
    [[-0.4, 0.4]].
    """
    raise NotImplementedError


def log_sigmoid(z: Tensor) -> Tensor:
    """log(1 / (1 + e^-z)), of any shape, finite for every finite z.

    For [-1000., 0., 1000.] it is [-1000., -0.6931, 0.].
    """
    raise NotImplementedError


def weighted_nll(logp: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The weighted mean of -logp at the labels: each example weighs w[its label], w is (C,).

    For two examples with losses 1 and 4 and weights 3 and 1 it is (3 + 4) / 4 = 1.75.
    """
    raise NotImplementedError
