"""The transformer's decoder, and encoder and decoder together."""

import math
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

SMALL = {"dim_feedforward": 6, "dropout": 0.0, "dtype": mt.float64}


def layer(**options) -> nn.TransformerDecoderLayer:
    return nn.TransformerDecoderLayer(4, 2, **{**SMALL, **options})


def model(**options) -> nn.Transformer:
    return nn.Transformer(4, 2, 1, 2, **{**SMALL, **options})


def test_a_decoder_is_attention_to_itself_to_the_memory_and_a_network():
    part = layer(batch_first=True)
    x, memory = mt.tensor(rand(2, 3, 4)), mt.tensor(rand(2, 5, 4, seed=1))
    h = part.norm1(x + part.self_attn(x, x, x, is_causal=True)[0])
    h = part.norm2(h + part.multihead_attn(h, memory, memory)[0])
    want = part.norm3(h + part.linear2(part.linear1(h).relu()))
    np.testing.assert_allclose(
        part(x, memory, tgt_is_causal=True).detach().numpy(), want.detach().numpy(), rtol=1e-12
    )


def test_a_causal_decoder_does_not_see_what_comes_later():
    part = nn.TransformerDecoder(layer(batch_first=True), 2)
    memory, x = mt.tensor(rand(1, 5, 4)), rand(1, 4, 4, seed=1)
    changed = x.copy()
    changed[:, 2:] += 1
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=mt.float64)
    for options in ({"tgt_is_causal": True}, {"tgt_mask": mask}):
        one, other = (part(mt.tensor(v), memory, **options).detach().numpy() for v in (x, changed))
        np.testing.assert_allclose(one[:, :2], other[:, :2], rtol=1e-12)
        assert np.abs(one[:, 2:] - other[:, 2:]).min() > 1e-6


def test_hidden_memory_takes_no_part():
    part = layer(batch_first=True)
    x, memory = mt.tensor(rand(1, 3, 4)), mt.tensor(rand(1, 5, 4, seed=1))
    hidden = mt.tensor([[False, False, False, True, True]])
    found = part(x, memory, memory_key_padding_mask=hidden)
    np.testing.assert_allclose(
        found.detach().numpy(), part(x, memory[:, :3]).detach().numpy(), rtol=1e-12
    )


def test_the_copies_of_a_decoder_are_apart():
    decoder = nn.TransformerDecoder(layer(), 2, nn.LayerNorm(4, dtype=mt.float64))
    one, other = decoder.layers
    assert one.linear1.weight is not other.linear1.weight
    assert one.linear1.weight.tolist() == other.linear1.weight.tolist()
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        nn.TransformerDecoder(layer(), 0)


def test_the_mask_hides_later_positions():
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=mt.float64)
    assert mask.dtype == mt.float64
    assert mask.tolist() == [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]


def test_matrices_of_a_transformer_start_from_xavier():
    m = nn.Transformer(16, 2, 1, 2, 32)
    for name, p in m.named_parameters():
        if p.dim() > 1:
            bound = math.sqrt(6 / (p.shape[0] + p.shape[1]))
            assert 0.9 * bound < p.abs().max().item() <= bound, name
    assert (
        m.decoder.layers[0].linear1.weight.tolist() != m.decoder.layers[1].linear1.weight.tolist()
    )
    drawn = [nn.Transformer(4, 2, 1, 1, 6, generator=mt.Generator().manual_seed(5)) for _ in "ab"]
    for a, b in zip(*(m.parameters() for m in drawn), strict=True):
        assert a.tolist() == b.tolist()


def test_parts_of_ones_own_take_the_place_of_the_usual_ones():
    class Last(nn.Module):
        def forward(self, tgt, memory, *masks):
            return tgt * 0 + memory.sum()

    m = nn.Transformer(4, 2, 1, 1, 6, custom_decoder=Last())
    assert isinstance(m.decoder, Last)
    assert m(mt.ones(3, 2, 4), mt.ones(5, 2, 4)).shape == (5, 2, 4)


