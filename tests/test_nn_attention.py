"""Multi-head attention and the transformer's encoder."""

import copy
import math

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.gradcheck import gradcheck
from minitorch.nn import init
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, rand, same_state
from tests.twins import agree

N, L, S, E, HEADS = 2, 3, 5, 8, 2
CAUSAL = np.triu(np.ones((L, L), bool), 1)  # True takes no part
HIDDEN = np.array([[False, True, False, False, True], [False, False, False, True, True]])
PAIRS = np.array([[0, 1, 0, 1, 0], [0, 0, 1, 1, 0], [1, 0, 0, 0, 0]], bool)


def both(*sizes, **options):
    """The layer here and in torch. Torch's output projection has a name of its own."""
    torch = pytest.importorskip("torch")
    ours = nn.MultiheadAttention(*sizes, **options, dtype=mt.float64)
    theirs = torch.nn.MultiheadAttention(*sizes, **options, dtype=torch.float64)
    assert repr(ours) == as_here(theirs)
    return ours, theirs


def as_here(theirs):
    return repr(theirs).replace("NonDynamicallyQuantizableLinear", "Linear")


# beside torch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}])
@pytest.mark.parametrize("calls", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_attention_is_torchs(options, calls):
    """G28: text, names, outputs, weights and every gradient, by one tensor and by three."""
    ours, theirs = both(E, HEADS, **options)
    q, k, v = rand(L, N, E), rand(S, N, E, seed=1), rand(S, N, E, seed=2)
    if options.get("batch_first"):
        q, k, v = (x.swapaxes(0, 1).copy() for x in (q, k, v))
    agree(ours, theirs, q, k, v, same_repr=False, **calls)
    agree(_Self(ours), _torch_self(theirs), q, same_repr=False, **calls)


class _Self(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, attention):
        self.attention = attention

    def forward(self, x, **options):
        return self.attention(x, x, x, **options)


def _torch_self(attention):
    import torch

    class Self(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x, **options):
            return self.attention(x, x, x, **options)

    return Self()


@pytest.mark.parametrize("bias", [True, False])
def test_keys_and_values_of_other_sizes_are_torchs(bias):
    """G28: kdim and vdim."""
    ours, theirs = both(E, HEADS, bias=bias, kdim=3, vdim=5)
    q, k, v = rand(L, N, E), rand(S, N, 3), rand(S, N, 5)
    agree(ours, theirs, q, k, v, same_repr=False)
    assert ours.in_proj_weight is None


def test_one_sequence_needs_no_batch():
    ours, theirs = both(E, HEADS)
    q, k, v = rand(L, E), rand(S, E, seed=1), rand(S, E, seed=2)
    agree(ours, theirs, q, k, v, same_repr=False)
    agree(ours, theirs, q, k, v, key_padding_mask=HIDDEN[0], attn_mask=PAIRS, same_repr=False)


MASKS = [
    {"attn_mask": PAIRS},
    {"attn_mask": rand(L, S)},
    {"key_padding_mask": HIDDEN},
    {"key_padding_mask": rand(N, S)},
    {"key_padding_mask": HIDDEN, "attn_mask": PAIRS & [[True], [False], [True]]},
    {"key_padding_mask": np.where(HIDDEN, -np.inf, 0.0), "attn_mask": rand(L, S)},
    {"attn_mask": rand(N * HEADS, L, S)},
    {"attn_mask": np.broadcast_to(PAIRS, (N * HEADS, L, S)).copy()},
]


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("need_weights", [True, False])
def test_masks_are_torchs(masks, need_weights):
    """G28: bools, True for what takes no part, and floats to add."""
    ours, theirs = both(E, HEADS, batch_first=True)
    q, k, v = rand(N, L, E), rand(N, S, E, seed=1), rand(N, S, E, seed=2)
    # where nothing is left over of a row, torch has nan
    agree(ours, theirs, q, k, v, need_weights=need_weights, same_repr=False, fixed=(), **masks)


def test_bools_and_floats_may_meet():
    """Torch warns of it; here one becomes the other."""
    layer = nn.MultiheadAttention(E, HEADS, batch_first=True)
    q, k = mt.randn(N, L, E), mt.randn(N, S, E)
    hidden, added = mt.tensor(HIDDEN), mt.randn(L, S)
    mixed = layer(q, k, k, hidden, attn_mask=added)
    floats = layer(q, k, k, mt.where(hidden, -math.inf, 0.0), attn_mask=added)
    for a, b in zip(mixed, floats):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-5, atol=1e-6)
    assert not mixed[1].detach().numpy()[np.broadcast_to(HIDDEN[:, None], (N, L, S))].any()


