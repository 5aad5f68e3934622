"""What several tests of ops share."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import minitorch as mt
from minitorch import few, threads
from minitorch.ops import few_labels


def words(text):
    return text.split()


def function(name):
    """The function of that name; some are in torch.nn.functional only."""
    return getattr(mt, name, None) or getattr(mt.nn.functional, name)


def leaf(values, dtype="float64"):
    return mt.tensor(values, dtype=dtype, requires_grad=True)


def slopes(f, values, dtype="float64"):
    """f at the values and its slope there, as two lists."""
    x = leaf(values, dtype)
    y = f(x)
    y.backward(mt.tensor(np.ones(y.shape), dtype=dtype))
    return y.tolist(), x.grad.tolist()


def same(got, want):
    np.testing.assert_array_equal(got, want)  # nan equals nan, and 0 equals -0


def tensor(x, dtype=np.float32, grad=True):
    return mt.Tensor(np.array(x, dtype), requires_grad=grad)


def slope(loss, x):
    """dL/dx, of this loss alone."""
    x.grad = None
    loss.backward()
    return x.grad.numpy()


def vector(*values: float, dtype: str = "float64") -> mt.Tensor:
    """A vector that requires grad."""
    return mt.Tensor(np.array(values, dtype), requires_grad=True)


def tanh_derivative(order: int, x: float) -> float:
    """In powers of t = tanh x, where dt/dx = 1 - t²."""
    p = np.polynomial.Polynomial([0, 1])
    for _ in range(order):
        p = p.deriv() * np.polynomial.Polynomial([1, 0, -1])
    return p(np.tanh(x))


@functools.cache
def tests_in(file: str) -> frozenset[str]:
    """The names of the tests in tests/<file>.py."""
    tree = ast.parse((Path(__file__).parent / f"{file}.py").read_text("utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return frozenset(name for name in functions if name.startswith("test_"))


def absent_tests(places: Iterable[str]) -> list[str]:
    """Those of the places, each file::test, where there is no such test."""
    split = [(place, *place.split("::")) for place in places]
    return sorted({place for place, file, test in split if test not in tests_in(file)})


def rows_by_name(*files: str) -> set[str]:
    """The rows of the feature table that tests in these files are named after.

    test_a01_b02 is of rows A01 and B02, test_c04_to_c08 of C04, C05 and so on.
    """
    rows: set[str] = set()
    for name in (name for file in files for name in tests_in(file)):
        rows |= {row.upper() for row in re.findall(r"(?<=_)[a-z]\d\d\d?(?=_|$)", name)}
        for first, last in re.findall(r"_([a-z]\d\d)_to_([a-z]\d\d)(?=_|$)", name):
            numbers = range(int(first[1:]), int(last[1:]) + 1)
            rows |= {f"{first[0].upper()}{i:02}" for i in numbers}
    return rows


@contextmanager
def none_are_few() -> Iterator[None]:
    """Inside the block even few numbers take the ways that are meant for many."""
    places = (few, "FEW"), (few, "ADDED_BY_BLAS"), (few_labels, "ADDED_BY_BLAS")
    were = [getattr(module, name) for module, name in places]
    remembered = few._ones, few._ones_beside, few._parts_of_one, few._ones_to_fold
    remembered += few._adder, few_labels._rows
    try:
        for module, name in places:
            setattr(module, name, -1)
        for f in remembered:
            f.cache_clear()
        yield
    finally:
        for (module, name), was in zip(places, were):
            setattr(module, name, was)
        for f in remembered:
            f.cache_clear()


@contextmanager
def all_are_large() -> Iterator[None]:
    """Inside the block every row is so large that it goes to the threads by itself."""
    was, threads.BLOCK = threads.BLOCK, 1
    try:
        with none_are_few():
            yield
    finally:
        threads.BLOCK = was
