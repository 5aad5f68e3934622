"""What a Tensor is: made, read, moved, converted, written in place."""

from __future__ import annotations

import copy
import pickle
import sys
import warnings

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch.tensor import ShapeError, Tensor

# made --------------------------------------------------------------------------------------------


def test_dtypes_of_python_and_numpy_data():
    assert mt.tensor([1.0, 2]).dtype == mt.float32
    assert mt.tensor([1, 2]).dtype == mt.int64
    assert mt.tensor([True, False]).dtype == mt.bool_
    assert mt.tensor(3.0).shape == ()
    assert mt.tensor(np.ones(2)).dtype == mt.float64
    assert mt.tensor(np.float64(2)).dtype == mt.float64
    assert mt.tensor([np.float64(2)]).dtype == mt.float64
    assert mt.tensor([1, 2], dtype=mt.float16).dtype == mt.float16
    assert mt.tensor([mt.tensor(1.0), mt.tensor(2.0)]).tolist() == [1.0, 2.0]


def test_data_is_copied_and_sharing_has_a_name():
    a = np.ones(2, np.float32)
    x, shared = mt.tensor(a), mt.from_numpy(a)
    a[0] = 5
    assert x.tolist() == [1.0, 1.0]
    assert shared.tolist() == [5.0, 1.0]
    assert np.shares_memory(mt.as_tensor(a).numpy(), a)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (1 + 2j, TypeError, "complex numbers are not supported"),
        (np.ones(2, complex), TypeError, "complex numbers are not supported"),
        (None, TypeError, "object array holds no numbers"),
        ([1.0, None], TypeError, "object array holds no numbers"),
        ("abc", TypeError, "strings are not numbers"),
        (np.array(["a"], dtype=object), TypeError, "object array holds no numbers"),
        ([[1, 2], [3]], ValueError, "row 1 has 1 items, row 0 has 2 items"),
        ([[[1], [2]], [[3], [4, 5]]], ValueError, "row 1, 1 has 2 items, row 1, 0 has 1 items"),
        ([1, [2]], ValueError, "row 1 has 1 items, row 0 has a number"),
        (
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            TypeError,
            "cannot hold dtype datetime64",
        ),
    ],
)
def test_what_is_no_number_is_refused(data, error, words):
    with pytest.raises(error, match=words):
        mt.tensor(data)


def test_odd_numpy_arrays_are_taken():
    big_endian = mt.tensor(np.arange(3, dtype=">f4"))
    assert big_endian.dtype == mt.float32
    assert big_endian.tolist() == [0, 1, 2]
    frozen = np.ones(2)
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = mt.tensor(frozen)
    x += 1
    assert mt.from_numpy(np.arange(3.0)[::-1]).tolist() == [2, 1, 0]


def test_only_floats_require_grad():
    with pytest.raises(
        TypeError, match="only floating-point tensors have gradients, this is int64"
    ):
        mt.tensor(2, requires_grad=True)
    with pytest.raises(TypeError, match="bool"):
        mt.tensor(True).requires_grad_()


# read --------------------------------------------------------------------------------------------


def test_shape_words():
    x = mt.zeros(2, 3)
    assert x.shape == x.size() == (2, 3)
    assert x.size(-1) == len(x[0]) == 3
    assert x.ndim == x.dim() == 2
    assert x.numel() == 6
    assert x.nbytes == 24
    assert x.element_size() == 4
    assert x.stride() == (3, 1)
    assert mt.zeros(2, 1).expand(2, 5).stride() == (1, 0)
    assert x.is_contiguous()
    assert not x.permute(1, 0).is_contiguous()
    assert x.is_floating_point()


def test_numbers_come_out_of_one_element_only():
    x = mt.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert [10, 20, 30][mt.tensor(1)] == 20
    many = mt.ones(2)
    for read in (bool, float, int, Tensor.item):
        with pytest.raises(ValueError, match=r"shape \(2,\) holds 2 values.*reduce it with"):
            read(many)
    with pytest.raises(ValueError, match="holds 0 values"):
        bool(mt.zeros(0))
    with pytest.raises(TypeError, match="index: expected an integer tensor, got float32"):
        [1, 2][mt.tensor(1.0)]


def test_length_and_iteration():
    assert len(mt.zeros(4, 2)) == 4
    assert [row.tolist() for row in mt.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match="0-d tensor has no length"):
        len(mt.tensor(1.0))
    with pytest.raises(TypeError, match="0-d tensor holds one number"):
        iter(mt.tensor(1.0))


