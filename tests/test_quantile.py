"""Quantiles and histograms: nan, infinity, ties, forms of q, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch import Tensor

NAN, INF = math.nan, math.inf


def leaf(values: Any) -> Tensor:
    return minitorch.tensor(values, dtype="float64", requires_grad=True)


def test_the_gradient_goes_to_the_two_numbers_it_stands_between():
    x = leaf([10.0, 2.0, 6.0, 4.0])
    y = x.quantile(0.25)  # place 0.75: between 2 and 4
    y.backward()
    assert y.item() == 3.5
    assert x.grad.tolist() == [0.0, 0.25, 0.0, 0.75]


def test_the_ends_are_the_smallest_and_the_largest():
    x = leaf([[3.0, -INF, 1.0], [2.0, INF, 5.0]])
    assert x.quantile(0.0, 1).tolist() == [-INF, 2.0]
    assert x.quantile(1, dim=1).tolist() == [3.0, INF]
    x.quantile(1.0, 1).sum().backward()
    assert x.grad.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_nan_is_the_result_unless_it_is_left_out():
    x = leaf([[1.0, NAN, 3.0, 2.0], [4.0, 8.0, 5.0, 7.0], [NAN] * 4])
    np.testing.assert_array_equal(x.quantile(0.5, 1).detach().numpy(), [NAN, 6.0, NAN])
    y = x.nanquantile(0.5, 1)
    np.testing.assert_array_equal(y.detach().numpy(), [2.0, 6.0, NAN])
    y[:2].sum().backward()
    assert x.grad.tolist() == [[0, 0, 0, 1], [0, 0, 0.5, 0.5], [0, 0, 0, 0]]


def test_a_nan_of_bfloat16_is_left_out_too():
    pytest.importorskip("ml_dtypes")
    x = minitorch.tensor([NAN, 1.0, 2.0], dtype="bfloat16")
    assert x.nanquantile(1.0).item() == 2.0
    assert math.isnan(x.quantile(1.0).item())


def test_q_in_every_form():
    x = leaf([[4.0, 1.0, 3.0], [9.0, 7.0, 8.0]])
    assert x.quantile(0.5).shape == x.quantile(minitorch.tensor(0.5)).shape == ()
    assert x.quantile(minitorch.tensor([0.0, 1.0]), 1).tolist() == [[1.0, 7.0], [4.0, 9.0]]
    assert x.quantile(np.array([0.5]), 1, True).shape == (1, 2, 1)
    assert x.quantile([0.5, 0.1], keepdim=True).shape == (2, 1, 1)
    assert minitorch.quantile(input=x, q=0.5, dim=-1, interpolation="lower").tolist() == [3.0, 8.0]
    assert leaf(2.5).quantile(0.3).item() == 2.5
    assert leaf(2.5).quantile(0.3, 0, True).shape == ()
    assert x.float().quantile(0.3).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: x.quantile(minitorch.ones(1, 2)),
            ValueError,
            r"quantile: expected q from 0 to 1, got \[1\.0, 1\.0\]",
        ),
        (lambda x: x.quantile("a"), ValueError, "quantile: expected q from 0 to 1, got 'a'"),
        (lambda x: x.quantile([]), ValueError, "quantile: expected q, or several, got none"),
        (lambda x: x.quantile(1.5), ValueError, r"quantile: expected q from 0 to 1, got 1\.5"),
        (
            lambda x: x.nanquantile([0.5, NAN]),
            ValueError,
            "nanquantile: expected q from .* got nan",
        ),
        (lambda x: x.quantile(0.5, 2), IndexError, "quantile: dim 2 is out of range for 2 axes"),
        (lambda x: x.long().quantile(0.5), TypeError, "quantile: x needs float, got int64"),
        (
            lambda x: x[:0].quantile(0.5, 0),
            ValueError,
            r"shape \(0, 3\) has no numbers along dim 0",
        ),
        (lambda x: x[:0].quantile(0.5), ValueError, r"quantile: shape \(0, 3\) has no numbers$"),
        (
            lambda x: x.quantile(0.5, interpolation="cubic"),
            ValueError,
            r"quantile: expected interpolation to be one of .*'linear'.*, got 'cubic'",
        ),
        (lambda x: x.histc(0), ValueError, "histc: expected bins to be 1 or more, got 0"),
        (lambda x: x.histc(3, 2, 1), ValueError, "histc: expected min <= max.*, got 2 and 1"),
        (lambda x: x.histc(3, -math.inf, 1), ValueError, "histc: .* both finite, got -inf and 1"),
        (lambda x: x.histc(3, 0, NAN), ValueError, "histc: .* both finite, got 0 and nan"),
        (lambda x: x.long().histc(3), TypeError, "histc: x needs float, got int64"),
    ],
)
def test_what_is_refused(call: Any, error: type, message: str):
    with pytest.raises(error, match=message):
        call(leaf(np.ones((2, 3))))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=12),
    st.floats(0, 1),
    st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest"]),
)
def test_quantiles_are_numpys_and_their_gradients_add_up_to_1(values: list, q: float, how: str):
    x = leaf(values)
    y = x.quantile(q, interpolation=how)
    np.testing.assert_allclose(y.item(), np.quantile(values, q, method=how), rtol=1e-9, atol=1e-9)
    y.backward()
    np.testing.assert_allclose(x.grad.sum().item(), 1)


def test_counts_of_edges_outsiders_and_nan():
    x = minitorch.tensor([0.0, 0.5, 1.0, 2.0, 2.5, -1.0, NAN])
    assert x.histc(2, 0, 2).tolist() == [2, 2]
    assert np.isnan(x.histc(2).numpy()).all()
    assert minitorch.zeros(0).histc(3).tolist() == [0, 0, 0]
    assert minitorch.full((4,), 7.0).histc(3).tolist() == [0, 4, 0]
    y = minitorch.histc(leaf([[1.0, 2.0], [3.0, 4.0]]), bins=3)
    assert (y.tolist(), y.requires_grad, y.dtype) == ([1, 1, 2], False, np.float64)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-8, 8), min_size=1, max_size=20), st.sampled_from([1, 2, 4, 8]))
def test_counts_are_numpys(values: list, bins: int):
    got = minitorch.tensor(values, dtype="float64").histc(bins, -8, 8)
    assert got.tolist() == np.histogram(values, bins, (-8, 8))[0].tolist()
