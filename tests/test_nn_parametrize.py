"""Parametrizations: weights that are functions of what is trained."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.nn.utils import parametrizations, parametrize, remove_spectral_norm, spectral_norm
from minitorch.nn.utils.parametrize import (
    cached,
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
    type_before_parametrizations,
)
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, leaf, rand


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).T


class Twice(nn.Module):
    def forward(self, X):
        return X * 2

    def right_inverse(self, X):
        return X / 2


class Sum(nn.Module):
    """Of two parts, at first the half and the half."""

    def forward(self, a, b):
        return a + b

    def right_inverse(self, X):
        return X / 2, X / 2


class Narrow(nn.Module):
    def forward(self, X):
        return X[:, :1]


def linear(*sizes):
    return nn.Linear(*(sizes or (3, 3)), dtype=mt.float64)


def numpy(x):
    return x.detach().numpy()


# on and off -------------------------------------------------------------------------------------


def test_the_weight_is_a_function_of_what_is_trained():
    layer, x = linear(), rand(4, 3)
    original = layer.weight
    assert register_parametrization(layer, "weight", Symmetric()) is layer
    assert layer.parametrizations.weight.original is original
    np.testing.assert_array_equal(numpy(layer.weight), numpy(layer.weight).T)
    assert isinstance(layer, nn.Linear)
    check_gradients(layer, x)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(mt.tensor(x)).square().sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(numpy(layer.weight), numpy(layer.weight).T)


def test_an_optimizer_built_before_goes_on_moving_it():
    layer = linear()
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    register_parametrization(layer, "weight", Twice())
    before = numpy(layer.weight).copy()
    layer(mt.ones(1, 3, dtype=mt.float64)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(numpy(layer.weight), before - 0.1 * 2 * 2)


def test_an_inverse_keeps_the_weight_as_it_was():
    layer = linear()
    want = numpy(layer.weight).copy()
    register_parametrization(layer, "weight", Twice())
    np.testing.assert_allclose(numpy(layer.weight), want)
    np.testing.assert_allclose(numpy(layer.parametrizations.weight.original), want / 2)
    layer.weight = mt.ones(3, 3, dtype=mt.float64)
    assert numpy(layer.parametrizations.weight.original).tolist() == [[0.5] * 3] * 3
    assert numpy(layer.weight).tolist() == [[1.0] * 3] * 3


def test_several_are_applied_one_after_the_other():
    layer = linear()
    register_parametrization(layer, "weight", Symmetric())
    once = numpy(layer.weight)
    register_parametrization(layer, "weight", Twice())
    np.testing.assert_allclose(numpy(layer.weight), 2 * once)
    assert len(layer.parametrizations.weight) == 2
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]


def test_a_weight_may_be_made_of_several_tensors():
    layer = linear()
    want = numpy(layer.weight).copy()
    register_parametrization(layer, "weight", Sum())
    np.testing.assert_allclose(numpy(layer.weight), want)
    assert [name for name, _ in layer.named_parameters()][1:] == [
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    with pytest.raises(ValueError, match="is made of original0, original1, so there is no one"):
        remove_parametrizations(layer, "weight", leave_parametrized=False)
    remove_parametrizations(layer, "weight")
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(numpy(layer.weight), want)


@pytest.mark.parametrize("leave", [True, False])
def test_removing_it_leaves_the_weight_or_the_original(leave):
    layer = linear()
    original = layer.weight
    register_parametrization(layer, "weight", Symmetric())
    register_parametrization(layer, "bias", Twice())
    want = numpy(layer.weight if leave else original).copy()
    assert remove_parametrizations(layer, "weight", leave) is layer
    assert layer.weight is original
    np.testing.assert_array_equal(numpy(layer.weight), want)
    assert is_parametrized(layer, "bias")
    remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    assert not hasattr(layer, "parametrizations")


def test_a_weight_that_is_a_parameter_again_is_drawn_anew_again():
    layer = linear()
    register_parametrization(layer, "weight", Symmetric())
    held = layer.parametrizations.weight.original.tolist()
    layer.reset_parameters()
    assert layer.parametrizations.weight.original.tolist() == held
    remove_parametrizations(layer, "weight")
    fresh = linear()
    for each in (layer, fresh):
        mt.manual_seed(1)
        each.reset_parameters()
    assert layer.weight.tolist() == fresh.weight.tolist()
    assert layer.bias.tolist() == fresh.bias.tolist()


def test_a_weight_can_be_set_to_a_tensor_alone():
    layer = linear()
    register_parametrization(layer, "weight", Twice())
    held = layer.parametrizations.weight.original.tolist()
    with pytest.raises(TypeError, match="set to a Tensor, got NoneType; remove_parametrizations"):
        layer.weight = None
    assert layer.parametrizations.weight.original.tolist() == held


def test_what_is_computed_already_says_so():
    layer = register_parametrization(linear(), "weight", Twice())
    for other in (
        nn.utils.weight_norm,
        spectral_norm,
        nn.utils.prune.identity,
        parametrizations.weight_norm,
        parametrizations.orthogonal,
    ):
        with pytest.raises(RuntimeError, match="'weight' of Linear is computed already; take off"):
            other(layer, "weight")
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]


@pytest.mark.parametrize(
    ("put_on", "take_off", "part"),
    [
        (nn.utils.weight_norm, nn.utils.remove_weight_norm, "v"),
        (spectral_norm, remove_spectral_norm, "orig"),
        (nn.utils.prune.identity, nn.utils.prune.remove, "orig"),
    ],
)
def test_what_is_made_of_something_computed_is_not_taken_apart(put_on, take_off, part):
    layer = put_on(linear(), "weight")
    register_parametrization(layer, f"weight_{part}", Twice())
    before = {name: value.tolist() for name, value in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match=f"'weight_{part}' of Linear is computed already"):
        take_off(layer, "weight")
    assert {name: value.tolist() for name, value in layer.state_dict().items()} == before
    remove_parametrizations(layer, f"weight_{part}", leave_parametrized=False)
    assert type(take_off(layer, "weight")) is nn.Linear


def test_what_is_parametrized_can_be_asked():
    layer = linear()
    assert not is_parametrized(layer)
    register_parametrization(layer, "weight", Symmetric())
    assert is_parametrized(layer)
    assert is_parametrized(layer, "weight")
    assert not is_parametrized(layer, "bias")
    assert type_before_parametrizations(layer) is nn.Linear
    assert repr(layer).startswith("ParametrizedLinear(\n  in_features=3, out_features=3")


def test_copies_pickles_and_saved_states_are_the_same():
    layer, x = register_parametrization(linear(), "weight", Symmetric()), mt.tensor(rand(4, 3))
    want = layer(x).tolist()
    other = register_parametrization(linear(), "weight", Symmetric())
    other.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert twin(x).tolist() == want
        assert twin.parametrizations.weight.original is not layer.parametrizations.weight.original
    layer.reset_parameters()
    assert layer.weight.shape == (3, 3)
    name = "parametrizations.weight.original"
    given = {name: mt.eye(3, dtype=mt.float64), "bias": mt.zeros(3, dtype=mt.float64)}
    np.testing.assert_allclose(numpy(nn.functional_call(layer, given, x)), numpy(x))


def test_a_weight_that_is_read_often_is_computed_once():
    layer = register_parametrization(linear(), "weight", Symmetric())
    assert layer.weight is not layer.weight
    with cached():
        first = layer.weight
        with cached():
            assert layer.weight is first
        layer.weight = mt.ones(3, 3, dtype=mt.float64)
        assert layer.weight is not first
    assert layer.weight is not layer.weight


def test_what_does_not_fit_changes_nothing():
    layer = linear()
    before = {name: value.tolist() for name, value in layer.state_dict().items()}
    half = nn.Lambda(lambda x: x.half())
    for name, wrong, error, message in [
        ("wait", Twice(), AttributeError, r"Linear has no parameter 'wait', but \['weight'"),
        ("weight", Narrow(), ShapeError, r"it makes \(3, 3\) \(3, 1\); pass unsafe=True"),
        ("weight", half, ValueError, "it makes float64 float16; pass unsafe=True"),
        ("weight", nn.Lambda(lambda x: 1.0), TypeError, "must give a Tensor, got float"),
        ("weight", abs, TypeError, "must be a Module, got builtin_function"),
    ]:
        with pytest.raises(error, match=f"register_parametrization: .*{message}"):
            register_parametrization(layer, name, wrong)
    assert type(layer) is nn.Linear
    assert {name: value.tolist() for name, value in layer.state_dict().items()} == before
    register_parametrization(layer, "weight", Twice())
    with pytest.raises(ShapeError, match=r"it makes \(3, 3\) \(3, 1\)"):
        register_parametrization(layer, "weight", Narrow())
    assert len(layer.parametrizations.weight) == 1
    register_parametrization(layer, "weight", Narrow(), unsafe=True)
    assert layer.weight.shape == (3, 1)
    with pytest.raises(ValueError, match="'bias' of ParametrizedLinear is not parametrized"):
        remove_parametrizations(layer, "bias")
    with pytest.raises(RuntimeError, match="has no shape yet"):
        register_parametrization(nn.Linear(5), "weight", Twice())


# norms ------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("normed", [spectral_norm, parametrizations.spectral_norm])


def largest(layer):
    w = numpy(layer.weight)
    return np.linalg.norm(w.reshape(len(w), -1), 2)


@BOTH
def test_the_largest_singular_value_becomes_one(normed):
    layer = normed(nn.Conv2d(3, 4, 2, dtype=mt.float64), n_power_iterations=100)
    assert largest(layer) == pytest.approx(1)
    state = {name: value.tolist() for name, value in layer.eval().state_dict().items()}
    layer(mt.tensor(rand(1, 3, 3, 3)))
    assert {name: value.tolist() for name, value in layer.state_dict().items()} == state


@BOTH
def test_two_forwards_before_one_backward(normed):
    """As in a GAN: each has the vectors of its own."""
    layer = normed(linear())
    x = mt.tensor(rand(4, 3))
    (layer(x).sum() - (layer(x) ** 2).sum()).backward()
    assert all(p.grad is not None for p in layer.parameters())


@BOTH
def test_gradients_of_a_normed_weight_are_the_slopes(normed):
    """With u and v held: in evaluation."""
    check_gradients(normed(linear(3, 2)).eval(), rand(4, 3))


def test_a_weight_that_is_parametrized_can_be_normed_as_the_last_step():
    layer = parametrizations.spectral_norm(parametrizations.weight_norm(linear()))
    names = ("original0", "original1", "1._u", "1._v")
    assert list(layer.state_dict()) == ["bias", *(f"parametrizations.weight.{n}" for n in names)]
    np.testing.assert_allclose(largest(layer), 1, rtol=1e-2)
    layer.weight.sum().backward()
    assert abs(layer.parametrizations.weight.original1.grad.numpy()).max() > 0


def test_removing_spectral_norm_leaves_the_weight_of_now():
    layer = spectral_norm(linear()).eval()
    want = numpy(layer.weight).copy()
    assert remove_spectral_norm(layer) is layer
    assert type(layer) is nn.Linear
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(numpy(layer.weight), want)
    with pytest.raises(ValueError, match="'weight' of Linear is not normalized"):
        remove_spectral_norm(layer)


def test_a_vector_is_divided_by_its_length():
    layer = parametrizations.spectral_norm(linear(), "bias")
    assert np.linalg.norm(numpy(layer.bias)) == pytest.approx(1)


def test_what_cannot_be_normed_says_so():
    with pytest.raises(ShapeError, match=r"the weight is \(3,\), expected two axes"):
        spectral_norm(linear(), "bias")
    with pytest.raises(ValueError, match="n_power_iterations must be at least 1, got 0"):
        spectral_norm(linear(), n_power_iterations=0)
    with pytest.raises(IndexError, match=r"dim 2, but the weight is \(3, 3\)"):
        spectral_norm(linear(), dim=2)
    with pytest.raises(RuntimeError, match="'weight' of Linear is computed already"):
        spectral_norm(spectral_norm(linear()))
    with pytest.raises(AttributeError, match="Linear has no parameter 'wait'"):
        parametrizations.spectral_norm(linear(), "wait")


# orthogonal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("map", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("sizes", [(3, 3), (4, 2), (2, 4)])
def test_an_orthogonal_weight_stays_orthogonal(map, sizes):
    layer = parametrizations.orthogonal(linear(*sizes), orthogonal_map=map)
    x = mt.tensor(rand(5, sizes[0]))
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    before = numpy(layer.weight).copy()
    for _ in range(3):
        optimizer.zero_grad()
        ((layer(x) - 1) ** 2).sum().backward()
        optimizer.step()
    after = numpy(layer.weight)
    assert np.abs(after - before).max() > 1e-3
    for w in (before, after):
        small = w @ w.T if len(w) < w.shape[1] else w.T @ w
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-10)


@pytest.mark.parametrize("map", ["matrix_exp", "cayley", "householder"])
def test_gradients_of_an_orthogonal_weight_are_the_slopes(map):
    layer = parametrizations.orthogonal(linear(3, 2), orthogonal_map=map)
    with mt.no_grad():
        layer.parametrizations.weight.original.add_(mt.tensor(0.3 * rand(2, 3)))
    check_gradients(layer, rand(2, 3))


def test_an_orthogonal_matrix_is_where_it_starts():
    layer = linear()
    q = np.linalg.qr(rand(3, 3))[0]
    with mt.no_grad():
        layer.weight.copy_(mt.tensor(q))
    parametrizations.orthogonal(layer)
    np.testing.assert_allclose(numpy(layer.weight), q, atol=1e-12)
    layer.weight = mt.eye(3, dtype=mt.float64)
    np.testing.assert_allclose(numpy(layer.weight), np.eye(3), atol=1e-12)


def test_what_cannot_be_orthogonal_says_so():
    with pytest.raises(ValueError, match="orthogonal_map 'qr', expected one of"):
        parametrizations.orthogonal(linear(), orthogonal_map="qr")
    with pytest.raises(ValueError, match="use_trivialization must be True"):
        parametrizations.orthogonal(linear(), use_trivialization=False)
    with pytest.raises(ShapeError, match=r"the weight is \(3,\), expected two axes or more"):
        parametrizations.orthogonal(linear(), "bias")


# beside torch -----------------------------------------------------------------------------------


def same(ours, theirs, x, steps=1):
    """Text, state and, from torch's state, the outputs, the gradients and the state afterwards."""
    import torch

    assert repr(ours) == repr(theirs)
    state = {name: mt.tensor(value.numpy()) for name, value in theirs.state_dict().items()}
    assert sorted(state) == sorted(ours.state_dict())
    ours.load_state_dict(state)
    here, there = leaf(x), torch.tensor(x, requires_grad=True)
    for i in range(steps):
        y, want = ours(here), theirs(there)
        np.testing.assert_allclose(numpy(y), numpy(want), rtol=1e-9, atol=1e-12)
        g = rand(*y.shape, seed=i)
        y.backward(mt.tensor(g))
        want.backward(torch.tensor(g))
    np.testing.assert_allclose(here.grad.numpy(), there.grad.numpy(), rtol=1e-9, atol=1e-12)
    theirs_by_name = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        q = theirs_by_name[name].grad
        np.testing.assert_allclose(p.grad.numpy(), q.numpy(), rtol=1e-8, atol=1e-11, err_msg=name)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(
            ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-9, err_msg=name
        )


