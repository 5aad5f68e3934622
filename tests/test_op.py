"""The op unit: what the decorator accepts, what is saved, what a wrong rule meets."""

from __future__ import annotations

import inspect
import threading

import numpy as np
import pytest

import minitorch as mt
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.op import REGISTRY, op
from minitorch.tensor import Tensor, make


@pytest.fixture
def scratch(monkeypatch):
    """Ops defined in a test leave the registry when it ends."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


pytestmark = pytest.mark.usefixtures("scratch")


def leaf(*values):
    return mt.tensor(values, requires_grad=True)


# a user's own op ---------------------------------------------------------------------------------


def test_a_users_op_computes_records_and_has_every_order():
    @op(broadcasts=True)
    def scaled(a, b, *, by=1.0):
        """y = by a b"""
        return a * b * by

    scaled.grad(a=lambda g, b, by: g * b * by, b=lambda g, a, by: g * a * by)

    assert scaled(np.ones(2), 3.0).tolist() == [3, 3], "arrays compute"
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = scaled(a, b, by=2.0)
    assert scaled(a, b, 2.0).tolist() == y.tolist(), "options may be given by position"
    assert y.grad_fn.name == "scaled"
    assert gradcheck(scaled, (a, b))
    assert gradgradcheck(scaled, (a, b))
    assert str(inspect.signature(scaled)) == "(a, b, by=1.0)"
    assert scaled.__doc__ == "y = by a b"
    assert scaled.__module__ == __name__


def test_variadic_inputs_and_a_joint_rule():
    @op
    def total(*xs, weight=1.0):
        return sum(xs[1:], xs[0]) * weight

    total.grad(lambda g, xs_shape, weight: [g * weight for _ in xs_shape])
    a, b, c = leaf(1.0), leaf(2.0), mt.tensor([3.0])
    y = total(a, b, c, weight=2.0)
    y.backward()
    assert y.item() == 12
    assert (a.grad.item(), b.grad.item(), c.grad) == (2, 2, None)


def test_several_outputs_each_find_their_slot():
    @op
    def halves(x):
        """Two differentiable outputs and one of indices."""
        return x * 0.5, x * 2, np.argsort(x, axis=0)

    halves.grad(x=lambda g: g[0] * 0.5 + g[1] * 2)
    x = leaf(1.0, 2.0)
    half, twice, index = halves(x)
    assert index.dtype == mt.int64
    assert not index.requires_grad
    (half.sum() + 3 * twice.sum()).backward()
    assert x.grad.tolist() == [6.5, 6.5]
    x.grad = None
    halves(x)[1].sum().backward()
    assert x.grad.tolist() == [2, 2], "what is not used counts as zero"
    with pytest.raises(RuntimeError, match="the integer output of halves has no gradient"):
        index.sum().backward()
    assert gradcheck(lambda x: halves(x)[:2], x)


def test_needs_tells_a_joint_rule_what_to_compute():
    asked = []

    @op
    def product(a, b):
        return a * b

    def rule(g, a, b, needs):
        asked.append(needs)
        return (g * b if needs[0] else None, g * a if needs[1] else None)

    product.grad(rule)
    a, b = leaf(2.0), leaf(3.0)
    product(a, b).backward()
    product(a, mt.tensor([3.0])).backward()
    mt.autograd.grad(product(a, b), b)
    assert asked == [(True, True), (True, False), (False, True)]


# what a rule names is what is kept ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("compute", "kept"),
    [
        (lambda x, c: x + c, ()),
        (lambda x, c: x - c, ()),
        (lambda x, c: x * c, ("b",)),
        (lambda x, c: c * x, ("a",)),
        (lambda x, c: x * x, ("b", "a")),
        (lambda x, c: x.tanh(), ("y",)),
        (lambda x, c: x.exp(), ("y",)),
        (lambda x, c: x.relu(), ("y",)),
        (lambda x, c: x.reshape(1, 2), ("x_shape",)),
    ],
)
def test_the_saved_set_is_the_rules_signature(compute, kept):
    x, c = leaf(1.0, 2.0), mt.tensor([3.0, 4.0])
    node = compute(x, c).grad_fn
    assert node.plan.names == kept
    assert len(node.saved) == len(kept)


def test_nothing_is_kept_off_the_tape():
    x = mt.tensor([1.0])
    assert (x * x).node is None
    with mt.no_grad():
        assert (leaf(1.0) * x).node is None


# wrong rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"a": lambda g, wrong: g}, r"a rule takes g first, then any of .*; got \(g, wrong\)"),
        ({"a": lambda b, g: g}, "a rule takes g first"),
        ({"c": lambda g: g}, "'c' is no input; inputs: \\('a', 'b'\\)"),
        ({"a": lambda g, needs: g}, "a rule takes g first"),
    ],
)
def test_a_wrong_name_is_an_error_where_the_rule_is_written(rules, words):
    @op
    def product(a, b):
        return a * b

    with pytest.raises(TypeError, match=f"product.grad: {words}"):
        product.grad(**rules)


def defined(rule, broadcasts=False):
    @op(broadcasts=broadcasts)
    def product(a, b):
        return a * b

    product.grad(a=rule)
    return product


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda g: g.sum(0), r"has shape \(3,\), expected \(2, 3\)"),
        (lambda g: g.T, r"has shape \(3, 2\), expected \(2, 3\)"),
        (lambda g: g.astype("float64"), "has dtype float64, expected float32"),
        (lambda g: 1.0, r"is a float, expected an array of shape \(2, 3\)"),
    ],
)
def test_a_wrong_gradient_fails_at_its_op_by_name(rule, words):
    a, b = mt.ones(2, 3, requires_grad=True), mt.ones(2, 3)
    y = defined(rule)(a, b).sum()
    with pytest.raises(RuntimeError, match=f"product: the gradient of input 'a' {words}"):
        y.backward()
    assert a.grad is None


def test_broadcasting_is_undone_only_where_it_is_declared():
    a, b = mt.ones(3, requires_grad=True), mt.ones(2, 3)
    defined(lambda g, b: g * b, broadcasts=True)(a, b).sum().backward()
    assert a.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="has shape"):
        defined(lambda g, b: g * b)(a, b).sum().backward()


def test_an_input_without_a_rule_gets_no_gradient():
    a, b = leaf(2.0), leaf(3.0)
    defined(lambda g, b: g * b)(a, b).backward()
    assert a.grad.item() == 3
    assert b.grad is None


# the written-out text ----------------------------------------------------------------------------


def test_the_text_of_an_op_can_be_read_and_is_what_runs():
    mt.mul(2, 3)  # the text is compiled at the first call
    source = mt.mul.op.source
    assert source.startswith("def mul(a=default_a, b=default_b, **names):")
    assert "quiet.run(body, a, b)" in source
    running = inspect.getsource(mt.mul).strip()
    assert running == _indented(source.replace("def mul(", "def call(")).strip()
    plan = mt.mul.op.plan(0b11).source
    assert "rule_a(g, b) if needs[0]" in plan


def _indented(source):
    return "".join(f"    {line}" for line in source.splitlines(keepends=True))


def test_the_text_is_compiled_at_the_first_call_and_the_function_stays_the_same():
    @op(methods="twice_for_this_test")
    def twice(x, *, more=0):
        return x * 2 + more

    bound, cell = Tensor.twice_for_this_test, twice.op.cell
    del Tensor.twice_for_this_test
    assert "quiet" not in inspect.getsource(twice), "not yet"
    assert twice(leaf(1.0), 3).tolist() == [5]
    assert "quiet.run(body, x, more=more)" in inspect.getsource(twice)
    assert bound is twice is twice.op.call
    assert twice.op.cell is cell
    assert twice.__name__ == twice.__code__.co_name == "twice"


@pytest.mark.parametrize("calls_before", [0, 1])
def test_a_body_can_be_exchanged_before_the_first_call_and_after_it(calls_before):
    @op
    def once(x):
        return x

    for _ in range(calls_before):
        once(leaf(1.0))
    once.op.cell.cell_contents = lambda x: x + 1
    assert once(leaf(1.0)).tolist() == [2]


@pytest.mark.parametrize("name", ["constant", "op", "dict", "write", "call"])
def test_an_op_may_be_called_as_something_that_its_text_uses(name):
    def body(x):
        return x + 1

    body.__name__ = name
    found = op(body)
    assert found(leaf(1.0)).tolist() == [2]
    assert found(leaf(1.0)).tolist() == [2]


def test_threads_may_meet_at_the_first_call():
    @op
    def half(x):
        return x / 2

    meeting = threading.Barrier(8)
    found = []

    def run():
        x = leaf(4.0)
        meeting.wait()
        found.append(half(x).item())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [2.0] * 8


def test_the_first_call_raises_as_later_ones_do():
    @op
    def broken(x):
        raise ValueError("nothing fits")

    said = []
    for _ in range(2):
        with pytest.raises(ValueError, match="broken: nothing fits") as caught:
            broken(leaf(1.0))
        said.append(str(caught.value))
        with pytest.raises(TypeError, match="unknown argument 'z'"):
            broken(leaf(1.0), z=1)
    assert said[0] == said[1]


def test_results_are_plain_tensors():
    class Named(Tensor):
        pass

    y = Named([1.0]) * 2
    assert type(y) is Tensor
    assert type(make(np.ones(1))) is Tensor


def test_an_input_called_as_the_output_is_refused():
    with pytest.raises(TypeError, match=r"both: an argument cannot be called 'y'.*rename it"):

        @op
        def both(x, y):
            return x + y


def test_a_body_that_calls_an_op_on_a_tensor_is_told_so(scratch):
    w = mt.ones(2)

    @op
    def scaled_by_w(x):
        return (w.sqrt() * 2).numpy() * x

    with pytest.raises(RuntimeError, match="sqrt: called on a Tensor inside the body") as caught:
        scaled_by_w(mt.ones(2))
    assert "in minitorch.scaled_by_w" in caught.value.__notes__[0]


def test_options_may_go_by_any_name_that_the_text_of_a_call_does_not_use(scratch):
    @op
    def scaled(x, *, mode, dtype, t, given):
        return x * mode * dtype * t * given

    scaled.grad(x=lambda g, mode, dtype, t, given: g * mode * dtype * t * given)
    x = mt.ones(2).requires_grad_()
    scaled(x, mode=2.0, dtype=3.0, t=5.0, given=7.0).sum().backward()
    assert x.grad.tolist() == [210.0, 210.0]
    with pytest.raises(TypeError, match=r"odd: an argument cannot be called 'node'.*rename it"):

        @op
        def odd(x, *, node):
            return x * node


def test_a_composite_takes_other_names_and_says_what_is_missing():
    x = mt.tensor([[3.0, 1.0], [2.0, 4.0]])
    assert mt.sort(input=x, axis=0).values.tolist() == [[2.0, 1.0], [3.0, 4.0]]
    assert x.max(1, keepdims=True).values.shape == (2, 1)
    with pytest.raises(TypeError, match="multiple values"):
        x.max(1, axis=0)
    with pytest.raises(TypeError, match=r"gather.* missing 1 required .* 'index'"):
        mt.gather(x, 0)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'axi'"):
        x.sort(axi=0)


def test_the_words_of_the_ops_are_numpys():
    from minitorch.words import np as words

    assert words.exp is np.exp
    assert words.float32 is np.float32
    assert words.linalg is np.linalg
    assert not hasattr(words, "a name that NumPy lacks")
