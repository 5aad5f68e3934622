"""The layers without parameters: pooling, windows as columns, another size, margins."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, leaf, rand, same_as_torch, same_in_nhwc

POOLS = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
)
ADAPTIVE = (
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
)
PADS = [
    getattr(nn, f"{name}Pad{n}d")
    for name in ("Zero", "Reflection", "Replication", "Circular")
    for n in (1, 2, 3)
]
CONSTANT = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
EACH = [
    *(kind(2) for kind in POOLS + ADAPTIVE),
    *(kind(1) for kind in PADS),
    *(kind(1, 0.5) for kind in CONSTANT),
    nn.Unfold(2),
    nn.Fold((5, 4), 2),
    nn.Upsample(scale_factor=2),
]


def image(layer, batch=2):
    """An input that the layer takes."""
    if isinstance(layer, nn.Fold):
        return rand(batch, 12, 12, dtype=np.float32)
    n = getattr(layer, "axes", 2)
    return rand(batch, 3, *(5, 4, 3)[:n], dtype=np.float32)


# pooling ----------------------------------------------------------------------------------------


def test_maxima_by_hand():
    """A06."""
    x = leaf(np.array([[[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 6.0]]]]))
    y = nn.MaxPool2d(2)(x)
    assert y.tolist() == [[[[4, 6]]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[[0, 0, 0, 0], [0, 1, 0, 1]]]]
    pool = nn.MaxPool2d(kernel_size=(2, 2), padding=(0, 0), stride=(2, 2))
    assert pool(mt.zeros(7, 20, 24, 24)).shape == (7, 20, 12, 12)


def test_means_by_hand():
    """B17."""
    x = leaf(np.array([[[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 7.0]]]]))
    y = nn.AvgPool2d(2)(x)
    assert y.tolist() == [[[[2.5, 3]]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[[0.25] * 4] * 2]]
    assert nn.AvgPool1d(2, stride=1)(mt.tensor([[[1.0, 3.0, 5.0]]])).tolist() == [[[2, 4]]]


def test_pools_hold_no_parameters():
    """A17."""
    for layer in EACH:
        assert list(layer.parameters()) == list(layer.buffers()) == []
        assert layer.state_dict() == {}


def test_indices_come_along():
    y, where = nn.MaxPool2d(2, return_indices=True)(mt.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]))
    assert (y.tolist(), where.tolist()) == ([[[[4]]]], [[[[2]]]])
    y, where = nn.AdaptiveMaxPool1d(1, return_indices=True)(mt.tensor([[[1.0, 9.0, 3.0]]]))
    assert (y.tolist(), where.tolist()) == ([[[9]]], [[[1]]])


def test_padding_never_wins():
    """H053."""
    x = mt.tensor(np.full((1, 1, 3, 3), -1.0))
    assert set(nn.MaxPool2d(3, 1, 1)(x).flatten().tolist()) == {-1.0}
    assert set(nn.MaxPool1d(3, 1, 1)(x[0]).flatten().tolist()) == {-1.0}


@pytest.mark.parametrize("kind", POOLS)
def test_bad_windows_raise_when_built(kind):
    """H043, H044, H045, H052."""
    who = kind.__name__
    for options, error, message in (
        ({"padding": 2}, ValueError, "padding must be at most half the kernel"),
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
        ({"kernel_size": 2.0}, TypeError, r"kernel_size must be an int or .*, got 2\.0"),
        ({"kernel_size": (2, 2, 2, 2)}, ValueError, ".*, got 4: "),
        ({"layout": "CHW"}, ValueError, "layout must be .*, got 'CHW'"),
    ):
        with pytest.raises(error, match=f"^{who}: {message}"):
            kind(**{"kernel_size": 2, **options})
    if "Max" in who:
        with pytest.raises(ValueError, match="dilation must be at least 1"):
            kind(2, dilation=0)


def test_bad_options_of_other_layers_raise_when_built():
    """H043, H044."""
    for attempt, error, message in (
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "divisor_override must not be 0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError, "an int or 2 ints"),
        (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "output_size must be at least 1, got"),
        (lambda: nn.AdaptiveMaxPool1d(2.5), TypeError, "output_size must be an int"),
        (lambda: nn.Unfold(0), ValueError, "Unfold: kernel_size must be at least 1"),
        (lambda: nn.Unfold(2, stride=0), ValueError, "Unfold: stride must be at least 1"),
        (lambda: nn.Fold(2.0, 2), TypeError, "Fold: output_size must be an int or 2 ints"),
        (lambda: nn.Fold(4, 2, dilation=0), ValueError, "Fold: dilation must be at least 1"),
        (lambda: nn.Fold(4, 2, padding=-1), ValueError, "Fold: padding must be at least 0"),
        (lambda: nn.Upsample(), ValueError, "give size or scale_factor, one of the two"),
        (lambda: nn.Upsample(3, 2.0), ValueError, "give size or scale_factor, one of the two"),
        (lambda: nn.ZeroPad2d((1, 2)), ValueError, "padding must be an int or 4 ints, got 2"),
        (lambda: nn.ZeroPad2d(1.5), TypeError, "padding must be an int or 4 ints, got 1.5"),
        (lambda: nn.ReflectionPad2d(-1), ValueError, "padding must be at least 0, got -1"),
    ):
        with pytest.raises(error, match=message):
            attempt()


@pytest.mark.parametrize("kind", POOLS)
def test_window_larger_than_the_input(kind):
    """H051."""
    with pytest.raises(ShapeError, match=r"input 3 \+ padding .*kernel 9.* = 0 windows"):
        kind(9)(mt.zeros(1, 1, *(3,) * kind.axes))
    with pytest.raises(ShapeError, match=r"in 0: .*Pool.d\("):
        nn.Sequential(kind(9)).build((1, *(3,) * kind.axes))


@pytest.mark.parametrize("layer", [*(kind(2) for kind in POOLS + ADAPTIVE)])
def test_images_without_batch_axis(layer):
    """H042."""
    with pytest.raises(ShapeError, match=r"expected \(N, C, .*; x\[None\] adds a batch of one"):
        layer(mt.zeros(*(8,) * (layer.axes + 1)))


@pytest.mark.parametrize("layer", EACH, ids=repr)
def test_empty_batches_pass(layer):
    """H048."""
    x = leaf(image(layer, batch=0))
    y = layer(x)
    assert y.shape[0] == 0
    assert y.shape[1:] == layer(mt.tensor(image(layer))).shape[1:]
    y.sum().backward()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("layer", EACH, ids=repr)
def test_output_shape_is_the_shape_of_forward_and_nothing_is_changed(layer):
    """B05, B09, D18."""
    x = image(layer)
    kept, before = x.copy(), dict(layer.__dict__)
    y = layer(mt.tensor(x))
    assert layer.output_shape(x.shape[1:]) == y.shape[1:]
    np.testing.assert_array_equal(x, kept)
    known = {"_plain": True, "_prepared": True}  # what a call finds out about the layer
    assert {**layer.__dict__, **known} == {**before, **known}
    assert y.dtype == np.float32
    assert layer(mt.tensor(x, dtype=mt.float64)).dtype == np.float64
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other(mt.tensor(x)).tolist() == y.tolist()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_output_shape_over_random_windows(data):
    """A09, B05: H' = (H + 2 padding - dilation (K - 1) - 1) // stride + 1."""
    kernel, stride, padding = (data.draw(st.integers(low, 4)) for low in (1, 1, 0))
    padding = min(padding, kernel // 2)
    size, ceil = data.draw(st.integers(4, 9)), data.draw(st.booleans())
    shape = (2, size, size + 1)
    for kind in (nn.MaxPool2d, nn.AvgPool2d):
        layer = kind(kernel, stride, padding, ceil_mode=ceil)
        promised = layer.output_shape(shape)
        assert layer(mt.zeros(3, *shape)).shape == (3, *promised)
        if not ceil:
            assert promised[1] == (size + 2 * padding - kernel) // stride + 1
    want = data.draw(st.tuples(*[st.one_of(st.none(), st.integers(1, 5))] * 2))
    for kind in (nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d):
        sizes = tuple(s if size is None else size for s, size in zip(shape[1:], want))
        assert kind(want).output_shape(shape) == (2, *sizes)


POOLED = [
    ("MaxPool", (3, 2, 1), {}),
    ("MaxPool", (2,), {"ceil_mode": True}),
    ("MaxPool", (2,), {"stride": 1, "dilation": 2}),
    ("AvgPool", (3,), {}),
    ("AvgPool", (3, 2, 1), {"ceil_mode": True}),
    ("AvgPool", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}),
    ("AdaptiveMaxPool", (3,), {}),
    ("AdaptiveAvgPool", (3,), {}),
]


