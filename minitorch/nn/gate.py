"""The gated linear unit as a module: half of the features decide how much of the others goes on."""

from __future__ import annotations

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.tensor import Tensor


class GLU(Module):
    """y = a σ(b), where a and b are the halves of the input along `dim`.

    Dauphin et al. 2017, "Language modeling with gated convolutional networks".

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.GLU()(minitorch.ones(3, 8)).shape
    (3, 4)
    """

    def __init__(self, dim: int = -1):
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"GLU: dim must be an int, got {dim!r}")
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The axis `dim` comes out half as long."""
        return F.glu(x, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"
