"""Functions of functions: gradients, Jacobians and products, as functions of a function."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import minitorch as mt
from minitorch import func
from minitorch.autograd import functional
from minitorch.tensor import Tensor
from tests.helpers import tanh_derivative, vector


def test_gradient_of_tanh_at_one():
    assert func.grad(mt.tanh)(1.0).item() == pytest.approx(0.41997434, abs=1e-7)
    x = Tensor(1.0, "float64")
    assert func.grad(mt.tanh)(x).item() == pytest.approx(1 - np.tanh(1) ** 2, rel=1e-14)
    assert not x.requires_grad


def test_grad_nests_six_times():
    f = mt.tanh
    for _ in range(6):
        f = func.grad(f)
    exact = tanh_derivative(6, 0.5)
    got = f(Tensor(0.5, "float64"))
    assert got.item() == pytest.approx(exact, rel=1e-10)
    assert not got.requires_grad


def test_the_inner_variable_is_not_the_outer_one():
    inner = lambda x: func.grad(lambda y: x * y)(x)
    assert func.grad(inner)(3.0).item() == 1
    assert func.grad(lambda x: x * inner(x))(3.0).item() == 6


def test_a_gradient_depends_on_what_the_function_closes_over():
    w = vector(3.0)
    g = func.grad(lambda x: (w * x * x).sum())(Tensor([2.0], "float64"))
    assert g.item() == 12
    g.sum().backward()
    assert w.grad.item() == 4


def test_transforms_work_under_no_grad():
    with mt.no_grad():
        g = func.grad(lambda x: x * x)(3.0)
    assert g.item() == 6
    assert not g.requires_grad


def test_argnums():
    f = lambda a, b: (a * a * b).sum()
    a, b = Tensor([2.0]), Tensor([5.0])
    assert func.grad(f, 1)(a, b).item() == 4
    da, db = func.grad(f, (0, 1))(a, b)
    assert (da.item(), db.item()) == (20, 4)
    assert func.grad(f, -1)(a, b).item() == 4
    with pytest.raises(ValueError, match="argnums 2, but there are 2 arguments"):
        func.grad(f, 2)(a, b)


def test_value_and_aux():
    f = lambda x: ((x * x).sum(), {"twice": x * 2})
    g, aux = func.grad(f, has_aux=True)(Tensor([3.0]))
    assert (g.item(), aux["twice"].item()) == (6, 6)
    assert not aux["twice"].requires_grad
    (value, aux), g = func.value_and_grad(f, has_aux=True)(Tensor([3.0]))
    assert (value.item(), g.item(), aux["twice"].item()) == (9, 6, 6)
    g, value = func.grad_and_value(lambda x: x * x)(3.0)
    assert (g.item(), value.item(), value.requires_grad) == (6, 9, False)


Point = namedtuple("Point", "x y")


def test_nested_arguments_give_nested_gradients():
    tree = {"a": Tensor([2.0]), "b": [Tensor([3.0]), (Tensor([5.0]), 7)], "p": Point(1.0, 2.0)}
    f = lambda t: (t["a"] * t["b"][0] * t["b"][1][0] * t["b"][1][1] + t["p"].x * t["p"].y).sum()
    g = func.grad(f)(tree)
    assert g["a"].item() == 3 * 5 * 7
    assert g["b"][0].item() == 2 * 5 * 7
    assert g["b"][1][0].item() == 2 * 3 * 7
    assert g["b"][1][1] is None
    assert (g["p"].x.item(), g["p"].y.item()) == (2, 1)
    assert isinstance(g["p"], Point)


def test_grad_needs_one_number():
    with pytest.raises(ValueError, match=r"grad: the function returned \(2,\).*jacrev"):
        func.grad(lambda x: x * 2)(Tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match="no floating-point Tensor or number in argument 0"):
        func.grad(lambda x: x * 2)(Tensor([1, 2]))
    with pytest.raises(TypeError, match="returned a float"):
        func.grad(lambda x: 1.0)(2.0)


def test_a_constant_function_has_gradient_zero():
    assert func.grad(lambda x: Tensor(3.0))(2.0).item() == 0
    (z,) = func.vjp(lambda x: Tensor([3.0]), Tensor([1.0]))[1](Tensor([1.0]))
    assert z.item() == 0
    assert func.jvp(lambda x: Tensor([3.0]), (Tensor([1.0]),), (Tensor([1.0]),))[1].item() == 0


def test_elementwise_grad():
    x = Tensor([0.5, 1.0], "float64")
    g = func.elementwise_grad(mt.tanh)(x)
    np.testing.assert_allclose(g.numpy(), 1 - np.tanh([0.5, 1.0]) ** 2)
    second = func.elementwise_grad(func.elementwise_grad(lambda x: x * x * x))(x)
    np.testing.assert_allclose(second.numpy(), [3, 6])


def mixed(a, b):
    """A function of two inputs with a Jacobian that is not square."""
    return (a.reshape(3, 1) * b.reshape(1, 2)).exp()


def test_jacobian_row_by_row():
    rng = np.random.default_rng(0)
    a, b = Tensor(rng.standard_normal(3)), Tensor(rng.standard_normal(2))
    ja, jb = func.jacrev(mixed, (0, 1))(a, b)
    y = np.exp(np.outer(a.numpy(), b.numpy()))
    np.testing.assert_allclose(ja.numpy(), np.einsum("ij,j,ik->ijk", y, b.numpy(), np.eye(3)))
    np.testing.assert_allclose(jb.numpy(), np.einsum("ij,i,jk->ijk", y, a.numpy(), np.eye(2)))
    assert not ja.requires_grad


def test_jvp_is_the_jacobian_times_v_and_vjp_its_transpose():
    rng = np.random.default_rng(1)
    a, b, va, vb = (Tensor(rng.standard_normal(n)) for n in (3, 2, 3, 2))
    g = Tensor(rng.standard_normal((3, 2)))
    ja, jb = (j.numpy() for j in func.jacrev(mixed, (0, 1))(a, b))
    y, jv = func.jvp(mixed, (a, b), (va, vb))
    np.testing.assert_allclose(jv.numpy(), ja @ va.numpy() + jb @ vb.numpy())
    np.testing.assert_allclose(y.numpy(), mixed(a, b).numpy())
    _, pull = func.vjp(mixed, a, b)
    for _ in range(2):
        da, db = pull(g)
        np.testing.assert_allclose(da.numpy(), np.einsum("ij,ijk->k", g.numpy(), ja))
        np.testing.assert_allclose(db.numpy(), np.einsum("ij,ijk->k", g.numpy(), jb))


def test_jvp_of_several_outputs_and_with_aux():
    x, v = Tensor([1.0, 2.0]), Tensor([1.0, 10.0])
    (y, jv) = func.jvp(lambda x: {"two": x * 2, "square": x * x}, (x,), (v,))
    np.testing.assert_array_equal(jv["two"].numpy(), [2, 20])
    np.testing.assert_array_equal(jv["square"].numpy(), [2, 40])
    assert set(y) == {"two", "square"}
    assert func.jvp(lambda x: (x * 2, "said"), (x,), (v,), has_aux=True)[2] == "said"
    assert func.vjp(lambda x: (x * 2, "said"), x, has_aux=True)[2] == "said"


def test_jvp_nests_into_a_second_derivative():
    one = Tensor(1.0, "float64")
    cube = lambda x: x * x * x
    slope = lambda x: func.jvp(cube, (x,), (one,))[1]
    _, second = func.jvp(slope, (Tensor(2.0, "float64"),), (one,))
    assert second.item() == 12


def test_products_take_vectors_of_the_right_shape():
    x = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"jvp: vectors of shape \[\(3,\)\], expected \[\(2,\)\]"):
        func.jvp(mt.tanh, (x,), (mt.ones(3),))
    with pytest.raises(ValueError, match=r"vjp: vectors of shape \[\(\)\]"):
        func.vjp(mt.tanh, x)[1](1.0)


def test_hessian_of_a_quadratic_is_its_matrix():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((3, 3))
    A = A + A.T
    f = lambda x: (x.reshape(3, 1) * mt.Tensor(A) * x.reshape(1, 3)).sum() / 2
    x = Tensor(rng.standard_normal(3))
    np.testing.assert_allclose(func.hessian(f)(x).numpy(), A, atol=1e-14)
    np.testing.assert_allclose(functional.hessian(f, x).numpy(), A, atol=1e-14)
    v = Tensor(rng.standard_normal(3))
    value, hv = functional.hvp(f, x, v)
    np.testing.assert_allclose(hv.numpy(), A @ v.numpy())
    assert value.item() == pytest.approx(x.numpy() @ A @ x.numpy() / 2)
    np.testing.assert_allclose(functional.vhp(f, x, v)[1].numpy(), A @ v.numpy())


def test_blocks_of_a_hessian():
    a, b = Tensor([1.0, 2.0], "float64"), Tensor([3.0, 4.0], "float64")
    f = lambda a, b: (a * a * b).sum()
    (aa, ab), (ba, bb) = functional.hessian(f, (a, b))
    np.testing.assert_array_equal(aa.numpy(), np.diag([6.0, 8.0]))
    np.testing.assert_array_equal(ab.numpy(), np.diag([2.0, 4.0]))
    np.testing.assert_array_equal(ba.numpy(), np.diag([2.0, 4.0]))
    assert not bb.numpy().any()
    _, (ha, hb) = functional.hvp(f, (a, b), (mt.ones(2, dtype="float64"),) * 2)
    np.testing.assert_array_equal(ha.numpy(), [8, 12])
    np.testing.assert_array_equal(hb.numpy(), [2, 4])


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_functional_agrees_with_torch(name):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal(3), rng.standard_normal(2)
    scalar = name in ("hessian", "hvp", "vhp")

    def f(a, b):
        y = (a.reshape(3, 1) * b.reshape(1, 2)).exp()
        return y.sum() if scalar else (y, (a * a).sum())

    v = {
        "vjp": (rng.standard_normal((3, 2)), rng.standard_normal(())),
        "jvp": (rng.standard_normal(3), rng.standard_normal(2)),
        "hvp": (rng.standard_normal(3), rng.standard_normal(2)),
        "vhp": (rng.standard_normal(3), rng.standard_normal(2)),
    }.get(name)
    ours = [(Tensor(a), Tensor(b))] + ([] if v is None else [tuple(map(Tensor, v))])
    theirs = [(torch.tensor(a), torch.tensor(b))]
    theirs += [] if v is None else [tuple(torch.tensor(x) for x in v)]
    got = getattr(functional, name)(f, *ours)
    want = getattr(torch.autograd.functional, name)(f, *theirs)
    _same(got, want)


def _same(got, want):
    if isinstance(got, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            _same(g, w)
    else:
        assert not got.requires_grad
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-10, atol=1e-12)


def test_functional_with_create_graph():
    x = vector(2.0)
    j = functional.jacobian(lambda x: x * x * x, x, create_graph=True)
    j.sum().backward()
    assert x.grad.item() == 12
    assert not functional.jacobian(lambda x: x * x * x, x).requires_grad


def test_functional_needs_v_for_many_numbers():
    with pytest.raises(RuntimeError, match="more than one number"):
        functional.jvp(mt.tanh, Tensor([1.0, 2.0]))


def test_vectors_belong_to_the_keys_of_dicts_and_not_to_their_order():
    x = {"a": Tensor([1.0, 2.0]), "b": Tensor([3.0, 5.0])}
    v = {"b": Tensor([1.0, 0.0]), "a": Tensor([1.0, 1.0])}
    f = lambda p: p["a"] * p["b"].sum()
    wanted = [8.0 + 1.0, 8.0 + 2.0]
    np.testing.assert_array_equal(func.jvp(f, (x,), (v,))[1], wanted)
    np.testing.assert_array_equal(func.linearize(f, x)[1](v), wanted)
    _, pull = func.vjp(lambda y: {"s": y * 2, "t": y * 3}, Tensor([1.0, 1.0]))
    np.testing.assert_array_equal(
        pull({"t": Tensor([0.0, 1.0]), "s": Tensor([1.0, 0.0])})[0], [2, 3]
    )
    with pytest.raises(ValueError, match=r"jvp: vectors under \['a', 'c'\], expected \['a', 'b'\]"):
        func.jvp(f, (x,), ({"a": v["a"], "c": v["b"]},))


def test_an_argument_is_named_once():
    with pytest.raises(ValueError, match=r"argnums \(0, -2\) names an argument twice"):
        func.grad(lambda x, y: x * y, argnums=(0, -2))(1.0, 2.0)


@pytest.mark.parametrize("returned", [vector(1.0, 2.0), (vector(1.0), 1, 2), None])
def test_aux_is_the_second_of_two(returned):
    with pytest.raises(
        TypeError, match=r"with has_aux=True the function must return \(output, aux"
    ):
        func.grad(lambda x: returned, has_aux=True)(1.0)


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_vectors_of_a_matrix_move(name):
    A, D = Tensor([[2.0, 1.0], [1.0, 5.0]]), Tensor([[1.0, 0.5], [0.5, 2.0]])
    f = lambda A: tuple(getattr(mt.linalg, name)(A))
    wanted = [
        (plus.array - minus.array) / 2e-2 for plus, minus in zip(f(A + 1e-2 * D), f(A - 1e-2 * D))
    ]
    for got, want in zip(func.jvp(f, (A,), (D,))[1], wanted):
        assert abs(want).max() > 0.01
        np.testing.assert_allclose(got, want, atol=1e-3)