@pytest.mark.parametrize(("name", "args", "options"), POOLED)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_pools_agree_with_torch(n, name, args, options):
    """A06, B17."""
    torch = pytest.importorskip("torch")
    name += f"{n}d"
    same_as_torch(
        getattr(nn, name)(*args, **options),
        getattr(torch.nn, name)(*args, **options),
        rand(2, 3, *(8, 7, 6)[:n]),
    )


def test_boxes_are_pooled_by_hand():
    x = leaf(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    y, where = nn.MaxPool3d(2, return_indices=True)(x)
    assert (y.item(), where.item()) == (7, 7)
    z = nn.AvgPool3d((1, 2, 2))(x)
    assert z.flatten().tolist() == [1.5, 5.5]
    (y.sum() + z.sum()).backward()
    assert x.grad.flatten().tolist() == [0.25] * 7 + [1.25]


def test_pairs_agree_with_torch():
    """A06."""
    torch = pytest.importorskip("torch")
    x = rand(2, 3, 8, 7)
    for name, options in (
        ("MaxPool2d", {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
        ("AvgPool2d", {"kernel_size": (3, 2), "stride": (2, 1), "divisor_override": 5}),
        ("AvgPool2d", {"kernel_size": (3, 2)}),
        ("AdaptiveAvgPool2d", {"output_size": (None, 3)}),
        ("AdaptiveMaxPool2d", {"output_size": (5, 3)}),
    ):
        same_as_torch(getattr(nn, name)(**options), getattr(torch.nn, name)(**options), x)
    here = nn.MaxPool2d((3, 2), padding=(1, 0), return_indices=True)(mt.tensor(x))
    there = torch.nn.MaxPool2d((3, 2), padding=(1, 0), return_indices=True)(torch.tensor(x))
    for a, b in zip(here, there):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2, 1, 1),
        nn.AvgPool2d((2, 3), stride=1, padding=1, count_include_pad=False),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.AdaptiveMaxPool2d(2),
        nn.AvgPool2d(2, layout="NHWC"),
        nn.Unfold(2),
        nn.Upsample(size=(3, 7), mode="bilinear"),
        nn.CircularPad2d((1, 2, 0, 1)),
        nn.ConstantPad2d((1, -1, 2, 0), 0.5),
    ],
    ids=repr,
)
def test_gradients(layer):
    """A06, B17."""
    x = np.random.default_rng(0).permutation(2 * 2 * 4 * 5).reshape(2, 2, 4, 5) / 10
    check_gradients(layer, x)


