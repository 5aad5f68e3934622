"""A record of many numbers over many steps, which never grows beyond what it was given.

There is room for so many steps. When it is full, every second one is dropped, and from then on only
half as many are written down. So a record always covers the whole run, however long that is, and
ever more coarsely.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.array import CPU, Array, device_of, empty, move


class Record:
    """Rows of numbers by name, each on its own device, one row of each name for each step.

    Args:
        width: how many numbers a row has.
        every: write down every so many steps.
        keep: room for so many steps, an even number.

    Attributes:
        steps: the numbers of the steps that are in it.
        seen: how many steps there have been.
    """

    def __init__(self, width: int, every: int, keep: int):
        for name, value, least in (("every", every, 1), ("keep", keep, 2)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an int of {least} or more, got {value!r}")
        if keep % 2:
            raise ValueError(f"keep must be even, since half of it is dropped, got {keep}")
        self.width, self.every, self.keep = width, every, keep
        self.steps: list[int] = []
        self.seen = 0
        self._rows: dict[str, Array] = {}
        self._read: dict[str, np.ndarray] | None = None

    def begin(self) -> bool:
        """Counts one more step; is it one to write down?"""
        step, self.seen = self.seen, self.seen + 1
        if step % self.every:
            return False
        if len(self.steps) == self.keep:  # an even number of them, so this step is not left out
            self._thin()
        self.steps.append(step)
        self._read = None
        for rows in self._rows.values():
            rows[len(self.steps) - 1] = np.nan  # until it is written
        return True

    def _thin(self) -> None:
        half = self.keep // 2
        self.every *= 2
        self.steps = self.steps[::2]
        for rows in self._rows.values():
            rows[:half] = rows[::2].copy()

    def row(self, name: str, like: Array) -> Array:
        """Where this step's numbers of that name go, on the device of `like`."""
        rows = self._rows.get(name)
        if rows is None:
            rows = empty((self.keep, self.width), np.dtype(np.float64), device_of(like))
            rows[: len(self.steps)] = np.nan  # of the steps before; the rest is not touched yet
            self._rows[name] = rows
        self._read = None
        return rows[len(self.steps) - 1]

    def read(self) -> dict[str, np.ndarray]:
        """name -> (steps, width), on the host; waits for a device once, not once for each name."""
        if self._read is None:
            n = len(self.steps)
            by_device: dict[str, list[str]] = {}
            for name, rows in self._rows.items():
                by_device.setdefault(str(device_of(rows)), []).append(name)
            found: dict[str, Any] = {}
            for names in by_device.values():
                stacked = np.stack([self._rows[name][:n] for name in names])
                found.update(zip(names, move(stacked, CPU).copy()))
            self._read = {name: found[name] for name in self._rows}
        return self._read

    @property
    def nbytes(self) -> int:
        """Memory of all rows."""
        return sum(rows.nbytes for rows in self._rows.values())
