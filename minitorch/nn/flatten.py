"""Flatten and Unflatten: several axes become one, and one becomes several."""

from __future__ import annotations

from collections.abc import Sequence

from minitorch.nn.module import Module
from minitorch.tensor import Tensor


class Flatten(Module):
    """The axes start_dim to end_dim as one: (N, C, H, W) to (N, C H W).

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Flatten()(minitorch.ones(64, 20, 4, 4)).shape
    (64, 320)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """A view where the layout allows it."""
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Both ends."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` as several, of the sizes given; one of them may be -1.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Unflatten(1, (20, 4, 4))(minitorch.ones(64, 320)).shape
    (64, 20, 4, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an int, got {dim!r}")
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"Unflatten: unflattened_size must be a tuple of ints, got {unflattened_size!r}"
            )
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """A view where the layout allows it."""
        return x.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