@pytest.mark.parametrize("kind", POOLS + ADAPTIVE)
def test_channels_last_gives_the_transposed_result(kind):
    """D27."""
    layout = {1: "NLC", 2: "NHWC", 3: "NDHWC"}[kind.axes]
    x = rand(2, 3, *(7, 6, 5)[: kind.axes])
    same_in_nhwc(kind(2), kind(2, layout=layout), x)
    assert repr(kind(2, layout=layout)) == repr(kind(2))[:-1] + f", layout={layout})"


def test_channels_last_indices():
    """D27: they count the places of the image, in either layout."""
    x = rand(2, 3, 4, 6)
    y, where = nn.MaxPool2d(2, return_indices=True)(mt.tensor(x))
    last = nn.MaxPool2d(2, return_indices=True, layout="NHWC")
    y_last, where_last = last(mt.tensor(np.moveaxis(x, 1, -1).copy()))
    np.testing.assert_array_equal(np.moveaxis(y.numpy(), 1, -1), y_last.numpy())
    np.testing.assert_array_equal(np.moveaxis(where.numpy(), 1, -1), where_last.numpy())


# windows, sizes, margins ------------------------------------------------------------------------


def test_fold_is_the_adjoint_of_unfold():
    window = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": 2}
    x = mt.tensor(rand(2, 3, 7, 6))
    columns = nn.Unfold(**window)(x)
    y = mt.tensor(rand(*columns.shape, seed=1))
    back = nn.Fold((7, 6), **window)(y)
    assert (columns * y).sum().item() == pytest.approx((x * back).sum().item())


def test_windows_and_sizes_agree_with_torch():
    torch = pytest.importorskip("torch")
    window = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": 2}
    x = rand(2, 3, 7, 6)
    same_as_torch(nn.Unfold(**window), torch.nn.Unfold(**window), x)
    columns = nn.Unfold(**window)(mt.tensor(x)).numpy()
    same_as_torch(nn.Fold((7, 6), **window), torch.nn.Fold((7, 6), **window), columns)
    for options in (
        {"scale_factor": 2},
        {"scale_factor": (1.5, 2.0)},
        {"size": (3, 9), "mode": "bilinear"},
        {"size": 5, "mode": "bilinear", "align_corners": True},
        {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True},
    ):
        same_as_torch(nn.Upsample(**options), torch.nn.Upsample(**options), x)


