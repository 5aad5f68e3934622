"""The stand-in's array indexes, assigns and remembers its memory as CuPy's does."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from tests import fakecupy
from tests.fakecupy import counters, names
from tests.fakecupy import cupy as cp
from tests.fakecupy.array import ndarray
from tests.fakecupy.checking import HOST, fresh, same

# attributes and methods --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["__contains__", "__index__", "__imatmul__", "resize", "setflags", "ctypes"]
)
def test_attributes_that_cupys_array_lacks(name):
    x = fresh()
    assert not hasattr(x, name)
    assert name not in names.METHODS


def test_attributes_that_only_the_standin_lacks_say_so():
    x = fresh()
    with pytest.raises(NotImplementedError, match=r"CuPy has ndarray\.flat"):
        _ = x.flat


def test_what_an_array_says_of_itself():
    x = fresh()
    assert (x.shape, x.ndim, x.size, x.itemsize, x.nbytes) == ((2, 3), 2, 6, 8, 48)
    assert x.strides == (24, 8)
    assert x.dtype == cp.float64
    assert len(x) == 2
    assert x.device.id == int(x.device) == 0
    assert x.data.ptr == x[0].data.ptr != x[1].data.ptr
    assert (x.flags.c_contiguous, x.flags.f_contiguous, x.flags.forc) == (True, False, True)
    assert x.T.flags.fnc
    assert x.flags["C_CONTIGUOUS"]
    with pytest.raises(AttributeError):
        _ = x.flags.writeable
    with pytest.raises(KeyError):
        x.flags["WRITEABLE"]
    same(x.T, HOST.T)
    same(x.mT, HOST.T)
    same(x.real, HOST)
    same(x.imag, HOST * 0)
    assert counters == counters.__class__(sync=4, h2d=0)


def test_a_view_knows_and_keeps_its_base():
    x = fresh()
    assert x.base is None
    assert x.flags.owndata
    for view in (x[0], x.T, x.T[1:], x.reshape(3, 2), x.view(), np.broadcast_to(x, (4, 2, 3))):
        assert view.base is x
        assert not view.flags.owndata
    for copied in (x + 0, x[[0]], x.copy(), x.T.ravel(), x[x > 9], copy.deepcopy(x), copy.copy(x)):
        assert copied.base is None
    view = x[0]
    view[...] = 9
    same(x[0, 0], np.float64(9))


def test_weakrefs_and_memory():
    gc.collect()
    pool = cp.get_default_memory_pool()
    before = pool.used_bytes()
    y = cp.zeros(100)
    ref, view = weakref.ref(y), y[:10]
    assert pool.used_bytes() - before == 800
    del y
    gc.collect()
    assert ref() is view.base
    del view
    assert ref() is None
    assert pool.used_bytes() == before
    pool.free_all_blocks()
    assert pool.total_bytes() == before
    assert pool.free_bytes() == pool.n_free_blocks() == 0


def test_nothing_new_is_made_where_nothing_changes():
    x = fresh()
    assert cp.asarray(x) is cp.ascontiguousarray(x) is x.astype(cp.float64, copy=False) is x
    assert cp.asarray(x, dtype=cp.float32) is not x
    assert cp.array(x) is not x


@pytest.mark.parametrize("name", ["sum", "mean", "max", "argmax", "all", "std", "prod", "ptp"])
def test_reductions_give_0d_arrays(name):
    x = fresh()
    y = getattr(x, name)()
    assert type(y) is ndarray
    assert y.shape == ()
    assert counters.sync == 0
    same(y, getattr(np, name)(HOST))


def test_methods_work_as_numpys():
    x = fresh()
    same(x.sum(1), HOST.sum(1))
    same(x.sum(axis=0, keepdims=True), HOST.sum(0, keepdims=True))
    same(x.reshape(3, -1).transpose(1, 0), HOST.reshape(3, -1).T)
    same(x.astype(np.float16), HOST.astype(np.float16))
    same(x.dot(x.T), HOST @ HOST.T)
    same(x.argsort(axis=1), HOST.argsort(1))
    y = x[:, ::-1].copy()
    y.sort()
    same(y, HOST)
    y.fill(7)
    same(y, np.full((2, 3), 7.0))
    assert counters.h2d == 0


def test_pickling_goes_by_the_host():
    x = fresh()
    same(pickle.loads(pickle.dumps(x)), HOST)


# indexing ----------------------------------------------------------------------------------------


def test_indexing_gives_0d_views():
    x = fresh()
    y = x[1, 2]
    assert y.shape == ()
    assert y.base is x
    x[1, 2] = 50
    same(y, np.float64(50))
    assert counters.sync == 1  # the .get() of `same`


@pytest.mark.parametrize(
    "key",
    [
        0,
        slice(None, None, -1),
        (slice(None), None, 1),
        (..., 0),
        [1, 0],
        (slice(None), [0, 2]),
        ([0, 1], [2, 0]),
        ([[0], [1]], [2, 0]),
        (1, [0, 1]),
        (slice(None), np.array(1)),
        (None, [0], ..., [1]),
        [],
        HOST > 2,
        (slice(None), np.array([True, False, True])),
        (np.array([True, False]), [0, 1]),
    ],
    ids=str,
)
def test_indexing_agrees_with_numpy(key):
    x = fresh()
    same(x[key], HOST[key])
    new = HOST.copy()
    new[key] = -1
    x[key] = -1
    same(x, new)


@pytest.mark.parametrize("key", [5, (0, -4), (0, 0, 0), 1.5, [0.5], "a", object(), (..., ...)])
def test_bad_indices_raise(key):
    x = fresh()
    with pytest.raises((IndexError, TypeError)):
        x[key]


def test_index_arrays_wrap_round():
    x = fresh()
    i = cp.asarray([2, -1, 3, -4, 5])
    same(x[i], HOST[[0, 1, 1, 0, 1]])
    same(x[:, i], HOST[:, [2, 2, 0, 2, 2]])
    same(x[..., i], HOST[:, [2, 2, 0, 2, 2]])
    same(x.take(i, axis=1), HOST[:, [2, 2, 0, 2, 2]])
    same(np.take(x, 7), HOST.ravel()[1])
    same(np.take_along_axis(x, i[None, :2] + 3, 1), HOST[:, [2, 2]])
    x[i[2]] = 0
    same(x[1], np.zeros(3))
    x.put(i[4:], 9.0)
    same(x[1, 2], np.float64(9))
    with pytest.raises(IndexError):
        cp.empty(0)[i]


def test_the_first_of_several_values_stays():
    x = fresh()
    i = cp.asarray([1, 1, 0, 1])
    x[i, 0] = cp.asarray([10.0, 20.0, 30.0, 40.0])
    same(x[:, 0], np.array([30.0, 10.0]))
    x[:, i] = cp.asarray([1.0, 2.0, 3.0, 4.0])
    same(x[0], np.array([3.0, 1.0, 2.0]))
    y = cp.zeros(3)
    y.put(i, cp.asarray([1.0, 2.0, 3.0, 4.0]))
    same(y, np.array([3.0, 1.0, 0.0]))
    np.put_along_axis(y, i, cp.asarray([5.0, 6.0, 7.0, 8.0]), 0)
    same(y, np.array([7.0, 5.0, 0.0]))
    t = x.T[:, ::-1]  # not contiguous
    t[cp.asarray([0, 0]), cp.asarray([1, 1])] = cp.asarray([-1.0, -2.0])
    same(x[0, 0], np.float64(-1))


def test_taking_and_putting():
    x = fresh()
    out = cp.zeros(2)
    assert np.take(x, [1, 2], None, out) is out
    same(out, HOST.ravel()[[1, 2]])
    with pytest.raises(TypeError, match="Output dtype mismatch"):
        x.take([1, 2], out=cp.zeros(2, int))
    same(np.take_along_axis(x, cp.asarray([5, -1]), None), np.array([5.0, 5.0]))
    i = cp.asarray([[0], [2]])
    np.put_along_axis(x, i, 9.0, 1)
    same(x, np.array([[9.0, 1, 2], [3, 4, 9]]))
    np.put_along_axis(x, i[0], 7.0, None)
    np.put(x, [1], 8.0, "clip")
    same(x[0], np.array([7.0, 8, 2]))
    with pytest.raises(ValueError, match="clipmode"):
        x.put([0], 1.0, "round")
    with pytest.raises(IndexError, match="integer array"):
        np.take_along_axis(x, x, 1)
    with pytest.raises(ValueError, match="same number of dimensions"):
        np.take_along_axis(x, i[0], 1)
    with pytest.raises(NotImplementedError):
        np.put_along_axis(x, i, 7.0, None)
    same(x.compress([False, True], axis=0), np.array([[3.0, 4, 9]]))


def test_copyto_where():
    x = fresh()
    np.copyto(x, 0.0, where=x > 2)
    same(x, np.where(HOST > 2, 0.0, HOST))
    same(x.repeat(2, axis=1), x.get().repeat(2, axis=1))
    with pytest.raises(ValueError, match="both"):
        np.where(x > 2, x)


def test_assignment_takes_its_own_arrays_and_numbers():
    x = fresh()
    x[0] = x[1]
    x[1] = cp.ones((1, 1, 3))
    x[:, 2] = 7
    x[x > 3] = 0
    same(x, np.array([[3.0, 0, 0], [1, 1, 0]]))
    x[...] = np.float32(2)
    x[0, 0] = np.array(5.0)
    same(x[0], np.array([5.0, 2, 2]))
    with pytest.raises(ValueError):
        x[0] = cp.ones(4)


def test_assignment_of_a_host_array_is_refused():
    x = fresh()
    for value in (HOST, [[1.0, 2, 3]], HOST[:1]):
        with pytest.raises(ValueError, match=r"non-scalar numpy\.ndarray cannot be used for fill"):
            x[...] = value
    with pytest.raises(ValueError, match=r"non-scalar numpy\.ndarray cannot be used for fill"):
        x.fill(HOST)
    with pytest.raises(ValueError, match=r"non-scalar cupy\.ndarray cannot be used for fill"):
        x.fill(x)
    with pytest.raises(ValueError, match=r"non-scalar numpy\.ndarray cannot be used for copyto"):
        np.copyto(x, HOST)
    np.copyto(x, np.array([3.0]))
    same(x, np.full((2, 3), 3.0))


def test_set_copies_from_the_host():
    x = fresh()
    x.set(HOST + 1)
    same(x, HOST + 1)
    assert counters.h2d == 1
    with pytest.raises(TypeError, match=r"Only numpy\.ndarray"):
        x.set([1.0])
    with pytest.raises(TypeError, match="cannot be set"):
        x.set(HOST.astype(np.float32))
    with pytest.raises(ValueError, match="Shape mismatch"):
        x.set(HOST[0])
    with pytest.raises(RuntimeError, match="non-contiguous"):
        x[:, ::2].set(HOST[:, ::2])


# ufunc methods -----------------------------------------------------------------------------------


def test_add_at_adds_every_value():
    x = fresh()
    i = cp.asarray([0, 0, 2])  # 2 wraps round to 0
    expected = HOST + np.array([[3], [0]])
    np.add.at(x, i, 1.0)
    same(x, expected)
    cp.add.at(x, (slice(None), [1, 1]), x[:, :1] * 0 + 1)
    same(x, expected + np.array([0, 2, 0]))
    fakecupy.cupyx.scatter_add(x, (i, i), 1)
    same(x[0], expected[0] + np.array([2, 2, 1]))


def test_at_through_numpy_takes_one_index_array_only():
    x = fresh()
    i = cp.asarray([0, 1])
    for key in ((i, i), [0, 1], slice(None)):
        with pytest.raises(TypeError):
            np.add.at(x, key, 1.0)


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        ("add", "int32 int64 uint32 uint64 float16 float32 float64"),
        ("subtract", "int32 uint32"),
        ("maximum", "int32 int64 uint32 uint64 float32 float64"),
        ("minimum", "int32 int64 uint32 uint64 float32 float64"),
        ("bitwise_or", "int32 int64 uint32 uint64"),
    ],
)
def test_at_by_dtype(name, dtypes):
    i = cp.asarray([1, 1])
    for dtype in "bool int8 int16 int32 int64 uint32 uint64 float16 float32 float64".split():  # noqa: SIM905
        a = cp.ones(3, dtype)
        if dtype in dtypes.split():
            expected = a.get()
            getattr(np, name).at(expected, [1, 1], expected[:2])
            getattr(np, name).at(a, i, a[:2])
            same(a, expected)
        else:
            with pytest.raises(TypeError, match=f"cupy.{name}.at only supports"):
                getattr(np, name).at(a, i, a[:2])


def test_scatter_max_and_min():
    a = cp.zeros(2)
    fakecupy.cupyx.scatter_max(a, [0, 0], cp.asarray([3.0, 2.0]))
    fakecupy.cupyx.scatter_min(a, [1, 1], cp.asarray([-3.0, 2.0]))
    same(a, np.array([3.0, -3.0]))


@pytest.mark.parametrize("name", ["multiply", "divide", "logaddexp", "fmax"])
def test_other_ufuncs_have_no_at(name):
    x = fresh()
    with pytest.raises(NotImplementedError, match=f"cupy_{name}.at"):
        getattr(np, name).at(x, 0, 1.0)


def test_reduce_and_accumulate_are_for_add_and_multiply():
    x = fresh()
    same(np.add.reduce(x, axis=1), HOST.sum(1))
    same(np.multiply.reduce(x), HOST.prod(0))
    same(np.add.accumulate(x), HOST.cumsum(0))
    same(np.multiply.accumulate(x, axis=1), HOST.cumprod(1))
    same(cp.add.reduceat(x[0], [0, 2]), np.array([1.0, 2.0]))
    same(np.add.outer(x[0], x[1]), np.add.outer(HOST[0], HOST[1]))
    for method, ufuncs in {
        "reduce": (np.maximum, np.minimum, np.logical_and),
        "accumulate": (np.maximum, np.minimum),
    }.items():
        for ufunc in ufuncs:
            with pytest.raises(NotImplementedError, match=method):
                getattr(ufunc, method)(x)
    with pytest.raises(NotImplementedError, match="reduceat"):
        cp.multiply.reduceat(x[0], [0, 2])
    with pytest.raises(TypeError):
        np.add.reduce(x, initial=1)
