"""Norms with statistics for each channel, which may be remembered: batch norm and instance norm.

Batch norm standardizes a channel by the mean and variance of the batch, and keeps running ones
for when there is no batch to speak of: after `eval()` an example comes out the same, whatever
stands beside it. The running ones are buffers: saved with the model, and not trained.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.array import empty, has_values
from minitorch.clock import stamp
from minitorch.dtypes import int64
from minitorch.nn.layer import Init, check_size, options_of, shown
from minitorch.nn.layout import LAYOUTS, Spatial
from minitorch.nn.norm import ONES, ZEROS, Norm, check_eps
from minitorch.random import Generator
from minitorch.tensor import Tensor, raw


class ChannelNorm(Spatial, Norm):
    """What the two have in common: sizes, running statistics, and how they are shown."""

    sizes = ("num_features",)

    def _set_up(
        self,
        num_features: int | None,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        layout: str | None,
        *,
        weights: Init,
        biases: Init | None,
        **placed: Any,
    ) -> None:
        """Checks the arguments and makes the parameters and buffers."""
        who = type(self).__name__
        self._set_layout(layout)
        if num_features is not None:
            check_size(who, "num_features", num_features)
        check_eps(who, eps)
        if momentum is not None and not (isinstance(momentum, Real) and 0 <= momentum <= 1):
            raise ValueError(f"{who}: momentum must be None or from 0 to 1, got {momentum!r}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        kept = {"running_mean": ZEROS, "running_var": ONES} if track_running_stats else {}
        self.declare(
            weight=weights if affine else None,
            bias=biases if affine else None,
            buffers=kept,
            **placed,
        )
        count = Tensor(0, dtype=int64, device=self._device) if track_running_stats else None
        if not track_running_stats:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
        self.register_buffer("num_batches_tracked", count)

    def _fill(self) -> None:
        super()._fill()
        count = self.__dict__.get("num_batches_tracked")
        if count is not None and count.is_meta:
            count.array = empty((), int64, self._device)
            count.zero_()

    def _scale_shape(self) -> tuple[int, ...]:
        return (self.num_features,)  # type: ignore[return-value]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """All are (C,)."""
        shape = self._scale_shape()
        return {**super().shapes(), "running_mean": shape, "running_var": shape}

    def infer(self, x: Tensor) -> dict[str, int]:
        """The channels of the input tell num_features."""
        return {"num_features": self._channels_first(x).shape[1]}

    def reset_running_stats(self) -> None:
        """Forgets the batches: mean 0, variance 1, none seen."""
        if self.track_running_stats and not self.open_sizes:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Draws the initial values anew, and forgets the batches."""
        super().reset_parameters()
        self.reset_running_stats()

    def extra_repr(self) -> str:
        """The size and the options."""
        return (
            f"{shown(self.num_features)}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
            + options_of(self, layout=LAYOUTS[self.axes][0])
        )


# over a batch ----------------------------------------------------------------------------------


