"""Convolution layers: the same few weights at every place of an image.

The work is done by `nn.functional.conv2d` and its kin; a layer holds the weights and the options,
and finds out how many channels come in. The number of spatial axes is in the name: 1 for signals,
2 for images, 3 for volumes.
"""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.init import WeightShape, calculate_fan_in_and_fan_out
from minitorch.nn.layer import (
    TORCH_BIAS,
    TORCH_WEIGHT,
    Init,
    Layer,
    activation_of,
    options_of,
    pair_of_sizes,
    shown,
    shown_activation,
    sizes_by_name,
)
from minitorch.nn.layout import LAYOUTS, Spatial
from minitorch.ops.window import per_axis, per_side
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class KernelLayer(Spatial, Layer):
    """What convolutions and transposed convolutions have in common: channels, kernel, groups."""

    sizes = ("in_channels",)
    transposed = False

    def _set_kernel(
        self, first: Any, second: Any, kernel_size: Any, stride: Any, dilation: Any, groups: Any
    ) -> None:
        """Checks the arguments that every kind has, and keeps them."""
        who = type(self).__name__
        if kernel_size is None and isinstance(second, (tuple, list)):
            second, kernel_size = None, second  # Conv2d(20, (5, 5)): only a kernel is a pair
        if kernel_size is None:
            raise TypeError(_no_kernel(who, first, second))
        names = ("in_channels", "out_channels")
        self.in_channels, self.out_channels = pair_of_sizes(who, first, second, names)
        self.kernel_size = per_axis(who, "kernel_size", kernel_size, self.axes)
        self.stride = per_axis(who, "stride", stride, self.axes)
        self.dilation = per_axis(who, "dilation", dilation, self.axes)
        (self.groups,) = per_axis(who, "groups", groups, 1)
        self._check_groups("out_channels", self.out_channels)
        if self.in_channels is not None:
            self._check_groups("in_channels", self.in_channels)

    def _check_groups(self, name: str, channels: int) -> None:
        if channels % self.groups:
            raise ShapeError(
                f"{type(self).__name__}: {name} {channels} do not divide into {self.groups} groups"
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """W is (out, in / groups, *kernel), transposed (in, out / groups, *kernel); b (out,)."""
        channels = self.out_channels, self.in_channels
        outer, inner = channels[::-1] if self.transposed else channels
        shape = (outer, inner // self.groups, *self.kernel_size)
        fans = calculate_fan_in_and_fan_out(shape, groups=self.groups, transposed=self.transposed)
        return {
            "weight": WeightShape(shape, *fans),
            "bias": WeightShape((self.out_channels,), *fans),
        }

    def infer(self, x: Tensor, *args: Any, **kwargs: Any) -> dict[str, int]:
        """The channels of the input tell in_channels."""
        channels = self._channels_first(x).shape[1]
        self._check_groups("in_channels", channels)
        return {"in_channels": channels}

    def extra_repr(self) -> str:
        """The sizes, and the options that are not at their defaults."""
        none = (0,) * self.axes
        options = {"padding": none, "dilation": (1,) * self.axes}
        if self.transposed:
            options["output_padding"] = none
        return (
            f"{shown(self.in_channels)}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}{options_of(self, **options, groups=1)}"
            + ", bias=False" * (self.bias is None)
            + options_of(self, padding_mode="zeros", layout=LAYOUTS[self.axes][0])
            + shown_activation(self)
        )


def _no_kernel(who: str, first: Any, second: Any) -> str:
    """The message for a convolution without kernel_size, with the spellings that there are."""
    if first is None and second is None:
        return f"{who}: out_channels and kernel_size are missing; write {who}(20, kernel_size=5)"
    if second is None:
        return (
            f"{who}({first}): kernel_size is missing; write {who}({first}, kernel_size=5) for "
            f"{first} output channels, or {who}(1, {first}, 5) with the input channels as well"
        )
    return (
        f"{who}({first}, {second}): kernel_size is missing. Is {second} the kernel? Write "
        f"{who}({first}, kernel_size={second}): {first} output channels, the input channels "
        f"follow from the input. Or are these the channels? Write {who}({first}, {second}, "
        "kernel_size=3)"
    )


class Conv(KernelLayer):
    """The convolution layers, over any number of spatial axes; see `Conv2d`."""

    @sizes_by_name("in_channels", "out_channels")
    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        layout: str | None = None,
        activation: Any = None,
        weights: Init = TORCH_WEIGHT,
        biases: Init | None = TORCH_BIAS,
        generator: Generator | None = None,
    ):
        self._set_layout(layout)
        self._set_kernel(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self._set_padding(padding, padding_mode)
        self.activation = activation_of(activation)
        self.declare(
            weight=weights,
            bias=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def _set_padding(self, padding: Any, mode: str) -> None:
        """Checks the padding and keeps it: a word, an int per axis, or a pair per axis."""
        who = type(self).__name__
        if mode not in _PADDING_MODES:
            raise ValueError(
                f"{who}: padding_mode must be one of {', '.join(map(repr, _PADDING_MODES))}, "
                f"got {mode!r}"
            )
        pairs = per_side(who, padding, self.kernel_size, self.stride, self.dilation)
        if mode != "zeros" and min(map(min, pairs)) < 0:
            raise ValueError(
                f"{who}: padding {padding} cuts off, which goes with padding_mode='zeros' only, "
                f"not with {mode!r}"
            )
        self.padding: Any = padding
        if not isinstance(padding, str):
            even = all(before == after >= 0 for before, after in pairs)
            self.padding = tuple(before for before, _ in pairs) if even else pairs
        self.padding_mode = mode
        # what `pad` takes: (before, after) of the last axis first
        self._border = tuple(width for pair in reversed(pairs) for width in pair)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, O, *S'), or the same with the channels last."""
        x = self._channels_first(x, "in_channels", self.in_channels)
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self._border, self.padding_mode), 0
        convolve = _CONV[self.axes]
        y = convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        y = self._as_given(y)
        return y if self.activation is None else self.activation(y)


class Conv1d(Conv):
    """`Conv2d` over one axis: (N, C, L) to (N, O, L')."""

    axes = 1


class Conv2d(Conv):
    """y[n,o,i,j] = b[o] + Σ_cuv x[n,c,i+u,j+v] W[o,c,u,v]: (N, C, H, W) to (N, O, H', W').

    H' = (H + padding - dilation (KH - 1) - 1) // stride + 1, and W' alike.

    Args:
        in_channels: C; left out, it is inferred: `nn.Conv2d(20, kernel_size=5)`.
        out_channels: O, how many kernels there are.
        kernel_size: (KH, KW); here and below one int stands for all axes.
        stride: steps from window to window.
        padding: how much goes around the image: an int, one per axis, a (before, after) pair per
            axis (negative numbers crop), "same" (stride 1 only) or "valid" (none).
        dilation: steps from place to place inside a window.
        groups: into how many separate convolutions the channels divide; C is depthwise.
        bias: False leaves b out.
        padding_mode: what goes there: "zeros", or "reflect", "replicate" or "circular" as in
            `nn.functional.pad`.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        layout: "NHWC" for inputs and outputs with the channels last; the weight stays as it is.
        activation: a function, a module or the name of a function in `nn.functional`, applied to y.
        weights: the init function of W, which learns W's true fans, those within one group. By
            default torch's own, uniform within ±1 / √fan_in, fan_in = C / groups · KH · KW.
        biases: the init function of b, by default the same as torch's too; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: W, (O, C / groups, KH, KW).
        bias: b, (O,), or None.

    Raises:
        TypeError: no kernel_size; `nn.Conv2d(20, 5)` could be read in two ways.
        ValueError: a stride, dilation or kernel below 1, channels that do not divide into groups,
            "same" with a stride.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = nn.Conv2d(20, kernel_size=5)
    >>> layer(minitorch.zeros(64, 1, 28, 28)).shape
    (64, 20, 24, 24)
    >>> layer
    Conv2d(1, 20, kernel_size=(5, 5), stride=(1, 1))
    """

    axes = 2


class Conv3d(Conv):
    """`Conv2d` over three axes: (N, C, D, H, W) to (N, O, D', H', W')."""

    axes = 3


class Lazy:
    """Torch's way to say that in_channels is to be inferred: the argument is not there."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any):
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)  # type: ignore[call-arg]


class LazyConv1d(Lazy, Conv1d):
    """`Conv1d` without in_channels: `LazyConv1d(out_channels, kernel_size, ...)`."""


class LazyConv2d(Lazy, Conv2d):
    """`Conv2d` without in_channels: `LazyConv2d(out_channels, kernel_size, ...)`."""


class LazyConv3d(Lazy, Conv3d):
    """`Conv3d` without in_channels: `LazyConv3d(out_channels, kernel_size, ...)`."""
