"""Local response normalization."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, rand, same_as_torch


def test_channels_hold_down_their_neighbours():
    x = mt.tensor([[[1.0], [2.0], [0.0]]])
    y = nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(x)  # itself, and the channel before
    np.testing.assert_allclose(y.flatten().numpy(), [1 / 2, 2 / 6, 0], rtol=1e-6)


def test_gradients_are_the_slopes():
    check_gradients(nn.LocalResponseNorm(3, 0.5, 0.75, 2.0), rand(2, 4, 2))


def test_what_does_not_fit_says_so():
    with pytest.raises(ShapeError, match=r"local_response_norm: input is \(2, 3\)"):
        F.local_response_norm(mt.ones(2, 3), 2)
    with pytest.raises(ValueError, match="local_response_norm: size must be at least 1, got 0"):
        F.local_response_norm(mt.ones(2, 3, 1), 0)
    with pytest.raises(ValueError, match="LocalResponseNorm: size must be at least 1, got 0"):
        nn.LocalResponseNorm(0)


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 6, 3, 2), (1, 3, 2, 2, 2)])
def test_it_is_torchs(size: int, shape: tuple):
    torch = pytest.importorskip("torch")
    options = {"alpha": 0.3, "beta": 0.6, "k": 1.5}
    same_as_torch(
        nn.LocalResponseNorm(size, **options),
        torch.nn.LocalResponseNorm(size, **options),
        rand(*shape),
    )
