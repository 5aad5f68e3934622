"""Exercises of lesson 14. Fill in the functions; `python -m lessons check 14` looks at them."""

import numpy as np

from minitorch import Tensor, nn


def precision_and_recall(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers for each class, from a confusion matrix (row: the truth, column: the guess).

    The recall of k is the share, among the images that are a k, of those read as k. The precision
    of k is the share, among the images read as k, of those that are a k. Where there are no such
    images it is 0.

    For [[3, 1], [0, 4]] the precisions are [1., 0.8], the recalls [0.75, 1.].
    """
    raise NotImplementedError


def moved(x: Tensor, down: int, right: int, paper: float) -> Tensor:
    """Images (N, C, H, W), moved by whole pixels; negative numbers move up and to the left.

    What leaves the image is lost, and what comes in is `paper`. x stays as it is. An image may be
    moved out completely.

    For the image [[1., 2.], [3., 4.]], one down and paper 0. it is [[0., 0.], [1., 2.]].
    """
    raise NotImplementedError


def accuracy_without(model: nn.Module, x: Tensor, y: Tensor, k: int) -> float:
    """The share of the images x that is read right when filter k of `model.cv1` is switched off.

    Off means that its answer is 0 at every place of every image. Afterwards the model is what it
    was, to the last bit. A model's scores have shape (N, classes), y is (N,).
    """
    raise NotImplementedError


def calibration(p: np.ndarray, right: np.ndarray, bins: int) -> np.ndarray:
    """How often guesses are right, by how sure they were: (bins,).

    p are the probabilities of N guesses, right says of each whether it was right. [0, 1] is cut
    into bins of equal width, each with its left end; the last has its right end, too. The result is
    the share of right guesses in each bin, nan where a bin is empty.

    For p = [0.2, 0.3, 0.5, 1.], right = [False, True, True, True] and 2 bins it is [0.5, 1.].
    """
    raise NotImplementedError
