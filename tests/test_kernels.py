"""How functions on arrays come to their kernels, and what they cost where there is none."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.kernels import WORDS, on_gpu, source, words_only
from minitorch.meta import Meta
from tests import fakecupy
from tests.kernelwise import draw, runs_kernels, up


def launcher(kernel: str) -> Any:
    file, _, name = kernel.partition(".")
    return getattr(import_module(f"minitorch.kernels.{file}"), name)


@pytest.mark.parametrize("kernel", WORDS)
def test_a_kernel_takes_the_arguments_of_its_words(kernel: str):
    words, found = (inspect.signature(f).parameters for f in (WORDS[kernel], launcher(kernel)))
    if "args" not in found:
        assert len(found) == len(words)


def test_other_arrays_take_the_words_and_import_no_kernel():
    asked = []

    @on_gpu("nowhere.nothing")
    def double(x, times=2):
        asked.append(type(x))
        return x * times

    for x in (np.ones(3), Meta((3,), np.dtype("float32")), minitorch.ones(3), 1.0):
        double(x)
    assert asked == [np.ndarray, Meta, minitorch.Tensor, float]
    assert double(2.0, times=5) == 10
    assert double.__name__ == "double"


@runs_kernels
def test_what_a_kernel_does_not_take_goes_by_words(cuda):
    asked = []

    @on_gpu("pointwise.gelu")
    def gelu(x, approximate):
        asked.append(x.dtype.name)
        return x

    gelu(up(draw(3)), "none")
    gelu(up(np.arange(3)), "none")
    with words_only():
        gelu(up(draw(3)), "none")
    gelu(up(draw(3)), "none")
    assert asked == ["int64", "float32"]


def test_every_file_of_kernels_has_names():
    known = "windows optim channels rows softmax matmul scatter"
    assert set(source.FILES) >= set(known.split())
    for file in source.FILES:
        assert source.names(file), file


@runs_kernels
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_a_training_step_waits_for_nothing_and_uploads_nothing(cuda, network: str):
    dense = nn.Sequential(nn.Linear(12, 8), nn.GELU(), nn.Dropout(0.5), nn.LayerNorm(8))
    images = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.MaxPool2d(2))
    model, shape = {
        "dense": (nn.Sequential(dense, nn.Linear(8, 1)), (6, 12)),
        "convolutional": (nn.Sequential(images, nn.Flatten(), nn.Linear(16, 1)), (6, 3, 4, 4)),
    }[network]
    model = model.to("cuda")
    optimizer = minitorch.optim.AdamW(model.parameters())
    optimizer.check_finite = False
    x = minitorch.from_numpy(draw(*shape)).to("cuda")
    counts = []
    for _ in range(3):
        cuda.reset()
        optimizer.zero_grad()
        F.softplus(model(x)).mean().backward()
        optimizer.step()
        counts.append((cuda.sync, cuda.h2d, cuda.launches))
    if type(cuda).__name__ == "Counters":
        # dense: 2 of gelu, 1 of dropout, 4 of the norm, 1 of the optimizer
        # images: 2 of windows (x needs no gradient), 4 + 3 of the norm, 3 of the pool, 1
        assert counts[1:] == [(0, 0, {"dense": 8, "convolutional": 13}[network])] * 2


# the emulation ----------------------------------------------------------------------------------

CUMULATIVE = """
extern "C" __global__ void reversed(const float* x, float* y, long long size) {
    __shared__ float shared[64];
    const int t = threadIdx.x;
    shared[t] = x[blockIdx.x * 64 + t];
    %s
    y[blockIdx.x * 64 + t] = shared[63 - t];
}
"""


@runs_kernels
def test_the_host_runs_threads_that_wait_for_each_other():
    with fakecupy.installed() as cupy:
        x = cupy.asarray(np.arange(128, dtype="float32"))
        y = cupy.zeros_like(x)
        cupy.RawKernel(CUMULATIVE % "__syncthreads();", "reversed")((2,), (64,), (x, y, 128))
        want = np.arange(128.0).reshape(2, 64)[:, ::-1].ravel()
        np.testing.assert_array_equal(y.get(), want)
        cupy.RawKernel(CUMULATIVE % "", "reversed")((2,), (64,), (x, y, 128))
        assert (y.get() != want).any()  # threads that do not wait are found out


@runs_kernels
def test_the_host_refuses_what_a_gpu_would_not_take():
    code = 'extern "C" __global__ void f(float* x, int n) { if (threadIdx.x) __syncthreads(); }'
    with fakecupy.installed() as cupy:
        x = cupy.zeros(3, "float32")
        f = cupy.RawKernel(code, "f")
        with pytest.raises(TypeError, match="argument 1 has 8 bytes, expected 4"):
            f((1,), (1,), (x, 3))
        with pytest.raises(TypeError, match="1 arguments for 2"):
            f((1,), (1,), (x,))
        with pytest.raises(TypeError, match=r"numpy.ndarray of shape \(3,\)"):
            f((1,), (1,), (np.zeros(3), np.int32(3)))
        with pytest.raises(ValueError, match="more than 1024 threads"):
            f((1,), (1024, 2), (x, np.int32(3)))
        with pytest.raises(ValueError, match="grid"):
            f((0,), (1,), (x, np.int32(3)))
        with pytest.raises(RuntimeError, match="ended while others waited"):
            f((1,), (4,), (x, np.int32(3)))
        with pytest.raises(RuntimeError, match="g\\+\\+ does not take"):
            cupy.RawKernel('extern "C" __global__ void f() { y; }', "f")((1,), (1,), ())


@runs_kernels
def test_a_kernel_runs_on_the_gpu_of_its_arrays(two_gpus):
    x = minitorch.from_numpy(draw(30)).to("cuda:1")
    y = F.gelu(x)
    assert (y.device, fakecupy.gpu.current) == (minitorch.device("cuda:1"), 0)
