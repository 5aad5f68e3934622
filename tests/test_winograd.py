"""Winograd's convolution: its matrices, its rounding, and all that depends on the choice of it.

That it agrees with columns, in all three products, is in `test_conv.py`.
"""

import math

import numpy as np
import pytest

import minitorch
from minitorch.ops import conv_columns, conv_products, winograd
from minitorch.ops.window import grid_of
from minitorch.tensor import Tensor


def rand(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(rand(*shape, dtype=dtype, seed=seed), requires_grad=True)


@pytest.fixture
def always(monkeypatch):
    """Winograd's tiles wherever they are possible, however few channels there are."""
    monkeypatch.setattr(conv_products, "MANY", 1)
    monkeypatch.setattr(conv_products, "FEWER", 1e9)
    monkeypatch.setattr(conv_products, "are_kept", lambda x, grid: False)
    monkeypatch.setattr("minitorch.ops.conv.are_kept", lambda x, grid: False)
    conv_products._spares.cache_clear()
    yield
    conv_products._spares.cache_clear()


@pytest.fixture
def used(monkeypatch):
    """Which products Winograd's tiles were used for."""
    names = []

    def noted(name, way):
        return lambda *args: (names.append(name), way(*args))[1]

    for name, ways in (
        ("y", conv_products.FORWARD),
        ("dx", conv_products.INPUT_GRAD),
        ("dw", conv_products.WEIGHT_GRAD),
    ):
        monkeypatch.setitem(ways, "winograd", noted(name, ways["winograd"]))
    return names


# the matrices ---------------------------------------------------------------------------------


def test_the_matrices_of_the_text(monkeypatch):
    """Two outputs of a kernel of three, by 0, 1, -1 and infinity."""
    monkeypatch.setattr(winograd, "POINTS", (0, 1, -1))
    monkeypatch.setattr(winograd, "TILE", 4)
    A, B, G = winograd.matrices_for.__wrapped__((3,), np.float64)
    np.testing.assert_array_equal(A, [[1, 0], [1, 1], [1, -1], [0, 1]])
    np.testing.assert_array_equal(G, [[1, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 1]])
    rows = [[1, 0, -1, 0], [0, 0.5, 0.5, 0], [0, -0.5, 0.5, 0], [0, -1, 0, 1]]
    np.testing.assert_allclose(B, rows, atol=1e-15)


@pytest.mark.parametrize("r", [2, 3, 4, 5])
def test_a_tile_of_outputs_is_a_correlation(r: int):
    A, B, G = winograd.matrices_for((r,), np.dtype("float64"))
    d, w = rand(6), rand(r, seed=1)
    assert A.shape == (6, 7 - r)
    np.testing.assert_allclose(A.T @ ((B @ d) * (G @ w)), np.correlate(d, w), rtol=1e-12)


def test_16_outputs_of_a_3_by_3_kernel_take_36_multiplications_instead_of_144():
    A, B, G = winograd.matrices_for((3, 3), np.dtype("float64"))
    assert (A.shape, B.shape, G.shape) == ((36, 16), (36, 36), (36, 9))
    grid = grid_of("conv", (32, 32), (3, 3), 1, 1, 1)
    many = 10**6  # channels, beside which A, B and G count for nothing
    share = winograd.multiplications(10**3, many, many, grid) / (10**3 * 32 * 32 * 9 * many**2)
    assert share == pytest.approx(36 / 144, rel=0.01)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [((3, 3), 2, 1), ((3, 3), 1, 2), ((6, 2), 1, 1), ((2, 2, 2), 1, 1)],
)
def test_what_tiles_are_not_for(kernel, stride, dilation):
    grid = grid_of("conv", (9,) * len(kernel), kernel, stride, 0, dilation)
    assert winograd.multiplications(1, 64, 64, grid) == math.inf


# rounding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(3, 3), (5, 5), (2, 4), (3,)])
def test_rounding_stays_near_that_of_columns(kernel: tuple):
    """In float32: within 10 times the error of columns, and 1e-5 of the largest number."""
    size = (18, 13)[: len(kernel)]
    grid = grid_of("conv", size, kernel, 1, 1, 1)
    x = rand(2, 24, *size, dtype=np.float32)
    w = rand(20, 24, *kernel, dtype=np.float32, seed=1)
    g = rand(2, 20, *grid.counts, dtype=np.float32, seed=2)
    for products, args in (
        ((conv_columns.forward_last, winograd.forward_winograd), (x, w, None)),
        ((conv_columns.input_last, winograd.input_winograd), (g, w)),
        ((conv_columns.weight_last, winograd.weight_winograd), (x, g)),
    ):
        wide = [a if a is None else a.astype(np.float64) for a in args]
        want = products[0](*wide, grid)
        found = [product(*args, grid) for product in products]
        assert all(a.dtype == np.float32 for a in found)
        by_columns, by_tiles = (np.sqrt(np.square(a - want).mean()) for a in found)
        assert by_tiles < 10 * by_columns
        assert np.abs(found[1] - want).max() < 1e-5 * np.abs(want).max()


