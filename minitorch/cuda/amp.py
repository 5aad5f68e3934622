"""torch's older names for mixed precision: `autocast` and `GradScaler`, of the GPU."""

from __future__ import annotations

from typing import Any

from minitorch import amp

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):  # noqa: N801 - torch's name
    """`minitorch.autocast("cuda", ...)`."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)

    def _arguments(self) -> tuple:
        return self.enabled, self.dtype, self.cache_enabled


class GradScaler(amp.GradScaler):
    """`minitorch.amp.GradScaler("cuda", ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
