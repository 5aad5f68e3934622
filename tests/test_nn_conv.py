"""The convolution layers, and whole networks of them: sizes, initial values, layouts, errors."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.gradcheck import gradcheck
from minitorch.meta import Meta
from minitorch.nn import init
from minitorch.tensor import ShapeError
from tests.layers import (
    by_hand,
    check_gradients,
    leaf,
    rand,
    same_as_torch,
    same_in_nhwc,
    same_state,
)

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class LeNet(nn.Module):
    """No size of an input is written anywhere."""

    def __init__(self):
        self.cv1 = nn.Conv2d(20, kernel_size=5)
        self.cv2 = nn.Conv2d(50, kernel_size=5)
        self.mp = nn.MaxPool2d(2)
        self.hidden = nn.Linear(500)
        self.classifier = nn.Linear(10)

    def forward(self, x):
        x = self.mp(self.cv1(x).relu())
        x = self.mp(self.cv2(x).relu())
        return self.classifier(self.hidden(x.flatten(1)).relu())


# networks ---------------------------------------------------------------------------------------


def test_lenet_finds_the_six_sizes():
    """A13, A14."""
    seen = []
    model = LeNet()
    for module in (model.cv1, model.mp, model.cv2):
        module.register_forward_hook(lambda module, args, y: seen.append(y.shape))
    assert model.build((1, 28, 28)) is model
    model(mt.zeros(3, 1, 28, 28))
    sides = [shape[-1] for shape in seen]
    assert [*sides, model.hidden.in_features, model.classifier.in_features] == [
        24, 12, 8, 4, 800, 500,
    ]  # fmt: skip


def test_lenet_parameters_have_their_names_and_shapes():
    """A15."""
    model = LeNet().build((1, 28, 28))
    assert {name: p.shape for name, p in model.named_parameters()} == {
        "cv1.weight": (20, 1, 5, 5),
        "cv1.bias": (20,),
        "cv2.weight": (50, 20, 5, 5),
        "cv2.bias": (50,),
        "hidden.weight": (500, 800),
        "hidden.bias": (500,),
        "classifier.weight": (10, 500),
        "classifier.bias": (10,),
    }
    assert model(mt.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_inferred_and_written_lenet_start_from_the_same_numbers():
    """B14."""

    class Written(LeNet):
        def __init__(self):
            self.cv1 = nn.Conv2d(1, 20, 5)
            self.cv2 = nn.Conv2d(20, 50, 5)
            self.mp = nn.MaxPool2d(2)
            self.hidden = nn.Linear(800, 500)
            self.classifier = nn.Linear(500, 10)

    mt.manual_seed(3)
    written = Written()
    mt.manual_seed(3)
    assert same_state(LeNet().build((1, 28, 28)), written)
    mt.manual_seed(3)
    called = LeNet()
    called(mt.zeros(2, 1, 28, 28))
    assert same_state(called, written)


class Residual(nn.Module):
    """y = relu(x' + f(x)): what f learns is the difference, and gradients have a way past it."""

    def __init__(self, channels, stride=1):
        self.conv1 = nn.Conv2dBatchNorm(channels, kernel_size=3, stride=stride, padding=1)
        self.conv2 = nn.Conv2dBatchNorm(channels, kernel_size=3, padding=1)
        self.skip = nn.Identity() if stride == 1 else nn.Conv2d(channels, kernel_size=1, stride=2)

    def forward(self, x):
        return (self.skip(x) + self.conv2(self.conv1(x).relu())).relu()


def test_residual_blocks_infer_their_sizes():
    """B22, G29."""
    model = nn.Sequential(Residual(4), Residual(8, stride=2), nn.AdaptiveAvgPool2d(1))
    model.build((4, 6, 6))
    assert model[1].conv1.conv.in_channels == model[1].skip.in_channels == 4
    assert model[1].conv2.norm.num_features == 8
    assert model.output_shape((4, 6, 6)) == (8, 1, 1)


def test_gradients_pass_a_skip():
    """G29."""
    model = Residual(2).build((2, 3, 3)).double()
    check_gradients(model, rand(3, 2, 3, 3))


def test_two_branches_and_nesting_infer():
    """B22."""

    class Two(nn.Module):
        def __init__(self):
            self.left = nn.Conv2d(3, kernel_size=1)
            self.right = nn.Sequential(nn.Conv2d(5, kernel_size=3, padding=1), nn.BatchNorm2d())

        def forward(self, x):
            return mt.cat([self.left(x), self.right(x)], 1)

    model = nn.Sequential(Two(), nn.Sequential(Two(), nn.Conv2d(1, kernel_size=1))).build((2, 4, 4))
    assert model[1][0].left.in_channels == 8
    assert model[1][1].in_channels == 8


# how a layer is written -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONVS + TRANSPOSED)
def test_input_channels_may_be_left_out(kind):
    """D20, D21."""
    n = kind.axes
    written = [kind(20, kernel_size=3), kind(None, 20, 3), kind(out_channels=20, kernel_size=3)]
    written += [kind(20, (3,) * n), kind(20, [3] * n)]
    for layer in written:
        assert (layer.in_channels, layer.out_channels) == (None, 20)
        assert layer.kernel_size == (3,) * n
        assert repr(layer).startswith(f"{kind.__name__}(?, 20, kernel_size=")
        assert layer.build((6, *(8,) * n)).in_channels == 6
    sized = kind(1, 20, 3)
    assert (sized.in_channels, sized.out_channels, sized.kernel_size) == (1, 20, (3,) * n)


def test_lazy_names():
    for lazy, kind in (
        (nn.LazyConv1d, nn.Conv1d),
        (nn.LazyConv2d, nn.Conv2d),
        (nn.LazyConv3d, nn.Conv3d),
        (nn.LazyConvTranspose1d, nn.ConvTranspose1d),
        (nn.LazyConvTranspose2d, nn.ConvTranspose2d),
        (nn.LazyConvTranspose3d, nn.ConvTranspose3d),
    ):
        layer = lazy(20, 3, 2, bias=False)
        assert isinstance(layer, kind)
        assert (layer.in_channels, layer.out_channels, layer.bias) == (None, 20, None)
        assert layer.stride == (2,) * kind.axes
        assert layer.build((6, *(8,) * kind.axes)).in_channels == 6


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_two_ints_could_be_read_in_two_ways(kind):
    who = kind.__name__
    with pytest.raises(TypeError) as error:
        kind(20, 5)
    assert f"{who}(20, kernel_size=5)" in str(error.value)
    assert f"{who}(20, 5, kernel_size=" in str(error.value)
    with pytest.raises(TypeError, match=r"kernel_size is missing.*\(20, kernel_size=5\)"):
        kind(20)
    with pytest.raises(TypeError, match="out_channels and kernel_size are missing"):
        kind()
    with pytest.raises(TypeError, match="out_channels must be an int"):
        kind(20, (5, 5), 3)
    with pytest.raises(TypeError, match="out_channels must be an int, got None"):
        kind(kernel_size=3)


BAD = {
    "H043: a stride of 0": ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
    "H043: a negative padding": ({"padding": -1}, ValueError, "padding must be at least 0, got -1"),
    "H043: a kernel of 0": ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
    "a dilation of 0": ({"dilation": 0}, ValueError, "dilation must be at least 1"),
    "H044: a float": ({"kernel_size": 3.0}, TypeError, "an int or 2 ints, got 3.0"),
    "H045: three": ({"kernel_size": (3, 3, 3)}, ValueError, r"an int or 2 ints, got 3: \(3, 3, 3"),
    "H046: out": ({"groups": 3}, ValueError, "out_channels 8 do not divide into 3 groups"),
    "H046: in": ({"groups": 8}, ValueError, "in_channels 4 do not divide into 8 groups"),
    "no groups": ({"groups": 0}, ValueError, "groups must be at least 1"),
    "H047": ({"padding": "same", "stride": 2}, ValueError, "'same' keeps the size only with str"),
    "a word": ({"padding": "full"}, ValueError, "must be 'same', 'valid' or numbers, got 'full'"),
    "a mode": ({"padding_mode": "mirror"}, ValueError, "'reflect'.*got 'mirror'"),
    "a crop": ({"padding": ((-1, 0), (0, 0)), "padding_mode": "reflect"}, ValueError, "cuts off"),
    "a layout": ({"layout": "HWCN"}, ValueError, "must be 'NCHW' or 'NHWC', got 'HWCN'"),
    "no channels": ({"in_channels": 0}, ValueError, "in_channels must be at least 1, got 0"),
    "a dtype": ({"dtype": "int64"}, TypeError, "float"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_raise_when_built(name):
    """H043, H044, H045, H046, H047."""
    options, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 8, "kernel_size": 3, **options})


def test_bad_options_of_a_transposed_convolution_raise_when_built():
    """H043."""
    for options, message in (
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
        ({"output_padding": -1}, "output_padding must be at least 0"),
        ({"output_padding": 2, "stride": 2}, r"output_padding \(2, 2\) must be smaller than strid"),
        ({"padding_mode": "reflect"}, "padding_mode must be 'zeros'"),
        ({"groups": 3}, "in_channels 4 do not divide|out_channels 8 do not divide"),
    ):
        with pytest.raises(ValueError, match=message):
            nn.ConvTranspose2d(4, 8, 3, **options)


def test_groups_are_checked_against_inferred_channels():
    """H046."""
    layer = nn.Conv2d(4, kernel_size=3, groups=2)
    with pytest.raises(ValueError, match="in_channels 3 do not divide into 2 groups"):
        layer.build((3, 8, 8))
    assert layer.in_channels is None
    assert layer.build((6, 8, 8)).weight.shape == (4, 3, 3, 3)


# inputs that do not fit -------------------------------------------------------------------------


def test_wrong_channels_name_the_layer():
    """H039."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    for attempt in (lambda: model(mt.zeros(1, 1, 8, 8)), lambda: model.build((1, 8, 8))):
        with pytest.raises(ShapeError, match=r"Conv2d: .* has 1 channel on axis 1, .* 3") as error:
            attempt()
        assert any(note.startswith("in 0: Conv2d(3, 8") for note in error.value.__notes__)
        assert "layout" not in str(error.value)


def test_channels_last_are_recognised():
    """H040."""
    with pytest.raises(ShapeError, match=r"layout='NHWC' or turn .*x\.permute\(0, 3, 1, 2\)"):
        nn.Conv2d(3, 8, 3)(mt.zeros(1, 8, 8, 3))
    with pytest.raises(ShapeError, match=r"layout='NCHW' or turn .*x\.permute\(0, 2, 3, 1\)"):
        nn.Conv2d(3, 8, 3, layout="NHWC")(mt.zeros(1, 3, 8, 8))
    with pytest.raises(ShapeError, match=r"layout='NLC' or turn .*x\.permute\(0, 2, 1\)"):
        nn.Conv1d(3, 8, 3)(mt.zeros(1, 8, 3))
    fixed = mt.zeros(1, 8, 8, 3)
    assert nn.Conv2d(3, 8, 3)(fixed.permute(0, 3, 1, 2)).shape == (1, 8, 6, 6)
    assert nn.Conv2d(3, 8, 3, layout="NHWC")(fixed).shape == (1, 6, 6, 8)


def test_kernel_larger_than_the_input():
    """H041."""
    with pytest.raises(ShapeError, match=r"input 3 \+ padding .*kernel 5.* = -1 windows"):
        nn.Conv2d(1, 1, 5)(mt.zeros(1, 1, 3, 3))


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 2, 3), nn.Conv2d(2, kernel_size=3)])
def test_image_without_batch_axis(layer):
    """H042."""
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\), expected \(N, C, H, W\); x\[None\] adds"):
        layer(mt.zeros(1, 8, 8))
    with pytest.raises(ShapeError, match=r"\(8, 8\), expected \(N, C, H, W\); x\[None\] adds"):
        layer(mt.zeros(8, 8))
    with pytest.raises(TypeError, match="expected a Tensor, got list"):
        layer([1.0])


def test_channels_last_image_without_batch_axis():
    """H042."""
    with pytest.raises(
        ShapeError, match=r"expected \(N, H, W, C\); x\[None\] .* x\[\.\.\., None\]"
    ):
        nn.Conv2d(1, 2, 3, layout="NHWC")(mt.zeros(8, 8, 1))


@pytest.mark.parametrize("kind", CONVS + TRANSPOSED)
def test_empty_batches_pass(kind):
    """H048."""
    layer = kind(2, 3, 3)
    x = leaf(np.zeros((0, 2, *(5,) * kind.axes), np.float32))
    y = layer(x)
    assert y.shape[:2] == (0, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.numpy().any()
    assert layer.weight.grad.shape == layer.weight.shape


def test_bytes_say_how_to_become_floats():
    """H049."""
    for layer in (nn.Conv2d(1, 2, 3), nn.Conv2d(2, kernel_size=3)):
        with pytest.raises(TypeError, match=r"uint8.*x\.float\(\) / 255"):
            layer(mt.zeros(1, 1, 8, 8, dtype=mt.uint8))
    assert nn.Conv2d(2, kernel_size=3).open_sizes


# values -----------------------------------------------------------------------------------------


def test_a_convolution_by_hand():
    """A04, A05."""
    layer = nn.Conv2d(1, 1, 2, dtype=mt.float64)
    by_hand(layer, weight=[[1.0, 2.0], [3.0, 4.0]], bias=10.0)
    x = leaf(np.arange(9.0).reshape(1, 1, 3, 3))
    y = layer(x)
    assert y[0, 0].tolist() == [[37, 47], [67, 77]]  # 0·1 + 1·2 + 3·3 + 4·4 + 10 = 37
    y.sum().backward()
    assert x.grad[0, 0].tolist() == [[1, 3, 2], [4, 10, 6], [3, 7, 4]]
    assert layer.weight.grad[0, 0].tolist() == [[8, 12], [20, 24]]
    assert layer.bias.grad.tolist() == [4]


def test_a_transposed_convolution_by_hand():
    """G23."""
    layer = nn.ConvTranspose1d(1, 1, 2, stride=2, dtype=mt.float64)
    by_hand(layer, weight=[1.0, 10.0], bias=0.5)
    assert layer(mt.tensor([[[1.0, 2.0]]], dtype=mt.float64)).tolist() == [[[1.5, 10.5, 2.5, 20.5]]]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_is_the_adjoint(n):
    """G23: <conv x, y> = <x, convᵀ y>."""
    options = {"stride": 2, "padding": 1, "bias": False, "dtype": mt.float64}
    conv, back = CONVS[n - 1](2, 3, 3, **options), TRANSPOSED[n - 1](3, 2, 3, **options)
    back.load_state_dict(conv.state_dict())
    x = mt.tensor(rand(2, 2, *(7,) * n))
    y = mt.tensor(rand(*conv(x).shape, seed=1))
    assert (conv(x) * y).sum().item() == pytest.approx((x * back(y)).sum().item())


OPTIONS = [
    {},
    {"stride": 2, "padding": 1, "bias": False},
    {"padding": "same", "dilation": 2},
    {"padding": "valid", "groups": 2},
    {"padding": 2, "padding_mode": "reflect", "stride": 2},
    {"padding": "same", "padding_mode": "circular"},
    {"padding": 1, "padding_mode": "replicate", "groups": 4},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolutions_agree_with_torch(n, options):
    """A04, B16, D20, D22, D24, D25, G23."""
    torch = pytest.importorskip("torch")
    kernel = (3, 2, 3)[:n]
    twin = getattr(torch.nn, f"Conv{n}d")(4, 8, kernel, dtype=torch.float64, **options)
    layer = CONVS[n - 1](4, 8, kernel, dtype=mt.float64, **options)
    same_as_torch(layer, twin, rand(2, 4, *(7, 6, 5)[:n]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1, "bias": False},
        {"dilation": 2, "groups": 2},
        {"stride": 3, "output_padding": 2},
    ],
)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_convolutions_agree_with_torch(n, options):
    """G23."""
    torch = pytest.importorskip("torch")
    kernel = (3, 2, 3)[:n]
    twin = getattr(torch.nn, f"ConvTranspose{n}d")(4, 6, kernel, dtype=torch.float64, **options)
    layer = TRANSPOSED[n - 1](4, 6, kernel, dtype=mt.float64, **options)
    same_as_torch(layer, twin, rand(2, 4, *(4, 3, 2)[:n]))


def test_output_size_agrees_with_torch():
    torch = pytest.importorskip("torch")
    twin = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1, dtype=torch.float64)
    layer = nn.ConvTranspose2d(2, 3, 3, 2, 1, dtype=mt.float64)
    for size in ((13, 9), (14, 10), [14, 9], (1, 3, 13, 10)):
        same_as_torch(layer, twin, rand(1, 2, 7, 5), size)


def test_output_size_chooses_among_those_that_fit():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = mt.zeros(1, 2, 7, 5)
    assert layer(x, (13, 10)).shape == (1, 3, 13, 10)
    assert layer(x, output_size=(1, 3, 14, 9)).shape == (1, 3, 14, 9)
    for wrong in ((12, 9), (15, 9), (13,), (13, 9, 1)):
        with pytest.raises(ValueError, match=r"output_size .* from \(13, 9\) to \(14, 10\)"):
            layer(x, wrong)
    last = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, layout="NHWC")
    assert last(mt.zeros(1, 7, 5, 2), (1, 14, 10, 3)).shape == (1, 14, 10, 3)
    inferred = nn.ConvTranspose2d(3, kernel_size=3, stride=2, padding=1)
    assert inferred(x, output_size=(14, 10)).shape == (1, 3, 14, 10)


def test_same_padding_keeps_the_size():
    """B16."""
    for kernel in (1, 2, 3, 4, (2, 5)):
        layer = nn.Conv2d(1, 1, kernel, padding="same")
        assert layer(mt.zeros(1, 1, 7, 6)).shape == (1, 1, 7, 6)
    assert nn.Conv2d(1, 1, 3, padding="valid").output_shape((1, 7, 6)) == (1, 5, 4)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_in_pairs_is_padding_before(mode):
    """D23: = np.pad, then a convolution without padding."""
    pairs = ((1, 0), (2, 1))
    layer = nn.Conv2d(2, 3, 3, padding=pairs, padding_mode=mode, dtype=mt.float64)
    assert layer.padding == pairs
    x = rand(2, 2, 5, 6)
    name = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    around = np.pad(x, ((0, 0), (0, 0), *pairs), mode=name)
    want = F.conv2d(mt.tensor(around), layer.weight, layer.bias)
    np.testing.assert_allclose(layer(mt.tensor(x)).detach().numpy(), want.detach().numpy())


def test_padding_in_pairs_may_crop():
    """D23."""
    layer = nn.Conv2d(1, 1, 1, bias=False, padding=((-1, -1), (0, -2)), weights=init.ones())
    x = mt.tensor(rand(1, 1, 5, 6, dtype=np.float32))
    np.testing.assert_array_equal(layer(x).detach().numpy(), x[:, :, 1:-1, :-2].numpy())
    layer = nn.Conv2d(1, 1, 1, bias=False, padding=((-1, -1), (-2, -2)), weights=init.ones())
    np.testing.assert_array_equal(layer(x).detach().numpy(), x[:, :, 1:-1, 2:-2].numpy())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"stride": (2, 1), "dilation": (1, 2)},
        {"padding": ((1, 0), (0, 2))},
        {"groups": 2, "padding": 1, "padding_mode": "reflect"},
        {"layout": "NHWC"},
    ],
)
def test_gradients_of_a_convolution(options):
    """A04, D22, D23, D24, D25, D27."""
    layer = nn.Conv2d(2, 2, 2, dtype=mt.float64, **options)
    x = rand(2, 4, 5, 2) if "layout" in options else rand(2, 2, 4, 5)
    check_gradients(layer, x)


def test_gradients_of_a_transposed_convolution():
    layer = nn.ConvTranspose2d(2, 4, (2, 3), stride=2, output_padding=1, groups=2, dtype=mt.float64)
    check_gradients(layer, rand(2, 2, 3, 2))


def test_two_groups_are_two_convolutions():
    """D25."""
    layer = nn.Conv2d(4, 6, 3, groups=2, dtype=mt.float64)
    x = mt.tensor(rand(2, 4, 5, 5))
    halves = [
        F.conv2d(*parts) for parts in zip(x.split(2, 1), layer.weight.split(3), layer.bias.split(3))
    ]
    np.testing.assert_allclose(layer(x).tolist(), mt.cat(halves, 1).tolist())
    assert nn.Conv2d(4, 4, 3, groups=4).weight.shape == (4, 1, 3, 3)


def test_dilation_is_a_kernel_with_zeros_between():
    """D24."""
    layer = nn.Conv2d(1, 2, 3, dilation=2, bias=False, dtype=mt.float64)
    wide = np.zeros((2, 1, 5, 5))
    wide[:, :, ::2, ::2] = layer.weight.detach().numpy()
    x = mt.tensor(rand(1, 1, 7, 7))
    np.testing.assert_allclose(layer(x).tolist(), F.conv2d(x, mt.tensor(wide)).tolist())


def test_activation_comes_last():
    """B15."""
    x = mt.tensor(rand(2, 3, 5, 5, dtype=np.float32))
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        plain = kind(3, 4, 3)
        for activation in (F.relu, "relu", lambda y: y.relu()):
            layer = kind(3, 4, 3, activation=activation)
            layer.load_state_dict(plain.state_dict())
            np.testing.assert_array_equal(
                layer(x).detach().numpy(), plain(x).relu().detach().numpy()
            )
    with pytest.raises(ValueError, match=r"no function of nn\.functional"):
        nn.Conv2d(3, 4, 3, activation="rely")


def test_bias_can_be_left_out():
    """A16, B19, D34."""
    assert [name for name, _ in nn.Conv2d(1, 20, 5, bias=False).named_parameters()] == ["weight"]
    assert nn.Conv2d(1, 20, 5, biases=None).bias is None
    with_bias, without = nn.Conv2d(1, 20, 5), nn.Conv2d(20, kernel_size=5, bias=False)
    assert with_bias.count_parameters() - without.count_parameters((1, 8, 8)) == 20


def test_float64_layers_and_halves():
    """D18."""
    layer = nn.Conv2d(2, kernel_size=3, dtype=mt.float64)
    assert layer(mt.tensor(rand(1, 2, 4, 4))).dtype == mt.float64
    assert layer.weight.dtype == layer.bias.dtype == mt.float64
    half = nn.Conv2d(1, 2, 3).half()
    y = half(mt.ones(1, 1, 4, 4, dtype=mt.float16))
    y.sum().backward()
    assert y.dtype == half.weight.grad.dtype == mt.float16


# initial values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_initial_values_lie_within_torchs_bounds(n, groups):
    torch = pytest.importorskip("torch")
    for name, kinds in (("Conv", CONVS), ("ConvTranspose", TRANSPOSED)):
        twin = getattr(torch.nn, f"{name}{n}d")(32, 64, 3, groups=groups)
        layer = kinds[n - 1](32, 64, 3, groups=groups)
        fan_in, _ = torch.nn.init._calculate_fan_in_and_fan_out(twin.weight)
        bound = 1 / math.sqrt(fan_in)
        for p, q in ((layer.weight, twin.weight), (layer.bias, twin.bias)):
            assert p.shape == tuple(q.shape)
            most = p.detach().abs().max().item()
            assert 0.9 * bound < most <= np.float32(bound)
            assert 0.9 * bound < q.abs().max().item() <= np.float32(bound)


def test_initial_bounds_by_hand():
    for layer, fan in (
        (nn.Conv2d(16, 400, 5, groups=4), 4 * 25),
        (nn.ConvTranspose2d(400, 16, 5, groups=4), 4 * 25),
    ):
        for p in (layer.weight, layer.bias):
            assert 0.95 / math.sqrt(fan) < p.detach().abs().max().item() <= 1 / math.sqrt(fan)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_init_functions_see_the_true_fans(kind):
    """D26."""
    seen = {}

    def watch(name):
        def fill(shape, dtype, generator):
            seen[name] = shape.fan_in, shape.fan_out
            return np.full(shape, 0.5, dtype)

        return fill

    layer = kind(8, 12, (3, 5), groups=4, weights=watch("W"), biases=watch("b"))
    assert seen == {"W": (2 * 15, 3 * 15), "b": (2 * 15, 3 * 15)}
    assert layer.weight.detach().mean().item() == layer.bias.detach().mean().item() == 0.5


def test_init_functions_and_streams():
    """D26."""
    stream = lambda: mt.random.Generator().manual_seed(7)
    layer = nn.Conv2d(64, 128, 3, weights=init.he(), biases=init.constant(0.1), generator=stream())
    assert layer.weight.detach().std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert set(layer.bias.tolist()) == {np.float32(0.1)}
    again = nn.Conv2d(128, kernel_size=3, weights=init.he(), generator=stream()).build((64, 8, 8))
    assert np.array_equal(again.weight.detach().numpy(), layer.weight.detach().numpy())


def test_kaiming_with_slope_1_keeps_the_standard_deviation():
    """C47."""
    layer = nn.Conv2d(64, 256, 3, bias=False, weights=init.kaiming_normal(a=1))
    y = layer(mt.tensor(rand(8, 64, 10, 10, dtype=np.float32)))
    assert y.detach().std().item() == pytest.approx(1, rel=0.05)


def test_reset_parameters_draws_anew():
    layer = nn.Conv2d(1, 2, 3)
    weight, before = layer.weight, layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight is weight
    assert weight.tolist() != before


# layout -----------------------------------------------------------------------------------------

CHANNELS_LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


@pytest.mark.parametrize("kind", CONVS + TRANSPOSED)
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "groups": 2}])
def test_channels_last_gives_the_transposed_result(kind, options):
    """D27."""
    n = kind.axes
    make = lambda **more: kind(4, 6, (3, 2, 3)[:n], dtype=mt.float64, **options, **more)
    same_in_nhwc(make(), make(layout=CHANNELS_LAST[n]), rand(2, 4, *(6, 5, 4)[:n]))


def test_channels_last_with_other_margins():
    """D27."""
    make = lambda **more: nn.Conv2d(
        2, 3, 3, dtype=mt.float64, padding=((1, 0), (2, 1)), padding_mode="reflect", **more
    )
    same_in_nhwc(make(), make(layout="NHWC"), rand(2, 2, 6, 5))


def test_channels_last_infers_from_the_last_axis():
    """D27."""
    layer = nn.Conv2d(20, kernel_size=5, layout="NHWC").build((28, 28, 1))
    assert layer.weight.shape == (20, 1, 5, 5)  # a checkpoint does not depend on the layout
    assert layer.output_shape((28, 28, 1)) == (24, 24, 20)
    assert repr(layer).endswith("stride=(1, 1), layout=NHWC)")
    first = nn.Conv2d(20, kernel_size=5).build((1, 28, 28))
    first.load_state_dict(layer.state_dict())


def test_a_whole_network_with_channels_last():
    """D27."""
    make = lambda **layout: nn.Sequential(
        nn.Conv2d(8, kernel_size=3, padding=1, **layout),
        nn.BatchNorm2d(**layout),
        F.relu,
        nn.MaxPool2d(2, **layout),
        nn.Conv2dBatchNorm(4, kernel_size=3, activation="relu", **layout),
    )
    first, last = make().build((2, 9, 8)).double(), make(layout="NHWC").build((9, 8, 2)).double()
    same_in_nhwc(first, last, rand(3, 2, 9, 8))


# the layer as a module --------------------------------------------------------------------------


sizes = st.integers(1, 3)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_output_shape_is_the_shape_of_forward(data):
    """A09, B05."""
    n = data.draw(st.integers(1, 3))
    groups = data.draw(st.sampled_from([1, 2]))
    per_axis = st.one_of(sizes, st.tuples(*[sizes] * n))
    kernel, stride, dilation = (data.draw(per_axis) for _ in range(3))
    transposed = data.draw(st.booleans())
    paddings = st.integers(0, 2)
    if not transposed:
        paddings = st.one_of(paddings, st.tuples(*[st.tuples(paddings, paddings)] * n))
    layout = data.draw(st.sampled_from([None, CHANNELS_LAST[n]]))
    layer = (TRANSPOSED if transposed else CONVS)[n - 1](
        4,
        kernel_size=kernel,
        stride=stride,
        padding=data.draw(paddings),
        dilation=dilation,
        groups=groups,
        layout=layout,
    )
    spatial = data.draw(st.tuples(*[st.integers(7, 9)] * n))
    shape = (2, *spatial) if layout is None else (*spatial, 2)
    promised = layer.output_shape(shape)
    assert layer.open_sizes == ("in_channels",)
    assert layer(mt.zeros(3, *shape)).shape == (3, *promised)
    assert layer.output_shape(shape) == promised


def test_output_size_formula():
    """A09: (28 + 2·2 - 2·(5 - 1) - 1) // 3 + 1 = 8."""
    assert nn.Conv2d(1, 4, 5, 3, 2, 2).output_shape((1, 28, 28)) == (4, 8, 8)
    # (8 - 1)·3 - 2·2 + 2·(5 - 1) + 1 + 1 = 27
    assert nn.ConvTranspose2d(4, 1, 5, 3, 2, 1, dilation=2).output_shape((4, 8, 8)) == (1, 27, 27)


def test_forward_leaves_the_layer_and_the_input_alone():
    """B09."""
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        layer = kind(2, 3, 3)
        x = rand(2, 2, 6, 6, dtype=np.float32)
        kept, before = x.copy(), copy.deepcopy(layer)
        layer(mt.tensor(x)).sum().backward()
        assert same_state(layer, before)
        np.testing.assert_array_equal(x, kept)
        assert repr(layer) == repr(before)


@pytest.mark.parametrize("kind", CONVS + TRANSPOSED)
def test_layers_are_copied_and_saved_whole(kind):
    x = mt.tensor(rand(2, 2, *(5,) * kind.axes, dtype=np.float32))
    layer = kind(2, 3, 2, activation="relu")
    y = layer(x).tolist()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other(x).tolist() == y
        assert other.weight is not layer.weight
    fresh = kind(2, 3, 2, activation="relu")
    fresh.load_state_dict(layer.state_dict())
    assert fresh(x).tolist() == y
    still_open = copy.deepcopy(kind(3, kernel_size=2))
    assert still_open.build((2, *(5,) * kind.axes)).in_channels == 2


def test_layers_on_the_meta_device_hold_no_numbers():
    layer = nn.Conv2d(1000, 10**6, 9, device="meta")
    assert isinstance(layer.weight.array, Meta)
    assert layer.output_shape((1000, 9, 9)) == (10**6, 1, 1)


def test_layers_run_on_the_gpu(cuda):
    """D27: in either layout, without waiting for the device."""
    x = rand(2, 3, 6, 6, dtype=np.float32)
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        host = kind(3, 4, 3, stride=2, padding=1)
        there = kind(3, 4, 3, stride=2, padding=1, layout="NHWC", device="cuda")
        assert there.weight.device.type == "cuda"
        there.load_state_dict(host.state_dict())
        x_there = mt.tensor(np.moveaxis(x, 1, -1).copy(), device="cuda", requires_grad=True)
        cuda.reset()
        y = there(x_there)
        y.sum().backward()
        assert (cuda.sync, cuda.h2d) == (0, 0)
        assert x_there.grad.device.type == "cuda"
        want = host(mt.tensor(x)).permute(0, 2, 3, 1)
        np.testing.assert_allclose(y.numpy(force=True), want.detach().numpy(), rtol=1e-4, atol=1e-5)


# blocks -----------------------------------------------------------------------------------------


def test_conv_batch_norm_is_the_two_in_a_row():
    """D34."""
    options = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    block = nn.Conv2dBatchNorm(
        4, 6, 3, **options, momentum=0.3, eps=1e-3, weights=init.he(), dtype=mt.float64
    )
    assert [name for name, _ in block.named_parameters()] == [
        "conv.weight",
        "norm.weight",
        "norm.bias",
    ]
    assert block.conv.bias is None
    assert (block.norm.momentum, block.norm.eps) == (0.3, 1e-3)
    two = nn.Sequential(
        nn.Conv2d(4, 6, 3, **options, bias=False, dtype=mt.float64),
        nn.BatchNorm2d(6, 1e-3, 0.3, dtype=mt.float64),
    )
    two[0].load_state_dict(block.conv.state_dict())
    x = mt.tensor(rand(3, 4, 9, 9))
    assert block(x).tolist() == two(x).tolist()
    assert block.norm.running_var.tolist() == two[1].running_var.tolist() != [1.0] * 6
    assert block.eval()(x).tolist() == two.eval()(x).tolist()


def test_conv_batch_norm_infers_and_activates():
    """D34, B15."""
    block = nn.Conv2dBatchNorm(20, kernel_size=5, activation="relu").build((1, 8, 8))
    assert block.conv.weight.shape == (20, 1, 5, 5)
    assert block.norm.num_features == 20
    assert block(mt.tensor(rand(4, 1, 8, 8, dtype=np.float32))).min().item() == 0
    with pytest.raises(TypeError, match=r"Conv2d\(20, 5\): kernel_size is missing"):
        nn.Conv2dBatchNorm(20, 5)


def test_general_relu_by_hand():
    """G30."""
    x = mt.tensor([-10.0, -1.0, 0.0, 1.0, 9.0])
    cases = {
        (): [0, 0, 0, 1, 9],
        (0.1,): [-1, -0.1, 0, 1, 9],
        (None, 0.5): [-0.5, -0.5, -0.5, 0.5, 8.5],
        (0.1, 0.5, 6.0): [-1.5, -0.6, -0.5, 0.5, 6],
        (None, None, 6.0): [0, 0, 0, 1, 6],
    }
    for options, want in cases.items():
        assert nn.GeneralRelu(*options)(x).tolist() == pytest.approx(want)
    assert repr(nn.GeneralRelu(0.1, cap=6.0)) == "GeneralRelu(leak=0.1, cap=6.0)"
    assert x.tolist() == [-10, -1, 0, 1, 9]


def test_gradients_of_general_relu():
    """G30."""
    x = leaf(np.array([-3.0, -0.4, 0.7, 2.0, 9.0]))
    assert gradcheck(nn.GeneralRelu(0.1, 0.4, 6.0), (x,))


def test_a_shifted_relu_has_mean_near_zero():
    """C29."""
    x = mt.tensor(rand(10_000))
    assert abs(nn.GeneralRelu(shift=0.5)(x).mean().item()) < 0.12
    assert abs(nn.GeneralRelu(shift=0.4)(x).mean().item()) < 0.02
    assert nn.GeneralRelu()(x).mean().item() > 0.35
