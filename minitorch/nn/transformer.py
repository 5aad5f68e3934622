"""The transformer's encoder: attention lets positions talk, then each thinks for itself.

    x = x + attention(x),   x = x + W₂ f(W₁ x)

with a `LayerNorm` after each sum (as it was published) or before each branch (`norm_first`, which
trains deep stacks more easily). Vaswani et al. 2017, "Attention is all you need".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.array import float32
from minitorch.nn.attention import MultiheadAttention
from minitorch.nn.containers import ModuleList
from minitorch.nn.dropout import Dropout
from minitorch.nn.layer import activation_of, check_size
from minitorch.nn.linear import Linear
from minitorch.nn.module import Module
from minitorch.nn.norm import LayerNorm
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor, make


class TransformerEncoderLayer(Module):
    """Self-attention and a small network for each position, each added to what goes in.

    Args:
        d_model: E, the size of a position.
        nhead: the number of heads, which divides d_model.
        dim_feedforward: the size of W₁ x.
        dropout: in training, the share dropped of the weights, of f(W₁ x) and of both branches.
        activation: f, a function, a module, or "relu" or "gelu".
        layer_norm_eps: the ε of both norms.
        batch_first: inputs and outputs are (N, L, E) and not (L, N, E).
        norm_first: normalize what goes into a branch, not what comes out of the sum.
        bias: False leaves all biases out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        generator: the stream the initial values come from.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(minitorch.ones(3, 5, 8), is_causal=True).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ):
        drawn = {"bias": bias, "device": device, "dtype": dtype, "generator": generator}
        normed = {"eps": layer_norm_eps, "bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, batch_first=batch_first, **drawn
        )
        self.linear1 = Linear(d_model, dim_feedforward, **drawn)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **drawn)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, **normed)
        self.norm2 = LayerNorm(d_model, **normed)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation: Any = activation_of(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(L, N, E) to the same, or (N, L, E) with batch_first, or (L, E).

        Args:
            src: the positions.
            src_mask: (L, L): bools, True for what must *not* be looked at, or floats to add.
            src_key_padding_mask: (N, L): the same for positions that are mere filling.
            is_causal: no position looks at later ones.
        """
        attend = lambda x: self.dropout1(
            self.self_attn(*(x, x, x, src_key_padding_mask, False, src_mask), is_causal=is_causal)[
                0
            ]
        )
        think = lambda x: self.dropout2(
            self.linear2(self.dropout(self.activation(self.linear1(x))))
        )
        x = src
        if self.norm_first:
            x = x + attend(self.norm1(x))
            return x + think(self.norm2(x))
        x = self.norm1(x + attend(x))
        return self.norm2(x + think(x))


class TransformerEncoder(Module):
    """Copies of one encoder layer, one after the other, and a norm at the end if there is one.

    As in torch the copies start from the same numbers. For others in each, build the layers
    yourself: `nn.Sequential(layer(), layer())`, or give them new ones,
    `for layer in encoder.layers: layer.apply(init)`.

    Args:
        encoder_layer: the layer to be copied.
        num_layers: how many times.
        norm: applied to what comes out; `nn.LayerNorm(d_model)` goes with norm_first.
    """

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None
    ):
        check_size("TransformerEncoder", "num_layers", num_layers)
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The arguments are those of `TransformerEncoderLayer`, for all layers."""
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal)
        return x if self.norm is None else self.norm(x)


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
