"""MNIST: seventy thousand handwritten digits, the set on which networks like ours learned to read.

Y. LeCun, C. Cortes and C. J. C. Burges made it from NIST's Special Databases 1 and 3, with
different writers in the training and the test part. It is four files, about 11 MB, which are read
from your disk and downloaded only when asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from minitorch.utils.data.common import Split, to_tensors
from minitorch.utils.data.download import Remote
from minitorch.utils.data.fourfiles import FourFiles, IdxFile

if TYPE_CHECKING:
    import numpy as np

    from minitorch.tensor import Tensor

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


# In the order of Split. The hashes are of the original files, as TensorFlow Datasets lists them.
FILES = (
    IdxFile(
        "images",
        (60_000, 28, 28),
        Remote(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
    ),
    IdxFile(
        "labels",
        (60_000,),
        Remote(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
    ),
    IdxFile(
        "images",
        (10_000, 28, 28),
        Remote(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
    ),
    IdxFile(
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
    four = FourFiles("MNIST", "mnist", ("mnist", "", "MNIST/raw"), FILES, MIRRORS)
    return four.read(root, download)
