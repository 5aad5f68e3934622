"""Few numbers take ways of their own, which must lead to where the others do."""

from __future__ import annotations

from contextlib import nullcontext, suppress

import numpy as np
import pytest

import minitorch as mt
from minitorch import few
from minitorch.few import (
    FEW,
    add_up,
    add_up_beside,
    adder,
    average_beside,
    few_constants,
    fold,
    is_few,
    repeated,
    within,
)
from minitorch.meta import Meta
from minitorch.ops.places import (
    Places,
    all_below,
    all_differ,
    each_once,
    places,
    places_found,
    places_of_labels,
)
from tests.helpers import none_are_few
from tests.table import Row
from tests.test_table import as_tensors, every_row, parts, run


def _results(row: Row) -> list:
    args = as_tensors(row)
    ys = parts(run(row, args))
    rng = np.random.default_rng(0)
    for y in ys:
        if y.requires_grad:
            y.backward(mt.tensor(rng.standard_normal(y.shape), dtype=y.dtype), retain_graph=True)
    grads = [a.grad for a in args if isinstance(a, mt.Tensor) and a.grad is not None]
    return [t.detach().numpy() for t in (*ys, *grads)]


@every_row
def test_few_and_many_agree(row: Row):
    if row.op in ("dropout", "rrelu") or not row.meta:
        pytest.skip("random, or of a size that depends on values")
    quick = _results(row)
    with none_are_few():
        usual = _results(row)
    assert len(quick) == len(usual)
    for a, b in zip(quick, usual):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# numbers ----------------------------------------------------------------------------------------


def test_each_once_is_for_indices_that_count_from_the_front():
    assert each_once(np.array([2, 0, 1]))
    assert each_once(np.array([[2], [0]]))
    twice, from_the_end, empty = np.array([1, 1]), np.array([0, -1]), np.zeros(0, int)
    for index in (twice, from_the_end, empty, np.arange(33), np.array([1], "i4"), 1, np.True_):
        assert not each_once(index)


def test_constants_of_few_are_for_few_floats_with_axes():
    third = few_constants(1 / 3, 2)
    for dtype in ("float32", "float64"):
        one, two = third(np.ones((2, 3), dtype))
        assert (one.dtype, one.shape, two) == (dtype, (), 2)
        assert one == np.asarray(1 / 3, dtype)
    others = [np.ones(3, dtype) for dtype in ("float16", "int64", "bool")]
    for x in (*others, np.ones(()), np.ones(FEW + 1), Meta((3,), "float32")):
        assert third(x) is None


def test_a_dim_of_another_type_is_not_remembered_for_the_right_one():
    x = mt.rand(4, 7)
    for wrong in (True, 1.0, (0, 1), None):
        with pytest.raises(TypeError, match="dim"):
            mt.softmax(x, wrong)
    assert mt.softmax(x, np.int64(1)).shape == mt.softmax(x, 1).shape == (4, 7)
    assert x.var(1).shape == (4,)
    v = mt.rand(3)
    for bad, good in (
        (lambda: mt.diag_embed(v, 1.0), lambda: mt.diag_embed(v, 1)),
        (lambda: v.split([1.0, 2.0]), lambda: v.split([1, 2])),
    ):
        with suppress(TypeError):  # unless what is right was asked before
            bad()
        good()


# sums -------------------------------------------------------------------------------------------

SHAPES = [(), (1,), (5,), (3, 4), (1, 4), (4, 1), (0, 4), (4, 0), (2, 3, 4)]


def _dims(ndim: int) -> list:
    one = [*range(-ndim, ndim)]
    return [None, *one, *[(d,) for d in one], *([tuple(range(ndim))] if ndim else [])]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_numpys(shape, dtype):
    x = (np.random.default_rng(0).standard_normal(shape) * 4).astype(dtype)
    for dim in _dims(len(shape)):
        for keepdim in (False, True):
            y, want = add_up(x, dim, keepdim), x.sum(dim, None, None, keepdim)
            assert (y.shape, y.dtype) == (want.shape, want.dtype)
            np.testing.assert_allclose(y, want, rtol=1e-2 if dtype == "float16" else 1e-5)
        add = adder(x, dim)
        assert (add is None) == (
            dim is None or not shape or not x.size or dtype[0] != "f" or dtype == "float16"
        )
        beside, want = add_up_beside(x, dim), x.sum(dim, keepdims=True)
        assert beside.shape in (want.shape, x.shape)
        np.testing.assert_allclose(x * 0 + beside, x * 0 + want, rtol=1e-2 * (dtype != "float64"))


@pytest.mark.parametrize("dim", [2, -3, (0, 0), (0, 2), (1, -1)])
def test_a_wrong_dim_is_not_taken(dim):
    with pytest.raises(ValueError):
        add_up(np.ones((2, 2)), dim)
    with pytest.raises(ValueError):
        add_up_beside(np.ones((2, 2)), dim)


