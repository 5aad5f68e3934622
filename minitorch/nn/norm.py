"""Normalization layers: what comes out has mean 0 and variance 1, then a scale and a shift learned.

They differ in what the mean and the variance are taken over: the batch, for each channel
(`BatchNorm2d`); the last axes of each example (`LayerNorm`, and `RMSNorm` without the mean); groups
of channels of each example (`GroupNorm`); or each channel of each example (`InstanceNorm2d`). Only
the first lets the examples of a batch see each other, so it alone has to behave differently when
predicting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import minitorch.nn.functional as F
from minitorch.call import say_once
from minitorch.dtypes import widest
from minitorch.nn.init import WeightShape, ones, zeros
from minitorch.nn.layer import Init, Layer, check_size, shown
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor

# What scales and shifts start from unless told otherwise: they change nothing yet.
ONES: Init = ones()
ZEROS: Init = zeros()


class Norm(Layer):
    """What all norms have in common: a scale and a shift, of one shape."""

    def _scale_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The scale and the shift have one shape; each of their numbers meets one input."""
        shape = WeightShape(self._scale_shape(), 1, 1)
        return {"weight": shape, "bias": shape}

    def _heard(self, x: Tensor) -> Tensor:
        """The input, after a word where it is wider than the layer, as NumPy's own numbers are."""
        dtype = x.dtype if self.weight is None else self.weight.dtype
        if x.dtype is not dtype and x.dtype.kind == "f" and x.dtype == widest((x.dtype, dtype)):
            say_once(
                "promotion",
                f"{type(self).__name__}: {x.dtype} goes into a layer of {dtype}, and the result is "
                "the wider; convert one of them (.float(), .double()) if that was not meant",
            )
        return x


def check_eps(who: str, eps: Any, least: str = "more than 0") -> None:
    """Raises unless eps is a number above 0, or where it may be, 0."""
    if not isinstance(eps, (int, float)) or isinstance(eps, bool):
        raise TypeError(f"{who}: eps must be a number, got {eps!r}")
    if not (eps > 0 or (eps == 0 and least == "0 or more")) or math.isinf(eps):
        raise ValueError(f"{who}: eps must be {least}, got {eps}")


# over the last axes ----------------------------------------------------------------------------


class _LastAxes(Norm):
    """What the norms over the last axes have in common: which axes those are."""

    sizes = ("normalized_shape",)

    def _set_shape(self, normalized_shape: Any) -> None:
        who = type(self).__name__
        self.normalized_shape: Any = None
        if normalized_shape is not None:
            several = isinstance(normalized_shape, Sequence)
            shape = tuple(normalized_shape) if several else (normalized_shape,)
            if not shape:
                raise ValueError(f"{who}: normalized_shape must name at least one axis, got ()")
            for size in shape:
                check_size(who, "normalized_shape", size)
            self.normalized_shape = shape

    def _scale_shape(self) -> tuple[int, ...]:
        return self.normalized_shape

    def infer(self, x: Tensor) -> dict[str, Any]:
        """Left out, it is the last axis alone."""
        if not x.shape:
            raise ShapeError(f"{type(self).__name__}: x is a single number and has no last axis")
        return {"normalized_shape": (x.shape[-1],)}


