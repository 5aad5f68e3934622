"""Mixed precision: `autocast` says in what to compute, `GradScaler` keeps gradients above 0.

    scaler = minitorch.amp.GradScaler()
    for x, t in loader:
        with minitorch.autocast("cuda"):
            loss = F.cross_entropy(model(x), t)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

`Learner(..., precision="float16")` does the same. In `autocast("cuda", minitorch.bfloat16)`
gradients reach as far down as in float32, and nothing has to be scaled.
"""

from minitorch import rounding  # noqa: F401 - hears of it when a program names bfloat16
from minitorch.casting import autocast, is_autocast_enabled
from minitorch.optim.scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_enabled"]
