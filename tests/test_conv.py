"""What the rows of convolution cannot say: errors, layouts, what is saved, adjoints, the loops."""

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch
from minitorch.autograd import grad
from minitorch.ops import conv as conv_module
from minitorch.ops import conv_columns
from minitorch.ops import conv_products as products
from minitorch.ops.conv import conv2d_loops
from minitorch.ops.window import grid_of
from minitorch.ops.winograd import multiplications
from minitorch.tensor import ShapeError, Tensor


def rand(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(rand(*shape, dtype=dtype, seed=seed), requires_grad=True)


# the idea -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (1, 2)])
@pytest.mark.parametrize("channels", [2, 9])
def test_the_loops_agree(channels: int, stride: int, padding: int):
    x, w = rand(2, channels, 6, 5), rand(3, channels, 3, 2, seed=1)
    np.testing.assert_allclose(
        minitorch.conv2d(x, w, None, stride, padding),
        conv2d_loops(x, w, stride, padding),
        rtol=1e-11,
        atol=1e-12,
    )


def test_is_the_matrix_product_with_im2col():
    x, w = rand(2, 3, 5, 4), rand(6, 3, 2, 3, seed=1)
    cols = minitorch.nn.functional.im2col(x, (2, 3), padding=1)
    y = (w.reshape(6, -1) @ cols).reshape(2, 6, 6, 4)
    np.testing.assert_allclose(minitorch.conv2d(x, w, padding=1), y, rtol=1e-11, atol=1e-12)


def test_im2col_of_a_3_by_3_kernel_is_nine_times_the_bytes():
    x = rand(1, 2, 8, 8)
    assert minitorch.nn.functional.im2col(x, 3, padding=1).nbytes == 9 * x.nbytes


sizes = st.integers(1, 7)


@given(
    *(st.tuples(sizes, sizes) for _ in range(1)),
    *(st.tuples(st.integers(1, 3), st.integers(1, 3)) for _ in range(4)),
    st.integers(0, 2),
)
def test_im2col_and_col2im_are_adjoint(size, kernel, stride, dilation, pads, extra):
    """<im2col x, y> = <x, col2im y>, and the number of windows follows the formula."""
    pads = ((pads[0], extra), (extra, pads[1]))
    counts = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(size, pads, dilation, kernel, stride)
    ]
    x = rand(2, 2, *size)
    if min(counts) < 1:
        with pytest.raises(ShapeError, match="larger than the padded input"):
            minitorch.nn.functional.im2col(x, kernel, stride, pads, dilation)
        return
    cols = minitorch.nn.functional.im2col(x, kernel, stride, pads, dilation)
    assert cols.shape == (2, 2 * math.prod(kernel), math.prod(counts))
    y = rand(*cols.shape, seed=1)
    back = minitorch.nn.functional.col2im(y, size, kernel, stride, pads, dilation)
    np.testing.assert_allclose((cols * y).sum(), (x * back).sum(), rtol=1e-9, atol=1e-9)


