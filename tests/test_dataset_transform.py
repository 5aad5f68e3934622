"""Normalising by the training part's numbers, and augmentation that stays an image."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch
from minitorch.utils.data import (
    Compose,
    Normalize,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    digits,
    digits_arrays,
    mixup,
    normalize,
    stats,
)

# statistics --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [None, 0, (0, 2)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_stats_are_mean_and_standard_deviation(dim, dtype):
    x = np.random.default_rng(0).normal(3, 2, (50, 4, 5)).astype(dtype)
    for kind in (x, minitorch.from_numpy(x)):
        m, s = stats(kind, dim)
        assert m.dtype == s.dtype == dtype
        assert isinstance(m, minitorch.Tensor) == isinstance(kind, minitorch.Tensor)
        tolerance = 4 * np.finfo(dtype).eps
        wide = x.astype(np.float64)
        keep = dim is not None
        for got, wanted in ((m, wide.mean(dim, keepdims=keep)), (s, wide.std(dim, keepdims=keep))):
            got = got.numpy() if isinstance(got, minitorch.Tensor) else got
            assert np.shape(got) == wanted.shape
            np.testing.assert_allclose(got, wanted, rtol=tolerance)


def test_stats_of_long_float32_columns_keep_their_digits():
    x = np.full((200_000, 2), 0.1, np.float32)
    x[::2] += np.float32(0.2)
    m, s = stats(x, 0)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(m, wide.mean(0, keepdims=True), rtol=1e-7)
    np.testing.assert_allclose(s, wide.std(0, keepdims=True), rtol=1e-6)


def test_stats_and_normalize_on_a_gpu(cuda):
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    there = minitorch.from_numpy(x).to("cuda")
    for dim in (None, 0):
        (m, s), (wanted_m, wanted_s) = stats(there, dim), stats(x, dim)
        assert m.device.type == s.device.type == "cuda"
        np.testing.assert_allclose(m.cpu().numpy(), wanted_m, rtol=1e-6)
        np.testing.assert_allclose(s.cpu().numpy(), wanted_s, rtol=1e-6)
        y = normalize(there, m, s)
        assert y.device.type == "cuda"
        np.testing.assert_allclose(y.cpu().numpy(), normalize(x, wanted_m, wanted_s), rtol=1e-5)
    assert normalize(there, 1.0, 2.0).device.type == "cuda"
    assert normalize(there, wanted_m, wanted_s).device.type == "cuda"
    assert stats(there.array)[0].dtype == np.float32


def test_stats_refuse_integers_and_nothing():
    with pytest.raises(TypeError, match=r"expected floats, got uint8; scale first"):
        stats(np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=r"shape \(0, 2\) holds nothing"):
        stats(np.zeros((0, 2)))


def test_normalized_training_data_has_mean_0_and_deviation_1():
    x_train, _, x_valid, _ = digits()
    m, s = stats(x_train)
    train, valid = normalize(x_train, m, s), normalize(x_valid, m, s)
    assert abs(train.mean().item()) < 1e-3
    assert abs(train.numpy().std() - 1) < 1e-3
    assert train.dtype == np.float32
    # the validation part keeps its difference: it was not measured
    assert 1e-4 < abs(valid.mean().item()) < 0.1
    wanted = (x_valid.numpy() - x_train.numpy().mean()) / x_train.numpy().std()
    np.testing.assert_allclose(valid.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_the_sizes_of_the_data_are_read_off_the_data():
    x_train, y_train, x_valid, y_valid = digits_arrays()
    n, m = len(x_train), x_train[0].size
    assert (n, m, y_train.max() + 1) == (1438, 64, 10)
    assert len(x_valid) == len(y_valid) == 359


def test_normalize_takes_numbers_lists_arrays_and_tensors():
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    wanted = (x - np.float32([2, 3])) / np.float32([1, 2])
    for m, s in (
        ([2, 3], (1, 2)),
        (np.array([2, 3]), np.array([1.0, 2.0])),
        (minitorch.tensor([2.0, 3.0]), minitorch.tensor([1.0, 2.0])),
    ):
        for y in (normalize(x, m, s), normalize(minitorch.from_numpy(x), m, s).numpy()):
            assert y.dtype == np.float32
            np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(normalize(x, 1, 2), (x - 1) / 2)
    np.testing.assert_array_equal(normalize(x, np.float64(1), np.float64(2)), (x - 1) / 2)


def test_a_constant_column_is_named():
    """H191."""
    x = np.random.default_rng(0).random((100, 5)).astype(np.float32)
    x[:, 3] = 0.1  # whose float32 mean is not quite 0.1
    m, s = stats(x, 0)
    with pytest.raises(ValueError, match=r"normalize: column 3 is constant.*\(1 of 5 are\).*keep"):
        normalize(x, m, s)
    with pytest.raises(ValueError, match="column 3 is constant"):
        normalize(minitorch.from_numpy(x), *stats(minitorch.from_numpy(x), 0))
    y = normalize(x, m, s, keep_constant=True)
    assert abs(y[:, 3]).max() < 1e-6
    np.testing.assert_allclose(y[:, :3].std(0), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="normalize: x is constant"):
        normalize(np.ones(3), *stats(np.ones(3)))
    images = np.random.default_rng(0).random((4, 3, 2, 2))
    images[:, 1] = 7
    with pytest.raises(ValueError, match="column 1 is constant"):
        normalize(images, *stats(images, (0, 2, 3)))


def test_normalize_refuses_impossible_deviations():
    for s in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite and >= 0"):
            normalize(np.ones(3), 0.0, s)


def test_normalize_per_channel_and_compose():
    x = minitorch.rand(4, 3, 5, 5)
    transform = Compose([Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 4.0]), lambda t: t * 2])
    m, s = (np.float32(v)[:, None, None] for v in ([0.1, 0.2, 0.3], [1, 2, 4]))
    np.testing.assert_allclose(transform(x).numpy(), 2 * (x.numpy() - m) / s, rtol=1e-6)
    np.testing.assert_allclose(transform(x[0]).numpy(), transform(x).numpy()[0])
    assert Normalize(0.5, 0.5)(np.ones((1, 2, 2), np.float32)).dtype == np.float32


# augmentation ------------------------------------------------------------------------------------

TRANSFORMS = {
    "crop": lambda g=None: RandomCrop(8, padding=2, generator=g),
    "flip": lambda g=None: RandomHorizontalFlip(generator=g),
    "erase": lambda g=None: RandomErasing(0.9, generator=g),
}


def images(n: int = 20, dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(1).random((n, 3, 8, 8)).astype(dtype)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_augmentation_keeps_shape_range_and_input(name, dtype):
    x = (255 * images()).astype(dtype)
    before = x.copy()
    y = TRANSFORMS[name]()(x)
    assert (y.shape, y.dtype) == (x.shape, dtype)
    assert 0 <= y.min() <= y.max() <= x.max()
    assert not (y == x).all()
    np.testing.assert_array_equal(x, before)
    one = TRANSFORMS[name]()(minitorch.from_numpy(x[0]))
    assert isinstance(one, minitorch.Tensor)
    assert (one.shape, one.dtype) == ((3, 8, 8), dtype)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_augmentation_draws_for_each_image_from_its_stream(name):
    x = np.repeat(images(1), 30, axis=0)
    g = minitorch.Generator().manual_seed(3)
    y = TRANSFORMS[name](g)(x)
    assert len({row.tobytes() for row in y}) > 1
    np.testing.assert_array_equal(TRANSFORMS[name](g.manual_seed(3))(x), y)
    minitorch.manual_seed(3)
    np.testing.assert_array_equal(TRANSFORMS[name]()(x), y)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_augmentation_on_a_gpu(name, cuda):
    g = minitorch.Generator().manual_seed(3)
    wanted = TRANSFORMS[name](g)(images())
    y = TRANSFORMS[name](g.manual_seed(3))(minitorch.from_numpy(images()).to("cuda"))
    assert y.device.type == "cuda"
    np.testing.assert_array_equal(y.cpu().numpy(), wanted)


def test_crops_are_pieces_of_the_bordered_image():
    x = images(200)
    bordered = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=0.5)
    places = set()
    for image, source in zip(RandomCrop((6, 7), padding=2, fill=0.5)(x), bordered):
        found = [
            (i, j)
            for i in range(7)
            for j in range(6)
            if (source[:, i : i + 6, j : j + 7] == image).all()
        ]
        assert len(found) >= 1
        places.add(found[0])
    assert {i for i, _ in places} == set(range(7))
    assert {j for _, j in places} == set(range(6))
    with pytest.raises(ValueError, match=r"RandomCrop: size \(13, 13\) does not fit into \(8, 8\)"):
        RandomCrop(13, padding=2)(x)
    with pytest.raises(ValueError, match="size must be >= 1"):
        RandomCrop(0)


def test_flips_are_mirror_images_of_the_wanted_share():
    x = images(2000)
    y = RandomHorizontalFlip(0.25)(x)
    flipped = (y == x[..., ::-1]).all((1, 2, 3))
    assert (flipped | (y == x).all((1, 2, 3))).all()
    assert 0.21 < flipped.mean() < 0.29
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(x), x[..., ::-1])
    np.testing.assert_array_equal(RandomHorizontalFlip(0)(x), x)


def test_erased_rectangles_have_the_wanted_share():
    x = np.ones((400, 2, 32, 32), np.float32)
    y = RandomErasing(1, scale=(0.1, 0.2), ratio=(0.5, 2), value=-1)(x)
    for image in y:
        rows, columns = (np.flatnonzero((image[0] == -1).any(axis)) for axis in (1, 0))
        h, w = len(rows), len(columns)
        assert (image == -1).sum() == 2 * h * w  # one rectangle, in every channel
        assert 0.08 < h * w / 1024 < 0.22
        assert 0.4 < h / w < 2.4
    assert (RandomErasing(0)(x) == 1).all()
    kept = (RandomErasing(0.5)(x) == 1).all((1, 2, 3)).mean()
    assert 0.4 < kept < 0.6
    assert (RandomErasing(1, scale=(1, 1), ratio=(1, 1))(x) == 1).all()  # none fits


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomHorizontalFlip(1.5), "p must lie in"),
        (lambda: RandomErasing(-1), "p must lie in"),
        (lambda: RandomErasing(scale=(0.5, 0.1)), "scale rises"),
        (lambda: RandomErasing(ratio=(0, 1)), "ratio rises"),
        (lambda: RandomHorizontalFlip()(np.ones((2, 2))), r"\(C, H, W\) or a batch"),
    ],
)
def test_augmentation_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# mixup -------------------------------------------------------------------------------------------


def test_mixup_follows_its_formula():
    x = np.random.default_rng(0).random((7, 2, 3)).astype(np.float32)
    y = np.array([0, 1, 2, 0, 1, 2, 3])
    for alpha in (0.2, 1.0, 5.0):
        g = np.random.Generator(np.random.PCG64(11))
        share, order = g.beta(alpha, alpha), g.permutation(7)
        onehot = np.eye(4)[y]
        mixed, soft = mixup(
            minitorch.from_numpy(x),
            minitorch.from_numpy(y),
            4,
            alpha=alpha,
            generator=minitorch.Generator().manual_seed(11),
        )
        np.testing.assert_allclose(mixed.numpy(), share * x + (1 - share) * x[order], rtol=1e-6)
        wanted = share * onehot + (1 - share) * onehot[order]
        np.testing.assert_allclose(soft.numpy(), wanted, rtol=1e-6)
        assert mixed.dtype == soft.dtype == np.float32
        np.testing.assert_allclose(soft.numpy().sum(1), 1, rtol=1e-6)
        loss = minitorch.nn.functional.cross_entropy(minitorch.zeros(7, 4), soft)
        assert loss.item() == pytest.approx(math.log(4))


def test_mixup_refuses():
    x, y = minitorch.rand(3, 2), minitorch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="alpha must be positive, got 0"):
        mixup(x, y, 3, alpha=0)
    with pytest.raises(ValueError, match="labels must be 0 to 1, got 0 to 2"):
        mixup(x, y, 2)
    with pytest.raises(ValueError, match="labels must be 0 to 2, got -1"):
        mixup(x, y - 1, 3)
    with pytest.raises(ValueError, match=r"one label for each of 3 samples, got shape \(2,\)"):
        mixup(x, y[:2], 3)


@pytest.mark.parametrize("cut", [RandomCrop(5), RandomResizedCrop(5)])
def test_a_piece_of_no_images_is_no_image(cut):
    assert cut(np.zeros((0, 3, 9, 7), np.float32)).shape == (0, 3, 5, 5)


def test_a_crop_is_of_two_sizes():
    with pytest.raises(ValueError, match=r"RandomCrop: size must be one number or \(h, w\)"):
        RandomCrop((1, 2, 3))
