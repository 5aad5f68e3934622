"""What the rows of pooling and resizing cannot say: ties, nan, margins, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch
from minitorch.autograd import grad
from minitorch.ops.resize import bins, linear, nearest, transposed
from minitorch.tensor import ShapeError, Tensor


def rand(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def dx(function, x, g=None):
    """The gradient of the output's sum (or of <output, g>) with respect to x."""
    x = Tensor(np.asarray(x, np.float64), requires_grad=True)
    y = function(x)
    (y if g is None else y * g).sum().backward()
    return x.grad.numpy()


# the maximum ------------------------------------------------------------------------------------


def test_the_first_of_equal_maxima_takes_the_gradient():
    x = np.ones((1, 1, 4, 4))
    first = np.zeros((4, 4))
    first[::2, ::2] = 1
    np.testing.assert_array_equal(dx(lambda x: minitorch.max_pool2d(x, 2), x)[0, 0], first)
    grown = dx(lambda x: minitorch.max_pool2d(x, 3, 1, 1), x)[0, 0]
    assert grown.sum() == 16
    np.testing.assert_array_equal(grown, [[4, 2, 2, 0], [2, 1, 1, 0], [2, 1, 1, 0], [0, 0, 0, 0]])


def test_ties_agree_with_torch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).integers(0, 3, (2, 2, 7, 6)).astype(float)
    for kernel, stride, padding, dilation, ceil in (
        (2, None, 0, 1, False),
        (3, 2, 1, 1, True),
        (3, 1, 1, 1, False),
        (2, 1, 1, 2, False),
    ):
        options = (kernel, stride, padding, dilation, ceil)
        tx = torch.tensor(x, requires_grad=True)
        want, where = torch.nn.functional.max_pool2d(tx, *options, return_indices=True)
        y, found = minitorch.max_pool2d(Tensor(x), *options, return_indices=True)
        np.testing.assert_array_equal(y.numpy(), want.detach().numpy())
        np.testing.assert_array_equal(found.numpy(), where.numpy())
        g = rand(*y.shape)
        want.backward(torch.tensor(g))
        got = dx(lambda x, options=options: minitorch.max_pool2d(x, *options), x, g)
        np.testing.assert_allclose(got, tx.grad.numpy(), rtol=1e-12)


def test_negative_numbers_beat_the_padding():
    x = np.full((1, 1, 3, 3), -1.0)
    assert (minitorch.max_pool2d(x, 3, 1, 1) == -1).all()
    assert (minitorch.max_pool2d(x, 2, 2, 1, ceil_mode=True) == -1).all()


def test_minus_infinity_ties_with_the_padding_and_still_wins():
    x = np.full((1, 1, 2, 2), -np.inf)
    y, where = minitorch.max_pool2d(Tensor(x), 3, 1, 1, return_indices=True)
    assert (y.numpy() == -np.inf).all()
    assert (where.numpy() == 0).all()
    np.testing.assert_array_equal(
        dx(lambda x: minitorch.max_pool2d(x, 3, 1, 1), x)[0, 0], [[4, 0], [0, 0]]
    )