def test_in_float64_all_orders_are_tight(always, used):
    for padding in (0, 1, "same", ((2, 0), (1, 3))):
        x, w, b = leaf(2, 2, 5, 7), leaf(3, 2, 3, 2, seed=1), leaf(3, seed=2)

        def f(x, w, b, padding=padding):
            return minitorch.conv2d(x, w, b, padding=padding)

        assert minitorch.gradcheck(f, [x, w, b])
        assert minitorch.gradgradcheck(f, [x, w, b])
    assert set(used) == {"y", "dx", "dw"}


def test_what_is_not_finite_spoils_its_tile_and_no_other(always):
    x = np.ones((1, 2, 12, 12))
    x[0, 0, 5, 5] = np.inf
    y = minitorch.conv2d(Tensor(x), np.ones((1, 2, 3, 3)), padding=1).numpy()
    assert not np.isfinite(y[0, 0, 4:7, 4:7]).any()
    far = np.ones((12, 12), bool)
    far[4:8, 4:8] = False
    assert np.isfinite(y[0, 0][far]).all()


# where it is chosen ---------------------------------------------------------------------------


def test_gradients_agree_with_torch(used):
    torch = pytest.importorskip("torch")
    for shape, kernel, padding in (
        ((32, 64, 15, 14), (64, 64, 3, 3), 1),
        ((12, 64, 16, 16), (64, 64, 5, 5), 2),
    ):
        ours = [leaf(*s, seed=i) for i, s in enumerate((shape, kernel, kernel[:1]))]
        theirs = [torch.tensor(a.detach().numpy(), requires_grad=True) for a in ours]
        y = minitorch.conv2d(*ours, padding=padding)
        want = torch.nn.functional.conv2d(*theirs, padding=padding)
        g = rand(*y.shape, seed=9)
        y.backward(Tensor(g))
        want.backward(torch.tensor(g))
        np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), atol=1e-10)
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-9)
    assert used == ["y", "dx", "dw"] * 2 or used == ["y", "dw", "dx"] * 2


def test_a_compiled_step_has_the_same_bits(used):
    w, b = leaf(64, 64, 3, 3, dtype=np.float32), leaf(64, dtype=np.float32)

    def step(x):
        y = minitorch.conv2d(x, w, b, padding=1)
        return y, *minitorch.autograd.grad(y.square().sum(), [x, w, b])

    compiled = minitorch.compile(step)
    for seed in (3, 4, 5):
        x = leaf(32, 64, 15, 14, dtype=np.float32, seed=seed)
        for ours, theirs in zip(compiled(x), step(x)):
            np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert set(used) == {"y", "dx", "dw"}


def test_a_batch_of_zero():
    grid = grid_of("conv", (6, 6), (3, 3), 1, 1, 1)
    x, w, g = rand(0, 2, 6, 6), rand(3, 2, 3, 3), rand(0, 3, 6, 6)
    assert winograd.forward_winograd(x, w, rand(3), grid).shape == g.shape
    assert winograd.input_winograd(g, w, grid).shape == x.shape
    np.testing.assert_array_equal(winograd.weight_winograd(x, g, grid), np.zeros_like(w))


def test_shapes_alone_take_no_tiles(used):
    """On arrays without values, as on a GPU, the other formulations answer."""
    x = Tensor(np.empty((1,)), device="meta").array
    x = type(x)((8, 64, 32, 32), np.float32)
    y = minitorch.conv2d(x, type(x)((64, 64, 3, 3), np.float32), padding=1)
    assert y.shape == (8, 64, 32, 32)
    assert used == []


def test_the_gradient_of_the_weights_lies_as_the_optimizer_wants_it():
    grid = grid_of("conv", (8, 8), (3, 3), 1, 1, 1)
    dw = winograd.weight_winograd(rand(2, 4, 8, 8), rand(2, 6, 8, 8), grid)
    assert dw.flags.c_contiguous
