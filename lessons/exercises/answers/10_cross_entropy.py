"""Model answers to the exercises of lesson 10."""

import minitorch
from minitorch import Tensor


def logsumexp(x: Tensor) -> Tensor:
    """The largest goes in front, or 0 where there is none."""
    m = x.amax(1, keepdim=True).detach()
    m = minitorch.where(m.isfinite(), m, 0.0)
    return ((x - m).exp().sum(1, keepdim=True).log() + m).squeeze(1)


def log_softmax_grad(g: Tensor, x: Tensor) -> Tensor:
    """y_j = x_j - logsumexp(x): the first term passes g on, the second takes p Σ g."""
    e = (x - x.amax(1, keepdim=True)).exp()
    p = e / e.sum(1, keepdim=True)
    return g - p * g.sum(1, keepdim=True)


def smooth_cross_entropy_grad(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The target adds up to 1 as before, so it is still prediction minus target."""
    e = (x - x.amax(1, keepdim=True)).exp()
    g = e / e.sum(1, keepdim=True) - eps / x.shape[1]
    g[range(len(y)), y] -= 1 - eps
    return g / len(y)


def log_sigmoid(z: Tensor) -> Tensor:
    """-log(1 + e^-z) is z - log(1 + e^z); each where its exponent is negative."""
    return z.clamp_max(0.0) - (-z.abs()).exp().log1p()


def weighted_nll(logp: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The divisor is the sum of the weights, not N."""
    weights = w[y]
    return -(weights * logp[range(len(y)), y]).sum() / weights.sum()
