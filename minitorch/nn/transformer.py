"""The whole transformer: what an encoder found in one sequence, a decoder puts into another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import minitorch.nn.functional as F
from minitorch.creation import full
from minitorch.nn.decoder import TransformerDecoder, TransformerDecoderLayer
from minitorch.nn.encoder import TransformerEncoder, TransformerEncoderLayer
from minitorch.nn.init import xavier_uniform_
from minitorch.nn.module import Module
from minitorch.nn.norm import LayerNorm
from minitorch.ops.arrange import triu
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor


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
