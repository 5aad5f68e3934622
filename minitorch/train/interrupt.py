"""Ctrl-C while a model trains: heard at once, acted on between two steps.

An interrupt in the middle of an optimizer's step would leave half of the model stepped. Here it
only sets a flag, which the loop looks at when a step is complete.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """Catches SIGINT inside its block; a second one is not held back any more.

    Attributes:
        pending: has Ctrl-C been pressed?
    """

    def __init__(self) -> None:
        self.pending = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        # Only the main thread gets signals, and a handler of the user's own is not replaced.
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._heard)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.pending:
            raise KeyboardInterrupt
        self.pending = True