def test_a_query_without_keys_gets_the_bias_alone():
    """Torch: nan."""
    layer = nn.MultiheadAttention(E, HEADS)
    x = mt.randn(L, N, E)
    y, weights = layer(x, x, x, mt.ones(N, L).bool())
    assert not weights.detach().numpy().any()
    assert y.isfinite().all()
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


# causality --------------------------------------------------------------------------------------

ENCODERS = {
    "attention": lambda: _Self(nn.MultiheadAttention(E, HEADS, batch_first=True)),
    "layer": lambda: nn.TransformerEncoderLayer(E, HEADS, 16, batch_first=True),
    "encoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(E, HEADS, 16, batch_first=True, norm_first=True), 3
    ),
}


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("how", ["is_causal", "mask", "padding too"])
def test_nothing_depends_on_the_future(kind, how):
    """G28: neither the values nor the gradients."""
    model = ENCODERS[kind]().double().eval()
    mask = {"attn_mask" if kind == "attention" else "src_mask": mt.tensor(CAUSAL)}
    if kind == "encoder":
        mask = {"mask": mt.tensor(CAUSAL)}
    options = mask if how == "mask" else {"is_causal": True}
    if how == "padding too":
        name = "key_padding_mask" if kind == "attention" else "src_key_padding_mask"
        options = {**options, name: mt.zeros(N, L).bool()}
    x = rand(N, L, E)
    run = lambda x: y[0] if isinstance(y := model(x, **options), tuple) else y
    for t in range(L):
        other = x.copy()
        other[:, t + 1 :] = rand(N, L, E, seed=7)[:, t + 1 :]
        given = mt.tensor(x, requires_grad=True)
        y = run(given)
        np.testing.assert_allclose(
            y[:, : t + 1].tolist(), run(mt.tensor(other))[:, : t + 1].tolist(), rtol=1e-12
        )
        # the next position does look back
        (y[:, t] * mt.tensor(rand(N, E))).sum().backward()
        assert not given.grad[:, t + 1 :].numpy().any()
        assert given.grad[:, : t + 1].abs().sum((0, 2)).min().item() > 0


def test_causal_is_the_triangle_of_torch():
    """G28."""
    ours, theirs = both(E, HEADS)
    import torch

    x = rand(L, N, E)
    y, _ = ours(*(mt.tensor(x),) * 3, is_causal=True)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    want, _ = theirs(*(torch.tensor(x),) * 3, attn_mask=torch.tensor(CAUSAL), is_causal=True)
    np.testing.assert_allclose(y.tolist(), want.tolist(), rtol=1e-9)


# gradients, sizes, modes ------------------------------------------------------------------------


def test_gradients_are_slopes():
    """G28."""
    layer = nn.MultiheadAttention(4, 2, dtype=mt.float64)
    run = lambda q, k: layer(q, k, k, is_causal=True)
    q, k = (mt.tensor(rand(L, N, 4, seed=s), requires_grad=True) for s in (0, 1))
    assert gradcheck(run, (q, k))
    small = nn.TransformerEncoderLayer(4, 2, 3, 0.0, activation="gelu", dtype=mt.float64)
    check_gradients(small, rand(3, 2, 4))


def test_weights_sum_to_one_and_their_mean_is_over_the_heads():
    layer, x = nn.MultiheadAttention(E, HEADS, dtype=mt.float64), mt.tensor(rand(L, N, E))
    y, each = layer(x, x, x, average_attn_weights=False)
    assert each.shape == (N, HEADS, L, L)
    np.testing.assert_allclose(each.sum(-1).tolist(), np.ones((N, HEADS, L)))
    again, mean = layer(x, x, x)
    np.testing.assert_allclose(mean.tolist(), each.mean(1).tolist())
    short, nothing = layer(x, x, x, need_weights=False)
    assert nothing is None
    np.testing.assert_allclose(short.tolist(), y.tolist(), rtol=1e-12)
    np.testing.assert_allclose(again.tolist(), y.tolist(), rtol=1e-12)


