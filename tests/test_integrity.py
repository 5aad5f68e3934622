"""The tape under attack: writes behind its back, gradients that share memory, hooks that misbehave.

For every row of the op table: whatever is written between forward and backward, the gradient is
the right one or an error; and no gradient shares memory with anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.autograd import Function, grad
from minitorch.tensor import Tensor
from tests.rows import ROWS
from tests.table import Row
from tests.test_table import IDS, as_tensors, parts, run

DIFFERENTIATED = [(row, name) for row, name in zip(ROWS, IDS) if row.wanted]
every_row = pytest.mark.parametrize(
    "row", [row for row, _ in DIFFERENTIATED], ids=[name for _, name in DIFFERENTIATED]
)


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values, np.float64), requires_grad=True)


def recorded(row: Row) -> tuple[tuple, list[Tensor]]:
    """The row's arguments, and the outputs that have a graph."""
    mt.manual_seed(0)
    args = as_tensors(row)
    return args, [y for y in parts(run(row, args)) if y.requires_grad]


def slopes(row: Row, args: tuple, ys: list[Tensor]) -> list[Tensor | None]:
    rng = np.random.default_rng(0)
    given = [Tensor(rng.uniform(0.5, 1.5, y.shape), dtype=y.dtype) for y in ys]
    return list(grad(ys, [args[i] for i in row.wanted], given, allow_unused=True))


# every op ---------------------------------------------------------------------------------------


@every_row
def test_a_write_after_the_forward_is_noticed_or_does_not_matter(row):
    args, ys = recorded(row)
    right = slopes(row, args, ys)
    for which in range(len(args) + len(ys)):
        args, ys = recorded(row)
        target = (*args, *ys)[which]
        if not isinstance(target, Tensor) or not target.array.flags.writeable:
            continue
        with mt.no_grad():
            target.fill_(0.3)
        try:
            got = slopes(row, args, ys)
        except RuntimeError as error:
            assert "changed that array in place" in str(error)  # noqa: PT017 - either will do
            continue
        for a, b in zip(got, right):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-6, atol=1e-7)


@every_row
@pytest.mark.parametrize("create_graph", [False, True], ids=["first", "recorded"])
def test_a_gradient_shares_memory_with_nothing(row, create_graph):
    args, ys = recorded(row)
    for k in range(len(ys)):
        args, ys = recorded(row)
        g = mt.ones_like(ys[k])
        ys[k].backward(g, create_graph=create_graph)
        grads = [args[i].grad for i in row.wanted if args[i].grad is not None]
        others = [g, *ys, *(a for a in args if isinstance(a, Tensor))]
        for i, one in enumerate(grads):
            assert one.array.flags.writeable
            for other in (*others, *grads[:i]):
                assert not np.shares_memory(one.array, other.array)


# where gradients end ----------------------------------------------------------------------------


def test_backward_into_results_and_leaves():
    w = leaf(2.0)
    h = w * w
    (h * h).backward(inputs=[h, w])
    assert (h.grad.item(), w.grad.item()) == (8, 32)
    x = leaf(3.0)
    (x * x).backward(inputs=x)
    assert x.grad.item() == 6


def test_a_result_that_retains_its_gradient_gets_it_once():
    w = leaf(2.0)
    h = w * w
    h.retain_grad()
    (h * h).backward(inputs=[h])
    assert h.grad.item() == 8
    assert w.grad is None


def test_what_is_retained_is_the_gradient_of_the_value_it_has():
    w = leaf(2.0)
    h = w * w
    h.retain_grad()
    h *= 3
    (h * h).backward()
    assert h.grad.item() == 2 * 12
    assert w.grad.item() == 24 * 3 * 4


def test_recorded_gradients_belong_to_one_leaf_each():
    a, b, g = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(1.0, 1.0)
    (a + b).backward(g, create_graph=True)
    with mt.no_grad():
        a.grad.zero_()
    assert b.grad.tolist() == g.tolist() == [1, 1]
    (twice,) = grad(b.grad.sum(), g)  # and still depend on what was given
    assert twice.tolist() == [1, 1]


