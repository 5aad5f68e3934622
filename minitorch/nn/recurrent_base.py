"""What recurrent layers share: their parameters, and the way through layers and directions.

A layer reads its sequences from the front, or, the second of two directions, from the end. Where
all have one length, both ways are the op's own. Where a shorter sequence is followed by filling,
its end is somewhere else: it is turned round within its own length, and read from the front.
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
from minitorch.nn.layer import Init, Layer, check_size, options_of, pair_of_sizes, shown
from minitorch.nn.utils.rnn import PackedSequence, lengths_of, on_host, pad_packed_sequence, rows_of
from minitorch.ops.join import cat, stack
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor, make

Sequences = Tensor | PackedSequence
States = tuple[Tensor, ...]


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
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer, the reverse direction behind the forward one."""
        return [[getattr(self, name) for name in each if name] for each in self._each_layer()]

    def flatten_parameters(self) -> None:
        """Does nothing: cuDNN wants torch's parameters in one piece, and nothing here does."""

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

    def infer(self, input: Sequences, hx: Any = None) -> dict[str, int]:
        """The last axis of the input tells input_size."""
        return {"input_size": _data(input).shape[-1]}

    def _run(
        self, step: Callable, input: Sequences, states: States | None
    ) -> tuple[Sequences, States]:
        """The output and the last states, by an op that runs one layer in one direction."""
        if self.open_sizes and isinstance(input, PackedSequence):
            # A build runs on shapes, and how long packed sequences are is a matter of values.
            self.input_size = input.data.shape[-1]
            self._shape()
            self._fill()
        self._check_input(input)
        self._check_states(states or (), isinstance(input, Tensor) and len(input.shape) == 2)
        if isinstance(input, PackedSequence):
            return self._run_packed(step, input, states)
        x, batched = input, len(input.shape) == 3
        if not batched:
            x = x.unsqueeze(1)
            states = states and tuple(state.unsqueeze(1) for state in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        states = self._first_states(x, states)
        y, final = self._through(step, x, states, _in_one_length)
        if not batched:
            return y.squeeze(1), tuple(state.squeeze(1) for state in final)
        return (y.transpose(0, 1) if self.batch_first else y), final

    def _run_packed(
        self, step: Callable, packed: PackedSequence, states: States | None
    ) -> tuple[PackedSequence, States]:
        """The same, padded for the while: the filling is behind each end, and is not looked at."""
        order, back = packed.sorted_indices, packed.unsorted_indices
        running = on_host(packed.batch_sizes)
        x, _ = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))
        states = self._first_states(x, states)
        if order is not None:
            states = tuple(state[:, order] for state in states)
        y, final = self._through(step, x, states, _Ends(lengths_of(running)).run)
        if back is not None:
            final = tuple(state[:, back] for state in final)
        return packed._replace(data=y[rows_of(running)]), final

    def _through(
        self, step: Callable, x: Tensor, states: States, run: Callable
    ) -> tuple[Tensor, States]:
        """Layer after layer; `run` is one of them in one direction, and says where it ended."""
        directions = 2 if self.bidirectional else 1
        last: list[list[Tensor]] = [[] for _ in states]
        sides = []
        for i, names in enumerate(self._each_layer()):
            parameters = [name and getattr(self, name) for name in names]
            of_layer = [state[i] for state in states]
            side, ended = run(step, x, (*of_layer, *parameters), i % directions == 1)
            for ends, state in zip(last, ended):
                ends.append(state)
            sides.append(side)
            if len(sides) == directions:
                x = sides[0] if directions == 1 else cat(sides, 2)
                sides = []
                if self.dropout and i + 1 < self.num_layers * directions:
                    x = F.dropout(x, self.dropout, self.training)
        return x, tuple(stack(each) for each in last)

    def _check_input(self, input: Sequences) -> None:
        if isinstance(input, PackedSequence):
            if len(shape := input.data.shape) != 2 or shape[-1] != self.input_size:
                raise ShapeError(
                    f"{type(self).__name__}: the data of the PackedSequence is {shape}, expected "
                    f"(rows, {self.input_size})"
                )
            return
        shape, time = input.shape, 1 if self.batch_first and len(input.shape) == 3 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or not shape[time]:
            axes = "(N, T" if self.batch_first else "(T, N"
            raise ShapeError(
                f"{type(self).__name__}: input is {shape}, expected {axes}, {self.input_size}), or "
                f"(T, {self.input_size}) for one sequence, of one step or more"
            )

    def _check_states(self, states: tuple[Any, ...], alone: bool) -> None:
        for name, state in zip(self.states, states):
            if not isinstance(state, Tensor):
                raise TypeError(
                    f"{type(self).__name__}: {name} must be a Tensor, got {type(state).__name__}"
                )
            if alone and len(state.shape) != 2:
                raise ShapeError(
                    f"{type(self).__name__}: {name} is {state.shape}, expected (layers times "
                    "directions, size) beside one sequence"
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


# from the front, and from the end --------------------------------------------------------------


def _in_one_length(
    step: Callable, x: Tensor, given: tuple, reverse: bool
) -> tuple[Tensor, list[Tensor]]:
    """All steps of x, and the states behind the last one of them."""
    found = step(x, *given, reverse=reverse)
    return found[0], [states[0 if reverse else -1] for states in found]


class _Ends:
    """Padded sequences of different lengths: where each ends, and its steps from there."""

    def __init__(self, lengths: np.ndarray):
        T, sequence = int(lengths[0]), np.arange(len(lengths))
        step = np.arange(T)[:, None]
        from_end = np.where(step < lengths, lengths - 1 - step, step)  # the filling stays behind
        self.last = lengths - 1, sequence
        self.turned = from_end, sequence

    def run(
        self, step: Callable, x: Tensor, given: tuple, reverse: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """All steps of x, and the states behind the last one of each sequence."""
        found = step(x[self.turned] if reverse else x, *given, reverse=False)
        states = found[0][self.turned] if reverse else found[0]
        return states, [each[self.last] for each in found]


def _data(input: Sequences) -> Tensor:
    return input.data if isinstance(input, PackedSequence) else input
