"""The tape and its sweep: what gradients are, and where they end."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch.autograd import grad
from minitorch.gradcheck import gradgradcheck
from minitorch.op import REGISTRY, op
from minitorch.tensor import Tensor
from tests.helpers import tanh_derivative, vector


@pytest.fixture
def scratch():
    """Ops made in a test leave the registry with it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


# values that are used more than once ------------------------------------------------------------


def test_a_value_used_twice_gets_both_gradients():
    a = vector(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4


def test_diamond():
    x = vector(2.0)
    a = x * x
    b = a + a * a  # x² + x⁴
    b.backward()
    assert x.grad.item() == 2 * 2 + 4 * 8


def test_diamonds_in_a_row_are_swept_once_each(scratch):
    visits = []

    @op
    def watched(x):
        return x * 1

    def rule(g):
        visits.append(1)
        return g

    watched.grad(x=rule)
    y = x = vector(1.0)
    for _ in range(30):
        y = watched(y)
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**30
    assert len(visits) == 30


def test_newest_first_visits_every_child_before_its_parent():
    x = vector(1.5)
    early = x * 2
    late = (early * 3).exp()
    (early * late).backward()  # 2x e^{6x}
    assert x.grad.item() == pytest.approx(2 * np.exp(9) + 2 * 1.5 * 6 * np.exp(9))


def test_the_same_operand_on_both_sides():
    x = vector(3.0, -2.0)
    (x * x * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.array([9.0, 4.0]))


def test_branches_that_lead_nowhere_cost_nothing():
    x = vector(2.0)
    dead = (x * 5).exp()
    (x * x).backward()
    assert x.grad.item() == 4
    assert dead.node.saved is not None


# backward, again ----------------------------------------------------------------------------------


def test_backward_twice_says_so():
    x = vector(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"used by an earlier backward\(\).*retain_graph"):
        y.backward()
    assert x.grad.item() == 4


def test_backward_twice_through_sums_alone_says_so_too():
    x = vector(2.0)
    y = x + x
    y.backward()
    with pytest.raises(RuntimeError, match="already used"):
        y.backward()


def test_two_losses_that_share_a_part_say_what_to_do():
    x = vector(2.0)
    h = x * x
    a, b = h * 3, h * 4
    a.backward()
    with pytest.raises(RuntimeError, match=r"\(a \+ b\)\.backward\(\)"):
        b.backward()


def test_retain_graph_gives_exactly_twice():
    x = vector(0.1, 0.7)
    y = (x * x * x).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * once)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 3 * once)


def test_gradients_of_results_are_not_kept_between_sweeps():
    x = vector(3.0)
    h = x * x
    y = h * h
    y.backward(retain_graph=True)
    x.grad = None
    y.backward()
    assert x.grad.item() == 4 * 27


def test_a_rule_that_raises_changes_no_gradient(scratch):
    @op
    def breaks(x):
        return x * 1

    def rule(g):
        raise ZeroDivisionError

    breaks.grad(x=rule)
    x, w = vector(1.0), vector(2.0)
    with pytest.raises(ZeroDivisionError):
        (breaks(x * 2) * w).backward()
    assert x.grad is None
    assert w.grad is None


# where a sweep may start ------------------------------------------------------------------------


def test_backward_of_many_numbers_needs_a_gradient():
    x = vector(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"shape \(2,\).*sum\(\)\.backward"):
        (x * 2).backward()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_one_element_of_any_rank_is_a_start(shape):
    x = Tensor(np.full(shape, 3.0), requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == shape
    assert x.grad.item() == 6


def test_backward_with_a_gradient():
    x = vector(1.0, 2.0)
    (x * x).backward(Tensor([10.0, 100.0], "float64"))
    np.testing.assert_array_equal(x.grad.numpy(), [20, 400])


def test_the_gradient_given_may_be_an_array_or_of_another_dtype():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(np.array([10.0, 100.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [20, 400])
    assert x.grad.dtype == np.float32
    (x * x).backward(Tensor([1.0, 1.0], "float64"))
    assert x.grad.dtype == np.float32


def test_the_gradient_given_must_have_the_shape():
    x = vector(1.0, 2.0)
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), expected \(2,\)"):
        (x * x).backward(np.ones(3))


def test_backward_of_a_leaf_is_its_own_gradient():
    x = vector(2.0)
    x.backward()
    assert x.grad.item() == 1


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda x: Tensor([1.0]).sum() * 2, "nothing it was computed from requires grad"),
        (lambda x: x.detach() * 2, "detach"),
        (lambda x: _under_no_grad(x), "no_grad"),
        (lambda x: x > 0, "has no gradient"),
    ],
)
def test_no_graph_says_why(build, words):
    with pytest.raises(RuntimeError, match=words):
        build(vector(1.0)).backward()


