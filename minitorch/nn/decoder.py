"""The transformer's decoder, which looks back at itself and across at what was encoded.

    x = x + attention(x, x),   x = x + attention(x, memory),   x = x + W₂ f(W₁ x)

with a `LayerNorm` after each sum or before each branch, as in the encoder. Vaswani et al. 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import minitorch.nn.functional as F
from minitorch.creation import full
from minitorch.nn.attention import MultiheadAttention
from minitorch.nn.containers import ModuleList
from minitorch.nn.dropout import Dropout
from minitorch.nn.init import xavier_uniform_
from minitorch.nn.layer import activation_of, check_size
from minitorch.nn.linear import Linear
from minitorch.nn.module import Module
from minitorch.nn.norm import LayerNorm
from minitorch.nn.transformer import TransformerEncoder, TransformerEncoderLayer
from minitorch.ops.arrange import triu
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the memory, and a small network for each position.

    Args:
        d_model: E, the size of a position.
        nhead: the number of heads, which divides d_model.
        dim_feedforward: the size of W₁ x.
        dropout: in training, the share dropped of the weights, of f(W₁ x) and of all branches.
        activation: f, a function, a module, or "relu" or "gelu".
        layer_norm_eps: the ε of the norms.
        batch_first: inputs and outputs are (N, T, E) and not (T, N, E).
        norm_first: normalize what goes into a branch, not what comes out of the sum.
        bias: False leaves all biases out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        generator: the stream the initial values come from.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(minitorch.ones(3, 5, 8), minitorch.ones(3, 7, 8), tgt_is_causal=True).shape
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
        heads = (d_model, nhead, dropout)
        self.self_attn = MultiheadAttention(*heads, batch_first=batch_first, **drawn)
        self.multihead_attn = MultiheadAttention(*heads, batch_first=batch_first, **drawn)
        self.linear1 = Linear(d_model, dim_feedforward, **drawn)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **drawn)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, **normed)
        self.norm2 = LayerNorm(d_model, **normed)
        self.norm3 = LayerNorm(d_model, **normed)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation: Any = activation_of(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(T, N, E) to the same, or (N, T, E) with batch_first, or (T, E).

        Args:
            tgt: the positions, T of them.
            memory: what the encoder found, S positions of size E.
            tgt_mask: (T, T): bools, True for what must *not* be looked at, or floats to add.
            memory_mask: (T, S): the same for the memory.
            tgt_key_padding_mask: (N, T): the same for positions that are mere filling.
            memory_key_padding_mask: (N, S): the same for the memory.
            tgt_is_causal: no position looks at later ones.
            memory_is_causal: position i looks at the memory's 0 to i.
        """
        look_back = lambda x: self._attend(
            *(self.self_attn, self.dropout1, x, x),
            *(tgt_mask, tgt_key_padding_mask, tgt_is_causal),
        )
        look_across = lambda x: self._attend(
            *(self.multihead_attn, self.dropout2, x, memory),
            *(memory_mask, memory_key_padding_mask, memory_is_causal),
        )
        think = lambda x: self.dropout3(
            self.linear2(self.dropout(self.activation(self.linear1(x))))
        )
        x = tgt
        for branch, norm in [
            (look_back, self.norm1),
            (look_across, self.norm2),
            (think, self.norm3),
        ]:
            x = x + branch(norm(x)) if self.norm_first else norm(x + branch(x))
        return x

    def _attend(
        self,
        attention: MultiheadAttention,
        dropout: Dropout,
        x: Tensor,
        seen: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        y, _ = attention(x, seen, seen, padding, False, mask, is_causal=is_causal)
        return dropout(y)


class TransformerDecoder(Module):
    """Copies of one decoder layer, one after the other, and a norm at the end if there is one.

    As in torch the copies start from the same numbers.

    Args:
        decoder_layer: the layer to be copied.
        num_layers: how many times.
        norm: applied to what comes out; `nn.LayerNorm(d_model)` goes with norm_first.
    """

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ):
        check_size("TransformerDecoder", "num_layers", num_layers)
        self.layers = ModuleList([deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The arguments are those of `TransformerDecoderLayer`, for all layers."""
        x = tgt
        for layer in self.layers:
            x = layer(
                *(x, memory, tgt_mask, memory_mask),
                *(tgt_key_padding_mask, memory_key_padding_mask),
                *(bool(tgt_is_causal), memory_is_causal),
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder and a decoder that looks at what the encoder found: one sequence into another.

    Matrices start from Xavier's uniform values, as in torch. Embeddings, positions and the last
    layer over a vocabulary are not part of it.

    Args:
        d_model: E, the size of a position.
        nhead: the number of heads, which divides d_model.
        num_encoder_layers: how many layers the encoder has.
        num_decoder_layers: how many the decoder has.
        dim_feedforward: the size of W₁ x in all of them.
        dropout: in training, the share that is dropped.
        activation: f, a function, a module, or "relu" or "gelu".
        custom_encoder: a module in the encoder's place.
        custom_decoder: a module in the decoder's place.
        layer_norm_eps: the ε of the norms.
        batch_first: inputs and outputs are (N, L, E) and not (L, N, E).
        norm_first: normalize what goes into a branch, not what comes out of the sum.
        bias: False leaves all biases out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        generator: the stream the initial values come from.

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Transformer(8, 2, 1, 1, dim_feedforward=16, batch_first=True)
    >>> source, target = minitorch.ones(3, 7, 8), minitorch.ones(3, 5, 8)
    >>> model(source, target, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ):
        layer: dict[str, Any] = {
            "dim_feedforward": dim_feedforward,
            "dropout": dropout,
            "activation": activation,
            "layer_norm_eps": layer_norm_eps,
            "batch_first": batch_first,
            "norm_first": norm_first,
            "bias": bias,
            "device": device,
            "dtype": dtype,
            "generator": generator,
        }
        normed: dict[str, Any] = {
            "eps": layer_norm_eps,
            "bias": bias,
            "device": device,
            "dtype": dtype,
        }
        if custom_encoder is None:
            custom_encoder = TransformerEncoder(
                TransformerEncoderLayer(d_model, nhead, **layer),
                num_encoder_layers,
                LayerNorm(d_model, **normed),
            )
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(
                TransformerDecoderLayer(d_model, nhead, **layer),
                num_decoder_layers,
                LayerNorm(d_model, **normed),
            )
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.dim() > 1:
                xavier_uniform_(p, generator=generator)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(S, N, E) and (T, N, E) to (T, N, E), or with N first, or without N.

        Args:
            src: what is encoded.
            tgt: what is decoded so far, each position in view of the encoded.
            src_mask: (S, S), as in `TransformerEncoderLayer`.
            tgt_mask: (T, T): most often `generate_square_subsequent_mask(T)`.
            memory_mask: (T, S), and all others as in `TransformerDecoderLayer`.
            src_key_padding_mask: (N, S).
            tgt_key_padding_mask: (N, T).
            memory_key_padding_mask: (N, S).
            src_is_causal: no position of src looks at later ones.
            tgt_is_causal: no position of tgt does.
            memory_is_causal: position i looks at the memory's 0 to i.

        Raises:
            ShapeError: src and tgt differ in the number of axes or in N, or are not of size E.
        """
        self._check(tuple(src.shape), tuple(tgt.shape))
        memory = self.encoder(src, src_mask, src_key_padding_mask, bool(src_is_causal))
        return self.decoder(
            *(tgt, memory, tgt_mask, memory_mask),
            *(tgt_key_padding_mask, memory_key_padding_mask),
            *(bool(tgt_is_causal), memory_is_causal),
        )

    def _check(self, src: tuple[int, ...], tgt: tuple[int, ...]) -> None:
        batch = 0 if self.batch_first else 1
        fits = len(src) == len(tgt) and len(src) in (2, 3)
        fits = fits and src[-1] == tgt[-1] == self.d_model
        if not fits or (len(src) == 3 and src[batch] != tgt[batch]):
            first = "(N, S" if self.batch_first else "(S, N"
            raise ShapeError(
                f"Transformer: src is {src} and tgt {tgt}, expected {first}, {self.d_model}) and "
                f"{first.replace('S', 'T')}, {self.d_model}), or both without N"
            )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz): -inf above the diagonal, where later positions are, and 0 elsewhere.

        >>> from minitorch import nn
        >>> nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[  0., -inf],
                [  0.,   0.]])
        """
        hidden = full((sz, sz), -math.inf, dtype=dtype, device=device or "cpu")
        return triu(hidden, 1)
