"""Data sets in four IDX files, as MNIST came: found on the disk, checked, and fetched when asked.

Images and labels to learn from, then images and labels to be judged by.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minitorch.utils.data.common import DataError, Split
from minitorch.utils.data.download import Remote, fetch
from minitorch.utils.data.idx import read_idx


class IdxFile(NamedTuple):
    """One of the four: what is in it, and how it is fetched."""

    kind: Literal["images", "labels"]
    shape: tuple[int, ...]
    remote: Remote


class FourFiles(NamedTuple):
    """A data set in four files, in the order of Split."""

    name: str  # as its readers know it
    function: str  # which reads it
    folders: tuple[str, ...]  # where it may lie under a root; a download goes into the first
    files: Sequence[IdxFile]
    mirrors: Sequence[str]

    def read(self, root: str | os.PathLike[str] | None, download: bool) -> Split[np.ndarray]:
        """Images (N, 1, H, W) float32 in [0, 1] and labels (N,) int64, learnt from and held back.

        Raises:
            DataError: files are missing, cannot be downloaded, or are others.
        """
        x_train, y_train, x_valid, y_valid = map(
            self._values, self.files, self._locate(root, download)
        )
        return Split(_images(x_train), _labels(y_train), _images(x_valid), _labels(y_valid))

    def _values(self, file: IdxFile, path: Path) -> np.ndarray:
        """The values of one of the four files, checked against what the set is."""
        values = read_idx(path, file.kind, max_bytes=math.prod(file.shape))
        if values.shape != file.shape:
            found, wanted = ("x".join(map(str, shape)) for shape in (values.shape, file.shape))
            raise DataError(f"{path}: holds {found} {file.kind}, {self.name}'s file has {wanted}")
        if file.kind == "labels" and values.max() > 9:
            at = int(values.argmax())
            raise DataError(f"{path}: label {values[at]} at position {at}, expected 0 to 9")
        return values

    def _locate(self, root: str | os.PathLike[str] | None, download: bool) -> list[Path]:
        """The four files, in order, all from one folder."""
        folders = [base / inner for base in bases(root) for inner in self.folders]
        for folder in folders:
            paths = [path for file in self.files if (path := _find(folder, file))]
            if len(paths) == len(self.files):
                return paths
        home = folders[0]
        names = ", ".join(file.remote.name for file in self.files)
        by_hand = f"put {names} (or the same without .gz) into {home}; digits() needs no files"
        if not download:
            looked = "\n  ".join(map(str, folders))
            raise DataError(
                f"{self.name}'s four files are not together in any of\n  {looked}\n"
                f"Call {self.function}(download=True), or {by_hand}."
            )
        try:
            return [
                _find(home, file) or fetch(file.remote, self.mirrors, home) for file in self.files
            ]
        except DataError as error:
            raise DataError(f"{error}\nWithout a network, {by_hand}.") from error


def bases(root: str | os.PathLike[str] | None) -> list[Path]:
    """The folders under which data sets are looked for."""
    if root is not None:
        return [Path(root)]
    named = os.environ.get("MINITORCH_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "minitorch"
    return [Path(named), cache] if named else [cache]


def _images(values: np.ndarray) -> np.ndarray:
    """(N, 28, 28) in 0..255 to (N, 1, 28, 28) in [0, 1]."""
    return values[:, None] / np.float32(255)


def _labels(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64)


def _find(folder: Path, file: IdxFile) -> Path | None:
    """The file under one of the names it goes by, or None."""
    plain = file.remote.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")  # as some archives unpack it
    for name in (file.remote.name, plain, dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None
