"""How an array lies in memory: without gaps, in some order of its axes (channels last, say)."""

from __future__ import annotations

from math import prod
from typing import Any

from minitorch.compiled.program import Value


def is_dense(value: Value) -> bool:
    """Does the array fill its memory without gaps, in some order of its axes?"""
    step = value.dtype.itemsize
    for size, stride in sorted(
        [(n, s) for n, s in zip(value.shape, value.strides) if n != 1], key=lambda pair: pair[1]
    ):
        if stride != step:
            return False
        step *= size
    return True


def order_of(value: Value) -> list[int]:
    """The axes of a dense array, from the one with the longest steps to that with the shortest."""
    axes = range(len(value.shape))
    return sorted(axes, key=lambda i: (value.shape[i] != 1, value.strides[i], -i), reverse=True)


def piece(memory: Any, value: Value, start: int) -> Any:
    """The array of a value, at its place in a piece of memory and with its own order of axes."""
    size = prod(value.shape) * value.dtype.itemsize
    order = order_of(value)
    flat = memory[start : start + size].view(value.dtype)
    lying = flat.reshape([value.shape[i] for i in order])
    return lying.transpose([order.index(i) for i in range(len(order))])