def test_numpy_shares_and_refuses_what_records():
    x = mt.zeros(2)
    x.numpy()[0] = 3
    assert x.tolist() == [3, 0]
    x.requires_grad_()
    with pytest.raises(RuntimeError, match=r"use x.detach\(\).numpy\(\)"):
        x.numpy()
    assert np.asarray(x.detach()).tolist() == [3, 0]


def test_dlpack_both_ways():
    x = mt.arange(3.0)
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    back = mt.from_dlpack(np.arange(4))
    assert back.dtype == mt.int64
    torch = pytest.importorskip("torch")
    shared = torch.from_dlpack(x)
    shared[0] = 7
    assert x[0].item() == 7
    assert mt.from_dlpack(torch.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (mt.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (mt.tensor([0.5, 2.0]), "tensor([0.5000, 2.0000])"),
        (mt.tensor([1, 2]), "tensor([1, 2])"),
        (mt.tensor(True), "tensor(True)"),
        (mt.tensor([1.0], dtype=mt.float64), "tensor([1.], dtype=float64)"),
        (mt.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (mt.zeros(2, 3, device="meta"), "tensor(..., shape=(2, 3), device='meta')"),
        (mt.tensor([float("nan"), 1.0]), "tensor([nan,  1.])"),
        (mt.tensor([1e10, 0.5]), "tensor([1.0000e+10, 5.0000e-01])"),
    ],
)
def test_repr(x, text):
    assert repr(x) == text


def test_repr_of_a_large_tensor_looks_at_its_ends_only():
    x = mt.tensor(0.5).expand(10**5, 10**5, 10**5)
    assert repr(x).startswith("tensor([[[0.5000, 0.5000, 0.5000, ..., 0.5000, 0.5000, 0.5000],")
    assert repr(mt.arange(2000)) == "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"


def test_repr_names_the_last_op():
    x = mt.tensor([1.0], requires_grad=True)
    assert repr(x * 2) == "tensor([2.], grad_fn=<mul>)"
    assert f"{(x * 2).sum():.2f}" == "2.00"


# converted ---------------------------------------------------------------------------------------


def test_to_takes_dtype_device_or_tensor():
    x = mt.ones(2)
    assert x.to(mt.float64).dtype == x.double().dtype == mt.float64
    assert x.to("float64").dtype == mt.float64
    assert x.to("meta").device == "meta"
    y = x.to("meta", mt.float16)
    assert (y.device, y.dtype) == ("meta", mt.float16)
    assert x.to(y).device == "meta"
    assert x.to(mt.float32) is x.to("cpu") is x
    assert x.to(mt.float32, copy=True) is not x
    assert x.long().dtype == mt.int64
    assert x.int().dtype == mt.int32
    assert x.bool().dtype == mt.bool_
    assert x.half().dtype == mt.float16
    assert x.type_as(mt.ones(1, dtype=mt.int8)).dtype == mt.int8
    assert mt.tensor([1.9, -1.9]).long().tolist() == [1, -1]


def test_casts_carry_gradients_back_in_the_inputs_dtype():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    (x.double() ** 2).sum().backward()
    assert x.grad.dtype == mt.float32
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_cast_to_integers_cuts_the_graph_and_says_so():
    x = mt.tensor([1.5], requires_grad=True)
    y = x.long().float().sum()
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="discretize has no gradient"):
        y.backward()


# in place ----------------------------------------------------------------------------------------


def test_off_the_tape_the_array_is_written_and_aliases_see_it():
    x = mt.zeros(3)
    alias, view = x.detach(), x[1:]
    y = x
    y += 1
    assert y is x
    assert alias.tolist() == [1, 1, 1]
    view *= 3
    assert x.tolist() == [1, 3, 3]


def test_update_under_no_grad():
    w = mt.ones(2, requires_grad=True)
    (w * w).sum().backward()
    with mt.no_grad():
        w -= 0.25 * w.grad
    assert w.requires_grad
    assert w.is_leaf
    assert w.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.__iadd__(1),
        lambda w: w.__isub__(1),
        lambda w: w.__imul__(2),
        lambda w: w.__itruediv__(2),
        lambda w: w.mul_(2),
        lambda w: w.zero_(),
        lambda w: w.fill_(1.0),
        lambda w: w.normal_(),
        lambda w: w.__setitem__(0, 1.0),
    ],
)
def test_a_leaf_is_not_changed_behind_its_gradients_back(write):
    w = mt.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"leaf requires grad.*with minitorch.no_grad\(\)"):
        write(w)
    assert w.tolist() == [1, 1]


