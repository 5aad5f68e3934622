"""Gates, pixels and channels, limits, distances, soft choices: what the table cannot say."""

import math

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.random import Generator
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand, same_as_torch

INF, NAN = math.inf, math.nan

# gates ------------------------------------------------------------------------------------------


def test_a_gate_lets_half_of_the_numbers_through():
    x = leaf(np.array([3.0, 4.0, 0.0, 1000.0]))
    y = F.glu(x)
    assert y.tolist() == [1.5, 4.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.5, 1.0, 0.75, 0.0]


def test_glu_says_what_it_cannot_halve():
    with pytest.raises(ShapeError, match=r"glu: axis 1 of x \(2, 3\) has 3 numbers.*even"):
        F.glu(mt.ones(2, 3), 1)
    with pytest.raises(ShapeError, match="single number"):
        F.glu(mt.tensor(1.0))
    with pytest.raises(TypeError, match=r"glu: x needs float.*x\.float"):
        F.glu(mt.tensor([1, 2]))
    with pytest.raises(IndexError, match="glu"):
        F.glu(mt.ones(2, 4), 2)
    with pytest.raises(TypeError, match="GLU: dim must be an int"):
        nn.GLU(1.0)


# pixels -----------------------------------------------------------------------------------------


def test_four_channels_become_the_pixels_of_one_square():
    x = mt.arange(4.0).reshape(4, 1, 1)
    assert F.pixel_shuffle(x, 2).tolist() == [[[0, 1], [2, 3]]]
    assert nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)).tolist() == x.tolist()


def test_pixel_shuffle_undoes_unshuffle():
    x = mt.tensor(rand(2, 3, 6, 9))
    assert F.pixel_shuffle(F.pixel_unshuffle(x, 3), 3).tolist() == x.tolist()


def test_pixels_say_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"pixel_shuffle.*6 channels.*upscale_factor² = 4"):
        F.pixel_shuffle(mt.ones(6, 2, 2), 2)
    with pytest.raises(ShapeError, match=r"pixel_unshuffle.*4 by 3 pixels.*downscale_factor 2"):
        F.pixel_unshuffle(mt.ones(1, 4, 3), 2)
    with pytest.raises(ShapeError, match="at least the three axes"):
        F.pixel_shuffle(mt.ones(4, 4), 2)
    with pytest.raises(ValueError, match="PixelShuffle: upscale_factor must be at least 1, got 0"):
        nn.PixelShuffle(0)
    with pytest.raises(TypeError, match=r"downscale_factor must be an int, got 2\.0"):
        nn.PixelUnshuffle(2.0)


@pytest.mark.parametrize(
    ("name", "argument", "shape"),
    [
        ("GLU", (), (3, 4)),
        ("GLU", (1,), (2, 6, 3)),
        ("PixelShuffle", (3,), (2, 9, 2, 1)),
        ("PixelUnshuffle", (2,), (2, 3, 2, 4)),
    ],
)
def test_modules_are_torchs(name: str, argument: tuple, shape: tuple):
    torch = pytest.importorskip("torch")
    same_as_torch(getattr(nn, name)(*argument), getattr(torch.nn, name)(*argument), rand(*shape))


# limits -----------------------------------------------------------------------------------------


def test_numbers_stand_in_for_nan_and_inf():
    x = leaf(np.array([NAN, INF, -INF, 2.0]))
    y = x.nan_to_num(0.5, neginf=-7.0)
    assert y.tolist() == [0.5, np.finfo(np.float64).max, -7.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1]
    small = mt.tensor([INF, 1.0], dtype=mt.float16).nan_to_num()
    assert small.tolist() == [65504.0, 1.0]
    assert mt.tensor([3, 4]).nan_to_num().tolist() == [3, 4]
    z = mt.tensor([NAN, 1.0])
    assert z.nan_to_num_(2.0) is z
    assert z.tolist() == [2.0, 1.0]


