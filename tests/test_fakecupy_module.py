"""The stand-in counts what costs time on a GPU, and its modules work as CuPy's."""

import numpy as np
import pytest

from tests.fakecupy import CUDARuntimeError, counters, gpu
from tests.fakecupy import cupy as cp
from tests.fakecupy.array import ndarray
from tests.fakecupy.checking import HOST, fresh, same

# counters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("syncs", "wait"),
    [
        (1, lambda x: x.get()),
        (1, lambda x: cp.asnumpy(x)),
        (1, lambda x: float(x[0, 0])),
        (1, lambda x: int(x[0, 0])),
        (1, lambda x: complex(x[0, 0])),
        (1, lambda x: bool(x[0, 0])),
        (1, lambda x: x.sum().item()),
        (1, lambda x: x.tolist()),
        (1, lambda x: x.tobytes()),
        (3, lambda x: [float(v) for v in x[0]]),
        (0, lambda x: list(x)),
        (1, lambda x: f"{x.sum():.1f}"),
        (1, repr),
        (1, str),
        (1, lambda x: x[x > 2]),
        (1, lambda x: x.__setitem__(x > 2, 0)),
        (1, lambda x: x.nonzero()),
        (1, np.argwhere),
        (1, lambda x: np.where(x > 2)),
        (0, lambda x: np.where(x > 2, x, 0)),
        (1, np.unique),
        (1, lambda x: x.repeat(x[0].astype(int), axis=1)),
        (0, lambda x: np.repeat(x, 2, axis=1)),
        (0, lambda x: x.sum() + x.mean() * x[0, 0]),
        (0, lambda x: x[x[0].astype(int) % 2]),
        (0, lambda x: np.array_equal(x, x)),
        (0, lambda x: np.allclose(x, x)),
        (1, lambda _: cp.cuda.get_current_stream().synchronize()),
        (1, lambda x: x.device.synchronize()),
        (1, lambda x: 0.0 in x[0]),
    ],
)
def test_waiting_is_counted(syncs, wait):
    x = fresh()
    wait(x)
    assert counters.sync == syncs


@pytest.mark.parametrize(
    ("uploads", "send"),
    [
        (1, lambda _: cp.asarray(HOST)),
        (1, lambda _: cp.array([1.0, 2.0])),
        (1, lambda _: cp.ascontiguousarray(HOST)),
        (1, lambda _: cp.asfortranarray(HOST)),
        (0, lambda _: cp.asarray(3.0)),
        (0, lambda x: cp.array([x, x])),
        (0, lambda x: cp.array(x)),
        (1, lambda x: x[[0, 1]]),
        (1, lambda x: x[np.array([0, 1])]),
        (2, lambda x: x[[0, 1], [0, 1]]),
        (1, lambda x: x[HOST > 2]),
        (0, lambda x: x[1, 2]),
        (2, lambda x: x.__setitem__([0, 1], HOST)),
        (1, lambda x: x.__setitem__([0, 1], 1.0)),
        (1, lambda x: x.take([0, 1])),
        (1, lambda x: np.take(x, np.array([0, 1]))),
        (0, lambda x: x.take(1)),
        (1, lambda x: np.take_along_axis(x, np.array([[0]]), 1)),
        (2, lambda x: cp.add.at(x, [0, 1], HOST)),
        (0, lambda _: cp.zeros(3) + cp.arange(3) + cp.full(3, 2.0) + cp.linspace(0, 1, 3)),
    ],
)
def test_uploads_are_counted(uploads, send):
    x = fresh()
    send(x)
    assert counters.h2d == uploads


def test_counters_reset():
    x = fresh()
    x.get()
    counters.reset()
    assert (counters.sync, counters.h2d) == (0, 0)


def test_get():
    x = fresh()
    assert type(x.get()) is np.ndarray
    assert x.T.get(order="F").flags.f_contiguous
    out = np.empty((2, 3))
    assert x.get(out=out) is out
    np.testing.assert_array_equal(out, HOST)
    with pytest.raises(TypeError):
        x.get(out=x)
    with pytest.raises(ValueError):
        x.get(out=np.empty(3))
    held = x.get()
    x[...] = 0
    np.testing.assert_array_equal(held, HOST)
    out = np.empty((2, 3))
    assert cp.asnumpy(HOST, out=out) is out
    assert cp.asnumpy(HOST) is HOST


def test_conversions_want_one_element():
    x = fresh()
    for convert in (bool, float, int, ndarray.item):
        with pytest.raises((TypeError, ValueError)):
            convert(x)
    with pytest.raises(TypeError, match="0-d"):
        iter(x[0, 0])
    with pytest.raises(TypeError, match="unsized"):
        len(x[0, 0])
    with pytest.raises(ValueError, match="0d"):
        x[0, 0].nonzero()


