"""Activations, Flatten and dropout as modules."""

import copy

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.nn import activation
from tests.layers import leaf, rand
from tests.twins import agree

# Each activation, as it is built: name, arguments, options.
CALLS = [
    ("ReLU", (), {}),
    ("ReLU6", (), {}),
    ("LeakyReLU", (), {}),
    ("LeakyReLU", (0.2,), {}),
    ("PReLU", (), {"dtype": "float64"}),
    ("PReLU", (3, 0.1), {"dtype": "float64"}),
    ("ELU", (), {}),
    ("ELU", (0.5,), {}),
    ("SELU", (), {}),
    ("CELU", (), {}),
    ("CELU", (2.0,), {}),
    ("GELU", (), {}),
    ("GELU", ("tanh",), {}),
    ("SiLU", (), {}),
    ("Mish", (), {}),
    ("Softplus", (), {}),
    ("Softplus", (2.0, 1.0), {}),
    ("Hardswish", (), {}),
    ("Threshold", (0.1, 20.0), {}),
    ("Sigmoid", (), {}),
    ("LogSigmoid", (), {}),
    ("Tanh", (), {}),
    ("Softsign", (), {}),
    ("Hardtanh", (), {}),
    ("Hardtanh", (-2.0, 0.5), {}),
    ("Hardsigmoid", (), {}),
    ("Hardshrink", (), {}),
    ("Hardshrink", (0.3,), {}),
    ("Softshrink", (), {}),
    ("Softshrink", (0.3,), {}),
    ("Tanhshrink", (), {}),
    ("Softmax", (1,), {}),
    ("Softmax", (-1,), {}),
    ("Softmin", (1,), {}),
    ("LogSoftmax", (2,), {}),
    ("Softmax2d", (), {}),
]
OVERWRITING = [
    name
    for name in nn.__all__
    if isinstance(kind := getattr(nn, name), type) and issubclass(kind, activation.Overwriting)
]
calls = pytest.mark.parametrize(("name", "args", "options"), CALLS)


@calls
def test_an_activation_is_torchs(name, args, options):
    """E04, G24: text, values and gradients."""
    torch = pytest.importorskip("torch")
    there = {k: getattr(torch, v) for k, v in options.items()}
    layer, twin = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **there)
    # torch's slope of hardsigmoid is a float32 sixth, in float64 too
    agree(layer, twin, 2 * rand(2, 3, 4, 2), rtol=1e-7 if name == "Hardsigmoid" else 1e-9)


@calls
def test_an_activation_is_its_function(name, args, options):
    """E04, E11: a module gives exactly what the function of F gives; only PReLU has parameters."""
    functions = {"LogSigmoid": "logsigmoid", "LogSoftmax": "log_softmax", "Softmax2d": "softmax"}
    function = getattr(F, functions.get(name, _snake(name)))
    layer, x = getattr(nn, name)(*args, **options), mt.tensor(rand(2, 3, 4, 2))
    if name == "PReLU":
        args = (layer.weight,)
    want = function(x, *(args if name != "Softmax2d" else (-3,)))
    np.testing.assert_array_equal(layer(x).detach().numpy(), want.detach().numpy())
    assert len(list(layer.parameters())) == (name == "PReLU")
    assert not layer.state_dict() or name == "PReLU"


def _snake(name):
    """LeakyReLU to leaky_relu, as torch names its functions."""
    return {"LeakyReLU": "leaky_relu"}.get(name, name.lower())


def test_relu_by_hand():
    """E04."""
    x = leaf(np.array([-1.0, 0.0, 2.0]))
    y = nn.ReLU()(x)
    y.sum().backward()
    assert y.tolist() == [0.0, 0.0, 2.0]
    assert x.grad.tolist() == [0.0, 0.0, 1.0]


def test_a_function_inside_forward_is_as_good_as_a_module():
    """E11."""

    class Net(nn.Module):
        def __init__(self):
            self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            return self.out(F.relu(self.hidden(x)))

    net, x = Net(), mt.tensor(rand(5, 4, dtype=np.float32))
    listed = nn.Sequential(net.hidden, nn.ReLU(), net.out)
    np.testing.assert_array_equal(net(x).detach().numpy(), listed(x).detach().numpy())
    assert [n for n, _ in net.named_parameters()] == [
        "hidden.weight",
        "hidden.bias",
        "out.weight",
        "out.bias",
    ]


def test_which_ones_take_inplace():
    """As torch's."""
    torch = pytest.importorskip("torch")
    for name in {name for name, *_ in CALLS}:
        parameters = torch.nn.__dict__[name].__init__.__annotations__
        assert (name in OVERWRITING) == ("inplace" in parameters), name


