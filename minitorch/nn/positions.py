"""Where a position stands, told by waves: attention alone sees a set and not a sequence."""

from __future__ import annotations

import math

import numpy as np

from minitorch.dtypes import float32
from minitorch.nn.dropout import Dropout
from minitorch.nn.layer import check_size
from minitorch.nn.module import Module
from minitorch.tensor import ShapeError, Tensor, make


class PositionalEncoding(Module):
    """y = dropout(x + p), where p tells the positions apart, which attention alone does not.

        p[t, 2i] = sin(t / 10000^(2i / d_model)),   p[t, 2i + 1] = cos of the same

    The sines turn ever more slowly, from one turn in 2 π positions to one in 10000 times that. A
    shift by some positions is one rotation for all of them. Vaswani et al. 2017.

    Args:
        d_model: the size of a position.
        dropout: in training, the share that is dropped of the sum.
        max_len: the number of positions there are waves for.
        batch_first: inputs are (N, L, d_model) and not (L, N, d_model).

    Attributes:
        pe: (max_len, d_model), a buffer that is not saved.
    """

    def __init__(
        self, d_model: int, dropout: float = 0.1, max_len: int = 5000, batch_first: bool = False
    ):
        check_size("PositionalEncoding", "d_model", d_model)
        check_size("PositionalEncoding", "max_len", max_len)
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        self.dropout = Dropout(dropout)
        self.register_buffer("pe", make(_waves(max_len, d_model)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(L, N, d_model) to the same, or (N, L, d_model) with batch_first, or (L, d_model)."""
        shape = x.shape
        time = 1 if self.batch_first and len(shape) == 3 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.d_model or shape[time] > self.max_len:
            axes = "(N, L" if self.batch_first else "(L, N"
            raise ShapeError(
                f"PositionalEncoding: input is {shape}, expected {axes}, {self.d_model}), or "
                f"without N, with L up to max_len {self.max_len}"
            )
        p = self.pe[: shape[time]]
        return self.dropout(x + (p if len(shape) == 2 or time else p.unsqueeze(1)))


def _waves(max_len: int, d_model: int) -> np.ndarray:
    """p, computed in float64: the angles reach max_len."""
    turns = np.exp(np.arange(0, d_model, 2) * (-math.log(10000) / d_model))
    angles = np.arange(max_len)[:, None] * turns
    p = np.empty((max_len, d_model), float32)
    p[:, 0::2] = np.sin(angles)
    p[:, 1::2] = np.cos(angles)[:, : d_model // 2]
    return p
