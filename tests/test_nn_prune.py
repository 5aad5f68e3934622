"""Pruned weights, fused layers, and the two halves of clipping."""

import copy
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.nn.utils import prune
from minitorch.tensor import ShapeError
from tests.layers import check_gradients, rand


def linear(weight=None):
    layer = nn.Linear(4, 3, dtype=mt.float64)
    with mt.no_grad():
        layer.weight.copy_(mt.tensor(rand(3, 4) if weight is None else np.array(weight)))
    return layer


def numpy(x):
    return x.detach().numpy()


# single weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [5, 0.4])
def test_the_smallest_are_hidden(amount):
    layer = linear()
    w = numpy(layer.weight).copy()
    assert prune.l1_unstructured(layer, "weight", amount) is layer
    least = np.sort(np.abs(w).ravel())[4]
    np.testing.assert_array_equal(numpy(layer.weight), np.where(np.abs(w) <= least, 0, w))
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    assert isinstance(layer, nn.Linear)
    check_gradients(layer, rand(2, 4))


def test_what_is_hidden_stays_zero_and_is_not_trained():
    layer = prune.l1_unstructured(linear(), "weight", 0.5)
    hidden, before = numpy(layer.weight) == 0, numpy(layer.weight_orig).copy()
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(mt.tensor(rand(5, 4))).square().sum().backward()
    optimizer.step()
    assert not layer.weight_orig.grad.numpy()[hidden].any()
    np.testing.assert_array_equal(numpy(layer.weight) == 0, hidden)
    np.testing.assert_array_equal(numpy(layer.weight_orig)[hidden], before[hidden])
    assert (numpy(layer.weight_orig)[~hidden] != before[~hidden]).all()


def test_pruned_again_it_loses_a_share_of_what_is_left():
    layer = linear()
    for zeros in (6, 9, 10):  # of 12: half, half of 6, half of 3 (rounded to even)
        before = numpy(layer.weight) == 0
        prune.l1_unstructured(layer, "weight", 0.5)
        now = numpy(layer.weight) == 0
        assert now.sum() in (zeros, zeros + 1)
        assert now[before].all()


def test_scores_may_come_from_elsewhere():
    layer = linear(np.ones((3, 4)))
    scores = mt.tensor(np.arange(12.0).reshape(3, 4))
    prune.l1_unstructured(layer, "weight", 4, importance_scores=scores)
    assert numpy(layer.weight).tolist() == [[0] * 4, [1] * 4, [1] * 4]


def test_by_chance_as_many_as_asked_for():
    mt.manual_seed(3)
    layer = prune.random_unstructured(linear(np.ones((3, 4))), "weight", 5)
    assert numpy(layer.weight).sum() == 7
    other = prune.random_unstructured(linear(np.ones((3, 4))), "weight", 5)
    assert numpy(layer.weight).tolist() != numpy(other.weight).tolist()