def test_a_transformer_says_what_does_not_fit():
    m = model()
    with pytest.raises(ShapeError, match=r"Transformer: src is \(3, 2, 4\) and tgt \(5, 1, 4\)"):
        m(mt.ones(3, 2, 4), mt.ones(5, 1, 4))
    with pytest.raises(ShapeError, match=r"expected \(S, N, 4\) and \(T, N, 4\)"):
        m(mt.ones(3, 2, 3), mt.ones(5, 2, 3))
    with pytest.raises(ShapeError, match="or both without N"):
        m(mt.ones(3, 4), mt.ones(5, 2, 4))
    with pytest.raises(ValueError, match="does not divide"):
        nn.Transformer(4, 3)


def test_a_transformer_runs_on_shapes_alone():
    m = nn.Transformer(4, 2, 1, 1, 6, device="meta", batch_first=True)
    y = m(mt.zeros(2, 3, 4, device="meta"), mt.zeros(2, 5, 4, device="meta"))
    assert y.device.type == "meta"
    assert y.shape == (2, 5, 4)


def test_a_transformer_is_saved_whole():
    m = model()
    twin = model()
    twin.load_state_dict(m.state_dict())
    again = pickle.loads(pickle.dumps(m))
    src, tgt = mt.tensor(rand(3, 2, 4)), mt.tensor(rand(2, 2, 4))
    want = m(src, tgt).tolist()
    assert twin(src, tgt).tolist() == again(src, tgt).tolist() == want


@pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:.*nested tensors")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_first": True, "norm_first": True},
        {"activation": "gelu", "bias": False, "layer_norm_eps": 1e-3},
    ],
)
def test_it_is_torchs(options: dict):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Transformer(4, 2, 1, 2, **{**SMALL, **options, "dtype": torch.float64})
    ours = model(**options)
    state = {name: mt.tensor(value.numpy()) for name, value in theirs.state_dict().items()}
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    turn = (lambda x: x) if options.get("batch_first") else (lambda x: x.swapaxes(0, 1).copy())
    src, tgt = turn(rand(2, 5, 4)), turn(rand(2, 3, 4, seed=1))
    padding = np.array([[False] * 5, [False] * 3 + [True] * 2])
    masks = {
        "tgt_mask": np.triu(np.full((3, 3), -np.inf), 1),
        "memory_mask": rand(3, 5, seed=2),
        "src_key_padding_mask": padding,
        "memory_key_padding_mask": padding,
    }
    left = []
    for lib, net in ((mt, ours), (torch, theirs)):
        s, t = (lib.tensor(v, requires_grad=True) for v in (src, tgt))
        given = {name: lib.tensor(value) for name, value in masks.items()}
        if lib is torch:  # which warns where one mask is bool and the other is not
            given["src_key_padding_mask"] = torch.tensor(padding)
            given["memory_key_padding_mask"] = torch.where(torch.tensor(padding), -torch.inf, 0.0)
            given["memory_key_padding_mask"] = given["memory_key_padding_mask"].double()
        y = net(s, t, **given)
        y.backward(lib.tensor(rand(*y.shape, seed=7)))
        grads = {name: p.grad.numpy() for name, p in net.named_parameters()}
        left.append({"y": y.detach().numpy(), "s": s.grad.numpy(), "t": t.grad.numpy(), **grads})
    for name, value in left[0].items():
        np.testing.assert_allclose(value, left[1][name], rtol=1e-8, atol=1e-11, err_msg=name)


def test_its_mask_and_its_parts_read_as_torchs():
    torch = pytest.importorskip("torch")
    mask = torch.nn.Transformer.generate_square_subsequent_mask(3)
    assert nn.Transformer.generate_square_subsequent_mask(3).tolist() == mask.tolist()
    ours = repr(nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6), 2))
    theirs = repr(torch.nn.TransformerDecoder(torch.nn.TransformerDecoderLayer(4, 2, 6), 2))
    kept = lambda text: [line for line in text.splitlines() if "out_proj" not in line]
    assert kept(ours) == kept(theirs)


def test_gradients_of_a_decoder_are_the_slopes():
    part = layer(batch_first=True)
    assert mt.gradcheck(
        lambda x, memory: part(x, memory, tgt_is_causal=True),
        (leaf(rand(1, 2, 4)), leaf(rand(1, 3, 4, seed=1))),
    )
