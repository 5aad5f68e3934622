"""Devices, dtypes, moving, and where random numbers come from."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import minitorch as mt
from minitorch.array import device, move
from minitorch.dtypes import as_dtype
from minitorch.meta import Meta
from tests import fakecupy


def test_device_names():
    assert str(device("cpu")) == "cpu"
    assert device("cuda") == device("cuda:0") == "cuda:0"
    assert device("cuda:1").index == 1
    assert device("cuda", 2).index == 2
    assert repr(device("cuda:1")) == "device(type='cuda', index=1)"
    assert len({device("cpu"), device("cpu"), device("meta")}) == 2


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "", None, 3])
def test_unknown_device_lists_the_valid_ones(name):
    with pytest.raises(ValueError, match=r"expected 'cpu', 'cuda', 'cuda:N' or 'meta'"):
        device(name)


def test_dtypes_have_torchs_names():
    for name in ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64"]:
        assert getattr(mt, name) == np.dtype(name)
    assert (mt.half, mt.double, mt.long, mt.short) == (mt.float16, mt.float64, mt.int64, mt.int16)
    assert as_dtype(float) == mt.float64
    assert as_dtype(int) == mt.int64
    assert as_dtype("double") == mt.float64


@pytest.mark.parametrize("dtype", ["complex64", "object", "U3", "bfloat17", 7])
def test_unsupported_dtype_lists_the_supported(dtype):
    with pytest.raises(TypeError, match="expected one of float16, float32, float64"):
        as_dtype(dtype)


def test_default_dtype_is_for_python_floats_only():
    mt.set_default_dtype("float64")
    assert mt.tensor([1.0]).dtype == mt.zeros(1).dtype == mt.randn(1).dtype == mt.float64
    assert mt.tensor(np.ones(1, np.float32)).dtype == mt.float32
    assert mt.tensor([1]).dtype == mt.int64
    with pytest.raises(TypeError, match="set_default_dtype: expected float16"):
        mt.set_default_dtype("int64")


def test_no_cupy_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not mt.cuda.is_available()
    with pytest.raises(RuntimeError, match="CuPy is not installed; pip install cupy-cuda12x"):
        mt.zeros(2).cuda()
    with pytest.raises(RuntimeError, match="CuPy is not installed"):
        mt.zeros(2, device="cuda")


def test_no_gpu_is_another_sentence():
    with fakecupy.installed(), fakecupy.gpu.missing():
        assert not mt.cuda.is_available()
        with pytest.raises(RuntimeError, match=r"finds no usable driver|there is no GPU"):
            mt.zeros(2).to("cuda")


def test_moving(cuda):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = x.cuda()
    assert y.device == "cuda:0"
    assert y.cuda().array is y.array, "already there: no copy"
    (y * y).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])
    assert y.detach().cpu().tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match=r"use x.cpu\(\).numpy\(\)"):
        y.detach().numpy()
    assert y.numpy(force=True).tolist() == [1.0, 2.0]


def test_mixed_devices_name_both_arguments(cuda):
    a, b = mt.ones(2), mt.ones(2, device="cuda")
    with pytest.raises(
        TypeError, match=r"mul: 'a' is on cpu and 'b' is on cuda:0; .*\.to\('cpu'\)"
    ):
        a * b
    with pytest.raises(TypeError, match="'a' is on cuda:0 and 'b' is on cpu"):
        b * np.ones(2, np.float32)


def test_the_same_draws_on_both_devices(cuda):
    mt.manual_seed(3)
    here = mt.randn(4), mt.rand(2, 2), mt.randint(10, (5,)), mt.randperm(6)
    mt.manual_seed(3)
    there = (
        mt.randn(4, device="cuda"),
        mt.rand(2, 2, device="cuda"),
        mt.randint(10, (5,), device="cuda"),
        mt.randperm(6, device="cuda"),
    )
    for a, b in zip(here, there):
        assert b.device.type == "cuda"
        np.testing.assert_array_equal(a.numpy(), b.cpu().numpy())


def test_meta_has_no_data_to_move():
    x = mt.zeros(10**5, 10**4, device="meta")
    assert x.shape == (10**5, 10**4)
    assert x.to("meta") is x
    assert mt.ones(2).to("meta").device == "meta"
    with pytest.raises(RuntimeError, match="no data to copy to cpu; make real data"):
        x.cpu()
    assert move(Meta((2,), mt.float32), "meta").shape == (2,)


def test_impossible_allocation_says_how_much():
    with pytest.raises(MemoryError, match=r"shape \(1048576, 1048576, 1024\) of float32 takes 4,5"):
        mt.zeros(2**20, 2**20, 2**10)
    with pytest.raises(ValueError, match="must not be negative"):
        mt.zeros(2, -1)


def test_generator_state_survives_json():
    g = mt.Generator().manual_seed(5)
    g.normal((3,), mt.float32)
    state = json.loads(json.dumps(g.get_state()))
    want = g.normal((4,), mt.float32)
    other = mt.Generator()
    other.set_state(state)
    np.testing.assert_array_equal(other.normal((4,), mt.float32), want)
    assert other.initial_seed() == 5


def test_the_default_stream_goes_back_to_a_state():
    mt.manual_seed(7)
    mt.rand(2)
    state = mt.get_rng_state()
    want = mt.randn(3)
    mt.manual_seed(8)
    assert mt.initial_seed() == 8
    mt.set_rng_state(state)
    assert (mt.randn(3).tolist(), mt.initial_seed()) == (want.tolist(), 7)


def test_seeds():
    assert mt.manual_seed(1) is mt.default_generator
    a = mt.randn(3)
    assert (mt.manual_seed(1) and mt.randn(3)).tolist() == a.tolist()
    fresh = mt.Generator()
    repeat = mt.Generator().manual_seed(fresh.initial_seed())
    assert fresh.uniform((3,), mt.float64).tolist() == repeat.uniform((3,), mt.float64).tolist()
    with pytest.raises(TypeError, match="manual_seed: expected an int"):
        mt.manual_seed("one")


def test_a_generator_of_ones_own_leaves_the_default_alone():
    mt.manual_seed(0)
    want = mt.randn(3).tolist()
    mt.manual_seed(0)
    mt.randn(5, generator=mt.Generator().manual_seed(9))
    assert mt.randn(3).tolist() == want
