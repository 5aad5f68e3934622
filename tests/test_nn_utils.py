"""Helpers on all parameters together: one long vector and back; clipping under torch's path."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch import nn, optim
from minitorch.nn.utils import parameters_to_vector, vector_to_parameters
from minitorch.tensor import ShapeError


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))


def test_parameters_become_one_vector_in_their_order():
    net = model()
    vector = parameters_to_vector(net.parameters())
    assert vector.shape == (3 * 2 + 2 + 2 + 1,)
    by_hand = np.concatenate([p.numpy(force=True).ravel() for p in net.parameters()])
    np.testing.assert_array_equal(vector.numpy(force=True), by_hand)


def test_a_vector_goes_back_into_the_same_parameters():
    net, other = model(), model()
    held = list(net.parameters())
    vector_to_parameters(parameters_to_vector(other.parameters()), net.parameters())
    assert all(a is b for a, b in zip(held, net.parameters(), strict=True))
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        assert minitorch.equal(a, b)
        assert not np.shares_memory(a.array, b.array)
        assert a.requires_grad
        assert a.is_leaf


def test_gradients_flow_through_the_vector():
    net = model()
    (parameters_to_vector(net.parameters()) ** 2).sum().backward()
    for p in net.parameters():
        np.testing.assert_allclose(p.grad.numpy(), 2 * p.numpy(force=True), rtol=1e-6)


def test_the_vector_is_a_copy():
    net = model()
    vector = parameters_to_vector(net.parameters()).detach()
    before = net[0].weight.clone()
    vector += 1
    assert minitorch.equal(net[0].weight, before)


@pytest.mark.parametrize("shape", [(10,), (12,), (11, 1), ()])
def test_a_vector_of_another_length_is_refused_and_nothing_is_written(shape: tuple):
    net = model()
    before = {k: v.numpy() for k, v in net.state_dict().items()}
    with pytest.raises(ShapeError, match=r"vector_to_parameters: vec .* expected \(11,\)"):
        vector_to_parameters(minitorch.zeros(shape), net.parameters())
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.numpy(force=True), before[name])


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="vec must be a Tensor, got ndarray"):
        vector_to_parameters(np.zeros(11), model().parameters())


def test_an_open_model_is_refused_by_both():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(4))
    before = net[0].weight.clone()
    with pytest.raises(RuntimeError, match="no shape yet"):
        parameters_to_vector(net.parameters())
    with pytest.raises(RuntimeError, match="no shape yet"):
        vector_to_parameters(minitorch.zeros(9), net.parameters())
    assert minitorch.equal(net[0].weight, before)


def test_writing_the_vector_makes_an_older_graph_stale():
    net = model()
    loss = net(minitorch.ones(1, 3)).sum()
    vector_to_parameters(minitorch.zeros(11), net.parameters())
    with pytest.raises(RuntimeError, match="changed that array in place"):
        loss.backward()


def test_clipping_is_the_optimizers_own_under_torchs_path():
    assert nn.utils.clip_grad_norm_ is optim.clip_grad_norm_
    assert nn.utils.clip_grad_value_ is optim.clip_grad_value_


def test_torch_gives_the_same_vector():
    torch = pytest.importorskip("torch")
    net = model()
    twin = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    values = minitorch.arange(11.0)
    vector_to_parameters(values, net.parameters())
    torch.nn.utils.vector_to_parameters(torch.arange(11.0), twin.parameters())
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(force=True), b.detach().numpy())
    theirs = torch.nn.utils.parameters_to_vector(twin.parameters()).detach().numpy()
    np.testing.assert_array_equal(parameters_to_vector(net.parameters()).numpy(force=True), theirs)
