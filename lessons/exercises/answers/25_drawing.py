"""Model answers to the exercises of lesson 25."""

from minitorch import Tensor


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """The formula of the lesson."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def draw_grad(g: Tensor, logvar: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """exp(logvar / 2) is half of itself as a slope."""
    return g, 0.5 * g * eps * (0.5 * logvar).exp()


def kl_grad(g: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Each row has one g for all its numbers."""
    return g[:, None] * mu, 0.5 * g[:, None] * (logvar.exp() - 1)


def kl_between(mu1: Tensor, logvar1: Tensor, mu2: Tensor, logvar2: Tensor) -> Tensor:
    """As before, measured by the second cloud."""
    ratio = (logvar1 - logvar2).exp()
    apart = (mu1 - mu2) ** 2 / logvar2.exp()
    return 0.5 * (apart + ratio - 1 - logvar1 + logvar2).sum(1)


def score_slopes(f: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """The mean of the others is the sum without the own, over one less."""
    others = (f.sum() - f) / (len(f) - 1)
    return (f - others) * (z - mu) / logvar.exp()