@given(
    st.tuples(st.integers(3, 6), st.integers(3, 6)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(0, 1),
    st.sampled_from([(2, 3, 1), (8, 9, 1), (9, 2, 1), (2, 8, 1), (4, 6, 2), (16, 16, 2)]),
)
def test_the_three_products_are_one_trilinear_form(size, kernel, stride, pad, channels):
    """<g, conv(x, w)> = <x, input_grad(g, w)> = <w, weight_grad(x, g)>, however it is computed."""
    C, out, groups = channels
    x, w = rand(2, C, *size), rand(out, C // groups, *kernel, seed=1)
    options = {"stride": stride, "padding": pad, "groups": groups}
    y = minitorch.conv2d(x, w, **options)
    g = rand(*y.shape, seed=2)
    dx = minitorch.ops.conv.conv_input_grad(g, w, size, **options)
    dw = minitorch.ops.conv.conv_weight_grad(x, g, kernel, **options)
    assert dx.shape == x.shape
    assert dw.shape == w.shape
    np.testing.assert_allclose((x * dx).sum(), (g * y).sum(), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose((w * dw).sum(), (g * y).sum(), rtol=1e-9, atol=1e-8)


def test_the_transpose_is_the_adjoint():
    x, w = rand(2, 3, 7, 6), rand(4, 3, 3, 2, seed=1)
    y = minitorch.conv2d(x, w, stride=2, padding=1)
    g = rand(*y.shape, seed=2)
    back = minitorch.conv_transpose2d(g, w, stride=2, padding=1)
    assert back.shape == x.shape
    np.testing.assert_allclose((y * g).sum(), (x * back).sum(), rtol=1e-10)


def test_groups_are_convolutions_side_by_side():
    x, w = rand(2, 4, 5, 5), rand(6, 2, 3, 3, seed=1)
    halves = [minitorch.conv2d(x[:, 2 * i : 2 * i + 2], w[3 * i : 3 * i + 3]) for i in range(2)]
    got = minitorch.conv2d(x, w, groups=2)
    np.testing.assert_allclose(got, np.concatenate(halves, 1), rtol=1e-11, atol=1e-12)


def test_dilation_is_a_kernel_with_zeros_between():
    x, w = rand(1, 2, 7, 7), rand(3, 2, 2, 3, seed=1)
    wide = np.zeros((3, 2, 3, 7))
    wide[:, :, ::2, ::3] = w
    got = minitorch.conv2d(x, w, dilation=(2, 3))
    np.testing.assert_allclose(got, minitorch.conv2d(x, wide), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_keeps_the_size_and_agrees_with_torch(kernel, dilation):
    torch = pytest.importorskip("torch")
    x, w = rand(1, 2, 9, 8), rand(3, 2, *kernel, seed=1)
    y = minitorch.conv2d(x, w, None, 1, "same", dilation)
    assert y.shape == (1, 3, 9, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a copy that torch makes for even kernels
        want = torch.nn.functional.conv2d(
            torch.tensor(x), torch.tensor(w), padding="same", dilation=dilation
        )
    np.testing.assert_allclose(y, want, rtol=1e-11, atol=1e-12)


def test_asymmetric_padding_is_padding_before():
    x, w = rand(1, 8, 4, 3), rand(2, 8, 2, 2, seed=1)
    padded = np.pad(x, [(0, 0), (0, 0), (2, 0), (1, 3)])
    got = minitorch.conv2d(x, w, padding=((2, 0), (1, 3)))
    np.testing.assert_allclose(got, minitorch.conv2d(padded, w), rtol=1e-11, atol=1e-12)


SHAPES = [  # x, weight, stride, padding, dilation
    ((3, 1, 7, 6), (8, 1, 3, 2), 1, 0, 1),
    ((3, 2, 6, 7), (3, 2, 2, 3), 2, 1, 1),
    ((2, 8, 6, 5), (9, 8, 3, 3), 1, 1, 1),
    ((3, 9, 7, 7), (8, 9, 3, 3), 2, 1, 1),
    ((2, 8, 9, 8), (8, 8, 2, 3), 1, 2, 2),
    ((1, 3, 12, 8), (5, 3, 5, 4), 1, "same", 1),
    ((2, 3, 6, 13), (4, 3, 1, 3), 1, ((2, 0), (0, 3)), 1),
    ((2, 3, 7, 9), (4, 3, 3, 3), 1, ((-1, 0), (2, -1)), 1),
    ((2, 2, 9, 8), (3, 2, 6, 2), 1, 0, 1),
    ((2, 2, 5, 70), (3, 2, 3, 5), 2, 2, 1),
    ((1, 1, 4, 99), (2, 1, 2, 2), (1, 3), 0, 1),
    ((2, 3, 9), (8, 3, 4), 2, 1, 1),
    ((2, 3, 11), (8, 3, 4), 1, 2, 1),
    ((2, 3, 4, 5, 4), (8, 3, 2, 3, 2), 1, 1, 1),
]


def fitting(ways, grid):
    """Those of the formulations that can compute what the grid asks for."""
    fits = {
        "turned": set(grid.stride) == {1},
        "runs": grid.dilation[-1] == 1,
        "winograd": math.isfinite(multiplications(1, 1, 1, grid)),
    }
    return {name: way for name, way in ways.items() if fits.get(name, True)}


@pytest.mark.parametrize("part", [conv_columns.PART, 1, 1000])
@pytest.mark.parametrize("shapes", SHAPES)
def test_all_formulations_agree(monkeypatch, shapes, part):
    """Whatever the layout, and however the batch and its rows are divided into parts."""
    monkeypatch.setattr(conv_columns, "PART", part)
    monkeypatch.setattr(conv_columns, "_spare", [])
    x_shape, w_shape, stride, padding, dilation = shapes
    x, w, b = rand(*x_shape), rand(*w_shape, seed=1), rand(w_shape[0], seed=2)
    grid = grid_of("conv", x_shape[2:], w_shape[2:], stride, padding, dilation)
    ys = [way(x, w, b, grid, 1) for way in fitting(products.FORWARD, grid).values()]
    g = rand(*ys[0].shape, seed=3)
    dws = [way(x, g, grid, 1) for way in fitting(products.WEIGHT_GRAD, grid).values()]
    dxs = [way(g, w, grid, 1) for way in fitting(products.INPUT_GRAD, grid).values()]
    for found, shape in ((ys, g.shape), (dws, w_shape), (dxs, x_shape)):
        for a in found:
            assert a.shape == shape
            np.testing.assert_allclose(a, found[0], rtol=1e-10, atol=1e-11)
    if len(x_shape) == 4 and dilation == 1 and type(padding) is type(stride) is int:
        want = conv2d_loops(x, w, stride, padding) + b[:, None, None]
        np.testing.assert_allclose(ys[0], want, rtol=1e-10, atol=1e-11)


def test_each_formulation_has_shapes_that_choose_it():
    def way(C, out, size, stride=1, N=8, groups=1, dtype=np.float32):
        grid = grid_of("conv", size, (3, 3), stride, 1, 1)
        return products.forward_way(np.empty((N, C, *size), dtype), out, grid, groups)

    assert [way(1, 4, (6, 6)), way(20, 50, (6, 6)), way(1, 20, (6, 6))] == [
        "first",
        "last",
        "across",
    ]
    assert way(16, 16, (6, 6), groups=2) == "first"
    assert way(64, 64, (32, 32)) == "winograd"
    assert way(64, 64, (32, 32), stride=2) == "last"  # windows that skip
    assert way(16, 16, (32, 32)) == "last"  # few channels
    assert way(512, 512, (4, 4)) == "last"  # few tiles
    assert way(64, 64, (32, 32), dtype=np.float16) == "last"

    def back(C, out, size, stride=1, padding=1):
        grid = grid_of("conv", size, (3, 3), stride, padding, 1)
        return products.input_way(np.empty((8, out, *grid.counts), np.float32), C, grid, 1)

    assert back(8, 8, (6, 6)) == "turned"
    assert back(8, 8, (6, 6), stride=2) == "runs"
    assert back(8, 8, (6, 200), stride=2) == "last"
    assert back(3, 8, (6, 6)) == "first"
    assert back(64, 64, (32, 32)) == "winograd"
    assert back(64, 64, (32, 32), padding=0) == "winograd"
    assert back(64, 64, (32, 32), stride=2) == "runs"


def test_parts_cover_the_batch_and_its_rows_once():
    big = np.empty((7, 1), np.float32)
    for each in (1, 10**5, 10**9):
        for split in (False, True):
            seen = np.zeros((7, 5), int)
            found = list(conv_columns.parts(big, (5,), each, split))
            for part in found:
                seen[part] += 1
            assert (seen == 1).all()
    assert len(found) == 35


@pytest.mark.parametrize("part", [conv_columns.PART, 10**4])
def test_channels_last_is_the_same_numbers_however_far_apart_they_lay(monkeypatch, part):
    """Also a power of two apart, where they go by way of memory of another width."""
    monkeypatch.setattr(conv_columns, "PART", part)
    monkeypatch.setattr(conv_columns, "_spare", [])
    for shape in ((3, 9, 16, 8), (2, 12, 256), (3, 9, 16, 7), (2, 4, 16, 8), (0, 9, 16, 8)):
        x = rand(*shape)
        for some in (x, x[:, :, 1:5], x[:1]):
            last = conv_columns.to_last(some)
            assert last.flags.c_contiguous
            np.testing.assert_array_equal(last, np.moveaxis(some, 1, -1))
            assert conv_columns.to_last(conv_columns.to_first(last)).base is not None  # a view


def test_the_memory_of_columns_is_used_again(monkeypatch):
    monkeypatch.setattr(conv_columns, "_spare", [])
    x, w = rand(4, 8, 6, 6), rand(8, 8, 3, 3, seed=1)
    y = products.forward(x, w, None, grid_of("conv", (6, 6), (3, 3), 1, 0, 1), 1)
    (kept,) = conv_columns._spare
    minitorch.ops.conv.conv_weight_grad(x, y, (3, 3))
    (again,) = conv_columns._spare
    assert again.ctypes.data == kept.ctypes.data
    assert not np.shares_memory(again, y)


@pytest.mark.parametrize(
    ("channels", "out", "groups"), [(1, 8, 1), (8, 8, 1), (2, 3, 1), (4, 4, 2)]
)
def test_columns_that_are_one_part_are_kept_for_dw(monkeypatch, channels, out, groups):
    """In each layout. Those of several parts are made again, for the same numbers."""
    x, w = rand(5, channels, 6, 7), rand(out, channels // groups, 3, 2, seed=1)
    size = 5 * channels * 6 * (4 * 6) * x.itemsize
    monkeypatch.setattr(conv_columns, "_spare", [])
    found = []
    for part in (size, size - 8):
        monkeypatch.setattr(conv_columns, "PART", part)
        weight = minitorch.from_numpy(w.copy()).requires_grad_()
        y = minitorch.conv2d(minitorch.from_numpy(x), weight, groups=groups)
        columns = y.node.saved[y.node.plan.names.index("columns")]
        assert (None if columns is None else columns.nbytes) == (size if part == size else None)
        y.square().sum().backward()
        found.append(weight.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


# gradients ------------------------------------------------------------------------------------


def test_gradients_agree_with_torch_in_float32():
    torch = pytest.importorskip("torch")
    for x_shape, w_shape, stride, padding in (
        ((4, 1, 14, 14), (6, 1, 5, 5), 1, 0),
        ((4, 20, 12, 12), (10, 20, 5, 5), 1, 0),
        ((2, 16, 9, 9), (24, 16, 3, 3), 2, 1),
        ((2, 16, 8, 8), (16, 16, 3, 3), 1, 1),
    ):
        ours = [
            leaf(*s, dtype=np.float32, seed=i)
            for i, s in enumerate((x_shape, w_shape, w_shape[:1]))
        ]
        theirs = [torch.tensor(a.detach().numpy(), requires_grad=True) for a in ours]
        y = minitorch.conv2d(*ours, stride, padding)
        want = torch.nn.functional.conv2d(*theirs, stride, padding)
        np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=1e-4, atol=1e-4)
        g = rand(*y.shape, dtype=np.float32, seed=9)
        y.backward(Tensor(g))
        want.backward(torch.tensor(g))
        for a, b in zip(ours, theirs):
            assert a.grad.dtype == np.float32
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-3, atol=1e-3)


def test_the_bias_collects_the_whole_gradient():
    b = leaf(3)
    y = minitorch.conv2d(rand(2, 2, 4, 4), rand(3, 2, 3, 3), b)
    g = rand(*y.shape)
    y.backward(Tensor(g))
    np.testing.assert_allclose(b.grad.numpy(), g.sum((0, 2, 3)), rtol=1e-12)


def test_only_what_the_wanted_gradients_need_is_saved():
    x, w, b = leaf(1, 1, 3, 3), leaf(2, 1, 2, 2), leaf(2)
    image = x.detach()
    first_layer = minitorch.conv2d(image, w, b).node.plan.names
    assert "x" in first_layer
    assert "weight" not in first_layer
    frozen = minitorch.conv2d(x, w.detach(), b.detach()).node.plan.names
    assert "weight" in frozen
    assert "x" not in frozen
    assert not {"x", "weight"} & set(minitorch.conv2d(image, w.detach(), b).node.plan.names)


def test_the_gradient_of_the_first_layers_input_is_never_computed(monkeypatch):
    def refuse(*args):
        raise AssertionError("dx was computed")

    monkeypatch.setattr(conv_module, "input_grad", refuse)
    w = leaf(2, 1, 2, 2)
    minitorch.conv2d(rand(1, 1, 3, 3), w).sum().backward()
    assert w.grad.shape == w.shape


def test_third_order():
    """The form is linear in x and w: d³/dx dw dx of Σ y² is not zero, and is right."""
    x, w = leaf(1, 1, 3, 3), leaf(1, 1, 2, 2)

    def second(w_values):
        a, b = Tensor(x.detach().numpy(), requires_grad=True), Tensor(w_values, requires_grad=True)
        y = minitorch.conv2d(a, b)
        (da,) = grad((y * y).sum(), [a], create_graph=True)
        (db,) = grad((da * da).sum(), [b], create_graph=True)
        return b, db

    b, db = second(w.detach().numpy())
    (third,) = grad(db.sum(), [b])
    eps = 1e-5
    slope = np.zeros(w.shape)
    for at in np.ndindex(*w.shape):
        high, low = w.detach().numpy().copy(), w.detach().numpy().copy()
        high[at] += eps
        low[at] -= eps
        slope[at] = (second(high)[1].sum().item() - second(low)[1].sum().item()) / (2 * eps)
    np.testing.assert_allclose(third.numpy(), slope, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 8])
def test_a_batch_of_zero(channels):
    x, w, b = leaf(0, channels, 6, 6), leaf(2, channels, 3, 3), leaf(2)
    y = minitorch.conv2d(x, w, b, padding=1)
    assert y.shape == (0, 2, 6, 6)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not w.grad.numpy().any()
    assert not b.grad.numpy().any()


def test_torchs_argument_forms():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    x, w, b = rand(1, 4, 6, 6), rand(4, 2, 2, 2, seed=1), rand(4, seed=2)
    tx, tw, tb = map(torch.tensor, (x, w, b))
    got = minitorch.conv2d(x, w, b, 2, 1, 1, 2)
    np.testing.assert_allclose(got, F.conv2d(tx, tw, tb, 2, 1, 1, 2), rtol=1e-10, atol=1e-12)
    got = minitorch.conv2d(input=Tensor(x), weight=w, bias=b, groups=2)
    want = F.conv2d(input=tx, weight=tw, bias=tb, groups=2)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-10, atol=1e-12)
    got = minitorch.conv_transpose2d(x, w, None, 2, 1, 1, 2, 2)
    want = F.conv_transpose2d(tx, tw, None, 2, 1, 1, 2, 2)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_output_padding_above_the_stride_needs_the_dilation():
    torch = pytest.importorskip("torch")
    x, w = leaf(1, 1, 3, 3), leaf(1, 1, 2, 2)
    y = minitorch.conv_transpose2d(x, w, output_padding=1, dilation=2)
    tx, tw = (torch.tensor(a.detach().numpy(), requires_grad=True) for a in (x, w))
    want = torch.nn.functional.conv_transpose2d(tx, tw, output_padding=1, dilation=2)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=1e-11)
    (y * y).sum().backward()
    (want * want).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), rtol=1e-11)
    np.testing.assert_allclose(w.grad.numpy(), tw.grad.numpy(), rtol=1e-11)


