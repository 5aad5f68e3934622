"""The numbers that clipping is told: tensors of one number and "inf" as well, as in torch."""

from typing import Any

import pytest

import minitorch
from minitorch import nn
from minitorch.nn import utils


def parameter() -> Any:
    w = nn.Parameter(minitorch.zeros(2))
    w.grad = minitorch.tensor([3.0, -4.0])
    return w


@pytest.mark.parametrize("one", [1, 1.0, minitorch.tensor(1.0), minitorch.tensor([1])])
def test_a_cap_may_be_a_tensor_of_one_number(one):
    w = parameter()
    assert utils.clip_grad_norm_([w], one).item() == 5
    assert w.grad.tolist() == pytest.approx([0.6, -0.8])
    w = parameter()
    utils.clip_grad_value_([w], one)
    assert w.grad.tolist() == [1, -1]
    w = parameter()
    utils.clip_grads_with_norm_([w], one, minitorch.tensor(5.0))
    assert w.grad.tolist() == pytest.approx([0.6, -0.8])


@pytest.mark.parametrize("p", ["inf", float("inf"), minitorch.tensor(float("inf"))])
def test_the_order_of_a_norm_may_be_spelled(p):
    assert utils.clip_grad_norm_([parameter()], 10.0, p).item() == 4
    assert utils.get_total_norm([parameter().grad], p).item() == 4


@pytest.mark.parametrize("cap", [None, "1", True])
def test_what_is_no_number_is_refused(cap):
    with pytest.raises(TypeError, match="clip_grad_norm_: max_norm expected a number"):
        utils.clip_grad_norm_([parameter()], cap)
    with pytest.raises(TypeError, match="clip_grad_value_: clip_value expected a number"):
        utils.clip_grad_value_([parameter()], cap)


def test_clipping_with_a_tensor_is_torchs():
    torch = pytest.importorskip("torch")
    results = []
    for lib in (minitorch, torch):
        w = lib.nn.Parameter(lib.zeros(2))
        w.grad = lib.tensor([3.0, -4.0])
        norm = lib.nn.utils.clip_grad_norm_([w], lib.tensor(2.0), norm_type="inf")
        results.append((norm.item(), w.grad.tolist()))
    assert results[0][0] == results[1][0]
    assert results[0][1] == pytest.approx(results[1][1])
