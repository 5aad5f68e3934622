"""What the tests of the stand-in share: one host array, its upload, and a comparison."""

from typing import Any

import numpy as np

from tests.fakecupy.array import ndarray
from tests.fakecupy.modules import cupy
from tests.fakecupy.state import counters

HOST = np.arange(6.0).reshape(2, 3)


def fresh() -> ndarray:
    """`HOST` on the GPU, with the counters at zero."""
    x = cupy.asarray(HOST)
    counters.reset()
    return x


def same(array: ndarray, expected: Any) -> None:
    """The array is the stand-in's, of that dtype, shape and content."""
    assert type(array) is ndarray
    expected = np.asarray(expected)
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array.get(), expected)
