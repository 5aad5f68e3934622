"""What torch takes at the edges: numbers without axes, infinite logits, halves that are large."""

import math

import numpy as np
import pytest

import minitorch
from minitorch.nn import functional as F

INF = math.inf


# numbers without axes ---------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [(0, 0), (0, -1), (-1, -1)])
@pytest.mark.parametrize("name", ["transpose", "swapaxes", "movedim", "moveaxis"])
def test_a_number_has_one_dim_to_exchange_or_move(name, dims):
    x = minitorch.tensor(3.0, requires_grad=True)
    y = getattr(x * 2, name)(*dims)
    y.backward()
    assert y.shape == ()
    assert y.item() == 6
    assert x.grad.item() == 2


@pytest.mark.parametrize("name", ["transpose", "movedim"])
def test_a_number_has_no_second_dim(name):
    with pytest.raises(IndexError, match=rf"{name}: dim 1 is out of range for 0 axes"):
        getattr(minitorch.tensor(3.0), name)(0, 1)


def test_a_number_transposed_shares_its_memory():
    x = minitorch.tensor(3.0)
    x.transpose(0, 0).fill_(5.0)
    assert x.item() == 5


# infinite logits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logit", "target", "loss", "slope"),
    [(INF, 0.0, INF, 1.0), (INF, 0.5, INF, 0.5), (-INF, 1.0, INF, -1.0), (-INF, 0.5, INF, -0.5)],
)
def test_bce_with_logits_of_certainty_that_is_wrong_is_infinite(logit, target, loss, slope):
    x = minitorch.tensor([logit], requires_grad=True)
    y = F.binary_cross_entropy_with_logits(x, minitorch.tensor([target]))
    y.backward()
    assert y.item() == loss
    assert x.grad.item() == slope


def test_bce_with_logits_as_torch_at_plus_infinity():
    torch = pytest.importorskip("torch")
    for target in (0.0, 0.25, 0.5, 1.0):
        ours = F.binary_cross_entropy_with_logits(
            minitorch.tensor([INF, 2.0]), minitorch.tensor([target, target]), reduction="none"
        )
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor([INF, 2.0]), torch.tensor([target, target]), reduction="none"
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


# halves that are large --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [300.0, 3e-4])
def test_cosine_similarity_of_halves_neither_overflows_nor_vanishes(size):
    x = minitorch.full((2, 4), size).half()
    y = minitorch.full((2, 4), -size).half()
    np.testing.assert_allclose(F.cosine_similarity(x, x).numpy(), 1, atol=2e-3)
    np.testing.assert_allclose(F.cosine_similarity(x, y).numpy(), -1, atol=2e-3)


def test_cosine_similarity_of_halves_as_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b = (rng.normal(0, 200, (5, 6)).astype(np.float16) for _ in range(2))
    ours = F.cosine_similarity(minitorch.tensor(a), minitorch.tensor(b))
    theirs = torch.nn.functional.cosine_similarity(torch.tensor(a), torch.tensor(b))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=4e-3)


def test_cosine_similarity_along_a_dim_that_one_side_counts_otherwise():
    a = minitorch.tensor(np.random.default_rng(1).normal(size=(2, 3, 4)))
    b = minitorch.tensor(np.random.default_rng(2).normal(size=(3, 4)))
    each = minitorch.stack([F.cosine_similarity(a[i], b, 0) for i in range(2)])
    np.testing.assert_allclose(F.cosine_similarity(a, b, 1).numpy(), each.numpy(), rtol=1e-12)


# what is no dim ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [True, False, 0.5, 1.0, "0"])
@pytest.mark.parametrize("name", ["sum", "mean", "any", "all", "logsumexp", "count_nonzero"])
def test_a_dim_is_a_whole_number(name, dim):
    with pytest.raises(TypeError, match=rf"a dim is an int, got {dim!r}"):
        getattr(minitorch.ones(2, 3), name)(dim)


def test_keepdim_in_the_place_of_dim_is_recognized():
    with pytest.raises(TypeError, match=r"got True; is it keepdim=True\?"):
        minitorch.ones(2, 3).sum(True)


@pytest.mark.parametrize("dim", [np.int64(1), minitorch.tensor(1)])
def test_a_dim_may_be_a_number_of_another_library(dim):
    assert minitorch.ones(2, 3).sum(dim).tolist() == [3, 3]


