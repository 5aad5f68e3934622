"""Kernels: what a GPU is told in CUDA, where NumPy's words would take it many steps.

An op is written in NumPy's words, and on CuPy's arrays every word is a program of its own that
reads its inputs from memory and writes its result back. A few ops say so much in so many words that
the memory is what they wait for: a window of an image, a batch norm, a step of Adam. For these the
same formula stands here a second time, in CUDA C (the folder `cuda`, written to be read), as one
program. The words stay, for the CPU, for shapes without values, and for what is recorded:

    @on_gpu("windows.col2im")
    def add_windows(cols, grid):
        ...                         # NumPy's words

A kernel computes what the words compute, up to rounding. It waits for nothing and uploads nothing:
sizes and numbers travel with the call, so a step made of kernels can be captured in a CUDA graph.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from numpy import ndarray

from minitorch.array import is_cupy
from minitorch.traced import Traced

WORDS: dict[str, Callable] = {}  # for each kernel, the function that says the same in NumPy's words

__all__ = ["cublas_on", "kernels_on", "moved_by", "on_gpu", "without_cublas", "words_only"]


class _Switch:
    """Are kernels used? And does CuPy call cuBLAS, for products?"""

    on = True
    cublas = True


_switch = _Switch()


def on_gpu(kernel: str, writes: int = 0) -> Callable[[Callable], Callable]:
    """Gives a function on arrays a kernel, "file.function", which CuPy's arrays go to.

    The first argument decides. NumPy's arrays, and all else that is not CuPy's, take the function
    as it stands; so do arrays for which the kernel answers NotImplemented (integers, say). Where
    calls are written down as a program, a call with CuPy's arrays is one line of it. The file is
    not imported before it is needed.

    Args:
        kernel: the file in this folder, and the function in it; it takes the same arguments.
        writes: how many of the arguments, from the first on, are written in place.
    """

    def run(*args: Any) -> Any:
        if not _switch.on:
            return NotImplemented
        with args[0].device:  # a kernel runs on the GPU that is current, wherever its arrays lie
            return _launcher(kernel)(*args)

    def note(call: Callable, args: tuple) -> Any:
        if any(getattr(a, "__array_ufunc__", 0) is None for a in args):
            return WORDS[kernel](*args)  # a Tensor takes part, whose own ops are noted
        return args[0].recorder.call(call, args, {}, args[:writes])

    def bound(words: Callable) -> Callable:
        # A text with the function's own parameters: `*args` would cost the CPU 0.1 µs a call.
        known = inspect.signature(words).parameters.values()
        taken, first = ", ".join(p.name for p in known), next(iter(known)).name
        declared = ", ".join(p.name if p.default is p.empty else f"{p.name}=0" for p in known)
        text = _CALL.format(declared=declared, taken=taken, first=first)
        scope: dict[str, Any] = {"ndarray": ndarray, "Traced": Traced, "is_cupy": is_cupy}
        scope |= {"run": run, "words": words, "note": note}
        exec(compile(text, f"<minitorch on_gpu {kernel}>", "exec"), scope)
        call: Any = functools.update_wrapper(scope["call"], words)
        call.__defaults__ = words.__defaults__
        WORDS[kernel] = words
        return call

    return bound


@functools.cache
def _launcher(kernel: str) -> Callable:
    """The function that a kernel's name stands for; its file is imported here."""
    file, _, name = kernel.partition(".")
    return getattr(import_module(f"minitorch.kernels.{file}"), name)


_CALL = """
def call({declared}):
    if type({first}) is not ndarray:
        if type({first}) is Traced:
            return note(call, ({taken},))
        if is_cupy({first}):
            _result = run({taken})
            if _result is not NotImplemented:
                return _result
    return words({taken})
"""


def moved_by(rule: str) -> Callable[[Callable], Callable]:
    """Marks an optimizer's `update` as what a kernel of `optim.py` computes, for many tensors.

    The mark is on the function: a subclass with an `update` of its own has no kernel.
    """

    def bound(update: Callable) -> Callable:
        update.rule = rule  # type: ignore[attr-defined]
        return update

    return bound


def kernels_on() -> bool:
    """False inside `words_only`."""
    return _switch.on


def cublas_on() -> bool:
    """False inside `without_cublas`."""
    return _switch.cublas


@contextmanager
def without_cublas() -> Iterator[None]:
    """Inside the block CuPy is not asked for products on a GPU, so that they can be captured.

    It refuses to call cuBLAS while a CUDA graph is captured. So cuBLAS is called past it, or where
    that fails a kernel, which is several times slower.
    """
    before, _switch.cublas = _switch.cublas, False
    try:
        yield
    finally:
        _switch.cublas = before


@contextmanager
def words_only() -> Iterator[None]:
    """Inside the block CuPy's arrays take NumPy's words too: to compare results, or speed."""
    before, _switch.on = _switch.on, False
    try:
        yield
    finally:
        _switch.on = before
