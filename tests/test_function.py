"""Ops of your own: classes with a forward and a backward."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch.autograd import Function, grad, once_differentiable
from minitorch.clock import stamp
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.tensor import Tensor
from tests.helpers import vector


class LogSumExp(Function):
    """log Σ e^x over the last axis."""

    @staticmethod
    def forward(ctx, x):
        top = x.detach().numpy().max(-1, keepdims=True)
        y = (x - mt.Tensor(top)).exp().sum(-1).log() + mt.Tensor(top[..., 0])
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return (x - y.reshape(*y.shape, 1)).exp() * g.reshape(*g.shape, 1)


class Product(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (
            g * b if ctx.needs_input_grad[0] else None,
            g * a if ctx.needs_input_grad[1] else None,
        )


class Powers(Function):
    """Two outputs, of which the second is made of the first."""

    @staticmethod
    def forward(ctx, x):
        square = x * x
        cube = square * x
        ctx.save_for_backward(x, square, cube)
        return square, cube

    @staticmethod
    def backward(ctx, g2, g3):
        x, square, cube = ctx.saved_tensors
        assert cube.shape == x.shape
        return 2 * g2 * x + 3 * g3 * square


def test_a_function_has_first_and_second_gradients():
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3)), requires_grad=True)
    assert gradcheck(LogSumExp.apply, x)
    assert gradgradcheck(LogSumExp.apply, x)


def test_several_inputs_and_outputs():
    assert gradcheck(Product.apply, (vector(1.0, 2.0), vector(3.0, 4.0)))
    assert gradgradcheck(Product.apply, (vector(1.0, 2.0), vector(3.0, 4.0)))
    assert gradcheck(Powers.apply, vector(1.0, 2.0))
    assert gradgradcheck(Powers.apply, vector(1.0, 2.0))


def test_one_output_of_several_is_enough():
    x = vector(2.0)
    Powers.apply(x)[1].backward()
    assert x.grad.item() == 12


def test_the_node_is_named_like_the_class():
    y = Product.apply(vector(1.0), vector(2.0))
    assert y.grad_fn.name == "Product"
    assert y.node.plan.names == ("a", "b")


def test_only_what_is_needed_is_asked_for():
    asked = []

    class Asks(Function):
        @staticmethod
        def forward(ctx, a, scale, b):
            asked.append(ctx.needs_input_grad)
            return a * scale + b

        @staticmethod
        def backward(ctx, g):
            asked.append(ctx.needs_input_grad)
            return g * 2, None, g if ctx.needs_input_grad[2] else None

    a, b = vector(1.0), vector(2.0)
    Asks.apply(a, 2, b.detach()).backward()
    assert asked == [(True, False, False)] * 2
    assert a.grad.item() == 2
    y = Asks.apply(a, 2, b)
    grad(y, a)
    assert asked[-1] == (True, False, False)


def test_nothing_is_recorded_inside_forward_or_without_need():
    class Inside(Function):
        @staticmethod
        def forward(ctx, x):
            assert not mt.is_grad_enabled()
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    assert not Inside.apply(Tensor([1.0])).requires_grad
    with mt.no_grad():
        y = Inside.apply(vector(1.0))
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()


def test_forward_may_give_back_its_input():
    class Straight(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = vector(2.0)
    y = Straight.apply(x)
    assert y is not x
    y.backward()
    assert x.grad.item() == 10


def test_the_newer_style_with_setup_context():
    class Cube(Function):
        @staticmethod
        def forward(x, times):
            return x * x * x * times

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.times = inputs
            ctx.save_for_backward(x, output)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return 3 * g * y / x, None

    assert gradcheck(lambda x: Cube.apply(x, 2), vector(1.0, 2.0))
    assert gradgradcheck(lambda x: Cube.apply(x, 2), vector(1.0, 2.0))


def test_outputs_without_gradient():
    class Largest(Function):
        @staticmethod
        def forward(ctx, x):
            where = mt.Tensor(int(x.numpy(force=True).argmax()))
            rounded = x * 0 + 1
            ctx.mark_non_differentiable(rounded)
            return x * 2, where, rounded

        @staticmethod
        def backward(ctx, g, g_where, g_rounded):
            assert not g_where.numpy().any()
            assert not g_rounded.numpy().any()
            return g * 2

    x = vector(1.0, 3.0)
    y, where, rounded = Largest.apply(x)
    assert (where.item(), where.requires_grad, rounded.requires_grad) == (1, False, False)
    with pytest.raises(RuntimeError, match="Largest marks this output as not differentiable"):
        rounded.sum().backward()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2])


def returning(*found):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return found if len(found) != 1 else found[0]

    return Wrong


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((mt.ones(2, dtype="float64"),), r"Wrong: backward returned 1 .*expected 2.*: a, b"),
        ((mt.ones(2),) * 3, "Wrong: backward returned 3 gradients, expected 2"),
        ((None, mt.ones(2, dtype="float64")), "Wrong: backward returned NoneType for 'a'"),
        ((mt.ones(2, dtype="float64"), None), "Wrong: backward returned NoneType for 'b'"),
        ((np.ones(2), mt.ones(2)), "Wrong: backward returned ndarray for 'a'"),
        (
            (mt.ones(2, dtype="float64"), mt.ones(3, dtype="float64")),
            r"Wrong: the gradient of input 'b' has shape \(3,\), expected \(2,\)",
        ),
        (
            (mt.ones(2, dtype="float64"), mt.ones(2, dtype="float32")),
            "Wrong: the gradient of input 'b' has dtype float32, expected float64",
        ),
    ],
)
def test_a_wrong_backward_is_named(found, words):
    with pytest.raises(RuntimeError, match=words):
        returning(*found).apply(vector(1.0, 2.0), vector(3.0, 4.0)).sum().backward()


def test_more_nones_than_inputs_are_fine():
    one = mt.ones(2, dtype="float64")
    returning(one, one, None, None).apply(vector(1.0, 2.0), vector(3.0, 4.0)).sum().backward()


@pytest.mark.parametrize("materialize", [True, False])
def test_an_output_that_leads_nowhere_gets_zeros(materialize):
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 if h is None else g * 2 + h * 3

    x = vector(1.0, 2.0)
    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_inputs_are_not_changed_in_place():
    class Clamped(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.clamp_(min=0)

    x = vector(-1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"mark_dirty: .*x\.clone\(\)"):
        Clamped.apply(x)
    assert x.tolist() == [-1, 2]


def test_a_wrong_forward_is_named():
    class Raw(Function):
        @staticmethod
        def forward(ctx, x):
            return x.numpy(force=True)

    with pytest.raises(TypeError, match=r"Raw\.forward: returned a ndarray, expected a Tensor"):
        Raw.apply(vector(1.0))


def test_what_was_saved_is_there_during_backward_only():
    y = Product.apply(vector(1.0), vector(2.0))
    with pytest.raises(RuntimeError, match="only while backward runs"):
        _ = y.node.plan.ctx.saved_tensors


def test_what_a_function_saved_must_not_change():
    a, b = vector(1.0), vector(2.0)
    y = Product.apply(a, b)
    with mt.no_grad():
        b *= 2
    with pytest.raises(RuntimeError, match="Product: backward needs its 'b'"):
        y.backward()


def test_an_output_of_several_must_not_change():
    x = vector(2.0)
    square, cube = Powers.apply(x)
    square.array *= 2
    stamp(square.array, "a test")
    with pytest.raises(RuntimeError, match=r"Powers: backward needs its 'y\[0\]'"):
        cube.backward()


def test_a_function_can_be_swept_again_with_retain_graph():
    a, b = vector(3.0), vector(2.0)
    y = Product.apply(a, b)
    y.backward(retain_graph=True)
    y.backward()
    assert a.grad.item() == 4
    with pytest.raises(RuntimeError, match="Product was already used"):
        y.backward()


def test_a_function_leaves_no_cycle():
    gc.collect()
    gc.disable()
    try:
        x = vector(1.0, 2.0)
        for made in (LogSumExp.apply(x), *Powers.apply(x)):
            node = weakref.ref(made.grad_fn)
        del made
        assert node() is None
    finally:
        gc.enable()


def test_once_differentiable():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return mt.Tensor(g.numpy() * 2)

    x = vector(1.0)
    (g,) = grad(Twice.apply(x * x), x)
    assert g.item() == 4
    (g,) = grad(Twice.apply(x * x), x, create_graph=True)
    assert g.item() == 4
    with pytest.raises(RuntimeError, match=r"backward is marked once_differentiable"):
        g.backward()


def test_a_function_without_its_parts():
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match="forward"):
        Empty.apply(vector(1.0))


def test_a_function_on_the_tape():
    x = vector(2.0)
    with mt.tape(x=x) as t:
        Product.apply(x, x)
    assert "Product(x, x)" in str(t)
    np.testing.assert_array_equal(t.replay()[0], [4.0])
