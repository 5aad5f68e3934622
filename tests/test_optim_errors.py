"""What optimizers refuse, and that nothing has changed when they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim, tensor
from tests.test_optim import leaf, loss_of, net, train, with_gradient

# what is optimized ----------------------------------------------------------------------------


def test_no_parameters():
    """H143."""
    with pytest.raises(ValueError, match=r"^SGD: empty parameter list$"):
        optim.SGD([])
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([{"params": []}])
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD(nn.Sequential())


def test_a_generator_that_is_used_up():
    """H143."""
    generator = net().parameters()
    list(generator)
    with pytest.raises(ValueError, match=r"generator is already consumed.*pass list\(...\)"):
        optim.SGD(generator)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (leaf([1.0]), TypeError, r"got one Tensor; put it into a list: \[x\]"),
        (np.ones(3), TypeError, "got one ndarray"),
        (3, TypeError, "got one int"),
        ("weights", TypeError, "got one str"),
        ([np.ones(3)], TypeError, r"parameter '0' expected a Tensor, got ndarray; make one"),
        ([None], TypeError, "parameter '0' expected a Tensor, got NoneType"),
        ({"params": [leaf([1.0])]}, TypeError, r"put the groups into a list"),
        ([{"lr": 0.1}], TypeError, "a group is a dict with the key 'params'"),
        ([{"params": [leaf([1.0])]}, leaf([1.0])], TypeError, "a group is a dict"),
        ({leaf([1.0])}, TypeError, "a set has no order"),
        ([{"params": {leaf([1.0])}}], TypeError, "a set has no order"),
        ([("w", leaf([1.0])), leaf([1.0])], TypeError, "either all parameters .* or none"),
        ([(0, leaf([1.0]))], TypeError, "name of a parameter is a str, got 0"),
        ([("w", leaf([1.0])), ("w", leaf([1.0]))], ValueError, "two parameters are named 'w'"),
        ([("w", leaf([1.0]) * 2)], ValueError, "parameter 'w' was computed by mul"),
    ],
)
def test_what_cannot_be_optimized(params: Any, error: type, message: str):
    """H144."""
    with pytest.raises(error, match=message):
        optim.SGD(params, lr=0.1)


def test_a_parameter_given_twice():
    """H145."""
    w = leaf([1.0])
    with pytest.raises(ValueError, match="parameter '1' is the same tensor as '0'"):
        optim.SGD([w, w])
    with pytest.raises(ValueError, match="parameter 'b' is the same tensor as 'a'"):
        optim.SGD([{"params": [("a", w)]}, {"params": [("b", w)]}])
    optimizer = optim.SGD([w])
    with pytest.raises(ValueError, match="same tensor"):
        optimizer.add_param_group({"params": [w]})
    assert len(optimizer.param_groups) == 1


def test_a_parameter_that_does_not_require_grad():
    """H146."""
    with pytest.raises(ValueError, match="parameter 'w' does not require grad; leave it out"):
        optim.SGD([("w", tensor([1.0]))])


def test_a_parameter_that_was_frozen_keeps_still_though_it_has_a_gradient():
    """H146."""
    w, v = with_gradient([1.0], [1.0]), with_gradient([1.0], [1.0])
    optimizer = optim.SGD([w, v], lr=0.5)
    w.requires_grad_(False)
    optimizer.step()
    assert (w.item(), v.item()) == (1.0, 0.5)


def test_a_parameter_without_a_shape():
    """P19."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(2))
    with pytest.raises(RuntimeError, match=r"1\.weight: .*build the model first"):
        optim.SGD(model)
    with pytest.raises(RuntimeError, match="build the model first"):
        optim.SGD(model.parameters())
    optimizer = optim.SGD(model[0])
    with pytest.raises(RuntimeError, match="build the model first"):
        optimizer.add_param_group({"params": model[1].parameters()})
    assert len(optimizer.param_groups) == 1
    model.build((3,))
    optim.SGD(model)


# options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "error", "message"),
    [
        (-1, ValueError, r"^SGD: lr=-1 is out of range; expected lr >= 0 and finite$"),
        (float("nan"), ValueError, "lr=nan is out of range"),
        (float("inf"), ValueError, "lr=inf is out of range"),
        ("0.1", TypeError, "lr expected a number, got str '0.1'"),
        (None, TypeError, "lr expected a number, got NoneType"),
        (True, TypeError, "lr expected a number, got bool"),
        (tensor(0.1), TypeError, r"lr expected a number, got Tensor .*pass x\.item\(\)"),
    ],
)
def test_a_learning_rate_out_of_range_also_when_it_is_set_later(lr: Any, error: type, message: str):
    """H147."""
    with pytest.raises(error, match=message):
        optim.SGD([leaf([1.0])], lr=lr)
    with pytest.raises(error, match=message):
        optim.SGD([{"params": [leaf([1.0])], "lr": lr}])
    optimizer = optim.SGD([{"params": leaf([1.0])}, {"params": leaf([1.0])}], lr=0.5)
    group = optimizer.param_groups[0]
    with pytest.raises(error, match=message):
        group["lr"] = lr
    with pytest.raises(error, match=message):
        group.update({"momentum": 0.9, "lr": lr})
    with pytest.raises(error, match=message):
        optimizer.lr = lr
    with pytest.raises(error, match=message):
        optimizer.lr = [0.1, lr]
    assert optimizer.lr == 0.5
    assert group["momentum"] == 0


