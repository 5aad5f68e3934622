"""Unpooling, power means, shuffled channels and drawn slopes: what their rows cannot say."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, leaf, rand
from tests.twins import agree

MODULES = [
    ("MaxUnpool1d", (2,), (rand(2, 1, 2), np.array([[[1, 2]], [[0, 3]]]))),
    ("MaxUnpool2d", (2, 2, 0), (rand(1, 1, 1, 2), np.array([[[[1, 6]]]]))),
    ("MaxUnpool3d", ((1, 1, 2),), (rand(1, 1, 1, 1, 2), np.array([[[[[1, 2]]]]]))),
    ("LPPool1d", (2, 3), (rand(2, 1, 7),)),
    ("LPPool2d", (2, 2, 1, True), (rand(1, 2, 3, 4),)),
    ("LPPool3d", (4, (1, 2, 1)), (rand(1, 1, 2, 2, 2),)),
    ("ChannelShuffle", (2,), (rand(2, 4, 3),)),
    ("UpsamplingNearest2d", (None, 2), (rand(1, 1, 2, 3),)),
    ("UpsamplingBilinear2d", ((3, 5),), (rand(1, 1, 2, 3),)),
]


@pytest.mark.parametrize(("name", "options", "inputs"), MODULES)
def test_a_module_is_torchs(name, options, inputs):
    torch = pytest.importorskip("torch")
    agree(getattr(nn, name)(*options), getattr(torch.nn, name)(*options), *inputs)


@pytest.mark.parametrize(
    ("name", "options"),
    [("RReLU", ()), ("RReLU", (0.1, 0.3, True)), ("FeatureAlphaDropout", (0.2, True))],
)
def test_a_module_that_draws_prints_as_torchs_and_is_fixed_in_evaluation(name, options):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, name)(*options).eval(), getattr(torch.nn, name)(*options).eval()
    assert repr(ours) == repr(theirs)
    x = rand(2, 3)
    np.testing.assert_allclose(ours(mt.tensor(x)).numpy(), theirs(torch.tensor(x)).numpy())


# unpooling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "window", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}]
)
def test_unpooling_puts_the_maxima_back(window):
    """Each once, also where windows overlap; pooled again they are what they were."""
    x = mt.tensor(np.abs(rand(2, 3, 8, 8)))
    y, at = F.max_pool2d(x, **window, return_indices=True)
    back = F.max_unpool2d(y, at, **window, output_size=x.shape)
    kept = back.numpy() != 0
    np.testing.assert_array_equal(back.numpy()[kept], x.numpy()[kept])
    assert set(back.numpy()[kept]) == set(y.numpy().ravel())
    np.testing.assert_array_equal(F.max_pool2d(back, **window).numpy(), y.numpy())


def test_every_window_that_names_a_place_gets_its_gradient():
    x = leaf(np.array([[[5.0, 5.0]]]))
    y = F.max_unpool1d(x, mt.tensor([[[1, 1]]]), 2, 1)
    assert y.tolist() == [[[0, 5, 0]]]
    (y * mt.tensor([1.0, 2.0, 3.0]).double()).sum().backward()
    assert x.grad.tolist() == [[[2, 2]]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"indices": mt.tensor([[[0, 4]]])}, IndexError, r"indices\[0, 0, 1\] is 4, .* 0 to 3"),
        ({"indices": mt.tensor([[[0, -1]]])}, IndexError, "is -1, expected 0 to 3"),
        ({"indices": mt.tensor([[[0]]])}, ShapeError, r"\(1, 1, 1\), expected .*\(1, 1, 2\)"),
        ({"indices": mt.zeros(1, 1, 2)}, TypeError, "must hold ints, got float32"),
        ({"output_size": (6,)}, ValueError, r"output_size \(6,\), expected \(4,\), or less than"),
        ({"input": mt.zeros(1, 2)}, ShapeError, r"expected \(N, C, L\)"),
    ],
)
def test_unpooling_says_what_does_not_fit(change, error, message):
    given = {"input": mt.ones(1, 1, 2), "indices": mt.tensor([[[0, 3]]]), "kernel_size": 2}
    with pytest.raises(error, match=f"max_unpool1d: .*{message}"):
        F.max_unpool1d(**{**given, **change})


# power means ------------------------------------------------------------------------------------


def test_a_power_mean_lies_between_the_sum_and_the_maximum():
    x = mt.tensor([[[1.0, 3.0, 2.0, 0.5]]])
    assert F.lp_pool1d(x, 1, 2).tolist() == [[[4.0, 2.5]]]
    np.testing.assert_allclose(F.lp_pool1d(x, 60, 2).numpy(), [[[3, 2]]], rtol=1e-4)


def test_a_window_of_zeros_has_no_slope():
    x = leaf(np.array([[[0.0, 0.0, 3.0, 4.0]]]))
    y = F.lp_pool1d(x, 2, 2)
    y.sum().backward()
    assert y.tolist() == [[[0, 5]]]
    np.testing.assert_allclose(x.grad.numpy(), [[[0, 0, 0.6, 0.8]]])
    with pytest.raises(ValueError, match="LPPool1d: norm_type must not be 0"):
        nn.LPPool1d(0, 2)
    with pytest.raises(ValueError, match="lp_pool1d: norm_type must not be 0"):
        F.lp_pool1d(x, 0, 2)


def test_gradients_through_the_layers_are_the_slopes():
    check_gradients(nn.LPPool2d(3, 2), np.abs(rand(1, 2, 3, 3)) + 0.1)
    check_gradients(nn.ChannelShuffle(2), rand(1, 4, 2))


# drawn slopes -----------------------------------------------------------------------------------


def test_slopes_are_drawn_within_the_range_in_training_alone():
    x = leaf(np.full(1000, -1.0))
    layer = nn.RReLU(0.25, 0.75)
    y = layer(x)
    y.sum().backward()
    drawn = -y.detach().numpy()
    np.testing.assert_array_equal(x.grad.numpy(), drawn)
    assert drawn.min() >= 0.25
    assert drawn.max() <= 0.75
    assert abs(drawn.mean() - 0.5) < 0.02
    assert layer.eval()(x).tolist() == [-0.5] * 1000
    with pytest.raises(ValueError, match=r"lower 0\.5 is above upper 0\.25"):
        nn.RReLU(0.5, 0.25)
    with pytest.raises(ValueError, match=r"lower 0\.5 is above upper 0\.25"):
        F.rrelu(x, 0.5, 0.25)


def test_at_0_the_slope_is_the_drawn_one_as_of_leaky_relu():
    for training in (True, False):
        x = leaf([0.0, 1.0])
        F.rrelu(x, 0.5, 0.5, training).sum().backward()
        assert x.grad.tolist() == [0.5, 1]


def test_in_place_it_writes_into_its_input():
    for layer in (nn.RReLU(0.5, 0.5, inplace=True), nn.RReLU(0.5, 0.5, inplace=True).eval()):
        x = mt.tensor([-2.0, 2.0])
        assert layer(x) is x
        assert x.tolist() == [-1, 2]


def test_whole_channels_are_dropped_together():
    y = nn.FeatureAlphaDropout(0.5)(mt.zeros(4, 8, 3, 3)).numpy()
    assert all(len(set(channel.ravel())) == 1 for image in y for channel in image)
    assert len(set(y.ravel())) == 2


# channels and points ----------------------------------------------------------------------------


def test_two_shuffles_of_channels_undo_each_other():
    x = mt.tensor(rand(2, 6, 3))
    assert F.channel_shuffle(F.channel_shuffle(x, 2), 3).tolist() == x.tolist()
    with pytest.raises(ShapeError, match=r"channel_shuffle: .* that groups 4 divides"):
        F.channel_shuffle(x, 4)
    with pytest.raises(ValueError, match="ChannelShuffle: groups must be at least 1, got 0"):
        nn.ChannelShuffle(0)


@pytest.mark.parametrize("p", [0, 1, 2, float("inf")])
def test_points_of_no_numbers_are_0_apart(p):
    assert mt.cdist(mt.zeros(2, 0), mt.zeros(3, 0), p).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert F.pdist(mt.zeros(3, 0), p).tolist() == [0, 0, 0]


def test_one_point_has_no_pairs():
    assert F.pdist(mt.zeros(1, 3)).shape == (0,)
    with pytest.raises(ShapeError, match=r"pdist: input is \(3,\), expected \(N, M\)"):
        F.pdist(mt.zeros(3))
    with pytest.raises(ValueError, match="pdist: p must not be negative, got -1"):
        F.pdist(mt.zeros(2, 3), -1)
