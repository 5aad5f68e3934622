"""`save` and `load`: nested dicts and lists of tensors, numbers and strings, in one file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOBase
from typing import Any

from minitorch.array import device as as_device
from minitorch.array import move
from minitorch.errors import CheckpointError
from minitorch.io import safe
from minitorch.io.file import replacing
from minitorch.io.tree import pack, unpack
from minitorch.tensor import make

Device = Any  # a device or its name
Stream = Any  # an open binary file, or what is used like one: io.BytesIO()


def save(obj: Any, path: str | os.PathLike[str] | Stream) -> None:
    """Writes `obj` to one file, all of it or nothing.

    The file is a safetensors file: `safetensors.torch.load_file(path)` reads its tensors, under
    their paths in `obj`. So `save(model.state_dict(), path)` gives the keys of the state dict. A
    tensor that is there twice is written once, and is one tensor again when loaded. NumPy numbers
    become Python's; tensors on a GPU are read from there. Gradients and graphs are not kept.

    Whatever happens, the file at `path` is the old one or the new one, whole. Nothing in it is
    ever run: pickle has no part in this.

    Args:
        obj: tensors, NumPy arrays, ints, floats, strings, bools and None, in dicts (keys are
            strings or ints), lists and tuples, however nested.
        path: where to; a link is followed. Or an open binary file, which is written to from where
            it stands, and not made safe against what happens meanwhile.

    Raises:
        TypeError: there is something else in `obj`; the message names it and what to save instead.
        ValueError: it cannot be written so that it could be read.
        RuntimeError: a tensor in it has no numbers yet.
        OSError: the folder is missing or not writable, or the disk is full.

    >>> import minitorch.io, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/best.safetensors"
    ...     minitorch.io.save({"w": minitorch.ones(2), "lr": (0.1, None)}, path)
    ...     minitorch.io.load(path)
    {'w': tensor([1., 1.]), 'lr': (0.1, None)}
    """
    if hasattr(path, "write"):
        safe.write_on(_binary(path, "save(obj, path)"), *pack(obj))
        return
    path = _checked(path, "save(obj, path)")
    tree, arrays = pack(obj)
    with replacing(path) as draft:
        safe.write(draft, tree, arrays)


def load(
    path: str | os.PathLike[str] | Stream,
    map_location: Device = None,
    *,
    weights_only: bool = True,
    sha256: str | None = None,
) -> Any:
    """What was saved in the file at `path`, once every byte of it is known to be right.

    A safetensors file that other programs wrote holds tensors and no tree; it comes as a flat dict
    of tensors by name, and has no digests to be compared with.

    Args:
        path: the file. Or an open binary file, which is read from where it stands to its end.
        map_location: the device its tensors go to, whatever they were saved from; "cpu" by default.
            NumPy arrays stay NumPy arrays.
        weights_only: taken for torch's sake; nothing in a file is ever run here.
        sha256: what `sha256sum` prints of the right file, from a source that you trust; the
            digests inside find accidents, and no forger.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no file at `path`.
        CheckpointError: the file is damaged, is of another kind, was written by a later version or
            is not the one of `sha256`. Nothing has been changed by then.
    """
    where = as_device(map_location or "cpu")
    with _opened(path) as (file, size):
        if sha256 is not None:
            _check_digest(file, sha256)
        header = safe.read_header(file, size)
        arrays = safe.read_arrays(file, header)
        if header.digests is None:
            return {name: make(move(x, where)) for name, x in arrays.items()}
        return unpack(header.tree, arrays, where)


def load_form(path: str | os.PathLike[str]) -> Any:
    """The JSON form of what a file holds, without its tensors; None in a file by others.

    Raises:
        OSError, CheckpointError: as `load`, apart from damage to the tensors.
    """
    with _opened(path) as (file, size):
        return safe.read_header(file, size).tree


@contextmanager
def _opened(path: Any) -> Iterator[tuple[Any, int]]:
    """The file and its size; whatever is wrong with it is told with its name."""
    if hasattr(path, "read"):
        data = _binary(path, "load(path)").read()
        try:
            yield BytesIO(data), len(data)
        except CheckpointError as error:
            hint = "" if data else ", from where it stands: file.seek(0) goes back to its start"
            raise CheckpointError(f"load: {type(path).__name__}: {error}{hint}") from None
        return
    path = _checked(path, "load(path)")
    kind = os.stat(path).st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # open() says what a folder is
        raise CheckpointError(f"load: {path}: not a file but a pipe, a socket or a device")
    with open(path, "rb", buffering=0) as file:
        try:
            yield file, os.fstat(file.fileno()).st_size
        except CheckpointError as error:
            raise CheckpointError(f"load: {path}: {error}") from None


def _check_digest(file: Any, sha256: str) -> None:
    import hashlib

    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    if found != sha256.strip().lower():
        raise CheckpointError(f"its SHA-256 is {found}, expected {sha256}")


def _checked(path: Any, call: str) -> str:
    """The path as a string."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"{call}: path is a {type(path).__name__}, expected a string, a Path or an open file"
        )
    return os.fsdecode(path)


def _binary(stream: Any, call: str) -> Any:
    """The stream, which must be one of bytes."""
    if isinstance(stream, TextIOBase):
        raise TypeError(f"{call}: this file is open for text; open it with 'b': open(path, 'rb')")
    return stream
