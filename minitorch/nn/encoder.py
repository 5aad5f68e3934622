"""The transformer's encoder: attention lets positions talk, then each thinks for itself.

    x = x + attention(x),   x = x + W₂ f(W₁ x)

with a `LayerNorm` after each sum (as it was published) or before each branch (`norm_first`, which
trains deep stacks more easily). Vaswani et al. 2017, "Attention is all you need".
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.attention import MultiheadAttention
from minitorch.nn.containers import ModuleList
from minitorch.nn.dropout import Dropout
from minitorch.nn.layer import activation_of, check_size
from minitorch.nn.linear import Linear
from minitorch.nn.module import Module
from minitorch.nn.norm import LayerNorm
from minitorch.random import Generator
from minitorch.tensor import Tensor


class Branches(Module):
    """What the encoder's and the decoder's layer are made of: branches, each added to its input.

    There is one branch for each attention, then the small network; branch i has a norm and a
    dropout, `norm{i}` and `dropout{i}`. The arguments stand in the layers' own docstrings.
    """

    attentions: tuple[str, ...]

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
        numbers = range(1, len(self.attentions) + 2)
        for name in self.attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, batch_first=batch_first, **drawn
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, **drawn)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **drawn)
        self.norm_first = norm_first
        for i in numbers:
            setattr(self, f"norm{i}", LayerNorm(d_model, **normed))
        for i in numbers:
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation: Any = activation_of(activation)

    def add(self, x: Tensor, *branches: Callable[[Tensor], Tensor]) -> Tensor:
        """x = x + branch(x) for one branch after the other, each with its norm and its dropout."""
        for i, branch in enumerate(branches, start=1):
            norm, drop = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
            x = x + drop(branch(norm(x))) if self.norm_first else norm(x + drop(branch(x)))
        return x

    def think(self, x: Tensor) -> Tensor:
        """W₂ f(W₁ x), for each position by itself."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class Stack(Module):
    """Copies of one layer, one after the other, and a norm at the end if there is one."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None):
        check_size(type(self).__name__, "num_layers", num_layers)
        self.layers = ModuleList([deepcopy(layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def through(self, x: Tensor, *given: Any) -> Tensor:
        """x through all layers, each of which is given the same besides."""
        for layer in self.layers:
            x = layer(x, *given)
        return x if self.norm is None else self.norm(x)


class TransformerEncoderLayer(Branches):
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

    attentions = ("self_attn",)

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
        padding, mask = src_key_padding_mask, src_mask

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0]

        return self.add(src, attend, self.think)


class TransformerEncoder(Stack):
    """Copies of one encoder layer, one after the other, and a norm at the end if there is one.

    As in torch the copies start from the same numbers. For others in each, build the layers
    yourself: `nn.Sequential(layer(), layer())`, or give them new ones,
    `for layer in encoder.layers: layer.apply(init)`.

    Args:
        encoder_layer: the layer to be copied.
        num_layers: how many times.
        norm: applied to what comes out; `nn.LayerNorm(d_model)` goes with norm_first.
        enable_nested_tensor: accepted, and changes nothing: torch may leave padding out by it.
        mask_check: the same; torch looks whether it may.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The arguments are those of `TransformerEncoderLayer`, for all layers."""
        return self.through(src, mask, src_key_padding_mask, is_causal)