@pytest.mark.parametrize("at", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_wins_and_takes_the_gradient(at):
    x = rand(1, 1, 4, 4)
    x[(0, 0, *at)] = np.nan
    y = minitorch.max_pool2d(x, 2)
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isfinite(y[0, 0].ravel()[1:]).all()
    g = dx(lambda x: minitorch.max_pool2d(x, 2), x)[0, 0, :2, :2]
    assert g[at] == 1
    assert g.sum() == 1


def test_extremes():
    x = np.array([[[[np.inf, 1.0, -np.inf, -np.inf], [3e38, -3e38, -1000.0, -1001.0]]]])
    np.testing.assert_array_equal(minitorch.max_pool2d(x, 2)[0, 0, 0], [np.inf, -1000])


def test_indices_find_the_maxima():
    x = rand(2, 3, 5, 6)
    for call in (
        lambda t: minitorch.max_pool2d(t, (2, 3), (1, 2), 1, return_indices=True),
        lambda t: minitorch.nn.functional.adaptive_max_pool2d(t, (3, 4), return_indices=True),
    ):
        y, where = call(Tensor(x, requires_grad=True))
        assert where.dtype == np.int64
        assert not where.requires_grad
        assert y.requires_grad
        flat = x.reshape(2, 3, 30)
        found = np.take_along_axis(flat, where.numpy().reshape(2, 3, -1), -1)
        np.testing.assert_array_equal(found.reshape(y.shape), y.detach().numpy())


def test_a_kernel_of_one_hands_out_a_copy():
    x = rand(1, 1, 2, 2)
    for pool in (minitorch.max_pool2d, minitorch.nn.functional.avg_pool2d):
        y = pool(x, 1)
        np.testing.assert_array_equal(y, x)
        assert not np.shares_memory(y, x)


def test_more_places_than_a_byte_counts():
    x = np.zeros((1, 1, 17, 17))
    x[0, 0, 16, 15] = 1
    y, where = minitorch.max_pool2d(Tensor(x), 17, return_indices=True)
    assert y.item() == 1
    assert where.item() == 16 * 17 + 15
    assert dx(lambda x: minitorch.max_pool2d(x, 17), x)[0, 0, 16, 15] == 1


# the mean ---------------------------------------------------------------------------------------


def test_what_is_divided_by():
    ones = np.ones((1, 1, 3, 3))
    edge = [[1 / 4, 1 / 2], [1 / 2, 1]]
    np.testing.assert_allclose(minitorch.nn.functional.avg_pool2d(ones, 2, 2, 1)[0, 0], edge)
    without = minitorch.nn.functional.avg_pool2d(ones, 2, 2, 1, count_include_pad=False)
    np.testing.assert_allclose(without, np.ones((1, 1, 2, 2)))
    by_three = minitorch.nn.functional.avg_pool2d(ones, 3, divisor_override=3)
    np.testing.assert_allclose(by_three, [[[[3.0]]]])


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.booleans())
def test_sizes_follow_torch(size, kernel, stride, padding, ceil):
    """The number of windows in floor and ceil mode, and the mean in each."""
    torch = pytest.importorskip("torch")
    padding = min(padding, kernel // 2)
    x = rand(1, 1, size)
    F = torch.nn.functional
    try:
        want = F.max_pool1d(torch.tensor(x), kernel, stride, padding, 1, ceil)
    except RuntimeError:
        with pytest.raises(ShapeError, match="larger than the padded input"):
            minitorch.max_pool1d(x, kernel, stride, padding, 1, ceil)
        return
    np.testing.assert_array_equal(
        minitorch.max_pool1d(x, kernel, stride, padding, 1, ceil), want.numpy()
    )
    for include in (True, False):
        want = F.avg_pool1d(torch.tensor(x), kernel, stride, padding, ceil, include)
        got = minitorch.avg_pool1d(x, kernel, stride, padding, ceil, include)
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-12, atol=1e-14)


@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.booleans())
def test_the_mean_and_its_sharing_out_are_adjoint(size, kernel, stride, ceil, include):
    if size < kernel:
        return
    x = rand(1, 2, size, size + 1)
    options = (kernel, stride, kernel // 2, ceil, include)
    y = minitorch.ops.avg_pool.avg_pool(x, *options)
    g = rand(*y.shape, seed=1)
    back = minitorch.ops.avg_pool.avg_pool_back(g, x.shape[2:], *options)
    np.testing.assert_allclose((y * g).sum(), (x * back).sum(), rtol=1e-9, atol=1e-12)


# resizing ---------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_table_and_its_transpose_are_adjoint(size, count):
    x, g = rand(size), rand(count, seed=1)
    for table in (
        nearest(size, count, size / count),
        linear(size, count, size / count, False),
        linear(size, count, 0, True),
        bins(size, count),
    ):
        y = minitorch.ops.resize.resample(x, table, 0)
        back = minitorch.ops.resize.resample(g, transposed(table), 0)
        assert y.shape == g.shape
        assert back.shape == x.shape
        np.testing.assert_allclose((y * g).sum(), (x * back).sum(), rtol=1e-9, atol=1e-12)


@given(st.integers(1, 12), st.integers(1, 12))
def test_bins_follow_torch(size, count):
    torch = pytest.importorskip("torch")
    x = rand(1, 2, size)
    F = torch.nn.functional
    np.testing.assert_allclose(
        minitorch.adaptive_avg_pool1d(x, count),
        F.adaptive_avg_pool1d(torch.tensor(x), count),
        rtol=1e-11,
        atol=1e-13,
    )
    y, where = minitorch.adaptive_max_pool1d(Tensor(x), count, return_indices=True)
    want = F.adaptive_max_pool1d(torch.tensor(x), count, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), want[0])
    np.testing.assert_array_equal(where.numpy(), want[1])