def test_nan_and_inf_stay_where_they_are():
    """One pixel reaches the outputs whose windows hold it, and no other."""
    for channels in (1, 8):
        for bad in (np.nan, np.inf):
            x = np.ones((1, channels, 6, 6))
            x[0, 0, 0, 0] = bad
            y = minitorch.conv2d(x, np.ones((1, channels, 3, 3)), padding=1)
            assert not np.isfinite(y[0, 0, :2, :2]).any()
            assert np.isfinite(y[0, 0, 2:]).all()
            assert np.isfinite(y[0, 0, :, 2:]).all()


# errors ---------------------------------------------------------------------------------------

IMAGE, KERNEL = (1, 3, 8, 8), (8, 3, 3, 3)


@pytest.mark.parametrize(
    ("error", "words", "x", "w", "options"),
    [
        (ShapeError, ["(1, 1, 8, 8) has 1 channels on axis 1", "(8, 3, 3, 3) expects 3"],
         (1, 1, 8, 8), KERNEL, {}),
        (ShapeError, ["has 8 channels", "x.permute(0, 3, 1, 2)"], (1, 8, 8, 3), KERNEL, {}),
        (ShapeError, ["expects 2 * groups 2"], (1, 6, 5, 5), (4, 2, 3, 3), {"groups": 2}),
        (ShapeError, ["larger than the padded input along dim 3",
                      "(input 2 + padding 1 + 1 - dilation 1 * (kernel 5 - 1) - 1) // stride 1"
                      " + 1 = 0 windows"],
         (1, 3, 8, 2), (8, 3, 3, 5), {"padding": 1}),
        (ShapeError, ["(3, 8, 8)", "expected (N, C, H, W)", "x[None]"], (3, 8, 8), KERNEL, {}),
        (ShapeError, ["(8, 8)", "x[None, None]"], (8, 8), KERNEL, {}),
        (ShapeError, ["weight has shape (8, 3, 3)", "4 axes"], IMAGE, (8, 3, 3), {}),
        (ShapeError, ["weight has shape (8, 3, 0, 3)"], IMAGE, (8, 3, 0, 3), {}),
        (ShapeError, ["3 input channels do not divide into 2"], IMAGE, KERNEL, {"groups": 2}),
        (ShapeError, ["8 output channels do not divide into 3"],
         IMAGE, (8, 1, 3, 3), {"groups": 3}),
        (ShapeError, ["bias has shape (3,), expected (8,)"],
         IMAGE, KERNEL, {"bias": np.zeros(3)}),
        (ValueError, ["padding='same'", "stride (2, 2)", "padding=(1, 1)"],
         IMAGE, KERNEL, {"padding": "same", "stride": 2}),
        (ValueError, ["'full'", "'same'"], IMAGE, KERNEL, {"padding": "full"}),
        (ValueError, ["stride must be at least 1, got 0"], IMAGE, KERNEL, {"stride": 0}),
        (ValueError, ["padding must be at least 0, got -1"], IMAGE, KERNEL, {"padding": -1}),
        (ValueError, ["dilation must be at least 1"], IMAGE, KERNEL, {"dilation": (1, 0)}),
        (ValueError, ["groups must be at least 1"], IMAGE, KERNEL, {"groups": 0}),
        (ValueError, ["stride must be an int or 2 ints, got 3: (1, 2, 3)"],
         IMAGE, KERNEL, {"stride": (1, 2, 3)}),
        (ValueError, ["one (before, after) for each of 2 axes"],
         IMAGE, KERNEL, {"padding": ((1, 2),)}),
        (TypeError, ["stride must be an int or 2 ints, got 1.5"], IMAGE, KERNEL, {"stride": 1.5}),
        (TypeError, ["dilation", "got True"], IMAGE, KERNEL, {"dilation": True}),
    ],
)  # fmt: skip
def test_errors_of_conv2d(error, words, x, w, options):
    for function in (lambda a: a, Tensor):
        with pytest.raises(error) as info:
            minitorch.conv2d(function(rand(*x)), rand(*w), **options)
        assert str(info.value).startswith("conv2d: ")
        for word in words:
            assert word in str(info.value)
        assert isinstance(info.value, ValueError) or error is TypeError


