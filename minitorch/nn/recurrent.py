"""Recurrent layers: RNN, LSTM and GRU over whole sequences, several deep and in both directions.

A state is carried along the sequence; `recurrent_cells.py` has the one step that each kind repeats,
written as its formula. Here all steps of a layer are one op (`ops/recurrent.py`), which starts with
one matrix product for all inputs; `recurrent_base.py` has the way through layers and directions.

Sequences are (T, N, input_size), time first, or (N, T, input_size) with `batch_first`; one sequence
may come without the batch axis. Sequences of different lengths come as a `PackedSequence` of
`nn.utils.rnn`, and go out as one.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from minitorch.nn.layer import Init, sizes_by_name
from minitorch.nn.recurrent_base import RNNBase, Sequences
from minitorch.ops.recurrent import gru_steps, lstm_steps, rnn_steps
from minitorch.random import Generator
from minitorch.tensor import Tensor


class OneState(RNNBase):
    """A recurrent layer whose state is one tensor, h."""

    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        """The states of the last layer, (T, N, H), and the last states of all, (layers, N, H).

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, (T, input_size),
                or a PackedSequence.
            hx: the states before the first step, (layers times directions, N, H); zeros if None.
        """
        output, (h_n,) = self._run(self._steps, input, None if hx is None else (hx,))
        return output, h_n

    @abstractmethod
    def _steps(self, *args: Any, reverse: bool) -> tuple[Tensor]:
        """The states of one layer in one direction, (T, N, H)."""


class RNN(OneState):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), along a sequence. Elman 1990.

    `nonlinearity` may also be "relu". The other arguments, and the parameters, are those of
    `RNNBase`.

    >>> import minitorch
    >>> from minitorch import nn
    >>> output, h_n = nn.RNN(5)(minitorch.ones(7, 2, 3))  # 7 steps of 2 sequences
    >>> output.shape, h_n.shape
    ((7, 2, 5), (1, 2, 5))
    """

    parts = 1

    @sizes_by_name("input_size", "hidden_size")
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init | None = None,
        biases: Init | None = None,
        generator: Generator | None = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity {nonlinearity!r}, expected 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0),
            *(device, dtype, weights, biases, generator),
        )

    def _steps(self, *args: Any, reverse: bool) -> tuple[Tensor]:
        return (rnn_steps(*args[:-1], nonlinearity=self.nonlinearity, reverse=reverse),)


class LSTM(RNNBase):
    """Long short-term memory: three gates say what enters, stays in and leaves a memory c.

        i, f, o = σ(...),   j = tanh(...),   each from W_ih x_t + b_ih + W_hh h_(t-1) + b_hh
        c_t = f c_(t-1) + i j,   h_t = o tanh c_t

    Hochreiter and Schmidhuber 1997. The arguments and the parameters are those of `RNNBase`.

    >>> import minitorch
    >>> from minitorch import nn
    >>> output, (h_n, c_n) = nn.LSTM(5, num_layers=2)(minitorch.ones(7, 2, 3))
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 2, 5), (2, 2, 5), (2, 2, 5))
    """

    parts = 4
    states = ("h0", "c0")

    @sizes_by_name("input_size", "hidden_size")
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init | None = None,
        biases: Init | None = None,
        generator: Generator | None = None,
    ):
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional),
            *(proj_size, device, dtype, weights, biases, generator),
        )

    def forward(
        self, input: Sequences, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Sequences, tuple[Tensor, Tensor]]:
        """The states of the last layer, (T, N, H), and the last (h, c) of all, (layers, N, H) each.

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, (T, input_size),
                or a PackedSequence.
            hx: (h0, c0) before the first step, each (layers times directions, N, H); zeros if None.
        """
        check_pair("LSTM", hx)
        output, (h_n, c_n) = self._run(lstm_steps, input, hx)
        return output, (h_n, c_n)


class GRU(OneState):
    """The gated recurrent unit: r says what the new state looks at, z how much of the old stays.

        r, z = σ(W x_t + b + U h_(t-1) + c),   n = tanh(W_n x_t + b_n + r (U_n h_(t-1) + c_n))
        h_t = (1 - z) n + z h_(t-1)

    Cho et al. 2014, with r behind the product, as in torch. The arguments and the parameters are
    those of `RNNBase`.

    >>> import minitorch
    >>> from minitorch import nn
    >>> output, h_n = nn.GRU(5, bidirectional=True)(minitorch.ones(7, 2, 3))
    >>> output.shape, h_n.shape
    ((7, 2, 10), (2, 2, 5))
    """

    parts = 3

    @sizes_by_name("input_size", "hidden_size")
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init | None = None,
        biases: Init | None = None,
        generator: Generator | None = None,
    ):
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0),
            *(device, dtype, weights, biases, generator),
        )

    def _steps(self, *args: Any, reverse: bool) -> tuple[Tensor]:
        return (gru_steps(*args[:-1], reverse=reverse),)


def check_pair(who: str, hx: Any) -> None:
    """Raises unless `hx` is None or (h0, c0): one Tensor would be taken apart along its axis 0."""
    if hx is not None and not (isinstance(hx, (tuple, list)) and len(hx) == 2):
        met = f"a Tensor of shape {hx.shape}" if isinstance(hx, Tensor) else type(hx).__name__
        raise TypeError(f"{who}: hx must be a pair (h0, c0), got {met}")