@pytest.mark.parametrize("name", OVERWRITING)
def test_inplace_writes_into_the_input(name):
    args = next(args for n, args, _ in CALLS if n == name)
    layer, plain = getattr(nn, name)(*args, inplace=True), getattr(nn, name)(*args)
    x = rand(3, 4)
    given = mt.tensor(x)
    y = layer(given)
    assert y is given
    np.testing.assert_array_equal(given.numpy(), plain(mt.tensor(x)).numpy())
    assert repr(layer).endswith("inplace=True)")
    assert "inplace" not in repr(plain)
    # recorded, the gradient is that of the values before
    a, b = leaf(x), leaf(x)
    layer(a * 1).sum().backward()
    plain(b * 1).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


def test_a_leaf_is_not_overwritten():
    with pytest.raises(RuntimeError, match="leaf") as error:
        nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))(leaf(rand(2)))
    assert "in 1: ReLU(inplace=True)" in error.value.__notes__


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: nn.GELU("erf"), ValueError, "GELU: approximate 'erf'"),
        (lambda: nn.Hardtanh(1.0, -1.0), ValueError, "Hardtanh: min_val 1.0"),
        (lambda: nn.Softshrink(-0.5), ValueError, "Softshrink: lambd -0.5"),
        (lambda: nn.Hardshrink(float("nan")), ValueError, "Hardshrink: lambd nan"),
        (lambda: nn.Softmax(None), TypeError, "Softmax: dim must be an int, got None; try dim=-1"),
        (lambda: nn.Softmax(), TypeError, "Softmax: dim must be an int, got None; try dim=-1"),
        (lambda: nn.LogSoftmax(1.0), TypeError, "LogSoftmax: dim must be an int"),
        (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters must be at least 1"),
        (lambda: nn.CELU(0.0), ValueError, "CELU: alpha must not be 0"),
        (lambda: nn.Softplus(0.0), ValueError, "Softplus: beta must not be 0"),
        (lambda: nn.Softmax2d()(mt.ones(2, 3)), ValueError, r"Softmax2d: input is \(2, 3\)"),
        (lambda: nn.Dropout(True), ValueError, "Dropout: p True"),
        (lambda: nn.Unflatten(1.0, (2,)), TypeError, "Unflatten: dim must be an int"),
        (lambda: nn.Unflatten(1, 2), TypeError, "Unflatten: unflattened_size must be a tuple"),
    ],
)
def test_wrong_options_are_refused(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("shape", [(5000,), (40, 60), (3, 1000), (1000, 3), (8, 4, 9, 10)])
def test_relu_of_many_numbers_in_any_order(shape):
    """Beside zeros, or beside one zero: also of views, and of nan, infinity and minus zero."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    for a in (x, x.T, x[::-1], x[::2], np.asfortranarray(x)):
        y = F.relu(mt.from_numpy(a.copy(order="K"))).numpy()
        np.testing.assert_array_equal(y, np.where(a < 0, np.float32(0), a))
        np.testing.assert_array_equal(F.relu(a), y)


def test_prelu_trains_its_slope():
    layer = nn.PReLU(init=0.5, dtype=mt.float64)
    layer(mt.tensor([-2.0, 3.0], dtype=mt.float64)).sum().backward()
    assert layer.weight.tolist() == [0.5]
    assert layer.weight.grad.tolist() == [-2.0]
    assert nn.PReLU(3).build((3, 5)).weight.shape == (3,)


# shapes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [(), (0,), (2,), (1, 2), (-2, -1)])
def test_flatten_is_torchs(ends):
    torch = pytest.importorskip("torch")
    agree(nn.Flatten(*ends), torch.nn.Flatten(*ends), rand(2, 3, 4, 5))


@pytest.mark.parametrize(("dim", "sizes"), [(1, (2, 3)), (-1, (2, -1)), (0, (1, 2))])
def test_unflatten_is_torchs(dim, sizes):
    torch = pytest.importorskip("torch")
    agree(nn.Unflatten(dim, sizes), torch.nn.Unflatten(dim, sizes), rand(2, 6, 4))


def test_flatten_and_back():
    x = mt.tensor(rand(2, 3, 4))
    y = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 4)))(x)
    np.testing.assert_array_equal(y.numpy(), x.numpy())
    assert nn.Flatten()(mt.zeros(0, 3, 4)).shape == (0, 12)


# dropout ----------------------------------------------------------------------------------------

DROPOUTS = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout]
each_dropout = pytest.mark.parametrize("kind", DROPOUTS)


def dropped_from(kind):
    """An input that the layer takes."""
    return rand(2, 3, 4, 2) if kind is nn.Dropout3d else rand(2, 3, 4)


@each_dropout
@pytest.mark.parametrize("p", [1.5, -0.1, float("nan")])
def test_a_share_is_between_0_and_1(kind, p):
    """H068: also nan, which torch takes."""
    with pytest.raises(ValueError, match=rf"{kind.__name__}: p {p}, expected 0 to 1"):
        kind(p)


@each_dropout
def test_dropping_all_leaves_zeros_and_no_gradient(kind):
    """H069."""
    x = leaf(dropped_from(kind))
    y = kind(1.0)(x)
    y.sum().backward()
    assert not y.detach().numpy().any()
    assert np.isfinite(y.detach().numpy()).all()
    assert not x.grad.numpy().any()


@each_dropout
def test_evaluation_drops_nothing(kind):
    """D35, G31: and draws nothing."""
    layer, x = kind(0.5).eval(), mt.tensor(dropped_from(kind))
    before = mt.random.default_generator.get_state()
    assert layer(x) is x
    assert mt.random.default_generator.get_state() == before


def test_the_share_dropped_is_p():
    """D35: within 1 percent, and the mean stays."""
    y = nn.Dropout(0.3)(mt.ones(1000, 100)).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.01
    assert abs(y.mean() - 1) < 0.01
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}


def test_without_normalize_survivors_stay_as_they_are():
    """D36."""
    layer = nn.Dropout(0.3, normalize=False)
    y = layer(mt.ones(1000, 100)).numpy()
    assert set(np.unique(y)) == {0.0, 1.0}
    assert abs(y.mean() - 0.7) < 0.01
    assert repr(layer) == "Dropout(p=0.3, inplace=False, normalize=False)"


def test_backward_uses_the_mask_of_forward():
    """D35."""
    x = leaf(rand(50, 4))
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() == 0, y.detach().numpy() == 0)


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_whole_channels_are_dropped(kind):
    shape = (20, 30, 3, 2, 2)[: {"1": 3, "2": 4, "3": 5}[kind.__name__[-2]]]
    y = kind(0.5)(mt.ones(*shape)).numpy().reshape(600, -1)
    assert {tuple(set(row)) for row in y.tolist()} == {(0.0,), (2.0,)}


def test_alpha_dropout_keeps_mean_and_variance():
    x = mt.randn(400, 500)
    y = nn.AlphaDropout(0.2)(x).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02


def test_a_generator_of_its_own():
    """Same seed, same mask; the default stream is left alone."""
    x = mt.ones(40)
    before = mt.random.default_generator.get_state()
    a, b = (nn.Dropout(generator=mt.Generator().manual_seed(3)) for _ in range(2))
    assert a(x).tolist() == b(x).tolist()
    assert a(x).tolist() != mt.ones(40).tolist()
    assert mt.random.default_generator.get_state() == before


@each_dropout
def test_a_dropout_prints_as_torchs(kind):
    torch = pytest.importorskip("torch")
    assert repr(kind(0.3, True)) == repr(getattr(torch.nn, kind.__name__)(0.3, True))


def test_dropout_in_place():
    x = mt.ones(10)
    assert nn.Dropout(0.5, inplace=True)(x) is x
    assert set(x.tolist()) == {0.0, 2.0}


def test_the_mode_reaches_every_dropout():
    """G31: also those in lists and in encoder layers."""

    class Net(nn.Module):
        def __init__(self):
            self.blocks = [nn.Dropout(0.5), {"inner": nn.Sequential(nn.Dropout2d(0.5))}]
            self.encoder = nn.TransformerEncoderLayer(8, 2, 16)

        def forward(self, x):
            return x

    net = Net()
    drops = [m for m in net.modules() if "Dropout" in type(m).__name__]
    assert len(drops) == 5
    net.eval()
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_they_can_be_copied_and_built_on_shapes():
    layers = [getattr(nn, name)(*args, **options) for name, args, options in CALLS]
    for layer in [*layers, nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.Flatten()]:
        x = mt.tensor(rand(2, 3, 4, 2))
        layer.eval()
        np.testing.assert_array_equal(
            copy.deepcopy(layer)(x).detach().numpy(), layer(x).detach().numpy()
        )
        assert nn.Sequential(layer).output_shape((3, 4, 2)) == layer(x).shape[1:]