# integers that are small ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_lerp_of_integers_raises_and_does_not_wrap_around(dtype):
    x = minitorch.tensor([1, 0]).to(dtype)
    with pytest.raises(TypeError, match=rf"lerp: x needs float, got {dtype}; try x.float\(\)"):
        minitorch.lerp(x, x, 0.5)


def test_sum_to_size_of_uint8_is_int64():
    y = minitorch.tensor([[200, 100], [3, 4]], dtype="uint8").sum_to_size(1, 2)
    assert (y.dtype, y.tolist()) == (minitorch.int64, [[203, 104]])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_fractions_that_are_added_to_integers_are_not_lost(dtype):
    """They are refused, whether few or many."""
    for n in (3, 3000):
        x = minitorch.zeros(n).to(dtype)
        index, source = minitorch.zeros(1, dtype="int64"), minitorch.tensor([0.5])
        for name in ("index_add", "scatter_add", "index_add_", "scatter_add_"):
            with pytest.raises(TypeError, match=rf"{dtype} cannot hold a value of float32"):
                getattr(x, name)(0, index, source)
        assert not x.any()


def test_whole_numbers_are_added_to_integers():
    x = minitorch.zeros(3, dtype="int64")
    x.scatter_add_(0, minitorch.tensor([0, 0, 2]), minitorch.tensor([1, 2, 3]))
    assert x.tolist() == [3, 0, 3]


# single numbers that are drawn for --------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_of_a_single_number(p):
    y = F.dropout(minitorch.tensor(2.0, requires_grad=True), p)
    assert y.shape == ()
    assert y.item() in (0.0, 2.0 / (1 - p) if p < 1 else 0.0)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_of_a_single_number_is_certain(hard):
    y = F.gumbel_softmax(minitorch.tensor([2.0]), hard=hard)
    assert y.tolist() == [1]
    assert F.gumbel_softmax(minitorch.tensor(2.0)).item() == 1


@pytest.mark.parametrize("name", ["cov", "corrcoef"])
@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_one_quantity_has_a_single_covariance(name, shape):
    x = minitorch.tensor([1.0, 2.0, 4.0]).reshape(shape)
    y = getattr(minitorch, name)(x)
    assert y.shape == ()
    assert y.item() == pytest.approx(float(getattr(np, name)(x.numpy())))


# dots that stand for nothing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        ((-1, None, [[0], [1]], ..., [1]), (1, 2, 1)),
        ((slice(None), [0, 1], ..., [1, 2]), (4, 2)),
        ((0, [[0], [1]], ..., [1]), (2, 1)),
    ],
)
def test_dots_that_stand_for_no_axis_do_not_part_the_arrays_of_an_index(index, shape):
    x = minitorch.arange(24.0).reshape(4, 2, 3)
    without = tuple(part for part in index if part is not ...)
    assert x[index].shape == shape
    assert x[index].tolist() == x[without].tolist()
    x[index] = -1.0
    assert (x[without] == -1).all()


def test_dots_that_stand_for_an_axis_part_the_arrays_as_in_torch():
    torch = pytest.importorskip("torch")
    for lib in (minitorch, torch):
        x = lib.arange(24).reshape(4, 2, 3)
        assert x[None, [0, 1], ..., [1, 2]].shape == (2, 1, 2)
        assert x[[0, 1], ..., [1, 2]].tolist() == [[1, 4], [8, 11]]


@pytest.mark.parametrize(("value", "decimals"), [(1000.0, 2), (-65504.0, 1), (3.140625, 1)])
def test_rounding_a_half_to_some_places_does_not_overflow(value, decimals):
    y = minitorch.tensor([value]).half().round(decimals=decimals)
    assert y.dtype == minitorch.float16
    assert y.item() == pytest.approx(round(value, decimals), rel=1e-3)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_a_mean_is_not_taken_in_integers(dtype):
    with pytest.raises(TypeError, match=rf"mean: x needs float, got {dtype}"):
        minitorch.tensor([0.5, 0.7]).mean(dtype=dtype)
    assert minitorch.tensor([1, 2]).mean(dtype="float64").item() == 1.5
