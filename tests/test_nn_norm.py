"""The normalization layers: statistics, what is remembered of them, and what they refuse."""

import copy
import math
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import CheckpointError
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

BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
CHANNELS_LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def images(kind, channels=3, batch=4, dtype=np.float64, seed=0):
    """An input for a norm of that kind."""
    axes = getattr(kind, "axes", 2)
    return rand(batch, channels, *(4, 3, 2)[:axes], dtype=dtype, seed=seed) * 3 + 2


def channel(a):
    """The axes of a batch of images that are not the channels'."""
    return (0, *range(2, a.ndim))


# batch norm -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BATCH)
def test_each_channel_has_mean_0_and_variance_1(kind):
    """D28."""
    x = images(kind)
    y = kind(3, dtype=mt.float64)(mt.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y.mean(channel(x)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(channel(x)), 1, rtol=1e-4)


@pytest.mark.parametrize("kind", BATCH)
def test_running_statistics_take_a_tenth_of_each_batch(kind):
    """D29: running = 0.9 old + 0.1 batch."""
    norm, x = kind(3, dtype=mt.float64), images(kind)
    norm(mt.tensor(x))
    mean, var = x.mean(channel(x)), x.var(channel(x), ddof=1)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * mean)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.9 + 0.1 * var)
    assert norm.num_batches_tracked.item() == 1
    assert norm.num_batches_tracked.dtype == mt.int64


def test_momentum_is_the_share_of_the_new_batch():
    """D29."""
    for momentum in (0.0, 0.25, 1.0):
        norm = nn.BatchNorm1d(1, momentum=momentum, dtype=mt.float64)
        norm(mt.tensor([[1.0], [3.0]], dtype=mt.float64))
        assert norm.running_mean.item() == pytest.approx(momentum * 2)
        assert norm.running_var.item() == pytest.approx(1 - momentum + momentum * 2)


def test_without_momentum_it_is_the_plain_average():
    """D29."""
    norm = nn.BatchNorm2d(3, momentum=None, dtype=mt.float64)
    batches = [images(nn.BatchNorm2d, seed=i) for i in range(3)]
    for x in batches:
        norm(mt.tensor(x))
    mean = np.mean([x.mean((0, 2, 3)) for x in batches], 0)
    var = np.mean([x.var((0, 2, 3), ddof=1) for x in batches], 0)
    np.testing.assert_allclose(norm.running_mean.numpy(), mean)
    np.testing.assert_allclose(norm.running_var.numpy(), var)
    assert norm.num_batches_tracked.item() == 3


def test_eval_uses_the_running_statistics():
    """D33: what stands beside an example does not matter, and nothing moves."""
    norm = nn.BatchNorm2d(3, dtype=mt.float64)
    by_hand(norm, running_mean=[1.0, 2.0, 3.0], running_var=[4.0, 9.0, 16.0])
    by_hand(norm, weight=[1.0, 2.0, 1.0], bias=[0.0, 1.0, 0.0])
    norm.eval()
    before, x = copy.deepcopy(norm), images(nn.BatchNorm2d)
    y = norm(mt.tensor(x)).detach().numpy()
    want = (x[:, 1] - 2) / math.sqrt(9 + 1e-5) * 2 + 1
    np.testing.assert_allclose(y[:, 1], want)
    np.testing.assert_array_equal(norm(mt.tensor(x[:1])).detach().numpy(), y[:1])
    assert same_state(norm, before)


def test_only_buffers_move():
    """B09, D32."""
    norm, x = nn.BatchNorm2d(3), images(nn.BatchNorm2d, dtype=np.float32)
    kept, before = x.copy(), copy.deepcopy(norm)
    norm(mt.tensor(x)).sum().backward()
    np.testing.assert_array_equal(x, kept)
    now = norm.state_dict()
    moved = {k for k, v in before.state_dict().items() if v.tolist() != now[k].tolist()}
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}
    assert repr(norm) == repr(before)
    buffers = norm.running_mean, norm.running_var, norm.num_batches_tracked
    norm(mt.tensor(x))
    assert all(a is b for a, b in zip(buffers, norm.buffers()))