def test_on_the_tape_in_place_is_a_new_value():
    x = mt.tensor([2.0, 3.0], requires_grad=True)
    h = x * x  # saves x
    was = h
    h /= 2
    assert h is was
    assert h.grad_fn.name == "div"
    h += h * x
    h.sum().backward()
    # h = x²/2 + x³/2
    np.testing.assert_allclose(x.grad.numpy(), [2 + 6.0, 3 + 13.5])
    assert x.tolist() == [2, 3]


def test_the_callers_tensor_is_unchanged_by_in_place_division_in_forward():
    def forward(x):
        x = x.exp()
        while x.abs().sum() > 1:
            x /= 2
        return x.sum()

    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = forward(x)
    y.backward()
    k = round(np.log2(np.exp([1.0, 2.0]).sum() / y.item()))
    np.testing.assert_allclose(x.grad.numpy(), 0.5**k * np.exp([1.0, 2.0]), rtol=1e-6)
    assert x.tolist() == [1, 2]


def test_in_place_on_a_recorded_view_is_refused():
    x = mt.ones(4, requires_grad=True)
    view = (x * 2).reshape(2, 2)
    with pytest.raises(RuntimeError, match="view of another"):
        view += 1
    buffer = mt.zeros(4)
    half = buffer[:2]
    with pytest.raises(RuntimeError, match="view of another"):
        half += x[:2]


def test_results_that_do_not_fit_are_refused():
    x = mt.ones(3)
    with pytest.raises(ShapeError, match=r"__iadd__: .*\(2,3\), which shape \(3,\) cannot hold"):
        x += mt.ones(2, 3)
    n = mt.arange(3)
    with pytest.raises(TypeError, match="float32, which int64 cannot hold"):
        n /= 2
    assert n.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="several elements share one number"):
        mt.ones(1).expand(3).add_(1)


def test_fill_zero_and_draw_in_place():
    x = mt.empty(1000)
    assert x.fill_(2.0) is x
    assert x.sum().item() == 2000
    assert x.zero_().sum().item() == 0
    assert abs(x.normal_(1.0, 2.0).mean().item() - 1) < 0.3
    assert 2 <= x.uniform_(2, 3).min().item() <= x.max().item() < 3
    assert set(x.bernoulli_(0.5).tolist()) == {0.0, 1.0}
    with pytest.raises(ValueError, match="bernoulli_: p must lie"):
        x.bernoulli_(1.5)
    h = mt.ones(2, requires_grad=True) * 2
    assert not h.zero_().requires_grad


# copied ------------------------------------------------------------------------------------------


def test_deepcopy_and_pickle():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    twin = copy.deepcopy(w)
    assert twin.requires_grad
    assert twin.grad.tolist() == [2, 4]
    with mt.no_grad():
        twin += 1
    assert w.tolist() == [1, 2]
    assert pickle.loads(pickle.dumps(w)).tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="deepcopy: this tensor was computed by mul"):
        copy.deepcopy(w * 2)


def test_attributes_of_ones_own():
    x = mt.ones(2)
    x.g = x * 2
    assert x.g.tolist() == [2, 2]


def test_grad_of_a_result_explains_itself():
    w = mt.ones(2, requires_grad=True)
    w = w - 0.1 * w
    with pytest.warns(UserWarning, match=r"computed by sub, so it is no leaf.*w -= lr \* w.grad"):
        assert w.grad is None


def test_grad_is_checked_when_set():
    w = mt.ones(2, requires_grad=True)
    w.grad = mt.ones(2)
    w.grad = None
    with pytest.raises(ShapeError, match=r"grad: shape \(3,\), expected \(2,\)"):
        w.grad = mt.ones(3)
    with pytest.raises(TypeError, match="grad: float64 on cpu, expected float32 on cpu"):
        w.grad = mt.ones(2, dtype=mt.float64)
    with pytest.raises(TypeError, match="grad: expected a Tensor or None, got ndarray"):
        w.grad = np.ones(2)


def test_requires_grad_can_be_switched_on_leaves_only():
    x = mt.ones(2)
    x.requires_grad = True
    assert x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    y = mt.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="computed by mul; only leaves can stop"):
        y.requires_grad = False


def test_data_is_the_tensor_off_the_tape():
    w = mt.ones(2, requires_grad=True)
    w.data -= 0.5
    assert w.tolist() == [0.5, 0.5]
    w.data = mt.zeros(3)
    assert w.shape == (3,)
    assert w.detach().cut is not None


