"""Attention as a layer: each position asks all others, several questions at a time."""

from __future__ import annotations

import math
from typing import Any

import minitorch.nn.functional as F
from minitorch.dtypes import FLOATING
from minitorch.nn.dropout import check_share
from minitorch.nn.init import xavier_normal, xavier_uniform, zeros
from minitorch.nn.layer import TORCH_WEIGHT, Init, Layer, check_size
from minitorch.nn.linear import Linear
from minitorch.ops.attention import attended
from minitorch.ops.compare import where
from minitorch.ops.join import cat
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor

# What the weights of the projections start from unless told otherwise, as in torch.
XAVIER: Init = xavier_uniform()


class MultiheadAttention(Layer):
    """y = W_o (o_1, ..., o_heads) + b_o,   o_h = softmax(q_h k_hᵀ / √d) v_h

    Query, key and value are projected, q = W_q x + b_q and so on, and divided among the heads, d =
    embed_dim / num_heads numbers to each; every head attends by itself. Vaswani et al. 2017.

    Where a query has no key left to attend to, all weights are 0 (torch: nan).

    Args:
        embed_dim: E, the size of a query and of an output. It is not inferred, as it is both.
        num_heads: into how many heads E is divided.
        dropout: in training, the share of the weights that is dropped.
        bias: False leaves all biases out.
        add_bias_kv: one more key and value, which are trained, and which no mask hides.
        add_zero_attn: one more key and value of zeros, for a query that wants to attend to nothing.
        kdim: the size of a key; E unless given.
        vdim: the size of a value; E unless given.
        batch_first: inputs and outputs are (N, L, E) and not (L, N, E).
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        weights: the init function of W_q, W_k and W_v, Xavier's by default; W_o is drawn as a
            Linear's, and biases are 0.
        generator: the stream the initial values come from.

    Attributes:
        in_proj_weight: (3 E, E), which is W_q, W_k and W_v one below the other.
        q_proj_weight, k_proj_weight, v_proj_weight: in its place where kdim or vdim is not E.
        in_proj_bias: (3 E,), or None.
        bias_k, bias_v: (1, 1, E), with add_bias_kv, or None.
        out_proj: W_o and b_o, a `Linear`.

    Raises:
        ValueError: num_heads does not divide embed_dim, a size is below 1, or dropout not a share.

    >>> import minitorch
    >>> from minitorch import nn
    >>> attention = nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = minitorch.ones(3, 5, 8)
    >>> y, weights = attention(x, x, x)
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init = XAVIER,
        generator: Generator | None = None,
    ):
        who = "MultiheadAttention"
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        for name in ("embed_dim", "num_heads", "kdim", "vdim"):
            check_size(who, name, getattr(self, name))
        if embed_dim % num_heads:
            raise ValueError(f"{who}: num_heads {num_heads} does not divide embed_dim {embed_dim}")
        check_share(who, "dropout", dropout)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        packed = self.kdim == self.vdim == embed_dim
        self.declare(
            in_proj_weight=weights if packed else None,
            q_proj_weight=None if packed else weights,
            k_proj_weight=None if packed else weights,
            v_proj_weight=None if packed else weights,
            in_proj_bias=zeros() if bias else None,
            bias_k=xavier_normal() if add_bias_kv else None,
            bias_v=xavier_normal() if add_bias_kv else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )
        self.out_proj = Linear(
            *(embed_dim, embed_dim, bias, device, dtype),
            weights=TORCH_WEIGHT,
            biases=zeros(),
            generator=generator,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the projections."""
        E = self.embed_dim
        return {
            "in_proj_weight": (3 * E, E),
            "q_proj_weight": (E, E),
            "k_proj_weight": (E, self.kdim),
            "v_proj_weight": (E, self.vdim),
            "in_proj_bias": (3 * E,),
            "bias_k": (1, 1, E),
            "bias_v": (1, 1, E),
        }

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output, in the shape of the query, and the weights of the keys, or None.

        Args:
            query: (L, N, E), (N, L, E) with batch_first, or (L, E).
            key: (S, N, kdim), and so on.
            value: (S, N, vdim), and so on.
            key_padding_mask: (N, S) or (S,): bools, True for keys that take *no* part, or floats
                that are added. As in torch the bools mean the opposite of those of
                `scaled_dot_product_attention`.
            need_weights: return the weights too, (N, L, S). Without them it is a little faster.
            attn_mask: (L, S), or (N num_heads, L, S): the same for pairs of query and key.
            average_attn_weights: the mean over the heads; False gives (N, num_heads, L, S).
            is_causal: query i sees the keys 0 to i and no later ones, beside what the masks say.
        """
        self._check(query, key, value)
        q, k, v = map(self._by_head, self._projected(query, key, value))
        mask, causal = self._mask(q, k, attn_mask, key_padding_mask, is_causal)
        if self.bias_k is not None or self.add_zero_attn:
            mask, causal = self._seen_too(q, k, mask, causal), False
            k, v = self._with_more(k, self.bias_k), self._with_more(v, self.bias_v)
        dropped = self.dropout if self.training else 0.0
        if not need_weights:
            y = F.scaled_dot_product_attention(q, k, v, mask, dropped, causal)
            return self.out_proj(self._joined(y)), None
        y, weights = attended(q, k, v, mask, dropped, causal)
        y = self.out_proj(self._joined(y))
        return y, weights.mean(-3) if average_attn_weights else weights

    # in and out of heads -----------------------------------------------------------------------

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """q, k and v; in one product where they are made of one tensor."""
        if query is key and key is value and self.in_proj_weight is not None:
            return F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        if self.in_proj_weight is None:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        else:
            weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return tuple(map(F.linear, (query, key, value), weights, biases))

    def _by_head(self, x: Tensor) -> Tensor:
        """(..., E) to (N, heads, L, d), or (heads, L, d) without a batch: views, no copies."""
        x = x.unflatten(-1, (self.num_heads, -1))
        if len(x.shape) == 3:
            return x.transpose(0, 1)
        return x.transpose(1, 2) if self.batch_first else x.permute(1, 2, 0, 3)

    def _with_more(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """The keys, or values, and behind them the one that is trained, and the one of zeros."""
        shape = (*x.shape[:-2], 1, x.shape[-1])
        more = [] if bias is None else [bias.reshape(*shape[-3:]).expand(*shape)]
        return cat([x, *more, *([x.new_zeros(shape)] if self.add_zero_attn else [])], -2)

    def _seen_too(self, q: Tensor, k: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
        """The mask for more keys, which every query sees."""
        if causal:
            mask = q.new_ones(q.shape[-2], k.shape[-2]).tril().bool()
        more = int(self.bias_k is not None) + int(self.add_zero_attn)
        return mask if mask is None else F.pad(mask, (0, more), value=mask.dtype.kind == "b")

    def _joined(self, y: Tensor) -> Tensor:
        """What the heads found, side by side, in the layout of the query."""
        if len(y.shape) == 3:
            y = y.transpose(0, 1)
        else:
            y = y.transpose(1, 2) if self.batch_first else y.permute(2, 0, 1, 3)
        return y.flatten(-2)

    # masks -------------------------------------------------------------------------------------

    def _mask(
        self,
        q: Tensor,
        k: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool,
    ) -> tuple[Tensor | None, bool]:
        """One mask that says what all of them say, and whether causality is left to the op."""
        L, S, batch = q.shape[-2], k.shape[-2], q.shape[:-3]
        masks = []
        if attn_mask is not None:
            per_head = (math.prod(batch) * self.num_heads, L, S)
            if attn_mask.shape not in ((L, S), per_head):
                raise ShapeError(
                    f"MultiheadAttention: attn_mask is {attn_mask.shape}, expected {(L, S)} or "
                    f"{per_head}, one for each head of each example"
                )
            masks.append(
                attn_mask.reshape(*batch, self.num_heads, L, S)
                if len(attn_mask.shape) == 3
                else attn_mask
            )
        if key_padding_mask is not None:
            if key_padding_mask.shape != (*batch, S):
                raise ShapeError(
                    f"MultiheadAttention: key_padding_mask is {key_padding_mask.shape}, expected "
                    f"{(*batch, S)}: a number for each key"
                )
            masks.append(key_padding_mask.reshape(*batch, 1, 1, S))
        if not masks:
            return None, is_causal
        if is_causal:
            masks.append(q.new_ones(L, S).triu(1).bool())
        for mask in masks:
            if mask.dtype.kind not in ("b", *FLOATING):
                raise TypeError(
                    f"MultiheadAttention: a mask is {mask.dtype}, expected bool (True takes no "
                    "part) or floats to add; try mask.bool()"
                )
        if all(mask.dtype.kind == "b" for mask in masks):
            hidden = masks[0]
            for mask in masks[1:]:
                hidden = hidden | mask
            return ~hidden, False
        added: Any = 0.0
        for mask in masks:
            added = added + (where(mask, -math.inf, 0.0) if mask.dtype.kind == "b" else mask)
        return added.to(q.dtype), False

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        wanted = zip((query, key, value), (self.embed_dim, self.kdim, self.vdim))
        axes = {len(x.shape) for x in (query, key, value)}
        fits = axes in ({2}, {3}) and all(x.shape[-1] == size for x, size in wanted)
        # (..., S): keys and values in pairs; (N): as many examples of each.
        fits = fits and key.shape[:-1] == value.shape[:-1]
        if fits and axes == {3}:
            batch = 0 if self.batch_first else 1
            fits = query.shape[batch] == key.shape[batch]
        if not fits:
            first = "(N, L" if self.batch_first else "(L, N"
            raise ShapeError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value "
                f"{value.shape}, expected {first}, {self.embed_dim}), "
                f"{first.replace('L', 'S')}, {self.kdim}) and {first.replace('L', 'S')}, "
                f"{self.vdim}), or all three without N"
            )