@pytest.mark.parametrize("kind", PADS + list(CONSTANT))
def test_margins_agree_with_torch(kind):
    torch = pytest.importorskip("torch")
    twin = getattr(torch.nn, kind.__name__)
    value = (2.5,) if kind in CONSTANT else ()
    x = rand(2, 3, *(5, 4, 3)[-kind.axes :])
    for padding in (2, (1, 2, 0, 1, 2, 1)[: 2 * kind.axes]):
        same_as_torch(kind(padding, *value), twin(padding, *value), x)


def test_margins_by_hand():
    x = mt.tensor([[[1.0, 2.0, 3.0]]])
    for layer, want in (
        (nn.ZeroPad1d((1, 2)), [0, 1, 2, 3, 0, 0]),
        (nn.ConstantPad1d((1, -1), 7.0), [7, 1, 2]),
        (nn.ReflectionPad1d(2), [3, 2, 1, 2, 3, 2, 1]),
        (nn.ReplicationPad1d((2, 0)), [1, 1, 1, 2, 3]),
        (nn.CircularPad1d((1, 2)), [3, 1, 2, 3, 1, 2]),
    ):
        assert layer(x)[0, 0].tolist() == want
    assert nn.ZeroPad2d((1, 0, 2, 0)).output_shape((1, 4, 4)) == (1, 6, 5)


def test_options_of_pools_by_hand():
    """A06, B17."""
    x = mt.tensor([[[1.0, 2.0, 3.0, 4.0, 8.0]]])
    for layer, want in (
        (nn.MaxPool1d(2), [2, 4]),
        (nn.MaxPool1d(2, ceil_mode=True), [2, 4, 8]),
        (nn.MaxPool1d(2, stride=1, dilation=3), [4, 8]),
        (nn.AvgPool1d(2, ceil_mode=True), [1.5, 3.5, 8]),
        (nn.AvgPool1d(2, padding=1), [0.5, 2.5, 6]),
        (nn.AvgPool1d(2, padding=1, count_include_pad=False), [1, 2.5, 6]),
        (nn.AdaptiveAvgPool1d(2), [2, 5]),
        (nn.AdaptiveMaxPool1d(2), [3, 8]),
    ):
        assert layer(x).tolist() == [[want]]
    assert nn.AvgPool2d(2, divisor_override=8)(mt.ones(1, 1, 2, 2)).tolist() == [[[[0.5]]]]


def test_options_of_upsample_by_hand():
    line = mt.tensor([[[0.0, 3.0]]])
    ends = nn.Upsample(size=4, mode="linear", align_corners=True)
    assert ends(line)[0, 0].tolist() == pytest.approx([0, 1, 2, 3])
    edges = nn.Upsample(scale_factor=2, mode="linear")
    assert edges(line)[0, 0].tolist() == pytest.approx([0, 0.75, 2.25, 3])
    longer = mt.tensor([[[0.0, 1.0, 2.0]]])
    # three times 1.5 are four places; then 3 / 4 of a place apart, and not 1 / 1.5
    given, rounded = (
        nn.Upsample(scale_factor=1.5, mode="linear", recompute_scale_factor=again)(longer)
        for again in (None, True)
    )
    assert given[0, 0, 1].item() == pytest.approx(1.5 / 1.5 - 0.5)
    assert rounded[0, 0, 1].item() == pytest.approx(1.5 * 0.75 - 0.5)


def test_layers_say_what_the_functions_say():
    x = mt.tensor(rand(2, 3, 6, 6))
    assert nn.MaxPool2d(3, 2, 1)(x).tolist() == F.max_pool2d(x, 3, 2, 1).tolist()
    assert nn.AvgPool2d(3, 2, 1, False, False)(x).tolist() == (
        F.avg_pool2d(x, 3, 2, 1, False, False).tolist()
    )
    assert nn.Upsample(size=4)(x).tolist() == F.interpolate(x, size=4).tolist()


def test_layers_run_on_the_gpu(cuda):
    for layer in EACH:
        x = image(layer)
        there = mt.tensor(x, device="cuda", requires_grad=True)
        y = layer(there)
        y.sum().backward()
        assert there.grad.device.type == "cuda"
        want = layer(mt.tensor(x)).numpy()
        np.testing.assert_allclose(y.numpy(force=True), want, rtol=1e-5, atol=1e-6)