@pytest.mark.parametrize(
    ("kind", "sizes", "shape"),
    [("Linear", (3, 4), (2, 3)), ("Conv2d", (2, 3, 2), (1, 2, 3, 3)),
     ("ConvTranspose1d", (2, 3, 2), (1, 2, 4))],
)  # fmt: skip
@pytest.mark.parametrize("eval", [False, True])
@pytest.mark.parametrize("way", ["old", "spectral_norm", "weight_norm"])
def test_a_normed_layer_is_torchs(kind, sizes, shape, eval, way):
    torch = pytest.importorskip("torch")
    ours = getattr(nn, kind)(*sizes, dtype=mt.float64)
    theirs = getattr(torch.nn, kind)(*sizes, dtype=torch.float64)
    if way == "old":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            ours, theirs = spectral_norm(ours), torch.nn.utils.spectral_norm(theirs)
    else:
        ours = getattr(parametrizations, way)(ours)
        theirs = getattr(torch.nn.utils.parametrizations, way)(theirs)
    same(ours.train(not eval), theirs.train(not eval), rand(*shape), steps=2)


@pytest.mark.parametrize("map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(3, 3), (4, 2), (2, 4)])
def test_an_orthogonal_layer_is_torchs(map, sizes):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.parametrizations.orthogonal(
        torch.nn.Linear(*sizes, dtype=torch.float64), orthogonal_map=map
    )
    ours = parametrizations.orthogonal(linear(*sizes), orthogonal_map=map)
    with torch.no_grad():  # away from where it starts, below the diagonal
        moved = torch.tensor(rand(*sizes[::-1]))
        original = theirs.parametrizations.weight.original
        original += moved.tril(-1) if sizes[0] <= sizes[1] else moved.triu(1)
    same(ours, theirs, rand(2, sizes[0]))


def test_a_parametrized_layer_is_torchs():
    torch = pytest.importorskip("torch")

    class TheirSymmetric(torch.nn.Module):
        def forward(self, X):
            return X.triu() + X.triu(1).T

    TheirSymmetric.__name__ = "Symmetric"
    theirs = torch.nn.utils.parametrize.register_parametrization(
        torch.nn.Linear(3, 3, dtype=torch.float64), "weight", TheirSymmetric()
    )
    same(register_parametrization(linear(), "weight", Symmetric()), theirs, rand(2, 3))


def test_the_names_of_the_module_are_there():
    assert set(parametrize.__all__) <= set(dir(nn.utils.parametrize))
    assert set(parametrizations.__all__) == {"orthogonal", "spectral_norm", "weight_norm"}
