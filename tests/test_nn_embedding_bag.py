"""Bags of words: sums, means and maxima of the rows of a table."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

TABLE = np.array([[1.0, -1.0], [2.0, 5.0], [4.0, 3.0]])
IDS = [0, 2, 1, 1, 2]


def test_bags_by_hand():
    table = leaf(TABLE)
    y = F.embedding_bag(IDS, table, [0, 3, 3])
    np.testing.assert_allclose(y.detach().numpy(), [[7 / 3, 7 / 3], [0, 0], [3, 4]])
    assert F.embedding_bag(IDS, table, [0, 3, 3], "sum").tolist() == [[7, 7], [0, 0], [6, 8]]
    assert F.embedding_bag(IDS, table, [0, 3, 3], "max").tolist() == [[4, 5], [0, 0], [4, 5]]
    y.sum().backward()
    third = 1 / 3
    np.testing.assert_allclose(table.grad.numpy()[:, 0], [third, third + 0.5, third + 0.5])


def test_the_end_of_the_last_bag_may_be_given():
    y = F.embedding_bag(IDS, mt.tensor(TABLE), [0, 3, 4], "sum", include_last_offset=True)
    assert y.tolist() == [[7, 7], [2, 5]]


def test_a_filling_counts_for_nothing():
    table = leaf(TABLE)
    for mode, want in [("sum", [5, 2]), ("mean", [2.5, 1]), ("max", [4, 3])]:
        y = F.embedding_bag([[0, 2, 1], [1, 1, 1]], table, mode=mode, padding_idx=-2)
        assert y.tolist() == [want, [0, 0]]
        y.sum().backward()
    assert not table.grad.numpy()[1].any()
    assert table.grad.numpy()[[0, 2]].all()


def test_words_may_have_weights_in_a_sum():
    table, weights = leaf(TABLE), leaf(np.array([1.0, 2.0, 0.0, -1.0, 3.0]))
    y = F.embedding_bag(IDS, table, [0, 3], "sum", weights)
    assert y.tolist() == [[9, 5], [10, 4]]
    y.sum().backward()
    assert weights.grad.tolist() == [0, 7, 7, 7, 7]


def test_gradients_are_the_slopes():
    for mode in ("sum", "mean", "max"):
        assert mt.gradcheck(lambda w, m=mode: F.embedding_bag(IDS, w, [0, 2], m), leaf(TABLE))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_nothing_at_all_makes_empty_bags(mode: str):
    empty = mt.zeros(0, dtype=mt.int64)
    assert F.embedding_bag(empty, mt.tensor(TABLE), [0, 0], mode).tolist() == [[0, 0]] * 2
    assert F.embedding_bag(empty.reshape(0, 3), mt.tensor(TABLE), mode=mode).shape == (0, 2)


def test_what_does_not_fit_says_so():
    table = mt.tensor(TABLE)
    for given, error, message in [
        ({"input": IDS}, ValueError, "flat, so offsets must say"),
        ({"input": [IDS], "offsets": [0]}, ValueError, "leave offsets out"),
        ({"input": [[IDS]]}, ShapeError, r"input is \(1, 1, 5\)"),
        ({"input": IDS, "offsets": [1, 2]}, ValueError, r"must start at 0.*got \[1, 2\]"),
        ({"input": IDS, "offsets": [0, 3, 2]}, ValueError, "never fall"),
        ({"input": IDS, "offsets": [0, 6]}, ValueError, "within the 5 ids"),
        ({"input": IDS, "offsets": [0.0]}, ValueError, "a list of ints, got float64"),
        ({"input": IDS, "offsets": [0], "mode": "min"}, ValueError, "mode must be one of"),
        (
            {"input": IDS, "offsets": [0], "per_sample_weights": mt.ones(5)},
            ValueError,
            "go with mode='sum'",
        ),
        (
            {"input": IDS, "offsets": [0], "mode": "sum", "per_sample_weights": mt.ones(4)},
            ShapeError,
            r"per_sample_weights is \(4,\), expected the input's \(5,\)",
        ),
    ]:
        with pytest.raises(error, match=f"embedding_bag: .*{message}"):
            F.embedding_bag(weight=table, **given)
    with pytest.raises(IndexError, match="3"):
        F.embedding_bag([[3]], table)
    with pytest.raises(ValueError, match="EmbeddingBag: mode must be one of"):
        nn.EmbeddingBag(3, 2, mode="min")
    with pytest.raises(ValueError, match="EmbeddingBag: num_embeddings must be at least 1"):
        nn.EmbeddingBag(0, 2)


def test_a_bag_classifier_trains():
    mt.manual_seed(0)
    model, words = nn.EmbeddingBag(6, 1, mode="sum"), mt.tensor([0, 1, 2, 3, 4, 5, 0, 0])
    starts, y = mt.tensor([0, 2, 3, 6]), mt.tensor([[1.0], [-1.0], [2.0], [0.5]])
    optimizer = mt.optim.SGD(model, lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.mse_loss(model(words, starts), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


def test_long_rows_are_shortened_when_read():
    layer = nn.EmbeddingBag.from_pretrained(mt.tensor(TABLE), max_norm=1.0, mode="sum")
    np.testing.assert_allclose(layer(mt.tensor([[2]])).numpy(), [[0.8, 0.6]], rtol=1e-6)
    assert layer.weight[1].tolist() == [2, 5]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 1])
@pytest.mark.parametrize("flat", [True, False])
def test_it_is_torchs(mode: str, padding_idx: int | None, flat: bool):
    torch = pytest.importorskip("torch")
    options = {"mode": mode, "padding_idx": padding_idx}
    ours = nn.EmbeddingBag(5, 3, dtype=mt.float64, **options)
    theirs = torch.nn.EmbeddingBag(5, 3, dtype=torch.float64, **options)
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    ids = [4, 1, 1, 0, 3, 2, 1, 4]
    given = [[ids, [0, 3, 3, 7]] if flat else [[ids[:4], ids[4:]]]][0]
    found, want = (layer(*map(lib.tensor, given)) for lib, layer in ((mt, ours), (torch, theirs)))
    np.testing.assert_allclose(found.detach().numpy(), want.detach().numpy(), rtol=1e-12)
    g = rand(*found.shape)
    found.backward(mt.tensor(g))
    want.backward(torch.tensor(g))
    np.testing.assert_allclose(
        ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-12, atol=1e-15
    )
    if mode == "sum" and padding_idx is None:
        weights = rand(*np.shape(given[0]), seed=4)
        found = ours(*map(mt.tensor, given), per_sample_weights=mt.tensor(weights))
        want = theirs(*map(torch.tensor, given), per_sample_weights=torch.tensor(weights))
        np.testing.assert_allclose(found.detach().numpy(), want.detach().numpy(), rtol=1e-12)
