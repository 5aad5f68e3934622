"""The losses at their corners, and what they refuse."""

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import ShapeError
from tests.helpers import slope, tensor

PAIRED = [
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
]
paired = pytest.mark.parametrize("name", PAIRED)
inf, nan = math.inf, math.nan


# what is refused --------------------------------------------------------------------------------


@paired
def test_nothing_broadcasts(name):
    column, flat = mt.ones(4, 1), mt.ones(4)
    f = getattr(mt.nn.functional, name)
    text = rf"{name}: input \(4, 1\) and target \(4,\) differ, .*; try input.squeeze\(-1\)"
    with pytest.raises(ShapeError, match=text):
        f(column, flat)
    with pytest.raises(ShapeError, match=r"input \(4,\) and .* \(4, 1\) .*; try target.squeeze"):
        f(flat, column)
    with pytest.raises(ShapeError, match=r"input \(4,\) and target \(\) differ"):
        f(flat, mt.tensor(1.0))
    assert f(column.squeeze(-1), flat, reduction="none").shape == (4,)


@paired
def test_mean_of_nothing(name):
    f = getattr(mt.nn.functional, name)
    with pytest.raises(ValueError, match=rf"{name}: the mean over nothing, input \(0, 3\)"):
        f(mt.ones(0, 3), mt.ones(0, 3))
    assert f(mt.ones(0, 3), mt.ones(0, 3), reduction="sum").item() == 0


@paired
def test_reduction_is_one_of_three(name):
    with pytest.raises(ValueError, match=f"{name}: reduction 'average', expected 'mean', 'sum' or"):
        getattr(mt.nn.functional, name)(mt.ones(2), mt.ones(2), reduction="average")


@paired
def test_target_takes_the_dtype_of_the_input(name):
    x, t = tensor([0.25, 0.5]), tensor([0.5, 0.25], np.float64)
    y = getattr(mt.nn.functional, name)(x, t)
    y.backward()
    assert (y.dtype, x.grad.dtype, t.grad.dtype) == (np.float32, np.float32, np.float64)


@paired
def test_input_of_integers(name):
    with pytest.raises(TypeError, match=f"{name}: input needs float, got int64; try input.float()"):
        getattr(mt.nn.functional, name)(mt.tensor([1]), mt.ones(1))
    with pytest.raises(TypeError, match=f"{name}: target must be a Tensor, got float"):
        getattr(mt.nn.functional, name)(mt.ones(1), 0.5)


@pytest.mark.parametrize("name", PAIRED[4:])
def test_target_of_integers_is_no_probability(name):
    with pytest.raises(TypeError, match=f"{name}: target needs float, got int64; try target.float"):
        getattr(mt.nn.functional, name)(mt.ones(2), mt.tensor([0, 1]))


@pytest.mark.parametrize("name", PAIRED[:4])
def test_target_of_integers_is_a_number(name):
    y = getattr(mt.nn.functional, name)(tensor([1.5, 2.0]), mt.tensor([1, 2]))
    assert y.dtype == np.float32
    assert y.item() == pytest.approx({"mse_loss": 0.125, "l1_loss": 0.25}.get(name, 0.0625))


@pytest.mark.parametrize("value", [1.5, -0.25, nan, inf])
def test_binary_cross_entropy_wants_probabilities(value):
    text = r"input runs from .* to .*, expected 0 to 1; for logits use binary_cross_entropy_with"
    with pytest.raises(ValueError, match=text):
        mt.nn.functional.binary_cross_entropy(tensor([0.5, value]), mt.ones(2))
    with pytest.raises(ValueError, match=r"from 0\.5 to 1\.5"):
        mt.nn.functional.binary_cross_entropy(tensor([0.5, 1.5]), mt.ones(2))


def test_weights_do_not_widen():
    x = mt.ones(3)
    for f, name in (
        (mt.nn.functional.binary_cross_entropy, "weight"),
        (mt.binary_cross_entropy_with_logits, "weight"),
        (mt.binary_cross_entropy_with_logits, "pos_weight"),
    ):
        with pytest.raises(ShapeError, match=rf"{name} \(2, 3\) does not broadcast to \(3,\)"):
            f(x, x, **{name: mt.ones(2, 3)})


