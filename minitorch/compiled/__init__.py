"""Compiling: a step becomes the flat list of NumPy calls that it makes. Start in `step.py`."""

from minitorch.compiled.program import Program
from minitorch.compiled.step import Compiled, compile
from minitorch.traced import TraceError

__all__ = ["Compiled", "Program", "TraceError", "compile"]
