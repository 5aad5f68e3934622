"""Fusing: a batch norm that has learned its statistics becomes part of the layer before it.

In evaluation a batch norm is a fixed line for each channel, y = γ (x - μ) / √(σ² + ε) + β, and a
layer followed by a line is a layer:

    W' = W γ / √(σ² + ε),   b' = (b - μ) γ / √(σ² + ε) + β
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

from minitorch.modes import no_grad
from minitorch.nn.parameter import Parameter
from minitorch.tensor import Tensor

M = TypeVar("M")


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """One convolution that does what the two do in evaluation, one after the other.

    Args:
        conv: in evaluation mode; it stays as it is, the result is a copy.
        bn: the batch norm behind it, in evaluation mode, with running statistics.
        transpose: the convolution is a transposed one, whose weight has its inputs first.

    Raises:
        ValueError: one of them is in training mode, or the batch norm has no running statistics.

    >>> import minitorch
    >>> from minitorch import nn
    >>> conv, bn = nn.Conv2d(3, 4, kernel_size=3).eval(), nn.BatchNorm2d(4).eval()
    >>> x, fused = minitorch.randn(1, 3, 5, 5), nn.utils.fuse_conv_bn_eval(conv, bn)
    >>> minitorch.allclose(fused(x), bn(conv(x)), atol=1e-6)
    True
    """
    return _fused("fuse_conv_bn_eval", conv, bn, transpose)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """One linear layer that does what it and the batch norm do in evaluation."""
    return _fused("fuse_linear_bn_eval", linear, bn, False)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and the bias of the fused convolution.

    Args:
        conv_w: W.
        conv_b: b; None for 0.
        bn_rm: μ, the running mean.
        bn_rv: σ², the running variance.
        bn_eps: ε.
        bn_w: γ; None for 1.
        bn_b: β; None for 0.
        transpose: the outputs are on axis 1 of W, and not on axis 0.
    """
    with no_grad():
        scale = (bn_rv + bn_eps) ** -0.5 * (1.0 if bn_w is None else bn_w)
        shape = [1] * conv_w.dim()
        shape[1 if transpose else 0] = -1
        bias = ((0.0 if conv_b is None else conv_b) - bn_rm) * scale + (
            0.0 if bn_b is None else bn_b
        )
        weight = conv_w * scale.reshape(shape)
    trained = conv_w.requires_grad
    return Parameter(weight.to(conv_w.dtype), trained), Parameter(bias.to(conv_w.dtype), trained)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """The weight and the bias of the fused linear layer; see `fuse_conv_bn_weights`."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(who: str, layer: M, bn: Any, transpose: bool) -> M:
    fused: Any = deepcopy(layer)
    if fused.training or bn.training:
        raise ValueError(
            f"{who}: both must be in evaluation mode, .eval(), where a batch norm is fixed"
        )
    if bn.running_mean is None:
        raise ValueError(f"{who}: the batch norm has no running statistics")
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, *statistics, transpose
    )
    return fused
