"""Blocks that appear again and again: a convolution with its norm, a rectifier with options."""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.batch_norm import BatchNorm2d
from minitorch.nn.conv import Conv2d
from minitorch.nn.layer import TORCH_WEIGHT, Init, activation_of
from minitorch.nn.module import Module
from minitorch.ops.compare import clamp
from minitorch.random import Generator
from minitorch.tensor import Tensor


class Conv2dBatchNorm(Module):
    """A `Conv2d` without bias, then a `BatchNorm2d`: (N, C, H, W) to (N, O, H', W').

    The convolution has no bias, since the norm would take it out again and has one of its own.

    Args:
        in_channels: C; left out, it is inferred: `nn.Conv2dBatchNorm(20, kernel_size=5)`.
        out_channels: O.
        kernel_size: and stride, padding, dilation, groups: as in `Conv2d`.
        momentum: as in `BatchNorm2d`.
        eps: as in `BatchNorm2d`.
        weights: the init function of the convolution's weight; the norm starts at 1 and 0.
        dtype: of all parameters, a floating one.
        device: where they live.
        padding_mode: as in `Conv2d`.
        layout: "NHWC" for inputs and outputs with the channels last.
        activation: a function, a module or the name of a function in `nn.functional`, applied last.
        generator: the stream the initial values come from.

    Attributes:
        conv: the `Conv2d`.
        norm: the `BatchNorm2d`.

    >>> from minitorch import nn
    >>> [name for name, _ in nn.Conv2dBatchNorm(1, 20, 5).named_parameters()]
    ['conv.weight', 'norm.weight', 'norm.bias']
    """

    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        weights: Init = TORCH_WEIGHT,
        dtype: Any = None,
        device: Any = None,
        *,
        padding_mode: str = "zeros",
        layout: str | None = None,
        activation: Any = None,
        generator: Generator | None = None,
    ):
        placed = {"dtype": dtype, "device": device, "layout": layout, "generator": generator}
        self.conv = Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias=False,
            padding_mode=padding_mode,
            weights=weights,
            **placed,
        )
        self.norm = BatchNorm2d(self.conv.out_channels, eps, momentum, **placed)
        self.activation = activation_of(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H', W'), or the same with the channels last."""
        y = self.norm(self.conv(x))
        return y if self.activation is None else self.activation(y)


class GeneralRelu(Module):
    """y = min(leaky_relu(x) - shift, cap): a rectifier with a leak, a shift and a cap.

    A plain relu puts the mean above 0, about 0.4 for inputs of mean 0 and variance 1; a shift puts
    it back to 0, which deep networks without norms need.

    Args:
        leak: the slope below 0; None for 0.
        shift: what is taken off.
        cap: the largest value, after the shift.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.GeneralRelu(leak=0.1, shift=0.5, cap=6.0)(minitorch.tensor([-10.0, 1.0, 9.0]))
    tensor([-1.5000,  0.5000,  6.0000])
    """

    def __init__(
        self, leak: float | None = None, shift: float | None = None, cap: float | None = None
    ):
        self.leak, self.shift, self.cap = leak, shift, cap

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        y = F.relu(x) if self.leak is None else F.leaky_relu(x, self.leak)
        if self.shift is not None:
            y = y - self.shift
        return y if self.cap is None else clamp(y, max=self.cap)

    def extra_repr(self) -> str:
        """The options that are set."""
        options = {"leak": self.leak, "shift": self.shift, "cap": self.cap}
        return ", ".join(f"{name}={value}" for name, value in options.items() if value is not None)
