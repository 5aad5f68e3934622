"""Gradients on demand, ops of your own, Jacobians: torch.autograd's names."""

from minitorch.autograd import forward_ad, functional
from minitorch.autograd.function import Function, once_differentiable
from minitorch.autograd.on_demand import backward, grad
from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