def test_bounds_of_options():
    x = mt.ones(2)
    with pytest.raises(ValueError, match="smooth_l1_loss: beta -1, expected 0 or more"):
        mt.nn.functional.smooth_l1_loss(x, x, beta=-1)
    with pytest.raises(ValueError, match="huber_loss: delta 0, expected more than 0"):
        mt.nn.functional.huber_loss(x, x, delta=0)
    with pytest.raises(ValueError, match="mse_loss: reduction 'batchmean'"):
        mt.nn.functional.mse_loss(x, x, reduction="batchmean")


# corners ----------------------------------------------------------------------------------------


def test_binary_cross_entropy_at_its_ends():
    x = tensor([0.0, 1.0, 0.0, 1.0])
    y = mt.nn.functional.binary_cross_entropy(
        x, tensor([1.0, 0.0, 0.0, 1.0], grad=False), reduction="none"
    )
    assert y.tolist() == [100, 100, 0, 0]
    np.testing.assert_allclose(slope(y.sum(), x), [-1e12, 1e12, 0, 0], rtol=1e-6)


def test_two_forms_of_binary_cross_entropy():
    x, t = tensor([-3.0, 0.5, 2.0], np.float64), tensor([0.0, 1.0, 0.25], np.float64, grad=False)
    by_logits = mt.binary_cross_entropy_with_logits(x, t)
    by_parts = mt.nn.functional.binary_cross_entropy(x.sigmoid(), t)
    assert by_logits.item() == pytest.approx(by_parts.item(), rel=1e-12)
    np.testing.assert_allclose(slope(by_logits, x), slope(by_parts, x), rtol=1e-10)
    p = x.sigmoid().detach().numpy()
    np.testing.assert_allclose(
        slope(mt.binary_cross_entropy_with_logits(x, t), x), (p - t.numpy()) / 3
    )


@pytest.mark.parametrize("pos_weight", [None, np.array(2.0)])
def test_logits_of_any_size(pos_weight):
    x = tensor([1e3, -1e3, 1e3, -1e3])
    t = tensor([1.0, 1.0, 0.0, 0.0], grad=False)
    y = mt.binary_cross_entropy_with_logits(x, t, reduction="none", pos_weight=pos_weight)
    w = 1 if pos_weight is None else 2
    assert y.tolist() == [0, 1000 * w, 1000, 0]
    assert slope(y.sum(), x).tolist() == [0, -w, 1, 0]


def test_absolute_differences_have_no_slope_at_zero():
    for f in (
        mt.nn.functional.l1_loss,
        mt.nn.functional.smooth_l1_loss,
        mt.nn.functional.huber_loss,
    ):
        x = tensor([2.0])
        assert slope(f(x, mt.tensor([2.0])), x).tolist() == [0]
    x = tensor([2.0])
    assert slope(mt.nn.functional.smooth_l1_loss(x, mt.tensor([2.0]), beta=0.0), x).tolist() == [0]


def test_huber_is_delta_times_smooth_l1():
    rng = np.random.default_rng(0)
    x, t = tensor(rng.standard_normal(50) * 3), tensor(rng.standard_normal(50), grad=False)
    for size in (0.5, 1.0, 2.0):
        huber = mt.nn.functional.huber_loss(x, t, delta=size).item()
        assert huber == pytest.approx(
            size * mt.nn.functional.smooth_l1_loss(x, t, beta=size).item(), rel=1e-6
        )


def test_divergence_where_nothing_is_expected():
    x, t = tensor([-inf, -1.0]), tensor([0.0, 0.5])
    y = mt.kl_div(x, t, reduction="none")
    np.testing.assert_allclose(y.tolist(), [0, 0.5 * (math.log(0.5) + 1)], rtol=1e-6)
    assert slope(mt.kl_div(tensor([-1.0, -1.0]), t, reduction="sum"), t)[0] == -inf


def test_divergence_of_a_distribution_from_itself():
    p = mt.softmax(mt.tensor([[1.0, 2.0, 3.0]]), 1)
    assert mt.kl_div(p.log(), p, reduction="batchmean").item() == pytest.approx(0, abs=1e-7)


