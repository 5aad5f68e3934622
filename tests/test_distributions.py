"""Distributions: formulas, shapes and draws, by hand, by their definitions, and beside torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.distributions as D
from minitorch import tensor
from minitorch.gradcheck import gradcheck, gradgradcheck
from tests.families import (
    FAMILIES,
    LOC,
    SMOOTH,
    WITH_CDF,
    WITH_ENTROPY,
    each_family,
    made,
    twins,
)


def close(ours: Any, theirs: Any) -> None:
    assert ours.shape == tuple(theirs.shape)
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.detach().numpy(), theirs.numpy(), rtol=1e-9, atol=1e-12)


# beside torch -----------------------------------------------------------------------------------


@each_family
def test_log_prob_entropy_and_moments_are_torchs(family: str):
    ours, theirs = twins(family)
    assert ours.batch_shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    x = theirs.sample((2,))
    close(ours.log_prob(tensor(x.numpy())), theirs.log_prob(x))
    for name in ("mean", "variance", "stddev", "mode"):
        close(getattr(ours, name), getattr(theirs, name))
    if family in WITH_ENTROPY:
        close(ours.entropy(), theirs.entropy())
        close(ours.perplexity(), theirs.perplexity())


@each_family
def test_shapes_of_draws_and_of_expanded_batches_are_torchs(family: str):
    ours, theirs = twins(family)
    for shape in ((), (5,), (2, 5)):
        x, y = ours.sample(shape), theirs.sample(shape)
        assert x.shape == tuple(y.shape)
        assert str(y.dtype) == f"torch.{x.dtype}"
        assert ours.log_prob(x).shape == tuple(theirs.log_prob(y).shape)
    batch = (6, *ours.batch_shape)
    wide, theirs = ours.expand(batch), theirs.expand(batch)
    assert type(wide) is type(ours)
    assert wide.batch_shape == batch
    assert wide.sample((2,)).shape == tuple(theirs.sample((2,)).shape)
    x = theirs.sample()
    close(wide.log_prob(tensor(x.numpy())), theirs.log_prob(x))
    close(wide.mean, theirs.mean)


@each_family
def test_kl_divergence_is_torchs(family: str):
    torch = pytest.importorskip("torch")
    (p, r), (q, s) = twins(family), twins(family, second=True)
    close(D.kl_divergence(p, q), torch.distributions.kl_divergence(r, s))


@pytest.mark.parametrize("family", WITH_CDF)
def test_cdf_and_icdf_are_torchs_and_each_others_inverse(family: str):
    ours, theirs = twins(family)
    x = theirs.sample((2,))
    close(ours.cdf(tensor(x.numpy())), theirs.cdf(x))
    p = np.broadcast_to(np.linspace(0.05, 0.95, 6).reshape(6, 1, 1), (6, 3, 4))
    np.testing.assert_allclose(ours.cdf(ours.icdf(tensor(p))).numpy(), p)


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "one_hot_logits"])
def test_enumerate_support_is_torchs_and_its_probabilities_sum_to_1(family: str):
    ours, theirs = twins(family)
    for expand in (True, False):
        close(ours.enumerate_support(expand), theirs.enumerate_support(expand))
    total = ours.log_prob(ours.enumerate_support()).exp().sum(0)
    np.testing.assert_allclose(total.numpy(), 1)


def test_reprs_are_torchs_but_for_the_word_size():
    assert repr(D.Normal(0.0, 1.5)) == "Normal(loc: 0.0, scale: 1.5)"
    assert repr(D.Normal(tensor(LOC), 1.0)) == "Normal(loc: (3, 1), scale: (3, 1))"
    independent = D.Independent(D.Normal(minitorch.zeros(2), 1.0), 1)
    assert repr(independent) == "Independent(Normal(loc: (2,), scale: (2,)), 1)"


# by definition ----------------------------------------------------------------------------------

GRID = np.linspace(-30, 60, 200_001)


@pytest.mark.parametrize("family", ["normal", "log_normal", "laplace", "uniform", "exponential"])
def test_a_density_integrates_to_1_with_the_stated_moments(family: str):
    """∫ p = 1, ∫ x p = mean, ∫ (x - mean)² p = variance, -∫ p log p = entropy."""
    name = FAMILIES[family][0]
    d = {"log_normal": D.LogNormal(0.3, 0.4), "uniform": D.Uniform(-1.0, 3.0)}.get(family)
    d = d or getattr(D, name)(*([1.2] if family == "exponential" else [0.5, 1.2]))
    x = GRID[GRID > 0] if family in ("log_normal", "exponential") else GRID
    x = x[(x > -1) & (x < 3)] if family == "uniform" else x
    dx, log_p = GRID[1] - GRID[0], d.log_prob(tensor(x)).numpy()
    p = np.exp(log_p) * dx
    mean = (x * p).sum()
    assert p.sum() == pytest.approx(1, abs=2e-3)
    assert mean == pytest.approx(d.mean.item(), abs=2e-3)
    assert ((x - mean) ** 2 * p).sum() == pytest.approx(d.variance.item(), abs=5e-3)
    assert -(p * log_p).sum() == pytest.approx(d.entropy().item(), abs=2e-3)
    assert d.log_prob(d.mode if family != "uniform" else d.mean).item() >= log_p.max() - 1e-6


@pytest.mark.parametrize(
    "d", [D.Poisson(2.5), D.Geometric(0.3), D.Bernoulli(0.3)], ids=["poisson", "geometric", "coin"]
)
def test_probabilities_sum_to_1_with_the_stated_moments(d: D.Distribution):
    k = np.arange(2.0 if isinstance(d, D.Bernoulli) else 100.0)
    p = d.log_prob(tensor(k)).exp().numpy().astype(np.float64)
    assert p.sum() == pytest.approx(1, rel=1e-5)
    assert (k * p).sum() == pytest.approx(d.mean.item(), rel=1e-5)
    assert ((k - d.mean.item()) ** 2 * p).sum() == pytest.approx(d.variance.item(), rel=1e-4)
    assert d.mode.item() == k[p.argmax()]


@each_family
def test_draws_have_the_stated_moments(family: str):
    minitorch.manual_seed(3)
    d, n = made(family), 40_000
    x = d.sample((n,)).numpy().astype(np.float64)
    if family.startswith("categorical"):
        x = np.eye(4)[x.astype(int)]
        mean = d.probs.numpy()
        variance = mean * (1 - mean)
    else:
        mean, variance = d.mean.numpy(), d.variance.numpy()
    if family == "log_normal":  # whose tails are too heavy for 40,000 draws
        x, mean, variance = np.log(x), d.loc.numpy(), d.scale.numpy() ** 2
    assert (np.abs(x.mean(0) - mean) < 5 * np.sqrt(variance / n)).all()
    np.testing.assert_allclose(x.var(0), variance, rtol=0.2)


@each_family
def test_draws_come_from_the_stream_and_lie_in_the_support(family: str):
    d = made(family)
    minitorch.manual_seed(1)
    x = d.sample((50,))
    minitorch.manual_seed(1)
    assert minitorch.equal(x, d.sample((50,)))
    assert not minitorch.equal(x, d.sample((50,)))
    d.log_prob(x)  # checks the support
    assert not x.requires_grad


@pytest.mark.parametrize("family", WITH_ENTROPY)
def test_entropy_is_the_mean_of_minus_log_prob_and_kl_that_of_the_difference(family: str):
    minitorch.manual_seed(5)
    p, q = made(family), made(family, second=True)
    x = p.sample((40_000,))
    log_p, log_q = p.log_prob(x).numpy(), q.log_prob(x).numpy()
    for values, want in ((-log_p, p.entropy()), (log_p - log_q, D.kl_divergence(p, q))):
        slack = 5 * values.std(0) / 200 + 1e-9
        assert (np.abs(values.mean(0) - want.numpy()) < slack).all()
    np.testing.assert_allclose(D.kl_divergence(p, p).numpy(), 0, atol=1e-12)


@pytest.mark.parametrize("q", [-np.inf, 0.0, np.inf])
@pytest.mark.parametrize("p", [-np.inf, 0.0, np.inf])
def test_kl_divergence_of_what_is_certain(p: float, q: float):
    """By logits of ±inf: log 2 against an even coin, 0 where both are certain alike, else inf."""
    far = D.kl_divergence(D.Bernoulli(logits=tensor(p)), D.Bernoulli(logits=tensor(q))).item()
    want = 0.0 if p == q else np.log(2) if q == 0 else np.inf
    np.testing.assert_allclose(far, want, rtol=1e-6)


def test_counts_may_be_integers():
    rate = tensor([3.5], dtype="float64")
    want = 4 * np.log(3.5) - 3.5 - np.log(24)
    for count in (tensor([4]), tensor([4.0], dtype="float64")):
        log_p = D.Poisson(rate).log_prob(count)
        assert log_p.dtype == "float64"
        np.testing.assert_allclose(log_p.item(), want, rtol=1e-14)


def test_a_choice_without_probability_is_never_drawn():
    minitorch.manual_seed(0)
    x = D.Categorical(tensor([0.0, 1.0, 0.0, 3.0, 0.0])).sample((1000,)).numpy()
    assert set(x.tolist()) == {1, 3}


# gradients --------------------------------------------------------------------------------------


def gradient_of(family: str, f: Callable) -> None:
    """Checks the slopes of f(distribution), of the first and second order, by its parameters."""
    name, parameters, _ = FAMILIES[family]
    keys = list(parameters)
    inputs = [tensor(v, requires_grad=True) for v in parameters.values()]

    def value(*tensors: Any) -> Any:
        if "covariance_matrix" in keys or "precision_matrix" in keys:
            tensors = (tensors[0], (tensors[1] + tensors[1].mT) / 2)
        return f(getattr(D, name)(**dict(zip(keys, tensors)), validate_args=False))

    assert gradcheck(value, inputs, zero_ok=True)
    assert gradgradcheck(value, inputs)


@each_family
def test_log_prob_has_the_gradient_of_its_formula(family: str):
    minitorch.manual_seed(2)
    x = made(family).sample((2,))
    gradient_of(family, lambda d: d.log_prob(x))


@pytest.mark.parametrize("family", WITH_ENTROPY)
def test_entropy_and_kl_have_the_gradients_of_their_formulas(family: str):
    q = made(family, second=True)
    gradient_of(family, lambda d: d.entropy().sum() + D.kl_divergence(d, q).sum() * 0.7)


@pytest.mark.parametrize("family", SMOOTH)
def test_a_reparametrised_draw_has_a_gradient(family: str):
    assert made(family).has_rsample

    def draw(d: D.Distribution) -> Any:
        minitorch.manual_seed(4)
        return d.rsample((2,))

    gradient_of(family, draw)


def test_the_gradient_by_the_value_is_the_score():
    x = tensor([0.3, -1.0], requires_grad=True)
    D.Normal(0.5, 2.0).log_prob(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.05, 0.375], rtol=1e-6)


def test_a_draw_before_does_not_cut_the_gradient_of_what_comes_after():
    """What is computed under no_grad for a draw must not be kept."""
    scores = tensor([0.5, -1.0], requires_grad=True)
    for d in (D.Bernoulli(logits=scores), D.Categorical(logits=scores)):
        d.sample()
        scores.grad = None
        d.probs.pow(2).sum().backward()
        assert abs(scores.grad.numpy()).min() > 0.01
