"""The digits say what they are, and a damaged file never gets further than the door."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import random
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minitorch.utils.data import DataError, Split, digits, digits_arrays, read_idx

# The function `digits` hides the module of the same name.
digits_module = importlib.import_module("minitorch.utils.data.digits")

# ------------------------------------------------------------------------------------- digits


def test_digits_are_the_bytes_we_took_over():
    images, labels = digits_module._load()
    assert (images.shape, images.dtype) == ((1797, 8, 8), np.uint8)
    assert (labels.shape, labels.dtype) == ((1797,), np.uint8)
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    )
    assert hashlib.sha256(labels.tobytes()).hexdigest() == (
        "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
    )


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    theirs = datasets.load_digits()
    images, labels = digits_module._load()
    np.testing.assert_array_equal(images, theirs.images)
    np.testing.assert_array_equal(labels, theirs.target)


def test_digits_licence_travels_with_the_data():
    text = Path(digits_module.__file__).with_name("DIGITS_LICENCE.md").read_text("utf-8")
    for words in ("Alpaydin", "Kaynak", "CC BY 4.0", "10.24432/C50P49", "Changes", "BSD 3-Clause"):
        assert words in text


@pytest.mark.parametrize("size", [8, 28])
def test_digits_shapes_dtypes_and_range(size):
    x_train, y_train, x_valid, y_valid = split = digits_arrays(size)
    assert isinstance(split, Split)
    assert (x_train.shape, x_valid.shape) == ((1438, 1, size, size), (359, 1, size, size))
    assert (y_train.shape, y_valid.shape) == ((1438,), (359,))
    for x, y in ((x_train, y_train), (x_valid, y_valid)):
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert x.flags.c_contiguous
        assert (x.min(), x.max()) == (0, 1)
        assert set(y) == set(range(10))


def test_digits_parts_make_up_the_whole():
    images, labels = digits_module._load()
    split = digits_arrays(test=0.3, seed=5)
    x = np.concatenate([split.x_train, split.x_valid]) * 16
    y = np.concatenate([split.y_train, split.y_valid])

    def rows(x, y):
        return sorted(map(bytes, np.column_stack([x.reshape(len(x), 64), y]).astype(np.uint8)))

    assert rows(x, y) == rows(images, labels)


def test_digits_split_is_stratified_and_shuffled():
    split = digits_arrays(test=0.25)
    _, labels = digits_module._load()
    assert np.abs(np.bincount(split.y_valid) - 0.25 * np.bincount(labels)).max() <= 0.5
    for y in (split.y_train, split.y_valid):
        assert np.mean(y[1:] == y[:-1]) < 0.2  # sorted or grouped labels would give nearly 1


def test_digits_seed_decides_the_split():
    first, again, other = digits_arrays(), digits_arrays(), digits_arrays(seed=1)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.x_valid, other.x_valid)
    again.x_train[:] = 0  # every call has its own memory
    assert digits_arrays().x_train.max() == 1


def test_digits_test_share_may_be_nothing():
    split = digits_arrays(test=0)
    assert split.x_train.shape == (1797, 1, 8, 8)
    assert split.x_valid.shape == (0, 1, 8, 8)


@pytest.mark.parametrize("size", [0, 16, "8", None])
def test_digits_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size is 8 or 28"):
        digits_arrays(size)


@pytest.mark.parametrize("share", [-0.1, 1, 20, float("nan")])
def test_digits_impossible_shares_are_refused(share):
    with pytest.raises(ValueError, match="share"):
        digits_arrays(test=share)


def test_digits_28_is_centred_as_mnist_is():
    x = digits_arrays(28, test=0).x_train[:, 0].astype(np.float64)
    index = np.arange(28)
    for ink in (x.sum(1), x.sum(2)):
        centre = (ink @ index) / ink.sum(1)
        assert centre.min() >= 13.5
        assert centre.max() <= 14.5
        lines = ink > 0
        extent = 28 - lines.argmax(1) - lines[:, ::-1].argmax(1)
        assert extent.max() == 20


def test_digits_enlarged_agrees_with_linear_interpolation():
    counts = digits_module._load()[0][:20]
    centres = (np.arange(20) + 0.5) * 8 / 20 - 0.5

    def stretch(line):
        return np.interp(centres, np.arange(8), line)

    slow = np.apply_along_axis(stretch, 1, np.apply_along_axis(stretch, 2, counts))
    np.testing.assert_allclose(digits_module._enlarged(counts) / 100, slow, atol=1e-12)


def test_digits_28_is_the_same_picture_on_every_machine():
    pictures = digits_module._like_mnist(digits_module._load()[0])
    assert hashlib.sha256(pictures.astype("<f4").tobytes()).hexdigest() == (
        "f1549e66c27e7a4087bda377a3cff9441b27af86bb3b4e1f6b0622f39bac049a"
    )


def test_digits_are_tensors():
    arrays, tensors = digits_arrays(28), digits(28)
    assert isinstance(tensors, Split)
    for array, tensor in zip(arrays, tensors, strict=True):
        assert not tensor.requires_grad
        np.testing.assert_array_equal(tensor.numpy(), array)


# --------------------------------------------------------------------------------------- idx

IMAGES = np.arange(10 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(10, 28, 28)
LABELS = np.arange(10, dtype=np.uint8)


def header(*sizes: int) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)


def idx(values: np.ndarray) -> bytes:
    return header(*values.shape) + values.tobytes()


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, name: str = "train-images-idx3-ubyte") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("values", [IMAGES, LABELS], ids=["images", "labels"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_idx_round_trip_whatever_the_name(write, values, pack, name):
    path = write(pack(idx(values)), name)
    for kind in ("images" if values.ndim == 3 else "labels", None):
        got = read_idx(str(path), kind)
        assert got.dtype == np.uint8
        assert got.flags.writeable
        np.testing.assert_array_equal(got, values)


def test_idx_gzip_in_several_members(write):
    whole = idx(IMAGES)
    path = write(gzip.compress(whole[:99]) + gzip.compress(whole[99:]))
    np.testing.assert_array_equal(read_idx(path), IMAGES)


PACKED = gzip.compress(idx(IMAGES))
BAD = {
    "empty": (b"", "empty (0 bytes)"),
    "one byte": (b"\0", "magic number 0, expected 2051 (images)"),
    "sizes cut off": (header(10, 28, 28)[:9], "header takes 16 bytes, file has 9"),
    "truncated": (header(10, 28, 28) + bytes(100), "10x28x28 = 7,840 bytes, file has 100"),
    "trailing": (idx(IMAGES) + b"\0", "10x28x28 = 7,840 bytes, file has 7,841"),
    "labels": (idx(LABELS), "magic number 2049, expected 2051 (images): these are labels"),
    "floats": (b"\0\0\x0d\3" + bytes(20), "magic number 3331"),
    "two dimensions": (header(2, 2) + bytes(4), "magic number 2050"),
    "web page": (b"<!DOCTYPE html>", "looks like a web page"),
    "web page, indented": (b"\n <html>", "looks like a web page"),
    "nothing inside": (header(0, 28, 28), "nothing in it"),
    "zero hides the rest": (header(2**32 - 1, 2**32 - 1, 0), "nothing in it"),
    "4 billion images": (header(2**32 - 1, 28, 28), "4294967295x28x28 = 3,367,254,359,"),
    "product wraps to 0": (header(2**31, 2**31, 4), "= 18,446,744,073,709,551,616 bytes"),
    "product wraps": (header(2**32 - 1, 2**32 - 1, 1), "more than the limit"),
    "one too many": (header(11, 28, 28) + IMAGES.tobytes(), "8,624 bytes, file has 7,840"),
    "gzip empty": (gzip.compress(b""), "empty (0 bytes)"),
    "gzip header only": (PACKED[:6], "damaged gzip file"),
    "gzip cut": (PACKED[:-20], "damaged gzip file"),
    "gzip without end": (PACKED[:-3], "damaged gzip file"),
    "gzip bad CRC": (PACKED[:-8] + b"\1\2\3\4" + PACKED[-4:], "damaged gzip file (CRC check"),
    "gzip bad length": (PACKED[:-4] + b"\1\2\3\4", "damaged gzip file"),
    "gzip bad stream": (PACKED[:10] + b"\xff" * 40, "damaged gzip file (Error -3"),
    "gzip of a short file": (gzip.compress(header(10, 28, 28)), "7,840 bytes, file has 0"),
    "gzip of a long file": (gzip.compress(idx(IMAGES) + bytes(9)), "7,840 bytes, file has more"),
    "gzip and rubbish": (PACKED + b"rubbish", "damaged gzip file"),
    "gzip of a web page": (gzip.compress(b"<html>"), "looks like a web page"),
    "gzip bomb": (gzip.compress(header(2**20, 28, 28) + bytes(10**6)), "bytes, file has at most"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_idx_damage_is_named(write, content, message):
    path = write(content)
    with pytest.raises(DataError) as caught:
        read_idx(path, "images")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("sizes", [(2**20, 28, 28), (2**32 - 1, 28, 28), (2**32 - 1,) * 3])
def test_idx_lies_cost_no_memory(write, pack, sizes):
    path = write(pack(header(*sizes) + bytes(1000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_idx_limit_and_kind(write):
    path = write(idx(IMAGES))
    assert read_idx(path, max_bytes=7840).shape == (10, 28, 28)
    with pytest.raises(DataError, match="more than the limit of 7,839"):
        read_idx(path, max_bytes=7839)
    with pytest.raises(DataError, match=r"2051, expected 2049 \(labels\): these are images"):
        read_idx(path, "labels")
    with pytest.raises(ValueError, match="kind is 'images', 'labels' or None"):
        read_idx(path, "pictures")
    with pytest.raises(FileNotFoundError):
        read_idx(path.with_name("absent"))


def test_idx_fuzz_gives_data_errors_quickly_and_in_little_memory(write):
    rng = random.Random(0)
    small = idx(IMAGES[:2, :6, :6])
    seeds = [small, idx(LABELS), gzip.compress(small), gzip.compress(idx(LABELS))]
    outcomes = {"read": 0, "refused": 0}
    began = time.perf_counter()
    tracemalloc.start()
    try:
        for _ in range(3000):
            content = bytearray(rng.choice(seeds))
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(content) + 1)
                match rng.randrange(4):
                    case 0:
                        content[at : at + 1] = bytes([rng.randrange(256)])
                    case 1:
                        del content[at:]
                    case 2:
                        content[at:at] = rng.randbytes(rng.randint(1, 8))
                    case 3:  # sizes are where lies pay
                        content[4:8] = rng.choice([b"\xff" * 4, b"\0\0\0\1", b"\x80\0\0\0"])
            path = write(bytes(content))
            try:
                read_idx(path, rng.choice(["images", "labels", None]))
                outcomes["read"] += 1
            except DataError:
                outcomes["refused"] += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert min(outcomes.values()) > 10, outcomes
    assert peak < 4_000_000
    assert time.perf_counter() - began < 60


# ----------------------------------------------------------------------------------- imports


def test_importing_the_data_sets_loads_no_network_code():
    code = (
        "import sys, minitorch.utils.data;"
        "print({'urllib.request', 'http.client', 'ssl', 'gzip', 'tqdm'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
