"""Recurrent layers and cells: beside torch's, beside each other, and beside finite differences."""

import copy
import itertools
import warnings

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.nn import init
from minitorch.ops.recurrent import gru_steps, lstm_steps, rnn_steps
from minitorch.tensor import ShapeError
from tests.layers import rand, same_state
from tests.twins import agree

LAYERS = [nn.RNN, nn.LSTM, nn.GRU]
CELLS = [nn.RNNCell, nn.LSTMCell, nn.GRUCell]
each_layer = pytest.mark.parametrize("kind", LAYERS)
each_cell = pytest.mark.parametrize("kind", CELLS)
OPTIONS = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bias": False, "bidirectional": True, "dropout": 0.5},
]
T, N, D, H = 5, 2, 3, 4


def double(kind, *sizes, **options):
    return kind(*sizes, **options, dtype=mt.float64)


def twin_of(kind, *sizes, **options):
    torch = pytest.importorskip("torch")
    return getattr(torch.nn, kind.__name__)(*sizes, **options, dtype=torch.float64)


def states(kind, *shape, proj_size=0):
    """(h0, c0) for an LSTM, h0 for the others."""
    h = rand(*shape[:-1], proj_size or shape[-1], seed=1)
    return (h, rand(*shape, seed=2)) if kind in (nn.LSTM, nn.LSTMCell) else h


# beside torch -----------------------------------------------------------------------------------


@each_layer
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("given", [False, True])
def test_a_layer_is_torchs(kind, options, given):
    """G26: text, names, outputs, last states, and every gradient."""
    ours, theirs = double(kind, D, H, **options), twin_of(kind, D, H, **options)
    if "dropout" in options:
        ours.eval(), theirs.eval()
    x = rand(N, T, D) if options.get("batch_first") else rand(T, N, D)
    deep = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    agree(ours, theirs, x, *([states(kind, deep, N, H)] if given else []))


@each_layer
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_needs_no_batch(kind, batch_first):
    """G26."""
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    ours, theirs = double(kind, D, H, **options), twin_of(kind, D, H, **options)
    agree(ours, theirs, rand(T, D))
    agree(ours, theirs, rand(T, D), states(kind, 4, H))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}])
def test_projected_states_are_torchs(options):
    """G26: proj_size."""
    ours = double(nn.LSTM, D, H, proj_size=2, **options)
    theirs = twin_of(nn.LSTM, D, H, proj_size=2, **options)
    agree(ours, theirs, rand(T, N, D))
    deep = 4 if options else 1
    agree(ours, theirs, rand(T, N, D), states(nn.LSTM, deep, N, H, proj_size=2))


def test_relu_in_the_place_of_tanh():
    """G26."""
    options = {"nonlinearity": "relu", "num_layers": 2}
    agree(double(nn.RNN, D, H, **options), twin_of(nn.RNN, D, H, **options), rand(T, N, D))


@each_cell
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_is_torchs(kind, bias):
    """G26: with and without a batch, and a state."""
    ours, theirs = double(kind, D, H, bias=bias), twin_of(kind, D, H, bias=bias)
    agree(ours, theirs, rand(N, D))
    agree(ours, theirs, rand(N, D), states(kind, N, H))
    agree(ours, theirs, rand(D), states(kind, H))


def test_a_cell_with_relu_is_torchs():
    ours = double(nn.RNNCell, D, H, nonlinearity="relu")
    theirs = twin_of(nn.RNNCell, D, H, nonlinearity="relu")
    assert repr(ours) == "RNNCell(3, 4, nonlinearity=relu)"
    agree(ours, theirs, rand(N, D))


@each_layer
def test_a_batch_of_no_sequences(kind):
    """As in torch."""
    ours, theirs = double(kind, D, H, bidirectional=True), twin_of(kind, D, H, bidirectional=True)
    output = agree(ours, theirs, rand(T, 0, D))[0]
    assert output.shape == (T, 0, 2 * H)
    assert not any(p.grad.numpy().any() for p in ours.parameters())