@pytest.mark.parametrize(
    ("x", "w", "words"),
    [
        (rand(*IMAGE, dtype=np.float32).astype(np.uint8), rand(*KERNEL), "x.float() / 255"),
        (rand(*IMAGE).astype(np.int64), rand(*KERNEL), "x is int64.*write x.float()"),
        (rand(*IMAGE), rand(*KERNEL, dtype=np.float32), "x is float64.*weight is float32.*x.float"),
        (rand(*IMAGE, dtype=np.float32), rand(*KERNEL), "weight is float64.*x.double"),
        (2.0, rand(*KERNEL), "x must be a Tensor or an array, got float"),
        (rand(*IMAGE), None, "'weight' must be a Tensor.*got NoneType"),
    ],
)  # fmt: skip
def test_dtypes_that_do_not_fit(x, w, words):
    with pytest.raises(TypeError, match=f"^conv2d: .*{words.replace('(', '.').replace(')', '.')}"):
        minitorch.conv2d(x, w)


def test_a_bias_that_is_a_number():
    with pytest.raises(TypeError, match=r"^conv2d: bias must be a Tensor or an array, got float"):
        minitorch.conv2d(rand(*IMAGE), rand(*KERNEL), 0.5)


def test_errors_of_the_transpose():
    x, w = rand(1, 3, 4, 4), rand(3, 2, 2, 2)
    with pytest.raises(ShapeError, match=r"^conv_transpose2d: .*has 3 channels.*expects 4.*\(in,"):
        minitorch.conv_transpose2d(x, rand(4, 2, 2, 2))
    with pytest.raises(ValueError, match=r"^conv_transpose2d: output_padding 2 must be smaller"):
        minitorch.conv_transpose2d(x, w, stride=2, output_padding=2)
    with pytest.raises(ShapeError, match=r"^conv_transpose2d: .*leaves no output"):
        minitorch.conv_transpose2d(rand(1, 3, 1, 1), w, padding=1)
    with pytest.raises(TypeError, match=r"^conv_transpose2d: padding must be an int"):
        minitorch.conv_transpose2d(x, w, padding="same")
    with pytest.raises(ShapeError, match=r"^conv_transpose2d: bias has shape \(3,\), expected"):
        minitorch.conv_transpose2d(x, w, np.zeros(3))


