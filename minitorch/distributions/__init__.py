"""Probability distributions: draws, densities, entropies and divergences, under torch's names.

    policy = Categorical(logits=network(state))
    action = policy.sample()
    loss = -policy.log_prob(action) * reward          # REINFORCE: the score times what it brought

    q = Normal(mean, log_scale.exp())
    z = q.rsample()                                   # mean + scale ε: a draw with a gradient
    loss = loss + kl_divergence(q, Normal(0.0, 1.0)).sum()

The parameters are tensors that broadcast to the batch_shape, one distribution each; one draw has
the event_shape; and sample((S,)) has the shape (S, *batch_shape, *event_shape). Whatever is
computed of the parameters is on the tape. Draws come from minitorch's streams, on the host: the
same on CPU and GPU.
"""

from minitorch.distributions import constraints
from minitorch.distributions.bernoulli import Bernoulli, Geometric
from minitorch.distributions.categorical import Categorical, OneHotCategorical
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.exponential import Exponential, Laplace
from minitorch.distributions.independent import Independent
from minitorch.distributions.kl import kl_divergence, register_kl
from minitorch.distributions.multivariate_normal import MultivariateNormal
from minitorch.distributions.normal import LogNormal, Normal
from minitorch.distributions.poisson import Poisson
from minitorch.distributions.uniform import Uniform

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Geometric",
    "Independent",
    "Laplace",
    "LogNormal",
    "MultivariateNormal",
    "Normal",
    "OneHotCategorical",
    "Poisson",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]
