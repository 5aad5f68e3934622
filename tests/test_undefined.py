"""Every line of the table of undefined gradients, against the op, torch and the page."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.gradcheck import gradcheck
from minitorch.op import COMPOSITES, REGISTRY
from minitorch.tensor import Tensor
from minitorch.undefined import POINTS, Point, choices, page

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
