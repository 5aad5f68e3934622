"""Numbers that are indexed, bools that are raised to a power, and joins that begin with nothing."""

import numpy as np
import pytest

import minitorch


@pytest.mark.parametrize(("index", "shape"), [(0, ()), ([0, 0], (2,)), (-1, ())])
def test_gather_of_a_number(index, shape):
    x = minitorch.tensor(3.0, requires_grad=True)
    y = x.gather(0, minitorch.tensor(index))
    y.sum().backward()
    assert y.shape == shape
    assert (y == 3).all()
    assert x.grad.item() == max(1, len(np.atleast_1d(index)))


def test_gather_of_a_number_has_one_place():
    with pytest.raises(IndexError):
        minitorch.tensor(3.0).gather(0, minitorch.tensor(1))
    with pytest.raises(IndexError):
        minitorch.tensor(3.0).gather(1, minitorch.tensor(0))


def test_index_select_of_a_number():
    assert minitorch.tensor(3.0).index_select(0, minitorch.tensor([0])).shape == ()
    assert minitorch.tensor(3.0).index_select(-1, minitorch.tensor(0)).item() == 3


def test_a_power_of_bools_has_room_to_grow():
    mask = minitorch.tensor([True, False])
    assert (mask**2).dtype == minitorch.int64
    assert ((mask**2) * 100 + 100).tolist() == [200, 100]


def test_logit_of_uint8_does_not_wrap_around():
    assert minitorch.tensor([5], dtype="uint8").logit().isnan().all()


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_a_join_may_begin_with_nothing(dim):
    nothing = minitorch.tensor([], requires_grad=True)
    x = minitorch.arange(6.0).reshape(2, 3).requires_grad_()
    y = minitorch.cat([nothing, x, x], dim)
    (y * minitorch.arange(12.0).reshape(y.shape)).sum().backward()
    again = minitorch.cat([x, x], dim)
    assert y.tolist() == again.tolist()
    assert nothing.grad.shape == (0,)
    assert x.grad.shape == (2, 3)
    assert x.grad.sum().item() == 66


def test_what_is_joined_to_nothing_takes_its_dtype_into_account():
    y = minitorch.cat([minitorch.tensor([]), minitorch.ones(2, 3, dtype="int64")])
    assert (y.dtype, y.shape) == (minitorch.float32, (2, 3))


def test_only_a_vector_is_nothing():
    with pytest.raises(ValueError, match="cat: shapes may differ in dim 0 only"):
        minitorch.cat([minitorch.zeros(0, 2), minitorch.ones(2, 3)])
    with pytest.raises(ValueError, match="cat: shapes may differ"):
        minitorch.cat([minitorch.tensor([1.0]), minitorch.ones(2, 3)])


def test_joins_are_torchs():
    torch = pytest.importorskip("torch")
    for dim in (0, 1):
        ours, theirs = (
            lib.cat([lib.tensor([]), lib.ones(2, 3), lib.tensor([]), lib.zeros(2, 3)], dim)
            for lib in (minitorch, torch)
        )
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", ["scatter", "scatter_"])
def test_scatter_takes_a_tensor_of_one_number(name):
    v = minitorch.tensor(2.0, requires_grad=True)
    y = getattr(minitorch.zeros(3), name)(0, minitorch.tensor([0, 2]), v)
    y.sum().backward()
    assert y.tolist() == [2, 0, 2]
    assert v.grad.item() == 2


def test_threshold_without_a_value_says_so():
    with pytest.raises(TypeError, match="threshold: missing argument 'value'"):
        minitorch.nn.functional.threshold(minitorch.ones(2), 0.0)
