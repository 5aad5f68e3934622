"""Several models of one kind as one: their parameters stacked, and called by vmap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Any) -> Any:
        return self.net(x)


def test_an_ensemble_is_one_call_of_stacked_parameters():
    models = [Net().double() for _ in range(3)]
    x = minitorch.randn(5, 3).double()
    for model in models:
        model(x)  # so that the running statistics differ
        model.eval()
    models[1].net[0].bias.requires_grad_(False)
    parameters, buffers = minitorch.func.stack_module_state(models)
    assert parameters["net.0.weight"].shape == (3, 4, 3)
    assert buffers["net.1.running_mean"].shape == (3, 4)
    assert all(p.is_leaf and p.requires_grad for p in parameters.values())
    call = lambda p, b, x: nn.functional_call(models[0], (p, b), x)
    each = minitorch.vmap(call, in_dims=(0, 0, None))
    for y, model in zip(each(parameters, buffers, x), models, strict=True):
        assert minitorch.equal(y, model(x))
    each(parameters, buffers, x)[1].sum().backward()
    got = parameters["net.0.weight"].grad
    models[1](x).sum().backward()
    assert minitorch.equal(got[1], models[1].net[0].weight.grad)
    assert not got[0].any()
    assert models[0].net[0].weight.grad is None
    stacked = parameters["net.0.weight"].detach()
    stacked.zero_()
    assert models[0].net[0].weight.detach().any()  # the models keep their own numbers


def test_models_that_cannot_be_stacked_are_named():
    with pytest.raises(RuntimeError, match="expected at least one model"):
        minitorch.func.stack_module_state([])
    with pytest.raises(RuntimeError, match="Linear training, Net training"):
        minitorch.func.stack_module_state([Net(), nn.Linear(3, 4)])
    with pytest.raises(RuntimeError, match="Net evaluating, Net training"):
        minitorch.func.stack_module_state([Net(), Net().eval()])
    with pytest.raises(ValueError, match=r"'weight' has shape \(2, 3\) .* \(2, 4\) in models\[1\]"):
        minitorch.func.stack_module_state([nn.Linear(3, 2), nn.Linear(4, 2)])
    with pytest.raises(ValueError, match=r"'bias' has shape \(2,\) .* None in models\[1\]"):
        minitorch.func.stack_module_state([nn.Linear(3, 2), nn.Linear(3, 2, bias=False)])


def test_torch_stacks_alike():
    torch = pytest.importorskip("torch")
    ours = [nn.Linear(2, 3) for _ in range(2)]
    theirs = [torch.nn.Linear(2, 3) for _ in ours]
    for a, b in zip(ours, theirs, strict=True):
        b.load_state_dict({k: torch.tensor(v.numpy()) for k, v in a.state_dict().items()})
    got, want = minitorch.func.stack_module_state(ours)[0], torch.func.stack_module_state(theirs)[0]
    assert list(got) == list(want)
    for name, p in want.items():
        np.testing.assert_array_equal(got[name].detach().numpy(), p.detach().numpy())
