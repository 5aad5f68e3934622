"""Model answers to the exercises of lesson 23."""

import math
from collections.abc import Callable

import minitorch
from minitorch import Tensor


def window_attention(q: Tensor, k: Tensor, v: Tensor, width: int) -> Tensor:
    """The mask hides what is later, and what is too long ago; softmax sees to the sum."""
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    place = minitorch.arange(s.shape[-1])
    back = place[:, None] - place
    return s.masked_fill((back < 0) | (back >= width), -math.inf).softmax(-1) @ v


def distance_grad(g: Tensor, p: Tensor, v: Tensor) -> Tensor:
    """With u the gradient of the scores, dL/dm = -Σ u D; where j > i, u is 0 as p is."""
    dp = g @ v.T
    u = p * (dp - (p * dp).sum(-1, keepdim=True))
    place = minitorch.arange(len(p))
    return -(u * (place[:, None] - place)).sum()


def nucleus(p: Tensor, share: float) -> Tensor:
    """A letter is kept if what is more likely than it does not yet reach the share."""
    order = p.argsort(descending=True)
    likely = p[order]
    before = likely.cumsum(0) - likely
    kept = minitorch.zeros_like(p)
    kept[order] = likely * (before < share)
    return kept / kept.sum()


def looks_ahead(model: Callable[[Tensor], Tensor], ids: Tensor, V: int) -> bool:
    """Change one letter after another: nothing before it may change."""
    scores = model(ids)
    for t in range(1, ids.shape[1]):
        changed = ids.clone()
        changed[0, t] = (changed[0, t] + 1) % V
        if (model(changed) - scores)[0, :t].abs().max() > 1e-5:
            return True
    return False


def next_output(
    q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The new place sees itself, too, so its key and value are appended first."""
    keys = minitorch.cat([keys, k[:, None]], 1)
    values = minitorch.cat([values, v[:, None]], 1)
    s = (keys @ q[:, :, None])[..., 0] / math.sqrt(q.shape[-1])
    return (s.softmax(-1)[:, None] @ values)[:, 0], keys, values
