"""The matrix product as a kernel is that of NumPy, whatever lies how in memory."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.kernels import without_cublas
from minitorch.kernels.products import matmul
from tests.kernelwise import DTYPES, draw, runs_kernels, up

pytestmark = runs_kernels

SHAPES = [
    ((1, 1), (1, 1)),
    ((3, 5), (5, 4)),
    ((64, 16), (16, 64)),
    ((65, 33), (33, 70)),
    ((2, 200), (200, 3)),
    ((5,), (5,)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((3, 2, 5), (3, 5, 4)),
    ((3, 2, 5), (5, 4)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((0, 3), (3, 2)),
    ((3, 0), (0, 2)),
    ((0, 2, 3), (0, 3, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_a_product_is_one_launch(cuda, left: tuple, right: tuple, dtype: str):
    a, b = draw(*left, dtype=dtype), draw(*right, dtype=dtype, seed=1)
    want = np.matmul(a, b)
    on_gpu = up(a), up(b)
    cuda.reset()
    found = matmul(*on_gpu)
    if type(cuda).__name__ == "Counters":
        assert (cuda.launches, cuda.sync, cuda.h2d) == (want.size > 0, 0, 0)
    close = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-12}[dtype]
    assert (found.dtype, found.shape) == (dtype, np.shape(want))
    np.testing.assert_allclose(found.get(), want, rtol=close, atol=close)


def test_transposed_and_sliced_factors_are_not_copied(cuda):
    a, b = draw(70, 40), draw(90, 70, seed=1)
    for left, right in ((a.T, b.T), (a.T[::2], b[::-1].T), (a.T, b.T[:, ::3])):
        found = matmul(
            up(a).T if left.shape == (40, 70) else up(np.ascontiguousarray(left)), up(right)
        )
        np.testing.assert_allclose(found.get(), left @ right, rtol=1e-4, atol=1e-4)


def test_out_is_written_and_checked(cuda):
    a, b, y = up(draw(3, 4)), up(draw(4, 5)), up(np.zeros((3, 5), "float32"))
    assert matmul(a, b, y) is y
    np.testing.assert_allclose(y.get(), a.get() @ b.get(), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"out is float32\[5, 3\], expected float32\[3, 5\]"):
        matmul(a, b, y.reshape(5, 3))
    with pytest.raises(ValueError, match=r"\(3, 4\) has 4 columns, b of \(3, 4\) 3 rows"):
        matmul(a, a)


def test_many_products_take_several_launches(cuda, monkeypatch):
    monkeypatch.setattr("minitorch.kernels.products._BATCHES", 4)
    a, b = draw(10, 2, 3), draw(3, 2)
    cuda.reset()
    found = matmul(up(a), up(b))
    assert getattr(cuda, "launches", 0) in (0, 3)
    np.testing.assert_allclose(found.get(), a @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", ["dense", "convolutional", "attention"])
def test_a_step_without_cublas_computes_the_same(cuda, monkeypatch, network: str):
    """As while a graph is captured, where CuPy refuses every product."""
    model, shape = {
        "dense": (nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)), (4, 2, 6)),
        "convolutional": (nn.Sequential(nn.Conv2d(9, 8, 3, groups=1), nn.Flatten()), (4, 9, 5, 5)),
        "attention": (nn.MultiheadAttention(6, 2, batch_first=True), (4, 3, 6)),
    }[network]
    model, results = model.double().to("cuda"), []
    for block in (nullcontext(), without_cublas()):
        x = minitorch.from_numpy(draw(*shape, dtype="float64")).to("cuda").requires_grad_()
        with block:
            cuda.reset()
            y = model(x, x, x, need_weights=False)[0] if network == "attention" else model(x)
            (y * y).sum().backward()
        results.append([t.detach().cpu().numpy() for t in (y, x.grad)])
        if type(cuda).__name__ == "Counters":
            monkeypatch.setattr("tests.fakecupy.ufuncs._Matmul.__call__", _refused)
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10)


def _refused(*args: object, **options: object) -> None:
    raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
