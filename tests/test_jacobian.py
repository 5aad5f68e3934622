"""Jacobians by rows and by columns, products with them, and torch.autograd.functional's options."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import func
from minitorch.autograd import Function, functional
from minitorch.tensor import Tensor
from minitorch.tree import leaves

TALL = np.random.default_rng(4).standard_normal((4, 2))


def both_kinds(a, b):
    """Several outputs of several inputs, laid out in memory in several ways."""
    return {"turned": (a.reshape(3, 1) * b.reshape(1, 2)).T, "sum": (a * a).sum()}


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_rows_and_columns_are_one_matrix(argnums):
    rng = np.random.default_rng(5)
    a, b = Tensor(rng.standard_normal(3)), Tensor(rng.standard_normal(2))
    rows = func.jacrev(both_kinds, argnums)(a, b)
    columns = func.jacfwd(both_kinds, argnums)(a, b)
    assert list(rows) == list(columns) == ["turned", "sum"]
    for got, want in zip(leaves(columns), leaves(rows), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12)
    if argnums == (0, 1):
        np.testing.assert_allclose(
            rows["turned"][0].numpy(), np.einsum("j,ik->jik", b.numpy(), np.eye(3))
        )
        np.testing.assert_allclose(rows["sum"][0].numpy(), 2 * a.numpy())
        assert not rows["sum"][1].numpy().any()


@pytest.mark.parametrize("transform", [func.jacrev, func.jacfwd])
def test_the_jacobian_of_a_transposition_is_a_permutation(transform):
    J = transform(lambda x: x.T)(mt.ones(2, 3)).numpy().reshape(6, 6)
    np.testing.assert_array_equal(J, np.eye(6).reshape(2, 3, 6).transpose(1, 0, 2).reshape(6, 6))


def test_each_way_costs_what_it_says():
    ran = []

    class Counted(Function):
        @staticmethod
        def forward(ctx, x):
            return mt.Tensor(TALL) @ x

        @staticmethod
        def backward(ctx, g):
            ran.append(g.shape)
            return mt.Tensor(TALL.T) @ g

    x = Tensor([1.0, 2.0], "float64")
    np.testing.assert_allclose(func.jacrev(Counted.apply)(x).numpy(), TALL)
    assert len(ran) == 4  # one for each row
    ran.clear()
    np.testing.assert_allclose(func.jacfwd(Counted.apply)(x).numpy(), TALL)
    assert len(ran) == 1  # recorded once, for all columns


def test_the_ways_mix_in_a_second_derivative():
    x = Tensor([1.0, 2.0], "float64")
    cube = lambda x: (x * x * x).sum()
    for outer in (func.jacrev, func.jacfwd):
        for inner in (func.jacrev, func.jacfwd):
            np.testing.assert_allclose(outer(inner(cube))(x).numpy(), np.diag([6.0, 12.0]))


def test_a_hessian_for_each_output():
    x = Tensor([1.0, 2.0], "float64")
    H = func.hessian(lambda x: mt.stack([(x * x * x).sum(), x[0] * x[1], x[0] * 2]))(x)
    assert H.tolist() == [[[6, 0], [0, 12]], [[0, 1], [1, 0]], [[0, 0], [0, 0]]]
    assert func.hessian(lambda x: (x * x).sum(0, keepdim=True))(x).shape == (1, 2, 2)
    both = func.hessian(lambda p: {"y": p["a"] * p["b"]})({"a": x[0], "b": x[1]})
    assert both["y"]["a"]["b"].item() == both["y"]["b"]["a"].item() == 1
    assert both["y"]["a"]["a"].item() == 0


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_torch_gives_the_same_matrices():
    torch = pytest.importorskip("torch")
    a, b = np.random.default_rng(6).standard_normal((2, 3))

    def f(a, b):
        return (a * b).sin(), (a * a * b).sum()

    for name in ("jacrev", "jacfwd", "hessian"):
        for argnums in (0, 1, (0, 1)):
            got = getattr(func, name)(f, argnums)(Tensor(a), Tensor(b))
            want = getattr(torch.func, name)(f, argnums)(torch.tensor(a), torch.tensor(b))
            for g, w in zip(leaves(got), leaves(want), strict=True):
                assert g.shape == tuple(w.shape)
                np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-10, atol=1e-12)


def test_jacobians_of_nothing():
    nothing = mt.ones(0)
    for transform in (func.jacrev, func.jacfwd):
        assert transform(lambda x: x * 2)(nothing).shape == (0, 0)
        assert transform(lambda x: x.sum() * mt.ones(3))(nothing).shape == (3, 0)
        assert transform(lambda x: x[:0])(mt.ones(3)).shape == (0, 3)
        J, aux = transform(lambda x: (x * 2, "said"), has_aux=True)(mt.ones(1))
        assert (J.tolist(), aux) == ([[2.0]], "said")


def test_linearize_runs_the_function_once():
    calls = []

    def f(x, p):
        calls.append(1)
        return x.tanh() * p["scale"]

    x, p = Tensor([0.5, 1.0], "float64"), {"scale": Tensor([2.0, 3.0], "float64")}
    y, push = func.linearize(f, x, p)
    slope = (1 - np.tanh(x.numpy()) ** 2) * p["scale"].numpy()
    for v in (np.array([1.0, 0.0]), np.array([0.3, -2.0])):
        np.testing.assert_allclose(
            push(Tensor(v), {"scale": mt.zeros(2).double()}).numpy(), slope * v
        )
    np.testing.assert_allclose(y.numpy(), np.tanh(x.numpy()) * [2, 3])
    assert len(calls) == 1
    assert not y.requires_grad


def test_products_are_linear_in_a_vector_that_may_be_differentiated():
    x = Tensor([0.5, 1.0], "float64")
    slope = 1 - np.tanh(x.numpy()) ** 2
    _, pull = func.vjp(mt.tanh, x)
    _, push = func.linearize(mt.tanh, x)
    for total in (lambda v: pull(v)[0].sum(), lambda v: push(v).sum()):
        np.testing.assert_allclose(func.grad(total)(mt.ones(2).double()).numpy(), slope)


def test_a_pull_may_be_the_last():
    _, pull = func.vjp(lambda x: x * x, Tensor([3.0]))
    assert pull(mt.ones(1), retain_graph=False)[0].item() == 6
    with pytest.raises(RuntimeError, match="freed"):
        pull(mt.ones(1))
    _, pull = func.vjp(lambda x: x * x * x, Tensor([3.0]))
    assert pull(mt.ones(1), create_graph=True)[0].requires_grad


def test_what_is_no_float_has_no_tangent():
    y, change = func.jvp(lambda x, n: x * n, (Tensor([2.0]), 3), (Tensor([1.0]), None))
    assert (y.item(), change.item()) == (6, 3)
    for primals, tangents, name in (
        (mt.ones(2), (mt.ones(2),), "primals"),
        ((mt.ones(2),), mt.ones(2), "tangents"),
    ):
        with pytest.raises(TypeError, match=rf"jvp: {name} must be a tuple.*\({name[:-1]},\)"):
            func.jvp(mt.tanh, primals, tangents)


def test_a_module_is_differentiated_by_its_parameters():
    model = mt.nn.Linear(2, 1)
    with pytest.raises(TypeError, match="functional_call"):
        func.grad(lambda m: m(mt.ones(1, 2)).sum())(model)
    loss = lambda p: func.functional_call(model, p, mt.ones(1, 2)).square().sum()
    H = func.hessian(loss)(dict(model.named_parameters()))
    assert H["weight"]["weight"].reshape(2, 2).tolist() == [[2, 2], [2, 2]]
    assert H["bias"]["weight"].flatten().tolist() == [2, 2]


# torch.autograd.functional ------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_strategies_give_one_matrix(strategy):
    A = np.array([[2.0, 1.0], [1.0, 4.0]])
    x = Tensor([1.0, 2.0], "float64")
    f = lambda x: x @ mt.Tensor(A) @ x / 2
    options = {"vectorize": True}
    J = functional.jacobian(lambda x: mt.Tensor(TALL) @ x, x, strategy=strategy, **options)
    np.testing.assert_allclose(J.numpy(), TALL)
    H = functional.hessian(f, x, outer_jacobian_strategy=strategy, **options)
    np.testing.assert_allclose(H.numpy(), A)
    with pytest.raises(ValueError, match="strategy must be one of reverse-mode, forward-mode"):
        functional.jacobian(f, x, strategy="sideways")


STRICT = [
    ("jacobian", lambda a, b: (a * b, a.sum()), "output 1 does not depend on input 1"),
    ("jacobian", lambda a, b: mt.ones(2), "output 0 does not depend on any input"),
    ("vjp", lambda a, b: (a * b, mt.ones(2)), "output 1 does not depend on any input"),
    ("jvp", lambda a, b: a * 2, "no output depends on input 1"),
    ("hessian", lambda a, b: (a * 2 + b * b).sum(), "gradient 0 does not depend on any input"),
    ("hessian", lambda a, b: (a * a + b * b).sum(), "gradient 0 does not depend on input 1"),
    ("hvp", lambda a, b: (a * 2 + b * b).sum(), "gradient 0 does not depend on any input"),
    ("vhp", lambda a, b: (a * a).sum(), "output 0 does not depend on input 1"),
]


@pytest.mark.parametrize(("name", "f", "said"), STRICT)
def test_strict_refuses_a_derivative_of_zero(name, f, said):
    inputs = (Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    like = f(*inputs) if name == "vjp" else inputs
    v = () if name in ("jacobian", "hessian") else (like,)
    getattr(functional, name)(f, inputs, *v)
    with pytest.raises(RuntimeError, match=f"{name}: {said}.*strict=True"):
        getattr(functional, name)(f, inputs, *v, strict=True)


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_strict_lets_through_what_depends(name):
    inputs = (Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    v = {"jvp": (inputs,), "hvp": (inputs,), "vhp": (inputs,)}.get(name, ())
    f = lambda a, b: (a * a * b * b).sum()
    loose, strict = (getattr(functional, name)(f, inputs, *v, strict=s) for s in (False, True))
    for a, b in zip(leaves(loose), leaves(strict), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_functional_takes_tensors_of_floats(name):
    call = getattr(functional, name)
    with pytest.raises(TypeError, match=f"{name}: inputs must be a Tensor, got float"):
        call(mt.tanh, 1.0)
    with pytest.raises(TypeError, match=rf"{name}: inputs\[1\] holds int64.*float\(\)"):
        call(lambda a, b: (a * b).sum(), (mt.ones(2), mt.tensor([1, 2])))