# the module --------------------------------------------------------------------------------------


def test_creation():
    x = fresh()
    same(cp.zeros((2, 2), cp.float32), np.zeros((2, 2), np.float32))
    same(cp.ones(3), np.ones(3))
    same(cp.full(2, 7), np.full(2, 7))
    same(cp.full(2, x[0, 1]), np.full(2, 1.0))
    same(cp.arange(4), np.arange(4))
    same(cp.linspace(0, 1, 3), np.linspace(0, 1, 3))
    same(cp.eye(2, dtype=cp.float32), np.eye(2, dtype=np.float32))
    same(np.zeros_like(x, dtype=np.int32), np.zeros((2, 3), np.int32))
    same(np.ones_like(x, shape=2), np.ones(2))
    same(np.full_like(x, 3), np.full_like(HOST, 3))
    same(cp.array([x[0], x[1]]), HOST)
    same(cp.asanyarray(HOST), HOST)
    with pytest.raises(ValueError, match="fill"):
        cp.full(3, HOST[0])
    for data in (["a"], [None], np.ones(2, np.longdouble)):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            cp.asarray(data)
    with pytest.raises(NotImplementedError):
        cp.array(x, subok=True)


def test_an_upload_is_a_copy():
    host = np.ones(3)
    a = cp.asarray(host)
    host[0] = 5
    same(a, np.ones(3))


def test_memory_that_nobody_wrote_shows():
    x = fresh()
    assert np.isnan(cp.empty(3).get()).all()
    assert np.isnan(cp.ndarray((2,), cp.float16).get()).all()
    assert (np.empty_like(x, dtype=np.int8).get() == 127).all()
    assert cp.empty(2, bool).get().all()


def test_dtypes_are_numpys():
    assert cp.float32 is np.float32
    assert cp.dtype is np.dtype
    assert cp.newaxis is None
    assert cp.pi == np.pi
    assert cp.result_type(cp.float32, np.int8) == np.float32


def test_comparing_whole_arrays_gives_0d_arrays():
    x = fresh()
    same(np.array_equal(x, x), np.True_)
    same(cp.array_equal(x, x + 1), np.False_)
    same(np.allclose(x, x + 1e-12), np.True_)


def test_get_array_module():
    x = fresh()
    assert cp.get_array_module(HOST, x) is cp
    assert cp.get_array_module(HOST, 1) is np


def test_dlpack():
    x = fresh()
    y = cp.from_dlpack(x)
    y[0] = 9
    same(x[0], np.full(3, 9.0))
    assert x.__dlpack_device__() == (2, 0)
    with pytest.raises(TypeError, match="CPU arrays cannot be directly imported"):
        cp.from_dlpack(HOST)
    with pytest.raises(BufferError):
        np.from_dlpack(x)
    with pytest.raises(BufferError):
        cp.from_dlpack(x, copy=True)
    with pytest.raises(NotImplementedError):
        cp.from_dlpack(x, device="cpu")
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # before, NumPy could not ask for a copy
        counters.reset()
        host = np.from_dlpack(x, device="cpu", copy=True)
        np.testing.assert_array_equal(host, x.get())
        assert counters.sync == 2
    with pytest.raises(ValueError, match="without copy"):
        x.__dlpack__(dl_device=(1, 0), copy=False)


def test_linear_algebra_and_its_missing_names():
    x = fresh()
    u, s, v = np.linalg.svd(x[:, :2])
    assert all(type(part) is ndarray for part in (u, s, v))
    assert not hasattr(cp.linalg, "vector_norm")
    assert cp.linalg.LinAlgError is np.linalg.LinAlgError
    with pytest.raises(TypeError, match="no implementation found"):
        np.linalg.vector_norm(x)


# windows -----------------------------------------------------------------------------------------


def test_as_strided_costs_nothing_and_has_no_base():
    x = fresh()
    windows = cp.lib.stride_tricks.as_strided(x, (2, 2, 2), (24, 8, 8))
    assert (counters.sync, counters.h2d) == (0, 0)
    same(windows, np.lib.stride_tricks.sliding_window_view(HOST, 2, 1))
    assert windows.base is None
    assert windows[0].base is windows
    windows[0, 0, 1] = 50
    same(x[0, 1], np.float64(50))


def test_sliding_windows_cost_an_upload_and_a_wait_each():
    x = fresh()
    windows = np.lib.stride_tricks.sliding_window_view(x, (1, 2))
    assert (counters.sync, counters.h2d) == (2, 1)
    same(windows, np.lib.stride_tricks.sliding_window_view(HOST, (1, 2)))
    with pytest.raises(ValueError, match="read-only"):
        windows[...] = 0
    with pytest.raises(NotImplementedError, match="Writeable"):
        cp.lib.stride_tricks.sliding_window_view(x, 2, 1, writeable=True)


