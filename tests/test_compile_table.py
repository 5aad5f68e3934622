"""Every row of the op table, compiled: forward and backward, bit for bit what eager computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch.compiled import TraceError
from minitorch.tensor import Tensor
from tests.rows import ROWS
from tests.table import Row, is_float
from tests.test_table import IDS, parts, run


def by_value(row: Row) -> bool:
    """What has no program: the shape of its result, or a Python number, is a matter of values."""
    if row.op == "getitem":
        key = row.args[1] if isinstance(row.args[1], tuple) else (row.args[1],)
        return any(getattr(part, "dtype", None) is np.dtype(bool) for part in key)
    if row.op == "repeat_interleave":
        return isinstance(row.args[1], np.ndarray)
    if row.op == "one_hot":
        return len(row.args) == 1
    return not row.meta and not row.moves


def turns(a: Any, turn: int) -> Any:
    """Other values of the same shape, still labels or probabilities where they were: rows moved."""
    return np.roll(a, turn, axis=0) if isinstance(a, np.ndarray) and a.ndim else a


def arguments(row: Row, turn: int, dtype: Any) -> tuple:
    """The row's arguments with a Tensor for every array of floats, in the order of that turn."""
    made = []
    for i, a in enumerate(row.args):
        if is_float(a):
            made.append(Tensor(turns(a, turn).astype(dtype), requires_grad=i in row.wanted))
        else:
            made.append(turns(a, turn))
    return tuple(made)


def step_of(row: Row) -> Callable:
    def step(*args: Any) -> list[Tensor]:
        ys = parts(run(row, args))
        wanted = [y for y in ys if y.requires_grad]
        if wanted:
            total = (wanted[0] * wanted[0]).sum()
            for y in wanted[1:]:
                total = total + (y * y).sum()
            total.backward()
        return ys

    return step


def results(ys: list[Tensor], args: tuple) -> list[np.ndarray]:
    grads = [a.grad for a in args if isinstance(a, Tensor) and a.requires_grad]
    return [np.array(t.detach().numpy()) for t in (*ys, *grads) if t is not None]


def check(row: Row, dtype: Any) -> None:
    step = step_of(row)
    compiled = minitorch.compile(step)
    for turn in (0, 1, 2):
        minitorch.manual_seed(turn)
        args = arguments(row, turn, dtype)
        expected = results(step(*args), args)
        minitorch.manual_seed(turn)
        args = arguments(row, turn, dtype)
        got = results(compiled(*args), args)
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert a.tobytes() == b.tobytes()
    assert compiled.trace_count == 1


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_compiled_row_is_the_eager_one_bit_for_bit(row: Row):
    if by_value(row):
        with pytest.raises(TraceError, match="asks for the values"):
            check(row, np.float32)
        return
    check(row, np.float32)
    check(row, np.float64)
