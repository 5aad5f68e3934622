"""Two sets of handwritten digits: one travels with the package, the other is MNIST itself.

>>> from minitorch.utils.data import digits_arrays
>>> x_train, y_train, x_valid, y_valid = digits_arrays()
>>> x_train.shape, x_valid.shape
((1438, 1, 8, 8), (359, 1, 8, 8))
"""

from minitorch.utils.data.common import DataError, Split
from minitorch.utils.data.digits import digits, digits_arrays
from minitorch.utils.data.idx import read_idx
from minitorch.utils.data.mnist import mnist, mnist_arrays

__all__ = [
    "DataError",
    "Split",
    "digits",
    "digits_arrays",
    "mnist",
    "mnist_arrays",
    "read_idx",
]
