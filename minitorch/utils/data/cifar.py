"""CIFAR-10: sixty thousand small colour photographs of ten things, from aeroplanes to lorries.

A. Krizhevsky, V. Nair and G. Hinton collected it (Learning Multiple Layers of Features from Tiny
Images, 2009). This reads the "binary version", six files in which every image is one byte of label
and 3,072 bytes of red, green and blue; the better known "python version" is a pickle, and is left
alone, because unpickling runs what the file says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minitorch.utils.data.common import DataError, Split, to_tensors
from minitorch.utils.data.download import Remote, fetch
from minitorch.utils.data.fourfiles import bases

if TYPE_CHECKING:
    from minitorch.tensor import Tensor

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
# The size and the hash are those that TensorFlow Datasets lists.
ARCHIVE = Remote(
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
FOLDER = "cifar-10-batches-bin"
NAMES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
IMAGES = 10_000  # in each file
_RECORD = 1 + 3 * 32 * 32


def cifar10(root: str | os.PathLike[str] | None = None, *, download: bool = False) -> Split[Tensor]:
    """CIFAR-10 as Tensors: 50,000 images to learn from and 10,000 to be judged by.

    Args:
        root: a folder that holds, itself or in `cifar10`, the archive cifar-10-binary.tar.gz or the
            folder cifar-10-batches-bin from it. Without it, the folder that the environment
            variable MINITORCH_DATA names is searched, then the user's cache.
        download: fetch the archive (170 MB) if it is missing, over https, and check its SHA-256.

    Returns:
        ``Split(x_train, y_train, x_valid, y_valid)``: images (N, 3, 32, 32) float32 in [0, 1],
        labels (N,) int64 in 0..9, whose names are in `minitorch.utils.data.cifar.CLASSES`. The
        images take 740 MB.

    Raises:
        DataError: if the files are missing, cannot be downloaded, or are others.
    """
    return to_tensors(cifar10_arrays(root, download=download))


def cifar10_arrays(
    root: str | os.PathLike[str] | None = None, *, download: bool = False
) -> Split[np.ndarray]:
    """What `cifar10` returns, as NumPy arrays: same arguments, same errors."""
    records = dict(_records(_locate(root, download)))
    train = np.concatenate([records[name] for name in NAMES[:-1]])
    return Split(*_parted(train), *_parted(records[NAMES[-1]]))


def _parted(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Records (N, 3073) as images (N, 3, 32, 32) in [0, 1] and labels (N,)."""
    images = records[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255)
    return images, records[:, 0].astype(np.int64)


def _records(place: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and records (N, 3073) of each of the six files, from their folder or their archive."""
    if place.is_dir():
        for name in NAMES:
            path = place / name
            if not path.is_file():
                raise DataError(f"{path}: missing; the folder holds {', '.join(NAMES)}")
            with path.open("rb") as file:
                yield name, _checked(str(path), file.read(IMAGES * _RECORD + 1))
        return
    found = set()
    for name, content in _members(place):
        found.add(name)
        yield name, _checked(f"{place}: {name}", content)
    if missing := [name for name in NAMES if name not in found]:
        raise DataError(f"{place}: {', '.join(missing)} not in the archive")


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The six files in the archive, read from it and not unpacked to any path it names."""
    import gzip  # here: most programs that import minitorch read no archive
    import tarfile
    import zlib

    wanted = {f"{FOLDER}/{name}": name for name in NAMES}
    try:
        with gzip.open(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
            for member in tar:
                name = wanted.pop(member.name, None)
                file = tar.extractfile(member) if name and member.isfile() else None
                if name and file:
                    yield name, file.read(IMAGES * _RECORD + 1)
            while unpacked.read(1 << 20):  # to the end, where gzip compares its checksum
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: damaged archive ({error}); fetch it again") from error


def _checked(where: str, content: bytes) -> np.ndarray:
    if len(content) != IMAGES * _RECORD:
        count = f"{len(content):,}" if len(content) < IMAGES * _RECORD else "more"
        raise DataError(
            f"{where}: expected {IMAGES:,} records of {_RECORD:,} = {IMAGES * _RECORD:,} bytes, "
            f"file has {count}"
        )
    records = np.frombuffer(content, np.uint8).reshape(IMAGES, _RECORD)
    if records[:, 0].max() > 9:
        at = int(records[:, 0].argmax())
        raise DataError(f"{where}: label {records[at, 0]} at position {at}, expected 0 to 9")
    return records


def _locate(root: str | os.PathLike[str] | None, download: bool) -> Path:
    """The folder of the six files, or the archive."""
    folders = [base / inner for base in bases(root) for inner in ("cifar10", "")]
    for folder in folders:
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
        if (folder / ARCHIVE.name).is_file():
            return folder / ARCHIVE.name
    home = folders[0]
    by_hand = f"put {ARCHIVE.name}, or the folder {FOLDER} from it, into {home}"
    if not download:
        looked = "\n  ".join(map(str, folders))
        raise DataError(
            f"CIFAR-10 is not in any of\n  {looked}\n"
            f"Call cifar10(download=True), or {by_hand}; digits() needs no files."
        )
    try:
        return fetch(ARCHIVE, MIRRORS, home)
    except DataError as error:
        raise DataError(f"{error}\nWithout a network, {by_hand}.") from error
