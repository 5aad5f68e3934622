"""Sequences for networks that predict what comes next, cut in one of two ways.

`windows` cuts overlapping pieces to be shuffled: each starts a network afresh. `SequenceLoader`
cuts the sequence into B streams that are read side by side: row b of one batch goes on where row b
of the batch before ended, so that a recurrent network can keep its state from batch to batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minitorch.array import strided
from minitorch.tensor import Tensor, make
from minitorch.utils.data.dataset import TensorDataset
from minitorch.utils.data.sampler import count


def windows(sequence: Tensor | np.ndarray, T: int, *, step: int = 1, lag: int = 1) -> TensorDataset:
    """Every piece of length T, with what comes `lag` later as its target.

    Sample i is x = s[i step : i step + T] and y = s[i step + lag : i step + lag + T]. All share the
    memory of the sequence.

    Args:
        sequence: s, of shape (n,) or (n, features).
        T: the length of a piece.
        step: how far apart pieces start; T makes them disjoint.
        lag: how far ahead the target lies.

    Raises:
        ValueError: the sequence is shorter than T + lag.

    >>> x, y = windows(np.arange(10), 4)[2]
    >>> x, y
    (tensor([2, 3, 4, 5]), tensor([3, 4, 5, 6]))
    """
    s = _array("windows", sequence)
    T, step = count("windows", T, "T"), count("windows", step, "step")
    lag = count("windows", lag, "lag")
    pieces = (len(s) - T - lag) // step + 1
    if len(s) < T + lag:
        raise ValueError(
            f"windows: a sequence of {len(s)} has no piece of T = {T} with a target {lag} later"
        )
    shape = (pieces, T, *s.shape[1:])
    strides = (step * s.strides[0], *s.strides)
    return TensorDataset(*(make(strided(part, shape, strides)) for part in (s, s[lag:])))


class SequenceLoader:
    """Batches (B, T) of a sequence, in B streams that go on from batch to batch.

    The sequence s is cut into B streams of length L = (n - lag) // B. Batch k holds columns kT to
    kT + T - 1 of this table, and its target y what comes `lag` later in s:

        stream 0    s[0]       s[1]       ...   s[L - 1]
        stream 1    s[L]       s[L + 1]   ...   s[2L - 1]
        ...
        stream B-1  s[(B-1)L]  ...              s[BL - 1]

    Args:
        sequence: s, of shape (n,) or (n, features).
        batch_size: B, the number of streams.
        T: the length of a piece, over which a recurrent network is unrolled.
        lag: how far ahead the target lies.
        drop_last: leave out a last batch with fewer than T columns.
        batch_first: batches are (B, T, ...); False makes them (T, B, ...).

    Raises:
        ValueError: the sequence is too short for B streams, or `drop_last` leaves no batch.

    Every epoch is the same; start the network's state anew with each.

    >>> for x, y in SequenceLoader(np.arange(9), batch_size=2, T=3):
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [4, 5, 6]] [[1, 2, 3], [5, 6, 7]]
    [[3], [7]] [[4], [8]]
    """

    def __init__(
        self,
        sequence: Tensor | np.ndarray,
        batch_size: int,
        T: int,
        *,
        lag: int = 1,
        drop_last: bool = False,
        batch_first: bool = True,
    ):
        s = _array("SequenceLoader", sequence)
        self.batch_size = count("SequenceLoader", batch_size, "batch_size")
        self.T = count("SequenceLoader", T, "T")
        self.lag = count("SequenceLoader", lag, "lag")
        self.drop_last = drop_last
        self.batch_first = batch_first
        self.length = (len(s) - self.lag) // self.batch_size
        if self.length < (self.T if drop_last else 1):
            raise ValueError(
                f"SequenceLoader: a sequence of {len(s)} gives {self.batch_size} streams of "
                f"{max(self.length, 0)} with targets {self.lag} later; that is no batch of "
                f"T = {self.T}"
            )
        shape = (self.batch_size, self.length, *s.shape[1:])
        strides = (self.length * s.strides[0], *s.strides)
        self._x, self._y = (strided(part, shape, strides) for part in (s, s[self.lag :]))
        self._position, self._loaded = 0, False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self.length // self.T if self.drop_last else -(-self.length // self.T)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if not self._loaded:
            self._position = 0
        self._loaded = False
        for k in range(self._position, len(self)):
            self._position = k + 1
            yield self._piece(self._x, k), self._piece(self._y, k)

    def _piece(self, streams: Any, k: int) -> Tensor:
        piece = streams[:, k * self.T : (k + 1) * self.T]
        return make((piece if self.batch_first else piece.swapaxes(0, 1)).copy())

    def state_dict(self) -> dict[str, int]:
        """How many batches of the epoch have been given."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Makes the next loop go on where `state_dict` was taken."""
        position = state["position"]
        if not 0 <= position <= len(self):
            raise ValueError(f"SequenceLoader: position {position}, expected 0 to {len(self)}")
        self._position, self._loaded = position, position < len(self)


def _array(where: str, sequence: Any) -> Any:
    array = sequence.array if isinstance(sequence, Tensor) else sequence
    if not hasattr(array, "strides") or array.ndim == 0:
        raise TypeError(f"{where}: expected a Tensor or an array (n, ...), got {sequence!r}")
    return array
