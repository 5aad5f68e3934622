"""Sequences of different lengths in one batch: filled up to the longest, or packed without filling.

A padded batch is one tensor, and all its steps are worked on; `unpad_sequence` cuts it back. A
packed one holds each step of each sequence once. Packing and padding only move rows, so gradients
go back the way the rows came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from minitorch.array import move
from minitorch.dtypes import float16, float32, float64
from minitorch.ops.arrange import pad
from minitorch.ops.index import setitem
from minitorch.ops.join import stack, unbind
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.traced import known

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

# filled up -------------------------------------------------------------------------------------


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


# sequences that stop at different steps --------------------------------------------------------


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(_Packed):
    """Sequences without any filling, step by step: what all have at step 0, at step 1, and so on.

    The longest sequence comes first, so those that still run at a step are the first of the batch.
    `nn.RNN`, `nn.LSTM` and `nn.GRU` take one, and give one back.

    Attributes:
        data: (Σ L, *), the rows of step 0, then those of step 1, ...
        batch_sizes: (T,), how many sequences run at each step; ints on the host.
        sorted_indices: (N,), which sequence of the batch stands at each place; None where they
            came longest first. On the host too: they say where to look.
        unsorted_indices: (N,), the place of each sequence; undoes sorted_indices.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        """The four fields; `unsorted_indices` follow from `sorted_indices`."""
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same with the data on another device or in another dtype, as `Tensor.to` takes it."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cpu(self) -> Self:
        """The same with the data in the host's memory."""
        return self.to("cpu")

    def cuda(self, device: int = 0) -> Self:
        """The same with the data on a GPU."""
        return self.to(f"cuda:{device}")

    def double(self) -> Self:
        """The same in float64."""
        return self.to(float64)

    def float(self) -> Self:
        """The same in float32."""
        return self.to(float32)

    def half(self) -> Self:
        """The same in float16."""
        return self.to(float16)

    @property
    def is_cuda(self) -> bool:
        """Is the data on a GPU?"""
        return self.data.is_cuda


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Leaves the filling out of padded sequences: (T, N, *) to a `PackedSequence` of Σ L rows.

    Args:
        input: (T, N, *), or (N, T, *) with batch_first; what lies behind a length is not read.
        lengths: L of each, N of them, at least 1. In a compiled step they are ints, which the
            program is written for.
        batch_first: where N stands in the input.
        enforce_sorted: the longest must come first, and the lengths never rise; with False they
            come in any order, and the result remembers it.

    Raises:
        ShapeError: not as many lengths as sequences.
        ValueError: a length is below 1 or above T.
        RuntimeError: the lengths rise, and enforce_sorted is True.

    >>> import minitorch
    >>> x = minitorch.tensor([[1, 2, 3], [4, 0, 0]])
    >>> packed = pack_padded_sequence(x, [3, 1], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """
    x = input.transpose(0, 1) if batch_first else input
    sizes = _checked_lengths(lengths, tuple(x.shape[:2]))
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
    elif (sizes[1:] > sizes[:-1]).any():
        raise RuntimeError(
            f"pack_padded_sequence: lengths {sizes.tolist()} rise, and enforce_sorted is True; "
            "put the longest sequence first, or pass enforce_sorted=False"
        )
    running = (sizes > np.arange(sizes[0])[:, None]).sum(1)
    step, place = rows_of(running)
    data = x[step, place if order is None else order[place]]
    return PackedSequence(data, make(running), None if order is None else make(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undoes `pack_padded_sequence`: the padded sequences, in their first order, and their lengths.

    Args:
        sequence: what was packed.
        batch_first: the result is (N, T, *), not (T, N, *).
        padding_value: what fills the shorter ones up.
        total_length: T, to give all parts of a larger batch one shape; else the longest length.

    Raises:
        ValueError: total_length is less than the longest sequence.

    >>> import minitorch
    >>> packed = pack_sequence([minitorch.tensor([1, 2, 3]), minitorch.tensor([4])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    data, running = sequence.data, on_host(sequence.batch_sizes)
    T = len(running) if total_length is None else total_length
    if len(running) > T:
        raise ValueError(
            f"pad_packed_sequence: total_length {T}, but the longest sequence has {len(running)}"
        )
    step, place = rows_of(running)
    lengths = lengths_of(running)
    order, back = sequence.sorted_indices, sequence.unsorted_indices
    if order is not None and back is not None:
        place, lengths = on_host(order)[place], lengths[on_host(back)]
    at = (place, step) if batch_first else (step, place)
    shape = (len(lengths), T) if batch_first else (T, len(lengths))
    return _filled(data, (*shape, *data.shape[1:]), at, padding_value), make(lengths)


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """`pack_padded_sequence` of sequences (L, *) that are not padded yet.

    >>> import minitorch
    >>> a, b = minitorch.tensor([1]), minitorch.tensor([2, 3])
    >>> pack_sequence([a, b], enforce_sorted=False).data
    tensor([2, 1, 3])
    """
    xs = list(sequences)
    padded = pad_sequence(xs)
    return pack_padded_sequence(padded, [len(x) for x in xs], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undoes `pack_sequence`: the sequences (L, *), in their first order."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number stands in a permutation of 0 .. N - 1; None for None.

    >>> import minitorch
    >>> invert_permutation(minitorch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else make(np.argsort(on_host(permutation)))


def on_host(sizes: Tensor) -> np.ndarray:
    """The numbers, which a GPU is waited for if it has them: where to look is settled here."""
    return move(known(raw(sizes)), "cpu")


def rows_of(batch_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step of each row of packed data, and its place in the batch."""
    first = np.cumsum(batch_sizes) - batch_sizes
    step = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    return step, np.arange(len(step)) - first[step]


def lengths_of(batch_sizes: np.ndarray) -> np.ndarray:
    """How many steps each place of the batch runs."""
    return (batch_sizes[:, None] > np.arange(batch_sizes[0])).sum(0)


def _checked_lengths(lengths: Tensor | Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    T, N = shape
    given = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if len(given) != N or not N:
        raise ShapeError(
            f"pack_padded_sequence: {len(given)} lengths for {N} sequences, expected one for each, "
            "and one sequence or more"
        )
    for i, length in enumerate(given):
        if not 1 <= length <= T:
            raise ValueError(
                f"pack_padded_sequence: lengths[{i}] is {length}, expected 1 to {T}, the length of "
                "what is padded"
            )
    return np.array(given, np.int64)


def _filled(data: Tensor, shape: tuple[int, ...], at: tuple, value: float) -> Tensor:
    """The rows of data at their places among filling."""
    return setitem(make(np.full_like(data.array, value, shape=shape)), data, at)
