"""The first check of all: before it learns, a network should do as well as guessing, and no worse.

With c classes, guessing gives each the probability 1/c, which costs log c. A first loss far from
that says that something is wrong with the first weights, or with the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FirstLoss:
    """The verdict of `first_loss_check`; as a string, its message.

    Attributes:
        loss: what it is.
        expected: log(classes).
        ok: is it near that?
        message: what it means, in words.
    """

    loss: float
    expected: float
    ok: bool
    message: str

    def __str__(self) -> str:
        return self.message


def first_loss_check(loss: Any, classes: int, tolerance: float = 0.15) -> FirstLoss:
    """Compares the cross-entropy of an untrained network with log(classes), the cost of guessing.

    Args:
        loss: the mean cross-entropy of a batch, in nats, before the first step.
        classes: how many there are to choose from.
        tolerance: how far it may be from log(classes), relative to that.

    Raises:
        ValueError: fewer than two classes.

    >>> print(first_loss_check(2.31, classes=10))
    first loss 2.310, expected log(10) = 2.303: fine
    >>> first_loss_check(14.2, classes=10).ok
    False
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ValueError(f"first_loss_check: classes must be an int of 2 or more, got {classes!r}")
    value, expected = float(loss), math.log(classes)
    ok = abs(value - expected) <= tolerance * expected
    if ok:
        verdict = "fine"
    elif not math.isfinite(value):
        verdict = "not a number to start from; init_report(model, batch) shows where it is lost"
    elif value > expected:
        verdict = (
            "the network is sure of wrong answers before it has seen any; make the weights of its "
            "last layer smaller, as nn.init.undecided_(model, batch) does, or look at "
            "init_report(model, batch) for a layer that grows"
        )
    else:
        verdict = (
            "better than guessing before it has learned anything; is the answer among the inputs, "
            f"are there really {classes} classes in the batch, is the model trained already?"
        )
    message = f"first loss {value:.3f}, expected log({classes}) = {expected:.3f}: {verdict}"
    return FirstLoss(value, expected, ok, message)
