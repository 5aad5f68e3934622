"""How far one distribution is from another: KL(p || q) = E_p[log p(x) - log q(x)].

A formula is registered for a pair of classes; so may be one for classes of your own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from minitorch.distributions.bernoulli import Bernoulli, Geometric
from minitorch.distributions.categorical import Categorical, OneHotCategorical
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.exponential import Exponential, Laplace
from minitorch.distributions.independent import Independent, over_last
from minitorch.distributions.multivariate_normal import MultivariateNormal, log_det, squared_length
from minitorch.distributions.normal import LogNormal, Normal
from minitorch.distributions.poisson import Poisson
from minitorch.distributions.uniform import Uniform
from minitorch.linalg import solve_triangular
from minitorch.ops.elementwise import log, log1p
from minitorch.ops.smooth import softplus
from minitorch.ops.special import xlogy
from minitorch.tensor import ShapeError, Tensor

Formula = Callable[..., Tensor]
_FORMULAS: dict[tuple[type[Distribution], type[Distribution]], Formula] = {}


def register_kl(
    type_p: type[Distribution], type_q: type[Distribution]
) -> Callable[[Formula], Formula]:
    """Registers the decorated function of p and q as the formula of these classes.

    It serves their subclasses too, where none is registered that is nearer.
    """
    for given in (type_p, type_q):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise TypeError(f"register_kl: expected subclasses of Distribution, got {given!r}")

    def register(formula: Formula) -> Formula:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q) = E_p[log p(x) - log q(x)], at least 0, and 0 where they are the same

    It has the batch_shape of both, broadcast, and gradients in the parameters of both. It is not
    symmetric: where p puts a draw that q holds impossible, it is inf.

    Raises:
        NotImplementedError: no formula is registered; a mean over draws estimates it.

    >>> from minitorch.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for type_p in type(p).__mro__:
        for type_q in type(q).__mro__:
            if (formula := _FORMULAS.get((type_p, type_q))) is not None:
                return formula(p, q)
    raise NotImplementedError(
        f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}; register one "
        "with @register_kl, or estimate it: x = p.rsample((1000,)), "
        "(p.log_prob(x) - q.log_prob(x)).mean(0)"
    )


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    """(r² + ((μ_p - μ_q) / σ_q)² - 1) / 2 - log r, for r = σ_p / σ_q"""
    r = (p.scale / q.scale).square()
    away = ((p.loc - q.loc) / q.scale).square()
    return (r + away - 1 - r.log()) * 0.5


@register_kl(LogNormal, LogNormal)
def _log_normal(p: LogNormal, q: LogNormal) -> Tensor:
    """That of the logarithms: a change of scale changes no information."""
    return _normal(p.base_dist, q.base_dist)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    """(|L_q⁻¹ L_p|² + |L_q⁻¹ (μ_p - μ_q)|² - D) / 2 + log |L_q| - log |L_p|"""
    if p.event_shape != q.event_shape:
        raise ShapeError(
            f"kl_divergence: the draws of p have shape {p.event_shape}, those of q {q.event_shape}"
        )
    ratio = solve_triangular(q.scale_tril, p.scale_tril, upper=False).square().sum((-2, -1))
    away = squared_length(q.scale_tril, p.loc - q.loc)
    return (ratio + away - p.event_shape[0]) * 0.5 + log_det(q.scale_tril) - log_det(p.scale_tril)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    """-log r + r e^(-d / b_p) + d / b_q - 1, for r = b_p / b_q and d = |μ_p - μ_q|"""
    r, d = p.scale / q.scale, (p.loc - q.loc).abs()
    return r * (-d / p.scale).exp() + d / q.scale - r.log() - 1


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    """r - 1 - log r, for r = λ_q / λ_p"""
    r = q.rate / p.rate
    return r - 1 - r.log()


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    """log((b_q - a_q) / (b_p - a_p)); inf where q does not hold all of p"""
    outside = (q.low > p.low) | (q.high < p.high)
    return log((q.high - q.low) / (p.high - p.low)).masked_fill(outside, math.inf)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    """p log(p / q) + (1 - p) log((1 - p) / (1 - q)), where 0 log 0 is 0"""
    x, y = p.logits, q.logits
    certain = q.probs.eq(0) & p.probs.gt(0) | q.probs.eq(1) & p.probs.lt(1)
    yes = (p.probs * (softplus(-y) - softplus(-x))).masked_fill(p.probs.eq(0), 0)
    no = ((1 - p.probs) * (softplus(y) - softplus(x))).masked_fill(p.probs.eq(1), 0)
    return (yes + no).masked_fill(certain, math.inf)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    """-H(p) - log(1 - q) / p - log(q / (1 - q))"""
    return -p.entropy() - log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    """λ_p log(λ_p / λ_q) - λ_p + λ_q, where 0 log 0 is 0"""
    return xlogy(p.rate, p.rate) - xlogy(p.rate, q.rate) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    """Σ p (log p - log q), where 0 log 0 is 0; inf where q lacks what p has"""
    if p.param_shape[-1] != q.param_shape[-1]:
        raise ShapeError(
            f"kl_divergence: p has {p.param_shape[-1]} choices, q has {q.param_shape[-1]}"
        )
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill(q.probs.eq(0).expand(terms.shape), math.inf)
    return terms.masked_fill(p.probs.eq(0).expand(terms.shape), 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    """That of the indices."""
    return _categorical(p._categorical, q._categorical)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    """Σ of those of the numbers"""
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            f"kl_divergence: {p.reinterpreted_batch_ndims} axes of p are of its event, "
            f"{q.reinterpreted_batch_ndims} of q; make them alike"
        )
    return over_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
