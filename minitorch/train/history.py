"""The history of a training run: plain numbers, by name, one for each epoch or step."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

import numpy as np


class History:
    """What was measured, as lists of Python numbers; nothing in it holds on to a graph.

    Attributes:
        epochs: name -> one value for each epoch: "train_loss", "valid_loss", metrics, and, where
            the loss left out any, how many labels were "ignored". What an epoch did not measure is
            nan there.
        steps: "loss" of each batch, and "lr" of each step of the optimizer.

    >>> history = History()
    >>> history.add({"train_loss": 0.5, "valid_loss": 0.6})
    >>> history["valid_loss"]
    [0.6]
    """

    def __init__(self) -> None:
        self.epochs: dict[str, list[float]] = {}
        self.steps: dict[str, list[float]] = {"loss": [], "lr": []}

    def add(self, values: dict[str, float]) -> None:
        """Writes down the numbers of an epoch."""
        n = len(self)
        for name in values:
            self.epochs.setdefault(name, [math.nan] * n)
        for name, column in self.epochs.items():
            column.append(values.get(name, math.nan))

    def note_lr(self, lr: float) -> None:
        """Writes down the learning rate of a step."""
        self.steps["lr"].append(float(lr))

    def last(self, name: str) -> float:
        """The value of the last epoch.

        Raises:
            KeyError: nothing of that name was measured.
        """
        return self[name][-1]

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.epochs:
            near = get_close_matches(name, self.epochs, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(self.epochs) or "nothing yet"
            raise KeyError(f"history: no {name!r} was measured{hint}; there is {known}")
        return self.epochs[name]

    def __contains__(self, name: object) -> bool:
        return name in self.epochs

    def __len__(self) -> int:
        return max(map(len, self.epochs.values()), default=0)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.epochs.items())
        return f"History({len(self)} epochs; {last})" if last else "History(empty)"

    def state_dict(self) -> dict[str, Any]:
        """All of it, as lists, and as float64 arrays where there is a number for every step."""
        return {
            "epochs": {name: list(values) for name, values in self.epochs.items()},
            "steps": {name: np.array(values, np.float64) for name, values in self.steps.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes in what `state_dict` gave."""
        self.epochs = {name: list(values) for name, values in state["epochs"].items()}
        self.steps = {name: values.tolist() for name, values in state["steps"].items()}