@pytest.mark.parametrize("need_weights", [True, False])
def test_dropout_of_weights_in_training_only(need_weights):
    layer, x = nn.MultiheadAttention(E, HEADS, 0.5), mt.ones(L, N, E)
    run = lambda: layer(x, x, x, need_weights=need_weights)
    assert run()[0].tolist() != run()[0].tolist()
    layer.eval()
    assert run()[0].tolist() == run()[0].tolist()
    if need_weights:
        np.testing.assert_allclose(run()[1].sum(-1).tolist(), np.ones((N, L)), rtol=1e-6)


def test_first_values_are_torchs():
    """Xavier's bound for the projections, zeros for all biases."""
    layer = nn.MultiheadAttention(32, 4)
    bound = math.sqrt(6 / (32 + 96))
    assert 0.95 * bound < layer.in_proj_weight.abs().max().item() <= bound
    assert layer.out_proj.weight.abs().max().item() <= 1 / math.sqrt(32)
    assert not any(layer.in_proj_bias.tolist())
    assert not any(layer.out_proj.bias.tolist())
    own = nn.MultiheadAttention(8, 2, weights=init.ones())
    assert own.in_proj_weight.mean().item() == 1.0
    a, b = (nn.MultiheadAttention(8, 2, generator=mt.Generator().manual_seed(2)) for _ in "ab")
    assert same_state(a, b)


def test_zero_examples():
    layer = nn.MultiheadAttention(E, HEADS)
    y, weights = layer(*(mt.zeros(L, 0, E),) * 3)
    assert (y.shape, weights.shape) == ((L, 0, E), (0, L, L))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "num_heads 3 does not divide"),
        (lambda: nn.MultiheadAttention(0, 1), ValueError, "embed_dim must be at least 1"),
        (lambda: nn.MultiheadAttention(8, 2, 1.5), ValueError, "dropout 1.5, expected 0 to 1"),
        (lambda: nn.MultiheadAttention(8, 2, vdim=0), ValueError, "vdim must be at least 1"),
        (lambda: attend(mt.ones(3, 2, 7)), ValueError, r"query \(3, 2, 7\)"),
        (lambda: attend(mt.ones(3, 2, 8), mt.ones(3, 4, 8)), ValueError, r"\(S, N, 8\)"),
        (lambda: attend(mt.ones(3, 2, 8), mt.ones(3, 8)), ValueError, "all three without N"),
        (lambda: attend(mt.ones(3, 8), attn_mask=mt.ones(2, 3)), ValueError, r"expected \(3, 3\)"),
        (
            lambda: attend(mt.ones(3, 2, 8), key_padding_mask=mt.ones(3, 2)),
            ValueError,
            r"key_padding_mask is \(3, 2\), expected \(2, 3\)",
        ),
        (
            lambda: attend(mt.ones(3, 8), attn_mask=mt.ones(3, 3).long()),
            TypeError,
            r"a mask is int64, expected bool .* try mask.bool\(\)",
        ),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="rely"), ValueError, "'rely'"),
        (lambda: nn.TransformerEncoderLayer(8, 2, dropout=2.0), ValueError, "dropout 2.0"),
        (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 0),
            ValueError,
            "num_layers must be at least 1",
        ),
        (lambda: nn.PositionalEncoding(8, max_len=2)(mt.ones(3, 8)), ValueError, "max_len 2"),
        (lambda: nn.PositionalEncoding(8)(mt.ones(3, 7)), ValueError, r"expected \(L, N, 8\)"),
        (lambda: nn.PositionalEncoding(0), ValueError, "d_model must be at least 1"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def attend(q, k=None, **options):
    k = q if k is None else k
    return nn.MultiheadAttention(8, 2)(q, k, k, **options)


# the encoder ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm_first": True},
        {"batch_first": True, "activation": "gelu"},
        {"bias": False, "layer_norm_eps": 1e-3},
    ],
)
@pytest.mark.parametrize("masks", [{}, {"src_mask": CAUSAL}, {"padding": HIDDEN[:, :L]}])
def test_an_encoder_layer_is_torchs(options, masks):
    """G28: text, names, outputs and every gradient."""
    torch = pytest.importorskip("torch")
    sizes = (E, HEADS, 16, 0.0)
    ours = nn.TransformerEncoderLayer(*sizes, **options, dtype=mt.float64)
    theirs = torch.nn.TransformerEncoderLayer(*sizes, **options, dtype=torch.float64)
    assert repr(ours) == as_here(theirs)
    masks = {"src_key_padding_mask" if k == "padding" else k: v for k, v in masks.items()}
    x = rand(N, L, E) if options.get("batch_first") else rand(L, N, E)
    agree(ours, theirs, x, same_repr=False, **masks)


