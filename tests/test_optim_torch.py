"""The same trajectories as torch's, for every combination of the options, in float64."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from minitorch import optim, tensor

OPTIONS: dict[str, dict[str, tuple]] = {
    "SGD": {
        "lr": (0.1,),
        "momentum": (0, 0.9),
        "dampening": (0, 0.3),
        "weight_decay": (0, 0.1),
        "nesterov": (False, True),
        "maximize": (False, True),
    },
    "Adam": {
        "lr": (0.01,),
        "betas": ((0.9, 0.999), (0.8, 0.99), (0.0, 0.0)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "amsgrad": (False, True),
        "maximize": (False, True),
        "decoupled_weight_decay": (False, True),
    },
    "AdamW": {
        "lr": (0.01,),
        "betas": ((0.9, 0.999), (0.8, 0.99)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "amsgrad": (False, True),
        "maximize": (False, True),
    },
    "RMSprop": {
        "lr": (0.01,),
        "alpha": (0.99, 0.5),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "momentum": (0, 0.9),
        "centered": (False, True),
        "maximize": (False, True),
    },
    "Adagrad": {
        "lr": (0.01,),
        "lr_decay": (0, 0.2),
        "weight_decay": (0, 0.1),
        "initial_accumulator_value": (0, 0.5),
        "eps": (1e-10, 1e-2),
        "maximize": (False, True),
    },
    "Adadelta": {
        "lr": (1.0, 0.1),
        "rho": (0.9, 0.5),
        "eps": (1e-6, 1e-2),
        "weight_decay": (0, 0.1),
        "maximize": (False, True),
    },
    "Adamax": {
        "lr": (0.01,),
        "betas": ((0.9, 0.999), (0.8, 0.99)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "maximize": (False, True),
    },
    "NAdam": {
        "lr": (0.01,),
        "betas": ((0.9, 0.999), (0.8, 0.99)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "momentum_decay": (4e-3, 0.5),
        "decoupled_weight_decay": (False, True),
        "maximize": (False, True),
    },
    "RAdam": {
        "lr": (0.01,),
        "betas": ((0.9, 0.999), (0.8, 0.9)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.1),
        "decoupled_weight_decay": (False, True),
        "maximize": (False, True),
    },
}


def cases() -> list:
    found = []
    for name, choices in OPTIONS.items():
        for values in product(*choices.values()):
            options = dict(zip(choices, values))
            if options.get("nesterov") and (not options["momentum"] or options["dampening"]):
                continue  # an error in both
            text = "-".join(str(v).replace(" ", "") for v in values)
            found.append(pytest.param(name, options, id=f"{name}-{text}"))
    return found


# One of each kind: no axis, small ones, one that fills blocks of its own, one in column order.
SHAPES = [(), (3,), (4, 5), (91, 93), (6, 2)]
SCALES = [1.0, 10.0, 0.1, 1.0, 1.0]


@lru_cache
def arrays(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [scale * random.standard_normal(shape) for shape, scale in zip(SHAPES, SCALES)]


def missing(step: int, i: int) -> bool:
    """Some gradients stay out of some steps, so that step counts differ."""
    return i in (1, 2) and step % 3 == i


@pytest.fixture
def torch() -> Iterator[Any]:
    """Torch, with its scalars (NAdam's product of momenta) in float64 like everything here."""
    module = pytest.importorskip("torch")
    threads = module.get_num_threads()
    module.set_num_threads(1)  # these tensors are small, and other tests may be running
    module.set_default_dtype(module.float64)
    yield module
    module.set_default_dtype(module.float32)
    module.set_num_threads(threads)


@pytest.mark.parametrize(("name", "options"), cases())
def test_trajectory_is_torchs(torch: Any, name: str, options: dict[str, Any]):
    starts = arrays(0)
    ours = [tensor(x, requires_grad=True) for x in starts]
    ours[4] = tensor(np.zeros((2, 6)), requires_grad=True)
    ours[4].array = np.asfortranarray(starts[4])
    theirs = [torch.tensor(x, requires_grad=True) for x in starts]
    slow = {"lr": options["lr"] / 3}

    def groups(p: list) -> list[dict[str, Any]]:
        return [{"params": p[:3]}, {"params": p[3:], **slow}]

    mine = getattr(optim, name)(groups(ours), **options)
    twin = getattr(torch.optim, name)(groups(theirs), **options)
    for step in range(9):
        for i, g in enumerate(arrays(step + 1)):
            ours[i].grad = None if missing(step, i) else tensor(g)
            theirs[i].grad = None if missing(step, i) else torch.tensor(g)
        mine.step()
        twin.step()
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(
                a.detach().numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-13
            )


@pytest.mark.parametrize("name", list(OPTIONS))
def test_defaults_and_their_order_are_torchs(torch: Any, name: str):
    left_out = {"foreach", "fused", "capturable", "differentiable"}
    theirs = inspect.signature(getattr(torch.optim, name)).parameters.values()
    ours = inspect.signature(getattr(optim, name)).parameters.values()
    # What follows an option that is left out is keyword-only here, so that no position shifts.
    want = {p.name: p.default for p in theirs if p.name not in left_out}
    assert {p.name: p.default for p in ours} == want
    positions = [p.name for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD]
    for i, p in enumerate(p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD):
        assert positions[i] == p.name


@pytest.mark.parametrize("option", ["foreach", "fused", "capturable", "differentiable"])
def test_an_option_that_is_not_honoured_is_an_error(option: str):
    with pytest.raises(TypeError, match=option):
        optim.Adam([tensor([1.0], requires_grad=True)], **{option: True})


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw"}])
def test_muon_is_torchs_as_far_as_bfloat16_goes(torch: Any, shape: tuple, options: dict):
    random = np.random.default_rng(0)
    start = random.standard_normal(shape)
    p = tensor(start, requires_grad=True)
    q = torch.tensor(start, requires_grad=True)
    mine, twin = optim.Muon([p], lr=0.1, **options), torch.optim.Muon([q], lr=0.1, **options)
    for _ in range(3):
        g = random.standard_normal(shape)
        p.grad, q.grad = tensor(g), torch.tensor(g)
        mine.step()
        twin.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), atol=0.01)


@pytest.mark.parametrize("norm_type", [1, 2, 2.5, float("inf")])
@pytest.mark.parametrize("cap", [0.0, 0.5, 1e9, float("inf")])
def test_clipping_is_torchs(torch: Any, norm_type: float, cap: float):
    ours = [tensor(x, requires_grad=True) for x in arrays(0)]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays(0)]
    for i, g in enumerate(arrays(1)):
        ours[i].grad, theirs[i].grad = tensor(g), torch.tensor(g)
    ours[1].grad = theirs[1].grad = None
    mine = optim.clip_grad_norm_(ours, cap, norm_type)
    twin = torch.nn.utils.clip_grad_norm_(theirs, cap, norm_type)
    assert mine.shape == ()
    assert mine.item() == pytest.approx(twin.item(), rel=1e-12)
    for a, b in zip(ours, theirs):
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)
    optim.clip_grad_value_(ours, 0.01)
    torch.nn.utils.clip_grad_value_(theirs, 0.01)
    for a, b in zip(ours, theirs):
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)
