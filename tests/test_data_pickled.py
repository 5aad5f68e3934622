"""The MNIST of older courses comes out of its pickle, and nothing in a pickle is ever run."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch.utils.data import DataError, normalize, read_mnist_pickle, stats


def part(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, n])
    return rng.random((n, 784)).astype(np.float32), rng.integers(0, 10, n)


PARTS = part(5), part(3), part(2)


def same(got: Any, wanted: Any = PARTS) -> None:
    for (x, y), (images, labels) in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(x, images)
        np.testing.assert_array_equal(y, labels)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)


def wrote(path: Path, what: Any, protocol: int = 2) -> Path:
    path.write_bytes(gzip.compress(pickle.dumps(what, protocol)))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(tmp_path: Path, protocol: int):
    same(read_mnist_pickle(wrote(tmp_path / "mnist.pkl.gz", PARTS, protocol)))


def test_one_that_is_not_compressed_is_read_too(tmp_path: Path):
    path = tmp_path / "mnist.pkl"
    path.write_bytes(pickle.dumps(PARTS))
    same(read_mnist_pickle(str(path)))


def by_python_2(x: np.ndarray, name: int) -> bytes:
    """What Python 2 wrote for an array: its strings are bytes without an encoding."""
    data = x.tobytes()
    kind = x.dtype.str[1:].encode()
    return b"".join(
        (
            b"cnumpy.core.multiarray\n_reconstruct\nq" + bytes([name]),
            b"cnumpy\nndarray\nq" + bytes([name + 1]) + b"K\x00\x85U\x01b\x87R(K\x01",
            *(b"M" + struct.pack("<H", n) for n in x.shape),
            b"\x85" if x.ndim == 1 else b"\x86",
            b"cnumpy\ndtype\nq" + bytes([name + 2]) + b"U\x02" + kind + b"K\x00K\x01\x87R",
            b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + struct.pack("<i", len(data)) + data + b"tb",
        )
    )


def test_what_python_2_wrote_is_read(tmp_path: Path):
    """With bytes above 127 in its strings, which only Latin-1 turns into as many letters."""
    pairs = [by_python_2(x, 1) + by_python_2(y, 4) + b"\x86" for x, y in PARTS]
    program = b"\x80\x02" + b"".join(pairs) + b"\x87."
    same(pickle.loads(program, encoding="latin-1"))  # it is what it should be
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(program))
    same(read_mnist_pickle(path))


def test_layouts_and_dtypes_of_others_are_brought_into_line(tmp_path: Path):
    (x, y), *rest = PARTS
    odd = (np.asfortranarray(x.astype(">f8")), y.astype("u1")), *rest
    (got, labels), *_ = read_mnist_pickle(wrote(tmp_path / "a", odd))
    np.testing.assert_array_equal(got, x)
    np.testing.assert_array_equal(labels, y)
    assert got.dtype == np.float32
    assert got.flags.writeable


def test_it_is_ready_for_the_course(tmp_path: Path):
    """Arrays become tensors, and all are normalised by the numbers of those to learn from."""
    train, valid, _ = read_mnist_pickle(wrote(tmp_path / "a", PARTS))
    x, y, x_valid, _ = map(minitorch.from_numpy, (*train, *valid))
    x_valid = normalize(x_valid, *stats(x))
    assert x.shape == (5, 784)
    assert x_valid.dtype == minitorch.float32
    assert 0 <= y.min() <= y.max() <= 9


class Malice:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_what_a_pickle_would_call_is_not_called(tmp_path: Path, protocol: int):
    evil, place = Malice(tmp_path / "done"), tmp_path / "evil.pkl.gz"
    for what in (evil, ((evil, evil), *PARTS[1:]), (PARTS[0], PARTS[1], evil)):
        with pytest.raises(DataError, match=r"no mnist\.pkl\.gz"):
            read_mnist_pickle(wrote(place, what, protocol))
        assert not (tmp_path / "done").exists()
    with pytest.raises(DataError, match=r"it would call (posix|nt)\.mkdir"):
        read_mnist_pickle(wrote(place, ((evil, evil), *PARTS[1:]), protocol))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (PARTS[:2], "not enough values"),
        ({"x": 1}, "instruction EMPTY_DICT has no place in a pickle of arrays"),
        ([*PARTS], "instruction EMPTY_LIST has no place"),
        (((PARTS[0][0][:, :9], PARTS[0][1]), *PARTS[1:]), r"images \(5, 9\)"),
        (((PARTS[0][0], PARTS[0][1][:4]), *PARTS[1:]), r"labels \(4,\), expected \(N, 784\)"),
        (((PARTS[0][0], PARTS[0][1] + 3), *PARTS[1:]), "expected 0 to 9"),
        (((PARTS[0][0], PARTS[0][1] / 2), *PARTS[1:]), "labels of float64, expected floats and"),
        ((PARTS[0], PARTS[1], (np.array([None]), np.array([None]))), "no mnist.pkl.gz"),
        (7, "is not iterable"),
    ],
)
def test_what_is_something_else_says_what(tmp_path: Path, what: Any, message: str):
    path = wrote(tmp_path / "mnist.pkl.gz", what)
    with pytest.raises(DataError, match=message) as error:
        read_mnist_pickle(path)
    assert str(path) in str(error.value)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # pickletools' own, in a string
def test_damage_is_a_data_error_or_harmless(tmp_path: Path):
    rng, program = np.random.default_rng(0), pickle.dumps(PARTS, 2)
    path = tmp_path / "mnist.pkl"
    for _ in range(200):
        damaged = bytearray(program)
        at = [*rng.integers(0, 200, 2), *rng.integers(0, len(program), 2)]
        for i in at:
            damaged[i] = rng.integers(0, 256)
        path.write_bytes(
            damaged[: rng.integers(1, len(program))] if rng.random() < 0.3 else damaged
        )
        with suppress(DataError):
            read_mnist_pickle(path)
    packed = gzip.compress(program)
    for cut in (0, 1, 5, 12, len(packed) // 2, len(packed) - 1):
        path.write_bytes(packed[:cut])
        with pytest.raises(DataError):
            read_mnist_pickle(path)
    with pytest.raises(DataError, match="nowhere"):
        read_mnist_pickle(tmp_path / "nowhere")


def test_a_file_that_unpacks_to_too_much_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("minitorch.utils.data.pickled.MAX_BYTES", 1000)
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        read_mnist_pickle(wrote(tmp_path / "large", PARTS))


def test_tuples_in_tuples_are_taken_apart_at_once(tmp_path: Path):
    deep = 30_000  # looking for the mark from the bottom would take a minute
    path = tmp_path / "deep.pkl"
    path.write_bytes(b"\x80\x02" + b"(K\x01" * deep + b"t" * deep + b".")
    with pytest.raises(DataError, match="not iterable"):
        read_mnist_pickle(path)
    path.write_bytes(b"\x80\x02K\x01t.")
    with pytest.raises(DataError, match="no mnist"):
        read_mnist_pickle(path)
