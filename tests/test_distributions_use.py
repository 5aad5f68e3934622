"""Distributions in use: their ends, errors, devices, compiled steps, and learning by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.distributions as D
from minitorch import tensor
from tests.families import (
    COVARIANCE,
    LOC,
    MEAN,
    SCALE,
    SCORES,
    TRIL,
    P,
    each_family,
    made,
)

# what makes no number ---------------------------------------------------------------------------


def test_impossible_values_have_minus_infinity_where_nothing_is_checked():
    uniform = D.Uniform(0.0, 1.0, validate_args=False)
    assert uniform.log_prob(tensor([-0.5, 0.0, 0.5, 1.0])).tolist() == [-math.inf, 0, 0, -math.inf]
    one = D.Poisson(0.0).log_prob(tensor([0.0, 1.0]))
    assert one.tolist() == [0.0, -math.inf]
    assert D.Geometric(1.0).log_prob(tensor([0.0, 1.0])).tolist() == [0.0, -math.inf]


def test_kl_is_infinite_where_q_lacks_what_p_has():
    kl = D.kl_divergence
    assert kl(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)).item() == math.inf
    assert kl(D.Bernoulli(0.5), D.Bernoulli(0.0)).item() == math.inf
    assert kl(D.Bernoulli(0.0), D.Bernoulli(0.0)).item() == pytest.approx(0, abs=1e-6)
    p, q = D.Categorical(tensor([0.5, 0.5, 0.0])), D.Categorical(tensor([1.0, 0.0, 0.0]))
    assert kl(p, q).item() == math.inf
    assert kl(q, p).item() == pytest.approx(math.log(2), rel=1e-6)


def test_entropy_counts_0_log_0_as_0():
    assert D.Categorical(tensor([1.0, 0.0])).entropy().item() == pytest.approx(0, abs=1e-5)
    sure = D.Categorical(logits=tensor([0.0, -math.inf], requires_grad=True))
    assert sure.entropy().item() == 0


def test_large_logits_stay_finite():
    coin = D.Bernoulli(logits=tensor([-1000.0, 1000.0]))
    assert coin.log_prob(tensor([1.0, 1.0])).tolist() == [-1000.0, 0.0]
    assert D.Categorical(logits=tensor([1000.0, 0.0])).log_prob(tensor(1)).item() == -1000


def test_moments_that_do_not_exist_are_nan():
    assert math.isnan(D.Uniform(0.0, 1.0).mode.item())
    assert math.isnan(D.Bernoulli(0.5).mode.item())
    assert np.isnan(D.Categorical(tensor(P)).mean.numpy()).all()


# independent ------------------------------------------------------------------------------------


def test_independent_moves_axes_of_the_batch_into_the_event():
    base = D.Normal(tensor(LOC), tensor(SCALE))
    d, x = D.Independent(base, 1), base.sample((2,))
    assert (d.batch_shape, d.event_shape, d.has_rsample) == ((3,), (4,), True)
    np.testing.assert_allclose(d.log_prob(x).numpy(), base.log_prob(x).numpy().sum(-1))
    np.testing.assert_allclose(d.entropy().numpy(), base.entropy().numpy().sum(-1))
    assert d.rsample((5,)).shape == (5, 3, 4)
    wide = d.expand((6, 3))
    assert (wide.batch_shape, wide.event_shape) == ((6, 3), (4,))
    assert wide.sample().shape == (6, 3, 4)
    q = D.Independent(D.Normal(0.0, 1.0).expand((3, 4)), 1)
    kl = D.kl_divergence(base, D.Normal(0.0, 1.0)).numpy().sum(-1)
    np.testing.assert_allclose(D.kl_divergence(d, q).numpy(), kl)
    assert D.Independent(base, 0).log_prob(x).shape == (2, 3, 4)


def test_a_diagonal_covariance_is_independent_normals():
    d = D.MultivariateNormal(tensor(MEAN), scale_tril=minitorch.diag(tensor(SCALE[:3])))
    other = D.Independent(D.Normal(tensor(MEAN), tensor(SCALE[:3])), 1)
    x = other.sample((5,))
    np.testing.assert_allclose(d.log_prob(x).numpy(), other.log_prob(x).numpy())
    np.testing.assert_allclose(d.entropy().item(), other.entropy().item())


def test_the_three_matrices_say_the_same():
    inverse = np.linalg.inv(COVARIANCE)
    for name, matrix in (("precision_matrix", inverse), ("scale_tril", TRIL)):
        d = D.MultivariateNormal(tensor(MEAN), **{name: tensor(matrix)})
        np.testing.assert_allclose(d.covariance_matrix.numpy(), COVARIANCE, rtol=1e-9)
        np.testing.assert_allclose(d.precision_matrix.numpy(), inverse, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(d.scale_tril.numpy(), TRIL, rtol=1e-9, atol=1e-12)


# kl, registered ---------------------------------------------------------------------------------


class Offset(D.Normal):
    """A family of the user's own."""