def test_running_statistics_are_saved_and_not_trained():
    """D32."""
    norm = nn.BatchNorm2d(3)
    norm(leaf(images(nn.BatchNorm2d, dtype=np.float32))).sum().backward()
    assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]
    names = ["running_mean", "running_var", "num_batches_tracked"]
    assert [name for name, _ in norm.named_buffers()] == names
    assert list(norm.state_dict()) == ["weight", "bias", *names]
    for buffer in norm.buffers():
        assert not buffer.requires_grad
        assert buffer.grad is None
    other = nn.BatchNorm2d(3)
    other.load_state_dict(norm.state_dict())
    assert same_state(other, norm)


def test_constant_channels_become_zero():
    """D30, H063."""
    x = leaf(np.full((4, 2, 3, 3), 7.0))
    norm = nn.BatchNorm2d(2, dtype=mt.float64)
    y = norm(x)
    (y * mt.tensor(rand(4, 2, 3, 3))).sum().backward()
    assert not y.detach().numpy().any()
    assert not norm.weight.grad.numpy().any()
    assert np.isfinite(x.grad.numpy()).all()
    ones = leaf(np.full((4, 2), 7.0))
    nn.BatchNorm1d(2, dtype=mt.float64)(ones).sum().backward()
    assert not ones.grad.numpy().any()


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1)])
def test_one_value_per_channel(shape):
    """H060."""
    norm = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="one value per channel in training"):
        norm(mt.zeros(*shape))
    assert same_state(norm, nn.BatchNorm1d(3))
    assert norm.eval()(mt.zeros(*shape)).shape == shape
    untracked = nn.BatchNorm1d(3, track_running_stats=False).eval()
    with pytest.raises(ValueError, match="one value per channel"):
        untracked(mt.zeros(*shape))


@pytest.mark.parametrize("kind", BATCH)
def test_empty_batches_raise_in_training_and_do_not_count(kind):
    """H048, H061."""
    norm, x = kind(3), images(kind, batch=0, dtype=np.float32)
    with pytest.raises(ValueError, match="an empty batch"):
        norm(mt.tensor(x))
    assert same_state(norm, kind(3))
    assert norm.eval()(mt.tensor(x)).shape == x.shape


def test_a_batch_with_a_nan_leaves_running_statistics_alone():
    """H062."""
    for bad in (math.nan, math.inf):
        norm, x = nn.BatchNorm2d(3), images(nn.BatchNorm2d, dtype=np.float32)
        norm(mt.tensor(x))
        before = norm.state_dict()
        x[0, 1, 0, 0] = bad
        norm(mt.tensor(x))
        for name in ("running_mean", "running_var"):
            assert getattr(norm, name).tolist() == before[name].tolist()


def test_bad_options_raise_when_built():
    """H064."""
    for kind in (*BATCH, *INSTANCE, lambda **k: nn.GroupNorm(1, 3, **k)):
        for eps in (0, -1e-5, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"eps must be more than 0, got {eps}"):
                kind(eps=eps)
        with pytest.raises(TypeError, match="eps must be a number, got None"):
            kind(eps=None)
    for kind in (nn.LayerNorm, nn.RMSNorm):
        with pytest.raises(ValueError, match="eps must be 0 or more, got -1"):
            kind(eps=-1)
        assert kind(3, eps=0)(mt.tensor([[1.0, 2.0, 3.0]])).shape == (1, 3)
    for momentum in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match=f"None or from 0 to 1, got {momentum}"):
            nn.BatchNorm2d(3, momentum=momentum)
    with pytest.raises(ValueError, match="num_features must be at least 1, got 0"):
        nn.BatchNorm2d(0)
    with pytest.raises(TypeError, match=r"num_features must be an int, got 3\.0"):
        nn.BatchNorm2d(3.0)
    with pytest.raises(ValueError, match="layout must be 'NCHW' or 'NHWC'"):
        nn.BatchNorm2d(3, layout="NLC")


def test_negative_variances_are_not_loaded():
    """H065."""
    norm = nn.BatchNorm2d(3)
    state = norm.state_dict()
    state["running_var"][1] = -1.0
    with pytest.raises(CheckpointError, match="running_var: a variance is negative, -1"):
        norm.load_state_dict(state)
    assert norm.running_var.tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", BATCH + INSTANCE)
