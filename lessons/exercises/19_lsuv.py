"""Exercises of lesson 19. Fill in the functions; `python -m lessons check 19` looks at them."""

from collections.abc import Callable

import numpy as np


def settled(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """New (w, b) for which y = x w + b has mean 0 and deviation 1, over all its numbers together.

    Shapes: x (N, K), w (K, M), b (M,). The arrays that are given stay as they are.

    The new w is a multiple of the old one; b is shifted and scaled, by the same for all.
    """
    raise NotImplementedError


def settle_all(
    x: np.ndarray, weights: list[np.ndarray], f: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """New weights of a deep network without biases, x -> f(x w1) -> f(f(x w1) w2) -> ...

    Each product h w, before its f, is to have deviation 1. Scale one after another, from the first
    to the last. Means stay what they are, and the arrays that are given stay as they are.
    """
    raise NotImplementedError


def gain_of(f: Callable[[np.ndarray], np.ndarray], h: np.ndarray) -> float:
    """1 / √(mean of f(h)²): by how much the weights after f must be larger, for inputs h.

    For relu and h = [-1, 1, -1, 1] it is √2.
    """
    raise NotImplementedError
