"""Every data set answers with the same four things, and complains with the same error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from minitorch.tensor import Tensor

A = TypeVar("A")


class DataError(ValueError):
    """A data file is missing, damaged, or not what its name says; the message names the file."""


class Split(NamedTuple, Generic[A]):
    """Images and labels to learn from, and others to be judged by.

    ``x_*`` are images, shape (N, C, H, W), float32 in [0, 1]; of digits, 0 is paper and 1 is ink.
    ``y_*`` are labels, shape (N,), int64 in 0..9.
    """

    x_train: A
    y_train: A
    x_valid: A
    y_valid: A


def to_tensors(arrays: Split[np.ndarray]) -> Split[Tensor]:
    """The same split as Tensors, which share the arrays' memory."""
    from minitorch import from_numpy  # here, so that reading files does not need the engine

    return Split(*map(from_numpy, arrays))
