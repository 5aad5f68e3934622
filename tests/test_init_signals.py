"""What initialisation is for: signals that keep their size on the way through layers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch.nn import init

M, HIDDEN = 400, 300  # inputs and units


def inputs() -> mt.Tensor:
    """Normalised: mean 0 and standard deviation 1."""
    return mt.randn(2000, M)


def images() -> mt.Tensor:
    """100 normalised images of 28 x 28 pixels."""
    return mt.randn(100, 1, 28, 28)


def second_moment(x: mt.Tensor) -> float:
    return (x * x).mean().item()


def test_dividing_by_the_root_of_m_keeps_the_std_of_a_linear_layer():
    """C24: simplified Kaiming."""
    w = init.normal_(mt.empty(M, HIDDEN)) / math.sqrt(M)
    assert (inputs() @ w).std().item() == pytest.approx(1, rel=0.05)
    w = init.lecun_normal_(mt.empty(M, HIDDEN), layout="IO")
    assert (inputs() @ w).std().item() == pytest.approx(1, rel=0.05)


def test_relu_takes_half_of_the_second_moment():
    """C26."""
    w = init.kaiming_normal_(mt.empty(M, HIDDEN), nonlinearity="linear", layout="IO")
    y = (inputs() @ w).relu()
    assert y.mean().item() == pytest.approx(0.399, rel=0.03)
    assert y.std().item() == pytest.approx(0.584, rel=0.03)
    assert second_moment(y) == pytest.approx(0.5, rel=0.03)


def test_without_the_factor_2_every_layer_takes_half():
    """C27."""
    x = inputs()
    for layer in range(1, 5):
        x = F.linear(x, init.kaiming_normal_(mt.empty(M, M), a=1)).relu()
        assert second_moment(x) == pytest.approx(0.5**layer, rel=0.12)


def test_the_factor_2_gives_second_moment_1_not_std_1():
    """C28: E[y²] is 1, the standard deviation 0.826 and the mean 0.564."""
    for w in (
        init.normal_(mt.empty(M, HIDDEN)) * math.sqrt(2 / M),
        init.kaiming_normal_(mt.empty(M, HIDDEN), nonlinearity="relu", layout="IO"),
    ):
        y = (inputs() @ w).relu()
        assert second_moment(y) == pytest.approx(1, rel=0.03)
        assert y.std().item() == pytest.approx(0.826, rel=0.03)
        assert y.mean().item() == pytest.approx(0.564, rel=0.03)


def test_shifting_relu_by_a_half_takes_its_mean_away():
    """C29."""
    w = init.kaiming_normal_(mt.empty(HIDDEN, M), nonlinearity="relu")
    assert abs((F.linear(inputs(), w).clamp_min(0.0) - 0.5).mean().item()) < 0.1


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 300), ("fan_out", 200)])
def test_kaiming_normal_as_a_call(mode: str, fan: int):
    """C30."""
    w = init.kaiming_normal_(mt.empty(200, 300), mode=mode, nonlinearity="relu")
    assert w.std().item() == pytest.approx(math.sqrt(2 / fan), rel=0.02)


def test_the_default_of_torch_leaves_a_conv_with_std_0_6():
    """C46: variance 1/3 of the weights, and a little of the bias: 1/3 of 1/25."""
    w = init.fill_(mt.empty(32, 1, 5, 5), init.torch_default())
    b = init.fill_(mt.empty(32), init.torch_default_bias(25))
    stds = F.conv2d(images(), w, b).std().item()
    assert stds == pytest.approx(math.sqrt(1 / 3 + 1 / 75), rel=0.1)


def test_a_slope_of_1_gives_a_conv_std_1():
    """C47: the gain of the identity."""
    w = init.kaiming_normal_(mt.empty(256, 1, 5, 5), a=1.0)
    y = F.conv2d(images()[:20], w)
    assert y.std().item() == pytest.approx(1, rel=0.05)
    assert abs(y.mean().item()) < 0.05


def test_a_slope_of_0_gives_a_rectified_conv_second_moment_1():
    """C49: mean not 0."""
    w = init.kaiming_normal_(mt.empty(256, 1, 5, 5), a=0)
    y = F.leaky_relu(F.conv2d(images(), w), 0.0)
    assert second_moment(y) == pytest.approx(1, rel=0.1)
    assert y.mean().item() > 0.5


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "elu", "softplus", "hardswish"])
def test_the_gain_of_an_activation_keeps_the_second_moment(name: str):
    f = getattr(F, name)
    w = init.kaiming_uniform_(mt.empty(HIDDEN, M), nonlinearity=name)
    y = f(inputs())
    assert second_moment(F.linear(y, w)) == pytest.approx(1, rel=0.1)


def test_fan_out_keeps_gradients():
    for mode, expected in (("fan_out", 1.0), ("fan_in", HIDDEN / M)):
        w = init.kaiming_normal_(mt.empty(HIDDEN, M), nonlinearity="linear", mode=mode)
        x = mt.randn(500, M, requires_grad=True)
        F.linear(x, w).backward(mt.randn(500, HIDDEN))
        assert second_moment(x.grad) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("groups", [1, 4])
def test_the_fans_of_groups_and_transposed_convolutions_are_right(groups: int):
    x = mt.randn(4, 64, 12, 12)
    w = init.kaiming_normal_(mt.empty(128, 64 // groups, 3, 3), a=1, groups=groups)
    assert F.conv2d(x, w, groups=groups).std().item() == pytest.approx(1, rel=0.05)
    w = mt.empty(64, 128 // groups, 3, 3)
    init.kaiming_normal_(w, a=1, groups=groups, transposed=True)
    y = F.conv_transpose2d(x, w, groups=groups)[:, :, 2:-2, 2:-2]  # the rim sums fewer
    assert y.std().item() == pytest.approx(1, rel=0.05)


def depth(fill: Callable[[mt.Tensor], mt.Tensor], layers: int = 100) -> float:
    x = mt.randn(256)
    for _ in range(layers):
        x = x @ fill(mt.empty(256, 256))
    return x.std().item()


def test_a_hundred_layers_explode_vanish_or_keep_their_size():
    """Item 6: in float32 N(0, 1) explodes to nan or inf, 0.01 N(0, 1) fades to exactly 0."""
    assert not math.isfinite(depth(init.normal_))
    assert depth(lambda w: init.normal_(w, 0, 0.01)) == 0
    assert 0.1 < depth(lambda w: init.kaiming_normal_(w, nonlinearity="linear")) < 10


def test_orthogonal_layers_keep_lengths():
    x = mt.randn(64)
    y = x
    for _ in range(100):
        y = y @ init.orthogonal_(mt.empty(64, 64))
    assert y.square().sum().item() == pytest.approx(x.square().sum().item(), rel=1e-4)
