"""Bags of words: the rows of a table, summed up, averaged or compared within each bag."""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import Array, device_of, move
from minitorch.op import composite
from minitorch.ops.compare import where
from minitorch.ops.lookup import embedding
from minitorch.ops.order import max
from minitorch.ops.reduce import sum
from minitorch.ops.shape import unsqueeze
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.words import np

MODES = ("sum", "mean", "max")


@composite()
def embedding_bag(
    input: Any,
    weight: Tensor,
    offsets: Any = None,
    mode: str = "mean",
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """y[b] = Σ, mean or max of weight[i] over the ids i of bag b; 0 for an empty bag.

    The bags are laid side by side, each filled up to the longest, so one long bag makes all long.

    Args:
        input: ids, (B, N) for B bags of N, or (n,) for all bags one after another.
        weight: the table, (rows, features).
        offsets: (B,), where in a flat input each bag starts; the first is 0.
        mode: "sum", "mean" or "max".
        per_sample_weights: in the shape of the input, what each row is multiplied by in a sum.
        include_last_offset: offsets is (B + 1,), and ends where the last bag does.
        padding_idx: an id that is taken for no word: it counts for nothing and gets no gradient.

    Raises:
        ValueError: an unknown mode, offsets that are missing, not wanted, or no places in order;
            weights with another mode than "sum".
        ShapeError: the input has not one or two axes, or the weights another shape.
        IndexError, TypeError: as in `embedding`.

    >>> import minitorch
    >>> table = minitorch.tensor([[1.0], [2.0], [4.0]])
    >>> minitorch.nn.functional.embedding_bag([0, 2, 1, 1], table, offsets=[0, 3], mode="sum")
    tensor([[7.],
            [2.]])
    """
    if mode not in MODES:
        raise ValueError(f"embedding_bag: mode must be one of {MODES}, got {mode!r}")
    ids = raw(input) if hasattr(raw(input), "dtype") else np.asarray(input, dtype=np.int64)
    if per_sample_weights is not None:
        _check_weights(tuple(ids.shape), tuple(per_sample_weights.shape), mode)
    within = None
    if _is_flat(tuple(ids.shape), offsets):
        place, inside = _places(offsets, ids.shape[0], include_last_offset)
        place, within = (move(x, device_of(ids)) for x in (place, inside))
        if place.shape[1]:
            ids = ids[place]
            if per_sample_weights is not None:
                per_sample_weights = per_sample_weights[make(place)]
        else:
            ids = place
    if padding_idx is not None:
        words = ids != padding_idx % weight.shape[0]
        within = words if within is None else within & words
    rows = embedding(ids, weight, padding_idx)
    if per_sample_weights is not None and ids.shape[1]:
        rows = rows * unsqueeze(per_sample_weights, -1)
    return _reduced(rows, within, mode)


def _reduced(rows: Tensor, within: Array | None, mode: str) -> Tensor:
    """(B, N, features) to (B, features), over the places that are within a bag."""
    n = rows.shape[1]
    if mode == "max" and n:
        if within is None:
            return max(rows, 1)[0]
        inside = make(within[..., None])
        filled = make(within.any(axis=1)[:, None])
        return where(filled, max(where(inside, rows, -math.inf), 1)[0], 0.0)
    if within is None:
        return sum(rows, 1) if mode != "mean" or not n else sum(rows, 1) / n
    total = sum(where(make(within[..., None]), rows, 0.0), 1)
    if mode != "mean":
        return total
    counts = np.maximum(within.sum(axis=1), 1).astype(rows.dtype)
    return total / make(counts[:, None])


def _is_flat(shape: tuple[int, ...], offsets: Any) -> bool:
    if len(shape) not in (1, 2):
        raise ShapeError(f"embedding_bag: input is {shape}, expected (B, N), or (n,) with offsets")
    if (offsets is None) == (len(shape) == 1):
        raise ValueError(
            f"embedding_bag: input {shape} is "
            + (
                "flat, so offsets must say where each bag starts"
                if len(shape) == 1
                else "divided into bags by its rows; leave offsets out, or flatten it"
            )
        )
    return len(shape) == 1


def _places(offsets: Any, n: int, include_last: bool) -> tuple[np.ndarray, np.ndarray]:
    """(B, longest): the places of each bag in the flat input, and which of them are in it."""
    marks = np.asarray(move(raw(offsets), "cpu") if isinstance(offsets, Tensor) else offsets)
    if marks.ndim != 1 or marks.dtype.kind not in "iu" or not marks.size:
        raise ValueError(
            f"embedding_bag: offsets must be a list of ints, got {marks.dtype} {marks.shape}"
        )
    ends = marks if include_last else np.append(marks, n)
    starts, sizes = ends[:-1], np.diff(ends)
    if marks[0] != 0 or (sizes < 0).any() or ends[-1] > n:
        raise ValueError(
            f"embedding_bag: offsets must start at 0, never fall, and end within the {n} ids, got "
            f"{marks.tolist()}"
        )
    longest = int(sizes.max()) if sizes.size else 0
    along = np.arange(longest)
    inside = along < sizes[:, None]
    return np.where(inside, starts[:, None] + along, 0), inside


def _check_weights(ids: tuple[int, ...], weights: tuple[int, ...], mode: str) -> None:
    if mode != "sum":
        raise ValueError(
            f"embedding_bag: per_sample_weights go with mode='sum', and mode is {mode!r}"
        )
    if weights != ids:
        raise ShapeError(
            f"embedding_bag: per_sample_weights is {weights}, expected the input's {ids}"
        )