@pytest.mark.parametrize(
    ("old", "new"),
    [((), (2, 3)), ((1, 1), (2, 3)), ((2, 1), (2, 3)), ((1, 3), (2, 3)), ((3,), (2, 3))],
)
def test_repeated_is_broadcasting(old, new):
    x = np.random.default_rng(0).standard_normal(old).astype(np.float32)
    y = repeated(x, new)
    np.testing.assert_array_equal(y, np.broadcast_to(x, new))
    assert y.dtype == np.float32


def test_the_infinite_stays_in_its_row():
    x = np.array([[np.inf, 1.0], [np.nan, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(add_up(x, 1), [np.inf, np.nan, 3.0])
    np.testing.assert_array_equal(repeated(x[:, :1], (3, 2))[:, 1], [np.inf, np.nan, 1.0])


def test_within_is_sure_of_what_it_says():
    assert within(np.array([3.0, -3.9]), 8)
    assert not within(np.array([9.0]), 8)
    for odd in (np.nan, np.inf, -np.inf):
        assert not within(np.array([0.0, odd]), 8)
    assert not within(np.array([1, 2]), 8)
    assert not within(np.zeros(64 * few.FEW + 1), 8)
    assert is_few(np.zeros(few.FEW))
    assert not is_few(np.zeros(few.FEW + 1))


# places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_places_are_what_an_index_along_an_axis_means(dim, dtype, order):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.standard_normal((2, 3, 4)), order=order)
    sizes = [2, 3, 4]
    sizes[dim] = 5
    index = rng.integers(0, x.shape[dim], sizes).astype(dtype)
    at = Places(places(index, dim, x.shape))
    want = np.take_along_axis(x, index.astype(int), dim)
    np.testing.assert_array_equal(at.read(x), want)
    added = np.zeros(x.shape)
    at.add(added, want)
    grid = list(np.indices(sizes))
    grid[dim] = index.astype(int)
    plain = np.zeros(x.shape)
    np.add.at(plain, tuple(grid), want)
    np.testing.assert_array_equal(added, plain)


@pytest.mark.parametrize("order", ["C", "F"])
def test_places_are_written_in_any_layout(order):
    y = np.zeros((2, 3), order=order)
    Places(np.array([1, 5])).write(y, np.array([7.0, 8.0]))
    np.testing.assert_array_equal(y, [[0.0, 7.0, 0.0], [0.0, 0.0, 8.0]])
    Places(np.array([[0], [3]])).write(y, 2.0)
    np.testing.assert_array_equal(y, [[2.0, 7.0, 0.0], [2.0, 0.0, 8.0]])


def test_all_below():
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint64"):
        assert all_below(np.array([[0, 3], [2, 1]], dtype), 4)
        assert not all_below(np.array([0, 4], dtype), 4)
    assert not all_below(np.array([0, -1]), 4)
    assert not all_below(np.array([], int), 4)
    assert not all_below(np.array([True]), 4)


def test_an_index_from_the_end_or_out_of_range_is_still_noticed():
    x = mt.arange(6.0).reshape(2, 3)
    assert x.gather(1, [[-1], [0]]).tolist() == [[2.0], [3.0]]
    with pytest.raises(IndexError):
        x.gather(1, [[3], [0]])
    with pytest.raises(IndexError):
        x.scatter(1, mt.tensor([[0], [-4]]), 1.0)


# float16, which ends at 65,504 -----------------------------------------------------------------

F = mt.nn.functional


@pytest.mark.parametrize("size", [nullcontext, none_are_few])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.mean(1),
        lambda x: x.var(1),
        lambda x: x.std(1),
        lambda x: x.norm(dim=1),
        lambda x: F.layer_norm(x, x.shape[1:]),
        lambda x: F.rms_norm(x, x.shape[1:]),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: x.softmax(1),
        lambda x: x.log_softmax(1),
        lambda x: x.logsumexp(1),
    ],
    ids=[
        "mean",
        "var",
        "std",
        "norm",
        "layer_norm",
        "rms_norm",
        "batch_norm",
        "softmax",
        "log_softmax",
        "logsumexp",
    ],
)
def test_float16_is_added_up_in_float32(function, size):
    values = np.array([[300.0, -320.0, 310.0, 290.0], [0.5, 1.0, 0.25, 0.75]])
    if function(mt.tensor(values)).shape == (2,):
        values[0] /= 2  # a variance has to fit, too
    half, full = (
        mt.tensor(values, dtype=dtype, requires_grad=True) for dtype in ("float16", "float32")
    )
    with size():
        for x in (half, full):
            y = function(x)
            assert y.dtype == x.dtype
            g = mt.tensor([0.5, 0.25], dtype=x.dtype)
            y.backward(g if y.ndim == 1 else g.unsqueeze(1).expand(y.shape))
            assert x.grad.dtype == x.dtype
    np.testing.assert_allclose(
        function(half).detach().numpy(), function(full).detach().numpy(), rtol=4e-3, atol=4e-3
    )
    np.testing.assert_allclose(half.grad.numpy(), full.grad.numpy(), rtol=1e-2, atol=4e-3)


@pytest.mark.parametrize("dim", [1, (1,), (0, 1), 0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_averages_are_numpys(dim, dtype):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(dtype)
    y, want = average_beside(x, dim, 4), x.sum(dim, keepdims=True) / 4
    assert y.dtype == x.dtype
    np.testing.assert_allclose(
        np.broadcast_to(want, x.shape) - y, 0, atol=1e-2 if dtype == "float16" else 1e-6
    )


def test_places_of_labels_point_to_their_classes():
    x = np.arange(24).reshape(2, 3, 4)
    for dtype in (np.int64, np.uint8):
        labels = np.array([[0, 2, 1, 0], [2, 1, 0, 1]], dtype)
        want = np.take_along_axis(x, labels[:, None].astype(int), 1)[:, 0]
        assert (places_of_labels(labels, 1, x.shape).read(x) == want).all()


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 1), (1, 1), (3, 4)])
def test_folding_sums_down_to_a_shape_or_leaves_it_to_others(shape):
    x = np.random.default_rng(0).standard_normal((3, 4))
    y = fold(x, shape)
    if shape == (3, 4):
        assert y is None
        return
    assert y.shape == shape
    extra = (1,) * (2 - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(extra) if n == 1)
    np.testing.assert_allclose(y, x.sum(axes).reshape(shape), rtol=1e-12)