def test_wrong_channels_are_told_by_the_input_s_axis(kind):
    """H066."""
    model = nn.Sequential(kind(4))
    x = images(kind, 3, dtype=np.float32)
    for attempt in (lambda: model(mt.tensor(x)), lambda: model.build(x.shape[1:])):
        with pytest.raises(ShapeError, match="3 channels on axis 1, expected num_features 4") as e:
            attempt()
        assert any(note.startswith(f"in 0: {kind.__name__}(4") for note in e.value.__notes__)
    assert same_state(model, nn.Sequential(kind(4)))


def test_channels_last_are_recognised():
    """H040, H066."""
    with pytest.raises(ShapeError, match=r"layout='NHWC' or turn the input, x\.permute\(0, 3, 1,"):
        nn.BatchNorm2d(3)(mt.zeros(2, 8, 8, 3))


@pytest.mark.parametrize("kind", BATCH + INSTANCE)
def test_wrong_number_of_axes(kind):
    """H042."""
    for shape in ((3,), (2, 3, 4, 5, 6, 7), (3, 4)[: kind.axes] + (5,) * (kind.axes - 1)):
        if kind is nn.BatchNorm1d and len(shape) == 2:
            continue
        for layer in (kind(3), kind()):
            with pytest.raises(ShapeError, match=r"expected (\(N, C\) or )?\(N, C, "):
                layer(mt.zeros(*shape))


def test_norm_without_affine_or_tracking():
    norm = nn.BatchNorm2d(affine=False, track_running_stats=False)
    x = images(nn.BatchNorm2d, dtype=np.float32)
    y = norm(mt.tensor(x))
    assert norm.num_features == 3
    assert norm.state_dict() == {}
    assert norm.weight is norm.bias is norm.running_mean is norm.num_batches_tracked is None
    assert norm.eval()(mt.tensor(x)).tolist() == y.tolist()
    assert nn.BatchNorm2d(3, bias=False).bias is nn.BatchNorm2d(3, biases=None).bias is None


def test_init_functions():
    """D31."""
    norm = nn.BatchNorm2d(weights=init.constant(0.5), biases=init.normal(3, 0.001)).build((4, 2, 2))
    assert norm.weight.tolist() == [0.5] * 4
    assert np.allclose(norm.bias.tolist(), 3, atol=0.1)
    assert len(set(norm.bias.tolist())) == 4
    plain = nn.BatchNorm2d(4)
    assert (plain.weight.tolist(), plain.bias.tolist()) == ([1] * 4, [0] * 4)
    assert nn.LayerNorm(4, weights=init.zeros()).weight.tolist() == [0] * 4


def test_reset_forgets_the_batches():
    norm = nn.BatchNorm1d(2)
    norm(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    by_hand(norm, weight=5.0)
    norm.reset_running_stats()
    assert norm.weight.tolist() == [5, 5]
    assert norm.running_mean.tolist() == [0, 0]
    assert norm.num_batches_tracked.item() == 0
    norm(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    norm.reset_parameters()
    assert same_state(norm, nn.BatchNorm1d(2))
    still_open = nn.BatchNorm1d()
    still_open.reset_running_stats()
    still_open.reset_parameters()
    assert still_open.num_features is None


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(3),
        nn.BatchNorm2d(3, layout="NHWC"),
        nn.BatchNorm2d(3).eval(),
        nn.BatchNorm2d(3, affine=False),
        nn.LayerNorm((3,)),
        nn.LayerNorm((4, 3), bias=False),
        nn.GroupNorm(3, 3),
        nn.GroupNorm(1, 3),
        nn.InstanceNorm2d(3, affine=True),
        nn.RMSNorm(3),
    ],
    ids=repr,
)
def test_gradients(layer):
    """D28, G27: through the statistics too."""
    shape = (3, 3) if isinstance(layer, nn.BatchNorm1d) else (2, 3, 4, 3)
    check_gradients(layer.double(), rand(*shape))


