"""cuBLAS is called past CuPy where CuPy refuses: while a graph is captured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn, optim
from minitorch.array import cupy
from minitorch.kernels import cublas, without_cublas
from minitorch.kernels.products import matmul
from tests.fakecupy.array import Device
from tests.fakecupy.cublas import Library
from tests.kernelwise import draw, runs_kernels, up

pytestmark = runs_kernels

SHAPES = [
    ((4, 5), (5, 3)),
    ((1, 5), (5, 1)),
    ((70, 1), (1, 70)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((6, 4, 5), (6, 5, 3)),
    ((6, 4, 5), (5, 3)),
    ((4, 5), (6, 5, 3)),
    ((2, 3, 4, 5), (3, 5, 2)),
]


@pytest.fixture
def library(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> Library:
    """The stand-in with the library that a real CuPy has loaded."""
    if type(cuda).__name__ != "Counters":
        pytest.skip("a GPU has its own")
    found = Library()
    monkeypatch.setattr(cublas, "_tried", {})
    monkeypatch.setattr(cublas, "_loaded", lambda module: found)
    monkeypatch.setattr(Device, "cublas_handle", 1, raising=False)
    return found


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_are_those_of_numpy(cuda, library, left: tuple, right: tuple, dtype: str):
    a, b = draw(*left, dtype=dtype), draw(*right, dtype=dtype, seed=1)
    given = up(a), up(b)
    matmul(*given)
    cuda.reset()
    got = matmul(*given)
    assert (cuda.launches, cuda.sync, cuda.h2d) == (0, 0, 0)
    want = np.matmul(a.astype("float64"), b.astype("float64"))
    close = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(got.get(), want, rtol=close, atol=close)
    assert library.computed[-1] == (70 if dtype == "float64" else 68)


LAYOUTS: dict[str, Any] = {
    "turned": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "rows apart": lambda x: np.repeat(x, 2, axis=-2)[..., ::2, :],
    "a part of columns": lambda x: np.concatenate([x, x], -1)[..., : x.shape[-1]],
    "one for all": lambda x: np.broadcast_to(x[:1], x.shape),
    "every second column": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],  # of which it takes none
    "backwards": lambda x: x[..., ::-1, :],
}


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_however_the_matrices_lie(cuda, library, first: str, second: str):
    def on_gpu(x: np.ndarray, layout: str) -> Any:
        base = up(x)
        return {
            "turned": lambda: up(x.swapaxes(-1, -2).copy()).swapaxes(-1, -2),
            "rows apart": lambda: up(np.repeat(x, 2, axis=-2))[..., ::2, :],
            "a part of columns": lambda: up(np.concatenate([x, x], -1))[..., : x.shape[-1]],
            "one for all": lambda: np.broadcast_to(base[:1], x.shape),
            "every second column": lambda: up(np.repeat(x, 2, axis=-1))[..., ::2],
            "backwards": lambda: base[..., ::-1, :],
        }[layout]()

    a, b = draw(3, 4, 5), draw(3, 5, 6, seed=1)
    want = np.matmul(LAYOUTS[first](a), LAYOUTS[second](b))
    given = on_gpu(a, first), on_gpu(b, second)
    matmul(*given)
    cuda.reset()
    np.testing.assert_allclose(matmul(*given).get(), want, rtol=1e-5, atol=1e-5)
    by_kernel = {first, second} & {"every second column", "backwards"}
    assert cuda.launches == bool(by_kernel)


def test_a_capture_notes_the_product_and_a_launch_makes_it(cuda, library):
    a, b = up(draw(4, 5)), up(draw(5, 3, seed=1))
    y = up(np.zeros((4, 3), "float32"))
    with without_cublas():
        matmul(a, b, y)
        y[...] = 0
        with cupy().cuda.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            matmul(a, b, y)
            graph = stream.end_capture()
    assert not y.get().any()
    a[...] = 2.0
    graph.launch()
    np.testing.assert_allclose(y.get(), np.full((4, 5), 2.0) @ b.get(), rtol=1e-5)


def test_tf32_is_used_where_it_is_allowed(cuda, library):
    a = up(draw(4, 4))
    minitorch.backends.cuda.matmul.allow_tf32 = True
    try:
        matmul(a, a)
    finally:
        minitorch.backends.cuda.matmul.allow_tf32 = False
    matmul(a, a)
    assert library.computed[-2:] == [77, 68]


class WithoutMemory(Library):
    def cublasSetWorkspace_v2(self, handle: int, space: int, size: int) -> int:  # noqa: N802
        return 0


class Refusing(Library):
    def cublasGemmStridedBatchedEx(self, *args: Any) -> int:  # noqa: N802
        return 15


class Wrong(Library):
    def cublasGemmStridedBatchedEx(self, *args: Any) -> int:  # noqa: N802
        return 0


@pytest.mark.parametrize("kind", [WithoutMemory, Refusing, Wrong])
def test_a_library_that_cannot_be_captured_is_left_for_our_kernel(
    cuda, library, kind: type[Library], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cublas, "_loaded", lambda module: kind())
    a, b = draw(4, 5), draw(5, 3, seed=1)
    given = up(a), up(b)
    matmul(*given)
    cuda.reset()
    np.testing.assert_allclose(matmul(*given).get(), a @ b, rtol=1e-5)
    assert (cuda.launches, cuda.sync) == (1, 1)  # the wait is for `get`


def test_without_the_library_there_is_our_kernel(cuda, library, monkeypatch: pytest.MonkeyPatch):
    def absent(module: Any) -> Any:
        raise OSError("libcublas.so.12: cannot open shared object file")

    monkeypatch.setattr(cublas, "_loaded", absent)
    a = up(draw(4, 4))
    matmul(a, a)
    cuda.reset()
    matmul(a, a)
    assert cuda.launches == 1


def test_it_is_not_tried_for_the_first_time_inside_a_capture(cuda, library):
    a, y = up(draw(4, 4)), up(np.zeros((4, 4), "float32"))
    with cupy().cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        matmul(a, a, y)
        graph = stream.end_capture()
    assert library.computed == []
    graph.launch()
    np.testing.assert_allclose(y.get(), a.get() @ a.get(), rtol=1e-5, atol=1e-5)
    matmul(a, a)
    assert library.computed


def test_a_captured_step_multiplies_by_cublas(cuda, library):
    losses = []
    for compiled in (False, True):
        minitorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).to("cuda")
        optimizer = optim.SGD(model, lr=0.1)
        x, t = (minitorch.from_numpy(draw(*s)).to("cuda") for s in ((5, 6), (5, 1)))

        def step(x: Any, t: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = ((model(x) - t) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        run = minitorch.compile(step, mode="reduce-overhead") if compiled else step
        losses.append([run(x, t).item() for _ in range(5)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert cuda.graphs > 0
    assert len(library.computed) > 5