class BatchNorm(ChannelNorm):
    """The batch norms, over any number of spatial axes; see `BatchNorm2d`."""

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
        layout: str | None = None,
        weights: Init = ONES,
        biases: Init | None = ZEROS,
        generator: Generator | None = None,
    ):
        self._set_up(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            layout,
            weights=weights,
            biases=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to the same shape."""
        x = self._channels_first(x, "num_features", self.num_features)
        tracked = self.track_running_stats
        moves = tracked and self.training and has_values(raw(x))
        y = F.batch_norm(
            self._heard(x),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not tracked,
            self._share() if moves else 0.0,
            self.eps,
        )
        if moves:  # only now, since a batch that raises does not count
            count = self.num_batches_tracked.array
            np.add(count, 1, out=count)
            stamp(count, "BatchNorm")
        return self._as_given(y)

    def _share(self) -> float:
        """How far the running statistics move towards this batch's."""
        if self.momentum is None:
            return 1 / (self.num_batches_tracked.item() + 1)
        return self.momentum


class BatchNorm1d(BatchNorm):
    """`BatchNorm2d` for (N, C) or (N, C, L)."""

    axes, flat = 1, True


class BatchNorm2d(BatchNorm):
    """y = w (x - μ) / √(σ² + ε) + b for each channel: (N, C, H, W) to the same shape.

    In training μ and σ² are those of the batch, over N, H and W, and the gradient goes through
    them; the running statistics move towards them, running += momentum (batch - running), with the
    unbiased variance of the batch. A batch with a nan or an infinity in it leaves the running ones
    of all channels alone. After `eval()` μ and σ² are the running ones. Ioffe and Szegedy 2015,
    "Batch Normalization".

    Args:
        num_features: C; left out, it is inferred: `nn.BatchNorm2d()`.
        eps: ε, more than 0.
        momentum: how much of the running statistics each batch replaces. None makes them the plain
            average of all batches; that needs the count of batches on the host, and so waits for
            the device at every call in training.
        affine: False leaves w and b out.
        track_running_stats: False keeps no running statistics: those of the batch are used always.
        device: where parameters and buffers live.
        dtype: of both, a floating one.
        bias: False leaves b out.
        layout: "NHWC" for inputs and outputs with the channels last.
        weights: the init function of w, ones by default.
        biases: the init function of b, zeros by default; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: w, (C,), or None.
        bias: b, (C,), or None.
        running_mean: the running μ, (C,), a buffer.
        running_var: the running σ², (C,), a buffer.
        num_batches_tracked: how many batches they have seen, an int64 buffer of shape ().

    Raises:
        ValueError: another number of axes or channels; in training, no or one value per channel.

    >>> import minitorch
    >>> from minitorch import nn
    >>> norm = nn.BatchNorm2d()
    >>> norm(minitorch.ones(8, 3, 4, 4)).shape
    (8, 3, 4, 4)
    >>> norm.running_mean
    tensor([0.1000, 0.1000, 0.1000])
    """

    axes = 2


class BatchNorm3d(BatchNorm):
    """`BatchNorm2d` for (N, C, D, H, W)."""

    axes = 3


# over each example -----------------------------------------------------------------------------


class InstanceNorm(ChannelNorm):
    """The instance norms, over any number of spatial axes; see `InstanceNorm2d`."""

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
        layout: str | None = None,
        weights: Init = ONES,
        biases: Init | None = ZEROS,
        generator: Generator | None = None,
    ):
        self._set_up(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            layout,
            weights=weights,
            biases=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *S) to the same shape."""
        y = F.instance_norm(
            self._heard(self._channels_first(x, "num_features", self.num_features)),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return self._as_given(y)


class InstanceNorm1d(InstanceNorm):
    """`InstanceNorm2d` for (N, C, L)."""

    axes = 1


class InstanceNorm2d(InstanceNorm):
    """y = w (x - μ) / √(σ² + ε) + b, with μ and σ² of each channel of each example, over H and W.

    It takes the contrast out of every image on its own, in training and after `eval()` alike,
    unless running statistics are kept. Ulyanov, Vedaldi and Lempitsky 2016, "Instance
    Normalization".

    Args:
        num_features: C; left out, it is inferred: `nn.InstanceNorm2d()`.
        eps: ε, more than 0.
        momentum: how much of the running statistics each batch replaces, where they are kept;
            None leaves them as they are.
        affine: True learns w and b.
        track_running_stats: True keeps running statistics, and uses them after `eval()`.
        device: where parameters and buffers live.
        dtype: of both, a floating one.
        bias: False leaves b out.
        layout: "NHWC" for inputs and outputs with the channels last.
        weights: the init function of w, ones by default.
        biases: the init function of b, zeros by default; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: w, (C,), or None.
        bias: b, (C,), or None.
        running_mean: the running μ, (C,), a buffer, or None.
        running_var: the running σ², (C,), a buffer, or None.
        num_batches_tracked: there for torch's sake, whose checkpoints have it; nothing counts it.
    """

    axes = 2


class InstanceNorm3d(InstanceNorm):
    """`InstanceNorm2d` for (N, C, D, H, W)."""

    axes = 3


# torch's lazy names ----------------------------------------------------------------------------


class Lazy:
    """Torch's way to say that num_features is to be inferred: the argument is not there."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(None, *args, **kwargs)  # type: ignore[call-arg]


class LazyBatchNorm1d(Lazy, BatchNorm1d):
    """`BatchNorm1d` without num_features: `LazyBatchNorm1d(eps, momentum, ...)`."""


class LazyBatchNorm2d(Lazy, BatchNorm2d):
    """`BatchNorm2d` without num_features: `LazyBatchNorm2d(eps, momentum, ...)`."""


class LazyBatchNorm3d(Lazy, BatchNorm3d):
    """`BatchNorm3d` without num_features: `LazyBatchNorm3d(eps, momentum, ...)`."""


class LazyInstanceNorm1d(Lazy, InstanceNorm1d):
    """`InstanceNorm1d` without num_features: `LazyInstanceNorm1d(eps, momentum, ...)`."""


class LazyInstanceNorm2d(Lazy, InstanceNorm2d):
    """`InstanceNorm2d` without num_features: `LazyInstanceNorm2d(eps, momentum, ...)`."""


class LazyInstanceNorm3d(Lazy, InstanceNorm3d):
    """`InstanceNorm3d` without num_features: `LazyInstanceNorm3d(eps, momentum, ...)`."""
