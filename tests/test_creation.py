"""Making tensors: filled, in a sequence, drawn."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt


def test_filled():
    assert mt.zeros(2, 3).tolist() == [[0.0] * 3] * 2
    assert mt.ones((2,)).dtype == mt.float32
    assert mt.full((2,), 7).dtype == mt.int64
    assert mt.full((2,), 7.0).dtype == mt.float32
    assert mt.full((2,), True).dtype == mt.bool_
    assert mt.full((), 2.0).item() == 2.0
    assert mt.full(3, 1.0).shape == (3,)
    assert mt.empty(4, 2).shape == (4, 2)
    assert mt.zeros(2, requires_grad=True).requires_grad
    assert mt.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert mt.ones([2, 2]).shape == (2, 2)


def test_like_takes_shape_dtype_and_device():
    x = mt.zeros(2, 3, dtype=mt.float64, device="meta")
    for y in (mt.zeros_like(x), mt.ones_like(x), mt.empty_like(x), mt.full_like(x, 2)):
        assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
    assert mt.zeros_like(x, dtype=mt.int8, device="cpu").dtype == mt.int8
    assert mt.randn_like(mt.ones(3)).shape == mt.rand_like(mt.ones(3)).shape == (3,)
    assert mt.randint_like(mt.zeros(100), 2, 4).unique().tolist() == [2, 3]
    n = mt.ones(2, dtype=mt.int32)
    assert n.new_zeros(3).dtype == n.new_tensor([1]).dtype == mt.int32
    assert n.new_full((2,), 4).tolist() == [4, 4]


def test_sequences():
    assert mt.arange(3).tolist() == [0, 1, 2]
    assert mt.arange(3).dtype == mt.int64
    assert mt.arange(1, 2, 0.5).tolist() == [1, 1.5]
    assert mt.arange(3.0).dtype == mt.float32
    assert mt.arange(3, 0, -1).tolist() == [3, 2, 1]
    assert mt.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(mt.logspace(0, 2, 3).numpy(), [1, 10, 100])
    with pytest.raises(ValueError, match="from 3 in steps of 1 never reaches 0"):
        mt.arange(3, 0)
    with pytest.raises(ValueError, match="in steps of 0"):
        mt.arange(0, 3, 0)
    assert mt.tril_indices(2, 2).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert mt.triu_indices(2, 2).tolist() == [[0, 0, 1], [0, 1, 1]]


def test_draws_have_the_moments_they_promise():
    n = 100_000
    assert abs(mt.randn(n).mean().item()) < 0.02
    assert abs(mt.randn(n).std().item() - 1) < 0.02
    u = mt.rand(n)
    assert 0 <= u.min().item() < u.max().item() < 1
    assert abs(u.mean().item() - 0.5) < 0.01
    x = mt.normal(3.0, 0.5, (n,))
    assert abs(x.mean().item() - 3) < 0.02
    assert abs(x.std().item() - 0.5) < 0.02
    assert mt.normal(mt.zeros(3), mt.ones(2, 1)).shape == (2, 3)
    assert mt.randn(3).dtype == mt.float32
    assert mt.randn(3, dtype=mt.float16).dtype == mt.float16


def test_integers():
    x = mt.randint(1, 7, (1000,))
    assert x.dtype == mt.int64
    assert sorted(set(x.tolist())) == [1, 2, 3, 4, 5, 6]
    assert mt.randint(3, (2, 2)).shape == (2, 2)
    assert sorted(mt.randperm(5).tolist()) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="holds no integer"):
        mt.randint(3, 3, (1,))
    with pytest.raises(TypeError, match="size is missing"):
        mt.randint(3)


def test_probabilities():
    p = mt.tensor([0.0, 1.0, 0.5])
    assert mt.bernoulli(p)[:2].tolist() == [0, 1]
    with pytest.raises(ValueError, match="must lie in"):
        mt.bernoulli(mt.tensor([1.5]))
    draws = mt.multinomial(mt.tensor([[0.0, 3.0, 1.0]]), 4000, replacement=True)
    assert draws.shape == (1, 4000)
    share = (draws == 1).float().mean().item()
    assert abs(share - 0.75) < 0.03
    assert sorted(mt.multinomial(mt.ones(3), 3).tolist()) == [0, 1, 2]
    with pytest.raises(ValueError, match="2 samples without replacement"):
        mt.multinomial(mt.tensor([1.0, 0.0]), 2)
    with pytest.raises(ValueError, match="weights must be finite"):
        mt.multinomial(mt.tensor([-1.0, 2.0]), 1)


def test_sizes_are_checked():
    with pytest.raises(TypeError, match=r"expected ints, got 2\.0"):
        mt.zeros(2.0)
    with pytest.raises(ValueError, match="must not be negative"):
        mt.rand(-1)


def test_dlpack_from_elsewhere_is_refused():
    class Elsewhere:
        def __dlpack_device__(self):
            return (10, 0)

    with pytest.raises(TypeError, match="expected memory on the CPU or a CUDA GPU"):
        mt.from_dlpack(Elsewhere())
    with pytest.raises(TypeError, match="from_numpy: expected a NumPy array, got list"):
        mt.from_numpy([1.0])