def test_one_bad_pixel_stays_one():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 0, 0] = np.inf
    y = minitorch.nn.functional.interpolate(x, scale_factor=2)
    assert np.isinf(y[0, 0, :2, :2]).all()
    assert (y[0, 0, 2:] == 0).all()
    y = minitorch.nn.functional.adaptive_avg_pool2d(x, 2)
    assert np.isposinf(y[0, 0, 0, 0])
    assert (y[0, 0].ravel()[1:] == 0).all()


def test_align_corners_keeps_the_corners():
    x = rand(1, 1, 3, 4)
    y = minitorch.nn.functional.interpolate(x, (5, 7), mode="bilinear", align_corners=True)
    np.testing.assert_allclose(y[0, 0, ::4, ::6], x[0, 0, ::2, ::3], rtol=1e-12)
    np.testing.assert_allclose(y[0, 0, ::2, ::2], x[0, 0], rtol=1e-12)


def test_nearest_takes_the_very_input_where_it_falls_on_one():
    """In float64 11 · (30 / 22) is 14.999..., and 15 in truth."""
    for size, count in ((30, 22), (30, 26), (26, 46), (7, 3), (5, 5)):
        x = np.arange(float(size))[None, None]
        y = minitorch.nn.functional.interpolate(x, count)
        assert y[0, 0].tolist() == (np.arange(count) * size // count).tolist()


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [1, (1, 2), (2, 7)])
def test_antialiased_corners_are_torchs(mode, size):
    torch = pytest.importorskip("torch")
    x, options = rand(1, 2, 5, 6), {"mode": mode, "align_corners": True, "antialias": True}
    y = minitorch.nn.functional.interpolate(x, size, **options)
    want = torch.nn.functional.interpolate(torch.tensor(x), size, **options)
    np.testing.assert_allclose(y, want, rtol=1e-9, atol=1e-12)


def test_one_antialiased_output_on_the_corner_is_the_corner():
    options = {"mode": "bilinear", "align_corners": True, "antialias": True}
    y = minitorch.nn.functional.interpolate(rand(1, 1, 4, 5), 1, **options)
    assert y.item() == rand(1, 1, 4, 5)[0, 0, 0, 0]


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "bilinear"])
def test_interpolate_agrees_with_torch_in_float32(mode):
    torch = pytest.importorskip("torch")
    x = rand(2, 3, 8, 9, dtype=np.float32)
    for kwargs in ({"size": (16, 18)}, {"size": (5, 20)}, {"scale_factor": (2, 0.5)}):
        y = minitorch.nn.functional.interpolate(x, mode=mode, **kwargs)
        want = torch.nn.functional.interpolate(torch.tensor(x), mode=mode, **kwargs)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-5)


