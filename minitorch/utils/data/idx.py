"""IDX is the file format MNIST came in: a few sizes, then the bytes, and nothing to trust.

    0 0 8 n        the magic number: unsigned bytes, n dimensions (3 for images, 1 for labels)
    n big-endian 32-bit sizes
    the values, last dimension fastest

A header is a claim made by a stranger. It is checked against the file before memory is given out.
"""

from __future__ import annotations

import io
import math
import os
import struct
from pathlib import Path
from typing import Literal

import numpy as np

from minitorch.utils.data.common import DataError

_DIMS = {"labels": 1, "images": 3}
_MAGIC = {kind: 0x0800 + dims for kind, dims in _DIMS.items()}
_GZIP = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # one byte of a deflate stream never unpacks to more than this many


def read_idx(
    path: str | os.PathLike[str],
    kind: Literal["images", "labels"] | None = None,
    *,
    max_bytes: int = 2**30,
) -> np.ndarray:
    """Read one IDX file of unsigned bytes, as it is or gzipped.

    Args:
        path: the file. Whether it is gzipped is read from its first bytes, not from its name,
            because browsers unpack files and keep the name.
        kind: ``"images"`` or ``"labels"`` if it must be that, None to take either.
        max_bytes: the most values the header may announce.

    Returns:
        uint8, shape (N, H, W) for images, (N,) for labels.

    Raises:
        DataError: if the file is empty, not IDX, of the other kind, shorter or longer than its
            header says, larger than ``max_bytes``, or a damaged gzip stream.
        OSError: if the file cannot be opened.
        ValueError: if ``kind`` is none of the above.
    """
    if kind is not None and kind not in _DIMS:
        raise ValueError(f"read_idx: kind is 'images', 'labels' or None, got {kind!r}")
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(2)
        file.seek(0)
        if start == _GZIP:
            return _read_gzip(path, file, kind, max_bytes, size)
        return _read(path, file, kind, max_bytes, size)


def _read_gzip(
    path: Path, file: io.BufferedIOBase, kind: str | None, max_bytes: int, size: int
) -> np.ndarray:
    import gzip  # here, because most programs that import minitorch never read such a file
    import zlib

    try:
        with gzip.open(file) as unpacked:
            return _read(path, unpacked, kind, max_bytes, size * _DEFLATE_LIMIT, exact=False)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file ({error}); fetch it again") from error


def _read(
    path: Path,
    file: io.BufferedIOBase,
    kind: str | None,
    max_bytes: int,
    size: int,
    exact: bool = True,
) -> np.ndarray:
    """The values of an open file of ``size`` bytes, or at most so many if not ``exact``."""
    shape, header_bytes = _header(path, file, kind)
    count, room = math.prod(shape), size - header_bytes  # Python's whole numbers never wrap around
    says = f"{path}: header says {'x'.join(map(str, shape))} = {count:,} bytes"
    if count == 0:
        raise DataError(f"{says}: there is nothing in it")
    if count > max_bytes:
        raise DataError(f"{says}, more than the limit of {max_bytes:,}")
    if exact and count != room:
        raise DataError(f"{says}, file has {room:,}")
    if count > room:
        raise DataError(f"{says}, file has at most {room:,}")

    values = np.empty(count, dtype=np.uint8)
    got = 0
    while got < count and (n := file.readinto(values.data[got:])):
        got += n
    if got < count:
        raise DataError(f"{says}, file has {got:,}")
    if file.read(1):  # which also makes gzip compare its checksum
        raise DataError(f"{says}, file has more")
    return values.reshape(shape)


def _header(path: Path, file: io.BufferedIOBase, kind: str | None) -> tuple[tuple[int, ...], int]:
    """The sizes, and how many bytes the header takes."""
    start = file.read(4)
    if not start:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    expected = [kind] if kind else list(_DIMS)
    found = int.from_bytes(start, "big")
    if len(start) < 4 or found not in [_MAGIC[name] for name in expected]:
        raise DataError(f"{path}: {_wrong_magic(start, expected)}")
    dims = start[3]
    sizes = file.read(4 * dims)
    if len(sizes) < 4 * dims:
        raise DataError(f"{path}: the header takes {4 + 4 * dims} bytes, file has {4 + len(sizes)}")
    return struct.unpack(f">{dims}I", sizes), 4 + 4 * dims


def _wrong_magic(start: bytes, expected: list[str]) -> str:
    wanted = " or ".join(f"{_MAGIC[name]} ({name})" for name in expected)
    found = int.from_bytes(start, "big")
    text = f"magic number {found}, expected {wanted}"
    if start.lstrip().startswith(b"<"):
        return f"{text}: the file starts with {start!r} and looks like a web page"
    for name, magic in _MAGIC.items():
        if found == magic:
            return f"{text}: these are {name}"
    return f"{text}: this is not an IDX file of unsigned bytes"
