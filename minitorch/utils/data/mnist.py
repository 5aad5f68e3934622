"""MNIST: seventy thousand handwritten digits, the set on which networks like ours learned to read.

Y. LeCun, C. Cortes and C. J. C. Burges made it from NIST's Special Databases 1 and 3, with
different writers in the training and the test part. It is four files, about 11 MB, which are read
from your disk and downloaded only when asked.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from minitorch.utils.data.common import DataError, Split, to_tensors
from minitorch.utils.data.download import Remote, fetch
from minitorch.utils.data.idx import read_idx

if TYPE_CHECKING:
    from minitorch.tensor import Tensor

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class _File(NamedTuple):
    kind: Literal["images", "labels"]
    shape: tuple[int, ...]
    remote: Remote


# In the order of Split. The hashes are of the original files, as TensorFlow Datasets lists them.
FILES = (
    _File(
        "images",
        (60_000, 28, 28),
        Remote(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
    ),
    _File(
        "labels",
        (60_000,),
        Remote(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
    ),
    _File(
        "images",
        (10_000, 28, 28),
        Remote(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
    ),
    _File(
        "labels",
        (10_000,),
        Remote(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
)


def mnist(root: str | os.PathLike[str] | None = None, *, download: bool = False) -> Split[Tensor]:
    """MNIST as Tensors: 60,000 images to learn from and 10,000 to be judged by.

    Args:
        root: a folder that holds the four files, or holds them in ``mnist`` or, as torchvision
            leaves them, in ``MNIST/raw``. Without it, the folder that the environment variable
            MINITORCH_DATA names is searched, then the user's cache. Files may be gzipped or not.
        download: fetch what is missing, over https, into the folder ``mnist`` of the first of
            these, and check its SHA-256.

    Returns:
        ``Split(x_train, y_train, x_valid, y_valid)``: images (N, 1, 28, 28) float32 in [0, 1],
        labels (N,) int64 in 0..9. The images of both parts take 220 MB.

    Raises:
        DataError: if files are missing, cannot be downloaded, or are not MNIST's: the message
            says which, and where to put them by hand.

    Files already in place are accepted when their headers and sizes are right; the hash is asked
    only of a download.
    """
    return to_tensors(mnist_arrays(root, download=download))


def mnist_arrays(
    root: str | os.PathLike[str] | None = None, *, download: bool = False
) -> Split[np.ndarray]:
    """What `mnist` returns, as NumPy arrays: same arguments, same errors."""
    x_train, y_train, x_valid, y_valid = map(_read, FILES, _locate(root, download))
    return Split(_images(x_train), _labels(y_train), _images(x_valid), _labels(y_valid))


def _images(values: np.ndarray) -> np.ndarray:
    """(N, 28, 28) in 0..255 to (N, 1, 28, 28) in [0, 1]."""
    return values[:, None] / np.float32(255)


def _labels(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64)


def _read(file: _File, path: Path) -> np.ndarray:
    """The values of one of the four files, checked against what MNIST is."""
    values = read_idx(path, file.kind, max_bytes=math.prod(file.shape))
    if values.shape != file.shape:
        found, wanted = ("x".join(map(str, shape)) for shape in (values.shape, file.shape))
        raise DataError(f"{path}: holds {found} {file.kind}, MNIST's file has {wanted}")
    if file.kind == "labels" and values.max() > 9:
        at = int(values.argmax())
        raise DataError(f"{path}: label {values[at]} at position {at}, expected 0 to 9")
    return values


def _locate(root: str | os.PathLike[str] | None, download: bool) -> list[Path]:
    """The four files, in the order of FILES, all from one folder."""
    folders = [base / inner for base in _bases(root) for inner in ("mnist", "", "MNIST/raw")]
    for folder in folders:
        paths = [path for file in FILES if (path := _find(folder, file))]
        if len(paths) == len(FILES):
            return paths
    home = folders[0]
    names = ", ".join(file.remote.name for file in FILES)
    by_hand = f"put {names} (or the same without .gz) into {home}; digits() needs no files"
    if not download:
        looked = "\n  ".join(map(str, folders))
        raise DataError(
            f"MNIST's four files are not together in any of\n  {looked}\n"
            f"Call mnist(download=True), or {by_hand}."
        )
    try:
        return [_find(home, file) or fetch(file.remote, MIRRORS, home) for file in FILES]
    except DataError as error:
        raise DataError(f"{error}\nWithout a network, {by_hand}.") from error


def _bases(root: str | os.PathLike[str] | None) -> list[Path]:
    if root is not None:
        return [Path(root)]
    named = os.environ.get("MINITORCH_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "minitorch"
    return [Path(named), cache] if named else [cache]


def _find(folder: Path, file: _File) -> Path | None:
    """The file under one of the names it goes by, or None."""
    plain = file.remote.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")  # as some archives unpack it
    for name in (file.remote.name, plain, dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None