@pytest.mark.parametrize("with_norm", [True, False])
def test_an_encoder_is_torchs(with_norm):
    """G28."""
    torch = pytest.importorskip("torch")
    ours = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(E, HEADS, 16, 0.0, dtype=mt.float64),
        *(2, nn.LayerNorm(E, dtype=mt.float64) if with_norm else None),
    )
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(E, HEADS, 16, 0.0, dtype=torch.float64),
        *(2, torch.nn.LayerNorm(E, dtype=torch.float64) if with_norm else None),
        enable_nested_tensor=False,
    )
    ours.layers[1].linear1.reset_parameters()
    agree(ours, theirs, rand(L, N, E), same_repr=False)
    agree(ours, theirs, rand(L, N, E), mask=CAUSAL, same_repr=False)


def test_copies_are_apart():
    layer = nn.TransformerEncoderLayer(E, HEADS, 16)
    encoder = nn.TransformerEncoder(layer, 2)
    assert same_state(encoder.layers[0], encoder.layers[1])
    ids = {id(p) for p in [*layer.parameters(), *encoder.parameters()]}
    assert len(ids) == 3 * len(list(layer.parameters()))
    assert same_state(copy.deepcopy(encoder), encoder)


def test_dropout_stops_in_evaluation():
    """G31."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, 16, 0.5), 2)
    x = mt.randn(L, N, E)
    assert encoder(x).tolist() != encoder(x).tolist()
    encoder.eval()
    assert encoder(x).tolist() == encoder(x).tolist()


def test_float32_stays_float32():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, 16), 2)
    y = encoder(mt.randn(L, N, E), is_causal=True)
    y.sum().backward()
    assert y.dtype == mt.float32
    assert {p.grad.dtype for p in encoder.parameters()} == {np.dtype("float32")}


def test_on_a_gpu_nothing_is_uploaded_or_waited_for(cuda):
    layer = nn.TransformerEncoderLayer(E, HEADS, 16, 0.0).cuda()
    x = mt.ones(L, N, E).cuda()
    if hasattr(cuda, "reset"):
        cuda.reset()
    layer(x, is_causal=True).sum().backward()
    assert (cuda.sync, cuda.h2d) == (0, 0)


# positions --------------------------------------------------------------------------------------


def test_waves_by_hand():
    layer = nn.PositionalEncoding(4, dropout=0.0, max_len=10)
    p = layer(mt.zeros(3, 4)).numpy()
    want = [[np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(p, want, rtol=1e-6)
    assert not layer.state_dict()
    assert len(list(layer.buffers())) == 1


@pytest.mark.parametrize("d_model", [1, 5, 8])
def test_waves_for_every_layout(d_model):
    first = nn.PositionalEncoding(d_model, 0.0)
    batch_first = nn.PositionalEncoding(d_model, 0.0, batch_first=True)
    x = mt.randn(L, N, d_model)
    a, b = first(x), batch_first(x.transpose(0, 1)).transpose(0, 1)
    assert a.tolist() == b.tolist()
    assert first(x[:, 0]).tolist() == a[:, 0].tolist() == batch_first(x[:, 0]).tolist()
    assert nn.PositionalEncoding(d_model, 1.0)(x).abs().sum().item() == 0


def test_a_small_transformer_builds_and_learns_where_things_are():
    """G28: which of the positions holds the largest number."""
    mt.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16),
        nn.PositionalEncoding(16, 0.0, batch_first=True),
        nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True, norm_first=True),
        nn.Linear(1),
        nn.Flatten(),
    ).build((6, 1))
    x = mt.randn(128, 6, 1)
    labels = x.squeeze(-1).argmax(1)
    loss = nn.CrossEntropyLoss()
    first = loss(model(x), labels).item()
    for _ in range(60):
        model.zero_grad()
        loss(model(x), labels).backward()
        with mt.no_grad():
            for p in model.parameters():
                p -= 0.5 * p.grad
    assert loss(model(x), labels).item() < 0.5 * first


def test_it_is_made_of_scaled_dot_product_attention():
    """G28: one head with identity projections is the function itself."""
    layer = nn.MultiheadAttention(4, 1, dtype=mt.float64, bias=False)
    with mt.no_grad():
        layer.in_proj_weight.copy_(mt.cat([mt.eye(4, dtype=mt.float64)] * 3))
        layer.out_proj.weight.copy_(mt.eye(4, dtype=mt.float64))
    x = mt.tensor(rand(L, 4))
    y = layer(x, x, x)[0]
    np.testing.assert_allclose(
        y.tolist(), F.scaled_dot_product_attention(x, x, x).tolist(), rtol=1e-12
    )


def test_layers_that_look_alike_are_shown_once():
    layers = nn.ModuleList([nn.ReLU(), *(nn.Linear(2, 2) for _ in range(3)), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n  (0): ReLU()\n"
        "  (1-3): 3 x Linear(in_features=2, out_features=2, bias=True)\n"
        "  (4): ReLU()\n)"
    )
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    assert "(0-1): 2 x TransformerEncoderLayer(\n" in repr(encoder)


def test_fewer_heads_of_keys_serve_the_heads_of_queries_in_turn():
    q, k, v = mt.tensor(rand(4, 3, 2)), mt.tensor(rand(2, 5, 2)), mt.tensor(rand(2, 5, 6))
    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    for head in range(4):
        alone = F.scaled_dot_product_attention(q[head], k[head // 2], v[head // 2])
        np.testing.assert_allclose(y[head].numpy(), alone.numpy())
    with pytest.raises(ShapeError, match=r"enable_gqa with query \(3, 3, 2\) and \(2, 5, 2\)"):
        F.scaled_dot_product_attention(q[:3], k, v, enable_gqa=True)


def test_what_torch_asks_of_nested_tensors_changes_nothing():
    layer = nn.TransformerEncoderLayer(E, HEADS, 5, 0.0)
    x = mt.tensor(rand(L, N, E).astype(np.float32))
    plain = nn.TransformerEncoder(layer, 2)
    given = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False, mask_check=False)
    assert given(x).tolist() == plain(x).tolist()


@pytest.mark.parametrize("more", [{"add_bias_kv": True}, {"add_zero_attn": True}, None])
@pytest.mark.parametrize("masks", [{}, {"attn_mask": PAIRS}, {"key_padding_mask": HIDDEN}])
@pytest.mark.parametrize("batch_first", [False, True])
def test_keys_that_no_mask_hides_are_torchs(more, masks, batch_first):
    options = {"add_bias_kv": True, "add_zero_attn": True} if more is None else more
    ours, theirs = both(E, HEADS, **options, batch_first=batch_first, kdim=3)
    turn = (lambda x: x) if batch_first else (lambda x: x.swapaxes(0, 1).copy())
    given = [turn(rand(N, n, size, seed=size)) for n, size in ((L, E), (S, 3), (S, E))]
    _, weights = agree(ours, theirs, *given, same_repr=False, **masks)
    assert weights.shape == (N, L, S + len(options))


def test_a_query_that_sees_no_key_sees_those_that_are_added():
    layer = nn.MultiheadAttention(E, HEADS, add_zero_attn=True)
    x = mt.randn(L, N, E)
    _, weights = layer(x, x, x, attn_mask=mt.ones(L, L).bool())
    assert weights[..., -1].tolist() == [[1.0] * L] * N
    alone, _ = layer(x[:1], x[:1], x[:1])
    causal, _ = layer(x, x, x, is_causal=True)
    np.testing.assert_allclose(causal[0].detach().numpy(), alone[0].detach().numpy(), rtol=1e-4)