def test_errors_of_the_two_gradients():
    with pytest.raises(ShapeError, match=r"^conv_input_grad: dy has shape \(1, 2, 3, 3\)"):
        minitorch.ops.conv.conv_input_grad(rand(1, 2, 3, 3), rand(2, 1, 2, 2), (5, 5))
    with pytest.raises(ShapeError, match=r"^conv_weight_grad: dy has shape \(1, 2, 3, 3\)"):
        minitorch.ops.conv.conv_weight_grad(rand(1, 1, 5, 5), rand(1, 2, 3, 3), (2, 2))


def test_other_numbers_of_axes_say_so():
    with pytest.raises(
        ShapeError, match=re.escape("conv1d: x has shape (2, 3), expected (N, C, L)")
    ):
        minitorch.conv1d(rand(2, 3), rand(1, 2, 2))
    with pytest.raises(ShapeError, match=re.escape("expected (N, C, D, H, W); x[None]")):
        minitorch.conv3d(rand(2, 3, 4, 4), rand(1, 2, 2, 2, 2))


def test_fold_and_unfold_errors():
    with pytest.raises(
        ShapeError, match=r"^col2im: columns of shape \(1, 4, 5\).*\(N, C \* 4, 4\)"
    ):
        minitorch.nn.functional.fold(rand(1, 4, 5), 3, 2)
    with pytest.raises(ShapeError, match=r"^unfold: input has shape \(3, 3\)"):
        minitorch.nn.functional.unfold(rand(3, 3), 2)
    with pytest.raises(ShapeError, match=r"^unfold: size 4 is larger than dim 0"):
        Tensor(rand(3)).unfold(0, 4, 1)
    with pytest.raises(IndexError, match=r"^unfold: dim 2 is out of range for 1 axes"):
        Tensor(rand(3)).unfold(2, 1, 1)
    with pytest.raises(ShapeError, match=r"^fold_along: 2 windows of 2, 1 apart"):
        minitorch.ops.window.fold_along(rand(2, 2), 0, 5)


# other arrays ---------------------------------------------------------------------------------


def test_on_meta_a_large_network_costs_nothing():
    x = Tensor(np.empty((1,)), device="meta").array
    x = type(x)((512, 3, 1024, 1024), np.float32)
    y = minitorch.conv2d(x, type(x)((64, 3, 7, 7), np.float32), None, 2, 3)
    assert (y.shape, y.dtype) == ((512, 64, 512, 512), np.float32)
    y = minitorch.conv2d(y, type(x)((128, 64, 3, 3), np.float32), None, 1, 1)
    assert y.shape == (512, 128, 512, 512)
    assert minitorch.max_pool2d(y, 2).shape == (512, 128, 256, 256)
