"""Transposed convolution layers: convolutions run backwards, to make images larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.nn.conv import KernelLayer, Lazy
from minitorch.nn.init import kaiming_uniform, torch_default_bias
from minitorch.nn.layer import Init, activation_of, sizes_by_name
from minitorch.ops.window import per_axis
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor

_CONV = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}

# Torch reads the fan off the weight's shape, (in, out / groups, *kernel), as if it were that of a
# convolution, and so starts from ±1 / √fan_out.
TORCH_TRANSPOSED_WEIGHT: Init = kaiming_uniform(a=math.sqrt(5), mode="fan_out")


def torch_transposed_bias(shape: Any, dtype: np.dtype, generator: Generator) -> np.ndarray:
    """Evenly within ±1 / √fan_out, as the weight."""
    return torch_default_bias(fan_in=shape.fan_out)(shape, dtype, generator)


class ConvTranspose(KernelLayer):
    """The transposed convolution layers, over any number of spatial axes; see `ConvTranspose2d`."""

    transposed = True
    padding_mode = "zeros"

    @sizes_by_name("in_channels", "out_channels")
    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        layout: str | None = None,
        activation: Any = None,
        weights: Init = TORCH_TRANSPOSED_WEIGHT,
        biases: Init | None = torch_transposed_bias,
        generator: Generator | None = None,
    ):
        who = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{who}: padding_mode must be 'zeros', got {padding_mode!r}")
        self._set_layout(layout)
        self._set_kernel(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = per_axis(who, "padding", padding, self.axes, least=0)
        self.output_padding = per_axis(who, "output_padding", output_padding, self.axes, least=0)
        for more, s, d in zip(self.output_padding, self.stride, self.dilation):
            if more >= max(s, d):
                raise ValueError(
                    f"{who}: output_padding {self.output_padding} must be smaller than stride "
                    f"{self.stride} or dilation {self.dilation}"
                )
        self.activation = activation_of(activation)
        self.declare(
            weight=weights,
            bias=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, *S) to (N, O, *S'), or the same with the channels last.

        Args:
            x: the images.
            output_size: the S' that is wanted, where several lead to the same S; it takes the place
                of output_padding. The whole shape of the output will do too.

        Raises:
            ValueError: an output_size that no output_padding leads to.
        """
        x = self._channels_first(x, "in_channels", self.in_channels)
        more = self.output_padding
        if output_size is not None:
            more = self._padding_for(x.shape[2:], tuple(output_size))
        convolve, stride, padding = _CONV[self.axes], self.stride, self.padding
        y = convolve(x, self.weight, self.bias, stride, padding, more, self.groups, self.dilation)
        y = self._as_given(y)
        return y if self.activation is None else self.activation(y)

    def _padding_for(self, sizes: Sequence[int], wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The output_padding that leads to an output of the wanted sizes."""
        if len(wanted) == self.axes + 2:
            wanted = wanted[1:-1] if self._is_last else wanted[2:]
        least = tuple(
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                sizes, self.stride, self.padding, self.dilation, self.kernel_size
            )
        )
        most = tuple(size + s - 1 for size, s in zip(least, self.stride))
        fits = len(wanted) == self.axes and all(
            low <= size <= high for low, size, high in zip(least, wanted, most)
        )
        if not fits:
            raise ShapeError(
                f"{type(self).__name__}: output_size {wanted}, expected {self.axes} sizes from "
                f"{least} to {most} for an input of {tuple(sizes)}"
            )
        return tuple(size - low for size, low in zip(wanted, least))


class ConvTranspose1d(ConvTranspose):
    """`ConvTranspose2d` over one axis: (N, C, L) to (N, O, L')."""

    axes = 1


class ConvTranspose2d(ConvTranspose):
    """Every input number adds its multiple of the kernel: (N, C, H, W) to (N, O, H', W').

    H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1, and W' alike. It is
    the gradient of a `Conv2d` as a layer of its own: it inverts the shape, not the values.

    Args:
        in_channels: C; left out, it is inferred: `nn.ConvTranspose2d(20, kernel_size=4)`.
        out_channels: O.
        kernel_size: (KH, KW); here and below one int stands for all axes.
        stride: how far apart neighbouring inputs land.
        padding: how much is cut off on every side.
        output_padding: how much less is cut off on the far side.
        groups: into how many separate convolutions the channels divide.
        bias: False leaves b out.
        dilation: steps from place to place inside the kernel.
        padding_mode: "zeros", the only one.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        layout: "NHWC" for inputs and outputs with the channels last; the weight stays as it is.
        activation: a function, a module or the name of a function in `nn.functional`, applied to y.
        weights: the init function of W, which learns W's true fans: fan_in = C / groups · KH · KW
            (each output sums about as many divided by the strides). By default torch's own, uniform
            within ±1 / √fan_out, fan_out = O / groups · KH · KW.
        biases: the init function of b, by default the same as torch's too; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: W, (C, O / groups, KH, KW).
        bias: b, (O,), or None.

    >>> import minitorch
    >>> from minitorch import nn
    >>> up = nn.ConvTranspose2d(8, kernel_size=3, stride=2, padding=1)
    >>> up(minitorch.zeros(1, 16, 7, 7)).shape
    (1, 8, 13, 13)
    >>> up(minitorch.zeros(1, 16, 7, 7), output_size=(14, 14)).shape
    (1, 8, 14, 14)
    """

    axes = 2


class ConvTranspose3d(ConvTranspose):
    """`ConvTranspose2d` over three axes: (N, C, D, H, W) to (N, O, D', H', W')."""

    axes = 3


class LazyConvTranspose1d(Lazy, ConvTranspose1d):
    """`ConvTranspose1d` without in_channels: `LazyConvTranspose1d(out_channels, kernel_size)`."""


class LazyConvTranspose2d(Lazy, ConvTranspose2d):
    """`ConvTranspose2d` without in_channels: `LazyConvTranspose2d(out_channels, kernel_size)`."""


class LazyConvTranspose3d(Lazy, ConvTranspose3d):
    """`ConvTranspose3d` without in_channels: `LazyConvTranspose3d(out_channels, kernel_size)`."""