# building ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BATCH + INSTANCE)
def test_features_are_inferred_and_nothing_is_counted(kind):
    """A build runs on shapes, and leaves no trace in the running statistics."""
    options = {"affine": True, "track_running_stats": True}
    x = images(kind, 5, dtype=np.float32)
    layer = kind(**options)
    assert repr(layer).startswith(f"{kind.__name__}(?, eps=1e-05")
    assert layer.output_shape(x.shape[1:]) == x.shape[1:]
    assert layer.num_features is None
    layer.build(x.shape[1:])
    assert same_state(layer, kind(5, **options))
    layer.build(x.shape[1:])
    assert same_state(layer, kind(5, **options))
    called, sized = kind(**options), kind(5, **options)
    assert called(mt.tensor(x)).tolist() == sized(mt.tensor(x)).tolist()
    assert same_state(called, sized)
    assert called.num_batches_tracked.item() == (kind in BATCH)


def test_a_build_that_fails_leaves_buffers_open():
    model = nn.Sequential(nn.BatchNorm2d(), nn.Conv2d(7, 2, 3))
    with pytest.raises(ShapeError):
        model.build((3, 8, 8))
    assert model[0].running_mean is None
    assert model[0].num_features is None
    model[1] = nn.Conv2d(3, 2, 3)
    model.build((3, 8, 8))
    assert model[0].running_var.tolist() == [1, 1, 1]


def test_lazy_names():
    lazies = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
    lazies += ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
    for name in lazies:
        kind = getattr(nn, name)
        layer = getattr(nn, "Lazy" + name)(1e-3, 0.2, affine=True)
        assert isinstance(layer, kind)
        assert (layer.num_features, layer.eps, layer.momentum) == (None, 1e-3, 0.2)
        assert layer.build(images(kind, 5).shape[1:]).weight.shape == (5,)


def test_last_axes_are_inferred():
    """G27."""
    for kind in (nn.LayerNorm, nn.RMSNorm):
        layer = kind()
        assert repr(layer).startswith(f"{kind.__name__}(?, eps=")
        assert layer.build((4, 6)).weight.shape == layer.normalized_shape == (6,)
        assert kind(6).normalized_shape == (6,)
        assert kind([4, 6]).weight.shape == (4, 6)
        with pytest.raises(ValueError, match="at least one axis"):
            kind(())
        with pytest.raises(TypeError, match="normalized_shape must be an int"):
            kind((3, 2.0))
        with pytest.raises(ShapeError, match="no last axis"):
            kind()(mt.tensor(1.0))


def test_groups_of_inferred_channels():
    """G27."""
    assert nn.GroupNorm(2).build((6, 4, 4)).weight.shape == (6,)
    with pytest.raises(ValueError, match="num_channels 5 do not divide into num_groups 2"):
        nn.GroupNorm(2).build((5, 4, 4))
    with pytest.raises(ValueError, match="num_channels 5 do not divide into num_groups 2"):
        nn.GroupNorm(2, 5)
    with pytest.raises(ValueError, match="num_groups must be at least 1"):
        nn.GroupNorm(0, 5)
    with pytest.raises(ShapeError, match="5 channels on axis 1, expected num_channels 6"):
        nn.GroupNorm(2, 6, affine=False)(mt.zeros(2, 5))
    with pytest.raises(ShapeError, match=r"expected \(N, C, \.\.\.\)"):
        nn.GroupNorm(1)(mt.zeros(3))


@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.RMSNorm])
def test_wrong_last_axis(kind):
    """H067."""
    model = nn.Sequential(kind(4))
    for attempt in (lambda: model(mt.zeros(2, 3)), lambda: model.build((3,))):
        with pytest.raises(ShapeError, match=r"\(2, 3\).* normalized_shape \(4,\)") as error:
            attempt()
        assert any(note.startswith(f"in 0: {kind.__name__}") for note in error.value.__notes__)


def test_float64_and_half():
    """D18."""
    for layer in (
        nn.BatchNorm2d(3, dtype=mt.float64),
        nn.BatchNorm2d(dtype=mt.float64),
        nn.LayerNorm(dtype=mt.float64),
        nn.GroupNorm(1, dtype=mt.float64),
        nn.RMSNorm(dtype=mt.float64),
        nn.InstanceNorm2d(affine=True, track_running_stats=True, dtype=mt.float64),
    ):
        assert layer(mt.tensor(rand(2, 3, 4, 3))).dtype == mt.float64
        assert {b.dtype.name for b in layer.buffers()} <= {"float64", "int64"}
        half = layer.half()
        y = half(mt.tensor(rand(2, 3, 4, 3, dtype=np.float16)))
        assert y.dtype == mt.float16