def test_as_many_learning_rates_as_groups():
    optimizer = optim.SGD([{"params": leaf([1.0])}, {"params": leaf([1.0])}], lr=0.5)
    with pytest.raises(ValueError, match="lr got 3 numbers for 2 groups"):
        optimizer.lr = [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (optim.SGD, {"momentum": -0.1}, "SGD: momentum=-0.1 is out of range; expected momentum >="),
        (optim.SGD, {"dampening": float("nan")}, "dampening=nan is out of range"),
        (optim.SGD, {"weight_decay": -1}, "weight_decay=-1 is out of range"),
        (optim.SGD, {"nesterov": True}, "nesterov needs momentum > 0 and dampening = 0"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
        (optim.Adam, {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0 is out of range.*betas\[0\] < 1"),
        (optim.Adam, {"betas": (0.9, -0.1)}, r"betas\[1\]=-0.1 is out of range"),
        (optim.Adam, {"eps": -1e-8}, "eps=-1e-08 is out of range"),
        (optim.AdamW, {"weight_decay": -1.0}, "weight_decay"),
        (optim.RMSprop, {"alpha": 1.5}, "alpha=1.5"),
        (optim.Adagrad, {"lr_decay": -1}, "lr_decay=-1"),
        (optim.Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value=-1"),
        (optim.Adadelta, {"rho": -0.1}, "rho=-0.1"),
        (optim.NAdam, {"momentum_decay": -1}, "momentum_decay=-1"),
        (optim.LARS, {"trust_coefficient": -1}, "trust_coefficient=-1"),
        (optim.Muon, {"ns_steps": 0}, "ns_steps=0 is out of range.*ns_steps < 100"),
        (optim.Muon, {"adjust_lr_fn": "other"}, "adjust_lr_fn='other'; expected 'original'"),
    ],
)
def test_an_option_out_of_range(rule: Any, options: dict, message: str):
    """H148."""
    p = leaf([[1.0]])
    with pytest.raises(ValueError, match=message):
        rule([p], **options)
    with pytest.raises(ValueError, match=message):
        rule([{"params": [p], **options}])
    optimizer = rule([p])
    before = dict(optimizer.param_groups[0])
    with pytest.raises(ValueError, match=message):
        optimizer.param_groups[0].update(options)
    assert optimizer.param_groups[0] == before


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (optim.SGD, {"nesterov": "yes"}, "nesterov expected True or False, got 'yes'"),
        (optim.Adam, {"amsgrad": 1}, "amsgrad expected True or False"),
        (optim.Adam, {"betas": 0.9}, "betas expected 2 numbers, got 0.9"),
        (optim.Adam, {"betas": (0.9,)}, "betas expected 2 numbers"),
        (optim.Adam, {"betas": (0.9, "0.99")}, r"betas\[1\] expected a number, got str"),
        (optim.Muon, {"ns_coefficients": (1.0, 2.0)}, "ns_coefficients expected 3 numbers"),
    ],
)
def test_an_option_of_another_type(rule: Any, options: dict, message: str):
    """H148."""
    with pytest.raises(TypeError, match=message):
        rule([leaf([[1.0]])], **options)


def test_a_misspelt_option_of_a_group():
    with pytest.raises(TypeError, match="no option 'weight_dacay'; did you mean 'weight_decay'"):
        optim.SGD([{"params": [leaf([1.0])], "weight_dacay": 0.1}])


def test_muon_takes_matrices_only():
    with pytest.raises(ValueError, match=r"parameter '0.bias' has shape \(4,\).*AdamW"):
        optim.Muon(net())


# steps ----------------------------------------------------------------------------------------


def test_a_step_before_any_backward():
    """H149."""
    optimizer = optim.Adam(net())
    with pytest.raises(RuntimeError, match=r"^Adam\.step: no parameter has a gradient; call loss"):
        optimizer.step()
    assert not optimizer.state
    assert not optimizer.stepped


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.LAMB])
def test_a_gradient_that_is_not_finite_changes_nothing(rule: Any, value: float):
    """H150."""
    good = with_gradient([1.0, 2.0], [1.0, 1.0])
    bad = with_gradient(np.ones((2, 3)), np.ones((2, 3)))
    optimizer = rule([("good", good), ("bad", bad)], weight_decay=0.1)
    optimizer.step()
    saved = optimizer.state_dict()
    before = good.tolist(), bad.tolist(), str(saved)
    bad.grad.array[1, 2] = value
    with pytest.raises(RuntimeError, match=rf"'bad' is {value} at \[1, 2\].*nothing was changed"):
        optimizer.step()
    assert (good.tolist(), bad.tolist(), str(optimizer.state_dict())) == before


