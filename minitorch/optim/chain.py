"""An optimizer put together from parts.

What sets optimizers apart is what they do to a gradient before it is subtracted, and most of it is
made from the same few parts. A part takes a direction and gives another; a chain applies its parts
in turn, and then p ← p − lr d.

    SGD      Chain(params, [WeightDecay(λ), Momentum(0.9)])
    Adam     Chain(params, [WeightDecay(λ), AdamScale()])
    AdamW    Chain(params, [AdamScale(), WeightDecay(λ)])     the order is the whole difference
    LAMB     Chain(params, [AdamScale(), WeightDecay(λ), TrustRatio()])

A part of one's own is a class with `__call__(d, p, state)`; the arrays it remembers are named in
`buffers`, start at zero, and arrive in `state` beside "step", which is 1 at the first step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from minitorch.array import Array
from minitorch.optim.averages import average, average_squares
from minitorch.optim.blocks import scratch
from minitorch.optim.groups import check_option
from minitorch.optim.optimizer import Optimizer
from minitorch.optim.trust import norm, trust
from minitorch.words import np


class Part:
    """One transformation of the direction: d, p and the part's own state give a new d."""

    buffers: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True  # False: it needs whole tensors, not blocks of elements

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_option(type(self).__name__, name, value)

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        """The new direction; `d` and `p` are not to be written."""
        raise NotImplementedError(f"{type(self).__name__}: define __call__(self, d, p, state)")


@dataclass(frozen=True)
class WeightDecay(Part):
    """d + weight_decay p: a penalty where it stands first, decoupled where it stands last."""

    weight_decay: float

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        return d + self.weight_decay * p


@dataclass(frozen=True)
class Momentum(Part):
    """b = momentum b + (1 − dampening) d, at first d; nesterov: d + momentum b."""

    momentum: float = 0.9
    dampening: float = 0
    nesterov: bool = False
    buffers = ("momentum_buffer",)

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        b = state["momentum_buffer"]
        b *= self.momentum
        b += d if state["step"] == 1 else (1 - self.dampening) * d
        return d + self.momentum * b if self.nesterov else b


@dataclass(frozen=True)
class AdamScale(Part):
    """m̂ / (√v̂ + eps), with the means m of d and v of d² as in Adam."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    buffers = ("exp_avg", "exp_avg_sq")

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        (beta1, beta2), t = self.betas, state["step"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        a = scratch(p)
        average(m, d, beta1, a)
        average_squares(v, d, beta2, a)
        c = math.sqrt(1 - beta2**t)
        return c / (1 - beta1**t) * m / (np.sqrt(v) + self.eps * c)


@dataclass(frozen=True)
class RMSScale(Part):
    """d / (√v + eps), with the mean v of d² as in RMSprop."""

    alpha: float = 0.99
    eps: float = 1e-8
    buffers = ("square_avg",)

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        v = state["square_avg"]
        v *= self.alpha
        v += (1 - self.alpha) * d * d
        return d / (np.sqrt(v) + self.eps)


@dataclass(frozen=True)
class ClipValue(Part):
    """Every element of d cut off at ±clip_value."""

    clip_value: float

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        return np.clip(d, -self.clip_value, self.clip_value)


@dataclass(frozen=True)
class Sign(Part):
    """The sign of d."""

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        return np.sign(d)


@dataclass(frozen=True)
class TrustRatio(Part):
    """‖p‖ / ‖d‖ · d, as in LAMB."""

    elementwise = False

    def __call__(self, d: Array, p: Array, state: dict[str, Any]) -> Array:
        return trust(norm(p), norm(d)) * d


class Chain(Optimizer):
    """p ← p − lr d, where d is the gradient after each of the parts.

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        parts: what happens to the gradient, in this order.
        lr: the step size.

    >>> from minitorch import optim, tensor
    >>> w = tensor([1.0, -2.0], requires_grad=True)
    >>> optim.Chain([w], [optim.WeightDecay(0.1), optim.AdamScale(eps=1e-6)], lr=0.5)
    Chain(WeightDecay(weight_decay=0.1), AdamScale(betas=(0.9, 0.999), eps=1e-06); lr=0.5)
    """

    def __init__(self, params: Any, parts: Sequence[Part], lr: float = 1e-3):
        self.parts = tuple(parts)
        for part in self.parts:
            if not isinstance(part, Part):
                raise TypeError(
                    f"{self._who}: parts expected parts such as Momentum(), got {part!r}"
                )
        self.elementwise = all(part.elementwise for part in self.parts)
        super().__init__(params, {"lr": lr})

    @property
    def kind(self) -> str:
        """The parts' kinds: state fits the same parts in the same order."""
        return f"{self._who}({', '.join(type(part).__name__ for part in self.parts)})"

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The buffers of all parts, each with the number of its part: "1.momentum_buffer"."""
        return tuple(f"{i}.{name}" for i, part in enumerate(self.parts) for name in part.buffers)

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Passes g through the parts."""
        d = g
        for i, part in enumerate(self.parts):
            own = {name: state[f"{i}.{name}"] for name in part.buffers}
            d = part(d, p, {**own, "step": state.get("step")})
        p -= group["lr"] * d

    def _described(self, group: dict[str, Any]) -> str:
        return f"{', '.join(map(repr, self.parts))}; lr={group['lr']!r}"