def _under_no_grad(x):
    with mt.no_grad():
        return x * 2


# grad -------------------------------------------------------------------------------------------


def test_grad_leaves_every_dot_grad_alone():
    x, w = vector(3.0), vector(5.0)
    (gx,) = grad(x * w, x)
    assert gx.item() == 5
    assert x.grad is None
    assert w.grad is None


def test_grad_by_a_result():
    x = vector(3.0)
    h = x * x
    gh, gx = grad(h * h, [h, x])
    assert gh.item() == 18
    assert gx.item() == 18 * 6


def test_grad_of_several_outputs_is_their_sum():
    x = vector(3.0)
    (g,) = grad([x * 2, x * x], x, [Tensor([1.0]), Tensor([10.0])])
    assert g.item() == 2 + 60


def test_grad_by_what_is_not_used():
    x, other = vector(1.0), vector(2.0)
    with pytest.raises(ValueError, match=r"inputs\[1\] of shape \(1,\) was not used"):
        grad(x * 2, [x, other])
    gx, none = grad(x * 2, [x, other], allow_unused=True)
    assert gx.item() == 2
    assert none is None


def test_grad_by_what_is_not_used_is_zeros_where_asked():
    x, w = vector(3.0), vector(1.0, 2.0)
    dx, dw = mt.autograd.grad(2 * x, [x, w], materialize_grads=True)
    assert (dx.item(), dw.tolist(), dw.dtype) == (2, [0, 0], w.dtype)
    with pytest.raises(ValueError, match=r"materialize_grads.*allow_unused=False"):
        mt.autograd.grad(x, x, allow_unused=False, materialize_grads=True)


def test_gradients_in_a_batch_are_a_jacobian():
    x, other = vector(1.0, 2.0, 3.0), vector(1.0)
    y, s = x[:2] * x[1:], x.sum()
    seeds = [mt.Tensor(np.eye(3)[:, :2]), mt.Tensor([0.0, 0.0, 1.0], "float64")]
    J, none = grad([y, s], [x, other], seeds, True, is_grads_batched=True, allow_unused=True)
    assert J.tolist() == [[2, 1, 0], [0, 3, 2], [1, 1, 1]]
    assert none is None
    (H,) = grad([y, s], x, seeds, create_graph=True, is_grads_batched=True)
    assert grad(H[:, 1].sum(), x, retain_graph=True)[0].tolist() == [1, 0, 1]
    grad([y, s], x, seeds, is_grads_batched=True)
    with pytest.raises(RuntimeError, match="freed"):
        grad([y, s], x, [mt.ones(2).double(), mt.tensor(1.0).double()])
    for wrong in (None, [seeds[0], None], [seeds[0], mt.ones(2)], [seeds[0], mt.tensor(1.0)]):
        with pytest.raises(ValueError, match="is_grads_batched=True asks for grad_outputs"):
            grad([x * 2, x.sum()], x, wrong, is_grads_batched=True)


def test_what_is_no_tensor_is_named():
    x = vector(3.0)
    for call, name in (
        (lambda: grad((x * x).sum(), {"x": x}), "grad: inputs"),
        (lambda: grad(3.0, x), "grad: outputs"),
        (lambda: mt.autograd.backward([x * x, 3.0]), "backward: tensors"),
    ):
        with pytest.raises(TypeError, match=rf"{name} must be a Tensor.*minitorch\.func\.grad"):
            call()


