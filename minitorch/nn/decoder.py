"""The transformer's decoder, which looks back at itself and across at what was encoded.

    x = x + attention(x, x),   x = x + attention(x, memory),   x = x + W₂ f(W₁ x)

with a `LayerNorm` after each sum or before each branch, as in the encoder. Vaswani et al. 2017.
"""

from __future__ import annotations

from minitorch.nn.encoder import Branches, Stack
from minitorch.nn.module import Module
from minitorch.tensor import Tensor


class TransformerDecoderLayer(Branches):
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

    attentions = ("self_attn", "multihead_attn")

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
        back = (tgt_key_padding_mask, False, tgt_mask)
        across = (memory_key_padding_mask, False, memory_mask)

        def look_back(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, *back, is_causal=tgt_is_causal)[0]

        def look_across(x: Tensor) -> Tensor:
            return self.multihead_attn(x, memory, memory, *across, is_causal=memory_is_causal)[0]

        return self.add(tgt, look_back, look_across, self.think)


class TransformerDecoder(Stack):
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
        super().__init__(decoder_layer, num_layers, norm)

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
        return self.through(
            *(tgt, memory, tgt_mask, memory_mask),
            *(tgt_key_padding_mask, memory_key_padding_mask),
            *(bool(tgt_is_causal), memory_is_causal),
        )
