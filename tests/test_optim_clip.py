"""Clipping: by the norm of all gradients, and by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import optim, tensor
from tests.test_optim import leaf, loss_of, net, with_gradient


def pair() -> list[mt.Tensor]:
    return [with_gradient([0.0], [3.0]), leaf([1.0]), with_gradient([[0.0]], [[-4.0]])]


def test_norm_after_is_the_cap_and_the_direction_stays():
    """G47."""
    p = pair()
    norm = optim.clip_grad_norm_(p, 2.5)
    assert norm.tolist() == 5.0
    assert isinstance(norm, mt.Tensor)
    assert not norm.requires_grad
    grads = p[0].grad.item(), p[2].grad.item()
    assert grads == pytest.approx((1.5, -2.0), rel=1e-6)
    assert p[1].grad is None


def test_gradients_within_the_cap_are_left_alone():
    """G47."""
    p = pair()
    optim.clip_grad_norm_(p, 6.0)
    assert (p[0].grad.item(), p[2].grad.item()) == (3.0, -4.0)


@pytest.mark.parametrize(
    ("norm_type", "want"), [(1, 7.0), (2, 5.0), (3, 91 ** (1 / 3)), (float("inf"), 4.0)]
)
def test_every_norm(norm_type: float, want: float):
    assert optim.clip_grad_norm_(pair(), 1e9, norm_type).item() == pytest.approx(want)


def test_the_small_number_beside_the_norm_is_added():
    p = with_gradient([0.0], [1e-6])
    optim.clip_grad_norm_([p], 1e-7)
    assert p.grad.item() == pytest.approx(5e-8, rel=1e-9)  # 1e-7 / (1e-6 + 1e-6) of it


def test_clip_value_cuts_every_element():
    """G47."""
    p = with_gradient([0.0, 0.0, 0.0], [3.0, -4.0, 0.5])
    assert optim.clip_grad_value_([p], 1) is None
    assert p.grad.tolist() == [1.0, -1.0, 0.5]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_clipping_writes_the_gradients_in_place_and_stamps_them(clip: Any):
    p = with_gradient([0.0], [3.0])
    array = p.grad.array
    x = p.grad.requires_grad_()
    y = x * x
    clip([p], 1.0)
    assert p.grad.array is array
    assert array[0] == pytest.approx(1.0)
    with pytest.raises(RuntimeError, match=f"{clip.__name__} changed that array"):
        y.backward()


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_clipping_takes_a_model_or_one_tensor(clip: Any):
    model, other = net(), net()
    for m in (model, other):
        loss_of(m).backward()
    clip(model, 0.01)
    clip(other.parameters(), 0.01)
    for a, b in zip(model.parameters(), other.parameters()):
        np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())
    p = with_gradient([0.0], [3.0])
    clip(p, 1.0)
    assert p.grad.item() == pytest.approx(1.0)


def test_two_parameters_with_one_gradient_are_clipped_once():
    p, q = leaf([0.0]), leaf([0.0])
    p.grad = q.grad = tensor([4.0], dtype="float64")
    assert optim.clip_grad_norm_([p, q], 1.0).item() == 4.0
    assert p.grad.item() == pytest.approx(1.0)


def test_without_gradients_the_norm_is_0():
    assert optim.clip_grad_norm_([leaf([1.0])], 1.0).item() == 0.0
    empty = leaf(np.zeros((0, 3)))
    empty.grad = mt.zeros(0, 3, dtype="float64")
    assert optim.clip_grad_norm_([empty], 1.0, float("inf")).item() == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("norm_type", [1, 2, float("inf")])
def test_a_norm_that_is_not_finite_changes_nothing(value: float, norm_type: float):
    """H151."""
    good, bad = with_gradient([0.0], [3.0]), with_gradient([0.0], [value])
    with pytest.raises(RuntimeError, match=r"that of parameters\[1\] is not finite; nothing was"):
        optim.clip_grad_norm_([good, bad], 1.0, norm_type)
    assert good.grad.item() == 3.0


def test_a_model_names_the_gradient_that_is_not_finite():
    """H151."""
    model = net()
    loss_of(model).backward()
    model[2].bias.grad.array[0] = np.nan
    with pytest.raises(RuntimeError, match=r"that of '2\.bias' is not finite"):
        optim.clip_grad_norm_(model, 1.0)


def test_on_request_nan_goes_on():
    """H151."""
    good, bad = with_gradient([0.0], [3.0]), with_gradient([0.0], [np.nan])
    norm = optim.clip_grad_norm_([good, bad], 1.0, error_if_nonfinite=False)
    assert np.isnan(norm.item())
    assert np.isnan(good.grad.item())


def test_gradients_whose_squares_overflow_are_clipped_all_the_same():
    p = with_gradient([0.0, 0.0], [3e30, -4e30], "float32")
    assert optim.clip_grad_norm_([p], 1.0).item() == pytest.approx(5e30)
    np.testing.assert_allclose(p.grad.numpy(), [0.6, -0.8], rtol=1e-6)


def test_float16_gradients_have_a_norm_beyond_their_range():
    p = with_gradient(np.zeros(4), np.full(4, 6e4), "float16")
    assert optim.clip_grad_norm_([p], 1.0).item() == pytest.approx(12e4, rel=1e-3)
    np.testing.assert_allclose(p.grad.numpy(), 0.5, rtol=1e-2)
    assert p.grad.dtype == np.float16


@pytest.mark.parametrize("norm_type", [1, 3])
def test_powers_of_float16_gradients_do_not_overflow_either(norm_type: int):
    p = with_gradient(np.zeros(4), np.full(4, 100.0), "float16")
    norm = optim.clip_grad_norm_([p], 1.0, norm_type)
    assert norm.item() == pytest.approx(100 * 4 ** (1 / norm_type), rel=1e-3)


def test_a_cap_of_0_leaves_zeros():
    p = with_gradient([0.0], [5.0])
    optim.clip_grad_norm_([p], 0)
    assert p.grad.item() == 0.0
    p = with_gradient([0.0], [5.0])
    optim.clip_grad_value_([p], 0)
    assert p.grad.item() == 0.0


@pytest.mark.parametrize("cap", [-1.0, float("nan")])
def test_a_negative_cap(cap: float):
    """H152."""
    p = with_gradient([0.0], [5.0])
    with pytest.raises(ValueError, match=f"clip_grad_norm_: max_norm={cap}"):
        optim.clip_grad_norm_([p], cap)
    with pytest.raises(ValueError, match=f"clip_grad_value_: clip_value={cap}"):
        optim.clip_grad_value_([p], cap)
    assert p.grad.item() == 5.0


def test_arguments_of_another_type():
    p = with_gradient([0.0], [5.0])
    with pytest.raises(TypeError, match="max_norm expected a number, got '1'"):
        optim.clip_grad_norm_([p], "1")
    with pytest.raises(ValueError, match="norm_type=0"):
        optim.clip_grad_norm_([p], 1.0, 0)
    with pytest.raises(TypeError, match=r"parameters\[0\] expected a Tensor, got ndarray"):
        optim.clip_grad_norm_([np.ones(2)], 1.0)


def test_on_a_gpu_clipping_waits_once_at_most(cuda: Any):
    p, q = (tensor([3.0, 4.0], device="cuda", requires_grad=True) for _ in range(2))
    for x in (p, q):
        x.grad = tensor([3.0, 4.0], device="cuda")
    cuda.reset()
    norm = optim.clip_grad_norm_([p, q], 1.0, error_if_nonfinite=False)
    optim.clip_grad_value_([p, q], 1.0)
    assert (cuda.sync, cuda.h2d) == (0, 0)
    optim.clip_grad_norm_([p, q], 1.0)
    assert cuda.sync <= 1
    assert cuda.h2d == 0
    assert norm.item() == pytest.approx(50**0.5)
    assert norm.is_cuda
