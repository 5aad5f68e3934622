"""Saving to an open file and loading from one, as torch allows: io.BytesIO and what is like it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.errors import CheckpointError


def state() -> dict[str, Any]:
    return {"w": minitorch.arange(5.0), "n": minitorch.tensor([True, False]), "lr": (0.1, None)}


def saved() -> io.BytesIO:
    stream = io.BytesIO()
    minitorch.save(state(), stream)
    stream.seek(0)
    return stream


def test_what_is_saved_to_a_stream_comes_back_from_it():
    back = minitorch.load(saved())
    assert list(back) == ["w", "n", "lr"]
    assert back["w"].tolist() == [0, 1, 2, 3, 4]
    assert back["n"].tolist() == [True, False]
    assert back["lr"] == (0.1, None)


def test_a_stream_gets_the_bytes_of_the_file(tmp_path: Path):
    minitorch.save(state(), tmp_path / "s.safetensors")
    assert (tmp_path / "s.safetensors").read_bytes() == saved().getvalue()


def test_a_model_goes_through_memory():
    model, twin, stream = nn.Linear(3, 2), nn.Linear(3, 2), io.BytesIO()
    minitorch.save(model.state_dict(), stream)
    stream.seek(0)
    twin.load_state_dict(minitorch.load(stream))
    assert twin.weight.tolist() == model.weight.tolist()


def test_open_files_will_do(tmp_path: Path):
    with open(tmp_path / "a", "w+b") as file:
        minitorch.save(state(), file)
        file.seek(0)
        assert minitorch.load(file)["w"].tolist() == [0, 1, 2, 3, 4]
    with open(tmp_path / "b", "wb", buffering=0) as file:
        minitorch.save(state(), file)
    assert minitorch.load(tmp_path / "b")["lr"] == (0.1, None)
    with gzip.open(tmp_path / "c.gz", "wb") as file:
        minitorch.save(state(), file)
    with gzip.open(tmp_path / "c.gz", "rb") as file:
        assert minitorch.load(file)["lr"] == (0.1, None)
    with tempfile.SpooledTemporaryFile() as file:
        minitorch.save(state(), file)
        file.seek(0)
        assert minitorch.load(file)["lr"] == (0.1, None)


def test_a_stream_is_written_and_read_from_where_it_stands():
    stream = io.BytesIO()
    stream.write(b"mine")
    minitorch.save(state(), stream)
    stream.seek(4)
    assert minitorch.load(stream)["lr"] == (0.1, None)


class OneWay:
    """Takes a few bytes at a time, or does not say how many, and cannot go back."""

    def __init__(self, at_once: int | None):
        self.at_once, self.data = at_once, b""

    def write(self, part: Any) -> int | None:
        taken = bytes(part[: self.at_once])
        self.data += taken
        return None if self.at_once is None else len(taken)


@pytest.mark.parametrize("at_once", [1, 7, None])
def test_a_stream_need_neither_go_back_nor_take_all_at_once(at_once):
    stream = OneWay(at_once)
    minitorch.save(state(), stream)
    assert stream.data == saved().getvalue()


def test_a_stream_that_ended_says_how_to_go_back():
    stream = io.BytesIO()
    minitorch.save(state(), stream)
    with pytest.raises(CheckpointError, match=r"BytesIO: the file is empty, .*seek\(0\)"):
        minitorch.load(stream)


def test_a_damaged_stream_is_refused():
    data = bytearray(saved().getvalue())
    data[-1] ^= 1
    with pytest.raises(CheckpointError, match="BytesIO: tensor 'n' is damaged"):
        minitorch.load(io.BytesIO(data))
    with pytest.raises(CheckpointError, match="truncated"):
        minitorch.load(io.BytesIO(data[:-1]))
    with pytest.raises(CheckpointError, match="pickle"):
        minitorch.load(io.BytesIO(b"\x80\x04" + bytes(100)))


def test_the_digest_of_a_stream_is_that_of_what_is_read_from_it():
    data = saved().getvalue()
    stream = io.BytesIO(b"mine" + data)
    stream.seek(4)
    right = hashlib.sha256(data).hexdigest()
    assert minitorch.load(stream, sha256=right)["lr"] == (0.1, None)
    with pytest.raises(CheckpointError, match="its SHA-256 is"):
        minitorch.load(saved(), sha256="0" * 64)


def test_what_cannot_be_saved_leaves_the_stream_alone():
    stream = io.BytesIO()
    with pytest.raises(TypeError):
        minitorch.save({"f": print}, stream)
    assert stream.getvalue() == b""


def test_files_for_text_are_refused(tmp_path: Path):
    with pytest.raises(TypeError, match=r"save\(obj, path\): this file is open for text"):
        minitorch.save(state(), io.StringIO())
    (tmp_path / "t").write_text("x")
    with open(tmp_path / "t") as file, pytest.raises(TypeError, match="open for text"):
        minitorch.load(file)
    with pytest.raises(
        TypeError, match=r"load\(path\): path is a int, expected .* or an open file"
    ):
        minitorch.load(3)


def test_torch_reads_what_was_saved_to_a_stream():
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    read = safetensors.load(saved().getvalue())
    assert torch.equal(read["w"], torch.arange(5.0))
    stream = io.BytesIO(safetensors.save({"w": torch.ones(2)}))
    assert np.array_equal(minitorch.load(stream)["w"].numpy(), [1, 1])