def test_mean_divides_by_elements_and_batchmean_by_rows():
    x, t = mt.zeros(2, 4), mt.ones(2, 4)
    total = mt.kl_div(x, t * 2, reduction="sum").item()
    assert mt.kl_div(x, t * 2, reduction="mean").item() == pytest.approx(total / 8)
    assert mt.kl_div(x, t * 2, reduction="batchmean").item() == pytest.approx(total / 2)


def test_torchs_names_and_places():
    x, t, w = mt.tensor([0.25]), mt.tensor([1.0]), mt.tensor([3.0])
    assert (
        mt.nn.functional.mse_loss(input=x, target=t).item()
        == mt.nn.functional.mse_loss(x, t).item()
    )
    assert mt.nn.functional.binary_cross_entropy(x, t, w, "sum").item() == pytest.approx(
        3 * math.log(4)
    )
    assert mt.binary_cross_entropy_with_logits(x, t, w, "sum", w).item() > 0


def test_saved_on_the_tape():
    x, t = tensor([1.0]), tensor([2.0], grad=False)
    assert set(mt.nn.functional.mse_loss(x, t).node.plan.names) == {"input", "target", "reduction"}
    names = mt.kl_div(x, t).node.plan.names
    assert set(names) == {"input", "target", "reduction", "log_target"}


def test_only_what_is_needed_is_computed():
    x, t = tensor([1.0]), tensor([2.0])
    assert [g is None for g in mt.autograd.grad(mt.nn.functional.mse_loss(x, t), [x, t])] == [
        False,
        False,
    ]
    y = mt.nn.functional.mse_loss(x.detach(), t)
    assert slope(y, t).tolist() == [2.0]


# made of ops ------------------------------------------------------------------------------------


def test_cosine_of_nothing_and_of_itself():
    x = tensor([[3.0, 4.0], [0.0, 0.0]])
    y = mt.cosine_similarity(x, x)
    assert y.tolist() == [1, 0]
    assert np.isfinite(slope(y.sum(), x)).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x, row: mt.margin_ranking_loss(x, row, x), r"input1 \(2, 3\), input2 \(3,\)"),
        (lambda x, row: mt.hinge_embedding_loss(x, row), r"input \(2, 3\), target \(3,\)"),
        (
            lambda x, row: mt.nn.functional.soft_margin_loss(row, x),
            r"input \(3,\), target \(2, 3\)",
        ),
        (lambda x, row: mt.triplet_margin_loss(x, x, row), r"negative \(3,\)"),
        (lambda x, row: mt.poisson_nll_loss(x, row), r"target \(3,\)"),
        (
            lambda x, row: mt.nn.functional.gaussian_nll_loss(x, x, row),
            r"var \(3,\) does not go with input",
        ),
        (lambda x, row: mt.cosine_embedding_loss(x, x, row), r"target \(3,\), expected \(2,\)"),
    ],
)
def test_losses_of_ops_do_not_broadcast(call, text):
    with pytest.raises(ShapeError, match=text):
        call(mt.ones(2, 3), mt.ones(3))


def test_a_variance_may_be_one_for_each_row_or_for_all():
    x, t = mt.tensor([[0.0, 1.0], [2.0, 3.0]]), mt.zeros(2, 2)
    loss = lambda var: mt.nn.functional.gaussian_nll_loss(x, t, var, reduction="none").tolist()
    assert loss(mt.tensor([1.0, 4.0])) == loss(mt.tensor([[1.0, 1.0], [4.0, 4.0]]))
    assert loss(4.0) == loss(mt.full((2, 2), 4.0))


def test_losses_of_ops_have_no_mean_of_nothing():
    nothing = mt.ones(0, 3)
    with pytest.raises(
        ValueError, match=r"soft_margin_loss: the mean over nothing, shape \(0, 3\)"
    ):
        mt.nn.functional.soft_margin_loss(nothing, nothing)
    with pytest.raises(ValueError, match="soft_margin_loss: reduction 'total'"):
        mt.nn.functional.soft_margin_loss(nothing, nothing, "total")
    assert mt.nn.functional.soft_margin_loss(nothing, nothing, "sum").item() == 0