def test_of_several_layers_together_the_smallest_go():
    small, large = linear(np.full((3, 4), 0.1)), linear(np.full((3, 4), 10.0))
    pairs = [(large, "weight"), (small, "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    assert not numpy(small.weight).any()
    assert numpy(large.weight).all()
    prune.global_unstructured(pairs, pruning_method=prune.RandomUnstructured, amount=2)
    assert (numpy(large.weight) == 0).sum() == 2
    scores = {(large, "bias"): mt.tensor([3.0, 1.0, 2.0])}
    prune.global_unstructured([(large, "bias")], prune.L1Unstructured, scores, amount=1)
    assert numpy(large.bias)[1] == 0


# whole slices, and by hand ----------------------------------------------------------------------


def test_whole_channels_go_together():
    weight = [[1.0, 9, 1, 1], [2, 0, 0, 2], [0, 0, 9, 9]]
    layer = prune.ln_structured(linear(weight), "weight", 1, n=1, dim=0)
    assert numpy(layer.weight).tolist() == [weight[0], [0] * 4, weight[2]]
    prune.ln_structured(layer, "weight", 0.25, n=2, dim=-1)
    assert numpy(layer.weight).tolist() == [[0, 9, 1, 1], [0] * 4, [0, 0, 9, 9]]
    prune.random_structured(layer, "weight", 2, dim=0)  # those of the two rows that are left
    assert not numpy(layer.weight).any()


def test_a_mask_of_ones_own_and_none():
    layer = prune.identity(linear(np.ones((3, 4))), "weight")
    assert prune.is_pruned(nn.Sequential(layer))
    assert numpy(layer.weight).all()
    prune.custom_from_mask(layer, "weight", mt.eye(3, 4))
    prune.custom_from_mask(layer, "weight", mt.tensor([[0, 1, 1, 1]] * 3))
    assert numpy(layer.weight).tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]


def test_removed_the_zeros_are_part_of_the_weight():
    layer = linear()
    original = layer.weight
    prune.l1_unstructured(layer, "weight", 6)
    want = numpy(layer.weight).copy()
    assert prune.remove(layer, "weight") is layer
    assert layer.weight is original
    assert type(layer) is nn.Linear
    assert not prune.is_pruned(layer)
    np.testing.assert_array_equal(numpy(layer.weight), want)
    with pytest.raises(ValueError, match="'weight' of Linear is not pruned"):
        prune.remove(layer, "weight")


def test_copies_pickles_and_saved_states_are_the_same():
    layer, x = prune.l1_unstructured(linear(), "weight", 6), mt.tensor(rand(2, 4))
    other = prune.identity(linear(), "weight")
    other.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert twin(x).tolist() == layer(x).tolist()


def test_what_cannot_be_pruned_says_so_and_changes_nothing():
    layer = linear()
    for call, error, message in [
        (lambda: prune.l1_unstructured(layer, "wait", 1), AttributeError, "no parameter 'wait'"),
        (lambda: prune.l1_unstructured(layer, "weight", 1.5), ValueError, "amount 1.5, .* a share"),
        (lambda: prune.l1_unstructured(layer, "weight", 13), ValueError, "amount 13, .* 0 to 12"),
        (lambda: prune.random_unstructured(layer, "weight", True), TypeError, "amount must be"),
        (lambda: prune.ln_structured(layer, "weight", 1, 2, 2), IndexError, r"dim 2, .* \(3, 4\)"),
        (lambda: prune.custom_from_mask(layer, "weight", mt.ones(3)), ShapeError, r"is \(3,\)"),
        (lambda: prune.ln_structured(layer, "bias", 1, 2, 0), ShapeError, r"bias is \(3,\), and"),
        (lambda: prune.random_structured(layer, "bias", 1, 0), ShapeError, "two axes or more"),
        (
            lambda: prune.l1_unstructured(layer, "weight", 1, mt.ones(3)),
            ShapeError,
            r"importance_scores are \(3,\)",
        ),
        (
            lambda: prune.global_unstructured([], prune.L1Unstructured, amount=1),
            ValueError,
            "at least one",
        ),
        (
            lambda: prune.global_unstructured([(layer, "weight")], prune.identity, amount=1),
            ValueError,
            "pruning_method must be L1Unstructured or",
        ),
    ]:
        with pytest.raises(error, match=message):
            call()
    assert list(layer.state_dict()) == ["weight", "bias"]
    prune.l1_unstructured(layer, "weight", 10)
    with pytest.raises(AttributeError, match=r"Linear\.weight is computed from other parameters"):
        layer.weight = nn.Parameter(mt.ones(3, 4))
    with pytest.raises(ValueError, match="amount 3, expected 0 to 2, the number that is left"):
        prune.l1_unstructured(layer, "weight", 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("l1_unstructured", {"amount": 0.3}),
        ("ln_structured", {"amount": 2, "n": 2, "dim": 1}),
        ("ln_structured", {"amount": 0.5, "n": 1, "dim": 0}),
    ],
)
def test_pruning_is_torchs(name, options):
    """Twice over."""
    torch = pytest.importorskip("torch")
    their_prune = pytest.importorskip("torch.nn.utils.prune")
    ours, theirs = linear(), torch.nn.Linear(4, 3, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    for _ in range(2):
        getattr(prune, name)(ours, "weight", **options)
        getattr(their_prune, name)(theirs, "weight", **options)
        np.testing.assert_array_equal(numpy(ours.weight), numpy(theirs.weight))
    assert list(ours.state_dict()) == list(theirs.state_dict())


# fused layers -----------------------------------------------------------------------------------


def learned(bn):
    """With statistics, a scale and a shift of its own."""
    shape = bn.running_mean.shape
    with mt.no_grad():
        for i, held in enumerate([*bn.parameters(), bn.running_mean]):
            held.copy_(mt.tensor(rand(*shape, seed=i)))
        bn.running_var.copy_(mt.tensor(np.abs(rand(*shape, seed=9)) + 0.1))
    return bn.eval()


@pytest.mark.parametrize(
    ("layer", "bn", "shape"),
    [
        (nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), (2, 2, 4, 4)),
        (nn.Conv1d(2, 4, 2, bias=False, groups=2), nn.BatchNorm1d(4, affine=False), (2, 2, 4)),
        (nn.ConvTranspose1d(2, 3, 2), nn.BatchNorm1d(3), (2, 2, 4)),
        (nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2), (4, 3)),
    ],
)
def test_a_fused_layer_does_what_both_did(layer, bn, shape):
    layer, bn = copy.deepcopy(layer).double().eval(), learned(copy.deepcopy(bn).double())
    before = layer.weight.tolist()
    if isinstance(layer, nn.Linear):
        fused = nn.utils.fuse_linear_bn_eval(layer, bn)
    else:
        fused = nn.utils.fuse_conv_bn_eval(layer, bn, isinstance(layer, nn.ConvTranspose1d))
    x = mt.tensor(rand(*shape))
    np.testing.assert_allclose(numpy(fused(x)), numpy(bn(layer(x))), rtol=1e-10, atol=1e-12)
    assert layer.weight.tolist() == before
    assert isinstance(fused.bias, nn.Parameter)


