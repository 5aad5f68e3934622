"""The kernels of windows compute what NumPy's words do: im2col, col2im, and convolution by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch.kernels import windows as kernels
from minitorch.ops import avg_pool, conv_products, max_pool, window
from tests.kernelwise import DTYPES, agree, channels_last, draw, runs_kernels, up

pytestmark = runs_kernels

SIZES = (9, 7, 8)
# kernel_size, stride, padding, dilation
OPTIONS: dict[str, tuple[Any, Any, Any, Any]] = {
    "same": (3, 1, 1, 1),
    "side by side": (2, 2, 0, 1),
    "apart": (2, 3, 1, 1),
    "dilated": (3, 2, 2, 2),
    "one place": (1, 1, 0, 1),
    "the whole": (7, 1, 0, 1),
}
LOPSIDED = {1: (3, 2, ((2, 0),), 1), 2: (2, 1, ((-1, 2), (3, -2)), 2), 3: (3, 1, ((-1, 1),) * 3, 1)}
CASES = [(n, options) for n in (1, 2, 3) for options in (*OPTIONS.values(), LOPSIDED[n])]


def grid_of(sizes: tuple[int, ...], options: tuple) -> window.Grid:
    return window.grid_of("test", sizes, *options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "options"), CASES)
def test_im2col_is_one_launch_with_the_padding_in_it(cuda, n: int, options: tuple, dtype: str):
    for x in (draw(2, 3, *SIZES[:n], dtype=dtype), draw(1, 1, *SIZES[:n], dtype=dtype)):
        grid = grid_of(x.shape[2:], options)
        agree(cuda, window.copied_windows, x, grid, launches=1, rtol=0, atol=0)
        agree(cuda, window.copied_windows, channels_last(x), grid, launches=1, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "options"), CASES)
def test_col2im_is_one_launch_and_its_adjoint(cuda, n: int, options: tuple, dtype: str):
    x = draw(2, 3, *SIZES[:n], dtype=dtype)
    grid = grid_of(x.shape[2:], options)
    cols = draw(2, 3, *grid.kernel, *grid.counts, dtype=dtype, seed=1)
    close = {"float16": 3e-2, "float32": 3e-6, "float64": 1e-13}[dtype]
    back = agree(cuda, window.add_windows, cols, grid, launches=1, rtol=close, atol=close)
    if dtype == "float64":
        there = np.vdot(cols, window.copied_windows(x, grid))
        np.testing.assert_allclose(np.vdot(back.get(), x), there)


@pytest.mark.parametrize("layout", ["first", "across", "last"])
def test_every_layout_holds_the_same_numbers_and_comes_back(cuda, layout: str):
    x = draw(3, 4, 9, 7)
    grid = grid_of((9, 7), OPTIONS["dilated"])
    want = window.copied_windows(x, grid).reshape(3, 4, 9, -1)
    to_first = {"first": (0, 1, 2, 3), "across": (2, 0, 1, 3), "last": (0, 3, 2, 1)}[layout]
    cols = kernels.columns(up(x), grid, layout)
    np.testing.assert_array_equal(cols.get().transpose(to_first), want)
    back = kernels.add_columns(cols, grid, layout, up(np.zeros_like(x)))
    words = window.add_windows(want.reshape(3, 4, 3, 3, *grid.counts), grid)
    np.testing.assert_allclose(back.get(), words, rtol=1e-6, atol=1e-6)


def test_empty_batches_and_more_numbers_than_a_grid_has_threads(cuda, monkeypatch):
    grid = grid_of((9, 7), OPTIONS["same"])
    agree(cuda, window.copied_windows, draw(0, 3, 9, 7), grid, launches=0)
    agree(cuda, window.add_windows, draw(0, 3, 3, 3, 9, 7), grid, launches=0)
    monkeypatch.setattr("minitorch.kernels.source._BLOCKS", 2)  # each thread has several then
    x = draw(5, 3, 19, 17)
    grid = grid_of((19, 17), OPTIONS["dilated"])
    cols = window.copied_windows(x, grid)
    agree(cuda, window.copied_windows, x, grid, launches=1, rtol=0, atol=0)
    agree(cuda, window.add_windows, cols, grid, launches=1, rtol=1e-6, atol=1e-6)


def test_sixty_four_bits_count_the_same_elements(cuda, monkeypatch):
    monkeypatch.setattr("minitorch.kernels.source._SMALL", 1)
    x, grid = draw(2, 3, 9, 7), grid_of((9, 7), OPTIONS["dilated"])
    agree(cuda, window.copied_windows, x, grid, launches=1, rtol=0, atol=0)
    cols = window.copied_windows(x, grid)
    agree(cuda, window.add_windows, cols, grid, launches=1, rtol=1e-6, atol=1e-6)


def test_integers_and_four_axes_go_by_numpys_words(cuda):
    grid = grid_of((9, 7), OPTIONS["same"])
    agree(cuda, window.copied_windows, np.arange(126).reshape(2, 1, 9, 7), grid, launches=0)
    x = draw(1, 2, 3, 3, 3, 3)
    agree(cuda, window.copied_windows, x, grid_of((3,) * 4, (2, 1, 0, 1)), launches=0)


# convolution ------------------------------------------------------------------------------------

CHANNELS = [(1, 3, 4), (1, 9, 10), (3, 9, 6), (4, 4, 8)]  # groups, C, O


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "C", "out"), CHANNELS)
@pytest.mark.parametrize(("n", "options"), CASES)
def test_convolution_and_both_gradients_agree_with_the_cpu(
    cuda, n: int, options: tuple, groups: int, C: int, out: int, dtype: str
):
    x = draw(2, C, *SIZES[:n], dtype=dtype)
    grid = grid_of(x.shape[2:], options)
    w = draw(out, C // groups, *grid.kernel, dtype=dtype, seed=1)
    b = draw(out, dtype=dtype, seed=2)
    dy = draw(2, out, *grid.counts, dtype=dtype, seed=3)
    size = np.sqrt(w[0].size * max(1, np.prod(grid.counts)))
    close = float({"float16": 1e-2, "float32": 5e-6, "float64": 1e-13}[dtype] * size)
    given = {"launches": 1, "rtol": close, "atol": close}
    for last in (False, True):
        x, dy = (channels_last(x), channels_last(dy)) if last else (x, dy)
        for bias in (b, None):
            agree(cuda, conv_products.forward, x, w, bias, grid, groups, **given)
        agree(cuda, conv_products.input_grad, dy, w, grid, groups, **given)
        dw = agree(cuda, conv_products.weight_grad, x, dy, grid, groups, **given)
        assert dw.flags.c_contiguous  # as the optimizer wants it


@pytest.mark.parametrize(("groups", "C", "out"), CHANNELS)
def test_a_batch_whose_columns_have_no_room_comes_in_parts(
    cuda, monkeypatch, groups: int, C: int, out: int
):
    monkeypatch.setattr("minitorch.kernels.windows._ROOM", 2 * C * 9 * 63 * 4)
    x, grid = draw(5, C, 9, 7), grid_of((9, 7), OPTIONS["same"])
    w, dy = draw(out, C // groups, 3, 3, seed=1), draw(5, out, 9, 7, seed=2)
    close = {"launches": 3, "rtol": 1e-3, "atol": 1e-3}
    agree(cuda, conv_products.forward, x, w, None, grid, groups, **close)
    agree(cuda, conv_products.input_grad, dy, w, grid, groups, **close)
    agree(cuda, conv_products.weight_grad, x, dy, grid, groups, **close)


def test_an_empty_batch_has_a_gradient_of_zeros(cuda):
    grid = grid_of((9, 7), OPTIONS["same"])
    for groups in (1, 3):
        x, dy = draw(0, 9, 9, 7), draw(0, 6, 9, 7)
        agree(cuda, conv_products.weight_grad, x, dy, grid, groups, launches=0)
        agree(
            cuda,
            conv_products.forward,
            x,
            draw(6, 9 // groups, 3, 3),
            None,
            grid,
            groups,
            launches=0,
        )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_ops_agree_with_the_cpu_to_the_second_order(cuda, n: int):
    conv = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    results = []
    for where in ("cpu", "cuda"):
        x = minitorch.from_numpy(draw(2, 3, *(5,) * n, dtype="float64")).to(where)
        w = minitorch.from_numpy(draw(4, 3, *(3,) * n, dtype="float64", seed=1)).to(where)
        inputs = [x.requires_grad_(), w.requires_grad_()]
        y = conv(*inputs, stride=2, padding=1)
        grads = minitorch.autograd.grad((y * y * y).sum(), inputs, create_graph=True)
        again = minitorch.autograd.grad(sum((g * g).sum() for g in grads), inputs)
        results.append([t.detach().cpu().numpy() for t in (y, *grads, *again)])
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


# pools ------------------------------------------------------------------------------------------

POOLS: dict[str, tuple[Any, Any, Any, Any, bool]] = {
    "side by side": (2, 2, 0, 1, False),
    "overlapping": (3, 2, 1, 1, False),
    "apart": (2, 3, 1, 1, False),
    "dilated": (2, 1, 0, 3, False),
    "sticking out": (3, 2, 1, 1, True),
    "one place": (1, 1, 0, 1, False),
}


def pool_grid(sizes: tuple[int, ...], name: str) -> window.Grid:
    return window.grid_of("max_pool", sizes, *POOLS[name], pool=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_pools_are_a_launch_each_way(cuda, n: int, name: str, last: bool, dtype: str):
    x = draw(2, 3, *SIZES[:n], dtype=dtype).round(1)  # with ties
    x = channels_last(x) if last else x
    grid = pool_grid(x.shape[2:], name)
    y = agree(cuda, max_pool._largest, x, grid, launches=1, rtol=0, atol=0).get()
    winner = agree(cuda, max_pool._winner, x, y, grid, launches=1).get()
    agree(cuda, max_pool._pick, x, winner, grid, launches=1, rtol=0, atol=0)
    close = {"float16": 2e-2, "float32": 2e-6, "float64": 1e-13}[dtype]
    given = {"launches": 1, "rtol": close, "atol": close}
    for g in (draw(*y.shape, dtype=dtype), channels_last(draw(*y.shape, dtype=dtype))):
        agree(cuda, max_pool._put, g, winner, grid, **given)
        agree(cuda, avg_pool._spread, g, grid, **given)
    agree(cuda, avg_pool._sums, x, grid, **given)


def test_nan_and_infinities_win_as_on_the_cpu(cuda):
    x = draw(1, 1, 9, 7)
    x[0, 0, 2, 2], x[0, 0, 5, 1], x[0, 0, 6, 6], x[0, 0, :2, 4:] = np.nan, np.inf, -np.inf, -np.inf
    for name in POOLS:
        grid = pool_grid((9, 7), name)
        y = agree(cuda, max_pool._largest, x, grid, launches=1, rtol=0, atol=0).get()
        agree(cuda, max_pool._winner, x, y, grid, launches=1)


def test_empty_pools_launch_nothing_and_large_windows_go_by_numpys_words(cuda):
    grid = pool_grid((9, 7), "overlapping")
    agree(cuda, max_pool._largest, draw(0, 3, 9, 7), grid, launches=0)
    agree(cuda, avg_pool._spread, draw(0, 3, *grid.counts), grid, launches=0)
    x = draw(1, 1, 20, 20)
    agree(cuda, max_pool._largest, x, window.grid_of("max_pool", (20, 20), 17, 1, 0, 1), launches=0)


def test_pooling_layers_agree_with_the_cpu_to_the_second_order(cuda):
    results = []
    for where in ("cpu", "cuda"):
        x = minitorch.from_numpy(draw(2, 3, 7, 7, dtype="float64")).to(where).requires_grad_()
        y = F.max_pool2d(x, 3, 2, 1) * F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        (g,) = minitorch.autograd.grad((y * y).sum(), [x], create_graph=True)
        (h,) = minitorch.autograd.grad((g * g).sum(), [x])
        results.append([t.detach().cpu().numpy() for t in (y, g, h)])
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10)
