"""Sequences of different lengths, padded to one tensor and cut back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch import nn
from minitorch.nn.utils.rnn import pad_sequence, unpad_sequence
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand


def test_sequences_are_filled_up_to_the_longest():
    a, b = leaf(np.array([[1.0, 2.0]])), leaf(np.array([[3.0, 4.0], [5.0, 6.0]]))
    y = pad_sequence([a, b], padding_value=9)
    assert y.tolist() == [[[1, 2], [3, 4]], [[9, 9], [5, 6]]]
    (y * y).sum().backward()
    assert a.grad.tolist() == [[2, 4]]
    assert b.grad.tolist() == [[6, 8], [10, 12]]
    left = pad_sequence([a, b], batch_first=True, padding_side="left")
    assert left.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]


def test_integers_stay_integers():
    y = pad_sequence([mt.tensor([1, 2]), mt.tensor([3])], True, padding_value=-100)
    assert y.dtype == mt.int64
    assert y.tolist() == [[1, 2], [3, -100]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.booleans())
def test_unpadding_undoes_padding(lengths: list, batch_first: bool):
    xs = [mt.tensor(rand(n, 2, seed=i)) for i, n in enumerate(lengths)]
    padded = pad_sequence(xs, batch_first)
    for given_as in (lengths, mt.tensor(lengths)):
        back = unpad_sequence(padded, given_as, batch_first)
        assert [x.tolist() for x in back] == [x.tolist() for x in xs]


def test_filling_is_hidden_from_attention():
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)
    xs = [mt.randn(n, 4) for n in (2, 5)]
    filling = mt.tensor([[False] * 2 + [True] * 3, [False] * 5])
    y = layer(pad_sequence(xs, True), src_key_padding_mask=filling)
    np.testing.assert_allclose(
        y[0, :2].detach().numpy(), layer(xs[0]).detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_they_say_what_does_not_fit():
    x = mt.ones(2, 3)
    for wrong, error, message in [
        ([], ValueError, "at least one sequence"),
        ([x, [1.0]], TypeError, r"sequences\[1\] must be a Tensor, got list"),
        ([x, mt.ones(2, 4)], ShapeError, r"sequences\[1\] is \(2, 4\) and the first \(2, 3\)"),
        ([mt.tensor(1.0)], ShapeError, r"all must be \(L, \*\)"),
    ]:
        with pytest.raises(error, match=f"pad_sequence: .*{message}"):
            pad_sequence(wrong)
    with pytest.raises(ValueError, match="padding_side must be 'right' or 'left', got 'top'"):
        pad_sequence([x], padding_side="top")
    with pytest.raises(ShapeError, match=r"3 lengths .*\(2, 3\), which holds 2 sequences"):
        unpad_sequence(x, [1, 1, 1], True)
    with pytest.raises(ValueError, match=r"lengths\[1\] is 4, expected 0 to 3"):
        unpad_sequence(x, [1, 4], True)


def test_a_meta_is_padded_too():
    xs = [mt.zeros(n, 3, device="meta") for n in (2, 4)]
    assert pad_sequence(xs).shape == (4, 2, 3)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_is_torchs(batch_first: bool, side: str):
    torch = pytest.importorskip("torch")
    xs = [rand(n, 2, 3, seed=n) for n in (1, 4, 2)]
    theirs = torch.nn.utils.rnn
    want = theirs.pad_sequence([torch.tensor(x) for x in xs], batch_first, 0.5, side)
    found = pad_sequence([mt.tensor(x) for x in xs], batch_first, 0.5, side)
    np.testing.assert_array_equal(found.numpy(), want.numpy())
    if side == "right":
        back = theirs.unpad_sequence(want, torch.tensor([1, 4, 2]), batch_first)
        for a, b in zip(unpad_sequence(found, [1, 4, 2], batch_first), back, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