def test_only_what_is_fixed_can_be_fused():
    conv, bn = nn.Conv1d(2, 3, 2).eval(), nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"fuse_conv_bn_eval: .* evaluation mode, .eval\(\)"):
        nn.utils.fuse_conv_bn_eval(conv, bn)
    bare = nn.BatchNorm1d(3, track_running_stats=False).eval()
    with pytest.raises(ValueError, match="has no running statistics"):
        nn.utils.fuse_conv_bn_eval(conv, bare)


# clipping in two halves -------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_the_two_halves_clip_as_the_whole(p):
    grads = [rand(2, 3), rand(4, seed=1)]
    models = []
    for _ in range(2):
        leaves = [mt.zeros(*g.shape, dtype=mt.float64, requires_grad=True) for g in grads]
        for leaf, g in zip(leaves, grads):
            leaf.grad = mt.tensor(g)
        models.append(leaves)
    want = nn.utils.clip_grad_norm_(models[0], 0.5, p)
    total = nn.utils.get_total_norm([leaf.grad for leaf in models[1]], p)
    nn.utils.clip_grads_with_norm_(models[1], 0.5, total)
    assert total.item() == pytest.approx(want.item())
    for a, b in zip(*models):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)


def test_a_norm_of_nothing_and_of_what_is_not_finite():
    assert nn.utils.get_total_norm([]).item() == 0
    assert nn.utils.get_total_norm(mt.tensor([3.0, 4.0])).item() == 5
    bad = [mt.tensor([mt.inf])]
    assert nn.utils.get_total_norm(bad).item() == mt.inf
    with pytest.raises(RuntimeError, match="get_total_norm: the norm is inf"):
        nn.utils.get_total_norm(bad, error_if_nonfinite=True)
    with pytest.raises(ValueError, match="get_total_norm: norm_type=0"):
        nn.utils.get_total_norm(bad, 0)
    with pytest.raises(ValueError, match="clip_grads_with_norm_: max_norm=-1"):
        nn.utils.clip_grads_with_norm_([], -1, mt.tensor(1.0))
