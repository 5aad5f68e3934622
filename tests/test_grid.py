"""Images looked up at places: what the rows of the op table cannot say."""

import itertools

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import optim
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

SAME = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


@pytest.mark.parametrize(
    ("mode", "align"), list(itertools.product(["bilinear", "nearest", "bicubic"], [False, True]))
)
def test_an_image_looked_up_at_its_own_pixels_is_itself(mode, align):
    x = mt.tensor(rand(1, 2, 3, 5))
    grid = F.affine_grid(mt.tensor(SAME), x.shape, align)
    y = F.grid_sample(x, grid, mode, "border", align)
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-12)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(
    ("mode", "sizes"),
    [
        ("bilinear", (4, 5)),
        ("bilinear", (3, 1, 4)),
        ("nearest", (4, 5)),
        ("nearest", (3, 1, 4)),
        ("bicubic", (4, 5)),
    ],
)
def test_it_is_torchs(mode, sizes, padding, align):
    """Values and both gradients, also far outside; 1 along an axis is a mirror on both sides."""
    torch = pytest.importorskip("torch")
    n = len(sizes)
    x, grid = rand(2, 3, *sizes), 1.5 * rand(2, *(3, 2, 4)[:n], n)
    found = []
    for tensor, sample in (
        (leaf, F.grid_sample),
        (lambda a: torch.tensor(a, requires_grad=True), torch.nn.functional.grid_sample),
    ):
        image, places = tensor(x), tensor(grid)
        y = sample(image, places, mode, padding, align)
        (y * y).sum().backward()
        slopes = [] if mode == "nearest" else [places.grad]
        found.append([y.detach(), image.grad, *slopes])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9)


def test_a_shift_by_one_pixel():
    """x runs along the width: 2 / 4 of the axis is one pixel of four."""
    x = mt.tensor([[[[1.0, 2.0, 3.0, 4.0]] * 2]])
    theta = mt.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    for padding, last in (("zeros", 0), ("border", 4), ("reflection", 4)):
        y = F.grid_sample(x, F.affine_grid(theta, x.shape), padding_mode=padding)
        assert y.tolist() == [[[[2, 3, 4, last]] * 2]]


def test_the_gradient_of_a_place_beyond_the_border_is_zero():
    """On the last pixel too, as in torch."""
    x = mt.tensor([[[[1.0, 2.0, 4.0]]]])
    grid = leaf(np.array([[[[-1.0, 0], [-0.5, 0], [1.0, 0], [3.0, 0]]]]))
    F.grid_sample(x.double(), grid, padding_mode="border", align_corners=True).sum().backward()
    assert grid.grad[0, 0, :, 0].tolist() == [0, 1, 0, 0]


def test_a_network_finds_where_to_look():
    """The shift of a blob is learned by gradients through the places."""
    steps = np.linspace(-1, 1, 21)
    blob = np.exp(-8 * (steps[:, None] ** 2 + steps**2))[None, None]
    moved = np.exp(-8 * ((steps[:, None] - 0.2) ** 2 + (steps + 0.3) ** 2))[None, None]
    theta = leaf(SAME.copy())
    optimizer = optim.Adam([theta], lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        grid = F.affine_grid(theta, blob.shape, True)
        y = F.grid_sample(mt.tensor(blob), grid, align_corners=True)
        F.mse_loss(y, mt.tensor(moved)).backward()
        optimizer.step()
    np.testing.assert_allclose(theta.detach().numpy()[0, :, 2], [0.3, -0.2], atol=0.03)


def test_an_empty_batch_and_a_place_that_is_no_number():
    assert F.grid_sample(mt.zeros(0, 2, 3, 3), mt.zeros(0, 4, 5, 2)).shape == (0, 2, 4, 5)
    y = F.grid_sample(mt.ones(1, 1, 2, 2), mt.tensor([[[[mt.nan, 0.0], [0.0, 0.0]]]]))
    assert np.isnan(y.numpy()).tolist() == [[[[True, False]]]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, g: F.grid_sample(x, g[:, :, :, :1]), ShapeError, r"grid \(1, 2, 2, 1\)"),
        (lambda x, g: F.grid_sample(x[0], g), ShapeError, r"input is \(1, 3, 3\)"),
        (lambda x, g: F.grid_sample(mt.cat([x, x]), g), ShapeError, r"input is \(2, 1, 3, 3\)"),
        (lambda x, g: F.grid_sample(x, g, "cubic"), ValueError, "mode 'cubic' for 2 axes"),
        (lambda x, g: F.grid_sample(x, g, "nearest", "zero"), ValueError, "padding_mode 'zero'"),
        (lambda x, g: F.grid_sample(x.long(), g), TypeError, "input needs float"),
        (lambda x, g: F.grid_sample(x, g.long()), TypeError, "grid needs float"),
        (lambda x, g: F.grid_sample(x[:, :, :0], g), ShapeError, "has no pixels"),
        (
            lambda x, g: F.grid_sample(x[None], mt.zeros(1, 1, 1, 1, 3), "bicubic"),
            ValueError,
            r"mode 'bicubic' for 3 axes, expected one of \('bilinear', 'nearest'\)",
        ),
        (lambda x, g: F.affine_grid(g, (1, 1, 3, 3)), ShapeError, r"theta is \(1, 2, 2, 2\)"),
        (lambda x, g: F.affine_grid(g[0, :, :1], (1, 1, 3)), ShapeError, r"size \(1, 1, 3\)"),
    ],
)
def test_they_say_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=f"(grid_sample|affine_grid): .*{message}"):
        call(mt.zeros(1, 1, 3, 3), mt.zeros(1, 2, 2, 2))


@pytest.mark.parametrize("align", [False, True])
def test_bicubic_resizing_runs_through_the_inputs(align):
    """Where an output lies on an input, and by way of a grid."""
    x = mt.tensor(rand(1, 1, 4, 5))
    same = F.interpolate(x, size=(4, 5), mode="bicubic", align_corners=align)
    np.testing.assert_allclose(same.numpy(), x.numpy(), atol=1e-12)
    size = (7, 6)
    grid = F.affine_grid(mt.tensor(SAME), (1, 1, *size), align)
    by_grid = F.grid_sample(x, grid, "bicubic", "border", align)
    larger = F.interpolate(x, size=size, mode="bicubic", align_corners=align)
    np.testing.assert_allclose(larger.numpy(), by_grid.numpy(), atol=1e-12)
