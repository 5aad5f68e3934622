"""The compiled train and test functions of an older framework: pure functions of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn


def net() -> Any:
    minitorch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def numbers(seed: int, *shape: int) -> minitorch.Tensor:
    return minitorch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype("f"))


def bits(x: minitorch.Tensor) -> bytes:
    return x.detach().numpy().tobytes()


def test_a_compiled_train_function_gives_pred_loss_state_and_grads():
    """D50, D53, D80."""
    for loss, target in (
        (F.mse_loss, numbers(9, 5, 2)),
        (F.cross_entropy, minitorch.ones(5).long()),
    ):
        model, other = net(), net()
        eager = nn.value_and_grad(model, loss)
        compiled = minitorch.compile(nn.value_and_grad(other, loss))
        before = {k: bits(v) for k, v in other.state_dict().items()}
        for i in range(4):
            x = numbers(i, 5, 3)
            a, b = eager(x, target).named(), compiled(x, target).named()
            assert list(a) == list(b)
            assert list(b)[:2] == ["pred", "loss"]
            assert list(b)[-1].endswith("_grad")
            assert [bits(v) for v in a.values()] == [bits(v) for v in b.values()]
        assert compiled.trace_count == 1
        assert {k: bits(v) for k, v in other.state_dict().items()} == before
        assert all(p.grad is None for p in other.parameters())


def test_a_compiled_test_function_gives_the_prediction_in_evaluation_mode():
    """D51, D52."""
    model = net()
    scores = minitorch.compile(nn.evaluation(model))
    shares = minitorch.compile(nn.evaluation(model, softmax=True))
    for i in range(3):
        x = numbers(i, 5, 3)
        model.eval()
        expected = model(x)
        model.train()
        assert bits(scores(x)) == bits(expected)
        assert shares(x).sum(-1).tolist() == pytest.approx([1.0] * 5)
        assert model.training
    assert (scores.trace_count, shares.trace_count) == (1, 1)


def test_its_gradients_train_the_model():
    model = net()
    step = minitorch.compile(nn.value_and_grad(model, F.mse_loss))
    optimizer = minitorch.optim.Adam(model, lr=0.05)
    x, t = numbers(1, 16, 3), numbers(2, 16, 2)
    losses = []
    for _ in range(60):
        found = step(x, t)
        losses.append(found.loss.item())
        for name, p in model.named_parameters():
            p.grad = found.grads[name]
        model.load_state_dict(found.state, strict=False)
        optimizer.step()
    assert losses[-1] < 0.6 * losses[0]
    assert step.trace_count == 1


def test_a_model_itself_can_be_compiled():
    model = net().eval()
    with minitorch.no_grad():
        predict = minitorch.compile(model)
        for i in range(3):
            assert bits(predict(numbers(i, 5, 3))) == bits(model(numbers(i, 5, 3)))
    assert predict.trace_count == 1