# beside each other ------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "cell"), list(zip(LAYERS, CELLS)))
def test_a_layer_repeats_its_cell(layer, cell):
    """G26: the fast op is the formula of the cell, step by step; with all gradients."""
    whole, one = double(layer, D, H), double(cell, D, H)
    one.load_state_dict({k.removesuffix("_l0"): v for k, v in whole.state_dict().items()})
    x = rand(T, N, D)
    given, stepped = mt.tensor(x, requires_grad=True), mt.tensor(x, requires_grad=True)
    g = mt.tensor(rand(T, N, H, seed=3))
    output, last = whole(given)
    state, outputs = None, []
    for step in stepped:
        state = one(step, state)
        outputs.append(state[0] if cell is nn.LSTMCell else state)
    for a, b in zip(mt.stack(outputs).tolist(), output.tolist(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    ends = last if layer is nn.LSTM else (last,)
    for a, b in zip(ends, state if cell is nn.LSTMCell else (state,), strict=True):
        np.testing.assert_allclose(a[0].tolist(), b.tolist(), rtol=1e-12)
    ((output * g).sum() + sum(a.sum() for a in ends)).backward()
    more = sum(a.sum() for a in (state if cell is nn.LSTMCell else (state,)))
    ((mt.stack(outputs) * g).sum() + more).backward()
    np.testing.assert_allclose(given.grad.numpy(), stepped.grad.numpy(), rtol=1e-9, atol=1e-12)
    for a, b in zip(whole.parameters(), one.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_an_rnn_by_hand():
    """G26: h_t = tanh(2 x_t + h_(t-1))."""
    layer = nn.RNN(1, 1, bias=False, dtype=mt.float64)
    with mt.no_grad():
        layer.weight_ih_l0.fill_(2.0)
        layer.weight_hh_l0.fill_(1.0)
    output, h_n = layer(mt.tensor([[[0.5]], [[-0.25]]], dtype=mt.float64))
    first = np.tanh(1.0)
    assert output.reshape(-1).tolist() == pytest.approx([first, np.tanh(first - 0.5)])
    assert h_n.item() == output[-1].item()


@each_layer
def test_the_reverse_direction_reads_from_the_end(kind):
    both = double(kind, D, H, bidirectional=True)
    one = double(kind, D, H)
    one.load_state_dict(
        {k.removesuffix("_reverse"): v for k, v in both.state_dict().items() if "_reverse" in k}
    )
    x = mt.tensor(rand(T, N, D))
    np.testing.assert_allclose(
        both(x)[0][..., H:].tolist(), one(x.flip(0))[0].flip(0).tolist(), rtol=1e-12
    )


@each_layer
def test_two_halves_of_a_sequence_make_a_whole(kind):
    layer, x = double(kind, D, H, num_layers=2), mt.tensor(rand(6, N, D))
    whole, last = layer(x)
    first, between = layer(x[:2])
    second, end = layer(x[2:], between)
    np.testing.assert_allclose(mt.cat([first, second]).tolist(), whole.tolist(), rtol=1e-12)
    for a, b in zip(*(s if kind is nn.LSTM else (s,) for s in (end, last))):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-12)


# gradients --------------------------------------------------------------------------------------


def as_function(layer, x, order, *state):
    """Are the gradients of the input and of all parameters slopes?"""
    names = [name for name, _ in layer.named_parameters()]
    leaves = [mt.tensor(p.detach().numpy(), requires_grad=True) for p in layer.parameters()]
    run = lambda x, *given: nn.functional_call(layer, dict(zip(names, given)), (x, *state))
    check = gradcheck if order == 1 else gradgradcheck
    return check(run, (mt.tensor(x, requires_grad=True), *leaves))


@each_layer
def test_gradients_over_five_steps_are_slopes(kind):
    """G26."""
    assert as_function(double(kind, 2, 2, num_layers=2, bidirectional=True), rand(5, 2, 2), 1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(nn.RNN, {}), (nn.LSTM, {}), (nn.LSTM, {"proj_size": 1}), (nn.GRU, {})],
)
def test_gradients_have_gradients(kind, options):
    """G26: over five steps."""
    assert as_function(double(kind, 1, 2, **options), rand(5, 1, 1), 2)


@each_cell
def test_gradients_of_cells_are_slopes(kind):
    """G26."""
    h = mt.tensor(rand(N, 2, seed=1))
    assert as_function(double(kind, D, 2), rand(N, D), 1, (h, h) if kind is nn.LSTMCell else h)


@each_layer
def test_only_what_is_needed_is_computed(kind):
    layer = double(kind, D, H).requires_grad_(False)
    layer.bias_hh_l0.requires_grad_(True)
    layer(mt.tensor(rand(T, N, D)))[0].sum().backward()
    assert [n for n, p in layer.named_parameters() if p.grad is not None] == ["bias_hh_l0"]
    layer.requires_grad_(False)
    assert not layer(mt.tensor(rand(T, N, D)))[0].requires_grad


# sizes and first values -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYERS + CELLS)
def test_an_open_size_is_found_and_nothing_else_changes(kind):
    """Same seed, same numbers, bit by bit."""
    options = {} if kind in CELLS else {"num_layers": 2, "bidirectional": True}
    open_one = kind(H, **options, generator=mt.Generator().manual_seed(5))
    assert repr(open_one).startswith(f"{kind.__name__}(?, 4")
    with pytest.raises(RuntimeError, match=r"input size of it .* is still open"):
        open_one.state_dict()
    built = open_one.build((T, D) if kind in LAYERS else (D,))
    written = kind(D, H, **options, generator=mt.Generator().manual_seed(5))
    assert same_state(built, written)
    assert repr(built) == repr(written)


def test_the_first_call_finds_the_size_too():
    layer = nn.GRU(H)
    layer(mt.ones(T, N, D))
    assert layer.weight_ih_l0.shape == (3 * H, D)


@pytest.mark.parametrize("kind", LAYERS + CELLS)
def test_parameters_start_within_one_over_the_root_of_hidden(kind):
    layer = kind(50, 64)
    for p in layer.parameters():
        assert 0.9 / 8 < p.abs().max().item() <= 1 / 8


def test_init_functions_of_ones_own():
    layer = nn.LSTM(D, H, weights=init.constant(2.0), biases=init.zeros())
    assert layer.weight_hh_l0.mean().item() == 2.0
    assert not any(layer.bias_ih_l0.tolist())
    assert nn.GRUCell(D, H, biases=init.ones()).bias_hh.sum().item() == 3 * H


def test_names_are_torchs():
    layer = nn.LSTM(D, H, num_layers=2, bidirectional=True, proj_size=2)
    ends = itertools.product((0, 1), ("", "_reverse"))
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    assert list(layer.state_dict()) == [f"{k}_l{i}{end}" for i, end in ends for k in kinds]


# modes, dtypes, devices -------------------------------------------------------------------------


@each_layer
def test_dropout_acts_between_layers_in_training(kind):
    layer = kind(D, 50, num_layers=2, dropout=0.9)
    x = mt.tensor(rand(T, N, D, dtype=np.float32))
    assert not np.array_equal(layer(x)[0].tolist(), layer(x)[0].tolist())
    # the last layer's own output is left whole
    assert layer(x)[0].abs().min().item() > 0
    layer.eval()
    assert np.array_equal(layer(x)[0].tolist(), layer(x)[0].tolist())


def test_all_dropped_leaves_the_second_layer_its_biases():
    layer = nn.RNN(D, H, num_layers=2, dropout=1.0, dtype=mt.float64)
    a, b = (layer(mt.tensor(rand(T, N, D, seed=s)))[0].tolist() for s in (1, 2))
    assert np.array_equal(a, b)


@each_layer
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtypes_stay(kind, dtype):
    layer = kind(D, H, dtype=getattr(mt, dtype))
    x = mt.tensor(rand(T, N, D), dtype=getattr(mt, dtype))
    y = layer(x)[0]
    y.sum().backward()
    assert str(y.dtype) == dtype
    assert {str(p.grad.dtype) for p in layer.parameters()} == {dtype}
    exact = kind(D, H, dtype=mt.float64)
    exact.load_state_dict({k: v.to(mt.float64) for k, v in layer.state_dict().items()})
    want = exact(x.to(mt.float64))[0].detach().numpy()
    np.testing.assert_allclose(y.detach().numpy(), want, atol=1e-2 if dtype == "float16" else 1e-5)


@each_layer
def test_forward_changes_neither_input_nor_weights(kind):
    layer, x = double(kind, D, H), mt.tensor(rand(T, N, D))
    before, was = x.clone(), copy.deepcopy(layer)
    layer(x)[0].sum().backward()
    assert np.array_equal(x.numpy(), before.numpy())
    assert same_state(layer, was)


@each_layer
def test_on_a_gpu_nothing_is_uploaded_or_waited_for(kind, cuda):
    layer = kind(D, H, bidirectional=True).cuda()
    x = mt.tensor(rand(T, N, D, dtype=np.float32)).cuda()
    if hasattr(cuda, "reset"):
        cuda.reset()
    layer(x)[0].sum().backward()
    assert (cuda.sync, cuda.h2d) == (0, 0)
    assert layer.weight_hh_l0.grad.device.type == "cuda"


@each_layer
def test_on_shapes_alone(kind):
    model = nn.Sequential(kind(H, batch_first=True), lambda pair: pair[0], nn.Linear(7))
    assert model.output_shape((T, D)) == (T, 7)
    assert model.build((T, D))[2].in_features == H


# mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: nn.LSTM(3, 0), ValueError, "LSTM: hidden_size must be at least 1, got 0"),
        (lambda: nn.GRU(3, 4.0), TypeError, "GRU: hidden_size must be an int"),
        (lambda: nn.GRU(), TypeError, "GRU: hidden_size must be an int, got None"),
        (lambda: nn.RNN(3, 4, 0), ValueError, "RNN: num_layers must be at least 1"),
        (lambda: nn.RNN(3, 4, nonlinearity="elu"), ValueError, "RNN: nonlinearity 'elu'"),
        (lambda: nn.LSTM(3, 4, 2, dropout=1.5), ValueError, "LSTM: dropout 1.5"),
        (lambda: nn.LSTM(3, 4, 2, dropout=float("nan")), ValueError, "LSTM: dropout nan"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "LSTM: proj_size 4, expected less"),
        (lambda: nn.RNNCell(3, 4, nonlinearity="elu"), ValueError, "RNNCell: nonlinearity 'elu'"),
        (lambda: nn.LSTMCell(3, -1), ValueError, "LSTMCell: hidden_size must be at least 1"),
    ],
)
def test_wrong_arguments_are_refused_when_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_dropout_of_a_single_layer_is_pointed_out():
    with pytest.warns(UserWarning, match=r"LSTM: dropout=0.5 acts between layers") as said:
        nn.LSTM(3, 4, dropout=0.5)
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LSTM(3, 4, 2, dropout=0.5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.LSTM(3, 4)(mt.ones(5, 2, 2)), ValueError, r"\(5, 2, 2\), expected \(T, N, 3\)"),
        (
            lambda: nn.GRU(3, 4, batch_first=True)(mt.ones(2, 5, 2)),
            ValueError,
            r"input is \(2, 5, 2\), expected \(N, T, 3\)",
        ),
        (lambda: nn.GRU(3, 4)(mt.ones(3)), ValueError, r"GRU: input is \(3,\)"),
        (lambda: nn.RNN(3, 4)(mt.ones(0, 2, 3)), ValueError, "of one step or more"),
        (
            lambda: nn.RNN(3, 4)(mt.ones(5, 2, 3), mt.ones(1, 3, 4)),
            ValueError,
            r"RNN: h0 is \(1, 3, 4\), expected \(1, 2, 4\)",
        ),
        (
            lambda: nn.LSTM(3, 4)(mt.ones(5, 2, 3), (mt.ones(1, 2, 4), mt.ones(1, 1, 4))),
            ValueError,
            r"LSTM: c0 is \(1, 1, 4\)",
        ),
        (
            lambda: nn.LSTM(3, 4, 2)(mt.ones(5, 2, 3), mt.ones(2, 2, 4)),
            TypeError,
            r"LSTM: hx must be a pair \(h0, c0\), got a Tensor of shape \(2, 2, 4\)",
        ),
        (lambda: nn.LSTMCell(3, 4)(mt.ones(2, 3), mt.ones(2, 4)), TypeError, "LSTMCell: hx must"),
        (lambda: nn.GRUCell(3, 4)(mt.ones(2, 2)), ValueError, r"GRUCell: input is \(2, 2\)"),
        (
            lambda: nn.RNNCell(3, 4)(mt.ones(2, 3), mt.ones(4)),
            ValueError,
            r"RNNCell: hx is \(4,\), expected \(2, 4\)",
        ),
        (lambda: nn.LSTM(3, 4).double()(mt.ones(5, 2, 3)), TypeError, "float32"),
        (
            lambda: nn.GRU(3, 4)(mt.ones(5, 2, 3), mt.ones(1, 2, 4, dtype=mt.float64)),
            TypeError,
            "gru_steps: .x. is float32 and .h0. is float64",
        ),
        (
            lambda: lstm_steps(
                *(mt.ones(*s) for s in ((5, 2, 3), (2, 4), (1, 4), (16, 3), (16, 4)))
            ),
            ValueError,
            r"lstm_steps: c0 is \(1, 4\), expected \(2, 4\)",
        ),
        (
            lambda: rnn_steps(*(mt.ones(*s) for s in ((5, 3), (2, 4), (4, 3), (4, 4)))),
            ValueError,
            r"rnn_steps: x is \(5, 3\), expected \(T, N, I\)",
        ),
        (
            lambda: gru_steps(*(mt.ones(*s) for s in ((5, 2, 3), (2, 4), (9, 3), (12, 4)))),
            ValueError,
            r"weight_ih \(9, 3\) and weight_hh \(12, 4\), expected 3 H rows",
        ),
    ],
)
def test_wrong_inputs_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_error_of_an_inner_layer_has_its_path():
    model = nn.Sequential(nn.Identity(), nn.LSTM(3, 4))
    with pytest.raises(ValueError, match="LSTM") as error:
        model(mt.ones(5, 2, 2))
    assert error.value.__notes__[-1] == "in 1: LSTM(3, 4)"