# the others -------------------------------------------------------------------------------------


def test_statistics_of_each_norm():
    """G27."""
    x = rand(4, 6, 5, 3) * 30 + 20
    for layer, axes, shape in (
        (nn.LayerNorm(), (3,), x.shape),
        (nn.LayerNorm((6, 5, 3)), (1, 2, 3), x.shape),
        (nn.GroupNorm(2), (2, 3, 4), (4, 2, 3, 5, 3)),
        (nn.InstanceNorm2d(), (2, 3), x.shape),
    ):
        y = layer.double()(mt.tensor(x)).detach().numpy().reshape(shape)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
        np.testing.assert_allclose(y.var(axes), 1, rtol=1e-4)
    y = nn.RMSNorm().double()(mt.tensor(x)).detach().numpy()
    np.testing.assert_allclose((y**2).mean(-1), 1, rtol=1e-6)


def test_root_mean_square_by_hand():
    """G27."""
    x = mt.tensor([[3.0, 4.0]], dtype=mt.float64)  # the mean square is 12.5
    y = nn.RMSNorm(2, eps=3.5, weights=init.constant(2), dtype=mt.float64)(x)
    assert y.tolist() == [[1.5, 2.0]]
    assert nn.RMSNorm()(mt.tensor([[3.0, 4.0]])).tolist()[0] == pytest.approx(
        [3 / math.sqrt(12.5), 4 / math.sqrt(12.5)]
    )


def test_instance_norm_may_remember():
    """G27."""
    x = images(nn.InstanceNorm2d)
    norm = nn.InstanceNorm2d(3, momentum=0.5, track_running_stats=True, dtype=mt.float64)
    norm(mt.tensor(x))
    mean, var = x.mean((2, 3)).mean(0), x.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.5 * mean)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.5 + 0.5 * var)
    y = norm.eval()(mt.tensor(x)).numpy()
    want = (x[:, 1] - 0.5 * mean[1]) / np.sqrt(0.5 + 0.5 * var[1] + 1e-5)
    np.testing.assert_allclose(y[:, 1], want)
    still = nn.InstanceNorm2d(3, momentum=None, track_running_stats=True, dtype=mt.float64)
    still(mt.tensor(x))
    assert still.running_mean.tolist() == [0, 0, 0]


def test_empty_batches_pass():
    """H048."""
    for layer in (
        nn.LayerNorm(3),
        nn.RMSNorm(3),
        nn.GroupNorm(3, 3),
        nn.InstanceNorm2d(3, affine=True),
        nn.BatchNorm2d(3).eval(),
    ):
        x = leaf(np.zeros((0, 3, 4, 3), np.float32))
        y = layer(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == x.shape
        assert not layer.weight.grad.numpy().any()


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": None},
        {"affine": False, "eps": 1e-3},
        {"track_running_stats": False},
        {"momentum": 0.3, "bias": False},
    ],
)
@pytest.mark.parametrize("kind", BATCH)
def test_batch_norms_agree_with_torch(kind, options, mode):
    """D28, D29, D33."""
    torch = pytest.importorskip("torch")
    layer = kind(3, dtype=mt.float64, **options)
    twin = getattr(torch.nn, kind.__name__)(3, dtype=torch.float64, **options)
    for seed in range(3):
        same_as_torch(layer, twin, images(kind, seed=seed))
        layer.zero_grad()
        twin.zero_grad()
        layer.train(mode or not seed)
        twin.train(mode or not seed)
    if kind is nn.BatchNorm1d:
        same_as_torch(layer, twin, rand(5, 3))


@pytest.mark.parametrize("kind", INSTANCE)
def test_instance_norms_agree_with_torch(kind):
    """G27."""
    torch = pytest.importorskip("torch")
    for options in ({}, {"affine": True}, {"track_running_stats": True, "momentum": 0.4}):
        layer = kind(3, dtype=mt.float64, **options)
        twin = getattr(torch.nn, kind.__name__)(3, dtype=torch.float64, **options)
        same_as_torch(layer, twin, images(kind))
        layer.eval(), twin.eval()
        layer.zero_grad(), twin.zero_grad()
        same_as_torch(layer, twin, images(kind, seed=1))


