"""Fashion-MNIST and CIFAR-10 are found, refused and fetched with MNIST's care."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import tarfile

import numpy as np
import pytest

from minitorch.utils.data import (
    DataError,
    cifar10,
    cifar10_arrays,
    download,
    fashion_mnist,
    fashion_mnist_arrays,
    mnist_arrays,
)
from tests.test_data_mnist import contents, fill

fashion = importlib.import_module("minitorch.utils.data.fashion")
cifar = importlib.import_module("minitorch.utils.data.cifar")


@pytest.fixture(autouse=True)
def _no_files_but_ours(monkeypatch, tmp_path):
    monkeypatch.delenv("MINITORCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# fashion -----------------------------------------------------------------------------------------


@pytest.fixture
def four(monkeypatch):
    """Fashion-MNIST shrunk to ten and five images."""
    packed = [gzip.compress(content, mtime=0) for content in contents()]
    files = []
    for file, content in zip(fashion.FILES, packed):
        remote = download.Remote(
            file.remote.name, len(content), hashlib.sha256(content).hexdigest()
        )
        shape = (10 if "train" in remote.name else 5, *file.shape[1:])
        files.append(file._replace(shape=shape, remote=remote))
    monkeypatch.setattr(fashion, "FILES", tuple(files))
    return {file.remote.name: content for file, content in zip(files, packed)}


def test_fashion_is_what_was_published():
    assert [file.remote.size for file in fashion.FILES] == [26_421_880, 29_515, 4_422_102, 5_148]
    assert all(mirror.startswith("https://") for mirror in fashion.MIRRORS)
    assert len(fashion.CLASSES) == len(cifar.CLASSES) == 10


@pytest.mark.parametrize("inner", ["fashion-mnist", "FashionMNIST/raw"])
def test_fashion_is_found_under_its_names_alone(four, tmp_path, inner):
    fill(tmp_path / inner, four)
    x_train, y_train, _, y_valid = fashion_mnist(tmp_path)
    assert (x_train.shape, y_valid.shape) == ((10, 1, 28, 28), (5,))
    assert (x_train.dtype, y_train.dtype) == (np.float32, np.int64)
    with pytest.raises(DataError, match="MNIST's four files are not together"):
        mnist_arrays(tmp_path)  # same names, other folder


def test_fashion_is_not_read_out_of_mnist_s_folder(four, tmp_path):
    fill(tmp_path / "mnist", four)
    fill(tmp_path, four)
    with pytest.raises(DataError, match=r"(?s)Fashion-MNIST's four files .*fashion_mnist\(down"):
        fashion_mnist_arrays(tmp_path)


def test_fashion_is_fetched_once_and_then_offline(four, tmp_path, monkeypatch):
    pages = {fashion.MIRRORS[1] + name: content for name, content in four.items()}
    asked = []

    def fake_open(url, seconds):
        asked.append(url)
        if url not in pages:
            raise OSError("HTTP Error 404: Not Found")
        return io.BytesIO(pages[url])

    monkeypatch.setattr(download, "_open", fake_open)
    first = fashion_mnist_arrays(tmp_path, download=True)
    assert len(asked) == 8  # the first mirror had none
    for a, b in zip(first, fashion_mnist_arrays(tmp_path)):
        np.testing.assert_array_equal(a, b)
    assert len(asked) == 8


# cifar -------------------------------------------------------------------------------------------


@pytest.fixture
def six(monkeypatch):
    """CIFAR-10 with four images in each of its six files."""
    monkeypatch.setattr(cifar, "IMAGES", 4)
    rng = np.random.default_rng(0)
    files = {}
    for name in cifar.NAMES:
        records = rng.integers(256, size=(4, 3073), dtype=np.uint8)
        records[:, 0] = rng.integers(10, size=4)
        files[name] = records.tobytes()
    return files


def packed(files: dict[str, bytes], folder: str = cifar.FOLDER) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def check_cifar(split, files) -> None:
    x_train, y_train, x_valid, y_valid = split
    assert (x_train.shape, x_valid.shape) == ((20, 3, 32, 32), (4, 3, 32, 32))
    assert (x_train.dtype, y_train.dtype) == (np.float32, np.int64)
    second = np.frombuffer(files["data_batch_2.bin"], np.uint8).reshape(4, 3073)
    assert y_train[4:8].tolist() == second[:, 0].tolist()
    # red, green and blue follow each other, each row by row
    assert x_train[5, 2, 3, 4] == np.float32(second[1, 1 + 2 * 1024 + 3 * 32 + 4]) / np.float32(255)
    assert y_valid.tolist() == list(files["test_batch.bin"][::3073])


@pytest.mark.parametrize("inner", ["", "cifar10"])
def test_cifar_is_read_from_its_folder_or_its_archive(six, tmp_path, inner):
    fill(tmp_path / "a" / inner / cifar.FOLDER, six)
    check_cifar(cifar10_arrays(tmp_path / "a"), six)
    shuffled = dict(sorted({"readme.html": b"<p>", **six}.items(), reverse=True))
    fill(tmp_path / "b" / inner, {cifar.ARCHIVE.name: packed(shuffled)})
    check_cifar(cifar10_arrays(tmp_path / "b"), six)
    tensors = cifar10(tmp_path / "b")
    check_cifar([t.numpy() for t in tensors], six)


def test_cifar_absent_says_what_to_do(tmp_path):
    with pytest.raises(DataError) as caught:
        cifar10_arrays(tmp_path)
    for words in ("cifar10(download=True)", cifar.ARCHIVE.name, cifar.FOLDER, str(tmp_path)):
        assert words in str(caught.value)


def test_cifar_is_fetched_once_and_then_offline(six, tmp_path, monkeypatch):
    content = packed(six)
    remote = cifar.ARCHIVE._replace(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(cifar, "ARCHIVE", remote)
    asked = []

    def fake_open(url, seconds):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr(download, "_open", fake_open)
    check_cifar(cifar10_arrays(tmp_path, download=True), six)
    check_cifar(cifar10_arrays(tmp_path), six)
    assert asked == [cifar.MIRRORS[0] + remote.name]


def test_cifar_without_a_network_says_where_to_put_it(tmp_path, monkeypatch):
    def no_network(url, seconds):
        raise OSError("unreachable")

    monkeypatch.setattr(download, "_open", no_network)
    with pytest.raises(DataError, match=r"Without a network, put cifar-10-binary\.tar\.gz"):
        cifar10_arrays(tmp_path, download=True)


def damage(six, what):
    files = dict(six)
    content = files["data_batch_3.bin"]
    files["data_batch_3.bin"] = {
        "short": content[:-1],
        "long": content + b"\0",
        "label": content[:3073] + b"\x0a" + content[3074:],
    }[what]
    return files


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("short", "4 records of 3,073 = 12,292 bytes, file has 12,291"),
        ("long", "4 records of 3,073 = 12,292 bytes, file has more"),
        ("label", "label 10 at position 1, expected 0 to 9"),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_cifar_refuses_what_is_not_cifar(six, tmp_path, what, message, archived):
    files = damage(six, what)
    if archived:
        fill(tmp_path, {cifar.ARCHIVE.name: packed(files)})
    else:
        fill(tmp_path / cifar.FOLDER, files)
    with pytest.raises(DataError, match=message) as caught:
        cifar10_arrays(tmp_path)
    assert "data_batch_3.bin" in str(caught.value)


def test_cifar_names_missing_files(six, tmp_path):
    del six["data_batch_4.bin"]
    fill(tmp_path / "a" / cifar.FOLDER, six)
    with pytest.raises(DataError, match=r"data_batch_4\.bin: missing"):
        cifar10_arrays(tmp_path / "a")
    fill(tmp_path / "b", {cifar.ARCHIVE.name: packed(six)})
    with pytest.raises(DataError, match=r"data_batch_4\.bin not in the archive"):
        cifar10_arrays(tmp_path / "b")
    fill(tmp_path / "c", {cifar.ARCHIVE.name: packed(six, folder="../elsewhere")})
    with pytest.raises(DataError, match=r"data_batch_1\.bin.* not in the archive"):
        cifar10_arrays(tmp_path / "c")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: b"",
        lambda c: b"<html>not found</html>",
        lambda c: c[: len(c) // 2],
        lambda c: c[:2000] + bytes(100) + c[2100:],
        lambda c: gzip.compress(b"no tar at all"),
    ],
    ids=["empty", "web page", "cut", "overwritten", "gzip of something"],
)
def test_cifar_damaged_archive(six, tmp_path, spoil):
    fill(tmp_path, {cifar.ARCHIVE.name: spoil(packed(six))})
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: damaged archive.*again"):
        cifar10_arrays(tmp_path)
