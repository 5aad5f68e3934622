"""The adaptive softmax, layers without initial values, and names that older code knows."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

TARGETS = np.array([0, 7, 3, 19, 4, 1])


def layer(**options):
    options = {"cutoffs": [4, 10], "div_value": 2.0, "dtype": mt.float64, **options}
    return nn.AdaptiveLogSoftmaxWithLoss(8, 20, **options)


def test_the_probabilities_of_all_classes_add_up_to_one():
    ours, x = layer(), mt.tensor(rand(6, 8))
    p = ours.log_prob(x).exp()
    assert p.shape == (6, 20)
    np.testing.assert_allclose(p.sum(1).detach().numpy(), 1)
    np.testing.assert_array_equal(ours.predict(x).numpy(), p.argmax(1).numpy())


def test_each_target_has_the_probability_that_it_has_among_all():
    """Also where no example is of a cluster, and where all are."""
    ours, x = layer(head_bias=True), mt.tensor(rand(6, 8))
    for targets in (TARGETS, np.zeros(6, int), np.full(6, 19)):
        output, loss = ours(x, mt.tensor(targets))
        want = ours.log_prob(x).detach().numpy()[np.arange(6), targets]
        np.testing.assert_allclose(output.detach().numpy(), want)
        assert loss.item() == pytest.approx(-want.mean())
    alone = ours(x[1], mt.tensor(7))
    assert alone.output.shape == ()
    assert alone.loss.item() == pytest.approx(-ours.log_prob(x)[1, 7].item())


def test_it_is_torchs():
    torch = pytest.importorskip("torch")
    ours = layer(head_bias=True)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], 2.0, True, dtype=torch.float64)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = rand(6, 8)
    here, there = leaf(x), torch.tensor(x, requires_grad=True)
    y, want = ours(here, mt.tensor(TARGETS)), theirs(there, torch.tensor(TARGETS))
    y.loss.backward()
    want.loss.backward()
    np.testing.assert_allclose(y.output.detach().numpy(), want.output.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(here.grad.numpy(), there.grad.numpy(), rtol=1e-9)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-8, err_msg=name)


def test_new_values_are_drawn_for_all_of_it():
    ours = layer()
    before = [p.tolist() for p in ours.parameters()]
    ours.reset_parameters()
    assert all(p.tolist() != was for p, was in zip(ours.parameters(), before))


def test_the_adaptive_softmax_says_what_does_not_fit():
    for cutoffs in ([], [10, 4], [0, 4], [4, 20], [4, 4], [4.0]):
        with pytest.raises(ValueError, match="expected ints that rise within 1 to 19"):
            layer(cutoffs=cutoffs)
    with pytest.raises(ValueError, match="cluster 1 would work on no numbers"):
        layer(div_value=4.0)
    ours, x = layer(), mt.tensor(rand(2, 8))
    with pytest.raises(IndexError, match="targets run from 0 to 20, expected 0 to 19"):
        ours(x, mt.tensor([0, 20]))
    with pytest.raises(ShapeError, match=r"input \(2, 8\) and target \(3,\)"):
        ours(x, mt.tensor([0, 1, 2]))


def test_a_layer_may_do_without_initial_values():
    mt.manual_seed(0)
    plain = mt.rand(3).tolist()
    mt.manual_seed(0)
    bare = nn.utils.skip_init(nn.Linear, 3, 2, dtype=mt.float64)
    assert mt.rand(3).tolist() == plain  # nothing was drawn
    assert (bare.weight.shape, bare.weight.dtype) == ((2, 3), mt.float64)
    assert bare.weight.device.type == "cpu"
    with pytest.raises(TypeError, match="device"):
        nn.utils.skip_init(nn.ReLU)


def test_older_code_finds_its_names():
    x = mt.tensor(rand(1, 1, 2, 2))
    assert F.upsample(x, scale_factor=2).tolist() == F.interpolate(x, scale_factor=2).tolist()
    lstm = nn.LSTM(2, 3, 2, bidirectional=True)
    assert lstm.flatten_parameters() is None
    assert [p for each in lstm.all_weights for p in each] == list(lstm.parameters())
    assert len(lstm.all_weights) == 4