# devices, streams, kernels -----------------------------------------------------------------------


def test_there_is_one_gpu(monkeypatch):
    assert cp.is_available()
    assert cp.cuda.is_available()
    assert cp.cuda.runtime.getDeviceCount() == 1
    assert cp.cuda.get_device_id() == cp.cuda.runtime.getDevice() == 0
    assert cp.cuda.runtime.memGetInfo()[0] > 0
    with cp.cuda.Device(0) as device:
        assert device.id == 0
        assert device == cp.cuda.Device()
    assert repr(device) == "<CUDA Device 0>"
    with pytest.raises(CUDARuntimeError, match="invalid device ordinal"), cp.cuda.Device(1):
        pass
    monkeypatch.setattr(gpu, "count", 2)
    x = cp.ones(2)
    with cp.cuda.Device(1):
        y = cp.ones(2)
        moved = cp.asarray(x)
        assert cp.asarray(y) is y
    assert (x.device.id, y.device.id, y[0].device.id, moved.device.id) == (0, 1, 1, 1)
    assert cp.cuda.get_device_id() == 0


def test_there_can_be_none():
    with gpu.missing():
        assert not cp.is_available()
        assert not cp.cuda.is_available()
        for call in (
            cp.cuda.runtime.getDeviceCount,
            cp.cuda.Stream,
            lambda: cp.zeros(2),
            lambda: cp.asarray(HOST),
            lambda: cp.cuda.Device(0).use(),
        ):
            with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="no CUDA-capable device"):
                call()
    assert issubclass(CUDARuntimeError, RuntimeError)
    assert cp.is_available()


def test_streams_and_events():
    counters.reset()
    null = cp.cuda.get_current_stream()
    assert null is cp.cuda.Stream.null
    with cp.cuda.Stream(non_blocking=True) as stream:
        assert cp.cuda.get_current_stream() is stream
        start, end = stream.record(), cp.cuda.Event()
        stream.wait_event(start)
        end.record()
        end.synchronize()
        assert cp.cuda.get_elapsed_time(start, end) >= 0
    assert cp.cuda.get_current_stream() is null
    assert stream.use() is cp.cuda.get_current_stream()
    null.use()
    cp.cuda.runtime.deviceSynchronize()
    cp.cuda.runtime.setDevice(0)
    assert counters.sync == 2


@pytest.mark.parametrize("name", ["add_callback", "nothing"])
def test_names_within_cuda(name):
    assert not hasattr(cp.cuda, "cudnn")
    with pytest.raises(NotImplementedError, match="stand-in"):
        _ = cp.cuda.MemoryHook
    assert not hasattr(cp.cuda.Stream(), name)


def test_kernels_made_of_snippets_can_be_made_and_not_called():
    x = fresh()
    made = [
        cp.ElementwiseKernel("T x", "T y", "y = x", "square"),
        cp.ReductionKernel("T x", "T y", "x", "a + b", "y = a", "0", name="square"),
    ]
    for kernel in made:
        with pytest.raises(NotImplementedError, match="'square' is CUDA code and needs a GPU"):
            kernel(x)


# random numbers ----------------------------------------------------------------------------------


def test_the_generator_has_only_cupys_methods():
    counters.reset()
    rng = cp.random.default_rng(0)
    for name in ("normal", "choice", "permutation", "permuted", "shuffle", "spawn"):
        assert not hasattr(rng, name)
    assert rng.random(3).shape == (3,)
    assert type(rng.random()) is ndarray
    assert rng.uniform(0, 1, size=2, dtype=cp.float32).dtype == np.float32
    assert rng.standard_normal(4, dtype=np.float32).dtype == np.float32
    assert cp.random.default_rng(rng) is rng
    same(
        cp.random.default_rng(1).integers(0, 9, 5), cp.random.default_rng(1).integers(0, 9, 5).get()
    )
    with pytest.raises(TypeError):
        rng.exponential(1.0, dtype=np.float32)
    assert counters.h2d == 0


def test_the_legacy_functions():
    cp.random.seed(1)
    a = cp.random.randn(2, 2)
    cp.random.seed(1)
    same(cp.random.randn(2, 2), a.get())
    assert cp.random.normal(0, 1, size=3, dtype=np.float32).dtype == np.float32
    assert sorted(cp.random.permutation(4).tolist()) == [0, 1, 2, 3]
    b = cp.arange(5)
    cp.random.shuffle(b)
    assert sorted(b.tolist()) == [0, 1, 2, 3, 4]
