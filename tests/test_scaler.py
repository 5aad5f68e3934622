"""GradScaler: gradients come back as they are, and steps that overflow are left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, autocast, nn, optim
from minitorch.amp import GradScaler


def weight(*values: float, device: str = "cpu") -> Tensor:
    return minitorch.tensor(list(values), device=device, requires_grad=True)


def one_round(scaler: GradScaler, optimizer: optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


# a step -----------------------------------------------------------------------------------------


def test_a_step_is_the_one_without_a_scale():
    plain, scaled = weight(1.0, -2.0), weight(1.0, -2.0)
    a, b = optim.SGD([plain], lr=0.1, momentum=0.9), optim.SGD([scaled], lr=0.1, momentum=0.9)
    scaler = GradScaler()
    for _ in range(3):
        a.zero_grad()
        (plain**2).sum().backward()
        a.step()
        one_round(scaler, b, (scaled**2).sum())
    np.testing.assert_array_equal(plain.detach().numpy(), scaled.detach().numpy())
    assert scaler.get_scale() == 2.0**16


def test_unscaled_gradients_are_those_of_the_loss():
    w = weight(3.0)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler(init_scale=1024.0)
    scaler.scale((w * 2).sum()).backward()
    assert w.grad.item() == 2048.0
    scaler.unscale_(optimizer)
    assert w.grad.item() == 2.0
    scaler.step(optimizer)
    assert w.item() == 1.0


def test_a_gradient_that_float16_rounds_to_0_arrives():
    for init_scale, arrives in ((1.0, False), (2.0**16, True)):
        w, x = weight(1.0, 1.0), minitorch.ones(2)
        scaler = GradScaler(init_scale=init_scale)
        optimizer = optim.SGD([w], lr=1.0)
        with autocast("cpu"):
            loss = (x @ w).float() * 1e-8
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        np.testing.assert_allclose(w.grad.numpy(), 1e-8 if arrives else 0.0, rtol=0.01)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("check_finite", [None, True, False])
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), optim.Adam])
def test_a_step_that_overflows_is_left_out_and_halves_the_scale(
    bad: float, check_finite: Any, make: Callable
):
    w, v = weight(1.0, 2.0), weight(3.0)
    optimizer, scaler = make([w, v]), GradScaler(init_scale=8.0, growth_interval=2)
    optimizer.check_finite = check_finite
    one_round(scaler, optimizer, w.sum() + v.sum())
    before = [p.detach().numpy().copy() for p in (w, v)]
    moments = str(optimizer.state_dict())
    one_round(scaler, optimizer, (w * bad).sum() + v.sum())
    for p, was in zip((w, v), before):
        np.testing.assert_array_equal(p.detach().numpy(), was)
    assert str(optimizer.state_dict()) == moments
    assert scaler.get_scale() == 4.0
    one_round(scaler, optimizer, w.sum() + v.sum())
    assert scaler.get_scale() == 4.0  # the count began anew
    one_round(scaler, optimizer, w.sum() + v.sum())
    assert scaler.get_scale() == 8.0
    assert (w.detach().numpy() != before[0]).all()


def test_the_scale_grows_after_so_many_good_steps_and_not_beyond_float32():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=0.0), GradScaler(init_scale=1.0, growth_interval=3)
    seen = []
    for _ in range(7):
        one_round(scaler, optimizer, w.sum())
        seen.append(scaler.get_scale())
    assert seen == [1, 1, 2, 2, 2, 4, 4]
    huge = GradScaler(init_scale=2.0**127, growth_interval=1)
    one_round(huge, optimizer, w.sum())
    assert huge.get_scale() == 2.0**127


def test_the_scale_and_the_weights_go_as_in_torch():
    torch = pytest.importorskip("torch")
    options = {"init_scale": 64.0, "growth_factor": 4.0, "backoff_factor": 0.25}
    ours, theirs = (
        GradScaler("cpu", **options, growth_interval=2),
        torch.amp.GradScaler("cpu", **options, growth_interval=2),
    )
    w, v = weight(1.0, -1.0), torch.tensor([1.0, -1.0], requires_grad=True)
    a, b = optim.SGD([w], lr=0.1, momentum=0.5), torch.optim.SGD([v], lr=0.1, momentum=0.5)
    for factor in (1.0, 2.0, math.inf, 1.0, 1.0, math.nan, 3.0, 1.0, 1.0):
        one_round(ours, a, (w * w * factor).sum())
        one_round(theirs, b, (v * v * factor).sum())
        assert ours.get_scale() == theirs.get_scale()
        np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-6)
    assert ours.state_dict() == theirs.state_dict()


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_clipping_between_unscale_and_step_sees_true_gradients(clip: Callable):
    w = weight(0.0, 0.0)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler()
    scaler.scale((w * minitorch.tensor([3.0, 4.0])).sum()).backward()
    scaler.unscale_(optimizer)
    total = clip([w], 1.0)
    scaler.step(optimizer)
    scaler.update()
    if clip is optim.clip_grad_norm_:
        assert total.item() == pytest.approx(5.0)
        np.testing.assert_allclose(w.detach().numpy(), [-0.6, -0.8], rtol=1e-5)
    else:
        np.testing.assert_allclose(w.detach().numpy(), [-1.0, -1.0])


def test_clipping_gradients_that_overflowed_is_no_error_and_no_step():
    w = weight(1.0, 2.0)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler()
    scaler.scale((w * math.inf).sum()).backward()
    scaler.unscale_(optimizer)
    assert not math.isfinite(optim.clip_grad_norm_([w], 1.0).item())
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [1.0, 2.0]
    assert scaler.get_scale() == 2.0**15
    optimizer.zero_grad()
    (w * math.inf).sum().backward()  # and without a scaler it stays an error
    with pytest.raises(RuntimeError, match="nothing was clipped"):
        optim.clip_grad_norm_([w], 1.0)


def test_several_optimizers_share_a_scale_and_each_has_its_step():
    w, v = weight(1.0), weight(1.0)
    a, b = optim.SGD([w], lr=0.5), optim.SGD([v], lr=0.5)
    scaler = GradScaler(init_scale=16.0)
    for loss in scaler.scale([w.sum(), (v * math.inf).sum()]):
        loss.backward()
    scaler.step(a)
    scaler.step(b)
    scaler.update()
    assert (w.item(), v.item()) == (0.5, 1.0)
    assert scaler.get_scale() == 8.0


def test_what_was_only_unscaled_counts_in_update():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(init_scale=16.0)
    scaler.scale((w * math.inf).sum()).backward()
    scaler.unscale_(optimizer)
    assert scaler.overflowed
    scaler.update()
    assert scaler.get_scale() == 8.0
    assert not scaler.overflowed


def test_gradients_of_several_batches_are_unscaled_once():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler()
    for _ in range(3):
        scaler.scale((w * 0.25).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == 0.25


def test_scale_takes_nested_losses_and_float16_ones():
    scaler = GradScaler(init_scale=4.0)
    found = scaler.scale({"a": weight(1.0).sum(), "b": (weight(2.0).sum(), [weight(3.0).sum()])})
    assert (found["a"].item(), found["b"][0].item(), found["b"][1][0].item()) == (4, 8, 12)
    half = minitorch.tensor(100.0, dtype=minitorch.float16, requires_grad=True)
    large = GradScaler().scale(half)
    assert (large.item(), large.dtype) == (100 * 2.0**16, np.float32)
    large.backward()
    assert half.grad.dtype == np.float16
    with pytest.raises(TypeError, match=r"GradScaler.scale: expected a Tensor .*, got float"):
        scaler.scale(1.0)


def test_a_schedule_after_a_first_step_that_was_left_out_says_nothing():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler()
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    one_round(scaler, optimizer, (w * math.inf).sum())
    schedule.step()
    assert optimizer.lr == 0.5


def test_disabled_it_does_nothing_but_the_step():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(enabled=False)
    loss = w.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == 0.5
    assert (scaler.is_enabled(), scaler.get_scale(), scaler.state_dict()) == (False, 1.0, {})
    scaler.load_state_dict({})
    closure = lambda: w.sum()
    assert scaler.step(optimizer, closure).item() == 0.5


# errors -----------------------------------------------------------------------------------------


def scaled_once() -> tuple[Tensor, optim.Optimizer, GradScaler]:
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler()
    scaler.scale(w.sum()).backward()
    return w, optimizer, scaler


def test_unscaling_twice_raises_and_changes_nothing():
    w, optimizer, scaler = scaled_once()
    scaler.unscale_(optimizer)
    with pytest.raises(
        RuntimeError, match=r"unscale_: unscale_\(\) was called already on this SGD"
    ):
        scaler.unscale_(optimizer)
    assert w.grad.item() == 1.0
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_: step\(\) was called on this SGD"):
        scaler.unscale_(optimizer)
    assert w.item() == 0.5


def test_stepping_twice_and_updating_for_nothing_raise():
    w, optimizer, scaler = scaled_once()
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"GradScaler.step: it was called already on this SGD"):
        scaler.step(optimizer)
    assert w.item() == 0.5
    scaler.update()
    with pytest.raises(RuntimeError, match="no optimizer was stepped since the last update"):
        scaler.update()


def test_a_closure_raises():
    _, optimizer, scaler = scaled_once()
    with pytest.raises(RuntimeError, match="a closure makes new gradients"):
        scaler.step(optimizer, lambda: None)


def test_float16_parameters_raise_and_nothing_is_changed():
    model = nn.Linear(2, 1)
    v = weight(1.0)
    half = model.half()
    optimizer, scaler = optim.SGD([{"params": [v]}, {"params": half}], lr=0.1), GradScaler()
    scaler.scale((half(minitorch.ones(1, 2).half()).sum() + v.half().sum()) / 2**10).backward()
    before = v.grad.item()
    with pytest.raises(ValueError, match=r"the gradient of 'weight' is float16.*model.float\(\)"):
        scaler.unscale_(optimizer)
    assert v.grad.item() == before


def test_a_scale_that_falls_without_end_says_that_it_is_not_the_scale():
    w = weight(1.0)
    optimizer, scaler = optim.SGD([w], lr=0.1), GradScaler(init_scale=2.0**-22)
    one_round(scaler, optimizer, (w * math.inf).sum())
    one_round(scaler, optimizer, (w * math.inf).sum())
    with pytest.raises(FloatingPointError, match="none of the last steps was made"):
        one_round(scaler, optimizer, (w * math.inf).sum())


def test_no_gradient_at_all_is_the_optimizers_error():
    optimizer, scaler = optim.SGD([weight(1.0)], lr=0.1), GradScaler()
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        scaler.step(optimizer)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "gpu"}, "device='gpu'; expected 'cpu' or 'cuda'"),
        ({"init_scale": 0.0}, "a scale is a number above 0, got 0.0"),
        ({"init_scale": math.inf}, "above 0, got inf"),
        ({"growth_factor": 1.0}, "growth_factor=1.0; expected more than 1"),
        ({"backoff_factor": 1.0}, "backoff_factor=1.0; expected between 0 and 1"),
        ({"growth_interval": 0}, "growth_interval=0; expected an int of at least 1"),
    ],
)
def test_wrong_options_say_what_is_expected(options: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        GradScaler(**options)


# state ------------------------------------------------------------------------------------------


def test_state_goes_through_a_file(tmp_path):
    w = weight(1.0)
    optimizer = optim.SGD([w], lr=0.0)
    scaler = GradScaler(init_scale=32.0, growth_factor=4.0, growth_interval=3)
    one_round(scaler, optimizer, w.sum())
    minitorch.save(scaler.state_dict(), tmp_path / "scaler")
    other = GradScaler()
    other.load_state_dict(minitorch.load(tmp_path / "scaler"))
    assert other.state_dict() == scaler.state_dict()
    for _ in range(2):
        one_round(other, optimizer, w.sum())
    assert other.get_scale() == 128.0
    with pytest.raises(RuntimeError, match="the state is empty"):
        other.load_state_dict({})


def test_settings_can_be_changed():
    scaler = GradScaler()
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.1)
    scaler.set_growth_interval(7)
    found = scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()
    assert found == (3.0, 0.1, 7)
    with pytest.raises(ValueError, match="growth_factor"):
        scaler.set_growth_factor(0.5)
    _, optimizer, scaler = scaled_once()
    scaler.step(optimizer)
    scaler.update(minitorch.tensor(2.0))
    assert scaler.get_scale() == 2.0


def test_torchs_older_names():
    scaler = minitorch.cuda.amp.GradScaler(8.0, 4.0, 0.25, 5)
    assert scaler.state_dict() == GradScaler("cuda", 8.0, 4.0, 0.25, 5).state_dict()
    assert minitorch.amp.autocast is minitorch.autocast


# on a GPU ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [False, True])
def test_a_step_waits_once_for_each_optimizer_and_update_for_nothing(cuda, bad: bool):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).to("cuda")
    w = weight(1.0, device="cuda")
    first, second = optim.Adam(model.parameters()), optim.SGD([w], lr=0.1)
    scaler = GradScaler()
    x = minitorch.ones(3, 4, device="cuda") * (math.inf if bad else 1.0)
    before = [p.numpy(force=True) for p in model.parameters()]
    scaler.scale(model(x).sum() + w.sum()).backward()
    cuda.reset()
    scaler.unscale_(first)
    optim.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=False)
    assert (cuda.sync, cuda.h2d) == (0, 0)
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert cuda.sync in (2, 0)
    assert cuda.h2d == 0
    for p, was in zip(model.parameters(), before):
        assert np.array_equal(p.numpy(force=True), was) == bad
    assert w.item() == pytest.approx(0.9)
    assert scaler.get_scale() == (2.0**15 if bad else 2.0**16)


def test_float16_training_on_a_gpu_is_close_to_float32(cuda):
    x, t = np.random.default_rng(0).standard_normal((64, 8)).astype("float32"), None
    t = (x[:, 0] > 0).astype("int64")
    losses = []
    for mixed in (False, True):
        minitorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)).to("cuda")
        optimizer, scaler = optim.Adam(model, lr=0.02), GradScaler(enabled=mixed)
        on = minitorch.from_numpy(x).to("cuda"), minitorch.from_numpy(t).to("cuda")
        for _ in range(20):
            with autocast("cuda", enabled=mixed):
                loss = F.cross_entropy(model(on[0]), on[1])
            one_round(scaler, optimizer, loss)
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[0] < 0.3
