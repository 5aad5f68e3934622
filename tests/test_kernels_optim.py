"""The kernels of the optimizers move what the rules move, and many tensors in one launch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import Tensor, optim
from minitorch.amp import GradScaler
from minitorch.kernels import optim as kernels
from minitorch.kernels import source, words_only
from tests.kernelwise import DTYPES, draw, runs_kernels

pytestmark = runs_kernels

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1, "maximize": True}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"eps": 1e-3}),
    ("Adam", {"eps": 1e-3, "amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    ("AdamW", {"eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {"eps": 1e-3, "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    ("Adamax", {"eps": 1e-3, "weight_decay": 0.1}),
    ("NAdam", {"eps": 1e-3, "weight_decay": 0.1}),
    ("NAdam", {"eps": 1e-3, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"eps": 1e-3, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adagrad", {"eps": 1e-3, "lr_decay": 0.1, "initial_accumulator_value": 0.2}),
    ("Adadelta", {"eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"eps": 1e-3}),
    ("RMSprop", {"eps": 1e-3, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"eps": 1e-3, "centered": True}),
    ("RMSprop", {"eps": 1e-3, "centered": True, "momentum": 0.9, "maximize": True}),
    ("Lion", {"weight_decay": 0.1}),
]
# nothing, one element, a chunk to the element and one more, several chunks
SHAPES = [(3,), (0,), (70, 80), (1,), (4096,), (4097,), (2, 3, 4), ()]


def counted(cuda: Any) -> bool:
    return type(cuda).__name__ == "Counters"


def made(where: str, shapes: list, dtype: str) -> list[Tensor]:
    host = [np.asarray(draw(*s, dtype=dtype, seed=i), dtype) for i, s in enumerate(shapes)]
    return [minitorch.from_numpy(x).to(where).requires_grad_() for x in host]


def stepped(cuda: Any, optimizer: optim.Optimizer, tensors: list[Tensor], steps: int = 3) -> int:
    """The launches of the last of several steps along gradients that differ each time."""
    optimizer.check_finite = False
    for k in range(steps):
        for i, p in enumerate(tensors):
            g = np.asarray(draw(*p.shape, dtype=p.dtype.name, seed=100 + 10 * k + i), p.dtype)
            p.grad = minitorch.from_numpy(g).to(p.device)
        cuda.reset()
        optimizer.step()
        if counted(cuda):
            assert (cuda.sync, cuda.h2d) == (0, 0)
    return cuda.launches


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), RULES)
def test_every_rule_moves_as_on_the_cpu_in_one_launch(cuda, name: str, options: dict, dtype: str):
    results = []
    for where in ("cpu", "cuda"):
        # A kernel computes with floats also where float16 is kept; NumPy would not.
        exact = "float32" if where == "cpu" and dtype == "float16" else dtype
        tensors = [p.detach().to(exact).requires_grad_() for p in made(where, SHAPES, dtype)]
        optimizer = getattr(optim, name)(tensors, lr=0.01, **options)
        launches = stepped(cuda, optimizer, tensors, steps=7)  # RAdam changes its rule at the 6th
        moved = [p.detach().cpu().numpy() for p in tensors]
        kept = [
            x.cpu().numpy() for s in optimizer.state.values() for x in s.values() if is_array(x)
        ]
        results.append(moved + kept)
    if counted(cuda):
        assert launches == 1
    close = {"float16": 3e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=close, atol=close)


def is_array(x: Any) -> bool:
    return isinstance(x, Tensor)


@pytest.mark.parametrize(("name", "most"), [("SGD", 2), ("Adam", 3), ("AdamW", 3), ("Lion", 2)])
def test_two_hundred_tensors_take_a_handful_of_launches(cuda, name: str, most: int):
    tensors = made("cuda", [(5, 7)] * 200, "float32")
    launches = stepped(cuda, getattr(optim, name)(tensors, lr=0.01), tensors)
    if counted(cuda):
        assert launches == most


def test_numbers_of_different_steps_and_dtypes_do_not_mix(cuda):
    results = []
    for where in ("cpu", "cuda"):
        first, second, third = made(where, [(5,), (6,), (7,)], "float32")
        third = third.double().detach().requires_grad_()
        optimizer = optim.Adam([first, second, third], lr=0.1)
        stepped(cuda, optimizer, [first])  # the others are behind by three steps
        launches = stepped(cuda, optimizer, [first, second, third])
        results.append([p.detach().cpu().numpy() for p in (first, second, third)])
    if counted(cuda):
        assert launches == 3
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_tensors_that_share_memory_are_moved_one_after_the_other(cuda):
    results = []
    for where in ("cpu", "cuda"):
        whole = minitorch.from_numpy(draw(10)).to(where)
        one, two = (whole[:6].detach().requires_grad_(), whole[4:].detach().requires_grad_())
        launches = stepped(cuda, optim.SGD([one, two], lr=0.1, weight_decay=1.0), [one, two], 1)
        results.append(whole.cpu().numpy())
    if counted(cuda):
        assert launches == 2
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)


def test_gradients_that_lie_otherwise_are_copied_and_parameters_go_by_numpys_words(cuda):
    results = []
    for where in ("cpu", "cuda"):
        p = minitorch.from_numpy(draw(4, 5, 6)).to(where).requires_grad_()
        turned = minitorch.from_numpy(draw(5, 4)).to(where).T.detach().requires_grad_()
        optimizer = optim.Adam([p, turned], lr=0.1)
        for q in (p, turned):
            g = draw(*reversed(q.shape), seed=3)
            q.grad = minitorch.from_numpy(g).to(where).permute(*reversed(range(q.ndim))).detach()
        optimizer.check_finite = False
        cuda.reset()
        optimizer.step()
        launches = cuda.launches
        results.append([q.detach().cpu().numpy() for q in (p, turned)])
    if counted(cuda):
        assert launches == 1
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-5)


def test_a_rule_of_ones_own_is_not_taken_for_its_base_class(cuda):
    class Still(optim.SGD):
        def update(self, p, g, state, group):
            """Stays where it is."""

    (p,) = made("cuda", [(3,)], "float32")
    before = p.detach().cpu().numpy()
    assert stepped(cuda, Still([p], lr=1.0), [p]) == 0
    np.testing.assert_array_equal(p.detach().cpu().numpy(), before)


def test_words_only_moves_the_same_without_a_launch(cuda):
    results = []
    for _ in range(2):
        tensors = made("cuda", SHAPES, "float32")
        optimizer = optim.AdamW(tensors, lr=0.1)
        if results:
            with words_only():
                assert stepped(cuda, optimizer, tensors) == 0
        else:
            stepped(cuda, optimizer, tensors)
        results.append([p.detach().cpu().numpy() for p in tensors])
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_unscaled_in_a_launch_for_a_hundred(cuda, dtype: str):
    shapes = SHAPES * 25  # of which every eighth is empty
    tensors, twins = made("cuda", shapes, dtype), made("cpu", shapes, dtype)
    for p in (*tensors, *twins):
        p.grad = p.detach() * 3
    found = []
    for group in (tensors, twins):
        optimizer, scaler = optim.SGD(group, lr=0.1), GradScaler(init_scale=8.0)
        cuda.reset()
        scaler.unscale_(optimizer)
        found.append((cuda.launches, cuda.sync, cuda.h2d))
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == 8.0
    if counted(cuda):
        assert found == [(2, 0, 0), (0, 0, 0)]
    for p, q in zip(tensors, twins):
        np.testing.assert_array_equal(p.grad.cpu().numpy(), q.grad.numpy())


@pytest.mark.parametrize("bad", [float("inf"), -float("inf"), float("nan"), 3e38])
@pytest.mark.parametrize("place", [0, 4095, 4096, 5599])
def test_one_gradient_that_is_not_finite_is_found_wherever_it_lies(cuda, bad: float, place: int):
    tensors = made("cuda", [(3,), (70, 80), (9,)], "float32")
    for p in tensors:
        p.grad = minitorch.ones_like(p)
    tensors[1].grad.reshape(-1)[place] = bad
    optimizer, scaler = optim.SGD(tensors, lr=0.1), GradScaler(init_scale=0.5)
    before = [p.detach().cpu().numpy() for p in tensors]
    scaler.step(optimizer)
    assert scaler.overflowed  # 3e38 times 2 is too much for float32
    for p, was in zip(tensors, before):
        np.testing.assert_array_equal(p.detach().cpu().numpy(), was)


def test_gradients_of_two_dtypes_or_that_lie_scattered_are_unscaled_too(cuda):
    tensors = made("cuda", [(4, 6)], "float32") + made("cuda", [(5,)], "float64")
    tensors += made("cuda", [(6, 4)], "float32")
    for p in tensors[:2]:
        p.grad = minitorch.ones_like(p) * 8
    tensors[2].grad = minitorch.ones(4, 6, device="cuda").T * 8
    tensors[2].grad.array = tensors[2].grad.array.T.copy().T  # as a transposed product leaves it
    scaler = GradScaler(init_scale=8.0)
    cuda.reset()
    scaler.unscale_(optim.SGD(tensors, lr=0.1))
    if counted(cuda):
        assert cuda.launches == 2
    for p in tensors:
        np.testing.assert_array_equal(p.grad.cpu().numpy(), 1.0)
    assert not scaler.overflowed


def test_the_table_is_the_one_that_the_kernel_knows():
    """The sizes stand in two languages, and have to be the same in both."""
    text = source.source("optim", "float32")
    constants = f"MOST = {kernels._MOST}, SLOTS = {kernels._SLOTS}, CHUNK = {kernels._CHUNK};"
    assert f"const int {constants}" in text
    assert kernels._TABLE.itemsize + kernels._DECAY.itemsize + 6 * 8 <= 4096
