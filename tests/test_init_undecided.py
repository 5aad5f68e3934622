"""First weights with which a classifier prefers no class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.diagnostics import first_loss_check

CLASSES = 10


def certain(**options: Any) -> Any:
    """A network whose last layer is sure of everything."""
    scores = nn.Linear(32, CLASSES, weights=nn.init.normal(std=3.0), **options)
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), scores)


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = minitorch.from_numpy(rng.standard_normal((64, 8)).astype("f4"))
    return x, minitorch.from_numpy(rng.integers(0, CLASSES, 64))


@pytest.mark.parametrize("options", [{}, {"bias": False}])
def test_the_first_loss_is_log_classes(options):
    """G45."""
    x, t = batch()
    model = certain(**options)
    first = [p.detach().numpy().copy() for p in model[0].parameters()]
    bad = F.cross_entropy(model(x), t)
    assert not first_loss_check(bad, CLASSES).ok
    assert "nn.init.undecided_(model, batch)" in str(first_loss_check(bad, CLASSES))
    found = nn.init.undecided_(model, x)
    loss = F.cross_entropy(model(x), t)
    assert loss.item() == pytest.approx(math.log(CLASSES), abs=0.05)
    assert first_loss_check(loss, CLASSES).ok
    assert found.path == "2"
    assert found.std == pytest.approx(0.05, rel=1e-5)
    assert model(x).detach().numpy().std() == pytest.approx(0.05, rel=1e-5)
    for p, before in zip(model[0].parameters(), first, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), before)
    loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())  # every layer starts to learn


def test_the_weights_keep_their_pattern_and_the_bias_goes():
    x, _ = batch()
    model = certain()
    w = model[2].weight.detach().numpy().copy()
    nn.init.undecided_(model, x, std=0.5)
    ratio = model[2].weight.detach().numpy() / w
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-5)
    assert not model[2].bias.detach().numpy().any()
    hidden = np.maximum(x.numpy() @ model[0].weight.detach().numpy().T
                        + model[0].bias.detach().numpy(), 0)  # fmt: skip
    assert ratio.flat[0] == pytest.approx(0.5 / (hidden @ w.T).std(), rel=1e-4)


def test_open_sizes_modes_statistics_and_gradients():
    x, t = batch()
    model = nn.Sequential(nn.Linear(16), nn.BatchNorm1d(), nn.Tanh(), nn.Linear(CLASSES)).eval()
    nn.init.undecided_(model, x)
    assert not any(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert model[1].running_mean.tolist() == [0.0] * 16
    model.train()
    before = [b.numpy().copy() for b in model.buffers()]
    nn.init.undecided_(model, x)
    assert all((b.numpy() == a).all() for b, a in zip(model.buffers(), before, strict=True))
    assert F.cross_entropy(model(x), t).item() == pytest.approx(math.log(CLASSES), abs=0.05)


def test_the_last_is_the_last_that_forward_comes_to_before_its_activation():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            self.scores = nn.Linear(8, CLASSES, activation="relu")
            self.body = nn.Conv1d(1, 1, 3, padding=1)

        def forward(self, x: Any) -> Any:
            return self.scores(self.body(x[:, None])[:, 0])

    x, _ = batch()
    model = Backwards()
    assert nn.init.undecided_(model, x).path == "scores"
    y = model.body(x[:, None])[:, 0] @ model.scores.weight.T
    assert y.detach().numpy().std() == pytest.approx(0.05, rel=1e-5)
    assert (model(x) >= 0).all()  # the activation is back


def test_what_cannot_be_undecided_is_named_and_left():
    x, _ = batch()
    with pytest.raises(RuntimeError, match="undecided_: Tanh calls no layer with a weight"):
        nn.init.undecided_(nn.Tanh(), x)
    model = certain()
    with minitorch.no_grad():
        model[0].weight.zero_()
        model[0].bias.fill_(-1.0)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    with pytest.raises(RuntimeError, match=r"last layer '2' \(Linear\).*deviation 0"):
        nn.init.undecided_(model, x)
    for p, was in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), was)
    for std in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="std must be a positive number"):
            nn.init.undecided_(model, x, std=std)


class Tied(nn.Module):
    """Scores by the weight that made the features."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(11, 6)
        self.scores = nn.Linear(6, 11, bias=False)
        self.scores.weight = self.embedding.weight

    def forward(self, i: Any) -> Any:
        return self.scores(self.embedding(i))


def test_a_weight_that_something_else_uses_is_refused_and_stays():
    model = Tied()
    before = model.scores.weight.array.copy()
    with pytest.raises(RuntimeError, match="does something else use that weight"):
        nn.init.undecided_(model, minitorch.tensor([1, 2, 3]))
    np.testing.assert_array_equal(model.scores.weight.array, before)


def test_layers_are_put_in_order_however_many_they_are():
    model = nn.Sequential(*[nn.Linear(1, 1, bias=False) for _ in range(500)])
    for layer in model:
        layer.weight.data.fill_(1)
    assert nn.init.undecided_(model, minitorch.tensor([[1.0], [-1.0]])).path == "499"


def test_lsuv_says_what_helps_where_something_is_drawn():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    with pytest.raises(RuntimeError, match=r"'2' .*model.eval\(\) before, where something draws"):
        nn.init.lsuv_(model, minitorch.randn(50, 4), tol=1e-6)