# the rest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: minitorch.max_pool2d(x, 2),
        lambda x: minitorch.nn.functional.avg_pool2d(x, 3, 2, 1),
        lambda x: minitorch.nn.functional.adaptive_avg_pool2d(x, 3),
        lambda x: minitorch.nn.functional.adaptive_max_pool2d(x, 3),
        lambda x: minitorch.nn.functional.interpolate(x, 5, mode="bilinear"),
    ],
)
def test_a_batch_of_zero(function):
    x = Tensor(np.empty((0, 2, 4, 4), np.float32), requires_grad=True)
    y = function(x)
    assert y.shape[:2] == (0, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_second_order_of_the_maximum_picks_what_won():
    x, v = Tensor(rand(1, 1, 4, 4), requires_grad=True), rand(1, 1, 4, 4, seed=1)
    y = minitorch.max_pool2d(x, 2)
    (first,) = grad((y * y).sum(), [x], create_graph=True)
    (second,) = grad((first * v).sum(), [x])
    won = dx(lambda x: minitorch.max_pool2d(x, 2), x.detach().numpy())
    np.testing.assert_allclose(second.numpy(), 2 * won * v, rtol=1e-12)


IMAGE = rand(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ShapeError, "max_pool2d: the kernel is larger.*input 4 .*kernel 5 .* = 0 windows",
         lambda: minitorch.max_pool2d(IMAGE, 5)),
        (ShapeError, "avg_pool2d: the kernel is larger",
         lambda: minitorch.nn.functional.avg_pool2d(IMAGE, 5)),
        (ValueError, "max_pool2d: padding must be at most half.*padding .2, 2.*kernel_size .2, 2",
         lambda: minitorch.max_pool2d(IMAGE, 2, padding=2)),
        (ValueError, "avg_pool2d: padding must be at most half",
         lambda: minitorch.nn.functional.avg_pool2d(IMAGE, 2, padding=2)),
        (TypeError, "max_pool2d: kernel_size must be an int or 2 ints, got 3.0",
         lambda: minitorch.max_pool2d(IMAGE, 3.0)),
        (ValueError, "max_pool2d: kernel_size must be an int or 2 ints, got 3: .2, 2, 2",
         lambda: minitorch.max_pool2d(IMAGE, (2, 2, 2))),
        (ValueError, "max_pool2d: stride must be at least 1",
         lambda: minitorch.max_pool2d(IMAGE, 2, 0)),
        (ValueError, "max_pool2d: kernel_size must be at least 1",
         lambda: minitorch.max_pool2d(IMAGE, 0)),
        (ShapeError, r"max_pool2d: input has shape \(1, 4, 4\).*input\[None\]",
         lambda: minitorch.max_pool2d(IMAGE[0], 2)),
        (ShapeError, r"avg_pool1d: input has shape \(1, 1, 4, 4\), expected \(N, C, L\)",
         lambda: minitorch.avg_pool1d(IMAGE, 2)),
        (TypeError, r"max_pool2d: input is uint8.*input.float\(\) / 255",
         lambda: minitorch.max_pool2d(IMAGE.astype(np.uint8), 2)),
        (ValueError, "avg_pool2d: divisor_override must not be 0",
         lambda: minitorch.nn.functional.avg_pool2d(IMAGE, 2, divisor_override=0)),
        (ValueError, "adaptive_avg_pool2d: output_size must be at least 1",
         lambda: minitorch.nn.functional.adaptive_avg_pool2d(IMAGE, 0)),
        (ValueError, "adaptive_max_pool2d: output_size must be an int or 2 ints, got 3",
         lambda: minitorch.nn.functional.adaptive_max_pool2d(IMAGE, (1, 2, 3))),
        (ValueError, "interpolate: give size or scale_factor, one",
         lambda: minitorch.nn.functional.interpolate(IMAGE)),
        (ValueError, "interpolate: give size or scale_factor, one",
         lambda: minitorch.nn.functional.interpolate(IMAGE, 2, 2)),
        (ValueError, "interpolate: mode 'linear' for 2 spatial axes.*'nearest', .*'bilinear'",
         lambda: minitorch.nn.functional.interpolate(IMAGE, 2, mode="linear")),
        (ValueError, "interpolate: align_corners is for linear modes",
         lambda: minitorch.nn.functional.interpolate(IMAGE, 2, align_corners=False)),
        (ValueError, "interpolate: align_corners is for linear modes",
         lambda: minitorch.nn.functional.interpolate(IMAGE, 2, mode="area", align_corners=True)),
        (ValueError, "interpolate: recompute_scale_factor is for a scale_factor",
         lambda: minitorch.nn.functional.interpolate(IMAGE, 2, recompute_scale_factor=True)),
        (ValueError, "interpolate: scale_factor 0.1 of .4, 4. leaves .0, 0",
         lambda: minitorch.nn.functional.interpolate(IMAGE, scale_factor=0.1)),
        (ValueError, "interpolate: scale_factor must be a number or 2 numbers",
         lambda: minitorch.nn.functional.interpolate(IMAGE, scale_factor=(2, 2, 2))),
    ],
)  # fmt: skip
def test_errors(error, words, call):
    with pytest.raises(error, match=f"^{words}"):
        call()


def test_only_the_image_and_the_maxima_are_saved():
    x = Tensor(IMAGE, requires_grad=True)
    assert {"x", "y"} <= set(minitorch.max_pool2d(x, 2).node.plan.names)
    assert not {"x", "y"} & set(minitorch.nn.functional.avg_pool2d(x, 2).node.plan.names)