def test_a_sum_of_exponentials_has_its_limits():
    a, b = leaf(np.array([-INF, -INF, INF, INF, 1000.0, 0.0])), leaf(np.zeros(6))
    with mt.no_grad():
        b.copy_(mt.tensor([-INF, 1.0, INF, -INF, 1000.0, -1000.0]))
    y = mt.logaddexp(a, b)
    assert y.tolist() == [-INF, 1.0, INF, INF, 1000 + math.log(2), 0.0]
    y.sum().backward()
    assert a.grad.tolist() == [0.5, 0, 0.5, 1, 0.5, 1]
    assert b.grad.tolist() == [0.5, 1, 0.5, 0, 0.5, 0]


def test_equal_numbers_keep_their_second_derivative():
    """∂²/∂a² log(e^a + e^b) = σ (1 - σ), which is 1/4 where a = b."""
    a = leaf(np.array(0.3))
    (slope,) = mt.autograd.grad(mt.logaddexp(a, mt.tensor(0.3)), a, create_graph=True)
    slope.backward()
    assert a.grad.item() == pytest.approx(0.25)


def test_float32_sums_of_exponentials_stay_float32():
    y = mt.tensor([100.0]).logaddexp(mt.tensor([100.0]))
    assert y.dtype == mt.float32
    assert y.item() == pytest.approx(100 + math.log(2))


# distances --------------------------------------------------------------------------------------


def test_distances_by_hand():
    one = leaf(np.array([[0.0, 0.0], [3.0, 4.0]]))
    y = mt.cdist(one, mt.tensor([[3.0, 4.0]], dtype=mt.float64))
    assert y.tolist() == [[5.0], [0.0]]
    y.sum().backward()
    np.testing.assert_allclose(one.grad.numpy(), [[-0.6, -0.8], [0, 0]])


def test_close_points_keep_their_distance_far_from_the_origin():
    x = mt.tensor([[10000.0, 10000.0], [10000.0, 10000.5]])
    assert mt.cdist(x, x).tolist() == [[0, 0.5], [0.5, 0]]


def test_cdist_says_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"cdist: x1 is \(2, 3\) and x2 \(2, 4\).*same M"):
        mt.cdist(mt.ones(2, 3), mt.ones(2, 4))
    with pytest.raises(ShapeError, match="one point a row"):
        mt.cdist(mt.ones(3), mt.ones(2, 3))
    with pytest.raises(ValueError, match="p must not be negative, got -1"):
        mt.cdist(mt.ones(2, 3), mt.ones(2, 3), -1)


# soft choices -----------------------------------------------------------------------------------


def test_hard_choices_are_ones_and_have_the_soft_gradient():
    x = leaf(rand(5, 4))
    g = mt.tensor(rand(5, 4, seed=1))
    soft = F.gumbel_softmax(x, 0.7, generator=Generator().manual_seed(3))
    (want,) = mt.autograd.grad(soft, x, g)
    hard = F.gumbel_softmax(x, 0.7, hard=True, generator=Generator().manual_seed(3))
    (found,) = mt.autograd.grad(hard, x, g)
    np.testing.assert_allclose(hard.detach().numpy(), np.eye(4)[soft.argmax(1).numpy()], atol=1e-15)
    np.testing.assert_allclose(found.numpy(), want.numpy())


def test_choices_come_as_often_as_softmax_says():
    x = mt.tensor([[2.0, 0.0, 1.0]]).expand(4000, 3)
    y = F.gumbel_softmax(x, hard=True, generator=Generator().manual_seed(0))
    np.testing.assert_allclose(y.mean(0).numpy(), x[0].softmax(0).numpy(), atol=0.03)


def test_choices_need_a_temperature_and_floats():
    with pytest.raises(ValueError, match="gumbel_softmax: tau must be above 0, got 0"):
        F.gumbel_softmax(mt.ones(3), 0)
    with pytest.raises(TypeError, match="gumbel_softmax: logits needs float"):
        F.gumbel_softmax(mt.tensor([1, 2]))


def test_choices_have_the_shape_and_dtype_of_torchs():
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64"):
        x = rand(3, 4, dtype=dtype)
        y = F.gumbel_softmax(mt.tensor(x), 0.5, True, dim=0)
        want = torch.nn.functional.gumbel_softmax(torch.tensor(x), 0.5, True, dim=0)
        assert (y.shape, str(y.dtype)) == (tuple(want.shape), dtype)
        assert y.sum(0).tolist() == pytest.approx(want.sum(0).tolist())