def test_a_huge_gradient_is_finite_though_its_square_is_not():
    """H150."""
    p = with_gradient([1.0, 1.0], [1e30, -1e30], "float32")
    optim.SGD([p], lr=1e-30).step()
    assert p.tolist() == pytest.approx([0.0, 2.0])


def test_the_check_can_be_switched_off_and_on():
    """H150."""
    p = with_gradient([1.0], [np.nan])
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.check_finite = False
    optimizer.step()
    assert np.isnan(p.item())


def test_the_check_on_a_gpu_waits_only_when_asked_to(cuda: Any):
    """H150."""
    p = tensor([1.0], device="cuda", requires_grad=True)
    p.grad = tensor([np.nan], device="cuda", dtype="float32")
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.check_finite = True
    with pytest.raises(RuntimeError, match="gradient of '0' is nan"):
        optimizer.step()
    assert p.tolist() == [1.0]
    cuda.reset()
    optimizer.check_finite = None
    optimizer.step()
    assert cuda.sync == 0


def test_a_read_only_parameter_is_refused_before_any_other_moves():
    """H160."""
    first, second = with_gradient([1.0], [1.0]), with_gradient([1.0], [1.0])
    second.array.flags.writeable = False
    with pytest.raises(RuntimeError, match="array of '1' is read-only"):
        optim.SGD([first, second], lr=0.5).step()
    assert first.item() == 1.0


def test_a_gradient_that_no_longer_fits_is_refused_before_any_other_moves():
    """H160."""
    first, second = with_gradient([1.0], [1.0]), with_gradient([1.0], [1.0])
    second.array = second.array.astype("float32")
    with pytest.raises(RuntimeError, match=r"gradient of '1' is float64\[1\] .*float32\[1\]"):
        optim.SGD([first, second], lr=0.5).step()
    assert first.item() == 1.0


def test_a_gradient_in_another_group_is_checked_before_the_first_group_moves():
    """H160."""
    first, second = with_gradient([1.0], [1.0]), with_gradient([1.0], [np.inf])
    with pytest.raises(RuntimeError, match="'1' is inf"):
        optim.SGD([{"params": first}, {"params": second}], lr=0.5).step()
    assert first.item() == 1.0


def test_a_meta_parameter_has_nothing_to_move():
    p = mt.empty(2, device="meta", requires_grad=True)
    p.grad = mt.empty(2, device="meta")
    with pytest.raises(RuntimeError, match="'0' is on meta"):
        optim.SGD([p]).step()


def test_state_of_a_parameter_that_changed_its_size():
    p, first = with_gradient([1.0, 2.0], [1.0, 1.0]), with_gradient([1.0], [1.0])
    optimizer = optim.Adam([{"params": first}, {"params": p}])
    optimizer.step()
    before = first.item()
    p.array, p.grad = np.ones(1), None
    p.grad = tensor([1.0], dtype="float64")
    with pytest.raises(RuntimeError, match=r"exp_avg of '1' has shape \(2,\).*now \(1,\)"):
        optimizer.step()
    assert first.item() == before
    assert optimizer.state[first]["step"] == 1


# the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_parameter_replaced_after_the_optimizer_was_built(steps: int, set_to_none: bool):
    """H080."""
    model = net()
    optimizer = optim.SGD(model, lr=0.1)
    train(model, optimizer, steps)
    model[0].weight = nn.Parameter(mt.zeros(4, 3))
    optimizer.zero_grad(set_to_none)
    loss_of(model).backward()
    bias = model[0].bias.tolist()
    with pytest.raises(RuntimeError, match=r'"0\.weight" is not the tensor this optimizer holds'):
        optimizer.step()
    assert model[0].bias.tolist() == bias


def test_a_layer_added_after_the_optimizer_was_built():
    """H080."""
    model = net()
    optimizer = optim.SGD(model, lr=0.1)
    model[0].extra = nn.Parameter(mt.zeros(1))
    loss_of(model).backward()
    with pytest.raises(RuntimeError, match=r'"0\.extra" is not the tensor this optimizer holds'):
        optimizer.step()
    optimizer.add_param_group({"params": [model[0].extra]})
    optimizer.step()
