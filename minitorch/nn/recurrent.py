"""Recurrent layers: RNN, LSTM and GRU over whole sequences, several deep and in both directions.

A state is carried along the sequence; `recurrent_cells.py` has the one step that each kind repeats,
written as its formula. Here all steps of a layer are one op (`ops/recurrent.py`), which starts with
one matrix product for all inputs.

Sequences are (T, N, input_size), time first, or (N, T, input_size) with `batch_first`; one sequence
may come without the batch axis. All sequences of a batch have one length: pad them, and pick from
the output what belongs to each.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.nn.dropout import check_share
from minitorch.nn.init import uniform
from minitorch.nn.layer import (
    Init,
    Layer,
    check_size,
    options_of,
    pair_of_sizes,
    shown,
    sizes_by_name,
)
from minitorch.ops.join import cat, stack
from minitorch.ops.recurrent import gru_steps, lstm_steps, rnn_steps
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor, make


class RNNBase(Layer):
    """What the three kinds share: their parameters, and the way through layers and directions.

    Args:
        input_size: how many numbers a step brings; left out, it is inferred: `nn.LSTM(128)`.
        hidden_size: H, the size of the state.
        num_layers: how many layers stand one on the other, each reading the states below it.
        bias: False leaves both biases out.
        batch_first: inputs and outputs are (N, T, ...). States are (layers, N, H) all the same.
        dropout: in training, the share dropped of what one layer hands to the next.
        bidirectional: a second layer beside each reads the sequence from its end; the states of
            both stand side by side in the output.
        proj_size: P, for an LSTM: the state that is shown is projected to P numbers; 0 for none.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        weights: the init function of all weights, by default torch's: uniform within ±1 / √H.
        biases: that of all biases; by default the same.
        generator: the stream the initial values come from.

    Attributes:
        weight_ih_l0: (parts H, input_size) for the first layer, `_l1` for the next, of input size
            H (2 H if bidirectional); parts are the gates, 1, 3 for a GRU, 4 for an LSTM. The
            parameters of the reverse direction end in `_reverse`.
        weight_hh_l0: (parts H, H).
        bias_ih_l0, bias_hh_l0: (parts H,).
        weight_hr_l0: (P, H), with proj_size.

    Raises:
        ValueError: a size below 1, or dropout outside 0 to 1.
    """

    sizes = ("input_size",)
    parts: int  # into how many parts of H rows the weights are divided
    states: tuple[str, ...] = ("h0",)

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int | None,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        device: Any,
        dtype: Any,
        weights: Init | None,
        biases: Init | None,
        generator: Generator | None,
    ):
        who = type(self).__name__
        self.input_size, self.hidden_size = pair_of_sizes(
            who, input_size, hidden_size, ("input_size", "hidden_size")
        )
        check_size(who, "num_layers", num_layers)
        check_share(who, "dropout", dropout)
        if dropout and num_layers == 1:
            warnings.warn(
                f"{who}: dropout={dropout} acts between layers, and num_layers is 1: it does "
                "nothing",
                stacklevel=4,  # RNNBase, LSTM, its check of the sizes, and who builds it
            )
        if not 0 <= proj_size < self.hidden_size:
            raise ValueError(
                f"{who}: proj_size {proj_size}, expected less than hidden_size {self.hidden_size}"
            )
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = dropout, bidirectional, proj_size
        within = 1 / math.sqrt(self.hidden_size)
        drawn = weights or uniform(-within, within), biases or uniform(-within, within)
        inits: dict[str, Any] = {
            name: drawn["bias" in name] for each in self._each_layer() for name in each if name
        }
        self.declare(dtype=dtype, device=device, generator=generator, **inits)

    def _each_layer(self) -> list[tuple[str | None, ...]]:
        """The names of weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, layer by layer.

        The reverse direction comes behind the forward one; what is not there is None.
        """
        directions = ("", "_reverse") if self.bidirectional else ("",)
        there = (True, True, self.bias, self.bias, self.proj_size > 0)
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [
            tuple(f"{kind}_l{k}{end}" if is_there else None for kind, is_there in zip(kinds, there))
            for k in range(self.num_layers)
            for end in directions
        ]

    @property
    def _shown_size(self) -> int:
        """The size of a state as it is shown."""
        return self.proj_size or self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the parameters, in the order of the layers."""
        H, P = self.hidden_size, self._shown_size
        directions = 2 if self.bidirectional else 1
        shapes: dict[str, tuple[int, ...]] = {}
        for i, names in enumerate(self._each_layer()):
            size_in = self.input_size if i < directions else directions * P
            rows = self.parts * H
            each = ((rows, size_in), (rows, P), (rows,), (rows,), (P, H))
            shapes |= {name: shape for name, shape in zip(names, each) if name}
        return shapes

    def infer(self, input: Tensor, hx: Any = None) -> dict[str, int]:
        """The last axis of the input tells input_size."""
        return {"input_size": input.shape[-1]}

    def _run(
        self, step: Callable, input: Tensor, states: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The output and the last states, by an op that runs one layer in one direction."""
        self._check_input(input)
        self._check_states(states or ())
        batched = len(input.shape) == 3
        if not batched:
            input = input.unsqueeze(1)
            states = states and tuple(state.unsqueeze(1) for state in states)
        elif self.batch_first:
            input = input.transpose(0, 1)
        states = self._first_states(input, states)
        directions = 2 if self.bidirectional else 1
        last: list[list[Tensor]] = [[] for _ in states]
        x, sides = input, []
        for i, names in enumerate(self._each_layer()):
            reverse = i % directions == 1
            parameters = [name and getattr(self, name) for name in names]
            found = step(x, *(state[i] for state in states), *parameters, reverse=reverse)
            for ends, found_state in zip(last, found):
                ends.append(found_state[0 if reverse else -1])
            sides.append(found[0])
            if len(sides) == directions:
                x = sides[0] if directions == 1 else cat(sides, 2)
                sides = []
                if self.dropout and i + 1 < self.num_layers * directions:
                    x = F.dropout(x, self.dropout, self.training)
        final = tuple(stack(each) for each in last)
        if not batched:
            return x.squeeze(1), tuple(state.squeeze(1) for state in final)
        return (x.transpose(0, 1) if self.batch_first else x), final

    def _check_input(self, input: Tensor) -> None:
        shape, time = input.shape, 1 if self.batch_first and len(input.shape) == 3 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or not shape[time]:
            axes = "(N, T" if self.batch_first else "(T, N"
            raise ShapeError(
                f"{type(self).__name__}: input is {shape}, expected {axes}, {self.input_size}), or "
                f"(T, {self.input_size}) for one sequence, of one step or more"
            )

    def _check_states(self, states: tuple[Any, ...]) -> None:
        for name, state in zip(self.states, states):
            if not isinstance(state, Tensor):
                raise TypeError(
                    f"{type(self).__name__}: {name} must be a Tensor, got {type(state).__name__}"
                )

    def _first_states(self, x: Tensor, states: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
        """The states before the first step, of all layers: zeros, or as given."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        wanted = [
            (layers, x.shape[1], size)
            for size in (self._shown_size, self.hidden_size)[: len(self.states)]
        ]
        if states is None:
            return tuple(make(np.zeros_like(x.array, shape=shape)) for shape in wanted)
        for name, state, shape in zip(self.states, states, wanted):
            if state.shape != shape:
                raise ShapeError(
                    f"{type(self).__name__}: {name} is {state.shape}, expected {shape}: (layers "
                    "times directions, batch, size)"
                )
        return states

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        return f"{shown(self.input_size)}, {self.hidden_size}{options_of(self, **usual)}"


