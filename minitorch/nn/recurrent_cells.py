"""Recurrent cells: one step of an RNN, an LSTM and a GRU, each written as its formula.

The layers of `recurrent.py` repeat these steps along a sequence, in one fast op. A cell is for
loops of one's own: where the next input depends on the output, or the sequence has no end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.nn.init import uniform
from minitorch.nn.layer import Init, Layer, options_of, pair_of_sizes, shown, sizes_by_name
from minitorch.nn.recurrent import check_pair
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor, make


class RNNCellBase(Layer):
    """What the three cells share.

    Args:
        input_size: how many numbers a step brings; left out, it is inferred: `nn.LSTMCell(128)`.
        hidden_size: H, the size of the state.
        bias: False leaves both biases out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        weights: the init function of both weights, by default torch's: uniform within ±1 / √H.
        biases: that of both biases; by default the same.
        generator: the stream the initial values come from.

    Attributes:
        weight_ih: (parts H, input_size); parts are the gates, 1, 3 for a GRU, 4 for an LSTM.
        weight_hh: (parts H, H).
        bias_ih, bias_hh: (parts H,), or None.
    """

    sizes = ("input_size",)
    parts: int

    @sizes_by_name("input_size", "hidden_size")
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init | None = None,
        biases: Init | None = None,
        generator: Generator | None = None,
    ):
        self.input_size, self.hidden_size = pair_of_sizes(
            type(self).__name__, input_size, hidden_size, ("input_size", "hidden_size")
        )
        self.bias = bias
        within = 1 / math.sqrt(self.hidden_size)
        drawn, shift = weights or uniform(-within, within), biases or uniform(-within, within)
        self.declare(
            weight_ih=drawn,
            weight_hh=drawn,
            bias_ih=shift if bias else None,
            bias_hh=shift if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the parameters."""
        rows = self.parts * self.hidden_size
        return {
            "weight_ih": (rows, self.input_size),
            "weight_hh": (rows, self.hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def infer(self, input: Tensor, hx: Any = None) -> dict[str, int]:
        """The last axis of the input tells input_size."""
        return {"input_size": input.shape[-1]}

    def _before(self, input: Tensor, name: str, state: Tensor | None) -> Tensor:
        """The state before the step: as given, or zeros."""
        who = type(self).__name__
        if len(input.shape) not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{who}: input is {input.shape}, expected (N, {self.input_size}) or "
                f"({self.input_size},)"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if state is None:
            return make(np.zeros_like(input.array, shape=shape))
        if state.shape != shape:
            raise ShapeError(
                f"{who}: {name} is {state.shape}, expected {shape} for input {input.shape}"
            )
        return state

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        return f"{shown(self.input_size)}, {self.hidden_size}{options_of(self, bias=True)}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu; the arguments are those of `RNNCellBase`.

    >>> import minitorch
    >>> from minitorch import nn
    >>> cell, h = nn.RNNCell(3, 5), None
    >>> for x in minitorch.ones(7, 2, 3):  # 7 steps
    ...     h = cell(x, h)
    >>> h.shape
    (2, 5)
    """

    parts = 1

    @sizes_by_name("input_size", "hidden_size")
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity {nonlinearity!r}, expected 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device, dtype, **options)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, (N, H), from an input of (N, input_size) and a state; zeros if None."""
        h = self._before(input, "hx", hx)
        a = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(
            h, self.weight_hh, self.bias_hh
        )
        return a.tanh() if self.nonlinearity == "tanh" else a.relu()

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        return super().extra_repr() + options_of(self, nonlinearity="tanh")


class LSTMCell(RNNCellBase):
    """c' = f c + i j,   h' = o tanh c'; the arguments are those of `RNNCellBase`.

    The four parts of W_ih x + b_ih + W_hh h + b_hh give the gates i, f and o by a sigmoid, and j by
    tanh, in the order i, f, j, o.
    """

    parts = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next (h, c), each (N, H), from an input of (N, input_size) and (h, c); or zeros."""
        check_pair("LSTMCell", hx)
        h, c = hx or (None, None)
        h, c = self._before(input, "h", h), self._before(input, "c", c)
        a = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(
            h, self.weight_hh, self.bias_hh
        )
        i, f, j, o = a.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * j.tanh()
        return o.sigmoid() * c.tanh(), c


class GRUCell(RNNCellBase):
    """h' = (1 - z) n + z h,   n = tanh(x_n + r h_n); the arguments are those of `RNNCellBase`.

    The three parts of W_ih x + b_ih are x_r, x_z, x_n, those of W_hh h + b_hh are h_r, h_z, h_n;
    the gates are r = σ(x_r + h_r) and z = σ(x_z + h_z).
    """

    parts = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, (N, H), from an input of (N, input_size) and a state; zeros if None."""
        h = self._before(input, "hx", hx)
        x_r, x_z, x_n = F.linear(input, self.weight_ih, self.bias_ih).chunk(3, -1)
        h_r, h_z, h_n = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, -1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        n = (x_n + r * h_n).tanh()
        return (1 - z) * n + z * h
