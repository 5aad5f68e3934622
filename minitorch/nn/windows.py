"""Layers that rearrange images: margins around them, another size, windows as columns and back."""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.ops.window import per_axis
from minitorch.tensor import Tensor

# windows as columns ----------------------------------------------------------------------------


class _Windows(Module):
    """The options of windows, checked; they stay as they were given."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        who = type(self).__name__
        per_axis(who, "kernel_size", kernel_size, 2)
        per_axis(who, "dilation", dilation, 2)
        per_axis(who, "padding", padding, 2, least=0)
        per_axis(who, "stride", stride, 2)
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Unfold(_Windows):
    """Every window as a column: (N, C, H, W) to (N, C·KH·KW, L), with L windows.

    Args:
        kernel_size: (KH, KW); here and below one int stands for both axes.
        dilation: steps from place to place inside a window.
        padding: zeros around the image.
        stride: steps from window to window.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Unfold(3)(minitorch.zeros(2, 5, 6, 6)).shape
    (2, 45, 16)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C·KH·KW, L)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(_Windows):
    """Every column added back to its window: (N, C·KH·KW, L) to (N, C, *output_size).

    Where windows overlap their numbers are summed, so it is the adjoint of `Unfold` and not its
    inverse.

    Args:
        output_size: (H, W), which the columns do not tell; an int for both.
        kernel_size: and the others, as in `Unfold`.
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ):
        super().__init__(kernel_size, dilation, padding, stride)
        per_axis("Fold", "output_size", output_size, 2)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C·KH·KW, L) to (N, C, *output_size)."""
        size, kernel = self.output_size, self.kernel_size
        return F.fold(x, size, kernel, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The size and the window."""
        return f"output_size={self.output_size}, {super().extra_repr()}"


# another size ----------------------------------------------------------------------------------


class Upsample(Module):
    """Images of another size: (N, C, *S) to (N, C, *size), or to S times `scale_factor`.

    Args:
        size: of the output, an int or one per axis.
        scale_factor: in place of `size`, a number or one per axis.
        mode: "nearest", "linear" (one axis), "bilinear" or "bicubic" (two), "trilinear" (three).
        align_corners: put the first and last inputs on the first and last outputs; not for
            "nearest".
        recompute_scale_factor: take the scale from the rounded sizes, and not as given.

    Raises:
        ValueError: neither or both of size and scale_factor.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Upsample(scale_factor=2)(minitorch.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        if (size is None) == (scale_factor is None):
            raise ValueError(
                "Upsample: give size or scale_factor, one of the two, got "
                f"size={size}, scale_factor={scale_factor}"
            )
        several = isinstance(scale_factor, (tuple, list))
        if scale_factor is not None:
            scale_factor = tuple(map(float, scale_factor)) if several else float(scale_factor)
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, C, *size)."""
        return F.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of (N, C, H, W) by "nearest"."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of (N, C, H, W) by "bilinear", with the corners aligned."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


# margins ---------------------------------------------------------------------------------------


class Pad(Module):
    """Margins around the last `axes` axes; the subclasses say how they are filled.

    Args:
        padding: (before, after) of the last axis, then of the one before it, as in
            `nn.functional.pad`; an int stands for all.
    """

    axes: int
    mode = "constant"
    value: float | None = None

    def __init__(self, padding: Any):
        least = -(2**31) if self.mode == "constant" else 0  # the others cannot cut off
        self.padding = per_axis(type(self).__name__, "padding", padding, 2 * self.axes, least)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, C, *S')."""
        return F.pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ConstantPad1d(Pad):
    """Margins of one value around (N, C, L).

    Args:
        padding: (left, right), or an int for both; negative numbers cut off.
        value: what goes there.
    """

    axes = 1

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """Margins of one value around (N, C, H, W): (left, right, top, bottom), or an int for all."""

    axes = 2


class ConstantPad3d(ConstantPad1d):
    """Margins of one value around (N, C, D, H, W): six widths, those of W first, or an int."""

    axes = 3


class ZeroPad1d(Pad):
    """Zeros around (N, C, L): (left, right), or an int for both."""

    axes = 1


class ZeroPad2d(Pad):
    """Zeros around (N, C, H, W): (left, right, top, bottom), or an int for all.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.ZeroPad2d((1, 0, 0, 0))(minitorch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[0., 1., 2.]]]])
    """

    axes = 2


class ZeroPad3d(Pad):
    """Zeros around (N, C, D, H, W): six widths, those of W first, or an int for all."""

    axes = 3


class ReflectionPad1d(Pad):
    """The signal mirrored at its first and last numbers: (N, C, L)."""

    axes, mode = 1, "reflect"


class ReflectionPad2d(Pad):
    """The image mirrored at its border pixels: (left, right, top, bottom), or an int for all."""

    axes, mode = 2, "reflect"


class ReflectionPad3d(Pad):
    """The volume mirrored at its border: six widths, those of W first, or an int for all."""

    axes, mode = 3, "reflect"


class ReplicationPad1d(Pad):
    """The first and last numbers repeated: (N, C, L)."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(Pad):
    """The border pixels repeated: (left, right, top, bottom), or an int for all."""

    axes, mode = 2, "replicate"


class ReplicationPad3d(Pad):
    """The border of a volume repeated: six widths, those of W first, or an int for all."""

    axes, mode = 3, "replicate"


class CircularPad1d(Pad):
    """The signal going on at its other end: (N, C, L)."""

    axes, mode = 1, "circular"


class CircularPad2d(Pad):
    """The image going on at its other side: (left, right, top, bottom), or an int for all."""

    axes, mode = 2, "circular"


class CircularPad3d(Pad):
    """The volume going on at its other side: six widths, those of W first, or an int for all."""

    axes, mode = 3, "circular"
