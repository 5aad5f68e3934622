"""assert_close: what it lets pass, and what it says where it does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import tensor
from minitorch.testing import assert_close


def said(*args: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as error:
        assert_close(*args, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("dtype", "inside", "outside"),
    [("float32", 2e-6, 5e-5), ("float64", 1e-7, 1e-6), ("float16", 1e-3, 1e-2)],
)
def test_how_close_is_a_matter_of_the_dtype(dtype: str, inside: float, outside: float):
    x = minitorch.ones(3, dtype=dtype)
    assert_close(x * (1 + inside), x)
    assert "not close" in said(x * (1 + outside), x)


def test_integers_and_bools_are_equal():
    large = 2**53
    assert_close(tensor([large]), tensor([large]))
    assert "not equal" in said(tensor([large + 1]), tensor([large]))
    assert "Mismatched elements: 1 / 2" in said(tensor([True, False]), tensor([True, True]))
    assert_close(tensor([7, 8]), tensor([8, 8]), rtol=0, atol=1)


def test_the_message_says_how_many_how_far_and_where():
    x, y = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tensor([[1.0, 2.5, 3.0], [4.0, 5.0, 7.0]])
    assert said(x, y).splitlines() == [
        "Tensor-likes are not close!",
        "",
        "Mismatched elements: 2 / 6 (33.3%)",
        "Greatest absolute difference: 1 at index (1, 2) (up to 1e-05 allowed)",
        "Greatest relative difference: 0.2 at index (0, 1) (up to 1.3e-06 allowed)",
    ]


def test_a_number_is_named_with_what_was_expected():
    assert "Expected 2.0 but got 1.0." in said(tensor(1.0), tensor(2.0))
    assert "Relative difference: 0.5" in said(1.0, 2.0)


def test_it_goes_into_sequences_and_mappings():
    good = {"w": [tensor(1.0), (2.0, None)]}
    assert_close({"w": ([tensor(1.0), [2.0, None]])}, good)
    text = said({"w": [tensor(1.0), (3.0, None)]}, good)
    assert text.endswith("The failure occurred for item ['w'][1][0]")
    assert "1 != 2" in said([1.0], [1.0, 2.0])
    assert "Missing keys in the actual mapping: ['b']" in said({"a": 1.0}, {"b": 1.0})
    assert "None mismatch" in said(None, tensor(1.0))


@pytest.mark.parametrize(
    ("other", "name", "option"),
    [
        (minitorch.ones(2, 1), "shape", None),
        (minitorch.ones(2, dtype="float64"), "dtype", "check_dtype"),
        (minitorch.ones(4)[::2], r"stride\(\)", None),
        (minitorch.ones(2, device="meta"), "device", None),
    ],
)
def test_what_is_not_a_number_must_agree_too(other: Any, name: str, option: str | None):
    x, strict = minitorch.ones(2), {"check_stride": True}
    with pytest.raises(AssertionError, match=f"attribute '{name}' do not match"):
        assert_close(other, x, **strict)
    if option:
        assert_close(other, x, **{option: False})


def test_nan_is_close_to_nan_only_when_asked():
    x = tensor([math.nan, 1.0, math.inf])
    assert "Mismatched elements: 1 / 3" in said(x, x)
    assert_close(x, x, equal_nan=True)
    assert "inf at index (2,)" in said(x, tensor([math.nan, 1.0, 2.0]), equal_nan=True)


def test_the_message_can_be_replaced_or_framed():
    assert said(1.0, 2.0, msg="the loss moved") == "the loss moved"
    assert said(1.0, 2.0, msg=lambda text: f"step 3: {text}").startswith("step 3: Scalars")


def test_what_cannot_be_compared_raises_at_once():
    with pytest.raises(TypeError, match="cannot compare complex with complex"):
        assert_close(1 + 1j, 1 + 2j)
    with pytest.raises(TypeError, match=r"Tensor with float at item \[0\].*minitorch.tensor"):
        assert_close([tensor(1.0)], [1.0])
    with pytest.raises(ValueError, match="got rtol without atol"):
        assert_close(1.0, 1.0, rtol=0.1)
    assert "do not match" in said(1, 1.0)


def test_tensors_that_require_grad_and_arrays_are_compared_as_they_are():
    x = tensor([1.0, 2.0], requires_grad=True)
    assert_close(x * 2, np.array([2.0, 4.0], np.float32))


def test_torch_says_the_same_first_lines():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 4)).astype(np.float32)
    b = a + np.where(rng.random((3, 4)) < 0.3, rng.standard_normal((3, 4)), 0).astype(np.float32)
    with pytest.raises(AssertionError) as error:
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b))
    for ours, theirs in zip(said(tensor(a), tensor(b)).splitlines(), str(error.value).splitlines()):
        assert ours.split(" difference:")[0] == theirs.split(" difference:")[0]
        assert ours.partition(" at ")[2] == theirs.partition(" at ")[2]