def test_a_recorded_backward_is_recorded_under_no_grad_too():
    w = leaf(2.0)
    y, view = (w * w * w).sum(), (w * w).reshape(1, 1)
    with mt.no_grad():
        y.backward(create_graph=True)
        y.backward(create_graph=True)
        (g,) = grad(view, w, create_graph=True)
    assert w.grad.item() == 24
    assert grad(w.grad, w)[0].item() == 24
    assert grad(g, w)[0].item() == 2


def test_a_tensor_named_twice_gets_its_gradient_twice():
    w = leaf(2.0)
    one, other = grad(w * w, [w, w])
    one.zero_()
    assert other.item() == 4


# hooks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_cannot_reach_another_gradient(create_graph):
    a, b = leaf(1.0), leaf(2.0)
    h = a * 1
    h.register_hook(lambda g: g.mul_(10))
    with pytest.raises(ValueError, match="read-only"):
        (h + b).backward(Tensor([1.0], "float64"), create_graph=create_graph)
    assert a.grad is None
    assert b.grad is None


def test_a_hook_on_the_given_gradient_keeps_its_graph():
    a, g = leaf(3.0), leaf(1.0)
    h = a * 1
    h.register_hook(lambda g: g * 5)
    h.backward(g, create_graph=True)
    assert grad(a.grad, g)[0].item() == 5


def test_after_a_hook_that_raised_nothing_has_changed():
    a, b = leaf(1.0), leaf(2.0)

    def hook(g):
        raise KeyError

    y = a * b
    with b.register_hook(hook), pytest.raises(KeyError):
        y.backward(retain_graph=True)
    assert a.grad is None
    assert b.grad is None
    y.backward()
    assert (a.grad.item(), b.grad.item()) == (2, 1)


def test_a_backward_inside_a_hook():
    w, u = leaf(2.0), leaf(5.0)
    other, h = u * u, w * w
    h.register_hook(lambda g: other.backward())
    h.backward()
    assert (w.grad.item(), u.grad.item()) == (4, 10)


def test_the_gradient_a_function_sees_is_not_its_own():
    class Doubles(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            g *= 2
            return g

    a, given = leaf(1.0, 2.0), mt.ones(2, dtype="float64")
    h = a * 1
    with pytest.raises(ValueError, match=r"__imul__: .*read-only.*x\.clone\(\)"):
        (Doubles.apply(h) + h).backward(given)
    assert given.tolist() == [1, 1]


# odd graphs -------------------------------------------------------------------------------------


def test_outputs_that_nobody_used_at_second_order():
    a = leaf(1.0, 2.0, 3.0, 4.0)
    _, q = (a * a).split(2)  # Σ a⁴ over the second half
    (g,) = grad((q * q).sum(), a, create_graph=True)
    (second,) = grad(g.sum(), a)
    assert second.tolist() == [0, 0, 12 * 9, 12 * 16]


def test_outputs_as_targets_and_with_hooks():
    a = leaf(1.0, 2.0, 3.0)
    p, q, r = (a * a).unbind(0)
    seen = []
    q.register_hook(lambda g: seen.append(g.item()))
    dp, dr, da = grad(p * p * r + 5 * q, [p, r, a])
    assert (dp.item(), dr.item(), da.tolist()) == (18, 1, [36, 20, 6])
    assert seen == [5]


def test_requires_grad_switched_off_after_use():
    w = leaf(2.0)
    y = w * w
    w.requires_grad_(False)
    y.backward()
    assert w.grad.item() == 4


def test_detached_after_use():
    w = leaf(2.0)
    h = w * w
    y = h * h
    h.detach_()
    y.backward()
    assert w.grad.item() == 32


def test_rows_of_an_iteration_are_views():
    x = mt.zeros(3)
    for row in x:
        row += 1
    assert x.tolist() == [1, 1, 1]


def test_labels_of_no_rows_are_not_looked_at():
    mt.call.said.discard("probabilities")
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    labels = mt.zeros(0, dtype="int64")
    y: Any = mt.nn.functional.cross_entropy(x, labels, reduction="sum")
    y.backward()
    assert y.item() == 0
    assert x.grad.shape == (0, 3)
