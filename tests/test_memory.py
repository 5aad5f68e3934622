"""Addresses and offsets show which tensors share memory."""

import numpy as np
import pytest

import minitorch


def test_tensors_that_begin_at_the_same_place_have_one_address():
    x = minitorch.zeros(2, 3)
    for same in (x.view(6), x.t(), x[0], x.detach(), x[:, :2], minitorch.from_numpy(x.numpy())):
        assert same.data_ptr() == x.data_ptr()
    for other in (x.clone(), x[1], x + 0, x.flip(0)):
        assert other.data_ptr() != x.data_ptr()
    assert x[1].data_ptr() == x.data_ptr() + 3 * 4


def test_an_offset_counts_elements_from_the_start_of_the_memory():
    x = minitorch.zeros(2, 3, dtype="float64")
    assert [v.storage_offset() for v in (x, x[1], x[1, 2], x.t()[1], x[:, 1:])] == [0, 3, 5, 1, 1]
    assert minitorch.from_numpy(np.zeros(4)[::-1]).storage_offset() == 3


def test_signed_dtypes_hold_negative_numbers():
    signed = {
        name: minitorch.zeros(1, dtype=name).is_signed()
        for name in ("float32", "float16", "int8", "int64", "uint8", "bool")
    }
    assert [name for name, holds in signed.items() if not holds] == ["uint8", "bool"]
    assert minitorch.is_signed(minitorch.tensor(1))


def test_shapes_alone_lie_nowhere():
    x = minitorch.zeros(2, 3, device="meta")
    assert (x.data_ptr(), x.storage_offset()) == (0, 0)


def test_offsets_are_torchs():
    torch = pytest.importorskip("torch")
    for take in (lambda x: x[1:], lambda x: x.t()[1], lambda x: x[0, 1:].unsqueeze(0)):
        offsets = [take(lib.zeros(2, 3)).storage_offset() for lib in (minitorch, torch)]
        assert offsets[0] == offsets[1]
