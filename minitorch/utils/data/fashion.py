"""Fashion-MNIST: photographs of clothes where MNIST has digits, in files of the same form.

H. Xiao, K. Rasul and R. Vollgraf made it from Zalando's catalogue (2017, arXiv 1708.07747, MIT
licence) for those to whom MNIST has become too easy. It is 31 MB, read from your disk and
downloaded only when asked.
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

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

MIRRORS = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
)

# In the order of Split. Sizes and hashes are those that TensorFlow Datasets lists.
FILES = (
    IdxFile(
        "images",
        (60_000, 28, 28),
        Remote(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
    ),
    IdxFile(
        "labels",
        (60_000,),
        Remote(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
    ),
    IdxFile(
        "images",
        (10_000, 28, 28),
        Remote(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
    ),
    IdxFile(
        "labels",
        (10_000,),
        Remote(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
)


def fashion_mnist(
    root: str | os.PathLike[str] | None = None, *, download: bool = False
) -> Split[Tensor]:
    """Fashion-MNIST as Tensors: 60,000 images to learn from and 10,000 to be judged by.

    Args:
        root: a folder that holds the four files in `fashion-mnist` or, as torchvision leaves them,
            in `FashionMNIST/raw`. Without it, the folder that the environment variable
            MINITORCH_DATA names is searched, then the user's cache. Files may be gzipped or not.
        download: fetch what is missing, over https, and check its SHA-256.

    Returns:
        ``Split(x_train, y_train, x_valid, y_valid)``: images (N, 1, 28, 28) float32 in [0, 1],
        labels (N,) int64 in 0..9, whose names are in `minitorch.utils.data.fashion.CLASSES`.

    Raises:
        DataError: if files are missing, cannot be downloaded, or are others.

    MNIST's own files have the same names and sizes, so the folder's name is what tells them apart.
    """
    return to_tensors(fashion_mnist_arrays(root, download=download))


def fashion_mnist_arrays(
    root: str | os.PathLike[str] | None = None, *, download: bool = False
) -> Split[np.ndarray]:
    """What `fashion_mnist` returns, as NumPy arrays: same arguments, same errors."""
    folders = ("fashion-mnist", "FashionMNIST/raw")
    four = FourFiles("Fashion-MNIST", "fashion_mnist", folders, FILES, MIRRORS)
    return four.read(root, download)