# operands ----------------------------------------------------------------------------------------


def test_numbers_and_arrays_on_either_side():
    t = mt.tensor([1.0, 2.0], requires_grad=True)
    for y in (
        2 * t,
        t * 2,
        np.float64(2) * t,
        t * np.float64(2),
        np.int64(2) * t,
        np.full(2, 2.0, np.float32) * t,
        t * np.full(2, 2.0, np.float32),
        np.array(2.0) * t,
        mt.tensor(2.0, dtype=mt.float64) * t,
        t * mt.tensor(2.0, dtype=mt.float64),
        mt.tensor([2, 2]) * t,
    ):
        assert isinstance(y, Tensor)
        assert y.dtype == mt.float32
        assert y.tolist() == [2, 4]
        assert y.requires_grad


def test_integers_meet_floats_as_in_torch():
    n = mt.tensor([1, 2])
    assert (n + 1).dtype == mt.int64
    assert (n + 1.5).dtype == mt.float32
    assert (n / 2).dtype == mt.float32
    assert (n * mt.tensor([0.5, 0.5], dtype=mt.float16)).dtype == mt.float16
    assert n.exp().dtype == mt.float32


def test_wide_and_narrow_floats_meet_with_a_word_said_once():
    a, b = mt.ones(2), mt.from_numpy(np.ones(2))
    for x, y in ((a, b), (b, a)):
        mt.call.said.discard("promotion")
        with pytest.warns(UserWarning, match="mul: float32 and float64 meet"):
            assert (x * y).dtype == mt.float64
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x * y


@pytest.mark.parametrize("dtype", [mt.float32, "float32", np.float32, np.dtype("<f4")])
def test_a_dtype_is_numpys_own_object(dtype):
    # The engine asks `is` of dtypes; one that is only equal to NumPy's would take its slow ways.
    own = np.dtype(np.float32)
    assert mt.ones(2, dtype=dtype).array.dtype is own
    assert mt.tensor([1, 2]).to(dtype).array.dtype is own
    assert (mt.ones(2, dtype=dtype) * 2).array.dtype is own


@pytest.mark.parametrize("other", [[1.0, 2.0], "2", None, object()])
def test_what_is_no_operand_is_named(other):
    with pytest.raises(TypeError):
        mt.ones(2) * other
    with pytest.raises(TypeError, match="mul: 'b' must be a Tensor, a number or a NumPy array"):
        mt.mul(mt.ones(2), [1.0, 2.0])


def test_uint8_does_not_wrap_around_in_silence():
    x = mt.tensor([255, 1], dtype=mt.uint8)
    with pytest.raises(TypeError, match=r"add: uint8 arithmetic wraps around"):
        x + 1
    assert (x.float() + 1).tolist() == [256, 2]


def test_shape_errors_name_op_and_shapes():
    with pytest.raises(
        ShapeError, match=r"mul: .*called as mul\(a: float32 \(2, 3\), b: float32 \(4,\)\)"
    ):
        mt.ones(2, 3) * mt.ones(4)
    assert issubclass(ShapeError, ValueError)
    assert issubclass(ShapeError, RuntimeError)


def test_arguments_go_by_many_names():
    x = mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    want = [4.0, 6.0]
    for y in (
        x.sum(0),
        x.sum(dim=0),
        x.sum(axis=0),
        x.sum((0,)),
        mt.sum(x, 0),
        mt.sum(input=x, dim=0),
    ):
        assert y.tolist() == want
    assert x.sum(0, keepdims=True).shape == x.sum(0, True).shape == (1, 2)
    assert mt.mul(input=x, other=2).tolist() == mt.mul(x, 2).tolist()
    for wrong, words in (
        (lambda: x.sum(dimension=0), "sum: unknown argument 'dimension'; it takes x, dim"),
        (lambda: mt.sum(x, 0, dim=0), "dim|multiple values"),
        (lambda: mt.mul(x), "mul: missing argument 'b'"),
        (lambda: mt.mul(x, 2, other=2), "mul: argument 'b' is given twice"),
    ):
        with pytest.raises(TypeError, match=words):
            wrong()


# asked of it, as in torch ----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["size", "stride"])
def test_an_axis_that_is_not_there_is_named(what: str):
    with pytest.raises(IndexError, match=f"{what}: dim 2 is out of range for 2 axes"):
        getattr(mt.zeros(2, 3), what)(2)
    with pytest.raises(IndexError, match=f"{what}: dim -1 is out of range for 0 axes"):
        getattr(mt.tensor(1.0), what)(-1)


