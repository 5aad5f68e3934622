"""Packed sequences: rows without filling, and recurrent layers that stop each where it ends."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch import nn
from minitorch.gradcheck import gradcheck
from minitorch.nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
)
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

LAYERS = [nn.RNN, nn.LSTM, nn.GRU]
OPTIONS = [
    {},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 3, "bias": False},
]
LENGTHS = [2, 5, 1, 4]
D, H = 3, 4
each_layer = pytest.mark.parametrize("kind", LAYERS)


def sequences(lengths=LENGTHS):
    return [rand(n, D, seed=i) for i, n in enumerate(lengths)]


# rows moved -------------------------------------------------------------------------------------


def test_each_step_has_the_rows_of_those_that_still_run():
    a, b = mt.tensor([[1, 2], [3, 4], [5, 6]]), mt.tensor([[7, 8]])
    packed = pack_sequence([a, b])
    assert packed.data.tolist() == [[1, 2], [7, 8], [3, 4], [5, 6]]
    assert packed.batch_sizes.tolist() == [2, 1, 1]
    assert packed.sorted_indices is packed.unsorted_indices is None
    turned = pack_sequence([b, a], enforce_sorted=False)
    assert turned.data.tolist() == packed.data.tolist()
    assert turned.sorted_indices.tolist() == turned.unsorted_indices.tolist() == [1, 0]


def test_gradients_go_to_the_rows_that_were_taken():
    x = leaf(np.ones((2, 3)))
    packed = pack_padded_sequence(x, [3, 1], batch_first=True)
    (packed.data * mt.tensor([1.0, 2.0, 3.0, 4.0]).double()).sum().backward()
    assert x.grad.tolist() == [[1, 3, 4], [2, 0, 0]]
    rows = leaf(np.arange(4.0))
    padded, _ = pad_packed_sequence(PackedSequence(rows, packed.batch_sizes), padding_value=9.0)
    assert padded.tolist() == [[0, 1], [2, 9], [3, 9]]
    (padded * padded).sum().backward()
    assert rows.grad.tolist() == [0, 2, 4, 6]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_unpacking_undoes_packing(lengths: list):
    xs = [mt.tensor(x) for x in sequences(lengths)]
    packed = pack_sequence(xs, enforce_sorted=False)
    assert len(packed.data) == sum(lengths)
    assert [x.tolist() for x in unpack_sequence(packed)] == [x.tolist() for x in xs]


def test_an_order_is_undone():
    order = mt.tensor([2, 0, 3, 1])
    assert order[invert_permutation(order)].tolist() == [0, 1, 2, 3]
    assert invert_permutation(None) is None


def test_it_changes_dtype_and_is_copied():
    packed = pack_sequence([mt.tensor(x) for x in sequences([3, 2])])
    assert packed.float().data.dtype == mt.float32
    assert packed.half().double().data.dtype == mt.float64
    assert packed.cpu().data.tolist() == packed.data.tolist()
    assert not packed.is_cuda
    for other in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        assert isinstance(other, PackedSequence)
        assert other.batch_sizes.tolist() == [2, 2, 1]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", [[5, 3, 3], [2, 4, 1]])
def test_packing_is_torchs(batch_first: bool, lengths: list):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.rnn
    x = rand(3, 6, D) if batch_first else rand(6, 3, D)
    falls = lengths == sorted(lengths, reverse=True)
    want = theirs.pack_padded_sequence(torch.tensor(x), lengths, batch_first, falls)
    found = pack_padded_sequence(mt.tensor(x), lengths, batch_first, falls)
    np.testing.assert_array_equal(found.data.numpy(), want.data.numpy())
    for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        a, b = getattr(found, field), getattr(want, field)
        assert (a is None) == (b is None)
        assert a is None or (a.tolist(), a.dtype) == (b.tolist(), mt.int64)
    for options in [{}, {"batch_first": True, "padding_value": 0.5, "total_length": 7}]:
        a, of_a = pad_packed_sequence(found, **options)
        b, of_b = theirs.pad_packed_sequence(want, **options)
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert of_a.tolist() == of_b.tolist() == lengths


# through recurrent layers -----------------------------------------------------------------------


def first_states(kind: type, layer: nn.Module, n: int) -> tuple:
    deep = layer.num_layers * (2 if layer.bidirectional else 1)
    return tuple(rand(deep, n, H, seed=i) for i in range(2 if kind is nn.LSTM else 1))


def states_of(kind: type, states: tuple):
    return states if kind is nn.LSTM else states[0]


def flat(states) -> list:
    return list(states) if isinstance(states, tuple) else [states]


@each_layer
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("with_states", [False, True])
def test_a_packed_batch_is_its_sequences_one_by_one(kind, options, with_states):
    layer = kind(D, H, **options, dtype=mt.float64)
    xs = [mt.tensor(x) for x in sequences()]
    h0 = first_states(kind, layer, len(xs))
    given = [states_of(kind, tuple(map(mt.tensor, h0)))] if with_states else []
    packed, last = layer(pack_sequence(xs, enforce_sorted=False), *given)
    assert isinstance(packed, PackedSequence)
    for i, (x, y) in enumerate(zip(xs, unpack_sequence(packed), strict=True)):
        own = tuple(mt.tensor(h[:, i]) for h in h0)
        want, ended = layer(x, *([states_of(kind, own)] if with_states else []))
        np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=1e-12)
        for a, b in zip(flat(last), flat(ended), strict=True):
            np.testing.assert_allclose(a[:, i].detach().numpy(), b.detach().numpy(), rtol=1e-12)


@each_layer
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_a_packed_batch_is_torchs(kind, options, enforce_sorted):
    """Outputs, last states, and every gradient, also that of the states before the first step."""
    torch = pytest.importorskip("torch")
    ours = kind(D, H, **options, dtype=mt.float64)
    theirs = getattr(torch.nn, kind.__name__)(D, H, **options, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    lengths = sorted(LENGTHS, reverse=True) if enforce_sorted else LENGTHS
    xs, h0 = sequences(lengths), first_states(kind, ours, len(LENGTHS))
    both = []
    for layer, tensor, pack in [
        (ours, mt.tensor, pack_sequence),
        (theirs, torch.tensor, torch.nn.utils.rnn.pack_sequence),
    ]:
        leaves = [tensor(x, requires_grad=True) for x in (*xs, *h0)]
        packed = pack(leaves[: len(xs)], enforce_sorted=enforce_sorted)
        y, last = layer(packed, states_of(kind, tuple(leaves[len(xs) :])))
        outputs = [y.data, *flat(last)]
        total = 0
        for i, out in enumerate(outputs):
            total = total + (out * tensor(rand(*out.shape, seed=i))).sum()
        total.backward()
        both.append([*(y.detach() for y in outputs), *(x.grad for x in leaves)])
        both[-1] += [p.grad for p in layer.parameters()]
    for a, b in zip(*both, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


def test_a_projected_state_may_be_packed():
    layer = nn.LSTM(D, H, proj_size=2, bidirectional=True, dtype=mt.float64)
    xs = [mt.tensor(x) for x in sequences([3, 1])]
    y, (h, c) = layer(pack_sequence(xs))
    assert (y.data.shape, h.shape, c.shape) == ((4, 4), (2, 2, 2), (2, 2, H))
    alone, (h_alone, _) = layer(xs[1])
    np.testing.assert_allclose(y.data[1].detach().numpy(), alone[0].detach().numpy())
    np.testing.assert_allclose(h[:, 1].detach().numpy(), h_alone.detach().numpy())


def test_gradients_of_a_packed_batch_are_the_slopes():
    layer = nn.GRU(2, 2, bidirectional=True, dtype=mt.float64)

    def run(a, b):
        y, h = layer(pack_sequence([a, b], enforce_sorted=False))
        return y.data, h

    assert gradcheck(run, (leaf(rand(1, 2)), leaf(rand(3, 2))))


def test_filling_is_never_looked_at():
    """Not even a nan that stands there."""
    x = rand(4, 2, D)
    x[2:, 1] = np.nan
    layer = nn.LSTM(D, H, bidirectional=True, dtype=mt.float64)
    y, (h, _) = layer(pack_padded_sequence(leaf(x), [4, 2]))
    (y.data.sum() + h.sum()).backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in layer.parameters())


def test_an_open_size_is_read_off_the_rows():
    layer = nn.LSTM(H)
    y, _ = layer(pack_sequence([mt.ones(3, D), mt.ones(2, D)]))
    assert (layer.input_size, y.data.shape) == (D, (5, H))


def test_a_packed_meta_has_the_shapes():
    padded = pad_sequence([mt.zeros(n, D, device="meta") for n in (3, 2)])
    layer = nn.GRU(D, H, bidirectional=True, device="meta")
    y, h = layer(pack_padded_sequence(padded, [3, 2]))
    assert (y.data.shape, h.shape) == ((5, 2 * H), (2, 2, H))


# what does not fit ------------------------------------------------------------------------------


def test_they_say_what_cannot_be_packed():
    x = mt.ones(3, 2, D)
    for lengths, error, message in [
        ([1, 3], RuntimeError, r"lengths \[1, 3\] rise, .* pass enforce_sorted=False"),
        ([3], ShapeError, "1 lengths for 2 sequences"),
        ([3, 0], ValueError, r"lengths\[1\] is 0, expected 1 to 3"),
        (mt.tensor([4, 1]), ValueError, r"lengths\[0\] is 4, expected 1 to 3"),
    ]:
        with pytest.raises(error, match=f"pack_padded_sequence: {message}"):
            pack_padded_sequence(x, lengths)
    packed = pack_padded_sequence(x, [3, 1])
    with pytest.raises(ValueError, match="total_length 2, but the longest sequence has 3"):
        pad_packed_sequence(packed, total_length=2)


def test_a_layer_says_which_packed_batch_does_not_fit():
    packed = pack_sequence([mt.ones(3, D), mt.ones(1, D)], enforce_sorted=False)
    with pytest.raises(ShapeError, match=r"RNN: the data of the Packed.* \(4, 3\), .*\(rows, 5\)"):
        nn.RNN(5, H)(packed)
    with pytest.raises(ShapeError, match=r"GRU: h0 is \(1, 3, 4\), expected \(1, 2, 4\)"):
        nn.GRU(D, H)(packed, mt.zeros(1, 3, H))
