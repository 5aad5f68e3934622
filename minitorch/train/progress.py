"""How a run shows itself: a bar where there is a terminal, and a line for every epoch."""

from __future__ import annotations

import sys
from typing import Any

from minitorch.train.batches import batches_of


class Progress:
    """One bar for each epoch, if tqdm is installed and somebody watches; and a line at its end.

    Args:
        shown: True shows both, "lines" the lines alone, False nothing.

    Raises:
        ValueError: something else.
    """

    def __init__(self, shown: bool | str):
        if shown not in (True, False, "lines"):
            raise ValueError(f"fit: progress must be True, False or 'lines', got {shown!r}")
        self.shown = shown
        self._bar: Any = None

    @property
    def has_bar(self) -> bool:
        """Is there a bar, that wants to hear of every batch?"""
        return self._bar is not None

    def start(self, epoch: int, epochs: int, loader: Any, done: int) -> None:
        """An epoch begins, or goes on after `done` batches."""
        if self.shown is not True or not sys.stderr.isatty():
            return
        try:
            from tqdm import tqdm  # optional, and only where a bar is seen
        except ImportError:
            return
        title = f"epoch {epoch + 1}/{epochs}"
        total = batches_of(loader)
        self._bar = tqdm(total=total, initial=done, desc=title, leave=False, file=sys.stderr)

    def advance(self, losses: list[float]) -> None:
        """One batch is done; these are the losses so far."""
        if self._bar is not None:
            if losses:
                self._bar.set_postfix_str(f"loss {shown(losses[-1])}", refresh=False)
            self._bar.update()

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def line(self, epoch: int, epochs: int, values: dict[str, float], seconds: float) -> None:
        """The numbers of an epoch."""
        if self.shown:
            numbers = "  ".join(f"{name} {shown(value)}" for name, value in values.items())
            print(f"epoch {epoch + 1}/{epochs}  {numbers}  {seconds:.1f} s", flush=True)


def shown(value: float) -> str:
    """A number in few characters: three digits, scientific below 0.001.

    >>> [shown(x) for x in (0, 0.00012, 0.5, 2.25, 98.333, 12345.6)]
    ['0', '1.2e-04', '0.5', '2.25', '98.333', '12345.6']
    """
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}".rstrip("0").rstrip(".")
