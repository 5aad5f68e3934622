"""Image transforms: what comes out is an image again, of the size, range and dtype it should be."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import Tensor
from minitorch.utils.data import (
    CenterCrop,
    ColorJitter,
    Compose,
    DataLoader,
    Dataset,
    ElasticTransform,
    GaussianNoise,
    Grayscale,
    Pad,
    RandomAffine,
    RandomApply,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToTensor,
    digits,
)
from minitorch.utils.data.warp import blurred, sampled


def images(n: int = 12, dtype: Any = np.float32, size: tuple = (9, 7)) -> np.ndarray:
    """In 0 to 1, or 0 to 255."""
    x = np.random.default_rng(1).random((n, 3, *size))
    return (255 * x).round().astype(dtype) if dtype == np.uint8 else x.astype(dtype)


# Each transform, and the size of what it makes of images of 9 by 7.
DRAWING = {
    "crop": (lambda g=None: RandomCrop(6, padding=1, generator=g), (6, 6)),
    "resized crop": (lambda g=None: RandomResizedCrop((5, 8), generator=g), (5, 8)),
    "horizontal flip": (lambda g=None: RandomHorizontalFlip(generator=g), (9, 7)),
    "vertical flip": (lambda g=None: RandomVerticalFlip(generator=g), (9, 7)),
    "erasing": (lambda g=None: RandomErasing(0.9, generator=g), (9, 7)),
    "rotation": (lambda g=None: RandomRotation(40, generator=g), (9, 7)),
    "affine": (
        lambda g=None: RandomAffine(20, (0.2, 0.1), (0.8, 1.2), 15, generator=g),
        (9, 7),
    ),
    "elastic": (lambda g=None: ElasticTransform(20, 2, generator=g), (9, 7)),
    "jitter": (lambda g=None: ColorJitter(0.4, 0.4, 0.4, 0.2, generator=g), (9, 7)),
    "noise": (lambda g=None: GaussianNoise(sigma=0.3, generator=g), (9, 7)),
    "apply": (lambda g=None: RandomApply([lambda x: x[..., ::-1]], generator=g), (9, 7)),
}
FIXED = {
    "resize": (Resize((4, 11)), (4, 11)),
    "resize the shorter side": (Resize(14), (18, 14)),
    "nearest two": (Resize(3, antialias=False), (3, 3)),
    "middle": (CenterCrop(4), (4, 4)),
    "larger middle": (CenterCrop((5, 10)), (5, 10)),
    "border": (Pad((1, 2)), (13, 9)),
    "mirrored border": (Pad((1, 2, 3, 4), padding_mode="reflect"), (15, 11)),
    "grey": (Grayscale(3), (9, 7)),
}
DTYPES = [np.float32, np.float64, np.float16, np.uint8]


def usable(name: str, dtype: Any) -> bool:
    return name != "noise" or dtype != np.uint8


@pytest.mark.parametrize("name", [*DRAWING, *FIXED])
@pytest.mark.parametrize("dtype", DTYPES)
def test_shape_range_dtype_kind_and_the_input_stay(name: str, dtype: Any):
    """G66."""
    if not usable(name, dtype):
        pytest.skip("noise is for floats")
    make, size = DRAWING.get(name) or (lambda: FIXED[name][0], FIXED[name][1])
    x = images(dtype=dtype)
    before = x.copy()
    y = make()(x)
    assert (y.shape, y.dtype, type(y)) == ((12, 3, *size), dtype, np.ndarray)
    assert 0 <= y.min() <= y.max() <= (255 if dtype == np.uint8 else 1.001)
    np.testing.assert_array_equal(x, before)
    one = make()(minitorch.from_numpy(x[0]))
    assert isinstance(one, Tensor)
    assert (one.shape, one.dtype) == ((3, *size), dtype)
    y[...] = 0
    np.testing.assert_array_equal(x, before)  # nor do they share memory


@pytest.mark.parametrize("name", DRAWING)
def test_images_are_drawn_for_apart_and_again_with_the_seed(name: str):
    x = np.repeat(images(1), 40, axis=0)
    g = minitorch.Generator().manual_seed(3)
    y = DRAWING[name][0](g)(x)
    assert len({row.tobytes() for row in y}) > 1
    np.testing.assert_array_equal(DRAWING[name][0](g.manual_seed(3))(x), y)
    minitorch.manual_seed(3)
    np.testing.assert_array_equal(DRAWING[name][0]()(x), y)


@pytest.mark.parametrize("name", [*DRAWING, *FIXED])
def test_on_a_gpu_the_images_are_those_of_the_cpu(name: str, cuda):
    make = DRAWING[name][0] if name in DRAWING else lambda g=None: FIXED[name][0]
    g = minitorch.Generator().manual_seed(3)
    want = make(g)(images())
    y = make(g.manual_seed(3))(minitorch.from_numpy(images()).to("cuda"))
    assert y.device.type == "cuda"
    np.testing.assert_allclose(y.cpu().numpy(), want, atol=1e-6)


def test_a_loader_draws_anew_in_every_epoch_and_alike_with_any_workers():
    class Turned(Dataset):
        def __init__(self) -> None:
            self.turn = Compose([ToTensor(), RandomRotation(30), RandomVerticalFlip()])

        def __len__(self) -> int:
            return 6

        def __getitem__(self, i: int) -> Tensor:
            return self.turn(images(6, np.uint8)[i].transpose(1, 2, 0))

    def epochs(workers: int) -> list[np.ndarray]:
        loader = DataLoader(Turned(), batch_size=4, seed=1, num_workers=workers)
        return [np.concatenate([x.numpy() for x in loader]) for _ in range(2)]

    first, second = epochs(0)
    assert (first != second).any()
    for ours, theirs in zip(epochs(2), (first, second), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# what each one does ------------------------------------------------------------------------------


def test_to_tensor_scales_bytes_and_puts_the_channels_first():
    x = images(1, np.uint8)[0].transpose(1, 2, 0)
    y = ToTensor()(x)
    np.testing.assert_allclose(y.numpy(), x.transpose(2, 0, 1) / np.float32(255), rtol=1e-6)
    assert y.dtype == np.float32
    assert ToTensor()(x[..., 0]).shape == (1, 9, 7)
    plain = np.random.default_rng(0).random((2, 3))
    y = ToTensor()(plain)
    assert y.dtype == np.float64
    y += 1
    assert plain.max() < 1  # it is a copy
    with pytest.raises(ValueError, match=r"ToTensor: expected \(H, W\) or \(H, W, C\), got .*\(4,"):
        ToTensor()(np.zeros(4))


def test_to_tensor_takes_images_of_pil():
    Image = pytest.importorskip("PIL.Image")
    x = images(1, np.uint8)[0].transpose(1, 2, 0)
    np.testing.assert_allclose(
        ToTensor()(Image.fromarray(x)).numpy(), x.transpose(2, 0, 1) / 255, rtol=1e-6
    )


def test_resized_by_half_is_a_smoothed_mean_and_to_the_same_size_nothing():
    x = images()
    same = Resize((9, 7))(x)
    np.testing.assert_array_equal(same, x)
    assert not np.shares_memory(same, x)
    stripes = np.tile([0.0, 1.0], 8)[None, None, None].repeat(16, axis=2)
    inner = Resize(8)(stripes)[..., 1:-1]
    np.testing.assert_allclose(inner, 0.5, atol=1e-12)  # fine stripes become grey
    constant = np.full((1, 1, 5, 5), 0.7)
    np.testing.assert_allclose(Resize((3, 9))(constant), 0.7)
    levels = np.array([[[[0, 255]]]], np.uint8)
    assert Resize((1, 4))(levels).tolist() == [[[[0, 64, 191, 255]]]]  # rounded


@pytest.mark.parametrize("antialias", [True, False])
def test_resize_is_torchs(antialias: bool):
    torch = pytest.importorskip("torch")
    x = images(dtype=np.float64)
    for size in ((4, 5), (20, 3)):
        want = torch.nn.functional.interpolate(
            torch.from_numpy(x), size, mode="bilinear", antialias=antialias
        )
        np.testing.assert_allclose(Resize(size, antialias)(x), want.numpy(), atol=1e-12)


def test_the_shorter_side_gets_the_size():
    assert Resize(5)(np.zeros((1, 30, 20))).shape == (1, 7, 5)
    assert Resize(5)(np.zeros((1, 20, 30))).shape == (1, 5, 7)


def test_the_middle_and_a_border_around_what_is_too_small():
    x = np.arange(20.0).reshape(1, 4, 5)
    np.testing.assert_array_equal(CenterCrop(2)(x), x[:, 1:3, 1:3])
    np.testing.assert_array_equal(CenterCrop((6, 5))(x), np.pad(x, ((0, 0), (1, 1), (0, 0))))


def test_borders():
    x = np.arange(6.0).reshape(1, 2, 3)
    np.testing.assert_array_equal(
        Pad((1, 0, 2, 3), fill=9)(x), np.pad(x, ((0, 0), (0, 3), (1, 2)), constant_values=9)
    )
    np.testing.assert_array_equal(
        Pad(1, padding_mode="edge")(x), np.pad(x, ((0, 0), (1, 1), (1, 1)), "edge")
    )


def test_grey_weighs_the_colours():
    x = images()
    want = 0.2989 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    np.testing.assert_allclose(Grayscale()(x)[:, 0], want, rtol=1e-5)
    three = Grayscale(3)(x)
    assert (three[:, 0] == three[:, 2]).all()
    np.testing.assert_array_equal(Grayscale()(x[:, :1]), x[:, :1])
    with pytest.raises(ValueError, match=r"expected 1 or 3 channels, got shape \(12, 2, 9, 7\)"):
        Grayscale()(x[:, :2])


def test_vertical_flips_are_mirror_images_of_the_wanted_share():
    x = images(1000)
    y = RandomVerticalFlip(0.25)(x)
    flipped = (y == x[..., ::-1, :]).all((1, 2, 3))
    assert (flipped | (y == x).all((1, 2, 3))).all()
    assert 0.2 < flipped.mean() < 0.3


@pytest.mark.parametrize("quarters", [0, 1, 2, 3, -1])
def test_quarter_turns_move_pixels_and_mix_none(quarters: int):
    x = images(size=(8, 8))
    turned = RandomRotation((90 * quarters, 90 * quarters))(x)
    np.testing.assert_array_equal(turned, np.rot90(x, quarters, (2, 3)))


def test_a_turn_is_against_the_clock_and_about_the_middle():
    x = np.zeros((1, 21, 21))
    x[0, 10, 16:19] = 1  # a mark to the right
    up = RandomRotation((45, 45))(x)[0]
    i, j = np.unravel_index(up.argmax(), up.shape)
    assert i < 10 < j
    assert math.isclose(up.sum(), 3, rel_tol=0.2)
    assert RandomRotation((30, 30), fill=-1)(x).min() == -1


def test_moves_scales_and_shears_are_those_of_the_matrix():
    x = np.zeros((1, 1, 11, 11))
    x[0, 0, 5, 5] = 1
    g = minitorch.Generator().manual_seed(0)
    moved = RandomAffine(0, translate=(0.4, 0.0), generator=g)(np.repeat(x, 200, axis=0))
    columns = (moved * np.arange(11)).sum((1, 2, 3)) / moved.sum((1, 2, 3))
    assert 0.6 < columns.min() < 1.4  # 4.4 to the left
    assert 8.6 < columns.max() < 9.4
    np.testing.assert_allclose((moved.sum(3) * np.arange(11)).sum((1, 2)), 5, atol=1e-9)
    hill = np.exp(-(np.hypot(*np.mgrid[-15:16, -15:16])[None, None] ** 2) / 18)
    for scale in (0.5, 1.5):
        scaled = RandomAffine(0, scale=(scale, scale))(hill)
        assert math.isclose(scaled.sum() / hill.sum(), scale**2, rel_tol=0.02)
    line = np.zeros((1, 1, 11, 11))
    line[..., 5] = 1
    sheared = RandomAffine(0, shear=(45, 45))(line)[0, 0]
    np.testing.assert_allclose(sheared, np.eye(11), atol=1e-9)  # one to the side for each down


def test_affine_is_torchs():
    torch = pytest.importorskip("torch")
    x = images(4, np.float64, (9, 9))
    turn, scale = math.radians(25), 1.3
    ours = RandomAffine((25, 25), scale=(scale, scale))(x)
    matrix = torch.tensor(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0]],
        dtype=torch.float64,
    )
    grid = torch.nn.functional.affine_grid(
        (matrix / scale).expand(4, 2, 3), x.shape, align_corners=False
    )
    want = torch.nn.functional.grid_sample(torch.from_numpy(x), grid, align_corners=False)
    np.testing.assert_allclose(ours, want.numpy(), atol=1e-12)


def test_sampling_between_pixels_is_bilinear():
    x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    at = lambda i, j: sampled(x, np.full((1, 1, 1), i), np.full((1, 1, 1), j), fill=9).item()
    assert [at(0, 0), at(0, 1), at(1, 0), at(1, 1)] == [0, 1, 2, 3]
    assert at(0.5, 0.5) == 1.5
    assert at(0.25, 0.0) == 0.5
    assert at(-0.5, 0) == 4.5  # half of it is outside
    assert at(-7.5, 0) == at(0, 50.0) == 9


def test_elastic_bends_smoothly_and_not_at_all_without_strength():
    x = digits(28).x_train[:8].numpy()
    np.testing.assert_array_equal(ElasticTransform(0)(x), x)
    bent = ElasticTransform(68, 4)(x)
    change = abs(bent - x).mean()
    assert 0.01 < change < 0.2
    ramp = np.arange(28.0)[None, None, None].repeat(28, axis=2)
    moves = ElasticTransform(68, 4)(ramp)[..., 6:-6, 6:-6] - ramp[..., 6:-6, 6:-6]
    assert 0.2 < moves.std() < 4
    assert abs(np.diff(moves, axis=-2)).max() < 1.5  # neighbours are moved alike


def test_blurring_is_a_gaussian_and_keeps_the_sum():
    x = np.zeros((1, 41))
    x[0, 20] = 1
    y = blurred(x, 3.0, 1)[0]
    k = np.arange(41) - 20
    assert math.isclose(y.sum(), 1, rel_tol=1e-9)
    assert math.isclose((y * k**2).sum(), 9, rel_tol=1e-2)  # its variance
    np.testing.assert_allclose(blurred(np.ones((2, 5)), 3.0, 1), 1)


def test_jitter_is_its_formulas():
    x = images(4, np.float64)
    weights = np.array([0.2989, 0.587, 0.114])[:, None, None]
    brightness = ColorJitter(brightness=(0.5, 0.5))(x)
    np.testing.assert_allclose(brightness, 0.5 * x)
    grey = (weights * x).sum(1, keepdims=True)
    contrast = ColorJitter(contrast=(0.6, 0.6))(x)
    np.testing.assert_allclose(contrast, 0.6 * x + 0.4 * grey.mean((1, 2, 3), keepdims=True))
    np.testing.assert_allclose(ColorJitter(saturation=(0, 0))(x), np.repeat(grey, 3, axis=1))
    assert ColorJitter(brightness=(9, 9))(x).max() == 1
    assert ColorJitter(brightness=(9, 9))(images(4, np.uint8)).max() == 255
    np.testing.assert_array_equal(ColorJitter()(x), x)
    assert ColorJitter(0.3).brightness == (0.7, 1.3)
    assert ColorJitter(3).brightness == (0, 4)


def test_hue_goes_round_the_circle():
    x = images(3, np.float64)
    y = ColorJitter(hue=(0.2, 0.2))(x)
    for old, new in zip(
        x.transpose(0, 2, 3, 1).reshape(-1, 3), y.transpose(0, 2, 3, 1).reshape(-1, 3)
    ):
        h, s, v = colorsys.rgb_to_hsv(*old)
        np.testing.assert_allclose(new, colorsys.hsv_to_rgb((h + 0.2) % 1, s, v), atol=1e-9)
    red = np.array([1.0, 0, 0]).reshape(3, 1, 1)
    np.testing.assert_allclose(ColorJitter(hue=(1 / 3, 1 / 3))(red)[:, 0, 0], [0, 1, 0], atol=1e-9)
    grey = np.full((1, 3, 2, 2), 0.3)
    np.testing.assert_array_equal(ColorJitter(hue=0.5)(grey), grey)
    np.testing.assert_array_equal(ColorJitter(hue=0.5)(x[:, :1]), x[:, :1])  # has no colours


def test_noise_has_its_mean_and_deviation():
    x = np.full((50, 1, 20, 20), 0.5)
    noise = GaussianNoise(0.1, 0.2, clip=False)(x) - x
    assert abs(noise.mean() - 0.1) < 0.01
    assert abs(noise.std() - 0.2) < 0.01
    assert GaussianNoise(sigma=2.0)(x).min() == 0
    with pytest.raises(TypeError, match="GaussianNoise: expected floats, got uint8; scale first"):
        GaussianNoise()(images(1, np.uint8))


def test_resized_crops_are_pieces_of_the_wanted_area():
    ramp = np.stack(np.mgrid[0:40, 0:40]).astype(np.float64)[None].repeat(100, axis=0)
    y = RandomResizedCrop(10, scale=(0.25, 0.25), ratio=(1, 1))(ramp)
    steps = np.diff(y[:, :, 2:-2, 2:-2], axis=2)[:, 0]
    np.testing.assert_allclose(steps, 2, rtol=1e-9)  # 20 by 20 pixels on 10 by 10
    corners = {tuple(image[:, 0, 0].round(6)) for image in y}
    assert len(corners) > 50
    whole = RandomResizedCrop((40, 40), scale=(1, 1), ratio=(1, 1))(ramp[:1])
    np.testing.assert_allclose(whole, ramp[:1])
    wide = RandomResizedCrop(10, scale=(1, 1), ratio=(4, 4))(ramp[:1])  # none fits: the middle
    assert wide[0, 0].min() >= 14


def test_apply_chooses_images():
    x = images(1000)
    y = RandomApply([lambda x: x * 0.5, lambda x: x + 1], p=0.3)(x)
    changed = (y != x).all((1, 2, 3))
    np.testing.assert_allclose(y[changed], 0.5 * x[changed] + 1, rtol=1e-6)
    np.testing.assert_array_equal(y[~changed], x[~changed])
    assert 0.25 < changed.mean() < 0.35
    with pytest.raises(ValueError, match=r"RandomApply: the transforms make shape .*not chosen"):
        RandomApply([Resize(3)])(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resize(0), "Resize: size must be >= 1"),
        (lambda: Resize((1, 2, 3)), "Resize: size must be one number or"),
        (lambda: CenterCrop(0), "CenterCrop: size must be >= 1"),
        (lambda: Pad((1, 2, 3)), "padding must be 1, 2 or 4 numbers >= 0"),
        (lambda: Pad(-1), "padding must be 1, 2 or 4 numbers >= 0"),
        (lambda: Pad(1, padding_mode="wrap"), "padding_mode='wrap', expected one of constant"),
        (lambda: Grayscale(2), "num_output_channels must be 1 or 3, got 2"),
        (lambda: RandomRotation(-5), "RandomRotation: degrees must be a number >= 0 or two"),
        (lambda: RandomAffine((5, 1)), "RandomAffine: degrees must be"),
        (lambda: RandomAffine(0, translate=(0, 2)), "translate must be two shares in"),
        (lambda: RandomAffine(0, scale=(0, 1)), "scale must be positive"),
        (lambda: RandomAffine(0, scale=(-1, 1)), "scale must be a number >= 0 or two .* from 0"),
        (lambda: ElasticTransform(sigma=0), "alpha must be >= 0 and sigma > 0"),
        (lambda: ColorJitter(brightness=-1), "brightness must be a number >= 0 or two"),
        (lambda: ColorJitter(contrast=(2, 1)), "contrast must be"),
        (lambda: ColorJitter(hue=0.6), "hue must be a number in .* got 0.6"),
        (lambda: ColorJitter(hue=(0.2, 0.1)), "hue must be"),
        (lambda: GaussianNoise(sigma=-1), "sigma must be >= 0, got -1"),
        (lambda: RandomResizedCrop(0), "RandomResizedCrop: size must be >= 1"),
        (lambda: RandomResizedCrop(3, scale=(0.5, 2)), "RandomResizedCrop: scale rises within"),
        (lambda: RandomResizedCrop(3, scale=(0.5,)), "two numbers each, got"),
        (lambda: Resize(2.5), "Resize: size must be >= 1, in whole numbers, got 2.5"),
        (lambda: RandomAffine(0, translate=0.1), "translate must be two shares in"),
        (lambda: ColorJitter(hue=0.1)(images()[:, :2]), r"hue: expected 3 channels, got .*2, 9, 7"),
        (lambda: RandomVerticalFlip(2), "RandomVerticalFlip: p must lie in"),
        (lambda: RandomApply([], p=-1), "RandomApply: p must lie in"),
        (lambda: Resize(3)(np.zeros(5)), r"Resize: expected an image \(C, H, W\) or a batch"),
        (lambda: RandomRotation(3)([[1.0]]), r"RandomRotation: expected an image .*\(1, 1\)"),
        (
            lambda: minitorch.nn.functional.interpolate(
                minitorch.zeros(1, 1, 4), 2, mode="linear", antialias=True
            ),
            "antialias is for 'bilinear' and 'bicubic', got 'linear'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_transform_says_what_it_is():
    assert repr(Resize(3)) == "Resize(size=3, antialias=True)"
    assert repr(RandomVerticalFlip(0.2)) == "RandomVerticalFlip(p=0.2)"
    assert repr(ToTensor()) == "ToTensor()"


def test_a_size_of_numpys_is_a_size():
    x = images()
    assert Resize(np.int64(3))(x).shape == Resize(3)(x).shape == (12, 3, 3, 3)


def test_images_of_bool_are_refused_where_they_are_mixed():
    with pytest.raises(TypeError, match="expected numbers, got bool"):
        Resize(3)(images() > 0.5)
