"""Every line of the table of undefined gradients, against the op, torch and the page."""

from __future__ import annotations

import warnings
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.gradcheck import GradcheckError, gradcheck
from minitorch.op import COMPOSITES, REGISTRY
from minitorch.tensor import Tensor
from minitorch.undefined import POINTS, Point, choices, page
from tests.rows import ROWS
from tests.table import is_float

every_point = pytest.mark.parametrize("point", POINTS, ids=[f"{p.op}: {p.at}" for p in POINTS])


def gradients(point: Point, scale: float = 1.0) -> list[np.ndarray]:
    """What the op gives at the point, for dL/dy = scale."""
    args = [Tensor(a, "float64") if isinstance(a, list) else a for a in point.args]
    tensors = [a for a in args if isinstance(a, Tensor)]
    for x in tensors[: len(point.grads)]:
        x.requires_grad_()
    call = REGISTRY[point.op].call if point.op in REGISTRY else COMPOSITES[point.op]
    y = call(*args, **point.options)
    y = y[0] if isinstance(y, tuple) else y
    y.backward(minitorch.full_like(y.detach(), scale))
    return [x.grad.numpy() for x in tensors[: len(point.grads)]]


@every_point
def test_the_op_does_what_the_table_says(point: Point):
    for got, want in zip(gradients(point), point.grads, strict=True):
        np.testing.assert_array_equal(got, want)


@every_point
def test_torch_does_the_same(point: Point):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    if point.torch is None:
        pytest.skip("differs from torch, as the table says")
    twin = reduce(getattr, (point.torch or point.op).split("."), torch)
    args = [torch.tensor(a, dtype=torch.float64) if isinstance(a, list) else a for a in point.args]
    tensors = [a for a in args if isinstance(a, torch.Tensor)][: len(point.grads)]
    for x in tensors:
        x.requires_grad_()
    y = twin(*args, **point.options)
    (y if isinstance(y, torch.Tensor) else y[0]).sum().backward()
    for x, want in zip(tensors, point.grads, strict=True):
        got = np.zeros(x.shape) if x.grad is None else x.grad
        np.testing.assert_allclose(got, want, rtol=1e-8)


def slopes_at(f, x: np.ndarray, h: float) -> list[float]:
    """The slopes of f to the left and to the right of the first element of x."""
    found, here = [], f(x)
    for step in (-h, h):
        moved = x.copy()
        moved.flat[0] += step
        found.append((f(moved) - here) / step)
    return found


def has_no_slope(f, x: np.ndarray) -> bool:
    """Do the two slopes disagree, or end, however short the step is?"""
    gaps = [abs(np.subtract(*slopes_at(f, x, h))) for h in (1e-4, 1e-6)]
    return not np.isfinite(gaps[1]) or (gaps[1] > 1e-3 and gaps[1] > 0.3 * gaps[0])


def weighed(y) -> Tensor:
    """One number in which every element of the outputs has a weight of its own."""
    parts = [p for p in (y if isinstance(y, tuple) else (y,)) if p.is_floating_point()]
    return sum((p * np.linspace(1, 2, p.numel()).reshape(p.shape)).sum() for p in parts)


OPS = sorted({row.op for row in ROWS if row.order and row.op in REGISTRY})


@pytest.mark.parametrize("name", OPS)
def test_where_an_op_has_no_slope_at_0_at_1_or_in_a_tie_the_table_says_so(name: str):
    listed = {p.op for p in POINTS} | {p.inside for p in POINTS}
    for row in [row for row in ROWS if row.op == name and row.order][:4]:
        for place in (i for i in row.wanted if row.args[i].size):

            def value(x: np.ndarray, row=row, place=place) -> float:
                args = [Tensor(a) if is_float(a) else a for a in row.args]
                args[place] = Tensor(x)
                minitorch.manual_seed(0)  # for what draws
                return weighed(REGISTRY[row.op].call(*args, **row.kwargs)).item()

            for filled in (0.0, 1.0):
                x = np.full_like(row.args[place], filled)
                try:
                    none = has_no_slope(value, x)
                except ValueError:
                    continue  # these are no values for this op, or those beside them are not
                if none:
                    assert name in listed, f"{name} at {filled:g}: {slopes_at(value, x, 1e-6)}"


def at_point(point: Point) -> tuple:
    """The function and the inputs that gradcheck is given, at the point and away from it."""
    call = REGISTRY[point.op].call if point.op in REGISTRY else COMPOSITES[point.op]
    inputs = [Tensor(a, "float64") for a in point.args if isinstance(a, list)]
    for x in inputs[: len(point.grads)]:
        x.requires_grad_()

    def f(*tensors: Tensor) -> Tensor:
        left = list(tensors)
        y = call(*(left.pop(0) if isinstance(a, list) else a for a in point.args), **point.options)
        return y[0] if isinstance(y, tuple) else y

    return f, inputs


DECIDABLE = [p for p in POINTS if p.op not in ("hypot", "binary_cross_entropy", "qr", "eigvalsh")]
# Infinity has no beside.
DECIDABLE = [
    p for p in DECIDABLE if not np.isinf(np.concatenate([np.ravel(a) for a in p.args])).any()
]


@pytest.mark.parametrize("point", DECIDABLE, ids=[f"{p.op}: {p.at}" for p in DECIDABLE])
def test_the_check_leaves_out_these_points_and_those_beside_them_not(point: Point):
    """The others have a nan for a gradient, end there, or take symmetric matrices only."""
    f, inputs = at_point(point)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        undecided(f, inputs)
    assert all(point.choice in str(warning.message) for warning in said)
    for away in (0.13, -0.13):
        moved = [
            (x.detach() + away * k * np.linspace(1, 2, x.numel()).reshape(x.shape))
            for k, x in enumerate(inputs, 1)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no kink here
            why = undecided(f, [m.requires_grad_(x.requires_grad) for m, x in zip(moved, inputs)])
        assert why is None or "not finite" in why


def undecided(f, inputs: list[Tensor]) -> str | None:
    """Why the check decides nothing; None when it does. A rule that is called wrong raises."""
    try:
        assert gradcheck(f, inputs, zero_ok=True)
    except GradcheckError as error:
        if "nothing decided" not in str(error):
            raise
        return str(error)
    return None


def test_the_page_is_the_table():
    path = Path(__file__).parent.parent / "docs" / "undefined-gradients.md"
    assert path.read_text() == page(), (
        "write minitorch.undefined.page() to docs/undefined-gradients.md"
    )


def test_the_check_quotes_the_table():
    x = Tensor([-1.0, 0.0, 2.0], "float64", requires_grad=True)
    with pytest.warns(
        UserWarning, match="the table of undefined gradients: at x = 0: 0, the slope"
    ):
        assert gradcheck(minitorch.relu, x)
    assert choices("mul") is None
