"""Pooling layers: one number for every window of an image, its largest or its mean.

They have options and no parameters. The work is done by the functions of the same names in
`nn.functional`; bad options raise here, when the layer is built.
"""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.layer import options_of
from minitorch.nn.layout import LAYOUTS, Spatial
from minitorch.ops.window import per_axis, per_side
from minitorch.tensor import Tensor

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
_ADAPTIVE_AVG = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


class _Pool(Spatial):
    """What the layers with a kernel have in common; the options stay as they were given."""

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        who = type(self).__name__
        stride = kernel_size if stride is None else stride
        kernel = per_axis(who, "kernel_size", kernel_size, self.axes)
        steps = per_axis(who, "stride", stride, self.axes)
        spread = per_axis(who, "dilation", dilation, self.axes)
        per_side(who, padding, kernel, steps, spread, pool=True)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def _layout_repr(self) -> str:
        return options_of(self, layout=LAYOUTS[self.axes][0])


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        *,
        layout: str | None = None,
    ):
        self._set_layout(layout)
        self._set_window(kernel_size, stride, padding, dilation)
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x: Tensor) -> Any:
        """(N, C, *S) to (N, C, *S'), or the same with the channels last; indices too, if asked."""
        y = _MAX[self.axes](
            self._channels_first(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )
        return self._as_given(y)

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}{self._layout_repr()}"
        )


class MaxPool1d(_MaxPool):
    """`MaxPool2d` over one axis: (N, C, L)."""

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window: (N, C, H, W) to (N, C, H', W').

    H' = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1, and W' alike. The gradient goes to
    the largest, to the first of several equal ones.

    Args:
        kernel_size: of the windows; here and below an int or one per axis.
        stride: from window to window; by default the kernel's size, windows side by side.
        padding: of -inf around the image, at most half the kernel.
        dilation: steps inside a window.
        return_indices: also where each maximum lies, as indices into the flattened H·W.
        ceil_mode: also windows that stick out at the end, if they start inside.
        layout: "NHWC" for inputs and outputs with the channels last.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.MaxPool2d(2)(minitorch.zeros(64, 20, 24, 24)).shape
    (64, 20, 12, 12)
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """`MaxPool2d` over three axes: (N, C, D, H, W)."""

    axes = 3


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        layout: str | None = None,
    ):
        self._set_layout(layout)
        self._set_window(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def _divisor(self) -> dict[str, Any]:
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, C, *S'), or the same with the channels last."""
        y = _AVG[self.axes](
            self._channels_first(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            **self._divisor(),
        )
        return self._as_given(y)

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
            f"{self._layout_repr()}"
        )


class AvgPool1d(_AvgPool):
    """`AvgPool2d` over one axis: (N, C, L)."""

    axes = 1

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        super()._set_window(kernel_size, stride, padding)
        window = self.kernel_size, self.stride, self.padding
        # torch keeps these three as tuples, in this class alone
        self.kernel_size, self.stride, self.padding = (
            (size,) if isinstance(size, int) else size for size in window
        )


class AvgPool2d(_AvgPool):
    """The mean of each window: (N, C, H, W) to (N, C, H', W').

    Args:
        kernel_size: of the windows; here and below an int or one per axis.
        stride: from window to window; by default the kernel's size, windows side by side.
        padding: zeros around the image, at most half the kernel.
        ceil_mode: also windows that stick out at the end, if they start inside.
        count_include_pad: the zeros of the padding count as numbers of the window.
        divisor_override: divide by this, and not by how many numbers a window holds.
        layout: "NHWC" for inputs and outputs with the channels last.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.AvgPool2d(2)(minitorch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]]))
    tensor([[[[4.]]]])
    """

    axes = 2

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        layout: str | None = None,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, layout=layout)
        if divisor_override == 0:
            raise ValueError("AvgPool2d: divisor_override must not be 0")
        self.divisor_override = divisor_override

    def _divisor(self) -> dict[str, Any]:
        return {"divisor_override": self.divisor_override}


class AvgPool3d(AvgPool2d):
    """`AvgPool2d` over three axes: (N, C, D, H, W)."""

    axes = 3


# to a given size -------------------------------------------------------------------------------


class _Adaptive(Spatial):
    """What the adaptive layers have in common: the size that comes out."""

    def _set_output_size(self, output_size: Any) -> None:
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,)
        if given := tuple(size for size in sizes if size is not None):
            per_axis(type(self).__name__, "output_size", given, len(given))
        if len(sizes) not in (1, self.axes):
            raise ValueError(
                f"{type(self).__name__}: output_size must be an int or {self.axes} ints, got "
                f"{output_size!r}"
            )
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}{options_of(self, layout=LAYOUTS[self.axes][0])}"


class _AdaptiveMaxPool(_Adaptive):
    def __init__(
        self, output_size: Any, return_indices: bool = False, *, layout: str | None = None
    ):
        self._set_layout(layout)
        self._set_output_size(output_size)
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """(N, C, *S) to (N, C, *output_size), or the same with the channels last."""
        x = self._channels_first(x)
        y = _ADAPTIVE_MAX[self.axes](x, self.output_size, self.return_indices)
        return self._as_given(y)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` over one axis: (N, C, L)."""

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of each of the bins of `AdaptiveAvgPool2d`.

    Args:
        output_size: how many bins along each axis.
        return_indices: also where each maximum lies, as indices into the flattened H·W.
        layout: "NHWC" for inputs and outputs with the channels last.
    """

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` over three axes: (N, C, D, H, W)."""

    axes = 3


class _AdaptiveAvgPool(_Adaptive):
    def __init__(self, output_size: Any, *, layout: str | None = None):
        self._set_layout(layout)
        self._set_output_size(output_size)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to (N, C, *output_size), or the same with the channels last."""
        y = _ADAPTIVE_AVG[self.axes](self._channels_first(x), self.output_size)
        return self._as_given(y)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` over one axis: (N, C, L)."""

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means over as many bins as are asked for: (N, C, H, W) to (N, C, *output_size).

    Any image comes out at the size that the next layer was built for; 1 is the mean of each
    channel, "global" average pooling.

    Args:
        output_size: how many bins along each axis, an int or one per axis; None keeps an axis.
        layout: "NHWC" for inputs and outputs with the channels last.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.AdaptiveAvgPool2d((None, 5))(minitorch.zeros(1, 64, 10, 9)).shape
    (1, 64, 10, 5)
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` over three axes: (N, C, D, H, W)."""

    axes = 3
