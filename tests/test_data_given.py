"""What tensors are made of: lists that mix kinds of numbers, sizes by name, ranges, arrays."""

import numpy as np
import pytest

import minitorch
from minitorch import float16, float32, float64, int64

# lists ------------------------------------------------------------------------------------------

MIXED = {
    "a tensor and an int": lambda m: [m.tensor(1.0), 2],
    "an int and a tensor": lambda m: [2, m.tensor(1.0)],
    "a float32 and an int": lambda m: [np.float32(1), 2],
    "a float32 and a float": lambda m: [np.float32(1), 2.5],
    "a row and a tensor": lambda m: [[1, 2], m.tensor([1.0, 2.0])],
}


@pytest.mark.parametrize("data", MIXED.values(), ids=MIXED)
def test_float32_beside_python_numbers_stays_float32(data):
    assert minitorch.tensor(data(minitorch)).dtype == float32


@pytest.mark.parametrize("data", MIXED.values(), ids=MIXED)
def test_mixed_lists_have_the_dtype_that_torch_gives_them(data):
    torch = pytest.importorskip("torch")
    try:
        theirs = torch.tensor(data(torch))
    except (ValueError, TypeError):
        pytest.skip("torch takes no such list")
    ours = minitorch.tensor(data(minitorch))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    assert ours.tolist() == theirs.tolist()


def test_the_widest_float_of_a_list_decides():
    assert minitorch.tensor([np.float64(1), 2]).dtype == float64
    assert minitorch.tensor([np.float16(1), 2]).dtype == float16
    assert minitorch.tensor([np.float16(1), 2.0]).dtype == float32
    assert minitorch.tensor([[1.0], [np.float64(2)]]).dtype == float64
    assert minitorch.tensor([1, 2]).dtype == int64


def test_a_default_dtype_of_float64_is_what_python_floats_take():
    minitorch.set_default_dtype("float64")
    try:
        assert minitorch.tensor([1.0, 2]).dtype == float64
        assert minitorch.tensor([np.float32(1), 2]).dtype == float32
    finally:
        minitorch.set_default_dtype("float32")


@pytest.mark.parametrize(
    ("value", "dtype"), [(300, "uint8"), (-129, "int8"), ([1, 2**40], "int32")]
)
def test_a_number_that_does_not_fit_raises_and_does_not_wrap_around(value, dtype):
    with pytest.raises(ValueError, match=rf"tensor: .* does not fit into {dtype}"):
        minitorch.tensor(value, dtype=dtype)


def test_what_fits_is_rounded_towards_zero_and_minus_one_is_the_last():
    assert minitorch.tensor([3.7, -3.7], dtype="int8").tolist() == [3, -3]
    assert minitorch.tensor([255, -1], dtype="uint8").tolist() == [255, 255]
    assert minitorch.tensor([], dtype="int8").shape == (0,)


def test_an_array_is_converted_as_by_astype():
    assert minitorch.tensor(np.array([300]), dtype="uint8").tolist() == [44]


def test_python_s_float_is_float64_as_in_torch():
    assert minitorch.zeros(1, dtype=float).dtype == float64
    assert minitorch.zeros(1).to(float).dtype == float64


# sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_sizes_may_come_by_their_name(name):
    make = getattr(minitorch, name)
    assert make(size=(2, 3)).shape == make(2, 3).shape == make((2, 3)).shape == (2, 3)
    assert make(size=4).shape == (4,)
    with pytest.raises(TypeError, match="size: given twice"):
        make(2, size=(2,))


@pytest.mark.parametrize("name", ["rand", "randn"])
def test_draws_with_fractions_are_no_integers(name):
    with pytest.raises(TypeError, match=f"{name}: .* fractions, which int64 cannot hold"):
        getattr(minitorch, name)(3, dtype=int64)
    x = minitorch.zeros(3, dtype=int64)
    with pytest.raises(TypeError, match=r"uniform_: .* fractions"):
        x.uniform_()
    with pytest.raises(TypeError, match=r"normal_: .* fractions"):
        x.normal_()
    assert set(x.bernoulli_(1.0).tolist()) == {1}


# ranges -----------------------------------------------------------------------------------------


def test_arange_takes_names_and_tensors_of_one_number():
    assert minitorch.arange(end=3).tolist() == [0, 1, 2]
    assert minitorch.arange(start=1, end=3).tolist() == [1, 2]
    n = minitorch.arange(minitorch.tensor(3))
    assert (n.tolist(), n.dtype) == ([0, 1, 2], int64)
    assert minitorch.arange(0.0, 2).dtype == float32
    assert minitorch.arange(minitorch.tensor(2.0)).dtype == float32
    with pytest.raises(TypeError, match="arange: end is missing"):
        minitorch.arange(start=None)


# arrays -----------------------------------------------------------------------------------------


def test_asarray_shares_where_it_can_and_copies_where_it_is_told():
    array = np.zeros(2)
    shared, copied = minitorch.asarray(array), minitorch.asarray(array, copy=True)
    array[0] = 5
    assert shared.tolist() == [5, 0]
    assert copied.tolist() == [0, 0]
    assert minitorch.asarray([1, 2]).dtype == int64
    assert minitorch.asarray([1.0], requires_grad=True).requires_grad


def test_asarray_of_a_tensor_is_a_leaf_on_its_memory():
    x = minitorch.ones(2, requires_grad=True)
    y = minitorch.asarray(x * 2)
    assert y.is_leaf
    assert not y.requires_grad
    z = minitorch.zeros(2)
    minitorch.asarray(z)[0] = 3.0
    assert z.tolist() == [3, 0]


def test_asarray_that_may_not_copy_raises_where_it_would():
    array = np.zeros(2)
    assert minitorch.asarray(array, copy=False).shape == (2,)
    for data, options in (([1, 2], {}), (array, {"dtype": "float32"})):
        with pytest.raises(ValueError, match="asarray: copy=False"):
            minitorch.asarray(data, copy=False, **options)


# one value everywhere ---------------------------------------------------------------------------


def test_fill_hands_the_gradient_to_a_value_that_is_recorded():
    x = minitorch.ones(2, 3, requires_grad=True)
    v = minitorch.tensor(2.0, requires_grad=True)
    y = x * 3
    y.fill_(v)
    (y * minitorch.arange(6.0).reshape(2, 3)).sum().backward()
    assert y.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert v.grad.item() == 15
    assert x.grad is None or not x.grad.any()


def test_fill_of_a_constant_with_a_recorded_value_is_recorded():
    v = minitorch.tensor(2.0, requires_grad=True)
    y = minitorch.zeros(3).fill_(v * 2)
    y.sum().backward()
    assert v.grad.item() == 6


def test_fill_takes_one_number():
    with pytest.raises(ValueError, match=r"fill_: the value is one number, got shape \(3,\)"):
        minitorch.zeros(2, 3).fill_(minitorch.ones(3))


def test_fill_under_no_grad_writes_the_value():
    x = minitorch.zeros(2, requires_grad=True)
    with minitorch.no_grad():
        x.fill_(minitorch.tensor(2.0, requires_grad=True))
    assert x.tolist() == [2, 2]
    assert x.is_leaf