class LayerNorm(_LastAxes):
    """y = w (x - μ) / √(σ² + ε) + b, with μ and σ² over the last axes of each example.

    Ba, Kiros and Hinton 2016, "Layer Normalization".

    Args:
        normalized_shape: the sizes of the last axes, or of the last one; left out, that one is
            inferred: `nn.LayerNorm()`.
        eps: ε, which keeps a constant input from dividing by 0.
        elementwise_affine: False leaves w and b out.
        bias: False leaves b out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        weights: the init function of w, ones by default.
        biases: the init function of b, zeros by default; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: w, of shape `normalized_shape`, or None.
        bias: b, of the same shape, or None.

    Raises:
        ValueError: an input whose last axes have other sizes.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.LayerNorm()(minitorch.tensor([[1.0, 2.0, 3.0]])).detach()
    tensor([[-1.2247,  0.0000,  1.2247]])
    """

    def __init__(
        self,
        normalized_shape: Any = None,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init = ONES,
        biases: Init | None = ZEROS,
        generator: Generator | None = None,
    ):
        self._set_shape(normalized_shape)
        check_eps("LayerNorm", eps, "0 or more")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.declare(
            weight=weights if elementwise_affine else None,
            bias=biases if elementwise_affine and bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(*, *normalized_shape) to the same shape."""
        return F.layer_norm(self._heard(x), self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return (
            f"{shown(self.normalized_shape)}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_LastAxes):
    """y = w x / √(mean x² + ε), over the last axes of each example: `LayerNorm` without the mean.

    Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".

    Args:
        normalized_shape: as in `LayerNorm`; left out, the last axis.
        eps: ε; by default the smallest step at 1 of the dtype.
        elementwise_affine: False leaves w out.
        device: where the parameter lives.
        dtype: of the parameter, a floating one.
        weights: the init function of w, ones by default.
        generator: the stream the initial values come from.

    Attributes:
        weight: w, of shape `normalized_shape`, or None.
    """

    def __init__(
        self,
        normalized_shape: Any = None,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        weights: Init = ONES,
        generator: Generator | None = None,
    ):
        self._set_shape(normalized_shape)
        if eps is not None:
            check_eps("RMSNorm", eps, "0 or more")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.declare(
            weight=weights if elementwise_affine else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(*, *normalized_shape) to the same shape."""
        return F.rms_norm(self._heard(x), self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return (
            f"{shown(self.normalized_shape)}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )


# over groups of channels -----------------------------------------------------------------------


class GroupNorm(Norm):
    """y = w (x - μ) / √(σ² + ε) + b, with μ and σ² of each group of channels of each example.

    Wu and He 2018, "Group Normalization". It does not depend on the batch at all, so it suits
    small ones. One group is `LayerNorm` over all of an example, C groups are `InstanceNorm2d`.

    Args:
        num_groups: into how many groups the channels, on axis 1, divide.
        num_channels: C; left out, it is inferred: `nn.GroupNorm(4)`.
        eps: ε, more than 0.
        affine: False leaves w and b out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        bias: False leaves b out.
        weights: the init function of w, ones by default.
        biases: the init function of b, zeros by default; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: w, (C,), or None.
        bias: b, (C,), or None.
    """

    sizes = ("num_channels",)

    def __init__(
        self,
        num_groups: int,
        num_channels: int | None = None,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
        weights: Init = ONES,
        biases: Init | None = ZEROS,
        generator: Generator | None = None,
    ):
        check_size("GroupNorm", "num_groups", num_groups)
        check_eps("GroupNorm", eps)
        self.num_groups, self.num_channels = num_groups, num_channels
        if num_channels is not None:
            check_size("GroupNorm", "num_channels", num_channels)
            self._check_groups(num_channels)
        self.eps, self.affine = eps, affine
        self.declare(
            weight=weights if affine else None,
            bias=biases if affine and bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def _check_groups(self, channels: int) -> None:
        if channels % self.num_groups:
            raise ShapeError(
                f"GroupNorm: num_channels {channels} do not divide into num_groups "
                f"{self.num_groups}"
            )

    def _scale_shape(self) -> tuple[int, ...]:
        return (self.num_channels,)  # type: ignore[return-value]

    def infer(self, x: Tensor) -> dict[str, int]:
        """The channels of the input tell num_channels."""
        if len(x.shape) < 2:
            raise ShapeError(f"GroupNorm: x has shape {x.shape}, expected (N, C, ...)")
        self._check_groups(x.shape[1])
        return {"num_channels": x.shape[1]}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        if len(x.shape) > 1 and x.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: x of shape {x.shape} has {x.shape[1]} channels on axis 1, expected "
                f"num_channels {self.num_channels}"
            )
        return F.group_norm(self._heard(x), self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes and the options."""
        return (
            f"{self.num_groups}, {shown(self.num_channels)}, eps={self.eps}, "
            f"affine={self.affine}, bias={self.bias is not None}"
        )
