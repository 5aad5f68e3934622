"""LocalResponseNorm, the normalization of AlexNet."""

from __future__ import annotations

import minitorch.nn.functional as F
from minitorch.nn.layer import check_size
from minitorch.nn.module import Module
from minitorch.tensor import Tensor


class LocalResponseNorm(Module):
    """y = x / (k + α mean x²)^β, the mean over `size` channels around each: (N, C, *) to the same.

    Krizhevsky, Sutskever and Hinton 2012.

    Args:
        size: how many neighbouring channels there are, itself included.
        alpha: α.
        beta: β.
        k: k.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.LocalResponseNorm(5)(minitorch.ones(2, 8, 4, 4)).shape
    (2, 8, 4, 4)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        check_size("LocalResponseNorm", "size", size)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Every place of the image on its own."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """All of it."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
