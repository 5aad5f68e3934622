"""Averaged models, the statistics of their batch norms, and the schedule that goes with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.optim import SGD
from minitorch.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    update_bn,
)

VALUES = [1.0, 2.0, 6.0, -1.0]


def averages(model: nn.Module, averaged: AveragedModel) -> list[float]:
    found = []
    for value in VALUES:
        nn.init.constant_(model.weight, value)
        averaged.update_parameters(model)
        found.append(averaged.module.weight.item())
    return found


def test_the_mean_of_all_weights():
    model = nn.Linear(1, 1)
    want = np.cumsum(VALUES) / np.arange(1, 5)
    assert averages(model, AveragedModel(model)) == pytest.approx(want)
    one_by_one = AveragedModel(model, avg_fn=get_swa_avg_fn())
    assert averages(model, one_by_one) == pytest.approx(want)
    assert one_by_one.n_averaged.item() == 4


@pytest.mark.parametrize("kind", ["avg_fn", "multi_avg_fn"])
def test_a_mean_that_forgets(kind: str):
    model, m, want = nn.Linear(1, 1), VALUES[0], []
    for value in VALUES:
        m = 0.9 * m + 0.1 * value
        want.append(m)
    function: Any = get_ema_avg_fn(0.9) if kind == "avg_fn" else get_ema_multi_avg_fn(0.9)
    assert averages(model, AveragedModel(model, **{kind: function})) == pytest.approx(want)


def test_averages_may_be_finer_than_the_weights():
    model = nn.Linear(1, 1)
    for averaged in (AveragedModel(model), AveragedModel(model, avg_fn=get_swa_avg_fn())):
        averaged.double()
        averages(model, averaged)
        assert averaged.module.weight.dtype == np.float64
        assert averaged.module.weight.item() == np.mean(VALUES)
        assert model.weight.dtype == np.float32


def test_a_model_is_copied_when_its_sizes_are_known():
    model = nn.Sequential(nn.Linear(2), nn.ReLU())
    with pytest.raises(
        RuntimeError, match=r"0\.weight: this parameter of a Linear has no shape yet"
    ):
        AveragedModel(model)
    with pytest.raises(TypeError, match="AveragedModel: expected a model, got int"):
        AveragedModel(3)
    model.build((3,))
    assert AveragedModel(model).module[0].weight.shape == (2, 3)


def test_an_update_may_stand_in_a_compiled_step():
    model = nn.Linear(1, 1)
    averaged = AveragedModel(model)

    @mt.compile
    def step(x: mt.Tensor) -> mt.Tensor:
        averaged.update_parameters(model)
        return averaged(x)

    for i, value in enumerate(VALUES):
        nn.init.constant_(model.weight, value)
        y = step(mt.ones(1)) - averaged.module.bias
        assert y.item() == pytest.approx(np.mean(VALUES[: i + 1]))
    assert averaged.n_averaged.item() == len(VALUES)


def test_the_model_trains_on_by_itself():
    model = nn.Linear(2, 2)
    averaged = AveragedModel(model)
    averaged.update_parameters(model)
    before = averaged.module.weight.tolist()
    model.weight.data.add_(1.0)
    assert averaged.module.weight.tolist() == before
    x = mt.ones(1, 2)
    assert not mt.equal(averaged(x), model(x))
    assert {name for name, _ in averaged.named_parameters()} == {"module.weight", "module.bias"}


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers_are_copied_unless_they_are_to_be_averaged(use_buffers: bool):
    model = nn.BatchNorm1d(2)
    averaged = AveragedModel(model, use_buffers=use_buffers)
    for value in (1.0, 3.0):
        model.running_mean.fill_(value)
        model.num_batches_tracked.fill_(int(value))
        averaged.update_parameters(model)
    assert averaged.module.running_mean.tolist() == ([2.0, 2.0] if use_buffers else [3.0, 3.0])
    assert averaged.module.num_batches_tracked.item() == 3


def test_an_average_survives_a_state_dict():
    model = nn.Linear(1, 1)
    first, second = AveragedModel(model), AveragedModel(model)
    averages(model, first)
    second.load_state_dict(first.state_dict())
    nn.init.constant_(model.weight, 7.0)
    for averaged in (first, second):
        averaged.update_parameters(model)
    assert second.module.weight.item() == first.module.weight.item() == pytest.approx(3.0)


def test_another_model_is_refused_and_nothing_changes():
    averaged = AveragedModel(nn.Linear(2, 1))
    before = averaged.module.weight.tolist()
    with pytest.raises(ValueError, match=r"only one of the copy and the model has \['bias'\]"):
        averaged.update_parameters(nn.Linear(2, 1, bias=False))
    with pytest.raises(ValueError, match=r"weight has shape \(1, 2\) in the copy, \(1, 3\)"):
        averaged.update_parameters(nn.Linear(3, 1))
    assert averaged.module.weight.tolist() == before
    assert averaged.n_averaged.item() == 0
    with pytest.raises(ValueError, match="not both"):
        AveragedModel(nn.Linear(1, 1), avg_fn=get_swa_avg_fn(), multi_avg_fn=get_ema_multi_avg_fn())
    with pytest.raises(ValueError, match=r"decay must be from 0 to 1, got 1\.5"):
        get_ema_avg_fn(1.5)


def test_statistics_of_a_whole_loader():
    x = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32) * 2 + 5
    batches = [(mt.tensor(x[i : i + 4]), None) for i in (0, 4, 8)]
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).eval()
    model[1].train()
    update_bn(batches, model)
    np.testing.assert_allclose(model[0].running_mean.numpy(), x.mean(0), rtol=1e-6)
    want = np.mean([x[i : i + 4].var(0, ddof=1) for i in (0, 4, 8)], axis=0)
    np.testing.assert_allclose(model[0].running_var.numpy(), want, rtol=1e-5)
    assert model[0].momentum == 0.1
    assert [layer.training for layer in model] == [False, True]
    assert model[0].weight.grad is None


def test_modes_and_momenta_are_put_back_after_an_error():
    model = nn.Sequential(nn.BatchNorm1d(3, momentum=0.3)).eval()
    with pytest.raises(ValueError, match="2 channels on axis 1"):
        update_bn([mt.ones(4, 2)], model)
    assert model[0].momentum == 0.3
    assert not model.training
    assert not model[0].training


def rates(scheduler: Any, optimizer: Any, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


def sgd(lr: float = 1.0) -> SGD:
    x = mt.zeros(1).requires_grad_()
    x.grad = mt.zeros(1)
    return SGD([x], lr=lr)


def test_the_rate_goes_to_the_last_one_and_stays():
    optimizer = sgd()
    got = rates(SWALR(optimizer, 0.2, 4, "linear"), optimizer, 7)
    assert got == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
    optimizer = sgd()
    got = rates(SWALR(optimizer, 0.2, 4), optimizer, 6)
    share = [(1 - math.cos(math.pi * t / 4)) / 2 for t in range(5)] + [1]
    assert got == pytest.approx([1 - 0.8 * a for a in share])
    assert SWALR(sgd(), 0.2, 4, "linear").curve(3) == pytest.approx([1.0, 0.8, 0.6])


def test_wrong_arguments_of_the_schedule():
    with pytest.raises(ValueError, match="'cos' or 'linear', got 'cosine'"):
        SWALR(sgd(), 0.1, anneal_strategy="cosine")
    with pytest.raises(ValueError, match="2 values of swa_lr for 1 parameter groups"):
        SWALR(sgd(), [0.1, 0.2])
    with pytest.raises(ValueError, match="anneal_epochs"):
        SWALR(sgd(), 0.1, anneal_epochs=-1)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
def test_rates_are_torchs(strategy: str, epochs: int):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    x = torch.zeros(1, requires_grad=True)
    x.grad = torch.zeros(1)
    theirs, ours = torch.optim.SGD([x], lr=1.0), sgd()
    want = rates(torch.optim.swa_utils.SWALR(theirs, 0.1, epochs, strategy), theirs, 7)
    assert rates(SWALR(ours, 0.1, epochs, strategy), ours, 7) == pytest.approx(want)
