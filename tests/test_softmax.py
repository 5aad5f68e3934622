"""Softmax and cross-entropy where they could go wrong: extremes, wrong labels, wrong shapes."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch as mt
import minitorch.call
from minitorch.ops.statistics import logsumexp
from minitorch.tensor import ShapeError
from tests.helpers import slope, tensor

inf, nan = math.inf, math.nan


rows = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.floats(-50, 50)
)


# softmax ----------------------------------------------------------------------------------------


@given(rows, st.sampled_from([0, 1, -1]), st.floats(-1e6, 1e6))
def test_shares_sum_to_one_and_do_not_move_with_x(x, dim, shift):
    y = mt.softmax(x, dim)
    np.testing.assert_allclose(y.sum(axis=dim), 1)
    np.testing.assert_allclose(mt.softmax(x + shift, dim), y, atol=1e-8)
    np.testing.assert_allclose(np.exp(mt.log_softmax(x, dim)), y, atol=1e-12)


def test_three_forms_of_log_softmax():
    x = tensor([1000.0, 0.0, -1000.0])
    assert mt.log_softmax(x, 0).tolist() == [0, -1000, -2000]
    np.testing.assert_equal(
        mt.nn.functional.log_softmax_naive(x, 0).detach().numpy(), np.array([nan, -inf, -inf])
    )
    assert mt.nn.functional.log_softmax_simplified(x, 0).tolist() == [-inf, -inf, -inf]
    small = tensor([0.5, -1.0, 2.0])
    for form in (mt.nn.functional.log_softmax_naive, mt.nn.functional.log_softmax_simplified):
        np.testing.assert_allclose(
            form(small, 0).detach().numpy(), mt.log_softmax(small, 0).detach().numpy(), rtol=1e-6
        )


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "log_softmax_naive", "softmin"])
def test_softmax_needs_a_dim_and_floats(name):
    f = getattr(mt.nn.functional, name)
    said = "softmax" if name == "softmin" else name
    with pytest.raises(TypeError, match=rf"{said}: say along which dim, as in {said}\(x, dim=-1\)"):
        f(tensor([1.0]))
    with pytest.raises(TypeError, match=f"{said}: x needs float, got int64; try x.float()"):
        f(mt.tensor([1, 2]), 0)


def test_softmax_of_infinities():
    y = mt.softmax(tensor([[-inf, 0.0, 0.0], [-inf, -inf, -inf], [inf, 0.0, 0.0]]), 1)
    np.testing.assert_equal(
        y.detach().numpy(),
        np.array([[0, 0.5, 0.5], [nan] * 3, [nan] * 3], np.float32),
    )


def test_row_of_minus_infinity():
    x = tensor([[-inf, -inf]])
    assert np.isnan(mt.log_softmax(x, 1).detach().numpy()).all()
    y = logsumexp(x, 1)
    assert y.item() == -inf
    assert slope(y.sum(), x).tolist() == [[0, 0]]


def test_softmax_of_nothing():
    assert mt.softmax(mt.zeros(0, 3), 1).shape == (0, 3)
    assert mt.log_softmax(mt.zeros(3, 0), 1).shape == (3, 0)


def test_softmax_saves_only_its_output():
    for f in (mt.softmax, mt.log_softmax):
        assert f(tensor([1.0, 2.0]), 0).node.plan.names == ("y", "dim", "add")


def test_softmax_is_a_method_with_torchs_names():
    x = tensor([[1.0, 2.0]])
    for y in (x.softmax(-1), mt.softmax(input=x, dim=1), x.softmax(axis=1)):
        np.testing.assert_array_equal(y.tolist(), mt.softmax(x, 1).tolist())


# cross-entropy: values --------------------------------------------------------------------------


def test_gradient_is_p_minus_one_hot():
    x, t = tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), np.array([2, 0])
    p = mt.softmax(x, 1).detach().numpy()
    np.testing.assert_allclose(
        slope(mt.nn.functional.cross_entropy(x, t), x), (p - np.eye(3)[t]) / 2, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 2.0, 1.5]])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_fused_is_nll_of_log_softmax(weight, reduction):
    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal((2, 4, 3)), np.float64)
    t = np.array([[0, 3, -100], [1, 1, 2]])
    w = None if weight is None else np.array(weight)
    fused = mt.nn.functional.cross_entropy(x, t, w, reduction=reduction)
    composed = mt.nn.functional.nll_loss(mt.log_softmax(x, 1), t, w, reduction=reduction)
    np.testing.assert_allclose(fused.detach().numpy(), composed.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(slope(fused.sum(), x), slope(composed.sum(), x), atol=1e-15)


def test_one_hot_probabilities_are_labels():
    x, t = tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], np.float64), np.array([2, 0])
    for eps in (0.0, 0.1):
        a = mt.nn.functional.cross_entropy(x, t, label_smoothing=eps)
        b = mt.nn.functional.cross_entropy(x, np.eye(3)[t], label_smoothing=eps)
        assert a.item() == pytest.approx(b.item(), rel=1e-12)
        np.testing.assert_allclose(slope(a, x), slope(b, x), atol=1e-15)


@pytest.mark.parametrize(
    ("x", "t", "loss", "gradient"),
    [
        ([[1e30, 0, -1e30]], [2], 2e30, [[1, 0, -1]]),
        ([[3e38, -3e38]], [1], inf, [[1, -1]]),
        ([[-inf, 0, 0]], [1], math.log(2), [[0, -0.5, 0.5]]),
        ([[-inf, 0, 0]], [0], inf, [[-1, 0.5, 0.5]]),
        ([[inf, 0]], [0], nan, [[nan, nan]]),
        ([[-inf, -inf]], [0], nan, [[nan, nan]]),
    ],
)
def test_extreme_logits(x, t, loss, gradient):
    x = tensor(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = mt.nn.functional.cross_entropy(x, np.array(t))
        assert y.item() == pytest.approx(loss, rel=1e-6, nan_ok=True)
        if loss == loss:
            np.testing.assert_allclose(slope(y, x), gradient)


def test_probability_zero_of_a_class_ruled_out():
    x = tensor([[-inf, 0, 0]])
    y = mt.nn.functional.cross_entropy(x, tensor([[0, 0.5, 0.5]], grad=False))
    assert y.item() == pytest.approx(math.log(2))
    np.testing.assert_allclose(slope(y, x), [[0, 0, 0]], atol=1e-7)


def test_ignored_rows_have_no_gradient_and_do_not_count():
    x = tensor([[0.0, 0, 0], [1.0, 5, 2]])
    y = mt.nn.functional.cross_entropy(x, np.array([1, -100]))
    assert y.item() == pytest.approx(math.log(3))
    assert slope(y, x)[1].tolist() == [0, 0, 0]
    x = tensor([[0.0, 0], [nan, 1]])
    assert mt.nn.functional.cross_entropy(x, np.array([1, -100])).item() == pytest.approx(
        math.log(2)
    )


def test_mean_divides_by_the_weights_that_were_used():
    x, t = tensor([[0.0, 1.0], [2.0, 0.0]], np.float64), np.array([0, 1])
    each = mt.nn.functional.cross_entropy(x, t, reduction="none").detach().numpy()
    w = np.array([3.0, 1.0])
    got = mt.nn.functional.cross_entropy(x, t, weight=w).item()
    assert got == pytest.approx((3 * each[0] + each[1]) / 4)


def test_float64_weight_leaves_float32():
    y = mt.nn.functional.cross_entropy(
        tensor([[0.0, 1.0]]), np.array([0]), weight=np.array([2.0, 1.0])
    )
    assert y.dtype == np.float32
    assert (
        mt.nn.functional.nll_loss(tensor([[-1.0, -1.0]]), np.array([0]), np.array([2.0, 1])).dtype
        == np.float32
    )


def test_float64_probabilities_leave_float32_and_get_float64_gradients():
    x, q = tensor([[0.0, 1.0]]), tensor([[0.5, 0.5]], np.float64)
    y = mt.nn.functional.cross_entropy(x, q)
    y.backward()
    assert (y.dtype, x.grad.dtype, q.grad.dtype) == (np.float32, np.float32, np.float64)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_any_integers_are_labels(dtype):
    x = tensor([[0.0, 1.0, 2.0]])
    assert mt.nn.functional.cross_entropy(x, np.array([2], dtype)).item() == pytest.approx(
        0.40760597
    )


def test_saved_on_the_tape():
    names = mt.nn.functional.cross_entropy(tensor([[0.0, 1.0]]), np.array([0])).node.plan.names
    assert set(names) == {"input", "target", "kept", "reduction"}
    names = mt.nn.functional.nll_loss(tensor([[-1.0, -1.0]]), np.array([0])).node.plan.names
    assert set(names) == {"input_shape", "target", "expected", "reduction"}


def test_meta_labels_and_logits():
    x = mt.zeros(4, 3, 2, device="meta", requires_grad=True)
    y = mt.nn.functional.cross_entropy(x, mt.zeros(4, 2, dtype=int, device="meta"), ignore_index=0)
    y.backward()
    assert (y.shape, x.grad.shape) == ((), (4, 3, 2))


def test_empty_batch_sums_to_zero():
    x, t = mt.zeros(0, 3), np.zeros(0, int)
    for f in (mt.nn.functional.cross_entropy, mt.nn.functional.nll_loss):
        assert f(x, t, reduction="sum").item() == 0
        assert f(x, t, reduction="none").shape == (0,)
        with pytest.raises(ValueError, match=rf"{f.__name__}: the mean over an empty .* \(0, 3\)"):
            f(x, t)


# cross-entropy: what is refused -----------------------------------------------------------------

X = tensor([[0.1, 0.2, 0.3], [0.0, 2.0, 1.0]])


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    ("target", "options", "error", "text"),
    [
        (
            [0, 3],
            {},
            IndexError,
            "target[1] = 3, expected 0 to 2 (input (2, 3)); 1 bad label of 2",
        ),
        ([1, 3], {}, IndexError, "1 bad label of 2. Labels from 1? try target - 1"),
        (
            [-1, 2],
            {},
            IndexError,
            "target[0] = -1, expected 0 to 2 (input (2, 3)); 1 bad label of 2",
        ),
        ([-1, -1], {}, IndexError, "2 bad labels of 2. Is -1 a filler? pass ignore_index=-1"),
        ([0, 3], {"ignore_index": 0}, IndexError, "target[1] = 3, expected 0 to 2"),
        ([-100, -100], {}, ValueError, "all 2 targets equal ignore_index -100: nothing to average"),
        (
            [1.0, 2.0],
            {},
            TypeError,
            "expected integer labels of shape (2,); try target.astype(int)",
        ),
        ([True, False], {}, TypeError, "target is bool, expected integer labels"),
        ([[0, 0, 1], [1, 0, 0]], {}, TypeError, "from one-hot rows: target.argmax(1)"),
        (
            [[0], [1]],
            {},
            ShapeError,
            "(2, 1), expected (2,) for input (2, 3); try target.squeeze(1)",
        ),
        ([0, 1, 2, 0], {}, ShapeError, "target has shape (4,), expected (2,) for input (2, 3)"),
        (
            [0, 1],
            {"weight": np.ones(4)},
            ValueError,
            "weight: shape (4,), expected (3,), one per class",
        ),
        (
            [0, 1],
            {"weight": np.array([0.0, 0, 1])},
            ValueError,
            "the weights of the classes in this batch sum to 0",
        ),
        (
            [0, 1],
            {"weight": np.array([1.0, -2, 1])},
            ValueError,
            "weight of class 1 is -2.0, expected 0 or more",
        ),
        (
            [0, 1],
            {"weight": np.array([1.0, nan, 1])},
            ValueError,
            "weight of class 1 is nan, expected 0 or more",
        ),
        (
            [0, 1],
            {"reduction": "median"},
            ValueError,
            "reduction 'median', expected 'mean', 'sum' or 'none'",
        ),
    ],
)
def test_refused(name, target, options, error, text):
    with pytest.raises(error) as caught:
        getattr(mt.nn.functional, name)(X, mt.tensor(np.array(target)), **options)
    assert str(caught.value).startswith(f"{name}: ")
    assert text in str(caught.value)


def test_place_of_a_bad_label_among_pixels():
    t = np.zeros((2, 2, 2), int)
    t[1, 0, 1] = 7
    with pytest.raises(IndexError, match=r"target\[1, 0, 1\] = 7, expected 0 to 2"):
        mt.nn.functional.cross_entropy(mt.zeros(2, 3, 2, 2), t)
    with pytest.raises(IndexError, match="target = 3, expected 0 to 2"):
        mt.nn.functional.cross_entropy(mt.zeros(3), np.array(3))


def test_classes_last():
    with pytest.raises(ShapeError, match=r"classes are on axis 1: try input.permute\(0, 3, 1, 2\)"):
        mt.nn.functional.cross_entropy(mt.zeros(2, 4, 5, 3), np.zeros((2, 4, 5), int))


@pytest.mark.parametrize(
    ("q", "text"),
    [
        ([[0.2, 0.3, 0.5], [1, 1, 1]], "the target probabilities at 1 sum to 3, expected 1"),
        ([[0.2, 0.3, 0.5], [-0.5, 0.5, 1]], "a target probability is -0.5, expected 0 to 1"),
        ([[0.2, 0.3, 0.5], [nan, 0.5, 0.5]], "the target probabilities at 1 sum to nan"),
    ],
)
def test_wrong_probabilities(q, text):
    with pytest.raises(ValueError, match=text):
        mt.nn.functional.cross_entropy(X, tensor(q))


def test_label_smoothing_range():
    for eps in (1.5, -0.1, nan):
        with pytest.raises(ValueError, match=f"label_smoothing {eps}, expected 0 to 1"):
            mt.nn.functional.cross_entropy(X, np.array([0, 1]), label_smoothing=eps)


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="input needs float, got int64"):
        mt.nn.functional.cross_entropy(mt.tensor([[1, 2]]), np.array([0]))
    with pytest.raises(TypeError, match="target must be a Tensor, got int"):
        mt.nn.functional.cross_entropy(X, 1)
    with pytest.raises(ShapeError, match="input is one number"):
        mt.nn.functional.cross_entropy(tensor(1.0), np.array(0))


# said once --------------------------------------------------------------------------------------


def test_probabilities_in_place_of_logits_are_pointed_out_once():
    p, t = mt.softmax(X, 1).detach(), np.array([0, 1])
    minitorch.call.said.discard("probabilities")
    mt.nn.functional.cross_entropy(X, t)  # logits: nothing is said
    with pytest.warns(UserWarning, match="as if it came out of a softmax") as caught:
        mt.nn.functional.cross_entropy(p, t)
    assert caught[0].filename == __file__
    mt.nn.functional.cross_entropy(p, t)


def test_raw_scores_in_nll_loss_are_pointed_out_once():
    minitorch.call.said.discard("log-probabilities")
    mt.nn.functional.nll_loss(mt.log_softmax(X, 1), np.array([0, 1]))
    with pytest.warns(UserWarning, match="put log_softmax before it") as caught:
        mt.nn.functional.nll_loss(X, np.array([0, 1]))
    assert caught[0].filename == __file__
    mt.nn.functional.nll_loss(X, np.array([0, 1]))


def test_smoothing_meets_a_class_ruled_out():
    minitorch.call.said.discard("smoothing")
    x = tensor([[0.0, 0, 0], [-inf, 0, 0]])
    with pytest.warns(UserWarning, match=r"the loss at \(1,\) is inf: label smoothing"):
        y = mt.nn.functional.cross_entropy(x, np.array([0, 1]), label_smoothing=0.3)
    assert y.item() == inf


# against torch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_random_cases_agree_with_torch(seed):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    rng = np.random.default_rng(seed)
    C = int(rng.integers(2, 6))
    rest = tuple(rng.integers(1, 4, rng.integers(0, 3)))
    shape = (int(rng.integers(1, 5)), C, *map(int, rest))
    x = rng.standard_normal(shape) * 3
    t = rng.integers(0, C, (shape[0], *shape[2:]))
    options = {
        "reduction": ["mean", "sum", "none"][seed % 3],
        "label_smoothing": [0.0, 0.2][seed % 2],
        "ignore_index": [-100, 0][seed // 2 % 2],
    }
    t[(0,) * t.ndim] = 1  # one at least takes part
    w = rng.uniform(0.1, 2, C) if seed % 5 < 3 else None
    a = mt.tensor(x, requires_grad=True)
    b = torch.tensor(x, requires_grad=True)
    ours = mt.nn.functional.cross_entropy(a, t, w, **options)
    theirs = torch.nn.functional.cross_entropy(
        b, torch.tensor(t), None if w is None else torch.tensor(w), **options
    )
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_a_dtype_to_compute_in(name):
    x = minitorch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    y = getattr(minitorch.nn.functional, name)(x, 1, dtype=minitorch.float64)
    want = getattr(minitorch.nn.functional, name)(x.detach().double(), 1)
    assert y.dtype == minitorch.float64
    assert y.tolist() == want.tolist()
    y[0, 1].backward()
    assert x.grad.dtype == minitorch.float32