def test_backward_of_several_tensors_is_one_sweep():
    x = vector(3.0)
    h = x * x
    mt.autograd.backward([2 * h, 5 * h], [Tensor([1.0]), None])
    assert x.grad.item() == 42
    mt.autograd.backward(x * 2)
    assert x.grad.item() == 44
    y, z = x * 2, x * x
    mt.autograd.backward((y, z), inputs=[y])
    assert (y.grad.item(), x.grad.item()) == (1, 44)
    for f in (mt.autograd.backward, lambda *a: mt.autograd.grad(a[0], x, a[1])):
        with pytest.raises(ValueError, match="2 tensors to start from, and 1 gradients"):
            f([x * 2, x * 3], Tensor([1.0]))


def test_grad_by_what_needs_none():
    with pytest.raises(ValueError, match=r"inputs\[0\] of shape \(1,\) does not require grad"):
        grad(vector(1.0) * 2, Tensor([1.0]))


def test_grad_runs_only_the_rules_on_the_way(scratch):
    @op
    def never(x):
        return x * 1

    def rule(g):
        raise AssertionError("nobody asked for this gradient")

    never.grad(x=rule)
    x, w = vector(2.0), vector(3.0)
    (g,) = grad(x * never(w), x)
    assert g.item() == 3


def test_backward_into_some_leaves_only():
    x, w = vector(2.0), vector(3.0)
    (x * w).backward(inputs=[w])
    assert x.grad is None
    assert w.grad.item() == 2


# higher orders ------------------------------------------------------------------------------------


def test_sixth_derivative_of_tanh():
    x = vector(0.5)
    y = x.tanh()
    for _ in range(6):
        (y,) = grad(y, x, create_graph=True)
    exact = tanh_derivative(6, 0.5)
    assert y.item() == pytest.approx(exact, rel=1e-10)


def test_create_graph_accumulates_a_differentiable_gradient():
    x = vector(3.0)
    (x * x * x).backward(create_graph=True)
    assert x.grad.item() == 27
    g, x.grad = x.grad, None
    g.backward()
    assert x.grad.item() == 18


def test_gradient_of_a_gradient_penalty():
    x, w = vector(1.0, 2.0), vector(3.0, -1.0)
    (g,) = grad((w * x * x).sum(), x, create_graph=True)  # 2 w x
    (g * g).sum().backward()  # Σ 4 w² x²
    np.testing.assert_allclose(w.grad.numpy(), 8 * np.array([3.0, -4.0]))
    np.testing.assert_allclose(x.grad.numpy(), 8 * np.array([9.0, 2.0]))


def test_without_create_graph_a_gradient_is_a_constant():
    x = vector(3.0)
    (g,) = grad(x * x, x)
    assert not g.requires_grad


def test_rules_that_name_several_outputs_can_be_differentiated(scratch):
    @op
    def powers(x):
        return x * x, x * x * x

    powers.grad(lambda g, x, y: (2 * g[0] * x + 3 * g[1] * y[0],))
    assert gradgradcheck(powers, vector(1.0, 2.0, 3.0))


def test_rules_that_name_many_inputs_can_be_differentiated(scratch):
    @op
    def times(*xs):
        return xs[0] * xs[1]

    times.grad(lambda g, xs: (g * xs[1], g * xs[0]))
    assert gradgradcheck(times, (vector(1.0, 2.0), vector(3.0, 4.0)))


# cutting ------------------------------------------------------------------------------------------


def test_detach_stops_the_gradient_exactly_there():
    x = vector(3.0)
    (x * (x * x).detach()).backward()
    assert x.grad.item() == 9


def test_truncated_backpropagation():
    h = w = vector(2.0)
    for step in range(4):
        h = h * w
        if step == 1:
            h = h.detach()
    h.backward()  # 8 w²
    assert w.grad.item() == 8 * 2 * 2


