"""vmap: what it gives is what single calls give, stacked; torch.func.vmap is the oracle."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import minitorch as mt
from minitorch import func, nn
from minitorch.func import vmap
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.tensor import Tensor
from minitorch.tree import leaves
from tests.helpers import vector


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng([seed, *shape]).normal(size=shape))


def unbatched(layer):
    """A layer that wants a batch axis, as a function of one example."""
    return lambda x: layer(x[None])[0]


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3, dtype="float64"), (4,)),
    "convolution": (lambda: unbatched(nn.Conv2d(2, 3, 2, dtype="float64")), (2, 5, 4)),
    "layer norm": (lambda: nn.LayerNorm(4, dtype="float64"), (3, 4)),
    "softmax": (lambda: nn.Softmax(-1), (4,)),
    "lstm": (lambda: nn.LSTM(3, 2, dtype="float64"), (5, 3)),
    "a chain": (
        lambda: nn.Sequential(nn.Linear(4, 6, dtype="float64"), nn.GELU(), nn.Flatten(0)),
        (2, 4),
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_under_vmap_is_single_calls_stacked(kind: str):
    """B04."""
    make_layer, shape = LAYERS[kind]
    layer, xs = make_layer(), draw(3, *shape)
    got, singles = vmap(layer)(xs), [layer(x) for x in xs]
    for g, parts in zip(leaves(got), zip(*map(leaves, singles)), strict=True):
        np.testing.assert_array_equal(g.detach().numpy(), mt.stack(parts).detach().numpy())


def test_gradcheck_through_a_mapped_layer():
    """B04."""
    layer = nn.Linear(4, 3, dtype="float64")
    xs = draw(3, 4).requires_grad_()
    f = lambda xs, w, b: vmap(lambda x: nn.functional.linear(x, w, b).tanh(), out_dims=1)(xs)
    assert gradcheck(f, (xs, layer.weight, layer.bias))
    assert gradgradcheck(f, (xs, layer.weight, layer.bias))


def test_parameters_receive_the_sum_over_the_examples():
    layer, xs = nn.Linear(4, 3, dtype="float64"), draw(5, 4)
    (vmap(layer)(xs) ** 2).sum().backward()
    got = layer.weight.grad.numpy()
    layer.zero_grad()
    (layer(xs) ** 2).sum().backward()
    np.testing.assert_allclose(got, layer.weight.grad.numpy(), rtol=1e-12)


def test_per_example_gradients():
    w, xs, ts = draw(3), draw(5, 3), draw(5, seed=1)
    loss = lambda w, x, t: (mt.dot(w, x) - t) ** 2
    got = vmap(func.grad(loss), in_dims=(None, 0, 0))(w, xs, ts).numpy()
    error = xs.numpy() @ w.numpy() - ts.numpy()
    np.testing.assert_allclose(got, 2 * error[:, None] * xs.numpy(), rtol=1e-12)


def test_per_example_gradients_of_a_model():
    model, xs = nn.Linear(3, 2, dtype="float64"), draw(4, 3)
    state = {name: p.detach() for name, p in model.named_parameters()}
    loss = lambda state, x: (nn.functional_call(model, state, x) ** 2).sum()
    got = vmap(func.grad(loss), in_dims=(None, 0))(state, xs)
    for i in range(4):
        model.zero_grad()
        (model(xs[i]) ** 2).sum().backward()
        np.testing.assert_allclose(got["weight"][i].numpy(), model.weight.grad.numpy(), rtol=1e-12)
        np.testing.assert_allclose(got["bias"][i].numpy(), model.bias.grad.numpy(), rtol=1e-12)


def test_a_jacobian_is_a_mapped_pull():
    x, a = draw(3), draw(2, 3)
    _, pull = func.vjp(lambda x: mt.tanh(a @ x), x)
    (rows,) = vmap(pull)(mt.eye(2, dtype="float64"))
    np.testing.assert_allclose(rows.numpy(), func.jacrev(lambda x: mt.tanh(a @ x))(x).numpy())


@pytest.mark.parametrize("in_dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out_dim", [0, 1, 2, -1, -2])
def test_the_axes_in_and_out(in_dim: int, out_dim: int):
    x = draw(2, 3, 4)
    got = vmap(lambda x: 2 * x, in_dim, out_dim)(x).numpy()
    np.testing.assert_array_equal(got, 2 * np.moveaxis(x.numpy(), in_dim, out_dim))


def test_nested_vmap_goes_over_two_axes():
    a, b = draw(2, 5), draw(3, 5)
    table = vmap(vmap(mt.dot, (None, 0)), (0, None))(a, b)
    np.testing.assert_allclose(table.numpy(), a.numpy() @ b.numpy().T, atol=1e-14)


def test_arguments_and_results_are_nested():
    Pair = namedtuple("Pair", "first second")
    xs, ys, c = draw(3, 2), draw(2, 3), draw(2, seed=5)

    def f(given, *, scale):
        assert given["x"].shape == (2,)
        total = given["x"] + given["rest"][0] * given["rest"][1]
        return Pair(total * scale, {"sum": [total.sum()]})

    dims = ({"x": 0, "rest": [1, None]},)
    got = vmap(f, dims, (1, {"sum": 0}))({"x": xs, "rest": [ys, c]}, scale=3.0)
    total = xs.numpy() + ys.numpy().T * c.numpy()
    np.testing.assert_allclose(got.first.numpy(), 3 * total.T)
    np.testing.assert_allclose(got.second["sum"][0].numpy(), total.sum(1))


def test_an_axis_given_for_a_container_is_for_all_in_it():
    got = vmap(lambda pair: pair[0] + pair[1], in_dims=(1,))((draw(2, 3), draw(2, 3, seed=1)))
    np.testing.assert_allclose(got.numpy(), (draw(2, 3) + draw(2, 3, seed=1)).numpy().T)


def test_what_is_no_tensor_goes_to_every_call():
    got = vmap(lambda x, n, flag: x * n if flag else x, in_dims=(0, None, None))(draw(3), 2, True)
    np.testing.assert_array_equal(got.numpy(), 2 * draw(3).numpy())


def test_a_function_may_branch_on_the_values_of_its_example():
    relu = lambda x: x if x.item() > 0 else x * 0
    x = vector(-1.0, 2.0, -3.0, 4.0)
    y = vmap(relu)(x)
    y.sum().backward()
    assert y.tolist() == [0, 2, 0, 4]
    assert x.grad.tolist() == [0, 1, 0, 1]


def test_integers_bools_and_constants_are_stacked():
    ids = mt.tensor([[1, 2], [3, 4]])
    total, even, one = vmap(lambda row: (row.sum(), row % 2 == 0, mt.ones(1)))(ids)
    assert total.tolist() == [3, 7]
    assert total.dtype == "int64"
    assert even.tolist() == [[False, True], [False, True]]
    assert one.tolist() == [[1], [1]]


def test_an_output_that_is_the_same_for_all_comes_without_the_axis():
    w = draw(2)
    squares, kept, n = vmap(lambda x: (x * x, w, 7), out_dims=(0, None, None))(draw(3))
    assert squares.shape == (3,)
    assert kept is w
    assert n == 7
    with pytest.raises(ValueError, match=r"out_dims None .* this one differs"):
        vmap(lambda x: x, out_dims=None)(draw(3))


def test_equal_outputs_are_the_same_and_others_are_not():
    kept = vmap(lambda x: (x, mt.ones(2), float(x.numel()) / 4), out_dims=(0, None, None))(draw(3))
    assert kept[1].tolist() == [1, 1]
    assert kept[2] == 0.25
    for other in (
        lambda x: mt.ones(1 + int(x > 0)),
        lambda x: x.item(),
        lambda x: x if x > 0 else 1,
    ):
        with pytest.raises(ValueError, match="this one differs"):
            vmap(other, out_dims=None)(vector(-1.0, 1.0))


def test_one_output_may_have_its_axis_in_a_tuple():
    assert vmap(lambda x: x, out_dims=(1,))(draw(3, 2)).shape == (2, 3)


def test_results_are_constants_under_no_grad_and_detached_inputs():
    x = vector(1.0, 2.0)
    with mt.no_grad():
        assert not vmap(lambda x: x * x)(x).requires_grad
    assert vmap(lambda x: x * x)(x).requires_grad
    assert not vmap(lambda x: x * x)(x.detach()).requires_grad


def test_a_mapped_batch_is_one_node_in_and_one_out():
    x = vector(*range(5))
    with mt.tape() as tape:
        vmap(lambda x: x * x)(x)
    assert [record.name for record in tape].count("unbind") == 1
    assert [record.name for record in tape].count("stack") == 1


# a batch without examples ---------------------------------------------------------------------


def test_an_empty_batch_has_the_shapes_that_examples_would_have():
    layer = unbatched(nn.Conv2d(2, 3, 2))
    assert vmap(layer, 1, -1)(mt.zeros(2, 0, 5, 4)).shape == (3, 4, 3, 0)
    ids, (kept,) = vmap(lambda x: (x.argmax(), [7]), out_dims=(0, None))(mt.zeros(0, 4))
    assert vmap(lambda n, x: n * x, (None, -1), 1)(2.0, mt.zeros(4, 5, 0)).shape == (4, 0, 5)
    assert ids.shape == (0,)
    assert ids.dtype == "int64"
    assert kept == 7


# random numbers -------------------------------------------------------------------------------


def test_randomness():
    x = mt.ones(4, 1000)
    dropped = lambda x: nn.functional.dropout(x, 0.5)
    before = mt.random.default_generator.get_state()
    with pytest.raises(RuntimeError, match=r"vmap: .* draws random numbers; pass randomness="):
        vmap(dropped)(x)
    assert mt.random.default_generator.get_state() == before
    same = vmap(dropped, randomness="same")(x)
    assert (same == same[0]).all()
    mt.random.default_generator.set_state(before)
    assert mt.equal(same[0], dropped(x[0]))
    mt.random.default_generator.set_state(before)
    different = vmap(dropped, randomness="different")(x)
    mt.random.default_generator.set_state(before)
    assert mt.equal(different, mt.stack([dropped(row) for row in x]))


def test_an_open_layer_is_to_be_built_before():
    with pytest.raises(RuntimeError, match="open layers are built before"):
        vmap(nn.Linear(8))(mt.ones(4, 3))
    assert vmap(nn.Linear(8).build(3))(mt.ones(4, 3)).shape == (4, 8)


def test_same_randomness_moves_the_stream_by_one_draw():
    mt.manual_seed(3)
    vmap(lambda x: x + mt.rand(2), randomness="same")(mt.zeros(5))
    after = mt.rand(1)
    mt.manual_seed(3)
    mt.rand(2)
    assert mt.equal(mt.rand(1), after)


# errors ---------------------------------------------------------------------------------------

ONE = draw(3)
MISTAKES = {
    "no function": (lambda: vmap(3), TypeError, "expected a function, got int"),
    "randomness": (lambda: vmap(mt.exp, randomness="some"), ValueError, "randomness 'some'"),
    "nothing to map": (lambda: vmap(mt.exp, None)(ONE), ValueError, "nothing to map over"),
    "no arguments": (lambda: vmap(lambda: 1)(), ValueError, "nothing to map over"),
    "a number": (lambda: vmap(mt.mul)(ONE, 2.0), ValueError, "in_dims 0 given for a float"),
    "an axis": (lambda: vmap(mt.exp, 1)(ONE), ValueError, r"in_dims 1 given for .* \(3,\)"),
    "an axis below": (lambda: vmap(mt.exp, -2)(ONE), ValueError, "in_dims -2 given"),
    "a 0-d tensor": (lambda: vmap(mt.exp)(ONE.sum()), ValueError, r"of shape \(\)"),
    "sizes": (
        lambda: vmap(mt.addcmul, (0, None, 1))(ONE, 2.0, draw(3, 4)),
        ValueError,
        r"differ: 3 \(axis 0 of \(3,\)\), 4 \(axis 1 of \(3, 4\)\)",
    ),
    "too few dims": (lambda: vmap(mt.mul, (0,))(ONE, ONE), ValueError, "for 2 values"),
    "dims of a kind": (lambda: vmap(mt.exp, ([0],))(ONE), ValueError, "given for a Tensor"),
    "other keys": (lambda: vmap(len, ({"a": 0},))({"b": ONE}), ValueError, "given for a dict"),
    "a dict for none": (lambda: vmap(len, ({"a": 0},))(ONE), ValueError, "given for a Tensor"),
    "dims for a dict": (lambda: vmap(len, ([0],))({"a": ONE}), ValueError, "given for a dict"),
    "a bool": (lambda: vmap(mt.exp, True)(draw(3, 4)), ValueError, "in_dims True"),
    "out_dims": (lambda: vmap(mt.exp, 0, (0, 1))(ONE), ValueError, "out_dims"),
    "too few out_dims": (lambda: vmap(lambda x: (x, x), 0, (0,))(ONE), ValueError, "for 2 values"),
    "a number out": (lambda: vmap(lambda x: 1)(ONE), ValueError, "returned a int, not Tensors"),
    "nothing out": (lambda: vmap(lambda x: None)(ONE), ValueError, "returned a NoneType"),
    "several lengths": (
        lambda: vmap(lambda x: [x] * (1 + int(x > 0)))(mt.tensor([-1.0, 1.0])),
        ValueError,
        "returned 1 or 2 values",
    ),
    "shapes": (
        lambda: vmap(lambda x: mt.zeros(1 + int(x > 0)))(mt.tensor([-1.0, 1.0])),
        ValueError,
        "stack",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_mistakes_are_named(kind: str):
    call, error, text = MISTAKES[kind]
    with pytest.raises(error, match=text):
        call()


# torch ----------------------------------------------------------------------------------------

CASES = {
    "one": (mt.exp, "exp", 0, 0, [(3, 2)]),
    "product": (mt.matmul, "matmul", (0, None), 0, [(5, 2, 3), (3, 4)]),
    "axes": (mt.matmul, "matmul", (1, -1), 2, [(2, 5, 3), (3, 4, 5)]),
    "out at the end": (mt.mul, "mul", (None, 1), -1, [(2,), (2, 3)]),
}


@pytest.mark.parametrize("kind", CASES)
def test_values_and_gradients_are_those_of_torch(kind: str):
    torch = pytest.importorskip("torch")
    ours, theirs, in_dims, out_dims, shapes = CASES[kind]
    xs = [draw(*shape).numpy() for shape in shapes]
    a = [Tensor(x, requires_grad=True) for x in xs]
    b = [torch.tensor(x, requires_grad=True) for x in xs]
    y = vmap(ours, in_dims, out_dims)(*a)
    z = torch.func.vmap(getattr(torch, theirs), in_dims, out_dims)(*b)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    (y * y).sum().backward()
    (z * z).sum().backward()
    for mine, yours in zip(a, b):
        np.testing.assert_allclose(mine.grad.numpy(), yours.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["no arguments", "a number", "an axis", "sizes", "too few dims"])
def test_torch_refuses_the_same(kind: str):
    torch = pytest.importorskip("torch")
    one = torch.zeros(3)
    call = {
        "no arguments": lambda: torch.func.vmap(lambda: 1)(),
        "a number": lambda: torch.func.vmap(torch.mul)(one, 2.0),
        "an axis": lambda: torch.func.vmap(torch.exp, 1)(one),
        "sizes": lambda: torch.func.vmap(torch.mul, (0, 1))(one, torch.zeros(3, 4)),
        "too few dims": lambda: torch.func.vmap(torch.mul, (0,))(one, one),
    }[kind]
    with pytest.raises(ValueError):
        call()
