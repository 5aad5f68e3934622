"""Data sets, and loaders that hand them out in batches, shuffled in an order that can be repeated.

A data set has samples with numbers; a sampler says in which order they are visited; a loader asks
for them, collates them into batches, and knows where it is.

>>> from minitorch.utils.data import DataLoader, TensorDataset, digits
>>> x_train, y_train, x_valid, y_valid = digits()
>>> loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True, seed=0)
>>> x, y = next(iter(loader))
>>> x.shape, y.shape, len(loader)
((64, 1, 8, 8), (64,), 23)
"""

from minitorch.utils.data.augment import (
    RandomApply,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    mixup,
)
from minitorch.utils.data.cifar import cifar10, cifar10_arrays
from minitorch.utils.data.collate import default_collate, default_convert
from minitorch.utils.data.colour import ColorJitter, GaussianNoise
from minitorch.utils.data.common import DataError, Split
from minitorch.utils.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minitorch.utils.data.digits import digits, digits_arrays
from minitorch.utils.data.fashion import fashion_mnist, fashion_mnist_arrays
from minitorch.utils.data.fetch import WorkerInfo, get_worker_info
from minitorch.utils.data.idx import read_idx
from minitorch.utils.data.images import CenterCrop, Grayscale, Pad, Resize, ToTensor
from minitorch.utils.data.loader import DataLoader
from minitorch.utils.data.mnist import mnist, mnist_arrays
from minitorch.utils.data.pickled import read_mnist_pickle
from minitorch.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from minitorch.utils.data.sequence import SequenceLoader, windows
from minitorch.utils.data.text import CharVocabulary, char_text
from minitorch.utils.data.toys import circles, moons, sine, spiral, xor
from minitorch.utils.data.transform import Compose, Normalize, normalize, stats
from minitorch.utils.data.warp import ElasticTransform, RandomAffine, RandomRotation

__all__ = [
    "BatchSampler",
    "CenterCrop",
    "CharVocabulary",
    "ColorJitter",
    "Compose",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "ElasticTransform",
    "GaussianNoise",
    "Grayscale",
    "IterableDataset",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSampler",
    "RandomVerticalFlip",
    "Resize",
    "Sampler",
    "SequenceLoader",
    "SequentialSampler",
    "Split",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "ToTensor",
    "WeightedRandomSampler",
    "WorkerInfo",
    "char_text",
    "cifar10",
    "cifar10_arrays",
    "circles",
    "default_collate",
    "default_convert",
    "digits",
    "digits_arrays",
    "fashion_mnist",
    "fashion_mnist_arrays",
    "get_worker_info",
    "mixup",
    "mnist",
    "mnist_arrays",
    "moons",
    "normalize",
    "random_split",
    "read_idx",
    "read_mnist_pickle",
    "sine",
    "spiral",
    "stats",
    "windows",
    "xor",
]