class RNN(RNNBase):
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

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The states of the last layer, (T, N, H), and the last states of all, (layers, N, H).

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size).
            hx: the states before the first step, (layers times directions, N, H); zeros if None.
        """
        output, (h_n,) = self._run(self._steps, input, None if hx is None else (hx,))
        return output, h_n

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
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The states of the last layer, (T, N, H), and the last (h, c) of all, (layers, N, H) each.

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size).
            hx: (h0, c0) before the first step, each (layers times directions, N, H); zeros if None.
        """
        check_pair("LSTM", hx)
        output, (h_n, c_n) = self._run(lstm_steps, input, hx)
        return output, (h_n, c_n)


class GRU(RNNBase):
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

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The states of the last layer, (T, N, H), and the last states of all, (layers, N, H).

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size).
            hx: the states before the first step, (layers times directions, N, H); zeros if None.
        """
        output, (h_n,) = self._run(self._steps, input, None if hx is None else (hx,))
        return output, h_n

    def _steps(self, *args: Any, reverse: bool) -> tuple[Tensor]:
        return (gru_steps(*args[:-1], reverse=reverse),)


def check_pair(who: str, hx: Any) -> None:
    """Raises unless `hx` is None or (h0, c0): one Tensor would be taken apart along its axis 0."""
    if hx is not None and not (isinstance(hx, (tuple, list)) and len(hx) == 2):
        met = f"a Tensor of shape {hx.shape}" if isinstance(hx, Tensor) else type(hx).__name__
        raise TypeError(f"{who}: hx must be a pair (h0, c0), got {met}")
