"""Reductions, scans and order: what a row of the op table cannot say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch import Tensor

INF, NAN = math.inf, math.nan


def gradient(f, x, **options) -> list:
    """d(f(x).sum())/dx as nested lists."""
    x = Tensor(np.array(x, np.float64), requires_grad=True)
    f(x).sum().backward()
    return x.grad.tolist()


def close(a, b) -> None:
    np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-12, atol=1e-12)


# undefined points, by the table -------------------------------------------------------------------

TIED = [[1.0, 3.0, 3.0], [3.0, 2.0, 3.0]]
EVENLY = [[0, 0.25, 0.25], [0.25, 0, 0.25]]


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: x.max(), EVENLY),
        (lambda x: x.amax(), EVENLY),
        (lambda x: x.amax((0, 1), True), EVENLY),
        (lambda x: minitorch.aminmax(x).max, EVENLY),
        (lambda x: (-x).min(), [[-0.0, -0.25, -0.25], [-0.25, -0.0, -0.25]]),
        (lambda x: (-x).amin(), [[-0.0, -0.25, -0.25], [-0.25, -0.0, -0.25]]),
        (lambda x: x.amax(1), [[0, 0.5, 0.5], [0.5, 0, 0.5]]),
        (lambda x: minitorch.aminmax(x, dim=1).max, [[0, 0.5, 0.5], [0.5, 0, 0.5]]),
        (lambda x: x.max(1).values, [[0, 1, 0], [1, 0, 0]]),
        (lambda x: x.max(0, keepdim=True)[0], [[0, 1, 1], [1, 0, 0]]),
        (lambda x: (-x).min(1).values, [[-0.0, -1, -0.0], [-1, -0.0, -0.0]]),
        (lambda x: x.median(), EVENLY),
        (lambda x: x.norm(p=INF), EVENLY),
        (lambda x: x.norm(p=-INF, dim=0), [[1, 0, 0.5], [0, 1, 0.5]]),
        (lambda x: x.sort(1).values * Tensor([1.0, 2, 3]), [[1, 2, 3], [2, 1, 3]]),
        (lambda x: x.sort(1, True).values * Tensor([1.0, 2, 3]), [[3, 1, 2], [1, 3, 2]]),
        (lambda x: x.topk(2).values * Tensor([1.0, 2]), [[0, 1, 2], [1, 0, 2]]),
    ],
)
def test_who_gets_the_gradient_at_a_tie(f, want):
    assert gradient(f, TIED) == want


@pytest.mark.parametrize("p", ["fro", 2, 1, 0, 3, 1.5, 0.5, -1, INF, -INF])
def test_norm_of_zeros_has_gradient_zero(p):
    assert gradient(lambda x: x.norm(p), [0.0, 0.0]) == [0, 0]
    assert gradient(lambda x: x.norm(p, dim=1), [[0.0, 0.0], [1.0, 0.0]])[0] == [0, 0]


@pytest.mark.parametrize("p", [3, 1.5, 0.5])
def test_norm_has_gradient_zero_where_an_element_is_zero(p):
    assert gradient(lambda x: x.norm(p), [0.0, 2.0]) == [0, 1]


def test_std_of_equals_has_gradient_zero():
    assert gradient(lambda x: x.std(), [3.0, 3.0, 3.0]) == [0, 0, 0]
    rows = gradient(lambda x: x.std(1), [[3.0, 3.0], [1.0, 3.0]])
    assert rows[0] == [0, 0]
    close(rows[1], [-(2**-0.5), 2**-0.5])


def test_prod_with_zeros():
    assert gradient(lambda x: x.prod(), [2.0, 0.0, 3.0]) == [0, 6, 0]
    assert gradient(lambda x: x.prod(), [2.0, 0.0, 0.0]) == [0, 0, 0]
    assert gradient(lambda x: x.prod(1), [[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]]) == [[0, 6, 0], [0] * 3]


def test_prod_with_two_zeros_has_a_second_derivative():
    x = Tensor([2.0, 0.0, 0.0], requires_grad=True)
    (g,) = minitorch.autograd.grad(x.prod(), x, create_graph=True)
    g[1].backward()
    assert x.grad.tolist() == [0, 0, 2]


def test_cumprod_with_zeros():
    # y = (a, ab, abc, abcd) at b = 0
    assert gradient(lambda x: x.cumprod(0), [2.0, 0.0, 3.0, 5.0]) == [1, 2 + 6 + 30, 0, 0]


# infinities and nan -------------------------------------------------------------------------------


def test_logsumexp_where_exp_would_overflow():
    x = Tensor([[1000.0, 1000.0], [-1000.0, -1000.0]])
    close(x.logsumexp(1).numpy(), np.float32([1000 + math.log(2), -1000 + math.log(2)]))
    close(gradient(lambda x: x.logsumexp(0), [1000.0, 1000.0]), [0.5, 0.5])


def test_logsumexp_of_infinities():
    x = [[-INF, -INF], [-INF, 1.0], [INF, 1.0]]
    assert Tensor(x).logsumexp(1).tolist() == [-INF, 1, INF]
    assert gradient(lambda x: x.logsumexp(1), x)[:2] == [[0, 0], [0, 1]]
    assert Tensor([[0.0, NAN]]).logsumexp(1).isnan().item()
    assert Tensor(np.zeros((2, 0), np.float32)).logsumexp(1).tolist() == [-INF, -INF]


def test_logsumexp_of_the_largest_float32():
    top = float(np.finfo(np.float32).max)
    assert Tensor([top, 0.0]).logsumexp(0).item() == top


@pytest.mark.parametrize(
    "f", [Tensor.max, Tensor.min, Tensor.sum, Tensor.mean, Tensor.median, Tensor.std, Tensor.norm]
)
def test_a_nan_is_not_lost(f):
    assert math.isnan(f(Tensor([1.0, NAN, 3.0, 2.0])).item())


def test_a_nan_is_the_largest_and_the_smallest_and_the_median():
    x = Tensor([[1.0, NAN, 3.0], [3.0, 2.0, NAN]])
    for found in (x.max(1), x.min(1), x.median(1)):
        assert found.values.isnan().all()
        assert found.indices.tolist() == [1, 2]
    assert x.argmax().item() == 1


def test_a_nan_is_sorted_as_the_largest():
    x = Tensor([2.0, NAN, 1.0])
    assert x.argsort().tolist() == [2, 0, 1]
    assert x.argsort(descending=True).tolist() == [1, 0, 2]
    assert x.topk(2).indices.tolist() == [1, 0]


def test_max_of_infinities():
    assert Tensor([-INF, -INF]).max().item() == -INF
    assert gradient(lambda x: x.max(), [INF, 1.0, INF]) == [0.5, 0, 0.5]


# numbers of other kinds ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64"])
def test_whole_numbers_are_added_up_in_int64(dtype):
    x = Tensor(np.full((2, 300), 1 if dtype == "bool" else 100).astype(dtype))
    each = 1 if dtype == "bool" else 100
    assert (x.sum().dtype, x.sum().item()) == (minitorch.int64, 600 * each)
    assert (x.sum(1).dtype, x.sum(1).tolist()) == (minitorch.int64, [300 * each] * 2)
    assert x.cumsum(1).dtype == minitorch.int64
    assert x.cumsum(1)[0, -1].item() == 300 * each
    assert x[0, :4].prod().item() == each**4
    assert x[0, :4].cumprod(0).tolist() == [each**k for k in (1, 2, 3, 4)]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_order_of_whole_numbers(dtype):
    x = Tensor(np.array([1, 0, 1]).astype(dtype))
    for y in (x.max(), x.min(), x.amax(0), x.sort().values, x.topk(1).values, x.median()):
        assert str(y.dtype) == dtype
    assert x.sort(descending=True).values.tolist() == [1, 1, 0]
    assert x.argsort(descending=True).tolist() == [0, 2, 1]
    assert x.argmax().dtype == x.max(0).indices.dtype == x.argsort().dtype == minitorch.int64


def test_integers_the_smallest_of_which_has_no_opposite():
    x = Tensor(np.array([-128, 127, 0], np.int8))
    assert x.argsort(descending=True).tolist() == [1, 2, 0]


@pytest.mark.parametrize("rows", [1, 100])  # few numbers, and many
@pytest.mark.parametrize("nan", [1.0, float("nan")])
def test_the_largest_come_first_and_equals_in_order(rows, nan):
    row = [0.0, 3.0, -0.0, -np.inf, nan, 3.0, np.inf]
    order = [4, 6, 1, 5, 0, 2, 3] if nan != nan else [6, 1, 5, 4, 0, 2, 3]
    x = Tensor(np.array([row] * rows))
    assert x.argsort(dim=1, descending=True).tolist() == [order] * rows
    for k in range(8):
        assert x.topk(k, dim=1).indices.tolist() == [order[:k]] * rows


def test_a_dtype_to_compute_in():
    x = Tensor([1, 2])
    assert x.sum(dtype=minitorch.float32).dtype == minitorch.float32
    assert x.mean(dtype=minitorch.float64).item() == 1.5
    assert x.prod(dtype="float64").dtype == minitorch.float64
    assert x.cumsum(0, dtype=minitorch.float32).tolist() == [1, 3]
    y = Tensor([1.0, 2.0], requires_grad=True)
    total = y.sum(dtype=minitorch.float64)
    assert total.dtype == minitorch.float64
    total.backward()
    assert y.grad.dtype == minitorch.float32


def test_logsumexp_of_integers_is_of_the_default_dtype():
    assert Tensor([0, 0]).logsumexp(0).dtype == minitorch.float32


def test_any_all_and_count_of_numbers():
    x = Tensor([[0.0, 2.0], [0.0, NAN]])
    assert x.any(0).tolist() == [False, True]
    assert x.all(dim=0).tolist() == [False, True]
    assert (x.any().item(), x.all().item()) == (True, False)
    assert x.count_nonzero(0).tolist() == [0, 2]
    nothing = Tensor(np.zeros(0, np.float32))
    assert (nothing.any().item(), nothing.all().item()) == (False, True)
    assert x.any().dtype == minitorch.bool_


def test_float16_means_do_not_overflow():
    x = Tensor(np.full(100, 60000, np.float16))
    assert x.mean().dtype == minitorch.float16
    assert x.mean().item() == 60000


def test_float32_sums_do_not_stop_growing():
    n = 2**24 + 1000
    ones = minitorch.ones(n)
    assert ones.sum().item() == n
    assert ones.cumsum(0)[-1].item() == n


# torch's ways of calling --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: x.sum(axis=1), (2, 4)),
        (lambda x: x.sum(1, True), (2, 1, 4)),
        (lambda x: x.sum(dim=[0, 2]), (3,)),
        (lambda x: x.sum(()), ()),
        (lambda x: minitorch.sum(input=x, dim=-1, keepdims=True), (2, 3, 1)),
        (lambda x: x.mean((0, 1)), (4,)),
        (lambda x: x.mean(dim=(), keepdim=True), (1, 1, 1)),
        (lambda x: x.amax(()), ()),
        (lambda x: x.var(0), (3, 4)),
        (lambda x: x.var(0, False), (3, 4)),
        (lambda x: x.var(0, unbiased=False, keepdim=True), (1, 3, 4)),
        (lambda x: x.std(False), ()),
        (lambda x: x.std(dim=(0, 1), correction=0), (4,)),
        (lambda x: minitorch.var_mean(x, axis=1)[1], (2, 4)),
        (lambda x: minitorch.std_mean(x, 1, keepdim=True)[0], (2, 1, 4)),
        (lambda x: minitorch.std_mean(x, False)[0], ()),
        (lambda x: x.norm(dim=1), (2, 4)),
        (lambda x: x.norm(2, 1, True), (2, 1, 4)),
        (lambda x: x.logsumexp(dim=(0, 2)), (3,)),
        (lambda x: x.max(dim=1, keepdim=True).indices, (2, 1, 4)),
        (lambda x: x.max(axis=1).values, (2, 4)),
        (lambda x: x.min(1)[0], (2, 4)),
        (lambda x: minitorch.max(x, 1)[1], (2, 4)),
        (lambda x: x.max(other=x), (2, 3, 4)),
        (lambda x: x.min(x), (2, 3, 4)),
        (lambda x: x.argmax(1), (2, 4)),
        (lambda x: x.argmin(dim=-1, keepdim=True), (2, 3, 1)),
        (lambda x: x.argmax(keepdim=True), (1, 1, 1)),
        (lambda x: x.sort(dim=0, descending=True).values, (2, 3, 4)),
        (lambda x: minitorch.sort(x, stable=True)[1], (2, 3, 4)),
        (lambda x: x.topk(2, 1).indices, (2, 2, 4)),
        (lambda x: x.topk(k=0).values, (2, 3, 0)),
        (lambda x: x.kthvalue(2, dim=1, keepdim=True).values, (2, 1, 4)),
        (lambda x: x.median(dim=-1).indices, (2, 3)),
        (lambda x: x.median(1, True)[0], (2, 1, 4)),
        (lambda x: x.cumsum(dim=1), (2, 3, 4)),
        (lambda x: x.prod(1), (2, 4)),
        (lambda x: x.any(dim=(0, 1)), (4,)),
    ],
)
def test_the_argument_forms_of_torch(f, shape):
    x = Tensor(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    assert f(x).shape == shape


def test_named_results_unpack():
    x = Tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    values, indices = x.sort()
    assert (values.tolist(), indices.tolist()) == ([[1, 2, 3]], [[1, 2, 0]])
    assert values.requires_grad
    assert not indices.requires_grad
    low, high = minitorch.aminmax(x)
    assert (low.item(), high.item()) == (1, 3)


def test_in_place_scans():
    x = Tensor([1.0, 2.0, 3.0])
    y = x
    assert x.cumsum_(0) is x
    assert y.tolist() == [1, 3, 6]
    assert x.cumprod_(0).tolist() == [1, 3, 18]


# what is kept -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "kept"),
    [
        (lambda x: x.sum(1), set()),
        (lambda x: x.mean(), set()),
        (lambda x: x.cumsum(0), set()),
        (lambda x: x.var(), {"x"}),
        (lambda x: x.prod(), {"x", "y"}),
        (lambda x: x.amax(0), {"x", "y"}),
        (lambda x: x.logsumexp(0), {"x", "y"}),
        (lambda x: x.max(0).values, {"at"}),
        (lambda x: x.sort().values, {"at"}),
    ],
)
def test_the_tape_keeps_no_more_than_the_rule_needs(f, kept):
    y = f(Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True))
    assert kept == {"x", "y", "at"} & set(y.node.plan.names)


# without elements ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: x.sum(), 0),
        (lambda x: x.sum(0), [0, 0]),
        (lambda x: x.prod(0), [1, 1]),
        (lambda x: x.norm(), 0),
        (lambda x: x.logsumexp(0), [-INF, -INF]),
        (lambda x: x.sum(1), []),
        (lambda x: x.mean(1), []),
        (lambda x: x.amax(1), []),
        (lambda x: x.max(1).values, []),
        (lambda x: x.var(1), []),
        (lambda x: x.cumsum(0), []),
        (lambda x: x.cumprod(0), []),
        (lambda x: x.sort(0).values, []),
        (lambda x: x.median(1).values, []),
    ],
)
def test_reductions_of_tensors_without_elements(f, want):
    x = Tensor(np.zeros((0, 2), np.float32), requires_grad=True)
    y = f(x)
    assert y.tolist() == want
    y.sum().backward()
    assert x.grad.shape == (0, 2)


NOTHING = Tensor(np.zeros((0, 2), np.float32))
X = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: NOTHING.mean(), ValueError, r"mean: shape \(0, 2\) has no elements, and"),
        (lambda: NOTHING.mean(0), ValueError, r"mean: shape \(0, 2\) has no elements along dim 0"),
        (lambda: NOTHING.max(), ValueError, r"amax: shape \(0, 2\) has no elements"),
        (lambda: NOTHING.max(0), ValueError, r"max: shape \(0, 2\) has no elements along dim 0"),
        (lambda: NOTHING.min(0), ValueError, r"min: shape \(0, 2\) has no elements along dim 0"),
        (lambda: NOTHING.amin(0), ValueError, r"amin: shape \(0, 2\) has no elements along dim 0"),
        (lambda: NOTHING.argmax(), ValueError, r"argmax: shape \(0, 2\) has no elements"),
        (lambda: NOTHING.argmin(0), ValueError, r"argmin: shape \(0, 2\) has no elements along"),
        (lambda: NOTHING.median(), ValueError, "median: .* size 0"),
        (lambda: NOTHING.median(0), ValueError, r"median: dim 0 of shape \(0, 2\) has size 0"),
        (lambda: NOTHING.norm(INF), ValueError, "norm: "),
        (lambda: X[0, :1].var(), ValueError, r"var: needs more than 1 elements with correction=1"),
        (
            lambda: X[:1].std(0),
            ValueError,
            r"std: .*shape \(1, 3\) has 1 along dim 0.*correction=0",
        ),
        (lambda: X.var(1, correction=3), ValueError, "var: needs more than 3 elements"),
        (lambda: Tensor([1, 2]).mean(), TypeError, r"mean: .*int64; try x\.float"),
        (lambda: Tensor([True]).mean(), TypeError, "mean: .*bool"),
        (lambda: Tensor([1, 2]).var(), TypeError, r"var: .*int64; try x\.float"),
        (lambda: Tensor([1, 2]).norm(), TypeError, r"norm: .*int64"),
        (lambda: X.norm("nuc"), ValueError, "norm: expected a number for p, or 'fro', got 'nuc'"),
        (lambda: X.sum(2), IndexError, "sum: dim 2 is out of range for 2 axes; expected -2 to 1"),
        (lambda: X.mean(-3), IndexError, "mean: dim -3 is out of range"),
        (lambda: X.amax((0, 2)), IndexError, "amax: dim 2 is out of range"),
        (lambda: X.max(2), IndexError, "^max: dim 2 is out of range"),
        (lambda: X.var(2), IndexError, "var: dim 2 is out of range"),
        (lambda: X.norm(dim=2), IndexError, "norm: dim 2 is out of range"),
        (lambda: X.logsumexp(2), IndexError, "logsumexp: dim 2 is out of range"),
        (lambda: X.argmax(2), IndexError, "argmax: dim 2 is out of range"),
        (lambda: X.sort(2), IndexError, "sort: dim 2 is out of range"),
        (lambda: X.cumsum(2), IndexError, "cumsum: dim 2 is out of range"),
        (lambda: X.cumprod(2), IndexError, "cumprod: dim 2 is out of range"),
        (lambda: X.prod(2), IndexError, "prod: dim 2 is out of range"),
        (lambda: X.median(2), IndexError, "median: dim 2 is out of range"),
        (lambda: X.topk(1, 2), IndexError, "topk: dim 2 is out of range"),
        (lambda: X.sum((0, 0)), ValueError, "sum: .*(0, 0)"),
        (lambda: X.mean((0, -2)), ValueError, r"mean: dims \(0, -2\) name one of 2 axes twice"),
        (lambda: X.logsumexp(), TypeError, "logsumexp: missing argument 'dim'"),
        (lambda: X.cumsum(), TypeError, "cumsum: missing argument 'dim'"),
        (lambda: X.topk(4), ValueError, r"topk: k=4, and dim -1 of shape \(2, 3\) has size 3"),
        (
            lambda: X.kthvalue(0),
            ValueError,
            r"kthvalue: k=0, and dim -1 of shape \(2, 3\) has size 3",
        ),
        (lambda: X.max(1, unknown=2), TypeError, "unknown"),
        (lambda: X.sum(unknown=2), TypeError, "sum: unknown argument 'unknown'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()


# properties ---------------------------------------------------------------------------------------

numbers = st.integers(-2, 3).map(float)  # with zeros and ties


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=6))
def test_products_are_what_torch_says_they_are(x):
    torch = pytest.importorskip("torch")
    for name in ("prod", "cumprod"):
        dim = (0,) if name == "cumprod" else ()
        twin = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        getattr(torch, name)(twin, *dim).sum().backward()
        close(gradient(lambda x: getattr(x, name)(*dim), x), twin.grad.tolist())  # noqa: B023


@settings(max_examples=60)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4))
def test_sorting_keeps_equals_in_order(x):
    got = Tensor(np.array(x)).sort(0, stable=True)
    want = sorted(range(len(x)), key=lambda i: x[i][1])
    assert got.indices[:, 1].tolist() == want
    got = Tensor(np.array(x)).sort(0, descending=True, stable=True)
    want = sorted(range(len(x)), key=lambda i: -x[i][1])
    assert got.indices[:, 1].tolist() == want


@settings(max_examples=60)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=7), st.data())
def test_order_statistics_agree_with_sorting(x, data):
    k = data.draw(st.integers(1, len(x)))
    t, ordered = Tensor(np.array(x)), sorted(x)
    assert t.kthvalue(k).values.item() == ordered[k - 1]
    assert t.topk(k, largest=False).values.tolist() == ordered[:k]
    assert t.topk(k).values.tolist() == ordered[::-1][:k]
    assert t.median().item() == t.median(0).values.item() == ordered[(len(x) - 1) // 2]
    assert x[t.max(0).indices.item()] == ordered[-1]


@given(st.integers(2, 5), st.integers(0, 1), st.floats(-1e4, 1e4))
def test_variance_does_not_depend_on_the_mean(n, correction, shift):
    x = np.random.default_rng(n).standard_normal(n)
    got = Tensor(x + shift).var(correction=correction).item()
    assert got == pytest.approx(np.var(x, ddof=correction), rel=1e-7)


@pytest.mark.parametrize("dims", [(0, 5), (0, 1, 2), (0, 0)])
def test_dims_that_are_not_there_are_refused_of_few_numbers_too(dims):
    for reduce in (lambda x: x.sum(dims), lambda x: x.mean(dims), lambda x: x.norm(dim=dims)):
        with pytest.raises((IndexError, ValueError)):
            reduce(minitorch.ones(2, 3))


@pytest.mark.parametrize("p", [1, 3, math.inf])
def test_norms_have_no_curvature_at_an_element_that_is_zero(p):
    x = minitorch.tensor([3.0, 0.0, -4.0], dtype="float64", requires_grad=True)
    (g,) = minitorch.autograd.grad(x.norm(p), x, create_graph=True)
    (h,) = minitorch.autograd.grad(g[1], x, allow_unused=True)
    assert h is None or h.tolist() == [0, 0, 0]
