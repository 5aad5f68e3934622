"""In what precision a learner computes: all in the model's own, or its products in 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.amp import GradScaler, autocast
from minitorch.array import device
from minitorch.dtypes import as_dtype, bfloat16, float16, float32, is_bfloat16
from minitorch.optim import Optimizer
from minitorch.tensor import Tensor
from minitorch.tree import map_leaves


class Precision:
    """The model's own dtype, for everything."""

    def predict(self, model: Any, args: tuple, kwargs: dict[str, Any], gpu: device | None) -> Any:
        """The forward pass; `gpu` is where the model is, None on the CPU."""
        return model(*args, **kwargs)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of the loss."""
        loss.backward()

    def unscale(self, optimizer: Optimizer) -> None:
        """Makes the gradients what they are, before they are clipped."""

    def step(self, optimizer: Optimizer) -> bool:
        """Makes the step, and says if it did."""
        optimizer.step()
        return True


class MixedPrecision(Precision):
    """Products in float16, by `autocast`; parameters, their gradients and the loss in float32.

    `Learner(..., precision="float16")` is short for `precision=MixedPrecision()`. What the model
    returns is brought to float32, so losses, metrics and callbacks see what they are used to. A
    step whose gradients overflow is left out: it is not counted, and no schedule hears of it. In
    `after_backward` gradients are still multiplied by `scaler.get_scale()`.

    Args:
        scaler: keeps small gradients from becoming 0; by default a new `GradScaler`. Its state is
            part of a checkpoint.

    Attributes:
        left_out: how many steps were.
    """

    def __init__(self, scaler: GradScaler | None = None):
        if scaler is not None and not isinstance(scaler, GradScaler):
            raise TypeError(
                f"MixedPrecision: scaler: expected a GradScaler, got {type(scaler).__name__}"
            )
        self.scaler = GradScaler() if scaler is None else scaler
        self.left_out = 0

    def predict(self, model: Any, args: tuple, kwargs: dict[str, Any], gpu: device | None) -> Any:
        """The forward pass inside `autocast`; what it gives, as float32."""
        return _predicted(model, args, kwargs, gpu, float16)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of the scaled loss."""
        self.scaler.scale(loss).backward()

    def unscale(self, optimizer: Optimizer) -> None:
        """Divides the gradients by the scale."""
        self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> bool:
        """Makes the step unless a gradient overflowed, and adapts the scale."""
        self.scaler.step(optimizer)
        overflowed = self.scaler.overflowed
        self.scaler.update()
        self.left_out += overflowed
        return not overflowed

    def state_dict(self) -> dict[str, Any]:
        """The scaler's state, and the count."""
        return {"scaler": self.scaler.state_dict(), "left_out": self.left_out}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.left_out = state["left_out"]


class BFloat16(Precision):
    """Products in bfloat16, by `autocast`; parameters, their gradients and the loss in float32.

    `Learner(..., precision="bfloat16")` is short for it. Gradients of bfloat16 reach as far down as
    float32, so none is scaled, and no step is left out.
    """

    def predict(self, model: Any, args: tuple, kwargs: dict[str, Any], gpu: device | None) -> Any:
        """The forward pass inside `autocast`; what it gives, as float32."""
        return _predicted(model, args, kwargs, gpu, bfloat16())


def as_precision(precision: Any) -> Precision:
    """What `Learner` is given: None or "float32", "float16", "bfloat16", or a `Precision`.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if isinstance(precision, Precision):
        return precision
    dtype = float32 if precision is None else as_dtype(precision)
    if is_bfloat16(dtype):
        return BFloat16()
    if dtype not in (float16, float32):
        raise ValueError(
            f"Learner: precision={precision!r}; expected 'float32', 'float16' or 'bfloat16', which "
            "compute products in it, or a MixedPrecision"
        )
    return MixedPrecision() if dtype == float16 else Precision()


def _predicted(
    model: Any, args: tuple, kwargs: dict[str, Any], gpu: device | None, dtype: np.dtype
) -> Any:
    """What a model gives whose products are of that dtype, as float32."""
    with autocast("cpu" if gpu is None else "cuda", dtype):
        return map_leaves(_as_float32, model(*args, **kwargs))


def _as_float32(y: Any) -> Any:
    low = isinstance(y, Tensor) and (y.dtype == float16 or is_bfloat16(y.dtype))
    return y.float() if low else y