def test_a_formula_serves_subclasses_until_a_nearer_one_is_registered():
    p, q = Offset(1.0, 1.0), D.Normal(0.0, 1.0)
    assert D.kl_divergence(p, q).item() == pytest.approx(0.5)

    @D.register_kl(Offset, D.Normal)
    def formula(p: Any, q: Any) -> Any:
        return tensor(7.0)

    assert D.kl_divergence(p, q).item() == 7
    assert D.kl_divergence(q, p).item() == pytest.approx(0.5)


def test_a_pair_without_a_formula_names_the_ways_out():
    with pytest.raises(NotImplementedError, match=r"Normal and Laplace.*register_kl.*log_prob"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Laplace(0.0, 1.0))
    with pytest.raises(TypeError, match="subclasses of Distribution, got 3"):
        D.register_kl(3, D.Normal)  # type: ignore[arg-type]


# errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: D.Normal(0.0, -1.0), ValueError, r"Normal: scale must be above 0, got -1; x.exp"),
        (
            lambda: D.Normal(0.0, tensor([1.0, math.nan])),
            ValueError,
            r"scale must be above 0, got nan at \[1\] of shape \(2,\)",
        ),
        (lambda: D.Normal(math.nan, 1.0), ValueError, "loc must be a number, got nan"),
        (lambda: D.Normal([0.0], 1.0), TypeError, r"loc must be a number or a Tensor, got list"),
        (
            lambda: D.Normal(minitorch.zeros(2), minitorch.ones(3)),
            minitorch.ShapeError,
            r"Normal: loc of shape \(2,\) and scale of shape \(3,\) do not broadcast",
        ),
        (lambda: D.Uniform(1.0, 1.0), ValueError, "low must be below 1, got 1"),
        (lambda: D.Bernoulli(1.5), ValueError, "probs must be from 0 to 1, got 1.5; scores"),
        (lambda: D.Bernoulli(), ValueError, "exactly one of probs, logits must be given, got none"),
        (lambda: D.Bernoulli(0.5, 1.0), ValueError, "got probs and logits"),
        (lambda: D.Geometric(0.0), ValueError, "probs must be above 0, and up to 1, got 0"),
        (lambda: D.Poisson(-1.0), ValueError, "rate must be at least 0, got -1"),
        (
            lambda: D.Categorical(tensor([-1.0, 3.0])),
            ValueError,
            r"probs must be at least 0, with a sum above 0, got \[-1, 3\]; scores .* logits=",
        ),
        (lambda: D.Categorical(minitorch.zeros(2, 3)), ValueError, r"\[0, 0, 0\] at \[0\]"),
        (lambda: D.Categorical(logits=1.0), minitorch.ShapeError, "needs an axis of choices"),
        (
            lambda: D.MultivariateNormal(minitorch.zeros(2), tensor([[1.0, 2.0], [0.0, 1.0]])),
            ValueError,
            r"covariance_matrix must be symmetric, got \[\[1, 2\], \[0, 1\]\]",
        ),
        (
            lambda: D.MultivariateNormal(minitorch.zeros(2), -minitorch.eye(2)),
            minitorch.linalg.LinAlgError,
            r"covariance_matrix must be positive definite; .* \+ 1e-6 \* minitorch\.eye\(2\)",
        ),
        (
            lambda: D.MultivariateNormal(minitorch.zeros(2), scale_tril=minitorch.ones(2, 2)),
            ValueError,
            "lower triangular, with a diagonal above 0",
        ),
        (
            lambda: D.MultivariateNormal(minitorch.zeros(2), minitorch.eye(3)),
            minitorch.ShapeError,
            r"loc of shape \(2,\) and covariance_matrix of shape \(3, 3\)",
        ),
        (
            lambda: D.MultivariateNormal(minitorch.zeros(2, 2), minitorch.eye(2).expand(3, 2, 2)),
            minitorch.ShapeError,
            "whose batches broadcast",
        ),
        (
            lambda: D.Independent(D.Normal(0.0, 1.0), 1),
            minitorch.ShapeError,
            r"ndims is 1, .* \(\), has 0 axes",
        ),
    ],
)
def test_parameters_are_checked(make: Callable, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda: D.Normal(0.0, 1.0).log_prob(2.0), TypeError, r"Normal.log_prob: .*tensor\(2.0\)"),
        (
            lambda: D.Normal(minitorch.zeros(3), 1.0).log_prob(minitorch.zeros(4)),
            minitorch.ShapeError,
            r"value of shape \(4,\) does not broadcast with .* \(3,\)",
        ),
        (
            lambda: D.Exponential(1.0).log_prob(tensor([0.5, -1.0])),
            ValueError,
            r"Exponential.log_prob: value must be at least 0, got -1 at \[1\].*validate_args=False",
        ),
        (
            lambda: D.Uniform(0.0, tensor([[1.0], [3.0]])).cdf(tensor([0.5, 2.0])),
            ValueError,
            r"Uniform.cdf: value must be from low to high, got 2 at \[0, 1\] of shape \(2, 2\)",
        ),
        (
            lambda: D.Categorical(logits=minitorch.zeros(3)).log_prob(tensor(3)),
            ValueError,
            "an integer from 0 to 2, got 3",
        ),
        (
            lambda: D.OneHotCategorical(minitorch.ones(3)).log_prob(minitorch.ones(3)),
            ValueError,
            r"0s and a single 1, got \[1, 1, 1\]; nn.functional.one_hot",
        ),
        (
            lambda: D.OneHotCategorical(minitorch.ones(3)).log_prob(minitorch.ones(2)),
            minitorch.ShapeError,
            r"last axes to be those of one draw, \(3,\)",
        ),
        (lambda: D.Normal(0.0, 1.0).sample(3), TypeError, r"write sample\(\(3,\)\)"),
        (lambda: D.Bernoulli(0.5).rsample(), NotImplementedError, "gradient of log_prob"),
        (lambda: D.Poisson(1.0).entropy(), NotImplementedError, "Poisson has no entropy"),
    ],
)
def test_calls_are_checked(ask: Callable, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        ask()


def test_the_checks_can_be_switched_off_for_one_and_for_all():
    D.Normal(0.0, -1.0, validate_args=False)
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
        with pytest.raises(ValueError, match="scale"):
            D.Normal(0.0, -1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, -1.0)


# dtypes and devices -----------------------------------------------------------------------------


def test_parameters_become_floats_of_one_shape():
    assert D.Normal(0, 1).loc.dtype == minitorch.float32
    assert D.Normal(tensor(0), 1).scale.dtype == minitorch.float32
    d = D.Normal(tensor(0.0, dtype="float64"), 1)
    assert d.scale.dtype == d.sample().dtype == minitorch.float64
    assert D.Normal(minitorch.zeros(3, 1), minitorch.ones(2)).loc.shape == (3, 2)


@each_family
def test_draws_are_the_same_on_every_device(family: str, cuda: Any):
    def draw(device: str) -> Any:
        minitorch.manual_seed(0)
        d = made(family, wrap=lambda v: tensor(v, device=device))
        x = d.sample((3,))
        assert x.device.type == device
        assert d.log_prob(x).device.type == device
        return x.cpu().numpy()

    np.testing.assert_allclose(draw("cpu"), draw("cuda"), rtol=1e-12)


@each_family
def test_shapes_are_known_without_values(family: str):
    d = made(family, wrap=lambda v: tensor(v, device="meta"))
    like = made(family)
    x = d.sample((3,))
    assert x.is_meta
    assert x.shape == like.sample((3,)).shape
    assert d.log_prob(x).shape == like.log_prob(like.sample((3,))).shape


# usage ------------------------------------------------------------------------------------------


def test_reinforce_finds_the_best_arm():
    """The gradient of E[reward] is E[reward ∇ log p(action)]."""
    minitorch.manual_seed(0)
    scores = minitorch.zeros(3, requires_grad=True)
    rewards = tensor([0.1, 1.0, 0.3])
    optimizer = minitorch.optim.SGD([scores], lr=0.5)
    for _ in range(60):
        policy = D.Categorical(logits=scores)
        action = policy.sample((32,))
        reward = rewards[action]
        loss = -(policy.log_prob(action) * (reward - reward.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert D.Categorical(logits=scores).probs[1].item() > 0.8


def test_the_kl_of_a_vae_is_the_formula_of_the_paper():
    """Kingma and Welling 2014, appendix B: -1/2 Σ (1 + log σ² - μ² - σ²)."""
    mu = tensor(SCORES, requires_grad=True)
    log_variance = tensor(P, requires_grad=True)
    q = D.Normal(mu, (log_variance / 2).exp())
    kl = D.kl_divergence(q, D.Normal(0.0, 1.0)).sum()
    kl.backward()
    by_hand = -0.5 * (1 + P - SCORES**2 - np.exp(P)).sum()
    np.testing.assert_allclose(kl.item(), by_hand)
    np.testing.assert_allclose(mu.grad.numpy(), SCORES)
    np.testing.assert_allclose(log_variance.grad.numpy(), (np.exp(P) - 1) / 2)


def test_the_evidence_bound_fits_a_posterior():
    """x ~ N(z, 1), z ~ N(0, 1): having seen x = 2 the posterior is N(1, 1/2)."""
    minitorch.manual_seed(0)
    mean, log_scale = (minitorch.zeros((), requires_grad=True) for _ in range(2))
    optimizer = minitorch.optim.Adam([mean, log_scale], lr=0.05)
    prior, seen = D.Normal(0.0, 1.0), tensor(2.0)
    for _ in range(300):
        q = D.Normal(mean, log_scale.exp())
        z = q.rsample((64,))
        bound = D.Normal(z, 1.0).log_prob(seen).mean() - D.kl_divergence(q, prior)
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()
    assert mean.item() == pytest.approx(1, abs=0.1)
    assert log_scale.exp().item() == pytest.approx(math.sqrt(0.5), abs=0.1)


def test_a_compiled_step_draws_anew_and_checks():
    minitorch.manual_seed(0)
    x = tensor([[0.5, -1.0, 2.0]])

    @minitorch.compile
    def step(scores: Any) -> Any:
        policy = D.Categorical(logits=scores)
        action = policy.sample()
        z = D.Normal(scores, 1.0).rsample()
        return action, policy.log_prob(action), z

    for _ in range(3):
        step(x)
    drawn = [step(x) for _ in range(5)]
    for action, log_p, _ in drawn:
        want = D.Categorical(logits=x).log_prob(action)
        np.testing.assert_allclose(log_p.numpy(), want.numpy(), rtol=1e-6)
    assert len({z.numpy().tobytes() for *_, z in drawn}) == 5


def test_a_compiled_step_looks_at_the_bounds_of_its_own_run():
    @minitorch.compile
    def step(low: Any, x: Any) -> Any:
        return D.Uniform(low, low + 2).log_prob(x)

    for k in range(5):
        low = tensor([0.0, 1.0]) + k
        assert step(low, low + 0.5).tolist() == pytest.approx([-math.log(2)] * 2)
    with pytest.raises(ValueError, match=r"from low to high, got 9 at \[1\]"):
        step(tensor([0.0, 1.0]), tensor([0.5, 9.0]))


def test_vmap_maps_a_batch_of_distributions():
    from minitorch.func import grad, vmap

    def score(mean: Any, x: Any) -> Any:
        return D.Normal(mean, 2.0).log_prob(x)

    got = vmap(grad(score))(minitorch.zeros(3), tensor([1.0, 2.0, -4.0]))
    np.testing.assert_allclose(got.numpy(), [0.25, 0.5, -1.0])


def test_constraints_can_be_asked():
    x = tensor([-1.0, 0.0, 0.5, math.nan])
    c = D.constraints
    assert c.positive.check(x).tolist() == [False, False, True, False]
    assert c.interval(-1, 0).check(x).tolist() == [True, True, False, False]
    assert c.independent(c.real, 1).check(x).item() is False
    assert repr(c.interval(0, 2)) == "<from 0 to 2>"


def test_the_package_is_imported_only_when_asked_for():
    import subprocess
    import sys

    code = "import sys, minitorch; print('minitorch.distributions' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