def test_places_that_were_found_are_those_that_are_looked_at():
    x = np.arange(12.0).reshape(3, 4)
    for dim, index in ((1, [[3, 0], [1, 1], [2, 0]]), (0, [[2, 0, 1, 1]])):
        index = np.array(index)
        want = np.take_along_axis(x, index, dim)
        assert (x.reshape(-1)[places_found(index, dim, x.shape)] == want).all()
        assert (x.reshape(-1)[places(index, dim, x.shape)] == want).all()
    with pytest.raises(IndexError):
        places(np.array([[4]]), 1, (3, 4))


def test_places_tell_whether_one_is_named_twice():
    assert all_differ(np.array([3, 0, 2]), 4)
    assert not all_differ(np.array([3, 0, 3]), 4)
    many = np.arange(100)[::-1].copy()
    assert all_differ(many, 100)
    many[7] = 8
    assert not all_differ(many, 100)


LABELS = mt.tensor([2, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_the_losses_of_few_labels_have_one_gradient_recorded_or_not(loss, reduction):
    x = mt.tensor([[0.5, -1.0, 0.1], [0.3, 0.2, -2.0]], dtype=mt.float64).log_softmax(1)
    found = []
    for record in (False, True):
        leaf = x.detach().requires_grad_()
        y = getattr(mt.nn.functional, loss)(leaf, LABELS, reduction=reduction)
        (g,) = mt.autograd.grad(y * 3, leaf, create_graph=record)
        found.append(g.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("shape", [(64, 10), (3, 400), (1, 1), (1600, 10), (2000, 10)])
def test_the_cross_entropy_of_a_batch_is_the_same_by_blas_and_by_numpy(shape, reduction):
    rng = np.random.default_rng(5)
    x = 3 * rng.standard_normal(shape)
    labels = mt.from_numpy(rng.integers(0, shape[1], shape[0]))

    def run(record=False):
        leaf = mt.tensor(x, requires_grad=True)
        y = mt.nn.functional.cross_entropy(leaf, labels, reduction=reduction)
        (g,) = mt.autograd.grad(y, leaf, create_graph=record)
        return y.item(), g.detach().numpy()

    with none_are_few():
        loss, slope = run()
    for record in (False, True):
        quick = run(record)
        np.testing.assert_allclose(quick[0], loss, rtol=1e-12)
        np.testing.assert_allclose(quick[1], slope, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("far", [81.0, 300.0, -300.0, np.inf, -np.inf, np.nan])
def test_the_cross_entropy_of_few_logits_far_apart_is_that_of_many(far):
    def run():
        x = mt.tensor([[far, 0.0, 1.0], [2.0, far, 0.5]], requires_grad=True)
        y = mt.nn.functional.cross_entropy(x, LABELS)
        y.backward()
        return y.item(), x.grad.numpy()

    quick = run()
    with none_are_few():
        usual = run()
    np.testing.assert_allclose(quick[0], usual[0], rtol=1e-6)
    np.testing.assert_allclose(quick[1], usual[1], rtol=1e-6, atol=1e-12)


def test_few_equal_numbers_are_standardized_to_nearly_nothing():
    for n in (2, 3, 7):
        x = mt.full((2, n), 1000.0, requires_grad=True)
        y = mt.nn.functional.layer_norm(x, (n,))
        assert y.abs().max().item() < 0.05  # what rounding leaves of 1000, over √ε


def test_few_rows_far_from_0_are_standardized_as_well_as_many():
    x = np.random.default_rng(0).standard_normal((4, 7)) + 1000
    want = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    y = mt.nn.functional.layer_norm(mt.from_numpy(x.astype(np.float32)), (7,))
    np.testing.assert_allclose(y.numpy(), want, atol=1e-3)
