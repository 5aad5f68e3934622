"""Embedding: rows of a table, and the ids that are none of them."""

import copy

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.gradcheck import gradcheck
from minitorch.nn import init
from tests.layers import rand
from tests.twins import agree

IDS = np.array([[1, 3, 1], [0, 1, 2]])


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 1}, {"padding_idx": -1}, {"max_norm": 1.0}, {"norm_type": 1.0}]
)
def test_embedding_is_torchs(options):
    """G25: text, state, rows and gradients."""
    torch = pytest.importorskip("torch")
    ours = nn.Embedding(4, 3, dtype=mt.float64, **options)
    theirs = torch.nn.Embedding(4, 3, dtype=torch.float64, **options)
    agree(ours, theirs, IDS, rtol=1e-6 if "max_norm" in options else 1e-9)
    np.testing.assert_allclose(ours.weight.tolist(), theirs.weight.tolist(), rtol=1e-6)


def test_rows_read_twice_get_both_gradients():
    """G25: duplicate ids accumulate."""
    layer = nn.Embedding(4, 2)
    layer(mt.tensor([1, 3, 1])).backward(mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert layer.weight.grad.tolist() == [[0, 0], [6, 8], [0, 0], [3, 4]]


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,), (2, 0, 3)])
def test_ids_of_any_shape(shape):
    assert nn.Embedding(4, 3)(mt.zeros(*shape, dtype=mt.int64)).shape == (*shape, 3)


def test_the_gradient_is_the_slope():
    layer = nn.Embedding(4, 3, dtype=mt.float64)
    rows = lambda w: nn.functional_call(layer, {"weight": w}, mt.tensor(IDS))
    assert gradcheck(rows, mt.tensor(rand(4, 3), requires_grad=True))


def test_the_padding_row_is_0_and_stays():
    layer = nn.Embedding(4, 3, padding_idx=2)
    assert layer.weight[2].tolist() == [0, 0, 0]
    assert layer.weight[1].abs().sum().item() > 0
    layer(mt.tensor(IDS)).sum().backward()
    assert layer.weight.grad[2].tolist() == [0, 0, 0]
    layer.reset_parameters()
    assert layer.weight[2].tolist() == [0, 0, 0]
    own = nn.Embedding(4, 3, padding_idx=-4, weights=init.ones())
    assert own.weight.sum(1).tolist() == [0, 3, 3, 3]
    assert own.padding_idx == 0


@pytest.mark.parametrize(("bad", "place"), [(4, "0, 1"), (-1, "0, 1"), (400, "0, 1")])
def test_an_id_that_is_no_row(bad, place):
    """H070: names the id, its place, the number of rows and the layer."""
    model = nn.Sequential(nn.Embedding(4, 3), nn.Flatten())
    with pytest.raises(IndexError, match=rf"index {bad} at position {place} .* 4 rows") as error:
        model(mt.tensor([[0, bad]]))
    assert "in 0: Embedding(4, 3)" in error.value.__notes__


def test_an_id_that_is_no_row_on_a_gpu(cuda):
    """H070."""
    layer = nn.Embedding(4, 3).cuda()
    with pytest.raises(IndexError, match="index 4 at position 1"):
        layer(mt.tensor([0, 4]).cuda())


def test_ids_must_be_ints():
    """H071."""
    with pytest.raises(TypeError, match="expected ints, got float32") as error:
        nn.Embedding(4, 3)(mt.tensor([0.0, 1.0]))
    assert "in Embedding(4, 3)" in error.value.__notes__


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: nn.Embedding(0, 3), ValueError, "num_embeddings must be at least 1, got 0"),
        (lambda: nn.Embedding(4, 0), ValueError, "embedding_dim must be at least 1, got 0"),
        (lambda: nn.Embedding(4, 2.5), TypeError, "embedding_dim must be an int, got 2.5"),
        (lambda: nn.Embedding(None, 3), TypeError, "num_embeddings must be an int, got None"),
        (lambda: nn.Embedding(4, 3, 4), ValueError, "padding_idx 4 is none of the 4 rows"),
        (lambda: nn.Embedding(4, 3, max_norm=0.0), ValueError, "max_norm 0.0"),
        (lambda: nn.Embedding.from_pretrained(mt.ones(3)), ValueError, r"embeddings is \(3,\)"),
    ],
)
def test_wrong_arguments_are_refused_when_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_a_table_that_is_there_already():
    table = mt.tensor(rand(4, 3))
    before = mt.random.default_generator.get_state()
    frozen = nn.Embedding.from_pretrained(table, padding_idx=1)
    assert mt.random.default_generator.get_state() == before
    assert not frozen.weight.requires_grad
    assert frozen.weight.tolist() == table.tolist()  # the padding row too
    assert frozen.weight.dtype == mt.float64
    trained = nn.Embedding.from_pretrained(table, freeze=False)
    trained(mt.tensor([1, 1])).sum().backward()
    assert trained.weight.grad.tolist() == [[0, 0, 0], [2, 2, 2], [0, 0, 0], [0, 0, 0]]
    trained.reset_parameters()
    assert trained.weight.shape == (4, 3)


def test_max_norm_touches_the_rows_that_are_read():
    layer = nn.Embedding(4, 3, max_norm=1.0, weights=init.constant(2.0))
    layer(mt.tensor([1, 3, 1]))
    lengths = layer.weight.norm(dim=1).tolist()
    np.testing.assert_allclose(lengths, [12**0.5, 1, 12**0.5, 1], rtol=1e-5)
    with pytest.raises(IndexError, match="index -1"):
        layer(mt.tensor([0, -1]))
    assert layer.weight[0].tolist() == [2, 2, 2]  # nothing was changed


def test_a_seed_decides_the_table():
    a, b = (nn.Embedding(4, 3, generator=mt.Generator().manual_seed(1)) for _ in range(2))
    assert a.weight.tolist() == b.weight.tolist()
    c = nn.Embedding(4, 3, 2)
    c.load_state_dict(a.state_dict())
    assert copy.deepcopy(c)(mt.tensor(2)).tolist() == a.weight[2].tolist()


def test_it_builds_on_shapes():
    model = nn.Sequential(nn.Embedding(10, 6), nn.LSTM(4))
    assert model.build((7,), dtype=mt.int64)[1].input_size == 6