def test_detach_in_place():
    x = vector(3.0)
    y = x * 2
    y.detach_()
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="detach"):
        y.backward()


# hooks ------------------------------------------------------------------------------------------


def test_a_hook_sees_the_complete_gradient_and_may_replace_it():
    x = vector(3.0)
    h = x * x
    seen = []
    h.register_hook(lambda g: seen.append(g.item()))
    handle = h.register_hook(lambda g: g * 10)
    (h + h * 2).backward()
    assert seen == [3]
    assert x.grad.item() == 3 * 10 * 6
    handle.remove()
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 6


def test_a_hook_on_a_leaf():
    x = vector(3.0)
    with x.register_hook(lambda g: g * 2):
        (x * x).backward()
    assert x.grad.item() == 12
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 6


def test_a_hook_must_keep_the_shape():
    x = vector(3.0, 4.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match=r"hook: returned.*shape \(\), expected \(2,\)"):
        (x * x).sum().backward()


def test_a_hook_cannot_edit_the_gradient_in_place():
    x = vector(3.0)
    h = x * x
    h.register_hook(lambda g: g.numpy().fill(7))
    with pytest.raises(ValueError, match="read-only"):
        (h * 2).backward()


def test_a_hook_needs_a_graph():
    with pytest.raises(RuntimeError, match="does not require grad"):
        Tensor([1.0]).register_hook(lambda g: g)


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = vector(3.0)
    h = x * x
    h.retain_grad()
    (h * 2).backward(retain_graph=True)
    assert h.grad.item() == 2
    assert x.grad.item() == 12


def test_retain_grad_keeps_what_all_hooks_have_made_of_it():
    """Also what those do that were registered after it, as in torch."""
    x = vector(3.0)
    h = x * x
    h.register_hook(lambda g: g + 1)
    h.retain_grad()
    last = h.register_hook(lambda g: g * 10)
    h.backward(retain_graph=True)
    assert (h.grad.item(), x.grad.item()) == (20, 120)
    last.remove()
    h.grad = x.grad = None
    h.backward()
    assert (h.grad.item(), x.grad.item()) == (2, 12)


def test_the_gradient_of_a_result_is_not_kept_unasked():
    x = vector(3.0)
    h = x * x
    (h * 2).backward()
    with pytest.warns(UserWarning, match="computed by mul.*retain_grad"):
        assert h.grad is None


def test_a_parameter_that_was_rebound_is_explained():
    w = vector(3.0)
    (w * w).backward()
    w = w - 0.1 * w.grad
    (w * w).backward()
    with pytest.warns(UserWarning, match=r"no_grad\(\): w -= lr \* w\.grad"):
        assert w.grad is None


# .grad --------------------------------------------------------------------------------------------


def test_dot_grad_takes_only_what_fits():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(2,\)"):
        x.grad = mt.zeros(3)
    with pytest.raises(TypeError, match="float64 on cpu, expected float32"):
        x.grad = mt.zeros(2, dtype="float64")
    with pytest.raises(TypeError, match="expected a Tensor or None, got ndarray"):
        x.grad = np.zeros(2)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: (a + b) + (a + b),
        lambda a, b: a.reshape(3, 1).reshape(3) + b,
        lambda a, b: a[::1] + b,
        lambda a, b: a.clone() + b.clone(),
    ],
)
def test_gradients_never_share_memory(f):
    a, b = vector(1.0, 2.0, 3.0), vector(4.0, 5.0, 6.0)
    g = Tensor(np.array([1.0, 2.0, 3.0]))
    f(a, b).backward(g)
    for one, other in ((a.grad, b.grad), (a.grad, g), (b.grad, g)):
        assert not np.shares_memory(one.numpy(), other.numpy())
    f(a, b).backward(g)
    np.testing.assert_array_equal(g.numpy(), [1, 2, 3])
    da, db = grad(f(a, b), [a, b], g)
    for one, other in ((da, db), (da, g), (db, g)):
        assert not np.shares_memory(one.numpy(), other.numpy())


