"""Where the channels of an image stand: right after the batch, as in torch, or last.

Convolutions, pools and norms compute on (N, C, *S). A layer with `layout="NHWC"` takes its input
and gives its output with the channels last; in between both are turned, as views, and this is the
only place that does it. Parameters have the same shapes in either layout, torch's (out, in,
*kernel), so that a checkpoint does not depend on it.
"""

from __future__ import annotations

from typing import Any

from minitorch.nn.module import Module
from minitorch.ops.shape import permute
from minitorch.tensor import ShapeError

# The names of the axes by the number of spatial ones, channels first and channels last.
LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


class Spatial(Module):
    """A layer over images: it knows how many spatial axes they have, and the order of all axes."""

    axes: int  # how many spatial axes there are; a subclass says it
    flat = False  # (N, C), no spatial axis at all, will do too
    layout: str

    def _set_layout(self, layout: str | None) -> None:
        """Checks a layout and keeps it; None is torch's, channels first."""
        known = LAYOUTS[self.axes]
        if layout is not None and layout not in known:
            raise ValueError(
                f"{type(self).__name__}: layout must be {known[0]!r} or {known[1]!r}, "
                f"got {layout!r}"
            )
        self.layout = layout or known[0]

    @property
    def _is_last(self) -> bool:
        return self.layout == LAYOUTS[self.axes][1]

    def _channels_first(self, x: Any, name: str = "", channels: int | None = None) -> Any:
        """x as (N, C, *S), a view.

        Args:
            x: an input in the layer's layout.
            name: of the size that says how many channels x must have, for the message.
            channels: how many; None for any number.

        Raises:
            ShapeError: another number of axes, or of channels.
        """
        if not hasattr(x, "shape"):
            raise TypeError(
                f"{type(self).__name__}: expected a Tensor, got {type(x).__name__}; "
                "minitorch.tensor(x) makes one"
            )
        n = len(x.shape)
        if n != self.axes + 2 and not (self.flat and n == 2):
            self._wrong_axes(x.shape)
        if channels is not None and x.shape[-1 if self._is_last else 1] != channels:
            self._wrong_channels(x.shape, name, channels)
        return permute(x, (0, n - 1, *range(1, n - 1))) if self._is_last else x

    def _as_given(self, y: Any) -> Any:
        """(N, C, *S) in the layer's layout, a view; of several outputs, each."""
        if not self._is_last:
            return y
        if isinstance(y, tuple):
            return tuple(map(self._as_given, y))
        return permute(y, (0, *range(2, len(y.shape)), 1))

    def _wrong_axes(self, shape: tuple[int, ...]) -> None:
        expected = f"({', '.join(self.layout)})"
        if self.flat:
            expected = f"(N, C) or {expected}"
        one_channel = "x[..., None]" if self._is_last else "x[:, None]"
        fix = {
            self.axes + 1: f"x[None] adds a batch of one, {one_channel} a channel of one",
            self.axes: f"x[None] adds a batch of one, and then {one_channel} a channel of one",
        }.get(len(shape), "reshape it")
        raise ShapeError(
            f"{type(self).__name__}: x has shape {tuple(shape)}, expected {expected}; {fix}"
        )

    def _wrong_channels(self, shape: tuple[int, ...], name: str, channels: int) -> None:
        axis, other = (-1, 1) if self._is_last else (1, -1)
        have, n = shape[axis], len(shape)
        fix = ""
        if n > 2 and shape[other] == channels:
            first, last = LAYOUTS[self.axes]
            order = (0, *range(2, n), 1) if self._is_last else (0, n - 1, *range(1, n - 1))
            fix = (
                f"; {'axis 1' if self._is_last else 'the last axis'} has {channels}: if those are "
                f"the channels, build the layer with layout={first if self._is_last else last!r} "
                f"or turn the input, x.permute{order}"
            )
        raise ShapeError(
            f"{type(self).__name__}: x of shape {tuple(shape)} has {have} "
            f"channel{'s' * (have != 1)} on {'the last axis' if self._is_last else 'axis 1'}, "
            f"expected {name} {channels}{fix}"
        )
