"""Attention: every query takes a mean of the values, weighted by how well their keys match it."""

from __future__ import annotations

import math

from minitorch.array import device_of
from minitorch.casting import autocast
from minitorch.convert import cast
from minitorch.dtypes import FLOATING, float32
from minitorch.op import composite, op
from minitorch.ops.broadcast import sum_to
from minitorch.ops.dropout import dropout
from minitorch.ops.join import repeat_interleave
from minitorch.ops.matmul import matmul, times
from minitorch.ops.reduce import sum
from minitorch.ops.shape import transpose
from minitorch.tensor import ShapeError, Tensor, raw
from minitorch.words import np


@op(exact_dtype=True, autocast="low")
def attention_weights(query, key, attn_mask=None, *, is_causal=False, scale=None):
    """p = softmax(s q kᵀ + m), over the keys

    dL/dm = p (g - Σ g p) = u,   dL/dq = s u k,   dL/dk = s uᵀ q.

    The query is (..., L, E) and the key (..., S, E), whose axes in front broadcast; `scale` is s,
    1 / √E unless given. `attn_mask` goes with (..., L, S): bools, True where a key takes part, or
    floats m that are added. With `is_causal` query i sees the keys 0 to i. A query to which no key
    is left has weights of 0.

    >>> import minitorch
    >>> x = minitorch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> attention_weights(x, x, is_causal=True, scale=1.0)
    tensor([[1.0000, 0.0000],
            [0.2689, 0.7311]])
    """
    _check(query, key, attn_mask, is_causal)
    p = times(query * _scale(query, scale), key.swapaxes(-1, -2))
    if is_causal:
        p += np.triu(np.full_like(p, -np.inf, shape=p.shape[-2:]), 1)
    if attn_mask is not None:
        if attn_mask.dtype.kind == "b":
            attn_mask = np.where(attn_mask, np.zeros_like(p, shape=()), -np.inf)
        p += attn_mask
    if not p.size:
        return p
    top = p.max(axis=-1, keepdims=True)
    p -= np.where(top == -np.inf, 0, top)
    np.exp(p, out=p)
    total = p.sum(axis=-1, keepdims=True)
    p /= np.where(total == 0, 1, total)
    return p


def _weights_all(g, y, query, key, attn_mask_shape, scale, needs):
    u = y * (g - sum(g * y, -1, True))
    su = u * _scale(query, scale) if needs[0] or needs[1] else None
    return (
        sum_to(matmul(su, key), query.shape) if needs[0] else None,
        sum_to(matmul(transpose(su, -1, -2), query), key.shape) if needs[1] else None,
        sum_to(u, attn_mask_shape) if needs[2] else None,
    )


attention_weights.grad(_weights_all)


def _scale(query, scale):
    return 1 / math.sqrt(query.shape[-1]) if scale is None else scale


def _check(query, key, attn_mask, is_causal):
    who = "scaled_dot_product_attention"
    if min(query.ndim, key.ndim) < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"{who}: query {query.shape} and key {key.shape}, expected (..., L, E) and (..., S, E)"
        )
    if attn_mask is not None and is_causal:
        raise ValueError(
            f"{who}: give attn_mask or is_causal, not both; or one mask with both in it"
        )
    if attn_mask is not None and attn_mask.dtype.kind not in ("b", *FLOATING):
        raise TypeError(
            f"{who}: attn_mask is {attn_mask.dtype}, expected bool (True takes part) or floats to "
            "add; try attn_mask.bool()"
        )


def _for_each_head(query: Tensor, x: Tensor) -> Tensor:
    """Keys or values of fewer heads, repeated for the heads of the query that they serve."""
    heads, own = (tuple(a.shape[-3:-2]) for a in (query, x))
    if not own or not heads or not own[0] or heads[0] % own[0]:
        raise ShapeError(
            f"scaled_dot_product_attention: enable_gqa with query {query.shape} and {x.shape}, "
            "expected (..., heads, L, E), and a number of heads that divides the query's"
        )
    return x if heads == own else repeat_interleave(x, heads[0] // own[0], -3)


def _is_halved(*inputs: Tensor) -> bool:
    """Are they floats, all of the same 16 bits, and in the host's memory?"""
    dtype, where = inputs[0].dtype, device_of(raw(inputs[0]))
    halved = dtype.itemsize == 2 and dtype.kind in FLOATING and where.type == "cpu"
    return halved and all(x.dtype == dtype for x in inputs)


@composite(autocast="low")
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ / √E) v, of shape (..., L, V), for a value of (..., S, V).

    The arguments are those of `attention_weights`. `dropout_p` drops weights whenever it is not 0:
    leave it 0 outside of training. With `enable_gqa` the key and the value may have fewer heads, on
    axis -3, than the query: each serves several heads of the query in a row (grouped queries,
    Ainslie et al. 2023).

    On the CPU floats of 16 bits are computed with in float32, and only the result is rounded: the
    scores may well be beyond 65,504, where float16 ends.

    Raises:
        ValueError: shapes that do not fit, or both a mask and `is_causal`.
        TypeError: a mask of integers.
    """
    return attended(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)[0]


def attended(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor]:
    """The attention, and the weights, of which some may have been dropped."""
    if _is_halved(query, key, value):
        options = attn_mask, dropout_p, is_causal, scale, enable_gqa
        with autocast("cpu", enabled=False):
            q, k, v = [cast(x, dtype=float32) for x in (query, key, value)]
            y, weights = attended(q, k, v, *options)
        return cast(y, dtype=query.dtype), cast(weights, dtype=query.dtype)
    if enable_gqa:
        key, value = (_for_each_head(query, x) for x in (key, value))
    weights = attention_weights(query, key, attn_mask, is_causal=is_causal, scale=scale)
    if value.shape[-2:-1] != key.shape[-2:-1]:
        raise ShapeError(
            f"scaled_dot_product_attention: key {key.shape} and value {value.shape} differ in "
            "their number, on axis -2"
        )
    weights = dropout(weights, dropout_p) if dropout_p else weights
    return matmul(weights, value), weights