def test_the_gradient_does_not_share_memory_with_a_value():
    a = vector(1.0, 2.0)
    y = a * 1
    y.retain_grad()
    y.sum().backward()
    assert not np.shares_memory(y.grad.numpy(), a.grad.numpy())


# writing to what was saved ----------------------------------------------------------------------


def test_a_saved_array_that_was_written_is_named():
    x, w = vector(2.0, 3.0), vector(5.0, 7.0)
    y = (x * w).sum()
    with mt.no_grad():
        w *= 2
    with pytest.raises(RuntimeError, match=r"mul: backward needs its 'b' of shape \(2,\).*imul"):
        y.backward()
    assert x.grad is None


def test_a_write_that_nobody_saved_is_fine():
    x, w = vector(2.0, 3.0), vector(5.0, 7.0)
    y = (x + w).sum()
    with mt.no_grad():
        w *= 2
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), [1, 1])


def test_a_write_through_a_view_is_seen():
    x, w = vector(2.0, 3.0), vector(5.0, 7.0)
    y = (x * w).sum()
    with mt.no_grad():
        part = w[:1]
        part *= 2
    with pytest.raises(RuntimeError, match="mul: backward needs its 'b'"):
        y.backward()


def test_an_optimizer_step_between_forward_and_backward_is_seen():
    w = vector(2.0)
    first, second = (w * w).sum(), (w * w * w).sum()
    first.backward()
    with mt.no_grad():
        w -= 0.1 * w.grad
    with pytest.raises(RuntimeError, match="changed that array in place after it was saved"):
        second.backward()


def test_writing_before_the_forward_is_fine():
    w = vector(2.0)
    with mt.no_grad():
        w *= 3
    (w * w).backward()
    assert w.grad.item() == 12


def test_a_rebound_tensor_keeps_its_old_value_on_the_tape():
    x = vector(2.0, 3.0)
    y = x * x
    z = y * y
    y /= 2
    (z + y).sum().backward()  # x⁴ + x²/2
    np.testing.assert_allclose(x.grad.numpy(), 4 * np.array([8.0, 27.0]) + np.array([2.0, 3.0]))


def test_in_place_on_a_leaf_raises():
    w = vector(2.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        w += 1


# copies -----------------------------------------------------------------------------------------


def test_deepcopy_of_a_result_says_what_to_do():
    import copy

    x = vector(1.0, 2.0)
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    assert not np.shares_memory(twin.array, x.array)
    with pytest.raises(RuntimeError, match=r"detach\(\)\.clone\(\)"):
        copy.deepcopy(x * 2)


def test_a_tensor_and_a_part_of_it_meet_in_one_op():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = x * 1
    (part,) = h.split(3)
    for a, b, c in ((h, part, h), (part, h, h), (h, h, part)):
        x.grad = None
        mt.addcmul(a, b, c).sum().backward(retain_graph=True)
        assert x.grad.tolist() == [3.0, 5.0, 7.0]


# NumPy's warnings -------------------------------------------------------------------------------


def test_numpys_warnings_are_off_in_a_backward_and_then_as_they_were():
    seen = []

    def hook(g):
        seen.append(np.geterr()["divide"])

    x = vector(0.0)
    with np.errstate(divide="raise"):
        y = x.log()
        y.register_hook(hook)
        y.backward()
        assert x.grad.item() == np.inf
        assert seen == ["ignore"]
        assert np.geterr()["divide"] == "raise"


def test_numpys_warnings_are_as_they_were_after_a_backward_that_raised():
    def hook(g):
        raise KeyError("from a hook")

    x = vector(1.0)
    y = x.log()
    y.register_hook(hook)
    with np.errstate(divide="raise"):
        with pytest.raises(KeyError, match="from a hook"):
            y.backward()
        assert np.geterr()["divide"] == "raise"
    assert mt.is_grad_enabled()


def test_only_inputs_is_said_by_old_programs():
    x = vector(1.0, 2.0)
    (g,) = grad((x * x).sum(), x, only_inputs=True)
    assert g.tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match=r"outputs\.backward"):
        grad((x * x).sum(), x, only_inputs=False)
