"""Forward mode: tangents that travel along, op by op, against two backwards through the whole."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import func, nn
from minitorch.autograd import Function, forward_ad, grad
from minitorch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from minitorch.tensor import Tensor
from minitorch.utils.checkpoint import checkpoint
from tests.rows import ROWS
from tests.table import Row
from tests.test_table import IDS, as_tensors, parts, run


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng([seed, *shape]).standard_normal(shape))


def forward(f: Any, *pairs: Tensor) -> Any:
    """(value, tangent) of f, given (value, tangent) of each argument in turn."""
    with dual_level():
        return unpack_dual(f(*[make_dual(x, v) for x, v in zip(pairs[::2], pairs[1::2])]))


def assert_close(got: Tensor, want: Tensor) -> None:
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-9, atol=1e-10)


SMOOTH = [(row, name) for row, name in zip(ROWS, IDS) if row.wanted and not row.zero]


@pytest.mark.parametrize("row", [row for row, _ in SMOOTH], ids=[name for _, name in SMOOTH])
def test_every_op_moves_as_its_jacobian_says(row: Row):
    given = [x.detach() if isinstance(x, Tensor) else x for x in as_tensors(row)]
    places = [i for i in row.wanted if isinstance(given[i], Tensor)]
    points = [given[i] for i in places]
    vs = [draw(*x.shape, seed=i) for i, x in enumerate(points)]

    def f(*xs: Tensor) -> tuple:
        mt.manual_seed(0)
        args = list(given)
        for i, x in zip(places, xs, strict=True):
            args[i] = x
        return tuple(parts(run(row, tuple(args))))

    ys, wanted = func.jvp(f, tuple(points), tuple(vs))
    with dual_level():
        found = [unpack_dual(y) for y in f(*[make_dual(x, v) for x, v in zip(points, vs)])]
    for (primal, tangent), y, moved in zip(found, ys, wanted, strict=True):
        assert not primal.requires_grad
        np.testing.assert_array_equal(primal.numpy(), y.numpy())
        if tangent is not None:
            assert tangent.dtype == y.dtype
            assert_close(tangent, moved)
        else:
            assert not y.is_floating_point() or not moved.any()


def test_by_hand():
    x, v = Tensor([1.0, 2.0], "float64"), Tensor([1.0, 10.0], "float64")
    y, moved = forward(lambda x: x * x * 3, x, v)
    assert (y.tolist(), moved.tolist()) == ([3, 12], [6, 120])
    y, moved = forward(lambda a, b: a * b, x, v, Tensor([5.0, 6.0], "float64"), v)
    assert moved.tolist() == [1 * 5 + 1 * 1, 10 * 6 + 10 * 2]
    assert not y.requires_grad
    assert not moved.requires_grad


def test_through_a_model_by_its_inputs_and_by_its_parameters():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.GELU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4),
    ).double()  # fmt: skip
    x = draw(3, 2, 6, 6)
    model.build((2, 6, 6))
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    directions = {name: draw(*p.shape, seed=1) for name, p in parameters.items()}
    call = lambda p, x: nn.functional_call(model, p, (x,))
    _, wanted = func.jvp(call, (parameters, x), (directions, draw(*x.shape)))
    with dual_level():
        duals = {name: make_dual(p, directions[name]) for name, p in parameters.items()}
        _, moved = unpack_dual(call(duals, make_dual(x, draw(*x.shape))))
    assert_close(moved, wanted)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_through_time(kind: str):
    layer = getattr(nn, kind)(3, 4, 2).double().requires_grad_(False)
    f = lambda x: layer(x)[0].tanh().sum(0)
    x, v = draw(5, 2, 3), draw(5, 2, 3, seed=1)
    assert_close(forward(f, x, v)[1], func.jvp(f, (x,), (v,))[1])


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x, x * 2

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x + 2 * h


def test_through_an_op_of_ones_own_a_checkpoint_and_writes_in_place():
    def written(x: Tensor) -> Tensor:
        y = x * 2
        y[0] = x[1] * 7
        y *= x
        return y

    x, v = draw(3), draw(3, seed=1)
    for f in (
        lambda x: sum(Cube.apply(x)),
        lambda x: checkpoint(lambda x: x.exp().sin(), x),
        written,
        lambda x: x.sort()[0].cumsum(0) * x.topk(2).values.sum(),
        lambda x: mt.cat([x, mt.ones(2).double(), x * 2]).split(4)[1],
        lambda x: F.dropout(mt.manual_seed(0) and x, 0.5),
    ):
        assert_close(forward(f, x, v)[1], func.jvp(f, (x,), (v,))[1])


def test_what_does_not_move_has_no_tangent():
    x, v = draw(3), draw(3, seed=1)
    with dual_level():
        dual = make_dual(x, v)
        assert unpack_dual(x).tangent is None
        assert unpack_dual(x * 2).tangent is None
        assert unpack_dual(dual.detach() * 2).tangent is None
        with mt.no_grad():
            assert unpack_dual(dual * 2).tangent is None
        assert unpack_dual(dual.argmax()).tangent is None
        y = dual * x
        assert_close(unpack_dual(y).tangent, x * v)
    assert unpack_dual(y).tangent is None  # the level has ended


def test_a_value_can_still_be_differentiated_backwards():
    w, x, v = draw(3).requires_grad_(), draw(3, seed=1), draw(3, seed=2)
    y, moved = forward(lambda x: w * x, x, v)
    assert grad(y.sum(), w)[0].tolist() == x.tolist()
    assert_close(moved, w.detach() * v)
    y, moved = forward(lambda w: w * x, w, v)
    assert grad(y.sum(), w)[0].tolist() == x.tolist()
    assert not moved.requires_grad


def test_the_ops_that_take_tangents_along_are_on_no_tape():
    x, v = draw(3), draw(3, seed=1)
    with mt.tape() as records, dual_level():
        make_dual(x, v).tanh()
    assert [record.name for record in records] == ["clone", "tanh"]


def test_tangents_die_with_their_values():
    enabled = gc.isenabled()
    gc.disable()
    try:
        with dual_level():
            y = make_dual(draw(3), draw(3, seed=1)).exp()
            tangent = weakref.ref(unpack_dual(y).tangent)
            assert tangent() is not None
            del y
            assert tangent() is None
    finally:
        if enabled:
            gc.enable()


def test_a_level_is_closed_by_an_error_and_does_not_nest():
    x, v = draw(3), draw(3, seed=1)
    with pytest.raises(KeyError), dual_level():
        raise KeyError
    with pytest.raises(RuntimeError, match="make_dual: no level is open"):
        make_dual(x, v)
    refused = pytest.raises(RuntimeError, match=r"does not nest; minitorch\.func\.jvp")
    with dual_level(), refused, dual_level():
        raise AssertionError("two levels are open")

    @dual_level()
    def moved(x: Tensor, v: Tensor) -> Tensor:
        return unpack_dual(make_dual(x, v) ** 2).tangent

    assert_close(moved(x, v), 2 * x * v)
    assert_close(moved(x, v), 2 * x * v)


def test_a_tangent_fits_its_value():
    with dual_level():
        with pytest.raises(ValueError, match=r"tensor has shape \(3,\) and tangent \(2,\)"):
            make_dual(mt.ones(3), mt.ones(2))
        with pytest.raises(TypeError, match=r"float32 .* and tangent float64 .*tangent\.to"):
            make_dual(mt.ones(3), mt.ones(3).double())
        with pytest.raises(TypeError, match="tensor must be a Tensor of floats, got int64"):
            make_dual(mt.tensor([1]), mt.ones(1))
        with pytest.raises(TypeError, match="tangent must be a Tensor of floats, got float"):
            make_dual(mt.ones(1), 1.0)


def test_on_a_gpu_tangents_stay_there(cuda):
    x, v = mt.tensor([1.0, 2.0], device="cuda"), mt.tensor([3.0, 4.0], device="cuda")
    y, moved = forward(lambda x: (x * x).sum(), x, v)
    assert moved.is_cuda
    assert (y.item(), moved.item()) == (5, 22)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_torch_moves_alike():
    torch = pytest.importorskip("torch")
    theirs = torch.autograd.forward_ad
    x, v, w = draw(4, 3), draw(4, 3, seed=1), draw(2, 3, seed=2)
    with theirs.dual_level():
        dual = theirs.make_dual(torch.tensor(x.numpy()), torch.tensor(v.numpy()))
        y = torch.nn.functional.linear(dual, torch.tensor(w.numpy())).softmax(1).logsumexp(0)
        primal, tangent = theirs.unpack_dual(y)
    got = forward(lambda x: F.linear(x, w).softmax(1).logsumexp(0), x, v)
    np.testing.assert_allclose(got.primal.numpy(), primal.numpy(), rtol=1e-12)
    np.testing.assert_allclose(got.tangent.numpy(), tangent.numpy(), rtol=1e-9)
    assert forward_ad.UnpackedDualTensor._fields == theirs.UnpackedDualTensor._fields


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_vectors_of_a_matrix_move(name: str):
    A, D = Tensor([[2.0, 1.0], [1.0, 5.0]]), Tensor([[1.0, 0.5], [0.5, 2.0]])
    f = lambda A: tuple(getattr(mt.linalg, name)(A))
    with dual_level():
        moved = [unpack_dual(y).tangent for y in f(make_dual(A, D))]
    assert all(abs(m.array).max() > 0.01 for m in moved if m is not None)
    for got, want in zip(moved, func.jvp(f, (A,), (D,))[1]):
        assert_close(got, want)


def test_tangents_go_through_a_gradient_which_makes_a_hessian_product():
    x, v = Tensor([1.0, 2.0]), Tensor([1.0, 10.0])
    with dual_level():
        g = func.grad(lambda x: (x**3).sum())(make_dual(x, v))
        primal, tangent = unpack_dual(g)
    assert_close(primal, Tensor([3.0, 12.0]))
    assert_close(tangent, Tensor([6.0, 120.0]))
    assert not primal.requires_grad
    with dual_level():
        y = make_dual(x, v) * 2
    assert not unpack_dual(y).primal.requires_grad  # the point's leaf is nobody's, afterwards too


def test_the_point_can_be_written_to_and_the_tensor_stays():
    x = Tensor([1.0, 2.0])
    with dual_level():
        point = make_dual(x, Tensor([1.0, 10.0]))
        point.mul_(3)
        point[0] = 5.0
        primal, tangent = unpack_dual(point)
    assert_close(primal, Tensor([5.0, 6.0]))
    assert_close(tangent, Tensor([0.0, 30.0]))
    assert_close(x, Tensor([1.0, 2.0]))
