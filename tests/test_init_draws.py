"""What is drawn: distributions, matrices of some form, and their first two moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.nn import init
from tests.inits import seeded

# plain distributions ----------------------------------------------------------------------------


def test_uniform_stays_in_bounds():
    x = init.uniform(-0.5, 0.5)((20, 1, 5, 5))
    assert -0.5 <= x.min() < x.max() <= 0.5
    assert abs(init.uniform(-0.5, 0.5)((1000, 100)).mean()) < 0.02
    x = init.uniform(2, 5)((1000, 100))
    assert 2 <= x.min() < 2.01
    assert 4.99 < x.max() <= 5
    assert x.mean() == pytest.approx(3.5, rel=0.01)
    assert x.std() == pytest.approx(3 / math.sqrt(12), rel=0.01)


def test_normal_has_its_mean_and_std():
    x = init.normal(0.5, 0.1)((1000, 100))
    assert x.mean() == pytest.approx(0.5, rel=0.02)
    assert x.std() == pytest.approx(0.1, rel=0.02)
    assert (init.normal(2, 0)((3, 3)) == 2).all()


def test_constants():
    assert (init.constant(0.3)((3, 4)) == np.float32(0.3)).all()
    assert (init.zeros()((3,)) == 0).all()
    assert (init.ones()((3,)) == 1).all()
    assert (init.constant(-math.inf)((2, 2)) == -math.inf).all()
    assert init.zeros()(5).shape == (5,)
    assert init.constant_(mt.empty(2), 7).tolist() == [7, 7]
    assert init.ones_(mt.empty(2)).tolist() == [1, 1]
    assert init.zeros_(mt.ones(2)).tolist() == [0, 0]


def moments(mean: float, std: float, a: float, b: float) -> tuple[float, float]:
    """Mean and standard deviation of the truncated normal, by the midpoint rule."""
    x = np.linspace(a, b, 200_001)
    x = (x[1:] + x[:-1]) / 2
    p = np.exp(-(((x - mean) / std) ** 2) / 2)
    p /= p.sum()
    centre = (p * x).sum()
    return centre, math.sqrt((p * (x - centre) ** 2).sum())


WINDOWS = [
    (0.0, 1.0, -2.0, 2.0),
    (0.0, 1.0, -0.1, 0.1),
    (0.0, 1.0, 0.0, 3.0),
    (0.0, 1.0, 1.5, 2.5),
    (1.0, 2.0, -9.0, -5.0),
    (0.0, 1.0, 5.0, 9.0),
    (3.0, 0.5, 0.0, 1.0),
    (0.0, 0.02, -2.0, 2.0),
]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trunc_normal_is_the_bell_between_its_bounds(window: tuple, dtype: str):
    x = init.trunc_normal(*window)((400, 500), dtype)
    *_, a, b = (np.dtype(dtype).type(v) for v in window)
    assert a <= x.min()
    assert x.max() <= b
    mean, std = moments(*window)
    assert x.mean() == pytest.approx(mean, abs=0.01 * std)
    assert x.std() == pytest.approx(std, rel=0.01)


class Extreme(mt.Generator):
    """Draws, in turn, the outermost uniform numbers that there are, and the 0 that keeps them."""

    turn = 0

    def uniform(self, shape: tuple, dtype: np.dtype) -> np.ndarray:
        self.turn += 1
        ends = (0, np.nextafter(dtype.type(1), dtype.type(0)))
        return np.resize(np.array(ends, dtype), shape) if self.turn % 2 else np.zeros(shape, dtype)


def test_trunc_normal_does_not_round_over_its_bounds():
    for k in range(1, 200):
        a, b = 0.01 * k, 0.037 * k
        for mean in (-5.0 * k, 5.0 * k):
            x = init.trunc_normal(mean, 7.0 * k, a, b)((2,), None, Extreme())
            assert np.float32(a) <= x.min() < x.max() <= np.float32(b)


def test_bounds_far_outside_the_bell_change_nothing():
    x = init.trunc_normal(0, 0.02, -2, 2)((50, 50), None, seeded())
    np.testing.assert_array_equal(x, init.normal(0, 0.02)((50, 50), None, seeded()))


def test_trunc_normal_with_open_ends():
    x = init.trunc_normal(0, 1, -math.inf, math.inf)((400, 500))
    assert x.std() == pytest.approx(1, rel=0.01)
    x = init.trunc_normal(0, 1, 6, math.inf)((400, 500))
    assert x.min() >= 6
    assert x.mean() == pytest.approx(moments(0, 1, 6, 12)[0], rel=0.001)
    x = init.trunc_normal(0, 0.001, 5, 6)((400, 500))  # 5000 standard deviations out
    assert 5 <= x.min() <= x.max() < 5.00001
    x = init.trunc_normal(0, 1, -1e300, 1e300)((100, 100))
    assert np.isfinite(x).all()


@pytest.mark.parametrize(
    "window", [w for w in WINDOWS if w[2] - 2 * w[1] <= w[0] <= w[3] + 2 * w[1]]
)
def test_trunc_normal_has_torchs_moments(window: tuple):
    torch = pytest.importorskip("torch")
    stream = torch.Generator().manual_seed(0)
    theirs = torch.nn.init._no_grad_trunc_normal_(torch.empty(400, 500), *window, stream).numpy()
    ours = init.trunc_normal_(mt.empty(400, 500), *window, generator=seeded()).numpy()
    std = float(theirs.std())
    assert ours.mean() == pytest.approx(float(theirs.mean()), abs=0.015 * std)
    assert ours.std() == pytest.approx(std, rel=0.015)


# of some form -----------------------------------------------------------------------------------


def test_eye():
    for shape in ((3, 5), (5, 3), (4, 4)):
        assert init.eye_(mt.empty(*shape)).tolist() == np.eye(*shape).tolist()


@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 16, 5), 1), ((6, 2, 3, 4), 3), ((4, 4, 3, 3, 2), 2)]
)
def test_dirac_by_hand(shape: tuple, groups: int):
    expected = np.zeros(shape)
    per_group = shape[0] // groups
    for out in range(shape[0]):
        channel = out % per_group
        if channel < shape[1]:
            expected[(out, channel, *(n // 2 for n in shape[2:]))] = 1
    np.testing.assert_array_equal(init.dirac(groups)(shape), expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_passes_images_through(groups: int):
    x = mt.randn(2, 4, 6, 6)
    w = init.dirac_(mt.empty(4, 4 // groups, 3, 3), groups)
    assert mt.equal(mt.nn.functional.conv2d(x, w, padding=1, groups=groups), x)


SHAPES = [(3, 5), (5, 3), (4, 4), (6, 2, 3, 3), (2, 6, 3), (1, 7), (7, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gain", [1.0, 0.5, -2.0])
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple, gain: float):
    if gain < 0:
        with pytest.raises(ValueError, match="gain must be 0 or more"):
            init.orthogonal(gain)
        return
    w = init.orthogonal(gain)(shape, "float64").reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-12)
    w = init.orthogonal_(mt.empty(*shape), gain).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (3, 3, 2, 6), (1, 1, 6, 2)])
def test_orthogonal_with_channels_last(shape: tuple):
    w = init.orthogonal_(mt.empty(*shape, dtype="float64"), layout="IO").numpy()
    w = w.reshape(-1, shape[-1])
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_spread_over_all_rotations():
    """Without the signs of R's diagonal, Q would favour negative first entries."""
    stream = seeded()
    firsts = np.array([init.orthogonal()((3, 3), "float64", stream)[0, 0] for _ in range(4000)])
    assert abs(firsts.mean()) < 0.03
    assert firsts.std() == pytest.approx(1 / math.sqrt(3), rel=0.03)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_sparse_zeros_in_every_column(sparsity: float):
    w = init.sparse(sparsity, std=0.5)((55, 200))
    assert ((w == 0).sum(0) == math.ceil(sparsity * 55)).all()
    if sparsity < 1:
        assert w[w != 0].std() == pytest.approx(0.5, rel=0.05)
    if 0 < sparsity < 1:  # in other places in each
        assert len({tuple(column) for column in (w == 0).T}) > 190


def test_sparse_draws_everything_from_its_generator():
    mt.manual_seed(0)
    one = init.sparse_(mt.empty(9, 9), 0.5, generator=seeded())
    mt.manual_seed(1)
    assert mt.equal(one, init.sparse_(mt.empty(9, 9), 0.5, generator=seeded()))