def test_what_a_tensor_says_of_itself():
    x = mt.zeros(2, 3)
    assert (x.ndimension(), x.nelement(), x.itemsize, x.stride(0), x.stride(-1)) == (2, 6, 4, 3, 1)
    assert (x.is_cpu, x.is_cuda, x.is_meta, x.get_device()) == (True, False, False, -1)
    assert x.to("meta").is_meta
    assert (mt.numel(x), mt.is_tensor(x), mt.is_tensor(3)) == (6, True, False)
    assert mt.is_floating_point(x)
    assert x.is_same_size(x + 1)
    assert not mt.tensor([0.0]).is_nonzero()
    with pytest.raises(ValueError, match="is_nonzero: a tensor of shape"):
        x.is_nonzero()
    assert (x.byte().dtype, x.char().dtype) == (np.uint8, np.int8)
    assert isinstance(x.shape, mt.Size)


def test_a_shape_is_changed_in_place():
    base = mt.arange(6.0).reshape(2, 3)
    x = base.detach()
    assert x.unsqueeze_(0) is x
    assert (x.shape, base.shape) == ((1, 2, 3), (2, 3))
    x.squeeze_(0).transpose_(0, 1)
    x.zero_()
    assert base.tolist() == [[0.0] * 3] * 2  # the numbers are shared
    assert mt.ones(2, 3).t_().shape == (3, 2)
    w = mt.ones(2, 3, requires_grad=True)
    y = w * 2
    y.retain_grad()
    (y.t_() * mt.arange(6.0).reshape(3, 2)).sum().backward()
    assert w.grad.tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]
    assert y.grad.shape == (3, 2)
    with pytest.raises(RuntimeError, match=r"unsqueeze_: .*write x = x.unsqueeze\(...\)"):
        w.unsqueeze_(0)
    with mt.no_grad(), pytest.raises(RuntimeError, match="squeeze_: the gradient"):
        y.squeeze_()


def test_where_alone_answers_where():
    rows, columns = mt.where(mt.tensor([[True, False], [True, True]]))
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 1], [0, 0, 1])
    with pytest.raises(TypeError, match="where: takes a condition alone, or both"):
        mt.where(mt.tensor([True]), mt.tensor([1.0]))


def test_activations_write_in_place_on_request():
    x = mt.tensor([-1.0, 7.0])
    y = F.relu(x, inplace=True)
    assert y is x
    assert F.relu6(x, inplace=True) is x
    assert x.tolist() == [0.0, 6.0]
    assert F.leaky_relu(x, 0.1, inplace=False) is not x
    assert F.elu_(x) is x
    w = mt.tensor([-1.0, 2.0], requires_grad=True)
    h = w * 3
    F.leaky_relu(h, negative_slope=0.5, inplace=True)
    h.sum().backward()
    assert w.grad.tolist() == [1.5, 3.0]
    with pytest.raises(RuntimeError, match="relu_: this leaf requires grad"):
        F.relu(w, inplace=True)
    with pytest.raises(TypeError, match="unknown argument 'inplace'"):
        mt.add(x, x, inplace=True)


def test_dtypes_under_torchs_short_names():
    assert (mt.float, mt.int, mt.bool) == (np.float32, np.int32, np.bool_)
    assert isinstance(mt.float, mt.dtype)
    assert mt.finfo(mt.float).max < mt.inf
    x = mt.zeros(2).new_zeros(3, requires_grad=True)
    assert x.requires_grad
    assert mt.tril_indices(2, 2, dtype=mt.int32).dtype == np.int32
    assert x.detach().bernoulli().tolist() == [0.0] * 3
    assert mt.tensor([0.0, 1.0]).multinomial(1).tolist() == [1]


def test_questions_about_the_gpu(cuda):
    assert mt.cuda.is_available()
    assert mt.cuda.device_count() >= 1
    mt.cuda.synchronize()
    x = mt.zeros(2).cuda(0, non_blocking=True)
    assert x.is_cuda
    assert (x.get_device(), x.to("cpu", non_blocking=True).get_device()) == (0, -1)
    assert mt.zeros(2).cuda("cuda:0").device == x.device


def test_without_a_gpu_there_are_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not mt.cuda.is_available()
    assert mt.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match="CuPy is not installed"):
        mt.cuda.synchronize()
