"""Prediction: evaluation mode, no tape, and one output for all examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, train
from minitorch.modes import is_grad_enabled
from minitorch.tensor import Tensor


def test_in_evaluation_mode_without_a_tape_short_last_batch_included():
    """A28, P37."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[2].eval()
    x = mt.randn(70, 3)
    whole = model.eval()(x).numpy(force=True)
    model.train()
    model[2].eval()
    y = model.predict(x, batch_size=32)
    np.testing.assert_allclose(y.numpy(), whole, rtol=1e-5, atol=1e-7)
    assert y.node is None
    assert [m.training for m in model] == [True, True, False, True]
    assert (model[1].running_mean.numpy() == 0).all()
    assert (model.predict(x[:1]).numpy()[0] == model.predict(x[:1]).numpy()).all()


def test_modes_and_tape_are_as_before_an_error():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout())
    with pytest.raises(ValueError, match=r"linear|matmul"):
        model.predict(mt.zeros(5, 2))
    assert model.training
    assert is_grad_enabled()


class Several(nn.Module):
    def __init__(self):
        self.lin = nn.Linear(3, 2)

    def forward(self, x: Tensor, y: Tensor, scale: float = 1.0, extra: Any = None) -> Any:
        z = self.lin(x) + y.sum(1, keepdim=True)
        return {"scores": z * scale, "parts": (x, [y]), "note": "plain"}


def test_several_inputs_and_nested_outputs():
    model = Several()
    x, y = mt.randn(7, 3), mt.randn(7, 5)
    want = model(x, y)["scores"].numpy(force=True)
    for given in ((x, y), {"x": x, "y": y}, {"y": y.numpy(), "x": x, "scale": 1.0, "extra": None}):
        out = train.predict(model, given, batch_size=3)
        np.testing.assert_allclose(out["scores"].numpy(), want, rtol=1e-6)
        assert list(out) == ["scores", "parts", "note"]
        assert out["note"] == "plain"
        np.testing.assert_array_equal(out["parts"][0].numpy(), x.numpy())
        assert isinstance(out["parts"][1], list)


def test_arrays_and_lists_are_examples_too():
    model = nn.Linear(2, 1)
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert (model.predict(x).numpy() == model.predict(x.tolist()).numpy()).all()
    assert model.predict(x, batch_size=1).shape == (2, 1)


def test_open_model_is_built():
    model = nn.Sequential(nn.Linear(4), nn.ReLU(), nn.Linear(2))
    assert model.predict(mt.zeros(5, 3), batch_size=2).shape == (5, 2)
    assert model.training


@pytest.mark.parametrize(
    ("x", "size", "match"),
    [
        (mt.zeros(0, 3), 4, "predict: no examples"),
        (
            (mt.zeros(4, 3), mt.zeros(5, 3)),
            4,
            "one number of examples on their first axis, got 4, 5",
        ),
        ({"scale": 2.0}, 4, "on their first axis, got none"),
        (mt.zeros(4, 3), 0, "batch_size must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_cut_into_batches(x: Any, size: int, match: str):
    with pytest.raises(ValueError, match=match):
        nn.Linear(3, 1).predict(x, batch_size=size)


class State(nn.Module):
    """Returns what has no row for each example: (N, 1), and (1, N)."""

    def forward(self, x: Tensor) -> Any:
        return x, x.T


def test_outputs_without_a_row_for_each_example_are_not_glued_together():
    x = mt.zeros(5, 1)
    assert [y.shape for y in State().predict(x)] == [(5, 1), (1, 5)]
    with pytest.raises(
        ValueError, match=r"for 3 examples the model gives an output of shape \(1, 3"
    ):
        State().predict(x, batch_size=3)


def test_on_a_gpu(cuda: Any):
    model = nn.Sequential(nn.Linear(2)).to("cuda")  # still open: it will be there
    y = model.predict(mt.zeros(5, 3), batch_size=2)
    assert (y.shape, y.device.type) == ((5, 2), "cuda")
    assert train.Learner(model).predict(mt.zeros(1, 3)).device.type == "cuda"


class Labelled(nn.Module):
    """Returns a Tensor, and what is none."""

    def forward(self, x: Tensor) -> dict:
        return {"y": 2 * x, "task": "digits", "classes": 10}


def test_the_mean_over_versions_is_of_tensors_and_the_rest_is_the_first():
    said = train.tta(Labelled(), mt.ones(2, 1), [lambda x: 3 * x], activation=mt.square)
    np.testing.assert_array_equal(said.pop("y"), [[20.0], [20.0]])
    assert said == {"task": "digits", "classes": 10}
