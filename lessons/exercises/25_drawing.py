"""Exercises of lesson 25. Fill in the functions; `python -m lessons check 25` looks at them.

A cloud is N(μ, σ²) with logvar = log σ², a number of each for every number of a code.
"""

from minitorch import Tensor


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """How far the clouds are from N(0, 1), in nats: (N, size) to (N,), summed over the numbers.

    For mu = [[1., 0.]] and logvar = [[0., 0.]] it is [0.5].
    """
    raise NotImplementedError


def draw_grad(g: Tensor, logvar: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """dL/dmu and dL/dlogvar for z = mu + exp(logvar / 2) eps, given g = dL/dz.

    Shapes: all (N, size).
    """
    raise NotImplementedError


def kl_grad(g: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """dL/dmu and dL/dlogvar for y = kl(mu, logvar), given g = dL/dy of shape (N,)."""
    raise NotImplementedError


def kl_between(mu1: Tensor, logvar1: Tensor, mu2: Tensor, logvar2: Tensor) -> Tensor:
    """The mean of log q1 - log q2 over draws from q1, for two clouds: (N, size) to (N,).

    With mu2 = 0 and logvar2 = 0 it is kl(mu1, logvar1).
    """
    raise NotImplementedError


def score_slopes(f: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """An estimate of the slope of E f(z) by mu for each of K draws, from the values of f alone.

    By the density it is f_k (z_k - mu) / σ². To make it less noisy, take from each f_k the mean of
    the K - 1 *others*: that changes nothing on average.

    Shapes: f, z and the result (K,); mu and logvar have one number. For f = [1., 3.], z = [0., 2.],
    mu = 1 and logvar = 0 it is [2., 2.].
    """
    raise NotImplementedError
