"""The stand-in's CUDA graphs: a launch repeats what was captured, on the same addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests import fakecupy
from tests.fakecupy import CUDARuntimeError, counters, emulation
from tests.fakecupy import cupy as cp


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with fakecupy.installed():
        yield


def captured(function: Callable, *args: Any) -> tuple[Any, Any]:
    """A graph of the calls, and what they returned."""
    stream = cp.cuda.Stream(non_blocking=True)
    pool = cp.cuda.MemoryPool()
    with cp.cuda.using_allocator(pool.malloc), stream:
        stream.begin_capture()
        result = function(*args)
        return stream.end_capture(), result


def test_a_launch_repeats_the_calls_and_the_capture_makes_none():
    x, y = cp.asarray(np.ones(3)), cp.asarray(np.zeros(3))

    def calls() -> Any:
        cp.add(x, 1, out=y)
        y[0] = 7
        return (y * 2).sum()

    graph, total = captured(calls)
    assert y.get().tolist() == [0, 0, 0]
    assert np.isnan(total.get())
    graph.launch()
    assert y.get().tolist() == [7, 2, 2]
    assert total.item() == 22
    x[...] = 4  # what lies there now, not what lay there then
    graph.launch()
    assert y.get().tolist() == [7, 5, 5]
    assert total.item() == 34
    assert counters.graphs == 2


def test_numbers_are_those_of_the_capture():
    x, number = cp.asarray(np.ones(2)), [3]
    graph, y = captured(lambda: x * number[0])
    number[0] = 5
    graph.launch()
    assert y.get().tolist() == [3, 3]


def test_indices_and_scatter_are_repeated():
    x, at = cp.asarray(np.zeros(4)), cp.asarray(np.array([1, 1, 3]))
    picked = cp.asarray(np.arange(4.0))

    def calls() -> Any:
        cp.add.at(x, at, 1)
        return picked[at]

    graph, found = captured(calls)
    assert x.get().tolist() == [0, 0, 0, 0]
    for n in (1, 2):
        graph.launch()
        assert x.get().tolist() == [0, 2 * n, 0, n]
        assert found.get().tolist() == [1, 1, 3]


@pytest.mark.skipif(emulation.compiler() is None, reason="needs g++ that knows _Float16")
def test_kernels_are_repeated_and_counted_as_one_launch():
    code = 'extern "C" __global__ void twice(double* x) { x[threadIdx.x] *= 2; }'
    kernel, x = cp.RawKernel(code, "twice"), cp.asarray(np.ones(3))
    graph, _ = captured(lambda: (kernel((1,), (3,), (x,)), kernel((1,), (3,), (x,))))
    assert x.get().tolist() == [1, 1, 1]
    assert counters.launches == 0
    graph.launch()
    assert x.get().tolist() == [4, 4, 4]
    assert (counters.launches, counters.graphs) == (0, 1)


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x @ x,
        lambda x: cp.matmul(x, x, out=x),
        lambda x: x.dot(x),
        lambda x: cp.tensordot(x, x, 1),
        lambda x: cp.einsum("ij,jk->ik", x, x),
        lambda x: cp.linalg.solve(x, x),
        lambda x: cp.random.rand(3),
    ],
)
def test_libraries_are_refused(refused: Callable):
    x = cp.asarray(np.eye(2))
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(NotImplementedError, match="API during stream capture is currently un"):
            refused(x)
        stream.end_capture()
    assert x.get().tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x.get(),
        lambda x: x.item(),
        lambda x: bool(x),
        lambda x: x[x > 0],
        lambda x: cp.where(x),
        lambda x: x.set(np.ones(1)),
        lambda x: cp.asarray(np.ones(1)),
        lambda x: x[[0]],
        lambda x: cp.cuda.get_current_stream().synchronize(),
        lambda x: cp.cuda.Device().synchronize(),
    ],
)
def test_waiting_and_uploads_are_refused_and_spoil_the_capture(refused: Callable):
    x = cp.asarray(np.ones(1))
    counters.reset()
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(CUDARuntimeError, match="not permitted when stream is capturing"):
            refused(x)
        with pytest.raises(CUDARuntimeError, match="due to a previous error during capture"):
            stream.end_capture()
        assert not stream.is_capturing()
    assert (counters.sync, counters.h2d) == (0, 0)
    assert x.item() == 1


def test_only_a_stream_that_does_not_wait_for_the_null_stream_captures():
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        cp.cuda.Stream.null.begin_capture()
    with pytest.raises(CUDARuntimeError):
        cp.cuda.Stream().begin_capture()
    with pytest.raises(RuntimeError, match="captures nothing"):
        cp.cuda.Stream(non_blocking=True).end_capture()


def test_what_other_streams_are_given_is_made_at_once():
    x = cp.asarray(np.ones(2))
    stream = cp.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    x += 1
    assert x.get().tolist() == [2, 2]
    with stream:
        x += 1
    graph = stream.end_capture()
    assert x.get().tolist() == [2, 2]
    graph.launch()
    assert x.get().tolist() == [3, 3]


def test_arrays_have_to_live_as_long_as_the_graph():
    x, y = cp.asarray(np.ones(2)), cp.asarray(np.ones(2))
    held = [y]
    graph, _ = captured(lambda: cp.add(x, held[0], out=x))
    graph.launch()
    held.clear()
    del y
    with pytest.raises(CUDARuntimeError, match="illegal memory access"):
        graph.launch()


def test_memory_of_the_default_pool_is_not_the_graph_s():
    x = cp.asarray(np.ones(2))
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        y = x * 2 + 1  # x * 2 is given back, and somebody else's at the launch
        graph = stream.end_capture()
    with pytest.raises(CUDARuntimeError, match="illegal memory access"):
        graph.launch()
    own, y = captured(lambda: x * 2 + 1)
    own.launch()
    assert y.get().tolist() == [3, 3]