def test_other_norms_agree_with_torch():
    """G27."""
    torch = pytest.importorskip("torch")
    x = rand(4, 6, 5, 3) * 3 + 2
    for name, args, options in (
        ("LayerNorm", (3,), {}),
        ("LayerNorm", ((5, 3),), {"eps": 1e-3, "bias": False}),
        ("LayerNorm", (3,), {"elementwise_affine": False}),
        ("RMSNorm", (3,), {}),
        ("RMSNorm", ((5, 3),), {"eps": 1e-3}),
        ("RMSNorm", (3,), {"elementwise_affine": False}),
        ("GroupNorm", (2, 6), {}),
        ("GroupNorm", (3, 6), {"eps": 1e-3, "bias": False}),
        ("GroupNorm", (6, 6), {"affine": False}),
    ):
        layer = getattr(nn, name)(*args, dtype=mt.float64, **options)
        twin = getattr(torch.nn, name)(*args, dtype=torch.float64, **options)
        same_as_torch(layer, twin, x)


@pytest.mark.parametrize("kind", BATCH + INSTANCE)
def test_channels_last_gives_the_transposed_result(kind):
    """D27."""
    make = lambda **more: kind(3, affine=True, dtype=mt.float64, **more)
    layout = CHANNELS_LAST[kind.axes]
    same_in_nhwc(make(), make(layout=layout), images(kind))
    same_in_nhwc(make().eval(), make(layout=layout).eval(), images(kind))
    assert kind(layout=layout).build((4,) * kind.axes + (5,)).num_features == 5
    assert repr(kind(3, layout=layout)).endswith(f", layout={layout})")
    if kind is nn.BatchNorm1d:
        flat = mt.tensor(rand(5, 3))
        assert make(layout=layout)(flat).tolist() == make()(flat).tolist()


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3),
        nn.LayerNorm((4, 3)),
        nn.GroupNorm(1, 3),
        nn.RMSNorm(3),
        nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    ],
    ids=repr,
)
def test_layers_are_copied_and_saved_whole(layer):
    """B05."""
    x = mt.tensor(images(nn.BatchNorm2d, dtype=np.float32))
    copies = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    y = layer(x)
    assert layer.output_shape(x.shape[1:]) == y.shape[1:]
    for other in copies:
        assert other(x).tolist() == y.tolist()
        assert same_state(other, layer)
        assert other.weight is not layer.weight


def test_norms_on_the_meta_device_hold_no_numbers():
    norm = nn.BatchNorm2d(10**12, device="meta")
    assert norm.weight.shape == norm.running_var.shape == (10**12,)
    assert norm.output_shape((10**12, 3, 3)) == (10**12, 3, 3)
    norm.reset_parameters()


def test_layers_run_on_the_gpu(cuda):
    """Without waiting for the device."""
    x = images(nn.BatchNorm2d, dtype=np.float32)
    for make in (
        lambda **k: nn.BatchNorm2d(3, **k),
        lambda **k: nn.LayerNorm((4, 3), **k),
        lambda **k: nn.GroupNorm(3, 3, **k),
        lambda **k: nn.RMSNorm(3, **k),
        lambda **k: nn.InstanceNorm2d(3, affine=True, track_running_stats=True, **k),
    ):
        here, there = make(), make(device="cuda")
        x_there = mt.tensor(x, device="cuda", requires_grad=True)
        cuda.reset()
        y = there(x_there)
        y.sum().backward()
        assert (cuda.sync, cuda.h2d) == (0, 0)
        want = here(mt.tensor(x)).detach().numpy()
        np.testing.assert_allclose(y.numpy(force=True), want, rtol=1e-4, atol=1e-5)
        for a, b in zip(there.buffers(), here.buffers()):
            assert a.device.type == "cuda"
            np.testing.assert_allclose(a.numpy(force=True), b.numpy(), rtol=1e-5, atol=1e-6)


def test_a_momentum_that_is_no_number_is_named():
    with pytest.raises(
        ValueError, match="BatchNorm2d: momentum must be None or from 0 to 1, got 'a'"
    ):
        nn.BatchNorm2d(3, momentum="a")
