"""Products: errors, empty sizes, dtypes, and what is saved; values and slopes are in the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch
from minitorch.op import REGISTRY
from minitorch.tensor import ShapeError, Tensor

LESSONS = ["matmul_loops", "matmul_rows", "matmul_broadcast", "matmul_einsum"]


def ones(*shape: int, **options) -> Tensor:
    return Tensor(np.ones(shape, np.float32), **options)


def call(name: str, *args):
    return REGISTRY[name].call(*args)


# shapes that have no product ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ((2, 3), (4, 5), "matmul: (2, 3) @ (4, 5): 3 != 4"),
        ((2, 3), (4, 3), "matmul: (2, 3) @ (4, 3): 3 != 4; b.mT would fit"),
        ((3,), (4,), "matmul: (3,) @ (4,): 3 != 4"),
        ((3,), (4, 3), "matmul: (3,) @ (4, 3): 3 != 4; b.mT would fit"),
        ((2, 2, 3), (4, 5), "matmul: (2, 2, 3) @ (4, 5): 3 != 4"),
        (
            (2, 3, 4),
            (5, 4, 6),
            "matmul: (2, 3, 4) @ (5, 4, 6): the batches (2,) and (5,) do not broadcast",
        ),
    ],
)
def test_mismatch_says_both_shapes(a, b, text):
    for kind in (ValueError, RuntimeError):
        with pytest.raises(kind) as caught:
            ones(*a) @ ones(*b)
    assert str(caught.value) == text


def test_a_number_is_no_matrix():
    for a, b, name in ((ones(), ones(3), "a"), (ones(3), ones(), "b"), (ones(3), 2.0, "b")):
        with pytest.raises(ShapeError, match=f"matmul: '{name}' is a number.*use \\*"):
            a @ b
    with pytest.raises(TypeError, match=r"matmul: 'b' must be a Tensor.* got NoneType"):
        minitorch.matmul(ones(3), None)


@pytest.mark.parametrize(
    ("name", "shapes", "text"),
    [
        ("mm", ((2, 3), (3,)), "mm: 'mat2' must have 2 axes, got shape (3,)"),
        ("mm", ((1, 2, 3), (3, 2)), "mm: 'input' must have 2 axes"),
        ("bmm", ((2, 3), (3, 2)), "bmm: 'input' must have 3 axes"),
        ("bmm", ((1, 2, 3), (2, 3, 2)), "bmm: (1, 2, 3) @ (2, 3, 2): 1 matrices meet 2"),
        ("mv", ((2, 3), (3, 1)), "mv: 'vec' must have 1 axis, got shape (3, 1)"),
        ("mv", ((3,), (3,)), "mv: 'input' must have 2 axes"),
        ("dot", ((1, 3), (3,)), "dot: 'input' must have 1 axis"),
        ("outer", ((1, 3), (3,)), "outer: 'input' must have 1 axis"),
        ("linear", ((2, 3), (3, 4)), "linear: x is (2, 3) and weight (3, 4)"),
        ("linear", ((2, 3), (3,)), "linear: x is (2, 3) and weight (3,)"),
        ("linear", ((2, 3), (4, 3), (3,)), "linear: bias is (3,), expected (4,)"),
        ("linear", ((2, 3), (4, 3), (1,)), "linear: bias is (1,), expected (4,)"),
        ("addmm", ((3, 3), (2, 3), (3, 3)), "broadcast"),
        ("addmm", ((1, 2, 3), (2, 3), (3, 3)), "addmm: the product has shape (2, 3)"),
        ("chain_matmul", ((2, 3), (3,)), "chain_matmul: 'matrices[1]' must have 2 axes"),
        ("matmul_loops", ((2, 3), (4, 5)), "matmul_loops: (2, 3) @ (4, 5): 3 != 4"),
        ("matmul_rows", ((2, 3), (4, 5)), "matmul_rows: (2, 3) @ (4, 5): 3 != 4"),
        ("matmul_broadcast", ((2, 3), (4, 5)), "matmul_broadcast: (2, 3) @ (4, 5): 3 != 4"),
        ("matmul_einsum", ((2, 3), (4, 5)), "matmul_einsum: (2, 3) @ (4, 5): 3 != 4"),
        ("matmul_loops", ((3,), (3, 5)), "matmul_loops: 'a' must have 2 axes"),
        ("tensordot", ((2, 3), (3, 2)), "tensordot: (2, 3) over [0, 1] and (3, 2) over [0, 1]"),
        ("trace", ((2,),), "trace: expected a matrix, got shape (2,)"),
        ("bilinear", ((2, 3), (3, 3), (1, 3, 3)), "bilinear: (2, 3) and (3, 3) with weight"),
    ],
)
def test_wrong_shapes_raise_by_name(name, shapes, text):
    with pytest.raises(ShapeError) as caught:
        getattr(minitorch, name, minitorch.nn.functional.linear)(
            *(ones(*shape) for shape in shapes)
        )
    assert text in str(caught.value)


# dtypes ------------------------------------------------------------------------------------------


def test_two_dtypes_have_no_product():
    single, double, whole = (Tensor(np.ones((2, 2), t)) for t in ("float32", "float64", "int64"))
    for a, b in ((single, double), (whole, single), (single, np.ones((2, 2)))):
        with pytest.raises(TypeError, match=r"matmul: 'a' is .* and 'b' is .*one dtype; convert"):
            a @ b
    with pytest.raises(TypeError, match="linear: 'x' is float64 and 'weight' is float32"):
        minitorch.nn.functional.linear(double, single)
    with pytest.raises(TypeError, match="linear: 'x' is float32 and 'bias' is float64"):
        minitorch.nn.functional.linear(single, single, Tensor(np.ones(2)))
    with pytest.raises(TypeError, match="einsum: 'a' is float32 and 'b' is float64"):
        minitorch.einsum("ij,jk->ik", single, double)
    for name in LESSONS:
        with pytest.raises(TypeError, match=f"{name}: 'a' is float32 and 'b' is float64"):
            call(name, single, double)


def test_integers_stay_integers():
    a = minitorch.tensor([[1, 2], [3, 4]])
    y = a @ a
    assert y.dtype == np.int64
    assert y.tolist() == [[7, 10], [15, 22]]
    assert not y.requires_grad


def test_uint8_is_not_multiplied():
    pixels = Tensor(np.full((2, 2), 200, np.uint8))
    with pytest.raises(TypeError, match="matmul: uint8 arithmetic wraps around"):
        pixels @ pixels


def test_numpy_arrays_take_either_side():
    x = ones(2, 2, requires_grad=True)
    for y in (x @ np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32) @ x):
        assert isinstance(y, Tensor)
        assert y.requires_grad


# nothing to add up -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 0), (0, 3)),
        ((0, 3), (3, 2)),
        ((2, 3), (3, 0)),
        ((0,), (0,)),
        ((0,), (0, 3)),
        ((2, 0), (0,)),
        ((2, 2, 0), (0, 3)),
        ((0, 2, 3), (3, 2)),
        ((0, 2, 3), (0, 3, 2)),
        ((2, 3), (0, 3, 2)),
        ((3,), (0, 3, 2)),
    ],
)
def test_empty_sizes_give_zeros_and_empty_gradients(a, b):
    x, w = ones(*a, requires_grad=True), ones(*b, requires_grad=True)
    y = x @ w
    assert y.shape == np.matmul(np.ones(a), np.ones(b)).shape
    assert not y.detach().numpy().any()
    y.sum().backward()
    for t in (x, w):
        assert t.grad.shape == t.shape
        assert not t.grad.numpy().any()


def test_linear_of_no_rows():
    x, w, b = (ones(*shape, requires_grad=True) for shape in ((2, 0, 3), (4, 3), (4,)))
    y = minitorch.nn.functional.linear(x, w, b)
    assert y.shape == (2, 0, 4)
    y.sum().backward()
    assert x.grad.shape == (2, 0, 3)
    assert not w.grad.numpy().any()
    assert not b.grad.numpy().any()


def test_beta_zero_does_not_look_at_the_input():
    nothing = Tensor([[np.nan, np.inf], [0.0, 0.0]], requires_grad=True)
    y = minitorch.addmm(nothing, ones(2, 2), ones(2, 2), beta=0)
    assert y.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    y.sum().backward()
    assert nothing.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_beta_scales_the_input_and_alpha_the_product():
    y = minitorch.addmm(ones(2, 2), ones(2, 2), ones(2, 2), beta=3, alpha=0.5)
    assert y.tolist() == [[4.0, 4.0], [4.0, 4.0]]


# what the tape keeps, and what runs --------------------------------------------------------------


def test_a_constant_side_is_all_that_is_saved():
    a, w = ones(2, 3), ones(3, 2, requires_grad=True)
    y = a @ w
    assert y.node.plan.names == ("a", "b_shape")
    assert (w @ a).node.plan.names == ("b", "a_shape")
    z = minitorch.nn.functional.linear(a, ones(4, 3), ones(4, requires_grad=True))
    assert z.node.plan.names == ()


def test_linear_is_one_node():
    x, w, b = (ones(*shape, requires_grad=True) for shape in ((5, 2, 3), (4, 3), (4,)))
    y = minitorch.nn.functional.linear(x, w, b)
    assert y.grad_fn.name == "linear"
    assert y.grad_fn.parents == (x, w, b)


def test_linear_takes_torchs_names():
    x, w, b = ones(2, 3), ones(4, 3), ones(4)
    y = minitorch.nn.functional.linear(input=x, weight=w, bias=b)
    assert y.tolist() == [[4.0] * 4] * 2
    assert w.tolist() == [[1.0] * 3] * 4  # the bias was added to the result, not to an input


def test_in_place_forms_write():
    y = ones(2, 2)
    alias = y.array
    assert y.addmm_(ones(2, 2), ones(2, 2), beta=2) is y
    assert alias.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def test_chain_multiplies_in_the_cheapest_order():
    shapes = ((10, 100), (100, 5), (5, 50))
    a, b, c = (ones(*s, requires_grad=True) for s in shapes)
    first, second = minitorch.chain_matmul(a, b, c).node.parents
    assert first.shape == (10, 5)  # (10, 100) (100, 5) first: 7,500 steps, not 75,000
    assert second is c


# the lessons -------------------------------------------------------------------------------------

matrices = st.tuples(*[st.integers(1, 5)] * 3, st.integers(0, 2**32 - 1))


@given(matrices)
def test_all_five_agree(sizes):
    n, k, m, seed = sizes
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((n, k), (k, m)))
    want = a @ b
    for name in LESSONS:
        y = call(name, Tensor(a), Tensor(b))
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.numpy(), want, atol=1e-4)


@given(matrices)
def test_a_product_and_its_gradients_are_adjoint(sizes):
    """<g, A x> = <Aᵀ g, x> = <g xᵀ, A>, for every shape."""
    n, k, m, seed = sizes
    rng = np.random.default_rng(seed)
    a, b = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((n, k), (k, m)))
    g = rng.standard_normal((n, m))
    y = a @ b
    y.backward(Tensor(g))
    both = (g * y.detach().numpy()).sum()
    np.testing.assert_allclose((a.grad.numpy() * a.detach().numpy()).sum(), both, atol=1e-9)
    np.testing.assert_allclose((b.grad.numpy() * b.detach().numpy()).sum(), both, atol=1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((3,), (3, 4)), ((3,), (3,))],
)
def test_shapes_are_known_without_values(a, b):
    x, w = (Tensor(np.ones(s), device="meta") for s in (a, b))
    assert (x @ w).shape == np.matmul(np.ones(a), np.ones(b)).shape


# einsum ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "shapes", "text"),
    [
        ("ij,jk->ik", ((2, 3), (4, 4)), "einsum: 'j' is 3 long in one operand, 4 in another"),
        ("ii->i", ((2, 3),), "einsum: 'i' is 2 long in one operand, 3 in another"),
        ("ii->i", ((1, 3),), "einsum: 'i' is 1 and 3 long in 'ii'"),
        ("ij->", ((2,),), "einsum: 'ij' in 'ij->' has 2 letters, for an operand of shape (2,)"),
        ("i->", ((2, 3),), "einsum: 'i' in 'i->' has 1 letters, for an operand of shape (2, 3)"),
        ("ij->k", ((2, 3),), "einsum: 'k' of the result is in no term in 'ij->k'"),
        ("ij->ii", ((2, 3),), "einsum: 'i' of the result stands twice in 'ij->ii'"),
        ("i1->i", ((2, 3),), "einsum: 'i1' in 'i1->i': expected letters, and ... at most once"),
        ("ij,k->i", ((2, 3),), "einsum: 'ij,k->i' has 2 terms, for 1 operands"),
    ],
)
def test_einsum_errors_name_the_letter(equation, shapes, text):
    with pytest.raises(ValueError) as caught:
        minitorch.einsum(equation, *(ones(*shape) for shape in shapes))
    assert str(caught.value) == text


def test_einsum_takes_a_list_of_operands():
    a, b = ones(2, 3), ones(3, 4)
    assert minitorch.einsum("ij,jk->ik", [a, b]).tolist() == (a @ b).tolist()


def test_einsum_that_changes_nothing_is_a_new_tensor():
    x = ones(2, 3)
    y = minitorch.einsum("ij->ij", x)
    assert y is not x
    assert y.tolist() == x.tolist()


def test_einsum_in_the_cheapest_order():
    a, b, c = (ones(*s, requires_grad=True) for s in ((2, 50), (50, 40), (40, 1)))
    left = minitorch.einsum("ij,jk,kl->il", a, b, c)
    best = minitorch.einsum("ij,jk,kl->il", a, b, c, optimize=True)
    np.testing.assert_allclose(left.detach().numpy(), best.detach().numpy())
    assert [p.shape for p in left.node.next_functions] == [(2, 40)]
    assert [p.shape for p in best.node.next_functions] == [(50, 1)]


@given(st.integers(0, 2**32 - 1), st.data())
def test_einsum_is_numpys_for_any_pair(seed, data):
    sizes = dict(zip("abcd", (2, 3, 1, 2)))
    first, second = (data.draw(st.lists(st.sampled_from("abcd"), max_size=3)) for _ in range(2))
    seen = sorted({*first, *second})
    out = data.draw(st.permutations(seen))[: data.draw(st.integers(0, len(seen)))]
    equation = f"{''.join(first)},{''.join(second)}->{''.join(out)}"
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal([sizes[c] for c in term]) for term in (first, second))
    got = minitorch.einsum(equation, Tensor(x), Tensor(w)).numpy()
    np.testing.assert_allclose(got, np.einsum(equation, x, w), atol=1e-10)