# what it is for ---------------------------------------------------------------------------------


def test_an_lstm_learns_to_remember_the_first_number():
    """G26: nothing but the state carries it to the end."""
    mt.manual_seed(0)
    layer, out = nn.LSTM(1, 8), nn.Linear(8, 1)
    parameters = [*layer.parameters(), *out.parameters()]
    x = mt.tensor(rand(6, 64, 1, dtype=np.float32))
    losses = []
    adam = optim.Adam(parameters, lr=0.03)
    for _ in range(100):
        output, _ = layer(x)
        loss = nn.MSELoss()(out(output[-1]), x[0])
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("layer", [nn.GRU(3, 4), nn.RNN(3, 4)])
def test_a_state_that_is_no_tensor_is_named(layer):
    who = type(layer).__name__
    with pytest.raises(TypeError, match=f"{who}: h0 must be a Tensor, got tuple"):
        layer(mt.ones(5, 2, 3), (mt.zeros(1, 2, 4),))


def test_a_state_beside_one_sequence_has_no_axis_for_the_batch():
    layer = nn.LSTM(3, 4)
    h, c = mt.zeros(1, 4), mt.zeros(1, 1, 4)
    with pytest.raises(
        ShapeError, match=r"LSTM: c0 is \(1, 1, 4\), expected .* beside one sequence"
    ):
        layer(mt.ones(5, 3), (h, c))
    assert layer(mt.ones(5, 3), (h, c[0]))[0].shape == (5, 4)


def test_the_bases_that_the_docstrings_name_can_be_looked_up():
    assert all(issubclass(kind, nn.RNNBase) for kind in (nn.RNN, nn.LSTM, nn.GRU))
    assert all(issubclass(kind, nn.RNNCellBase) for kind in (nn.RNNCell, nn.LSTMCell, nn.GRUCell))
