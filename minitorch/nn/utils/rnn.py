"""Sequences of different lengths in one batch: filled up to the longest, and cut back again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minitorch.ops.arrange import pad
from minitorch.ops.join import stack, unbind
from minitorch.tensor import ShapeError, Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """N sequences (L, *) of different L as one tensor: (T, N, *), where T is the longest.

    Attention is kept from the filling by a key_padding_mask, and a loss by the target that its
    `ignore_index` names. Gradients go to the sequences alone.

    Args:
        sequences: Tensors that agree in everything but L.
        batch_first: the result is (N, T, *).
        padding_value: what fills the shorter ones up.
        padding_side: "right" fills at the end, "left" at the beginning.

    Raises:
        TypeError: the sequences are no Tensors.
        ValueError: there are none, or an unknown side.
        ShapeError: they differ in an axis other than the first, or have none.

    >>> import minitorch
    >>> a, b = minitorch.tensor([1, 2, 3]), minitorch.tensor([4])
    >>> pad_sequence([a, b], batch_first=True, padding_value=-1)
    tensor([[ 1,  2,  3],
            [ 4, -1, -1]])
    """
    xs = list(sequences)
    _check_sequences(xs, padding_side)
    longest = max(len(x) for x in xs)
    rest = (0, 0) * (xs[0].dim() - 1)
    filled = []
    for x in xs:
        missing = longest - len(x)
        ends = (missing, 0) if padding_side == "left" else (0, missing)
        filled.append(pad(x, (*rest, *ends), value=padding_value) if missing else x)
    return stack(filled, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """Undoes `pad_sequence` that filled at the right: the sequences (L, *), as views.

    Args:
        padded_sequences: (T, N, *), or (N, T, *) with batch_first.
        lengths: L of each, N of them.
        batch_first: where N stands.

    Raises:
        ShapeError: not as many lengths as sequences.
        ValueError: a length is negative or above T.

    >>> import minitorch
    >>> unpad_sequence(minitorch.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    xs = unbind(padded_sequences, 0 if batch_first else 1)
    if len(sizes) != len(xs):
        shape = tuple(padded_sequences.shape)
        raise ShapeError(
            f"unpad_sequence: {len(sizes)} lengths for padded_sequences {shape}, which holds "
            f"{len(xs)} sequences with batch_first={batch_first}"
        )
    for i, (x, size) in enumerate(zip(xs, sizes, strict=True)):
        if not 0 <= size <= len(x):
            raise ValueError(
                f"unpad_sequence: lengths[{i}] is {size}, expected 0 to {len(x)}, the length of "
                "what is padded"
            )
    return [x[:size] for x, size in zip(xs, sizes, strict=True)]


def _check_sequences(xs: list[Any], side: str) -> None:
    if side not in ("right", "left"):
        raise ValueError(f"pad_sequence: padding_side must be 'right' or 'left', got {side!r}")
    if not xs:
        raise ValueError("pad_sequence: expected at least one sequence, got none")
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"pad_sequence: sequences[{i}] must be a Tensor, got {type(x).__name__}"
            )
        if not x.dim() or x.shape[1:] != xs[0].shape[1:]:
            raise ShapeError(
                f"pad_sequence: sequences[{i}] is {tuple(x.shape)} and the first "
                f"{tuple(xs[0].shape)}; all must be (L, *), and differ in L alone"
            )
