"""Weight normalization: a weight as a length times a direction."""

import copy
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.nn.utils import remove_weight_norm, weight_norm
from tests.layers import check_gradients, leaf, rand


def linear() -> nn.Linear:
    return nn.Linear(3, 2, dtype=mt.float64)


def test_a_split_weight_computes_the_same():
    layer, x = linear(), mt.tensor(rand(4, 3))
    want, weight = layer(x).detach().numpy(), layer.weight.detach().numpy()
    assert weight_norm(layer) is layer
    np.testing.assert_allclose(layer(x).detach().numpy(), want, rtol=1e-12)
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    np.testing.assert_allclose(
        layer.weight_g.detach().numpy()[:, 0], np.sqrt((weight**2).sum(1)), rtol=1e-12
    )
    np.testing.assert_array_equal(layer.weight_v.detach().numpy(), weight)
    assert isinstance(layer, nn.Linear)
    assert repr(layer) == repr(linear())


def test_the_length_of_the_direction_does_not_matter():
    layer, x = weight_norm(linear()), mt.tensor(rand(4, 3))
    want = layer(x).tolist()
    with mt.no_grad():
        layer.weight_v.mul_(4.0)
    assert layer(x).tolist() == want
    with mt.no_grad():
        layer.weight_g.mul_(2.0)
        layer.bias.mul_(2.0)
    np.testing.assert_allclose(layer(x).detach().numpy(), 2 * np.array(want))


def test_gradients_are_the_slopes():
    check_gradients(weight_norm(linear()), rand(4, 3))
    check_gradients(weight_norm(nn.Conv1d(2, 3, 2, dtype=mt.float64), dim=None), rand(1, 2, 4))


def test_it_trains():
    layer, x = weight_norm(nn.Linear(3, 1)), mt.randn(20, 3)
    y = x @ mt.tensor([[1.0], [-2.0], [0.5]])
    optimizer = optim.SGD(layer, lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(x), y).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), [[1, -2, 0.5]], atol=0.02)


def test_removing_it_leaves_the_weight_of_now():
    layer, x = weight_norm(linear()), mt.tensor(rand(4, 3))
    with mt.no_grad():
        layer.weight_g.fill_(3.0)
    want = layer(x).detach().numpy()
    assert remove_weight_norm(layer) is layer
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer(x).detach().numpy(), want, rtol=1e-12)


def test_two_weights_of_one_layer_are_split_apart():
    layer = nn.LSTMCell(2, 3)
    x = mt.randn(4, 2)
    want = layer(x)[0].detach().numpy()
    weight_norm(weight_norm(layer, "weight_ih"), "weight_hh")
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), want, rtol=1e-5)
    remove_weight_norm(layer, "weight_ih")
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), want, rtol=1e-5, atol=1e-7)
    assert "weight_hh_g" in layer.state_dict()
    assert "weight_ih_g" not in layer.state_dict()


def test_copies_pickles_and_saved_states_are_the_same():
    layer, x = weight_norm(linear()), mt.tensor(rand(4, 3))
    want = layer(x).tolist()
    other = weight_norm(linear())
    other.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert twin(x).tolist() == want
        assert twin.weight_g is not layer.weight_g
    layer.reset_parameters()
    assert layer.weight.shape == (2, 3)


def test_a_model_with_it_is_built_from_shapes():
    model = nn.Sequential(weight_norm(nn.Conv1d(2, 3, 2)), nn.Linear(5)).build((2, 7))
    assert model(mt.ones(1, 2, 7)).shape == (1, 3, 5)


def test_what_cannot_be_split_says_so():
    layer = linear()
    with pytest.raises(AttributeError, match=r"Linear has no parameter 'wait', but \['weight'"):
        weight_norm(layer, "wait")
    with pytest.raises(IndexError, match=r"dim 2, but the weight is \(2, 3\)"):
        weight_norm(layer, dim=2)
    assert list(layer.state_dict()) == ["weight", "bias"]
    weight_norm(layer)
    with pytest.raises(RuntimeError, match="'weight' of Linear is computed already"):
        weight_norm(layer)
    with pytest.raises(ValueError, match="'bias' of Linear is not split"):
        remove_weight_norm(layer, "bias")
    with pytest.raises(RuntimeError, match="has no shape yet"):
        weight_norm(nn.Linear(5))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("dim", [0, 1, None])
def test_it_is_torchs(dim: int | None):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.weight_norm(torch.nn.Conv1d(2, 3, 2, dtype=torch.float64), dim=dim)
    ours = weight_norm(nn.Conv1d(2, 3, 2, dtype=mt.float64), dim=dim)
    state = {name: mt.tensor(value.numpy()) for name, value in theirs.state_dict().items()}
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    x, g = rand(2, 2, 5), rand(2, 3, 4)
    here, there = leaf(x), torch.tensor(x, requires_grad=True)
    ours(here).backward(mt.tensor(g))
    theirs(there).backward(torch.tensor(g))
    np.testing.assert_allclose(here.grad.numpy(), there.grad.numpy(), rtol=1e-10)
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, err_msg=name)
