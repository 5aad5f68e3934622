"""Where ops run, NumPy's floating-point warnings are off: exp(1000) is inf, without a word."""

from __future__ import annotations

import threading
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import numpy as np


def _numpys_switch() -> tuple[ContextVar, Any]:
    """Where NumPy keeps what it does about floating-point errors, and the value for: nothing."""
    context = copy_context()
    was = dict(context.items())
    context.run(np.seterr, all="ignore")
    ((switch, off),) = [(v, value) for v, value in context.items() if was.get(v) is not value]
    return switch, off


_switch, _off = _numpys_switch()


class _Quiet(threading.local):
    """Runs op bodies where NumPy's floating-point warnings are off, as in torch and on a GPU.

    exp(1000) is inf and log(0) is -inf by IEEE rules, without a word. The switch is set once, in a
    context of our own (one per thread, since a context runs one thing at a time), which costs
    40 ns a call where `np.errstate` costs 1,200; the user's own NumPy code keeps its warnings.
    What may call user's code, as a sweep does its hooks, goes between `begin` and `end` instead.
    """

    begin = staticmethod(partial(_switch.set, _off))
    end = staticmethod(_switch.reset)

    def __init__(self) -> None:
        context = copy_context()
        context.run(self.begin)
        self.run = context.run


quiet = _Quiet()
