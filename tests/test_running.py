"""Running values, blocks and covariances: ties, extremes, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import ShapeError

INF, NAN = math.inf, math.nan


def test_of_equals_the_last_is_the_largest_so_far_and_gets_the_gradient():
    x = mt.tensor([2.0, 1.0, 2.0, 0.0, 2.0], requires_grad=True)
    values, indices = x.cummax(0)
    assert values.tolist() == [2.0] * 5
    assert indices.tolist() == [0, 0, 2, 2, 4]
    values.backward(mt.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0]))
    assert x.grad.tolist() == [11.0, 0.0, 1100.0, 0.0, 10000.0]
    assert mt.tensor([2, 1, 1, 3]).cummin(0).indices.tolist() == [0, 1, 2, 2]


def test_nan_stays_the_largest_and_the_smallest():
    x = mt.tensor([1.0, NAN, 3.0, NAN, 0.0])
    for running in (mt.cummax, mt.cummin):
        values, indices = running(x, 0)
        assert values.tolist() == pytest.approx([1.0, NAN, NAN, NAN, NAN], nan_ok=True)
        assert indices.tolist() == [0, 1, 1, 3, 3]


def test_running_values_of_ints_of_nothing_and_of_one_number():
    assert mt.tensor([3, 5, 4]).cummax(-1).values.tolist() == [3, 5, 5]
    assert mt.zeros(2, 0).cummax(1).values.shape == (2, 0)
    assert mt.zeros(2, 0).logcumsumexp(0).shape == (2, 0)
    assert mt.tensor(7.0).cummin(0) == (mt.tensor(7.0), mt.tensor(0))
    with pytest.raises(IndexError, match="cummax"):
        mt.zeros(2).cummax(1)


def test_logs_of_running_sums_do_not_overflow():
    x = mt.tensor([-INF, -INF, -1000.0, 1000.0, 1000.0, -INF], requires_grad=True)
    y = x.logcumsumexp(0)
    log2 = math.log(2)
    want = [-INF, -INF, -1000.0, 1000.0, 1000 + log2, 1000 + log2]
    np.testing.assert_allclose(y.tolist(), want, rtol=1e-6)
    y[2:].sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), [0, 0, 1, 2, 1, 0], rtol=1e-4)
    assert mt.tensor([0.0, INF, 1.0]).logcumsumexp(0).tolist() == [0.0, INF, INF]
    with pytest.raises(TypeError, match=r"logcumsumexp: x needs float, got int64; try x\.float"):
        mt.arange(3).logcumsumexp(0)


def test_logcumsumexp_at_its_extremes_is_torchs():
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    for values in ([[0.0, -INF, 5.0], [80.0, -80.0, 90.0]], [[-INF, 1.0, 2.0], [NAN, 1.0, 2.0]]):
        x = mt.tensor(values, dtype="float64")
        for dim in (0, 1):
            want = torch.logcumsumexp(torch.tensor(values, dtype=torch.float64), dim)
            np.testing.assert_allclose(x.logcumsumexp(dim).numpy(), want.numpy())


def test_blocks_may_be_empty_and_choices_none():
    y = mt.block_diag(mt.ones(0, 2), mt.tensor([[3.0]]))
    assert y.tolist() == [[0.0, 0.0, 3.0]]
    assert mt.combinations(mt.arange(2), 3).shape == (0, 3)
    assert mt.cartesian_prod(mt.arange(2), mt.zeros(0, dtype=int)).shape == (0, 2)
    with pytest.raises(ShapeError, match=r"block_diag: .*tensors\[1\] has shape \(1, 1, 1\)"):
        mt.block_diag(mt.ones(1, 1), mt.ones(1, 1, 1))
    with pytest.raises(ShapeError, match=r"cartesian_prod: .*tensors\[0\].*x\.flatten\(\)"):
        mt.cartesian_prod(mt.ones(2, 2))
    for f in (mt.block_diag, mt.cartesian_prod):
        with pytest.raises(ValueError, match=f"{f.__name__}: expected at least one .* got none"):
            f()
        with pytest.raises(TypeError, match=rf"{f.__name__}: .* is a list; .*{f.__name__}\(\*"):
            f([mt.ones(1)])
    with pytest.raises(ShapeError, match=r"combinations: .*\(2, 2\)"):
        mt.combinations(mt.ones(2, 2))


def test_covariances_of_counted_and_weighted_observations():
    x = np.random.default_rng(0).standard_normal((3, 5))
    counts, shares = np.array([1, 2, 1, 3, 1]), np.array([0.5, 1.0, 2.0, 1.0, 0.1])
    for options in ({"fweights": counts}, {"aweights": shares}, {"correction": 0}):
        known = {"ddof" if k == "correction" else k: v for k, v in options.items()}
        got = mt.cov(mt.tensor(x), **options)
        np.testing.assert_allclose(got.numpy(), np.cov(x, **known), rtol=1e-12)
    twice = mt.cov(mt.tensor(np.repeat(x, counts, axis=1)))
    got = mt.cov(mt.tensor(x), fweights=mt.tensor(counts))
    np.testing.assert_allclose(got.numpy(), twice.numpy(), rtol=1e-12)


def test_what_cov_refuses():
    x = mt.ones(2, 3)
    with pytest.raises(ShapeError, match=r"cov: fweights of shape \(2,\), expected \(3,\)"):
        mt.cov(x, fweights=mt.tensor([1, 2]))
    with pytest.raises(TypeError, match=r"cov: fweights count .*w\.long\(\)"):
        mt.cov(x, fweights=mt.ones(3))
    with pytest.raises(ShapeError, match=r"cov: expected rows .*\(1, 2, 3\)"):
        mt.cov(mt.ones(1, 2, 3))
    assert mt.cov(mt.tensor([[0, 2], [1, 1]])).dtype == np.float32


def test_covariances_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    x = np.random.default_rng(1).standard_normal((3, 5))
    weights = {"fweights": np.array([1, 2, 1, 3, 1]), "aweights": np.array([0.5, 1, 2, 1, 0.1])}
    want = torch.cov(torch.tensor(x), **{k: torch.tensor(w) for k, w in weights.items()})
    np.testing.assert_allclose(mt.cov(mt.tensor(x), **weights).numpy(), want.numpy())
    alone = torch.corrcoef(torch.tensor(x[0]))
    assert mt.corrcoef(mt.tensor(x[0])).item() == pytest.approx(alone.item())
