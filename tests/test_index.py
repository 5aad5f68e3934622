"""Reading and writing by index: views, copies, errors, repeated places, in-place forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch
from minitorch.ops.index import add_at, pick_at, slice_at, unslice
from minitorch.tensor import ShapeError, Tensor
from tests import fakecupy


def counted(*shape: int, **options) -> Tensor:
    return Tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), **options)


# views and copies --------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, -1, slice(1, 3), ..., None, (0, 1), (slice(None), 0)])
def test_looking_gives_a_view(index):
    x = counted(3, 4)
    y = x[index]
    assert np.shares_memory(y.array, x.array)
    y += 100
    assert (x[index].numpy() >= 100).all()


@pytest.mark.parametrize("index", [[0, 1], np.array([2]), Tensor([True, False, True]), ([0], [1])])
def test_picking_gives_a_copy(index):
    x = counted(3, 4)
    y = x[index]
    assert not np.shares_memory(y.array, x.array)


def test_one_element_is_a_view_too():
    x = counted(3)
    y = x[1]
    assert y.shape == ()
    with minitorch.no_grad():
        y += 5
    assert x.tolist() == [0.0, 6.0, 2.0]


def test_a_view_on_the_tape_is_not_written_in_place():
    x = counted(3, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match=r"view.*for x\[i\] \+= v, x\[i\] = x\[i\] \+ v"):
        x[1:] += 1.0
    picked = x[[0, 0]]  # a copy may be
    picked += 1.0
    assert picked.tolist() == [1.0, 1.0]


def test_negative_steps_are_allowed():
    x = counted(4, requires_grad=True)
    y = x[::-2]
    assert y.tolist() == [3.0, 1.0]
    (y * Tensor([10.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 10.0]


def test_tensors_lists_arrays_and_numpy_ints_all_point():
    x = counted(3, 4)
    for one in (2, np.int64(2), Tensor(2), Tensor(2, dtype=np.int32)):
        assert x[one].tolist() == [8.0, 9.0, 10.0, 11.0]
        assert x[0, one].item() == 2.0
    for several in ([2, 0], np.array([2, 0]), Tensor([2, 0]), [Tensor(2), 0], range(2, -1, -2)):
        assert x[several].tolist() == x[[2, 0]].tolist()
        assert x[:, several].tolist() == [[2.0, 0.0], [6.0, 4.0], [10.0, 8.0]]
    assert x[Tensor(1) :].shape == (2, 4)
    assert x[True].shape == (1, 3, 4)
    assert x[[]].shape == (0, 4)


def test_iteration_and_unpacking():
    rows = list(counted(3, 2, requires_grad=True))
    assert [r.tolist() for r in rows] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert all(r.requires_grad for r in rows)


# wrong indices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (3, "index 3 is out of bounds for axis 0 with size 3"),
        (-4, "index -4 is out of bounds for axis 0 with size 3"),
        ((0, 4), "index 4 is out of bounds for axis 1 with size 4"),
        ([0, 3], "index 3 is out of bounds for axis 0 with size 3"),
        ((slice(None), [1, 9]), "index 9 is out of bounds for axis 1 with size 4"),
        ((0, 0, 0), "too many indices"),
        (1.0, "index: expected ints.*got float64; use .long"),
        (Tensor([1.0]), "index: expected ints.*got float32; use .long"),
        ("a", "index: expected ints"),
        ([[0], [1, 2]], r"index: the rows of \[\[0\], \[1, 2\]\] differ in length"),
        ([True, False], "boolean index did not match"),
    ],
)
def test_wrong_indices_say_axis_and_size(index, text):
    x = counted(3, 4)
    with pytest.raises(IndexError, match=text):
        x[index]
    with pytest.raises(IndexError, match=text):
        x[index] = 1.0


def test_a_number_has_no_rows():
    with pytest.raises(IndexError, match="too many indices"):
        Tensor(1.0)[0]


def test_a_gpu_would_wrap_round_so_the_host_looks_first():
    with fakecupy.installed():
        x = counted(3, 4).to("cuda")
        assert x[[0, -1]].tolist() == [[0.0, 1.0, 2.0, 3.0], [8.0, 9.0, 10.0, 11.0]]
        for index, text in (
            ([0, 3], r"index 3 is out of bounds for axis 0 with size 3 \(at position 1\)"),
            ((0, np.array([[1, -5]])), r"index -5 .* axis 1 with size 4 \(at position 0, 1\)"),
            ((..., np.array(4)), "index 4 is out of bounds for axis 1 with size 4"),
        ):
            with pytest.raises(IndexError, match=text):
                x[index]
            with pytest.raises(IndexError, match=text):
                x[index] = 1.0
        with pytest.raises(IndexError, match="index 4 is out of bounds"):
            x.gather(1, [[4]])
        with pytest.raises(TypeError, match=r"cpu.*cuda|cuda.*cpu"):
            x[0] = counted(4)
        with pytest.raises(TypeError, match=r"use index.cpu\(\)"):
            counted(3)[Tensor([0], device="cuda")]


def test_shapes_without_values():
    x = Tensor(np.ones((3, 4)), device="meta")
    assert x[1:, [0, 0, 1]].shape == (2, 3)
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        x[[7]]
    x[0] = counted(4)
    x[[0, 1]] = 2.0


# gradients ---------------------------------------------------------------------------------------


def test_gradients_of_repeated_places_add_up():
    x = counted(3, 2, requires_grad=True)
    x[[1, 1, -2, 0]].sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0], [3.0, 3.0], [0.0, 0.0]]


@pytest.mark.parametrize("width", [1, 3, 700])
def test_many_rows_are_added_in_pieces(width, monkeypatch):
    monkeypatch.setattr("minitorch.ops.index._AT_ONCE", 1000)
    rng = np.random.default_rng(0)
    index, g = rng.integers(-50, 50, 2000), rng.standard_normal((2000, width))
    want = np.zeros((50, width))
    np.add.at(want, index, g)
    np.testing.assert_allclose(add_at(g, index, (50, width)), want, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32])
def test_small_integers_do_not_overflow_as_places(dtype):
    x = counted(100, 60, requires_grad=True)
    i = np.array([99, 50], dtype)
    x[i, np.array([59, 3], dtype)].sum().backward()
    assert np.argwhere(x.grad.numpy()).tolist() == [[50, 3], [99, 59]]


def test_nothing_picked_is_no_gradient():
    x = counted(3, 2, requires_grad=True)
    (x[[]].sum() + x[2:2].sum() + x[x > 100].sum()).backward()
    assert not x.grad.numpy().any()


def test_only_the_index_and_the_shape_are_saved():
    x = counted(3, requires_grad=True)
    for y in (x[1:], x[[1]]):
        assert y.node.plan.names == ("x_shape", "index")


@given(
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4).flatmap(
        lambda shape: st.tuples(
            st.just(shape),
            st.one_of(
                hnp.basic_indices(shape, allow_newaxis=True),
                hnp.integer_array_indices(shape),
                hnp.arrays(bool, shape),
            ),
        )
    )
)
def test_reading_and_adding_are_adjoint(case):
    """<x[i], g> = <x, zeros with g added at i>."""
    shape, index = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    arrays = any(hasattr(p, "dtype") for p in (index if isinstance(index, tuple) else (index,)))
    read, put = (pick_at, add_at) if arrays else (slice_at, unslice)
    y = np.asarray(read(x, index))
    np.testing.assert_array_equal(Tensor(x)[index].numpy(), x[index])
    g = rng.standard_normal(y.shape)
    back = put(g, index, shape)
    assert back.shape == shape
    np.testing.assert_allclose((y * g).sum(), (x * back).sum(), atol=1e-10)


# writing -----------------------------------------------------------------------------------------


def test_off_the_tape_the_array_is_written():
    x = counted(2, 3)
    array = x.array
    x[0] = 7
    x[1, 1:] = Tensor([8.0, 9.0])
    x[[True, False], 0] = [1.5]
    assert x.array is array
    assert x.tolist() == [[1.5, 7.0, 7.0], [3.0, 8.0, 9.0]]


def test_a_write_is_noticed_by_what_saved_the_array():
    x, w = counted(3), counted(3, requires_grad=True)
    y = (x * w).sum()
    x[0] = 5.0
    with pytest.raises(RuntimeError, match="setitem changed that array in place"):
        y.backward()


def test_on_the_tape_both_sides_have_gradients():
    x = counted(2, 3, requires_grad=True)
    v = Tensor([10.0], requires_grad=True)
    y = x * 2
    older = y
    before = y.array
    y[:, 1] = v
    assert y is older
    assert before.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    assert y.tolist() == [[0.0, 10.0, 4.0], [6.0, 10.0, 10.0]]
    (y * Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
    assert x.grad.tolist() == [[2.0, 0.0, 6.0], [8.0, 0.0, 12.0]]
    assert v.grad.tolist() == [7.0]


def test_a_plain_tensor_that_receives_a_recorded_value_joins_the_tape():
    v = Tensor(3.0, requires_grad=True)
    x = minitorch.zeros(2)
    x[1] = v * v
    x.sum().backward()
    assert v.grad.item() == 6.0


def test_a_leaf_is_not_written_on_the_tape():
    x = counted(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"setitem: this leaf requires grad.*no_grad"):
        x[0] = 1.0
    with minitorch.no_grad():
        x[0] = 1.0
    assert x.tolist() == [1.0, 1.0, 2.0]
    assert x.is_leaf


def test_a_place_named_twice_cannot_receive_a_recorded_value():
    v = Tensor([1.0, 2.0], requires_grad=True)
    x = minitorch.zeros(3)
    with pytest.raises(ValueError, match=r"setitem: index 0 appears 2 times.*index_add"):
        x[[0, 0]] = v
    with pytest.raises(ValueError, match=r"setitem: index \(0, 1\) appears 2 times"):
        minitorch.zeros(3, 3)[[0, -3], [1, 1]] = v
    with pytest.raises(ValueError, match="index_copy: index 1 appears 2 times"):
        x.index_copy(0, [1, -2], v)
    with pytest.raises(ValueError, match=r"scatter: index 2 appears 2 times"):
        x.scatter(0, [2, 2], v)
    with pytest.raises(ValueError, match="put: index 2 appears 2 times"):
        x.put([2, 2], v)
    x[[0, 0]] = v.detach()  # without a gradient it is NumPy's affair
    x[[0, 1]] = v
    assert x.tolist() == [1.0, 2.0, 0.0]


def test_the_value_takes_the_dtype_of_what_it_is_written_into():
    x = minitorch.zeros(2)
    v = Tensor([1.0, 2.0], dtype=np.float64, requires_grad=True)
    x[:] = v
    assert x.dtype == np.float32
    x.sum().backward()
    assert v.grad.dtype == np.float64
    whole = minitorch.zeros(2, dtype=minitorch.int64)
    with pytest.raises(TypeError, match="setitem: int64 cannot hold a value of float64"):
        whole[:] = v


def test_values_that_do_not_fit():
    x = minitorch.zeros(2, 3)
    for value in (counted(2), [1.0, 2.0], counted(2, requires_grad=True)):
        with pytest.raises(ShapeError, match="setitem: could not broadcast"):
            x[0] = value


def test_an_overlapping_write_reads_first():
    x = counted(4)
    x[1:] = x[:-1]
    assert x.tolist() == [0.0, 0.0, 1.0, 2.0]


# gather, scatter, masks --------------------------------------------------------------------------


def test_in_place_forms():
    def base() -> Tensor:
        return minitorch.zeros(2, 3)

    for y, want in (
        (base().scatter_(1, [[0], [2]], 4.0), [[4, 0, 0], [0, 0, 4]]),
        (base().scatter_(1, [[0], [2]], value=4.0), [[4, 0, 0], [0, 0, 4]]),
        (base().scatter_add_(0, [[1, 1, 1]], minitorch.ones(1, 3)), [[0, 0, 0], [1, 1, 1]]),
        (base().index_add_(1, [2, 2], minitorch.ones(2, 2)), [[0, 0, 2], [0, 0, 2]]),
        (base().index_copy_(0, [1], minitorch.ones(1, 3)), [[0, 0, 0], [1, 1, 1]]),
        (base().index_fill_(1, [0, 1], 2.0), [[2, 2, 0], [2, 2, 0]]),
        (base().put_([0, -1], minitorch.ones(2)), [[1, 0, 0], [0, 0, 1]]),
        (base().masked_fill_(base() == 0, 3.0), [[3, 3, 3], [3, 3, 3]]),
        (base().masked_scatter_([[True, False, True]] * 2, counted(4)), [[0, 0, 1], [2, 0, 3]]),
    ):
        assert y.tolist() == want


def test_masked_fill_keeps_infinities_out_of_the_gradient():
    x = Tensor([1.0, np.inf, np.nan], requires_grad=True)
    y = x.masked_fill([False, True, True], -np.inf)
    assert y.tolist() == [1.0, -np.inf, -np.inf]
    y[:1].sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0]


APART = [  # an index with ints and arrays apart, and the ints first
    (lambda x: x[0, :, [0, 2]], lambda x: x[0][:, [0, 2]]),
    (lambda x: x[-1, ..., [3, 0, 0]], lambda x: x[-1][:, [3, 0, 0]]),
    (lambda x: x[:, [1, 0], 1:, 2], lambda x: x[..., 2][:, [1, 0], 1:]),
    (lambda x: x[1, None, [0, 1]], lambda x: x[1][None, [0, 1]]),
    (lambda x: x[0, :, [True, False, True, False]], lambda x: x[0][:, [0, 2]]),
    (lambda x: x[[1, 0], :, 0], lambda x: x[..., 0][[1, 0]]),
]


@pytest.mark.parametrize(("both", "apart"), APART)
def test_ints_are_taken_before_arrays_wherever_they_stand(both, apart):
    """NumPy takes the int in x[0, :, [0, 2]] for an array, and gives the transpose."""
    shape = (2, 3, 4, 5) if both is APART[2][0] else (2, 3, 4)
    x = counted(*shape, requires_grad=True)
    y, z = both(x), apart(x)
    assert (y.shape, y.tolist()) == (z.shape, z.tolist())
    assert both(minitorch.zeros(*shape, device="meta")).shape == z.shape
    g = minitorch.arange(y.numel()).reshape(y.shape).float()
    for f in (both, apart):
        (f(x) * g).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * minitorch.autograd.grad(y, x, g)[0])


def test_writing_takes_ints_before_arrays_too():
    value = minitorch.arange(6).reshape(3, 2).float()
    x = minitorch.zeros(2, 3, 4)
    x[0, :, [1, 3]] = value
    assert x[0][:, [1, 3]].tolist() == value.tolist()
    assert x.count_nonzero() == 5
    v, y = value.clone().requires_grad_(), minitorch.ones(2, 3, 4)
    y[0, :, [1, 3]] = v
    (y * y).sum().backward()
    assert v.grad.tolist() == (2 * value).tolist()
    assert y[1].tolist() == minitorch.ones(3, 4).tolist()
    with pytest.raises(ValueError, match="index 1 appears 2 times"):
        y[0, :, [1, 1]] = v


def test_index_put_adds_up_what_is_named_twice():
    x = counted(3)
    x.index_put_((Tensor([0, 0, 2]).long(),), Tensor([1.0, 2.0, 4.0]), accumulate=True)
    assert x.tolist() == [3, 1, 6]
    x.index_put_((Tensor([True, False, True]),), 7.0)
    assert x.tolist() == [7, 1, 7]
    v = Tensor(1.0, requires_grad=True)
    counted(2, 2).index_put(([0, 0],), v, accumulate=True)[0].sum().backward()
    assert v.grad.item() == 4  # two rows of two
    with pytest.raises(ValueError, match="index_put: index 0 appears 2 times"):
        counted(3).index_put(([0, 0],), Tensor([1.0, 2.0], requires_grad=True))


def test_masked_fill_of_bools_stays_bool():
    y = minitorch.tensor([False, False]).masked_fill([True, False], 1)
    assert (y.dtype, y.tolist()) == (np.bool_, [True, False])


def test_a_number_has_one_place_without_an_index():
    one, zero = minitorch.tensor(5), minitorch.tensor(0.0)
    assert (one.nonzero().shape, zero.nonzero().shape) == ((1, 0), (0, 0))
    assert [part.tolist() for part in one.nonzero(as_tuple=True)] == [[0]]


def test_masked_fill_of_integers_stays_integer():
    y = minitorch.tensor([1, 2]).masked_fill([True, False], 0)
    assert y.dtype == np.int64
    assert y.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x.gather(0, [0]), ShapeError, r"gather: the index has shape \(1,\); it must"),
        (lambda x: x.gather(0, [[0] * 5]), ShapeError, r"gather: the index has shape \(1, 5\)"),
        (lambda x: x.gather(0, [[1.0]]), TypeError, "gather: the index must hold ints, got float"),
        (lambda x: x.gather(1, [[4]]), IndexError, "index 4 is out of bounds for axis 1 with size"),
        (lambda x: x.gather(2, [[0]]), IndexError, "2"),
        (
            lambda x: x.scatter(0, [[0, 1]], minitorch.ones(1, 1)),
            ShapeError,
            r"scatter: 'src' has shape \(1, 1\), too small for an index of \(1, 2\)",
        ),
        (
            lambda x: x.scatter(0, [[0]], 1.0, reduce="mean"),
            ValueError,
            "scatter: reduce must be None or 'add', got 'mean'",
        ),
        (
            lambda x: x.index_add(0, [0, 1], minitorch.ones(1, 4)),
            ShapeError,
            r"index_add: 'source' has shape \(1, 4\), expected \(2, 4\)",
        ),
        (lambda x: x.index_select(0, [[0]]), ShapeError, "index_select: the index must be a vect"),
        (lambda x: x.index_select(1, [4]), IndexError, "index 4 is out of bounds for axis 1"),
        (lambda x: x.select(0, 3), IndexError, "index 3 is out of bounds for axis 0 with size 3"),
        (lambda x: x.sum().index_select(0, [1]), IndexError, "index 1 is out of bounds for axis 0"),
        (lambda x: x.take([12]), IndexError, "index 12 is out of bounds for axis 0 with size 12"),
        (
            lambda x: x.masked_fill([[1, 0, 1, 0]], 0.0),
            TypeError,
            "masked_fill: the mask must hold bools, got int64; write mask != 0",
        ),
        (
            lambda x: x.masked_fill(x > 0, minitorch.ones(4)),
            ShapeError,
            r"masked_fill: 'value' must be a number or 0-d, got shape \(4,\)",
        ),
        (
            lambda x: x.masked_scatter(x > 0, minitorch.ones(2)),
            ShapeError,
            "masked_scatter: the mask has 11 places, the source 2 elements",
        ),
        (
            lambda x: x.take_along_dim(Tensor([0]), dim=0),
            ShapeError,
            r"take_along_dim: x is \(3, 4\), indices \(1,\): unequal axes",
        ),
    ],
)
def test_errors_name_op_and_shapes(call, error, text):
    with pytest.raises(error, match=text):
        call(counted(3, 4))


# tables ------------------------------------------------------------------------------------------


def test_embedding_says_which_index_is_no_row():
    table = counted(4, 2)
    for index, text in (
        ([0, 4], "embedding: index 4 at position 1 is out of range for 4 rows, 0 to 3"),
        ([[0, 1], [-1, 2]], "embedding: index -1 at position 1, 0 is out of range for 4 rows"),
        (Tensor(7), "embedding: index 7 is out of range for 4 rows"),
        (Tensor([3, 9], dtype=np.int32), "embedding: index 9 at position 1"),
    ):
        with pytest.raises(IndexError, match=text):
            minitorch.embedding(index, table)
        with fakecupy.installed(), pytest.raises(IndexError, match=text):
            minitorch.embedding(Tensor(index, device="cuda"), table.to("cuda"))
    with pytest.raises(TypeError, match=r"embedding: expected ints, got float32; use .long"):
        minitorch.embedding(Tensor([1.0]), table)
    with pytest.raises(ShapeError, match=r"embedding: weight is \(4,\), expected \(rows, feat"):
        minitorch.embedding([0], counted(4))
    with pytest.raises(IndexError, match="embedding: padding_idx 4 is none of the 4 rows"):
        minitorch.embedding([0], table, 4)


@pytest.mark.parametrize("padding_idx", [1, -3])
def test_embedding_leaves_the_padding_row_alone(padding_idx):
    table = counted(4, 2, requires_grad=True)
    y = minitorch.embedding([[1, 2, 2], [0, 1, 2]], table, padding_idx=padding_idx)
    assert y.shape == (2, 3, 2)
    assert y[0, 0].tolist() == [2.0, 3.0]
    y.sum().backward()
    assert table.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [3.0, 3.0], [0.0, 0.0]]


def test_embedding_of_nothing_and_on_meta():
    table = counted(4, 2, requires_grad=True)
    y = minitorch.embedding(Tensor(np.zeros((0, 3), np.int64)), table)
    assert y.shape == (0, 3, 2)
    y.sum().backward()
    assert not table.grad.numpy().any()
    big = Tensor(counted(1, 1), device="meta").expand(10**6, 10**4)
    assert minitorch.embedding([[1, 2]], big).shape == (1, 2, 10**4)


def test_one_hot_counts_the_classes():
    assert minitorch.nn.functional.one_hot([1, 0, 2]).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert minitorch.nn.functional.one_hot(Tensor(1), 3).tolist() == [0, 1, 0]
    assert minitorch.nn.functional.one_hot(Tensor([], dtype=np.int64), 3).shape == (0, 3)
    with pytest.raises(IndexError, match="one_hot: index 3 at position 1 is out of range for 3"):
        minitorch.nn.functional.one_hot([0, 3], 3)
    with pytest.raises(IndexError, match="one_hot: index -1 at position 0"):
        minitorch.nn.functional.one_hot([-1, 1])
    with pytest.raises(TypeError, match="one_hot: expected ints, got float32"):
        minitorch.nn.functional.one_hot(Tensor([1.0]))
    with pytest.raises(ValueError, match="one_hot: no labels, so num_classes must be given"):
        minitorch.nn.functional.one_hot(Tensor([], dtype=np.int64))


def test_places_have_no_gradient():
    x = counted(2, 2, requires_grad=True)
    for y in (x.nonzero(), x.argwhere(), x.unique(), minitorch.searchsorted(x[0], x)):
        assert not y.requires_grad


def test_bincount_wants_a_vector_of_counts():
    for bad in ([[1, 2]], [-1]):
        with pytest.raises(ValueError, match="bincount: expected a vector of ints, none negative"):
            minitorch.bincount(bad)
    with pytest.raises(ValueError, match="searchsorted: sorted_sequence must be a vector"):
        minitorch.searchsorted(counted(2, 2), counted(2))
