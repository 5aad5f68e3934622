"""Layers that are one matrix product: each output is a weighted sum of all inputs."""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.nn.init import WeightShape
from minitorch.nn.layer import (
    TORCH_BIAS,
    TORCH_WEIGHT,
    Init,
    Layer,
    activation_of,
    check_size,
    pair_of_sizes,
    shown,
    shown_activation,
    sizes_by_name,
)
from minitorch.nn.module import Module
from minitorch.random import Generator
from minitorch.tensor import Tensor


class Identity(Module):
    """y = x, whatever arguments it is built with: a place kept for another module."""

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def forward(self, x: Any) -> Any:
        """Returns its input."""
        return x


class Linear(Layer):
    """y = x Wᵀ + b, over the last axis: (*, in_features) to (*, out_features).

    Args:
        in_features: the size of the last axis; left out, it is inferred: `nn.Linear(500)`.
        out_features: how many weighted sums are made of it.
        bias: False leaves b out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        activation: a function, a module or the name of a function in `nn.functional`, applied to y.
        weights: the init function of W, (shape, dtype, generator) -> array. By default torch's
            own, uniform within ±1 / √in_features.
        biases: the init function of b, by default the same as torch's too; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: W, (out_features, in_features).
        bias: b, (out_features,), or None.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Linear(500)(minitorch.zeros(64, 800)).shape
    (64, 500)
    """

    sizes = ("in_features",)

    @sizes_by_name("in_features", "out_features")
    def __init__(
        self,
        in_features: int | None = None,
        out_features: int | None = None,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        activation: Any = None,
        weights: Init = TORCH_WEIGHT,
        biases: Init | None = TORCH_BIAS,
        generator: Generator | None = None,
    ):
        self.in_features, self.out_features = pair_of_sizes(
            "Linear", in_features, out_features, ("in_features", "out_features")
        )
        self.activation = activation_of(activation)
        self.declare(
            weight=weights,
            bias=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """W is (out_features, in_features), b (out_features,)."""
        fans = self.in_features, self.out_features
        return {
            "weight": WeightShape((self.out_features, self.in_features), *fans),
            "bias": WeightShape((self.out_features,), *fans),
        }

    def infer(self, x: Tensor) -> dict[str, int]:
        """The last axis of the input tells in_features."""
        return {"in_features": x.shape[-1]}

    def forward(self, x: Tensor) -> Tensor:
        """(*, in_features) to (*, out_features)."""
        y = F.linear(x, self.weight, self.bias)
        return y if self.activation is None else self.activation(y)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in_features={shown(self.in_features)}, out_features={self.out_features}, "
            f"bias={self.bias is not None}{shown_activation(self)}"
        )


class LazyLinear(Linear):
    """`Linear` without in_features: `LazyLinear(out_features, ...)`."""

    def __init__(self, out_features: int, *args: Any, **kwargs: Any):
        super().__init__(None, out_features, *args, **kwargs)


class Bilinear(Layer):
    """yₒ = x₁ᵀ Wₒ x₂ + bₒ, over the last axes of two inputs: a weighted sum of all products.

    Args:
        in1_features: the size of the last axis of x₁; None to infer it.
        in2_features: the size of the last axis of x₂; None to infer it.
        out_features: how many sums are made; `nn.Bilinear(out_features=5)` infers the others.
        bias: False leaves b out.
        device: where the parameters live.
        dtype: of the parameters, a floating one.
        activation: applied to y.
        weights: the init function of W; by default torch's, uniform within ±1 / √in1_features.
        biases: the init function of b; None leaves b out.
        generator: the stream the initial values come from.

    Attributes:
        weight: W, (out_features, in1_features, in2_features).
        bias: b, (out_features,), or None.
    """

    sizes = ("in1_features", "in2_features")

    def __init__(
        self,
        in1_features: int | None = None,
        in2_features: int | None = None,
        out_features: int | None = None,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        activation: Any = None,
        weights: Init = TORCH_WEIGHT,
        biases: Init | None = TORCH_BIAS,
        generator: Generator | None = None,
    ):
        given = (in1_features, in2_features, out_features)
        for name, size in zip(("in1_features", "in2_features", "out_features"), given):
            if size is not None or name == "out_features":
                check_size("Bilinear", name, size)
        self.in1_features: Any = in1_features
        self.in2_features: Any = in2_features
        self.out_features: Any = out_features
        self.activation = activation_of(activation)
        self.declare(
            weight=weights,
            bias=biases if bias else None,
            dtype=dtype,
            device=device,
            generator=generator,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """W is (out_features, in1_features, in2_features), b (out_features,)."""
        # torch scales by in1_features alone
        fans = self.in1_features, self.out_features
        sizes = (self.out_features, self.in1_features, self.in2_features)
        return {
            "weight": WeightShape(sizes, *fans),
            "bias": WeightShape((self.out_features,), *fans),
        }

    def infer(self, x1: Tensor, x2: Tensor) -> dict[str, int]:
        """The last axes of the inputs tell in1_features and in2_features."""
        return {"in1_features": x1.shape[-1], "in2_features": x2.shape[-1]}

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(*, in1_features) and (*, in2_features) to (*, out_features)."""
        y = F.bilinear(x1, x2, self.weight, self.bias)
        return y if self.activation is None else self.activation(y)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={shown(self.in1_features)}, in2_features={shown(self.in2_features)}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
            f"{shown_activation(self)}"
        )
